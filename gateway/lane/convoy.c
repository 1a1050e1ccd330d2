/*
 * Convoys: an officer's standing order to let everybody through for a while. It keeps the boom up
 * or raises it anew, holds nobody and tells of those it would have held. Its end lowers nothing.
 */
#include "gateway/lane/private.h"

/* Inputs and alarms a convoy does not stand against. */
static bool must_end(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    return s->stopped || s->hold_count > 0 || s->out_of_service ||
           input_on(x, INPUT_LOCAL_CONTROL) || input_on(x, INPUT_EMERGENCY_STOP) ||
           input_on(x, INPUT_BOOM_OFF) || boom_at_fault(x) || has_alarm(x, EVENT_LANE_FIRE_RAISE) ||
           has_alarm(x, EVENT_LANE_FOREIGN_MOTION) || has_alarm(x, EVENT_LANE_RUN_THROUGH);
}

/* A vehicle that is to be held is on its way or here: it comes first. */
static bool somebody_held(const struct lane_ctx *x)
{
    for (uint8_t i = 0; i < x->s->count; i++) {
        if (x->s->queue[i].hold.id != 0) {
            return true;
        }
    }
    return x->s->hold_count > 0;
}

static enum lane_refusal cannot_begin(const struct lane_ctx *x)
{
    if (x->s->out_of_service) {
        return LANE_REFUSAL_OUT_OF_SERVICE;
    }
    if (has_alarm(x, EVENT_LANE_FIRE_RAISE)) {
        return LANE_REFUSAL_FIRE;
    }
    if (has_alarm(x, EVENT_LANE_FOREIGN_MOTION) || has_alarm(x, EVENT_LANE_RUN_THROUGH)) {
        return LANE_REFUSAL_ALARM;
    }
    return somebody_held(x) ? LANE_REFUSAL_HELD : boom_cannot_raise(x, false);
}

static enum lane_refusal cannot_ask(const struct lane_ctx *x, const struct lane_act_event *act)
{
    if (!act->named) {
        return LANE_REFUSAL_NOT_NAMED;
    }
    if (act->for_ms == 0 || act->for_ms > LANE_CONVOY_MAX_MS) {
        return LANE_REFUSAL_CONVOY_TIME;
    }
    enum lane_refusal refusal = cannot_begin(x);
    if (refusal != LANE_REFUSAL_NONE) {
        return refusal;
    }
    return commit_pending(x, COMMIT_CONVOY, 0) ? LANE_REFUSAL_BUSY : act_cannot_commit(x);
}

void convoy_act(struct lane_ctx *x, const struct lane_act_event *act)
{
    enum lane_refusal refusal = cannot_ask(x, act);
    if (refusal != LANE_REFUSAL_NONE) {
        act_refuse(x, act, refusal);
        return;
    }
    struct lane_record *record = act_record(x, act, LANE_RECORD_CONVOY, LANE_CLASS_RELEASING);
    act_name_hits(x, record);
    record->for_ms = act->for_ms;
    struct lane_commit commit = {.kind = COMMIT_CONVOY, .act = act->act, .for_ms = act->for_ms};
    act_ask(x, &commit, record);
}

void convoy_committed(struct lane_ctx *x, const struct lane_commit *commit)
{
    enum lane_refusal refusal = cannot_begin(x);
    if (refusal != LANE_REFUSAL_NONE) {
        refuse(x, commit->act, refusal);
        return;
    }
    x->s->convoy_act = commit->act;
    x->s->stopped = false; /* an officer's raise */
    set_alarm(x, EVENT_LANE_STOPPED, false, 0);
    set_alarm(x, EVENT_LANE_CONVOY, true, 0);
    timer_set(x, TIMER_CONVOY, commit->for_ms);
    reply(x, commit->act, LANE_REPLY_DONE, LANE_REFUSAL_NONE);
}

void convoy_end(struct lane_ctx *x, uint64_t act)
{
    struct lane_state *s = x->s;
    if (!convoy_on(x)) {
        return;
    }
    s->convoy_act = 0;
    s->go = false;
    s->left_open = false; /* the next vehicle that leaves is the first behind which it may lower */
    timer_off(x, TIMER_CONVOY);
    set_alarm(x, EVENT_LANE_CONVOY, false, 0);
    add_record(x, LANE_RECORD_CONVOY_ENDED, LANE_CLASS_PROTECTIVE)->act = act;
    bool stays = x->c->auto_close == AUTO_CLOSE_NONE || s->raise_held;
    if (boom_is_up(x) && stays && x->c->mode != LANE_NORMALLY_OPEN) {
        set_alarm(x, EVENT_LANE_BOOM_LEFT_OPEN, true, 0);
    }
    for (uint8_t i = 0; i < s->count; i++) { /* those who have not passed yet */
        queue_place_hold(x, &s->queue[i]);
    }
}

void convoy_end_act(struct lane_ctx *x, const struct lane_act_event *act)
{
    if (!act->named || !convoy_on(x)) {
        act_refuse(x, act, act->named ? LANE_REFUSAL_NO_CONVOY : LANE_REFUSAL_NOT_NAMED);
        return;
    }
    convoy_end(x, act->act);
    act_done(x, act);
}

void convoy_tick(struct lane_ctx *x)
{
    if (timer_take(x, TIMER_CONVOY)) {
        convoy_end(x, 0);
    }
}

void convoy_decide(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (!convoy_on(x)) {
        return;
    }
    if (must_end(x)) {
        convoy_end(x, 0);
        return;
    }
    s->left_open = false;
    if (s->motion == MOTION_RAISE || boom_stays_up(x) || !s->journal_commits ||
        timer_running(x, TIMER_RETRY) || boom_cannot_raise(x, false) != LANE_REFUSAL_NONE) {
        return;
    }
    boom_raise(x, LANE_CAUSE_CONVOY, 0, s->convoy_act);
}

void convoy_hit(struct lane_ctx *x, struct lane_vehicle *v)
{
    if (v->convoy_hit) {
        return;
    }
    v->convoy_hit = true;
    struct lane_record *record = add_record(x, LANE_RECORD_CONVOY_HIT, LANE_CLASS_PROTECTIVE);
    record->passage = v->passage;
    record->act = x->s->convoy_act;
    record->priority = v->beyond != 0 ? v->beyond : 3;
    for (uint8_t i = 0; i < v->hit_count; i++) {
        if (!v->hits[i].holds || (v->withdrawn & (1u << i))) {
            continue;
        }
        record->hits[record->hit_count++] = v->hits[i].hit;
        if (v->hits[i].priority < record->priority) {
            record->priority = v->hits[i].priority;
        }
    }
    set_alarm(x, EVENT_LANE_CONVOY_HIT, true, v->passage);
}
