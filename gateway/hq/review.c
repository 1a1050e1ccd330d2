/*
 * See review.h; and the requests that list and answer them.
 */
#include "gateway/hq/review.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/hq/own.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
static const int64_t week_ms = INT64_C(7) * 24 * 3600 * 1000;
static const int64_t monday_ms = INT64_C(4) * 24 * 3600 * 1000; /* 1970-01-05 */
static const char program_name[] = "hqd";

/* What may be drawn: acts and looks that name somebody. */
static const char *const drawn[] = {"answers",
                                    "chain.accept",
                                    "checkpoint.enroll",
                                    "checkpoint.replace",
                                    "checkpoint.revoke",
                                    "evidence.open",
                                    "hits",
                                    "hold.add",
                                    "hold.end",
                                    "instruction.post",
                                    "keyset.publish",
                                    "list.entries",
                                    "list.publish",
                                    "match_policy.publish",
                                    "person.add",
                                    "person.revoke",
                                    "retention.publish"};

struct pick {
    uint8_t rank[HASH_SIZE];
    int64_t sequence;
    int64_t time_ms;
    char person[JOURNAL_ACTOR_SIZE + 1];
    char what[64];
    char about[HQ_ABOUT_SIZE];
};

struct draw {
    uint8_t seed[HQ_REVIEW_SEED_SIZE];
    int64_t first;
    int64_t last;
    int64_t of; /* how many could be drawn */
    size_t count;
    struct pick picks[HQ_REVIEW_SAMPLE]; /* rising ranks */
};

static int put_review(struct hq_db *db, const struct pick *p, const char *why, int64_t due_ms,
                      struct err_text *err)
{
    return hq_db_exec(db,
                      "INSERT INTO reviews(sequence, why, person, what, about, time_ms, due_ms)"
                      " VALUES($1, $2, $3, $4, $5, $6, $7)",
                      HQ_PARAMS(hq_int(p->sequence), hq_text(why), hq_text(p->person),
                                hq_text(p->what), hq_text(p->about), hq_int(p->time_ms),
                                hq_int(due_ms)),
                      err);
}

int hq_review_demand(struct hq_call *call, const char *why, struct err_text *err)
{
    struct journal_head head;
    struct pick p = {.time_ms = call->now.ms};
    int rc = hq_own_head(&call->hq->db, &head, err);
    if (rc != 0)
        return rc;
    p.sequence = (int64_t)head.sequence + 1; /* the act's, in this transaction */
    (void)snprintf(p.person, sizeof(p.person), "%.*s", JOURNAL_ACTOR_SIZE,
                   call->peer.identity.name);                                   /* as its actor */
    (void)snprintf(p.what, sizeof(p.what), "%s", call->what ? call->what : ""); /* fits */
    (void)snprintf(p.about, sizeof(p.about), "%s", call->about);                /* fits */
    return put_review(&call->hq->db, &p, why, call->now.ms + HQ_REVIEW_DUE_DAYS * day_ms, err);
}

/* ---- the weekly sample ---- */

static bool may_be_drawn(const char *what)
{
    for (size_t i = 0; what && i < sizeof(drawn) / sizeof(drawn[0]); i++)
        if (strcmp(drawn[i], what) == 0)
            return true;
    return false;
}

static int rank_of(const struct draw *d, int64_t sequence, uint8_t out[HASH_SIZE])
{
    uint8_t bytes[HQ_REVIEW_SEED_SIZE + sizeof(uint64_t)];
    struct byte_writer w;
    byte_writer_init(&w, bytes, sizeof(bytes));
    byte_write_bytes(&w, d->seed, sizeof(d->seed));
    byte_write_be64(&w, (uint64_t)sequence);
    return hash_bytes(bytes, sizeof(bytes), out);
}

/* Keeps `p` if it is among the lowest so far. */
static void keep_lowest(struct draw *d, const struct pick *p)
{
    size_t at = d->count;
    while (at > 0 && memcmp(p->rank, d->picks[at - 1].rank, HASH_SIZE) < 0)
        at--;
    if (at == HQ_REVIEW_SAMPLE)
        return;
    size_t behind = (d->count < HQ_REVIEW_SAMPLE ? d->count : HQ_REVIEW_SAMPLE - 1) - at;
    memmove(&d->picks[at + 1], &d->picks[at], behind * sizeof(d->picks[0]));
    d->picks[at] = *p;
    d->count += d->count < HQ_REVIEW_SAMPLE;
}

/* sequence, time, body */
static int take_act(void *ctx, const struct hq_value *c, size_t count)
{
    struct draw *d = ctx;
    json_t *body = NULL;
    if (count != 3)
        return ERR_CORRUPT;
    d->first = d->first ? d->first : c[0].number;
    d->last = c[0].number;
    if (c[2].type != HQ_BLOB || json_parse(c[2].data, c[2].size, &body, NULL) != 0)
        return c[2].type == HQ_BLOB ? ERR_CORRUPT : 0; /* past its term there is nothing to see */
    const char *what = json_string_value(json_object_get(body, "what"));
    const char *about = json_string_value(json_object_get(body, "about"));
    const char *person = json_string_value(json_object_get(body, "person"));
    int rc = 0;
    if (may_be_drawn(what)) {
        struct pick p = {.sequence = c[0].number, .time_ms = c[1].number};
        (void)snprintf(p.what, sizeof(p.what), "%s", what);                     /* fits */
        (void)snprintf(p.about, sizeof(p.about), "%s", about ? about : "");     /* fits */
        (void)snprintf(p.person, sizeof(p.person), "%s", person ? person : ""); /* as actors */
        rc = rank_of(d, p.sequence, p.rank);
        d->of++;
        if (rc == 0)
            keep_lowest(d, &p);
    }
    json_decref(body);
    return rc;
}

static int store_draw(struct hqd *hq, const struct draw *d, int64_t week, struct wall_time now,
                      struct err_text *err)
{
    char about[256];
    char seed[2 * HQ_REVIEW_SEED_SIZE + 1];
    char begins[WALL_TEXT_SIZE];
    hex_encode(d->seed, sizeof(d->seed), seed);
    wall_format((struct wall_time){week}, begins);
    (void)snprintf(about, sizeof(about),
                   "week of %.10s: %zu of %lld, records %lld to %lld, seed %s", begins, d->count,
                   (long long)d->of, (long long)d->first, (long long)d->last, seed); /* fits */
    int rc = hq_db_exec(&hq->db, "INSERT INTO review_draws(week_ms, seed) VALUES($1, $2)",
                        HQ_PARAMS(hq_int(week), hq_blob(d->seed, sizeof(d->seed))), err);
    for (size_t i = 0; rc == 0 && i < d->count; i++)
        rc = put_review(&hq->db, &d->picks[i], "sample", now.ms + HQ_REVIEW_DUE_DAYS * day_ms, err);
    if (rc == 0)
        rc = hq_own_append(&hq->db, program_name,
                           json_pack("{s:s,s:s,s:s}", "what", "review.draw", "about", about,
                                     "person", program_name),
                           now, err);
    return rc;
}

/* The first Monday at or before `ms`. */
static int64_t week_of(int64_t ms)
{
    return monday_ms + (ms - monday_ms) / week_ms * week_ms;
}

/* The week that is due: the one behind the last drawn, or that of the first record. 0: none. */
static int find_week(struct hqd *hq, struct wall_time now, int64_t *out, struct err_text *err)
{
    int64_t last = 0;
    int64_t first = 0;
    int rc = hq_db_number(&hq->db, "SELECT max(week_ms) FROM review_draws", NULL, 0, 0, &last, err);
    if (rc == 0 && last == 0)
        rc = hq_db_number(&hq->db, "SELECT time_ms FROM own_records WHERE sequence = 1", NULL, 0, 0,
                          &first, err);
    if (rc != 0)
        return rc;
    int64_t week = last ? last + week_ms : first ? week_of(first) : 0;
    *out = week && week + week_ms <= now.ms ? week : 0;
    return 0;
}

int hq_review_draw(struct hqd *hq, struct wall_time now, struct err_text *err)
{
    int64_t week = 0;
    int rc = find_week(hq, now, &week, err);
    if (rc != 0 || week == 0)
        return rc;
    struct draw *d = calloc(1, sizeof(*d));
    if (!d || RAND_bytes(d->seed, sizeof(d->seed)) != 1)
        rc = err_set(err, ERR_NO_MEMORY, "no memory or random numbers");
    if (rc == 0)
        rc = hq_db_begin(&hq->db, err);
    if (rc == 0)
        rc = hq_db_query(&hq->db,
                         "SELECT sequence, time_ms, body FROM own_records"
                         " WHERE time_ms >= $1 AND time_ms < $2 ORDER BY sequence",
                         HQ_PARAMS(hq_int(week), hq_int(week + week_ms)), take_act, d, err);
    if (rc == 0)
        rc = store_draw(hq, d, week, now, err);
    if (rc == 0)
        rc = hq_db_commit(&hq->db, err);
    hq_db_rollback(&hq->db);
    free(d);
    return rc == ERR_CONFLICT ? 0 : rc; /* another server drew it */
}

/* ---- requests ---- */

static json_t *text_json(const struct hq_value *v)
{
    return v->type == HQ_TEXT ? json_stringn(v->data, v->size) : json_null();
}

struct listing {
    struct hq_call *call;
    json_t *rows;
    int64_t next;
};

/* number, sequence, why, person, what, about, time, due, answered by, answered, verdict, reason */
static int add_row(void *ctx, const struct hq_value *c, size_t count)
{
    struct listing *l = ctx;
    if (count != 12)
        return ERR_CORRUPT;
    bool overdue = c[9].type == HQ_NULL && c[7].number < l->call->now.ms;
    l->next = c[0].number;
    json_t *row = json_pack("{s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o}", "number",
                            (json_int_t)c[0].number, "sequence", (json_int_t)c[1].number, "why",
                            text_json(&c[2]), "person", text_json(&c[3]), "what", text_json(&c[4]),
                            "about", text_json(&c[5]), "time", hq_time_json(c[6].number), "due",
                            hq_time_json(c[7].number), "overdue", overdue, "answered_by",
                            text_json(&c[8]), "answered", hq_time_json(c[9].number), "verdict",
                            text_json(&c[10]), "reason", text_json(&c[11]));
    return row && json_array_append_new(l->rows, row) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_reviews(struct hq_call *call)
{
    struct err_text err = {""};
    struct listing l = {.call = call, .rows = json_array(), .next = (int64_t)call->query.after};
    int rc =
        l.rows
            ? hq_db_query(&call->hq->db,
                          "SELECT number, sequence, why, person, what, about, time_ms, due_ms,"
                          " answered_by, answered_ms, verdict, reason FROM reviews"
                          " WHERE number > $1 ORDER BY number LIMIT $2",
                          HQ_PARAMS(hq_int(l.next), hq_int(call->query.limit)), add_row, &l, &err)
            : ERR_NO_MEMORY;
    if (rc != 0) {
        json_decref(l.rows);
        return hq_answer_failure(call, rc, &err);
    }
    hq_call_about(call, "%zu, up to %lld", json_array_size(l.rows), (long long)l.next);
    return hq_answer_json(call, 200,
                          json_pack("{s:o,s:I}", "reviews", l.rows, "next", (json_int_t)l.next));
}

struct found {
    bool there;
    bool answered;
    bool own; /* the reviewer's own act */
    const char *reviewer;
};

static int take_found(void *ctx, const struct hq_value *c, size_t count)
{
    struct found *f = ctx;
    if (count != 2)
        return ERR_CORRUPT;
    f->there = true;
    f->answered = c[1].type != HQ_NULL;
    f->own = c[0].size == strlen(f->reviewer) && memcmp(c[0].data, f->reviewer, c[0].size) == 0;
    return 0;
}

/* Inside the transaction; answers what cannot be. */
static int check_review(struct hq_call *call, int64_t number, struct err_text *err)
{
    struct found f = {.reviewer = call->peer.identity.name};
    int rc = hq_db_query(&call->hq->db, "SELECT person, answered_ms FROM reviews WHERE number = $1",
                         HQ_PARAMS(hq_int(number)), take_found, &f, err);
    if (rc != 0)
        return rc;
    if (!f.there)
        hq_answer_error(call, 404, "no such review");
    else if (f.answered)
        hq_answer_error(call, 409, "answered already");
    else if (f.own)
        hq_answer_error(call, 403, "your own act: expected another reviewer");
    return call->answer.status ? ERR_DENIED : 0;
}

static enum hq_step answer(struct hq_call *call, int64_t number, const char *verdict,
                           const char *reason)
{
    struct err_text err = {""};
    struct hq_db *db = &call->hq->db;
    hq_call_about(call, "review %lld: %s", (long long)number, verdict);
    int rc = hq_db_begin(db, &err);
    if (rc == 0)
        rc = check_review(call, number, &err);
    if (rc == 0)
        rc = hq_db_exec(db,
                        "UPDATE reviews SET answered_by = $2, answered_ms = $3, verdict = $4,"
                        " reason = $5 WHERE number = $1",
                        HQ_PARAMS(hq_int(number), hq_text(call->peer.identity.name),
                                  hq_int(call->now.ms), hq_text(verdict), hq_text(reason)),
                        &err);
    if (rc == 0)
        rc = hq_act_commit(call, 200, &err);
    hq_db_rollback(db);
    if (call->answer.status)
        return HQ_DONE;
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    return hq_answer_json(call, 200,
                          json_pack("{s:I,s:s}", "number", (json_int_t)number, "verdict", verdict));
}

enum hq_step hq_operator_review_answer(struct hq_call *call)
{
    static const char *const names[] = {"number", "verdict", "reason", NULL};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    int64_t number = json_integer_value(json_object_get(object, "number"));
    const char *verdict = hq_call_member(call, object, "verdict", 16);
    const char *reason =
        verdict ? hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES) : NULL;
    if (reason && strcmp(verdict, "ok") != 0 && strcmp(verdict, "objection") != 0)
        step = hq_answer_error(call, 400, "verdict: expected ok or objection");
    else if (reason)
        step = answer(call, number, verdict, reason);
    json_decref(object);
    return step;
}
