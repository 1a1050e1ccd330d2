/*
 * A database of every earlier version, each of its tables filled, brought up by this hqd: every row
 * and column is there as it was, the schema is that of a new database, the guards stand over what
 * was there before. SQLite; PostgreSQL with CHECKPOINT_HQ_DATABASE, from its first version on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/hq/store/db.h"
#include "gateway/hq/store/db_postgres_guard.h"
#include "gateway/hq/store/db_sqlite_guard.h"
#include "gateway/hq/store/schema.h"
#include "gateway/model/plate_key.h"

enum { TEXT_SIZE = 1 << 18, SQL_SIZE = 4096, TABLES_MAX = 64, NAME_SIZE = 64, ROWS = 3 };
/* As db_sqlite.c and db_postgres.c mark and guard what they make. */
enum { APPLICATION_ID = 0x43504851, SQLITE_GUARDED = 5, POSTGRES_GUARDED = 8 };

/* The database past hqd: one of the two. */
static sqlite3 *plain;
static PGconn *conn;
static char path[64];
static const char *server;

struct rows {
    char text[TEXT_SIZE]; /* a row a line */
    size_t size;
};

static void add_row(struct rows *out, const char *value)
{
    size_t size = strlen(value);
    assert_true(out->size + size + 2 < sizeof(out->text));
    memcpy(out->text + out->size, value, size);
    out->size += size;
    out->text[out->size++] = '\n';
    out->text[out->size] = '\0';
}

static int sqlite_row(void *ctx, int count, char **values, char **names)
{
    (void)names;
    assert_int_equal(count, 1);
    add_row(ctx, values[0] ? values[0] : "NULL");
    return 0;
}

/* The first column of what `sql` answers; of several statements that of the last. */
static void ask(const char *sql, struct rows *out)
{
    *out = (struct rows){.size = 0};
    if (plain) {
        char *why = NULL;
        if (sqlite3_exec(plain, sql, sqlite_row, out, &why) != SQLITE_OK)
            fail_msg("%s: %.900s", why, sql);
        return;
    }
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %.900s", PQerrorMessage(conn), sql);
    for (int i = 0; i < PQntuples(result); i++)
        add_row(out, PQgetisnull(result, i, 0) ? "NULL" : PQgetvalue(result, i, 0));
    PQclear(result);
}

static void run(const char *sql)
{
    static struct rows none;
    ask(sql, &none);
}

/* What old steps use; there are no entries yet. */
static void crowd_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values; /* whatever it is */
    sqlite3_result_int(context, 0);
}

static void open_plain(void)
{
    if (server) {
        conn = PQconnectdb(server);
        assert_int_equal(PQstatus(conn), CONNECTION_OK);
        run("SET client_min_messages = error; SET search_path = unit");
        return;
    }
    assert_int_equal(sqlite3_open(path, &plain), SQLITE_OK);
    assert_int_equal(hq_sqlite_guard_open(plain, false), SQLITE_OK);
    assert_int_equal(
        sqlite3_create_function(plain, "crowd_of", 1, SQLITE_UTF8, NULL, crowd_of, NULL, NULL),
        SQLITE_OK);
}

static void close_plain(void)
{
    PQfinish(conn);
    assert_int_equal(sqlite3_close(plain), SQLITE_OK);
    conn = NULL;
    plain = NULL;
}

static void empty_store(void)
{
    if (!server) {
        (void)unlink(path); /* there may be none */
        return;
    }
    open_plain();
    run("DROP SCHEMA IF EXISTS unit CASCADE; CREATE SCHEMA unit");
    close_plain();
}

static void open_hqs(struct hq_db *out)
{
    char where[512];
    struct err_text err = {""};
    (void)snprintf(where, sizeof(where), "%s%s", server ? server : "sqlite:",
                   server ? "&options=-csearch_path%3Dunit" : path); /* a test's */
    if (hq_db_open(where, out, &err) != 0)
        fail_msg("%s", err.text);
}

/* As hqd of that version made it. */
static void make_old(int version)
{
    char mark[128];
    empty_store();
    open_plain();
    if (server)
        run("CREATE TABLE hqd_about(one BIGINT PRIMARY KEY CHECK(one = 1), application TEXT NOT"
            " NULL, version BIGINT NOT NULL); INSERT INTO hqd_about VALUES(1, 'hqd', 0)");
    for (int step = server ? HQ_SCHEMA_POSTGRES_FIRST - 1 : 0; step < version; step++) {
        run(server ? hq_schema[step].postgres : hq_schema[step].sqlite);
        if (step + 1 == (server ? POSTGRES_GUARDED : SQLITE_GUARDED))
            run(server ? hq_postgres_guards : hq_sqlite_guards);
    }
    (void)snprintf(mark, sizeof(mark), "UPDATE hqd_about SET version = %d", version); /* fits */
    if (!server)
        (void)snprintf(mark, sizeof(mark), "PRAGMA application_id=%d; PRAGMA user_version=%d",
                       APPLICATION_ID, version); /* fits */
    run(mark);
}

/* ---- what is in it ---- */

struct table {
    char name[NAME_SIZE];
    char columns[SQL_SIZE]; /* one a line: name, space, type */
};

struct tables {
    size_t count;
    struct table rows[TABLES_MAX];
};

static const char *next_line(const char *at, char *out, size_t size)
{
    size_t length = strcspn(at, "\n");
    assert_true(length < size);
    memcpy(out, at, length);
    out[length] = '\0';
    return at[length] ? at + length + 1 : at + length;
}

static void list_tables(struct tables *out)
{
    static struct rows names;
    static struct rows columns;
    ask(server ? "SELECT table_name FROM information_schema.tables WHERE table_schema = 'unit' AND"
                 " table_type = 'BASE TABLE' AND table_name <> 'hqd_about' ORDER BY 1"
               : "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                 " ORDER BY 1",
        &names);
    out->count = 0;
    for (const char *at = names.text; *at;) {
        struct table *t = &out->rows[out->count++];
        char sql[256];
        assert_true(out->count < TABLES_MAX);
        at = next_line(at, t->name, sizeof(t->name));
        (void)snprintf(sql, sizeof(sql),
                       server ? "SELECT column_name || ' ' || data_type FROM"
                                " information_schema.columns WHERE table_schema = 'unit' AND"
                                " table_name = '%s' ORDER BY ordinal_position"
                              : "SELECT name || ' ' || lower(type) FROM pragma_table_info('%s')",
                       t->name); /* fits */
        ask(sql, &columns);
        assert_true(columns.size > 0 && columns.size < sizeof(t->columns));
        memcpy(t->columns, columns.text, columns.size + 1);
    }
}

static void add(char sql[SQL_SIZE], const char *text)
{
    size_t size = strlen(sql);
    assert_true(size + strlen(text) < SQL_SIZE);
    memcpy(sql + size, text, strlen(text) + 1);
}

/* A value of its type that no other row of the table has. Entries of the first versions are read.
 */
static void value_of(const struct table *t, const char *column, int row, char out[256])
{
    const char *type = strchr(column, ' ') + 1;
    const char *blob = server ? "'\\x" : "x'";
    struct plate_text plate;
    plate_encode("鲁H10345", strlen("鲁H10345"), PLATE_DASH_AUTO, &plate);
    if (strncmp(column, "provisional ", 12) == 0 || strncmp(column, "stream ", 7) == 0)
        (void)snprintf(out, 256, "0"); /* a hit of the chain, a journal: those that must stay */
    else if (strncmp(column, "record ", 7) == 0) /* little-endian, as gateway/model/wanted.h */
        (void)snprintf(out, 256,
                       "%s%02x00000000000000%016llx%016x0100000000000000ffff00000201%052x'", blob,
                       row, (unsigned long long)__builtin_bswap64(plate.key), 0, 0); /* fits */
    else if (strncmp(type, "int", 3) == 0 || strncmp(type, "big", 3) == 0)
        (void)snprintf(out, 256, "%d", 1000 + row); /* fits */
    else if (strcmp(type, "text") == 0)
        (void)snprintf(out, 256, "'%s %d'", t->name, row); /* fits */
    else
        (void)snprintf(out, 256, "%s%02x%02x%02x'", blob, row, (unsigned char)t->name[0],
                       (unsigned char)t->name[1]); /* fits; urgents differ from records */
}

static void fill(const struct table *t)
{
    if (strcmp(t->name, "ids") == 0) { /* its one row is there */
        run("UPDATE ids SET max_id = 1003, entries = 3, need_two = 1");
        return;
    }
    if (strcmp(t->name, "revisions") == 0) {
        run("UPDATE revisions SET value = 77");
        return;
    }
    for (int row = 1; row <= ROWS; row++) {
        char sql[SQL_SIZE] = "";
        char value[256];
        char column[NAME_SIZE];
        add(sql, "INSERT INTO ");
        add(sql, t->name);
        add(sql, " VALUES(");
        for (const char *at = t->columns; *at;) {
            at = next_line(at, column, sizeof(column));
            value_of(t, column, row, value);
            add(sql, value);
            add(sql, *at ? ", " : ")");
        }
        run(sql);
    }
}

/* Every row of those columns. */
static void dump(const struct table *t, struct rows *out)
{
    char sql[SQL_SIZE] = "SELECT ";
    char column[NAME_SIZE];
    for (const char *at = t->columns; *at;) {
        at = next_line(at, column, sizeof(column));
        *strchr(column, ' ') = '\0';
        add(sql, server ? "quote_nullable(CAST(" : "quote(");
        add(sql, column);
        add(sql, server ? " AS text))" : ")");
        add(sql, *at ? " || ' ' || " : " FROM ");
    }
    add(sql, t->name);
    add(sql, " ORDER BY 1");
    ask(sql, out);
}

/* Tables, columns, indexes, triggers, functions. */
static void dump_schema(struct rows *out)
{
    ask(server ? "SELECT * FROM (SELECT table_name || '.' || column_name || ' ' || data_type || ' '"
                 " || is_nullable || ' ' || coalesce(column_default, '') FROM"
                 " information_schema.columns WHERE table_schema = 'unit' UNION ALL SELECT indexdef"
                 " FROM pg_indexes WHERE schemaname = 'unit' UNION ALL SELECT"
                 " pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND"
                 " tgrelid::regclass::text IN (SELECT c.oid::regclass::text FROM pg_class c WHERE"
                 " relnamespace = 'unit'::regnamespace) UNION ALL SELECT proname || ' ' || prosrc"
                 " FROM pg_proc WHERE pronamespace = 'unit'::regnamespace) s ORDER BY 1"
               : "SELECT type || ' ' || name || ' ' || sql FROM sqlite_schema WHERE sql IS NOT NULL"
                 " ORDER BY 1",
        out);
}

/* ---- tests ---- */

static const char *const never_deleted[] = {
    "records", "answers", "own_records",  "chains",  "batches",  "acts",     "case_holds",
    "reviews", "hits",    "review_draws", "urgents", "journals", "observed", "instructions"};
static const char *const never_changed[][2] = {
    {"records", "hash"}, {"answers", "body"},      {"own_records", "header"}, {"hits", "body"},
    {"batches", "hash"}, {"review_draws", "seed"}, {"observed", "chain"},     {"acts", "body_hash"},
    {"urgents", "line"}, {"chains", "chain"},      {"journals", "chain"}};

static bool has(const struct tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++)
        if (strcmp(tables->rows[i].name, name) == 0)
            return true;
    return false;
}

static void refused(struct hq_db *db, int version, const char *sql)
{
    struct err_text err = {""};
    if (hq_db_exec(db, sql, NULL, 0, &err) == 0)
        fail_msg("brought up from version %d, taken: %s", version, sql);
    assert_true(strstr(err.text, "neither changed nor deleted") || strstr(err.text, "stay") ||
                strstr(err.text, "is kept as it was recorded"));
}

/* Over the rows that were there before. */
static void guards_stand(struct hq_db *db, const struct tables *old, int version)
{
    char sql[256];
    for (size_t i = 0; i < sizeof(never_deleted) / sizeof(never_deleted[0]); i++) {
        (void)snprintf(sql, sizeof(sql), "DELETE FROM %s", never_deleted[i]); /* fits */
        if (has(old, never_deleted[i]))
            refused(db, version, sql);
    }
    for (size_t i = 0; i < sizeof(never_changed) / sizeof(never_changed[0]); i++) {
        (void)snprintf(sql, sizeof(sql), "UPDATE %s SET %s = %s", never_changed[i][0],
                       never_changed[i][1], server ? "'\\x09'" : "x'09'"); /* fits */
        if (has(old, never_changed[i][0]))
            refused(db, version, sql);
    }
    if (has(old, "instructions"))
        refused(db, version, "UPDATE instructions SET sent_by = 'x'");
}

static void bring_up_from(int version, const struct rows *new_schema)
{
    static struct tables old;
    static struct rows before[TABLES_MAX];
    static struct rows after;
    struct hq_db db;
    make_old(version);
    list_tables(&old);
    assert_true(old.count >= 15);
    for (size_t i = 0; i < old.count; i++) {
        fill(&old.rows[i]);
        dump(&old.rows[i], &before[i]);
        assert_true(before[i].size > 0);
    }
    close_plain();
    open_hqs(&db);
    guards_stand(&db, &old, version);
    hq_db_close(&db);
    open_plain();
    dump_schema(&after);
    assert_string_equal(after.text, new_schema->text);
    for (size_t i = 0; i < old.count; i++) {
        dump(&old.rows[i], &after);
        if (strcmp(after.text, before[i].text) != 0)
            fail_msg("from version %d, %s was\n%sand is\n%s", version, old.rows[i].name,
                     before[i].text, after.text);
    }
    close_plain();
}

static void every_version_is_brought_up_with_all_it_holds(void **state)
{
    (void)state;
    static struct rows schema;
    struct hq_db db;
    empty_store();
    open_hqs(&db);
    hq_db_close(&db);
    open_plain();
    dump_schema(&schema);
    close_plain();
    for (int version = server ? HQ_SCHEMA_POSTGRES_FIRST : 1; version < HQ_SCHEMA_VERSION;
         version++)
        bring_up_from(version, &schema);
}

static int setup(void **state)
{
    (void)state;
    server = getenv("CHECKPOINT_HQ_DATABASE");
    memcpy(path, "/tmp/test_migrations.XXXXXX", sizeof("/tmp/test_migrations.XXXXXX"));
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_brought_up_with_all_it_holds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
