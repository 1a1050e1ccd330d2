/* Carrying out what a lane decided: orders to the bus, facts to record and events, replies. See
 * pipeline.h. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/pipeline/state.h"

/* ---- facts ---- */

struct fact *begin_fact(struct pipeline *p, enum fact_kind kind, uint8_t lane)
{
    struct fact *fact = &p->fact;
    memset(fact, 0, offsetof(struct fact, text));
    fact->text[0] = '\0';
    fact->kind = kind;
    fact->lane = lane;
    fact->wall = p->wall;
    fact->mono = p->now;
    fact->class = LANE_CLASS_PROTECTIVE;
    fact->to_journal = kind != FACT_STATUS;
    fact->to_events = true;
    return fact;
}

int send_fact(struct pipeline *p)
{
    int result = p->sinks.fact(p->sinks.ctx, &p->fact);
    if (result != 0)
        p->stats.facts_lost++;
    return result;
}

struct lane_slot *find_lane(struct pipeline *p, uint8_t lane)
{
    for (size_t i = 0; i < p->lane_count; i++)
        if (p->lanes[i].options.lane.lane == lane)
            return &p->lanes[i];
    return NULL;
}

static const struct pipeline_act *find_act(const struct pipeline *p, uint64_t act)
{
    for (int i = 0; act != 0 && i < ACTS_OPEN_MAX; i++)
        if (p->acts[i].act == act)
            return &p->acts[i].request;
    for (size_t i = 0; act != 0 && i < p->lane_count; i++)
        if (p->lanes[i].hand.act == act)
            return &p->lanes[i].hand.request;
    return NULL;
}

/* ---- carrying out a lane's actions ---- */

/* A full table cannot be: every step defers at most its orders and records. Then the lane's own
 * time-outs answer. */
static void defer(struct pipeline *p, const struct lane_slot *slot, const struct lane_event *event)
{
    if (p->deferred_count < DEFERRED_MAX)
        p->deferred[p->deferred_count++] = (struct deferred){slot->options.lane.lane, *event};
}

static void fail_order(struct pipeline *p, struct lane_slot *slot, const struct lane_order *order)
{
    struct lane_event event = {.kind = LANE_EVENT_OUTCOME};
    event.u.outcome = (struct lane_outcome){.order_id = order->id,
                                            .lane = order->lane,
                                            .output = order->output,
                                            .result = ORDER_FAILED,
                                            .at = p->now};
    defer(p, slot, &event);
}

bool is_boom(enum lane_output output)
{
    return output == OUTPUT_RAISE || output == OUTPUT_LOWER || output == OUTPUT_STOP;
}

/* A lower by hand is renewed several times a second: its first order is on record, its end, and
 * what of the others was not done. */
static bool is_renewal(struct lane_slot *slot, const struct lane_command *command)
{
    if (!command->order.hold_to_run)
        return false;
    if (slot->hand_told != command->act) {
        slot->hand_told = command->act;
        return false;
    }
    slot->renewal = command->order.id;
    return true;
}

static void record_order(struct pipeline *p, struct lane_slot *slot,
                         const struct lane_command *command)
{
    if (is_renewal(slot, command))
        return;
    struct fact *fact = begin_fact(p, FACT_ORDER, command->order.lane);
    const struct pipeline_act *act = find_act(p, command->act);
    fact->class = command->class;
    fact->u.order = *command;
    fact->to_journal = is_boom(command->order.output);
    if (act)
        fact->actor = act->actor;
    doing_ordered(slot, command, &fact->actor, p->wall);
    (void)send_fact(p); /* counted; nobody waits for it */
}

/* The hits of a hold, from the lane itself or from the latest vehicles. */
static void fill_held(struct lane_slot *slot, const struct lane_record *record, struct fact *fact)
{
    for (int i = 0; i < record->hit_count; i++) {
        const struct vehicle_hit *held = vehicles_find_hit(&slot->vehicles, record->hits[i]);
        struct fact_held *out = &fact->u.lane.held[fact->u.lane.held_count];
        *out = held ? (struct fact_held){held->hit, held->entry, held->priority}
                    : (struct fact_held){.hit = record->hits[i]};
        for (int h = 0; !held && h < slot->state.hold_count; h++)
            for (int k = 0; k < slot->state.holds[h].hit_count; k++)
                if (slot->state.holds[h].hits[k].hit == record->hits[i])
                    *out = (struct fact_held){record->hits[i], slot->state.holds[h].hits[k].entry,
                                              slot->state.holds[h].hits[k].priority};
        fact->u.lane.held_count++;
    }
}

static void answer_commit(struct pipeline *p, struct lane_slot *slot, uint64_t commit, bool done)
{
    struct lane_event event = {.kind = LANE_EVENT_COMMIT};
    event.u.commit.commit = commit;
    event.u.commit.done = done;
    defer(p, slot, &event);
}

void fill_evidence(struct fact *fact, const struct vehicle *vehicle)
{
    struct fact_evidence *out = &fact->evidence;
    for (int i = 0; i < PLATE_PLACES; i++)
        out->plates[i] = vehicle->plates[i].key;
    out->read_count = vehicle->read_count;
    out->reads_dropped = vehicle->reads_dropped;
    memcpy(out->reads, vehicle->reads, sizeof out->reads);
}

/* What the lane says of its vehicles ends what is remembered of them. */
static void tell_vehicles(struct lane_slot *slot, const struct lane_record *record,
                          struct fact *fact)
{
    const struct vehicle *vehicle = vehicles_find_id(&slot->vehicles, record->passage);
    if (record->kind == LANE_RECORD_HOLD_ENDED)
        vehicles_settled(&slot->vehicles, record->passage);
    if (record->kind != LANE_RECORD_LEFT)
        return;
    vehicles_left(&slot->vehicles, record->passage);
    if (vehicle)
        fill_evidence(fact, vehicle);
}

static void record_lane(struct pipeline *p, struct lane_slot *slot,
                        const struct lane_record *record)
{
    struct fact *fact = begin_fact(p, FACT_LANE, slot->options.lane.lane);
    const struct pipeline_act *act = find_act(p, record->act);
    fact->class = record->class;
    fact->commit = record->commit;
    fact->u.lane.record = *record;
    fill_held(slot, record, fact);
    tell_vehicles(slot, record, fact);
    if (act) {
        fact->actor = act->actor;
        fact->u.lane.record.act_kind = act->kind;
    }
    doing_recorded(slot, record, &fact->actor, p->wall);
    if (record->kind == LANE_RECORD_HOLD_ACTIVE)
        p->stats.holds++;
    if (record->kind == LANE_RECORD_RETRIGGER && p->sinks.retrigger)
        p->sinks.retrigger(p->sinks.ctx, slot->options.lane.lane);
    fact->urgent =
        record->kind == LANE_RECORD_HOLD_ACTIVE || record->kind == LANE_RECORD_HOLD_JOINED ||
        record->kind == LANE_RECORD_RUN_THROUGH || record->kind == LANE_RECORD_FOREIGN_MOTION ||
        record->kind == LANE_RECORD_CONVOY_HIT || record->kind == LANE_RECORD_FIRE_RAISE ||
        record->kind == LANE_RECORD_HOLD_ENDED;
    if (send_fact(p) != 0 && record->commit != 0)
        answer_commit(p, slot, record->commit, false);
}

static int say_again(struct pipeline *p, struct lane_slot *slot, const struct lane_record *record)
{
    struct fact *fact = begin_fact(p, FACT_LANE, slot->options.lane.lane);
    snprintf(fact->actor.program, sizeof(fact->actor.program), "checkpointd");
    snprintf(fact->actor.reason, sizeof(fact->actor.reason), "stands since before");
    fact->u.lane.record = *record;
    fill_held(slot, record, fact);
    return send_fact(p);
}

int say_standing(struct pipeline *p, struct lane_slot *slot)
{
    const struct lane_state *s = &slot->state;
    struct lane_status status;
    struct lane_record record = {.class = LANE_CLASS_PROTECTIVE, .boom = s->boom};
    int result = 0;
    lane_status_of(&slot->options.lane, s, &status);
    for (uint8_t i = 0; result == 0 && i < s->hold_count; i++) {
        const struct lane_hold *hold = &s->holds[i];
        struct lane_record kept = record;
        kept.kind = LANE_RECORD_HOLD_KEPT;
        kept.hold = hold->id;
        kept.passage = hold->passage;
        kept.priority = hold->priority;
        kept.by_officer = hold->by_officer;
        for (uint8_t k = 0; k < hold->hit_count; k++)
            kept.hits[kept.hit_count++] = hold->hits[k].hit;
        result = say_again(p, slot, &kept);
    }
    record.kind = LANE_RECORD_OUT_OF_SERVICE;
    if (result == 0 && status.out_of_service)
        result = say_again(p, slot, &record);
    record.kind = LANE_RECORD_EMERGENCY_STOP;
    if (result == 0 && status.stop_not_reset)
        result = say_again(p, slot, &record);
    return result;
}

/* What headquarters hears of ahead of the backlog: somebody needs help, or gets away, or is about
 * to lose the lane. That of a lane's record (foreign motion, …) goes with the record. */
static bool is_urgent_alarm(enum log_event_id event)
{
    return event == EVENT_LANE_PANIC || event == EVENT_LANE_CABINET_DOOR ||
           event == EVENT_LANE_MAINS_LOST || event == EVENT_LANE_HELD_VEHICLE_GONE;
}

void raise_alarm(struct pipeline *p, uint8_t lane, enum log_event_id event, bool active,
                 uint64_t passage, const char *detail)
{
    struct fact *fact = begin_fact(p, FACT_ALARM, lane);
    fact->u.alarm.event = event;
    fact->u.alarm.active = active;
    fact->u.alarm.passage = passage;
    fact->urgent = active && is_urgent_alarm(event);
    if (detail)
        memcpy(fact->u.alarm.detail, detail, strnlen(detail, FACT_DETAIL_SIZE - 1));
    (void)send_fact(p); /* counted; nobody waits for it */
}

static void reply_act(struct pipeline *p, const struct lane_reply *reply)
{
    for (int i = 0; i < ACTS_OPEN_MAX; i++) {
        struct open_act *open = &p->acts[i];
        if (open->act != reply->act)
            continue;
        p->sinks.reply(p->sinks.ctx, &open->request, reply->kind, reply->refusal);
        if (reply->kind != LANE_REPLY_PENDING)
            open->act = 0;
        return;
    }
}

static void tell_status(struct pipeline *p, struct lane_slot *slot)
{
    struct fact *fact = begin_fact(p, FACT_STATUS, slot->options.lane.lane);
    lane_status_of(&slot->options.lane, &slot->state, &fact->u.status);
    fact->u.doing = slot->doing;
    slot->doing_changed = false;
    (void)send_fact(p); /* counted; nobody waits for it */
}

/* What the pipeline knows of the vehicle at the boom. */
static struct sign_vehicle first_of(struct lane_slot *slot, const struct lane_status *status)
{
    struct sign_vehicle first = {.let_through = false};
    const struct vehicle *v = status->at_boom > 0 && status->vehicles[0] != 0
                                  ? vehicles_find_id(&slot->vehicles, status->vehicles[0])
                                  : NULL;
    if (v) {
        plate_key front = v->plates[PLATE_FRONT].key;
        first.let_through = v->decision.raise || v->exempt.entry != 0;
        first.plate = front != 0 ? front : v->plates[PLATE_REAR].key;
    }
    return first;
}

static void show_sign(struct pipeline *p, struct lane_slot *slot)
{
    struct sign before = slot->sign;
    struct lane_status status;
    lane_status_of(&slot->options.lane, &slot->state, &status);
    struct sign_vehicle first = first_of(slot, &status);
    sign_decide(&slot->options.lane, &status, &first, &slot->sign);
    bool same = slot->sign.message == before.message && slot->sign.plate == before.plate;
    if (!same && p->sinks.show)
        p->sinks.show(p->sinks.ctx, slot->options.lane.lane, slot->sign.message, slot->sign.plate);
}

void step(struct pipeline *p, struct lane_slot *slot, const struct lane_event *event)
{
    struct lane_actions *actions = &p->actions;
    bool refused[LANE_ORDERS_MAX] = {false};
    lane_step(&slot->options.lane, &slot->state, event, p->now, actions);
    for (uint32_t i = 0; i < actions->order_count; i++)
        refused[i] = p->sinks.order(p->sinks.ctx, &actions->orders[i].order) != 0;
    for (uint32_t i = 0; i < actions->order_count; i++) {
        record_order(p, slot, &actions->orders[i]);
        if (refused[i])
            fail_order(p, slot, &actions->orders[i].order);
    }
    for (uint32_t i = 0; i < actions->alarm_count; i++)
        doing_alarmed(slot, &actions->alarms[i], p->wall);
    for (uint32_t i = 0; i < actions->alarm_count; i++)
        raise_alarm(p, slot->options.lane.lane, actions->alarms[i].event, actions->alarms[i].active,
                    actions->alarms[i].passage, NULL);
    for (uint32_t i = 0; i < actions->record_count; i++)
        record_lane(p, slot, &actions->records[i]);
    for (uint32_t i = 0; i < actions->reply_count; i++)
        reply_act(p, &actions->replies[i]);
    if (actions->status_changed || slot->doing_changed)
        tell_status(p, slot);
    if (actions->status_changed || event->kind == LANE_EVENT_PASSAGE)
        show_sign(p, slot);
}

void step_all(struct pipeline *p, const struct lane_event *event)
{
    for (size_t i = 0; i < p->lane_count; i++)
        step(p, &p->lanes[i], event);
}

void step_deferred(struct pipeline *p)
{
    /* New answers may be added while we go; more than the table holds wait for the next event. */
    for (size_t i = 0; i < p->deferred_count; i++) {
        struct deferred deferred = p->deferred[i];
        step(p, find_lane(p, deferred.lane), &deferred.event);
    }
    p->deferred_count = 0;
}
