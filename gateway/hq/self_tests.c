/*
 * See self_tests.h. No state of its own: all of it is in the database.
 */
#include "gateway/hq/self_tests.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/match/crowd.h"

enum { TOLD_AT_ONCE = 64 /* the rest with the next look */ };

/* Bodies are canonical; the same text inside another text stands behind a backslash. */
static bool may_be_self_test(const struct journal_record *r)
{
    static const char mark[] = "\"what\":\"self_test\"";
    return r->header.kind == JOURNAL_DEVICE && r->has_body &&
           memmem(r->body, r->body_size, mark, sizeof(mark) - 1) != NULL;
}

int hq_self_test_note(struct hq_db *db, const char *checkpoint, const struct journal_record *record,
                      struct wall_time now, struct err_text *err)
{
    json_t *body = NULL;
    if (!may_be_self_test(record))
        return 0;
    int rc = json_parse(record->body, record->body_size, &body, err);
    const char *what = json_string_value(json_object_get(body, "what"));
    bool is_one = rc == 0 && what && strcmp(what, "self_test") == 0;
    json_decref(body);
    if (rc != 0 || !is_one)
        return rc;
    int64_t time_ms = record->header.wall.ms < now.ms ? record->header.wall.ms : now.ms;
    return hq_db_queue(db,
                       "INSERT INTO self_tests(checkpoint, since_ms, time_ms, chain, sequence)"
                       " VALUES($1, NULL, $2, $3, $4) ON CONFLICT(checkpoint) DO UPDATE"
                       " SET time_ms = $2, chain = $3, sequence = $4"
                       " WHERE self_tests.time_ms IS NULL OR self_tests.time_ms <= $2",
                       HQ_PARAMS(hq_text(checkpoint), hq_int(time_ms),
                                 hq_blob(record->header.chain, JOURNAL_CHAIN_ID_SIZE),
                                 hq_int((int64_t)record->header.sequence)),
                       err);
}

/* ---- what is expected ---- */

static int take_listed(void *ctx, const struct hq_value *columns, size_t count)
{
    bool *listed = ctx;
    struct wanted_record record;
    struct byte_reader r;
    if (count != 1)
        return ERR_CORRUPT;
    byte_reader_init(&r, columns[0].data, columns[0].size);
    int rc = wanted_record_read(&r, &record, NULL);
    *listed |= rc == 0 && record.category == CATEGORY_SELF_TEST;
    return rc;
}

/* An entry that has ended still is one: that its tests fail is what is to be told. */
static int is_listed(struct hq_db *db, bool *out, struct err_text *err)
{
    *out = false;
    return hq_db_query(db, "SELECT record FROM entries WHERE crowd = $1",
                       HQ_PARAMS(hq_int((int64_t)match_crowd_of(WANTED_SELF_TEST_KEY))),
                       take_listed, out, err);
}

static int expect_nothing(struct hq_db *db, struct err_text *err)
{
    return hq_db_exec(db,
                      "UPDATE self_tests SET since_ms = NULL, alarmed_ms = NULL"
                      " WHERE since_ms IS NOT NULL OR alarmed_ms IS NOT NULL",
                      NULL, 0, err);
}

/* Of every box that was ever seen. */
static int expect_each(struct hq_db *db, struct wall_time now, struct err_text *err)
{
    int rc =
        hq_db_exec(db,
                   "INSERT INTO self_tests(checkpoint, since_ms) SELECT p.id, $1"
                   " FROM checkpoints p WHERE p.revoked_ms IS NULL AND p.last_seen_ms IS NOT"
                   " NULL AND NOT EXISTS (SELECT 1 FROM self_tests t WHERE t.checkpoint = p.id)"
                   " ON CONFLICT DO NOTHING",
                   HQ_PARAMS(hq_int(now.ms)), err);
    if (rc == 0)
        rc = hq_db_exec(db, "UPDATE self_tests SET since_ms = $1 WHERE since_ms IS NULL",
                        HQ_PARAMS(hq_int(now.ms)), err);
    return rc;
}

/* ---- alarms ---- */

struct found {
    char id[TLS_LABEL_SIZE];
    struct wall_time last; /* ms = 0: there was none */
};

struct findings {
    size_t count;
    struct found rows[TOLD_AT_ONCE];
};

static int take_found(void *ctx, const struct hq_value *c, size_t count)
{
    struct findings *f = ctx;
    if (count != 2 || c[0].size >= sizeof(f->rows[0].id) || f->count == TOLD_AT_ONCE)
        return ERR_CORRUPT;
    struct found *row = &f->rows[f->count++];
    *row = (struct found){.last = {c[1].type == HQ_INT ? c[1].number : 0}};
    memcpy(row->id, c[0].data, c[0].size);
    return 0;
}

/* One hqd of several tells it: the one whose update changed the row. */
static int tell(struct hq_db *db, const struct found *row, const char *update,
                enum log_event_id event, struct wall_time now, struct err_text *err)
{
    char last[WALL_TEXT_SIZE] = "never";
    int rc = hq_db_exec(db, update, HQ_PARAMS(hq_text(row->id), hq_int(now.ms)), err);
    if (rc != 0 || hq_db_changed(db) == 0)
        return rc;
    if (row->last.ms != 0)
        wall_format(row->last, last);
    log_event(event, "checkpoint=%s last=%s", row->id, last);
    return 0;
}

static int tell_each(struct hq_db *db, const char *query, const char *update,
                     enum log_event_id event, int64_t oldest_ms, struct wall_time now,
                     struct err_text *err)
{
    struct findings f = {0};
    int rc = hq_db_query(db, query, HQ_PARAMS(hq_int(oldest_ms), hq_int(TOLD_AT_ONCE)), take_found,
                         &f, err);
    for (size_t i = 0; rc == 0 && i < f.count; i++)
        rc = tell(db, &f.rows[i], update, event, now, err);
    return rc;
}

int hq_self_tests_look(struct hqd *hq, struct wall_time now, struct err_text *err)
{
    int64_t oldest_ms = now.ms - hq->self_test_within_ms;
    bool listed = false;
    int rc = is_listed(&hq->db, &listed, err);
    if (rc != 0 || !listed)
        return rc == 0 ? expect_nothing(&hq->db, err) : rc;
    rc = expect_each(&hq->db, now, err);
    if (rc == 0)
        rc = tell_each(&hq->db,
                       "SELECT t.checkpoint, t.time_ms FROM self_tests t"
                       " JOIN checkpoints p ON p.id = t.checkpoint"
                       " WHERE p.revoked_ms IS NULL AND t.alarmed_ms IS NULL AND t.since_ms < $1"
                       " AND (t.time_ms IS NULL OR t.time_ms < $1) ORDER BY t.checkpoint LIMIT $2",
                       "UPDATE self_tests SET alarmed_ms = $2"
                       " WHERE checkpoint = $1 AND alarmed_ms IS NULL",
                       EVENT_HQ_SELF_TEST_ABSENT, oldest_ms, now, err);
    if (rc == 0)
        rc = tell_each(&hq->db,
                       "SELECT checkpoint, time_ms FROM self_tests WHERE alarmed_ms IS NOT NULL"
                       " AND time_ms >= $1 ORDER BY checkpoint LIMIT $2",
                       "UPDATE self_tests SET alarmed_ms = NULL"
                       " WHERE checkpoint = $1 AND alarmed_ms IS NOT NULL AND $2 > 0",
                       EVENT_HQ_SELF_TEST_BACK, oldest_ms, now, err);
    return rc;
}
