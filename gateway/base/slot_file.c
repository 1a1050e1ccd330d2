/*
 * See slot_file.h. A place: count (8 bytes, big-endian), SHA-256 of count and content, content; it
 * takes whole blocks, so that writing one tears nothing of the other.
 */
#include "gateway/base/slot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/bytes.h"
#include "gateway/base/file.h"

enum { BLOCK_SIZE = 4096, COUNT_SIZE = 8, DIGEST_SIZE = 32, HEAD_SIZE = COUNT_SIZE + DIGEST_SIZE };

static size_t room_of(const struct slot_file *file)
{
    return (HEAD_SIZE + file->size + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
}

static int failed(const struct slot_file *file, struct err_text *err)
{
    return err_set(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "%s: %s",
                   file->path, strerror(errno));
}

/* Over count and content, around the digest's own place. */
static bool digest_of(const struct slot_file *file, const uint8_t *slot, uint8_t out[DIGEST_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, slot, COUNT_SIZE) == 1 &&
                EVP_DigestUpdate(context, slot + HEAD_SIZE, file->size) == 1 &&
                EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

void slot_file_init(struct slot_file *file, const char *path, size_t size)
{
    *file = (struct slot_file){.size = size, .fd = -1};
    int length = snprintf(file->path, sizeof(file->path), "%s", path);
    if (length < 0 || (size_t)length >= sizeof(file->path)) {
        file->size = 0; /* said when it is opened */
    }
}

/* The place that holds the newest content, as it stands there; *found: there is one. */
static void read_places(struct slot_file *file, uint8_t *slot, uint8_t *out, bool *found)
{
    uint8_t digest[DIGEST_SIZE];
    *found = false;
    for (unsigned place = 0; place < 2; place++) {
        struct byte_reader reader;
        size_t size = HEAD_SIZE + file->size;
        if (pread(file->fd, slot, size, (off_t)(place * room_of(file))) != (ssize_t)size ||
            !digest_of(file, slot, digest) || memcmp(digest, slot + COUNT_SIZE, DIGEST_SIZE) != 0) {
            continue; /* never written, or torn */
        }
        byte_reader_init(&reader, slot, COUNT_SIZE);
        uint64_t count = byte_read_be64(&reader);
        if (!*found || count > file->count) {
            *found = true;
            file->count = count;
            file->place = 1 - place;
            memcpy(out, slot + HEAD_SIZE, file->size);
        }
    }
}

/* Its length from the beginning: a sync of what is written over then is a sync of data alone. */
static int make_room(const struct slot_file *file, struct err_text *err)
{
    struct stat is;
    off_t length = (off_t)(2 * room_of(file));
    if (fstat(file->fd, &is) != 0) {
        return failed(file, err);
    }
    if (is.st_size == length) {
        return 0;
    }
    int rc = posix_fallocate(file->fd, 0, length);
    if (rc != 0) {
        errno = rc;
        return failed(file, err);
    }
    if (ftruncate(file->fd, length) != 0 || fsync(file->fd) != 0) {
        return failed(file, err);
    }
    return file_sync_folder_of(file->path) == 0 ? 0 : failed(file, err);
}

int slot_file_open(struct slot_file *file, uint8_t *out, struct err_text *err)
{
    bool found = false;
    if (file->size == 0 || file->size > SLOT_FILE_CONTENT_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%s: path or content too long", file->path);
    }
    uint8_t *slot = malloc(HEAD_SIZE + file->size);
    if (!slot) {
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", file->path);
    }
    file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = file->fd >= 0 ? 0 : failed(file, err);
    if (rc == 0) {
        read_places(file, slot, out, &found);
        rc = make_room(file, err);
    }
    /* After a kill it may not be on the disk yet, and what is there stands where it is written
     * next. */
    if (rc == 0 && found && fdatasync(file->fd) != 0) {
        rc = failed(file, err);
    }
    free(slot);
    if (rc != 0) {
        slot_file_close(file);
        return rc;
    }
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "%s: empty", file->path);
}

int slot_file_write(struct slot_file *file, const uint8_t *content, uint64_t count_min,
                    struct err_text *err)
{
    struct byte_writer writer;
    uint64_t count = file->count < count_min ? count_min : file->count + 1;
    size_t size = HEAD_SIZE + file->size;
    uint8_t *slot = malloc(size);
    if (!slot) {
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", file->path);
    }
    byte_writer_init(&writer, slot, COUNT_SIZE);
    byte_write_be64(&writer, count);
    memcpy(slot + HEAD_SIZE, content, file->size);
    int rc = digest_of(file, slot, slot + COUNT_SIZE)
                 ? 0
                 : err_set(err, ERR_NO_MEMORY, "%s: no memory", file->path);
    if (rc == 0) {
        ssize_t written = pwrite(file->fd, slot, size, (off_t)(file->place * room_of(file)));
        if (written >= 0 && written != (ssize_t)size) {
            errno = ENOSPC; /* of a regular file nothing else cuts a write short */
        }
        rc = written == (ssize_t)size ? 0 : failed(file, err);
    }
    if (rc == 0) {
        file->count = count;
    }
    explicit_bzero(slot, size);
    free(slot);
    return rc;
}

int slot_file_sync(struct slot_file *file, struct err_text *err)
{
    if (fdatasync(file->fd) != 0) {
        return failed(file, err);
    }
    file->place = 1 - file->place;
    return 0;
}

void slot_file_close(struct slot_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
    }
    file->fd = -1;
}
