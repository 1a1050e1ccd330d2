/*
 * Acts on lanes: what an officer asks of one, given to the lane thread with who asks and why. The
 * lane answers; what it records names the officer. Control thread, except acts_reply (lane thread).
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"

enum { MINUTE_MS = 60 * 1000, CONVOY_MINUTES_MAX = LANE_CONVOY_MAX_MS / MINUTE_MS };

static void refuse(struct control *control, const struct control_call *call, const char *code,
                   const char *en, const char *zh)
{
    control_refuse(control, call->ticket, code, en, zh);
}

static void refuse_as_lane(struct control *control, const struct control_call *call,
                           enum lane_refusal refusal)
{
    refuse(control, call, lane_refusal_name(refusal), lane_refusal_text_en(refusal),
           lane_refusal_text_zh(refusal));
}

uint8_t acts_lane_of(struct checkpointd *c, struct control *control,
                     const struct control_call *call)
{
    const json_t *value = json_object_get(call->args, "lane");
    json_int_t lane = json_integer_value(value);
    if (!json_is_integer(value) || lane < 1 || lane > LANE_ID_MAX ||
        !c->devices.bus_of_lane[lane]) {
        refuse(control, call, "not_found", "lane: no such lane, expected the number of one",
               "没有该车道");
        return 0;
    }
    return (uint8_t)lane;
}

/* Beside the reason on record: the code it was picked by, and what was added to it. Neither is
 * shown to whoever may see no plate. */
static void add_code(struct fact_actor *actor, const struct control_call *call)
{
    const char *code = json_string_value(json_object_get(call->args, "reason_code"));
    const char *note = json_string_value(json_object_get(call->args, "note"));
    (void)snprintf(actor->code, sizeof(actor->code), "%.31s", code ? code : "");  /* cut where */
    (void)snprintf(actor->note, sizeof(actor->note), "%.200s", note ? note : ""); /* longer */
}

void acts_post(struct checkpointd *c, const struct control_call *call,
               const struct pipeline_act *act, const char *reason)
{
    struct pipeline_event event = {.kind = PIPELINE_ACT, .u.act = *act};
    event.u.act.client = call->ticket.client;
    event.u.act.request = call->ticket.id;
    acts_fill_actor(&event.u.act.actor, &call->actor, reason);
    add_code(&event.u.act.actor, call);
    event.u.act.actor.group = act->actor.group;
    lane_post(c, &event);
}

/* Fills in the lane the call names; whether the lane heard of it. */
static bool act_on_lane(struct checkpointd *c, struct control *control,
                        const struct control_call *call, struct pipeline_act act, bool needs_reason)
{
    const char *reason = acts_reason(control, call, needs_reason);
    act.lane = reason ? acts_lane_of(c, control, call) : 0;
    if (act.lane != 0) {
        acts_post(c, call, &act, reason);
    }
    return act.lane != 0;
}

/* Somebody raised the boom at a console where nobody is signed on, or the lane was acknowledged
 * since. */
static void tell_unnamed(struct checkpointd *c, uint8_t lane, bool active)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    if (atomic_exchange(&c->raised_unnamed[lane], active) == active) {
        return;
    }
    event.u.alarm.lane = lane;
    event.u.alarm.event = EVENT_CONSOLE_RAISE_UNNAMED;
    event.u.alarm.active = active;
    lane_post(c, &event);
}

void lane_act_ack(void *ctx, struct control *control, const struct control_call *call)
{
    json_int_t lane = json_integer_value(json_object_get(call->args, "lane"));
    if (act_on_lane(ctx, control, call, (struct pipeline_act){.kind = LANE_ACT_ACK}, false)) {
        rescue_acknowledged(ctx, (uint8_t)lane);
        tell_unnamed(ctx, (uint8_t)lane, false);
    }
}

void lane_act_hold(void *ctx, struct control *control, const struct control_call *call)
{
    bool at_tablet = call->actor.tablet[0] != '\0'; /* there it is asked for */
    (void)act_on_lane(ctx, control, call, (struct pipeline_act){.kind = LANE_ACT_HOLD}, at_tablet);
}

void lane_act_stop(void *ctx, struct control *control, const struct control_call *call)
{
    (void)act_on_lane(ctx, control, call, (struct pipeline_act){.kind = LANE_ACT_STOP}, false);
}

void lane_act_raise(void *ctx, struct control *control, const struct control_call *call)
{
    bool emergency = json_is_true(json_object_get(call->args, "emergency"));
    struct pipeline_act act = {.kind = emergency ? LANE_ACT_EMERGENCY_RAISE : LANE_ACT_RAISE};
    json_int_t lane = json_integer_value(json_object_get(call->args, "lane"));
    bool heard = act_on_lane(ctx, control, call, act, false);
    if (heard && call->actor.console && call->actor.officer[0] == '\0') {
        tell_unnamed(ctx, (uint8_t)lane, true);
    }
}

/* Of the vehicle `passage`, or of whoever stands at the boom when the lane hears of it. */
void lane_act_inspected(void *ctx, struct control *control, const struct control_call *call)
{
    const json_t *passage = json_object_get(call->args, "passage");
    struct pipeline_act act = {.kind = LANE_ACT_INSPECTED, .at_boom = !passage};
    if (passage && (!json_is_integer(passage) || json_integer_value(passage) < 0)) {
        refuse(control, call, "invalid", "passage: expected the number of a passage",
               "passage 应为通行编号");
        return;
    }
    act.passage = (uint64_t)json_integer_value(passage);
    (void)act_on_lane(ctx, control, call, act, true);
}

void lane_act_convoy(void *ctx, struct control *control, const struct control_call *call)
{
    json_int_t minutes = json_integer_value(json_object_get(call->args, "minutes"));
    struct pipeline_act act = {.kind = LANE_ACT_CONVOY};
    if (minutes < 1 || minutes > CONVOY_MINUTES_MAX) {
        refuse_as_lane(control, call, LANE_REFUSAL_CONVOY_TIME);
        return;
    }
    act.for_ms = (uint32_t)minutes * MINUTE_MS;
    (void)act_on_lane(ctx, control, call, act, true);
}

void lane_act_convoy_end(void *ctx, struct control *control, const struct control_call *call)
{
    (void)act_on_lane(ctx, control, call, (struct pipeline_act){.kind = LANE_ACT_CONVOY_END}, true);
}

void lane_act_service_out(void *ctx, struct control *control, const struct control_call *call)
{
    struct pipeline_act act = {.kind = LANE_ACT_OUT_OF_SERVICE};
    (void)act_on_lane(ctx, control, call, act, true);
}

void lane_act_service_in(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct pipeline_act act = {.kind = LANE_ACT_IN_SERVICE};
    const char *reason = acts_reason(control, call, true);
    act.lane = reason ? acts_lane_of(c, control, call) : 0;
    if (act.lane == 0) {
        return;
    }
    if (!tools_coming_in(c, act.lane)) {
        refuse(control, call, "busy", "a write to this lane's bus is not done yet",
               "对该车道总线的写入尚未完成");
        return;
    }
    acts_post(c, call, &act, reason);
}

uint8_t acts_lane_of_hold(const struct checkpointd *c, json_int_t hold, const json_t **out_row)
{
    static const char *const lists[] = {"holds", "waiting"};
    for (size_t i = 0; i < c->config.lane_count; i++) {
        char key[8];
        snprintf(key, sizeof(key), "%u", c->config.lanes[i].lane.lane.lane);
        for (size_t l = 0; l < 2; l++) {
            json_t *open = json_object_get(json_object_get(c->board.lanes, key), lists[l]);
            for (size_t h = 0; h < json_array_size(open); h++) {
                const json_t *row = json_array_get(open, h);
                if (json_integer_value(json_object_get(row, "hold")) == hold) {
                    if (out_row) {
                        *out_row = row;
                    }
                    return c->config.lanes[i].lane.lane.lane;
                }
            }
        }
    }
    return 0;
}

/* Nobody else on shift may be the second person: headquarters is asked. */
static void refuse_asked(struct checkpointd *c, struct control *control,
                         const struct control_call *call, const struct pipeline_act *act,
                         const json_t *row)
{
    int result = duty_ask_hq(c, INSTRUCTION_RELEASE, act->hold, act->lane, &call->actor, row);
    if (result != 0) {
        refuse(control, call, err_name(result), "headquarters cannot be asked now",
               "当前无法请示总部");
        return;
    }
    control_refuse_with(control, call->ticket, "second_person",
                        "priority 1 needs a second person: headquarters is asked, release again "
                        "once it has agreed, or with a leader",
                        "一级布控需第二人：已请示总部，总部同意后请再次放行，或由带班领导确认",
                        json_pack("{s:s,s:i}", "waits", "hq", "lane", (int)act->lane));
}

static void refuse_disagreed(struct control *control, const struct control_call *call,
                             const char *note)
{
    char en[FACT_DETAIL_SIZE + 64];
    char zh[FACT_DETAIL_SIZE + 64];
    (void)snprintf(en, sizeof(en), "headquarters does not agree: %s", note); /* fits */
    (void)snprintf(zh, sizeof(zh), "总部不同意：%s", note);                  /* fits */
    refuse(control, call, "second_person", en, zh);
}

/* Of a hold that needs a second person: who was brought is the lane's to judge; headquarters stands
 * for one that is not on shift. False: refused. */
static bool find_second(struct checkpointd *c, struct control *control, struct control_call *call,
                        struct pipeline_act *act, const json_t *row)
{
    const char *note = "";
    bool leader = call->actor.role == OFFICER_ROLE_LEADER;
    if (call->actor.second[0] != '\0') {
        return true;
    }
    switch (duty_hq_word(c, INSTRUCTION_RELEASE, act->hold, call->actor.second, &note)) {
    case DUTY_WORD_AGREES:
        act->leader = true;
        return true;
    case DUTY_WORD_DISAGREES:
        refuse_disagreed(control, call, note);
        return false;
    case DUTY_WORD_WAITS:
        refuse_asked(c, control, call, act, row);
        return false;
    case DUTY_WORD_NOT_ASKED:
        break;
    }
    if (duty_others(c, call->actor.officer, !leader) > 0) {
        return true; /* the lane says that one is needed */
    }
    refuse_asked(c, control, call, act, row);
    return false;
}

void lane_act_release(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct control_call with = *call;
    const json_t *row = NULL;
    json_int_t hold = json_integer_value(json_object_get(call->args, "hold"));
    const char *reason = acts_reason(control, call, true);
    if (!reason) {
        return;
    }
    struct pipeline_act act = {
        .kind = LANE_ACT_RELEASE, .lane = acts_lane_of_hold(c, hold, &row), .hold = (uint64_t)hold};
    if (act.lane == 0) {
        refuse_as_lane(control, call, LANE_REFUSAL_NO_SUCH_HOLD);
        return;
    }
    act.joins = (uint8_t)json_integer_value(json_object_get(row, "joins"));
    act.leader =
        call->actor.role == OFFICER_ROLE_LEADER || call->actor.second_role == OFFICER_ROLE_LEADER;
    bool needs_second = json_integer_value(json_object_get(row, "priority")) == 1;
    if (!needs_second || find_second(c, control, &with, &act, row)) {
        acts_post(c, &with, &act, reason);
    }
}

void acts_reply(void *ctx, const struct pipeline_act *act, enum lane_reply_kind kind,
                enum lane_refusal refusal)
{
    struct checkpointd *c = ctx;
    struct control_ticket ticket = {act->client, act->request};
    if (act->of_case != 0) {
        cases_released(c, act, kind, refusal);
        return;
    }
    if (act->actor.group != 0) {
        raise_all_reply(c, act, kind, refusal);
        return;
    }
    if (act->client == 0) { /* nobody on a socket: headquarters */
        instructions_reply(c, act, kind, refusal);
        return;
    }
    if (act->kind == LANE_ACT_IN_SERVICE && kind != LANE_REPLY_PENDING) {
        tools_came_in(c, act->lane, kind == LANE_REPLY_DONE);
    }
    if (kind == LANE_REPLY_DONE && act->kind == LANE_ACT_LOWER) {
        control_answer(c->control, ticket, press_granted(c, act));
    } else if (kind == LANE_REPLY_DONE) {
        control_answer(c->control, ticket,
                       json_pack("{s:i,s:s}", "lane", act->lane, "act", lane_act_name(act->kind)));
    } else if (kind == LANE_REPLY_REFUSED) {
        control_refuse(c->control, ticket, lane_refusal_name(refusal),
                       lane_refusal_text_en(refusal), lane_refusal_text_zh(refusal));
    } /* pending: DONE or REFUSED follows */
}
