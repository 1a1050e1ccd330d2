/*
 * See bench_hq_bare.h.
 */
#include "tests/bench/bench_hq_bare.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/store/db.h"
#include "tests/bench/bench.h"

static const char table[] = "CREATE TABLE bare(sequence BIGINT PRIMARY KEY, line BYTEA NOT NULL)";

static void run_sqlite(const struct bare_store *store, const char *sql)
{
    if (sqlite3_exec(store->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
        bench_fail("bare: %s", sqlite3_errmsg(store->sqlite));
}

static void expect(const struct bare_store *store, PGresult *result, ExecStatusType status)
{
    if (PQresultStatus(result) != status)
        bench_fail("bare: %s", PQerrorMessage(store->postgres));
    PQclear(result);
}

void bare_store_open(const char *database, struct bare_store *out)
{
    *out = (struct bare_store){0};
    if (hq_db_is_postgres(database)) {
        out->postgres = PQconnectdb(database);
        expect(out, PQexec(out->postgres, table), PGRES_COMMAND_OK);
        return;
    }
    if (sqlite3_open(database, &out->sqlite) != SQLITE_OK)
        bench_fail("bare: %s", database);
    run_sqlite(out, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    run_sqlite(out, table);
    if (sqlite3_prepare_v2(out->sqlite, "INSERT INTO bare VALUES(?, ?)", -1, &out->insert, NULL) !=
        SQLITE_OK)
        bench_fail("bare: %s", sqlite3_errmsg(out->sqlite));
}

static void put_sqlite(struct bare_store *store, const char *line, size_t size)
{
    if (sqlite3_bind_int64(store->insert, 1, ++store->sequence) != SQLITE_OK ||
        sqlite3_bind_blob64(store->insert, 2, line, size, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_step(store->insert) != SQLITE_DONE || sqlite3_reset(store->insert) != SQLITE_OK)
        bench_fail("bare: %s", sqlite3_errmsg(store->sqlite));
}

/* A row of COPY's binary form: how many fields, then each with its size, big-endian. */
static void put_postgres(struct bare_store *store, const char *line, size_t size)
{
    struct {
        uint16_t fields;
        uint32_t number_size;
        uint64_t number;
        uint32_t line_size;
    } __attribute__((packed))
    head = {htons(2), htonl(8), htobe64((uint64_t)++store->sequence), htonl((uint32_t)size)};
    if (PQputCopyData(store->postgres, (const char *)&head, sizeof(head)) != 1 ||
        PQputCopyData(store->postgres, line, (int)size) != 1)
        bench_fail("bare: %s", PQerrorMessage(store->postgres));
}

static void begin(struct bare_store *store)
{
    static const char head[19] = "PGCOPY\n\377\r\n"; /* its NUL, flags and extension of 0 behind */
    if (store->sqlite) {
        run_sqlite(store, "BEGIN");
        return;
    }
    expect(store, PQexec(store->postgres, "COPY bare FROM STDIN BINARY"), PGRES_COPY_IN);
    if (PQputCopyData(store->postgres, head, sizeof(head)) != 1)
        bench_fail("bare: %s", PQerrorMessage(store->postgres));
}

static void commit(struct bare_store *store)
{
    if (store->sqlite) {
        run_sqlite(store, "COMMIT");
        return;
    }
    if (PQputCopyEnd(store->postgres, NULL) != 1)
        bench_fail("bare: %s", PQerrorMessage(store->postgres));
    expect(store, PQgetResult(store->postgres), PGRES_COMMAND_OK);
    PQclear(PQgetResult(store->postgres)); /* the NULL behind the last one */
}

void bare_store_put(struct bare_store *store, const char *lines, size_t size)
{
    begin(store);
    for (size_t at = 0; at < size;) {
        const char *end = memchr(lines + at, '\n', size - at);
        size_t length = end ? (size_t)(end - lines) - at : size - at;
        if (store->sqlite)
            put_sqlite(store, lines + at, length);
        else
            put_postgres(store, lines + at, length);
        at += length + 1;
    }
    commit(store);
}

void bare_store_close(struct bare_store *store)
{
    if (store->postgres) {
        expect(store, PQexec(store->postgres, "DROP TABLE bare"), PGRES_COMMAND_OK);
        PQfinish(store->postgres);
    }
    (void)sqlite3_finalize(store->insert); /* repeats an earlier error */
    (void)sqlite3_close(store->sqlite);    /* nothing is left open */
}
