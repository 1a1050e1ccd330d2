/* See pipeline.h. */
#include "gateway/pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/pipeline/state.h"

/* ---- matchd ---- */

/* A list that was set back lacks what came after it: that is not withdrawn. What is gone from the
 * next one is said again. */
static void take_withdrawn(struct pipeline *p, const struct match_message *m)
{
    if (p->rolled_back || p->other_list)
        return;
    for (uint32_t i = 0; i < m->u.withdrawn.count; i++) {
        struct lane_event event = {.kind = LANE_EVENT_WITHDRAWAL,
                                   .u.withdrawn_entry = m->u.withdrawn.entries[i]};
        step_all(p, &event);
        for (size_t k = 0; k < p->lane_count; k++)
            vehicles_withdrawn(&p->lanes[k].vehicles, m->u.withdrawn.entries[i]);
        if (p->sinks.withdrawn)
            p->sinks.withdrawn(p->sinks.ctx, m->u.withdrawn.entries[i]);
    }
}

/* Lanes without a camera in matchd.yaml are named once a connection. */
static void take_hello(struct pipeline *p, const struct match_message *m)
{
    for (size_t i = 0; i < p->lane_count; i++) {
        bool has_camera = p->lanes[i].options.own_camera;
        for (int k = 0; k < m->u.hello.lane_count && k < LANE_ID_MAX; k++)
            has_camera |= m->u.hello.lanes[k] == p->lanes[i].options.lane.lane;
        if (!has_camera)
            raise_alarm(p, p->lanes[i].options.lane.lane, EVENT_LANE_WITHOUT_CAMERA, true, 0,
                        "no camera of this lane in matchd.yaml");
    }
    for (int k = 0; k < m->u.hello.lane_count && k < LANE_ID_MAX; k++)
        if (!find_lane(p, m->u.hello.lanes[k]))
            raise_alarm(p, m->u.hello.lanes[k], EVENT_CAMERA_WITHOUT_LANE, true, 0,
                        "a camera of matchd.yaml names a lane checkpointd.yaml does not have");
}

static void take_matchd_alarm(struct pipeline *p, const struct match_message *m)
{
    struct matchd_alarm *place = NULL;
    for (int i = 0; i < MATCHD_ALARMS_MAX; i++) {
        struct matchd_alarm *alarm = &p->matchd_alarms[i];
        if (alarm->event == m->u.alarm.event) {
            place = alarm;
            break;
        }
        if (!place && alarm->event == 0)
            place = alarm;
    }
    if (place)
        *place = (struct matchd_alarm){.event = m->u.alarm.active ? m->u.alarm.event : 0};
    raise_alarm(p, 0, (enum log_event_id)m->u.alarm.event, m->u.alarm.active, 0, m->u.alarm.detail);
}

/* A matchd that was started anew does not know what an earlier one complained of: what it does not
 * name right behind its hello has ended. */
static void settle_matchd_alarms(struct pipeline *p, enum match_message_type type)
{
    for (int i = 0; i < MATCHD_ALARMS_MAX && type != MATCH_ALARM; i++) {
        struct matchd_alarm *alarm = &p->matchd_alarms[i];
        if (type == MATCH_HELLO) {
            alarm->unconfirmed = alarm->event != 0;
        } else if (alarm->unconfirmed) {
            raise_alarm(p, 0, (enum log_event_id)alarm->event, false, 0, "");
            *alarm = (struct matchd_alarm){0};
        }
    }
}

static void record_refused(struct pipeline *p, uint8_t lane, const struct fact_refused *refused)
{
    struct fact *fact = begin_fact(p, FACT_REFUSED, lane);
    fact->class = LANE_CLASS_ROUTINE;
    fact->u.refused = *refused;
    (void)send_fact(p); /* counted; nobody waits for it */
}

static void take_refused(struct pipeline *p, const struct match_message *m)
{
    struct fact_refused refused = {.camera = m->u.refused.camera, .count = m->u.refused.count};
    snprintf(refused.cause, sizeof refused.cause, "%s", m->u.refused.cause);
    snprintf(refused.source, sizeof refused.source, "%s", m->u.refused.source);
    hex_encode(m->u.refused.bytes, m->u.refused.size, refused.first);
    record_refused(p, m->u.refused.lane, &refused);
}

static void take_packet(struct pipeline *p, const struct match_packet *packet)
{
    const struct match_message *m = &packet->message;
    struct lane_event alive = {.kind = LANE_EVENT_MATCH_ALIVE};
    step_all(p, &alive);
    take_list(p, &m->list);
    settle_matchd_alarms(p, m->type);
    switch (m->type) {
    case MATCH_HELLO:
        take_hello(p, m);
        break;
    case MATCH_READ:
        take_read(p, packet);
        break;
    case MATCH_WITHDRAWN:
        take_withdrawn(p, m);
        break;
    case MATCH_SEARCHED:
        p->sinks.searched(p->sinks.ctx, m->u.read.read.event_id, packet);
        break;
    case MATCH_SELF_TEST:
        self_test_take(p, packet);
        break;
    case MATCH_ALARM:
        take_matchd_alarm(p, m);
        break;
    case MATCH_REFUSED:
        take_refused(p, m);
        break;
    case MATCH_POLICY:
        take_policy(p, &m->u.policy);
        break;
    case MATCH_LIST:
    case MATCH_ALIVE:
    case MATCH_STATS:
    case MATCH_OBSERVED: /* never gets here: the link keeps it from the lanes */
        break;
    }
}

static void take_link(struct pipeline *p, bool connected, const char *reason)
{
    p->link_up = connected;
    memset(&p->watch, 0, sizeof p->watch);
    raise_alarm(p, 0, EVENT_MATCHD_LOST, !connected, 0, reason);
    if (connected) {
        self_test_changed(p);
        return;
    }
    struct lane_event lost = {.kind = LANE_EVENT_MATCH_LOST};
    step_all(p, &lost);
}

_Static_assert(PIPELINE_LANES_MAX *(LANE_HOLDS_MAX + LANE_QUEUE_MAX) * LANE_HITS_MAX +
                       PIPELINE_WATCH_MAX <=
                   MATCH_WATCH_MAX,
               "every open hit is watched");

static bool same_watch(const struct match_query *a, const struct match_query *b)
{
    return a->version == b->version && a->u.watch.count == b->u.watch.count &&
           memcmp(a->u.watch.entries, b->u.watch.entries,
                  a->u.watch.count * sizeof a->u.watch.entries[0]) == 0;
}

static void watch_entry(struct match_query *watch, uint64_t entry)
{
    if (!lookout_is(entry) && watch->u.watch.count < MATCH_WATCH_MAX) /* of no list: never gone */
        watch->u.watch.entries[watch->u.watch.count++] = entry;
}

static void watch_hits(struct match_query *watch, const struct lane_hit *hits, int count)
{
    for (int i = 0; i < count; i++)
        watch_entry(watch, hits[i].entry);
}

static void take_watch(struct pipeline *p, struct pipeline_watch *watch)
{
    p->dealt_with = *watch;
    free(watch);
}

/* Tells matchd which entries have an open hit, when that has changed. */
static void update_watch(struct pipeline *p)
{
    struct match_query *watch = &p->watch_next;
    watch->version = MATCH_MESSAGE_VERSION;
    watch->type = QUERY_WATCH;
    watch->u.watch.count = 0;
    for (size_t l = 0; l < p->lane_count; l++) {
        const struct lane_state *state = &p->lanes[l].state;
        for (int h = 0; h < state->hold_count; h++)
            watch_hits(watch, state->holds[h].hits, state->holds[h].hit_count);
        for (int v = 0; v < state->count; v++)
            watch_hits(watch, state->queue[v].hits, state->queue[v].hit_count);
    }
    for (uint32_t i = 0; i < p->dealt_with.count; i++)
        watch_entry(watch, p->dealt_with.entries[i]);
    if (p->link_up && !same_watch(watch, &p->watch) && p->sinks.query(p->sinks.ctx, watch) == 0)
        p->watch = *watch;
}

/* ---- acts ---- */

static void refuse_act(struct pipeline *p, const struct pipeline_act *act,
                       enum lane_refusal refusal)
{
    p->sinks.reply(p->sinks.ctx, act, LANE_REPLY_REFUSED, refusal);
}

static uint64_t passage_meant(const struct lane_slot *slot, const struct pipeline_act *act)
{
    struct lane_status status;
    lane_status_of(&slot->options.lane, &slot->state, &status);
    return !act->at_boom ? act->passage : status.at_boom > 0 ? status.vehicles[0] : 0;
}

/* Where a vehicle of that plate stands at the boom; NULL. */
static struct lane_slot *lane_of_plate(struct pipeline *p, plate_key plate)
{
    for (size_t i = 0; i < p->lane_count; i++) {
        struct lane_slot *slot = &p->lanes[i];
        struct lane_status status;
        lane_status_of(&slot->options.lane, &slot->state, &status);
        const struct vehicle *v = status.at_boom > 0 && status.vehicles[0] != 0
                                      ? vehicles_find_id(&slot->vehicles, status.vehicles[0])
                                      : NULL;
        for (int k = 0; v && k < PLATE_PLACES; k++)
            if (v->plates[k].key == plate)
                return slot;
    }
    return NULL;
}

static void take_act(struct pipeline *p, const struct pipeline_act *asked)
{
    struct pipeline_act with_lane = *asked;
    const struct pipeline_act *act = &with_lane;
    bool by_plate = asked->lane == 0 && asked->plate != 0;
    struct lane_slot *slot = by_plate ? lane_of_plate(p, asked->plate) : find_lane(p, asked->lane);
    struct open_act *open = NULL;
    for (int i = 0; i < ACTS_OPEN_MAX && !open; i++)
        if (p->acts[i].act == 0)
            open = &p->acts[i];
    if (!slot || !open) {
        refuse_act(p, act,
                   slot       ? LANE_REFUSAL_BUSY
                   : by_plate ? LANE_REFUSAL_NOT_AT_BOOM
                              : LANE_REFUSAL_NO_BOOM);
        return;
    }
    with_lane.lane = slot->options.lane.lane;
    *open = (struct open_act){++p->last_id, *act};
    if (act->kind == LANE_ACT_LOWER)
        slot->hand = *open;
    struct lane_event event = {.kind = LANE_EVENT_ACT};
    event.u.act = (struct lane_act_event){.act = open->act,
                                          .kind = act->kind,
                                          .hold = act->hold,
                                          .passage = passage_meant(slot, act),
                                          .for_ms = act->for_ms,
                                          .press = act->press,
                                          .named = act->actor.officer[0] != '\0' &&
                                                   act->actor.reason[0] != '\0',
                                          .second_person = act->actor.second[0] != '\0',
                                          .leader = act->leader,
                                          .joins = act->joins,
                                          .hit_count = act->hit_count};
    memcpy(event.u.act.hits, act->hits, sizeof event.u.act.hits);
    step(p, slot, &event);
}

static void take_search(struct pipeline *p, uint64_t number, plate_key key, plate_class class)
{
    struct match_query query = {.version = MATCH_MESSAGE_VERSION, .type = QUERY_SEARCH};
    query.u.search.number = number;
    query.u.search.key = key;
    query.u.search.class = class;
    if (!p->link_up || p->sinks.query(p->sinks.ctx, &query) != 0)
        p->sinks.searched(p->sinks.ctx, number, NULL);
}

/* ---- look-outs ---- */

static void take_lookout(struct pipeline *p, struct lookout *lookout)
{
    bool taken = lookouts_take(&p->lookouts, lookout);
    (void)taken; /* whoever sends them keeps their number; one that is over is forgotten already */
    if (lookout->until.ms == 0 && p->sinks.withdrawn) /* by its leader */
        p->sinks.withdrawn(p->sinks.ctx, LOOKOUT_ENTRY_BASE + lookout->id);
    free(lookout);
}

/* By trusted time alone. */
static void end_lookouts(struct pipeline *p)
{
    const struct lookout *over;
    while (p->clock.trusted && (over = lookouts_over(&p->lookouts, p->wall)) != NULL) {
        struct fact *fact = begin_fact(p, FACT_LOOKOUT, 0);
        struct lookout ended = *over;
        fact->urgent = true;
        fact->u.lookout.lookout = ended;
        fact->u.lookout.state = FACT_LOOKOUT_ENDED;
        (void)send_fact(p); /* counted; its end is known from its begin, too */
        ended.until.ms = 0;
        bool taken = lookouts_take(&p->lookouts, &ended);
        (void)taken; /* it is there */
    }
}

/* ---- events ---- */

static void take_outcome(struct pipeline *p, const struct lane_outcome *outcome)
{
    struct lane_slot *slot = find_lane(p, outcome->lane);
    if (!slot)
        return;
    struct lane_event event = {.kind = LANE_EVENT_OUTCOME, .u.outcome = *outcome};
    step(p, slot, &event);
    if (outcome->order_id == slot->renewal && outcome->result == ORDER_DONE)
        return;
    struct fact *fact = begin_fact(p, FACT_OUTCOME, outcome->lane);
    fact->u.outcome = *outcome;
    fact->to_journal = is_boom(outcome->output) || outcome->result != ORDER_DONE;
    (void)send_fact(p);
}

static void take_clock(struct pipeline *p, const struct fact_clock *clock)
{
    bool changed =
        clock->trusted != p->clock.trusted || strcmp(clock->source, p->clock.source) != 0;
    p->clock = *clock;
    if (changed) {
        struct fact *fact = begin_fact(p, FACT_CLOCK, 0);
        fact->u.clock = *clock;
        (void)send_fact(p);
    }
    update_usable(p);
    exempt_look(p);
}

static void take_lane_event(struct pipeline *p, uint8_t lane, const struct lane_event *event)
{
    struct lane_slot *slot = find_lane(p, lane);
    if (slot)
        step(p, slot, event);
}

static void take_scan(struct pipeline *p, const struct lane_event *scan)
{
    struct lane_slot *slot = find_lane(p, scan->u.scan.lane);
    struct lane_status status;
    if (!slot)
        return;
    step(p, slot, scan);
    follow_vehicles(p, slot, &status);
    count_leaving(p, slot);
}

void pipeline_handle(struct pipeline *p, const struct pipeline_event *event, struct mono_time now,
                     struct wall_time wall)
{
    struct lane_event lane = {0};
    p->now = now;
    p->wall = wall;
    switch (event->kind) {
    case PIPELINE_SCAN:
        lane = (struct lane_event){.kind = LANE_EVENT_SCAN, .u.scan = event->u.scan};
        take_scan(p, &lane);
        break;
    case PIPELINE_OUTCOME:
        take_outcome(p, &event->u.outcome);
        break;
    case PIPELINE_PACKET:
        take_packet(p, event->u.packet);
        p->sinks.release(p->sinks.ctx, event->u.packet);
        break;
    case PIPELINE_LINK:
        take_link(p, event->u.link.connected, event->u.link.reason);
        break;
    case PIPELINE_ACT:
        take_act(p, &event->u.act);
        break;
    case PIPELINE_BEAT:
        lane = (struct lane_event){.kind = LANE_EVENT_BEAT, .u.beat = event->u.beat.beat};
        take_lane_event(p, event->u.beat.lane, &lane);
        break;
    case PIPELINE_COMMIT:
        lane = (struct lane_event){.kind = LANE_EVENT_COMMIT};
        lane.u.commit.commit = event->u.commit.commit;
        lane.u.commit.done = event->u.commit.done;
        if (event->u.commit.lane == 0)
            self_test_committed(p, event->u.commit.commit, event->u.commit.done,
                                event->u.commit.sequence);
        take_lane_event(p, event->u.commit.lane, &lane);
        break;
    case PIPELINE_CONFIRMED:
        self_test_confirmed(p, event->u.confirmed);
        break;
    case PIPELINE_JOURNAL:
        lane = (struct lane_event){.kind = LANE_EVENT_JOURNAL,
                                   .u.journal_commits = event->u.journal_commits};
        step_all(p, &lane);
        break;
    case PIPELINE_CLOCK:
        take_clock(p, &event->u.clock);
        break;
    case PIPELINE_RULES:
        p->sinks.retire(p->sinks.ctx, p->rules);
        p->rules = event->u.rules;
        break;
    case PIPELINE_EXEMPT:
        take_exempt(p, event->u.exempt);
        break;
    case PIPELINE_VERDICT:
        verdicts_take(&p->verdicts, &event->u.verdict);
        break;
    case PIPELINE_GUIDED_TEST:
        lane = (struct lane_event){.kind = LANE_EVENT_GUIDED_TEST,
                                   .u.guided_test_valid_ms = event->u.guided_test.valid_ms};
        take_lane_event(p, event->u.guided_test.lane, &lane);
        break;
    case PIPELINE_LOOKOUT:
        take_lookout(p, event->u.lookout);
        break;
    case PIPELINE_WATCH:
        take_watch(p, event->u.watch);
        break;
    case PIPELINE_SEARCH:
        take_search(p, event->u.search.number, event->u.search.key, event->u.search.class);
        break;
    case PIPELINE_ALARM:
        raise_alarm(p, event->u.alarm.lane, event->u.alarm.event, event->u.alarm.active, 0,
                    event->u.alarm.detail);
        break;
    case PIPELINE_REFUSED:
        record_refused(p, event->u.refused.lane, &event->u.refused.refused);
        break;
    }
    step_deferred(p);
    update_watch(p);
}

void pipeline_tick(struct pipeline *p, struct mono_time now, struct wall_time wall)
{
    struct lane_event tick = {.kind = LANE_EVENT_TICK};
    p->now = now;
    p->wall = wall;
    update_usable(p);
    if (!mono_before(now, p->exempt_due))
        exempt_look(p);
    self_test_look(p);
    end_lookouts(p);
    for (size_t i = 0; i < p->lane_count; i++) {
        struct lane_slot *slot = &p->lanes[i];
        if (slot->minute_ends.ns != 0 && !mono_before(now, slot->minute_ends))
            flush_suppressed(p, slot);
        if (slot->hour_ends.ns != 0 && !mono_before(now, slot->hour_ends))
            end_capture_hour(p, slot);
        if (!mono_before(now, lane_next_deadline(&slot->state)))
            step(p, slot, &tick);
    }
    step_deferred(p);
    update_watch(p);
}

struct mono_time pipeline_next_deadline(const struct pipeline *p)
{
    struct mono_time next = p->exempt_due;
    if (mono_before(self_test_deadline(p), next))
        next = self_test_deadline(p);
    for (size_t i = 0; i < p->lane_count; i++) {
        struct mono_time lane = lane_next_deadline(&p->lanes[i].state);
        if (mono_before(lane, next))
            next = lane;
        if (p->lanes[i].minute_ends.ns != 0 && mono_before(p->lanes[i].minute_ends, next))
            next = p->lanes[i].minute_ends;
        if (p->lanes[i].hour_ends.ns != 0 && mono_before(p->lanes[i].hour_ends, next))
            next = p->lanes[i].hour_ends;
    }
    return next;
}

/* ---- life ---- */

int pipeline_create(const struct pipeline_options *options, struct rule_set *rules,
                    const struct pipeline_sinks *sinks, struct mono_time now, struct pipeline **out,
                    struct err_text *err)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, ERR_NO_MEMORY, "pipeline: no memory");
    p->sinks = *sinks;
    p->last_id = options->ids_after;
    p->list_high = options->list_high;
    p->policy_high = options->policy_high;
    p->exempt_high = options->exempt_high;
    p->exempt_due.ns = INT64_MAX;
    p->self_test.options = options->self_test;
    p->self_test.due = now;
    for (size_t i = 0; i < options->lane_count; i++) {
        const struct pipeline_lane *lane = &options->lanes[i];
        if (find_lane(p, lane->lane.lane)) {
            free(p);
            return err_set(err, ERR_INVALID, "lane %u twice", lane->lane.lane);
        }
        p->lanes[i].options = *lane;
        doing_init(&p->lanes[i].doing);
        vehicles_init(&p->lanes[i].vehicles);
        p->lanes[i].options.vehicles.wired = lane->lane.wired;
        p->lanes[i].options.vehicles.clear_ms = lane->lane.exit_gap_ms;
        p->lanes[i].options.vehicles.near = lane->lane.camera_to_boom_m <= LANE_DIRECT_MAX_M;
        lane_init(&lane->lane, &p->lanes[i].state, options->ids_after, now);
        p->lane_count++;
    }
    p->rules = rules;
    *out = p;
    return 0;
}

void pipeline_destroy(struct pipeline *p)
{
    if (!p)
        return;
    rules_destroy(p->rules);
    exempt_free(p);
    free(p);
}

static int restore(struct pipeline *p, uint8_t lane, const struct lane_event *event,
                   struct mono_time now, struct wall_time wall)
{
    struct lane_slot *slot = find_lane(p, lane);
    if (!slot)
        return ERR_NOT_FOUND;
    p->now = now;
    p->wall = wall;
    step(p, slot, event);
    step_deferred(p);
    return 0;
}

int pipeline_restore(struct pipeline *p, uint8_t lane, const struct lane_restore_event *hold,
                     struct mono_time now, struct wall_time wall)
{
    struct lane_event event = {.kind = LANE_EVENT_RESTORE, .u.restore = *hold};
    return restore(p, lane, &event, now, wall);
}

int pipeline_restore_service(struct pipeline *p, uint8_t lane,
                             const struct lane_restore_service_event *service, struct mono_time now,
                             struct wall_time wall)
{
    struct lane_event event = {.kind = LANE_EVENT_RESTORE_SERVICE, .u.restore_service = *service};
    return restore(p, lane, &event, now, wall);
}

int pipeline_say_standing(struct pipeline *p, struct mono_time now, struct wall_time wall)
{
    int result = 0;
    p->now = now;
    p->wall = wall;
    for (size_t i = 0; result == 0 && i < p->lane_count; i++)
        result = say_standing(p, &p->lanes[i]);
    return result;
}

void pipeline_stats_read(const struct pipeline *p, struct pipeline_stats *out)
{
    *out = p->stats;
}

void pipeline_list(const struct pipeline *p, struct list_status *out)
{
    *out = p->list;
}
