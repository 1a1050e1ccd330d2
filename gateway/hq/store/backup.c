/*
 * See backup.h. SQLite's own page copy within one read transaction, so that what hqd writes
 * meanwhile neither gets into the copy nor begins it anew.
 */
#include "gateway/hq/store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/hq/store/db.h"
#include "gateway/hq/store/schema.h"
#include "gateway/journal/wipe.h"

enum { SLICE_PAGES = 1024, WAIT_MS = 20, WAITS_MAX = 1500, PATH_SIZE = 1024 };

static int fail(sqlite3 *db, const char *path, struct err_text *err)
{
    int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
    int rc = code == SQLITE_FULL                               ? ERR_FULL
             : code == SQLITE_BUSY || code == SQLITE_LOCKED    ? ERR_BUSY
             : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_CORRUPT
                                                               : ERR_IO;
    return err_set(err, rc, "%s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
}

/* *out is for sqlite3_close, also after an error. */
static int open_db(const char *path, int flags, sqlite3 **out, struct err_text *err)
{
    const char *vfs = NULL;
    int rc = wipe_vfs(&vfs, err);
    if (rc == 0 && sqlite3_open_v2(path, out, flags | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK)
        rc = fail(*out, path, err);
    return rc;
}

static int run(sqlite3 *db, const char *sql, const char *path, struct err_text *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, path, err);
}

/* The one text of a statement's one row. */
static int text_of(sqlite3 *db, const char *sql, const char *path, char *out, size_t size,
                   struct err_text *err)
{
    sqlite3_stmt *statement = NULL;
    out[0] = '\0';
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
                     sqlite3_step(statement) == SQLITE_ROW
                 ? 0
                 : fail(db, path, err);
    if (rc == 0) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        (void)snprintf(out, size, "%s", text ? (const char *)text : ""); /* cut: only shown */
    }
    (void)sqlite3_finalize(statement); /* its fault is told already */
    return rc;
}

/* That it is hqd's, of a version this build knows, and whole. */
static int check(sqlite3 *db, const char *path, struct err_text *err)
{
    char owner[24];
    char version[24];
    char whole[200];
    char ours[24];
    (void)snprintf(ours, sizeof(ours), "%d", HQ_APPLICATION_ID); /* fits */
    int rc = text_of(db, "PRAGMA application_id", path, owner, sizeof(owner), err);
    if (rc == 0 && strcmp(owner, ours) != 0)
        return err_set(err, ERR_CORRUPT, "%s: no database of hqd", path);
    if (rc == 0)
        rc = text_of(db, "PRAGMA user_version", path, version, sizeof(version), err);
    if (rc == 0 && strtoimax(version, NULL, 10) > HQ_SCHEMA_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "%s: schema %s, this build knows %d", path, version,
                       HQ_SCHEMA_VERSION);
    if (rc == 0)
        rc = text_of(db, "PRAGMA integrity_check(1)", path, whole, sizeof(whole), err);
    if (rc == 0 && strcmp(whole, "ok") != 0)
        return err_set(err, ERR_CORRUPT, "%s: damaged: %s", path, whole);
    return rc;
}

/* Pages of `from`, in a read transaction, into `to`. */
static int copy_pages(sqlite3 *from, sqlite3 *to, const char *path, hq_backup_progress progress,
                      void *ctx, struct err_text *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int code = backup ? SQLITE_OK : SQLITE_ERROR;
    int waits = 0; /* half a minute altogether */
    while (code == SQLITE_OK ||
           ((code == SQLITE_BUSY || code == SQLITE_LOCKED) && waits++ < WAITS_MAX)) {
        code = sqlite3_backup_step(backup, SLICE_PAGES);
        if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
            (void)sqlite3_sleep(WAIT_MS); /* whoever recovers the log lets go again */
        if (progress && backup)
            progress(ctx, sqlite3_backup_pagecount(backup) - sqlite3_backup_remaining(backup),
                     sqlite3_backup_pagecount(backup));
    }
    if (backup)
        (void)sqlite3_backup_finish(backup); /* the same code again */
    return code == SQLITE_DONE ? 0 : fail(to, path, err);
}

static int sync_file(const char *path, struct err_text *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    return done ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(cause));
}

/* An empty file of mode 0600, for SQLite makes its own by the umask. */
static int make(const char *path, struct err_text *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool made = fd >= 0 && fchmod(fd, 0600) == 0;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    return made ? 0
                : err_set(err, cause == ENOSPC || cause == EDQUOT ? ERR_FULL : ERR_IO, "%s: %s",
                          path, strerror(cause));
}

/* `from` as it stands, checked and synced, in the new file `to`. */
static int copy(const char *from, const char *to, hq_backup_progress progress, void *ctx,
                struct err_text *err)
{
    sqlite3 *source = NULL;
    sqlite3 *target = NULL;
    int rc = open_db(from, SQLITE_OPEN_READWRITE, &source, err);
    if (rc == 0)
        rc = run(source, "BEGIN; SELECT count(*) FROM sqlite_schema", from, err);
    if (rc == 0)
        rc = make(to, err);
    if (rc == 0)
        rc = open_db(to, SQLITE_OPEN_READWRITE, &target, err);
    if (rc == 0)
        rc = copy_pages(source, target, to, progress, ctx, err);
    if (rc == 0) /* one file, without a log beside it */
        rc = run(target, "PRAGMA journal_mode=DELETE", to, err);
    if (rc == 0)
        rc = check(target, to, err);
    (void)sqlite3_close(target); /* nothing is open on it */
    (void)sqlite3_close(source);
    return rc == 0 ? sync_file(to, err) : rc;
}

static const char *path_of(const char *where)
{
    return strncmp(where, "sqlite:", 7) == 0 ? where + 7 : where;
}

static int beside(const char *path, const char *suffix, char out[PATH_SIZE], struct err_text *err)
{
    int size = snprintf(out, PATH_SIZE, "%s%s", path, suffix);
    return size > 0 && size < PATH_SIZE
               ? 0
               : err_set(err, ERR_TOO_LARGE, "%.80s…: path too long", path);
}

static int refuse_postgres(const char *where, const char *instead, struct err_text *err)
{
    return hq_db_is_postgres(where)
               ? err_set(err, ERR_UNSUPPORTED, "database: is of PostgreSQL, use %s", instead)
               : 0;
}

static int rename_synced(const char *from, const char *to, struct err_text *err)
{
    return rename(from, to) == 0 && file_sync_folder_of(to) == 0
               ? 0
               : err_set(err, ERR_IO, "%s: %s", to, strerror(errno));
}

int hq_backup(const char *where, const char *to, hq_backup_progress progress, void *ctx,
              struct err_text *err)
{
    char waiting[PATH_SIZE];
    int rc = refuse_postgres(where, "pg_basebackup or pg_dump", err);
    if (rc == 0)
        rc = beside(to, ".new", waiting, err);
    if (rc == 0 && access(to, F_OK) == 0)
        rc = err_set(err, ERR_CONFLICT, "%s: is there already", to);
    if (rc != 0)
        return rc;
    rc = copy(path_of(where), waiting, progress, ctx, err);
    if (rc == 0)
        rc = rename_synced(waiting, to, err);
    if (rc != 0)
        (void)unlink(waiting); /* the next one overwrites it */
    return rc;
}

/* ---- putting back ---- */

/* The log of the old database goes into it, or, where that cannot be, stays beside its name. */
static int settle_log(const char *path, const char *kept, struct err_text *err)
{
    char log[PATH_SIZE];
    char kept_log[PATH_SIZE];
    sqlite3 *db = NULL;
    struct err_text why = {""};
    int rc = open_db(path, SQLITE_OPEN_READWRITE, &db, &why);
    if (rc == 0)
        rc = run(db, "PRAGMA journal_mode=DELETE", path, &why);
    (void)sqlite3_close(db); /* nothing is open on it */
    if (rc == ERR_BUSY)
        return err_set(err, rc, "%s: somebody has it open: stop hqd and hq-retaind first", path);
    rc = beside(path, "-wal", log, err);
    if (rc == 0)
        rc = beside(kept, "-wal", kept_log, err);
    if (rc == 0 && access(log, F_OK) == 0)
        rc = rename_synced(log, kept_log, err);
    return rc;
}

/* Who runs hqd owns its database, or at least the folder, whoever puts it back. */
static int give_to_owner(const char *waiting, const char *path, struct err_text *err)
{
    char folder[PATH_SIZE];
    struct stat owner;
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
                   slash ? path : "."); /* fits: beside() took it */
    if ((stat(path, &owner) == 0 || stat(folder, &owner) == 0) &&
        chown(waiting, owner.st_uid, owner.st_gid) == 0)
        return 0;
    return err_set(err, ERR_IO, "%s: %s", waiting, strerror(errno));
}

/* The old one gets a second name; the new one takes the first by one rename. */
static int put_in_place(const char *waiting, const char *path, struct err_text *err)
{
    char kept[PATH_SIZE];
    int rc = beside(path, ".before", kept, err);
    if (rc == 0 && access(kept, F_OK) == 0)
        rc = err_set(err, ERR_CONFLICT, "%s: is there already, of an earlier time; move it away",
                     kept);
    if (rc == 0 && access(path, F_OK) == 0) {
        rc = settle_log(path, kept, err);
        if (rc == 0 && link(path, kept) != 0)
            rc = err_set(err, ERR_IO, "%s: %s", kept, strerror(errno));
    }
    if (rc == 0)
        rc = rename_synced(waiting, path, err);
    if (rc == ERR_IO && access(waiting, F_OK) == 0)
        (void)unlink(kept); /* nothing took the first name: a second one is in the next try's way */
    return rc;
}

int hq_restore(const char *where, const char *from, hq_backup_progress progress, void *ctx,
               struct err_text *err)
{
    char waiting[PATH_SIZE];
    const char *path = path_of(where);
    struct stat as;
    int rc = refuse_postgres(where, "pg_restore, or the base backup's own way", err);
    if (rc == 0)
        rc = beside(path, ".new", waiting, err);
    if (rc == 0 && stat(from, &as) != 0)
        rc =
            err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", from, strerror(errno));
    if (rc != 0)
        return rc;
    rc = copy(from, waiting, progress, ctx, err);
    if (rc == 0)
        rc = give_to_owner(waiting, path, err);
    if (rc == 0)
        rc = put_in_place(waiting, path, err);
    if (rc != 0)
        (void)unlink(waiting); /* the next one overwrites it */
    return rc;
}
