/*
 * Preloaded into a program under test: as long as the file BROKEN_DISK_FILE says "EIO" or "ENOSPC",
 * writes and syncs of files below the folder BROKEN_DISK_FOLDER fail with that; as long as it says
 * "hang" they do not come back. Without the file, or empty, the disk is well. System calls only: a
 * sanitizer may ask before its functions work.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORD_SIZE = 16, PATH_SIZE = 4096, LOOK_AGAIN_MS = 10 };

static void read_word(char out[WORD_SIZE])
{
    const char *path = getenv("BROKEN_DISK_FILE");
    long file = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    memset(out, 0, WORD_SIZE);
    if (file >= 0) {
        (void)syscall(SYS_read, file, out, WORD_SIZE - 1); /* nothing read: well */
        (void)syscall(SYS_close, file);                    /* only read from */
    }
    out[strcspn(out, "\n")] = '\0';
}

static bool is_below(int fd)
{
    char link[64];
    char path[PATH_SIZE];
    const char *folder = getenv("BROKEN_DISK_FOLDER");
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* fits */
    long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path));
    return folder && size > 0 && (size_t)size >= strlen(folder) &&
           memcmp(path, folder, strlen(folder)) == 0;
}

/* Whether it fails now, with errno set; comes back when the disk is not hung. */
static bool fails(int fd)
{
    char word[WORD_SIZE];
    int before = errno;
    read_word(word);
    if (word[0] == '\0' || !is_below(fd)) {
        errno = before;
        return false;
    }
    while (strcmp(word, "hang") == 0) {
        (void)poll(NULL, 0, LOOK_AGAIN_MS); /* of no descriptor: the time alone */
        read_word(word);
    }
    errno = strcmp(word, "ENOSPC") == 0 ? ENOSPC : strcmp(word, "EIO") == 0 ? EIO : before;
    return word[0] != '\0';
}

ssize_t write(int fd, const void *data, size_t size)
{
    return fails(fd) ? -1 : syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return fails(fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return fails(fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

int fsync(int fd)
{
    return fails(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}
