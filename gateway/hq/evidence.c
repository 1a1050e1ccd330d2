/*
 * See evidence.h. Ranges come in order: what is held is a beginning of the picture, so a box that
 * was cut off asks how much that is and goes on there, at whichever hqd.
 */
#include "gateway/hq/evidence.h"

#include <openssl/evp.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/journal/record.h"
#include "gateway/model/hit_events.h"
#include "gateway/model/plate_read.h"

enum { TOLD_AGAIN_MS = 60000 };

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

/* ---- Content-Range ---- */

/* Digits without a leading zero, up to `end`. */
static bool take_number(const char **at, char end, uint32_t *out)
{
    uint32_t value = 0;
    const char *p = *at;
    if (p[0] == '0' && p[1] != end)
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (p - *at == 8) /* HQ_PICTURE_MAX has seven */
            return false;
        value = value * 10 + (uint32_t)(*p - '0');
    }
    if (p == *at || *p != end)
        return false;
    *at = end ? p + 1 : p;
    *out = value;
    return true;
}

int hq_range_parse(const char *text, struct hq_range *out, struct err_text *err)
{
    static const char unit[] = "bytes ";
    struct hq_range range;
    uint32_t last = 0;
    if (!text || strncmp(text, unit, sizeof(unit) - 1) != 0)
        return err_set(err, ERR_INVALID, "Content-Range: expected 'bytes FIRST-LAST/SIZE'");
    const char *at = text + sizeof(unit) - 1;
    if (!take_number(&at, '-', &range.from) || !take_number(&at, '/', &last) ||
        !take_number(&at, '\0', &range.total))
        return err_set(err, ERR_INVALID, "Content-Range: expected 'bytes FIRST-LAST/SIZE'");
    range.to = last + 1;
    if (range.total > HQ_PICTURE_MAX || range.to > range.total || range.from >= range.to ||
        range.to - range.from > HQ_RANGE_MAX)
        return err_set(err, ERR_INVALID,
                       "Content-Range: expected FIRST <= LAST < SIZE <= %d, at most %d bytes",
                       HQ_PICTURE_MAX, HQ_RANGE_MAX);
    if (range.from % HQ_RANGE_STEP != 0 ||
        (range.to % HQ_RANGE_STEP != 0 && range.to != range.total))
        return err_set(err, ERR_INVALID,
                       "Content-Range: expected a multiple of %d bytes, but for the last range",
                       HQ_RANGE_STEP);
    *out = range;
    return 0;
}

/* ---- a picture's row ---- */

struct picture {
    int64_t number; /* 0: none */
    int64_t size;
    int64_t held;
    bool complete; /* came whole once; its bytes may have gone since, at the end of their term */
};

static int take_picture(void *ctx, const struct hq_value *c, size_t count)
{
    struct picture *p = ctx;
    if (count != 4)
        return ERR_CORRUPT;
    *p = (struct picture){c[0].number, c[1].number, c[2].number, c[3].type == HQ_INT};
    return 0;
}

static int find_picture(struct hq_call *call, const uint8_t sha[HASH_SIZE], struct picture *out,
                        struct err_text *err)
{
    *out = (struct picture){0};
    return hq_db_query(&call->hq->db,
                       "SELECT number, size, held, COALESCE(complete_ms, deleted_ms) FROM evidence"
                       " WHERE checkpoint = $1 AND sha = $2",
                       HQ_PARAMS(hq_text(call->id), hq_blob(sha, HASH_SIZE)), take_picture, out,
                       err);
}

static json_t *state_json(const struct picture *p)
{
    return json_pack("{s:I,s:I,s:b}", "held", (json_int_t)p->held, "size", (json_int_t)p->size,
                     "complete", p->complete);
}

static enum hq_step answer_state(struct hq_call *call, const struct picture *p)
{
    return hq_answer_json(call, 200, state_json(p));
}

/* At most a line a minute: a box that goes on would fill the log. */
static bool may_tell(struct hq_call *call)
{
    bool may = call->now.ms - call->hq->evidence_told.ms >= TOLD_AGAIN_MS ||
               call->now.ms < call->hq->evidence_told.ms;
    if (may)
        call->hq->evidence_told = call->now;
    return may;
}

/* ---- declaring ---- */

struct declared {
    uint8_t sha[HASH_SIZE];
    int64_t size;
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    int64_t sequence;
    const char *kind;
    uint16_t camera;
    uint64_t event;
    const char *event_text;
    struct wall_time taken;
};

static int64_t number_in(struct hq_call *call, const json_t *object, const char *name, int64_t min,
                         int64_t max)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value) && json_integer_value(value) >= min &&
        json_integer_value(value) <= max)
        return json_integer_value(value);
    hq_answer_error(call, 400, "%s: expected a number from %lld to %lld", name, (long long)min,
                    (long long)max);
    return -1;
}

/* False: answered. */
static bool read_declared(struct hq_call *call, const json_t *object, struct declared *out)
{
    const char *sha = hq_call_member(call, object, "sha256", 2 * HASH_SIZE);
    const char *chain = sha ? hq_call_member(call, object, "chain", 32) : NULL;
    const char *kind = chain ? hq_call_member(call, object, "kind", 16) : NULL;
    const char *event = kind ? hq_call_member(call, object, "event", 20) : NULL;
    const char *taken = event ? hq_call_member(call, object, "taken", WALL_TEXT_SIZE - 1) : NULL;
    if (!taken)
        return false;
    out->kind = kind;
    out->event_text = event;
    out->size = number_in(call, object, "size", 1, HQ_PICTURE_MAX);
    out->sequence = out->size > 0 ? number_in(call, object, "sequence", 1, INT64_MAX) : -1;
    int64_t camera = out->sequence > 0 ? number_in(call, object, "camera", 0, CAMERA_ID_MAX) : -1;
    if (camera < 0)
        return false;
    out->camera = (uint16_t)camera;
    bool known =
        strcmp(kind, "scene") == 0 || strcmp(kind, "crop") == 0 || strcmp(kind, "later") == 0;
    if (!known || hex_decode(sha, out->sha, HASH_SIZE) != 0 ||
        hex_decode(chain, out->chain, JOURNAL_CHAIN_ID_SIZE) != 0 ||
        hit_event_parse(event, &out->event) != 0 || wall_parse(taken, &out->taken) != 0) {
        hq_answer_error(call, 400,
                        "expected sha256 and chain as hex digits, kind scene, crop or later, event "
                        "as a number in a text, taken as a time");
        return false;
    }
    return true;
}

struct named {
    bool there; /* headquarters has the hit */
    bool names; /* and it rests on that camera's event */
    int64_t time_ms;
    const struct declared *d;
};

static int take_hit(void *ctx, const struct hq_value *c, size_t count)
{
    struct named *n = ctx;
    struct hit_events events;
    if (count != 2)
        return ERR_CORRUPT;
    n->there = true;
    n->time_ms = c[1].number;
    n->names |= hit_events_read(c[0].data, c[0].size, &events) == 0 &&
                hit_events_have(&events, n->d->camera, n->d->event);
    return 0;
}

/* Answers what may not be declared: ERR_DENIED. */
static int check_hit(struct hq_call *call, const struct declared *d, struct named *out,
                     struct err_text *err)
{
    *out = (struct named){.d = d};
    int rc = hq_db_query(
        &call->hq->db,
        "SELECT body, time_ms FROM hits WHERE checkpoint = $1 AND chain = $2"
        " AND sequence = $3",
        HQ_PARAMS(hq_text(call->id), hq_blob(d->chain, JOURNAL_CHAIN_ID_SIZE), hq_int(d->sequence)),
        take_hit, out, err);
    if (rc != 0 || out->names)
        return rc;
    if (!out->there)
        hq_answer_error(call, 409, "the hit has not come here yet: its pictures wait for it");
    else
        hq_answer_error(call, 422, "the hit's record names no event %s of camera %u", d->event_text,
                        d->camera);
    return ERR_DENIED;
}

/* What one box may leave here. Answers what is too much: ERR_DENIED. */
static int check_room(struct hq_call *call, const struct declared *d, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    const struct hq_value box = hq_text(call->id);
    const struct hq_value since = hq_int(call->now.ms - day_ms);
    int64_t limit = call->hq->evidence_day_bytes;
    int64_t of_hit = 0;
    int64_t count = 0;
    int64_t bytes = 0;
    int rc =
        hq_db_number(db,
                     "SELECT count(*) FROM evidence_links l JOIN evidence e ON e.number = l.number"
                     " WHERE l.chain = $2 AND l.sequence = $3 AND e.checkpoint = $1",
                     HQ_PARAMS(box, hq_blob(d->chain, JOURNAL_CHAIN_ID_SIZE), hq_int(d->sequence)),
                     0, &of_hit, err);
    if (rc == 0)
        rc = hq_db_number(
            db, "SELECT count(*) FROM evidence WHERE checkpoint = $1 AND declared_ms > $2",
            HQ_PARAMS(box, since), 0, &count, err);
    if (rc == 0)
        rc = hq_db_number(db,
                          "SELECT CAST(sum(size) AS BIGINT) FROM evidence WHERE checkpoint = $1"
                          " AND declared_ms > $2",
                          HQ_PARAMS(box, since), 0, &bytes, err);
    if (rc != 0)
        return rc;
    if (of_hit >= HQ_PICTURES_OF_HIT_MAX) {
        hq_answer_error(call, 422, "the hit has %d pictures, the most there may be",
                        HQ_PICTURES_OF_HIT_MAX);
        return ERR_DENIED;
    }
    if (count < HQ_PICTURES_DAY_MAX && bytes + d->size <= limit)
        return 0;
    hq_answer_error(call, 429,
                    "pictures of 24 hours: %lld of %lld bytes, at most %lld and %d pictures",
                    (long long)count, (long long)bytes, (long long)limit, HQ_PICTURES_DAY_MAX);
    if (may_tell(call))
        log_event(EVENT_HQ_EVIDENCE_QUOTA, "checkpoint=%s pictures=%lld bytes=%lld limit=%lld",
                  call->id, (long long)count, (long long)bytes, (long long)limit);
    return ERR_DENIED;
}

static int add_picture(struct hq_call *call, const struct declared *d, struct picture *p,
                       struct err_text *err)
{
    if (p->number != 0 && p->size == d->size)
        return 0;
    if (p->number != 0) {
        hq_answer_error(call, 422, "size = %lld: it was declared with %lld", (long long)d->size,
                        (long long)p->size);
        return ERR_DENIED;
    }
    int rc = hq_db_exec(&call->hq->db,
                        "INSERT INTO evidence(checkpoint, sha, size, held, declared_ms)"
                        " VALUES($1, $2, $3, 0, $4)",
                        HQ_PARAMS(hq_text(call->id), hq_blob(d->sha, HASH_SIZE), hq_int(d->size),
                                  hq_int(call->now.ms)),
                        err);
    return rc == 0 ? find_picture(call, d->sha, p, err) : rc;
}

static int add_link(struct hq_call *call, const struct declared *d, const struct picture *p,
                    int64_t hit_ms, struct err_text *err)
{
    int64_t time_ms = hit_ms < call->now.ms ? hit_ms : call->now.ms;
    return hq_db_exec(
        &call->hq->db,
        "INSERT INTO evidence_links(number, chain, sequence, kind, camera, event, taken_ms,"
        " time_ms) VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
        HQ_PARAMS(hq_int(p->number), hq_blob(d->chain, JOURNAL_CHAIN_ID_SIZE), hq_int(d->sequence),
                  hq_text(d->kind), hq_int(d->camera), hq_text(d->event_text), hq_int(d->taken.ms),
                  hq_int(time_ms)),
        err);
}

static int is_linked(struct hq_call *call, const struct declared *d, const struct picture *p,
                     bool *out, struct err_text *err)
{
    int64_t count = 0;
    int rc = hq_db_number(&call->hq->db,
                          "SELECT count(*) FROM evidence_links WHERE number = $1 AND chain = $2"
                          " AND sequence = $3 AND kind = $4 AND camera = $5 AND event = $6",
                          HQ_PARAMS(hq_int(p->number), hq_blob(d->chain, JOURNAL_CHAIN_ID_SIZE),
                                    hq_int(d->sequence), hq_text(d->kind), hq_int(d->camera),
                                    hq_text(d->event_text)),
                          0, &count, err);
    *out = count > 0;
    return rc;
}

/* Inside a transaction. ERR_DENIED: answered. */
static int declare(struct hq_call *call, const struct declared *d, struct picture *p,
                   struct err_text *err)
{
    struct named named;
    bool linked = false;
    int rc = find_picture(call, d->sha, p, err);
    if (rc == 0 && p->number != 0)
        rc = is_linked(call, d, p, &linked, err);
    if (rc != 0 || (linked && p->size == d->size))
        return rc;
    rc = check_hit(call, d, &named, err);
    if (rc == 0)
        rc = check_room(call, d, err);
    if (rc == 0)
        rc = add_picture(call, d, p, err);
    return rc == 0 ? add_link(call, d, p, named.time_ms, err) : rc;
}

enum hq_step hq_box_evidence_declare(struct hq_call *call)
{
    static const char *const names[] = {"sha256", "size",  "chain", "sequence", "kind",
                                        "camera", "event", "taken", NULL};
    struct err_text err = {""};
    struct declared d = {0};
    struct picture p;
    json_t *object = NULL;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    if (!read_declared(call, object, &d)) {
        json_decref(object);
        return HQ_DONE;
    }
    int rc = hq_db_begin_scope(&call->hq->db, call->id, &err);
    if (rc == 0)
        rc = declare(call, &d, &p, &err);
    if (rc == 0)
        rc = hq_db_commit(&call->hq->db, &err);
    hq_db_rollback(&call->hq->db);
    json_decref(object);
    if (rc == ERR_DENIED)
        return HQ_DONE;
    return rc == 0 ? answer_state(call, &p) : hq_answer_failure(call, rc, &err);
}

/* ---- ranges ---- */

struct digest {
    EVP_MD_CTX *md;
    int64_t bytes;
};

static int digest_part(void *ctx, const struct hq_value *c, size_t count)
{
    struct digest *digest = ctx;
    if (count != 1 || EVP_DigestUpdate(digest->md, c[0].data, c[0].size) != 1)
        return ERR_CORRUPT;
    digest->bytes += (int64_t)c[0].size;
    return 0;
}

/* Whether what is held is what its name says. */
static int check_whole(struct hq_db *db, const struct picture *p, const uint8_t sha[HASH_SIZE],
                       bool *out, struct err_text *err)
{
    uint8_t found[EVP_MAX_MD_SIZE];
    struct digest digest = {.md = EVP_MD_CTX_new()};
    int rc = digest.md && EVP_DigestInit_ex(digest.md, EVP_sha256(), NULL) == 1 ? 0 : ERR_NO_MEMORY;
    if (rc == 0)
        rc = hq_db_query(db, "SELECT bytes FROM evidence_parts WHERE number = $1 ORDER BY at",
                         HQ_PARAMS(hq_int(p->number)), digest_part, &digest, err);
    if (rc == 0 && EVP_DigestFinal_ex(digest.md, found, NULL) != 1)
        rc = ERR_NO_MEMORY;
    *out = rc == 0 && digest.bytes == p->size && memcmp(found, sha, HASH_SIZE) == 0;
    EVP_MD_CTX_free(digest.md);
    return rc;
}

/* Stores the range; whole, the picture is judged: what is not what it says goes again. Inside a
 * transaction; *out_wrong: it went. */
static int store_range(struct hq_call *call, const struct hq_range *range,
                       const uint8_t sha[HASH_SIZE], struct picture *p, bool *out_wrong,
                       struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    const struct hq_value number = hq_int(p->number);
    int rc = hq_db_exec(
        db, "INSERT INTO evidence_parts(number, at, bytes) VALUES($1, $2, $3)",
        HQ_PARAMS(number, hq_int((int64_t)range->from), hq_blob(call->body, call->size)), err);
    p->held = (int64_t)range->to;
    if (rc == 0 && p->held == p->size)
        rc = check_whole(db, p, sha, &p->complete, err);
    *out_wrong = rc == 0 && p->held == p->size && !p->complete;
    if (*out_wrong) {
        p->held = 0;
        rc = hq_db_exec(db, "DELETE FROM evidence_parts WHERE number = $1", HQ_PARAMS(number), err);
    }
    if (rc == 0)
        rc = hq_db_exec(
            db, "UPDATE evidence SET held = $2, complete_ms = $3 WHERE number = $1",
            HQ_PARAMS(number, hq_int(p->held), p->complete ? hq_int(call->now.ms) : hq_text(NULL)),
            err);
    return rc;
}

/* 0: it is to be stored; ERR_DENIED: answered, what came before among it. */
static int check_place(struct hq_call *call, const struct hq_range *range, const struct picture *p)
{
    if (p->number == 0)
        hq_answer_error(call, 404, "no such picture was declared");
    else if (p->size != (int64_t)range->total)
        hq_answer_error(call, 422, "Content-Range: of %u bytes, declared were %lld", range->total,
                        (long long)p->size);
    else if (p->complete || (int64_t)range->to <= p->held)
        answer_state(call, p); /* its answer was lost */
    else if ((int64_t)range->from != p->held)
        hq_answer_error_with(call, 409, "ranges come in order: go on behind what is held",
                             state_json(p));
    else
        return 0;
    return ERR_DENIED;
}

static enum hq_step put_range(struct hq_call *call, const struct hq_range *range,
                              const uint8_t sha[HASH_SIZE])
{
    struct err_text err = {""};
    struct picture p;
    bool wrong = false;
    int rc = hq_db_begin_scope(&call->hq->db, call->id, &err);
    if (rc == 0)
        rc = find_picture(call, sha, &p, &err);
    if (rc == 0)
        rc = check_place(call, range, &p);
    if (rc == 0)
        rc = store_range(call, range, sha, &p, &wrong, &err);
    if (rc == 0)
        rc = hq_db_commit(&call->hq->db, &err);
    hq_db_rollback(&call->hq->db);
    if (rc == ERR_DENIED)
        return HQ_DONE;
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    if (!wrong)
        return answer_state(call, &p);
    if (may_tell(call))
        log_event(EVENT_HQ_EVIDENCE_WRONG, "checkpoint=%s sha256=%s size=%lld", call->id,
                  call->part, (long long)p.size);
    return hq_answer_error(call, 422, "the bytes are not those of SHA-256 %s: nothing is kept",
                           call->part);
}

/* The hash a path names. ERR_INVALID: answered. */
static int sha_of(struct hq_call *call, uint8_t out[HASH_SIZE])
{
    if (strlen(call->part) == (size_t)2 * HASH_SIZE && hex_decode(call->part, out, HASH_SIZE) == 0)
        return 0;
    hq_answer_error(call, 400, "evidence: expected a SHA-256 as 64 hex digits");
    return ERR_INVALID;
}

enum hq_step hq_box_evidence_put(struct hq_call *call)
{
    struct err_text err = {""};
    struct hq_range range;
    uint8_t sha[HASH_SIZE];
    if (sha_of(call, sha) != 0)
        return HQ_DONE;
    if (call->size > HQ_RANGE_MAX)
        return hq_answer_error(call, 413, "a range of %zu bytes, expected at most %d", call->size,
                               HQ_RANGE_MAX);
    if (hq_range_parse(call->range, &range, &err) != 0)
        return hq_answer_error(call, 400, "%s", err.text);
    if (range.to - range.from != call->size)
        return hq_answer_error(call, 400, "a body of %zu bytes, Content-Range says %u", call->size,
                               range.to - range.from);
    return put_range(call, &range, sha);
}

enum hq_step hq_box_evidence_state(struct hq_call *call)
{
    struct err_text err = {""};
    struct picture p;
    uint8_t sha[HASH_SIZE];
    if (sha_of(call, sha) != 0)
        return HQ_DONE;
    int rc = find_picture(call, sha, &p, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    return p.number == 0 ? hq_answer_error(call, 404, "no such picture was declared")
                         : answer_state(call, &p);
}
