/*
 * Sticks of checkpoints without a network, brought by a person: the manifest is judged as the box's
 * connection would be, each file is taken by the same code as a POST of that box, and what
 * headquarters has to say to it is signed, for no connection vouches for it. Of each checkpoint the
 * manifest brought last stands in the table spools.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/hq/hqd.h"
#include "gateway/journal/record.h"
#include "gateway/signed/spool.h"
#include "gateway/tls/sealed.h"

enum { ANSWER_MAX = 500 * 1024 /* bytes of messages: the envelope stays below its limit */ };

/* The box speaks through the person's call. */
struct visit {
    struct hq_call *call;
    struct hq_call box;
    struct spool_manifest *m; /* heap */
};

static void end_visit(struct visit *v)
{
    hq_call_fini(&v->box);
    free(v->m);
}

/* The box's answer is the person's. */
static enum hq_step hand_on(struct visit *v)
{
    struct hq_answer *from = &v->box.answer;
    struct hq_answer *to = &v->call->answer;
    hq_answer_begin(v->call, from->status);
    to->type = from->type;
    to->retry = from->retry;
    memcpy(v->call->why, v->box.why, sizeof(v->call->why));
    return evbuffer_add_buffer(to->body, from->body) == 0
               ? HQ_DONE
               : hq_answer_error(v->call, 503, "out of memory");
}

/* 0, or the call is answered. */
static int judge(struct visit *v, const char *text, size_t size)
{
    struct hq_call *call = v->call;
    struct err_text err = {""};
    uint8_t *payload = NULL;
    size_t payload_size = 0;
    v->m = calloc(1, sizeof(*v->m));
    int rc = v->m && hq_call_init(&v->box, call->hq) == 0 ? 0 : ERR_NO_MEMORY;
    if (rc == 0)
        rc = tls_sealed_read(text, size, SPOOL_MANIFEST, call->hq->box_roots, call->now,
                             &v->box.peer, &payload, &payload_size, &err);
    if (rc == 0)
        rc = spool_manifest_read(payload, payload_size, v->m, &err);
    free(payload);
    if (rc == 0 && (v->box.peer.identity.kind != TLS_PEER_CHECKPOINT ||
                    strcmp(v->box.peer.identity.name, v->m->checkpoint) != 0))
        rc = err_set(&err, ERR_DENIED, "the certificate is not of checkpoint '%s'",
                     v->m->checkpoint);
    if (rc != 0) {
        hq_answer_error(call,
                        rc == ERR_NO_MEMORY ? 503
                        : rc == ERR_DENIED  ? 403
                                            : 422,
                        "%s", err.text[0] ? err.text : err_name(rc));
        return rc;
    }
    v->box.now = call->now;
    memcpy(v->box.id, v->m->checkpoint, strlen(v->m->checkpoint) + 1);
    if (hq_peer_check(&v->box) == HQ_AGAIN)
        return 0;
    hand_on(v);
    return ERR_DENIED;
}

/* ---- the manifest ---- */

/* What the box says of itself, unless a later stick has said it already. */
static int note(struct visit *v, struct err_text *err)
{
    char body[160];
    struct hq_call *box = &v->box;
    const struct spool_manifest *m = v->m;
    const struct spool_place *journal = &m->places[SPOOL_JOURNAL];
    box->query = (struct hq_query){.after = m->after,
                                   .limit = HQ_LIMIT_DEFAULT,
                                   .has_revision = true,
                                   .revision = m->revision,
                                   .has_policy = true,
                                   .policy = m->policy,
                                   .has_exempt = true,
                                   .exempt = m->exempt};
    hash_format(m->hash, box->query.hash);
    hq_box_note(box);
    if (box->answer.status != 0)
        return err_set(err, ERR_INVALID, "the box says it has seen a message that none can have");
    int size =
        snprintf(body, sizeof(body), "{\"chain\":\"%s\",\"recorded\":%llu,\"confirmed\":%llu}",
                 journal->chain, (unsigned long long)journal->recorded,
                 (unsigned long long)journal->confirmed);
    box->body = body;
    box->size = (size_t)size;
    enum hq_step step = hq_box_journal(box); /* its answer says what the receipts say */
    (void)step;
    return 0;
}

/* The number of the newest that this box has brought: one that was replaced counted its own. */
static int find_newest(struct visit *v, int64_t *out, int64_t *out_since, struct err_text *err)
{
    struct hq_db *db = &v->call->hq->db;
    const struct hq_value id = hq_text(v->m->checkpoint);
    int rc = hq_db_number(db, "SELECT replaced_ms FROM checkpoints WHERE id = $1", HQ_PARAMS(id), 0,
                          out_since, err);
    return rc == 0 ? hq_db_number(db,
                                  "SELECT newest FROM spools WHERE checkpoint = $1"
                                  " AND taken_ms >= $2",
                                  HQ_PARAMS(id, hq_int(*out_since)), 0, out, err)
                   : rc;
}

static int keep(struct visit *v, const char *text, size_t size, int64_t since_ms,
                struct err_text *err)
{
    return hq_db_exec(&v->call->hq->db,
                      "INSERT INTO spools(checkpoint, manifest, newest, taken_ms)"
                      " VALUES($1, $2, $3, $4) ON CONFLICT(checkpoint) DO UPDATE"
                      " SET manifest = $2, taken_ms = $4, newest ="
                      " CASE WHEN spools.newest > $3 AND spools.taken_ms >= $5"
                      " THEN spools.newest ELSE $3 END",
                      HQ_PARAMS(hq_text(v->m->checkpoint), hq_blob(text, size),
                                hq_int((int64_t)v->m->number), hq_int(v->call->now.ms),
                                hq_int(since_ms)),
                      err);
}

static enum hq_step take_manifest(struct visit *v, const char *text, size_t size)
{
    struct err_text err = {""};
    int64_t newest = 0;
    int64_t since_ms = 0;
    if (judge(v, text, size) != 0)
        return HQ_DONE;
    int rc = find_newest(v, &newest, &since_ms, &err);
    bool newer = (int64_t)v->m->number > newest;
    if (rc == 0 && newer)
        rc = note(v, &err);
    if (rc == 0) /* last: one that is cut off before is noted when it comes again */
        rc = keep(v, text, size, since_ms, &err);
    if (rc != 0)
        return rc == ERR_INVALID ? hq_answer_error(v->call, 422, "%s", err.text)
                                 : hq_answer_failure(v->call, rc, &err);
    hq_call_about(v->call, "%s, export %llu of %zu files%s", v->m->checkpoint,
                  (unsigned long long)v->m->number, v->m->file_count,
                  newer ? "" : ", not the newest");
    return hq_answer_json(v->call, 200,
                          json_pack("{s:s,s:I,s:b,s:I}", "checkpoint", v->m->checkpoint, "number",
                                    (json_int_t)v->m->number, "newer", newer, "newest",
                                    (json_int_t)(newer ? (int64_t)v->m->number : newest)));
}

enum hq_step hq_operator_spool(struct hq_call *call)
{
    static const char *const names[] = {"manifest", "reason", NULL};
    struct visit v = {.call = call};
    json_t *object = NULL;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    char *text = NULL;
    if (hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES)) {
        text = json_dumps(json_object_get(object, "manifest"), JSON_COMPACT | JSON_SORT_KEYS);
        if (text)
            (void)take_manifest(&v, text, strlen(text)); /* the answer says it */
        else
            hq_answer_error(call, 400, "manifest: expected an object");
    }
    end_visit(&v);
    free(text);
    json_decref(object);
    return HQ_DONE;
}

/* ---- its files, and the answer ---- */

/* By the manifest brought last. 0, or the call is answered. */
static int open_visit(struct visit *v)
{
    struct err_text err = {""};
    char *text = NULL;
    size_t size = 0;
    int rc = hq_db_bytes(&v->call->hq->db, "SELECT manifest FROM spools WHERE checkpoint = $1",
                         HQ_PARAMS(hq_text(v->call->id)), &text, &size, &err);
    if (rc == ERR_NOT_FOUND)
        hq_answer_error(v->call, 404, "no stick of this checkpoint was brought");
    else if (rc != 0)
        hq_answer_failure(v->call, rc, &err);
    else
        rc = judge(v, text, size);
    free(text);
    return rc;
}

static const struct spool_file *find(const struct visit *v)
{
    uint8_t hash[HASH_SIZE];
    const struct spool_file *found = NULL;
    if (hash_bytes(v->call->body, v->call->size, hash) != 0)
        return NULL;
    for (size_t i = 0; i < v->m->file_count; i++)
        if (v->m->files[i].size_bytes == v->call->size &&
            memcmp(v->m->files[i].sha256, hash, sizeof(hash)) == 0)
            found = &v->m->files[i];
    return found;
}

enum hq_step hq_operator_spool_records(struct hq_call *call)
{
    struct visit v = {.call = call};
    if (open_visit(&v) == 0) {
        const struct spool_file *file = find(&v);
        if (!file) {
            hq_answer_error(call, 422,
                            "the manifest names no such file: altered, cut short, or of "
                            "another stick");
        } else {
            v.box.body = call->body;
            v.box.size = call->size;
            enum hq_step step =
                file->stream == SPOOL_OBSERVE ? hq_box_observe(&v.box) : hq_box_records(&v.box);
            (void)step; /* records wait for nothing */
            hq_call_about(call, "%s, %s", v.m->checkpoint, file->name);
            hand_on(&v);
        }
    }
    end_visit(&v);
    return HQ_DONE;
}

/* So far a chain is here: less than its receipts say after headquarters was put back. */
static int read_held(struct visit *v, enum spool_stream stream, uint64_t *out, struct err_text *err)
{
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    int64_t held = 0;
    int rc = hex_decode(v->m->places[stream].chain, chain, sizeof(chain));
    if (rc == 0)
        rc = hq_db_number(
            &v->call->hq->db, "SELECT sequence FROM chains WHERE checkpoint = $1 AND chain = $2",
            HQ_PARAMS(hq_text(v->m->checkpoint), hq_blob(chain, sizeof(chain))), 0, &held, err);
    *out = (uint64_t)held;
    return rc;
}

static int sign_answer(struct visit *v, json_t *inbox, char **out, size_t *out_size,
                       struct err_text *err)
{
    struct hqd *hq = v->call->hq;
    struct envelope e = {0};
    const struct keyset_key *key =
        keyset_find(hq->keyset, KEY_ROLE_RECEIPT, sign_key_id(hq->receipt_key));
    struct spool_answer a = {.spool = v->m->number,
                             .after = v->m->after,
                             .next = (uint64_t)json_integer_value(json_object_get(inbox, "next")),
                             .time = v->call->now,
                             .messages = json_object_get(inbox, "messages")};
    memcpy(a.checkpoint, v->m->checkpoint, sizeof(a.checkpoint));
    if (!key || !keyset_key_valid(key, v->call->now))
        return err_set(err, ERR_DENIED, "the key set has no receipt key of ours valid now");
    int rc = read_held(v, SPOOL_JOURNAL, &a.held[SPOOL_JOURNAL], err);
    if (rc == 0)
        rc = read_held(v, SPOOL_OBSERVE, &a.held[SPOOL_OBSERVE], err);
    if (rc == 0)
        rc = spool_answer_compose(&a, &e, err);
    return rc == 0 ? hqd_sign(&e, hq->receipt_key, out, out_size) : rc;
}

enum hq_step hq_operator_spool_answer(struct hq_call *call)
{
    struct visit v = {.call = call};
    struct err_text err = {""};
    json_t *inbox = NULL;
    char *text = NULL;
    size_t size = 0;
    if (open_visit(&v) == 0) {
        v.box.query.after = v.m->after;
        int rc = hq_box_messages(&v.box, ANSWER_MAX, &err);
        size_t length = evbuffer_get_length(v.box.answer.body);
        if (rc == 0)
            rc = json_parse((const char *)evbuffer_pullup(v.box.answer.body, -1), length, &inbox,
                            &err);
        if (rc == 0)
            rc = sign_answer(&v, inbox, &text, &size, &err);
        if (rc == 0)
            (void)hq_answer_bytes(call, 200, "application/json", text, size);
        else
            hq_answer_failure(call, rc, &err);
    }
    json_decref(inbox);
    free(text);
    end_visit(&v);
    return HQ_DONE;
}
