/*
 * See csv.h. One pass, one character at a time.
 */
#include "gateway/hqctl/csv.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/utf8.h"

enum { CHAR_END = -1, CHAR_BAD = -2 };

/* Refuses at the reader's place. */
static int refuse(struct csv_reader *r, struct err_text *err, int code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
static int refuse(struct csv_reader *r, struct err_text *err, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(r->fault_reason, sizeof(r->fault_reason), fmt, args); /* cut: still reads */
    va_end(args);
    r->fault_line = r->line;
    r->fault_column = r->column;
    return err_set(err, code, "%s:%u:%u: %s", r->name, r->line, r->column, r->fault_reason);
}

int csv_open(struct csv_reader *r, const char *name, const void *data, size_t size,
             struct err_text *err)
{
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    const uint8_t *bytes = data;
    r->name = name;
    r->data = bytes;
    r->size = size;
    r->at = 0;
    r->line = r->column = 1;
    r->used = 0;
    r->fault_reason[0] = '\0';
    if (size > CSV_FILE_MAX)
        return err_set(err, ERR_TOO_LARGE, "%s: %zu bytes, expected at most %d", name, size,
                       CSV_FILE_MAX);
    if (size >= 2 &&
        ((bytes[0] == 0xFF && bytes[1] == 0xFE) || (bytes[0] == 0xFE && bytes[1] == 0xFF)))
        return refuse(r, err, ERR_INVALID, "UTF-16, expected UTF-8: save it as 'CSV UTF-8'");
    if (size >= sizeof(mark) && memcmp(bytes, mark, sizeof(mark)) == 0)
        r->at = sizeof(mark);
    return 0;
}

/* The ASCII byte at the reader, 0x80 for any other character, CHAR_END, or CHAR_BAD with `err`. */
static int look(struct csv_reader *r, size_t *out_length, struct err_text *err)
{
    if (r->at >= r->size)
        return CHAR_END;
    const uint8_t *s = r->data + r->at;
    *out_length = utf8_length(s, r->size - r->at);
    if (*out_length == 0) {
        (void)refuse(r, err, ERR_INVALID, /* told by CHAR_BAD */
                     "byte 0x%02X is no UTF-8, expected UTF-8: save it as 'CSV UTF-8'", s[0]);
        return CHAR_BAD;
    }
    if (s[0] < ' ' && s[0] != '\n' && s[0] != '\r' && s[0] != '\t') {
        (void)refuse(r, err, ERR_INVALID, "control character 0x%02X", s[0]); /* told by CHAR_BAD */
        return CHAR_BAD;
    }
    return s[0] < 0x80 ? s[0] : 0x80;
}

/* Steps over the character just looked at. */
static void step(struct csv_reader *r, int c, size_t length)
{
    r->at += length;
    if (c == '\n') {
        r->line++;
        r->column = 1;
    } else {
        r->column++;
    }
}

static int keep(struct csv_reader *r, const uint8_t *bytes, size_t size, struct err_text *err)
{
    if (r->used + size + 1 > sizeof(r->room))
        return refuse(r, err, ERR_TOO_LARGE, "row above %d bytes", CSV_ROW_MAX);
    memcpy(r->room + r->used, bytes, size);
    r->used += size;
    return 0;
}

/* The inside of a quoted field, up to and over its closing quote. */
static int read_quoted(struct csv_reader *r, struct err_text *err)
{
    uint32_t line = r->line;
    uint32_t column = r->column;
    size_t length = 1;
    step(r, '"', 1);
    for (;;) {
        int c = look(r, &length, err);
        if (c == CHAR_BAD)
            return ERR_INVALID;
        if (c == CHAR_END) {
            r->line = line;
            r->column = column;
            return refuse(r, err, ERR_INVALID, "the quote opened here is never closed");
        }
        if (c == '"') {
            step(r, c, 1);
            if (r->at >= r->size || r->data[r->at] != '"')
                return 0;
        }
        int rc = keep(r, r->data + r->at, length, err);
        if (rc != 0)
            return rc;
        step(r, c, length);
    }
}

static int read_plain(struct csv_reader *r, struct err_text *err)
{
    for (;;) {
        size_t length = 1;
        int c = look(r, &length, err);
        if (c == CHAR_BAD)
            return ERR_INVALID;
        if (c == CHAR_END || c == ',' || c == '\n' || c == '\r')
            return 0;
        if (c == '"')
            return refuse(r, err, ERR_INVALID,
                          "quote inside a field without quotes, expected \"…\" around the whole "
                          "field and \"\" for a quote in it");
        int rc = keep(r, r->data + r->at, length, err);
        if (rc != 0)
            return rc;
        step(r, c, length);
    }
}

/* What stands behind a field: ',' and *out_more, or the end of the row or file. */
static int end_field(struct csv_reader *r, bool *out_more, struct err_text *err)
{
    size_t length = 1;
    int c = look(r, &length, err);
    *out_more = c == ',';
    if (c == CHAR_BAD)
        return ERR_INVALID;
    if (c == CHAR_END)
        return 0;
    if (c == '\r' && (r->at + 1 >= r->size || r->data[r->at + 1] != '\n'))
        return refuse(r, err, ERR_INVALID, "carriage return alone, expected CRLF or LF");
    if (c == '\r')
        r->at++;
    if (c != ',' && c != '\r' && c != '\n')
        return refuse(r, err, ERR_INVALID, "text behind a closing quote, expected a comma");
    step(r, c == '\r' ? '\n' : c, 1);
    return 0;
}

int csv_next(struct csv_reader *r, struct csv_row *out, struct err_text *err)
{
    bool more = true;
    r->used = 0;
    out->count = 0;
    if (r->at >= r->size)
        return ERR_NOT_FOUND;
    if (r->line > CSV_LINES_MAX)
        return refuse(r, err, ERR_TOO_LARGE, "more than %d lines", CSV_LINES_MAX);
    while (more) {
        if (out->count == CSV_FIELDS_MAX)
            return refuse(r, err, ERR_TOO_LARGE, "more than %d fields in a row", CSV_FIELDS_MAX);
        struct csv_field *field = &out->fields[out->count++];
        size_t begin = r->used;
        field->line = r->line;
        field->column = r->column;
        bool quoted = r->at < r->size && r->data[r->at] == '"';
        int rc = quoted ? read_quoted(r, err) : read_plain(r, err);
        if (rc == 0)
            rc = end_field(r, &more, err);
        if (rc == 0)
            rc = keep(r, (const uint8_t *)"", 1, err);
        if (rc != 0)
            return rc;
        field->text = r->room + begin;
        field->size = r->used - begin - 1;
    }
    return 0;
}
