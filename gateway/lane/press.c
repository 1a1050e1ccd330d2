/*
 * Lowering by hand, hold-to-run (rule 7): a named officer keeps his thumb on a button of this
 * lane's tablet. Committed first; then each fresh beat lowers for half a second and the next one
 * renews it. Taken off, not heard of, or anything else that happens: stopped, and a new press is
 * needed. The guard at the wire keeps the same rule by itself.
 *
 * Rule 4 forbids only what is lowered automatically; by hand the lane asks for the same: after lost
 * contact, mains, fault or emergency stop a raise must have been confirmed first, since a raise is
 * what saves whoever turns out to be under the boom. A hold does not stand against it: a boom that
 * is down holds too.
 */
#include "gateway/lane/private.h"

static const uint32_t occupied =
    INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE) | INPUT_BIT(INPUT_EXIT_LOOP);

/* What somebody has to end first. */
static enum lane_refusal stands_against(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    if (s->out_of_service) {
        return LANE_REFUSAL_OUT_OF_SERVICE;
    }
    if (has_alarm(x, EVENT_LANE_FIRE_RAISE)) {
        return LANE_REFUSAL_FIRE;
    }
    if (s->stopped) {
        return LANE_REFUSAL_STOPPED;
    }
    if (has_alarm(x, EVENT_LANE_FOREIGN_MOTION) || has_alarm(x, EVENT_LANE_RUN_THROUGH) ||
        has_alarm(x, EVENT_LANE_OBSTACLE)) {
        return LANE_REFUSAL_ALARM;
    }
    if (convoy_on(x)) {
        return LANE_REFUSAL_CONVOY;
    }
    return boom_raise_is_due(x) ? LANE_REFUSAL_LET_THROUGH : LANE_REFUSAL_NONE;
}

/* Rule 1; by hand a detector without a health contact counts as well, not one that is unwell. */
static bool way_is_clear(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    uint32_t health = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK);
    return ((s->inputs | s->raw) & occupied) == 0 && !timer_running(x, TIMER_CLEAR) &&
           (x->c->wired & health & ~s->inputs) == 0;
}

/* From the press to the last beat. */
static enum lane_refusal cannot_go_on(const struct lane_ctx *x)
{
    if (!x->c->manual_lower) {
        return LANE_REFUSAL_NO_HAND_LOWER;
    }
    enum lane_refusal refusal = boom_cannot_raise(x, false);
    if (refusal == LANE_REFUSAL_NONE && mains_lost(x)) {
        refusal = LANE_REFUSAL_MAINS;
    }
    if (refusal == LANE_REFUSAL_NONE) {
        refusal = stands_against(x);
    }
    if (refusal == LANE_REFUSAL_NONE && !way_is_clear(x)) {
        refusal = LANE_REFUSAL_NOT_CLEAR;
    }
    if (refusal == LANE_REFUSAL_NONE && (x->s->lower_blocked || !x->s->position_known)) {
        refusal = LANE_REFUSAL_RAISE_FIRST;
    }
    return refusal;
}

/* Before the boom moves for it. */
static enum lane_refusal cannot_begin(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    enum lane_refusal refusal = cannot_go_on(x);
    if (refusal != LANE_REFUSAL_NONE) {
        return refusal;
    }
    if (input_on(x, INPUT_LIMIT_CLOSED)) {
        return LANE_REFUSAL_DOWN;
    }
    /* A controller that heeds edges would not see a lower that begins under the pulse of a stop. */
    bool still = s->motion == MOTION_NONE && s->stop_order == 0 &&
                 s->timer[TIMER_STOP].ns == INT64_MAX && !timer_running(x, TIMER_COIL_RAISE) &&
                 (s->coils & OUTPUT_BIT(OUTPUT_STOP)) == 0;
    return still ? LANE_REFUSAL_NONE : LANE_REFUSAL_MOVING;
}

static bool lowers(const struct lane_ctx *x)
{
    return x->s->motion == MOTION_LOWER && x->s->motion_cause == LANE_CAUSE_HAND;
}

static void forget(struct lane_ctx *x)
{
    x->s->press_stage = PRESS_NONE;
    x->s->press = 0;
    x->s->press_act = 0;
    timer_off(x, TIMER_BEAT);
}

/* The journal's answer finds no question any more. */
static void drop_question(struct lane_ctx *x)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (x->s->commits[i].kind == COMMIT_HAND) {
            x->s->commits[i] = (struct lane_commit){0};
            timer_off(x, TIMER_COMMIT + i);
        }
    }
}

/* Unless something else has ended the motion: it is down, stopped already, or on its way up. */
static void stop(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool closed = input_on(x, INPUT_LIMIT_CLOSED) && !boom_limits_contradict(x);
    bool ended = closed || s->motion == MOTION_RAISE || s->stop_order != 0 ||
                 s->timer[TIMER_STOP].ns != INT64_MAX;
    if (lowers(x) || !ended) {
        boom_stop(x, LANE_CAUSE_HAND, s->press_act);
        timer_set(x, TIMER_COAST, LANE_COAST_MS);
    }
}

void press_end(struct lane_ctx *x, enum lane_refusal why)
{
    struct lane_state *s = x->s;
    if (s->press_stage == PRESS_NONE) {
        return;
    }
    if (s->press_stage == PRESS_ASKED) {
        drop_question(x);
        refuse(x, s->press_act, why);
        forget(x);
        return;
    }
    if (s->press_stage == PRESS_RUNS) {
        stop(x);
    }
    struct lane_record *record = add_record(x, LANE_RECORD_LOWER_ENDED, LANE_CLASS_PROTECTIVE);
    record->act = s->press_act;
    record->act_kind = LANE_ACT_LOWER;
    record->press = s->press;
    record->refusal = why;
    forget(x);
}

void press_act(struct lane_ctx *x, const struct lane_act_event *act)
{
    struct lane_state *s = x->s;
    enum lane_refusal refusal = !act->named ? LANE_REFUSAL_NOT_NAMED : cannot_begin(x);
    if (s->press_stage != PRESS_NONE) {
        refusal = LANE_REFUSAL_LOWERING;
    }
    if (refusal == LANE_REFUSAL_NONE) {
        refusal = act_cannot_commit(x);
    }
    if (refusal != LANE_REFUSAL_NONE) {
        act_refuse(x, act, refusal);
        return;
    }
    struct lane_record *record =
        act_record(x, act, LANE_RECORD_LOWER_BY_HAND, LANE_CLASS_RELEASING);
    struct lane_commit commit = {.kind = COMMIT_HAND, .act = act->act};
    s->press_stage = PRESS_ASKED;
    s->press = act->press;
    s->press_act = act->act;
    timer_set(x, TIMER_BEAT, x->c->commit_wait_ms + LANE_BEAT_LOST_MS);
    act_ask(x, &commit, record);
}

void press_committed(struct lane_ctx *x, const struct lane_commit *commit)
{
    x->s->press_stage = PRESS_GRANTED;
    timer_set(x, TIMER_BEAT, LANE_BEAT_LOST_MS); /* the tablet hears of it now */
    reply(x, commit->act, LANE_REPLY_DONE, LANE_REFUSAL_NONE);
}

/* Begun by the first fresh beat after the commit; never more than one order on its way, however
 * often somebody beats. */
static void answer(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool begins = s->press_stage == PRESS_GRANTED;
    enum lane_refusal refusal = begins ? cannot_begin(x) : cannot_go_on(x);
    if (refusal != LANE_REFUSAL_NONE) {
        press_end(x, refusal);
        return;
    }
    bool may = begins || lowers(x);
    if (may && s->motion_order == 0 && !input_on(x, INPUT_LIMIT_CLOSED)) {
        s->press_stage = PRESS_RUNS;
        boom_lower_by_hand(x, s->press_act);
    }
}

void press_beat(struct lane_ctx *x, const struct lane_beat_event *beat)
{
    struct lane_state *s = x->s;
    if (s->press_stage == PRESS_NONE || beat->press != s->press) {
        return;
    }
    if (beat->end) {
        press_end(x, LANE_REFUSAL_LET_GO);
        return;
    }
    struct mono_time came = mono_before(x->now, beat->at) ? x->now : beat->at;
    struct mono_time until = mono_add_ms(came, LANE_BEAT_LOST_MS);
    if (!mono_before(x->now, until)) {
        return; /* waited in a queue for too long: who knows where the thumb is */
    }
    s->timer[TIMER_BEAT] = until;
    if (s->press_stage != PRESS_ASKED) {
        answer(x);
    }
}

void press_tick(struct lane_ctx *x)
{
    if (timer_take(x, TIMER_BEAT)) {
        press_end(x, LANE_REFUSAL_BEAT_LOST);
    }
}

void press_stopped(struct lane_ctx *x)
{
    timer_set(x, TIMER_COIL_STOP, x->c->stop_pulse_ms + x->c->coil_grace_ms);
    timer_set(x, TIMER_COAST, LANE_COAST_MS);
    if (lowers(x)) {
        boom_motion_over(x);
    }
    press_end(x, LANE_REFUSAL_BEAT_LOST);
}

void press_decide(struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    if (s->press_stage == PRESS_NONE) {
        return;
    }
    if (s->press_stage == PRESS_ASKED && !commit_pending(x, COMMIT_HAND, 0)) {
        forget(x); /* not committed: who asked was told */
        return;
    }
    bool runs = s->press_stage == PRESS_RUNS;
    enum lane_refusal refusal = runs ? cannot_go_on(x) : cannot_begin(x);
    bool down = input_on(x, INPUT_LIMIT_CLOSED) && !boom_limits_contradict(x);
    if (runs && refusal == LANE_REFUSAL_NONE && !lowers(x)) {
        press_end(x, down ? LANE_REFUSAL_NONE : LANE_REFUSAL_MOVING);
    } else if (refusal != LANE_REFUSAL_NONE) {
        press_end(x, refusal);
    }
}
