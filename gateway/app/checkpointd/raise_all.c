/*
 * See raise_all.h. The raises are on their way before anything is recorded. Lane, journal and
 * control thread come here; what they say meets under the lock, the answer goes out without it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

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

void raise_all_init(struct checkpointd *c)
{
    thread_lock_init(&c->raises.lock);
}

/* ---- the answer ---- */

static bool holds(const json_t *numbers, json_int_t number)
{
    for (size_t i = 0; i < json_array_size(numbers); i++) {
        if (json_integer_value(json_array_get(numbers, i)) == number) {
            return true;
        }
    }
    return false;
}

/* Lanes that answered and whose act the journal does not have. */
static json_t *unrecorded_of(const struct raise_all *all)
{
    json_t *out = json_array();
    const json_t *lists[] = {all->raised, all->refused};
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < json_array_size(lists[l]); i++) {
            const json_t *row = json_array_get(lists[l], i);
            json_int_t lane = json_integer_value(l == 0 ? row : json_object_get(row, "lane"));
            if (!holds(all->recorded, lane)) {
                json_array_append_new(out, json_integer(lane));
            }
        }
    }
    return out;
}

/* What no record says is said to the system's log, with the name. */
static void tell_unrecorded(const struct raise_all *all, const json_t *lanes)
{
    char *text = json_dumps(lanes, JSON_COMPACT);
    log_event(EVENT_RAISE_ALL_UNRECORDED, "officer=%s origin=\"%s\" act=%s lanes=%s",
              all->actor.officer, all->actor.origin, all->whole_recorded ? "recorded" : "lost",
              text ? text : "");
    free(text);
}

/* `all` is the caller's own, and is empty afterwards. */
static void answer(struct checkpointd *c, struct raise_all *all)
{
    json_t *unrecorded = unrecorded_of(all);
    bool recorded = all->whole_recorded && json_array_size(unrecorded) == 0;
    json_t *fields = json_pack("{s:b,s:o}", "recorded", (int)recorded, "unrecorded", unrecorded);
    if (!recorded) {
        tell_unrecorded(all, unrecorded);
    }
    if (json_array_size(all->raised) == 0) {
        control_refuse_with(c->control, all->ticket, lane_refusal_name(all->refusal),
                            lane_refusal_text_en(all->refusal), lane_refusal_text_zh(all->refusal),
                            fields);
    } else {
        json_t *result = json_pack("{s:o,s:o}", "lanes", all->raised, "refused", all->refused);
        all->raised = all->refused = NULL; /* the control thread's, which may be done with them */
        json_object_update(result, fields);
        json_decref(fields);
        control_answer(c->control, all->ticket, result);
    }
    json_decref(all->raised);
    json_decref(all->refused);
    json_decref(all->recorded);
    *all = (struct raise_all){.group = 0};
}

/* ---- those that wait ---- */

static struct raise_all *find(struct checkpointd *c, uint64_t group)
{
    for (int i = 0; i < RAISE_ALL_MAX; i++) {
        if (group != 0 && c->raises.rows[i].group == group) {
            return &c->raises.rows[i];
        }
    }
    return NULL;
}

/* Under the lock. Takes out what can be answered: each lane has, and the journal, or its time is
 * over. */
static bool take(struct raise_all *all, struct mono_time now, struct raise_all *out)
{
    bool settled = all->settled == all->lanes && all->whole_settled;
    if (all->group == 0 || all->answered < all->lanes ||
        (!settled && mono_before(now, all->until))) {
        return false;
    }
    *out = *all;
    *all = (struct raise_all){.group = 0};
    return true;
}

/* Lets go of the lock; `all` may be NULL. */
static void unlock_and_answer(struct checkpointd *c, struct raise_all *all)
{
    struct raise_all said;
    bool done = all && take(all, clock_mono(&clock_system), &said);
    pthread_mutex_unlock(&c->raises.lock);
    if (done) {
        answer(c, &said);
    }
}

/* The number of a new one. With all places taken the oldest is answered as it stands. */
static uint64_t begin(struct checkpointd *c, const struct control_call *call, const char *reason,
                      uint8_t lanes)
{
    struct raise_all gone;
    pthread_mutex_lock(&c->raises.lock);
    struct raise_all *all = &c->raises.rows[0];
    for (int i = 1; i < RAISE_ALL_MAX; i++) {
        all = c->raises.rows[i].group < all->group ? &c->raises.rows[i] : all;
    }
    gone = *all;
    uint64_t group = ++c->raises.last_group;
    *all = (struct raise_all){
        .group = group,
        .ticket = call->ticket,
        .until = mono_add_ms(clock_mono(&clock_system), RAISE_ALL_RECORDED_MS),
        .lanes = lanes,
        .raised = json_array(),
        .refused = json_array(),
        .recorded = json_array(),
    };
    acts_fill_actor(&all->actor, &call->actor, reason);
    pthread_mutex_unlock(&c->raises.lock);
    if (gone.group != 0) {
        answer(c, &gone);
    }
    return group;
}

void raise_all_reply(struct checkpointd *c, const struct pipeline_act *act,
                     enum lane_reply_kind kind, enum lane_refusal refusal)
{
    if (kind == LANE_REPLY_PENDING) { /* an emergency raise asks nobody */
        return;
    }
    pthread_mutex_lock(&c->raises.lock);
    struct raise_all *all = find(c, act->actor.group);
    if (all) {
        all->answered++;
    }
    if (all && kind == LANE_REPLY_DONE) {
        json_array_append_new(all->raised, json_integer(act->lane));
    } else if (all) {
        all->refusal = refusal;
        json_array_append_new(all->refused, json_pack("{s:i,s:s,s:s,s:s}", "lane", act->lane,
                                                      "code", lane_refusal_name(refusal), "en",
                                                      lane_refusal_text_en(refusal), "zh",
                                                      lane_refusal_text_zh(refusal)));
    }
    unlock_and_answer(c, all);
}

void raise_all_settled(struct checkpointd *c, const struct fact *fact, bool recorded)
{
    bool whole = fact->kind == FACT_ACT;
    bool of_lane = fact->kind == FACT_LANE && (fact->u.lane.record.kind == LANE_RECORD_ACT ||
                                               fact->u.lane.record.kind == LANE_RECORD_REFUSED);
    if (fact->actor.group == 0 || (!whole && !of_lane)) { /* its orders have records, too */
        return;
    }
    pthread_mutex_lock(&c->raises.lock);
    struct raise_all *all = find(c, fact->actor.group);
    if (all && whole) {
        all->whole_settled = true;
        all->whole_recorded = recorded;
    } else if (all) {
        all->settled++;
        if (recorded) {
            json_array_append_new(all->recorded, json_integer(fact->lane));
        }
    }
    unlock_and_answer(c, all);
}

void raise_all_look(struct checkpointd *c, struct mono_time now)
{
    struct raise_all said;
    for (int i = 0; i < RAISE_ALL_MAX; i++) {
        pthread_mutex_lock(&c->raises.lock);
        bool done = take(&c->raises.rows[i], now, &said);
        pthread_mutex_unlock(&c->raises.lock);
        if (done) {
            answer(c, &said);
        }
    }
}

/* ---- the act ---- */

/* The act as such; each lane has its own record besides. */
static void record(struct checkpointd *c, const struct control_call *call, const char *reason,
                   uint64_t group)
{
    struct fact fact;
    acts_begin_fact(c, &fact, &call->actor, FACT_ACT, reason);
    (void)snprintf(fact.u.act.act, sizeof(fact.u.act.act), "raise_all"); /* fits */
    fact.actor.group = group;
    fact.urgent = true;
    int lost = recorder_push(c, &fact);
    (void)lost; /* full or dead: a raise waits for no record, and its answer says so */
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
    uint64_t group = begin(c, call, reason, booms);
    for (size_t i = 0; i < c->config.lane_count; i++) {
        struct pipeline_act act = {.kind = LANE_ACT_EMERGENCY_RAISE,
                                   .lane = c->config.lanes[i].lane.lane.lane,
                                   .actor.group = group};
        if (has_boom(&c->config.lanes[i])) {
            acts_post(c, call, &act, reason);
        }
    }
    record(c, call, reason, group);
}
