/*
 * Error codes and error text. Every fallible function returns 0 or a negative enum err_code and is
 * must-check; opening and configuring also fill a struct err_text, to which each level prefixes its
 * own object. Pure values, any thread.
 */
#pragma once

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
    ERR_OK = 0,
    ERR_INVALID = -1,      /* input breaks its format or contract */
    ERR_NO_MEMORY = -2,    /* allocation failed */
    ERR_IO = -3,           /* the operating system or a device failed */
    ERR_TIMEOUT = -4,      /* the deadline passed */
    ERR_FULL = -5,         /* queue, pool or disk is full */
    ERR_NOT_FOUND = -6,    /* no such object */
    ERR_DENIED = -7,       /* the actor may not do this */
    ERR_CORRUPT = -8,      /* stored or signed bytes do not verify */
    ERR_STALE = -9,        /* older than what is held: replay, rollback */
    ERR_STOPPED = -10,     /* stop was asked for */
    ERR_UNSUPPORTED = -11, /* known, refused in this build or version */
    ERR_BUSY = -12,        /* in use, try again */
    ERR_CONFLICT = -13,    /* compare-and-swap lost, or the object is already there */
    ERR_TOO_LARGE = -14    /* a named limit is exceeded */
};

/* Stable lower-case name for logs and JSON ("timeout"); "unknown" for anything else. */
const char *err_name(int code);

struct err_text {
    char text[512]; /* UTF-8, NUL-terminated; cut at a character boundary when too long */
};

/* Replaces the text. `err` may be NULL. Returns `code`, so that `return err_set(...)` reads well.
 */
int err_set(struct err_text *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " before the text. `err` may be NULL. Returns `code`. */
int err_prefix(struct err_text *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Copies what fits of a text, cut at a character boundary; `out` has size_bytes, at least 1. */
void err_copy(const char *text, char *out, size_t size_bytes);

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time: that a failing call does not return 0 it must be told. */
#define err_set(err, code, ...) (err_set((err), (code), __VA_ARGS__), (code))
#define err_prefix(err, code, ...) (err_prefix((err), (code), __VA_ARGS__), (code))
#endif
