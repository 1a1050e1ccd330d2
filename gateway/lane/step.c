/*
 * One step of the lane: the event to its part, then what follows from the new state (boom, lights,
 * status). Timers and actions for the other parts. See lane.h.
 */
#include <assert.h>
#include <string.h>

#include "gateway/lane/private.h"

enum { ORDER_LANE_SHIFT = 48 };

/* ---- timers ---- */

void timer_set(struct lane_ctx *x, int timer, uint32_t ms)
{
    x->s->timer[timer] = mono_add_ms(x->now, ms);
}

void timer_off(struct lane_ctx *x, int timer)
{
    x->s->timer[timer].ns = INT64_MAX;
}

bool timer_running(const struct lane_ctx *x, int timer)
{
    struct mono_time at = x->s->timer[timer];
    return at.ns != INT64_MAX && mono_before(x->now, at);
}

bool timer_take(struct lane_ctx *x, int timer)
{
    if (x->s->timer[timer].ns == INT64_MAX || timer_running(x, timer)) {
        return false;
    }
    timer_off(x, timer);
    return true;
}

struct mono_time lane_next_deadline(const struct lane_state *state)
{
    struct mono_time next = {INT64_MAX};
    for (int i = 0; i < TIMER_COUNT; i++) {
        if (mono_before(state->timer[i], next)) {
            next = state->timer[i];
        }
    }
    return next;
}

/* ---- actions ---- */

uint64_t give_order(struct lane_ctx *x, const struct lane_command *command)
{
    assert(x->out->order_count < LANE_ORDERS_MAX);
    struct lane_command *out = &x->out->orders[x->out->order_count++];
    *out = *command;
    out->order.lane = x->c->lane;
    out->order.id = ((uint64_t)x->c->lane << ORDER_LANE_SHIFT) | ++x->s->last_order;
    out->order.expires = mono_add_ms(x->now, x->c->order_life_ms);
    if (out->order.hold_to_run && mono_before(x->s->timer[TIMER_BEAT], out->order.expires)) {
        out->order.expires = x->s->timer[TIMER_BEAT];
    }
    return out->order.id;
}

struct lane_record *add_record(struct lane_ctx *x, enum lane_record_kind kind,
                               enum lane_class class)
{
    assert(x->out->record_count < LANE_RECORDS_MAX);
    struct lane_record *out = &x->out->records[x->out->record_count++];
    *out = (struct lane_record){.kind = kind, .class = class, .boom = x->s->boom};
    return out;
}

_Static_assert(EVENT_LANE_STOP_NOT_RESET - EVENT_LANE_CONTACT_LOST < 32, "a bit per alarm");

static uint32_t alarm_bit(enum log_event_id event)
{
    return 1u << ((unsigned)event - (unsigned)EVENT_LANE_CONTACT_LOST);
}

static bool is_active(const struct lane_state *state, enum log_event_id event)
{
    return (state->alarms & alarm_bit(event)) != 0;
}

bool has_alarm(const struct lane_ctx *x, enum log_event_id event)
{
    return is_active(x->s, event);
}

void set_alarm(struct lane_ctx *x, enum log_event_id event, bool active, uint64_t passage)
{
    if (has_alarm(x, event) == active && passage == 0) {
        return;
    }
    x->s->alarms = active ? x->s->alarms | alarm_bit(event) : x->s->alarms & ~alarm_bit(event);
    assert(x->out->alarm_count < LANE_ALARMS_MAX);
    x->out->alarms[x->out->alarm_count++] = (struct lane_alarm){event, active, passage};
}

void reply(struct lane_ctx *x, uint64_t act, enum lane_reply_kind kind, enum lane_refusal refusal)
{
    if (act == 0) {
        return;
    }
    assert(x->out->reply_count < LANE_REPLIES_MAX);
    x->out->replies[x->out->reply_count++] = (struct lane_reply){act, kind, refusal};
}

void refuse(struct lane_ctx *x, uint64_t act, enum lane_refusal refusal)
{
    struct lane_record *record = add_record(x, LANE_RECORD_REFUSED, LANE_CLASS_PROTECTIVE);
    record->act = act;
    record->refusal = refusal;
    reply(x, act, LANE_REPLY_REFUSED, refusal);
}

/* ---- life ---- */

void lane_init(const struct lane_config *config, struct lane_state *out, uint64_t ids_after,
               struct mono_time now)
{
    memset(out, 0, sizeof(*out));
    for (int i = 0; i < TIMER_COUNT; i++) {
        out->timer[i].ns = INT64_MAX;
    }
    out->last_hold = ids_after;
    out->blind = true;
    out->journal_commits = true;
    out->lower_blocked = true;
    out->boom = config->outputs_wired & OUTPUT_BIT(OUTPUT_RAISE) ? BOOM_UNKNOWN : BOOM_NONE;
    out->timer[TIMER_SCAN] = mono_add_ms(now, config->scan_lost_ms);
    out->timer[TIMER_MATCH] = mono_add_ms(now, config->blind_ms);
}

static void go_blind(struct lane_ctx *x)
{
    timer_off(x, TIMER_MATCH);
    set_alarm(x, EVENT_LANE_BLIND, true, 0);
    if (!x->s->blind) {
        x->s->blind = true;
        queue_lose_order(x);
    }
}

static void match_alive(struct lane_ctx *x)
{
    timer_set(x, TIMER_MATCH, x->c->blind_ms);
    if (x->s->blind) {
        x->s->blind = false;
        set_alarm(x, EVENT_LANE_BLIND, false, 0);
        queue_settle(x);
    }
}

static void guided_test(struct lane_ctx *x, int64_t valid_ms)
{
    if (valid_ms <= 0) {
        timer_off(x, TIMER_GUIDED);
        return;
    }
    x->s->timer[TIMER_GUIDED] = mono_add_ms(x->now, valid_ms);
}

static void tick(struct lane_ctx *x)
{
    inputs_tick(x);
    boom_tick(x);
    queue_tick(x);
    commit_tick(x);
    press_tick(x);
    convoy_tick(x);
    unread_tick(x);
    naming_tick(x);
    lights_tick(x);
    (void)timer_take(x, TIMER_GUIDED); /* its running is what counts */
    if (timer_take(x, TIMER_MATCH)) {
        go_blind(x);
    }
}

static void take_event(struct lane_ctx *x, const struct lane_event *event)
{
    switch (event->kind) {
    case LANE_EVENT_SCAN:
        inputs_scan(x, &event->u.scan);
        break;
    case LANE_EVENT_PASSAGE:
        queue_passage(x, &event->u.passage);
        break;
    case LANE_EVENT_SEEN_AT_BOOM:
        queue_seen_at_boom(x, event->u.seen_at_boom);
        break;
    case LANE_EVENT_OUTCOME:
        boom_outcome(x, &event->u.outcome);
        break;
    case LANE_EVENT_ACT:
        act_take(x, &event->u.act);
        break;
    case LANE_EVENT_WITHDRAWAL:
        queue_withdraw(x, event->u.withdrawn_entry);
        hold_withdraw(x, event->u.withdrawn_entry);
        break;
    case LANE_EVENT_COMMIT:
        commit_take(x, event->u.commit.commit, event->u.commit.done);
        break;
    case LANE_EVENT_MATCH_ALIVE:
        match_alive(x);
        break;
    case LANE_EVENT_MATCH_LOST:
        go_blind(x);
        break;
    case LANE_EVENT_LIST:
        x->s->list_usable = event->u.list_usable;
        set_alarm(x, EVENT_LANE_LIST_UNUSABLE, !event->u.list_usable, 0);
        break;
    case LANE_EVENT_JOURNAL:
        x->s->journal_commits = event->u.journal_commits;
        set_alarm(x, EVENT_LANE_JOURNAL_DOWN, !event->u.journal_commits, 0);
        break;
    case LANE_EVENT_GUIDED_TEST:
        guided_test(x, event->u.guided_test_valid_ms);
        break;
    case LANE_EVENT_RESTORE:
        hold_restore(x, &event->u.restore);
        break;
    case LANE_EVENT_RESTORE_SERVICE:
        service_restore(x, &event->u.restore_service);
        break;
    case LANE_EVENT_BEAT:
        press_beat(x, &event->u.beat);
        break;
    case LANE_EVENT_TICK:
        break;
    }
}

static void note_boom(struct lane_ctx *x)
{
    enum boom_state boom = boom_state_of(x);
    if (boom == x->s->boom) {
        return;
    }
    x->s->boom = boom;
    (void)add_record(x, LANE_RECORD_BOOM, LANE_CLASS_ROUTINE);
}

void lane_step(const struct lane_config *config, struct lane_state *state,
               const struct lane_event *event, struct mono_time now, struct lane_actions *out)
{
    struct lane_ctx x = {config, state, now, out};
    struct lane_status before;
    struct lane_status after;
    out->order_count = 0;
    out->record_count = 0;
    out->alarm_count = 0;
    out->reply_count = 0;
    lane_status_of(config, state, &before);
    take_event(&x, event);
    tick(&x);
    boom_decide(&x);
    press_decide(&x);
    inspection_decide(&x);
    unread_decide(&x);
    naming_decide(&x);
    note_boom(&x);
    lights_decide(&x);
    lane_status_of(config, state, &after);
    /* Both were cleared whole; at worst a status is told once more than it changed. */
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
    out->status_changed = memcmp(&before, &after, sizeof(before)) != 0;
}

static void waiting_of(const struct lane_state *state, uint8_t place, struct lane_status *out)
{
    const struct lane_hold *hold = &state->queue[place].hold;
    uint8_t at = out->waiting_count++;
    out->waiting[at].hold = hold->id;
    out->waiting[at].passage = state->queue[place].passage;
    out->waiting[at].place = place;
    out->waiting[at].priority = hold->priority;
    out->waiting[at].joins = lane_hold_joins(hold);
    out->waiting[at].hit_count = hold->hit_count;
    for (uint8_t i = 0; i < hold->hit_count; i++) {
        out->waiting[at].hits[i] = hold->hits[i].hit;
    }
}

void lane_status_of(const struct lane_config *config, const struct lane_state *state,
                    struct lane_status *out)
{
    memset(out, 0, sizeof(*out)); /* padding too: two of them are compared as bytes */
    out->lane = config->lane;
    out->boom = state->boom;
    out->lights = state->lights;
    out->contact = state->contact;
    out->blind = state->blind;
    out->list_usable = state->list_usable;
    out->order_known = state->order_known;
    out->doubtful = state->perhaps_more || (state->count > 0 && state->queue[0].doubtful);
    out->stopped = state->stopped;
    out->stop_not_reset = is_active(state, EVENT_LANE_STOP_NOT_RESET);
    out->out_of_service = state->out_of_service;
    out->inspection_due = is_active(state, EVENT_LANE_INSPECTION);
    out->fire_raise = is_active(state, EVENT_LANE_FIRE_RAISE);
    out->panic = is_active(state, EVENT_LANE_PANIC);
    out->mains_lost = is_active(state, EVENT_LANE_MAINS_LOST);
    out->raise_held = state->raise_held;
    out->boom_presumed =
        (state->boom == BOOM_OPEN && !(state->inputs & INPUT_BIT(INPUT_LIMIT_OPEN))) ||
        (state->boom == BOOM_CLOSED && !(state->inputs & INPUT_BIT(INPUT_LIMIT_CLOSED)));
    out->convoy_until.ns = state->convoy_act != 0 ? state->timer[TIMER_CONVOY].ns : 0;
    out->pressed = state->press_stage != PRESS_NONE;
    out->lowers_by_hand = state->press_stage == PRESS_RUNS;
    out->blocked_exempt = state->blocked;
    out->inputs = state->inputs;
    out->vehicle_count = state->count;
    out->at_boom = state->arrived;
    for (uint8_t i = 0; i < state->count; i++) {
        out->vehicles[i] = state->queue[i].passage;
        if (state->queue[i].hold.id != 0) {
            waiting_of(state, i, out);
        }
    }
    out->hold_count = state->hold_count;
    memcpy(out->holds, state->holds, state->hold_count * sizeof(state->holds[0]));
}
