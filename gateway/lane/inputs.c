/*
 * Scans: contact, debounce, the loops handed to the queue. What protects counts at once, what
 * releases must be stable for debounce_ms: presence, obstacle, local control, emergency stop,
 * fault, boom-off, fire raise and panic become active at once and inactive late; limits are left at
 * once and reached late, and so is the health of detectors and mains; entry and exit loops change
 * late both ways.
 */
#include "gateway/lane/private.h"

enum {
    ON_AT_ONCE = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE) |
                 INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP) |
                 INPUT_BIT(INPUT_FAULT) | INPUT_BIT(INPUT_BOOM_OFF) | INPUT_BIT(INPUT_FIRE_RAISE) |
                 INPUT_BIT(INPUT_PANIC),
    OFF_AT_ONCE = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED) |
                  INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK) |
                  INPUT_BIT(INPUT_MAINS_OK)
};

static void debounce(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    for (int i = 0; i < INPUT_COUNT; i++) {
        uint32_t bit = INPUT_BIT(i);
        int timer = TIMER_DEBOUNCE + i;
        if (((s->raw ^ s->inputs) & bit) == 0) {
            timer_off(x, timer);
            continue;
        }
        bool at_once = (((s->raw & bit) ? ON_AT_ONCE : OFF_AT_ONCE) & bit) != 0;
        if (at_once || timer_take(x, timer)) {
            s->inputs ^= bit;
            timer_off(x, timer);
        } else if (!timer_running(x, timer)) {
            timer_set(x, timer, x->c->debounce_ms);
        }
    }
}

static void lose_contact(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    timer_off(x, TIMER_SCAN);
    set_alarm(x, EVENT_LANE_CONTACT_LOST, true, 0);
    if (!s->contact) {
        return;
    }
    s->contact = false;
    boom_contact_lost(x);
    queue_lose_order(x);
    s->raw = 0;
    s->inputs = 0;
    for (int i = 0; i < INPUT_COUNT; i++) {
        timer_off(x, TIMER_DEBOUNCE + i);
    }
}

/* A barrier with a timer of its own counts from being open, and anew when its loop clears; the
 * queue, asked after this, knows better while somebody is there. */
static void follow_timer(struct lane_ctx *x, uint32_t rose, uint32_t fell)
{
    bool counts = (rose & INPUT_BIT(INPUT_LIMIT_OPEN)) || (fell & AT_THE_BOOM);
    if (x->c->auto_close == AUTO_CLOSE_TIMER && counts) {
        boom_may_close_from_now(x);
    }
}

/* After the debounced inputs may have changed. */
static void follow_inputs(struct lane_ctx *x, uint32_t before)
{
    uint32_t now = x->s->inputs;
    safety_inputs_follow(x, now & ~before);
    follow_timer(x, now & ~before, before & ~now);
    queue_loops(x, now & ~before, before & ~now);
}

void inputs_scan(struct lane_ctx *x, const struct lane_scan *scan)
{
    struct lane_state *s = x->s;
    if (!scan->contact) {
        lose_contact(x);
        return;
    }
    timer_set(x, TIMER_SCAN, x->c->scan_lost_ms);
    uint32_t raw_before = s->raw;
    uint32_t before = s->inputs;
    s->raw = scan->active & x->c->wired;
    uint32_t rose = s->raw & ~raw_before; /* of lost contact nothing: who is there came unseen */
    s->coils = scan->outputs;
    if (!s->contact) {
        s->contact = true;
        set_alarm(x, EVENT_LANE_CONTACT_LOST, false, 0);
        s->inputs = s->raw;
        raw_before = s->raw;
        before = 0;
        boom_contact_gained(x);
        queue_settle(x);
    } else {
        debounce(x);
    }
    boom_scan(x, scan, raw_before);
    queue_watch_held(x, rose);
    follow_inputs(x, before);
}

void inputs_tick(struct lane_ctx *x)
{
    if (timer_take(x, TIMER_SCAN)) {
        lose_contact(x);
    }
    if (x->s->contact) {
        uint32_t before = x->s->inputs;
        debounce(x);
        follow_inputs(x, before);
    }
}
