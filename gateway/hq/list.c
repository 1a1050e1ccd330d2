/*
 * The list: its head, the chain of batches (compare-and-swap), entries in force. What an index of a
 * box could not hold is refused here, before any box hears of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/list_conflict.h"
#include "gateway/hq/own.h"
#include "gateway/hq/review.h"
#include "gateway/match/crowd.h"
#include "gateway/signed/wanted_entry.h"

static const int64_t year_ms = (int64_t)366 * 24 * 3600 * 1000;

static json_t *head_json(const struct list_head *head)
{
    char hash[HASH_TEXT_SIZE];
    hash_format(head->hash, hash);
    return json_pack("{s:I,s:s,s:o}", "revision", (json_int_t)head->revision, "hash", hash, "time",
                     hq_time_json(head->time.ms));
}

struct counts {
    int64_t max_id;
    int64_t entries;
    int64_t need_two;
};

static int take_counts(void *ctx, const struct hq_value *columns, size_t count)
{
    if (count != 3)
        return ERR_CORRUPT;
    *(struct counts *)ctx =
        (struct counts){columns[0].number, columns[1].number, columns[2].number};
    return 0;
}

static int read_counts(struct hqd *hq, struct counts *out, struct err_text *err)
{
    return hq_db_query(&hq->db, "SELECT max_id, entries, need_two FROM ids", NULL, 0, take_counts,
                       out, err);
}

enum hq_step hq_list_head(struct hq_call *call)
{
    struct hqd *hq = call->hq;
    struct err_text err = {""};
    struct counts counts = {0};
    char hash[HASH_TEXT_SIZE];
    char time[WALL_TEXT_SIZE];
    int64_t policy_version = 0;
    int64_t exempt_revision = 0;
    int64_t retention_version = 0;
    int rc = read_counts(hq, &counts, &err);
    if (rc == 0)
        rc = hq_versioned_newest(hq, &hq_versioned_policy, &policy_version, &err);
    if (rc == 0)
        rc = hq_versioned_newest(hq, &hq_versioned_exempt, &exempt_revision, &err);
    if (rc == 0)
        rc = hq_versioned_newest(hq, &hq_versioned_retention, &retention_version, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    hash_format(hq->head.hash, hash);
    wall_format(hq->head.time, time);
    hq_answer_begin(call, 200);
    if (evbuffer_add_printf(call->answer.body,
                            "{\"revision\":%llu,\"hash\":\"%s\",\"time\":%s%s%s,\"max_id\":%lld,"
                            "\"entries\":%lld,\"freshness\":%s,\"keyset_version\":%llu,"
                            "\"policy_version\":%lld,\"exempt_revision\":%lld,"
                            "\"retention_version\":%lld}",
                            (unsigned long long)hq->head.revision, hash,
                            hq->head.revision ? "\"" : "", hq->head.revision ? time : "null",
                            hq->head.revision ? "\"" : "", (long long)counts.max_id,
                            (long long)counts.entries, hq->freshness ? hq->freshness : "null",
                            (unsigned long long)hq->keyset->version, (long long)policy_version,
                            (long long)exempt_revision, (long long)retention_version) < 0)
        return hq_answer_error(call, 503, "out of memory");
    return HQ_DONE;
}

/* What a batch does to the tables, inside one transaction. */
struct publish {
    struct hqd *hq;
    struct wanted_record found; /* find_entry's answer */
    struct counts counts;
    struct match_crowd *grown; /* heap: entries that their crowd did not have before */
    size_t grown_count;
    struct hq_conflicts conflicts;
    struct err_text *err;
    int rc; /* of find_entry */
};

static int take_entry(void *ctx, const struct hq_value *columns, size_t count)
{
    struct wanted_record *out = ctx;
    struct byte_reader r;
    if (count != 1)
        return ERR_CORRUPT;
    byte_reader_init(&r, columns[0].data, columns[0].size);
    return wanted_record_read(&r, out, NULL);
}

static const struct wanted_record *find_entry(void *ctx, uint64_t id)
{
    struct publish *p = ctx;
    p->found.id = 0;
    int rc = hq_db_query(&p->hq->db, "SELECT record FROM entries WHERE id = $1",
                         HQ_PARAMS(hq_int((int64_t)id)), take_entry, &p->found, p->err);
    if (rc != 0 && p->rc == 0)
        p->rc = rc;
    return rc == 0 && p->found.id != 0 ? &p->found : NULL;
}

static int put_entry(struct publish *p, const struct batch *batch, const struct wanted_item *item)
{
    uint8_t bytes[WANTED_RECORD_SIZE];
    struct byte_writer w;
    byte_writer_init(&w, bytes, sizeof(bytes));
    wanted_record_write(&w, &item->record);
    return hq_db_queue(&p->hq->db,
                       "INSERT INTO entries(id, revision, record, body, crowd)"
                       " VALUES($1, $2, $3, $4, $5)"
                       " ON CONFLICT(id) DO UPDATE"
                       " SET revision = $2, record = $3, body = $4, crowd = $5",
                       HQ_PARAMS(hq_int((int64_t)item->record.id), hq_int((int64_t)batch->revision),
                                 hq_blob(bytes, sizeof(bytes)),
                                 hq_blob(item->text, item->record.text_size),
                                 hq_int((int64_t)match_crowd_of(item->record.key))),
                       p->err);
}

/* `held`: the entry before the batch, NULL: there was none. */
static void note_crowd(struct publish *p, const struct wanted_record *next,
                       const struct wanted_record *held)
{
    uint64_t crowd = match_crowd_of(next->key);
    if (!held || match_crowd_of(held->key) != crowd)
        p->grown[p->grown_count++] = (struct match_crowd){crowd, next->id};
}

/* With the batch applied: withdrawals have made room for what came with them. Who is in a crowd
 * that was too large before and leaves it as it is may pass: every step back must be open. */
static int check_crowds(struct publish *p, const struct batch *batch)
{
    int rc = batch->added_count == 0
                 ? 0
                 : match_entries_check((uint64_t)p->counts.entries,
                                       batch->items[batch->added_count - 1].record.id, p->err);
    match_crowds_sort(p->grown, p->grown_count);
    for (size_t i = 0; rc == 0 && i < p->grown_count; i++) {
        const struct match_crowd *last = &p->grown[i];
        int64_t count = 0;
        if (i + 1 < p->grown_count && p->grown[i + 1].crowd == last->crowd)
            continue;
        rc = hq_db_number(&p->hq->db, "SELECT count(*) FROM entries WHERE crowd = $1",
                          HQ_PARAMS(hq_int((int64_t)last->crowd)), 0, &count, p->err);
        if (rc == 0)
            rc = match_crowd_check(last->crowd, (size_t)count, last->id, p->err);
    }
    return rc;
}

static int withdraw_entry(struct publish *p, uint64_t id)
{
    const struct wanted_record *held = find_entry(p, id);
    if (!held)
        return p->rc != 0 ? p->rc : ERR_CORRUPT; /* batch_check_list saw it */
    p->counts.need_two -= wanted_record_needs_two(held);
    return hq_db_queue(&p->hq->db, "DELETE FROM entries WHERE id = $1",
                       HQ_PARAMS(hq_int((int64_t)id)), p->err);
}

/* Without an observe key the boxes could tell nobody of their hits. */
static int check_observable(const struct hq_call *call, const struct batch *batch,
                            struct err_text *err)
{
    if (keyset_current(call->hq->keyset, KEY_ROLE_OBSERVE, call->now))
        return 0;
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++)
        if (batch->items[i].record.handling == HANDLING_OBSERVE)
            return err_set(err, ERR_INVALID,
                           "entry %llu: handling observe, but the key set has no observe key in "
                           "force that its hits could be sealed to",
                           (unsigned long long)batch->items[i].record.id);
    return 0;
}

static int apply_batch(struct publish *p, const struct batch *batch)
{
    int rc = 0;
    size_t items = batch->added_count + batch->changed_count;
    for (size_t i = 0; rc == 0 && i < items; i++) {
        const struct wanted_item *item = &batch->items[i];
        const struct wanted_record *held =
            i < batch->added_count ? NULL : find_entry(p, item->record.id);
        p->counts.need_two +=
            wanted_record_needs_two(&item->record) - (held ? wanted_record_needs_two(held) : 0);
        note_crowd(p, &item->record, held);
        hq_conflicts_held(&p->conflicts, i, held);
        if (i < batch->added_count && (int64_t)item->record.id > p->counts.max_id)
            p->counts.max_id = (int64_t)item->record.id;
        rc = put_entry(p, batch, item);
    }
    for (size_t i = 0; rc == 0 && i < batch->withdrawn_count; i++)
        rc = withdraw_entry(p, batch->withdrawn[i]);
    p->counts.entries += (int64_t)batch->added_count - (int64_t)batch->withdrawn_count;
    return rc;
}

static int store_batch(struct publish *p, const struct hq_call *call, const struct batch *batch)
{
    struct hqd *hq = p->hq;
    char hash[HASH_TEXT_SIZE];
    char message[160];
    int rc = hq_db_exec(
        &hq->db, "UPDATE ids SET max_id = $1, entries = $2, need_two = $3",
        HQ_PARAMS(hq_int(p->counts.max_id), hq_int(p->counts.entries), hq_int(p->counts.need_two)),
        p->err);
    if (rc == 0)
        rc = hq_db_exec(&hq->db,
                        "INSERT INTO batches(revision, hash, time_ms, envelope, operator)"
                        " VALUES($1, $2, $3, $4, $5)",
                        HQ_PARAMS(hq_int((int64_t)batch->revision), hq_blob(batch->hash, HASH_SIZE),
                                  hq_int(batch->time.ms), hq_blob(call->body, call->size),
                                  hq_text(call->peer.identity.name)),
                        p->err);
    hash_format(batch->hash, hash);
    (void)snprintf(message, sizeof(message), "{\"revision\":%llu,\"hash\":\"%s\"}",
                   (unsigned long long)batch->revision, hash); /* fits */
    if (rc == 0)
        rc = hqd_post(hq, NULL, "list", message, strlen(message), call->now,
                      (struct wall_time){call->now.ms + year_ms}, p->err);
    return rc;
}

/* 201, and 200 for the same again. */
static enum hq_step answer_batch(struct hq_call *call, int status, const struct list_head *head)
{
    char hash[HASH_TEXT_SIZE];
    hash_format(head->hash, hash);
    return hq_answer_json(
        call, status, json_pack("{s:I,s:s}", "revision", (json_int_t)head->revision, "hash", hash));
}

static enum hq_step answer_conflict(struct hq_call *call, const struct err_text *err)
{
    return hq_answer_error_with(call, 409, err->text,
                                json_pack("{s:o}", "head", head_json(&call->hq->head)));
}

static bool is_head_again(struct hq_call *call, const struct batch *batch)
{
    struct hqd *hq = call->hq;
    char *held = NULL;
    size_t size = 0;
    if (batch->revision != hq->head.revision ||
        hq_db_bytes(&hq->db, "SELECT envelope FROM batches WHERE revision = $1",
                    HQ_PARAMS(hq_int((int64_t)batch->revision)), &held, &size, NULL) != 0)
        return false;
    bool same = size == call->size && memcmp(held, call->body, size) == 0;
    free(held);
    return same;
}

static int check_ids_new(const struct publish *p, const struct batch *batch)
{
    for (size_t i = 0; i < batch->added_count; i++)
        if ((int64_t)batch->items[i].record.id <= p->counts.max_id)
            return err_set(p->err, ERR_DENIED,
                           "added entry %llu: ids are never used again, expected above %lld",
                           (unsigned long long)batch->items[i].record.id,
                           (long long)p->counts.max_id);
    return 0;
}

/* No entry without names: what hqctl asked before anybody signed. */
static int check_approvals(const struct publish *p, const struct batch *batch)
{
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++) {
        const struct wanted_item *item = &batch->items[i];
        int rc = wanted_entry_check_approval_text(item->text, item->record.text_size, p->err);
        if (rc != 0)
            return err_prefix(p->err, rc, "entry %llu", (unsigned long long)item->record.id);
    }
    return 0;
}

static int refuse(struct hq_call *call, int rc, const struct err_text *err)
{
    hq_answer_error(call, 422, "%s", err->text);
    return rc;
}

/* With the batch applied. What is confirmed stands in the request's record. */
static int check_conflicts(struct publish *p, struct hq_call *call, const struct batch *batch)
{
    int rc = hq_conflicts_find(&p->conflicts, p->hq, p->err);
    if (rc != 0 || p->conflicts.count == 0)
        return rc;
    if (call->query.confirm_conflicts) {
        hq_call_about(call,
                      "revision %llu: %zu added, %zu changed, %zu withdrawn; %zu confirmed under "
                      "stop and observe",
                      (unsigned long long)batch->revision, batch->added_count, batch->changed_count,
                      batch->withdrawn_count, p->conflicts.count);
        return 0;
    }
    hq_conflicts_say(&p->conflicts, p->err);
    hq_answer_error_with(call, 422, p->err->text,
                         json_pack("{s:O}", "conflicts", p->conflicts.pairs));
    return ERR_DENIED;
}

/* Inside the transaction. Answers unless the batch was stored. */
static int publish_batch(struct publish *p, struct hq_call *call, const struct batch *batch)
{
    struct hqd *hq = p->hq;
    int rc = hqd_load_head(hq, p->err);
    if (rc == 0)
        rc = read_counts(hq, &p->counts, p->err);
    if (rc != 0)
        return rc;
    if (is_head_again(call, batch)) {
        answer_batch(call, 200, &hq->head);
        return ERR_STALE;
    }
    rc = batch_check_next(&hq->head, batch, p->err);
    if (rc == ERR_STALE || rc == ERR_CONFLICT || rc == ERR_NOT_FOUND) {
        answer_conflict(call, p->err);
        return rc;
    }
    if (rc == 0)
        rc = batch_check_list(batch, find_entry, p, p->err);
    if (rc == 0)
        rc = check_ids_new(p, batch);
    if (rc == 0)
        rc = check_approvals(p, batch);
    if (rc == 0)
        rc = check_observable(call, batch, p->err);
    if (p->rc != 0)
        return p->rc;
    if (rc != 0)
        return refuse(call, rc, p->err);
    rc = apply_batch(p, batch);
    if (rc == 0)
        rc = check_crowds(p, batch);
    if (rc == ERR_TOO_LARGE)
        return refuse(call, rc, p->err);
    if (rc == 0)
        rc = check_conflicts(p, call, batch);
    return rc == 0 ? store_batch(p, call, batch) : rc;
}

/* What one person, or two at night, may do alone is looked at after. */
static int demand_reviews(struct hq_call *call, const struct batch *batch, struct err_text *err)
{
    bool emergency = false;
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++)
        emergency |= (batch->items[i].record.flags & WANTED_EMERGENCY) != 0;
    int rc = batch->withdrawn_count > 0 ? hq_review_demand(call, "withdrawal", err) : 0;
    return rc == 0 && emergency ? hq_review_demand(call, "emergency", err) : rc;
}

static enum hq_step take_batch(struct hq_call *call, const struct batch *batch)
{
    struct hqd *hq = call->hq;
    struct err_text err = {""};
    struct publish p = {.hq = hq, .err = &err};
    p.grown = calloc(batch->added_count + batch->changed_count + 1, sizeof(*p.grown));
    int rc = p.grown ? hq_conflicts_init(&p.conflicts, batch) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = hq_db_begin(&hq->db, &err);
    if (rc == 0)
        rc = publish_batch(&p, call, batch);
    if (rc == 0)
        rc = demand_reviews(call, batch, &err);
    if (rc == 0)
        rc = hq_act_commit(call, 201, &err);
    hq_db_rollback(&hq->db);
    free(p.grown);
    hq_conflicts_fini(&p.conflicts);
    if (rc != 0)
        return call->answer.status ? HQ_DONE : hq_answer_failure(call, rc, &err);
    hq->head = (struct list_head){.revision = batch->revision, .time = batch->time};
    memcpy(hq->head.hash, batch->hash, HASH_SIZE);
    hqd_renew_freshness(hq);
    log_event(EVENT_HQ_LIST_PUBLISHED,
              "revision=%llu operator=%s added=%zu changed=%zu withdrawn=%zu",
              (unsigned long long)batch->revision, call->peer.identity.name, batch->added_count,
              batch->changed_count, batch->withdrawn_count);
    hqd_wake(hq, HQ_TOPIC_INBOX);
    return answer_batch(call, 201, &hq->head);
}

/* 400 for what is no envelope, 422 for one that is not acceptable. */
static int status_of_envelope(const struct hq_call *call, int rc)
{
    json_t *value = NULL;
    if (rc == ERR_TOO_LARGE)
        return 413;
    if (rc != ERR_INVALID)
        return 422;
    bool named = json_parse(call->body, call->size, &value, NULL) == 0 &&
                 json_is_string(json_object_get(value, "type")) &&
                 json_is_string(json_object_get(value, "payload"));
    json_decref(value);
    return named ? 422 : 400;
}

enum hq_step hq_list_put_batch(struct hq_call *call)
{
    struct err_text err = {""};
    struct batch batch = {0};
    enum hq_step step = HQ_DONE;
    int rc = batch_verify(call->hq->keyset, call->body, call->size, &batch, &err);
    if (rc == ERR_NO_MEMORY)
        return hq_answer_failure(call, rc, &err);
    if (rc != 0)
        return hq_answer_error(call, status_of_envelope(call, rc), "%s",
                               err.text[0] ? err.text : err_name(rc));
    hq_call_about(call, "revision %llu: %zu added, %zu changed, %zu withdrawn",
                  (unsigned long long)batch.revision, batch.added_count, batch.changed_count,
                  batch.withdrawn_count);
    if (batch.time.ms > call->now.ms + HQ_CLOCK_AHEAD_MS)
        step = hq_answer_error(call, 422, "time: more than 5 minutes ahead of this server's clock");
    else
        step = take_batch(call, &batch);
    batch_fini(&batch);
    return step;
}

struct listing {
    struct hq_call *call;
    int count;
    int64_t next;
};

/* Who published it is for people, not for boxes. */
static int add_batch(void *ctx, const struct hq_value *columns, size_t count)
{
    struct listing *l = ctx;
    struct evbuffer *body = l->call->answer.body;
    char hash[HASH_TEXT_SIZE];
    bool person = l->call->peer.identity.kind == TLS_PEER_OPERATOR;
    if (count != 4 || columns[1].size != HASH_SIZE)
        return ERR_CORRUPT;
    if (l->count > 0 && evbuffer_get_length(body) + columns[2].size + 256 > HQ_ANSWER_MAX)
        return ERR_FULL;
    hash_format((const uint8_t *)columns[1].data, hash);
    l->next = columns[0].number;
    if (evbuffer_add_printf(body, "%s{\"revision\":%lld,\"hash\":\"%s\",", l->count++ ? "," : "",
                            (long long)l->next, hash) < 0 ||
        (person && evbuffer_add_printf(body, "\"published_by\":\"%.*s\",", (int)columns[3].size,
                                       columns[3].data) < 0) ||
        evbuffer_add_printf(body, "\"envelope\":") < 0 ||
        evbuffer_add(body, columns[2].data, columns[2].size) != 0 ||
        evbuffer_add(body, "}", 1) != 0)
        return ERR_NO_MEMORY;
    return 0;
}

/* Ends {"name":[…],"next":n}. ERR_FULL from the rows: the answer is long enough. */
static enum hq_step end_listing(struct listing *l, int rc, const struct err_text *err)
{
    if (rc != 0 && rc != ERR_FULL)
        return hq_answer_failure(l->call, rc, err);
    if (evbuffer_add_printf(l->call->answer.body, "],\"next\":%lld}", (long long)l->next) < 0)
        return hq_answer_error(l->call, 503, "out of memory");
    hq_call_about(l->call, "%d, up to %lld", l->count, (long long)l->next);
    return HQ_DONE;
}

/* How many of the next batches fit an answer, so that no more are read than are told. */
static int count_fitting(struct hq_call *call, int64_t *out, struct err_text *err)
{
    int64_t count = 0;
    int rc = hq_db_number(&call->hq->db,
                          "SELECT count(*) FROM (SELECT sum(length(envelope) + 256)"
                          " OVER (ORDER BY revision) AS size FROM batches WHERE revision > $1"
                          " ORDER BY revision LIMIT $2) AS sizes WHERE size < $3",
                          HQ_PARAMS(hq_int((int64_t)call->query.after), hq_int(call->query.limit),
                                    hq_int(HQ_ANSWER_MAX)),
                          0, &count, err);
    *out = count > 0 ? count : 1;
    return rc;
}

enum hq_step hq_list_batches(struct hq_call *call)
{
    struct err_text err = {""};
    struct listing l = {.call = call, .next = (int64_t)call->query.after};
    int64_t limit = 0;
    hq_answer_begin(call, 200);
    if (evbuffer_add_printf(call->answer.body, "{\"batches\":[") < 0)
        return hq_answer_error(call, 503, "out of memory");
    int rc = count_fitting(call, &limit, &err);
    if (rc == 0)
        rc =
            hq_db_query(&call->hq->db,
                        "SELECT revision, hash, envelope, operator FROM batches WHERE revision > $1"
                        " ORDER BY revision LIMIT $2",
                        HQ_PARAMS(hq_int(l.next), hq_int(limit)), add_batch, &l, &err);
    return end_listing(&l, rc, &err);
}

static int add_entry(void *ctx, const struct hq_value *columns, size_t count)
{
    struct listing *l = ctx;
    struct evbuffer *body = l->call->answer.body;
    if (count != 3)
        return ERR_CORRUPT;
    if (l->count > 0 && evbuffer_get_length(body) + columns[2].size + 256 > HQ_ANSWER_MAX)
        return ERR_FULL;
    l->next = columns[0].number;
    if (evbuffer_add_printf(body, "%s{\"revision\":%lld,\"entry\":", l->count++ ? "," : "",
                            (long long)columns[1].number) < 0 ||
        evbuffer_add(body, columns[2].data, columns[2].size) != 0 ||
        evbuffer_add(body, "}", 1) != 0)
        return ERR_NO_MEMORY;
    return 0;
}

enum hq_step hq_list_entries(struct hq_call *call)
{
    struct err_text err = {""};
    struct listing l = {.call = call, .next = (int64_t)call->query.after};
    hq_answer_begin(call, 200);
    if (evbuffer_add_printf(call->answer.body, "{\"entries\":[") < 0)
        return hq_answer_error(call, 503, "out of memory");
    int rc = hq_db_query(
        &call->hq->db, "SELECT id, revision, body FROM entries WHERE id > $1 ORDER BY id LIMIT $2",
        HQ_PARAMS(hq_int(l.next), hq_int(call->query.limit)), add_entry, &l, &err);
    return end_listing(&l, rc, &err);
}
