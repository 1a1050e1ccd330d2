/*
 * What gateway/control keeps over a restart, in a file of mode 0600: a JSON value with a sum over
 * it and the start of the machine it was written in. Internal to gateway/control.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "gateway/base/err.h"

/* Writes `content` (borrowed). Errors of file_write_atomic(). */
int kept_file_save(const char *path, const json_t *content, struct err_text *err) MUST_CHECK;
/* *out_content: to be released; NULL: there is no file. *out_this_start: written since the machine
 * was started. ERR_DENIED (not ours, or others may read it), ERR_CORRUPT, errors of file_read():
 * nothing was read. */
int kept_file_load(const char *path, size_t limit_bytes, json_t **out_content, bool *out_this_start,
                   struct err_text *err) MUST_CHECK;
