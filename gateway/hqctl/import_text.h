/*
 * The characters of a file that a spreadsheet wrote: UTF-8, or GBK (read as GB 18030, which holds
 * it), told apart by what the bytes can be. Pure, any thread.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/err.h"

enum import_encoding { IMPORT_ENCODING_AUTO, IMPORT_ENCODING_UTF8, IMPORT_ENCODING_GBK };

/* "auto", "utf-8", "gbk". ERR_INVALID. */
int import_encoding_parse(const char *name, enum import_encoding *out,
                          struct err_text *err) MUST_CHECK;
/* The bytes as UTF-8: *out is heap the caller frees, or NULL: they stay as they are, UTF-8 or
 * neither of the two, which the reader of the file refuses with the place. UTF-8 is what is valid
 * UTF-8 and is ASCII, begins with a byte order mark, or has a character of three bytes or more: 鲁
 * alone in GBK is a valid UTF-8 character of two, and Chinese in UTF-8 has none of those but the
 * dot of a plate. ERR_INVALID: not what `encoding` says; ERR_NO_MEMORY. */
int import_text_decode(const void *data, size_t size, enum import_encoding encoding, char **out,
                       size_t *out_size, enum import_encoding *out_was,
                       struct err_text *err) MUST_CHECK;
