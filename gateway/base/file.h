/*
 * Whole files: bounded reads, atomic durable writes. Any thread; blocks on the disk.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/base/err.h"

/* Reads a regular file of at most `limit_bytes`; *out is heap memory with a NUL behind it, the
 * caller frees. ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_IO, ERR_NO_MEMORY; `err` names path and reason.
 */
int file_read(const char *path, size_t limit_bytes, uint8_t **out, size_t *out_size,
              struct err_text *err) MUST_CHECK;
/* Writes beside `path`, fsyncs, renames over it and fsyncs the folder: after success the new bytes
 * survive a power cut, before it the old ones do. ERR_FULL when the disk is, ERR_IO. */
int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode,
                      struct err_text *err) MUST_CHECK;
/* The same on a stick, whose file system may know no modes: readable by whoever it lets. Whatever
 * stands there leads it nowhere else. */
int file_write_stick(const char *path, const void *data, size_t size,
                     struct err_text *err) MUST_CHECK;
/* A folder on a stick, made where there is none, or there already: itself, not a link to another
 * one. ERR_NOT_FOUND, ERR_DENIED, ERR_FULL, ERR_IO. */
int file_make_folder_stick(const char *path, struct err_text *err) MUST_CHECK;
int file_check_folder_stick(const char *path, struct err_text *err) MUST_CHECK;
/* What was made, renamed or deleted in the folder of `path`, shorter than 4096 bytes, survives a
 * power cut. -1 with errno. */
int file_sync_folder_of(const char *path) MUST_CHECK;
/* Makes a folder where there is none; one that was made survives a power cut. ERR_FULL, ERR_IO. */
int file_make_folder(const char *path, mode_t mode, struct err_text *err) MUST_CHECK;
