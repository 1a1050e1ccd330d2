/*
 * Retention terms on their way from the keeper (keeper.h; control thread) to the journal thread,
 * which deletes by them: one pointer, swapped. What a case holds goes no further than there. A box
 * that once had terms deletes nothing without them: files set back would shorten what it keeps.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/keeper.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

/* ---- any thread ---- */

static struct retention_bounds bounds_of(const struct checkpointd *c, enum retention_kind kind)
{
    uint64_t both = atomic_load_explicit(&c->retention_bounds[kind], memory_order_acquire);
    return both == 0 ? retention_terms_bounds(NULL, kind, (struct wall_time){0})
                     : (struct retention_bounds){(uint32_t)(both >> 32), (uint32_t)both};
}

int64_t retention_within(const struct checkpointd *c, enum retention_kind kind,
                         int64_t configured_ms)
{
    const struct retention_bounds bounds = bounds_of(c, kind);
    const struct retention_terms terms = {.term_count = 1,
                                          .terms = {{.from = {INT64_MIN}, .kinds[0] = bounds}}};
    return retention_terms_age_ms(&terms, 0, configured_ms, (struct wall_time){0});
}

static void set_bounds(struct checkpointd *c, const struct retention_terms *terms,
                       struct wall_time now)
{
    for (enum retention_kind kind = 0; kind < RETENTION_KINDS; kind++) {
        const struct retention_bounds b = retention_terms_bounds(terms, kind, now);
        atomic_store_explicit(&c->retention_bounds[kind],
                              (uint64_t)b.floor_days << 32 | b.ceiling_days, memory_order_release);
    }
}

/* ---- the keeper's side: control thread, and main before the threads ---- */

static void drop(void *statement)
{
    retention_terms_fini(statement);
    free(statement);
}

static int take_over(struct retention_terms *terms, int result, void **out,
                     struct keeper_number *out_number)
{
    if (result != 0) {
        free(terms);
        return result;
    }
    out_number->number = terms->version;
    memcpy(out_number->hash, terms->hash, sizeof(out_number->hash));
    *out = terms;
    return 0;
}

static int verify(const struct keyset *set, const char *text, size_t size, void **out,
                  struct keeper_number *out_number, struct err_text *err)
{
    struct retention_terms *terms = calloc(1, sizeof(*terms));
    int result = terms ? retention_terms_verify(set, text, size, terms, err)
                       : err_set(err, ERR_NO_MEMORY, "retention terms: no memory");
    return take_over(terms, result, out, out_number);
}

/* Terms that a clerk signed whose key has gone since: those the journal says were in force. */
static int reread(const struct checkpointd *c, const char *text, size_t size, void **out,
                  struct keeper_number *out_number, struct err_text *err)
{
    const struct retention_status *high = &c->list_high.retention;
    struct envelope e = {0};
    struct retention_terms *terms = calloc(1, sizeof(*terms));
    int result = terms ? envelope_parse(text, size, &e, err) : ERR_NO_MEMORY;
    if (result == 0) {
        result = retention_terms_parse(e.payload, e.payload_size, terms, err);
    }
    envelope_fini(&e);
    if (result == 0 && (terms->version != high->version ||
                        memcmp(terms->hash, high->hash, sizeof(high->hash)) != 0)) {
        retention_terms_fini(terms);
        result = ERR_DENIED;
    }
    return take_over(terms, result, out, out_number);
}

static int follows(uint64_t version, const uint8_t hash[HASH_SIZE],
                   const struct retention_terms *next, struct err_text *err)
{
    struct retention_terms head = {.version = version};
    memcpy(head.hash, hash, sizeof(head.hash));
    return retention_terms_check_newer(version > 0 ? &head : NULL, next, err);
}

/* What is held here, and what the journal knows of. */
static int check_newer(const struct checkpointd *c, const struct keeper_number *held,
                       const void *next, struct err_text *err)
{
    const struct retention_status *high = &c->list_high.retention;
    int result = follows(held->number, held->hash, next, err);
    if (result == 0) {
        result = follows(high->version, high->hash, next, err);
        result = result == ERR_NOT_FOUND ? 0 : result; /* lost here, and sent again */
    }
    return result;
}

static void alarm_behind(struct checkpointd *c, bool behind, uint64_t version)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    if (behind == c->retention_behind) {
        return;
    }
    c->retention_behind = behind;
    event.u.alarm.active = behind;
    event.u.alarm.event = EVENT_RETENTION_ROLLED_BACK;
    snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail),
             "held %" PRIu64 ", highest %" PRIu64, version, c->list_high.retention.version);
    lane_post(c, &event);
}

/* The time of hits that a hold may fit, from the first's begin to the last's end: whether one does
 * is in its record, which camerad has not; so it keeps the pictures of all of them. */
static void note_pictures(struct checkpointd *c, const struct retention_terms *terms, bool paused)
{
    struct picture_terms *p = &c->pictures;
    *p = (struct picture_terms){.version = terms->version, .paused = paused};
    for (size_t i = 0; i < terms->hold_count; i++) {
        const struct retention_hold *h = &terms->holds[i];
        int64_t from = h->has_from && h->from.ms > 0 ? h->from.ms : 0;
        int64_t until = h->has_until ? h->until.ms : PICTURE_TIME_MAX_MS;
        p->held_from_ms = i == 0 || from < p->held_from_ms ? from : p->held_from_ms;
        p->held_until_ms = i == 0 || until > p->held_until_ms ? until : p->held_until_ms;
    }
}

void retention_pictures(const struct checkpointd *c, struct picture_terms *out)
{
    const struct retention_bounds bounds = bounds_of(c, RETENTION_PICTURE);
    *out = c->pictures;
    out->floor_days = bounds.floor_days;
    out->ceiling_days = bounds.ceiling_days;
}

static void put_in_force(struct checkpointd *c, void *statement)
{
    struct retention_terms *terms = statement;
    uint64_t version = terms ? terms->version : 0;
    struct retention_in_force *next = calloc(1, sizeof(*next));
    bool behind = version < c->list_high.retention.version;
    if (!next) { /* those before go on until the next start */
        if (terms) {
            drop(terms);
        }
        return;
    }
    next->paused = behind;
    if (terms) {
        retention_holds_narrow(terms, c->config.checkpoint);
        next->terms = *terms;
        free(terms);
    }
    alarm_behind(c, behind, version);
    note_pictures(c, &next->terms, behind);
    set_bounds(c, &next->terms, clock_wall(&c->clock));
    retention_free(atomic_exchange_explicit(&c->retention_next, next, memory_order_acq_rel));
}

const struct keeper_ops keeper_retention = {.what = "retention terms",
                                            .file = "retention-terms.json",
                                            .refused = EVENT_RETENTION_REFUSED,
                                            .verify = verify,
                                            .reread = reread,
                                            .check_newer = check_newer,
                                            .put_in_force = put_in_force,
                                            .drop = drop,
                                            .none_at_start = put_in_force,
                                            .stays_in_force = true};

void retention_free(struct retention_in_force *in_force)
{
    if (in_force) {
        retention_terms_fini(&in_force->terms);
    }
    free(in_force);
}

/* ---- journal thread ---- */

static enum retention_kind kind_of(int journal_kind)
{
    return journal_kind == JOURNAL_PASSAGE ? RETENTION_PASSAGE : RETENTION_RECORD;
}

static bool is_held(void *ctx, struct wall_time wall, const char *body, size_t size)
{
    return retention_holds_cover(ctx, wall, body, size);
}

static void fill_status(const struct checkpointd *c, const struct retention_in_force *in_force,
                        struct wall_time now, struct retention_status *out)
{
    const struct retention_terms *terms = &in_force->terms;
    const int64_t *age_ms = c->config.retention.age_ms;
    *out = (struct retention_status){.version = 0};
    out->version = terms->version;
    out->signed_at = terms->time;
    out->paused = in_force->paused;
    memcpy(out->hash, terms->hash, sizeof(out->hash));
    for (enum retention_kind kind = 0; kind < RETENTION_KINDS; kind++) {
        out->bounds[kind] = retention_terms_bounds(terms, kind, now);
    }
    out->days[RETENTION_PASSAGE] =
        (uint32_t)(retention_terms_age_ms(terms, RETENTION_PASSAGE, age_ms[JOURNAL_PASSAGE], now) /
                   day_ms);
    out->days[RETENTION_RECORD] =
        (uint32_t)(retention_terms_age_ms(terms, RETENTION_RECORD, age_ms[JOURNAL_HIT], now) /
                   day_ms);
}

static bool same(const struct retention_status *a, const struct retention_status *b)
{
    bool alike = a->version == b->version && a->paused == b->paused &&
                 memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
    for (enum retention_kind kind = 0; kind < RETENTION_KINDS; kind++) {
        alike = alike && a->days[kind] == b->days[kind] &&
                a->bounds[kind].floor_days == b->bounds[kind].floor_days &&
                a->bounds[kind].ceiling_days == b->bounds[kind].ceiling_days;
    }
    return alike;
}

/* On record and to the subscribers; false: no room now. */
static bool tell(struct checkpointd *c, const struct retention_status *status)
{
    struct fact fact = {.kind = FACT_RETENTION,
                        .wall = clock_wall(&c->clock),
                        .mono = clock_mono(&clock_system),
                        .to_journal = status->version > 0,
                        .to_events = true};
    fact.u.retention = *status;
    if (fact.to_journal && recorder_push(c, &fact) != 0) {
        return false;
    }
    publish_push(c, &fact);
    return true;
}

/* What the lanes restore at a start was put on record within the term before this one: where it is
 * shorter now they say it anew before anything goes. */
static void say_anew(struct checkpointd *c, const struct retention_status *next)
{
    const struct retention_status *before = &c->recorder.keeping.status;
    if (c->recorder.keeping.told && next->bounds[RETENTION_RECORD].ceiling_days <
                                        before->bounds[RETENTION_RECORD].ceiling_days) {
        atomic_store_explicit(&c->standing_said, false, memory_order_release);
    }
}

bool retention_look(struct checkpointd *c, struct wall_time now, struct journal_retention *out)
{
    struct retention_keeping *r = &c->recorder.keeping;
    struct retention_status status;
    struct retention_in_force *next =
        atomic_exchange_explicit(&c->retention_next, NULL, memory_order_acq_rel);
    if (next) {
        retention_free(r->in_force);
        r->in_force = next;
        r->taken++;
    }
    if (!r->in_force) {
        return false; /* before the first look of the keeper */
    }
    fill_status(c, r->in_force, now, &status);
    set_bounds(c, &r->in_force->terms, now); /* their `from` may have come */
    if (!r->told || !same(&status, &r->status)) {
        say_anew(c, &status);
        r->told = tell(c, &status);
        r->status = status;
        c->recorder.retain_due = (struct mono_time){0};
    }
    *out = c->config.retention;
    for (int kind = 0; kind < JOURNAL_KIND_COUNT; kind++) {
        if (out->age_ms[kind] > 0) {
            out->age_ms[kind] =
                retention_terms_age_ms(&r->in_force->terms, kind_of(kind), out->age_ms[kind], now);
        }
    }
    out->held = r->in_force->terms.hold_count > 0 ? is_held : NULL;
    out->ctx = &r->in_force->terms;
    out->held_version = r->taken;
    return !r->in_force->paused;
}
