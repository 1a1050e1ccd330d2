/*
 * Passphrases: from the terminal without echo, or one line each from a file descriptor. Never from
 * arguments or the environment, which other users can read. The caller wipes what it got. Main
 * thread: a signal while one is typed takes its effect once the terminal is put right.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

enum {
    PASSPHRASE_SIZE = 1025,  /* with its NUL; PASSPHRASE_MAX of gateway/signed */
    PASSPHRASE_NEW_MIN = 12, /* bytes of a new one */
    PASSPHRASE_TRIES = 3     /* at a terminal, until a new one is typed twice alike */
};

struct passphrase_source {
    int fd; /* -1: the terminal */
};

/* Reads one for an existing key; `whose` is shown ("key of clerk zhang"). ERR_INVALID (empty, too
 * long, control characters), ERR_NOT_FOUND (no terminal, no further line), ERR_STOPPED, ERR_IO. */
int passphrase_read(const struct passphrase_source *source, const char *whose,
                    char out[PASSPHRASE_SIZE], struct err_text *err) MUST_CHECK;
/* Reads a new one: at least PASSPHRASE_NEW_MIN bytes, typed twice at a terminal. */
int passphrase_read_new(const struct passphrase_source *source, const char *whose,
                        char out[PASSPHRASE_SIZE], struct err_text *err) MUST_CHECK;
