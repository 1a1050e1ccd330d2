/*
 * One-time tokens: made for a checkpoint that joins, and for the new box of one whose hardware was
 * swapped, which shuts the old box out in the same transaction. What becomes of a token that waits
 * stands in enrolments.c, what is got with it in est_handlers.c.
 */
#include <openssl/rand.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"

enum {
    TOKEN_BYTES = 20, /* 160 random bits, 40 hex digits: may be typed by hand */
    TOKEN_TEXT_SIZE = 2 * TOKEN_BYTES + 1,
    TOKEN_MINUTES_DEFAULT = 60,
    TOKEN_MINUTES_MAX = 72 * 60,
    NAME_MAX_BYTES = 128
};

const char *hq_call_checkpoint(struct hq_call *call, const json_t *object)
{
    const char *id = hq_call_member(call, object, "checkpoint", TLS_LABEL_SIZE - 1);
    if (id && !tls_label_ok(id)) {
        hq_answer_error(call, 400, "checkpoint: expected 1 to 64 of a-z 0-9 -");
        return NULL;
    }
    if (id)
        hq_call_about(call, "%s", id);
    return id;
}

/* What a token is made of; `approved` NULL: its holder's key waits for approval. */
struct new_token {
    const char *id;
    const char *name; /* NULL: it stays */
    int64_t minutes;
    bool has_approved;
    uint8_t approved[TLS_FINGERPRINT_SIZE];
    bool replaces;
    struct wall_time expires;
    char text[TOKEN_TEXT_SIZE]; /* a secret */
};

static int draw(struct hq_call *call, struct new_token *t)
{
    uint8_t random[TOKEN_BYTES];
    if (RAND_bytes(random, sizeof(random)) != 1) {
        hq_answer_error(call, 500, "no random numbers");
        return ERR_IO;
    }
    hex_encode(random, sizeof(random), t->text);
    explicit_bzero(random, sizeof(random));
    t->expires.ms = call->now.ms + t->minutes * 60 * 1000;
    return 0;
}

/* In the place of the one that waits. Inside a transaction. */
static int put(struct hq_call *call, const struct new_token *t, struct err_text *err)
{
    const struct hq_value approved =
        t->has_approved ? hq_blob(t->approved, TLS_FINGERPRINT_SIZE) : hq_text(NULL);
    struct hq_db *db = &call->hq->db;
    uint8_t hash[HASH_SIZE];
    int rc = hash_bytes(t->text, strlen(t->text), hash);
    if (rc == 0)
        rc = hq_db_exec(db, "DELETE FROM tokens WHERE checkpoint = $1", HQ_PARAMS(hq_text(t->id)),
                        err);
    return rc == 0 ? hq_db_exec(
                         db,
                         "INSERT INTO tokens(checkpoint, hash, expires_ms, operator, approved,"
                         " approved_by, replaces) VALUES($1, $2, $3, $4, $5, $6, $7)",
                         HQ_PARAMS(hq_text(t->id), hq_blob(hash, HASH_SIZE), hq_int(t->expires.ms),
                                   hq_text(call->peer.identity.name), approved,
                                   hq_text(t->has_approved ? call->peer.identity.name : NULL),
                                   hq_int(t->replaces)),
                         err)
                   : rc;
}

/* Members that every token's request may have. Answers what is wrong. */
static bool read_token(struct hq_call *call, const json_t *object, struct new_token *out)
{
    const json_t *valid = json_object_get(object, "valid_minutes");
    const json_t *known = json_object_get(object, "fingerprint");
    out->minutes = valid ? json_integer_value(valid) : TOKEN_MINUTES_DEFAULT;
    out->has_approved = known != NULL;
    out->id = hq_call_checkpoint(call, object);
    if (!out->id)
        return false;
    if (out->minutes < 1 || out->minutes > TOKEN_MINUTES_MAX)
        hq_answer_error(call, 400, "valid_minutes: expected 1 to %d", TOKEN_MINUTES_MAX);
    else if (known &&
             (!json_is_string(known) || hash_parse(json_string_value(known), out->approved) != 0))
        hq_answer_error(call, 400, "fingerprint: expected sha256: and 64 hex digits");
    return call->answer.status == 0;
}

static json_t *token_json(const struct hq_call *call, const struct new_token *t)
{
    return json_pack("{s:s,s:s,s:o,s:s}", "checkpoint", t->id, "token", t->text, "expires",
                     hq_time_json(t->expires.ms), "est_url", call->hq->est_url);
}

/* ---- a checkpoint that joins ---- */

static int store_enrolment(struct hq_call *call, const struct new_token *t, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = hq_db_exec(db,
                        "INSERT INTO checkpoints(id, name, created_ms) VALUES($1, $2, $3)"
                        " ON CONFLICT(id) DO UPDATE SET name = $2",
                        HQ_PARAMS(hq_text(t->id), hq_text(t->name), hq_int(call->now.ms)), err);
    if (rc == 0)
        rc = put(call, t, err);
    if (rc == 0)
        rc = hq_act_commit(call, 201, err);
    hq_db_rollback(db);
    return rc;
}

static enum hq_step enroll(struct hq_call *call, struct new_token *t)
{
    struct err_text err = {""};
    if (draw(call, t) != 0)
        return HQ_DONE;
    int rc = store_enrolment(call, t, &err);
    return rc == 0 ? hq_answer_json(call, 201, token_json(call, t))
                   : hq_answer_failure(call, rc, &err);
}

enum hq_step hq_operator_enroll(struct hq_call *call)
{
    static const char *const names[] = {"checkpoint", "name", "valid_minutes", "fingerprint", NULL};
    struct new_token t = {0};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    if (read_token(call, object, &t) &&
        (t.name = hq_call_member(call, object, "name", NAME_MAX_BYTES)))
        step = enroll(call, &t);
    explicit_bzero(&t, sizeof(t));
    json_decref(object);
    return step;
}

/* ---- a box in the place of another ---- */

/* Of the old box's journal: up to where it is held, and up to where it is known to have gone. */
struct old_chain {
    bool found;
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    int64_t held;
    int64_t existed;
};

/* chain, held, recorded, confirmed, urgent */
static int take_old(void *ctx, const struct hq_value *c, size_t count)
{
    struct old_chain *old = ctx;
    if (count != 5 || c[0].size != JOURNAL_CHAIN_ID_SIZE)
        return ERR_CORRUPT;
    old->found = true;
    memcpy(old->chain, c[0].data, JOURNAL_CHAIN_ID_SIZE);
    old->held = old->existed = c[1].number;
    for (size_t i = 2; i < count; i++)
        old->existed = c[i].number > old->existed ? c[i].number : old->existed;
    return 0;
}

static int find_old(struct hq_call *call, const char *id, struct old_chain *out,
                    struct err_text *err)
{
    return hq_db_query(&call->hq->db,
                       "SELECT c.chain, c.sequence, coalesce(j.recorded, 0),"
                       " coalesce(j.confirmed, 0), coalesce((SELECT max(u.sequence) FROM urgents u"
                       " WHERE u.checkpoint = c.checkpoint AND u.chain = c.chain), 0)"
                       " FROM chains c LEFT JOIN journals j ON j.checkpoint = c.checkpoint"
                       " AND j.chain = c.chain WHERE c.checkpoint = $1 AND c.stream = 0"
                       " ORDER BY coalesce(j.told_ms, 0) DESC, c.opened_ms DESC, c.chain LIMIT 1",
                       HQ_PARAMS(hq_text(id)), take_old, out, err);
}

static int shut_out(struct hq_call *call, const char *id, const char *reason, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc =
        hq_db_exec(db,
                   "UPDATE checkpoints SET revoked_ms = $2, replaced_ms = $2, replaced_by = $3,"
                   " replace_reason = $4, expected_streams = 0 WHERE id = $1",
                   HQ_PARAMS(hq_text(id), hq_int(call->now.ms), hq_text(call->peer.identity.name),
                             hq_text(reason)),
                   err);
    if (rc == 0 && hq_db_changed(db) == 0)
        return ERR_NOT_FOUND;
    if (rc == 0)
        rc = hq_db_exec(db,
                        "UPDATE certificates SET revoked_ms = $2, replaced_ms = $2"
                        " WHERE checkpoint = $1 AND revoked_ms IS NULL",
                        HQ_PARAMS(hq_text(id), hq_int(call->now.ms)), err);
    return rc == 0 ? hq_db_change(db, HQ_DB_CHANGE_INBOX, err) : rc; /* who waits is let go */
}

static int store_replacement(struct hq_call *call, const struct new_token *t, const char *reason,
                             struct old_chain *out_old, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = shut_out(call, t->id, reason, err);
    if (rc == 0)
        rc = put(call, t, err);
    if (rc == 0)
        rc = find_old(call, t->id, out_old, err);
    if (rc == 0)
        rc = hq_act_commit(call, 201, err);
    hq_db_rollback(db);
    return rc;
}

static json_t *replacement_json(const struct hq_call *call, const struct new_token *t,
                                const struct old_chain *old)
{
    char hex[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    json_t *answer = token_json(call, t);
    hex_encode(old->chain, sizeof(old->chain), hex);
    json_t *chain = old->found
                        ? json_pack("{s:s,s:I,s:I,s:I}", "chain", hex, "held",
                                    (json_int_t)old->held, "recorded", (json_int_t)old->existed,
                                    "missing", (json_int_t)(old->existed - old->held))
                        : json_null();
    if (answer && json_object_set_new(answer, "old", chain) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    return answer;
}

static enum hq_step replace(struct hq_call *call, struct new_token *t, const char *reason)
{
    struct err_text err = {""};
    struct old_chain old = {0};
    if (draw(call, t) != 0)
        return HQ_DONE;
    int rc = store_replacement(call, t, reason, &old, &err);
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "no such checkpoint");
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    hqd_wake(call->hq, HQ_TOPIC_INBOX);
    log_event(EVENT_HQ_REPLACED, "checkpoint=%s operator=%s missing=%lld reason=\"%s\"", t->id,
              call->peer.identity.name, (long long)(old.existed - old.held), reason);
    return hq_answer_json(call, 201, replacement_json(call, t, &old));
}

enum hq_step hq_operator_replace(struct hq_call *call)
{
    static const char *const names[] = {"checkpoint", "reason", "valid_minutes", "fingerprint",
                                        NULL};
    struct new_token t = {.replaces = true};
    json_t *object = NULL;
    const char *reason = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    if (read_token(call, object, &t) &&
        (reason = hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES)))
        step = replace(call, &t, reason);
    explicit_bzero(&t, sizeof(t));
    json_decref(object);
    return step;
}
