/*
 * SipHash-2-4 with a 64-bit result (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012):
 * the tag of compact datagrams, plates in holds of cases. Pure, any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_SIZE = 16 };

/* Key words and message words are little-endian, as the paper says. `data` may be NULL when
 * size_bytes is 0. */
uint64_t siphash24(const uint8_t key[SIPHASH_KEY_SIZE], const void *data, size_t size_bytes);
