/*
 * Writes the counts of wrong passwords in a thread of its own: whoever signs on waits for the disk
 * as long as it is well, and not behind one that hangs. Internal to gateway/control.
 */
#pragma once

#include "gateway/base/thread.h"
#include "gateway/control/guesses.h"

struct guess_keeper;

/* *out is heap memory for guess_keeper_destroy(). `path` must live on. ERR_NO_MEMORY. */
int guess_keeper_create(const char *path, struct guess_keeper **out) MUST_CHECK;
void guess_keeper_destroy(struct guess_keeper *keeper); /* NULL is fine; the thread has ended */
/* Thread function. Writes what it was given before it ends. */
void guess_keeper_run(struct thread *self, void *keeper);

/* Has the counts written as they are now, by one other thread at a time. Returns when they are, or
 * after wait_ms at most: ERR_TIMEOUT, then they are written when the disk comes back, unless newer
 * ones are. While it is known to hang nobody waits. Errors of guess_file_save(). */
int guess_keeper_save(struct guess_keeper *keeper, const struct guesses *guesses, int wait_ms,
                      struct err_text *err) MUST_CHECK;
