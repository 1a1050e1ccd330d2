/*
 * Looking at a case: the card before an officer, the record for a citizen who was stopped, the code
 * tables. Who looked is on record. See cases.h. Control thread, but cases_load_codes (main).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

bool cases_record_look(struct checkpointd *c, struct control *control,
                       const struct control_call *call, const char *what,
                       const struct case_slot *slot)
{
    static struct fact fact; /* control thread */
    acts_begin_fact(c, &fact, &call->actor, FACT_ACT, "");
    fact.lane = slot->now.facts.lane;
    (void)snprintf(fact.u.act.act, sizeof(fact.u.act.act), "%s", what); /* our words */
    (void)snprintf(fact.text, sizeof(fact.text), "{\"hit\":%llu}",
                   (unsigned long long)slot->now.facts.hit); /* fits */
    if (recorder_push(c, &fact) != 0) {
        control_refuse(control, call->ticket, "journal", "the journal cannot record it now",
                       "日志当前无法写入");
        return false;
    }
    publish_push(c, &fact);
    return true;
}

static struct case_slot *case_of(struct checkpointd *c, struct control *control,
                                 const struct control_call *call)
{
    json_int_t id = json_integer_value(json_object_get(call->args, "hit"));
    struct case_slot *slot = id > 0 ? cases_find(c, (uint64_t)id) : NULL;
    if (!slot) {
        control_refuse(control, call->ticket, "not_found",
                       "hit: no such hit on the board, expected a number that 'board' shows",
                       "没有该命中");
    }
    return slot;
}

void case_act_show(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct case_slot *slot = case_of(c, control, call);
    struct mono_time now = clock_mono(&clock_system);
    const char *officer = call->actor.officer;
    if (!slot) {
        return;
    }
    looks_ask(&c->looks, slot->now.facts.hit, cases_hit(c, slot));
    struct handling_case shown = slot->now;
    if (handling_show(&shown, officer, now)) {
        if (!cases_record_look(c, control, call, "hit_shown", slot)) {
            return;
        }
        slot->now = shown;
    }
    json_int_t left_ms = handling_view_left_ms(&slot->now, officer, &c->config.handling, now);
    control_answer(control, call->ticket,
                   json_pack("{s:o,s:I}", "hit", cases_hit_json(c, cases_hit(c, slot)),
                             "confirm_after_ms", left_ms));
}

/* ---- for the citizen ---- */

static const char *lane_name(const struct checkpointd *c, uint8_t lane)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        if (c->config.lanes[i].lane.lane.lane == lane) {
            return c->config.lanes[i].lane.name;
        }
    }
    return "";
}

/* What became of the stop so far: the outcome, or why the hit was rejected. */
static const char *outcome_of(const struct handling_case *now)
{
    return now->feedback.outcome[0] != '\0' ? now->feedback.outcome : now->reason;
}

/* Who stood before the citizen, not who prints: stopped the vehicle, else answered, else signed. */
static const char *officer_of(const struct handling_case *now)
{
    const bool answered_here = now->by.rank != HANDLING_HEADQUARTERS && now->by.officer[0] != '\0';
    return now->interceptor.officer[0] != '\0' ? now->interceptor.officer
           : answered_here                     ? now->by.officer
                                               : now->signer.officer;
}

/* Nothing of the entry but its category: the citizen need not be the one who is wanted. */
void case_act_stop_record(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct case_slot *slot = case_of(c, control, call);
    if (!slot) {
        return;
    }
    if (outcome_of(&slot->now)[0] == '\0' || slot->now.waits != HANDLING_WAITS_NOT) {
        control_refuse(control, call->ticket, "no_outcome",
                       handling_refusal_en(HANDLING_REFUSED_NO_OUTCOME),
                       handling_refusal_zh(HANDLING_REFUSED_NO_OUTCOME));
        return;
    }
    if (!cases_record_look(c, control, call, "stop_record", slot)) {
        return;
    }
    const json_t *hit = cases_hit(c, slot);
    const json_t *category = json_object_get(json_object_get(hit, "entry"), "category");
    char time[WALL_TEXT_SIZE];
    wall_format(slot->now.opened.wall, time);
    control_answer(control, call->ticket,
                   json_pack("{s:s,s:s,s:i,s:s,s:s*,s:s,s:s,s:s}", "checkpoint",
                             c->config.checkpoint, "time", time, "lane", (int)slot->now.facts.lane,
                             "lane_name", lane_name(c, slot->now.facts.lane), "reason",
                             json_string_value(category), "officer", officer_of(&slot->now),
                             "outcome", outcome_of(&slot->now), "complaint", c->config.complaint));
}

/* ---- code tables ---- */

void case_act_codes(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    json_t *tables = c->cases.codes ? codes_json(c->cases.codes) : json_object();
    control_answer(control, call->ticket, json_pack("{s:o}", "tables", tables));
}

static void take_codes(void *ctx, void *item)
{
    struct checkpointd *c = ctx;
    free(c->cases.codes);
    c->cases.codes = item;
}

void cases_load_codes(struct checkpointd *c)
{
    struct pipeline_event alarm = {.kind = PIPELINE_ALARM};
    struct err_text err = {{0}};
    struct codes *codes = calloc(1, sizeof(*codes));
    int result = codes ? codes_load(c->config.codes, codes, &err) : ERR_NO_MEMORY;
    if (result == 0 && line_server_post(control_server(c->control), take_codes, c, codes) == 0) {
        codes = NULL;
    } else if (result == 0) {
        result = err_set(&err, ERR_BUSY, "%s: not taken over, reload again", c->config.codes);
    }
    free(codes);
    alarm.u.alarm.event = EVENT_CODES_UNUSABLE;
    alarm.u.alarm.active = result != 0;
    (void)snprintf(alarm.u.alarm.detail, sizeof(alarm.u.alarm.detail), "%.*s", FACT_DETAIL_SIZE - 1,
                   err.text);
    if (atomic_exchange(&c->cases.codes_refused, result != 0) || result != 0) {
        lane_post(c, &alarm);
    }
}
