/*
 * One zstd frame (RFC 8878) of a whole message, both ways, of bounded size: a frame that does not
 * say how large it becomes, or says more than the caller takes, is refused before a byte of it is
 * decoded.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/err.h"

/* *out is heap memory the caller frees. ERR_NO_MEMORY; ERR_TOO_LARGE when the frame would not be
 * smaller than `size`: send it as it is. */
int compress_frame(const void *data, size_t size, void **out, size_t *out_size) MUST_CHECK;
/* *out (heap, one NUL behind it) of at most `max` bytes. ERR_INVALID: not exactly one whole frame
 * that states its size; ERR_TOO_LARGE; ERR_NO_MEMORY. */
int decompress_frame(const void *data, size_t size, size_t max, char **out, size_t *out_size,
                     struct err_text *err) MUST_CHECK;
