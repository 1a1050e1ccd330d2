/*
 * Text for a terminal: width of UTF-8 in columns (a CJK character takes two), tables that line up,
 * nothing in it that could command the terminal. The process must have set a UTF-8 LC_CTYPE
 * (setlocale). A table belongs to one thread.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "gateway/base/err.h"

enum {
    TEXT_SCREEN_DEFAULT_COLUMNS = 80,
    TEXT_TABLE_COLUMNS_MAX = 16,
    TEXT_LAST_COLUMN_MIN = 16 /* the last column keeps this much, or the line runs over */
};

/* Columns of `text`; what cannot be shown (bad UTF-8, control characters) counts as one. */
size_t text_columns(const char *text);
/* Writes `size` bytes at most, control characters and bad UTF-8 as '?'. */
void text_print(FILE *out, const char *text, size_t size);
/* Writes `text` in lines of at most `columns`, broken at spaces or between CJK characters; lines
 * after the first begin with `indent` spaces, and the text is taken to begin at that column. Ends
 * without '\n'. */
void text_wrap(FILE *out, const char *text, size_t indent, size_t columns);
/* Columns of the terminal at `out`, TEXT_SCREEN_DEFAULT_COLUMNS when it is none. */
size_t text_screen_columns(FILE *out);

struct text_table;

/* `titles`: one a column, 1 to TEXT_TABLE_COLUMNS_MAX, copied. A title that begins with '>' makes
 * its column stand to the right. *out is heap memory for text_table_destroy(). ERR_NO_MEMORY,
 * ERR_TOO_LARGE: another count of titles. */
int text_table_create(const char *const *titles, size_t count, struct text_table **out) MUST_CHECK;
void text_table_destroy(struct text_table *table); /* NULL is fine */
/* Adds a row of as many cells as titles, copied; NULL is "". ERR_NO_MEMORY. */
int text_table_add(struct text_table *table, const char *const *cells) MUST_CHECK;
/* Two spaces between columns; the last one wraps into what is left of `screen_columns`. */
void text_table_print(const struct text_table *table, FILE *out, size_t screen_columns);
