/*
 * Text between a device's encoding and ours (UTF-8): cameras that say plates in GBK, signs that
 * want GBK. GBK is glibc's (iconv), opened once: converting allocates nothing. A converter belongs
 * to the thread that uses it.
 */
#pragma once

#include <iconv.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum text_encoding { TEXT_UTF8, TEXT_GBK };
enum text_direction { TEXT_FROM_DEVICE, TEXT_TO_DEVICE };

struct text_converter {
    enum text_encoding encoding; /* the device's */
    iconv_t handle;              /* TEXT_GBK only */
};

/* ERR_UNSUPPORTED when the system has no such conversion, ERR_NO_MEMORY. On success the caller ends
 * it with text_converter_close. */
int text_converter_open(struct text_converter *out, enum text_encoding encoding,
                        enum text_direction direction, struct err_text *err) MUST_CHECK;
void text_converter_close(struct text_converter *converter); /* one that is all zero is fine */

/* Converts all of `text` into `room` bytes at `out`. Text that is malformed, cut inside a character
 * or holds a control character is ERR_INVALID, a character the other side lacks too; ERR_TOO_LARGE
 * when it does not fit. What stands in `out` after an error is of no use; *out_size untouched. */
int text_convert(struct text_converter *converter, const void *text, size_t size_bytes, void *out,
                 size_t room, size_t *out_size) MUST_CHECK;
