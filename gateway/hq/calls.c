/*
 * See calls.h. No state of its own: all of it is in the database.
 */
#include "gateway/hq/calls.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"

enum { ABOUT_MAX = 1024 /* bytes; no box's is that long */ };
enum { DAY_MS = 24 * 3600 * 1000 };

static const struct {
    const char *kind;
    bool needs_somebody; /* told when it comes */
} kinds[] = {{"help", true},    {"backup", true},   {"well", true},
             {"overdue", true}, {"question", true}, {"lookout", false}};

/* -1: none that is known here. */
static int kind_of(const json_t *call)
{
    const char *kind = json_string_value(json_object_get(call, "kind"));
    for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return (int)i;
    return -1;
}

/* What a record says of one. */
struct said {
    int kind;
    int64_t id;
    bool open;
    int64_t time_ms;
    struct hq_value until; /* NULL: it is ended by a record alone */
    char about[ABOUT_MAX + 1];
};

static bool read_call(const json_t *body, struct wall_time time, struct said *out)
{
    const json_t *call = json_object_get(body, "call");
    const json_t *open = json_object_get(call, "open");
    const char *until = json_string_value(json_object_get(call, "until"));
    struct wall_time end;
    *out = (struct said){.kind = kind_of(call),
                         .id = json_integer_value(json_object_get(call, "id")),
                         .open = json_is_true(open),
                         .time_ms = time.ms,
                         .until = hq_text(NULL)};
    if (out->kind < 0 || out->id <= 0 || !json_is_boolean(open))
        return false;
    if (until && wall_parse(until, &end) == 0)
        out->until = hq_int(end.ms);
    size_t size = json_dumpb(call, out->about, ABOUT_MAX, JSON_COMPACT | JSON_SORT_KEYS);
    out->about[size <= ABOUT_MAX ? size : 0] = '\0';
    return size <= ABOUT_MAX;
}

#define NEWER "(calls.chain <> $4 OR calls.sequence < $5)"

static int put(struct hq_db *db, const char *checkpoint, const struct journal_header *header,
               const struct said *said, struct wall_time now, struct err_text *err)
{
    const struct hq_value none = hq_text(NULL);
    return hq_db_exec(
        db,
        "INSERT INTO calls(checkpoint, kind, id, chain, sequence, opened_ms, ended_ms, until_ms,"
        " received_ms, about) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " ON CONFLICT(checkpoint, kind, id) DO UPDATE SET"
        " opened_ms = CASE WHEN " NEWER " THEN coalesce(excluded.opened_ms, calls.opened_ms)"
        " ELSE coalesce(calls.opened_ms, excluded.opened_ms) END,"
        " ended_ms = CASE WHEN " NEWER " THEN excluded.ended_ms ELSE calls.ended_ms END,"
        " until_ms = coalesce(excluded.until_ms, calls.until_ms),"
        " about = CASE WHEN excluded.ended_ms IS NULL THEN excluded.about ELSE calls.about END,"
        " sequence = CASE WHEN " NEWER " THEN excluded.sequence ELSE calls.sequence END,"
        " chain = CASE WHEN " NEWER " THEN excluded.chain ELSE calls.chain END",
        HQ_PARAMS(hq_text(checkpoint), hq_text(kinds[said->kind].kind), hq_int(said->id),
                  hq_blob(header->chain, JOURNAL_CHAIN_ID_SIZE), hq_int((int64_t)header->sequence),
                  said->open ? hq_int(said->time_ms) : none,
                  said->open ? none : hq_int(said->time_ms), said->until, hq_int(now.ms),
                  hq_text(said->about)),
        err);
}

static int tell_new(struct hq_db *db, const char *checkpoint, const struct said *said,
                    struct err_text *err)
{
    int64_t there = 0;
    int rc = hq_db_number(
        db, "SELECT count(*) FROM calls WHERE checkpoint = $1 AND kind = $2 AND id = $3",
        HQ_PARAMS(hq_text(checkpoint), hq_text(kinds[said->kind].kind), hq_int(said->id)), 0,
        &there, err);
    if (rc == 0 && there == 0)
        log_event(EVENT_HQ_CALL, "checkpoint=%s kind=%s id=%lld", checkpoint,
                  kinds[said->kind].kind, (long long)said->id);
    return rc;
}

int hq_call_note(struct hq_db *db, const char *checkpoint, const struct journal_record *record,
                 struct wall_time now, struct err_text *err)
{
    static const char mark[] = "\"call\":{";
    struct said said;
    json_t *body = NULL;
    if (!record->has_body || !memmem(record->body, record->body_size, mark, sizeof(mark) - 1))
        return 0;
    int rc = json_parse(record->body, record->body_size, &body, err);
    struct wall_time time = record->header.wall.ms < now.ms ? record->header.wall : now;
    bool is_one = rc == 0 && read_call(body, time, &said);
    json_decref(body);
    if (rc != 0 || !is_one)
        return rc;
    if (said.open && kinds[said.kind].needs_somebody)
        rc = tell_new(db, checkpoint, &said, err);
    return rc == 0 ? put(db, checkpoint, &record->header, &said, now, err) : rc;
}

int hq_calls_clean(struct hq_db *db, struct wall_time now, struct err_text *err)
{
    return hq_db_exec(db, "DELETE FROM calls WHERE ended_ms < $1 OR received_ms < $2",
                      HQ_PARAMS(hq_int(now.ms - HQ_CALLS_ENDED_KEPT_DAYS * (int64_t)DAY_MS),
                                hq_int(now.ms - HQ_CALLS_OPEN_KEPT_DAYS * (int64_t)DAY_MS)),
                      err);
}

/* ---- showing those open ---- */

/* checkpoint, about, opened, until, received */
static int add_row(void *ctx, const struct hq_value *c, size_t count)
{
    json_t *about = NULL;
    if (count != 5)
        return ERR_CORRUPT;
    int rc = json_parse(c[1].data, c[1].size, &about, NULL);
    if (rc != 0)
        return rc;
    json_object_del(about, "open"); /* they all are */
    json_object_set_new(about, "checkpoint", json_stringn(c[0].data, c[0].size));
    json_object_set_new(about, "opened", hq_time_json(c[2].number));
    json_object_set_new(about, "until", hq_time_json(c[3].number));
    json_object_set_new(about, "received", hq_time_json(c[4].number));
    return json_array_append_new(ctx, about) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_calls(struct hq_call *call)
{
    struct err_text err = {""};
    const struct hq_query *q = &call->query;
    json_t *rows = json_array();
    int rc =
        rows
            ? hq_db_query(&call->hq->db,
                          "SELECT checkpoint, about, opened_ms, until_ms, received_ms"
                          " FROM calls WHERE ended_ms IS NULL AND opened_ms IS NOT NULL"
                          " AND (until_ms IS NULL OR until_ms > $1)"
                          " AND ($2 = '' OR checkpoint = $2)"
                          " ORDER BY opened_ms DESC, checkpoint, kind, id LIMIT $3",
                          HQ_PARAMS(hq_int(call->now.ms), hq_text(q->checkpoint), hq_int(q->limit)),
                          add_row, rows, &err)
            : ERR_NO_MEMORY;
    if (rc != 0) {
        json_decref(rows);
        return hq_answer_failure(call, rc, &err);
    }
    hq_call_about(call, "%zu open%s%s", json_array_size(rows), q->checkpoint[0] ? " of " : "",
                  q->checkpoint);
    return hq_answer_json(call, 200,
                          json_pack("{s:o,s:o}", "calls", rows, "now", hq_time_json(call->now.ms)));
}
