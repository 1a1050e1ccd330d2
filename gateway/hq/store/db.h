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

enum { HQ_COLUMNS_MAX = 24, HQ_PARAMS_MAX = 16 };

/* One row; 0 goes on, anything else stops and is what the query returns. */
typedef int (*hq_row_cb)(void *ctx, const struct hq_value *columns, size_t count);

struct hq_db_ops {
    /* Write transactions: nothing another hqd writes comes between begin and commit. ERR_BUSY,
     * ERR_IO. */
    int (*begin)(void *impl, struct err_text *err);
    /* The same against writers of one scope and against begin; NULL: the engine has only begin. */
    int (*begin_scope)(void *impl, const char *scope, struct err_text *err);
    /* Durable when it returns 0. ERR_FULL, ERR_IO. */
    int (*commit)(void *impl, struct err_text *err);
    void (*rollback)(void *impl); /* fine without a transaction */
    /* Runs one statement. ERR_CONFLICT: a uniqueness rule; ERR_FULL, ERR_IO; or the callback's. */
    int (*query)(void *impl, const char *sql, const struct hq_value *params, size_t param_count,
                 hq_row_cb row, void *ctx, struct err_text *err);
    /* A statement without rows that need not be done when this returns; NULL: query does it. */
    int (*queue)(void *impl, const char *sql, const struct hq_value *params, size_t param_count,
                 struct err_text *err);
    /* One of many rows for `copy`, PostgreSQL's COPY in binary, its columns in the values' order;
     * needs not be in the table when this returns. NULL: an INSERT does it. */
    int (*add_row)(void *impl, const char *copy, const struct hq_value *values, size_t count,
                   struct err_text *err);
    /* Rows the last statement changed. */
    int64_t (*changed)(void *impl);
    /* These three may be NULL. */
    int (*descriptor)(void *impl);
    bool (*told)(void *impl);
    void (*watch)(void *impl, void (*alive)(void *ctx), void *ctx);
    /* Nothing that was deleted is left in the store's files. NULL: not this engine's business.
     * ERR_BUSY: a reader is in the way, try again. */
    int (*scrub)(void *impl, struct err_text *err);
    void (*close)(void *impl);
    /* SQL: the highest number the inbox ever drew; what makes it draw above $1 from now on, and
     * leaves a row to nobody there that says so until $3: nothing above $2 (created_ms) was drawn.
     */
    const char *inbox_top;
    const char *inbox_raise;
};

struct hq_db {
    const struct hq_db_ops *ops;
    void *impl;
};

/* "postgresql://…" (or "postgres://…"), "sqlite:<path>" or a path: opens or creates the database
 * and brings its schema up (schema.h). ERR_IO, ERR_BUSY (cannot be reached), ERR_CORRUPT (damaged,
 * or another program's), ERR_DENIED, ERR_UNSUPPORTED (written by a newer hqd, or a server that
 * could lose records). hq_db_close frees. */
int hq_db_open(const char *where, struct hq_db *out, struct err_text *err) MUST_CHECK;
int hq_db_open_sqlite(const char *path, struct hq_db *out, struct err_text *err) MUST_CHECK;
int hq_db_open_postgres(const char *url, struct hq_db *out, struct err_text *err) MUST_CHECK;
bool hq_db_is_postgres(const char *where);
/* The same file for the retention program: what the guards (db_sqlite_guard.h) let it do and hqd
 * not is to delete bodies. The file must be there. */
int hq_db_open_sqlite_retention(const char *path, struct hq_db *out,
                                struct err_text *err) MUST_CHECK;
/* The same over PostgreSQL, by a role of its own (db_postgres_guard.h). */
int hq_db_open_postgres_retention(const char *url, struct hq_db *out,
                                  struct err_text *err) MUST_CHECK;
void hq_db_close(struct hq_db *db); /* a zeroed one is fine */

int hq_db_begin(struct hq_db *db, struct err_text *err) MUST_CHECK;
/* A write transaction for one scope, a checkpoint's name: only of writers for the same scope and of
 * hq_db_begin does none come in between. Numbers that others follow by a cursor (hits, answers,
 * inbox) are drawn after hq_db_change in it, so that they become visible in their order. */
int hq_db_begin_scope(struct hq_db *db, const char *scope, struct err_text *err) MUST_CHECK;
int hq_db_commit(struct hq_db *db, struct err_text *err) MUST_CHECK;
void hq_db_rollback(struct hq_db *db);
int hq_db_query(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                hq_row_cb row, void *ctx, struct err_text *err) MUST_CHECK;
int64_t hq_db_changed(struct hq_db *db);
int hq_db_scrub(struct hq_db *db, struct err_text *err) MUST_CHECK;

/* A statement without rows inside a transaction, which need not be done when this returns: its
 * fault is told by a later call of the transaction, at the latest by hq_db_commit. hq_db_changed
 * says nothing of it. */
int hq_db_queue(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                struct err_text *err) MUST_CHECK;

/* Many rows of one table, inside a transaction: the same statement twice, for one row and as COPY.
 * As hq_db_queue. */
struct hq_rows {
    const char *insert; /* "INSERT INTO t(a, b) VALUES($1, $2)" */
    const char *copy;   /* "COPY t(a, b) FROM STDIN (FORMAT binary)" */
};
int hq_db_add_row(struct hq_db *db, const struct hq_rows *rows, const struct hq_value *values,
                  size_t count, struct err_text *err) MUST_CHECK;

/* What others may have changed, in two numbers that only rise. */
struct hq_db_revision {
    int64_t inbox; /* list, key set, policy, messages: what boxes are told */
    int64_t hits;  /* what operators follow */
};
enum hq_db_change { HQ_DB_CHANGE_INBOX, HQ_DB_CHANGE_HITS };
/* Inside a transaction: every other hqd over this database will look. */
int hq_db_change(struct hq_db *db, enum hq_db_change what, struct err_text *err) MUST_CHECK;
int hq_db_revision(struct hq_db *db, struct hq_db_revision *out, struct err_text *err) MUST_CHECK;
/* Further ahead of what was ever drawn is no number that a box can have seen. */
#define HQ_DB_INBOX_AHEAD_MAX ((int64_t)1 << 32)
/* Whether this database never drew `number`, which a box has seen: it was put back to an earlier
 * state. Also of numbers passed over since. ERR_TOO_LARGE: HQ_DB_INBOX_AHEAD_MAX. */
int hq_db_inbox_undrawn(struct hq_db *db, int64_t number, bool *out_undrawn,
                        struct err_text *err) MUST_CHECK;
/* The inbox's numbers go on above `number`, known undrawn, if they do not yet; known of it until
 * `until_ms`. Inside a transaction. */
int hq_db_raise_inbox(struct hq_db *db, int64_t number, int64_t until_ms,
                      struct err_text *err) MUST_CHECK;
/* Readable when hq_db_revision is worth a look before its time; -1: there is no such thing. It
 * changes when the connection is taken up again. */
int hq_db_descriptor(struct hq_db *db);
/* Reads what made it readable; true: another hqd told of a change. */
bool hq_db_told(struct hq_db *db);
/* `alive` is called at least once a second while a call waits for a server. */
void hq_db_watch(struct hq_db *db, void (*alive)(void *ctx), void *ctx);

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
