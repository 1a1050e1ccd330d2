/*
 * Emergency raise of every lane: one act with a reason, and one of each lane. Like the single one
 * it waits for no record. The lanes answer one by one; who asked hears of all of them at once.
 */
#include <stdio.h>

#include "gateway/app/checkpointd/checkpointd.h"

static bool has_boom(const struct config_lane *lane)
{
    return (lane->lane.lane.outputs_wired & OUTPUT_BIT(OUTPUT_RAISE)) != 0;
}

static uint8_t booms_of(const struct checkpointd *c)
{
    uint8_t count = 0;
    for (size_t i = 0; i < c->config.lane_count; i++) {
        count += has_boom(&c->config.lanes[i]);
    }
    return count;
}

/* The act as such; each lane has its own record besides. */
static void record(struct checkpointd *c, const struct control_call *call, const char *reason)
{
    struct fact fact;
    acts_begin_fact(c, &fact, &call->actor, FACT_ACT, reason);
    (void)snprintf(fact.u.act.act, sizeof(fact.u.act.act), "raise_all"); /* fits */
    fact.urgent = true;
    int lost = recorder_push(c, &fact);
    (void)lost; /* full or dead: a raise waits for no record */
    publish_push(c, &fact);
}

void raise_all_act(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    const char *reason = acts_reason(control, call, true);
    uint8_t booms = booms_of(c);
    if (!reason) {
        return;
    }
    if (booms == 0) {
        control_refuse(control, call->ticket, lane_refusal_name(LANE_REFUSAL_NO_BOOM),
                       lane_refusal_text_en(LANE_REFUSAL_NO_BOOM),
                       lane_refusal_text_zh(LANE_REFUSAL_NO_BOOM));
        return;
    }
    c->last_group++;
    for (size_t i = 0; i < c->config.lane_count; i++) {
        struct pipeline_act act = {.kind = LANE_ACT_EMERGENCY_RAISE,
                                   .lane = c->config.lanes[i].lane.lane.lane,
                                   .group = c->last_group,
                                   .of_group = booms};
        if (has_boom(&c->config.lanes[i])) {
            acts_post(c, call, &act, reason);
        }
    }
    record(c, call, reason);
}

static void free_place(struct raise_all *all)
{
    json_decref(all->raised);
    json_decref(all->refused);
    *all = (struct raise_all){.group = 0};
}

/* The one of that group; without one a free place, or that of the oldest. */
static struct raise_all *place_of(struct checkpointd *c, const struct pipeline_act *act)
{
    struct raise_all *oldest = &c->raise_all[0];
    for (int i = 0; i < RAISE_ALL_MAX; i++) {
        struct raise_all *all = &c->raise_all[i];
        if (all->group == act->group) {
            return all;
        }
        oldest = all->group < oldest->group ? all : oldest;
    }
    free_place(oldest);
    *oldest = (struct raise_all){.group = act->group,
                                 .left = act->of_group,
                                 .raised = json_array(),
                                 .refused = json_array()};
    return oldest;
}

void raise_all_reply(struct checkpointd *c, const struct pipeline_act *act,
                     enum lane_reply_kind kind, enum lane_refusal refusal)
{
    struct control_ticket ticket = {act->client, act->request};
    struct raise_all *all = place_of(c, act);
    if (kind == LANE_REPLY_PENDING) { /* an emergency raise asks nobody */
        return;
    }
    if (kind == LANE_REPLY_DONE) {
        json_array_append_new(all->raised, json_integer(act->lane));
    } else {
        json_array_append_new(all->refused, json_pack("{s:i,s:s,s:s,s:s}", "lane", act->lane,
                                                      "code", lane_refusal_name(refusal), "en",
                                                      lane_refusal_text_en(refusal), "zh",
                                                      lane_refusal_text_zh(refusal)));
    }
    if (--all->left > 0) {
        return;
    }
    if (json_array_size(all->raised) == 0) {
        control_refuse(c->control, ticket, lane_refusal_name(refusal),
                       lane_refusal_text_en(refusal), lane_refusal_text_zh(refusal));
    } else {
        control_answer(c->control, ticket,
                       json_pack("{s:O,s:O}", "lanes", all->raised, "refused", all->refused));
    }
    free_place(all);
}
