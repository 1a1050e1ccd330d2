/*
 * Inspections, convoys, service and guided test, fire raise, panic, mains, who stands unread, and
 * barriers with less feedback, over one step, from the text of lane.h. See lane_walk.h.
 */
#include "lane_walk.h"

enum {
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP),
    BROKEN = INPUT_BIT(INPUT_FAULT) | INPUT_BIT(INPUT_BOOM_OFF),
    LIMITS = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED)
};

static bool is_due(const struct walk_step *w, int timer)
{
    return (w->due >> timer & 1) != 0;
}

static bool is_tick(const struct walk_step *w)
{
    return w->event->kind == LANE_EVENT_TICK;
}

static bool is_act(const struct walk_step *w, enum lane_act_kind kind)
{
    return w->event->kind == LANE_EVENT_ACT && w->event->u.act.kind == kind;
}

static bool is_scan(const struct walk_step *w)
{
    return w->event->kind == LANE_EVENT_SCAN && w->event->u.scan.contact;
}

static bool has_boom(const struct walk_step *w)
{
    return (w->config->outputs_wired & OUTPUT_BIT(OUTPUT_RAISE)) != 0;
}

static bool both_limits(const struct lane_state *s)
{
    return (s->inputs & LIMITS) == LIMITS;
}

static bool is_urgent(const struct lane_state *s)
{
    return s->motion == MOTION_RAISE &&
           (s->motion_cause == LANE_CAUSE_EMERGENCY || s->motion_cause == LANE_CAUSE_SAFETY ||
            s->motion_cause == LANE_CAUSE_FIRE);
}

static const struct lane_vehicle *at_boom(const struct lane_state *s)
{
    return s->order_known && s->arrived > 0 ? &s->queue[0] : NULL;
}

static const struct lane_vehicle *vehicle_of(const struct lane_state *s, uint64_t passage)
{
    for (int i = 0; passage != 0 && i < s->count; i++) {
        if (s->queue[i].passage == passage) {
            return &s->queue[i];
        }
    }
    return NULL;
}

/* The question of that kind that is answered with yes, in time. */
static bool granted(const struct walk_step *w, enum lane_commit_kind kind)
{
    for (int i = 0; w->event->kind == LANE_EVENT_COMMIT && i < LANE_COMMITS_MAX; i++) {
        const struct lane_commit *c = &w->before->commits[i];
        if (c->kind == kind && c->id == w->event->u.commit.commit && w->event->u.commit.done &&
            w->before->timer[TIMER_COMMIT + i].ns != INT64_MAX) {
            return true;
        }
    }
    return false;
}

/* ---- inspections ---- */

static bool inspection_waits(const struct walk_step *w, const struct lane_state *s,
                             const struct lane_vehicle *v)
{
    return v && !v->inspected && !v->exempt && s->convoy_act == 0 &&
           (v->inspect == LANE_INSPECT_DUE ||
            (v->inspect == LANE_INSPECT_UNSAID && w->config->mode == LANE_CHECK_POINT));
}

static const char *inspected(const struct walk_step *w, const struct lane_vehicle *v)
{
    const struct lane_vehicle *was = vehicle_of(w->before, v->passage);
    const struct lane_passage_event *p = &w->event->u.passage;
    const struct lane_act_event *act = &w->event->u.act;
    enum lane_inspect before = was ? was->inspect : LANE_INSPECT_UNSAID;
    if (w->event->kind == LANE_EVENT_PASSAGE && p->passage == v->passage) {
        RULE(v->inspect == (p->inspect > before ? p->inspect : before), "an inspection drawn anew");
        RULE(v->exempt == (p->exempt && p->authenticity != AUTH_NONE), "who is exempt");
        return NULL;
    }
    RULE(v->inspect == before && (!was || v->exempt == was->exempt), "an inspection changes");
    if (was && v->inspected && !was->inspected) {
        bool said = is_act(w, LANE_ACT_INSPECTED) && act->passage == v->passage;
        bool raised = is_act(w, LANE_ACT_RAISE) && v == at_boom(w->after);
        RULE(granted(w, COMMIT_RAISE) || ((said || raised) && act->named),
             "an inspection ends without a named officer");
    }
    return NULL;
}

static const char *inspections(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    for (int i = 0; i < a->count; i++) {
        const char *violation = a->queue[i].passage == 0 ? NULL : inspected(w, &a->queue[i]);
        if (violation) {
            return violation;
        }
    }
    bool waits = inspection_waits(w, a, at_boom(a));
    RULE(waits == alarm_on(a, EVENT_LANE_INSPECTION), "an inspection nobody is told");
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        bool raise = c->order.on && c->order.output == OUTPUT_RAISE;
        RULE(!raise || c->cause != LANE_CAUSE_CLEARED || !waits, "opened before its inspection");
    }
    if (is_act(w, LANE_ACT_RAISE) && !w->event->u.act.named) {
        RULE(count_on(w->out, OUTPUT_RAISE) == 0 || !inspection_waits(w, b, at_boom(b)),
             "let through before its inspection, unnamed");
    }
    bool rose = is_scan(w) && (a->raw & ~b->raw & INPUT_BIT(INPUT_EXIT_LOOP));
    if (rose && b->contact && inspection_waits(w, b, at_boom(b)) && !b->go &&
        !(a->inputs & (INPUT_BIT(INPUT_LOCAL_CONTROL)))) {
        RULE(alarm_on(a, EVENT_LANE_RUN_THROUGH), "rule 8: past the boom before its inspection");
    }
    if (rose && b->hold_count > 0) { /* also when contact comes back: raw was nothing before */
        RULE(alarm_on(a, EVENT_LANE_RUN_THROUGH), "rule 8: past the boom while held");
    }
    return NULL;
}

/* ---- convoys ---- */

static bool someone_held(const struct lane_state *s)
{
    for (int i = 0; i < s->count; i++) {
        if (s->queue[i].hold.id != 0) {
            return true;
        }
    }
    return s->hold_count > 0;
}

static bool convoy_barred(const struct lane_state *s)
{
    return s->out_of_service || alarm_on(s, EVENT_LANE_FIRE_RAISE) ||
           alarm_on(s, EVENT_LANE_FOREIGN_MOTION) || alarm_on(s, EVENT_LANE_RUN_THROUGH);
}

static const char *convoy_asked(const struct walk_step *w)
{
    const struct lane_act_event *act = &w->event->u.act;
    if (!record_of(w->out, LANE_RECORD_CONVOY)) {
        return NULL;
    }
    RULE(is_act(w, LANE_ACT_CONVOY) && act->named, "a convoy without a named officer");
    RULE(act->for_ms > 0 && act->for_ms <= LANE_CONVOY_MAX_MS, "a convoy that is too long");
    RULE(!someone_held(w->before), "a convoy while one is held or waits to be");
    RULE(!convoy_barred(w->before), "a convoy against an alarm, or out of service");
    return NULL;
}

static const char *convoy_hits_held(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    for (int i = 0; i < a->count; i++) {
        const struct lane_vehicle *v = &a->queue[i];
        bool holds = false;
        for (int k = 0; k < v->hit_count; k++) {
            holds |= v->hits[k].holds && !(v->withdrawn & (1u << k));
        }
        bool held = v->hold.id != 0;
        for (int k = 0; k < a->hold_count; k++) {
            held |= a->holds[k].passage == v->passage;
        }
        RULE(!holds || held || alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE),
             "a vehicle that is to be held stands free after a convoy");
    }
    return NULL;
}

static const char *convoys(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    bool was = b->convoy_act != 0, is = a->convoy_act != 0;
    if (is && !was) {
        RULE(granted(w, COMMIT_CONVOY), "a convoy that the journal does not have");
        RULE(!someone_held(a), "a convoy while one is held or waits to be");
    }
    if (is) {
        RULE(timer_runs(a, TIMER_CONVOY), "a convoy without an end");
        RULE(a->hold_count == 0, "rule 5: a convoy goes on while one is held");
        RULE(!w->next->stopped || !was, "rule 3: a convoy goes on after a stop");
        RULE(!convoy_barred(a), "a convoy goes on against an alarm, or out of service");
        RULE(!(a->inputs & (HANDS_OFF | BROKEN)) && !both_limits(a),
             "rule 3: a convoy goes on under local control, emergency stop or a fault");
        RULE(!is_act(w, LANE_ACT_STOP), "rule 3: a convoy goes on after a stop");
    }
    RULE(is == alarm_on(a, EVENT_LANE_CONVOY), "a convoy nobody is told");
    if (was && is_due(w, TIMER_MOTION) && b->motion == MOTION_RAISE && is_tick(w) &&
        b->motion_cause == LANE_CAUSE_CONVOY && alarm_on(a, EVENT_LANE_UNCONFIRMED)) {
        RULE(!is, "rule 6: a convoy goes on, and the boom does not go up");
    }
    if (was && !is) {
        RULE(!is_act(w, LANE_ACT_CONVOY_END) || w->event->u.act.named || is_due(w, TIMER_CONVOY),
             "a convoy ends without a named officer");
        RULE(record_of(w->out, LANE_RECORD_CONVOY_ENDED), "a convoy ends and nobody is told");
        return convoy_hits_held(w);
    }
    return convoy_asked(w);
}

/* ---- out of service, guided test ---- */

static const char *service(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    bool named = w->event->u.act.named;
    if (b->out_of_service != a->out_of_service) {
        bool act = (is_act(w, LANE_ACT_OUT_OF_SERVICE) && a->out_of_service) ||
                   (is_act(w, LANE_ACT_IN_SERVICE) && b->out_of_service);
        RULE((act && named) || w->event->kind == LANE_EVENT_RESTORE_SERVICE,
             "out of service or back without a named officer");
    }
    if (w->event->kind == LANE_EVENT_RESTORE_SERVICE &&
        w->event->u.restore_service.out_of_service) {
        RULE(a->out_of_service, "back in service by a restart");
    }
    if (b->out_of_service && !a->out_of_service) {
        RULE(!b->order_known || record_of(w->out, LANE_RECORD_ORDER_LOST),
             "the order survives out of service");
    }
    if (!b->out_of_service && a->out_of_service && b->motion == MOTION_LOWER) {
        RULE(a->motion != MOTION_LOWER, "rule 7: a lower goes on out of service");
    }
    RULE(a->out_of_service || !timer_runs(a, TIMER_BY_HAND), "rule 8: by hand, in service");
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        bool test = c->cause == LANE_CAUSE_TEST;
        RULE(!test || a->out_of_service, "a test in service");
        RULE(!test || c->order.output != OUTPUT_LOWER, "rule 7: a test lowers");
        if (!c->order.on || c->order.output == OUTPUT_STOP) {
            continue;
        }
        RULE(!test || !w->next->stopped, "rule 3: a test raises after a stop");
        RULE(!a->out_of_service || c->cause != LANE_CAUSE_CLEARED, "opened out of service");
        RULE(!a->out_of_service || c->order.output != OUTPUT_SIREN, "a siren out of service");
    }
    if (is_act(w, LANE_ACT_TEST_RAISE) && count_on(w->out, OUTPUT_RAISE) > 0) {
        const struct lane_vehicle *v = at_boom(b);
        RULE(v ? !v->open_hit : !alarm_on(b, EVENT_LANE_CONFIRM_VEHICLE),
             "rule 5: a test lets go a vehicle with a hit");
    }
    return NULL;
}

/* ---- fire, panic, mains ---- */

static bool is_up(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    bool has_limit = w->config->feedback == FEEDBACK_BOTH || w->config->feedback == FEEDBACK_OPEN;
    bool up = has_limit ? (a->inputs & INPUT_BIT(INPUT_LIMIT_OPEN)) && !both_limits(a)
                        : a->presumed == PRESUMED_OPEN;
    return up && (!w->config->raise_maintained || a->raise_held);
}

static const char *fire(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    RULE(!(a->inputs & INPUT_BIT(INPUT_FIRE_RAISE)) || alarm_on(a, EVENT_LANE_FIRE_RAISE),
         "rule 5: fire, and no alarm");
    RULE(!(a->inputs & INPUT_BIT(INPUT_PANIC)) || alarm_on(a, EVENT_LANE_PANIC),
         "panic, and no alarm");
    if (alarm_on(b, EVENT_LANE_FIRE_RAISE) && !alarm_on(a, EVENT_LANE_FIRE_RAISE)) {
        RULE(is_act(w, LANE_ACT_ACK), "rule 5: a fire raise ends by itself");
    }
    if (alarm_on(b, EVENT_LANE_PANIC) && !alarm_on(a, EVENT_LANE_PANIC)) {
        RULE(is_act(w, LANE_ACT_ACK), "a panic alarm ends by itself");
    }
    if (alarm_on(a, EVENT_LANE_FIRE_RAISE) && a->contact && has_boom(w) && !w->next->stopped &&
        !is_act(w, LANE_ACT_STOP) && !(a->inputs & HANDS_OFF)) {
        RULE(is_urgent(a) || is_up(w), "rule 5: fire, and the boom is not raised");
    }
    return NULL;
}

static bool mains_lost(const struct walk_step *w, const struct lane_state *s)
{
    return s->contact && (w->config->wired & INPUT_BIT(INPUT_MAINS_OK)) &&
           !(s->inputs & INPUT_BIT(INPUT_MAINS_OK));
}

static const char *mains(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    bool lost = mains_lost(w, a);
    RULE(!a->contact || lost == alarm_on(a, EVENT_LANE_MAINS_LOST),
         "mains lost or back, and nobody is told");
    RULE(!lost || a->motion != MOTION_LOWER, "rule 4: lowering on the battery");
    RULE(!lost || (count_on(w->out, OUTPUT_LOWER) == 0 && !record_of(w->out, LANE_RECORD_LOWER)),
         "rule 4: a lower on the battery");
    RULE(lost == mains_lost(w, b) || a->presumed == PRESUMED_NOTHING,
         "rule 4: a position presumed over a loss of mains");
    return NULL;
}

/* ---- who stands unread, who is blocked ---- */

static const char *unread(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    const struct lane_vehicle *first = at_boom(a);
    bool stands = a->contact && !a->blind && !a->out_of_service && a->convoy_act == 0 && !a->go &&
                  first && first->passage == 0;
    if (is_tick(w) && is_due(w, TIMER_UNREAD) && stands) {
        RULE(b->unread != UNREAD_WAITS || record_of(w->out, LANE_RECORD_RETRIGGER),
             "one stands unread and its camera is not asked");
        RULE(b->unread != UNREAD_RETRIGGERED || alarm_on(a, EVENT_LANE_READ_MISSING),
             "one stands unread and nobody is asked");
    }
    RULE(!stands || timer_runs(a, TIMER_UNREAD) || alarm_on(a, EVENT_LANE_READ_MISSING),
         "one stands unread for ever");
    bool blocked = false;
    for (int i = first ? 1 : 0; i < a->count; i++) {
        blocked |= a->queue[i].exempt && !a->queue[i].open_hit;
    }
    blocked &= a->hold_count > 0 || inspection_waits(w, a, first);
    RULE(blocked == alarm_on(a, EVENT_LANE_BLOCKED_EXEMPT), "an exempt vehicle is blocked");
    return NULL;
}

/* ---- a position by time, where no limit says it ---- */

static const char *presumed(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    enum lane_feedback f = w->config->feedback;
    if (has_boom(w) && f == FEEDBACK_NONE && a->contact && !(a->inputs & (HANDS_OFF | BROKEN))) {
        RULE(a->boom == BOOM_UNKNOWN, "rule 6: a position nobody can know");
    }
    if (a->presumed == PRESUMED_NOTHING) {
        return NULL;
    }
    bool open = a->presumed == PRESUMED_OPEN;
    RULE(open ? f == FEEDBACK_CLOSED || f == FEEDBACK_NONE
              : f == FEEDBACK_OPEN || f == FEEDBACK_NONE,
         "rule 6: presumed what a limit says");
    RULE(a->contact, "rule 4: a position presumed without contact");
    if (b->presumed != a->presumed) {
        RULE(open || (b->stop_order == 0 && !timer_runs(b, TIMER_STOP)),
             "rule 3: presumed closed while it may have been stopped");
        uint32_t against = open ? INPUT_BIT(INPUT_LIMIT_CLOSED) : INPUT_BIT(INPUT_LIMIT_OPEN);
        RULE(is_due(w, TIMER_MOTION), "rule 6: presumed before its time");
        RULE(!(a->inputs & against), "rule 6: presumed against a limit");
        RULE(!open || (b->motion_order == 0 && !timer_runs(b, TIMER_RETRY)),
             "rule 6: presumed open, and the raise was not done");
    }
    RULE(!is_scan(w) || !(a->inputs & (HANDS_OFF | BROKEN)),
         "rule 3: presumed what others may have moved");
    RULE(count_on(w->out, OUTPUT_STOP) == 0 && !is_act(w, LANE_ACT_STOP),
         "rule 3: presumed after a stop");
    bool left = is_tick(w) && is_due(w, TIMER_EXIT_GAP);
    bool closes = w->config->auto_close != AUTO_CLOSE_NONE || f == FEEDBACK_NONE;
    RULE(!left || !open || !closes || a->raise_held || is_due(w, TIMER_MOTION),
         "rule 6: presumed open where it closes by itself");
    return NULL;
}

/* ---- a raise contact that is kept ---- */

static const char *let_go(const struct walk_step *w, const struct lane_command *c)
{
    const struct lane_state *a = w->after;
    uint32_t under = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE);
    if (c->cause == LANE_CAUSE_SAFETY) {
        RULE(a->inputs & HANDS_OFF, "rule 1: let go of for no cause");
        return NULL;
    }
    RULE(c->cause == LANE_CAUSE_LOWER, "rule 1: let go of for no cause");
    RULE(granted(w, COMMIT_LOWER), "rule 7: let go of, and the journal does not have it");
    RULE(a->contact && !((a->raw | a->inputs) & under), "rule 1: let go of over something");
    RULE(!w->next->unclear, "rule 1: let go of before the way was clear for the set time");
    RULE(w->next->passed && w->next->raised && !w->next->stopped, "rule 4: let go of too early");
    RULE(a->inputs & INPUT_BIT(INPUT_LIMIT_OPEN), "let go of, and not open");
    RULE(!((a->raw | a->inputs) & BROKEN), "rule 3: let go of under a fault");
    return NULL;
}

static const char *maintained(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    bool off = false;
    if (!w->config->raise_maintained) {
        return NULL;
    }
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        if (c->order.output != OUTPUT_RAISE || c->order.on) {
            continue;
        }
        off = true;
        const char *violation = let_go(w, c);
        if (violation) {
            return violation;
        }
    }
    if (is_scan(w) && b->contact && b->raise_held && (a->raw & HANDS_OFF)) {
        RULE(off && !a->raise_held, "rule 3: kept under local control or emergency stop");
    }
    bool on = is_scan(w) && (w->event->u.scan.outputs & OUTPUT_BIT(OUTPUT_RAISE));
    bool quiet = !(a->inputs & (HANDS_OFF | BROKEN)) && !both_limits(a);
    if (is_scan(w) && b->contact && quiet && !w->event->u.scan.guard_acted && on != b->raise_held &&
        !timer_runs(b, TIMER_COIL_RAISE)) {
        RULE(record_of(w->out, LANE_RECORD_FOREIGN_MOTION), "rule 8: a kept contact changes");
    }
    if (is_scan(w) && w->event->u.scan.guard_acted && quiet) {
        RULE(a->raise_held, "rule 1: the guard keeps the contact, and the lane does not");
    }
    bool failed = w->event->kind == LANE_EVENT_OUTCOME && b->let_go_order != 0 &&
                  w->event->u.outcome.order_id == b->let_go_order &&
                  w->event->u.outcome.result != ORDER_DONE;
    RULE(!failed || (a->raise_held && alarm_on(a, EVENT_LANE_ORDER_FAILED)),
         "rule 6: let go of, not done, and nobody is told");
    RULE(b->go || !a->go || count_on(w->out, OUTPUT_RAISE) > 0 || is_up(w),
         "green under a boom that is let go of");
    return NULL;
}

const char *lane_rules_modes(const struct walk_step *w)
{
    static const char *(*const rules[])(const struct walk_step *) = {
        inspections, convoys, service, fire, mains, unread, presumed, maintained};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *violation = rules[i](w);
        if (violation) {
            return violation;
        }
    }
    return NULL;
}
