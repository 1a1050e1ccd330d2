/*
 * Holds: made by a hit's vehicle reaching the boom or by an officer, ended by a named officer with
 * a reason or by withdrawal of every entry, each only after the journal has it (rule 5). The end of
 * an entry's validity does not end a hold; nothing here moves the boom.
 */
#include <string.h>

#include "gateway/lane/private.h"

enum { HIGHEST = 1, LOWEST = 3 }; /* priorities */

uint8_t lane_hits_from(const struct match_hit *hits, uint8_t hit_count, const uint64_t *hit_ids,
                       const bool *holds, struct lane_hit out[LANE_HITS_MAX])
{
    uint8_t count = 0;
    for (uint8_t i = 0; i < hit_count && count < LANE_HITS_MAX; i++) {
        if (hits[i].entry.handling != HANDLING_OBSERVE) {
            out[count++] = (struct lane_hit){.hit = hit_ids[i],
                                             .entry = hits[i].entry.id,
                                             .priority = hits[i].entry.priority,
                                             .holds = holds[i]};
        }
    }
    return count;
}

bool hold_add_beyond(struct lane_hold *hold, uint8_t priority)
{
    bool more = priority != 0 && (!hold->full || priority < hold->priority);
    hold->full |= priority != 0;
    if (more && priority < hold->priority) {
        hold->priority = priority;
    }
    return more;
}

bool hold_add_hits(struct lane_hold *hold, const struct lane_hit *hits, uint8_t count)
{
    bool more = false;
    for (uint8_t i = 0; i < count; i++) {
        if (hold->hit_count == LANE_HITS_MAX) {
            more |= hold_add_beyond(hold, hits[i].priority);
            continue;
        }
        if (hits[i].priority < hold->priority) {
            hold->priority = hits[i].priority;
        }
        hold->hits[hold->hit_count++] = hits[i];
        more = true;
    }
    return more;
}

/* All that one rests on, for want of a place of its own. */
static void add_hold(struct lane_hold *into, const struct lane_hold *hold)
{
    (void)hold_add_hits(into, hold->hits, hold->hit_count);
    (void)hold_add_beyond(into, hold->full ? hold->priority : 0);
    into->by_officer |= hold->by_officer;
}

void hold_record(struct lane_ctx *x, const struct lane_hold *hold, enum lane_record_kind kind,
                 enum lane_class class)
{
    struct lane_record *record = add_record(x, kind, class);
    record->hold = hold->id;
    record->passage = hold->passage;
    record->priority = hold->priority;
    record->by_officer = hold->by_officer;
    record->hit_count = hold->hit_count;
    for (uint8_t i = 0; i < hold->hit_count; i++) {
        record->hits[i] = hold->hits[i].hit;
    }
}

uint8_t lane_hold_joins(const struct lane_hold *hold)
{
    return (uint8_t)(hold->hit_count + hold->full + hold->by_officer + (LOWEST - hold->priority));
}

struct lane_hold *hold_find(struct lane_ctx *x, uint64_t id)
{
    for (uint8_t i = 0; id != 0 && i < x->s->hold_count; i++) {
        if (x->s->holds[i].id == id) {
            return &x->s->holds[i];
        }
    }
    for (uint8_t i = 0; id != 0 && i < x->s->count; i++) {
        if (x->s->queue[i].hold.id == id) {
            return &x->s->queue[i].hold;
        }
    }
    return NULL;
}

struct lane_hold *hold_of(struct lane_ctx *x, uint64_t passage)
{
    for (uint8_t i = 0; i < x->s->hold_count; i++) {
        if (x->s->holds[i].passage == passage) {
            return &x->s->holds[i];
        }
    }
    return NULL;
}

void hold_join(struct lane_ctx *x, struct lane_hold *hold, const struct lane_hit *hits,
               uint8_t count, uint8_t beyond)
{
    bool joined = false;
    for (uint8_t i = 0; i < count; i++) {
        bool known = !hits[i].holds;
        for (uint8_t k = 0; k < hold->hit_count; k++) {
            known |= hold->hits[k].hit == hits[i].hit;
        }
        if (!known) {
            joined |= hold_add_hits(hold, &hits[i], 1);
        }
    }
    joined |= hold_add_beyond(hold, beyond);
    if (joined) {
        hold_record(x, hold, LANE_RECORD_HOLD_JOINED, LANE_CLASS_PROTECTIVE);
    }
}

void hold_activate(struct lane_ctx *x, const struct lane_hold *hold)
{
    struct lane_state *s = x->s;
    struct lane_hold *active;
    if (s->hold_count < LANE_HOLDS_MAX) {
        active = &s->holds[s->hold_count++];
        *active = *hold;
    } else { /* joins the last one, which stays until it is released */
        active = &s->holds[LANE_HOLDS_MAX - 1];
        add_hold(active, hold);
    }
    s->go = false;
    press_end(x, LANE_REFUSAL_HELD); /* somebody new stands there: look before lowering on */
    hold_record(x, active, LANE_RECORD_HOLD_ACTIVE, LANE_CLASS_PROTECTIVE);
    set_alarm(x, EVENT_LANE_HELD, true, active->passage);
}

static uint8_t known_priority(uint8_t priority, uint8_t unknown)
{
    return priority >= HIGHEST && priority <= LOWEST ? priority : unknown;
}

static struct lane_hold hold_again(const struct lane_restore_event *event)
{
    struct lane_hold hold = {.id = event->hold,
                             .passage = event->passage,
                             .priority = known_priority(event->priority, HIGHEST),
                             .by_officer = event->by_officer || event->hit_count == 0};
    for (uint8_t i = 0; i < event->hit_count; i++) {
        struct lane_hit hit = event->hits[i];
        hit.priority = known_priority(hit.priority, hold.priority);
        (void)hold_add_hits(&hold, &hit, 1);
    }
    hold.withdrawn = event->withdrawn & (uint8_t)((1u << hold.hit_count) - 1u);
    hold.full = event->hit_count == LANE_HITS_MAX; /* perhaps: the record tells of no more */
    return hold;
}

void hold_restore(struct lane_ctx *x, const struct lane_restore_event *event)
{
    struct lane_state *s = x->s;
    struct lane_hold hold = hold_again(event);
    if (s->last_hold < event->hold) {
        s->last_hold = event->hold;
    }
    if (s->last_passage < event->passage) {
        s->last_passage = event->passage;
    }
    if (!event->active) { /* where its vehicle is now nobody knows */
        if (hold.id != 0) {
            hold_record(x, &hold, LANE_RECORD_HOLD_DROPPED, LANE_CLASS_PROTECTIVE);
        }
        set_alarm(x, EVENT_LANE_CONFIRM_VEHICLE, true, event->passage);
        return;
    }
    if (s->hold_count < LANE_HOLDS_MAX) {
        s->holds[s->hold_count++] = hold;
    } else {
        add_hold(&s->holds[LANE_HOLDS_MAX - 1], &hold);
    }
    set_alarm(x, EVENT_LANE_HELD, true, event->passage);
    hold_end_withdrawn(x); /* its end was asked for before, and is not on record */
}

uint64_t hold_new_id(struct lane_ctx *x)
{
    x->s->last_hold = ((x->s->last_hold >> LANE_ID_BITS) + 1) << LANE_ID_BITS | x->c->lane;
    return x->s->last_hold;
}

void hold_by_officer(struct lane_ctx *x, uint64_t act)
{
    struct lane_vehicle *v = queue_at_boom(x);
    struct lane_hold hold = {.id = hold_new_id(x),
                             .passage = v ? v->passage : 0,
                             .priority = LOWEST,
                             .by_officer = true};
    if (v) {
        v->was_held = true;
    }
    hold_activate(x, &hold);
    x->out->records[x->out->record_count - 1].act = act;
}

/* ---- ends ---- */

/* The hits it stood for are settled: the vehicle may be raised for by an officer as any other. */
static void settle_vehicle(struct lane_ctx *x, const struct lane_hold *hold)
{
    for (uint8_t i = 0; i < x->s->count; i++) {
        struct lane_vehicle *v = &x->s->queue[i];
        if (v->passage == 0 || v->passage != hold->passage) {
            continue;
        }
        for (uint8_t k = 0; k < v->hit_count; k++) {
            v->withdrawn |= (uint8_t)(1u << k);
        }
        v->beyond = 0;
        v->open_hit = false;
        v->lights = DECISION_LIGHTS_UNCHANGED;
    }
}

void hold_end(struct lane_ctx *x, uint64_t id, uint64_t act)
{
    struct lane_state *s = x->s;
    struct lane_hold *found = hold_find(x, id);
    if (!found) {
        return;
    }
    struct lane_hold hold = *found;
    hold_record(x, &hold, LANE_RECORD_HOLD_ENDED, LANE_CLASS_PROTECTIVE);
    x->out->records[x->out->record_count - 1].act = act;
    settle_vehicle(x, &hold);
    struct lane_vehicle *there = queue_at_boom(x);
    if (there) { /* perhaps the one that was held unread; in any case nothing moves by this end */
        there->was_held = true;
    }
    if (found < s->holds || found >= s->holds + s->hold_count) { /* it was waiting */
        *found = (struct lane_hold){0};
        return;
    }
    uint8_t at = (uint8_t)(found - s->holds);
    s->hold_count--;
    memmove(&s->holds[at], &s->holds[at + 1], (size_t)(s->hold_count - at) * sizeof(s->holds[0]));
    s->holds[s->hold_count] = (struct lane_hold){0};
    if (s->hold_count == 0) {
        set_alarm(x, EVENT_LANE_HELD, false, 0);
    }
}

struct lane_commit hold_question(const struct lane_hold *hold, enum lane_commit_kind kind,
                                 uint64_t act)
{
    return (struct lane_commit){.kind = kind,
                                .act = act,
                                .hold = hold->id,
                                .priority = hold->priority,
                                .hit_count = hold->hit_count,
                                .full = hold->full,
                                .by_officer = hold->by_officer};
}

static bool all_withdrawn(const struct lane_hold *hold)
{
    return !hold->by_officer && !hold->full && hold->hit_count > 0 &&
           hold->withdrawn == (uint8_t)((1u << hold->hit_count) - 1u);
}

/* Asks the journal for the end of every hold without an entry left. */
void hold_end_withdrawn(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool again = false;
    for (uint8_t i = 0; i < s->hold_count; i++) {
        const struct lane_hold *hold = &s->holds[i];
        if (!all_withdrawn(hold) || commit_pending(x, COMMIT_WITHDRAW, hold->id)) {
            continue;
        }
        if (!s->journal_commits || !commit_free(x)) {
            again = true;
            continue;
        }
        hold_record(x, hold, LANE_RECORD_HOLD_WITHDRAW, LANE_CLASS_RELEASING);
        struct lane_commit commit = hold_question(hold, COMMIT_WITHDRAW, 0);
        again |= !commit_ask(x, &commit, &x->out->records[x->out->record_count - 1]);
    }
    if (again) {
        timer_set(x, TIMER_WITHDRAW, x->c->withdraw_retry_ms);
    }
}

void hold_withdraw(struct lane_ctx *x, uint64_t entry)
{
    struct lane_state *s = x->s;
    for (uint8_t i = 0; i < s->hold_count; i++) {
        for (uint8_t k = 0; k < s->holds[i].hit_count; k++) {
            if (s->holds[i].hits[k].entry == entry) {
                s->holds[i].withdrawn |= (uint8_t)(1u << k);
            }
        }
    }
    hold_end_withdrawn(x);
}

/* ---- siren and strobe ---- */

static void pulse(struct lane_ctx *x, enum lane_output output)
{
    if (output_wired(x, output)) {
        (void)give_order(x, &(struct lane_command){
                                .order = {.output = output, .on = true, .pulse_ms = x->c->siren_ms},
                                .cause = LANE_CAUSE_STATE,
                                .class = LANE_CLASS_PROTECTIVE});
    }
}

void hold_announce(struct lane_ctx *x, struct lane_vehicle *v)
{
    if (v->announced || (!v->siren && !v->strobe) || x->s->out_of_service) {
        return;
    }
    v->announced = true;
    if (v->siren) {
        pulse(x, OUTPUT_SIREN);
    }
    if (v->strobe) {
        pulse(x, OUTPUT_STROBE);
    }
}
