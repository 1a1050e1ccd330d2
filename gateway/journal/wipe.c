/*
 * See wipe.h. Every method but xTruncate and xDelete is handed on. A log is wiped from its header
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

enum { HEAD_BYTES = 4096, CHUNK_BYTES = 64 * 1024 };

static const char vfs_name[] = "checkpoint-wipe";
static const uint8_t zeros[CHUNK_BYTES];
static sqlite3_vfs vfs;
static sqlite3_vfs *system_vfs;

struct wipe_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this in the same memory */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct wipe_file *)file)->real;
}

/* ---- overwriting ---- */

static int zero(sqlite3_file *real, sqlite3_int64 from, sqlite3_int64 to)
{
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && from < to) {
        int size = to - from < CHUNK_BYTES ? (int)(to - from) : CHUNK_BYTES;
        rc = real->pMethods->xWrite(real, zeros, size, from);
        from += size;
    }
    return rc == SQLITE_OK ? real->pMethods->xSync(real, SQLITE_SYNC_FULL) : rc;
}

static int wipe_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *real = real_of(file);
    sqlite3_int64 held = 0;
    int rc = real->pMethods->xFileSize(real, &held);
    sqlite3_int64 head = size + HEAD_BYTES < held ? size + HEAD_BYTES : held;
    if (rc == SQLITE_OK && size < held)
        rc = zero(real, size, head);
    if (rc == SQLITE_OK && head < held && size < held)
        rc = zero(real, head, held);
    return rc == SQLITE_OK ? real->pMethods->xTruncate(real, size) : rc;
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

/* ---- handed on ---- */

static int wipe_close(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xClose(real);
}

static int wipe_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xRead(real, to, size, at);
}

static int wipe_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xWrite(real, from, size, at);
}

static int wipe_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xSync(real, flags);
}

static int wipe_size(sqlite3_file *file, sqlite3_int64 *out)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xFileSize(real, out);
}

static int wipe_lock(sqlite3_file *file, int level)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xLock(real, level);
}

static int wipe_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xUnlock(real, level);
}

static int wipe_check_lock(sqlite3_file *file, int *out)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xCheckReservedLock(real, out);
}

static int wipe_control(sqlite3_file *file, int op, void *arg)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xFileControl(real, op, arg);
}

static int wipe_sector(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xSectorSize(real);
}

static int wipe_device(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xDeviceCharacteristics(real);
}

static int wipe_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xShmMap(real, page, size, extend, out);
}

static int wipe_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xShmLock(real, offset, count, flags);
}

static void wipe_shm_barrier(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    real->pMethods->xShmBarrier(real);
}

static int wipe_shm_unmap(sqlite3_file *file, int remove)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xShmUnmap(real, remove);
}

/* Version 2: without memory-mapped reads, which nobody here asks for. */
static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = wipe_close,
                                           .xRead = wipe_read,
                                           .xWrite = wipe_write,
                                           .xTruncate = wipe_truncate,
                                           .xSync = wipe_sync,
                                           .xFileSize = wipe_size,
                                           .xLock = wipe_lock,
                                           .xUnlock = wipe_unlock,
                                           .xCheckReservedLock = wipe_check_lock,
                                           .xFileControl = wipe_control,
                                           .xSectorSize = wipe_sector,
                                           .xDeviceCharacteristics = wipe_device,
                                           .xShmMap = wipe_shm_map,
                                           .xShmLock = wipe_shm_lock,
                                           .xShmBarrier = wipe_shm_barrier,
                                           .xShmUnmap = wipe_shm_unmap};

static int wipe_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    struct wipe_file *f = (struct wipe_file *)file;
    (void)self; /* there is one */
    f->base.pMethods = NULL;
    f->real = (sqlite3_file *)(f + 1);
    int rc = system_vfs->xOpen(system_vfs, name, f->real, flags, out_flags);
    if (f->real->pMethods)
        f->base.pMethods = &methods; /* then it is closed, also after a failure */
    return rc;
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
    vfs.szOsFile = (int)sizeof(struct wipe_file) + system_vfs->szOsFile;
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
