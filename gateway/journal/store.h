/*
 * The journal's SQLite file: opening, its tables, small statements. Internal to gateway/journal.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "gateway/journal/record.h"

enum { STORE_PATH_SIZE = 512, STORE_BUSY_MS = 2000 };

/* "<folder>/<name>"; ERR_INVALID when too long. */
int store_path(const char *folder, const char *name, char out[STORE_PATH_SIZE],
               struct err_text *err) MUST_CHECK;
/* The writer's connection (makes the tables) or a read-only one. ERR_CORRUPT, ERR_IO, ERR_FULL. */
int store_open(const char *path, bool read_only, sqlite3 **out, struct err_text *err) MUST_CHECK;
int store_exec(sqlite3 *db, const char *sql, struct err_text *err) MUST_CHECK;
/* Error code of the last SQLite call, with its message in `err`. */
int store_error(sqlite3 *db, const char *what, struct err_text *err) MUST_CHECK;
/* Meta values: text by key. *out is heap memory, NULL when there is none. */
int store_meta_get(sqlite3 *db, const char *key, char **out, struct err_text *err) MUST_CHECK;
int store_meta_set(sqlite3 *db, const char *key, const char *value, size_t size,
                   struct err_text *err) MUST_CHECK;
/* Columns sequence, header, salt, body, hash of the current row; pointers live until the next step.
 * `stored_hash` (JOURNAL_HASH_SIZE bytes) may be NULL. ERR_CORRUPT names the sequence. */
int store_row_record(sqlite3_stmt *row, struct journal_record *out, const uint8_t **stored_hash,
                     struct err_text *err) MUST_CHECK;
#define STORE_ROW_COLUMNS "sequence, header, salt, body, hash"
