/*
 * Who stands at the boom must be named while one that is to be held waits behind: the loops cannot
 * tell that a vehicle before it turned away, or that two went through as one. A boom camera names
 * it; without one the boom opens for nobody by itself until that hold is over: an officer looks and
 * raises, on record. An acknowledgement alone says of no vehicle who it is. A camera that reads at
 * the boom itself leaves no room for such a mistake.
 */
#include "gateway/lane/private.h"

static bool one_waits_behind(const struct lane_ctx *x)
{
    for (uint8_t i = 1; i < x->s->count; i++) {
        if (x->s->queue[i].hold.id != 0) {
            return true;
        }
    }
    return false;
}

bool naming_due(const struct lane_ctx *x)
{
    const struct lane_vehicle *v = queue_at_boom(x);
    return v && !v->named && !queue_is_direct(x) && queue_is_far(x) && one_waits_behind(x);
}

void naming_seen(struct lane_vehicle *v)
{
    v->named = true;
}

void naming_tick(struct lane_ctx *x)
{
    if (timer_take(x, TIMER_NAMED) && naming_due(x)) {
        struct lane_vehicle *v = queue_at_boom(x);
        v->asked = true;
        queue_ask_to_confirm(x, v->passage);
    }
}

void naming_decide(struct lane_ctx *x)
{
    const struct lane_vehicle *v = queue_at_boom(x);
    if (!naming_due(x) || v->asked || x->s->go || convoy_on(x)) {
        timer_off(x, TIMER_NAMED);
    } else if (x->s->timer[TIMER_NAMED].ns == INT64_MAX) {
        timer_set(x, TIMER_NAMED, x->c->read_missing_ms);
    }
}
