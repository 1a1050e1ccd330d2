/*
 * Preloaded into a program under test: logs every write, truncation, sync, creation, renaming and
 * deletion below the folder WRITELOG_FOLDER into the file WRITELOG_FILE, so that
 * harness/writelog.py can make what a power cut would leave. A change is logged once it is done, a
 * sync names the length the log had when it began: it covers what was logged before. With
 * WRITELOG_LIES set, syncs are neither done nor logged. Files whose names end in -shm are not
 * logged: SQLite makes them anew. Shared mappings and writes of stdio do not pass here;
 * writelog.py's whole() finds what it missed. System calls only: a sanitizer may ask before its
 * functions work.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES_MAX = 65536, PATH_SIZE = 4096, LOG_FD_FROM = 900 };

/* Little-endian as this machine has it; writelog.py reads it by HEADER. */
struct header {
    uint32_t size; /* of all: header, path, data */
    uint32_t what; /* one of "OCWTRUMSD" */
    uint64_t inode;
    uint64_t at; /* offset, new size, or length of the log when a sync began */
    uint32_t path_size;
    uint32_t data_size;
};

static _Atomic(bool) logged[FILES_MAX]; /* by descriptor: a file or folder below the folder */
static char folder[PATH_SIZE];
static size_t folder_size;
static int log_fd = -1;
static bool lies;
static long end_after; /* records, 0: never */
static _Atomic(long) records;

__attribute__((constructor)) static void begin(void)
{
    const char *below = getenv("WRITELOG_FOLDER");
    const char *file = getenv("WRITELOG_FILE");
    if (!below || !file || strlen(below) + 1 >= sizeof(folder)) {
        return;
    }
    folder_size = strlen(below);
    memcpy(folder, below, folder_size + 1);
    lies = getenv("WRITELOG_LIES") != NULL;
    end_after = getenv("WRITELOG_END_AFTER") ? strtol(getenv("WRITELOG_END_AFTER"), NULL, 10) : 0;
    long fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    log_fd = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LOG_FD_FROM);
    syscall(SYS_close, fd);
    if (log_fd < 0) {
        abort();
    }
}

static uint64_t log_size(void)
{
    struct stat st;
    if (fstat(log_fd, &st) != 0) {
        abort();
    }
    return (uint64_t)st.st_size;
}

/* A log with a gap proves nothing, so a failure ends the program. */
static void put(char what, uint64_t inode, uint64_t at, const char *path, const void *data,
                size_t data_size)
{
    int cause = errno;
    size_t path_size = path ? strlen(path) : 0;
    struct header h = {(uint32_t)(sizeof(h) + path_size + data_size),
                       (uint32_t)what,
                       inode,
                       at,
                       (uint32_t)path_size,
                       (uint32_t)data_size};
    struct iovec parts[] = {{&h, sizeof(h)},
                            {(void *)(uintptr_t)path, path_size},
                            {(void *)(uintptr_t)data, data_size}};
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)h.size) {
        abort();
    }
    if (++records == end_after) {
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    }
    errno = cause;
}

static bool below(const char *path)
{
    size_t size = strlen(path);
    return log_fd >= 0 && strncmp(path, folder, folder_size) == 0 &&
           (path[folder_size] == '/' || path[folder_size] == '\0') &&
           !(size > 4 && strcmp(path + size - 4, "-shm") == 0);
}

static bool path_of_fd(int fd, char out[PATH_SIZE])
{
    char link[40];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* fits */
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_SIZE - 1);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The path as the kernel knows it, without following what it names itself. */
static bool path_of_name(int at, const char *name, char out[PATH_SIZE])
{
    char parent[PATH_SIZE];
    const char *slash = strrchr(name, '/');
    size_t size = slash ? (size_t)(slash - name) + 1 : 0;
    if (log_fd < 0 || size >= sizeof(parent)) {
        return false;
    }
    memcpy(parent, name, size);
    parent[size] = '\0';
    int fd = (int)syscall(SYS_openat, at, size ? parent : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool found = fd >= 0 && path_of_fd(fd, out);
    if (fd >= 0) {
        syscall(SYS_close, fd);
    }
    size_t length = found ? strlen(out) : 0;
    const char *last = name + size;
    if (!found || length + strlen(last) + 2 > PATH_SIZE) {
        return false;
    }
    (void)snprintf(out + length, PATH_SIZE - length, "/%s", last); /* was measured */
    return below(out);
}

static void opened(int fd, int flags, bool created)
{
    char path[PATH_SIZE];
    struct stat st;
    int cause = errno;
    if (log_fd >= 0 && fd >= 0 && fd < FILES_MAX && fstat(fd, &st) == 0 &&
        (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && path_of_fd(fd, path) && below(path)) {
        logged[fd] = true;
        if (created) {
            put('C', st.st_ino, 0, path, NULL, 0);
        } else if (S_ISREG(st.st_mode) && (flags & O_ACCMODE) != O_RDONLY) {
            put('O', st.st_ino, 0, path, NULL, 0);
            if (flags & O_TRUNC) {
                put('T', st.st_ino, 0, NULL, NULL, 0);
            }
        }
    }
    errno = cause;
}

static int open_any(int at, const char *name, int flags, mode_t mode)
{
    if (log_fd < 0 || !(flags & O_CREAT) || (flags & O_EXCL)) {
        int fd = (int)syscall(SYS_openat, at, name, flags, mode);
        opened(fd, flags, (flags & O_CREAT) != 0);
        return fd;
    }
    for (;;) { /* who creates it knows so only by O_EXCL */
        int fd = (int)syscall(SYS_openat, at, name, flags & ~O_CREAT, mode);
        bool create = fd < 0 && errno == ENOENT;
        if (create) {
            fd = (int)syscall(SYS_openat, at, name, flags | O_EXCL, mode);
        }
        if (fd >= 0 || !create || errno != EEXIST) {
            opened(fd, flags, create);
            return fd;
        }
    }
}

static mode_t mode_of(int flags, va_list list)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        int fd = open_any(AT_FDCWD, path, flags, mode_of(flags, list));                            \
        va_end(list);                                                                              \
        return fd;                                                                                 \
    }
#define OPENAT(name)                                                                               \
    int name(int at, const char *path, int flags, ...)                                             \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        int fd = open_any(at, path, flags, mode_of(flags, list));                                  \
        va_end(list);                                                                              \
        return fd;                                                                                 \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

int close(int fd)
{
    if (fd >= 0 && fd < FILES_MAX) {
        logged[fd] = false;
    }
    return (int)syscall(SYS_close, fd);
}

/* A descriptor that stdio closed may name something else by now. */
static bool is_logged(int fd, struct stat *out)
{
    int cause = errno;
    bool is = fd >= 0 && fd < FILES_MAX && logged[fd] && fstat(fd, out) == 0 &&
              (S_ISREG(out->st_mode) || S_ISDIR(out->st_mode));
    errno = cause;
    return is;
}

static ssize_t wrote(int fd, long done, off_t at, const void *data)
{
    struct stat st;
    if (done > 0 && is_logged(fd, &st)) {
        off_t begin = at >= 0 ? at : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - (off_t)done;
        put('W', st.st_ino, (uint64_t)begin, NULL, data, (size_t)done);
    }
    return (ssize_t)done;
}

ssize_t write(int fd, const void *data, size_t size)
{
    return wrote(fd, syscall(SYS_write, fd, data, size), -1, data);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return wrote(fd, syscall(SYS_pwrite64, fd, data, size, at), at, data);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return wrote(fd, syscall(SYS_pwrite64, fd, data, size, at), at, data);
}

static ssize_t wrote_parts(int fd, long done, off_t at, const struct iovec *parts, int count)
{
    struct stat st;
    if (done <= 0 || !is_logged(fd, &st)) {
        return (ssize_t)done;
    }
    off_t begin = at >= 0 ? at : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - (off_t)done;
    size_t left = (size_t)done;
    for (int i = 0; i < count && left > 0; i++) {
        size_t size = parts[i].iov_len < left ? parts[i].iov_len : left;
        put('W', st.st_ino, (uint64_t)begin, NULL, parts[i].iov_base, size);
        begin += (off_t)size;
        left -= size;
    }
    return (ssize_t)done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return wrote_parts(fd, syscall(SYS_writev, fd, parts, count), -1, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return wrote_parts(fd, syscall(SYS_pwritev, fd, parts, count, at, 0), at, parts, count);
}

static int resized(int fd, long rc)
{
    struct stat st;
    if (rc == 0 && is_logged(fd, &st)) {
        put('T', st.st_ino, (uint64_t)st.st_size, NULL, NULL, 0);
    }
    return (int)rc;
}

int ftruncate(int fd, off_t size)
{
    return resized(fd, syscall(SYS_ftruncate, fd, size));
}

int ftruncate64(int fd, off64_t size)
{
    return resized(fd, syscall(SYS_ftruncate, fd, size));
}

int posix_fallocate(int fd, off_t at, off_t size)
{
    int cause = errno;
    int rc = resized(fd, syscall(SYS_fallocate, fd, 0, at, size)) == 0 ? 0 : errno;
    errno = cause;
    return rc;
}

static int sync_any(long number, int fd)
{
    struct stat st;
    char path[PATH_SIZE];
    if (!is_logged(fd, &st)) {
        return (int)syscall(number, fd);
    }
    if (lies) {
        return 0;
    }
    uint64_t begin = log_size();
    int rc = (int)syscall(number, fd);
    if (rc == 0 && S_ISREG(st.st_mode)) {
        put('S', st.st_ino, begin, NULL, NULL, 0);
    } else if (rc == 0 && path_of_fd(fd, path)) {
        put('D', st.st_ino, begin, path, NULL, 0);
    }
    return rc;
}

int fsync(int fd)
{
    return sync_any(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_any(SYS_fdatasync, fd);
}

static int rename_any(int from_at, const char *from, int to_at, const char *to)
{
    char old[PATH_SIZE];
    char new[PATH_SIZE];
    bool ours = path_of_name(from_at, from, old) & path_of_name(to_at, to, new);
    int rc = (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
    if (rc == 0 && ours) {
        put('R', 0, 0, old, new, strlen(new));
    }
    return rc;
}

int rename(const char *from, const char *to)
{
    return rename_any(AT_FDCWD, from, AT_FDCWD, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return rename_any(from_at, from, to_at, to);
}

static int unlink_any(int at, const char *name, int flags)
{
    char path[PATH_SIZE];
    bool ours = path_of_name(at, name, path);
    int rc = (int)syscall(SYS_unlinkat, at, name, flags);
    if (rc == 0 && ours) {
        put('U', 0, 0, path, NULL, 0);
    }
    return rc;
}

int unlink(const char *name)
{
    return unlink_any(AT_FDCWD, name, 0);
}

int unlinkat(int at, const char *name, int flags)
{
    return unlink_any(at, name, flags);
}

int rmdir(const char *name)
{
    return unlink_any(AT_FDCWD, name, AT_REMOVEDIR);
}

int mkdir(const char *name, mode_t mode)
{
    char path[PATH_SIZE];
    int rc = (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    if (rc == 0 && path_of_name(AT_FDCWD, name, path)) {
        put('M', 0, 0, path, NULL, 0);
    }
    return rc;
}
