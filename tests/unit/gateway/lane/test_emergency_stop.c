/* The emergency stop is reset on purpose: letting the button go starts nothing (ISO 13850). */
#include "lane_world.h"

enum { STOP = INPUT_BIT(INPUT_EMERGENCY_STOP) };

static void whole(struct world *w)
{
    struct lane_config config = world_config();
    world_init(w, &config);
}

static void press_and_release(struct world *w)
{
    world_inputs(w, STOP, 0);
    world_run(w, 500);
    world_inputs(w, 0, STOP);
    world_run(w, 500);
}

static bool not_reset(const struct world *w)
{
    struct lane_status status;
    lane_status_of(&w->config, &w->state, &status);
    assert_int_equal(status.stop_not_reset, world_alarm(w, EVENT_LANE_STOP_NOT_RESET));
    return status.stop_not_reset;
}

static void test_a_released_stop_does_not_go_on_opening(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(w.raises, 1);
    world_inputs(&w, STOP, INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, STEP_MS);
    assert_int_equal(w.stops, 1);
    assert_true(not_reset(&w));
    assert_non_null(world_record(&w, LANE_RECORD_EMERGENCY_STOP));
    world_run(&w, 500);
    assert_null(world_record(&w, LANE_RECORD_EMERGENCY_STOP)); /* once a press */
    world_inputs(&w, 0, STOP);
    world_run(&w, 20000);
    assert_int_equal(w.raises, 1);
    assert_true(not_reset(&w));
    assert_false(world_alarm(&w, EVENT_LANE_EMERGENCY_STOP));
}

static void test_who_comes_after_it_waits_too(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    press_and_release(&w);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 5000);
    assert_int_equal(w.raises, 0);
}

static void test_only_a_named_officer_resets_it_and_nothing_moves_by_that(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    press_and_release(&w);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(world_nameless(&w, LANE_ACT_ACK), LANE_REFUSAL_NOT_NAMED);
    assert_true(not_reset(&w));
    assert_int_equal(world_named(&w, LANE_ACT_ACK), LANE_REFUSAL_NONE);
    assert_false(not_reset(&w));
    const struct lane_record *reset = world_record(&w, LANE_RECORD_STOP_RESET);
    assert_non_null(reset);
    assert_int_equal(reset->act, 1);
    assert_int_equal(reset->passage, 1);
    world_run(&w, 5000);
    assert_int_equal(w.raises, 0); /* the reset is no order to raise */
    assert_int_equal(world_nameless(&w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
    assert_int_equal(w.raises, 1);
    world_boom_opens(&w);
    world_drives_through(&w);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(&w, 1000);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(w.raises, 2); /* the next one again */
}

static void test_it_is_not_reset_while_pressed_or_out_of_sight(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, STOP, 0);
    world_run(&w, 200);
    assert_int_equal(world_nameless(&w, LANE_ACT_ACK), LANE_REFUSAL_NONE); /* of the other alarms */
    assert_int_equal(world_named(&w, LANE_ACT_ACK), LANE_REFUSAL_NONE);
    assert_true(not_reset(&w));
    assert_null(world_record(&w, LANE_RECORD_STOP_RESET));
    world_lose_contact(&w);
    (void)world_named(&w, LANE_ACT_ACK);
    assert_true(not_reset(&w));
    world_inputs(&w, 0, STOP); /* released while nobody sees it */
    world_run(&w, w.config.transit_max_ms + 200);
    assert_true(not_reset(&w));
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_only_emergency_raise_goes_through(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    press_and_release(&w);
    assert_int_equal(world_named(&w, LANE_ACT_RAISE), LANE_REFUSAL_NOT_RESET);
    assert_int_equal(w.raises, 0);
    struct lane_act_event convoy = {
        .act = 1, .kind = LANE_ACT_CONVOY, .named = true, .for_ms = 60000};
    world_act(&w, &convoy);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_RESET);
    assert_int_equal(world_nameless(&w, LANE_ACT_EMERGENCY_RAISE), LANE_REFUSAL_NONE);
    assert_int_equal(w.raises, 1);
    assert_true(not_reset(&w));
    (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
    assert_int_equal(world_named(&w, LANE_ACT_TEST_RAISE), LANE_REFUSAL_NOT_RESET);
}

static void test_a_raise_committed_behind_it_is_refused(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    struct lane_act_event release = {
        .act = 2, .kind = LANE_ACT_RELEASE, .hold = world_hold_one(&w, 2), .named = true};
    world_act(&w, &release);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit, true);
    w.state.queue[0].open_hit = true; /* as of another entry */
    assert_int_equal(world_named(&w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
    uint64_t commit = world_record(&w, LANE_RECORD_RAISE)->commit;
    world_inputs(&w, STOP, 0);
    world_run(&w, 100);
    world_inputs(&w, 0, STOP);
    world_run(&w, 100);
    world_commit(&w, commit, true);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_RESET);
    assert_int_equal(w.raises, 0);
}

/* Fire lets people out: its input stands against the stop of before, and it only raises. */
static void test_fire_raises_over_a_stop_that_was_released(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    press_and_release(&w);
    world_inputs(&w, INPUT_BIT(INPUT_FIRE_RAISE), 0);
    world_run(&w, 200);
    assert_int_equal(w.raises, 1);
    assert_true(not_reset(&w));
}

static void test_nothing_is_lowered_before_it_is_reset_or_by_that(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    for (int reset = 0; reset < 2; reset++) {
        world_lowering_init(&w, &config);
        press_and_release(&w);
        if (reset) {
            (void)world_named(&w, LANE_ACT_ACK);
        }
        world_passage(&w, false, 3);
        world_arrives(&w);
        if (!reset) {
            (void)world_nameless(&w, LANE_ACT_EMERGENCY_RAISE);
        }
        world_boom_opens(&w);
        world_drives_through(&w);
        assert_int_equal(world_until_lower_asked(&w) >= 0, reset);
        if (!reset) {
            (void)world_named(&w, LANE_ACT_ACK);
            assert_int_equal(world_until_lower_asked(&w), -1);
            assert_true(world_alarm(&w, EVENT_LANE_BOOM_LEFT_OPEN));
        }
    }
}

static void test_red_until_it_is_reset(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.mode = LANE_NORMALLY_OPEN;
    world_init(&w, &config);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_OPEN), INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, 500);
    (void)world_named(&w, LANE_ACT_ACK); /* of that motion */
    world_run(&w, 500);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    press_and_release(&w);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    (void)world_named(&w, LANE_ACT_ACK);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
}

static void test_it_survives_a_restart(void **state)
{
    (void)state;
    struct world w = {.config = world_config(), .now = {1000}};
    struct lane_event event = {.kind = LANE_EVENT_RESTORE_SERVICE,
                               .u.restore_service = {.emergency_stop = true}};
    w.active = INPUT_BIT(INPUT_LIMIT_CLOSED) | INPUT_BIT(INPUT_MAINS_OK);
    lane_init(&w.config, &w.state, 100, w.now);
    world_take(&w, &event);
    world_scan(&w);
    world_list(&w, true);
    world_run(&w, w.config.transit_max_ms + 200);
    assert_true(not_reset(&w));
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
    assert_int_equal(world_named(&w, LANE_ACT_ACK), LANE_REFUSAL_NONE);
    assert_false(not_reset(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_released_stop_does_not_go_on_opening),
        cmocka_unit_test(test_who_comes_after_it_waits_too),
        cmocka_unit_test(test_only_a_named_officer_resets_it_and_nothing_moves_by_that),
        cmocka_unit_test(test_it_is_not_reset_while_pressed_or_out_of_sight),
        cmocka_unit_test(test_only_emergency_raise_goes_through),
        cmocka_unit_test(test_a_raise_committed_behind_it_is_refused),
        cmocka_unit_test(test_fire_raises_over_a_stop_that_was_released),
        cmocka_unit_test(test_nothing_is_lowered_before_it_is_reset_or_by_that),
        cmocka_unit_test(test_red_until_it_is_reset),
        cmocka_unit_test(test_it_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
