/*
 * See holds.h; and the requests that begin, end and list them.
 */
#include "gateway/hq/holds.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"
#include "gateway/model/plate_key.h"
#include "gateway/signed/retention_terms.h"

enum {
    HOLDS_MAX = 4096, /* in force */
    ROWS_MAX = 64,    /* plates and entries of one request */
    CASE_MAX_BYTES = 256
};

struct hold {
    char checkpoint[TLS_LABEL_SIZE]; /* "": any */
    char plate[PLATE_TEXT_SIZE];     /* "": any */
    int64_t entry;                   /* 0: any */
    int64_t lane;                    /* 0: any */
    int64_t from_ms;
    int64_t until_ms;
};

struct hq_holds {
    size_t count;
    struct hold rows[HOLDS_MAX];
};

static void copy_text(const struct hq_value *from, char *to, size_t size)
{
    size_t length = from->type == HQ_TEXT && from->size < size ? from->size : 0;
    if (length > 0)
        memcpy(to, from->data, length);
    to[length] = '\0';
}

/* checkpoint, plate, entry, from, until, lane */
static int take_hold(void *ctx, const struct hq_value *c, size_t count)
{
    struct hq_holds *holds = ctx;
    if (count != 6 || c[0].size >= TLS_LABEL_SIZE || c[1].size >= PLATE_TEXT_SIZE)
        return ERR_CORRUPT;
    if (holds->count == HOLDS_MAX)
        return ERR_TOO_LARGE; /* nothing is deleted rather than something that is held */
    struct hold *hold = &holds->rows[holds->count++];
    copy_text(&c[0], hold->checkpoint, sizeof(hold->checkpoint));
    copy_text(&c[1], hold->plate, sizeof(hold->plate));
    hold->entry = c[2].number;
    hold->from_ms = c[3].type == HQ_NULL ? INT64_MIN : c[3].number;
    hold->until_ms = c[4].type == HQ_NULL ? INT64_MAX : c[4].number;
    hold->lane = c[5].number;
    return 0;
}

int hq_holds_load(struct hq_db *db, struct hq_holds **out, struct err_text *err)
{
    struct hq_holds *holds = calloc(1, sizeof(*holds));
    int rc = holds ? hq_db_query(db,
                                 "SELECT checkpoint, plate, entry, from_ms, until_ms, lane"
                                 " FROM case_holds WHERE ended_ms IS NULL ORDER BY number",
                                 NULL, 0, take_hold, holds, err)
                   : ERR_NO_MEMORY;
    if (rc != 0) {
        free(holds);
        return err_prefix(err, rc, "holds of cases");
    }
    *out = holds;
    return 0;
}

void hq_holds_free(struct hq_holds *holds)
{
    free(holds);
}

/* A body names an entry by its id, a hit's with more about it. */
static bool names_entry(const json_t *body, int64_t id)
{
    const json_t *entry = json_object_get(body, "entry");
    return json_integer_value(json_is_object(entry) ? json_object_get(entry, "id") : entry) == id;
}

static bool covers(const struct hold *hold, const char *checkpoint, struct wall_time time,
                   const char *body, size_t size, const json_t *object)
{
    if (hold->checkpoint[0] && strcmp(hold->checkpoint, checkpoint) != 0)
        return false;
    if (time.ms < hold->from_ms || time.ms >= hold->until_ms)
        return false;
    if (hold->lane != 0 && json_integer_value(json_object_get(object, "lane")) != hold->lane)
        return false;
    if (!hold->plate[0] && hold->entry == 0)
        return true;
    /* the plate anywhere in it: a read, a candidate, what an officer saw */
    if (hold->plate[0] && memmem(body, size, hold->plate, strlen(hold->plate)))
        return true;
    return hold->entry != 0 && names_entry(object, hold->entry);
}

bool hq_holds_cover(const struct hq_holds *holds, const char *checkpoint, struct wall_time time,
                    const char *body, size_t size)
{
    json_t *object = NULL;
    bool held = false;
    if (holds->count == 0)
        return false;
    if (json_parse(body, size, &object, NULL) != 0)
        return true;
    for (size_t i = 0; i < holds->count && !held; i++)
        held = covers(&holds->rows[i], checkpoint, time, body, size, object);
    json_decref(object);
    return held;
}

/* ---- requests ---- */

/* What one request begins. */
struct order {
    const char *case_number;
    const char *reason;
    const char *checkpoint; /* NULL: any */
    int64_t lane;           /* 0: any */
    struct hq_value from;
    struct hq_value until;
    size_t count;
    struct hold rows[ROWS_MAX]; /* plate or entry of each */
};

static bool read_time(struct hq_call *call, const json_t *object, const char *name,
                      struct hq_value *out)
{
    struct wall_time time;
    const json_t *value = json_object_get(object, name);
    *out = hq_text(NULL);
    if (!value)
        return true;
    if (!json_is_string(value) || wall_parse(json_string_value(value), &time) != 0) {
        hq_answer_error(call, 400, "%s: expected a time in UTC, 2026-12-01T00:00:00Z", name);
        return false;
    }
    *out = hq_int(time.ms);
    return true;
}

static bool read_plate(struct hq_call *call, const json_t *value, struct hold *out)
{
    struct plate_text plate;
    const char *text = json_string_value(value);
    plate_encode(text ? text : "", text ? strlen(text) : 0, PLATE_DASH_AUTO, &plate);
    if (text && plate.kind == PLATE_KEY && plate.unread_symbols == 0 &&
        plate_decode(plate.key, out->plate) == 0)
        return true;
    hq_answer_error(call, 400, "plates: '%.60s' is no full plate", text ? text : "");
    return false;
}

/* "plates" and "entries": each a row. */
static bool read_rows(struct hq_call *call, const json_t *object, struct order *out)
{
    const json_t *plates = json_object_get(object, "plates");
    const json_t *entries = json_object_get(object, "entries");
    const json_t *value;
    size_t i;
    if ((plates && !json_is_array(plates)) || (entries && !json_is_array(entries)) ||
        json_array_size(plates) + json_array_size(entries) > ROWS_MAX) {
        hq_answer_error(call, 400, "plates, entries: expected lists of at most %d together",
                        ROWS_MAX);
        return false;
    }
    json_array_foreach(plates, i, value)
    {
        if (!read_plate(call, value, &out->rows[out->count++]))
            return false;
    }
    json_array_foreach(entries, i, value)
    {
        out->rows[out->count++].entry = json_integer_value(value);
        if (json_integer_value(value) <= 0) {
            hq_answer_error(call, 400, "entries: expected ids of wanted entries");
            return false;
        }
    }
    return true;
}

static bool read_order(struct hq_call *call, const json_t *object, struct order *out)
{
    out->case_number = hq_call_member(call, object, "case_number", CASE_MAX_BYTES);
    out->reason =
        out->case_number ? hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES) : NULL;
    if (!out->reason || !read_rows(call, object, out) ||
        !read_time(call, object, "from", &out->from) ||
        !read_time(call, object, "until", &out->until))
        return false;
    if (json_object_get(object, "checkpoint")) {
        out->checkpoint = hq_call_member(call, object, "checkpoint", TLS_LABEL_SIZE - 1);
        if (!out->checkpoint)
            return false;
    }
    if (json_object_get(object, "lane")) {
        out->lane = json_integer_value(json_object_get(object, "lane"));
        if (!out->checkpoint || out->lane < 1 || out->lane > RETENTION_LANE_MAX) {
            hq_answer_error(call, 400, "lane: expected 1 to %d, and its checkpoint",
                            RETENTION_LANE_MAX);
            return false;
        }
    }
    if (out->count == 0 && !out->checkpoint) {
        hq_answer_error(call, 400, "expected plates, entries or a checkpoint to hold");
        return false;
    }
    if (out->count == 0)
        out->count = 1; /* all of the checkpoint */
    return true;
}

static int put_hold(struct hq_call *call, const struct order *order, const struct hold *row,
                    struct err_text *err)
{
    return hq_db_exec(
        &call->hq->db,
        "INSERT INTO case_holds(case_number, checkpoint, plate, entry, from_ms, until_ms, reason,"
        " begun_by, begun_ms, lane) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        HQ_PARAMS(hq_text(order->case_number), hq_text(order->checkpoint),
                  hq_text(row->plate[0] ? row->plate : NULL),
                  row->entry ? hq_int(row->entry) : hq_text(NULL), order->from, order->until,
                  hq_text(order->reason), hq_text(call->peer.identity.name), hq_int(call->now.ms),
                  order->lane ? hq_int(order->lane) : hq_text(NULL)),
        err);
}

static enum hq_step begin_hold(struct hq_call *call, const struct order *order)
{
    struct err_text err = {""};
    struct hq_db *db = &call->hq->db;
    hq_call_about(call, "case %s, %zu holds", order->case_number, order->count);
    int rc = hq_db_begin(db, &err);
    for (size_t i = 0; rc == 0 && i < order->count; i++)
        rc = put_hold(call, order, &order->rows[i], &err);
    if (rc == 0)
        rc = hq_act_commit(call, 201, &err);
    hq_db_rollback(db);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    return hq_answer_json(call, 201,
                          json_pack("{s:s,s:I}", "case_number", order->case_number, "holds",
                                    (json_int_t)order->count));
}

enum hq_step hq_operator_hold_add(struct hq_call *call)
{
    static const char *const names[] = {"case_number", "reason", "plates", "entries", "checkpoint",
                                        "from",        "until",  "lane",   NULL};
    struct order order = {0};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    if (read_order(call, object, &order))
        step = begin_hold(call, &order);
    json_decref(object);
    return step;
}

/* What was held may be past its term: the marks of the retention job go back to the beginning. */
static enum hq_step end_hold(struct hq_call *call, const char *case_number, const char *reason)
{
    struct err_text err = {""};
    struct hq_db *db = &call->hq->db;
    int64_t ended = 0;
    hq_call_about(call, "case %s", case_number);
    int rc = hq_db_begin(db, &err);
    if (rc == 0)
        rc = hq_db_exec(db,
                        "UPDATE case_holds SET ended_by = $2, ended_ms = $3, end_reason = $4"
                        " WHERE case_number = $1 AND ended_ms IS NULL",
                        HQ_PARAMS(hq_text(case_number), hq_text(call->peer.identity.name),
                                  hq_int(call->now.ms), hq_text(reason)),
                        &err);
    ended = rc == 0 ? hq_db_changed(db) : 0;
    if (rc == 0 && ended == 0)
        rc = ERR_NOT_FOUND;
    if (rc == 0)
        rc = hq_db_exec(db, "DELETE FROM retain_marks", NULL, 0, &err);
    if (rc == 0)
        rc = hq_act_commit(call, 200, &err);
    hq_db_rollback(db);
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "no hold of this case is in force");
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    return hq_answer_json(
        call, 200, json_pack("{s:s,s:I}", "case_number", case_number, "ended", (json_int_t)ended));
}

enum hq_step hq_operator_hold_end(struct hq_call *call)
{
    static const char *const names[] = {"case_number", "reason", NULL};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    const char *number = hq_call_member(call, object, "case_number", CASE_MAX_BYTES);
    const char *reason =
        number ? hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES) : NULL;
    if (reason)
        step = end_hold(call, number, reason);
    json_decref(object);
    return step;
}

static json_t *text_json(const struct hq_value *v)
{
    return v->type == HQ_TEXT ? json_stringn(v->data, v->size) : json_null();
}

static int add_row(void *ctx, const struct hq_value *c, size_t count)
{
    if (count != 13)
        return ERR_CORRUPT;
    json_t *row = json_pack(
        "{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "number", (json_int_t)c[0].number,
        "case_number", text_json(&c[1]), "checkpoint", text_json(&c[2]), "plate", text_json(&c[3]),
        "entry", c[4].type == HQ_INT ? json_integer(c[4].number) : json_null(), "from",
        hq_time_json(c[5].number), "until", hq_time_json(c[6].number), "reason", text_json(&c[7]),
        "by", text_json(&c[8]), "begun", hq_time_json(c[9].number), "ended_by", text_json(&c[10]),
        "ended", hq_time_json(c[11].number), "lane",
        c[12].type == HQ_INT ? json_integer(c[12].number) : json_null());
    return row && json_array_append_new(ctx, row) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_holds(struct hq_call *call)
{
    struct err_text err = {""};
    json_t *rows = json_array();
    int64_t next = (int64_t)call->query.after;
    int rc =
        rows ? hq_db_query(&call->hq->db,
                           "SELECT number, case_number, checkpoint, plate, entry, from_ms,"
                           " until_ms, reason, begun_by, begun_ms, ended_by, ended_ms, lane"
                           " FROM case_holds WHERE number > $1 ORDER BY number LIMIT $2",
                           HQ_PARAMS(hq_int(next), hq_int(call->query.limit)), add_row, rows, &err)
             : ERR_NO_MEMORY;
    if (rc != 0) {
        json_decref(rows);
        return hq_answer_failure(call, rc, &err);
    }
    size_t count = json_array_size(rows);
    if (count > 0)
        next = json_integer_value(json_object_get(json_array_get(rows, count - 1), "number"));
    hq_call_about(call, "%zu, up to %lld", count, (long long)next);
    return hq_answer_json(call, 200,
                          json_pack("{s:o,s:I}", "holds", rows, "next", (json_int_t)next));
}
