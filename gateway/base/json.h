/*
 * JSON through jansson, strict: UTF-8, no duplicate keys, no trailing bytes, nesting bounded by
 * jansson (2048). Records and signed statements use the canonical form: sorted keys, no white
 * space, integers only. No state.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

/* New reference in *out. `err` gets "line L column C: reason". ERR_INVALID. */
int json_parse(const char *text, size_t size, json_t **out, struct err_text *err) MUST_CHECK;
/* Whether `text` is one object in canonical form, as json_canonical writes it: without memory, and
 * ten times faster than json_parse. True only for what json_parse takes too; false says nothing
 * (escapes by number, deep nesting and long numbers are left to it). */
bool json_is_canonical_object(const char *text, size_t size);
/* Canonical text, heap, caller frees. ERR_INVALID when a real number is inside, ERR_NO_MEMORY. */
int json_canonical(const json_t *value, char **out, size_t *out_size) MUST_CHECK;
