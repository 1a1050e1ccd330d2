/*
 * Hexadecimal and base64 text. Strict: no white space but where a function takes it, no missing
 * padding, no stray bits behind the last byte. No state.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

/* Lower-case hex; out has 2 * size + 1 bytes. */
void hex_encode(const uint8_t *data, size_t size, char *out);
/* Exactly 2 * size hex digits (either case) and a NUL. ERR_INVALID otherwise. */
int hex_decode(const char *text, uint8_t *out, size_t size) MUST_CHECK;

/* Bytes as manuals print them, "01 05 FF" or "0105FF": 1 to `max`, one blank at most between two.
 * ERR_INVALID otherwise; then nothing is written. */
int hex_decode_spaced(const char *text, uint8_t *out, size_t max, size_t *out_size) MUST_CHECK;

/* RFC 4648 section 4. Returns a NUL-terminated heap string the caller frees, NULL without memory.
 */
char *base64_encode(const uint8_t *data, size_t size);
/* The same into `out`, which has BASE64_SIZE(size) bytes; returns how many stand before the NUL.
 * `size` is at most INT_MAX / 2. */
#define BASE64_SIZE(size) (4 * (((size) + 2) / 3) + 1)
size_t base64_encode_into(const uint8_t *data, size_t size, char *out);
/* *out is heap memory the caller frees, a zero behind its *out_size bytes. ERR_INVALID,
 * ERR_NO_MEMORY. Empty text gives size 0. */
int base64_decode(const char *text, uint8_t **out, size_t *out_size) MUST_CHECK;
