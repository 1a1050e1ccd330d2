/*
 * Vehicles between camera and exit, in the order they came. A read becomes a vehicle on its way;
 * the entry loop says when it reaches the stop line, presence and exit loop when it has left. What
 * contradicts the order (a vehicle too late, one too many) loses it: then nothing holds by hit
 * alone, an officer looks. See lane.h.
 */
#include <string.h>

#include "gateway/lane/private.h"

bool queue_is_direct(const struct lane_ctx *x)
{
    return !is_wired(x, INPUT_ENTRY_LOOP);
}

bool queue_is_far(const struct lane_ctx *x)
{
    return x->c->camera_to_boom_m > LANE_DIRECT_MAX_M;
}

struct lane_vehicle *queue_at_boom(const struct lane_ctx *x)
{
    return x->s->order_known && x->s->arrived > 0 ? &x->s->queue[0] : NULL;
}

static bool is_empty(const struct lane_ctx *x)
{
    return ((x->s->inputs | x->s->raw) & (AT_THE_BOOM | INPUT_BIT(INPUT_ENTRY_LOOP))) == 0;
}

struct lane_vehicle *queue_find(const struct lane_ctx *x, uint64_t passage)
{
    for (uint8_t i = 0; passage != 0 && i < x->s->count; i++) {
        if (x->s->queue[i].passage == passage) {
            return &x->s->queue[i];
        }
    }
    return NULL;
}

/* ---- holds on their way ---- */

void queue_drop_hold(struct lane_ctx *x, struct lane_vehicle *v)
{
    if (v->hold.id == 0) {
        return;
    }
    hold_record(x, &v->hold, LANE_RECORD_HOLD_DROPPED, LANE_CLASS_PROTECTIVE);
    v->hold = (struct lane_hold){0};
}

bool vehicle_wants_hold(const struct lane_vehicle *v)
{
    for (uint8_t i = 0; i < v->hit_count; i++) {
        if (v->hits[i].holds && !(v->withdrawn & (1u << i))) {
            return true;
        }
    }
    return v->beyond != 0;
}

/* The hold of a vehicle's holding hits; a new id. */
static struct lane_hold make_hold(struct lane_ctx *x, const struct lane_vehicle *v)
{
    struct lane_hold hold = {.id = hold_new_id(x), .passage = v->passage, .priority = 3};
    struct lane_hit hits[LANE_HITS_MAX];
    uint8_t count = 0;
    for (uint8_t i = 0; i < v->hit_count; i++) {
        if (v->hits[i].holds && !(v->withdrawn & (1u << i))) {
            hits[count++] = v->hits[i];
        }
    }
    (void)hold_add_hits(&hold, hits, count);
    (void)hold_add_beyond(&hold, v->beyond);
    return hold;
}

void queue_ask_to_confirm(struct lane_ctx *x, uint64_t passage)
{
    set_alarm(x, EVENT_LANE_CONFIRM_VEHICLE, true, passage);
}

/* A vehicle whose hits hold: active at the boom, waiting before it, dropped when nobody knows. */
void queue_place_hold(struct lane_ctx *x, struct lane_vehicle *v)
{
    struct lane_hold *active = hold_of(x, v->passage);
    v->was_held |= active != NULL; /* rebuilt after a start, and read again now */
    if (!vehicle_wants_hold(v)) {
        return;
    }
    if (active) {
        hold_join(x, active, v->hits, v->hit_count, v->beyond);
        return;
    }
    if (convoy_on(x)) {
        convoy_hit(x, v);
        return;
    }
    struct lane_hold hold = make_hold(x, v);
    v->was_held = true;
    if (!x->s->order_known) {
        hold_record(x, &hold, LANE_RECORD_HOLD_DROPPED, LANE_CLASS_PROTECTIVE);
        queue_ask_to_confirm(x, v->passage);
        return;
    }
    if (v == queue_at_boom(x)) {
        hold_activate(x, &hold);
        return;
    }
    v->hold = hold;
    hold_record(x, &v->hold, LANE_RECORD_HOLD_WAITING, LANE_CLASS_PROTECTIVE);
    x->out->records[x->out->record_count - 1].place = (uint8_t)(v - x->s->queue);
}

/* ---- the order ---- */

void queue_settle(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (s->order_known || s->blind || !s->contact) {
        return;
    }
    timer_set(x, TIMER_APPROACH, queue_is_direct(x) ? 0 : x->c->transit_max_ms);
}

void queue_lose_order(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    for (uint8_t i = 0; i < s->count; i++) {
        if (s->queue[i].hold.id != 0) {
            queue_ask_to_confirm(x, s->queue[i].passage);
        }
        queue_drop_hold(x, &s->queue[i]);
    }
    s->count = 0;
    s->arrived = 0;
    s->exit_seen = false;
    s->was_present = false;
    timer_off(x, TIMER_TRANSIT);
    timer_off(x, TIMER_GRACE);
    timer_off(x, TIMER_EXIT_GAP);
    timer_off(x, TIMER_EMPTY);
    timer_off(x, TIMER_APPROACH);
    s->perhaps_more = false;
    if (s->order_known) {
        s->order_known = false;
        (void)add_record(x, LANE_RECORD_ORDER_LOST, LANE_CLASS_PROTECTIVE);
    }
    queue_settle(x);
}

/* While vehicles are on their way and nobody stands before them, the first must come in time. */
void queue_watch_transit(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool waits = s->order_known && s->arrived == 0 && s->count > 0;
    if (!waits) {
        timer_off(x, TIMER_TRANSIT);
    } else if (s->timer[TIMER_TRANSIT].ns == INT64_MAX) {
        timer_set(x, TIMER_TRANSIT, x->c->transit_max_ms);
    }
}

struct lane_vehicle *queue_add(struct lane_ctx *x, uint64_t passage)
{
    struct lane_state *s = x->s;
    if (s->count == LANE_QUEUE_MAX) {
        queue_lose_order(x);
    }
    struct lane_vehicle *v = &s->queue[s->count++];
    *v = (struct lane_vehicle){.passage = passage, .doubtful = s->perhaps_more};
    return v;
}

/* The first vehicle of the queue now stands at the boom. */
void queue_first_at_boom(struct lane_ctx *x)
{
    struct lane_vehicle *v = queue_at_boom(x);
    if (!v) {
        return;
    }
    x->s->exit_seen = false;
    x->s->was_present = input_on(x, INPUT_PRESENCE);
    if (v->hold.id != 0) {
        struct lane_hold hold = v->hold;
        v->hold = (struct lane_hold){0};
        hold_activate(x, &hold);
    }
}

static void arrive(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (!s->order_known) {
        return;
    }
    if (s->arrived == s->count) {
        s->perhaps_more = false; /* here it is */
        (void)queue_add(x, 0);
        if (!s->order_known) { /* one too many: that lost it */
            return;
        }
        timer_set(x, TIMER_GRACE, x->c->read_grace_ms);
    }
    s->arrived++;
    if (s->arrived == 1) {
        queue_first_at_boom(x);
    }
    queue_watch_transit(x);
}

/* Where nobody unseen can be between camera and boom, the order starts anew. */
static void know_order(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    s->count = 0;
    s->arrived = 0;
    s->order_known = true;
    (void)add_record(x, LANE_RECORD_ORDER_KNOWN, LANE_CLASS_ROUTINE);
    if (!is_empty(x)) {
        (void)queue_add(x, 0); /* whoever stands there was not read */
        s->arrived = 1;
        queue_first_at_boom(x);
    }
}

void queue_confirm(struct lane_ctx *x)
{
    bool unseen = timer_running(x, TIMER_APPROACH) || x->s->count > 0;
    if (!x->s->order_known && x->s->contact && !x->s->blind && !unseen) {
        know_order(x);
    }
}

/* ---- leaving ---- */

static void note_gone(struct lane_ctx *x, const struct lane_vehicle *v)
{
    struct lane_record *record = add_record(x, LANE_RECORD_LEFT, LANE_CLASS_ROUTINE);
    record->passage = v->passage;
    if (v->hold.id != 0) {
        set_alarm(x, EVENT_LANE_HELD_VEHICLE_GONE, true, v->passage);
    }
}

void queue_drop_first(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    note_gone(x, &s->queue[0]);
    queue_drop_hold(x, &s->queue[0]);
    s->count--;
    memmove(&s->queue[0], &s->queue[1], s->count * sizeof(s->queue[0]));
    s->queue[s->count] = (struct lane_vehicle){0};
    s->unread = UNREAD_NOBODY; /* the next one is asked for anew */
    timer_off(x, TIMER_UNREAD);
    if (s->arrived > 0) {
        s->arrived--;
    }
    s->go = false;
    s->exit_seen = false;
    s->was_present = false;
}

/* The vehicle at the boom has passed it. */
static void leave(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    s->left_open = has_boom(x) && !input_on(x, INPUT_LIMIT_CLOSED);
    bool may_have_closed = x->c->auto_close != AUTO_CLOSE_NONE || x->c->feedback == FEEDBACK_NONE;
    if (may_have_closed && !s->raise_held) {
        s->presumed = PRESUMED_NOTHING;
    }
    if (s->hold_count > 0 && !is_wired(x, INPUT_EXIT_LOOP)) { /* else it is told as run-through */
        set_alarm(x, EVENT_LANE_HELD_VEHICLE_GONE, true, s->holds[s->hold_count - 1].passage);
    }
    if (!s->order_known || s->count == 0) {
        s->go = false;
        s->exit_seen = false;
        s->was_present = false;
        return;
    }
    if (s->arrived == 0 && !queue_is_direct(x)) {
        s->go = false;
        queue_lose_order(x); /* none of those that are known: who is next at the boom? */
        return;
    }
    queue_drop_first(x);
    if (s->arrived > 0) {
        queue_first_at_boom(x);
    } else if (input_on(x, INPUT_ENTRY_LOOP) || (queue_is_direct(x) && s->count > 0)) {
        arrive(x); /* close behind it; read or not, whoever stands there is the next */
    }
    queue_watch_transit(x);
}

/* All loops free for long: whoever stood at the boom turned away. */
static void turned_away(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool others = s->count > s->arrived;
    while (s->arrived > 0) {
        if (hold_of(x, s->queue[0].passage)) {
            set_alarm(x, EVENT_LANE_HELD_VEHICLE_GONE, true, s->queue[0].passage);
        }
        queue_drop_first(x);
    }
    if (others) {
        queue_lose_order(x); /* one of them may have turned too */
    }
    queue_watch_transit(x);
}

/* ---- loops ---- */

/* An alarm that costs nobody anything does not wait for the loop to be stable. */
void queue_watch_held(struct lane_ctx *x, uint32_t rose)
{
    struct lane_state *s = x->s;
    if (!(rose & INPUT_BIT(INPUT_EXIT_LOOP)) || has_alarm(x, EVENT_LANE_RUN_THROUGH)) {
        return;
    }
    const struct lane_vehicle *v = queue_at_boom(x);
    if (s->hold_count > 0) {
        const struct lane_hold *hold = &s->holds[s->hold_count - 1];
        set_alarm(x, EVENT_LANE_RUN_THROUGH, true, hold->passage);
        hold_record(x, hold, LANE_RECORD_RUN_THROUGH, LANE_CLASS_PROTECTIVE);
    } else if (inspection_due(x, v) && !s->go && !input_on(x, INPUT_LOCAL_CONTROL)) {
        set_alarm(x, EVENT_LANE_RUN_THROUGH, true, v->passage);
        add_record(x, LANE_RECORD_RUN_THROUGH, LANE_CLASS_PROTECTIVE)->passage = v->passage;
    }
}

static bool seen_through(const struct lane_ctx *x)
{
    return is_wired(x, INPUT_EXIT_LOOP) ? x->s->exit_seen : x->s->was_present;
}

bool queue_has_passed(const struct lane_ctx *x)
{
    return seen_through(x) && (is_wired(x, INPUT_EXIT_LOOP) || (x->s->inputs & AT_THE_BOOM) == 0);
}

static void watch_exit(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool passed = seen_through(x);
    bool free = (s->inputs & AT_THE_BOOM) == 0;
    if (!passed || !free) {
        timer_off(x, TIMER_EXIT_GAP);
    } else if (s->timer[TIMER_EXIT_GAP].ns == INT64_MAX) {
        timer_set(x, TIMER_EXIT_GAP, x->c->exit_gap_ms);
        boom_may_close_from_now(x); /* its controller counts from here too */
    }
    if (!free) {
        timer_off(x, TIMER_AUTO_CLOSE); /* a closing onto somebody is never its function */
    }
}

static void watch_empty(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (queue_is_direct(x) || s->arrived == 0 || !is_empty(x) || s->exit_seen) {
        timer_off(x, TIMER_EMPTY);
    } else if (s->timer[TIMER_EMPTY].ns == INT64_MAX) {
        timer_set(x, TIMER_EMPTY, x->c->empty_ms);
    }
}

void queue_loops(struct lane_ctx *x, uint32_t rose, uint32_t fell)
{
    if (rose & INPUT_BIT(INPUT_ENTRY_LOOP)) {
        if (!timer_running(x, TIMER_ENTRY_GAP)) {
            arrive(x);
        }
        timer_off(x, TIMER_ENTRY_GAP);
    }
    if (fell & INPUT_BIT(INPUT_ENTRY_LOOP)) {
        timer_set(x, TIMER_ENTRY_GAP, x->c->entry_gap_ms);
    }
    if (rose & INPUT_BIT(INPUT_PRESENCE)) {
        x->s->was_present = true;
    }
    if (rose & INPUT_BIT(INPUT_EXIT_LOOP)) {
        x->s->exit_seen = true;
    }
    watch_exit(x);
    watch_empty(x);
    if (!x->s->order_known && !is_empty(x)) {
        queue_settle(x); /* behind who stands there others may stand unread */
    }
}

/* ---- time ---- */

void queue_tick(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    (void)timer_take(x, TIMER_ENTRY_GAP); /* its running is what counts */
    if (timer_take(x, TIMER_EXIT_GAP)) {
        leave(x);
    }
    if (timer_take(x, TIMER_EMPTY)) {
        turned_away(x);
    }
    if (timer_take(x, TIMER_GRACE) && s->count > 1) {
        queue_lose_order(x); /* a vehicle was not read: this one, or one before it */
    }
    if (timer_take(x, TIMER_TRANSIT)) {
        queue_lose_order(x);
    }
    if (s->count > 0 && s->perhaps_more) { /* behind them it may wait for long */
        timer_set(x, TIMER_DOUBT, x->c->transit_max_ms);
    } else if (timer_take(x, TIMER_DOUBT)) {
        s->perhaps_more = false;
    }
    if (timer_take(x, TIMER_APPROACH) && !s->order_known && s->contact && !s->blind) {
        know_order(x);
    }
}
