/*
 * SQLite files that leave nothing behind on the disk: what a write-ahead log or a rollback journal
 * held is overwritten before the file is shortened or removed, for secure_delete speaks of the
 * database alone, and blocks that a file system takes back keep their bytes. A VFS over the
 * system's own. On a disk that writes elsewhere (flash behind its controller, a copy-on-write file
 * system) overwriting reaches no further than that layer.
 */
#pragma once

#include "gateway/base/err.h"

/* *out is the name for sqlite3_open_v2; registered once a process. Any thread. ERR_IO. */
int wipe_vfs(const char **out, struct err_text *err) MUST_CHECK;
