/*
 * The database behind hqd, as one small table of functions, so that SQLite (one machine) and
 * PostgreSQL (beyond) differ in one file only. Statements are standard SQL with $1, $2, … and are
 * string literals: an engine may cache by their address. One thread owns a struct hq_db; it blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum hq_type { HQ_NULL, HQ_INT, HQ_TEXT, HQ_BLOB };

/* A parameter or a column. Bytes are borrowed: of the caller, or until the row callback returns. */
struct hq_value {
    enum hq_type type;
    int64_t number;   /* HQ_INT */
    const char *data; /* HQ_TEXT, HQ_BLOB; never NULL for those, text need not end with NUL */
    size_t size;      /* bytes */
};

enum { HQ_COLUMNS_MAX = 16, HQ_PARAMS_MAX = 16 };

/* One row; 0 goes on, anything else stops and is what the query returns. */
typedef int (*hq_row_cb)(void *ctx, const struct hq_value *columns, size_t count);

struct hq_db_ops {
    /* Write transactions: nothing another hqd writes comes between begin and commit. ERR_BUSY,
     * ERR_IO. */
    int (*begin)(void *impl, struct err_text *err);
    /* Durable when it returns 0. ERR_FULL, ERR_IO. */
    int (*commit)(void *impl, struct err_text *err);
    void (*rollback)(void *impl); /* fine without a transaction */
    /* Runs one statement. ERR_CONFLICT: a uniqueness rule; ERR_FULL, ERR_IO; or the callback's. */
    int (*query)(void *impl, const char *sql, const struct hq_value *params, size_t param_count,
                 hq_row_cb row, void *ctx, struct err_text *err);
    /* Rows the last statement changed. */
    int64_t (*changed)(void *impl);
    /* Nothing that was deleted is left in the store's files. NULL: not this engine's business.
     * ERR_BUSY: a reader is in the way, try again. */
    int (*scrub)(void *impl, struct err_text *err);
    void (*close)(void *impl);
};

struct hq_db {
    const struct hq_db_ops *ops;
    void *impl;
};

/* Opens or creates hqd's database file; brings its schema up. ERR_IO, ERR_CORRUPT, ERR_UNSUPPORTED
 * (written by a newer hqd). hq_db_close frees. */
int hq_db_open_sqlite(const char *path, struct hq_db *out, struct err_text *err) MUST_CHECK;
/* The same file for the retention program: what the guards (db_sqlite_guard.h) let it do and hqd
 * not is to delete bodies. The file must be there. */
int hq_db_open_sqlite_retention(const char *path, struct hq_db *out,
                                struct err_text *err) MUST_CHECK;
void hq_db_close(struct hq_db *db); /* a zeroed one is fine */

int hq_db_begin(struct hq_db *db, struct err_text *err) MUST_CHECK;
int hq_db_commit(struct hq_db *db, struct err_text *err) MUST_CHECK;
void hq_db_rollback(struct hq_db *db);
int hq_db_query(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                hq_row_cb row, void *ctx, struct err_text *err) MUST_CHECK;
int64_t hq_db_changed(struct hq_db *db);
int hq_db_scrub(struct hq_db *db, struct err_text *err) MUST_CHECK;

/* Parameters: hq_db_run(db, err, "UPDATE …", HQ_N(5), HQ_T("north-1")). */
struct hq_value hq_int(int64_t number);
struct hq_value hq_text(const char *text); /* NULL gives SQL NULL */
struct hq_value hq_blob(const void *data, size_t size);
#define HQ_PARAMS(...)                                                                             \
    (const struct hq_value[]){__VA_ARGS__},                                                        \
        sizeof((const struct hq_value[]){__VA_ARGS__}) / sizeof(struct hq_value)

/* A statement without rows. */
int hq_db_exec(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
               struct err_text *err) MUST_CHECK;
/* One number; `fallback` when there is no row or it is NULL. */
int hq_db_number(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                 int64_t fallback, int64_t *out, struct err_text *err) MUST_CHECK;
/* One blob or text, heap with a NUL behind it, the caller frees. ERR_NOT_FOUND without a row. */
int hq_db_bytes(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                char **out, size_t *out_size, struct err_text *err) MUST_CHECK;
