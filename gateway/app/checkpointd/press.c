/*
 * Lowering by hand: an officer's press on a tablet of that lane, its beats, its end. The lane
 * decides; here it is seen to that only his own tablet, and he, keep the press alive. A beat is
 * given on with the time it came in and never waits for room: one that is lost stops the boom.
 */
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"

static void refuse(struct control *control, const struct control_call *call, const char *code,
                   const char *en, const char *zh)
{
    control_refuse(control, call->ticket, code, en, zh);
}

/* The lane and the tablet's number of the press; 0: refused. */
static uint8_t lane_and_number(struct checkpointd *c, struct control *control,
                               const struct control_call *call, json_int_t *out_number)
{
    const json_t *number = json_object_get(call->args, "press");
    if (!json_is_integer(number) || json_integer_value(number) < 1) {
        refuse(control, call, "invalid", "press: expected a number > 0, new for each press",
               "press 应为每次按键的新编号");
        return 0;
    }
    *out_number = json_integer_value(number);
    uint8_t lane = acts_lane_of(c, control, call);
    if (lane != 0 && !control_on_lane(&call->actor, lane)) {
        refuse(control, call, "denied", "lowered by hand only from a tablet of that lane",
               "仅可用绑定该车道的平板手动落杆");
        return 0;
    }
    return lane;
}

static bool is_theirs(const struct press *press, const struct control_call *call)
{
    return strcmp(press->officer, call->actor.officer) == 0 &&
           strcmp(press->tablet, call->actor.tablet) == 0;
}

void press_act_lower(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    json_int_t number;
    const char *reason = acts_reason(control, call, false);
    uint8_t lane = reason ? lane_and_number(c, control, call, &number) : 0;
    if (lane == 0) {
        return;
    }
    struct press *press = &c->presses[lane];
    if (press->id != 0 && is_theirs(press, call) && press->number == number) {
        refuse(control, call, "conflict", "press: that one was there already, expected a new one",
               "该次按键已用过");
        return;
    }
    uint64_t over = atomic_load_explicit(&press->over, memory_order_relaxed) >> PRESS_WHY_BITS;
    if (press->id != 0 && over != press->id && !is_theirs(press, call) &&
        mono_diff_ms(clock_mono(&clock_system), press->beat_at) < LANE_BEAT_LOST_MS) {
        refuse(control, call, lane_refusal_name(LANE_REFUSAL_LOWERING),
               lane_refusal_text_en(LANE_REFUSAL_LOWERING),
               lane_refusal_text_zh(LANE_REFUSAL_LOWERING));
        return;
    }
    press->id = ++c->last_press;
    press->number = number;
    press->beat_at = clock_mono(&clock_system);
    memcpy(press->officer, call->actor.officer, sizeof(press->officer));
    memcpy(press->tablet, call->actor.tablet, sizeof(press->tablet));
    struct pipeline_act act = {.kind = LANE_ACT_LOWER, .lane = lane, .press = press->id};
    acts_post(c, call, &act, *reason ? reason : "held the button");
}

/* Of a press that the lane has ended it says why. */
static bool is_over(struct control *control, const struct control_call *call,
                    const struct press *press)
{
    unsigned long long over = atomic_load_explicit(&press->over, memory_order_relaxed);
    enum lane_refusal why = (enum lane_refusal)(over & ((1u << PRESS_WHY_BITS) - 1));
    if (over >> PRESS_WHY_BITS != press->id) {
        return false;
    }
    if (why == LANE_REFUSAL_NONE) {
        why = LANE_REFUSAL_DOWN;
    }
    refuse(control, call, lane_refusal_name(why), lane_refusal_text_en(why),
           lane_refusal_text_zh(why));
    return true;
}

static void pass_on(struct checkpointd *c, struct control *control, const struct control_call *call,
                    bool end)
{
    json_int_t number;
    uint8_t lane = lane_and_number(c, control, call, &number);
    if (lane == 0) {
        return;
    }
    struct press *press = &c->presses[lane];
    bool known = press->id != 0 && is_theirs(press, call) && press->number == number;
    if (known && is_over(control, call, press)) {
        return;
    }
    if (known) {
        struct pipeline_event event = {.kind = PIPELINE_BEAT};
        press->beat_at = clock_mono(&clock_system);
        event.u.beat.lane = lane;
        event.u.beat.beat =
            (struct lane_beat_event){.press = press->id, .at = press->beat_at, .end = end};
        known = lane_try_post(c, &event);
    }
    control_answer(control, call->ticket, json_pack("{s:b}", "taken", (int)known));
}

void press_act_beat(void *ctx, struct control *control, const struct control_call *call)
{
    pass_on(ctx, control, call, false);
}

void press_act_end(void *ctx, struct control *control, const struct control_call *call)
{
    pass_on(ctx, control, call, true);
}

void press_over(struct checkpointd *c, uint8_t lane, const struct lane_record *record)
{
    if (record->kind == LANE_RECORD_LOWER_ENDED) {
        atomic_store_explicit(&c->presses[lane].over,
                              record->press << PRESS_WHY_BITS | (unsigned)record->refusal,
                              memory_order_relaxed);
    }
}
