/*
 * What the scans say of the boom: motion and coils nobody ordered (rule 8), contact gained and lost
 * (rule 4), safety inputs (rule 3), the guard's stop and raise, limits that confirm a motion. All
 * of it within the scan that shows it.
 */
#include "gateway/lane/private.h"

static bool is_busy(const struct lane_ctx *x)
{
    uint32_t busy = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE);
    return ((x->s->inputs | x->s->raw) & busy) != 0;
}

/* ---- motion nobody ordered (rule 8) ---- */

void boom_foreign_motion(struct lane_ctx *x, bool guard_acted)
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
        if (coils[i].output == OUTPUT_RAISE && x->c->raise_maintained) {
            maintained_watch(x, guard_acted);
            continue;
        }
        bool guards = guard_acted && coils[i].output != OUTPUT_LOWER; /* not switched off again */
        if (!(x->s->coils & bit) || timer_running(x, coils[i].timer) || guards) {
            continue;
        }
        boom_foreign_motion(x, guard_acted);
        boom_coil_off(x, coils[i].output, LANE_CAUSE_FOREIGN);
        timer_set(x, coils[i].timer, x->c->order_life_ms + x->c->coil_grace_ms);
    }
}

/* Declared as its controller's function, or done by the technician of a guided test. */
static bool may_close_itself(const struct lane_ctx *x)
{
    if (x->s->out_of_service && timer_running(x, TIMER_BY_HAND)) {
        return true;
    }
    return timer_running(x, TIMER_AUTO_CLOSE) && !x->s->raise_held;
}

/* A limit left or reached while nothing of ours moves the boom; without the upper limit its own
 * closing shows only where it ends. */
static bool left_foreign(struct lane_ctx *x, uint32_t left)
{
    struct lane_state *s = x->s;
    if (s->motion != MOTION_NONE) {
        return false;
    }
    if (left & INPUT_BIT(INPUT_LIMIT_OPEN)) {
        if (may_close_itself(x)) {
            s->motion = MOTION_OWN_CLOSE;
            timer_set(x, TIMER_MOTION, x->c->travel_ms);
        } else if (!timer_running(x, TIMER_COAST)) {
            return true;
        }
    }
    return (left & INPUT_BIT(INPUT_LIMIT_CLOSED)) != 0;
}

static bool reached_foreign(const struct lane_ctx *x, uint32_t reached)
{
    const struct lane_state *s = x->s;
    bool coming_down = s->motion == MOTION_LOWER || s->motion == MOTION_OWN_CLOSE;
    bool bounces = s->motion == MOTION_RAISE && timer_running(x, TIMER_BOUNCE);
    bool coasts = s->motion == MOTION_NONE && timer_running(x, TIMER_COAST);
    bool closed_unseen = s->motion == MOTION_NONE && !boom_has_open_limit(x) && may_close_itself(x);
    if ((reached & INPUT_BIT(INPUT_LIMIT_OPEN)) && s->motion == MOTION_NONE && s->position_known) {
        return true;
    }
    return (reached & INPUT_BIT(INPUT_LIMIT_CLOSED)) && !coming_down && s->position_known &&
           !bounces && !closed_unseen && !coasts;
}

/* Limits as the wire says them, without debounce: what protects does not wait. Two that contradict
 * each other are a fault and say nothing of a motion, neither when that begins nor when it ends. */
static void check_limits(struct lane_ctx *x, uint32_t before, bool guard_acted)
{
    const uint32_t both = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    uint32_t left = before & ~x->s->raw & both, reached = x->s->raw & ~before & both;
    left = (before & both) == both ? 0 : left;
    reached = (x->s->raw & both) == both ? 0 : reached;
    if (reached != 0) {
        x->s->presumed = PRESUMED_NOTHING;
    }
    bool foreign = left_foreign(x, left);
    foreign |= reached_foreign(x, reached);
    /* Whoever set it in motion: a raise may be ordered while the limit still bounces. */
    if (left & INPUT_BIT(INPUT_LIMIT_CLOSED)) {
        timer_set(x, TIMER_BOUNCE, x->c->debounce_ms);
    }
    if (foreign) {
        x->s->presumed = PRESUMED_NOTHING;
        boom_foreign_motion(x, guard_acted);
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
    x->s->raise_held = x->c->raise_maintained && (x->s->coils & OUTPUT_BIT(OUTPUT_RAISE)) != 0;
    x->s->lights_known = false;
    x->s->seen = true;
}

void boom_contact_lost(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool trying = s->motion == MOTION_RAISE && boom_is_emergency(s->motion_cause);
    s->position_known = false;
    s->lower_blocked = true;
    s->left_open = false;
    s->presumed = PRESUMED_NOTHING;
    timer_off(x, TIMER_AUTO_CLOSE);
    if (!trying) { /* an emergency raise goes on trying until its time is over */
        boom_motion_over(x);
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
    s->raise_held |= x->c->raise_maintained;
    s->presumed = PRESUMED_NOTHING;
    s->stop_order = 0; /* no stop of before is tried again against this raise */
    timer_off(x, TIMER_STOP);
    timer_off(x, TIMER_ORDER);
    timer_off(x, TIMER_RETRY);
    timer_set(x, TIMER_MOTION, 2 * x->c->travel_ms);
    uint32_t pulses_ms = x->c->pulse_ms + x->c->stop_pulse_ms + x->c->coil_grace_ms;
    timer_set(x, TIMER_COIL_RAISE, pulses_ms);
    timer_set(x, TIMER_COIL_STOP, pulses_ms);
    press_end(x, LANE_REFUSAL_NOT_CLEAR);
}

static void confirm(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    bool both = boom_limits_contradict(x); /* confirms nothing: an emergency raise goes on */
    bool open = input_on(x, INPUT_LIMIT_OPEN) && !both;
    bool closed = input_on(x, INPUT_LIMIT_CLOSED) && !both;
    if (open != closed && s->motion == MOTION_NONE) {
        s->position_known = true;
    }
    if (open && s->motion == MOTION_RAISE && s->motion_order == 0) {
        boom_motion_over(x);
        s->position_known = true;
        s->lower_blocked = boom_at_fault(x); /* while that lasts it may come down by itself */
        set_alarm(x, EVENT_LANE_UNCONFIRMED, false, 0);
    } else if (open && s->motion == MOTION_OWN_CLOSE && (s->raw & INPUT_BIT(INPUT_LIMIT_OPEN))) {
        boom_motion_over(x); /* the barrier opened again by itself */
    } else if (closed && (s->motion == MOTION_LOWER || s->motion == MOTION_OWN_CLOSE)) {
        boom_motion_over(x);
        s->position_known = true;
        s->go = false;
        s->left_open = false;
        set_alarm(x, EVENT_LANE_UNCONFIRMED, false, 0);
    }
    if (closed || s->motion != MOTION_NONE) {
        set_alarm(x, EVENT_LANE_BOOM_LEFT_OPEN, false, 0);
    }
}

/* ISO 13850: letting the button go starts nothing; somebody resets it first. */
static void latch_emergency_stop(struct lane_ctx *x)
{
    if (input_on(x, INPUT_EMERGENCY_STOP) && !has_alarm(x, EVENT_LANE_STOP_NOT_RESET)) {
        set_alarm(x, EVENT_LANE_STOP_NOT_RESET, true, 0);
        (void)add_record(x, LANE_RECORD_EMERGENCY_STOP, LANE_CLASS_PROTECTIVE);
    }
}

/* Rule 3: what we set in motion ends with local control, emergency stop or a fault. */
static void heed_safety_inputs(struct lane_ctx *x, bool guard_acted)
{
    struct lane_state *s = x->s;
    bool hands_off = input_on(x, INPUT_LOCAL_CONTROL) || input_on(x, INPUT_EMERGENCY_STOP);
    bool broken = boom_at_fault(x) || input_on(x, INPUT_BOOM_OFF);
    set_alarm(x, EVENT_LANE_LOCAL_CONTROL, input_on(x, INPUT_LOCAL_CONTROL), 0);
    set_alarm(x, EVENT_LANE_EMERGENCY_STOP, input_on(x, INPUT_EMERGENCY_STOP), 0);
    set_alarm(x, EVENT_LANE_BARRIER_FAULT, boom_at_fault(x), 0);
    latch_emergency_stop(x);
    bool ours = s->motion == MOTION_RAISE || s->motion == MOTION_LOWER;
    bool guards = guard_acted && !input_on(x, INPUT_BOOM_OFF); /* it has stopped it and raises */
    bool may_go_on = guards || (s->motion == MOTION_RAISE && boom_is_emergency(s->motion_cause));
    if (ours && (hands_off || (broken && !may_go_on))) {
        boom_stop(x, LANE_CAUSE_SAFETY, 0);
    }
    if (hands_off) {
        maintained_hands_off(x);
    }
    if (hands_off || broken) {
        s->presumed = PRESUMED_NOTHING;
        s->position_known = false;
        s->go = false;
        if (s->motion == MOTION_OWN_CLOSE) {
            boom_motion_over(x);
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
    if (scan->guard_let_go) {
        press_stopped(x);
    }
    if (is_busy(x)) {
        timer_set(x, TIMER_CLEAR, x->c->clear_ms);
    }
    bool local = input_on(x, INPUT_LOCAL_CONTROL); /* there somebody else moves it */
    if (!local) {
        check_coils(x, scan->guard_acted);
    }
    if (input_on(x, INPUT_BOOM_OFF)) {
        if (!has_alarm(x, EVENT_LANE_RUN_THROUGH)) {
            set_alarm(x, EVENT_LANE_RUN_THROUGH, true, 0);
            (void)add_record(x, LANE_RECORD_RUN_THROUGH, LANE_CLASS_PROTECTIVE);
        }
        return; /* its limits say nothing */
    }
    if (!local) {
        check_limits(x, before, scan->guard_acted);
        if (scan->guard_acted && !input_on(x, INPUT_EMERGENCY_STOP)) {
            follow_guard(x);
        }
        confirm(x);
    }
}
