/*
 * Tokens that wait to be used: a person sees which key asks with one, approves the fingerprint the
 * box shows, or takes the token back. Tokens are made in tokens.c and used in est_handlers.c.
 */
#include <string.h>

#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"

static json_t *text_json(const struct hq_value *v)
{
    return v->type == HQ_TEXT ? json_stringn(v->data, v->size) : json_null();
}

static json_t *hash_json(const struct hq_value *v)
{
    char text[HASH_TEXT_SIZE];
    if (v->type != HQ_BLOB || v->size != HASH_SIZE)
        return json_null();
    hash_format((const uint8_t *)v->data, text);
    return json_string(text);
}

/* checkpoint, operator, expires, requested, requested at, approved, approved by */
static int add_row(void *ctx, const struct hq_value *c, size_t count)
{
    if (count != 7)
        return ERR_CORRUPT;
    json_t *row = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "checkpoint", text_json(&c[0]), "by",
                            text_json(&c[1]), "expires", hq_time_json(c[2].number), "fingerprint",
                            hash_json(&c[3]), "asked", hq_time_json(c[4].number), "approved",
                            hash_json(&c[5]), "approved_by", text_json(&c[6]));
    return row && json_array_append_new(ctx, row) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_enrolments(struct hq_call *call)
{
    struct err_text err = {""};
    json_t *rows = json_array();
    int rc = rows ? hq_db_query(&call->hq->db,
                                "SELECT checkpoint, operator, expires_ms, requested, requested_ms,"
                                " approved, approved_by FROM tokens WHERE expires_ms > $1"
                                " ORDER BY checkpoint",
                                HQ_PARAMS(hq_int(call->now.ms)), add_row, rows, &err)
                  : ERR_NO_MEMORY;
    if (rc != 0) {
        json_decref(rows);
        return hq_answer_failure(call, rc, &err);
    }
    return hq_answer_json(call, 200, json_pack("{s:o}", "enrolments", rows));
}

/* Runs `sql` on the checkpoint's token, which must be there: it and its record, or neither. */
static int change(struct hq_call *call, const char *sql, const struct hq_value *params,
                  size_t count, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = hq_db_exec(db, sql, params, count, err);
    if (rc == 0 && hq_db_changed(db) == 0)
        rc = ERR_NOT_FOUND;
    if (rc == 0)
        rc = hq_act_commit(call, 200, err);
    hq_db_rollback(db);
    return rc;
}

static enum hq_step answer(struct hq_call *call, int rc, const struct err_text *err, const char *id,
                           const char *state)
{
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "no token of this checkpoint waits to be used");
    if (rc != 0)
        return hq_answer_failure(call, rc, err);
    return hq_answer_json(call, 200, json_pack("{s:s,s:s}", "checkpoint", id, "state", state));
}

enum hq_step hq_operator_enrolment_approve(struct hq_call *call)
{
    static const char *const names[] = {"checkpoint", "fingerprint", NULL};
    struct err_text err = {""};
    uint8_t hash[HASH_SIZE];
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    const char *id = hq_call_member(call, object, "checkpoint", TLS_LABEL_SIZE - 1);
    const char *text = id ? hq_call_member(call, object, "fingerprint", HASH_TEXT_SIZE - 1) : NULL;
    if (text && hash_parse(text, hash) != 0)
        step = hq_answer_error(call, 400, "fingerprint: expected sha256: and 64 hex digits");
    else if (text) {
        hq_call_about(call, "%s %s", id, text);
        int rc = change(call,
                        "UPDATE tokens SET approved = $2, approved_by = $3"
                        " WHERE checkpoint = $1 AND expires_ms > $4",
                        HQ_PARAMS(hq_text(id), hq_blob(hash, HASH_SIZE),
                                  hq_text(call->peer.identity.name), hq_int(call->now.ms)),
                        &err);
        step = answer(call, rc, &err, id, "approved");
    }
    json_decref(object);
    return step;
}

enum hq_step hq_operator_enrolment_revoke(struct hq_call *call)
{
    static const char *const names[] = {"checkpoint", "reason", NULL};
    struct err_text err = {""};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    const char *id = hq_call_member(call, object, "checkpoint", TLS_LABEL_SIZE - 1);
    if (id && hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES)) {
        hq_call_about(call, "%s", id);
        int rc = change(call, "DELETE FROM tokens WHERE checkpoint = $1 AND expires_ms > $2",
                        HQ_PARAMS(hq_text(id), hq_int(call->now.ms)), &err);
        step = answer(call, rc, &err, id, "revoked");
    }
    json_decref(object);
    return step;
}
