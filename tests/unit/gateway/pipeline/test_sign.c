/*
 * What the lane's sign says, and when: the same to whom a hit stops and to whom an inspection
 * stops, whatever the hit and whatever the order of read and arrival.
 */
#include "vehicle_world.h"

enum { SHOWS_MAX = 64, OUTCOMES_MAX = 16, TRAVEL_MS = 1000 };

static const char *const plate = "鲁H12345";

/* Who drives in direction 3 is due for an inspection: the read tells the cases apart. */
static const char sign_rules[] =
    "title: sign\n"
    "rules:\n"
    "- {name: risk, when: {match: exact, class: agree, clock: trusted, officer_risk: true},\n"
    "   then: {alert: silent, hold: true, backup: true}}\n"
    "- {name: exact, when: {match: exact, class: agree, clock: trusted, officer_risk: false},\n"
    "   then: {alert: sounding, hold: true, lights: red, siren: true}}\n"
    "- {name: other, when: {hit: true}, then: {alert: quiet}}\n"
    "- {name: inspect, then: {alert: quiet, raise: true, inspect: true},\n"
    "   when: {hit: false, passage: plate, authenticity: [tag, wired, session], cleared: true,\n"
    "          direction: 3}}\n"
    "- {name: cleared, then: {alert: none, raise: true},\n"
    "   when: {hit: false, passage: plate, authenticity: [tag, wired, session], cleared: true}}\n"
    "examples:\n"
    "- {name: risk, hit: {officer_risk: true}, expect: {rule: risk}}\n"
    "- {name: exact, hit: {match: exact}, expect: {rule: exact}}\n"
    "- {name: other, hit: {match: look_alike}, expect: {rule: other}}\n"
    "- {name: inspect, cleared: true, direction: 3, expect: {rule: inspect, inspect: true}}\n"
    "- {name: cleared, cleared: true, expect: {rule: cleared}}\n";

enum why { INNOCENT, INSPECTION, HIT, RISK, QUIET_HIT, BY_OFFICER };

struct shown {
    int64_t at_ms; /* since the vehicle came */
    enum display_message message;
    bool with_plate;
};

struct stage {
    struct vehicle_world *w;
    size_t shown_count;
    struct shown shown[SHOWS_MAX];
    struct mono_time came;
    size_t outcome_count;
    struct lane_outcome outcomes[OUTCOMES_MAX];
    struct mono_time opens; /* ns = 0: does not move */
};

static struct stage stage; /* the sinks' context is the world */

static void take_show(void *ctx, uint8_t lane, enum display_message message, plate_key key)
{
    (void)ctx;
    assert_int_equal(lane, WORLD_LANE);
    assert_true((message == DISPLAY_PLATE) == (key != 0));
    assert_true(stage.shown_count < SHOWS_MAX);
    stage.shown[stage.shown_count++] =
        (struct shown){mono_diff_ms(stage.w->now, stage.came), message, key != 0};
}

static int take_order(void *ctx, const struct lane_order *order)
{
    struct vehicle_world *w = ctx;
    assert_true(stage.outcome_count < OUTCOMES_MAX);
    stage.outcomes[stage.outcome_count++] = (struct lane_outcome){
        .order_id = order->id, .lane = order->lane, .output = order->output, .at = w->now};
    if (order->output == OUTPUT_RAISE)
        stage.opens = mono_add_ms(w->now, TRAVEL_MS);
    else if (order->pulse_ms == 0)
        w->outputs = order->on ? w->outputs | OUTPUT_BIT(order->output)
                               : w->outputs & ~OUTPUT_BIT(order->output);
    return 0;
}

/* Time passes; orders are carried out, the boom goes up when told. */
static void run(int64_t ms)
{
    struct vehicle_world *w = stage.w;
    for (int64_t t = 0; t < ms; t += WORLD_STEP_MS) {
        size_t count = stage.outcome_count;
        stage.outcome_count = 0;
        struct lane_outcome outcomes[OUTCOMES_MAX];
        memcpy(outcomes, stage.outcomes, sizeof outcomes);
        for (size_t i = 0; i < count; i++) {
            struct pipeline_event event = {.kind = PIPELINE_OUTCOME, .u.outcome = outcomes[i]};
            world_handle(w, &event);
        }
        if (stage.opens.ns != 0)
            w->active &= ~INPUT_BIT(INPUT_LIMIT_CLOSED);
        if (stage.opens.ns != 0 && !mono_before(w->now, stage.opens)) {
            w->active |= INPUT_BIT(INPUT_LIMIT_OPEN);
            stage.opens.ns = 0;
        }
        world_run(w, WORLD_STEP_MS);
    }
}

static void loops(uint32_t on, uint32_t off, int64_t ms)
{
    stage.w->active = (stage.w->active | on) & ~off;
    run(ms);
}

static void tear_down(void)
{
    world_destroy(stage.w);
}

/* The read of the vehicle, wanted for this or that, or for nothing. */
static void read(enum why why)
{
    struct vehicle_world *w = stage.w;
    struct plate_read r =
        world_read(w, &(struct sight){.camera = FRONT, .plate = plate, .event = ++w->events});
    r.direction = why == INSPECTION ? 3 : 0;
    memset(&w->packet, 0, sizeof w->packet);
    w->packet.message.u.read.read = r;
    if (why == HIT || why == RISK || why == QUIET_HIT) {
        w->wanted_count = 0;
        world_want(w, why == QUIET_HIT ? "鲁H1234S" : plate);
        world_match(w, &r);
        assert_int_equal(w->packet.message.u.read.hit_count, 1);
        w->packet.message.u.read.hits[0].entry.risk = why == RISK ? RISK_ARMED : 0;
    }
    world_message(w, MATCH_READ);
}

static uint64_t act(enum lane_act_kind kind, uint64_t hold)
{
    struct pipeline_event event = {.kind = PIPELINE_ACT};
    event.u.act = (struct pipeline_act){.lane = WORLD_LANE,
                                        .kind = kind,
                                        .hold = hold,
                                        .at_boom = true,
                                        .actor = {.officer = "wang", .reason = "seen"}};
    world_handle(stage.w, &event);
    return world_slot(stage.w)->state.last_commit;
}

static void commit(uint64_t id)
{
    struct pipeline_event event = {.kind = PIPELINE_COMMIT};
    event.u.commit.lane = WORLD_LANE;
    event.u.commit.commit = id;
    event.u.commit.done = true;
    world_handle(stage.w, &event);
}

static void set_up(enum lane_mode mode)
{
    struct rule_set *rules = NULL;
    memset(&stage, 0, sizeof stage);
    struct vehicle_world *w = stage.w = world_create_with(ENTRY_LOOP | PRESENCE | EXIT_LOOP, 5);
    w->pipeline->sinks.order = take_order;
    w->pipeline->sinks.show = take_show;
    world_slot(w)->options.lane.mode = mode;
    world_slot(w)->options.lane.outputs_wired |= OUTPUT_BIT(OUTPUT_RED) | OUTPUT_BIT(OUTPUT_GREEN);
    assert_int_equal(rules_parse("sign", sign_rules, sizeof sign_rules - 1, &rules, NULL), 0);
    world_handle(w, &(struct pipeline_event){.kind = PIPELINE_RULES, .u.rules = rules});
    if (mode == LANE_NORMALLY_OPEN)
        w->active ^= INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    run(w->options.lanes[0].lane.transit_max_ms + 500);
    act(LANE_ACT_ACK, 0); /* the boom that was found open */
    run(500);
    assert_int_equal(world_slot(w)->sign.message, DISPLAY_WELCOME);
    stage.came = w->now;
    stage.shown_count = 0;
}

/* A vehicle comes, is read before (or after) it stands at the boom, and is let go by an officer. */
static void play(enum lane_mode mode, enum why why, bool read_first, bool let_go)
{
    set_up(mode);
    if (read_first) {
        read(why);
        run(1000);
    }
    loops(ENTRY_LOOP, 0, 700);
    if (!read_first)
        read(why);
    run(1000);
    if (why == BY_OFFICER)
        act(LANE_ACT_HOLD, 0);
    run(1000);
    const struct lane_state *s = &world_slot(stage.w)->state;
    if (let_go && s->hold_count > 0)
        commit(act(LANE_ACT_RELEASE, s->holds[0].id));
    else if (let_go && why == INSPECTION)
        act(LANE_ACT_INSPECTED, 0);
    if (let_go && mode != LANE_NORMALLY_OPEN && why != INSPECTION) {
        uint64_t before = s->last_commit;
        uint64_t asked = act(LANE_ACT_RAISE, 0);
        if (asked != before)
            commit(asked);
    }
    run(2000);
    if (!let_go && why != INNOCENT)
        return;
    loops(PRESENCE, ENTRY_LOOP, 500);
    loops(EXIT_LOOP, PRESENCE, 500);
    loops(0, EXIT_LOOP, 2000);
}

static struct stage played(enum lane_mode mode, enum why why, bool read_first, bool let_go)
{
    play(mode, why, read_first, let_go);
    struct stage result = stage;
    tear_down();
    return result;
}

static bool says(const struct stage *s, enum display_message message)
{
    for (size_t i = 0; i < s->shown_count; i++)
        if (s->shown[i].message == message)
            return true;
    return false;
}

static void assert_alike(const struct stage *a, const struct stage *b)
{
    assert_int_equal(a->shown_count, b->shown_count);
    for (size_t i = 0; i < a->shown_count; i++) {
        assert_int_equal(a->shown[i].at_ms, b->shown[i].at_ms);
        assert_int_equal(a->shown[i].message, b->shown[i].message);
        assert_int_equal(a->shown[i].with_plate, b->shown[i].with_plate);
    }
}

static void a_hit_looks_like_an_inspection(void **state)
{
    static const enum lane_mode modes[] = {LANE_NORMALLY_CLOSED, LANE_CHECK_POINT,
                                           LANE_NORMALLY_OPEN};
    (void)state;
    for (size_t m = 0; m < 3; m++)
        for (int first = 0; first < 2; first++)
            for (int go = 0; go < 2; go++) {
                struct stage inspected = played(modes[m], INSPECTION, first, go);
                struct stage hit = played(modes[m], HIT, first, go);
                struct stage risk = played(modes[m], RISK, first, go);
                assert_true(says(&inspected, DISPLAY_PLEASE_STOP));
                assert_false(says(&inspected, DISPLAY_PLATE));
                assert_alike(&inspected, &hit);
                assert_alike(&inspected, &risk);
                if (modes[m] == LANE_NORMALLY_OPEN)
                    continue; /* drives through */
                struct stage quiet = played(modes[m], QUIET_HIT, first, go);
                assert_alike(&inspected, &quiet);
            }
}

static void where_vehicles_drive_through_a_quiet_hit_looks_like_anybody(void **state)
{
    (void)state;
    struct stage innocent = played(LANE_NORMALLY_OPEN, INNOCENT, true, false);
    struct stage quiet = played(LANE_NORMALLY_OPEN, QUIET_HIT, true, false);
    assert_alike(&innocent, &quiet);
    assert_int_equal(innocent.shown_count, 0);
}

static void who_is_cleared_sees_the_plate_while_the_boom_is_open(void **state)
{
    (void)state;
    struct stage s = played(LANE_NORMALLY_CLOSED, INNOCENT, false, false);
    static const enum display_message expected[] = {DISPLAY_PLEASE_WAIT, DISPLAY_PLATE,
                                                    DISPLAY_WELCOME};
    size_t seen = 0;
    for (size_t i = 0; i < s.shown_count; i++)
        if (seen < 3 && s.shown[i].message == expected[seen])
            seen++;
    assert_int_equal(seen, 3);
    assert_false(says(&s, DISPLAY_PLEASE_STOP));
}

static void who_was_stopped_by_an_officer_is_not_shown_his_plate_either(void **state)
{
    (void)state;
    struct stage s = played(LANE_NORMALLY_OPEN, BY_OFFICER, true, true);
    assert_true(says(&s, DISPLAY_PLEASE_STOP));
    assert_false(says(&s, DISPLAY_PLATE));
}

static void a_lane_out_of_service_is_closed_and_nothing_else_tells_of_panic(void **state)
{
    (void)state;
    set_up(LANE_NORMALLY_CLOSED);
    size_t before = stage.shown_count;
    world_slot(stage.w)->options.lane.wired |= INPUT_BIT(INPUT_PANIC);
    loops(INPUT_BIT(INPUT_PANIC), 0, 1000);
    assert_int_equal(stage.shown_count, before);
    act(LANE_ACT_OUT_OF_SERVICE, 0);
    assert_int_equal(stage.shown[stage.shown_count - 1].message, DISPLAY_LANE_CLOSED);
    act(LANE_ACT_IN_SERVICE, 0);
    assert_int_equal(stage.shown[stage.shown_count - 1].message, DISPLAY_WELCOME);
    tear_down();
}

static void a_convoy_shows_nobody_a_plate(void **state)
{
    (void)state;
    set_up(LANE_NORMALLY_CLOSED);
    struct pipeline_event event = {.kind = PIPELINE_ACT};
    event.u.act = (struct pipeline_act){.lane = WORLD_LANE,
                                        .kind = LANE_ACT_CONVOY,
                                        .for_ms = 600000,
                                        .actor = {.officer = "wang", .reason = "column"}};
    world_handle(stage.w, &event);
    commit(world_slot(stage.w)->state.last_commit);
    run(3000);
    read(INNOCENT);
    loops(ENTRY_LOOP, 0, 500);
    assert_int_not_equal(world_slot(stage.w)->sign.message, DISPLAY_PLEASE_STOP);
    assert_false(says(&stage, DISPLAY_PLATE));
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hit_looks_like_an_inspection),
        cmocka_unit_test(where_vehicles_drive_through_a_quiet_hit_looks_like_anybody),
        cmocka_unit_test(who_is_cleared_sees_the_plate_while_the_boom_is_open),
        cmocka_unit_test(who_was_stopped_by_an_officer_is_not_shown_his_plate_either),
        cmocka_unit_test(a_lane_out_of_service_is_closed_and_nothing_else_tells_of_panic),
        cmocka_unit_test(a_convoy_shows_nobody_a_plate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
