/*
 * A file of one size that is written over often and survives a power cut: two places, written in
 * turn, each with a count and a hash. What was written and not synced may be lost or torn; what was
 * synced last stands until the other place was synced. A plain value with one owner thread; blocks
 * on the disk.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum { SLOT_FILE_PATH_SIZE = 272, SLOT_FILE_CONTENT_MAX = 64 * 1024 };

struct slot_file {
    char path[SLOT_FILE_PATH_SIZE];
    size_t size;    /* bytes of the content */
    int fd;         /* -1: not open */
    unsigned place; /* 0 or 1: written next */
    uint64_t count; /* of the newest */
};

/* Closed. `size`: 1 to SLOT_FILE_CONTENT_MAX bytes, every content has as many. The path is copied;
 * one that is too long fails in slot_file_open. */
void slot_file_init(struct slot_file *file, const char *path, size_t size);
/* Makes the file durably where there is none, and reads the newest content that is whole into
 * out[size]. ERR_NOT_FOUND: it is open, and holds none. ERR_IO, ERR_FULL, ERR_TOO_LARGE,
 * ERR_NO_MEMORY: it is not open. */
int slot_file_open(struct slot_file *file, uint8_t *out, struct err_text *err) MUST_CHECK;
/* Writes content[size], for readers after a kill of the program. Its count is one more than that of
 * the one before, or `count_min` where that is more: with a time in it the file says when it was
 * written last, not how often. ERR_IO, ERR_FULL, ERR_NO_MEMORY. */
int slot_file_write(struct slot_file *file, const uint8_t *content, uint64_t count_min,
                    struct err_text *err) MUST_CHECK;
/* What was written last survives a power cut from now on. ERR_IO. */
int slot_file_sync(struct slot_file *file, struct err_text *err) MUST_CHECK;
void slot_file_close(struct slot_file *file); /* also one that is not open */
