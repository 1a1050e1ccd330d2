/* Out of service, and the guided barrier test that is possible only then. */
#include "lane_world.h"

static void whole(struct world *w)
{
    struct lane_config config = world_config();
    config.wired = ALL_INPUTS;
    config.auto_close = AUTO_CLOSE_NONE;
    world_init(w, &config);
}

static void out(struct world *w)
{
    whole(w);
    assert_int_equal(world_named(w, LANE_ACT_OUT_OF_SERVICE), LANE_REFUSAL_NONE);
}

static void test_service_acts_are_named_and_recorded(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    assert_int_equal(world_nameless(&w, LANE_ACT_OUT_OF_SERVICE), LANE_REFUSAL_NOT_NAMED);
    assert_false(w.state.out_of_service);
    assert_int_equal(world_named(&w, LANE_ACT_OUT_OF_SERVICE), LANE_REFUSAL_NONE);
    assert_int_equal(world_record(&w, LANE_RECORD_OUT_OF_SERVICE)->act, 1);
    assert_true(world_alarm(&w, EVENT_LANE_OUT_OF_SERVICE));
    assert_int_equal(world_nameless(&w, LANE_ACT_IN_SERVICE), LANE_REFUSAL_NOT_NAMED);
    assert_true(w.state.out_of_service);
    assert_int_equal(world_named(&w, LANE_ACT_IN_SERVICE), LANE_REFUSAL_NONE);
    assert_non_null(world_record(&w, LANE_RECORD_IN_SERVICE));
    assert_false(world_alarm(&w, EVENT_LANE_OUT_OF_SERVICE));
}

static void test_nothing_automatic_out_of_service(void **state)
{
    (void)state;
    struct world w;
    out(&w);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 2000);
    assert_int_equal(w.raises, 0);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    assert_int_equal(world_nameless(&w, LANE_ACT_RAISE), LANE_REFUSAL_OUT_OF_SERVICE);
    assert_int_equal(w.raises, 0);
    assert_int_equal(world_nameless(&w, LANE_ACT_EMERGENCY_RAISE), LANE_REFUSAL_NONE);
    assert_int_equal(w.raises, 1);
    assert_int_equal(world_nameless(&w, LANE_ACT_STOP), LANE_REFUSAL_NONE);
    assert_int_equal(w.stops, 1);
}

static void test_out_of_service_is_red_at_an_open_boom(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.mode = LANE_NORMALLY_OPEN;
    config.auto_close = AUTO_CLOSE_NONE;
    world_init(&w, &config);
    (void)world_nameless(&w, LANE_ACT_RAISE);
    world_done(&w);
    world_boom_opens(&w);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
}

static void test_siren_is_silent_out_of_service(void **state)
{
    (void)state;
    struct world w;
    out(&w);
    world_passage(&w, true, 2);
    for (uint32_t i = 0; i < w.out.order_count; i++) {
        assert_int_not_equal(w.out.orders[i].order.output, OUTPUT_SIREN);
    }
}

static void test_holds_stay_open_out_of_service(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    uint64_t hold = world_hold_one(&w, 2);
    (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
    assert_int_equal(w.state.holds[0].id, hold);
    assert_int_equal(world_nameless(&w, LANE_ACT_TEST_RAISE), LANE_REFUSAL_HELD);
    (void)world_named(&w, LANE_ACT_IN_SERVICE);
    assert_int_equal(w.state.holds[0].id, hold);
    assert_int_equal(w.raises, 0);
}

static void test_raise_committed_after_going_out_is_refused(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE, .u.passage = {.passage = 1}};
    event.u.passage.hit_count = 1;
    event.u.passage.hits[0] = (struct lane_hit){.hit = 5, .entry = 6, .priority = 3};
    world_take(&w, &event);
    world_arrives(&w);
    assert_int_equal(world_named(&w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
    uint64_t commit = world_record(&w, LANE_RECORD_RAISE)->commit;
    (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
    world_commit(&w, commit, true);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_OUT_OF_SERVICE);
    assert_int_equal(w.raises, 0);
}

/* Loops and boom were moved by whoever worked there. */
static void test_back_in_service_nothing_of_before_counts(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_RAISE);
    world_done(&w);
    world_boom_opens(&w);
    assert_false(w.state.lower_blocked);
    (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
    (void)world_nameless(&w, LANE_ACT_TEST_LOWER);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(&w, 200);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
    world_run(&w, 200);
    world_passage(&w, false, 3);
    world_arrives(&w);
    w.raises = 0;
    (void)world_named(&w, LANE_ACT_IN_SERVICE);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
    assert_true(w.state.lower_blocked);
    world_inputs(&w, 0, INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(&w, w.config.transit_max_ms + 200);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(w.raises, 1);
}

static void test_out_of_service_survives_a_restart(void **state)
{
    (void)state;
    struct world w = {.config = world_config(), .now = {1000}};
    struct lane_event event = {.kind = LANE_EVENT_RESTORE_SERVICE,
                               .u.restore_service = {.out_of_service = true}};
    w.active = INPUT_BIT(INPUT_LIMIT_CLOSED) | INPUT_BIT(INPUT_MAINS_OK);
    lane_init(&w.config, &w.state, 100, w.now);
    world_take(&w, &event);
    world_scan(&w);
    world_list(&w, true);
    world_run(&w, w.config.transit_max_ms + 200);
    assert_true(world_alarm(&w, EVENT_LANE_OUT_OF_SERVICE));
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_lower_of_ours_stops_when_going_out(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    w.state.motion = MOTION_LOWER;
    (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
    assert_int_equal(w.stops, 1);
    assert_int_equal(w.state.motion, MOTION_NONE);
}

/* ---- guided test ---- */

static void test_guided_test_only_out_of_service(void **state)
{
    (void)state;
    static const enum lane_act_kind kinds[] = {LANE_ACT_TEST_RAISE, LANE_ACT_TEST_STOP,
                                               LANE_ACT_TEST_LOWER};
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        whole(&w);
        assert_int_equal(world_nameless(&w, kinds[i]), LANE_REFUSAL_IN_SERVICE);
        assert_int_equal(w.raises + w.stops + w.lowers, 0);
        out(&w);
        assert_int_equal(world_nameless(&w, kinds[i]), LANE_REFUSAL_NONE);
        assert_int_equal(w.raises, kinds[i] == LANE_ACT_TEST_RAISE);
        assert_int_equal(w.stops, kinds[i] == LANE_ACT_TEST_STOP);
        assert_int_equal(w.lowers, 0); /* the gateway never lowers in it */
    }
}

static void test_test_raise_heeds_stop_and_safety_inputs(void **state)
{
    (void)state;
    struct world w;
    out(&w);
    (void)world_nameless(&w, LANE_ACT_STOP);
    assert_int_equal(world_nameless(&w, LANE_ACT_TEST_RAISE), LANE_REFUSAL_STOPPED);
    out(&w);
    world_inputs(&w, INPUT_BIT(INPUT_LOCAL_CONTROL), 0);
    world_run(&w, 100);
    assert_int_equal(world_nameless(&w, LANE_ACT_TEST_RAISE), LANE_REFUSAL_LOCAL_CONTROL);
    assert_int_equal(w.raises, 0);
}

/* The technician lowers with a fob: taken for what it is, once, within its time. */
static void test_closing_by_hand_in_the_test_is_not_foreign(void **state)
{
    (void)state;
    for (int in_time = 0; in_time < 2; in_time++) {
        struct world w;
        out(&w);
        (void)world_nameless(&w, LANE_ACT_TEST_RAISE);
        world_done(&w);
        world_boom_opens(&w);
        assert_int_equal(w.state.boom, BOOM_OPEN);
        (void)world_nameless(&w, LANE_ACT_TEST_LOWER);
        world_run(&w, in_time ? 1000 : LANE_HAND_LOWER_MS + 100);
        world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
        world_run(&w, 1000);
        assert_int_equal(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION), !in_time);
        assert_int_equal(w.stops, !in_time);
        if (in_time) {
            assert_int_equal(w.state.boom, BOOM_LOWERING);
            world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
            world_run(&w, 200);
            assert_int_equal(w.state.boom, BOOM_CLOSED);
        }
    }
}

static void test_back_in_service_a_closing_by_hand_is_foreign(void **state)
{
    (void)state;
    struct world w;
    out(&w);
    (void)world_nameless(&w, LANE_ACT_TEST_RAISE);
    world_done(&w);
    world_boom_opens(&w);
    (void)world_nameless(&w, LANE_ACT_TEST_LOWER);
    (void)world_named(&w, LANE_ACT_IN_SERVICE);
    (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE); /* another test begins anew */
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(&w, 100);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_acts_are_named_and_recorded),
        cmocka_unit_test(test_nothing_automatic_out_of_service),
        cmocka_unit_test(test_out_of_service_is_red_at_an_open_boom),
        cmocka_unit_test(test_siren_is_silent_out_of_service),
        cmocka_unit_test(test_holds_stay_open_out_of_service),
        cmocka_unit_test(test_raise_committed_after_going_out_is_refused),
        cmocka_unit_test(test_back_in_service_nothing_of_before_counts),
        cmocka_unit_test(test_out_of_service_survives_a_restart),
        cmocka_unit_test(test_lower_of_ours_stops_when_going_out),
        cmocka_unit_test(test_guided_test_only_out_of_service),
        cmocka_unit_test(test_test_raise_heeds_stop_and_safety_inputs),
        cmocka_unit_test(test_closing_by_hand_in_the_test_is_not_foreign),
        cmocka_unit_test(test_back_in_service_a_closing_by_hand_is_foreign)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
