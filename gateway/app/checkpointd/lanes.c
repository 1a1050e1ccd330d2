/*
 * The lanes of checkpointd: the pipeline, what it is given by bus and link threads, where its
 * orders and facts go. The lane thread owns the pipeline once it runs.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

enum { TICK_MAX_MS = 100, CLOCK_MS = 1000 };

/* ---- sinks of the pipeline (lane thread) ---- */

static int sink_order(void *ctx, const struct lane_order *order)
{
    const struct checkpointd *c = ctx;
    struct bus *bus = c->devices.bus_of_lane[order->lane];
    return bus ? bus_submit(bus, order) : ERR_NOT_FOUND;
}

static int sink_fact(void *ctx, const struct fact *fact)
{
    struct checkpointd *c = ctx;
    int result = fact->to_journal ? recorder_push(c, fact) : 0;
    if (fact->kind == FACT_LOOKOUT) {
        log_event(EVENT_LOOKOUT_ENDED, "id=%llu detail=\"by time\"",
                  (unsigned long long)fact->u.lookout.lookout.id);
        lookouts_ended(c, fact->u.lookout.lookout.id);
    }
    if (fact->kind == FACT_LANE) {
        press_over(c, fact->lane, &fact->u.lane.record);
    }
    if (fact->kind == FACT_STATUS) {
        tools_see_status(c, fact->lane, fact->u.status.out_of_service);
    }
    if (fact->to_events) {
        publish_push(c, fact);
    }
    duty_see_hit(c, fact);
    return result;
}

static int sink_query(void *ctx, const struct match_query *query)
{
    struct checkpointd *c = ctx;
    return match_link_send(c->link, query);
}

static void sink_release(void *ctx, struct match_packet *packet)
{
    struct checkpointd *c = ctx;
    match_link_release(c->link, packet);
}

static void sink_retire(void *ctx, struct rule_set *rules)
{
    (void)ctx;
    rules_destroy(rules);
}

/* xorshift64*; seeded by the kernel: who is picked for inspection must not be foreseeable from
 * outside, more it need not be. */
static uint16_t sink_draw(void *ctx)
{
    struct checkpointd *c = ctx;
    c->draw_state ^= c->draw_state >> 12;
    c->draw_state ^= c->draw_state << 25;
    c->draw_state ^= c->draw_state >> 27;
    return (uint16_t)((c->draw_state * 0x2545F4914F6CDD1Du >> 33) % RULES_DRAW_END);
}

static void sink_show(void *ctx, uint8_t lane, enum display_message message, plate_key plate)
{
    struct display_show show = {.message = message};
    bool written = plate == 0 || plate_decode(plate, show.plate) == 0;
    if (!written) {
        show.message = DISPLAY_WELCOME;
    }
    int result = displays_show(ctx, lane, &show);
    (void)result; /* most lanes have no sign; a lost one is its driver's alarm */
}

static void sink_retrigger(void *ctx, uint8_t lane)
{
    size_t asked = cameras_trigger_lane(ctx, lane);
    (void)
        asked; /* none can be asked: then the lane asks an officer, as it does without an answer */
}

static void sink_local_time(void *ctx, struct wall_time wall, uint16_t *out_minute,
                            uint8_t *out_weekday)
{
    time_t seconds = (time_t)(wall.ms / 1000);
    struct tm local = {.tm_hour = 0};
    (void)ctx;
    (void)localtime_r(&seconds, &local); /* fails only beyond year 2^31: midnight then */
    *out_minute = (uint16_t)(local.tm_hour * 60 + local.tm_min);
    *out_weekday = (uint8_t)(local.tm_wday == 0 ? 7 : local.tm_wday);
}

/* ---- sinks of bus and link threads ---- */

static void bus_scan(void *ctx, const struct lane_scan *scan)
{
    struct checkpointd *c = ctx;
    struct pipeline_event event = {.kind = PIPELINE_SCAN, .u.scan = *scan};
    watch_see_scan(c, scan);
    bool room = queue_length(c->events) < LANE_SCANS_MAX;
    if (!room || queue_push(c->events, &event) != 0) { /* the next scan says it again */
        atomic_fetch_add_explicit(&c->scans_dropped, 1, memory_order_relaxed);
    }
}

/* One that is lost counts as failed once its order's time is over (lane.h, TIMER_ORDER). */
static void bus_outcome(void *ctx, const struct lane_outcome *outcome)
{
    struct checkpointd *c = ctx;
    const struct pipeline_event event = {.kind = PIPELINE_OUTCOME, .u.outcome = *outcome};
    if (!lane_try_post(c, &event)) {
        atomic_fetch_add_explicit(&c->outcomes_dropped, 1, memory_order_relaxed);
    }
}

static void bus_contact(void *ctx, uint8_t lane, bool contact, const char *reason)
{
    struct checkpointd *c = ctx;
    (void)contact; /* the scans say that; regained, the reason is "" */
    pthread_mutex_lock(&c->reasons.lock);
    snprintf(c->reasons.text[lane], sizeof(c->reasons.text[lane]), "%s", reason);
    pthread_mutex_unlock(&c->reasons.lock);
}

static void bus_lamps(void *ctx, uint8_t lane, const char *reason)
{
    struct checkpointd *c = ctx;
    pthread_mutex_lock(&c->reasons.lock);
    snprintf(c->reasons.lamps[lane], sizeof(c->reasons.lamps[lane]), "%s", reason);
    pthread_mutex_unlock(&c->reasons.lock);
}

void lanes_add_reason(struct checkpointd *c, struct fact *fact)
{
    bool lamps = fact->u.alarm.event == EVENT_LANE_LIGHT_FAULT;
    if (fact->kind != FACT_ALARM || (fact->u.alarm.event != EVENT_LANE_CONTACT_LOST && !lamps) ||
        !fact->u.alarm.active || fact->u.alarm.detail[0] != '\0') {
        return;
    }
    pthread_mutex_lock(&c->reasons.lock);
    memcpy(fact->u.alarm.detail, lamps ? c->reasons.lamps[fact->lane] : c->reasons.text[fact->lane],
           sizeof(fact->u.alarm.detail));
    pthread_mutex_unlock(&c->reasons.lock);
}

static void link_packet(void *ctx, struct match_packet *packet)
{
    struct checkpointd *c = ctx;
    if (packet->message.type == MATCH_OBSERVED) { /* never to the lanes */
        observe_take(c->observe, &packet->message);
        match_link_release(c->link, packet);
        return;
    }
    if (packet->message.type == MATCH_READ) {
        observe_read_came(c->observe);
    }
    if (packet->message.type == MATCH_HELLO) {
        board_forget_counters(ctx);
    } else if (packet->message.type == MATCH_STATS) {
        board_take_counters(ctx, &packet->message);
    }
    lane_post(ctx, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = packet});
}

static void link_state(void *ctx, bool connected, const char *reason)
{
    struct checkpointd *c = ctx;
    struct pipeline_event event = {.kind = PIPELINE_LINK};
    event.u.link.connected = connected;
    atomic_store_explicit(&c->matchd_connected, connected, memory_order_relaxed);
    snprintf(event.u.link.reason, sizeof(event.u.link.reason), "%s", reason ? reason : "");
    lane_post(ctx, &event);
}

struct bus_sinks lanes_bus_sinks(struct checkpointd *c)
{
    return (struct bus_sinks){.ctx = c,
                              .scan = bus_scan,
                              .outcome = bus_outcome,
                              .contact = bus_contact,
                              .lamps = bus_lamps,
                              .cause = buses_take_cause,
                              .refused = buses_take_refused};
}

struct match_link_sink lanes_link_sink(struct checkpointd *c)
{
    return (struct match_link_sink){.ctx = c, .packet = link_packet, .state = link_state};
}

void lane_post(struct checkpointd *c, const struct pipeline_event *event)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    while (queue_push(c->events, event) == ERR_FULL) {
        nanosleep(&pause, NULL); /* the lanes are behind: back-pressure, nothing is lost */
    }
}

bool lane_try_post(struct checkpointd *c, const struct pipeline_event *event)
{
    return queue_push(c->events, event) != ERR_FULL;
}

/* ---- lane thread ---- */

/* By the clock of now: a corrected or distrusted clock counts at once. */
static void look_at_guided(struct checkpointd *c, struct mono_time now,
                           const struct trusted_reading *time)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        const struct lane_config *lane = &c->config.lanes[i].lane.lane;
        struct pipeline_event event = {.kind = PIPELINE_GUIDED_TEST};
        if (!lane->lower_automatically) {
            continue;
        }
        event.u.guided_test.lane = lane->lane;
        event.u.guided_test.valid_ms = guided_valid_ms(c, lane->lane, time->wall, time->trusted);
        pipeline_handle(c->pipeline, &event, now, time->wall);
    }
}

/* While the disk does not come back nobody else can say that nothing is committed. */
static void look_at_journal(struct checkpointd *c, struct mono_time now, struct wall_time wall,
                            bool *told)
{
    bool hangs = recorder_hangs(c, now);
    if (hangs == *told) {
        return;
    }
    *told = hangs;
    struct pipeline_event event = {.kind = PIPELINE_JOURNAL};
    event.u.journal_commits =
        !hangs && atomic_load_explicit(&c->recorder.healthy, memory_order_relaxed);
    pipeline_handle(c->pipeline, &event, now, wall);
}

/* What a start restores is put on record anew at each start and within half of its term, for its
 * record goes with its term however long it stands. By trusted time, as the
 * deleting is. When terms become shorter standing_said is taken back, and it is said at once. */
static void say_standing(struct checkpointd *c, struct mono_time now,
                         const struct trusted_reading *time)
{
    const int64_t *terms = c->config.retention.age_ms;
    bool said = atomic_load_explicit(&c->standing_said, memory_order_acquire);
    if (!time->trusted || (said && time->wall.ms < c->say_standing_at.ms) ||
        pipeline_say_standing(c->pipeline, now, time->wall) != 0 ||
        lookouts_say_standing(c) != 0) { /* then tried again */
        return;
    }
    int64_t term =
        retention_within(c, RETENTION_RECORD,
                         terms[JOURNAL_ACT] < terms[JOURNAL_DECISION] ? terms[JOURNAL_ACT]
                                                                      : terms[JOURNAL_DECISION]);
    c->say_standing_at.ms = time->wall.ms + term / 2;
    /* Behind the records in the journal's queue: pairs with the load in recorder.c. */
    atomic_store_explicit(&c->standing_said, true, memory_order_release);
}

static void look_at_receipts(struct checkpointd *c, struct mono_time now, struct wall_time wall)
{
    struct pipeline_event event = {.kind = PIPELINE_CONFIRMED};
    event.u.confirmed = atomic_load_explicit(&c->recorder.confirmed, memory_order_relaxed);
    pipeline_handle(c->pipeline, &event, now, wall);
}

static void copy_stats(struct checkpointd *c)
{
    struct pipeline_stats s;
    pipeline_stats_read(c->pipeline, &s);
    atomic_store_explicit(&c->stat_reads, s.reads, memory_order_relaxed);
    atomic_store_explicit(&c->stat_unread, s.unread, memory_order_relaxed);
    atomic_store_explicit(&c->stat_hits, s.hits, memory_order_relaxed);
    atomic_store_explicit(&c->stat_quiet, s.alerts_quiet, memory_order_relaxed);
    atomic_store_explicit(&c->stat_sounding, s.alerts_sounding, memory_order_relaxed);
    atomic_store_explicit(&c->stat_holds, s.holds, memory_order_relaxed);
    atomic_store_explicit(&c->stat_suppressed, s.suppressed, memory_order_relaxed);
    atomic_store_explicit(&c->stat_lost, s.facts_lost, memory_order_relaxed);
}

static int wait_ms(const struct checkpointd *c, struct mono_time now)
{
    struct mono_time next = pipeline_next_deadline(c->pipeline);
    int64_t ms = next.ns == INT64_MAX ? TICK_MAX_MS : mono_diff_ms(next, now) + 1;
    return (int)(ms < 0 ? 0 : ms > TICK_MAX_MS ? TICK_MAX_MS : ms);
}

void lanes_run(struct thread *self, void *arg)
{
    struct checkpointd *c = arg;
    struct mono_time clock_due = {0};
    struct trusted_reading reading = {.wall = {0}};
    struct mono_time read_at = {0};
    bool journal_hangs = false;
    while (!thread_stopping(self)) {
        struct pipeline_event event;
        struct mono_time now = clock_mono(&clock_system);
        thread_alive(self);
        if (!mono_before(now, clock_due)) {
            checkpointd_clock_look(c, now, &reading);
            look_at_guided(c, now, &reading);
            say_standing(c, now, &reading);
            look_at_journal(c, now, reading.wall, &journal_hangs);
            look_at_receipts(c, now, reading.wall);
            read_at = now;
            clock_due = mono_add_ms(now, CLOCK_MS);
            copy_stats(c);
        }
        raise_all_look(c, now);
        int result = queue_pop(c->events, &event, wait_ms(c, now));
        now = clock_mono(&clock_system);
        struct wall_time wall = {reading.wall.ms + mono_diff_ms(now, read_at)};
        if (result == 0) {
            pipeline_handle(c->pipeline, &event, now, wall);
        }
        if (!mono_before(now, pipeline_next_deadline(c->pipeline))) {
            pipeline_tick(c->pipeline, now, wall);
        }
    }
    copy_stats(c);
}

/* ---- setting up ---- */

static int create_pipeline(struct checkpointd *c, uint64_t ids_after, struct err_text *err)
{
    static struct pipeline_options options; /* large */
    const struct pipeline_sinks sinks = {.ctx = c,
                                         .order = sink_order,
                                         .fact = sink_fact,
                                         .reply = acts_reply,
                                         .query = sink_query,
                                         .searched = acts_searched,
                                         .release = sink_release,
                                         .retire = sink_retire,
                                         .withdrawn = cases_withdrawn,
                                         .draw = sink_draw,
                                         .show = sink_show,
                                         .retrigger = sink_retrigger,
                                         .local_time = sink_local_time};
    options.ids_after = ids_after;
    options.list_high = c->list_high.list;
    options.policy_high = c->list_high.policy;
    options.exempt_high = c->list_high.exempt;
    options.self_test = (struct self_test_options){.interval_ms = c->config.self_test_interval_ms,
                                                   .grace_ms = c->config.self_test_grace_ms};
    options.lane_count = c->config.lane_count;
    for (size_t i = 0; i < c->config.lane_count; i++) {
        options.lanes[i] = c->config.lanes[i].lane;
    }
    int result =
        pipeline_create(&options, c->rules, &sinks, clock_mono(&clock_system), &c->pipeline, err);
    if (result == 0) {
        c->rules = NULL;
    }
    return result;
}

/* What the journal says of the holds and the service of each lane. */
static void restore_lanes(struct checkpointd *c, const struct open_holds *open)
{
    struct mono_time now = clock_mono(&clock_system);
    struct wall_time wall = clock_wall(&c->clock);
    for (size_t i = 0; i < open->count; i++) {
        /* A lane that was taken out of the configuration has no hold any more. */
        int known =
            pipeline_restore(c->pipeline, open->holds[i].lane, &open->holds[i].event, now, wall);
        (void)known;
    }
    for (size_t i = 0; i < c->config.lane_count; i++) {
        uint8_t lane = c->config.lanes[i].lane.lane.lane;
        const struct lane_restore_service_event *service = &open->services[lane];
        if (service->out_of_service || service->convoy || service->emergency_stop) {
            int known = pipeline_restore_service(c->pipeline, lane, service, now, wall);
            (void)known; /* it is configured */
        }
    }
}

/* Holds whose release is on record and whose end is not: they stand, and officers are told which.
 */
static void tell_still_held(struct checkpointd *c, const struct open_holds *open, uint8_t lane)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    char *detail = event.u.alarm.detail;
    size_t room = sizeof(event.u.alarm.detail);
    size_t used = 0;
    for (size_t i = 0; i < open->count && used < room; i++) {
        const struct open_hold *hold = &open->holds[i];
        if (hold->lane == lane && hold->released && hold->event.active) {
            used += (size_t)snprintf(detail + used, room - used, "%shold %llu of passage %llu",
                                     used > 0 ? ", " : "", (unsigned long long)hold->event.hold,
                                     (unsigned long long)hold->event.passage);
        }
    }
    if (used == 0) {
        return;
    }
    event.u.alarm.event = EVENT_HOLD_STILL_HELD;
    event.u.alarm.lane = lane;
    event.u.alarm.active = true;
    atomic_store(&c->still_held[lane], true);
    lane_post(c, &event);
}

int lanes_create(struct checkpointd *c, struct err_text *err)
{
    static struct open_holds open; /* large */
    if (!c->rescue) {
        rescue_load(c);
    }
    if (c->rescue) { /* before anything that the journal says */
        open = c->rescue->open;
    }
    int result = restore_find(c, &open, err);
    if (result != 0) {
        return result;
    }
    uint64_t after = (uint64_t)atomic_load(&c->recorder.recorded) << ID_SHIFT;
    result = create_pipeline(c, after > open.highest ? after : open.highest, err);
    if (result == 0) {
        instructions_held(c, open.instruction, open.instruction_lane);
        restore_lanes(c, &open);
        result = lookouts_restore(c, err);
    }
    if (open.count > 0) {
        log_event(EVENT_HOLDS_RESTORED, "count=%zu", open.count);
    }
    if (result == 0) {
        rescue_settle(c, &open);
        restore_alarm_damage(c);
        for (size_t i = 0; i < c->config.lane_count; i++) {
            tell_still_held(c, &open, c->config.lanes[i].lane.lane.lane);
        }
    }
    return result;
}
