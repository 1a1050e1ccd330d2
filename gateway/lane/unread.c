/*
 * Who stands at the boom unread: its camera is triggered again, then the officer is asked. And who
 * is blocked: an exempt vehicle behind one that is held or waits for its inspection.
 */
#include "gateway/lane/private.h"

static bool stands_unread(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    if (!s->contact || s->blind || s->out_of_service || convoy_on(x) || s->go) {
        return false;
    }
    if (s->order_known && s->arrived > 0) {
        return s->queue[0].passage == 0;
    }
    return s->count == 0 && (input_on(x, INPUT_PRESENCE) || input_on(x, INPUT_ENTRY_LOOP));
}

void unread_tick(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (!timer_take(x, TIMER_UNREAD)) {
        return;
    }
    if (s->unread == UNREAD_WAITS) {
        s->unread = UNREAD_RETRIGGERED;
        (void)add_record(x, LANE_RECORD_RETRIGGER, LANE_CLASS_ROUTINE);
        timer_set(x, TIMER_UNREAD, x->c->read_missing_ms);
    } else if (s->unread == UNREAD_RETRIGGERED) {
        s->unread = UNREAD_ASKED;
    }
}

/* The first exempt vehicle behind what blocks the lane; 0: none. */
static uint64_t exempt_behind(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    const struct lane_vehicle *first = queue_at_boom(x);
    if (s->hold_count == 0 && !inspection_due(x, first)) {
        return 0;
    }
    for (uint8_t i = first ? 1 : 0; i < s->count; i++) {
        if (s->queue[i].exempt && !s->queue[i].open_hit) {
            return s->queue[i].passage;
        }
    }
    return 0;
}

void unread_decide(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    if (!stands_unread(x)) {
        s->unread = UNREAD_NOBODY;
        timer_off(x, TIMER_UNREAD);
    } else if (s->unread == UNREAD_NOBODY) {
        s->unread = UNREAD_WAITS;
        timer_set(x, TIMER_UNREAD, x->c->read_missing_ms);
    }
    set_alarm(x, EVENT_LANE_READ_MISSING, s->unread == UNREAD_ASKED, 0);
    uint64_t blocked = exempt_behind(x);
    if (blocked != s->blocked) {
        s->blocked = blocked;
        set_alarm(x, EVENT_LANE_BLOCKED_EXEMPT, blocked != 0, blocked);
    }
}
