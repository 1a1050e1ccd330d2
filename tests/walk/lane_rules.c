/*
 * The rules of barrier safety over one step, from their text: what may be ordered (1-4, 6, 7), what
 * must be noticed (8), and that nothing waits for ever. Holds and the order of vehicles:
 * lane_rules_holds.c. See lane_walk.h.
 */
#include "lane_walk.h"

enum {
    UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE),
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP),
    BROKEN = INPUT_BIT(INPUT_FAULT) | INPUT_BIT(INPUT_BOOM_OFF),
    LIMITS = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED),
    HEALTHY = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK),
    LOOPS = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_EXIT_LOOP),
    LAMPS_SHIFT = OUTPUT_RED,
    PULSE_MAX_MS = 5000,
    MS = 1000 * 1000
};

static bool is_due(const struct walk_step *w, int timer)
{
    return (w->due >> timer & 1) != 0;
}

static bool is_scan(const struct walk_step *w)
{
    return w->event->kind == LANE_EVENT_SCAN && w->event->u.scan.contact;
}

static bool guard_acted(const struct walk_step *w)
{
    return is_scan(w) && w->event->u.scan.guard_acted;
}

static bool is_act(const struct walk_step *w, enum lane_act_kind kind)
{
    return w->event->kind == LANE_EVENT_ACT && w->event->u.act.kind == kind;
}

static bool wired(const struct walk_step *w, enum lane_output output)
{
    return (w->config->outputs_wired & OUTPUT_BIT(output)) != 0;
}

static bool is_urgent(enum lane_cause cause)
{
    return cause == LANE_CAUSE_EMERGENCY || cause == LANE_CAUSE_SAFETY || cause == LANE_CAUSE_FIRE;
}

static bool both_limits(const struct lane_state *s)
{
    return (s->inputs & LIMITS) == LIMITS;
}

/* The answered question, where it may still lead to something: not refused, not withdrawn. */
static const struct lane_commit *answered(const struct walk_step *w, enum lane_commit_kind kind)
{
    for (int i = 0; w->event->kind == LANE_EVENT_COMMIT && i < LANE_COMMITS_MAX; i++) {
        const struct lane_commit *c = &w->before->commits[i];
        if (c->kind == kind && c->id == w->event->u.commit.commit && w->event->u.commit.done &&
            w->before->timer[TIMER_COMMIT + i].ns != INT64_MAX) {
            return c;
        }
    }
    return NULL;
}

/* ---- rules 1, 2, 7: a lower ---- */

static const char *automatic_lower_ordered(const struct walk_step *w,
                                           const struct lane_command *order)
{
    const struct lane_state *a = w->after;
    const struct lane_config *c = w->config;
    RULE(a->inputs & INPUT_BIT(INPUT_LIMIT_OPEN), "a lower of a boom that is not open");
    RULE(c->lower_automatically && c->person_device && c->vehicle_detector,
         "rule 7: a lower in a lane that does not declare it");
    RULE((a->raw & HEALTHY) == HEALTHY && (a->inputs & HEALTHY) == HEALTHY,
         "rule 7: a lower without both detectors healthy");
    RULE(w->next->guided, "rule 7: a lower without a guided test");
    RULE(w->next->passed, "rule 7: a lower, and nobody has passed");
    RULE(order->cause == LANE_CAUSE_LOWER, "a lower for another cause");
    RULE(w->next->thumb == 0, "rule 7: lowered automatically while somebody lowers by hand");
    RULE(answered(w, COMMIT_LOWER), "rule 7: a lower that the journal does not have");
    return NULL;
}

static const char *lower_ordered(const struct walk_step *w, const struct lane_command *order)
{
    const struct lane_state *a = w->after;
    const struct lane_config *c = w->config;
    RULE(a->contact, "rule 4: a lower without contact");
    RULE(!((a->raw | a->inputs) & UNDER), "rule 1: a lower onto something");
    RULE(!w->next->unclear, "rule 1: a lower before the way was clear for the set time");
    RULE(!((a->raw | a->inputs) & INPUT_BIT(INPUT_EXIT_LOOP)), "a lower behind a standing vehicle");
    RULE(!(a->inputs & INPUT_BIT(INPUT_LIMIT_CLOSED)), "a lower of a boom that is closed");
    RULE(!(w->next->pulse & OUTPUT_BIT(OUTPUT_RAISE)), "rule 2: a lower while raise may be on");
    RULE(!((a->raw | a->inputs) & BROKEN), "rule 3: a lower under a fault");
    RULE(c->feedback == FEEDBACK_BOTH, "rule 6: a lower that nothing confirms");
    RULE(!a->out_of_service, "rule 7: a lower out of service");
    RULE(w->next->raised, "rule 4: a lower, and nothing was raised since contact was lost");
    RULE(!w->next->stopped, "rule 3: a lower after a stop");
    RULE(!w->next->pressed, "rule 3: a lower after an emergency stop that is not reset");
    RULE(c->mode != LANE_NORMALLY_OPEN && c->auto_close == AUTO_CLOSE_NONE,
         "rule 7: a lower in a lane that something else closes");
    RULE(!alarm_on(a, EVENT_LANE_FOREIGN_MOTION) && !alarm_on(a, EVENT_LANE_RUN_THROUGH) &&
             !alarm_on(a, EVENT_LANE_OBSTACLE),
         "rule 8: a lower while something is wrong with the boom");
    RULE(w->before->stop_order == 0 && !timer_runs(w->before, TIMER_STOP),
         "rule 3: a lower while a stop is not done");
    return order->cause == LANE_CAUSE_HAND ? hand_lower_ordered(w, order)
                                           : automatic_lower_ordered(w, order);
}

/* ---- rules 3, 4, 5: a raise ---- */

static const char *raise_caused(const struct walk_step *w, const struct lane_command *order)
{
    const struct lane_state *b = w->before;
    bool again = b->motion == MOTION_RAISE && b->motion_cause == order->cause &&
                 is_due(w, TIMER_RETRY) && b->motion_order == 0;
    switch (order->cause) {
    case LANE_CAUSE_EMERGENCY:
        RULE(again || is_act(w, LANE_ACT_EMERGENCY_RAISE), "an emergency raise nobody asked for");
        return NULL;
    case LANE_CAUSE_OFFICER:
        RULE(again || is_act(w, LANE_ACT_RAISE) || answered(w, COMMIT_RAISE),
             "rule 5: an officer's raise nobody asked for");
        RULE(w->after->hold_count == 0, "rule 5: raised while one is held");
        RULE(!w->after->out_of_service, "raised by an officer out of service");
        return NULL;
    case LANE_CAUSE_SAFETY:
        RULE(again, "a safety raise of the lane's own");
        return NULL;
    case LANE_CAUSE_CLEARED:
        RULE(!w->next->stopped, "rule 3: opened after an officer's stop");
        RULE(w->event->kind != LANE_EVENT_COMMIT, "rule 5: something moves when a hold ends");
        return NULL;
    case LANE_CAUSE_CONVOY:
        RULE((b->convoy_act != 0 || answered(w, COMMIT_CONVOY)) && w->after->convoy_act != 0,
             "a raise for a convoy that is none");
        RULE(!w->next->stopped || answered(w, COMMIT_CONVOY), "rule 3: a convoy after a stop");
        RULE(w->after->hold_count == 0, "rule 5: a convoy while one is held");
        RULE(w->after->journal_commits, "a convoy that the journal cannot record");
        return NULL;
    case LANE_CAUSE_FIRE:
        RULE(again || alarm_on(w->after, EVENT_LANE_FIRE_RAISE),
             "a fire raise without a fire alarm");
        RULE(!w->next->stopped, "rule 3: a fire raise after an officer's stop");
        return NULL;
    case LANE_CAUSE_TEST:
        RULE(again || is_act(w, LANE_ACT_TEST_RAISE), "a test nobody asked for");
        RULE(w->after->out_of_service && w->after->hold_count == 0, "rule 5: a test in service");
        return NULL;
    case LANE_CAUSE_STATE:
    case LANE_CAUSE_FOREIGN:
    case LANE_CAUSE_LOWER:
    case LANE_CAUSE_HAND:
        break;
    }
    return "a raise for no cause";
}

static const char *raise_ordered(const struct walk_step *w, const struct lane_command *order)
{
    const struct lane_state *a = w->after;
    RULE(!(a->raw & HANDS_OFF), "rule 3: a raise under local control or emergency stop");
    RULE(order->order.emergency == is_urgent(order->cause), "rule 3: emergency for no cause");
    if (!order->order.emergency) {
        RULE(a->contact, "rule 4: a raise without contact");
        RULE(!w->next->pressed, "rule 3: a raise after an emergency stop that is not reset");
        RULE(!((a->raw | a->inputs) & BROKEN) && !both_limits(a), "rule 3: a raise under a fault");
    }
    RULE(!(w->next->pulse & OUTPUT_BIT(OUTPUT_LOWER)), "rule 2: a raise while lower may be on");
    return raise_caused(w, order);
}

/* ---- every order, one after another ---- */

/* A stop ends what may still pull: its coils go off first. */
static const char *stop_ordered(const struct walk_step *w, const struct lane_command *order)
{
    uint8_t kept = w->config->raise_maintained ? OUTPUT_BIT(OUTPUT_RAISE) : 0;
    RULE(!(w->next->pulse & (OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER)) & (uint8_t)~kept),
         "rule 3: a stop while a raise or lower may be on");
    RULE(!guard_acted(w) || (w->after->raw & INPUT_BIT(INPUT_BOOM_OFF)),
         "rule 8: a stop against the guard's raise");
    bool again = is_due(w, TIMER_STOP);
    RULE(!again || w->before->motion != MOTION_RAISE || order->cause == LANE_CAUSE_FOREIGN ||
             is_scan(w),
         "a stop tried again against a raise that came after it");
    bool one_waits = w->before->stop_order != 0 && !is_due(w, TIMER_STOP);
    RULE(order->cause != LANE_CAUSE_FOREIGN || !one_waits, "rule 8: stops fill the bus");
    return NULL;
}

static const char *order_given(const struct walk_step *w, const struct lane_command *command)
{
    const struct lane_order *o = &command->order;
    int64_t life_ns = (int64_t)w->config->order_life_ms * MS;
    RULE(wired(w, o->output), "an output that is not wired");
    RULE(o->id != 0, "an order without an id");
    RULE(o->expires.ns > WALK_NOW_NS && o->expires.ns <= WALK_NOW_NS + life_ns,
         "rule 6: an order without its expiry");
    bool lamp = o->output >= OUTPUT_RED && o->output <= OUTPUT_GREEN;
    bool kept = o->output == OUTPUT_RAISE && w->config->raise_maintained;
    RULE(!kept || !o->on || o->pulse_ms == 0, "a kept contact in a pulse");
    RULE(lamp || kept || !o->on || (o->pulse_ms > 0 && o->pulse_ms <= PULSE_MAX_MS),
         "rule 2: a pulse without a bound");
    if (lamp) {
        uint8_t bit = (uint8_t)(1u << (o->output - LAMPS_SHIFT));
        w->next->lamps = o->on ? w->next->lamps | bit : w->next->lamps & (uint8_t)~bit;
    }
    if (o->output > OUTPUT_STOP) {
        return NULL;
    }
    uint8_t bit = (uint8_t)OUTPUT_BIT(o->output);
    if (!o->on) {
        w->next->pulse &= (uint8_t)~bit;
        return NULL;
    }
    const char *violation = o->output == OUTPUT_LOWER   ? lower_ordered(w, command)
                            : o->output == OUTPUT_RAISE ? raise_ordered(w, command)
                                                        : stop_ordered(w, command);
    if (o->output == OUTPUT_RAISE &&
        (command->cause == LANE_CAUSE_OFFICER || command->cause == LANE_CAUSE_EMERGENCY ||
         command->cause == LANE_CAUSE_CONVOY)) {
        w->next->stopped = 0;
    }
    w->next->pulse |= bit;
    w->next->paired |= bit; /* taken back below where its timer was not set */
    if (!timer_was_set(w->after, TIMER_COIL_RAISE + (int)o->output)) {
        w->next->paired &= (uint8_t)~bit;
    }
    return violation;
}

static const char *orders(const struct walk_step *w)
{
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const char *violation = order_given(w, &w->out->orders[i]);
        if (violation) {
            return violation;
        }
    }
    RULE(count_on(w->out, OUTPUT_STOP) <= 1, "two stops in one step");
    return NULL;
}

/* ---- the shadow ---- */

static void shadow_time(const struct walk_step *w)
{
    struct shadow *h = w->next;
    for (int i = 0; i < WALK_PULSES; i++) {
        if (is_due(w, TIMER_COIL_RAISE + i) && (h->paired & (1u << i))) {
            h->pulse &= (uint8_t) ~(1u << i);
        }
    }
    if (is_due(w, TIMER_CLEAR) && h->covered) {
        h->unclear = 0;
    }
    if (is_due(w, TIMER_GUIDED)) {
        h->guided = 0;
    }
    if (is_due(w, TIMER_BOUNCE)) {
        h->bounces = 0;
    }
    if (w->event->kind == LANE_EVENT_GUIDED_TEST) {
        h->guided = w->event->u.guided_test_valid_ms > 0;
    }
}

/* Nobody looks at the limits while somebody else moves the boom, or it is off. */
static void shadow_bounce(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    uint32_t blind = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_BOOM_OFF);
    bool left = (b->raw & LIMITS) == INPUT_BIT(INPUT_LIMIT_CLOSED) &&
                !(a->raw & INPUT_BIT(INPUT_LIMIT_CLOSED));
    if (is_scan(w) && b->contact && left && !(a->inputs & blind)) {
        w->next->bounces = 1;
    }
}

static void shadow_inputs(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    struct shadow *h = w->next;
    bool gained = !b->contact && a->contact;
    bool pressed_before =
        w->event->kind == LANE_EVENT_RESTORE_SERVICE && w->event->u.restore_service.emergency_stop;
    if ((a->inputs & INPUT_BIT(INPUT_EMERGENCY_STOP)) || pressed_before) {
        h->pressed = wired(w, OUTPUT_RAISE);
    }
    if (!a->contact) {
        h->raised = h->known = h->passed = 0;
        h->unclear = 1;
        h->covered = 0;
        return;
    }
    if (timer_was_set(a, TIMER_CLEAR)) {
        h->covered = 1;
    }
    if (is_scan(w) && ((a->raw & UNDER) || gained)) {
        h->unclear = 1;
        h->covered = timer_was_set(a, TIMER_CLEAR);
    }
    uint32_t mains = INPUT_BIT(INPUT_MAINS_OK) & w->config->wired;
    if ((b->contact && ((a->inputs ^ b->inputs) & mains)) ||
        (gained && !(a->inputs & mains) && mains)) {
        h->raised = h->known = 0; /* with or without what powers it, it may have moved */
    }
    if (a->inputs & ~b->inputs & INPUT_BIT(INPUT_FIRE_RAISE)) {
        h->stopped = 0;
    }
    bool open_for_all = b->convoy_act != 0 || alarm_on(b, EVENT_LANE_FIRE_RAISE);
    if (open_for_all && !timer_runs(a, TIMER_EXIT_GAP)) {
        h->passed = 0; /* their end lowers nothing, but behind the one that just leaves */
    }
    if (b->out_of_service && !a->out_of_service) {
        h->raised = h->passed = 0;
    }
    bool broken = (a->inputs & BROKEN) || (is_scan(w) && both_limits(a));
    if ((a->inputs & HANDS_OFF) || broken) {
        h->raised = h->known = 0;
    } else if (!both_limits(a) && (a->inputs & LIMITS)) {
        h->known = 1;
    }
    bool open = (a->inputs & INPUT_BIT(INPUT_LIMIT_OPEN)) && !both_limits(a);
    if (open && (b->motion == MOTION_RAISE || guard_acted(w))) {
        h->raised = 1;
    }
    if ((b->inputs & LOOPS) && !(a->inputs & LOOPS)) {
        h->passed = 1;
    }
}

static void shadow_acts(const struct walk_step *w)
{
    struct shadow *h = w->next;
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        if (!c->order.on || c->order.output != OUTPUT_RAISE) {
            continue;
        }
        bool again = is_due(w, TIMER_RETRY) && w->before->motion == MOTION_RAISE;
        if (!again && !timer_runs(w->after, TIMER_EXIT_GAP)) { /* else for the one that leaves */
            h->passed = 0;
        }
    }
    if (is_act(w, LANE_ACT_STOP)) {
        h->stopped = 1;
    }
    if (is_act(w, LANE_ACT_ACK) && w->event->u.act.named && w->before->contact &&
        !(w->before->inputs & INPUT_BIT(INPUT_EMERGENCY_STOP))) {
        h->raised &= !h->pressed; /* what was raised meanwhile counts for no lower */
        h->pressed = 0;           /* only here: the reset itself moves nothing */
    }
    if (answered(w, COMMIT_CONVOY) && w->after->convoy_act != 0) {
        h->stopped = 0;
    }
}

/* ---- rule 3: what runs, stops ---- */

static const char *hands_off(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    bool ours = b->motion == MOTION_RAISE || b->motion == MOTION_LOWER;
    bool stop = count_on(w->out, OUTPUT_STOP) > 0 || !wired(w, OUTPUT_STOP);
    if (is_scan(w) && ours && (a->raw & HANDS_OFF)) {
        RULE(stop, "rule 3: no stop under local control or emergency stop");
        RULE(a->motion != MOTION_RAISE && a->motion != MOTION_LOWER, "rule 3: a motion goes on");
    }
    bool urgent = b->motion == MOTION_RAISE && is_urgent(b->motion_cause);
    if (is_scan(w) && ours && !urgent && ((a->raw & BROKEN) || both_limits(a)) && !guard_acted(w)) {
        RULE(stop, "rule 3: no stop under a fault");
    }
    if (is_act(w, LANE_ACT_STOP) && (w->config->outputs_wired & OUTPUT_BIT(OUTPUT_RAISE))) {
        RULE(stop && a->stopped && a->motion == MOTION_NONE, "rule 3: an officer's stop not done");
    }
    bool fire = a->motion == MOTION_RAISE && a->motion_cause == LANE_CAUSE_FIRE;
    if (count_on(w->out, OUTPUT_STOP) > 0 && a->motion != MOTION_OWN_CLOSE && !fire) {
        RULE(a->motion == MOTION_NONE, "rule 3: a motion goes on after a stop");
    }
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        RULE(c->order.output != OUTPUT_STOP || !c->order.on || c->cause == LANE_CAUSE_FOREIGN ||
                 c->order.emergency || is_due(w, TIMER_STOP),
             "rule 3: a stop that may be overtaken");
    }
    return NULL;
}

/* ---- rule 4 ---- */

static const char *contact(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    bool boom = wired(w, OUTPUT_RAISE);
    if (!a->contact) {
        RULE(a->boom == (boom ? BOOM_UNKNOWN : BOOM_NONE), "rule 4: a position without contact");
        RULE(a->raw == 0 && a->inputs == 0, "rule 4: inputs without contact");
        RULE(!a->order_known || !b->contact, "the order is known without contact");
    }
    if (b->contact && !a->contact) {
        RULE(alarm_on(a, EVENT_LANE_CONTACT_LOST), "rule 4: lost contact without an alarm");
        RULE(!a->order_known, "the order survives lost contact");
    }
    bool seen = w->config->feedback == FEEDBACK_BOTH;
    RULE(a->boom != BOOM_STOPPED || (w->next->known && seen),
         "rule 4: a position nobody confirmed");
    if (a->contact && a->motion == MOTION_NONE && !(a->inputs & (HANDS_OFF | BROKEN)) && boom &&
        seen) {
        RULE(a->boom != BOOM_OPEN || (a->inputs & INPUT_BIT(INPUT_LIMIT_OPEN)), "open: no limit");
        RULE(a->boom != BOOM_CLOSED || (a->inputs & INPUT_BIT(INPUT_LIMIT_CLOSED)),
             "closed: no limit");
        RULE(!both_limits(a) || a->boom == BOOM_FAULT, "rule 3: both limits and no fault");
    }
    return NULL;
}

/* Its own controller's closing, declared; or the technician's in a guided test. */
static bool may_close_itself(const struct walk_step *w)
{
    const struct lane_state *b = w->before;
    bool by_hand = b->out_of_service && timer_runs(b, TIMER_BY_HAND);
    return by_hand || (w->config->auto_close != AUTO_CLOSE_NONE && !b->raise_held &&
                       timer_runs(b, TIMER_AUTO_CLOSE));
}

/* ---- rule 6: every motion is confirmed, ended or alarmed ---- */

static const char *motion_ended(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    uint32_t limit =
        b->motion == MOTION_RAISE ? INPUT_BIT(INPUT_LIMIT_OPEN) : INPUT_BIT(INPUT_LIMIT_CLOSED);
    bool confirmed = (a->inputs & limit) && !both_limits(a);
    bool opened_again = b->motion == MOTION_OWN_CLOSE && (a->raw & INPUT_BIT(INPUT_LIMIT_OPEN));
    bool stopped = count_on(w->out, OUTPUT_STOP) > 0 || is_act(w, LANE_ACT_STOP);
    bool let_go = is_scan(w) && w->event->u.scan.guard_let_go;
    bool told = stopped || let_go || guard_acted(w) ||
                record_of(w->out, LANE_RECORD_FOREIGN_MOTION) || (b->contact && !a->contact) ||
                (a->inputs & (HANDS_OFF | BROKEN)) || both_limits(a) ||
                alarm_on(a, EVENT_LANE_UNCONFIRMED) || alarm_on(a, EVENT_LANE_ORDER_FAILED);
    bool by_time = is_due(w, TIMER_MOTION) && a->presumed != PRESUMED_NOTHING;
    RULE(confirmed || opened_again || told || by_time, "rule 6: a motion ends and nobody is told");
    RULE(!is_due(w, TIMER_MOTION) || confirmed || by_time || guard_acted(w) || stopped ||
             !a->contact || (a->inputs & (HANDS_OFF | BROKEN)) || opened_again ||
             alarm_on(a, EVENT_LANE_UNCONFIRMED),
         "rule 6: a motion not confirmed in time, without an alarm");
    return NULL;
}

static const char *motion(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    if (a->motion == MOTION_RAISE && b->motion != MOTION_RAISE) {
        RULE(count_on(w->out, OUTPUT_RAISE) > 0 || guard_acted(w), "raising, not ordered");
    }
    if (a->motion == MOTION_LOWER && b->motion != MOTION_LOWER) {
        RULE(count_on(w->out, OUTPUT_LOWER) > 0, "lowering, not ordered");
    }
    if (a->motion == MOTION_OWN_CLOSE && b->motion != MOTION_OWN_CLOSE) {
        RULE(is_scan(w) && may_close_itself(w), "rule 7: closes itself outside the declared time");
        RULE(!(a->inputs & LOOPS), "rule 7: closes itself onto somebody");
    }
    if (b->motion != MOTION_NONE && a->motion == MOTION_NONE) {
        const char *violation = motion_ended(w);
        if (violation) {
            return violation;
        }
    }
    RULE(a->motion == MOTION_NONE || timer_runs(a, TIMER_MOTION), "a motion without a deadline");
    RULE(a->motion_order == 0 || timer_runs(a, TIMER_ORDER), "rule 6: an order without a deadline");
    RULE(a->motion_order == 0 || a->motion != MOTION_NONE, "an order without a motion");
    RULE(a->stop_order == 0 || timer_runs(a, TIMER_STOP), "rule 6: a stop without a deadline");
    return NULL;
}

static const char *outcomes(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    const struct lane_outcome *o = &w->event->u.outcome;
    bool failed = w->event->kind == LANE_EVENT_OUTCOME && o->result != ORDER_DONE;
    bool of_motion = b->motion_order != 0 && failed && o->order_id == b->motion_order;
    bool of_stop = b->stop_order != 0 && failed && o->order_id == b->stop_order;
    if (of_motion || of_stop) {
        RULE(alarm_on(a, EVENT_LANE_ORDER_FAILED), "rule 6: a failed order without an alarm");
    }
    bool late = is_due(w, TIMER_STOP) && b->stop_order != 0 && w->event->kind == LANE_EVENT_TICK;
    if ((of_stop || late) && b->stop_tries > 0 && b->motion == MOTION_NONE) {
        RULE(timer_runs(a, TIMER_STOP) || a->motion == MOTION_RAISE,
             "rule 6: a stop that failed is not tried again");
    }
    if (is_due(w, TIMER_ORDER) && b->motion_order != 0 && w->event->kind == LANE_EVENT_TICK) {
        RULE(a->motion_order != b->motion_order, "rule 6: an outcome is waited for for ever");
        RULE(alarm_on(a, EVENT_LANE_ORDER_FAILED) || a->motion == MOTION_NONE,
             "rule 6: an outcome that did not come, without an alarm");
    }
    if (is_due(w, TIMER_STOP) && b->stop_order == 0 && w->event->kind == LANE_EVENT_TICK &&
        b->motion == MOTION_NONE && a->motion == MOTION_NONE) {
        RULE(count_on(w->out, OUTPUT_STOP) == 1, "a stop that is due again is not given");
    }
    return NULL;
}

/* ---- rule 8 ---- */

static const char *foreign_told(const struct walk_step *w)
{
    const struct lane_state *b = w->before;
    RULE(record_of(w->out, LANE_RECORD_FOREIGN_MOTION), "rule 8: foreign motion not recorded");
    RULE(alarm_on(w->after, EVENT_LANE_FOREIGN_MOTION), "rule 8: foreign motion without an alarm");
    bool stops = count_on(w->out, OUTPUT_STOP) > 0 || b->stop_order != 0 ||
                 !wired(w, OUTPUT_STOP) || guard_acted(w);
    RULE(stops, "rule 8: foreign motion and no stop");
    return NULL;
}

/* Ordered on this scan for another cause: from here its coil is ours. */
static bool stops_anyway(const struct walk_step *w)
{
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        if (c->order.on && c->order.output == OUTPUT_STOP && c->cause != LANE_CAUSE_FOREIGN) {
            return true;
        }
    }
    return false;
}

static bool coil_is_foreign(const struct walk_step *w)
{
    for (int i = 0; i < WALK_PULSES; i++) {
        uint32_t bit = OUTPUT_BIT(OUTPUT_RAISE + i);
        if (i == OUTPUT_RAISE && w->config->raise_maintained) {
            continue; /* lane_rules_modes.c */
        }
        bool ours = timer_runs(w->before, TIMER_COIL_RAISE + i) || !w->before->contact;
        bool guards = guard_acted(w) && i != OUTPUT_LOWER;
        ours |= i == OUTPUT_STOP && stops_anyway(w);
        if ((w->event->u.scan.outputs & bit & w->config->outputs_wired) && !ours && !guards) {
            return true;
        }
    }
    return false;
}

/* Two limits at once are a fault and tell of no motion. */
static bool limit_is_foreign(const struct walk_step *w)
{
    const struct lane_state *b = w->before;
    uint32_t was = b->raw & LIMITS, is = w->after->raw & LIMITS;
    uint32_t left = was == LIMITS ? 0 : was & ~is, reached = is == LIMITS ? 0 : is & ~was;
    bool own_close = may_close_itself(w);
    bool still = b->motion == MOTION_NONE;
    bool up = b->motion == MOTION_RAISE && !w->next->bounces;
    bool known = b->position_known && w->shadow->known;
    return b->contact &&
           ((still && !own_close && !w->next->coasts && (left & INPUT_BIT(INPUT_LIMIT_OPEN))) ||
            (still && (left & INPUT_BIT(INPUT_LIMIT_CLOSED))) ||
            (still && known && (reached & INPUT_BIT(INPUT_LIMIT_OPEN))) ||
            (((still && !w->next->coasts) || up) && known && !own_close &&
             (reached & INPUT_BIT(INPUT_LIMIT_CLOSED))));
}

/* Some limit changes while nothing of ours would do that, whether or not it was known before. */
static bool limit_moves(const struct walk_step *w)
{
    const struct lane_state *b = w->before;
    uint32_t was = b->raw & LIMITS, is = w->after->raw & LIMITS;
    bool bounces = b->motion == MOTION_RAISE && w->next->bounces;
    return was != is && was != LIMITS && is != LIMITS && !bounces;
}

static const char *foreign(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    uint32_t excused = HANDS_OFF | BROKEN;
    if (!is_scan(w) || !wired(w, OUTPUT_RAISE)) {
        return NULL;
    }
    if (a->raw & INPUT_BIT(INPUT_BOOM_OFF)) {
        RULE(alarm_on(a, EVENT_LANE_RUN_THROUGH), "rule 8: a broken boom without an alarm");
    }
    bool quiet = (a->inputs & excused) == 0 && !both_limits(a);
    bool coil = !(a->inputs & INPUT_BIT(INPUT_LOCAL_CONTROL)) && coil_is_foreign(w);
    if (coil || (quiet && limit_is_foreign(w))) {
        return foreign_told(w);
    }
    if (record_of(w->out, LANE_RECORD_FOREIGN_MOTION)) {
        RULE(limit_moves(w) || coil_is_foreign(w) || w->config->raise_maintained,
             "rule 8: told of a motion that is none");
        return foreign_told(w);
    }
    if (guard_acted(w) && !(a->inputs & (HANDS_OFF | INPUT_BIT(INPUT_BOOM_OFF)))) {
        bool up = (a->inputs & INPUT_BIT(INPUT_LIMIT_OPEN)) != 0;
        RULE(a->motion == MOTION_RAISE || up, "rule 1: the guard raises and the lane ignores it");
        RULE(alarm_on(a, EVENT_LANE_OBSTACLE) ||
                 (b->motion == MOTION_RAISE && b->motion_cause == LANE_CAUSE_SAFETY),
             "rule 1: the guard raises and nobody is told");
    }
    return NULL;
}

/* ---- what protects counts at once; nobody waits for ever ---- */

static const char *inputs(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    uint32_t at_once =
        UNDER | HANDS_OFF | BROKEN | INPUT_BIT(INPUT_FIRE_RAISE) | INPUT_BIT(INPUT_PANIC);
    uint32_t late = LIMITS | HEALTHY | INPUT_BIT(INPUT_MAINS_OK);
    RULE((a->raw & at_once & ~a->inputs) == 0, "an input that protects waits");
    RULE((a->inputs & late & ~a->raw) == 0, "a limit or detector that is gone still counts");
    for (int i = 0; a->contact && i < INPUT_COUNT; i++) {
        bool differs = ((a->raw ^ a->inputs) >> i & 1) != 0;
        RULE(differs == timer_runs(a, TIMER_DEBOUNCE + i), "an input that is not followed");
    }
    return NULL;
}

static const char *no_one_waits(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    RULE(!a->contact || timer_runs(a, TIMER_SCAN), "lost contact would not be noticed");
    RULE(a->blind || timer_runs(a, TIMER_MATCH), "blindness would not be noticed");
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        bool motion_waits = a->commits[i].kind == COMMIT_RAISE ||
                            a->commits[i].kind == COMMIT_LOWER || a->commits[i].kind == COMMIT_HAND;
        RULE(!motion_waits || timer_runs(a, TIMER_COMMIT + i), "rule 6: a motion may happen late");
    }
    RULE(a->order_known || !a->contact || a->blind || timer_runs(a, TIMER_APPROACH),
         "the order would never be known again");
    return NULL;
}

/* ISO 13850: pressed until it is reset on purpose, and everybody sees it. */
static const char *reset(const struct walk_step *w)
{
    bool resets = is_act(w, LANE_ACT_ACK) && !alarm_on(w->after, EVENT_LANE_STOP_NOT_RESET);
    RULE(alarm_on(w->after, EVENT_LANE_STOP_NOT_RESET) || !w->next->pressed || resets,
         "rule 3: an emergency stop is forgotten");
    if (resets && w->next->pressed) {
        RULE(w->event->u.act.named && w->before->contact &&
                 !(w->before->inputs & INPUT_BIT(INPUT_EMERGENCY_STOP)),
             "rule 3: an emergency stop is reset by nobody, or while it is pressed");
        RULE(record_of(w->out, LANE_RECORD_STOP_RESET), "a reset without a record");
    }
    return NULL;
}

const char *lane_rules_check(const struct walk_step *step)
{
    static const char *(*const rules[])(const struct walk_step *) = {
        orders,           hands_off,        reset,          contact,      motion,
        outcomes,         foreign,          inputs,         no_one_waits, lane_rules_holds,
        lane_rules_order, lane_rules_modes, lane_rules_hand};
    shadow_time(step);
    shadow_bounce(step);
    shadow_inputs(step);
    hand_shadow_before(step);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *violation = rules[i](step);
        if (violation) {
            return violation;
        }
    }
    shadow_acts(step);
    hand_shadow_after(step);
    return NULL;
}
