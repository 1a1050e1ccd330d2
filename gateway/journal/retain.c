/*
 * Bodies past their term. A body goes with its salt, so that what is left of the record, its
 * digest, tells nothing; secure_delete overwrites both in the database, and the write-ahead log,
 * which held them too, is emptied. Journal's thread.
 */
#include <string.h>

#include "gateway/journal/private.h"

enum { CONFIRMED_SAMPLE_MS = 3600 * 1000, HELD_AGAIN_MS = 3600 * 1000 };

static const int64_t after_receipt_ms = JOURNAL_AFTER_RECEIPT_DAYS * INT64_C(24) * 3600 * 1000;

/* Kinds that name somebody; of these, all but passages and what is sealed to headquarters wait for
 * their receipt to be old enough. */
static const enum journal_kind kinds[] = {JOURNAL_PASSAGE,  JOURNAL_HIT,        JOURNAL_DECISION,
                                          JOURNAL_ORDER,    JOURNAL_OUTCOME,    JOURNAL_ACT,
                                          JOURNAL_DEVICE,   JOURNAL_HIT_ANSWER, JOURNAL_INSTRUCTION,
                                          JOURNAL_OBSERVED, JOURNAL_HANDLING};

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

/* Rows of a kind past their term, oldest first, behind what is known to be held. */
struct due {
    enum journal_kind kind;
    int64_t before_ms;
    int64_t last; /* sequence */
    size_t count; /* of them to be deleted … */
    int64_t sequences[JOURNAL_RETAIN_MAX];
    size_t looked; /* … and looked at */
};

static void take_due(struct journal *j, const struct journal_retention *retention,
                     sqlite3_stmt *row, struct due *due)
{
    int64_t sequence = sqlite3_column_int64(row, 0);
    struct wall_time wall = {sqlite3_column_int64(row, 1)};
    due->looked++;
    if (retention->held) {
        const char *body = sqlite3_column_blob(row, 2);
        size_t size = (size_t)sqlite3_column_bytes(row, 2);
        if (retention->held(retention->ctx, wall, body ? body : "", size)) {
            j->held[due->kind] = (struct journal_mark){wall.ms, sequence};
            return;
        }
    }
    due->sequences[due->count++] = sequence;
}

static int find_due(struct journal *j, const struct journal_retention *retention, size_t limit,
                    struct due *due, struct err_text *err)
{
    static const char sql[] =
        "SELECT sequence, wall, body FROM record WHERE kind = ? AND wall < ? AND sequence <= ?"
        " AND (wall, sequence) > (?, ?) AND body IS NOT NULL ORDER BY wall, sequence LIMIT ?";
    const struct journal_mark *mark = &j->held[due->kind];
    const int64_t values[] = {(int64_t)due->kind, due->before_ms, due->last,
                              mark->wall_ms,      mark->sequence, (int64_t)limit};
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_OK;
    if (sqlite3_prepare_v2(j->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return store_error(j->db, "retention", err);
    for (int i = 0; i < 6; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        take_due(j, retention, statement, due);
    int result = code == SQLITE_DONE ? 0 : store_error(j->db, "retention", err);
    sqlite3_finalize(statement);
    return result;
}

static int delete_due(struct journal *j, const struct due *due, struct err_text *err)
{
    sqlite3_stmt *statement = NULL;
    int result = 0;
    if (sqlite3_prepare_v2(j->db, "UPDATE record SET body = NULL, salt = NULL WHERE sequence = ?",
                           -1, &statement, NULL) != SQLITE_OK)
        return store_error(j->db, "retention", err);
    for (size_t i = 0; result == 0 && i < due->count; i++) {
        sqlite3_bind_int64(statement, 1, due->sequences[i]);
        if (sqlite3_step(statement) != SQLITE_DONE)
            result = store_error(j->db, "retention", err);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    return result;
}

/* What was found held is not looked at again, except now and then: a clock put right may leave
 * records out of the order of their time. */
static void forget_marks(struct journal *j, const struct journal_retention *retention,
                         struct wall_time now)
{
    bool again = retention->held_version != j->held_version ||
                 now.ms - j->held_since.ms >= HELD_AGAIN_MS || now.ms < j->held_since.ms;
    if (!again)
        return;
    j->held_version = retention->held_version;
    j->held_since = now;
    for (int kind = 0; kind < JOURNAL_KIND_COUNT; kind++)
        j->held[kind] = (struct journal_mark){INT64_MIN, 0};
}

static int delete_bodies(struct journal *j, const struct journal_retention *retention,
                         struct wall_time now, int64_t floor, size_t *io_left, size_t *out_deleted,
                         struct err_text *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof kinds / sizeof kinds[0] && *io_left > 0; i++) {
        struct due due = {.kind = kinds[i]};
        bool stays = (retention->on_box & JOURNAL_KIND_BIT(due.kind)) != 0;
        bool soon = due.kind == JOURNAL_PASSAGE || due.kind == JOURNAL_OBSERVED;
        due.last = !soon ? floor : stays ? INT64_MAX : (int64_t)j->confirmed;
        due.before_ms = now.ms - retention->age_ms[due.kind];
        if (retention->age_ms[due.kind] > 0)
            result = find_due(j, retention, *io_left, &due, err);
        if (result == 0 && due.count > 0)
            result = delete_due(j, &due, err);
        *io_left -= due.looked;
        *out_deleted += due.count;
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
                   struct wall_time now, size_t *out_looked, struct err_text *err)
{
    size_t left = JOURNAL_RETAIN_MAX;
    size_t deleted = 0;
    int64_t floor = 0;
    *out_looked = 0;
    forget_marks(j, retention, now);
    int result = store_exec(j->db, "BEGIN IMMEDIATE", err);
    if (result != 0)
        return result;
    result = note_confirmed(j, now, err);
    if (result == 0)
        result = find_floor(j, now, &floor, err);
    if (result == 0)
        result = delete_bodies(j, retention, now, floor, &left, &deleted, err);
    if (result == 0)
        result = store_exec(j->db, "COMMIT", err);
    if (result != 0) {
        j->held_since.ms = INT64_MAX; /* all is looked at anew */
        if (!sqlite3_get_autocommit(j->db))
            sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL); /* the error is told already */
        return result;
    }
    *out_looked = JOURNAL_RETAIN_MAX - left;
    j->log_holds_deleted |= deleted > 0;
    return j->log_holds_deleted ? empty_log(j, err) : 0;
}
