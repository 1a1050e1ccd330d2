/*
 * What people see of hits' pictures: which there are, and their bytes, each look with a reason.
 */
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/hq/evidence.h"
#include "gateway/hq/hqd.h"

enum { SLICE_MAX = 3 << 20 /* bytes of one answer, parts are not cut */ };

/* sha, size, held, complete, deleted, kind, camera, event, taken, declared, hit's time */
static int add_row(void *ctx, const struct hq_value *c, size_t count)
{
    char sha[2 * HASH_SIZE + 1];
    char kind[16];
    if (count != 11 || c[0].size != HASH_SIZE || c[5].size >= sizeof(kind))
        return ERR_CORRUPT;
    hex_encode((const uint8_t *)c[0].data, HASH_SIZE, sha);
    memcpy(kind, c[5].data, c[5].size);
    kind[c[5].size] = '\0';
    /* What was taken later is no picture of the read: it says so, with its delay. */
    bool later = strcmp(kind, "later") == 0;
    json_t *row = json_pack(
        "{s:s,s:I,s:I,s:b,s:o,s:s,s:b,s:I,s:o,s:o,s:o,s:o}", "sha256", sha, "size",
        (json_int_t)c[1].number, "held", (json_int_t)c[2].number, "complete", c[3].type == HQ_INT,
        "deleted", hq_time_json(c[4].number), "kind", kind, "trigger", !later, "camera",
        (json_int_t)c[6].number, "event", json_stringn(c[7].data, c[7].size), "taken",
        hq_time_json(c[8].number), "received", hq_time_json(c[3].number), "delay_ms",
        later ? json_integer(c[8].number - c[10].number) : json_null());
    return row && json_array_append_new(ctx, row) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_evidence(struct hq_call *call)
{
    struct err_text err = {""};
    int64_t there = 0;
    const struct hq_value hit = hq_int((int64_t)call->query.hit);
    if (call->query.hit == 0)
        return hq_answer_error(call, 400, "query: hit: expected the number of a hit");
    hq_call_about(call, "hit %lld", (long long)hit.number);
    json_t *rows = json_array();
    int rc = rows ? hq_db_number(&call->hq->db, "SELECT count(*) FROM hits WHERE number = $1",
                                 HQ_PARAMS(hit), 0, &there, &err)
                  : ERR_NO_MEMORY;
    if (rc == 0)
        rc = hq_db_query(
            &call->hq->db,
            "SELECT e.sha, e.size, e.held, e.complete_ms, e.deleted_ms, l.kind, l.camera, l.event,"
            " l.taken_ms, e.declared_ms, h.time_ms FROM hits h JOIN evidence_links l"
            " ON l.chain = h.chain AND l.sequence = h.sequence JOIN evidence e"
            " ON e.number = l.number AND e.checkpoint = h.checkpoint WHERE h.number = $1"
            " ORDER BY l.taken_ms, e.number, l.kind",
            HQ_PARAMS(hit), add_row, rows, &err);
    if (rc != 0 || there == 0) {
        json_decref(rows);
        return rc != 0 ? hq_answer_failure(call, rc, &err)
                       : hq_answer_error(call, 404, "no hit has this number");
    }
    return hq_answer_json(call, 200,
                          json_pack("{s:I,s:o}", "hit", (json_int_t)hit.number, "evidence", rows));
}

/* ---- bytes ---- */

struct open_picture {
    struct hq_call *call;
    int64_t number;
    int64_t held;
    bool complete;
    bool deleted;
};

static int take_open(void *ctx, const struct hq_value *c, size_t count)
{
    struct open_picture *open = ctx;
    if (count != 4)
        return ERR_CORRUPT;
    open->number = c[0].number;
    open->held = c[1].number;
    open->complete = c[2].type == HQ_INT;
    open->deleted = c[3].type == HQ_INT;
    return 0;
}

static int add_part(void *ctx, const struct hq_value *c, size_t count)
{
    struct open_picture *open = ctx;
    struct evbuffer *body = open->call->answer.body;
    if (count != 1)
        return ERR_CORRUPT;
    if (evbuffer_get_length(body) + c[0].size > SLICE_MAX)
        return ERR_FULL;
    return evbuffer_add(body, c[0].data, c[0].size) == 0 ? 0 : ERR_NO_MEMORY;
}

static enum hq_step answer_bytes(struct hq_call *call, const struct open_picture *open,
                                 int64_t offset)
{
    struct err_text err = {""};
    hq_answer_begin(call, 200);
    call->answer.type = "application/octet-stream";
    int rc = hq_db_query(&call->hq->db,
                         "SELECT bytes FROM evidence_parts WHERE number = $1 AND at >= $2"
                         " ORDER BY at",
                         HQ_PARAMS(hq_int(open->number), hq_int(offset)), add_part,
                         (void *)(uintptr_t)open, &err);
    return rc == 0 || rc == ERR_FULL ? HQ_DONE : hq_answer_failure(call, rc, &err);
}

static enum hq_step open_one(struct hq_call *call, int64_t hit, const char *sha_text,
                             int64_t offset)
{
    struct err_text err = {""};
    struct open_picture open = {.call = call};
    uint8_t sha[HASH_SIZE];
    if (strlen(sha_text) != (size_t)2 * HASH_SIZE || hex_decode(sha_text, sha, HASH_SIZE) != 0)
        return hq_answer_error(call, 400, "sha256: expected 64 hex digits");
    hq_call_about(call, "hit %lld, picture %s from %lld", (long long)hit, sha_text,
                  (long long)offset);
    int rc = hq_db_query(
        &call->hq->db,
        "SELECT e.number, e.held, e.complete_ms, e.deleted_ms FROM hits h JOIN evidence_links l"
        " ON l.chain = h.chain AND l.sequence = h.sequence JOIN evidence e"
        " ON e.number = l.number AND e.checkpoint = h.checkpoint"
        " WHERE h.number = $1 AND e.sha = $2",
        HQ_PARAMS(hq_int(hit), hq_blob(sha, HASH_SIZE)), take_open, &open, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    if (open.number == 0)
        return hq_answer_error(call, 404, "hit %lld has no such picture", (long long)hit);
    if (open.deleted)
        return hq_answer_error(call, 404, "the picture was deleted at the end of its term");
    if (!open.complete)
        return hq_answer_error(call, 409, "the picture is on its way: %lld bytes are here",
                               (long long)open.held);
    return answer_bytes(call, &open, offset);
}

enum hq_step hq_operator_evidence_open(struct hq_call *call)
{
    static const char *const names[] = {"hit", "sha256", "offset", "reason", NULL};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    const json_t *offset = json_object_get(object, "offset");
    const json_t *hit = json_object_get(object, "hit");
    const char *sha = hq_call_member(call, object, "sha256", 2 * HASH_SIZE);
    const char *reason = sha ? hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES) : NULL;
    if (reason && (!json_is_integer(hit) || (offset && !json_is_integer(offset))))
        step = hq_answer_error(call, 400, "hit, offset: expected numbers");
    else if (reason)
        step = open_one(call, json_integer_value(hit), sha, json_integer_value(offset));
    json_decref(object);
    return step;
}
