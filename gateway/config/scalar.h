/*
 * One value of the file -> one member, and what a row expects as text. Internal to gateway/config.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/config/config.h"

enum { CONFIG_EXPECT_SIZE = 320 };

/* A scalar as it stands in the file. */
struct scalar {
    const char *text; /* NUL-terminated, without NUL inside */
    size_t length;
    bool quoted;
};

/* Stores a value of any kind but SECTION and LIST; SET, FLAGS and NUMBERS add to what is there.
 * ERR_INVALID with the reason, without file and key, in `reason`. */
int scalar_store(const struct config_option *option, const struct scalar *scalar, void *member,
                 struct err_text *reason) MUST_CHECK;
/* "1 to 255", "one of a, b", "true or false": behind "expected ". */
void scalar_expect(const struct config_option *option, char out[CONFIG_EXPECT_SIZE]);
/* Whether an integer of `size` bytes can hold min..max. */
bool scalar_range_fits(int64_t min, int64_t max, size_t size);
/* The row's range, or the whole range of its member when it states none. */
void scalar_range(const struct config_option *option, int64_t *out_min, int64_t *out_max);
