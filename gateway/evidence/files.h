/*
 * Pictures as files named by their SHA-256: written beside their place, durable once they are in
 * it, overwritten before they go. Owned by the store's thread; blocks on the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "gateway/model/picture_message.h"

enum {
    PICTURE_FOLDER_SIZE = 200,
    PICTURE_PATH_SIZE = PICTURE_FOLDER_SIZE + 96,
    PICTURE_FOLDERS = 256 /* by the hash's first byte */
};

/* A picture that comes in. Zeroed, or begun. */
struct picture_file {
    int fd; /* -1 when not begun; 0 is never ours */
    EVP_MD_CTX *md;
    uint32_t size; /* so far */
    char path[PICTURE_PATH_SIZE];
};

/* Makes the folders that are missing and wipes what a run before left half written. ERR_IO, `err`
 * names the folder. */
int picture_files_open(const char *folder, struct err_text *err) MUST_CHECK;
/* Where the picture of that hash stands. */
void picture_file_path(const char *folder, const uint8_t sha[PICTURE_SHA_SIZE],
                       char out[PICTURE_PATH_SIZE]);

/* `number`: no other one that comes in now has it. ERR_FULL, ERR_IO, ERR_NO_MEMORY. */
int picture_file_begin(const char *folder, unsigned number, struct picture_file *out,
                       struct err_text *err) MUST_CHECK;
int picture_file_add(struct picture_file *file, const void *bytes, size_t size,
                     struct err_text *err) MUST_CHECK;
/* Into its place when its bytes are those of `sha`, and durable there; ended in any case.
 * ERR_CORRUPT, ERR_FULL, ERR_IO. */
int picture_file_end(const char *folder, struct picture_file *file,
                     const uint8_t sha[PICTURE_SHA_SIZE], struct err_text *err) MUST_CHECK;
void picture_file_abandon(struct picture_file *file); /* one not begun is fine */

/* Reads `size` bytes at `offset`; *out_size is less at the end. `whole`: first everything is
 * compared with the hash. ERR_CORRUPT names the file: other bytes, another size, or not there. */
int picture_file_read(const char *folder, const struct picture_about *about, uint32_t offset,
                      bool whole, void *out, size_t size, size_t *out_size,
                      struct err_text *err) MUST_CHECK;

/* Overwrites the file's bytes with zeros, waits for the disk, takes the file away. What the disk or
 * the file system keeps elsewhere (a journal, a copy on write, a spare block of flash) is not
 * reached. One that is not there is no error. */
int picture_file_wipe(const char *path, struct err_text *err) MUST_CHECK;

/* Calls `each` for the hash of every file of folder `number` (0 … PICTURE_FOLDERS - 1); what has no
 * hash as its name is passed over. Stops at what `each` returns other than 0. */
int picture_files_walk(const char *folder, unsigned number,
                       int (*each)(void *ctx, const uint8_t sha[PICTURE_SHA_SIZE]), void *ctx,
                       struct err_text *err) MUST_CHECK;
