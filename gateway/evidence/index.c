/*
 * See index.h. A row of `sends` is a picture pinned by a hit: it is made when both the picture and
 * the hit are known, whichever came first.
 */
#include "gateway/evidence/index.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    APPLICATION_ID = 0x43504556, /* "CPEV" */
    BUSY_MS = 2000,
    PARAMS_MAX = 8
};

enum statement {
    ADD_PICTURE,
    ADD_BINDING,
    OF_EVENT,
    ADD_HIT,
    BIND_PICTURE,
    BIND_HIT,
    NEXT,
    LOOK,
    DONE,
    AGAIN,
    OFFER_AGAIN,
    SIZE,
    DAMAGED,
    DELETE_PICTURE,
    DELETE_BINDINGS,
    DELETE_SENDS,
    OLDEST_FREE,
    DUE,
    TIDY_OLD,
    TIDY_MANY,
    NEWEST,
    COUNTS,
    TERMS,
    KEEP_TERMS,
    BEGIN,
    COMMIT,
    ROLLBACK,
    STATEMENTS
};

/* An event number above 2^63 is stored as the negative number of the same bits. */
#define NEAR "abs(b.stored_ms - h.time_ms) <= ?1"
#define BIND                                                                                       \
    "INSERT OR IGNORE INTO sends(sha, chain, sequence, kind, camera, event, taken_ms, again_ms)"   \
    " SELECT b.sha, h.chain, h.sequence, b.kind, b.camera, b.event, b.taken_ms, 0"                 \
    " FROM bindings b JOIN hits h ON h.camera = b.camera AND h.event = b.event"

static const char schema[] =
    "CREATE TABLE pictures(sha BLOB PRIMARY KEY, size INTEGER NOT NULL, stored_ms INTEGER NOT NULL,"
    " damaged INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX pictures_stored ON pictures(stored_ms);"
    "CREATE TABLE bindings(camera INTEGER NOT NULL, event INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " sha BLOB NOT NULL, taken_ms INTEGER NOT NULL, stored_ms INTEGER NOT NULL,"
    " PRIMARY KEY(camera, event, kind, sha)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX bindings_of ON bindings(sha);"
    "CREATE TABLE hits(chain BLOB NOT NULL, sequence INTEGER NOT NULL, camera INTEGER NOT NULL,"
    " event INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " PRIMARY KEY(chain, sequence, camera, event)) STRICT;"
    "CREATE INDEX hits_event ON hits(camera, event);"
    "CREATE INDEX hits_time ON hits(time_ms);"
    "CREATE TABLE sends(sha BLOB NOT NULL, chain BLOB NOT NULL, sequence INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, camera INTEGER NOT NULL, event INTEGER NOT NULL,"
    " taken_ms INTEGER NOT NULL, result INTEGER, again_ms INTEGER NOT NULL,"
    " PRIMARY KEY(sha, chain, sequence, kind, camera, event)) STRICT;"
    "CREATE INDEX sends_of_hit ON sends(chain, sequence);"
    "CREATE INDEX sends_waiting ON sends(again_ms) WHERE result IS NULL;";

/* Beside the first: an index from before there were terms gets it, too. */
static const char terms_schema[] =
    "CREATE TABLE IF NOT EXISTS terms(one INTEGER PRIMARY KEY CHECK(one = 1),"
    " version INTEGER NOT NULL, floor_days INTEGER NOT NULL, ceiling_days INTEGER NOT NULL,"
    " paused INTEGER NOT NULL, held_from_ms INTEGER NOT NULL, held_until_ms INTEGER NOT NULL)"
    " STRICT";

static const char *const texts[STATEMENTS] = {
    [ADD_PICTURE] = "INSERT INTO pictures(sha, size, stored_ms) VALUES(?1, ?2, ?3)"
                    " ON CONFLICT(sha) DO UPDATE SET damaged = 0",
    [ADD_BINDING] = "INSERT OR IGNORE INTO bindings(sha, camera, event, kind, taken_ms, stored_ms)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [OF_EVENT] = "SELECT count(DISTINCT sha) FROM bindings WHERE camera = ?1 AND event = ?2"
                 " AND sha <> ?3 AND stored_ms > ?4",
    [ADD_HIT] = "INSERT OR IGNORE INTO hits(chain, sequence, camera, event, time_ms)"
                " VALUES(?1, ?2, ?3, ?4, ?5)",
    [BIND_PICTURE] = BIND " WHERE " NEAR " AND b.camera = ?2 AND b.event = ?3 AND b.sha = ?4",
    [BIND_HIT] = BIND " WHERE " NEAR " AND h.chain = ?2 AND h.sequence = ?3",
    /* One far in the future was put off by a clock that was set back since. */
    [NEXT] = "SELECT s.sha, p.size, s.camera, s.event, s.kind, s.taken_ms, s.chain, s.sequence"
             " FROM sends s JOIN pictures p ON p.sha = s.sha WHERE s.result IS NULL"
             " AND p.damaged = 0 AND (s.again_ms <= ?1 OR s.again_ms > ?2)"
             " ORDER BY s.again_ms, s.rowid LIMIT 1",
    [LOOK] = "SELECT b.sha, p.size, b.kind, b.taken_ms FROM bindings b JOIN pictures p"
             " ON p.sha = b.sha WHERE b.camera = ?1 AND b.event = ?2 AND p.damaged = 0"
             " AND abs(b.stored_ms - ?3) <= ?4 ORDER BY b.kind, b.taken_ms, b.sha LIMIT ?5",
    [DONE] = "UPDATE sends SET result = ?7, again_ms = ?8 WHERE sha = ?1 AND chain = ?2"
             " AND sequence = ?3 AND kind = ?4 AND camera = ?5 AND event = ?6",
    [AGAIN] = "UPDATE sends SET again_ms = ?7 WHERE sha = ?1 AND chain = ?2 AND sequence = ?3"
              " AND kind = ?4 AND camera = ?5 AND event = ?6",
    [OFFER_AGAIN] =
        "UPDATE sends SET result = NULL, again_ms = 0 WHERE chain = ?1 AND sequence = ?2"
        " AND result = ?3",
    [SIZE] = "SELECT size FROM pictures WHERE sha = ?1",
    [DAMAGED] = "UPDATE pictures SET damaged = 1 WHERE sha = ?1",
    [DELETE_PICTURE] = "DELETE FROM pictures WHERE sha = ?1",
    [DELETE_BINDINGS] = "DELETE FROM bindings WHERE sha = ?1",
    [DELETE_SENDS] = "DELETE FROM sends WHERE sha = ?1",
    [OLDEST_FREE] = "SELECT sha FROM pictures p WHERE NOT EXISTS(SELECT 1 FROM sends s"
                    " WHERE s.sha = p.sha) ORDER BY stored_ms LIMIT 1",
    /* Of a hit's damaged picture nothing can be sent: it counts as settled. */
    [DUE] = "SELECT sha FROM pictures p WHERE stored_ms <= ?1 AND NOT EXISTS(SELECT 1 FROM sends s"
            " WHERE s.sha = p.sha AND ((s.result IS NULL AND p.damaged = 0) OR s.again_ms > ?2"
            " OR (p.stored_ms >= ?3 AND p.stored_ms < ?4))) ORDER BY stored_ms LIMIT ?5",
    [TIDY_OLD] = "DELETE FROM hits WHERE time_ms < ?1",
    [TIDY_MANY] = "DELETE FROM hits WHERE rowid <= (SELECT max(rowid) FROM hits) - ?1",
    [NEWEST] = "SELECT max(coalesce((SELECT max(stored_ms) FROM pictures), 0),"
               " coalesce((SELECT max(time_ms) FROM hits), 0))",
    [COUNTS] = "SELECT count(*), coalesce(sum(size), 0), coalesce(sum(damaged), 0),"
               " (SELECT count(*) FROM sends s JOIN pictures p ON p.sha = s.sha"
               " WHERE s.result IS NULL AND p.damaged = 0) FROM pictures",
    [TERMS] = "SELECT version, floor_days, ceiling_days, paused, held_from_ms, held_until_ms"
              " FROM terms",
    [KEEP_TERMS] = "INSERT OR REPLACE INTO terms(one, version, floor_days, ceiling_days, paused,"
                   " held_from_ms, held_until_ms) VALUES(1, ?1, ?2, ?3, ?4, ?5, ?6)",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
};

struct picture_index {
    sqlite3 *db;
    char path[PICTURE_PATH_SIZE];
    sqlite3_stmt *statements[STATEMENTS];
};

static int failed(struct picture_index *x, struct err_text *err)
{
    int code = ERR_IO;
    switch (sqlite3_errcode(x->db)) {
    case SQLITE_FULL:
        code = ERR_FULL;
        break;
    case SQLITE_NOMEM:
        code = ERR_NO_MEMORY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = ERR_CORRUPT;
        break;
    default:
        break;
    }
    return err_set(err, code, "%s: %s", x->path, sqlite3_errmsg(x->db));
}

/* ---- one statement ---- */

struct param {
    bool blob;
    int64_t number;
    const uint8_t *bytes;
    int size;
};

static struct param number(int64_t value)
{
    return (struct param){.number = value};
}

static struct param sha_of(const uint8_t *bytes)
{
    return (struct param){.blob = true, .bytes = bytes, .size = PICTURE_SHA_SIZE};
}

static struct param chain_of(const uint8_t *bytes)
{
    return (struct param){.blob = true, .bytes = bytes, .size = PICTURE_CHAIN_SIZE};
}

/* Bound and stepped once: 0 with a row, ERR_NOT_FOUND without one. The caller resets it. */
static int step(struct picture_index *x, enum statement which, const struct param *params,
                size_t count, struct err_text *err)
{
    sqlite3_stmt *s = x->statements[which];
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < count; i++)
        rc = params[i].blob
                 ? sqlite3_bind_blob(s, (int)i + 1, params[i].bytes, params[i].size, SQLITE_STATIC)
                 : sqlite3_bind_int64(s, (int)i + 1, params[i].number);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? ERR_NOT_FOUND : failed(x, err);
}

static int next_row(struct picture_index *x, sqlite3_stmt *s, struct err_text *err)
{
    int next = sqlite3_step(s);
    return next == SQLITE_ROW ? 0 : next == SQLITE_DONE ? ERR_NOT_FOUND : failed(x, err);
}

static void reset(struct picture_index *x, enum statement which)
{
    (void)sqlite3_reset(x->statements[which]);          /* says again what step said */
    (void)sqlite3_clear_bindings(x->statements[which]); /* never fails */
}

static int run(struct picture_index *x, enum statement which, const struct param *params,
               size_t count, struct err_text *err)
{
    int rc = step(x, which, params, count, err);
    reset(x, which);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

#define PARAMS(...)                                                                                \
    (const struct param[]){__VA_ARGS__},                                                           \
        sizeof((const struct param[]){__VA_ARGS__}) / sizeof(struct param)

/* Commits what went well, rolls back what did not. */
static int end(struct picture_index *x, int rc, struct err_text *err)
{
    if (rc == 0)
        rc = run(x, COMMIT, NULL, 0, err);
    if (rc != 0 && sqlite3_get_autocommit(x->db) == 0)
        (void)run(x, ROLLBACK, NULL, 0, NULL); /* the first fault counts */
    return rc;
}

/* ---- opening ---- */

static int run_text(struct picture_index *x, const char *sql, struct err_text *err)
{
    return sqlite3_exec(x->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(x, err);
}

static int pragma_number(struct picture_index *x, const char *sql, int *out, struct err_text *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(x->db, sql, -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW) {
        (void)sqlite3_finalize(s); /* says again what failed */
        return failed(x, err);
    }
    *out = sqlite3_column_int(s, 0);
    (void)sqlite3_finalize(s); /* read to its end */
    return 0;
}

static int make_schema(struct picture_index *x, struct err_text *err)
{
    char about[96];
    int id = 0;
    int version = 0;
    int rc = pragma_number(x, "PRAGMA application_id", &id, err);
    if (rc == 0)
        rc = pragma_number(x, "PRAGMA user_version", &version, err);
    if (rc != 0 || (id == APPLICATION_ID && version == 1))
        return rc;
    if (id != 0 || version != 0)
        return err_set(err, ERR_UNSUPPORTED, "%s: of another program or a newer version", x->path);
    (void)snprintf(about, sizeof(about), "PRAGMA application_id=%d; PRAGMA user_version=1",
                   APPLICATION_ID); /* fits */
    rc = run_text(x, "BEGIN IMMEDIATE", err);
    if (rc == 0)
        rc = run_text(x, schema, err);
    if (rc == 0)
        rc = run_text(x, about, err);
    return rc == 0 ? run_text(x, "COMMIT", err) : rc;
}

static int prepare(struct picture_index *x, struct err_text *err)
{
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(x->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &x->statements[i],
                               NULL) != SQLITE_OK)
            return failed(x, err);
    return 0;
}

int picture_index_open(const char *folder, struct picture_index **out, struct err_text *err)
{
    struct picture_index *x = calloc(1, sizeof(*x));
    if (!x)
        return err_set(err, ERR_NO_MEMORY, "picture index: no memory");
    (void)snprintf(x->path, sizeof(x->path), "%s/pictures.sqlite", folder); /* fits */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(x->path, &x->db, flags, NULL) == SQLITE_OK ? 0 : failed(x, err);
    if (rc == 0)
        rc = sqlite3_busy_timeout(x->db, BUSY_MS) == SQLITE_OK ? 0 : failed(x, err);
    if (rc == 0)
        rc = run_text(x,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                      "PRAGMA trusted_schema=OFF",
                      err);
    if (rc == 0)
        rc = make_schema(x, err);
    if (rc == 0)
        rc = run_text(x, terms_schema, err);
    if (rc == 0)
        rc = prepare(x, err);
    if (rc != 0) {
        picture_index_close(x);
        return rc;
    }
    *out = x;
    return 0;
}

void picture_index_close(struct picture_index *x)
{
    if (!x)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(x->statements[i]); /* says again what step said */
    (void)sqlite3_close(x->db);                   /* nothing is open any more */
    free(x);
}

/* ---- pictures and hits ---- */

int picture_index_add(struct picture_index *x, const struct picture_about *about, int64_t now_ms,
                      struct err_text *err)
{
    const struct param sha = sha_of(about->sha);
    const struct param camera = number(about->camera);
    const struct param event = number((int64_t)about->event);
    int rc = run(x, BEGIN, NULL, 0, err);
    if (rc != 0)
        return rc;
    rc = run(x, ADD_PICTURE, PARAMS(sha, number(about->size), number(now_ms)), err);
    if (rc == 0)
        rc = run(x, ADD_BINDING,
                 PARAMS(sha, camera, event, number(about->kind), number(about->taken_ms),
                        number(now_ms)),
                 err);
    if (rc == 0)
        rc = run(x, BIND_PICTURE, PARAMS(number(PICTURE_BIND_MS), camera, event, sha), err);
    return end(x, rc, err);
}

int picture_index_of_event(struct picture_index *x, const struct picture_about *about,
                           int64_t since_ms, int64_t *out, struct err_text *err)
{
    int rc = step(x, OF_EVENT,
                  PARAMS(number(about->camera), number((int64_t)about->event), sha_of(about->sha),
                         number(since_ms)),
                  err);
    if (rc == 0)
        *out = sqlite3_column_int64(x->statements[OF_EVENT], 0);
    reset(x, OF_EVENT);
    return rc;
}

int picture_index_pin(struct picture_index *x, const struct picture_hit *hit, int64_t time_ms,
                      const struct hit_event *events, size_t count, struct err_text *err)
{
    const struct param chain = chain_of(hit->chain);
    const struct param sequence = number((int64_t)hit->sequence);
    int rc = run(x, BEGIN, NULL, 0, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = run(x, ADD_HIT,
                 PARAMS(chain, sequence, number(events[i].camera), number((int64_t)events[i].event),
                        number(time_ms)),
                 err);
    if (rc == 0)
        rc = run(x, BIND_HIT, PARAMS(number(PICTURE_BIND_MS), chain, sequence), err);
    return end(x, rc, err);
}

int picture_index_offer_again(struct picture_index *x, const struct picture_hit *hit,
                              struct err_text *err)
{
    return run(x, OFFER_AGAIN,
               PARAMS(chain_of(hit->chain), number((int64_t)hit->sequence), number(PICTURE_TAKEN)),
               err);
}

int picture_index_next(struct picture_index *x, int64_t now_ms, struct picture_about *out_about,
                       struct picture_hit *out_hit, struct err_text *err)
{
    sqlite3_stmt *s = x->statements[NEXT];
    int rc = step(x, NEXT, PARAMS(number(now_ms), number(now_ms + 2 * PICTURE_AGAIN_MS)), err);
    if (rc == 0 && (sqlite3_column_bytes(s, 0) != PICTURE_SHA_SIZE ||
                    sqlite3_column_bytes(s, 6) != PICTURE_CHAIN_SIZE))
        rc = err_set(err, ERR_CORRUPT, "%s: a row that nobody wrote", x->path);
    if (rc == 0) {
        *out_about = (struct picture_about){.size = (uint32_t)sqlite3_column_int64(s, 1),
                                            .camera = (uint16_t)sqlite3_column_int(s, 2),
                                            .event = (uint64_t)sqlite3_column_int64(s, 3),
                                            .kind = (uint8_t)sqlite3_column_int(s, 4),
                                            .taken_ms = sqlite3_column_int64(s, 5)};
        memcpy(out_about->sha, sqlite3_column_blob(s, 0), PICTURE_SHA_SIZE);
        memcpy(out_hit->chain, sqlite3_column_blob(s, 6), PICTURE_CHAIN_SIZE);
        out_hit->sequence = (uint64_t)sqlite3_column_int64(s, 7);
    }
    reset(x, NEXT);
    return rc;
}

int picture_index_done(struct picture_index *x, const struct picture_about *about,
                       const struct picture_hit *hit, enum picture_result result, int64_t now_ms,
                       struct err_text *err)
{
    const struct param row[PARAMS_MAX] = {
        sha_of(about->sha),
        chain_of(hit->chain),
        number((int64_t)hit->sequence),
        number(about->kind),
        number(about->camera),
        number((int64_t)about->event),
        number(result == PICTURE_AGAIN ? now_ms + PICTURE_AGAIN_MS : (int64_t)result),
        number(now_ms)};
    return result == PICTURE_AGAIN ? run(x, AGAIN, row, 7, err) : run(x, DONE, row, 8, err);
}

int picture_index_look(struct picture_index *x, const struct hit_event *event, int64_t time_ms,
                       struct picture_about *out, size_t max, size_t *out_count,
                       struct err_text *err)
{
    sqlite3_stmt *s = x->statements[LOOK];
    size_t count = 0;
    int rc = step(x, LOOK,
                  PARAMS(number(event->camera), number((int64_t)event->event), number(time_ms),
                         number(PICTURE_BIND_MS), number((int64_t)max)),
                  err);
    while (rc == 0 && count < max) {
        struct picture_about about = {.event = event->event, .camera = event->camera};
        if (sqlite3_column_bytes(s, 0) == PICTURE_SHA_SIZE) {
            memcpy(about.sha, sqlite3_column_blob(s, 0), PICTURE_SHA_SIZE);
            about.size = (uint32_t)sqlite3_column_int64(s, 1);
            about.kind = (uint8_t)sqlite3_column_int(s, 2);
            about.taken_ms = sqlite3_column_int64(s, 3);
            out[count++] = about;
        }
        rc = next_row(x, s, err);
    }
    reset(x, LOOK);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    *out_count = count;
    return 0;
}

int picture_index_size(struct picture_index *x, const uint8_t sha[PICTURE_SHA_SIZE], uint32_t *out,
                       struct err_text *err)
{
    int rc = step(x, SIZE, PARAMS(sha_of(sha)), err);
    if (rc == 0)
        *out = (uint32_t)sqlite3_column_int64(x->statements[SIZE], 0);
    reset(x, SIZE);
    return rc == ERR_NOT_FOUND ? err_set(err, rc, "no such picture") : rc;
}

int picture_index_damaged(struct picture_index *x, const uint8_t sha[PICTURE_SHA_SIZE],
                          struct err_text *err)
{
    return run(x, DAMAGED, PARAMS(sha_of(sha)), err);
}

int picture_index_delete(struct picture_index *x, const uint8_t sha[PICTURE_SHA_SIZE],
                         struct err_text *err)
{
    int rc = run(x, BEGIN, NULL, 0, err);
    if (rc != 0)
        return rc;
    rc = run(x, DELETE_SENDS, PARAMS(sha_of(sha)), err);
    if (rc == 0)
        rc = run(x, DELETE_BINDINGS, PARAMS(sha_of(sha)), err);
    if (rc == 0)
        rc = run(x, DELETE_PICTURE, PARAMS(sha_of(sha)), err);
    return end(x, rc, err);
}

/* ---- what there is ---- */

int picture_index_oldest_free(struct picture_index *x, uint8_t out[PICTURE_SHA_SIZE],
                              struct err_text *err)
{
    int rc = step(x, OLDEST_FREE, NULL, 0, err);
    if (rc == 0 && sqlite3_column_bytes(x->statements[OLDEST_FREE], 0) == PICTURE_SHA_SIZE)
        memcpy(out, sqlite3_column_blob(x->statements[OLDEST_FREE], 0), PICTURE_SHA_SIZE);
    reset(x, OLDEST_FREE);
    return rc;
}

int picture_index_terms(struct picture_index *x, struct picture_terms *out, struct err_text *err)
{
    sqlite3_stmt *s = x->statements[TERMS];
    int rc = step(x, TERMS, NULL, 0, err);
    if (rc == 0) {
        *out = (struct picture_terms){.version = (uint64_t)sqlite3_column_int64(s, 0),
                                      .floor_days = (uint32_t)sqlite3_column_int(s, 1),
                                      .ceiling_days = (uint32_t)sqlite3_column_int(s, 2),
                                      .paused = (uint32_t)sqlite3_column_int(s, 3),
                                      .held_from_ms = sqlite3_column_int64(s, 4),
                                      .held_until_ms = sqlite3_column_int64(s, 5)};
        rc = picture_terms_check(out, err) == 0 ? 0 : err_prefix(err, ERR_CORRUPT, "%s", x->path);
    }
    reset(x, TERMS);
    return rc;
}

int picture_index_keep_terms(struct picture_index *x, const struct picture_terms *terms,
                             struct err_text *err)
{
    return run(x, KEEP_TERMS,
               PARAMS(number((int64_t)terms->version), number(terms->floor_days),
                      number(terms->ceiling_days), number(terms->paused),
                      number(terms->held_from_ms), number(terms->held_until_ms)),
               err);
}

int picture_index_due(struct picture_index *x, const struct picture_due *due,
                      uint8_t (*out)[PICTURE_SHA_SIZE], size_t max, size_t *out_count,
                      struct err_text *err)
{
    sqlite3_stmt *s = x->statements[DUE];
    size_t count = 0;
    int rc = step(x, DUE,
                  PARAMS(number(due->free_ms), number(due->settled_ms), number(due->held_from_ms),
                         number(due->held_until_ms), number((int64_t)max)),
                  err);
    while (rc == 0 && count < max) {
        if (sqlite3_column_bytes(s, 0) == PICTURE_SHA_SIZE)
            memcpy(out[count++], sqlite3_column_blob(s, 0), PICTURE_SHA_SIZE);
        rc = next_row(x, s, err);
    }
    reset(x, DUE);
    *out_count = count;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int picture_index_tidy(struct picture_index *x, int64_t before_ms, struct err_text *err)
{
    int rc = run(x, TIDY_OLD, PARAMS(number(before_ms)), err);
    if (rc == 0)
        rc = run(x, TIDY_MANY, PARAMS(number(PICTURE_HITS_MAX)), err);
    if (rc == 0)
        rc = run_text(x, "PRAGMA wal_checkpoint(TRUNCATE)", err);
    return rc;
}

int picture_index_newest(struct picture_index *x, int64_t *out, struct err_text *err)
{
    int rc = step(x, NEWEST, NULL, 0, err);
    if (rc == 0)
        *out = sqlite3_column_int64(x->statements[NEWEST], 0);
    reset(x, NEWEST);
    return rc;
}

int picture_index_counts(struct picture_index *x, struct picture_counts *out, struct err_text *err)
{
    sqlite3_stmt *s = x->statements[COUNTS];
    int rc = step(x, COUNTS, NULL, 0, err);
    if (rc == 0)
        *out = (struct picture_counts){.pictures = sqlite3_column_int64(s, 0),
                                       .bytes = sqlite3_column_int64(s, 1),
                                       .damaged = sqlite3_column_int64(s, 2),
                                       .waiting = sqlite3_column_int64(s, 3)};
    reset(x, COUNTS);
    return rc;
}
