/*
 * One lane behind a real pipeline on a fake clock: reads go in as matchd would send them, matched
 * here against a short list; loops are pressed by hand; the facts that come out are kept. For the
 * tests of vehicles.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/model/plate_symbols.h"
#include "gateway/pipeline/state.h"

enum {
    WORLD_LANE = 1,
    FRONT = 11,
    REAR = 12,
    BOOM = 13,
    PLAIN = 14, /* a camera without a role */
    WORLD_WANTED_MAX = 64,
    WORLD_FACTS_MAX = 4096,
    WORLD_STEP_MS = 50,
    WORLD_SILENCE_MS = 30 * 1000,
    WORLD_FUSE_MS = 10 * 1000,
    ENTRY_LOOP = INPUT_BIT(INPUT_ENTRY_LOOP),
    PRESENCE = INPUT_BIT(INPUT_PRESENCE),
    EXIT_LOOP = INPUT_BIT(INPUT_EXIT_LOOP)
};

static const char world_rules[] =
    "title: vehicles\n"
    "rules:\n"
    "- {name: exact, when: {match: exact, class: agree, clock: trusted, officer_risk: false},\n"
    "   then: {alert: sounding, hold: true}}\n"
    "- {name: other, when: {hit: true}, then: {alert: quiet}}\n"
    "- {name: cleared, then: {alert: none, raise: true},\n"
    "   when: {hit: false, passage: plate, authenticity: [tag, wired, session], cleared: true}}\n"
    "examples:\n"
    "- {name: exact, hit: {match: exact}, expect: {rule: exact}}\n"
    "- {name: other, hit: {match: look_alike}, expect: {rule: other}}\n"
    "- {name: cleared, cleared: true, expect: {rule: cleared}}\n";

/* What a test says of a read; the rest is usual. */
struct sight {
    uint16_t camera;
    const char *plate;
    uint64_t event;
    uint8_t confidence; /* 0: none given */
    const char *class;
    bool forged; /* authenticity none */
    const char *candidate;
};

/* A fact, as far as the tests look. */
struct told {
    enum fact_kind kind;
    uint64_t passage;
    uint64_t entry;
    uint64_t event;
    enum alert_level level;
    uint32_t marks;
    bool to_journal;
    bool in_doubt;
};

struct vehicle_world {
    struct pipeline *pipeline;
    struct pipeline_options options;
    uint64_t revision; /* of the list */
    struct match_packet packet;
    struct mono_time now;
    uint32_t active;
    uint32_t outputs; /* read back */
    uint64_t scans;
    uint64_t events;
    uint64_t wanted_count;
    uint64_t top_entry;                 /* its priority is 1, that of the others 2 */
    plate_key wanted[WORLD_WANTED_MAX]; /* entry ids are their places, from 1 */
    int raises;
    size_t told_count;
    struct told told[WORLD_FACTS_MAX];
    struct fact last[FACT_STATUS + 1]; /* of each kind */
};

/* ---- sinks ---- */

static inline int world_order(void *ctx, const struct lane_order *order)
{
    struct vehicle_world *w = ctx;
    w->raises += order->output == OUTPUT_RAISE && order->on;
    return 0;
}

static inline int world_fact(void *ctx, const struct fact *fact)
{
    struct vehicle_world *w = ctx;
    assert_true(w->told_count < WORLD_FACTS_MAX);
    struct told told = {.kind = fact->kind, .to_journal = fact->to_journal};
    if (fact->kind == FACT_PASSAGE) {
        told.passage = fact->u.passage.passage;
        told.event = fact->u.passage.read.event_id;
        told.in_doubt = fact->u.passage.in_doubt;
    } else if (fact->kind == FACT_HIT) {
        told.passage = fact->u.hit.passage;
        told.event = fact->u.hit.read.event_id;
        told.entry = fact->u.hit.match.entry.id;
        told.level = fact->u.hit.decision.level;
        told.marks = fact->u.hit.decision.marks;
    } else if (fact->kind == FACT_CONFLICT) {
        told.passage = fact->u.conflict.passage;
    }
    if (fact->kind == FACT_PASSAGE || fact->kind == FACT_HIT || fact->kind == FACT_CONFLICT)
        w->told[w->told_count++] = told;
    w->last[fact->kind] = *fact;
    return 0;
}

static inline void world_reply(void *ctx, const struct pipeline_act *act, enum lane_reply_kind kind,
                               enum lane_refusal refusal)
{
    (void)ctx, (void)act, (void)kind, (void)refusal; /* what an act did shows in the lane */
}

static inline int world_query(void *ctx, const struct match_query *query)
{
    (void)ctx, (void)query; /* matching is done here */
    return 0;
}

static inline void world_release(void *ctx, struct match_packet *packet)
{
    (void)ctx, (void)packet; /* it is the world's own */
}

static inline void world_retire(void *ctx, struct rule_set *rules)
{
    (void)ctx;
    rules_destroy(rules);
}

static inline uint16_t world_draw(void *ctx)
{
    (void)ctx;
    return 0;
}

static inline void world_local_time(void *ctx, struct wall_time wall, uint16_t *out_minute,
                                    uint8_t *out_weekday)
{
    (void)ctx, (void)wall;
    *out_minute = 600;
    *out_weekday = 1;
}

/* ---- time and loops ---- */

static inline struct wall_time world_wall(const struct vehicle_world *w)
{
    return (struct wall_time){1780000000000 + w->now.ns / 1000000};
}

static inline void world_handle(struct vehicle_world *w, const struct pipeline_event *event)
{
    pipeline_handle(w->pipeline, event, w->now, world_wall(w));
}

static inline struct lane_slot *world_slot(struct vehicle_world *w)
{
    return &w->pipeline->lanes[0];
}

static inline void world_message(struct vehicle_world *w, enum match_message_type type)
{
    w->packet.message.version = MATCH_MESSAGE_VERSION;
    w->packet.message.type = type;
    w->packet.message.list = (struct list_status){.revision = w->revision,
                                                  .state = LIST_CURRENT,
                                                  .signed_at = world_wall(w),
                                                  .current_until = world_wall(w)};
    world_handle(w, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = &w->packet});
}

static inline void world_run(struct vehicle_world *w, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += WORLD_STEP_MS) {
        struct pipeline_event scan = {.kind = PIPELINE_SCAN};
        w->now = mono_add_ms(w->now, WORLD_STEP_MS);
        memset(&w->packet, 0, offsetof(struct match_packet, texts));
        world_message(w, MATCH_ALIVE);
        scan.u.scan = (struct lane_scan){.lane = WORLD_LANE,
                                         .number = ++w->scans,
                                         .at = w->now,
                                         .contact = true,
                                         .active = w->active,
                                         .outputs = w->outputs};
        world_handle(w, &scan);
        pipeline_tick(w->pipeline, w->now, world_wall(w));
    }
}

static inline void world_loops(struct vehicle_world *w, uint32_t on, uint32_t off, int64_t ms)
{
    w->active = (w->active | on) & ~off;
    world_run(w, ms);
}

/* The vehicle at the boom drives through it. */
static inline void world_drives_through(struct vehicle_world *w)
{
    world_loops(w, PRESENCE, ENTRY_LOOP, 400);
    world_loops(w, EXIT_LOOP, PRESENCE, 400);
    world_loops(w, 0, EXIT_LOOP, 1500);
}

/* ---- plates, list, reads ---- */

static inline plate_key world_key(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

/* Entry id of a plate that is wanted from now on. */
static inline uint64_t world_want_key(struct vehicle_world *w, plate_key key)
{
    assert_true(w->wanted_count < WORLD_WANTED_MAX);
    w->wanted[w->wanted_count++] = key;
    return w->wanted_count;
}

static inline uint64_t world_want(struct vehicle_world *w, const char *plate)
{
    return world_want_key(w, world_key(plate));
}

/* Written apart from the product: symbols that differ, 9 when one of them is in no common group. */
static inline int world_apart(plate_key a, plate_key b)
{
    static const char *const groups[] = {"0ODQ", "1I", "2Z", "5S", "6G", "8B"};
    uint8_t left[PLATE_SYMBOLS_MAX];
    uint8_t right[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(a, left);
    int apart = 0;
    if (count != plate_symbols(b, right))
        return 9;
    for (int i = 0; i < count; i++) {
        if (left[i] == right[i])
            continue;
        bool together = false;
        const char *x = plate_symbol_text(left[i]);
        const char *y = plate_symbol_text(right[i]);
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
            together |= x && y && strstr(groups[g], x) && strstr(groups[g], y);
        if (!together)
            return 9;
        apart++;
    }
    return apart;
}

static inline void world_match(struct vehicle_world *w, const struct plate_read *read)
{
    struct match_message *m = &w->packet.message;
    for (uint64_t i = 0; i < w->wanted_count; i++) {
        int apart = read->key ? world_apart(read->key, w->wanted[i]) : 9;
        bool candidate = read->candidate_count > 0 && read->candidates[0].key == w->wanted[i];
        if ((apart > 1 && !candidate) || m->u.read.hit_count == MATCH_HITS_MAX)
            continue;
        struct match_hit *hit = &m->u.read.hits[m->u.read.hit_count];
        hit->entry = (struct wanted_record){.id = i + 1,
                                            .key = w->wanted[i],
                                            .class = PLATE_CLASS_ANY,
                                            .category = 1,
                                            .priority = i + 1 == w->top_entry ? 1 : 2,
                                            .handling = HANDLING_STOP};
        hit->kind = apart == 0 ? MATCH_EXACT : apart == 1 ? MATCH_LOOK_ALIKE : MATCH_CANDIDATE;
        hit->agreement = CLASS_AGREE;
        hit->read_key = candidate ? w->wanted[i] : read->key;
        hit->odds_db = MATCH_ODDS_NONE;
        snprintf(w->packet.texts[m->u.read.hit_count++], WANTED_TEXT_MAX, "{}");
    }
}

static inline void world_take(struct vehicle_world *w, const struct plate_read *read)
{
    memset(&w->packet, 0, sizeof w->packet);
    w->packet.message.u.read.read = *read;
    world_match(w, read);
    world_message(w, MATCH_READ);
}

static inline struct plate_read world_read(const struct vehicle_world *w, const struct sight *s)
{
    struct plate_text plate = {.kind = PLATE_UNREAD};
    struct plate_read read = {.lane = WORLD_LANE,
                              .camera = s->camera,
                              .event_id = s->event,
                              .wall = world_wall(w),
                              .mono = w->now,
                              .confidence = s->confidence ? s->confidence : READ_CONFIDENCE_NONE,
                              .speed_kmh = 0xFFFF,
                              .authenticity = s->forged ? AUTH_NONE : AUTH_TAG};
    if (s->plate)
        plate_encode(s->plate, strlen(s->plate), PLATE_DASH_AUTO, &plate);
    read.kind = plate.kind;
    read.key = plate.key;
    snprintf(read.raw, sizeof read.raw, "%s", s->plate ? s->plate : "");
    if (s->class)
        assert_int_equal(plate_class_parse(s->class, &read.class), 0);
    if (s->candidate)
        read.candidates[read.candidate_count++] =
            (struct read_candidate){world_key(s->candidate), 50};
    return read;
}

/* Passage the read went to. */
static inline uint64_t world_see_as(struct vehicle_world *w, struct sight s)
{
    struct plate_read read = world_read(w, &s);
    world_take(w, &read);
    return w->last[FACT_PASSAGE].u.passage.passage;
}

/* The same with an event id of its own. */
static inline uint64_t world_see(struct vehicle_world *w, struct sight s)
{
    s.event = ++w->events;
    return world_see_as(w, s);
}

/* ---- what was told ---- */

static inline int world_count(const struct vehicle_world *w, enum fact_kind kind, uint64_t passage)
{
    int count = 0;
    for (size_t i = 0; i < w->told_count; i++)
        count += w->told[i].kind == kind && (passage == 0 || w->told[i].passage == passage);
    return count;
}

static inline int world_alerts(const struct vehicle_world *w)
{
    return world_count(w, FACT_HIT, 0);
}

/* The vehicle of a passage, as kept. */
static inline const struct vehicle *world_vehicle(struct vehicle_world *w, uint64_t passage)
{
    return vehicles_find_id(&world_slot(w)->vehicles, passage);
}

static inline int world_queued(struct vehicle_world *w)
{
    return world_slot(w)->state.count;
}

/* ---- life ---- */

/* `wired`: loops of the lane; the boom is closed and nobody there. */
static inline struct vehicle_world *world_create_with(uint32_t wired, uint32_t camera_to_boom_m)
{
    struct vehicle_world *w = calloc(1, sizeof *w);
    struct rule_set *rules = NULL;
    w->revision = 1;
    const struct pipeline_sinks sinks = {.ctx = w,
                                         .order = world_order,
                                         .fact = world_fact,
                                         .reply = world_reply,
                                         .query = world_query,
                                         .release = world_release,
                                         .retire = world_retire,
                                         .draw = world_draw,
                                         .local_time = world_local_time};
    assert_non_null(w);
    struct pipeline_lane *lane = &w->options.lanes[0];
    w->options.lane_count = 1;
    lane_config_defaults(&lane->lane, WORLD_LANE);
    lane->lane.wired = wired | INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    lane->lane.outputs_wired = OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_STOP);
    lane->lane.camera_to_boom_m = camera_to_boom_m;
    lane->list_grace_ms = 3600 * 1000;
    lane->vehicles = (struct vehicle_options){
        .silence_ms = WORLD_SILENCE_MS,
        .fuse_ms = WORLD_FUSE_MS,
        .camera_count = 3,
        .cameras = {{FRONT, ROLE_FRONT}, {REAR, ROLE_REAR}, {BOOM, ROLE_BOOM}}};
    w->now.ns = 1000000000;
    w->active = INPUT_BIT(INPUT_LIMIT_CLOSED);
    assert_int_equal(rules_parse("vehicles", world_rules, sizeof world_rules - 1, &rules, NULL), 0);
    assert_int_equal(pipeline_create(&w->options, rules, &sinks, w->now, &w->pipeline, NULL), 0);
    struct pipeline_event clock = {.kind = PIPELINE_CLOCK, .u.clock = {.trusted = true}};
    world_handle(w, &clock);
    world_run(w, lane->lane.transit_max_ms + 500);
    return w;
}

static inline struct vehicle_world *world_create(void)
{
    struct vehicle_world *w = world_create_with(ENTRY_LOOP | PRESENCE | EXIT_LOOP, 15);
    assert_true(world_slot(w)->state.order_known);
    return w;
}

static inline void world_destroy(struct vehicle_world *w)
{
    pipeline_destroy(w->pipeline);
    free(w);
}
