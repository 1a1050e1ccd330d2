/*
 * What checkpoints ask: records in, receipts out, urgent ones, the inbox.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"
#include "gateway/hq/records.h"
#include "gateway/signed/receipt.h"

/* So long after headquarters was put back boxes that were away are told what they missed. */
static const int64_t RAISED_KNOWN_MS = (int64_t)366 * 24 * 3600 * 1000;

/* Signs a receipt for `head`; *out is heap text. ERR_DENIED: the key set has no key of ours. */
static int make_receipt(struct hq_call *call, const struct journal_head *head, char **out,
                        size_t *out_size, struct err_text *err)
{
    struct hqd *hq = call->hq;
    struct envelope e = {0};
    struct receipt receipt = {.sequence = head->sequence, .time = call->now};
    const struct keyset_key *key =
        keyset_find(hq->keyset, KEY_ROLE_RECEIPT, sign_key_id(hq->receipt_key));
    memcpy(receipt.checkpoint, call->id, strlen(call->id) + 1);
    memcpy(receipt.chain, head->chain, CHAIN_ID_SIZE);
    memcpy(receipt.head, head->hash, HASH_SIZE);
    if (!key || !keyset_key_valid(key, call->now))
        return err_set(err, ERR_DENIED, "the key set has no receipt key of ours valid now");
    int rc = receipt_compose(&receipt, &e, err);
    if (rc == 0)
        rc = hqd_sign(&e, hq->receipt_key, out, out_size);
    return rc;
}

static enum hq_step answer_quarantine(struct hq_call *call, const struct hq_ingest *in)
{
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    hex_encode(in->head.chain, JOURNAL_CHAIN_ID_SIZE, chain);
    return hq_answer_error_with(call, 409,
                                "the chain is in quarantine until an operator accepts it",
                                json_pack("{s:{s:s,s:I,s:s,s:b}}", "quarantine", "chain", chain,
                                          "sequence", (json_int_t)in->head.sequence, "reason",
                                          in->reason, "set_aside", (int)(in->head.sequence > 0)));
}

/* Headquarters was put back to an earlier state, or the box sent too far ahead. */
static enum hq_step answer_gap(struct hq_call *call, const struct hq_ingest *in)
{
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    hex_encode(in->head.chain, JOURNAL_CHAIN_ID_SIZE, chain);
    if (in->gap_new)
        log_event(EVENT_HQ_GAP, "checkpoint=%s chain=%s after=%llu", call->id, chain,
                  (unsigned long long)in->head.sequence);
    return hq_answer_error_with(
        call, 409, "records before these are missing here: send them again",
        json_pack("{s:{s:s,s:I}}", "gap", "chain", chain, "after", (json_int_t)in->head.sequence));
}

/* A call's receipt on its way into the transaction, or why there is none. */
struct receipt_maker {
    struct hq_call *call;
    int rc;
    struct err_text err;
};

static char *make_for(void *ctx, const struct journal_head *head)
{
    struct receipt_maker *maker = ctx;
    char *text = NULL;
    size_t size = 0;
    maker->rc = make_receipt(maker->call, head, &text, &size, &maker->err);
    return maker->rc == 0 ? text : NULL;
}

/* The form of what a box sent, or the database. */
static enum hq_step answer_refused(struct hq_call *call, int rc, const struct err_text *err)
{
    if (rc == ERR_TOO_LARGE)
        return hq_answer_error(call, 413, "%s", err->text);
    if (rc == ERR_INVALID || rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED)
        return hq_answer_error(call, 422, "%s", err->text[0] ? err->text : err_name(rc));
    return hq_answer_failure(call, rc, err);
}

static enum hq_step take_records(struct hq_call *call, enum hq_stream stream)
{
    struct err_text err = {""};
    struct hq_ingest in = {0};
    struct receipt_maker maker = {.call = call};
    char *receipt = NULL;
    int rc = hq_records_take(&call->hq->db, stream, call->id, call->body, call->size, call->now,
                             make_for, &maker, &in, &receipt, &err);
    if (rc != 0)
        return answer_refused(call, rc, &err);
    call->hq->counters.stored += (uint64_t)in.stored;
    call->hq->counters.repeated += (uint64_t)in.repeated;
    call->hq->counters.quarantines += in.broke;
    if (in.hits > 0)
        hqd_wake(call->hq, HQ_TOPIC_HITS);
    if (in.gap && !in.quarantined)
        return answer_gap(call, &in);
    if (!in.quarantined) {
        enum hq_step step =
            receipt ? hq_answer_bytes(call, 200, "application/json", receipt, strlen(receipt))
                    : hq_answer_failure(call, maker.rc, &maker.err);
        free(receipt);
        return step;
    }
    if (in.broke)
        log_event(EVENT_HQ_QUARANTINE, "checkpoint=%s reason=\"%s\"", call->id, in.reason);
    return answer_quarantine(call, &in);
}

enum hq_step hq_box_records(struct hq_call *call)
{
    return take_records(call, HQ_STREAM_JOURNAL);
}

enum hq_step hq_box_observe(struct hq_call *call)
{
    return take_records(call, HQ_STREAM_OBSERVE);
}

enum hq_step hq_box_urgent(struct hq_call *call)
{
    struct err_text err = {""};
    bool is_new = false;
    int rc = hq_records_urgent(&call->hq->db, call->id, call->body, call->size, call->now, &is_new,
                               &err);
    if (rc != 0)
        return answer_refused(call, rc, &err);
    if (is_new)
        hqd_wake(call->hq, HQ_TOPIC_HITS);
    return hq_answer_json(call, 202, json_pack("{s:b}", "provisional", 1));
}

struct inbox {
    struct hq_call *call;
    int count;
    int64_t next;
    size_t max; /* bytes */
};

static int add_message(void *ctx, const struct hq_value *columns, size_t count)
{
    struct inbox *in = ctx;
    struct evbuffer *body = in->call->answer.body;
    char expires[WALL_TEXT_SIZE];
    if (count != 4)
        return ERR_CORRUPT;
    if (in->count > 0 && evbuffer_get_length(body) + columns[2].size + 256 > in->max)
        return ERR_FULL;
    in->next = columns[0].number;
    wall_format((struct wall_time){columns[3].number}, expires);
    if (evbuffer_add_printf(body,
                            "%s{\"number\":%lld,\"kind\":\"%.*s\",\"expires\":\"%s\",\"body\":",
                            in->count++ ? "," : "", (long long)in->next, (int)columns[1].size,
                            columns[1].data, expires) < 0 ||
        evbuffer_add(body, columns[2].data, columns[2].size) != 0 ||
        evbuffer_add(body, "}", 1) != 0)
        return ERR_NO_MEMORY;
    return 0;
}

/* In headquarters' own records, once for each box that shows it. */
static int record_restored(struct hq_call *call, struct err_text *err)
{
    char about[128];
    (void)snprintf(about, sizeof(about), "%s has seen message %llu, which was not drawn here",
                   call->id, (unsigned long long)call->query.after); /* fits */
    log_event(EVENT_HQ_RESTORED, "reason=\"%s\"", about);
    return hq_own_append(
        &call->hq->db, "hqd",
        json_pack("{s:s,s:s,s:s}", "what", "database.restored", "about", about, "person", "hqd"),
        call->now, err);
}

/* What was drawn for the box between what it acknowledged here and what it has seen. Nobody is
 * woken where there is nothing: a fleet comes one by one after such a day. */
static int tell_anew(struct hq_call *call, int64_t acked, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    const struct hq_value from = hq_int(acked);
    const struct hq_value to = hq_int((int64_t)call->query.after);
    int64_t count = 0;
    int rc =
        hq_db_number(db,
                     "SELECT count(*) FROM inbox WHERE checkpoint = $1 AND number > $2"
                     " AND number < $3 AND expires_ms > $4",
                     HQ_PARAMS(hq_text(call->id), from, to, hq_int(call->now.ms)), 0, &count, err);
    if (rc == 0 && count > 0)
        rc = hq_db_change(db, HQ_DB_CHANGE_INBOX, err);
    if (rc == 0 && count > 0)
        rc = hq_db_exec(db,
                        "INSERT INTO inbox(checkpoint, kind, body, created_ms, expires_ms)"
                        " SELECT checkpoint, kind, body, created_ms, expires_ms FROM inbox"
                        " WHERE checkpoint = $1 AND number > $2 AND number < $3"
                        " AND expires_ms > $4 ORDER BY number",
                        HQ_PARAMS(hq_text(call->id), from, to, hq_int(call->now.ms)), err);
    return rc;
}

/* A box that has seen messages this database never drew: it was put back to an earlier state. What
 * is drawn from now on lies above, and what was drawn below since is told anew, to every such box
 * and not to the first alone. */
static int overtake(struct hq_call *call, int64_t acked, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = hq_db_raise_inbox(db, (int64_t)call->query.after, call->now.ms + RAISED_KNOWN_MS, err);
    if (rc == 0)
        rc = tell_anew(call, acked, err);
    if (rc == 0)
        rc = record_restored(call, err);
    if (rc == 0)
        rc = hq_db_commit(db, err);
    hq_db_rollback(db);
    return rc;
}

/* The acknowledged number, when it rises. Answers one that no box can have seen: it would use up
 * the numbers of all. */
static int note_acked(struct hq_call *call, struct err_text *err)
{
    const struct hq_value after = hq_int((int64_t)call->query.after);
    int64_t acked = 0;
    bool undrawn = false;
    int rc = hq_db_number(&call->hq->db, "SELECT inbox_acked FROM checkpoints WHERE id = $1",
                          HQ_PARAMS(hq_text(call->id)), 0, &acked, err);
    if (rc != 0 || acked >= after.number)
        return rc;
    rc = hq_db_inbox_undrawn(&call->hq->db, after.number, &undrawn, err);
    if (rc == ERR_TOO_LARGE) {
        hq_answer_error(call, 400, "after: %s", err->text);
        return 0;
    }
    if (rc == 0 && undrawn)
        rc = overtake(call, acked, err);
    if (rc == 0)
        rc =
            hq_db_exec(&call->hq->db,
                       "UPDATE checkpoints SET inbox_acked = $2 WHERE id = $1 AND inbox_acked < $2",
                       HQ_PARAMS(hq_text(call->id), after), err);
    return rc;
}

/* What the box says of itself; written only when it changes. */
void hq_box_note(struct hq_call *call)
{
    struct err_text err = {""};
    const struct hq_query *q = &call->query;
    int rc = note_acked(call, &err);
    if (rc == 0 && q->has_revision)
        rc = hq_db_exec(
            &call->hq->db,
            "UPDATE checkpoints SET list_revision = $2, list_hash = $3 WHERE id = $1"
            " AND (list_revision IS NULL OR list_revision <> $2 OR list_hash <> $3)",
            HQ_PARAMS(hq_text(call->id), hq_int((int64_t)q->revision), hq_text(q->hash)), &err);
    if (rc == 0 && q->has_policy)
        rc = hq_db_exec(&call->hq->db,
                        "UPDATE checkpoints SET policy_version = $2 WHERE id = $1"
                        " AND (policy_version IS NULL OR policy_version <> $2)",
                        HQ_PARAMS(hq_text(call->id), hq_int((int64_t)q->policy)), &err);
    if (rc == 0 && q->has_exempt)
        rc = hq_db_exec(&call->hq->db,
                        "UPDATE checkpoints SET exempt_revision = $2 WHERE id = $1"
                        " AND (exempt_revision IS NULL OR exempt_revision <> $2)",
                        HQ_PARAMS(hq_text(call->id), hq_int((int64_t)q->exempt)), &err);
    if (rc == 0 && q->has_retention)
        rc = hq_db_exec(&call->hq->db,
                        "UPDATE checkpoints SET retention_version = $2 WHERE id = $1"
                        " AND (retention_version IS NULL OR retention_version <> $2)",
                        HQ_PARAMS(hq_text(call->id), hq_int((int64_t)q->retention)), &err);
    hqd_noted(call->hq, rc, &err);
}

static int list_messages(struct hq_call *call, struct inbox *in, struct err_text *err)
{
    hq_answer_begin(call, 200);
    if (evbuffer_add_printf(call->answer.body, "{\"messages\":[") < 0)
        return ERR_NO_MEMORY;
    int rc = hq_db_query(&call->hq->db,
                         "SELECT number, kind, body, expires_ms FROM inbox WHERE number > $1"
                         " AND (checkpoint IS NULL OR checkpoint = $2) AND expires_ms > $3"
                         " ORDER BY number LIMIT $4",
                         HQ_PARAMS(hq_int(in->next), hq_text(call->id), hq_int(call->now.ms),
                                   hq_int(call->query.limit)),
                         add_message, in, err);
    return rc == ERR_FULL ? 0 : rc;
}

static int end_messages(struct hq_call *call, const struct inbox *in)
{
    return evbuffer_add_printf(call->answer.body, "],\"next\":%lld}", (long long)in->next) < 0
               ? ERR_NO_MEMORY
               : 0;
}

int hq_box_messages(struct hq_call *call, size_t max, struct err_text *err)
{
    struct inbox in = {.call = call, .next = (int64_t)call->query.after, .max = max};
    int rc = list_messages(call, &in, err);
    return rc == 0 ? end_messages(call, &in) : rc;
}

enum hq_step hq_box_inbox(struct hq_call *call)
{
    struct err_text err = {""};
    struct inbox in = {.call = call, .next = (int64_t)call->query.after, .max = HQ_ANSWER_MAX};
    if (!call->topics) { /* the first run only */
        hq_box_note(call);
        if (call->answer.status != 0)
            return HQ_DONE;
    }
    int rc = list_messages(call, &in, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    if (in.count == 0 && call->query.wait_s > 0 && !call->last_run) {
        call->topics = HQ_TOPIC_INBOX;
        return HQ_WAIT;
    }
    return end_messages(call, &in) == 0 ? HQ_DONE : hq_answer_error(call, 503, "out of memory");
}
