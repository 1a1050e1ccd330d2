/*
 * When the boom moves by itself: raising for a cleared vehicle, lowering behind one (rule 7; rule 1
 * is the guard's, kept here a second time).
 */
#include "gateway/lane/private.h"

static bool withheld(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    if (s->hold_count > 0 || s->stopped || s->out_of_service || !s->journal_commits ||
        !s->order_known) {
        return true;
    }
    if (has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE) || has_alarm(x, EVENT_LANE_FOREIGN_MOTION) ||
        has_alarm(x, EVENT_LANE_RUN_THROUGH)) {
        return true;
    }
    return (s->blind && x->c->on_blind == LANE_FAIL_HOLD) ||
           (!s->list_usable && x->c->on_no_list == LANE_FAIL_HOLD);
}

static bool is_cleared(const struct lane_ctx *x, const struct lane_vehicle *v)
{
    bool allowed = v->exempt || (v->cleared && v->raise);
    return v->passage != 0 && allowed && v->authenticated && !v->open_hit && !v->was_held &&
           !v->doubtful && !inspection_due(x, v);
}

bool boom_raise_is_due(const struct lane_ctx *x)
{
    const struct lane_vehicle *v = queue_at_boom(x);
    if (!v || !is_cleared(x, v) || convoy_on(x) || withheld(x) ||
        boom_cannot_raise(x, false) != LANE_REFUSAL_NONE) {
        return false;
    }
    if (queue_has_passed(x)) {
        return false; /* the boom comes down behind it: raised again it would open for the next */
    }
    if (is_wired(x, INPUT_ENTRY_LOOP) && !input_on(x, INPUT_ENTRY_LOOP)) {
        return false;
    }
    return !naming_due(x);
}

static void decide_raise(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    struct lane_vehicle *v = queue_at_boom(x);
    if (!v || !boom_raise_is_due(x) || s->motion == MOTION_RAISE) {
        return;
    }
    if (s->motion == MOTION_NONE && boom_stays_up(x)) {
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
    return x->c->lower_automatically && x->c->mode != LANE_NORMALLY_OPEN &&
           x->c->feedback == FEEDBACK_BOTH && x->c->auto_close == AUTO_CLOSE_NONE &&
           output_wired(x, OUTPUT_LOWER);
}

static bool rule_7_holds(const struct lane_ctx *x)
{
    return lowers_itself(x) && x->c->person_device && x->c->vehicle_detector &&
           input_on(x, INPUT_PERSON_OK) && input_on(x, INPUT_DETECTOR_OK) &&
           timer_running(x, TIMER_GUIDED);
}

bool boom_may_come_down(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    uint32_t occupied = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE) |
                        INPUT_BIT(INPUT_EXIT_LOOP) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    return s->left_open && s->press_stage == PRESS_NONE && s->contact && s->position_known &&
           !s->lower_blocked && !s->stopped && !s->out_of_service && !mains_lost(x) && !s->go &&
           s->motion == MOTION_NONE && s->stop_order == 0 && s->timer[TIMER_STOP].ns == INT64_MAX &&
           input_on(x, INPUT_LIMIT_OPEN) && ((s->inputs | s->raw) & occupied) == 0 &&
           !timer_running(x, TIMER_CLEAR) && !timer_running(x, TIMER_COIL_RAISE) &&
           !has_alarm(x, EVENT_LANE_FOREIGN_MOTION) && !has_alarm(x, EVENT_LANE_RUN_THROUGH) &&
           !has_alarm(x, EVENT_LANE_OBSTACLE) && boom_cannot_raise(x, false) == LANE_REFUSAL_NONE;
}

bool boom_may_lower(const struct lane_ctx *x)
{
    return rule_7_holds(x) && boom_may_come_down(x);
}

/* Open behind a vehicle, and it stays so until somebody lowers it. */
static bool left_open_for_good(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    if (!s->left_open || s->motion != MOTION_NONE || !boom_is_up(x) ||
        x->c->mode == LANE_NORMALLY_OPEN) {
        return false;
    }
    if (x->c->raise_maintained) {
        return s->raise_held && s->lower_blocked;
    }
    return x->c->auto_close == AUTO_CLOSE_NONE &&
           (!lowers_itself(x) || !rule_7_holds(x) || s->lower_blocked);
}

static void decide_lower(struct lane_ctx *x)
{
    if (lowers_itself(x)) {
        set_alarm(x, EVENT_LANE_PERSON_DEVICE, !rule_7_holds(x), 0);
    }
    if (left_open_for_good(x)) {
        set_alarm(x, EVENT_LANE_BOOM_LEFT_OPEN, true, 0);
    }
    bool may = boom_may_lower(x) || maintained_may_let_go(x);
    if (!may || !x->s->journal_commits || timer_running(x, TIMER_RETRY) ||
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
    fire_decide(x);
    convoy_decide(x);
    decide_raise(x);
    decide_lower(x);
}
