/*
 * The folder of a program's state, held by one program at a time: two journals' writers, or two
 * uplinks, on the same files would contradict each other. The hold is a lock of the kernel on the
 * folder itself: no file stays behind, and it ends with the process, however that ends.
 */
#pragma once

#include "gateway/base/err.h"

/* Makes `path` (mode 0700; its parent exists) unless it is there, and takes it. *out_fd holds it
 * until it is closed. ERR_BUSY: another program has it; ERR_NOT_FOUND, ERR_IO: `err` says why. */
int state_folder_take(const char *path, int *out_fd, struct err_text *err) MUST_CHECK;
