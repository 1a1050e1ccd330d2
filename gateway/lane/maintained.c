/*
 * A barrier that is up as long as its raise contact is energised and closes by itself after that.
 * Letting go is a lower: the same conditions, committed first, the guard agreeing. Nothing else
 * lets go of it, no stop and no fault, but emergency stop and local control: there the barrier's
 * own hardware holds the boom, and what we had ordered must not go on when the key is turned back.
 */
#include "gateway/lane/private.h"

static void let_go(struct lane_ctx *x, enum lane_cause cause, enum lane_class class)
{
    x->s->let_go_order = give_order(
        x,
        &(struct lane_command){.order = {.output = OUTPUT_RAISE}, .cause = cause, .class = class});
    x->s->raise_held = false;
    timer_set(x, TIMER_COIL_RAISE, x->c->order_life_ms + x->c->coil_grace_ms);
}

void maintained_hands_off(struct lane_ctx *x)
{
    if (x->s->raise_held) {
        let_go(x, LANE_CAUSE_SAFETY, LANE_CLASS_PROTECTIVE);
    }
}

bool maintained_may_let_go(const struct lane_ctx *x)
{
    return x->c->raise_maintained && x->s->raise_held && boom_may_come_down(x);
}

void maintained_let_go(struct lane_ctx *x)
{
    let_go(x, LANE_CAUSE_LOWER, LANE_CLASS_RELEASING);
    boom_may_close_from_now(x);
}

bool maintained_outcome(struct lane_ctx *x, const struct lane_outcome *outcome)
{
    struct lane_state *s = x->s;
    if (outcome->order_id != s->let_go_order) {
        return false;
    }
    s->let_go_order = 0;
    if (outcome->result == ORDER_DONE) {
        return true;
    }
    s->raise_held = true; /* still energised, as far as anybody knows */
    timer_off(x, TIMER_AUTO_CLOSE);
    timer_set(x, TIMER_RETRY, x->c->order_life_ms);
    set_alarm(x, EVENT_LANE_ORDER_FAILED, true, 0);
    return true;
}

void maintained_watch(struct lane_ctx *x, bool guard_acted)
{
    bool on = (x->s->coils & OUTPUT_BIT(OUTPUT_RAISE)) != 0;
    if (on == x->s->raise_held || timer_running(x, TIMER_COIL_RAISE)) {
        return;
    }
    x->s->raise_held = on; /* whoever energised it: only the way of a lower lets go of it */
    timer_off(x, TIMER_AUTO_CLOSE); /* and a closing after this is not the one that was declared */
    boom_foreign_motion(x, guard_acted);
}
