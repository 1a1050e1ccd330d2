/*
 * The boom: what is known of it, ordered motion and its confirmation or fault (rules 2, 3, 6).
 * Who sees what it does by itself is boom_watch.c, who decides that it moves boom_decide.c.
 */
#include "gateway/lane/private.h"

enum {
    RETRY_URGENT_MS = 100,   /* officer's and safety raises, stops */
    RETRY_ROUTINE_MS = 1000, /* between two raises for the same vehicle */
    STOP_TRIES = 20,
    OUTCOME_GRACE_MS = 1000 /* an outcome may come this much after its order's expiry */
};

/* ---- what is known ---- */

bool boom_limits_contradict(const struct lane_ctx *x)
{
    return input_on(x, INPUT_LIMIT_OPEN) && input_on(x, INPUT_LIMIT_CLOSED);
}

bool boom_at_fault(const struct lane_ctx *x)
{
    return input_on(x, INPUT_FAULT) || boom_limits_contradict(x);
}

bool boom_has_open_limit(const struct lane_ctx *x)
{
    return x->c->feedback == FEEDBACK_BOTH || x->c->feedback == FEEDBACK_OPEN;
}

bool boom_has_closed_limit(const struct lane_ctx *x)
{
    return x->c->feedback == FEEDBACK_BOTH || x->c->feedback == FEEDBACK_CLOSED;
}

bool boom_is_up(const struct lane_ctx *x)
{
    return boom_has_open_limit(x) ? input_on(x, INPUT_LIMIT_OPEN) && !boom_limits_contradict(x)
                                  : x->s->presumed == PRESUMED_OPEN;
}

bool boom_stays_up(const struct lane_ctx *x)
{
    return boom_is_up(x) && (!x->c->raise_maintained || x->s->raise_held);
}

static enum boom_state position_of(const struct lane_ctx *x)
{
    if (x->c->feedback == FEEDBACK_NONE) {
        return BOOM_UNKNOWN;
    }
    switch (x->s->motion) {
    case MOTION_RAISE:
        return BOOM_RAISING;
    case MOTION_LOWER:
    case MOTION_OWN_CLOSE:
        return BOOM_LOWERING;
    case MOTION_NONE:
        break;
    }
    if (input_on(x, INPUT_LIMIT_OPEN)) {
        return BOOM_OPEN;
    }
    if (input_on(x, INPUT_LIMIT_CLOSED)) {
        return BOOM_CLOSED;
    }
    if (x->s->presumed != PRESUMED_NOTHING) {
        return x->s->presumed == PRESUMED_OPEN ? BOOM_OPEN : BOOM_CLOSED;
    }
    bool between = x->s->position_known && x->c->feedback == FEEDBACK_BOTH;
    return between ? BOOM_STOPPED : BOOM_UNKNOWN;
}

enum boom_state boom_state_of(const struct lane_ctx *x)
{
    if (!has_boom(x)) {
        return BOOM_NONE;
    }
    if (!x->s->contact) {
        return BOOM_UNKNOWN;
    }
    if (input_on(x, INPUT_EMERGENCY_STOP)) {
        return BOOM_EMERGENCY_STOP;
    }
    if (input_on(x, INPUT_LOCAL_CONTROL)) {
        return BOOM_LOCAL_CONTROL;
    }
    if (input_on(x, INPUT_BOOM_OFF)) {
        return BOOM_BROKEN;
    }
    return boom_at_fault(x) ? BOOM_FAULT : position_of(x);
}

enum lane_refusal boom_cannot_raise(const struct lane_ctx *x, bool emergency)
{
    if (!has_boom(x)) {
        return LANE_REFUSAL_NO_BOOM;
    }
    if (input_on(x, INPUT_EMERGENCY_STOP)) {
        return LANE_REFUSAL_EMERGENCY_STOP;
    }
    if (input_on(x, INPUT_LOCAL_CONTROL)) {
        return LANE_REFUSAL_LOCAL_CONTROL;
    }
    if (emergency) {
        return LANE_REFUSAL_NONE;
    }
    if (!x->s->contact) {
        return LANE_REFUSAL_NO_CONTACT;
    }
    if (has_alarm(x, EVENT_LANE_STOP_NOT_RESET)) {
        return LANE_REFUSAL_NOT_RESET;
    }
    return boom_at_fault(x)              ? LANE_REFUSAL_FAULT
           : input_on(x, INPUT_BOOM_OFF) ? LANE_REFUSAL_NO_BOOM
                                         : LANE_REFUSAL_NONE;
}

/* ---- orders ---- */

void boom_coil_off(struct lane_ctx *x, enum lane_output output, enum lane_cause cause)
{
    if (output_wired(x, output)) {
        (void)give_order(x, &(struct lane_command){.order = {.output = output},
                                                   .cause = cause,
                                                   .class = LANE_CLASS_PROTECTIVE});
    }
}

void boom_motion_over(struct lane_ctx *x)
{
    x->s->motion = MOTION_NONE;
    x->s->motion_order = 0;
    timer_off(x, TIMER_MOTION);
    timer_off(x, TIMER_ORDER);
    timer_off(x, TIMER_RETRY);
}

bool boom_is_emergency(enum lane_cause cause)
{
    return cause == LANE_CAUSE_EMERGENCY || cause == LANE_CAUSE_FIRE || cause == LANE_CAUSE_SAFETY;
}

/* Nobody waits for it: after a failure it is decided anew. */
static bool is_routine(enum lane_cause cause)
{
    return cause == LANE_CAUSE_CLEARED || cause == LANE_CAUSE_CONVOY;
}

static void order_motion(struct lane_ctx *x, enum lane_output output, uint64_t passage)
{
    enum lane_cause cause = x->s->motion_cause;
    bool raise = output == OUTPUT_RAISE;
    bool keep = raise && x->c->raise_maintained;
    x->s->raise_held |= keep;
    x->s->motion_order =
        give_order(x, &(struct lane_command){.order = {.output = output,
                                                       .on = true,
                                                       .pulse_ms = keep ? 0 : x->c->pulse_ms,
                                                       .emergency = boom_is_emergency(cause)},
                                             .cause = cause,
                                             .class = is_routine(cause) ? LANE_CLASS_ROUTINE
                                                      : raise           ? LANE_CLASS_PROTECTIVE
                                                                        : LANE_CLASS_RELEASING,
                                             .passage = passage,
                                             .act = x->s->motion_act});
    timer_set(x, TIMER_ORDER, x->c->order_life_ms + OUTCOME_GRACE_MS);
    timer_set(x, raise ? TIMER_COIL_RAISE : TIMER_COIL_LOWER,
              x->c->order_life_ms + x->c->pulse_ms + x->c->coil_grace_ms);
}

static void order_raise(struct lane_ctx *x, uint64_t passage)
{
    if (timer_running(x, TIMER_COIL_LOWER)) {
        boom_coil_off(x, OUTPUT_LOWER, x->s->motion_cause); /* rule 2 */
    }
    if (timer_running(x, TIMER_COIL_STOP)) {
        boom_coil_off(x, OUTPUT_STOP, x->s->motion_cause);
    }
    order_motion(x, OUTPUT_RAISE, passage);
}

void boom_raise(struct lane_ctx *x, enum lane_cause cause, uint64_t passage, uint64_t act)
{
    struct lane_state *s = x->s;
    s->motion = MOTION_RAISE;
    s->motion_cause = cause;
    s->motion_act = act;
    s->go = true;
    s->left_open = false;
    s->presumed = PRESUMED_NOTHING;
    s->let_go_order = 0;
    s->stop_order = 0;
    timer_off(x, TIMER_STOP);
    timer_off(x, TIMER_RETRY);
    timer_set(x, TIMER_MOTION, x->c->travel_ms);
    if (cause == LANE_CAUSE_OFFICER || cause == LANE_CAUSE_EMERGENCY || cause == LANE_CAUSE_FIRE) {
        s->stopped = false;
        set_alarm(x, EVENT_LANE_STOPPED, false, 0);
    }
    order_raise(x, passage);
}

void boom_lower(struct lane_ctx *x)
{
    x->s->motion = MOTION_LOWER;
    x->s->motion_cause = LANE_CAUSE_LOWER;
    x->s->motion_act = 0;
    x->s->left_open = false;
    x->s->go = false;
    timer_set(x, TIMER_MOTION, x->c->travel_ms);
    order_motion(x, OUTPUT_LOWER, 0);
}

void boom_lower_by_hand(struct lane_ctx *x, uint64_t act)
{
    struct lane_state *s = x->s;
    if (s->motion != MOTION_LOWER) {
        timer_set(x, TIMER_MOTION, x->c->travel_ms);
    }
    s->motion = MOTION_LOWER;
    s->motion_cause = LANE_CAUSE_HAND;
    s->motion_act = act;
    s->left_open = false;
    s->go = false;
    s->motion_order = give_order(x, &(struct lane_command){.order = {.output = OUTPUT_LOWER,
                                                                     .on = true,
                                                                     .pulse_ms = LANE_BEAT_LOST_MS,
                                                                     .hold_to_run = true},
                                                           .cause = LANE_CAUSE_HAND,
                                                           .class = LANE_CLASS_RELEASING,
                                                           .act = act});
    timer_set(x, TIMER_ORDER, x->c->order_life_ms + OUTCOME_GRACE_MS);
    timer_set(x, TIMER_COIL_LOWER, 2 * LANE_BEAT_LOST_MS + x->c->coil_grace_ms);
}

static void order_stop(struct lane_ctx *x, enum lane_cause cause, uint64_t act)
{
    if (!output_wired(x, OUTPUT_STOP)) {
        return;
    }
    x->s->stop_order =
        give_order(x, &(struct lane_command){.order = {.output = OUTPUT_STOP,
                                                       .on = true,
                                                       .pulse_ms = x->c->stop_pulse_ms,
                                                       .emergency = x->s->stop_hard},
                                             .cause = cause,
                                             .class = LANE_CLASS_PROTECTIVE,
                                             .act = act});
    timer_set(x, TIMER_STOP, x->c->order_life_ms + OUTCOME_GRACE_MS);
    timer_set(x, TIMER_COIL_STOP, x->c->order_life_ms + x->c->stop_pulse_ms + x->c->coil_grace_ms);
}

void boom_stop(struct lane_ctx *x, enum lane_cause cause, uint64_t act)
{
    struct lane_state *s = x->s;
    if (!has_boom(x)) {
        return;
    }
    if (timer_running(x, TIMER_COIL_LOWER)) {
        boom_coil_off(x, OUTPUT_LOWER, cause);
    }
    if (x->c->raise_maintained) { /* letting go would be a lower: the boom goes on up */
        s->position_known &= s->motion != MOTION_RAISE;
    } else if (timer_running(x, TIMER_COIL_RAISE)) {
        boom_coil_off(x, OUTPUT_RAISE, cause);
    }
    s->presumed = PRESUMED_NOTHING;
    boom_motion_over(x);
    s->stop_tries = STOP_TRIES;
    s->stop_hard = cause != LANE_CAUSE_FOREIGN;
    order_stop(x, cause, act);
}

/* ---- outcomes (rule 6) ---- */

static void motion_failed(struct lane_ctx *x)
{
    if (x->s->motion == MOTION_RAISE) {
        x->s->raise_held &= (x->s->coils & OUTPUT_BIT(OUTPUT_RAISE)) != 0;
    }
    x->s->motion_order = 0;
    timer_off(x, TIMER_ORDER);
    set_alarm(x, EVENT_LANE_ORDER_FAILED, true, 0);
    bool again = x->s->motion == MOTION_RAISE && !is_routine(x->s->motion_cause);
    if (again) {
        timer_set(x, TIMER_RETRY, RETRY_URGENT_MS); /* until TIMER_MOTION ends it */
        return;
    }
    boom_motion_over(x);
    timer_set(x, TIMER_RETRY, RETRY_ROUTINE_MS);
}

static void stop_failed(struct lane_ctx *x)
{
    set_alarm(x, EVENT_LANE_ORDER_FAILED, true, 0);
    x->s->stop_order = 0;
    timer_off(x, TIMER_STOP);
    if (x->s->stop_tries > 0) {
        x->s->stop_tries--;
        timer_set(x, TIMER_STOP, RETRY_URGENT_MS);
    }
}

void boom_outcome(struct lane_ctx *x, const struct lane_outcome *outcome)
{
    struct lane_state *s = x->s;
    bool done = outcome->result == ORDER_DONE;
    if (outcome->order_id == 0 || maintained_outcome(x, outcome)) {
        return;
    }
    if (outcome->order_id == s->motion_order) {
        if (!done) {
            motion_failed(x);
            return;
        }
        s->motion_order = 0;
        timer_off(x, TIMER_ORDER);
        set_alarm(x, EVENT_LANE_ORDER_FAILED, false, 0);
    } else if (outcome->order_id == s->stop_order) {
        if (!done) {
            stop_failed(x);
            return;
        }
        s->stop_order = 0;
        timer_off(x, TIMER_STOP);
    }
}

/* ---- time ---- */

void boom_may_close_from_now(struct lane_ctx *x)
{
    if (x->c->auto_close == AUTO_CLOSE_NONE || x->s->raise_held) {
        return;
    }
    /* Without the upper limit the closing shows only where it ends. */
    timer_set(x, TIMER_AUTO_CLOSE,
              x->c->auto_close_ms + (boom_has_open_limit(x) ? 0 : x->c->travel_ms));
}

/* The travel time is over where no limit switch could say so: the one there is does not speak
 * against it. */
static bool done_by_time(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    if (s->motion == MOTION_RAISE) { /* not while one that failed waits to be tried again */
        bool ordered = s->motion_order == 0 && s->timer[TIMER_RETRY].ns == INT64_MAX;
        return !boom_has_open_limit(x) && ordered && !input_on(x, INPUT_LIMIT_CLOSED);
    }
    bool stops = s->stop_order != 0 || s->timer[TIMER_STOP].ns != INT64_MAX;
    return s->motion == MOTION_OWN_CLOSE && !boom_has_closed_limit(x) && !stops &&
           !input_on(x, INPUT_LIMIT_OPEN);
}

static void presume(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool open = s->motion == MOTION_RAISE;
    s->presumed = open ? PRESUMED_OPEN : PRESUMED_CLOSED;
    s->position_known = x->c->feedback != FEEDBACK_NONE;
    s->go &= open;
    s->left_open &= open;
    boom_motion_over(x);
    set_alarm(x, EVENT_LANE_UNCONFIRMED, false, 0);
    if (open && x->c->auto_close == AUTO_CLOSE_TIMER) {
        boom_may_close_from_now(x);
    }
}

static void motion_late(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (done_by_time(x)) {
        presume(x);
        return;
    }
    set_alarm(x, EVENT_LANE_UNCONFIRMED, true, 0);
    if (s->motion == MOTION_RAISE && s->motion_cause == LANE_CAUSE_CONVOY) {
        convoy_end(x, 0); /* it does not go up: an officer looks */
    }
    boom_motion_over(x);
    s->position_known = false;
    s->lower_blocked = true;
}

/* What was ordered is not tried again against a hold placed since, nor after the lane went out of
 * service or came back. */
static bool may_try_again(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    bool emergency = boom_is_emergency(s->motion_cause);
    bool test = s->motion_cause == LANE_CAUSE_TEST;
    bool wanted = emergency || (s->hold_count == 0 && s->out_of_service == test);
    return wanted && boom_cannot_raise(x, emergency) == LANE_REFUSAL_NONE;
}

void boom_tick(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    (void)timer_take(x, TIMER_CLEAR); /* their running is what counts */
    (void)timer_take(x, TIMER_COIL_RAISE);
    (void)timer_take(x, TIMER_COIL_LOWER);
    (void)timer_take(x, TIMER_COIL_STOP);
    (void)timer_take(x, TIMER_BY_HAND);
    (void)timer_take(x, TIMER_COAST);
    (void)timer_take(x, TIMER_BOUNCE);
    if (timer_take(x, TIMER_MOTION)) {
        motion_late(x);
    }
    if (timer_take(x, TIMER_ORDER)) {
        motion_failed(x);
    }
    if (timer_take(x, TIMER_RETRY) && s->motion == MOTION_RAISE && s->motion_order == 0) {
        if (may_try_again(x)) {
            order_raise(x, 0);
        } else {
            boom_motion_over(x);
            set_alarm(x, EVENT_LANE_ORDER_FAILED, true, 0); /* acknowledged meanwhile or not */
        }
    }
    if (timer_take(x, TIMER_STOP)) {
        if (s->stop_order != 0) {
            stop_failed(x);
        } else {
            s->presumed = PRESUMED_NOTHING;
            order_stop(x, LANE_CAUSE_SAFETY, 0);
        }
    }
    bool still_up = boom_is_up(x) || (boom_has_closed_limit(x) && !input_on(x, INPUT_LIMIT_CLOSED));
    if (timer_take(x, TIMER_AUTO_CLOSE) && s->motion == MOTION_NONE && s->left_open && still_up) {
        set_alarm(x, EVENT_LANE_BOOM_LEFT_OPEN, true, 0);
    }
}
