/*
 * CSV as RFC 4180 has it, read strictly: UTF-8 (a byte order mark is skipped), comma, fields in
 * quotes where they hold a comma, a quote ("") or a line end, rows ended by CRLF or LF. Everything
 * else is refused with file, line and column; columns count characters from 1. The text is the
 * caller's and stays; a row's fields live until the next one is read. Pure, any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum {
    CSV_FILE_MAX = 64 << 20, /* bytes */
    CSV_ROW_MAX = 32 << 10,  /* bytes of one row's fields */
    CSV_FIELDS_MAX = 64,     /* fields of a row */
    CSV_LINES_MAX = 1000000,
    CSV_REASON_SIZE = 256
};

struct csv_field {
    const char *text; /* NUL-terminated UTF-8 without NUL inside */
    size_t size;      /* bytes */
    uint32_t line;    /* where it begins, from 1 */
    uint32_t column;  /* in characters, from 1 */
};

struct csv_row {
    size_t count; /* at least 1; an empty line is one empty field */
    struct csv_field fields[CSV_FIELDS_MAX];
};

struct csv_reader {
    const char *name; /* of the file, for errors */
    const uint8_t *data;
    size_t size;
    size_t at;
    uint32_t line;
    uint32_t column;
    uint32_t fault_line; /* of the error returned, */
    uint32_t fault_column;
    char fault_reason[CSV_REASON_SIZE]; /* without the place */
    size_t used;                        /* of room */
    char room[CSV_ROW_MAX];
};

/* ERR_TOO_LARGE, ERR_INVALID (UTF-16). */
int csv_open(struct csv_reader *r, const char *name, const void *data, size_t size,
             struct err_text *err) MUST_CHECK;
/* ERR_NOT_FOUND at the end; ERR_INVALID, ERR_TOO_LARGE: "file:line:column: …", and nothing behind
 * it can be read. */
int csv_next(struct csv_reader *r, struct csv_row *out, struct err_text *err) MUST_CHECK;
