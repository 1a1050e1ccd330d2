/*
 * Lowering by hand: an officer's press on a tablet of that lane, its beats, its end. The lane
 * decides; here it is seen to that only his own tablet, and he, keep the press alive. A beat
 * repeats the number that was given out with the answer before it, so it says that the thumb was on
 * the button at that time or later; it is given on with that time, not with the one it came in at:
 * what the network kept for longer is nobody's. It never waits for room: one that is lost stops the
 * boom.
 */
#include <string.h>
#include <sys/random.h>

#include "gateway/app/checkpointd/checkpointd.h"

enum { TURN_UNUSED_BITS = 11 }; /* a page counts to 2^53 */

static void refuse(struct control *control, const struct control_call *call, const char *code,
                   const char *en, const char *zh)
{
    control_refuse(control, call->ticket, code, en, zh);
}

static void refuse_as(struct control *control, const struct control_call *call,
                      enum lane_refusal why)
{
    refuse(control, call, lane_refusal_name(why), lane_refusal_text_en(why),
           lane_refusal_text_zh(why));
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

/* A number nobody can count on to; 0: none to be had. */
static uint64_t new_turn(void)
{
    uint64_t turn;
    if (getrandom(&turn, sizeof(turn), 0) != (ssize_t)sizeof(turn)) {
        return 0;
    }
    return turn >> TURN_UNUSED_BITS;
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
        refuse_as(control, call, LANE_REFUSAL_LOWERING);
        return;
    }
    press->id = ++c->last_press;
    press->number = number;
    press->turn = new_turn();
    press->given_at.ns = 0;
    press->beat_at = clock_mono(&clock_system);
    atomic_store_explicit(&press->granted, 0, memory_order_relaxed);
    memcpy(press->officer, call->actor.officer, sizeof(press->officer));
    memcpy(press->tablet, call->actor.tablet, sizeof(press->tablet));
    struct pipeline_act act = {
        .kind = LANE_ACT_LOWER, .lane = lane, .press = press->id, .turn = press->turn};
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
    refuse_as(control, call, why);
    return true;
}

/* When the number was given out that this beat repeats; ns = 0: it repeats another, or none. */
static struct mono_time given_at(const struct press *press, const struct control_call *call)
{
    const json_t *turn = json_object_get(call->args, "beat");
    struct mono_time at = press->given_at;
    if (at.ns == 0) {
        at.ns = (int64_t)atomic_load_explicit(&press->granted, memory_order_acquire);
    }
    bool repeats = press->turn != 0 && json_is_integer(turn) &&
                   (uint64_t)json_integer_value(turn) == press->turn;
    return repeats ? at : (struct mono_time){0};
}

/* One number, one beat: whatever becomes of this one, the next has to repeat a new one. */
static void take_turn(struct press *press)
{
    press->beat_at = press->given_at = clock_mono(&clock_system);
    press->turn = new_turn();
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
    struct mono_time at = known && !end ? given_at(press, call) : clock_mono(&clock_system);
    bool taken = known && at.ns != 0;
    if (taken) {
        struct pipeline_event event = {.kind = PIPELINE_BEAT};
        event.u.beat.lane = lane;
        event.u.beat.beat = (struct lane_beat_event){.press = press->id, .at = at, .end = end};
        take_turn(press);
        taken = lane_try_post(c, &event);
    }
    if (known && !taken) {
        refuse_as(control, call, LANE_REFUSAL_BEAT_LOST);
        return;
    }
    json_t *answer = json_pack("{s:b}", "taken", (int)taken);
    if (taken && !end) {
        json_object_set_new(answer, "beat", json_integer((json_int_t)press->turn));
    }
    control_answer(control, call->ticket, answer);
}

void press_act_beat(void *ctx, struct control *control, const struct control_call *call)
{
    pass_on(ctx, control, call, false);
}

void press_act_end(void *ctx, struct control *control, const struct control_call *call)
{
    pass_on(ctx, control, call, true);
}

json_t *press_granted(struct checkpointd *c, const struct pipeline_act *act)
{
    atomic_store_explicit(&c->presses[act->lane].granted,
                          (unsigned long long)clock_mono(&clock_system).ns, memory_order_release);
    return json_pack("{s:i,s:s,s:I}", "lane", (int)act->lane, "act", lane_act_name(act->kind),
                     "beat", (json_int_t)act->turn);
}

void press_over(struct checkpointd *c, uint8_t lane, const struct lane_record *record)
{
    if (record->kind == LANE_RECORD_LOWER_ENDED) {
        atomic_store_explicit(&c->presses[lane].over,
                              record->press << PRESS_WHY_BITS | (unsigned)record->refusal,
                              memory_order_relaxed);
    }
}
