/*
 * hqd's database on SQLite: WAL, synchronous=FULL, so that a commit survives a power cut.
 * Statements are cached by the address of their text. Owned by the store thread.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/store/db.h"
#include "gateway/hq/store/db_sqlite_guard.h"
#include "gateway/hq/store/schema.h"
#include "gateway/journal/wipe.h"
#include "gateway/match/crowd.h"
#include "gateway/model/wanted.h"

/* The application id ("CPHQ") keeps another program's database from being written to. */
enum { STATEMENTS_MAX = 512, BUSY_MS = 5000 };

struct sqlite_db {
    sqlite3 *db;
    size_t count;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } cache[STATEMENTS_MAX];
};

static int code_of(sqlite3 *db)
{
    switch (sqlite3_errcode(db)) {
    case SQLITE_CONSTRAINT:
        return ERR_CONFLICT;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_BUSY:
        return ERR_BUSY;
    case SQLITE_NOMEM:
        return ERR_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    default:
        return ERR_IO;
    }
}

static int fail(struct sqlite_db *s, struct err_text *err)
{
    return err_set(err, code_of(s->db), "database: %s", sqlite3_errmsg(s->db));
}

static int run_text(struct sqlite_db *s, const char *sql, struct err_text *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, err);
}

static int prepare(struct sqlite_db *s, const char *sql, sqlite3_stmt **out, struct err_text *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->cache[i].sql == sql) {
            *out = s->cache[i].statement;
            return 0;
        }
    if (s->count == STATEMENTS_MAX)
        return err_set(err, ERR_FULL, "more than %d statements", STATEMENTS_MAX);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
        SQLITE_OK)
        return fail(s, err);
    s->cache[s->count].sql = sql;
    s->cache[s->count++].statement = statement;
    *out = statement;
    return 0;
}

static int bind(struct sqlite_db *s, sqlite3_stmt *statement, const struct hq_value *params,
                size_t count, struct err_text *err)
{
    for (size_t i = 0; i < count; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "$%zu", i + 1); /* count is small */
        int at = sqlite3_bind_parameter_index(statement, name);
        const struct hq_value *p = &params[i];
        int rc = SQLITE_OK;
        if (p->type == HQ_INT)
            rc = sqlite3_bind_int64(statement, at, p->number);
        else if (p->type == HQ_TEXT)
            rc = sqlite3_bind_text64(statement, at, p->data, p->size, SQLITE_STATIC, SQLITE_UTF8);
        else if (p->type == HQ_BLOB)
            rc = sqlite3_bind_blob64(statement, at, p->size ? p->data : "", p->size, SQLITE_STATIC);
        if (rc != SQLITE_OK)
            return fail(s, err);
    }
    return 0;
}

static void column(sqlite3_stmt *statement, int at, struct hq_value *out)
{
    switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
        *out = hq_int(sqlite3_column_int64(statement, at));
        break;
    case SQLITE_TEXT:
        *out = (struct hq_value){.type = HQ_TEXT,
                                 .data = (const char *)sqlite3_column_text(statement, at),
                                 .size = (size_t)sqlite3_column_bytes(statement, at)};
        break;
    case SQLITE_BLOB: {
        const char *data = sqlite3_column_blob(statement, at);
        *out = hq_blob(data ? data : "", (size_t)sqlite3_column_bytes(statement, at));
        break;
    }
    default:
        *out = (struct hq_value){.type = HQ_NULL};
    }
}

static int step_all(struct sqlite_db *s, sqlite3_stmt *statement, hq_row_cb row, void *ctx,
                    struct err_text *err)
{
    struct hq_value columns[HQ_COLUMNS_MAX];
    int count = sqlite3_column_count(statement);
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!row || count > HQ_COLUMNS_MAX)
            continue;
        for (int i = 0; i < count; i++)
            column(statement, i, &columns[i]);
        int rc = row(ctx, columns, (size_t)count);
        if (rc != 0)
            return rc;
    }
    return step == SQLITE_DONE ? 0 : fail(s, err);
}

/* Once open, a damaged file is our own fault: ERR_CORRUPT stays the word for what a peer sent. */
static int own_fault(int rc, struct err_text *err)
{
    if (rc != ERR_CORRUPT)
        return rc;
    return err && err->text[0] ? err_prefix(err, ERR_IO, "stored data damaged")
                               : err_set(err, ERR_IO, "database: stored data damaged");
}

static int sqlite_query(void *impl, const char *sql, const struct hq_value *params,
                        size_t param_count, hq_row_cb row, void *ctx, struct err_text *err)
{
    struct sqlite_db *s = impl;
    sqlite3_stmt *statement = NULL;
    int rc = prepare(s, sql, &statement, err);
    if (rc != 0)
        return own_fault(rc, err);
    rc = bind(s, statement, params, param_count, err);
    if (rc == 0)
        rc = step_all(s, statement, row, ctx, err);
    (void)sqlite3_reset(statement);          /* repeats the step's error */
    (void)sqlite3_clear_bindings(statement); /* always SQLITE_OK */
    return own_fault(rc, err);
}

static int sqlite_begin(void *impl, struct err_text *err)
{
    return own_fault(run_text(impl, "BEGIN IMMEDIATE", err), err);
}

static int sqlite_commit(void *impl, struct err_text *err)
{
    return own_fault(run_text(impl, "COMMIT", err), err);
}

static void sqlite_rollback(void *impl)
{
    struct sqlite_db *s = impl;
    if (!sqlite3_get_autocommit(s->db))
        (void)run_text(s, "ROLLBACK", NULL); /* a failed one was rolled back by SQLite itself */
}

static int64_t sqlite_changed(void *impl)
{
    return sqlite3_changes64(((struct sqlite_db *)impl)->db);
}

/* What was deleted stands in the write-ahead log until that is emptied. */
static int sqlite_scrub(void *impl, struct err_text *err)
{
    struct sqlite_db *s = impl;
    return sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
                   SQLITE_OK
               ? 0
               : own_fault(fail(s, err), err);
}

static void sqlite_close(void *impl)
{
    struct sqlite_db *s = impl;
    for (size_t i = 0; i < s->count; i++)
        (void)sqlite3_finalize(s->cache[i].statement); /* repeats an earlier error */
    (void)sqlite3_close(s->db);                        /* nothing is left open */
    free(s);
}

static const struct hq_db_ops sqlite_ops = {
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .query = sqlite_query,
    .changed = sqlite_changed,
    .scrub = sqlite_scrub,
    .close = sqlite_close,
    .inbox_top = "SELECT seq FROM sqlite_sequence WHERE name = 'inbox'",
    .inbox_raise = "INSERT INTO inbox(number, checkpoint, kind, body, created_ms, expires_ms)"
                   " VALUES($1, '', 'none', x'7b7d', $2, $3)",
};

/* Whether the file is ours, or empty; before anything is written to it. */
static int check_owner(struct sqlite_db *s, int64_t *out_version, struct err_text *err)
{
    struct hq_db db = {&sqlite_ops, s};
    int64_t owner = 0;
    int64_t version = 0;
    int64_t tables = 0;
    int rc = run_text(s, "PRAGMA schema_version", err); /* reads the header: no database? */
    if (rc == 0)
        rc = hq_db_number(&db, "PRAGMA application_id", NULL, 0, 0, &owner, err);
    if (rc == 0)
        rc = hq_db_number(&db, "PRAGMA user_version", NULL, 0, 0, &version, err);
    if (rc == 0)
        rc = hq_db_number(&db, "SELECT count(*) FROM sqlite_schema", NULL, 0, 0, &tables, err);
    if (rc == 0 && owner != HQ_APPLICATION_ID && (owner != 0 || version != 0 || tables != 0))
        rc = err_set(err, ERR_CORRUPT, "another program's database, expected hqd's");
    if (rc == 0 && version > HQ_SCHEMA_VERSION)
        rc = err_set(err, ERR_UNSUPPORTED, "schema %lld, this hqd knows %d", (long long)version,
                     HQ_SCHEMA_VERSION);
    if (rc == 0)
        *out_version = version;
    return rc;
}

/* crowd_of(record) in SQL, for the entries an older hqd wrote. */
static void crowd_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct wanted_record record;
    struct byte_reader r;
    int size = count == 1 ? sqlite3_value_bytes(values[0]) : 0;
    byte_reader_init(&r, sqlite3_value_blob(values[0]), (size_t)size);
    if (wanted_record_read(&r, &record, NULL) != 0)
        sqlite3_result_error(context, "an entry's record cannot be read", -1);
    else
        sqlite3_result_int64(context, (sqlite3_int64)match_crowd_of(record.key));
}

static int raise_schema(struct sqlite_db *s, int64_t from, struct err_text *err)
{
    static const char *const guards[HQ_SCHEMA_VERSION] = {[4] = hq_sqlite_guards};
    int rc = sqlite3_create_function(s->db, "crowd_of", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                     crowd_of, NULL, NULL) == SQLITE_OK
                 ? 0
                 : fail(s, err);
    for (int64_t step = from; rc == 0 && step < HQ_SCHEMA_VERSION; step++)
        if ((rc = run_text(s, hq_schema[step].sqlite, err)) == 0 && guards[step])
            rc = run_text(s, guards[step], err);
    return rc;
}

static int bring_up(struct sqlite_db *s, struct err_text *err)
{
    char mark[80];
    int64_t version = 0;
    (void)snprintf(mark, sizeof(mark), "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   HQ_APPLICATION_ID, HQ_SCHEMA_VERSION); /* fits */
    int rc = check_owner(s, &version, err);
    if (rc == 0)
        rc =
            run_text(s,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                     "PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
                     /* a REPLACE fires the triggers of what it deletes */
                     "PRAGMA recursive_triggers=ON",
                     err);
    if (rc != 0 || version == HQ_SCHEMA_VERSION)
        return rc;
    rc = sqlite_begin(s, err);
    if (rc == 0)
        rc = raise_schema(s, version, err);
    if (rc == 0)
        rc = run_text(s, mark, err);
    if (rc == 0)
        rc = sqlite_commit(s, err);
    sqlite_rollback(s);
    return rc;
}

static int open_file(const char *path, bool may_forget, struct hq_db *out, struct err_text *err)
{
    struct sqlite_db *s = calloc(1, sizeof(*s));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (may_forget ? 0 : SQLITE_OPEN_CREATE);
    const char *vfs = NULL;
    if (!s)
        return err_set(err, ERR_NO_MEMORY, "%s", path);
    int rc = wipe_vfs(&vfs, err);
    if (rc == 0 && sqlite3_open_v2(path, &s->db, flags, vfs) != SQLITE_OK)
        rc = err_set(err, ERR_IO, "%s", s->db ? sqlite3_errmsg(s->db) : "out of memory");
    if (rc == 0 && hq_sqlite_guard_open(s->db, may_forget) != SQLITE_OK)
        rc = fail(s, err);
    if (rc == 0) {
        (void)sqlite3_busy_timeout(s->db, BUSY_MS); /* always SQLITE_OK */
        rc = bring_up(s, err);
    }
    if (rc != 0) {
        sqlite_close(s);
        return err_prefix(err, rc, "%s", path);
    }
    *out = (struct hq_db){&sqlite_ops, s};
    return 0;
}

int hq_db_open_sqlite(const char *path, struct hq_db *out, struct err_text *err)
{
    return open_file(path, false, out, err);
}

int hq_db_open_sqlite_retention(const char *path, struct hq_db *out, struct err_text *err)
{
    return open_file(path, true, out, err);
}
