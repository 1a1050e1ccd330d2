/* See files.h. */
#include "gateway/evidence/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/encode.h"

enum { BLOCK = 64 * 1024 };

static int failed(const char *path, int error, struct err_text *err)
{
    int code = error == ENOSPC || error == EDQUOT || error == EFBIG ? ERR_FULL : ERR_IO;
    return err_set(err, code, "%s: %s", path, strerror(error));
}

static int make_folder(const char *path, struct err_text *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : failed(path, errno, err);
}

static int sync_folder(const char *path, struct err_text *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(path, errno, err);
    int rc = fsync(fd) == 0 ? 0 : failed(path, errno, err);
    close(fd);
    return rc;
}

static void folder_path(const char *folder, unsigned number, char out[PICTURE_PATH_SIZE])
{
    (void)snprintf(out, PICTURE_PATH_SIZE, "%s/pictures/%02x", folder, number); /* fits */
}

void picture_file_path(const char *folder, const uint8_t sha[PICTURE_SHA_SIZE],
                       char out[PICTURE_PATH_SIZE])
{
    char name[2 * PICTURE_SHA_SIZE + 1];
    hex_encode(sha, PICTURE_SHA_SIZE, name);
    (void)snprintf(out, PICTURE_PATH_SIZE, "%s/pictures/%02x/%s", folder, sha[0], name); /* fits */
}

/* ---- opening ---- */

static int wipe_coming(const char *coming, struct err_text *err)
{
    char path[PICTURE_PATH_SIZE + 32];
    const struct dirent *entry;
    DIR *dir = opendir(coming);
    int rc = dir ? 0 : failed(coming, errno, err);
    while (rc == 0 && (entry = readdir(dir)) != NULL)
        if (strstr(entry->d_name, ".part") &&
            snprintf(path, sizeof(path), "%s/%s", coming, entry->d_name) < (int)sizeof(path))
            rc = picture_file_wipe(path, err);
    if (dir)
        closedir(dir);
    return rc;
}

int picture_files_open(const char *folder, struct err_text *err)
{
    char path[PICTURE_PATH_SIZE];
    if (strlen(folder) >= PICTURE_FOLDER_SIZE)
        return err_set(err, ERR_INVALID, "%s: longer than %d bytes", folder,
                       PICTURE_FOLDER_SIZE - 1);
    (void)snprintf(path, sizeof(path), "%s/pictures", folder); /* fits */
    int rc = make_folder(path, err);
    for (unsigned i = 0; rc == 0 && i < PICTURE_FOLDERS; i++) {
        folder_path(folder, i, path);
        rc = make_folder(path, err);
    }
    (void)snprintf(path, sizeof(path), "%s/pictures", folder); /* fits */
    if (rc == 0)
        rc = sync_folder(path, err);
    (void)snprintf(path, sizeof(path), "%s/coming", folder); /* fits */
    if (rc == 0)
        rc = make_folder(path, err);
    if (rc == 0)
        rc = sync_folder(folder, err);
    return rc == 0 ? wipe_coming(path, err) : rc;
}

/* ---- coming in ---- */

int picture_file_begin(const char *folder, unsigned number, struct picture_file *out,
                       struct err_text *err)
{
    struct picture_file file = {.fd = -1, .md = EVP_MD_CTX_new()};
    if (!file.md || EVP_DigestInit_ex(file.md, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(file.md);
        return err_set(err, ERR_NO_MEMORY, "picture: no memory");
    }
    (void)snprintf(file.path, sizeof(file.path), "%s/coming/%u.part", folder, number); /* fits */
    file.fd = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file.fd < 0) {
        int error = errno;
        EVP_MD_CTX_free(file.md);
        return failed(file.path, error, err);
    }
    *out = file;
    return 0;
}

static int write_all(int fd, const char *path, const void *bytes, size_t size, struct err_text *err)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return failed(path, n < 0 ? errno : ENOSPC, err);
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int picture_file_add(struct picture_file *file, const void *bytes, size_t size,
                     struct err_text *err)
{
    int rc = write_all(file->fd, file->path, bytes, size, err);
    if (rc == 0 && EVP_DigestUpdate(file->md, bytes, size) != 1)
        rc = err_set(err, ERR_NO_MEMORY, "picture: no memory");
    file->size += (uint32_t)size;
    return rc;
}

static void forget(struct picture_file *file)
{
    if (file->fd > 0)
        close(file->fd);
    EVP_MD_CTX_free(file->md);
    *file = (struct picture_file){.fd = -1};
}

void picture_file_abandon(struct picture_file *file)
{
    struct picture_file gone = *file;
    if (file->fd <= 0)
        return;
    forget(file);
    (void)!picture_file_wipe(gone.path, NULL); /* what stays goes at the next start */
}

static int fits_hash(struct picture_file *file, const uint8_t sha[PICTURE_SHA_SIZE],
                     struct err_text *err)
{
    uint8_t found[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(file->md, found, NULL) != 1)
        return err_set(err, ERR_NO_MEMORY, "picture: no memory");
    if (memcmp(found, sha, PICTURE_SHA_SIZE) != 0)
        return err_set(err, ERR_CORRUPT, "the bytes are not those of the SHA-256 named");
    return 0;
}

int picture_file_end(const char *folder, struct picture_file *file,
                     const uint8_t sha[PICTURE_SHA_SIZE], struct err_text *err)
{
    char path[PICTURE_PATH_SIZE];
    char parent[PICTURE_PATH_SIZE];
    picture_file_path(folder, sha, path);
    folder_path(folder, sha[0], parent);
    int rc = fits_hash(file, sha, err);
    if (rc == 0 && fsync(file->fd) != 0)
        rc = failed(file->path, errno, err);
    if (rc == 0 && rename(file->path, path) != 0)
        rc = failed(path, errno, err);
    if (rc == 0) {
        forget(file);
        rc = sync_folder(parent, err);
    }
    picture_file_abandon(file);
    return rc;
}

/* ---- what is there ---- */

static int damaged(const char *path, const char *why, struct err_text *err)
{
    return err_set(err, ERR_CORRUPT, "%s: %s", path, why);
}

static int check_whole(int fd, const char *path, const struct picture_about *about,
                       struct err_text *err)
{
    uint8_t found[EVP_MAX_MD_SIZE];
    char block[BLOCK];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int rc = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ? 0 : ERR_NO_MEMORY;
    off_t at = 0;
    ssize_t n = 1;
    while (rc == 0 && n > 0 && at <= (off_t)about->size) {
        n = pread(fd, block, sizeof(block), at);
        if (n < 0)
            rc = damaged(path, strerror(errno), err);
        else if (n > 0 && EVP_DigestUpdate(md, block, (size_t)n) != 1)
            rc = ERR_NO_MEMORY;
        at += n > 0 ? n : 0;
    }
    if (rc == 0 && EVP_DigestFinal_ex(md, found, NULL) != 1)
        rc = ERR_NO_MEMORY;
    if (rc == 0 && memcmp(found, about->sha, PICTURE_SHA_SIZE) != 0)
        rc = damaged(path, "its bytes are not those of its name", err);
    EVP_MD_CTX_free(md);
    return rc == ERR_NO_MEMORY ? err_set(err, rc, "picture: no memory") : rc;
}

int picture_file_read(const char *folder, const struct picture_about *about, uint32_t offset,
                      bool whole, void *out, size_t size, size_t *out_size, struct err_text *err)
{
    char path[PICTURE_PATH_SIZE];
    picture_file_path(folder, about->sha, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? damaged(path, "is not there", err) : failed(path, errno, err);
    int rc = whole ? check_whole(fd, path, about, err) : 0;
    size_t left = offset < about->size ? about->size - offset : 0;
    size_t wanted = size < left ? size : left;
    ssize_t n = rc == 0 ? pread(fd, out, wanted, (off_t)offset) : 0;
    if (rc == 0 && n != (ssize_t)wanted)
        rc = damaged(path, n < 0 ? strerror(errno) : "is shorter than it was", err);
    if (rc == 0)
        *out_size = wanted;
    close(fd);
    return rc;
}

static int overwrite(int fd, const char *path, struct err_text *err)
{
    static const char zeros[BLOCK]; /* never written */
    struct stat st;
    if (fstat(fd, &st) != 0)
        return failed(path, errno, err);
    int rc = 0;
    for (off_t left = st.st_size; rc == 0 && left > 0; left -= (off_t)sizeof(zeros))
        rc = write_all(fd, path, zeros, left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros),
                       err);
    return rc == 0 && fdatasync(fd) != 0 ? failed(path, errno, err) : rc;
}

int picture_file_wipe(const char *path, struct err_text *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : failed(path, errno, err);
    int rc = overwrite(fd, path, err);
    close(fd);
    if (rc == 0 && unlink(path) != 0 && errno != ENOENT)
        rc = failed(path, errno, err);
    return rc;
}

int picture_files_walk(const char *folder, unsigned number,
                       int (*each)(void *ctx, const uint8_t sha[PICTURE_SHA_SIZE]), void *ctx,
                       struct err_text *err)
{
    char path[PICTURE_PATH_SIZE];
    uint8_t sha[PICTURE_SHA_SIZE];
    const struct dirent *entry;
    folder_path(folder, number, path);
    DIR *dir = opendir(path);
    int rc = dir ? 0 : failed(path, errno, err);
    while (rc == 0 && (entry = readdir(dir)) != NULL)
        if (strlen(entry->d_name) == (size_t)2 * PICTURE_SHA_SIZE &&
            hex_decode(entry->d_name, sha, PICTURE_SHA_SIZE) == 0)
            rc = each(ctx, sha);
    if (dir)
        closedir(dir);
    return rc;
}
