/*
 * Tokens over a restart of the program, not of the machine: their digests with whom and where they
 * were given out, in a file of mode 0600 in a folder nobody else may enter. What cannot be trusted
 * is left alone and the officers sign on again. Internal to gateway/control.
 */
#pragma once

#include "gateway/control/tokens.h"

/* Makes the folder of `path`. ERR_DENIED when it is somebody else's or others may enter it. */
int token_file_prepare(const char *path, struct err_text *err) MUST_CHECK;
/* Writes all that are valid now. Errors of file_write_atomic(). */
int token_file_save(const char *path, const struct tokens *tokens, struct mono_time now,
                    struct err_text *err) MUST_CHECK;
/* Fills `tokens` with those `accept` takes; the restart counts as use. A missing file is none.
 * ERR_DENIED (not ours, or others may read it), ERR_CORRUPT, ERR_STALE (of another start of the
 * machine): nothing was taken. */
int token_file_load(const char *path, struct tokens *tokens, struct mono_time now,
                    bool (*accept)(void *ctx, const struct token_holder *holder), void *ctx,
                    struct err_text *err) MUST_CHECK;
