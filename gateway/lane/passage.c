/*
 * Reads: how a passage becomes a vehicle of the queue, what more is told of it later, which of them
 * stand in doubt. See lane.h.
 */
#include <string.h>

#include "gateway/lane/private.h"

static void refresh_open_hit(struct lane_vehicle *v)
{
    v->open_hit = v->beyond != 0 || (v->withdrawn ^ ((1u << v->hit_count) - 1u)) != 0;
}

/* With all places taken a hit that holds takes that of one that does not. */
static void take_hit(struct lane_vehicle *v, const struct lane_hit *hit)
{
    for (uint8_t i = 0; i < v->hit_count; i++) {
        if (v->hits[i].hit == hit->hit) {
            return;
        }
    }
    if (v->hit_count < LANE_HITS_MAX) {
        v->hits[v->hit_count++] = *hit;
        return;
    }
    for (uint8_t i = 0; i < LANE_HITS_MAX && hit->holds; i++) {
        if (!v->hits[i].holds) {
            v->hits[i] = *hit;
            v->withdrawn &= (uint8_t) ~(1u << i);
            return;
        }
    }
    if (hit->holds && (v->beyond == 0 || hit->priority < v->beyond)) {
        v->beyond = hit->priority;
    }
}

static void take_decision(struct lane_ctx *x, struct lane_vehicle *v,
                          const struct lane_passage_event *event)
{
    for (uint8_t i = 0; i < event->hit_count; i++) {
        take_hit(v, &event->hits[i]);
    }
    refresh_open_hit(v);
    v->cleared = event->cleared;
    v->exempt = event->exempt && event->authenticity != AUTH_NONE;
    if (event->inspect > v->inspect) {
        v->inspect = event->inspect;
    }
    v->authenticated |= event->authenticity != AUTH_NONE;
    v->raise = event->decision.raise;
    v->siren = event->decision.siren;
    v->strobe = event->decision.strobe;
    v->lights = event->decision.lights;
    hold_announce(x, v);
}

/* The camera looks at the boom itself: whoever is read stands there, unless the one before is just
 * passing under it. */
static void make_room(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool passing = (s->inputs & AT_THE_BOOM) != 0 || timer_running(x, TIMER_EXIT_GAP);
    if (queue_is_direct(x) && !passing) {
        while (s->count > 0) {
            queue_drop_first(x);
        }
    }
}

/* A vehicle stands at the stop line unread, and a read could still be its own. */
static bool is_late(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    return s->order_known && timer_running(x, TIMER_GRACE) && s->arrived > 0 &&
           s->arrived == s->count && s->queue[s->arrived - 1].passage == 0;
}

static bool has_holding_hit(const struct lane_passage_event *event)
{
    for (uint8_t i = 0; i < event->hit_count; i++) {
        if (event->hits[i].holds) {
            return true;
        }
    }
    return false;
}

static struct lane_vehicle *new_vehicle(struct lane_ctx *x, uint64_t passage)
{
    struct lane_state *s = x->s;
    s->last_passage = passage > s->last_passage ? passage : s->last_passage;
    if (!s->order_known) {
        if (s->count == LANE_QUEUE_MAX) { /* the oldest of unknown order go */
            s->count--;
            memmove(&s->queue[0], &s->queue[1], s->count * sizeof(s->queue[0]));
        }
        queue_settle(x); /* anew: this one is on its way */
        return queue_add(x, passage);
    }
    if (is_late(x)) {
        timer_off(x, TIMER_GRACE);
        s->queue[s->arrived - 1].passage = passage;
        s->queue[s->arrived - 1].doubtful |= queue_is_far(x);
        return &s->queue[s->arrived - 1];
    }
    make_room(x);
    struct lane_vehicle *v = queue_add(x, passage);
    if (queue_is_direct(x) && s->count == 1 && s->order_known) {
        s->arrived = 1;
        queue_first_at_boom(x);
    }
    return v;
}

/* More of a vehicle that is not followed any more. */
static void late_hits(struct lane_ctx *x, const struct lane_passage_event *event)
{
    for (uint8_t h = 0; h < x->s->hold_count; h++) {
        if (x->s->holds[h].passage == event->passage) {
            hold_join(x, &x->s->holds[h], event->hits, event->hit_count, 0);
            return;
        }
    }
    if (has_holding_hit(event)) {
        set_alarm(x, EVENT_LANE_HELD_VEHICLE_GONE, true, event->passage);
    }
}

/* One of those that are queued, or one more: where it is nobody can say. */
static void take_unplaced(struct lane_ctx *x, const struct lane_passage_event *event)
{
    if (event->perhaps_more && x->s->order_known) {
        x->s->perhaps_more = true;
        timer_set(x, TIMER_DOUBT, x->c->transit_max_ms);
    }
    if (!has_holding_hit(event)) {
        return;
    }
    if (x->s->order_known) {
        queue_lose_order(x);
    }
    queue_ask_to_confirm(x, event->passage);
}

/* A vehicle the lane gave up is there again where that says something: at a camera that looks at
 * the boom itself, or as one more of unknown order, which is not known while it is on its way. */
static bool is_back(const struct lane_ctx *x, const struct lane_passage_event *event)
{
    return event->again && (queue_is_direct(x) || !x->s->order_known);
}

void queue_passage(struct lane_ctx *x, const struct lane_passage_event *event)
{
    struct lane_vehicle *v = queue_find(x, event->passage);
    if (!v && event->unplaced) {
        take_unplaced(x, event);
        return;
    }
    if (!v && event->passage <= x->s->last_passage && !is_back(x, event)) {
        late_hits(x, event);
        return;
    }
    if (!v) {
        if (is_late(x) && queue_is_far(x) && has_holding_hit(event)) {
            queue_lose_order(x); /* this vehicle or the one behind it: an officer looks */
        }
        v = new_vehicle(x, event->passage);
    }
    take_decision(x, v, event);
    if (v->hold.id != 0) { /* waits already */
        hold_join(x, &v->hold, event->hits, event->hit_count, v->beyond);
    } else {
        queue_place_hold(x, v);
    }
    queue_watch_transit(x);
}

void queue_seen_at_boom(struct lane_ctx *x, uint64_t passage)
{
    struct lane_state *s = x->s;
    struct lane_vehicle *v = queue_find(x, passage);
    if (!v) {
        return;
    }
    naming_seen(v);
    if (s->order_known && v == queue_at_boom(x)) {
        return;
    }
    bool known_before = s->order_known;
    while (s->queue[0].passage != passage) {
        queue_drop_first(x);
    }
    s->order_known = true;
    s->arrived = 1;
    timer_off(x, TIMER_APPROACH);
    if (!known_before) {
        (void)add_record(x, LANE_RECORD_ORDER_KNOWN, LANE_CLASS_ROUTINE);
    }
    queue_first_at_boom(x);
    for (uint8_t i = 0; i < s->count; i++) {
        if (s->queue[i].hold.id == 0) {
            queue_place_hold(x, &s->queue[i]);
        }
    }
    queue_watch_transit(x);
}

void queue_withdraw(struct lane_ctx *x, uint64_t entry)
{
    struct lane_state *s = x->s;
    for (uint8_t i = 0; i < s->count; i++) {
        struct lane_vehicle *v = &s->queue[i];
        for (uint8_t k = 0; k < v->hit_count; k++) {
            if (v->hits[k].entry == entry) {
                v->withdrawn |= (uint8_t)(1u << k);
            }
        }
        refresh_open_hit(v);
        if (v->hold.id != 0 && !vehicle_wants_hold(v)) {
            queue_drop_hold(x, v);
        }
    }
}
