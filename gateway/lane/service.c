/*
 * Out of service, and the guided barrier test that is possible only then. Nothing automatic happens
 * meanwhile; what protects goes on. The gateway never lowers in the test: the technician does, with
 * the barrier's own key or fob, and the lane only takes that closing for what it is (rule 7).
 */
#include "gateway/lane/private.h"

static void go_out(struct lane_ctx *x, const struct lane_act_event *act)
{
    struct lane_state *s = x->s;
    (void)act_record(x, act, LANE_RECORD_OUT_OF_SERVICE, LANE_CLASS_PROTECTIVE);
    s->out_of_service = true;
    s->go = false;
    set_alarm(x, EVENT_LANE_OUT_OF_SERVICE, true, 0);
    convoy_end(x, act->act);
    if (s->motion == MOTION_LOWER) {
        boom_stop(x, LANE_CAUSE_SAFETY, act->act);
    }
}

/* Whoever worked here moved boom and loops: nothing of before counts. */
static void come_back(struct lane_ctx *x, const struct lane_act_event *act)
{
    struct lane_state *s = x->s;
    (void)act_record(x, act, LANE_RECORD_IN_SERVICE, LANE_CLASS_ROUTINE);
    if (!s->out_of_service) {
        return;
    }
    s->out_of_service = false;
    s->go = false;
    s->left_open = false;
    s->lower_blocked = true;
    timer_off(x, TIMER_BY_HAND);
    set_alarm(x, EVENT_LANE_OUT_OF_SERVICE, false, 0);
    queue_lose_order(x);
}

static enum lane_refusal cannot_test(const struct lane_ctx *x, enum lane_act_kind kind)
{
    if (!x->s->out_of_service) {
        return LANE_REFUSAL_IN_SERVICE;
    }
    if (kind != LANE_ACT_TEST_RAISE) {
        return has_boom(x) ? LANE_REFUSAL_NONE : LANE_REFUSAL_NO_BOOM;
    }
    if (x->s->stopped) {
        return LANE_REFUSAL_STOPPED;
    }
    if (x->s->hold_count > 0 || act_raise_releases(x)) {
        return LANE_REFUSAL_HELD;
    }
    return boom_cannot_raise(x, false);
}

static void test(struct lane_ctx *x, const struct lane_act_event *act)
{
    enum lane_refusal refusal = cannot_test(x, act->kind);
    if (refusal != LANE_REFUSAL_NONE) {
        act_refuse(x, act, refusal);
        return;
    }
    (void)act_record(x, act, LANE_RECORD_ACT, LANE_CLASS_PROTECTIVE);
    if (act->kind == LANE_ACT_TEST_RAISE) {
        boom_raise(x, LANE_CAUSE_TEST, 0, act->act);
    } else if (act->kind == LANE_ACT_TEST_STOP) {
        boom_stop(x, LANE_CAUSE_TEST, act->act);
    } else {
        timer_set(x, TIMER_BY_HAND, LANE_HAND_LOWER_MS);
    }
    act_done(x, act);
}

void service_act(struct lane_ctx *x, const struct lane_act_event *act)
{
    bool out = act->kind == LANE_ACT_OUT_OF_SERVICE;
    if (!out && act->kind != LANE_ACT_IN_SERVICE) {
        test(x, act);
        return;
    }
    if (!act->named) {
        act_refuse(x, act, LANE_REFUSAL_NOT_NAMED);
        return;
    }
    if (out) {
        go_out(x, act);
    } else {
        come_back(x, act);
    }
    act_done(x, act);
}

void service_restore(struct lane_ctx *x, const struct lane_restore_service_event *event)
{
    if (event->out_of_service) {
        x->s->out_of_service = true;
        set_alarm(x, EVENT_LANE_OUT_OF_SERVICE, true, 0);
    }
    if (event->emergency_stop) {
        set_alarm(x, EVENT_LANE_STOP_NOT_RESET, true, 0);
    }
    if (event->convoy) {
        (void)add_record(x, LANE_RECORD_CONVOY_ENDED, LANE_CLASS_PROTECTIVE);
    }
}
