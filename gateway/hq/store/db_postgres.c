/*
 * hqd's database on PostgreSQL: one connection, prepared statements, values in binary. begin()
 * keeps out every other hqd's transactions, begin_scope() those of the same scope only: advisory
 * locks, given back by the server at the end of a transaction whatever becomes of us. A connection
 * lost is taken up again by the next call outside a transaction. Owned by the store thread.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/store/db.h"
#include "gateway/hq/store/db_postgres_guard.h"
#include "gateway/hq/store/pg_copy.h"
#include "gateway/hq/store/pg_link.h"
#include "gateway/hq/store/schema.h"

enum {
    STATEMENTS_MAX = 1024,
    QUEUED_MAX = 128,        /* statements sent whose answers were not read */
    LOCK_WRITE = 0x43504851, /* classes of advisory locks: "CPHQ" */
    LOCK_SCOPE = 0x43504852
};

/* Types by their fixed numbers, src/include/catalog/pg_type.dat. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_VARCHAR = 1043
};

struct statement {
    const char *sql;
    size_t count;
    Oid types[HQ_PARAMS_MAX]; /* 0: the server's guess; only NULL was given so far */
};

struct pg_db {
    struct pg_link link;
    int64_t changed;
    bool in_transaction;
    size_t queued;
    struct pg_copy copy;
    size_t count;
    struct statement cache[STATEMENTS_MAX];
};

/* A row of parameters as libpq takes them; numbers in the order of the wire. */
struct pg_params {
    const char *values[HQ_PARAMS_MAX];
    int sizes[HQ_PARAMS_MAX];
    int formats[HQ_PARAMS_MAX];
    uint64_t numbers[HQ_PARAMS_MAX];
};

static Oid type_of(const struct hq_value *v)
{
    switch (v->type) {
    case HQ_INT:
        return OID_INT8;
    case HQ_TEXT:
        return OID_TEXT;
    case HQ_BLOB:
        return OID_BYTEA;
    case HQ_NULL:
        break;
    }
    return 0;
}

static void fill_params(const struct hq_value *params, size_t count, struct pg_params *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct hq_value *v = &params[i];
        out->formats[i] = 1;
        out->values[i] = v->type == HQ_NULL ? NULL : v->size ? v->data : "";
        out->sizes[i] = (int)v->size;
        if (v->type == HQ_INT) {
            out->numbers[i] = htobe64((uint64_t)v->number);
            out->values[i] = (const char *)&out->numbers[i];
            out->sizes[i] = sizeof(out->numbers[i]);
        }
    }
}

/* ---- connection ---- */

/* Only outside a transaction: inside one, what went before would be missing. */
static int connected(struct pg_db *p, struct err_text *err)
{
    if (p->link.conn && PQstatus(p->link.conn) == CONNECTION_OK)
        return 0;
    if (p->in_transaction)
        return err_set(err, ERR_BUSY, "database: the connection was lost");
    p->count = 0;
    p->queued = 0;
    p->copy.sql = NULL;
    return pg_link_open(&p->link, err);
}

/* Reads the answers of what was queued, or ends a COPY; the first fault counts. */
static int drain(struct pg_db *p, struct err_text *err)
{
    int fault = 0;
    PGresult *result = NULL;
    if (p->queued == 0)
        return pg_copy_end(&p->copy, &p->link, err);
    p->queued = 0;
    if (!p->link.conn || !PQpipelineSync(p->link.conn))
        return pg_link_fail(&p->link, NULL, err);
    for (bool synced = false; !synced;) {
        int rc = pg_link_result(&p->link, &result, err);
        if (rc != 0)
            return rc;
        ExecStatusType status = result ? PQresultStatus(result) : PGRES_COMMAND_OK;
        synced = status == PGRES_PIPELINE_SYNC;
        if (fault == 0 && status == PGRES_FATAL_ERROR)
            fault = pg_link_fail(&p->link, result, err);
        PQclear(result);
        if (!p->link.conn)
            return fault;
    }
    if (!PQexitPipelineMode(p->link.conn))
        return pg_link_fail(&p->link, NULL, err);
    return fault;
}

/* ---- statements ---- */

static bool fits(const struct statement *s, const char *sql, const struct hq_value *params,
                 size_t count)
{
    if (s->sql != sql || s->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (params[i].type != HQ_NULL && s->types[i] != type_of(&params[i]))
            return false;
    return true;
}

static void name_of(size_t at, char out[16])
{
    (void)snprintf(out, 16, "s%zu", at); /* fits */
}

static int prepare(struct pg_db *p, const char *sql, const struct hq_value *params, size_t count,
                   char out_name[16], struct err_text *err)
{
    size_t at = 0;
    while (at < p->count && !fits(&p->cache[at], sql, params, count))
        at++;
    name_of(at, out_name);
    if (at < p->count)
        return 0;
    if (at == STATEMENTS_MAX || count > HQ_PARAMS_MAX)
        return err_set(err, ERR_FULL, "more than %d statements", STATEMENTS_MAX);
    struct statement *s = &p->cache[at];
    *s = (struct statement){.sql = sql, .count = count};
    for (size_t i = 0; i < count; i++)
        s->types[i] = type_of(&params[i]);
    int rc = drain(p, err);
    if (rc != 0)
        return rc;
    if (!PQsendPrepare(p->link.conn, out_name, sql, (int)count, s->types))
        return pg_link_fail(&p->link, NULL, err);
    rc = pg_link_finish(&p->link, err);
    p->count += rc == 0;
    return rc;
}

static int send_statement(struct pg_db *p, const char *name, const struct hq_value *params,
                          size_t count, struct err_text *err)
{
    struct pg_params row;
    fill_params(params, count, &row);
    if (!PQsendQueryPrepared(p->link.conn, name, (int)count, row.values, row.sizes, row.formats, 1))
        return pg_link_fail(&p->link, NULL, err);
    return 0;
}

static int64_t number_of(const char *data, int size)
{
    uint64_t value = 0;
    bool negative = size > 0 && ((unsigned char)data[0] & 0x80U);
    for (int i = 0; i < size; i++)
        value = value << 8 | (unsigned char)data[i];
    if (negative && size < 8)
        value |= UINT64_MAX << (8 * size);
    return (int64_t)value;
}

static int column(const PGresult *result, int at, struct hq_value *out, struct err_text *err)
{
    Oid type = PQftype(result, at);
    const char *data = PQgetvalue(result, 0, at);
    int size = PQgetlength(result, 0, at);
    if (PQgetisnull(result, 0, at)) {
        *out = (struct hq_value){.type = HQ_NULL};
        return 0;
    }
    switch (type) {
    case OID_BOOL:
        *out = hq_int(data[0] != 0);
        return 0;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        *out = hq_int(number_of(data, size));
        return 0;
    case OID_TEXT:
    case OID_VARCHAR:
        *out = (struct hq_value){.type = HQ_TEXT, .data = data, .size = (size_t)size};
        return 0;
    case OID_BYTEA:
        *out = hq_blob(data, (size_t)size);
        return 0;
    default:
        return err_set(err, ERR_IO,
                       "database: column %d has type %u, expected a number, text or"
                       " bytes",
                       at + 1, (unsigned)type);
    }
}

static int give_row(const PGresult *result, hq_row_cb row, void *ctx, struct err_text *err)
{
    struct hq_value columns[HQ_COLUMNS_MAX];
    int count = PQnfields(result);
    int rc = 0;
    if (!row || count > HQ_COLUMNS_MAX)
        return 0;
    for (int i = 0; rc == 0 && i < count; i++)
        rc = column(result, i, &columns[i], err);
    return rc == 0 ? row(ctx, columns, (size_t)count) : rc;
}

/* One row at a time; what comes after a row that was refused is read and dropped. */
static int take_rows(struct pg_db *p, hq_row_cb row, void *ctx, struct err_text *err)
{
    PGresult *result = NULL;
    int stopped = 0;
    int rc;
    while ((rc = pg_link_result(&p->link, &result, err)) == 0 && result) {
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_SINGLE_TUPLE && stopped == 0)
            stopped = give_row(result, row, ctx, err);
        else if (status == PGRES_FATAL_ERROR && stopped == 0)
            stopped = pg_link_fail(&p->link, result, err);
        else if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
            p->changed = strtoll(PQcmdTuples(result), NULL, 10);
        PQclear(result);
        if (!p->link.conn)
            return stopped;
    }
    return rc != 0 ? rc : stopped;
}

static int pg_query(void *impl, const char *sql, const struct hq_value *params, size_t param_count,
                    hq_row_cb row, void *ctx, struct err_text *err)
{
    struct pg_db *p = impl;
    char name[16];
    int rc = connected(p, err);
    if (rc == 0)
        rc = drain(p, err);
    if (rc == 0)
        rc = prepare(p, sql, params, param_count, name, err);
    if (rc == 0)
        rc = send_statement(p, name, params, param_count, err);
    if (rc != 0)
        return rc;
    (void)PQsetSingleRowMode(p->link.conn); /* fails only before a statement was sent */
    return take_rows(p, row, ctx, err);
}

static int pg_queue(void *impl, const char *sql, const struct hq_value *params, size_t param_count,
                    struct err_text *err)
{
    struct pg_db *p = impl;
    char name[16];
    if (!p->in_transaction)
        return pg_query(impl, sql, params, param_count, NULL, NULL, err);
    int rc = connected(p, err);
    if (rc == 0 && (p->queued == QUEUED_MAX || p->copy.sql))
        rc = drain(p, err);
    if (rc == 0)
        rc = prepare(p, sql, params, param_count, name, err);
    if (rc == 0 && p->queued == 0 && !PQenterPipelineMode(p->link.conn))
        rc = pg_link_fail(&p->link, NULL, err);
    if (rc == 0)
        rc = send_statement(p, name, params, param_count, err);
    p->queued += rc == 0;
    return rc;
}

static int pg_add_row(void *impl, const char *copy, const struct hq_value *values, size_t count,
                      struct err_text *err)
{
    struct pg_db *p = impl;
    int rc = connected(p, err);
    if (rc == 0 && !p->copy.sql)
        rc = drain(p, err);
    return rc == 0 ? pg_copy_row(&p->copy, &p->link, copy, values, count, err) : rc;
}

/* ---- transactions ---- */

static void end_transaction(struct pg_db *p)
{
    if (p->link.conn && pg_link_run(&p->link, "ROLLBACK", NULL) != 0)
        pg_link_close(&p->link); /* ends it as well */
}

/* FNV-1a; two scopes of one number only wait for one another. */
static int scope_number(const char *scope)
{
    uint32_t hash = 2166136261U;
    for (; *scope; scope++)
        hash = (hash ^ (unsigned char)*scope) * 16777619U;
    return (int)hash;
}

static int pg_begin_scope(void *impl, const char *scope, struct err_text *err)
{
    struct pg_db *p = impl;
    char sql[200];
    if (scope)
        (void)snprintf(sql, sizeof(sql),
                       "BEGIN; SELECT pg_advisory_xact_lock_shared(%d, 0);"
                       " SELECT pg_advisory_xact_lock(%d, %d)",
                       LOCK_WRITE, LOCK_SCOPE, scope_number(scope)); /* fits */
    else
        (void)snprintf(sql, sizeof(sql), "BEGIN; SELECT pg_advisory_xact_lock(%d, 0)",
                       LOCK_WRITE); /* fits */
    int rc = connected(p, err);
    if (rc == 0)
        rc = pg_link_run(&p->link, sql, err);
    p->in_transaction = rc == 0;
    if (rc != 0) /* its lock was not to be had, say */
        end_transaction(p);
    return rc;
}

static int pg_begin(void *impl, struct err_text *err)
{
    return pg_begin_scope(impl, NULL, err);
}

/* A server whose operator ends the wait for a standby warns, and commits all the same: nobody may
 * be told then. What is sent again is found stored, and its commit waits in its turn. */
static int pg_commit(void *impl, struct err_text *err)
{
    struct pg_db *p = impl;
    int rc = connected(p, err);
    if (rc == 0 && p->copy.sql)
        rc = drain(p, err);
    if (rc != 0)
        return rc; /* rollback follows */
    p->link.warned = false;
    if (p->queued > 0) {
        /* Behind what is queued, for one round trip: a server that refused one of those passes over
         * the rest, this as well, and rollback follows. */
        if (!PQsendQueryParams(p->link.conn, "COMMIT", 0, NULL, NULL, NULL, NULL, 1))
            return pg_link_fail(&p->link, NULL, err);
        rc = drain(p, err);
        p->in_transaction = rc != 0;
    } else {
        rc = pg_link_run(&p->link, "COMMIT", err);
        p->in_transaction = false;
    }
    if (rc == 0 && p->link.warned)
        rc = err_set(err, ERR_BUSY, "database: %s", p->link.warning);
    return rc;
}

static void pg_rollback(void *impl)
{
    struct pg_db *p = impl;
    if (!p->in_transaction)
        return;
    p->in_transaction = false;
    int rc = drain(p, NULL);
    (void)rc; /* whatever the statements came to, nothing of them stays */
    end_transaction(p);
}

static int64_t pg_changed(void *impl)
{
    return ((struct pg_db *)impl)->changed;
}

static int pg_descriptor(void *impl)
{
    const struct pg_db *p = impl;
    return p->link.conn ? PQsocket(p->link.conn) : -1;
}

static bool pg_told(void *impl)
{
    struct pg_db *p = impl;
    bool told = false;
    PGnotify *note;
    if (!p->link.conn)
        return false;
    if (!PQconsumeInput(p->link.conn)) {
        pg_link_close(&p->link);
        return false;
    }
    while ((note = PQnotifies(p->link.conn))) {
        told = true;
        PQfreemem(note);
    }
    return told;
}

static void pg_watch(void *impl, void (*alive)(void *ctx), void *ctx)
{
    struct pg_db *p = impl;
    p->link.alive = alive;
    p->link.alive_ctx = ctx;
}

static void pg_close(void *impl)
{
    struct pg_db *p = impl;
    pg_link_close(&p->link);
    if (p->link.url)
        explicit_bzero(p->link.url, strlen(p->link.url)); /* may hold a password */
    free(p->link.url);
    free(p);
}

static const struct hq_db_ops pg_ops = {
    .begin = pg_begin,
    .begin_scope = pg_begin_scope,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .query = pg_query,
    .queue = pg_queue,
    .add_row = pg_add_row,
    .changed = pg_changed,
    .descriptor = pg_descriptor,
    .told = pg_told,
    .watch = pg_watch,
    .close = pg_close,
    .inbox_top = "SELECT pg_sequence_last_value('inbox_number_seq')",
    .inbox_raise = "INSERT INTO inbox(number, checkpoint, kind, body, created_ms, expires_ms)"
                   " SELECT setval('inbox_number_seq', $1), '', 'none', '\\x7b7d', $2, $3",
};

/* ---- opening ---- */

/* -1: nothing of ours nor of anybody else's. Inside the caller's transaction. */
static int read_version(struct hq_db *db, int64_t *out, struct err_text *err)
{
    int64_t ours = 0;
    int64_t tables = 0;
    int rc = hq_db_number(db,
                          "SELECT count(*) FROM pg_class c WHERE c.relname = 'hqd_about'"
                          " AND c.relnamespace = current_schema()::regnamespace",
                          NULL, 0, 0, &ours, err);
    if (rc == 0 && ours > 0)
        return hq_db_number(db, "SELECT version FROM hqd_about WHERE application = 'hqd'", NULL, 0,
                            0, out, err);
    if (rc == 0)
        rc = hq_db_number(db,
                          "SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'p')"
                          " AND c.relnamespace = current_schema()::regnamespace",
                          NULL, 0, 0, &tables, err);
    if (rc == 0 && tables > 0)
        rc = err_set(err, ERR_CORRUPT,
                     "another program's tables, expected hqd's or an empty schema");
    if (rc == 0)
        *out = -1;
    return rc;
}

/* hqd_about and, from `from` on, every step. */
static int raise_schema(struct pg_db *p, int64_t from, struct err_text *err)
{
    static const char *const guards[HQ_SCHEMA_VERSION] = {[7] = hq_postgres_guards};
    char mark[80];
    int rc = 0;
    (void)snprintf(mark, sizeof(mark), "UPDATE hqd_about SET version = %d",
                   HQ_SCHEMA_VERSION); /* fits */
    if (from < 0)
        rc = pg_link_run(&p->link,
                         "CREATE TABLE hqd_about(one BIGINT PRIMARY KEY CHECK(one = 1),"
                         " application TEXT NOT NULL, version BIGINT NOT NULL);"
                         "INSERT INTO hqd_about VALUES(1, 'hqd', 0)",
                         err);
    for (int64_t step = from < 0 ? HQ_SCHEMA_POSTGRES_FIRST - 1 : from;
         rc == 0 && step < HQ_SCHEMA_VERSION; step++) {
        rc = pg_link_run(&p->link, hq_schema[step].postgres, err);
        if (rc == 0 && guards[step])
            rc = pg_link_run(&p->link, guards[step], err);
    }
    if (rc == 0)
        rc = pg_link_run(&p->link, mark, err);
    if (rc == ERR_DENIED)
        rc = err_prefix(err, rc,
                        "the schema must be brought up: start hqd once with a role that owns it");
    return rc;
}

/* Whether the role may delete bodies must be what the program is for. */
static int check_right(struct pg_db *p, bool expected, struct err_text *err)
{
    struct hq_db db = {&pg_ops, p};
    int64_t may = 0;
    int rc = hq_db_number(&db, "SELECT hqd_may_forget()", NULL, 0, 0, &may, err);
    if (rc != 0 || (may != 0) == expected)
        return rc;
    return expected ? err_set(err, ERR_DENIED,
                              "the role may delete no bodies: give it the rights of"
                              " postgres_grants.sql; it must own nothing of the schema")
                    : err_set(err, ERR_DENIED,
                              "the role may delete bodies, which is hq-retaind's alone: give hqd"
                              " a role of its own (postgres_grants.sql)");
}

/* One hqd brings it up, others that start meanwhile wait for it. */
static int bring_up(struct pg_db *p, struct err_text *err)
{
    struct hq_db db = {&pg_ops, p};
    int64_t version = 0;
    int rc = pg_begin(p, err);
    if (rc == 0)
        rc = read_version(&db, &version, err);
    if (rc == 0 && version > HQ_SCHEMA_VERSION)
        rc = err_set(err, ERR_UNSUPPORTED,
                     "schema %lld, this hqd knows %d: a newer hqd wrote it, install that one",
                     (long long)version, HQ_SCHEMA_VERSION);
    if (rc == 0 && version >= 0 && version < HQ_SCHEMA_POSTGRES_FIRST)
        rc = err_set(err, ERR_CORRUPT, "schema %lld: hqd_about was altered", (long long)version);
    if (rc == 0 && version < HQ_SCHEMA_VERSION)
        rc = raise_schema(p, version, err);
    if (rc == 0)
        rc = check_right(p, false, err);
    if (rc == 0)
        rc = pg_commit(p, err);
    pg_rollback(p);
    return rc;
}

/* The retention program brings nothing up. */
static int check_version(struct pg_db *p, struct err_text *err)
{
    struct hq_db db = {&pg_ops, p};
    int64_t version = 0;
    int rc = read_version(&db, &version, err);
    if (rc == 0 && version != HQ_SCHEMA_VERSION)
        rc = err_set(err, ERR_UNSUPPORTED,
                     "schema %lld, expected %d: start hqd of this version first",
                     (long long)version, HQ_SCHEMA_VERSION);
    return rc == 0 ? check_right(p, true, err) : rc;
}

/* The URL without what may be secret: what stands behind "@". */
static const char *shown(const char *url)
{
    const char *at = strrchr(url, '@');
    const char *scheme = strstr(url, "://");
    return at ? at + 1 : scheme ? scheme + 3 : url;
}

static int open_url(const char *url, int (*check)(struct pg_db *p, struct err_text *err),
                    struct hq_db *out, struct err_text *err)
{
    struct pg_db *p = calloc(1, sizeof(*p));
    int rc = 0;
    if (!p || !(p->link.url = strdup(url)))
        rc = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (rc == 0)
        rc = pg_link_open(&p->link, err);
    if (rc == 0)
        rc = check(p, err);
    if (rc != 0) {
        if (p)
            pg_close(p);
        return err_prefix(err, rc, "PostgreSQL %s", shown(url));
    }
    *out = (struct hq_db){&pg_ops, p};
    return 0;
}

int hq_db_open_postgres(const char *url, struct hq_db *out, struct err_text *err)
{
    return open_url(url, bring_up, out, err);
}

int hq_db_open_postgres_retention(const char *url, struct hq_db *out, struct err_text *err)
{
    return open_url(url, check_version, out, err);
}
