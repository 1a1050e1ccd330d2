/*
 * One line from a descriptor or asked at the terminal: passwords, passphrases, tokens, names. Never
 * from arguments or the environment, which other users can read. No state; the caller wipes what it
 * got. A program with further threads blocks the signals in them, as signalfd needs it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

/* Reads one line without its end into `line`, `size` bytes with the NUL. Byte by byte: what stands
 * behind the line is the next reader's. A last line needs no end. ERR_NOT_FOUND: no byte at all;
 * ERR_TOO_LARGE: no room, the rest of the line is not read; ERR_INVALID: a NUL, other control
 * characters are the caller's to judge; ERR_IO: errno says why. On failure `line` is wiped. */
int prompt_read_line(int fd, char *line, size_t size) MUST_CHECK;

/* The controlling terminal, for the caller to close; ERR_NOT_FOUND when there is none. */
int prompt_open_terminal(void) MUST_CHECK;
/* Shows `text` at `terminal` and reads a line, unseen without `echo`. SIGINT, SIGTERM, SIGHUP,
 * SIGQUIT and SIGTSTP end it with ERR_STOPPED once the terminal is put right: the signal is taken,
 * *out_signal (NULL: not wanted) is its number, for raise(). Otherwise as prompt_read_line(). */
int prompt_ask(int terminal, const char *text, bool echo, char *line, size_t size,
               int *out_signal) MUST_CHECK;
