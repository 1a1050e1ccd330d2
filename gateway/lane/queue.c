/*
 * Vehicles between camera and exit, in the order they came. A read becomes a vehicle on its way;
 * the entry loop says when it reaches the stop line, presence and exit loop when it has left. What
 * contradicts the order (a vehicle too late, one too many) loses it: then nothing holds by hit
 * alone, an officer looks. See lane.h.
 */
#include <string.h>

#include "gateway/lane/private.h"

enum { AT_THE_BOOM = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_EXIT_LOOP) };

bool queue_is_direct(const struct lane_ctx *x)
{
    return !is_wired(x, INPUT_ENTRY_LOOP);
}

struct lane_vehicle *queue_at_boom(const struct lane_ctx *x)
{
    return x->s->order_known && x->s->arrived > 0 ? &x->s->queue[0] : NULL;
}

static bool is_empty(const struct lane_ctx *x)
{
    return ((x->s->inputs | x->s->raw) & (AT_THE_BOOM | INPUT_BIT(INPUT_ENTRY_LOOP))) == 0;
}

static struct lane_vehicle *find_vehicle(const struct lane_ctx *x, uint64_t passage)
{
    for (uint8_t i = 0; passage != 0 && i < x->s->count; i++) {
        if (x->s->queue[i].passage == passage) {
            return &x->s->queue[i];
        }
    }
    return NULL;
}

/* ---- holds on their way ---- */

static void drop_hold(struct lane_ctx *x, struct lane_vehicle *v)
{
    if (v->hold.id == 0) {
        return;
    }
    hold_record(x, &v->hold, LANE_RECORD_HOLD_DROPPED, LANE_CLASS_PROTECTIVE);
    v->hold = (struct lane_hold){0};
}

static bool wants_hold(const struct lane_vehicle *v)
{
    for (uint8_t i = 0; i < v->hit_count; i++) {
        if (v->hits[i].holds && !(v->withdrawn & (1u << i))) {
            return true;
        }
    }
    return false;
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
    hold_add_hits(&hold, hits, count);
    return hold;
}

static void ask_to_confirm(struct lane_ctx *x, uint64_t passage)
{
    set_alarm(x, EVENT_LANE_CONFIRM_VEHICLE, true, passage);
}

/* A vehicle whose hits hold: active at the boom, waiting before it, dropped when nobody knows. */
static void place_hold(struct lane_ctx *x, struct lane_vehicle *v)
{
    struct lane_hold *active = hold_of(x, v->passage);
    v->was_held |= active != NULL; /* rebuilt after a start, and read again now */
    if (!wants_hold(v)) {
        return;
    }
    if (active) {
        hold_join(x, active, v->hits, v->hit_count);
        return;
    }
    struct lane_hold hold = make_hold(x, v);
    v->was_held = true;
    if (!x->s->order_known) {
        hold_record(x, &hold, LANE_RECORD_HOLD_DROPPED, LANE_CLASS_PROTECTIVE);
        ask_to_confirm(x, v->passage);
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
            ask_to_confirm(x, s->queue[i].passage);
        }
        drop_hold(x, &s->queue[i]);
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
static void watch_transit(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool waits = s->order_known && s->arrived == 0 && s->count > 0;
    if (!waits) {
        timer_off(x, TIMER_TRANSIT);
    } else if (s->timer[TIMER_TRANSIT].ns == INT64_MAX) {
        timer_set(x, TIMER_TRANSIT, x->c->transit_max_ms);
    }
}

static struct lane_vehicle *push(struct lane_ctx *x, uint64_t passage)
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
static void first_at_boom(struct lane_ctx *x)
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
        (void)push(x, 0);
        if (!s->order_known) { /* one too many: push lost it */
            return;
        }
        timer_set(x, TIMER_GRACE, x->c->read_grace_ms);
    }
    s->arrived++;
    if (s->arrived == 1) {
        first_at_boom(x);
    }
    watch_transit(x);
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
        (void)push(x, 0); /* whoever stands there was not read */
        s->arrived = 1;
        first_at_boom(x);
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

static void pop(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    note_gone(x, &s->queue[0]);
    drop_hold(x, &s->queue[0]);
    s->count--;
    memmove(&s->queue[0], &s->queue[1], s->count * sizeof(s->queue[0]));
    s->queue[s->count] = (struct lane_vehicle){0};
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
    if (!s->order_known || s->count == 0) {
        s->go = false;
        s->exit_seen = false;
        s->was_present = false;
        return;
    }
    pop(x);
    bool next_there = queue_is_direct(x) || input_on(x, INPUT_ENTRY_LOOP);
    if (s->arrived > 0) {
        first_at_boom(x);
    } else if (s->count > 0 && next_there) {
        arrive(x);
    }
    watch_transit(x);
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
        pop(x);
    }
    if (others) {
        queue_lose_order(x); /* one of them may have turned too */
    }
    watch_transit(x);
}

/* ---- loops ---- */

/* An alarm that costs nobody anything does not wait for the loop to be stable. */
void queue_watch_held(struct lane_ctx *x, uint32_t rose)
{
    struct lane_state *s = x->s;
    if ((rose & INPUT_BIT(INPUT_EXIT_LOOP)) && s->hold_count > 0 &&
        !has_alarm(x, EVENT_LANE_RUN_THROUGH)) {
        const struct lane_hold *hold = &s->holds[s->hold_count - 1];
        set_alarm(x, EVENT_LANE_RUN_THROUGH, true, hold->passage);
        hold_record(x, hold, LANE_RECORD_RUN_THROUGH, LANE_CLASS_PROTECTIVE);
    }
}

static void watch_exit(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool passed = is_wired(x, INPUT_EXIT_LOOP) ? s->exit_seen : s->was_present;
    bool free = (s->inputs & AT_THE_BOOM) == 0;
    if (!passed || !free) {
        timer_off(x, TIMER_EXIT_GAP);
    } else if (s->timer[TIMER_EXIT_GAP].ns == INT64_MAX) {
        timer_set(x, TIMER_EXIT_GAP, x->c->exit_gap_ms);
        if (x->c->auto_close == AUTO_CLOSE_LOOP) { /* its controller counts from here too */
            timer_set(x, TIMER_AUTO_CLOSE, x->c->auto_close_ms);
        }
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

/* ---- reads ---- */

static void refresh_open_hit(struct lane_vehicle *v)
{
    v->open_hit = (v->withdrawn ^ ((1u << v->hit_count) - 1u)) != 0;
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
}

static void take_decision(struct lane_ctx *x, struct lane_vehicle *v,
                          const struct lane_passage_event *event)
{
    for (uint8_t i = 0; i < event->hit_count; i++) {
        take_hit(v, &event->hits[i]);
    }
    refresh_open_hit(v);
    v->cleared = event->cleared;
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
            pop(x);
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

/* Another vehicle fits between the camera's read point and the stop line. */
static bool is_far(const struct lane_ctx *x)
{
    return x->c->camera_to_boom_m > LANE_DIRECT_MAX_M;
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
        return push(x, passage);
    }
    if (is_late(x)) {
        timer_off(x, TIMER_GRACE);
        s->queue[s->arrived - 1].passage = passage;
        s->queue[s->arrived - 1].doubtful |= is_far(x);
        return &s->queue[s->arrived - 1];
    }
    make_room(x);
    struct lane_vehicle *v = push(x, passage);
    if (queue_is_direct(x) && s->count == 1 && s->order_known) {
        s->arrived = 1;
        first_at_boom(x);
    }
    return v;
}

/* More of a vehicle that is not followed any more. */
static void late_hits(struct lane_ctx *x, const struct lane_passage_event *event)
{
    for (uint8_t h = 0; h < x->s->hold_count; h++) {
        if (x->s->holds[h].passage == event->passage) {
            hold_join(x, &x->s->holds[h], event->hits, event->hit_count);
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
    ask_to_confirm(x, event->passage);
}

/* A vehicle the lane gave up is there again where that says something: at a camera that looks at
 * the boom itself, or as one more of unknown order, which is not known while it is on its way. */
static bool is_back(const struct lane_ctx *x, const struct lane_passage_event *event)
{
    return event->again && (queue_is_direct(x) || !x->s->order_known);
}

void queue_passage(struct lane_ctx *x, const struct lane_passage_event *event)
{
    struct lane_vehicle *v = find_vehicle(x, event->passage);
    if (!v && event->unplaced) {
        take_unplaced(x, event);
        return;
    }
    if (!v && event->passage <= x->s->last_passage && !is_back(x, event)) {
        late_hits(x, event);
        return;
    }
    if (!v) {
        if (is_late(x) && is_far(x) && has_holding_hit(event)) {
            queue_lose_order(x); /* this vehicle or the one behind it: an officer looks */
        }
        v = new_vehicle(x, event->passage);
    }
    take_decision(x, v, event);
    if (v->hold.id != 0) { /* waits already */
        hold_join(x, &v->hold, event->hits, event->hit_count);
    } else {
        place_hold(x, v);
    }
    watch_transit(x);
}

void queue_seen_at_boom(struct lane_ctx *x, uint64_t passage)
{
    struct lane_state *s = x->s;
    struct lane_vehicle *v = find_vehicle(x, passage);
    if (!v || (s->order_known && v == queue_at_boom(x))) {
        return;
    }
    bool known_before = s->order_known;
    while (s->queue[0].passage != passage) {
        pop(x);
    }
    s->order_known = true;
    s->arrived = 1;
    timer_off(x, TIMER_APPROACH);
    if (!known_before) {
        (void)add_record(x, LANE_RECORD_ORDER_KNOWN, LANE_CLASS_ROUTINE);
    }
    first_at_boom(x);
    for (uint8_t i = 0; i < s->count; i++) {
        if (s->queue[i].hold.id == 0) {
            place_hold(x, &s->queue[i]);
        }
    }
    watch_transit(x);
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
        if (v->hold.id != 0 && !wants_hold(v)) {
            drop_hold(x, v);
        }
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
