/*
 * Instructions of duty officers: verified, put into a box's inbox or every box's, and what the
 * box's chain said of each. What was written in them stays in the inbox until it expires and in the
 * records; here stands who instructed whom, of what kind, and what became of it.
 */
#include "gateway/signed/instruction_task.h"

#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"
#include "gateway/hq/records.h"

/* ---- posting ---- */

/* Answers 404 and 409 itself. What went to all boxes stands among the instructions alone. */
static int check_id(struct hq_call *call, const struct instruction *i, struct err_text *err)
{
    int64_t last = 0;
    int rc = hq_db_number(&call->hq->db,
                          "SELECT max(v) FROM (SELECT instruction_id AS v FROM checkpoints"
                          " WHERE id = $1 UNION ALL"
                          " SELECT max(id) FROM instructions WHERE checkpoint = $1) t",
                          HQ_PARAMS(hq_text(i->checkpoint)), -1, &last, err);
    if (rc == 0 && last < 0)
        hq_answer_error(call, 404, "no such checkpoint");
    else if (rc == 0 && (int64_t)i->id <= last)
        hq_answer_error(call, 409, "id: expected above %lld", (long long)last);
    return rc;
}

/* Of a verdict, which proposes that its entry be withdrawn; NULLs for any other kind, and for one
 * that a box will refuse. */
static void verdict_of(const struct instruction *i, struct hq_value *out_entry,
                       struct hq_value *out_verdict)
{
    struct instruction_task task;
    bool is_one = instruction_read_task(i, &task, NULL) == 0 && task.kind == INSTRUCTION_VERDICT;
    *out_entry = is_one ? hq_int((int64_t)task.entry) : hq_text(NULL);
    *out_verdict = hq_text(is_one ? instruction_verdict_name(task.verdict) : NULL);
}

static int store(struct hq_call *call, const struct instruction *i, int64_t *out_number,
                 struct err_text *err)
{
    struct hqd *hq = call->hq;
    struct hq_value entry;
    struct hq_value verdict;
    verdict_of(i, &entry, &verdict);
    int rc = hq_db_exec(&hq->db, "UPDATE checkpoints SET instruction_id = $2 WHERE id = $1",
                        HQ_PARAMS(hq_text(i->checkpoint), hq_int((int64_t)i->id)), err);
    if (rc == 0)
        rc = hqd_post(hq, i->checkpoint, "instruction", call->body, call->size, call->now,
                      i->expires, err);
    if (rc == 0)
        rc = hq_db_number(&hq->db, "SELECT max(number) FROM inbox", NULL, 0, 0, out_number, err);
    if (rc == 0)
        rc = hq_db_exec(&hq->db,
                        "INSERT INTO instructions(number, checkpoint, id, kind, signed_by, sent_by,"
                        " time_ms, expires_ms, entry, verdict)"
                        " VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                        HQ_PARAMS(hq_int(*out_number), hq_text(i->checkpoint),
                                  hq_int((int64_t)i->id), hq_text(i->kind), hq_text(i->officer),
                                  hq_text(call->peer.identity.name), hq_int(i->time.ms),
                                  hq_int(i->expires.ms), entry, verdict),
                        err);
    return rc == 0 ? hq_act_commit(call, 201, err) : rc;
}

/* The number rises at every box, so above the highest. Answers 409 itself, which says it. */
static int check_id_of_all(struct hq_call *call, const struct instruction *i, struct err_text *err)
{
    int64_t last = 0;
    int rc = hq_db_number(&call->hq->db,
                          "SELECT max(v) FROM (SELECT instruction_id AS v FROM checkpoints"
                          " WHERE revoked_ms IS NULL UNION ALL"
                          " SELECT (SELECT max(i.id) FROM instructions i WHERE i.checkpoint = c.id)"
                          " FROM checkpoints c WHERE c.revoked_ms IS NULL) t",
                          NULL, 0, 0, &last, err);
    if (rc == 0 && (int64_t)i->id <= last)
        hq_answer_error_with(call, 409, "id: a checkpoint has had that number or a higher one",
                             json_pack("{s:I}", "last", (json_int_t)last));
    return rc;
}

/* A message for each box that is not revoked, in three statements however many there are. */
static int store_for_all(struct hq_call *call, const struct instruction *i, int64_t *out_told,
                         struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    struct hq_value entry;
    struct hq_value verdict;
    int64_t before = 0;
    verdict_of(i, &entry, &verdict);
    int rc = hq_db_change(db, HQ_DB_CHANGE_INBOX, err);
    if (rc == 0) /* from here on nobody else draws numbers until the commit */
        rc = hq_db_number(db, "SELECT coalesce(max(number), 0) FROM inbox", NULL, 0, 0, &before,
                          err);
    if (rc == 0)
        rc = hq_db_exec(
            db,
            "INSERT INTO inbox(checkpoint, kind, body, created_ms, expires_ms)"
            " SELECT id, 'instruction', $1, $2, $3 FROM checkpoints"
            " WHERE revoked_ms IS NULL ORDER BY id",
            HQ_PARAMS(hq_blob(call->body, call->size), hq_int(call->now.ms), hq_int(i->expires.ms)),
            err);
    if (rc == 0)
        rc = hq_db_exec(db,
                        "INSERT INTO instructions(number, checkpoint, id, kind, signed_by, sent_by,"
                        " time_ms, expires_ms, entry, verdict)"
                        " SELECT number, checkpoint, $2, $3, $4, $5, $6, $7, $8, $9 FROM inbox"
                        " WHERE number > $1",
                        HQ_PARAMS(hq_int(before), hq_int((int64_t)i->id), hq_text(i->kind),
                                  hq_text(i->officer), hq_text(call->peer.identity.name),
                                  hq_int(i->time.ms), hq_int(i->expires.ms), entry, verdict),
                        err);
    *out_told = hq_db_changed(db);
    return rc == 0 ? hq_act_commit(call, 201, err) : rc;
}

static enum hq_step post_instruction(struct hq_call *call, const struct instruction *i)
{
    struct err_text err = {""};
    struct hqd *hq = call->hq;
    bool all = instruction_is_for_all(i);
    int64_t result = 0; /* its number, or how many are told */
    int rc = hq_db_begin(&hq->db, &err);
    if (rc == 0)
        rc = all ? check_id_of_all(call, i, &err) : check_id(call, i, &err);
    if (rc == 0 && call->answer.status == 0)
        rc = all ? store_for_all(call, i, &result, &err) : store(call, i, &result, &err);
    hq_db_rollback(&hq->db);
    if (call->answer.status != 0)
        return HQ_DONE;
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    hqd_wake(hq, HQ_TOPIC_INBOX);
    return hq_answer_json(call, 201,
                          json_pack("{s:I}", all ? "told" : "number", (json_int_t)result));
}

/* To all goes only what every box can read. */
static int check_task(const struct instruction *i, struct err_text *err)
{
    struct instruction_task task;
    return instruction_is_for_all(i) ? instruction_read_task(i, &task, err) : 0;
}

enum hq_step hq_operator_instructions(struct hq_call *call)
{
    struct err_text err = {""};
    struct instruction i = {0};
    enum hq_step step;
    int rc = instruction_verify(call->hq->keyset, call->body, call->size, &i, &err);
    if (rc == 0)
        rc = check_task(&i, &err);
    if (rc != 0) {
        instruction_fini(&i);
        return hq_answer_error(call, rc == ERR_NO_MEMORY ? 503 : 422, "%s",
                               err.text[0] ? err.text : err_name(rc));
    }
    hq_call_about(call, "%s instruction %llu", i.checkpoint, (unsigned long long)i.id);
    if (i.expires.ms <= call->now.ms || i.time.ms > call->now.ms + HQ_CLOCK_AHEAD_MS)
        step = hq_answer_error(call, 422, "expired, or dated ahead of this server's clock");
    else
        step = post_instruction(call, &i);
    instruction_fini(&i);
    return step;
}

/* ---- what became of it ---- */

static struct hq_value text_of(const json_t *body, const char *name)
{
    return hq_text(json_string_value(json_object_get(body, name))); /* NULL stays NULL */
}

int hq_instruction_answered(struct hq_db *db, const char *checkpoint,
                            const struct journal_record *r, struct err_text *err)
{
    json_t *body = NULL;
    if (json_parse(r->body, r->body_size, &body, NULL) != 0)
        return 0; /* it stands as a record all the same */
    const json_t *status = json_object_get(body, "status");
    char *told = status ? json_dumps(status, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    int rc = hq_db_exec(
        db,
        "UPDATE instructions SET answered_ms = $4, sequence = $5, result = $6, why = $7,"
        " why_zh = $8, status = $9 WHERE checkpoint = $1 AND answered_ms IS NULL"
        " AND (id = $2 OR ($2 = 0 AND number = $3))",
        HQ_PARAMS(hq_text(checkpoint), hq_int(json_integer_value(json_object_get(body, "id"))),
                  hq_int(json_integer_value(json_object_get(body, "number"))),
                  hq_int(r->header.wall.ms), hq_int((int64_t)r->header.sequence),
                  text_of(body, "result"), text_of(body, "why"), text_of(body, "why_zh"),
                  hq_text(told)),
        err);
    free(told);
    json_decref(body);
    return rc;
}

struct listing {
    json_t *rows;
    int64_t next;
};

static json_t *text_json(const struct hq_value *v)
{
    return v->type == HQ_TEXT ? json_stringn(v->data, v->size) : json_null();
}

static json_t *object_json(const struct hq_value *v)
{
    json_t *value = NULL;
    return v->type != HQ_NULL && json_parse(v->data, v->size, &value, NULL) == 0 ? value
                                                                                 : json_null();
}

/* number, checkpoint, id, kind, signed by, sent by, time, expires, answered, result, why, why_zh,
 * status, entry, verdict, the entry as it stands */
static int add_row(void *ctx, const struct hq_value *c, size_t count)
{
    struct listing *l = ctx;
    if (count != 16)
        return ERR_CORRUPT;
    l->next = c[0].number;
    json_t *entry = object_json(&c[15]);
    json_t *row = json_pack(
        "{s:I,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:O?}", "number",
        (json_int_t)c[0].number, "checkpoint", text_json(&c[1]), "id", (json_int_t)c[2].number,
        "kind", text_json(&c[3]), "signed_by", text_json(&c[4]), "sent_by", text_json(&c[5]),
        "time", hq_time_json(c[6].number), "expires", hq_time_json(c[7].number), "answered",
        hq_time_json(c[8].number), "result", text_json(&c[9]), "why", text_json(&c[10]), "why_zh",
        text_json(&c[11]), "status", object_json(&c[12]), "entry",
        c[13].type == HQ_INT ? json_integer(c[13].number) : json_null(), "verdict",
        text_json(&c[14]), "in_force", json_boolean(c[15].type != HQ_NULL), "owner",
        json_object_get(entry, "applicant"));
    json_decref(entry);
    return row && json_array_append_new(l->rows, row) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_instructed(struct hq_call *call)
{
    struct err_text err = {""};
    const struct hq_query *q = &call->query;
    struct listing l = {.rows = json_array(), .next = (int64_t)q->after};
    int rc =
        l.rows ? hq_db_query(&call->hq->db,
                             "SELECT i.number, i.checkpoint, i.id, i.kind, i.signed_by, i.sent_by,"
                             " i.time_ms, i.expires_ms, i.answered_ms, i.result, i.why,"
                             " i.why_zh, i.status, i.entry, i.verdict, e.body"
                             " FROM instructions i LEFT JOIN entries e ON e.id = i.entry"
                             " WHERE i.number > $1 AND ($2 = '' OR i.checkpoint = $2)"
                             " ORDER BY i.number LIMIT $3",
                             HQ_PARAMS(hq_int(l.next), hq_text(q->checkpoint), hq_int(q->limit)),
                             add_row, &l, &err)
               : ERR_NO_MEMORY;
    if (rc != 0) {
        json_decref(l.rows);
        return hq_answer_failure(call, rc, &err);
    }
    hq_call_about(call, "%zu, up to %lld", json_array_size(l.rows), (long long)l.next);
    return hq_answer_json(
        call, 200, json_pack("{s:o,s:I}", "instructions", l.rows, "next", (json_int_t)l.next));
}
