/*
 * Bodies past their term. A body goes with its salt, so that what is left of the record, its
 * digest, tells nothing; secure_delete overwrites both in the database, and the write-ahead log,
 * which held them too, is emptied. Journal's thread.
 */
#include <string.h>

#include "gateway/journal/private.h"

enum { CONFIRMED_SAMPLE_MS = 3600 * 1000 };

static const int64_t after_receipt_ms = JOURNAL_AFTER_RECEIPT_DAYS * INT64_C(24) * 3600 * 1000;

/* Kinds that name somebody; of these, all but passages and what is sealed to headquarters wait for
 * their receipt to be old enough. */
static const enum journal_kind kinds[] = {
    JOURNAL_PASSAGE, JOURNAL_HIT,    JOURNAL_DECISION,   JOURNAL_ORDER,       JOURNAL_OUTCOME,
    JOURNAL_ACT,     JOURNAL_DEVICE, JOURNAL_HIT_ANSWER, JOURNAL_INSTRUCTION, JOURNAL_OBSERVED};

/* Runs one statement with up to three numbers. */
static int run(struct journal *j, const char *sql, const int64_t *values, int count,
               struct err_text *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(j->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return store_error(j->db, "retention", err);
    for (int i = 0; i < count; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    int result = sqlite3_step(statement) == SQLITE_DONE ? 0 : store_error(j->db, "retention", err);
    sqlite3_finalize(statement);
    return result;
}

/* One number of one row; 0 when it is NULL. */
static int query(struct journal *j, const char *sql, int64_t value, int64_t *out,
                 struct err_text *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(j->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return store_error(j->db, "retention", err);
    if (sqlite3_bind_parameter_count(statement) > 0)
        sqlite3_bind_int64(statement, 1, value);
    int result = 0;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    else
        result = store_error(j->db, "retention", err);
    sqlite3_finalize(statement);
    return result;
}

/* Notes now and then what is confirmed, so that later it is known to have been by then. A receipt
 * counts from the first note behind it: an hour late at most, never early. */
static int note_confirmed(struct journal *j, struct wall_time now, struct err_text *err)
{
    int64_t noted_at = 0;
    int64_t noted = 0;
    int result = query(j, "SELECT MAX(wall) FROM confirmed", 0, &noted_at, err);
    if (result == 0)
        result = query(j, "SELECT MAX(sequence) FROM confirmed", 0, &noted, err);
    if (result != 0 || j->confirmed <= (uint64_t)noted ||
        (noted_at != 0 && now.ms - noted_at < CONFIRMED_SAMPLE_MS))
        return result;
    return run(j, "INSERT INTO confirmed (sequence, wall) VALUES (?, ?)",
               (int64_t[]){(int64_t)j->confirmed, now.ms}, 2, err);
}

/* The last record whose receipt is old enough; older notes have served. */
static int find_floor(struct journal *j, struct wall_time now, int64_t *out, struct err_text *err)
{
    int result = query(j, "SELECT MAX(sequence) FROM confirmed WHERE wall <= ?",
                       now.ms - after_receipt_ms, out, err);
    if (result == 0 && *out > 0)
        result = run(j, "DELETE FROM confirmed WHERE sequence < ?", out, 1, err);
    return result;
}

static int delete_of_kind(struct journal *j, enum journal_kind kind, int64_t before_ms,
                          int64_t last, size_t *io_left, struct err_text *err)
{
    const int64_t values[] = {(int64_t)kind, before_ms, last, (int64_t)*io_left};
    int result = run(j,
                     "UPDATE record SET body = NULL, salt = NULL WHERE sequence IN"
                     " (SELECT sequence FROM record WHERE kind = ? AND wall < ? AND sequence <= ?"
                     " AND body IS NOT NULL LIMIT ?)",
                     values, 4, err);
    if (result == 0)
        *io_left -= (size_t)sqlite3_changes(j->db);
    return result;
}

static int delete_bodies(struct journal *j, const struct journal_retention *retention,
                         struct wall_time now, int64_t floor, size_t *io_left, struct err_text *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof kinds / sizeof kinds[0] && *io_left > 0; i++) {
        enum journal_kind kind = kinds[i];
        bool stays = (retention->on_box & JOURNAL_KIND_BIT(kind)) != 0;
        bool soon = kind == JOURNAL_PASSAGE || kind == JOURNAL_OBSERVED;
        int64_t last = !soon ? floor : stays ? INT64_MAX : (int64_t)j->confirmed;
        if (retention->age_ms[kind] > 0)
            result = delete_of_kind(j, kind, now.ms - retention->age_ms[kind], last, io_left, err);
    }
    return result;
}

/* Empties the write-ahead log. A reader in the middle of something is not waited for. */
static int empty_log(struct journal *j, struct err_text *err)
{
    sqlite3_busy_timeout(j->db, 0);
    int code = sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(j->db, STORE_BUSY_MS);
    if (code != SQLITE_OK)
        return store_error(j->db, "write-ahead log", err);
    j->log_holds_deleted = false;
    return 0;
}

int journal_retain(struct journal *j, const struct journal_retention *retention,
                   struct wall_time now, size_t *out_deleted, struct err_text *err)
{
    size_t left = JOURNAL_RETAIN_MAX;
    int64_t floor = 0;
    *out_deleted = 0;
    int result = store_exec(j->db, "BEGIN IMMEDIATE", err);
    if (result != 0)
        return result;
    result = note_confirmed(j, now, err);
    if (result == 0)
        result = find_floor(j, now, &floor, err);
    if (result == 0)
        result = delete_bodies(j, retention, now, floor, &left, err);
    if (result == 0)
        result = store_exec(j->db, "COMMIT", err);
    if (result != 0) {
        if (!sqlite3_get_autocommit(j->db))
            sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL); /* the error is told already */
        return result;
    }
    *out_deleted = JOURNAL_RETAIN_MAX - left;
    j->log_holds_deleted |= *out_deleted > 0;
    return j->log_holds_deleted ? empty_log(j, err) : 0;
}
