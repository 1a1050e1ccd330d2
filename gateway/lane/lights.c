/*
 * Lights, siren and strobe: what the lane's state shows to drivers. Ordered when it changes and
 * again when the module reads back something else.
 */
#include "gateway/lane/private.h"

enum {
    LAMPS = OUTPUT_BIT(OUTPUT_RED) | OUTPUT_BIT(OUTPUT_YELLOW) | OUTPUT_BIT(OUTPUT_GREEN),
    RED = OUTPUT_BIT(OUTPUT_RED),
    YELLOW = OUTPUT_BIT(OUTPUT_YELLOW),
    GREEN = OUTPUT_BIT(OUTPUT_GREEN)
};

static bool must_stop(const struct lane_ctx *x)
{
    const struct lane_state *s = x->s;
    if (s->stopped || s->hold_count > 0 || s->out_of_service ||
        has_alarm(x, EVENT_LANE_FOREIGN_MOTION) || has_alarm(x, EVENT_LANE_RUN_THROUGH) ||
        has_alarm(x, EVENT_LANE_STOP_NOT_RESET)) {
        return true;
    }
    if (convoy_on(x)) {
        return false;
    }
    return has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE) || inspection_due(x, queue_at_boom(x)) ||
           (s->blind && x->c->on_blind == LANE_FAIL_HOLD) ||
           (!s->list_usable && x->c->on_no_list == LANE_FAIL_HOLD);
}

/* Somebody on his way has to stop: for a hit or an inspection, which must look alike. */
static bool one_waits(const struct lane_ctx *x)
{
    for (uint8_t i = 0; i < x->s->count; i++) {
        if (x->s->queue[i].hold.id != 0 || inspection_due(x, &x->s->queue[i])) {
            return true;
        }
    }
    return false;
}

/* The way is open: the boom is up and stays so. */
static bool way_open(const struct lane_ctx *x)
{
    enum boom_state boom = x->s->boom;
    if (x->c->feedback == FEEDBACK_NONE && boom == BOOM_UNKNOWN) { /* raised, by travel time */
        return (x->s->go || convoy_on(x)) && boom_is_up(x);
    }
    if (x->c->mode == LANE_NORMALLY_OPEN || convoy_on(x)) {
        return boom == BOOM_OPEN || boom == BOOM_NONE;
    }
    return x->s->go && boom == BOOM_OPEN;
}

static uint32_t wanted_lamps(const struct lane_ctx *x)
{
    const struct lane_vehicle *v = queue_at_boom(x);
    enum decision_lights asked = v && !convoy_on(x) ? v->lights : DECISION_LIGHTS_UNCHANGED;
    /* The one under the boom sees it no more; who is to be held may be the next already. */
    bool under = x->s->was_present || x->s->exit_seen;
    bool before_boom = one_waits(x) && (x->c->mode == LANE_NORMALLY_OPEN || under);
    if (must_stop(x) || before_boom || asked == DECISION_LIGHTS_RED || !way_open(x)) {
        return RED;
    }
    if (asked == DECISION_LIGHTS_YELLOW || (!convoy_on(x) && (x->s->blind || !x->s->list_usable))) {
        return YELLOW & x->c->outputs_wired ? YELLOW : RED;
    }
    return GREEN;
}

static void order_lamp(struct lane_ctx *x, enum lane_output output, bool on)
{
    if (output_wired(x, output)) {
        (void)give_order(x, &(struct lane_command){.order = {.output = output, .on = on},
                                                   .cause = LANE_CAUSE_STATE,
                                                   .class = LANE_CLASS_PROTECTIVE});
    }
}

static bool lamps_differ(const struct lane_ctx *x)
{
    return ((x->s->coils ^ x->s->lights) & LAMPS & x->c->outputs_wired) != 0;
}

void lights_decide(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    uint32_t want = wanted_lamps(x) & x->c->outputs_wired;
    if (!s->contact || (x->c->outputs_wired & LAMPS) == 0) {
        return;
    }
    if (s->lights_known && want == s->lights) {
        if (!lamps_differ(x)) {
            timer_off(x, TIMER_LIGHTS);
            set_alarm(x, EVENT_LANE_LIGHT_FAULT, false, 0);
        } else if (s->timer[TIMER_LIGHTS].ns == INT64_MAX) {
            timer_set(x, TIMER_LIGHTS, x->c->order_life_ms + x->c->coil_grace_ms);
        }
        return;
    }
    /* The new lamp first: for a moment two are lit, never none. */
    for (int pass = 1; pass >= 0; pass--) {
        for (int output = OUTPUT_RED; output <= OUTPUT_GREEN; output++) {
            bool on = (want & OUTPUT_BIT(output)) != 0;
            bool changes = !s->lights_known || ((want ^ s->lights) & OUTPUT_BIT(output)) != 0;
            if (changes && on == (pass == 1)) {
                order_lamp(x, (enum lane_output)output, on);
            }
        }
    }
    s->lights = want;
    s->lights_known = true;
    timer_set(x, TIMER_LIGHTS, x->c->order_life_ms + x->c->coil_grace_ms);
}

void lights_tick(struct lane_ctx *x)
{
    if (timer_take(x, TIMER_LIGHTS) && x->s->contact && lamps_differ(x)) {
        set_alarm(x, EVENT_LANE_LIGHT_FAULT, true, 0);
        x->s->lights_known = false; /* ordered again in this step */
    }
}

void sirens_off(struct lane_ctx *x)
{
    if (x->s->coils & OUTPUT_BIT(OUTPUT_SIREN)) {
        order_lamp(x, OUTPUT_SIREN, false);
    }
    if (x->s->coils & OUTPUT_BIT(OUTPUT_STROBE)) {
        order_lamp(x, OUTPUT_STROBE, false);
    }
}
