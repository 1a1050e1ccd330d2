/*
 * Peer: SQLite in memory, plates as the text key of a table without row numbers, one prepared
 * SELECT run again and again. The queries' texts lie ready, as they would in a frame.
 */
#include <stdlib.h>

#include <sqlite3.h>

#include "tests/bench/peers.h"

enum { SLICE = 32 * 1024 };

struct sqlite_peer {
    sqlite3 *db;
    sqlite3_stmt *select;
    struct bench_text *queries;
};

static int db_error(struct err_text *err, sqlite3 *db)
{
    return err_set(err, ERR_IO, "%s", sqlite3_errmsg(db));
}

static void close_peer(void *self)
{
    struct sqlite_peer *peer = self;
    if (!peer) {
        return;
    }
    (void)sqlite3_finalize(peer->select); /* repeats the last step's result */
    if (sqlite3_close(peer->db) != SQLITE_OK) {
        bench_fail("sqlite: %s", sqlite3_errmsg(peer->db));
    }
    bench_texts_destroy(peer->queries);
    free(peer);
}

/* The statement with `text` bound, stepped and reset: SQLITE_ROW, SQLITE_DONE or an error. */
static int step_with(sqlite3_stmt *statement, const struct bench_text *text)
{
    int result = sqlite3_bind_text(statement, 1, text->utf8, text->size, SQLITE_STATIC);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        (void)sqlite3_reset(statement); /* repeats the step's result */
    }
    return result;
}

static int fill(sqlite3 *db, const struct bench_keys *keys, struct err_text *err)
{
    struct bench_text *texts = bench_texts_create(keys->listed, keys->listed_count);
    sqlite3_stmt *insert = NULL;
    int result = sqlite3_exec(db,
                              "CREATE TABLE wanted(plate TEXT PRIMARY KEY) WITHOUT ROWID;"
                              "BEGIN",
                              NULL, NULL, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_prepare_v2(db, "INSERT INTO wanted VALUES(?1)", -1, &insert, NULL);
    }
    for (size_t i = 0; result == SQLITE_OK && i < keys->listed_count; i++) {
        result = step_with(insert, &texts[i]) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
    }
    if (result == SQLITE_OK) {
        result = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    int told = result == SQLITE_OK ? 0 : db_error(err, db);
    (void)sqlite3_finalize(insert); /* repeats the last step's result */
    bench_texts_destroy(texts);
    return told;
}

static int open_peer(const struct bench_keys *keys, void **out, struct err_text *err)
{
    static const char select[] = "SELECT 1 FROM wanted WHERE plate = ?1";
    struct sqlite_peer *peer = bench_room(1, sizeof(*peer));
    *out = NULL;
    int result = 0;
    if (sqlite3_open(":memory:", &peer->db) != SQLITE_OK) {
        result = db_error(err, peer->db);
    }
    if (result == 0) {
        result = fill(peer->db, keys, err);
    }
    if (result == 0 && sqlite3_prepare_v3(peer->db, select, -1, SQLITE_PREPARE_PERSISTENT,
                                          &peer->select, NULL) != SQLITE_OK) {
        result = db_error(err, peer->db);
    }
    if (result != 0) {
        close_peer(peer);
        return result;
    }
    peer->queries = bench_texts_create(keys->queries, keys->query_count);
    *out = peer;
    return 0;
}

static size_t run_peer(void *self, size_t first, size_t count)
{
    struct sqlite_peer *peer = self;
    size_t hits = 0;
    for (size_t i = first; i < first + count; i++) {
        int result = step_with(peer->select, &peer->queries[i]);
        if (result != SQLITE_ROW && result != SQLITE_DONE) {
            bench_fail("sqlite: %s", sqlite3_errmsg(peer->db));
        }
        hits += result == SQLITE_ROW;
    }
    return hits;
}

const struct bench_peer bench_peer_sqlite = {.name = "sqlite",
                                             .slice = SLICE,
                                             .now_ns = bench_cpu_ns,
                                             .open = open_peer,
                                             .run = run_peer,
                                             .close = close_peer};
