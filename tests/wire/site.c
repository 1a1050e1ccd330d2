/* See site.h: time, people, journal and camera around the lane. The wire is virtual_bus.c. */
#include "site.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/bus_state.h"
#include "drivers/modbus_io/modbus_io.h"
#include "virtual_bus.h"

enum {
    NS_PER_MS = 1000000,
    QUANTUM_MS = 5,
    ALIVE_EVERY_MS = 300,
    READ_DELAY_MS = 250,
    COMMIT_MAX_MS = 60,
    DOUBT_MS = 90000,
    REACTION_MS = 100,
    ANSWER_MS = 5 /* of the generic profile */
};

uint32_t site_draw(struct site *site, uint32_t below)
{
    uint64_t x = site->seed;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    site->seed = x;
    return (uint32_t)(x >> 33) % below;
}

void site_trace(const struct site *site, const char *format, ...)
{
    if (!site->trace) {
        return;
    }
    va_list args;
    va_start(args, format);
    printf("%9.3f s  ", (double)site->now_ns / 1e9);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static struct mono_time site_now(const struct site *s)
{
    return (struct mono_time){.ns = s->now_ns};
}

/* ---- truth for the monitor ---- */

static bool is_wanted_still(const struct site *s, const struct plant_vehicle *v)
{
    if (!v || !v->wanted) {
        return false;
    }
    for (uint64_t p = s->passage_count; p > 0 && p + SITE_PASSAGES > s->passage_count; p--) {
        const struct site_passage *passage = &s->passages[p % SITE_PASSAGES];
        if (passage->vehicle == v->id) {
            return passage->wanted && !passage->freed;
        }
    }
    return false; /* nobody has read it */
}

static void tell_who_stands(struct site *s)
{
    bool known = (uint64_t)s->now_ns > s->order_ns;
    s->monitor.wanted_at_line = known && s->config.mode != LANE_NORMALLY_OPEN &&
                                is_wanted_still(s, plant_at_stop_line(&s->plant));
}

static void tell_truth(struct site *s)
{
    monitor_module(&s->monitor, s->now_ns, s->plant.coils);
    tell_who_stands(s);
    if (s->plant.harm > 0) {
        if (s->plant.harm_by == MOVED_BY_COIL && s->plant.harm_fault == 0) {
            monitor_harm(&s->monitor, s->now_ns);
        }
        s->plant.harm = 0;
    }
}

/* ---- what the lane wants done ---- */

static void queue_event(struct site *s, const struct lane_event *event)
{
    if (s->event_count == SITE_EVENTS) {
        fprintf(stderr, "site: more lane events at once than expected\n");
        abort();
    }
    s->events[s->event_count++] = *event;
}

static void trace_road(const struct site *s)
{
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        const struct plant_vehicle *v = &s->plant.vehicles[i];
        if (v->id != 0) {
            site_trace(s, "  vehicle %u at %.1f m, %.1f long%s%s", v->id, v->front_m, v->length_m,
                       v->wanted ? ", wanted" : "", v->granted ? ", goes" : "");
        }
    }
}

static void take_orders(struct site *s)
{
    if (s->out.order_count > 0) {
        trace_road(s);
    }
    for (uint32_t i = 0; i < s->out.order_count; i++) {
        const struct lane_command *c = &s->out.orders[i];
        site_trace(s, "order %s %s %u ms (%s)", lane_output_name(c->order.output),
                   c->order.on ? "on" : "off", c->order.pulse_ms, lane_cause_name(c->cause));
        if (c->order.on && c->order.output == OUTPUT_RAISE) {
            s->raises_by_cause[c->cause]++;
        }
        if (bus_submit(s->bus, &c->order) != ERR_OK) {
            struct lane_event event = {.kind = LANE_EVENT_OUTCOME};
            event.u.outcome = (struct lane_outcome){.order_id = c->order.id,
                                                    .lane = c->order.lane,
                                                    .output = c->order.output,
                                                    .result = ORDER_FAILED};
            queue_event(s, &event);
        }
    }
}

static void ask_journal(struct site *s, const struct lane_record *record)
{
    for (int i = 0; i < SITE_COMMITS; i++) {
        struct site_commit *c = &s->commits[i];
        if (c->record.commit == 0) {
            c->record = *record;
            c->due_ns = s->now_ns + (1 + (int64_t)site_draw(s, COMMIT_MAX_MS)) * NS_PER_MS;
            c->done = s->journal_up;
            return;
        }
    }
    fprintf(stderr, "site: more questions to the journal than the lane may have open\n");
    abort();
}

static void take_records(struct site *s)
{
    for (uint32_t i = 0; i < s->out.record_count; i++) {
        const struct lane_record *r = &s->out.records[i];
        site_trace(s, "record %s", lane_record_name(r->kind));
        s->records[r->kind]++;
        s->left_read += r->kind == LANE_RECORD_LEFT && r->passage != 0;
        if (r->kind == LANE_RECORD_HOLD_ACTIVE) {
            s->holds_made++;
            s->held_vehicle = r->passage ? s->passages[r->passage % SITE_PASSAGES].vehicle : 0;
            monitor_hold_made(&s->monitor, r->hold, r->priority == 1);
        } else if (r->kind == LANE_RECORD_HOLD_ENDED) {
            monitor_hold_over(&s->monitor, s->now_ns, r->hold);
            s->passages[r->passage % SITE_PASSAGES].freed = true;
            tell_who_stands(s); /* the boom may open in the same instant */
        }
        if (r->commit != 0) {
            ask_journal(s, r);
        }
    }
}

static void take_alarms(struct site *s)
{
    for (uint32_t i = 0; i < s->out.alarm_count; i++) {
        const struct lane_alarm *a = &s->out.alarms[i];
        site_trace(s, "alarm %s %s", log_event_find(a->event)->name, a->active ? "on" : "off");
        uint32_t bit = (uint32_t)(a->event - EVENT_LANE_CONTACT_LOST);
        s->alarms = a->active ? s->alarms | 1u << bit : s->alarms & ~(1u << bit);
        s->alarm_count[bit % 64] += a->active;
    }
    s->monitor.foreign_told = site_alarm(s, EVENT_LANE_FOREIGN_MOTION);
    s->monitor.run_through_told = site_alarm(s, EVENT_LANE_RUN_THROUGH);
}

static void step_lane(struct site *s, const struct lane_event *event)
{
    lane_step(&s->config, &s->lane, event, site_now(s), &s->out);
    take_records(s);
    take_alarms(s);
    take_orders(s);
    s->lane_due_ns = lane_next_deadline(&s->lane).ns;
}

void site_order(struct site *site, enum lane_output output, bool on, bool emergency,
                int64_t life_ms)
{
    bool keep = site->config.raise_maintained && output == OUTPUT_RAISE;
    struct lane_order order = {.id = ++site->order_count,
                               .lane = site->config.lane,
                               .output = output,
                               .on = on,
                               .pulse_ms = on && !keep ? site->config.pulse_ms : 0,
                               .emergency = emergency,
                               .expires = mono_add_ms(site_now(site), life_ms)};
    site_trace(site, "order %s %s, life %lld ms%s", lane_output_name(output), on ? "on" : "off",
               (long long)life_ms, emergency ? ", emergency" : "");
    if (bus_submit(site->bus, &order) == ERR_OK) {
        monitor_order(&site->monitor, (int)output, on, emergency, order.expires.ns);
    }
}

void site_tell(struct site *site, const struct lane_event *event)
{
    if (site->orders_only || site->lane_hangs) {
        return;
    }
    queue_event(site, event);
    if (site->stepping) {
        return;
    }
    site->stepping = true;
    while (site->event_count > 0) {
        struct lane_event first = site->events[0];
        memmove(site->events, site->events + 1, --site->event_count * sizeof(first));
        step_lane(site, &first);
    }
    site->stepping = false;
}

/* ---- the journal's answers ---- */

/* Is the end of that hold somebody's doing? Judged here from what people and headquarters did. */
static bool end_is_theirs(const struct site *s, const struct lane_record *r)
{
    if (r->kind == LANE_RECORD_HOLD_RELEASE) {
        const struct lane_act_event *act = &s->acts[r->act % SITE_ACTS];
        return act->act == r->act && act->kind == LANE_ACT_RELEASE && act->named &&
               act->hold == r->hold && (r->priority != 1 || (act->second_person && act->leader));
    }
    for (uint8_t h = 0; h < r->hit_count; h++) {
        bool found = false;
        for (uint32_t i = 0; i < s->withdrawn_count && i < SITE_PASSAGES; i++) {
            found |= s->withdrawn[i] == r->hits[h];
        }
        if (!found) {
            return false;
        }
    }
    return r->hit_count > 0;
}

static void answer_commit(struct site *s, struct site_commit *commit)
{
    struct lane_record r = commit->record;
    bool done = commit->done;
    commit->record.commit = 0;
    if (done && (r.kind == LANE_RECORD_HOLD_RELEASE || r.kind == LANE_RECORD_HOLD_WITHDRAW) &&
        end_is_theirs(s, &r)) {
        monitor_hold_may_end(&s->monitor, r.hold);
    } else if (done && r.kind == LANE_RECORD_LOWER) {
        monitor_fact(&s->monitor, s->now_ns, FACT_LOWER_COMMITTED);
    } else if (done && r.kind == LANE_RECORD_RAISE) {
        monitor_fact(&s->monitor, s->now_ns, FACT_RAISE_ASKED);
    } else if (done && r.kind == LANE_RECORD_LOWER_BY_HAND) {
        monitor_fact(&s->monitor, s->now_ns, FACT_HAND_COMMITTED);
    } else if (done && r.kind == LANE_RECORD_CONVOY) {
        s->monitor.convoy_until = s->now_ns + ((int64_t)r.for_ms + 1000) * NS_PER_MS;
    }
    struct lane_event event = {.kind = LANE_EVENT_COMMIT};
    site_trace(s, "commit of %s: %s", lane_record_name(r.kind), done ? "done" : "refused");
    event.u.commit.commit = r.commit;
    event.u.commit.done = done;
    site_tell(s, &event);
}

/* ---- people ---- */

uint64_t site_act(struct site *site, struct lane_act_event act)
{
    act.act = ++site->act_count;
    site->acts[act.act % SITE_ACTS] = act;
    site_trace(site, "act %s%s", lane_act_name(act.kind), act.named ? ", named" : "");
    if (act.kind == LANE_ACT_RAISE || act.kind == LANE_ACT_TEST_RAISE) {
        if (!monitor_holds(&site->monitor)) {
            monitor_fact(&site->monitor, site->now_ns, FACT_RAISE_ASKED);
        }
    } else if (act.kind == LANE_ACT_EMERGENCY_RAISE) {
        monitor_fact(&site->monitor, site->now_ns, FACT_EMERGENCY_ASKED);
    } else if (act.kind == LANE_ACT_ACK) {
        if (act.named) {
            monitor_fact(&site->monitor, site->now_ns, FACT_STOP_RESET);
        }
        monitor_fact(&site->monitor, site->now_ns, FACT_ACKNOWLEDGED);
    }
    struct lane_event event = {.kind = LANE_EVENT_ACT, .u.act = act};
    site_tell(site, &event);
    return act.act;
}

void site_beat(struct site *site, uint64_t press, bool end)
{
    monitor_fact(&site->monitor, site->now_ns, end ? FACT_LET_GO : FACT_BEAT);
    struct lane_event event = {.kind = LANE_EVENT_BEAT};
    event.u.beat = (struct lane_beat_event){.press = press, .at = site_now(site), .end = end};
    site_tell(site, &event);
}

void site_withdraw(struct site *site, uint64_t entry)
{
    site->withdrawn[site->withdrawn_count++ % SITE_PASSAGES] = entry;
    site->passages[entry % SITE_PASSAGES].freed = true;
    tell_who_stands(site); /* as above */
    struct lane_event event = {.kind = LANE_EVENT_WITHDRAWAL, .u.withdrawn_entry = entry};
    site_tell(site, &event);
}

void site_disturbed(struct site *site)
{
    site->order_ns = (uint64_t)site->now_ns + (uint64_t)DOUBT_MS * NS_PER_MS;
}

/* ---- the camera ---- */

struct plant_vehicle *site_arrive(struct site *site, enum road_user user, bool wanted)
{
    struct plant_vehicle *v = plant_arrive(&site->plant, user);
    if (v) {
        v->wanted = wanted && user != USER_PEDESTRIAN;
    }
    return v;
}

static struct plant_vehicle *vehicle_of(struct site *s, uint32_t id)
{
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        if (s->plant.vehicles[i].id == id) {
            return &s->plant.vehicles[i];
        }
    }
    return NULL;
}

static void notice_reads(struct site *s)
{
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        struct plant_vehicle *v = &s->plant.vehicles[i];
        if (v->id == 0 || v->read || v->front_m < PLANT_CAMERA_M) {
            continue;
        }
        v->read = true;
        if (site_chance(s, s->missed_reads_percent)) {
            continue;
        }
        for (int k = 0; k < SITE_READS; k++) {
            if (s->reads[k].vehicle == 0) {
                s->reads[k] = (struct site_read){v->id, s->now_ns + READ_DELAY_MS * NS_PER_MS};
                break;
            }
        }
    }
}

/* The entry of a wanted vehicle has the passage's number. */
static void bring_read(struct site *s, struct site_read *read)
{
    const struct plant_vehicle *v = vehicle_of(s, read->vehicle);
    uint32_t id = read->vehicle;
    read->vehicle = 0;
    if (!s->matching_up) {
        return;
    }
    uint64_t passage = ++s->passage_count;
    bool wanted = v && v->wanted;
    s->passages[passage % SITE_PASSAGES] = (struct site_passage){id, wanted, false};
    site_trace(s, "read of vehicle %u, passage %llu%s", id, (unsigned long long)passage,
               wanted ? ", wanted" : "");
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *p = &event.u.passage;
    p->passage = passage;
    p->authenticity = AUTH_TAG;
    p->inspect = LANE_INSPECT_NOT;
    decision_init(&p->decision);
    if (wanted) {
        p->decision.hold = p->decision.siren = true;
        p->hit_count = 1;
        p->hits[0] = (struct lane_hit){.hit = passage,
                                       .entry = passage,
                                       .priority = (uint8_t)(1 + passage % 3),
                                       .holds = true};
    } else {
        p->cleared = s->lane.list_usable;
        p->decision.raise = true;
        monitor_fact(&s->monitor, s->now_ns, FACT_CLEARED);
    }
    site_tell(s, &event);
}

/* A second camera, where there is one, says who stands at the stop line. */
static void look_at_boom(struct site *s)
{
    static const int64_t LOOK_NS = 400 * (int64_t)NS_PER_MS;
    const struct plant_vehicle *v = plant_at_stop_line(&s->plant);
    if (!s->boom_camera || !v || s->now_ns % LOOK_NS >= QUANTUM_MS * NS_PER_MS) {
        return;
    }
    for (uint64_t p = s->passage_count; p > 0 && p + SITE_PASSAGES > s->passage_count; p--) {
        if (s->passages[p % SITE_PASSAGES].vehicle == v->id) {
            struct lane_event event = {.kind = LANE_EVENT_SEEN_AT_BOOM, .u.seen_at_boom = p};
            site_tell(s, &event);
            return;
        }
    }
}

/* ---- time ---- */

static void run_due(struct site *s)
{
    if (s->matching_up && s->now_ns >= s->alive_next_ns) {
        s->alive_next_ns = s->now_ns + (int64_t)ALIVE_EVERY_MS * NS_PER_MS;
        struct lane_event event = {.kind = LANE_EVENT_MATCH_ALIVE};
        site_tell(s, &event);
    }
    for (int i = 0; i < SITE_COMMITS; i++) {
        if (s->commits[i].record.commit != 0 && s->now_ns >= s->commits[i].due_ns) {
            answer_commit(s, &s->commits[i]);
        }
    }
    for (int i = 0; i < SITE_READS; i++) {
        if (s->reads[i].vehicle != 0 && s->now_ns >= s->reads[i].due_ns) {
            bring_read(s, &s->reads[i]);
        }
    }
    if (!s->orders_only && s->lane_due_ns <= s->now_ns) {
        struct lane_event event = {.kind = LANE_EVENT_TICK};
        site_tell(s, &event);
    }
    if (s->now_ns >= s->next_ns) {
        s->due(s);
    }
}

void site_pass(struct site *s, int64_t until_ns)
{
    while (s->now_ns < until_ns) {
        int64_t step = until_ns - s->now_ns;
        int64_t quantum = (int64_t)QUANTUM_MS * NS_PER_MS;
        s->now_ns += step < quantum ? step : quantum;
        if (s->now_ns / NS_PER_MS > s->plant.now_ms) {
            plant_run(&s->plant, s->now_ns / NS_PER_MS);
            notice_reads(s);
            tell_truth(s);
            look_at_boom(s);
        }
        run_due(s);
    }
    if (s->now_ns >= s->end_ns) {
        thread_stop(&s->bus->thread);
    }
}

/* ---- the bus's sinks ---- */

static void take_scan(void *ctx, const struct lane_scan *scan)
{
    struct site *s = ctx;
    struct lane_event event = {.kind = LANE_EVENT_SCAN, .u.scan = *scan};
    site_tell(s, &event);
    monitor_scan(&s->monitor, s->now_ns, scan->contact);
    if (!scan->contact) {
        site_disturbed(s);
    }
}

static void take_outcome(void *ctx, const struct lane_outcome *outcome)
{
    struct lane_event event = {.kind = LANE_EVENT_OUTCOME, .u.outcome = *outcome};
    site_tell(ctx, &event);
}

/* ---- one run ---- */

void site_config(struct lane_config *out)
{
    lane_config_defaults(out, 1);
    out->wired = (1u << INPUT_COUNT) - 1;
    out->outputs_wired = (1u << OUTPUT_COUNT) - 1;
    out->travel_ms = PLANT_TRAVEL_MS + 1000;
    out->transit_max_ms = 20000;
    out->camera_to_boom_m = (uint32_t)-PLANT_CAMERA_M;
}

static void must(int rc, const char *what, const struct err_text *err)
{
    if (rc != 0) {
        fprintf(stderr, "site: %s: %s\n", what, err->text);
        abort();
    }
}

static void create(struct site *s)
{
    struct err_text err = {""};
    struct module_profile profile;
    must(profile_load("drivers/profiles/module/generic.yaml", &profile, &err), "profile", &err);
    struct modbus_io_options options = {.name = "barrier", .profile = &profile, .unit = 1};
    modbus_io_map_in_order(&options);
    options.inputs.active_low = INPUT_BIT(INPUT_EMERGENCY_STOP);
    must(modbus_io_create(&options, &s->device, &err), "module", &err);
    must(lane_config_check(&s->config, &err), "lane", &err);
    guard_init(&s->guard, &s->config);
    s->hooks = (struct lane_guard){&s->guard, guard_scan, guard_allows, guard_wrote};
    struct bus_options bus = {
        .name = "wire", .kind = BUS_MODBUS_TCP, .host = "127.0.0.1", .port = 502};
    struct bus_lane lane = {.lane = s->config.lane,
                            .device_count = 1,
                            .guard = &s->hooks,
                            .raise_maintained = s->config.raise_maintained};
    lane.devices[0] = s->device;
    struct bus_sinks sinks = {.ctx = s, .scan = take_scan, .outcome = take_outcome};
    must(bus_create(&bus, &lane, 1, &sinks, &s->bus, &err), "bus", &err);
}

void site_run(struct site *site, const struct lane_config *config, int64_t ms,
              void (*due)(struct site *site), void *ctx)
{
    struct site *s = site;
    s->config = *config;
    s->due = due;
    s->ctx = ctx;
    s->now_ns = s->next_ns = NS_PER_MS;
    s->end_ns = ms * NS_PER_MS;
    s->journal_up = s->matching_up = true;
    s->trace = getenv("CHECKPOINT_TRACE") != NULL;
    plant_init(&s->plant, config->auto_close == AUTO_CLOSE_LOOP, config->lower_automatically);
    s->plant.maintained = config->raise_maintained;
    struct monitor_options options = {.may_lower = config->lower_automatically,
                                      .by_hand = config->manual_lower,
                                      .maintained = config->raise_maintained,
                                      .clear_ms = config->clear_ms,
                                      .pulse_ms = config->pulse_ms,
                                      .grace_ms = config->coil_grace_ms,
                                      .travel_ms = config->travel_ms,
                                      .auto_close_ms = config->auto_close_ms,
                                      .order_life_ms = config->order_life_ms,
                                      .reaction_ms = REACTION_MS,
                                      .answer_ms = ANSWER_MS,
                                      .debounce_ms = config->debounce_ms,
                                      .orders_only = s->orders_only};
    monitor_init(&s->monitor, &options);
    s->monitor.trace = s->trace;
    lane_init(&s->config, &s->lane, 1, site_now(s));
    create(s);
    struct lane_event list = {.kind = LANE_EVENT_LIST, .u.list_usable = true};
    site_tell(s, &list);
    virtual_bus_enter(s);
    bus_run(&s->bus->thread, s->bus);
    virtual_bus_enter(NULL);
    bus_destroy(s->bus);
    modbus_io_destroy(&s->device);
}
