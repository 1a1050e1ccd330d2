/*
 * Fire raise, panic, cabinet door and mains. Fire raise goes through whatever else is gone, rule
 * 3's local control and emergency stop excepted, and stays until an officer acknowledges it. Panic
 * tells officers and nobody outside: no light, siren or strobe changes for it. On the battery
 * everything may still go up; nothing comes down, and where the boom is counts as unknown (rule 4).
 */
#include "gateway/lane/private.h"

static void fire(struct lane_ctx *x)
{
    if (!has_alarm(x, EVENT_LANE_FIRE_RAISE)) {
        set_alarm(x, EVENT_LANE_FIRE_RAISE, true, 0);
        (void)add_record(x, LANE_RECORD_FIRE_RAISE, LANE_CLASS_PROTECTIVE);
    }
    x->s->stopped = false; /* as by an emergency raise; an officer may stop it again */
    set_alarm(x, EVENT_LANE_STOPPED, false, 0);
}

static void mains_gone(struct lane_ctx *x)
{
    set_alarm(x, EVENT_LANE_MAINS_LOST, true, 0);
    (void)add_record(x, LANE_RECORD_MAINS_LOST, LANE_CLASS_PROTECTIVE);
    if (x->s->motion == MOTION_LOWER) {
        boom_stop(x, LANE_CAUSE_SAFETY, 0);
    }
}

static void mains_back(struct lane_ctx *x)
{
    set_alarm(x, EVENT_LANE_MAINS_LOST, false, 0);
    (void)add_record(x, LANE_RECORD_MAINS_BACK, LANE_CLASS_PROTECTIVE);
}

static void follow_mains(struct lane_ctx *x)
{
    bool lost = mains_lost(x);
    if (lost == has_alarm(x, EVENT_LANE_MAINS_LOST)) {
        return;
    }
    if (lost) {
        mains_gone(x);
    } else {
        mains_back(x);
    }
    /* Until a limit says it; and it is raised again before any lower. */
    x->s->position_known = false;
    x->s->lower_blocked = true;
    x->s->presumed = PRESUMED_NOTHING;
}

void safety_inputs_follow(struct lane_ctx *x, uint32_t rose)
{
    if (rose & INPUT_BIT(INPUT_FIRE_RAISE)) {
        fire(x);
    }
    if (rose & INPUT_BIT(INPUT_PANIC)) {
        set_alarm(x, EVENT_LANE_PANIC, true, 0);
    }
    set_alarm(x, EVENT_LANE_CABINET_DOOR, input_on(x, INPUT_CABINET_DOOR), 0);
    follow_mains(x);
}

void safety_inputs_ack(struct lane_ctx *x)
{
    if (!input_on(x, INPUT_FIRE_RAISE)) {
        set_alarm(x, EVENT_LANE_FIRE_RAISE, false, 0);
    }
    if (!input_on(x, INPUT_PANIC)) {
        set_alarm(x, EVENT_LANE_PANIC, false, 0);
    }
}

void fire_decide(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (!has_alarm(x, EVENT_LANE_FIRE_RAISE)) {
        return;
    }
    s->left_open = false; /* its end lowers nothing */
    bool trying = s->motion == MOTION_RAISE && boom_is_emergency(s->motion_cause);
    bool closes_unseen = x->c->feedback == FEEDBACK_NONE && x->c->auto_close != AUTO_CLOSE_NONE;
    if (trying || (boom_stays_up(x) && !closes_unseen) || s->stopped || !s->contact ||
        boom_cannot_raise(x, true) != LANE_REFUSAL_NONE) {
        return;
    }
    boom_raise(x, LANE_CAUSE_FIRE, 0, 0);
}
