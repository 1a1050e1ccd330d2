/*
 * Counts of wrong passwords over a restart of the program and of the machine: who can press the
 * power button must not have fresh tries for it. What was counted for names without an account is
 * not kept: somebody may have typed a password there. Internal to gateway/control.
 */
#pragma once

#include "gateway/control/guesses.h"

/* Errors of kept_file_save(). */
int guess_file_save(const char *path, const struct guesses *guesses, struct mono_time now,
                    struct err_text *err) MUST_CHECK;
/* Fills `guesses`. A missing file is none. After another start of the machine nobody knows for how
 * long it was off: what was left of waits and locks begins anew. Errors of kept_file_load():
 * nothing was taken. */
int guess_file_load(const char *path, struct guesses *guesses, struct mono_time now,
                    struct err_text *err) MUST_CHECK;
