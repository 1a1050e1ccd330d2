/*
 * See wipe.h. The system's VFS but for xTruncate and xDelete. A log is wiped from its header
 * on: a power cut in between leaves one that SQLite takes for empty, and what it held is in the
 * database already, synced.
 */
#include "gateway/journal/wipe.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 4096, CHUNK_BYTES = 64 * 1024, TABLES_MAX = 4 };

static const char vfs_name[] = "checkpoint-wipe";
static const uint8_t zeros[CHUNK_BYTES];
static sqlite3_vfs vfs;
static sqlite3_vfs *system_vfs;

/* The system's methods for one way of locking, but for xTruncate. They work on the file as it is.
 */
struct wipe_methods {
    sqlite3_io_methods methods; /* first: what a file points to */
    const sqlite3_io_methods *original;
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static struct wipe_methods tables[TABLES_MAX]; /* filled in from the front, then constant */

static const sqlite3_io_methods *original_of(const sqlite3_file *file)
{
    return ((const struct wipe_methods *)file->pMethods)->original;
}

/* ---- overwriting ---- */

static int zero(sqlite3_file *file, sqlite3_int64 from, sqlite3_int64 to)
{
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && from < to) {
        int size = to - from < CHUNK_BYTES ? (int)(to - from) : CHUNK_BYTES;
        rc = original_of(file)->xWrite(file, zeros, size, from);
        from += size;
    }
    return rc == SQLITE_OK ? original_of(file)->xSync(file, SQLITE_SYNC_FULL) : rc;
}

static int wipe_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_int64 held = 0;
    int rc = original_of(file)->xFileSize(file, &held);
    sqlite3_int64 head = size + HEAD_BYTES < held ? size + HEAD_BYTES : held;
    if (rc == SQLITE_OK && size < held)
        rc = zero(file, size, head);
    if (rc == SQLITE_OK && head < held)
        rc = zero(file, head, held);
    return rc == SQLITE_OK ? original_of(file)->xTruncate(file, size) : rc;
}

/* False: the disk refused. */
static bool zero_fd(int fd, off_t from, off_t to)
{
    while (from < to) {
        size_t size = to - from < CHUNK_BYTES ? (size_t)(to - from) : CHUNK_BYTES;
        ssize_t n = pwrite(fd, zeros, size, from);
        if (n <= 0)
            return false;
        from += n;
    }
    return fdatasync(fd) == 0;
}

static int wipe_delete(sqlite3_vfs *self, const char *path, int sync_folder)
{
    struct stat st;
    bool wiped = true;
    (void)self; /* there is one */
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        if (fstat(fd, &st) == 0 && st.st_size > 0) {
            off_t head = st.st_size < HEAD_BYTES ? st.st_size : HEAD_BYTES;
            wiped = zero_fd(fd, 0, head) && zero_fd(fd, head, st.st_size);
        }
        (void)close(fd); /* it was synced */
    }
    return wiped ? system_vfs->xDelete(system_vfs, path, sync_folder) : SQLITE_IOERR_DELETE;
}

/* ---- the VFS ---- */

/* The patched form of a table; NULL: no room, the system has more of them than are known. */
static const sqlite3_io_methods *patched(const sqlite3_io_methods *original)
{
    const sqlite3_io_methods *found = NULL;
    pthread_mutex_lock(&tables_lock);
    for (size_t i = 0; !found && i < TABLES_MAX; i++) {
        if (!tables[i].original) {
            tables[i] = (struct wipe_methods){*original, original};
            tables[i].methods.xTruncate = wipe_truncate;
        }
        if (tables[i].original == original)
            found = &tables[i].methods;
    }
    pthread_mutex_unlock(&tables_lock);
    return found;
}

static int wipe_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    (void)self; /* there is one */
    int rc = system_vfs->xOpen(system_vfs, name, file, flags, out_flags);
    if (rc != SQLITE_OK)
        return rc;
    const sqlite3_io_methods *methods = patched(file->pMethods);
    if (!methods)
        return SQLITE_CANTOPEN; /* SQLite closes it */
    file->pMethods = methods;
    return SQLITE_OK;
}

static int registered = SQLITE_ERROR;

static void register_once(void)
{
    registered = sqlite3_initialize();
    system_vfs = registered == SQLITE_OK ? sqlite3_vfs_find(NULL) : NULL;
    if (!system_vfs) {
        registered = SQLITE_ERROR;
        return;
    }
    vfs = *system_vfs; /* what has no file of its own is the system's, which looks at pAppData */
    vfs.zName = vfs_name;
    vfs.pNext = NULL;
    vfs.xOpen = wipe_open;
    vfs.xDelete = wipe_delete;
    registered = sqlite3_vfs_register(&vfs, 0);
}

int wipe_vfs(const char **out, struct err_text *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, register_once); /* cannot fail */
    if (registered != SQLITE_OK)
        return err_set(err, ERR_IO, "SQLite: the wiping VFS cannot be registered");
    *out = vfs_name;
    return 0;
}
