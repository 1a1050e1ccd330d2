/*
 * Lowering by hand over one step, from the text of rule 7 and of lane.h: only while a thumb is on
 * the button, and stopped by whatever else happens. See lane_walk.h.
 */
#include "lane_walk.h"

enum {
    UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE) | INPUT_BIT(INPUT_EXIT_LOOP),
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP),
    BROKEN = INPUT_BIT(INPUT_FAULT) | INPUT_BIT(INPUT_BOOM_OFF),
    LIMITS = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED),
    HEALTHY = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK) | INPUT_BIT(INPUT_MAINS_OK),
    NOBODY = 0, /* of shadow.thumb */
    ASKED = 1,
    GRANTED = 2,
    BEAT_MS = 500,
    MS = 1000 * 1000
};

static bool is_act(const struct walk_step *w, enum lane_act_kind kind)
{
    return w->event->kind == LANE_EVENT_ACT && w->event->u.act.kind == kind;
}

static bool is_beat(const struct walk_step *w)
{
    return w->event->kind == LANE_EVENT_BEAT && w->event->u.beat.press == w->before->press &&
           w->before->press != 0;
}

static bool is_fresh(const struct walk_step *w)
{
    return is_beat(w) && !w->event->u.beat.end &&
           w->event->u.beat.at.ns + (int64_t)BEAT_MS * MS > WALK_NOW_NS;
}

static bool is_scan(const struct walk_step *w)
{
    return w->event->kind == LANE_EVENT_SCAN && w->event->u.scan.contact;
}

static bool lowers(const struct lane_state *s)
{
    return s->motion == MOTION_LOWER && s->motion_cause == LANE_CAUSE_HAND;
}

static bool is_due(const struct walk_step *w, int timer)
{
    return (w->due >> timer & 1) != 0;
}

/* What of the barrier and the road speaks against it. */
static bool inputs_against(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    uint32_t seen = a->raw | a->inputs;
    bool unwell = (w->config->wired & HEALTHY & ~a->inputs) != 0;
    return !a->contact || (seen & (UNDER | HANDS_OFF | BROKEN)) != 0 ||
           (a->inputs & LIMITS) == LIMITS || unwell;
}

static bool alarms_against(const struct lane_state *s)
{
    return alarm_on(s, EVENT_LANE_FOREIGN_MOTION) || alarm_on(s, EVENT_LANE_RUN_THROUGH) ||
           alarm_on(s, EVENT_LANE_OBSTACLE) || alarm_on(s, EVENT_LANE_FIRE_RAISE) ||
           alarm_on(s, EVENT_LANE_STOP_NOT_RESET);
}

/* What ends it, whatever the machine makes of it. */
static bool ends(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    bool let_go = is_beat(w) && w->event->u.beat.end;
    bool lost = is_due(w, TIMER_BEAT) && !timer_was_set(a, TIMER_BEAT);
    bool acted = is_act(w, LANE_ACT_STOP) || is_act(w, LANE_ACT_HOLD);
    bool guards = is_scan(w) && (w->event->u.scan.guard_acted || w->event->u.scan.guard_let_go);
    return let_go || lost || acted || guards || count_on(w->out, OUTPUT_RAISE) > 0 ||
           count_on(w->out, OUTPUT_STOP) > 0 || record_of(w->out, LANE_RECORD_HOLD_ACTIVE) ||
           a->stopped || a->out_of_service || a->convoy_act != 0 || inputs_against(w) ||
           alarms_against(a) || is_due(w, TIMER_MOTION);
}

static bool question_waits(const struct lane_state *s)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (s->commits[i].kind == COMMIT_HAND) {
            return true;
        }
    }
    return false;
}

/* The journal's yes, in time. */
static bool is_granted(const struct walk_step *w)
{
    for (int i = 0; w->event->kind == LANE_EVENT_COMMIT && i < LANE_COMMITS_MAX; i++) {
        const struct lane_commit *c = &w->before->commits[i];
        if (c->kind == COMMIT_HAND && c->id == w->event->u.commit.commit &&
            w->event->u.commit.done && w->before->timer[TIMER_COMMIT + i].ns != INT64_MAX) {
            return true;
        }
    }
    return false;
}

void hand_shadow_before(const struct walk_step *w)
{
    struct shadow *h = w->next;
    if (is_granted(w) && h->thumb == ASKED) {
        h->thumb = GRANTED;
    }
    if (is_due(w, TIMER_COAST)) {
        h->coasts = 0;
    }
    if (is_scan(w) && w->event->u.scan.guard_let_go) {
        h->coasts = 1;
    }
}

void hand_shadow_after(const struct walk_step *w)
{
    struct shadow *h = w->next;
    bool asked = is_act(w, LANE_ACT_LOWER) && w->event->u.act.named && question_waits(w->after);
    if (asked && h->thumb == NOBODY) {
        h->thumb = ASKED;
    }
    if (ends(w) || w->after->press_stage == PRESS_NONE) {
        h->thumb = NOBODY;
    }
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        h->coasts |= c->order.on && c->order.output == OUTPUT_STOP && c->cause == LANE_CAUSE_HAND;
    }
}

const char *hand_lower_ordered(const struct walk_step *w, const struct lane_command *command)
{
    const struct lane_order *o = &command->order;
    const struct lane_state *a = w->after;
    RULE(w->config->manual_lower, "rule 7: lowered by hand in a lane that does not declare it");
    RULE(o->hold_to_run, "rule 7: a lower by hand without its permit");
    RULE(is_fresh(w), "rule 7: lowered by hand, and no thumb is on the button");
    RULE(w->next->thumb == GRANTED, "rule 7: a lower by hand that the journal does not have");
    RULE(o->pulse_ms <= BEAT_MS && o->expires.ns <= w->event->u.beat.at.ns + (int64_t)BEAT_MS * MS,
         "rule 7: a lower by hand for longer than its beat");
    RULE((w->config->wired & HEALTHY & ~(a->raw & a->inputs)) == 0,
         "rule 7: lowered by hand with a detector that is not healthy, or on the battery");
    RULE(w->before->motion_order == 0, "rule 6: lowers by hand fill the bus");
    RULE(a->convoy_act == 0, "lowered by hand in a convoy");
    RULE(!alarm_on(a, EVENT_LANE_FIRE_RAISE), "rule 5: lowered by hand under a fire raise");
    return NULL;
}

static const char *stopped(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    if (!lowers(b) || lowers(a)) {
        return NULL;
    }
    bool down = (a->inputs & LIMITS) == INPUT_BIT(INPUT_LIMIT_CLOSED);
    const struct lane_scan *scan = &w->event->u.scan;
    bool guards = is_scan(w) && (scan->guard_let_go || scan->guard_acted);
    RULE(down || a->motion == MOTION_RAISE || guards || count_on(w->out, OUTPUT_STOP) > 0,
         "rule 7: a lower by hand ends without a stop");
    return NULL;
}

const char *lane_rules_hand(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    bool over = ends(w);
    RULE(!lowers(a) || !over, "rule 7: a lower by hand goes on, and nobody holds the button");
    RULE(a->press_stage == PRESS_NONE || !over, "rule 7: a press outlives what ends it");
    RULE(a->press_stage == PRESS_NONE || timer_runs(a, TIMER_BEAT),
         "rule 7: a press that no lost beat would end");
    RULE(a->press_stage != PRESS_RUNS || lowers(a), "rule 7: a press that runs and lowers nothing");
    RULE(!lowers(a) || a->press_stage == PRESS_RUNS, "rule 7: lowers by hand without a press");
    RULE(question_waits(a) == (a->press_stage == PRESS_ASKED), "a press that waits for nothing");
    if (b->press_stage != PRESS_NONE && a->press_stage == PRESS_NONE) {
        RULE(record_of(w->out, LANE_RECORD_LOWER_ENDED) || record_of(w->out, LANE_RECORD_REFUSED),
             "a press ends, and nobody is told");
    }
    if (is_act(w, LANE_ACT_LOWER)) {
        bool asked = a->press_stage == PRESS_ASKED && b->press_stage == PRESS_NONE;
        RULE(asked == (record_of(w->out, LANE_RECORD_LOWER_BY_HAND) != NULL) &&
                 (asked || w->out->reply_count == 1),
             "a press that nobody answers");
        RULE(!asked || w->event->u.act.named, "rule 7: a lower by hand without a named officer");
        RULE(b->press_stage == PRESS_NONE || a->press == b->press,
             "rule 7: a press taken over by another");
    }
    return stopped(w);
}
