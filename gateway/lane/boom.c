/*
 * The boom: ordered motion and its confirmation, motion nobody ordered, raising for a cleared
 * vehicle, lowering behind one (rules 2-4, 6-8; rule 1 is the guard's, kept here a second time).
 */
#include "gateway/lane/private.h"

enum {
    RETRY_URGENT_MS = 100,   /* officer's and safety raises, stops */
    RETRY_ROUTINE_MS = 1000, /* between two raises for the same vehicle */
    STOP_TRIES = 20,
    OUTCOME_GRACE_MS = 1000 /* an outcome may come this much after its order's expiry */
};

/* ---- what is known ---- */

static bool limits_impossible(const struct lane_ctx *x)
{
    return input_on(x, INPUT_LIMIT_OPEN) && input_on(x, INPUT_LIMIT_CLOSED);
}

static bool at_fault(const struct lane_ctx *x)
{
    return input_on(x, INPUT_FAULT) || limits_impossible(x);
}

static bool is_busy(const struct lane_ctx *x)
{
    uint32_t busy = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE);
    return ((x->s->inputs | x->s->raw) & busy) != 0;
}

static enum boom_state position_of(const struct lane_ctx *x)
{
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
    return x->s->position_known ? BOOM_STOPPED : BOOM_UNKNOWN;
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
    return at_fault(x) ? BOOM_FAULT : position_of(x);
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
    return at_fault(x)                   ? LANE_REFUSAL_FAULT
           : input_on(x, INPUT_BOOM_OFF) ? LANE_REFUSAL_NO_BOOM
                                         : LANE_REFUSAL_NONE;
}

/* ---- orders ---- */

static void coil_off(struct lane_ctx *x, enum lane_output output, enum lane_cause cause)
{
    if (output_wired(x, output)) {
        (void)give_order(x, &(struct lane_command){.order = {.output = output},
                                                   .cause = cause,
                                                   .class = LANE_CLASS_PROTECTIVE});
    }
}

static void motion_over(struct lane_ctx *x)
{
    x->s->motion = MOTION_NONE;
    x->s->motion_order = 0;
    timer_off(x, TIMER_MOTION);
    timer_off(x, TIMER_ORDER);
    timer_off(x, TIMER_RETRY);
}

static bool is_emergency(enum lane_cause cause)
{
    return cause == LANE_CAUSE_EMERGENCY || cause == LANE_CAUSE_SAFETY;
}

static void order_motion(struct lane_ctx *x, enum lane_output output, uint64_t passage)
{
    enum lane_cause cause = x->s->motion_cause;
    bool raise = output == OUTPUT_RAISE;
    x->s->motion_order = give_order(
        x, &(struct lane_command){.order = {.output = output,
                                            .on = true,
                                            .pulse_ms = x->c->pulse_ms,
                                            .emergency = is_emergency(cause)},
                                  .cause = cause,
                                  .class = cause == LANE_CAUSE_CLEARED ? LANE_CLASS_ROUTINE
                                           : raise                     ? LANE_CLASS_PROTECTIVE
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
        coil_off(x, OUTPUT_LOWER, x->s->motion_cause); /* rule 2 */
    }
    if (timer_running(x, TIMER_COIL_STOP)) {
        coil_off(x, OUTPUT_STOP, x->s->motion_cause);
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
    s->stop_order = 0;
    timer_off(x, TIMER_STOP);
    timer_off(x, TIMER_RETRY);
    timer_set(x, TIMER_MOTION, x->c->travel_ms);
    if (cause == LANE_CAUSE_OFFICER || cause == LANE_CAUSE_EMERGENCY) {
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
        coil_off(x, OUTPUT_LOWER, cause);
    }
    if (timer_running(x, TIMER_COIL_RAISE)) {
        coil_off(x, OUTPUT_RAISE, cause);
    }
    motion_over(x);
    s->stop_tries = STOP_TRIES;
    s->stop_hard = cause != LANE_CAUSE_FOREIGN;
    order_stop(x, cause, act);
}

/* ---- outcomes (rule 6) ---- */

static void motion_failed(struct lane_ctx *x)
{
    x->s->motion_order = 0;
    timer_off(x, TIMER_ORDER);
    set_alarm(x, EVENT_LANE_ORDER_FAILED, true, 0);
    bool again = x->s->motion == MOTION_RAISE && x->s->motion_cause != LANE_CAUSE_CLEARED;
    if (again) {
        timer_set(x, TIMER_RETRY, RETRY_URGENT_MS); /* until TIMER_MOTION ends it */
        return;
    }
    motion_over(x);
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
    if (outcome->order_id == 0) {
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

/* ---- motion nobody ordered (rule 8) ---- */

static void foreign_motion(struct lane_ctx *x, bool guard_acted)
{
    set_alarm(x, EVENT_LANE_FOREIGN_MOTION, true, 0);
    (void)add_record(x, LANE_RECORD_FOREIGN_MOTION, LANE_CLASS_PROTECTIVE);
    /* No stop against the guard's raise; one at a time, or a bouncing limit fills the bus. */
    if (!guard_acted && x->s->stop_order == 0) {
        boom_stop(x, LANE_CAUSE_FOREIGN, 0);
    }
}

static void check_coils(struct lane_ctx *x, bool guard_acted)
{
    static const struct {
        enum lane_output output;
        int timer;
    } coils[] = {{OUTPUT_RAISE, TIMER_COIL_RAISE},
                 {OUTPUT_LOWER, TIMER_COIL_LOWER},
                 {OUTPUT_STOP, TIMER_COIL_STOP}};
    for (size_t i = 0; i < sizeof(coils) / sizeof(coils[0]); i++) {
        uint32_t bit = OUTPUT_BIT(coils[i].output) & x->c->outputs_wired;
        if (!(x->s->coils & bit) || timer_running(x, coils[i].timer)) {
            continue;
        }
        foreign_motion(x, guard_acted);
        coil_off(x, coils[i].output, LANE_CAUSE_FOREIGN);
        timer_set(x, coils[i].timer, x->c->order_life_ms + x->c->coil_grace_ms);
    }
}

static bool may_close_itself(const struct lane_ctx *x)
{
    return x->c->auto_close == AUTO_CLOSE_LOOP && timer_running(x, TIMER_AUTO_CLOSE);
}

/* Limits as the wire says them, without debounce: what protects does not wait. */
static void check_limits(struct lane_ctx *x, uint32_t before, bool guard_acted)
{
    struct lane_state *s = x->s;
    uint32_t left = before & ~s->raw, reached = s->raw & ~before;
    bool coming_down = s->motion == MOTION_LOWER || s->motion == MOTION_OWN_CLOSE;
    bool foreign = false;
    if ((left & INPUT_BIT(INPUT_LIMIT_OPEN)) && s->motion == MOTION_NONE) {
        if (may_close_itself(x)) {
            s->motion = MOTION_OWN_CLOSE;
            timer_set(x, TIMER_MOTION, x->c->travel_ms);
        } else {
            foreign = true;
        }
    }
    if ((left & INPUT_BIT(INPUT_LIMIT_CLOSED)) && s->motion == MOTION_NONE) {
        foreign = true;
    }
    if ((reached & INPUT_BIT(INPUT_LIMIT_OPEN)) && s->motion == MOTION_NONE && s->position_known) {
        foreign = true;
    }
    if ((reached & INPUT_BIT(INPUT_LIMIT_CLOSED)) && !coming_down && s->position_known) {
        foreign = true;
    }
    if (foreign) {
        foreign_motion(x, guard_acted);
    }
}

/* ---- scans ---- */

void boom_contact_gained(struct lane_ctx *x)
{
    /* Pulses of the time before may still run; what stays energised after them is foreign. */
    uint32_t ms = x->c->pulse_ms + x->c->coil_grace_ms;
    timer_set(x, TIMER_COIL_RAISE, ms);
    timer_set(x, TIMER_COIL_LOWER, ms);
    timer_set(x, TIMER_COIL_STOP, ms);
    timer_set(x, TIMER_CLEAR, x->c->clear_ms);
    x->s->lights_known = false;
    x->s->seen = true;
}

void boom_contact_lost(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool trying = s->motion == MOTION_RAISE && is_emergency(s->motion_cause);
    s->position_known = false;
    s->lower_blocked = true;
    s->left_open = false;
    timer_off(x, TIMER_AUTO_CLOSE);
    if (!trying) { /* an emergency raise goes on trying until its time is over */
        motion_over(x);
        s->go = false;
    }
}

/* The guard stopped the boom and raises it: that motion is ours. */
static void follow_guard(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (s->motion != MOTION_RAISE || s->motion_cause != LANE_CAUSE_SAFETY) {
        set_alarm(x, EVENT_LANE_OBSTACLE, true, 0);
        (void)add_record(x, LANE_RECORD_OBSTACLE, LANE_CLASS_PROTECTIVE);
    }
    s->motion = MOTION_RAISE;
    s->motion_cause = LANE_CAUSE_SAFETY;
    s->motion_act = 0;
    s->motion_order = 0;
    s->stop_order = 0; /* no stop of before is tried again against this raise */
    timer_off(x, TIMER_STOP);
    timer_off(x, TIMER_ORDER);
    timer_off(x, TIMER_RETRY);
    timer_set(x, TIMER_MOTION, 2 * x->c->travel_ms);
    uint32_t pulses_ms = x->c->pulse_ms + x->c->stop_pulse_ms + x->c->coil_grace_ms;
    timer_set(x, TIMER_COIL_RAISE, pulses_ms);
    timer_set(x, TIMER_COIL_STOP, pulses_ms);
}

static void confirm(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool both = limits_impossible(x); /* confirms nothing: an emergency raise goes on */
    bool open = input_on(x, INPUT_LIMIT_OPEN) && !both;
    bool closed = input_on(x, INPUT_LIMIT_CLOSED) && !both;
    if (open != closed && s->motion == MOTION_NONE) {
        s->position_known = true;
    }
    if (open && s->motion == MOTION_RAISE && s->motion_order == 0) {
        motion_over(x);
        s->position_known = true;
        s->lower_blocked = false;
        set_alarm(x, EVENT_LANE_UNCONFIRMED, false, 0);
    } else if (open && s->motion == MOTION_OWN_CLOSE && (s->raw & INPUT_BIT(INPUT_LIMIT_OPEN))) {
        motion_over(x); /* the barrier opened again by itself */
    } else if (closed && (s->motion == MOTION_LOWER || s->motion == MOTION_OWN_CLOSE)) {
        motion_over(x);
        s->position_known = true;
        s->go = false;
        s->left_open = false;
        set_alarm(x, EVENT_LANE_UNCONFIRMED, false, 0);
    }
    if (closed || s->motion != MOTION_NONE) {
        set_alarm(x, EVENT_LANE_BOOM_LEFT_OPEN, false, 0);
    }
}

/* Rule 3: what we set in motion ends with local control, emergency stop or a fault. */
static void heed_safety_inputs(struct lane_ctx *x, bool guard_acted)
{
    struct lane_state *s = x->s;
    bool hands_off = input_on(x, INPUT_LOCAL_CONTROL) || input_on(x, INPUT_EMERGENCY_STOP);
    bool broken = at_fault(x) || input_on(x, INPUT_BOOM_OFF);
    set_alarm(x, EVENT_LANE_LOCAL_CONTROL, input_on(x, INPUT_LOCAL_CONTROL), 0);
    set_alarm(x, EVENT_LANE_EMERGENCY_STOP, input_on(x, INPUT_EMERGENCY_STOP), 0);
    set_alarm(x, EVENT_LANE_BARRIER_FAULT, at_fault(x), 0);
    bool ours = s->motion == MOTION_RAISE || s->motion == MOTION_LOWER;
    bool guards = guard_acted && !input_on(x, INPUT_BOOM_OFF); /* it has stopped it and raises */
    bool may_go_on = guards || (s->motion == MOTION_RAISE && is_emergency(s->motion_cause));
    if (ours && (hands_off || (broken && !may_go_on))) {
        boom_stop(x, LANE_CAUSE_SAFETY, 0);
    }
    if (hands_off || broken) {
        s->position_known = false;
        s->go = false;
        if (s->motion == MOTION_OWN_CLOSE) {
            motion_over(x);
        }
        s->lower_blocked = true;
    }
}

void boom_scan(struct lane_ctx *x, const struct lane_scan *scan, uint32_t before)
{
    if (!has_boom(x)) {
        return;
    }
    heed_safety_inputs(x, scan->guard_acted);
    if (is_busy(x)) {
        timer_set(x, TIMER_CLEAR, x->c->clear_ms);
    }
    if (input_on(x, INPUT_BOOM_OFF)) {
        if (!has_alarm(x, EVENT_LANE_RUN_THROUGH)) {
            set_alarm(x, EVENT_LANE_RUN_THROUGH, true, 0);
            (void)add_record(x, LANE_RECORD_RUN_THROUGH, LANE_CLASS_PROTECTIVE);
        }
        return; /* its limits say nothing */
    }
    if (!input_on(x, INPUT_LOCAL_CONTROL)) { /* there somebody else moves it */
        check_limits(x, before, scan->guard_acted);
        if (scan->guard_acted && !input_on(x, INPUT_EMERGENCY_STOP)) {
            follow_guard(x);
        }
        check_coils(x, scan->guard_acted);
        confirm(x);
    }
}

/* ---- time ---- */

static void motion_late(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    set_alarm(x, EVENT_LANE_UNCONFIRMED, true, 0);
    motion_over(x);
    s->position_known = false;
    s->lower_blocked = true;
}

void boom_tick(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    (void)timer_take(x, TIMER_CLEAR); /* their running is what counts */
    (void)timer_take(x, TIMER_COIL_RAISE);
    (void)timer_take(x, TIMER_COIL_LOWER);
    (void)timer_take(x, TIMER_COIL_STOP);
    if (timer_take(x, TIMER_MOTION)) {
        motion_late(x);
    }
    if (timer_take(x, TIMER_ORDER)) {
        motion_failed(x);
    }
    if (timer_take(x, TIMER_RETRY) && s->motion == MOTION_RAISE && s->motion_order == 0) {
        if (boom_cannot_raise(x, is_emergency(s->motion_cause)) == LANE_REFUSAL_NONE) {
            order_raise(x, 0);
        } else {
            motion_over(x);
        }
    }
    if (timer_take(x, TIMER_STOP)) {
        if (s->stop_order != 0) {
            stop_failed(x);
        } else {
            order_stop(x, LANE_CAUSE_SAFETY, 0);
        }
    }
    if (timer_take(x, TIMER_AUTO_CLOSE) && s->motion == MOTION_NONE && s->left_open &&
        input_on(x, INPUT_LIMIT_OPEN)) {
        set_alarm(x, EVENT_LANE_BOOM_LEFT_OPEN, true, 0);
    }
}

/* ---- decisions ---- */

static bool withheld(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    return s->hold_count > 0 || s->stopped || !s->journal_commits || !s->order_known ||
           has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE) || has_alarm(x, EVENT_LANE_FOREIGN_MOTION) ||
           has_alarm(x, EVENT_LANE_RUN_THROUGH) || (s->blind && x->c->on_blind == LANE_FAIL_HOLD) ||
           (!s->list_usable && x->c->on_no_list == LANE_FAIL_HOLD);
}

static bool is_cleared(const struct lane_vehicle *v)
{
    return v->passage != 0 && v->cleared && v->authenticated && v->raise && !v->open_hit &&
           !v->was_held && !v->doubtful;
}

static void decide_raise(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    struct lane_vehicle *v = queue_at_boom(x);
    if (!v || !is_cleared(v) || withheld(x) || s->motion == MOTION_RAISE ||
        boom_cannot_raise(x, false) != LANE_REFUSAL_NONE) {
        return;
    }
    if (is_wired(x, INPUT_ENTRY_LOOP) && !input_on(x, INPUT_ENTRY_LOOP)) {
        return;
    }
    if (s->motion == MOTION_NONE && input_on(x, INPUT_LIMIT_OPEN)) {
        s->go = true; /* still open behind the vehicle before */
        return;
    }
    if (timer_running(x, TIMER_RETRY)) {
        return;
    }
    if (v->raises == LANE_RAISES_MAX) {
        if (!has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE)) {
            set_alarm(x, EVENT_LANE_CONFIRM_VEHICLE, true, v->passage);
        }
        return;
    }
    v->raises++;
    boom_raise(x, LANE_CAUSE_CLEARED, v->passage, 0);
}

static bool lowers_itself(const struct lane_ctx *x)
{
    return x->c->lower_automatically && x->c->mode == LANE_NORMALLY_CLOSED &&
           x->c->auto_close == AUTO_CLOSE_NONE && output_wired(x, OUTPUT_LOWER);
}

static bool rule_7_holds(const struct lane_ctx *x)
{
    return lowers_itself(x) && x->c->person_device && x->c->vehicle_detector &&
           input_on(x, INPUT_PERSON_OK) && input_on(x, INPUT_DETECTOR_OK) &&
           timer_running(x, TIMER_GUIDED);
}

bool boom_may_lower(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    uint32_t occupied = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE) |
                        INPUT_BIT(INPUT_EXIT_LOOP) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    return rule_7_holds(x) && s->left_open && s->contact && s->position_known &&
           !s->lower_blocked && !s->stopped && !s->go && s->motion == MOTION_NONE &&
           s->stop_order == 0 && input_on(x, INPUT_LIMIT_OPEN) &&
           ((s->inputs | s->raw) & occupied) == 0 && !timer_running(x, TIMER_CLEAR) &&
           !timer_running(x, TIMER_COIL_RAISE) && !has_alarm(x, EVENT_LANE_FOREIGN_MOTION) &&
           !has_alarm(x, EVENT_LANE_RUN_THROUGH) && !has_alarm(x, EVENT_LANE_OBSTACLE) &&
           boom_cannot_raise(x, false) == LANE_REFUSAL_NONE;
}

static void decide_lower(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool open_behind = s->left_open && s->motion == MOTION_NONE && input_on(x, INPUT_LIMIT_OPEN);
    if (lowers_itself(x)) {
        set_alarm(x, EVENT_LANE_PERSON_DEVICE, !rule_7_holds(x), 0);
    }
    if (open_behind && x->c->mode == LANE_NORMALLY_CLOSED && x->c->auto_close == AUTO_CLOSE_NONE &&
        (!lowers_itself(x) || !rule_7_holds(x) || s->lower_blocked)) {
        set_alarm(x, EVENT_LANE_BOOM_LEFT_OPEN, true, 0);
    }
    if (!boom_may_lower(x) || !s->journal_commits || timer_running(x, TIMER_RETRY) ||
        commit_pending(x, COMMIT_LOWER, 0) || !commit_free(x)) {
        return;
    }
    struct lane_record *record = add_record(x, LANE_RECORD_LOWER, LANE_CLASS_RELEASING);
    (void)commit_ask(x, &(struct lane_commit){.kind = COMMIT_LOWER}, record); /* was free */
}

void boom_decide(struct lane_ctx *x)
{
    if (!has_boom(x)) {
        return;
    }
    decide_raise(x);
    decide_lower(x);
}
