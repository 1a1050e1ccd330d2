/*
 * A copy of a SQLite database while hqd works on it, and putting one back. PostgreSQL has tools of
 * its own (pg_basebackup, pg_dump); its URLs are refused with their names. A copy holds all that
 * hqd keeps: who can read it can read every record.
 */
#pragma once

#include "gateway/base/err.h"

/* Told after every slice; `done` and `all` in pages. */
typedef void (*hq_backup_progress)(void *ctx, int done, int all);

/* Copies the database at `where` as it stands now to the new file `to` (mode 0600), checks the copy
 * page by page and syncs it. ERR_CONFLICT: `to` is there; ERR_UNSUPPORTED: PostgreSQL;
 * ERR_CORRUPT: no database of hqd, or damaged; ERR_FULL, ERR_IO. Nothing is left after an error. */
int hq_backup(const char *where, const char *to, hq_backup_progress progress, void *ctx,
              struct err_text *err) MUST_CHECK;
/* Puts the copy at `from` in the place of the database at `where`, which nobody may have open. What
 * was there stays as "<where>.before", which must not be there. Until it returns 0 the old one is
 * in place. Errors as above; ERR_UNSUPPORTED also of a schema newer than this build knows. */
int hq_restore(const char *where, const char *from, hq_backup_progress progress, void *ctx,
               struct err_text *err) MUST_CHECK;
