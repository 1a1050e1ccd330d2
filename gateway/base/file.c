/*
 * Whole files. No state.
 */
#include "gateway/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, uint8_t *buffer, size_t size, size_t *out_size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, buffer + done, size - done);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return ERR_IO;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    *out_size = done;
    return ERR_OK;
}

int file_read(const char *path, size_t limit_bytes, uint8_t **out, size_t *out_size,
              struct err_text *err)
{
    uint8_t *buffer = NULL;
    struct stat st;
    int rc;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe has no writer to wait for */
    if (fd < 0) {
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        rc = err_set(err, ERR_IO, "%s: not a regular file", path);
        goto out;
    }
    if ((uint64_t)st.st_size > limit_bytes) {
        rc = err_set(err, ERR_TOO_LARGE, "%s: %lld bytes, limit %zu", path, (long long)st.st_size,
                     limit_bytes);
        goto out;
    }
    buffer =
        malloc(limit_bytes < (size_t)st.st_size + 1 ? limit_bytes + 1 : (size_t)st.st_size + 1);
    if (!buffer) {
        rc = err_set(err, ERR_NO_MEMORY, "%s: out of memory", path);
        goto out;
    }
    rc = read_all(fd, buffer, (size_t)st.st_size, out_size);
    if (rc != ERR_OK) {
        (void)err_set(err, rc, "%s: %s", path, strerror(errno)); /* rc is returned below */
        goto out;
    }
    buffer[*out_size] = '\0';
    *out = buffer;
    buffer = NULL;
out:
    free(buffer);
    close(fd);
    return rc;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, data + done, size - done);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int file_sync_folder_of(const char *path)
{
    char folder[4096];
    (void)snprintf(folder, sizeof(folder), "%s", path); /* its length was checked by the caller */
    char *slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int rc = fsync(fd);
    close(fd);
    return rc;
}

static int write_beside(const char *path, const void *data, size_t size, mode_t mode,
                        bool has_modes, struct err_text *err)
{
    char temporary[4096];
    int length = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof(temporary)) {
        return err_set(err, ERR_TOO_LARGE, "%s: path too long", path);
    }
    /* What stands on a stick is a stranger's: a link would lead elsewhere, a pipe wait for ever. */
    if (!has_modes) {
        (void)unlink(temporary); /* what stays is found by the open */
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | (has_modes ? O_TRUNC : O_EXCL) | O_CLOEXEC, mode);
    if (fd < 0) {
        return err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: %s", temporary,
                       strerror(errno));
    }
    bool written =
        (!has_modes || fchmod(fd, mode) == 0) && write_all(fd, data, size) == 0 && fsync(fd) == 0;
    int cause = errno;
    close(fd);
    if (written && rename(temporary, path) == 0) {
        if (file_sync_folder_of(path) == 0) {
            return ERR_OK;
        }
        return err_set(err, ERR_IO, "%s: folder not synced: %s", path, strerror(errno));
    }
    cause = written ? errno : cause;
    (void)unlink(temporary); /* what remains is overwritten by the next try */
    return err_set(err, cause == ENOSPC || cause == EDQUOT ? ERR_FULL : ERR_IO, "%s: %s", path,
                   strerror(cause));
}

int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode,
                      struct err_text *err)
{
    return write_beside(path, data, size, mode, true, err);
}

int file_write_stick(const char *path, const void *data, size_t size, struct err_text *err)
{
    return write_beside(path, data, size, 0644, false, err);
}

int file_make_folder_stick(const char *path, struct err_text *err)
{
    int rc = file_make_folder(path, 0755, err);
    return rc == ERR_OK ? file_check_folder_stick(path, err) : rc;
}

int file_check_folder_stick(const char *path, struct err_text *err)
{
    struct stat st;
    char name[4096];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--; /* "link/" would be what the link leads to */
    }
    if (length >= sizeof(name)) {
        return err_set(err, ERR_TOO_LARGE, "%s: path too long", path);
    }
    memcpy(name, path, length);
    name[length] = '\0';
    if (lstat(name, &st) != 0) {
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    }
    return S_ISDIR(st.st_mode)
               ? ERR_OK
               : err_set(err, ERR_DENIED, "%s: expected a folder, no link and no file", path);
}

int file_make_folder(const char *path, mode_t mode, struct err_text *err)
{
    bool made = mkdir(path, mode) == 0;
    if ((made && file_sync_folder_of(path) == 0) || (!made && errno == EEXIST)) {
        return ERR_OK;
    }
    return err_set(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "%s: %s", path,
                   strerror(errno));
}
