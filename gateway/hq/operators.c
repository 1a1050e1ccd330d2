/*
 * What people at HQ ask: hits, checkpoints, revocation, chains.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"
#include "gateway/hq/records.h"

struct hits {
    struct hq_call *call;
    int count;
    int64_t first;
    int64_t next;
};

/* number, checkpoint, sequence, time, received, provisional, body */
static int add_hit(void *ctx, const struct hq_value *columns, size_t count)
{
    struct hits *h = ctx;
    struct evbuffer *body = h->call->answer.body;
    char time[WALL_TEXT_SIZE];
    char received[WALL_TEXT_SIZE];
    if (count != 7)
        return ERR_CORRUPT;
    if (h->count > 0 && evbuffer_get_length(body) + columns[6].size + 512 > HQ_ANSWER_MAX)
        return ERR_FULL;
    h->next = columns[0].number;
    h->first = h->count == 0 ? h->next : h->first;
    wall_format((struct wall_time){columns[3].number}, time);
    wall_format((struct wall_time){columns[4].number}, received);
    if (evbuffer_add_printf(body,
                            "%s{\"number\":%lld,\"checkpoint\":\"%.*s\",\"sequence\":%lld,"
                            "\"time\":\"%s\",\"received\":\"%s\",\"provisional\":%s,\"record\":",
                            h->count++ ? "," : "", (long long)h->next, (int)columns[1].size,
                            columns[1].data, (long long)columns[2].number, time, received,
                            columns[5].number ? "true" : "false") < 0 ||
        evbuffer_add(body, columns[6].data, columns[6].size) != 0 ||
        evbuffer_add(body, "}", 1) != 0)
        return ERR_NO_MEMORY;
    return 0;
}

enum hq_step hq_operator_hits(struct hq_call *call)
{
    struct err_text err = {""};
    const struct hq_query *q = &call->query;
    struct hits h = {.call = call, .next = (int64_t)q->after};
    hq_answer_begin(call, 200);
    if (evbuffer_add_printf(call->answer.body, "{\"hits\":[") < 0)
        return hq_answer_error(call, 503, "out of memory");
    int rc = hq_db_query(&call->hq->db,
                         "SELECT number, checkpoint, sequence, time_ms, received_ms, provisional,"
                         " body FROM hits WHERE number > $1 AND ($2 = '' OR checkpoint = $2)"
                         " ORDER BY number LIMIT $3",
                         HQ_PARAMS(hq_int(h.next), hq_text(q->checkpoint), hq_int(q->limit)),
                         add_hit, &h, &err);
    if (rc != 0 && rc != ERR_FULL)
        return hq_answer_failure(call, rc, &err);
    if (h.count == 0 && q->wait_s > 0 && !call->last_run) {
        rc = call->topics ? 0 : hq_stream_begin(call, h.next, &err); /* the first run only */
        call->topics = HQ_TOPIC_HITS;
        return rc == 0 ? HQ_WAIT : hq_answer_failure(call, rc, &err);
    }
    if (evbuffer_add_printf(call->answer.body, "],\"next\":%lld}", (long long)h.next) < 0)
        return hq_answer_error(call, 503, "out of memory");
    if (h.count > 0) {
        hq_call_about(call, "%d hits, %lld to %lld", h.count, (long long)h.first,
                      (long long)h.next);
        rc = hq_stream_page(call, (int64_t)q->after, h.next, &err);
    }
    return rc == 0 || rc == ERR_FULL ? HQ_DONE : hq_answer_failure(call, rc, &err);
}

static json_t *text_json(const struct hq_value *v)
{
    return v->type == HQ_TEXT ? json_stringn(v->data, v->size) : json_null();
}

static json_t *number_json(const struct hq_value *v)
{
    return v->type == HQ_INT ? json_integer(v->number) : json_null();
}

static json_t *chain_json(const struct hq_value *v)
{
    char text[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    if (v->type != HQ_BLOB || v->size != JOURNAL_CHAIN_ID_SIZE)
        return json_null();
    hex_encode((const uint8_t *)v->data, v->size, text);
    return json_string(text);
}

/* id, name, revoked, seen, list revision, list hash, until, chain, state, sequence, reason,
 * policy version, exempt revision, time of its list, time of the batch it lacks first, its newest
 * self-test, when that was missed, retention terms, replaced, old box seen, calls open */
static int add_checkpoint(void *ctx, const struct hq_value *c, size_t count)
{
    if (count != 21)
        return ERR_CORRUPT;
    bool quarantined = c[8].type == HQ_TEXT && c[8].size != strlen("active");
    const char *state = c[2].type != HQ_NULL   ? "revoked"
                        : quarantined          ? "quarantined"
                        : c[3].type != HQ_NULL ? "active"
                                               : "enrolled";
    json_t *row = json_pack(
        "{s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:I}", "id",
        text_json(&c[0]), "name", text_json(&c[1]), "state", state, "last_seen",
        hq_time_json(c[3].number), "list_revision", number_json(&c[4]), "list_hash",
        text_json(&c[5]), "certificate_until", hq_time_json(c[6].number), "chain",
        chain_json(&c[7]), "confirmed", number_json(&c[9]), "quarantine", text_json(&c[10]),
        "policy_version", number_json(&c[11]), "exempt_revision", number_json(&c[12]), "list_time",
        hq_time_json(c[13].number), "behind_since", hq_time_json(c[14].number), "self_test",
        hq_time_json(c[15].number), "self_test_absent", c[16].type == HQ_INT, "retention_version",
        number_json(&c[17]), "replaced", hq_time_json(c[18].number), "old_box_seen",
        hq_time_json(c[19].number), "calls", (json_int_t)c[20].number);
    return row && json_array_append_new(ctx, row) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_checkpoints(struct hq_call *call)
{
    struct err_text err = {""};
    json_t *rows = json_array();
    int rc = rows ? hq_db_query(
                        &call->hq->db,
                        "SELECT p.id, p.name, p.revoked_ms, p.last_seen_ms,"
                        " p.list_revision, p.list_hash, p.certificate_until_ms, c.chain,"
                        " c.state, c.sequence, c.reason, p.policy_version,"
                        " p.exempt_revision, h.time_ms, b.time_ms, t.time_ms,"
                        " CASE WHEN p.revoked_ms IS NULL THEN t.alarmed_ms END, "
                        "p.retention_version, p.replaced_ms,"
                        " (SELECT max(o.back_ms) FROM certificates o WHERE o.checkpoint = p.id),"
                        " (SELECT count(*) FROM calls k WHERE k.checkpoint = p.id"
                        " AND k.ended_ms IS NULL AND k.opened_ms IS NOT NULL"
                        " AND k.kind <> 'lookout')"
                        " FROM checkpoints p LEFT JOIN self_tests t ON t.checkpoint = p.id"
                        " LEFT JOIN batches h ON h.revision = p.list_revision"
                        " LEFT JOIN batches b ON b.revision = p.list_revision + 1"
                        " LEFT JOIN chains c ON c.checkpoint = p.id AND c.chain ="
                        " (SELECT n.chain FROM chains n WHERE n.checkpoint = p.id AND n.stream = 0"
                        " ORDER BY n.state = 'quarantined' DESC, n.opened_ms DESC,"
                        " n.chain LIMIT 1) ORDER BY p.id",
                        NULL, 0, add_checkpoint, rows, &err)
                  : ERR_NO_MEMORY;
    if (rc != 0) {
        json_decref(rows);
        return hq_answer_failure(call, rc, &err);
    }
    return hq_answer_json(call, 200, json_pack("{s:o}", "checkpoints", rows));
}

static enum hq_step revoke(struct hq_call *call, const char *id, const char *reason)
{
    struct err_text err = {""};
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, &err);
    if (rc == 0)
        rc = hq_db_exec(db, "DELETE FROM tokens WHERE checkpoint = $1", HQ_PARAMS(hq_text(id)),
                        &err);
    if (rc == 0)
        rc = hq_db_exec(db,
                        "UPDATE certificates SET revoked_ms = $2"
                        " WHERE checkpoint = $1 AND revoked_ms IS NULL",
                        HQ_PARAMS(hq_text(id), hq_int(call->now.ms)), &err);
    if (rc == 0)
        rc = hq_db_exec(db, "UPDATE checkpoints SET revoked_ms = $2 WHERE id = $1",
                        HQ_PARAMS(hq_text(id), hq_int(call->now.ms)), &err);
    if (rc == 0 && hq_db_changed(db) == 0)
        rc = ERR_NOT_FOUND;
    if (rc == 0)
        rc = hq_db_change(db, HQ_DB_CHANGE_INBOX, &err); /* who waits is looked at again */
    if (rc == 0)
        rc = hq_act_commit(call, 200, &err);
    hq_db_rollback(db);
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "no such checkpoint");
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    hqd_wake(call->hq, HQ_TOPIC_INBOX);
    log_event(EVENT_HQ_REVOKED, "checkpoint=%s operator=%s reason=\"%s\"", id,
              call->peer.identity.name, reason);
    return hq_answer_json(call, 200, json_pack("{s:s,s:s}", "checkpoint", id, "state", "revoked"));
}

enum hq_step hq_operator_revoke(struct hq_call *call)
{
    static const char *const names[] = {"checkpoint", "reason", NULL};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    const char *id = hq_call_checkpoint(call, object);
    const char *reason = id ? hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES) : NULL;
    if (reason)
        step = revoke(call, id, reason);
    json_decref(object);
    return step;
}

static enum hq_step accept_chain(struct hq_call *call, const char *id, const char *chain_text,
                                 const char *reason)
{
    struct err_text err = {""};
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    if (hex_decode(chain_text, chain, sizeof(chain)) != 0)
        return hq_answer_error(call, 400, "chain: expected 32 hex digits");
    struct hq_db *db = &call->hq->db;
    hq_call_about(call, "%s chain %s", id, chain_text);
    int rc = hq_db_begin(db, &err);
    if (rc == 0)
        rc = hq_records_accept(db, id, chain, call->peer.identity.name, reason, call->now, &err);
    if (rc == 0)
        rc = hq_act_commit(call, 200, &err);
    hq_db_rollback(db);
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "%s", err.text);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    log_event(EVENT_HQ_CHAIN_ACCEPTED, "checkpoint=%s chain=%s operator=%s", id, chain_text,
              call->peer.identity.name);
    return hq_answer_json(
        call, 200,
        json_pack("{s:s,s:s,s:s}", "checkpoint", id, "chain", chain_text, "state", "active"));
}

enum hq_step hq_operator_accept(struct hq_call *call)
{
    static const char *const names[] = {"checkpoint", "chain", "reason", NULL};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    const char *id = hq_call_checkpoint(call, object);
    const char *chain = id ? hq_call_member(call, object, "chain", 64) : NULL;
    const char *reason = chain ? hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES) : NULL;
    if (reason)
        step = accept_chain(call, id, chain, reason);
    json_decref(object);
    return step;
}

enum hq_step hq_operator_self(struct hq_call *call)
{
    return hq_answer_json(
        call, 200,
        json_pack("{s:s,s:s,s:o,s:I,s:o}", "operator", call->peer.identity.name, "fleet",
                  call->peer.identity.fleet, "time", hq_time_json(call->now.ms), "keyset_version",
                  (json_int_t)call->hq->keyset->version, "roles", hq_roles_json(call->roles)));
}
