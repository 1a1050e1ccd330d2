/* Barriers that report one limit or none, that close by a timer, whose limits bounce or contradict
 * each other. */
#include "lane_world.h"

enum { OPEN = INPUT_BIT(INPUT_LIMIT_OPEN), CLOSED = INPUT_BIT(INPUT_LIMIT_CLOSED) };

static struct lane_config config_of(enum lane_feedback feedback, enum lane_auto_close auto_close)
{
    struct lane_config config = world_config();
    config.wired = ALL_INPUTS & ~(OPEN | CLOSED);
    config.wired |= feedback == FEEDBACK_BOTH || feedback == FEEDBACK_OPEN ? OPEN : 0;
    config.wired |= feedback == FEEDBACK_BOTH || feedback == FEEDBACK_CLOSED ? CLOSED : 0;
    config.feedback = feedback;
    config.auto_close = auto_close;
    if (feedback == FEEDBACK_NONE) {
        config.mode = LANE_NORMALLY_OPEN;
        config.outputs_wired &= ~OUTPUT_BIT(OUTPUT_LOWER);
    }
    return config;
}

static void whole(struct world *w, enum lane_feedback feedback, enum lane_auto_close auto_close)
{
    struct lane_config config = config_of(feedback, auto_close);
    world_init(w, &config);
}

static bool presumed(const struct world *w)
{
    struct lane_status status;
    lane_status_of(&w->config, &w->state, &status);
    return status.boom_presumed;
}

/* ---- one limit or none ---- */

static void test_closed_limit_alone_confirms_a_raise_by_time(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_CLOSED, AUTO_CLOSE_NONE);
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(w.raises, 1);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, w.config.travel_ms - 400);
    assert_int_equal(w.state.boom, BOOM_RAISING);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    world_run(&w, 600);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    assert_true(presumed(&w));
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    assert_false(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
    assert_int_equal(w.raises, 1);
}

static void test_closed_limit_alone_knows_nothing_of_its_own_closing(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_CLOSED, AUTO_CLOSE_LOOP);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, w.config.travel_ms + 200);
    world_drives_through(&w);
    assert_int_equal(w.state.boom, BOOM_UNKNOWN);
    world_passage(&w, false, 3); /* raised for anew: it may be half down */
    world_arrives(&w);
    assert_int_equal(w.raises, 2);
}

static void test_boom_that_stays_closed_is_unconfirmed(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_CLOSED, AUTO_CLOSE_NONE);
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    world_run(&w, w.config.travel_ms + 200);
    assert_true(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    assert_false(presumed(&w));
}

static void test_open_limit_alone_confirms_a_raise(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_OPEN, AUTO_CLOSE_LOOP);
    assert_int_equal(w.state.boom, BOOM_UNKNOWN);
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    world_run(&w, w.config.travel_ms + 200);
    assert_true(world_alarm(&w, EVENT_LANE_UNCONFIRMED)); /* time alone does not */
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    world_inputs(&w, OPEN, 0);
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    assert_false(presumed(&w));
    assert_false(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
}

/* Its own closing begins where the limit says so and ends by time. */
static void test_open_limit_alone_presumes_closed(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_OPEN, AUTO_CLOSE_LOOP);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_inputs(&w, OPEN, 0);
    world_run(&w, 200);
    world_drives_through(&w);
    world_inputs(&w, 0, OPEN);
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_LOWERING);
    world_run(&w, w.config.travel_ms);
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    assert_true(presumed(&w));
    assert_false(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    world_inputs(&w, OPEN, 0); /* up again without an order */
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void test_no_limit_shows_no_position(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_NONE, AUTO_CLOSE_NONE);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    for (uint32_t vehicle = 1; vehicle <= 5; vehicle++) { /* each gets its raise, once */
        world_passage(&w, false, 3);
        world_arrives(&w);
        assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
        world_run(&w, w.config.travel_ms + 200);
        assert_int_equal(w.raises, vehicle);
        assert_int_equal(w.state.boom, BOOM_UNKNOWN);
        assert_false(presumed(&w));
        assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
        world_drives_through(&w);
        assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    }
    assert_false(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    assert_false(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
}

static void test_hits_still_stop_where_nothing_reports_the_boom(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_NONE, AUTO_CLOSE_NONE);
    (void)world_hold_one(&w, 2);
    assert_true(world_alarm(&w, EVENT_LANE_HELD));
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    world_run(&w, 2000);
    assert_int_equal(w.raises, 0);
}

static void test_order_that_fails_is_a_fault_without_limits_too(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_NONE, AUTO_CLOSE_NONE);
    struct lane_act_event event = {.act = 1, .kind = LANE_ACT_RAISE};
    world_act(&w, &event);
    struct lane_event outcome = {.kind = LANE_EVENT_OUTCOME};
    outcome.u.outcome =
        (struct lane_outcome){.order_id = w.state.motion_order, .lane = 1, .result = ORDER_FAILED};
    world_take(&w, &outcome);
    assert_true(world_alarm(&w, EVENT_LANE_ORDER_FAILED));
}

static void test_presumption_ends_with_contact_and_safety_inputs(void **state)
{
    (void)state;
    for (int what = 0; what < 5; what++) {
        struct world w;
        whole(&w, FEEDBACK_CLOSED, AUTO_CLOSE_NONE);
        (void)world_nameless_done(&w, LANE_ACT_RAISE);
        world_inputs(&w, 0, CLOSED);
        world_run(&w, w.config.travel_ms + 200);
        assert_int_equal(w.state.presumed, PRESUMED_OPEN);
        if (what == 0) {
            world_lose_contact(&w);
        } else if (what == 1) {
            world_inputs(&w, INPUT_BIT(INPUT_LOCAL_CONTROL), 0);
        } else if (what == 2) {
            world_inputs(&w, INPUT_BIT(INPUT_FAULT), 0);
        } else if (what == 3) {
            (void)world_nameless_done(&w, LANE_ACT_STOP);
        } else {
            world_inputs(&w, 0, INPUT_BIT(INPUT_MAINS_OK));
        }
        world_run(&w, 100);
        assert_int_equal(w.state.presumed, PRESUMED_NOTHING);
    }
}

static void test_closed_limit_alone_sees_foreign_motion(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_CLOSED, AUTO_CLOSE_NONE);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    whole(&w, FEEDBACK_CLOSED, AUTO_CLOSE_NONE);
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, w.config.travel_ms + 200);
    world_inputs(&w, CLOSED, 0);
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void refused(struct lane_config config, const char *words)
{
    struct err_text err = {{0}};
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    if (!strstr(err.text, words)) {
        fail_msg("'%s' does not say '%s'", err.text, words);
    }
}

static void test_feedback_in_the_configuration(void **state)
{
    (void)state;
    struct lane_config config = config_of(FEEDBACK_NONE, AUTO_CLOSE_NONE);
    config.mode = LANE_NORMALLY_CLOSED;
    refused(config, "cannot hold by not raising");
    config.mode = LANE_CHECK_POINT;
    refused(config, "cannot hold by not raising");
    config = config_of(FEEDBACK_NONE, AUTO_CLOSE_NONE);
    config.outputs_wired |= OUTPUT_BIT(OUTPUT_LOWER);
    refused(config, "raise only");
    for (int feedback = FEEDBACK_BOTH; feedback <= FEEDBACK_NONE; feedback++) {
        for (int limit = INPUT_LIMIT_OPEN; limit <= INPUT_LIMIT_CLOSED; limit++) {
            config = config_of((enum lane_feedback)feedback, AUTO_CLOSE_NONE);
            config.wired ^= INPUT_BIT(limit);
            refused(config, "not the limit switches of feedback");
        }
    }
    for (int feedback = FEEDBACK_OPEN; feedback <= FEEDBACK_CLOSED; feedback++) {
        config = config_of((enum lane_feedback)feedback, AUTO_CLOSE_NONE);
        config.lower_automatically = true;
        config.person_device = true;
        config.vehicle_detector = true;
        refused(config, "feedback 'both'");
    }
}

/* ---- a timer that closes ---- */

static void opens(struct world *w)
{
    (void)world_nameless_done(w, LANE_ACT_RAISE);
    world_boom_opens(w);
    assert_int_equal(w->state.boom, BOOM_OPEN);
}

static bool closes_foreign(struct world *w)
{
    world_inputs(w, 0, OPEN);
    world_run(w, STEP_MS);
    return world_alarm(w, EVENT_LANE_FOREIGN_MOTION);
}

static void test_timer_closes_within_its_time_from_open(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_TIMER);
    opens(&w);
    world_run(&w, w.config.auto_close_ms - 400);
    assert_false(closes_foreign(&w));
    world_run(&w, 1000);
    world_inputs(&w, CLOSED, 0);
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    assert_int_equal(w.stops, 0);
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_TIMER);
    opens(&w);
    world_run(&w, w.config.auto_close_ms + 400);
    assert_true(closes_foreign(&w));
}

static void test_timer_counts_anew_when_its_loop_clears(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_TIMER);
    opens(&w);
    world_run(&w, w.config.auto_close_ms - 2000);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), 0);
    world_run(&w, 5000);
    world_inputs(&w, 0, INPUT_BIT(INPUT_PRESENCE));
    world_run(&w, w.config.auto_close_ms - 400);
    assert_false(closes_foreign(&w));
}

static void test_timer_never_closes_onto_somebody(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_TIMER);
    opens(&w);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), 0);
    world_run(&w, 200);
    assert_true(closes_foreign(&w));
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_TIMER);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), 0);
    opens(&w); /* over somebody from the start */
    assert_true(closes_foreign(&w));
}

static void test_barrier_that_declares_no_closing_does_none(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_NONE);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_boom_opens(&w);
    world_drives_through(&w);
    assert_true(closes_foreign(&w));
}

/* Seen closing only where it ends. */
static void test_timer_with_the_closed_limit_alone(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world w;
        whole(&w, FEEDBACK_CLOSED, AUTO_CLOSE_TIMER);
        (void)world_nameless_done(&w, LANE_ACT_RAISE);
        world_inputs(&w, 0, CLOSED);
        world_run(&w, w.config.travel_ms + 200);
        world_run(&w, (int64_t)w.config.auto_close_ms + w.config.travel_ms + (late ? 400 : -600));
        world_inputs(&w, CLOSED, 0);
        world_run(&w, 200);
        assert_int_equal(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION), late);
    }
}

static void test_timer_lane_does_not_lower_besides(void **state)
{
    (void)state;
    struct lane_config config = config_of(FEEDBACK_BOTH, AUTO_CLOSE_TIMER);
    config.lower_automatically = true;
    config.person_device = true;
    config.vehicle_detector = true;
    refused(config, "two cannot close one boom");
}

/* ---- limits that bounce or contradict ---- */

static void test_limit_that_bounces_when_left_is_no_motion(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_NONE);
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    for (int i = 0; i < 3; i++) {
        world_inputs(&w, i % 2 ? CLOSED : 0, i % 2 ? 0 : CLOSED);
        world_run(&w, STEP_MS);
    }
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.stops, 0);
    world_run(&w, 1000); /* later it is no bounce */
    world_inputs(&w, CLOSED, 0);
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

/* The closing has just ended, its limit still bounces, and somebody raises. */
static void test_raise_while_the_lower_limit_bounces_is_no_foreign_motion(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_TIMER);
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, STEP_MS);
    world_inputs(&w, OPEN, 0);
    world_run(&w, 200);
    world_inputs(&w, 0, OPEN); /* it closes by itself */
    world_run(&w, 200);
    world_inputs(&w, CLOSED, 0);
    world_run(&w, STEP_MS);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, STEP_MS);
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    world_inputs(&w, CLOSED, 0);
    world_run(&w, STEP_MS);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.stops, 0);
}

/* Foreign motion leaves the limit, an officer raises: the limit's bounce does not undo the raise.
 */
static void test_limit_left_by_others_may_bounce_into_a_raise(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_NONE);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.stops, 1);
    assert_int_equal(world_nameless_done(&w, LANE_ACT_EMERGENCY_RAISE), LANE_REFUSAL_NONE);
    for (int i = 0; i < 2; i++) {
        world_inputs(&w, i % 2 ? 0 : CLOSED, i % 2 ? CLOSED : 0);
        world_run(&w, STEP_MS);
    }
    assert_int_equal(w.stops, 1);
    assert_int_equal(w.state.boom, BOOM_RAISING);
}

static void test_both_limits_are_a_fault_and_no_motion(void **state)
{
    (void)state;
    struct world w;
    whole(&w, FEEDBACK_BOTH, AUTO_CLOSE_NONE);
    world_inputs(&w, OPEN, 0);
    world_run(&w, 200);
    assert_true(world_alarm(&w, EVENT_LANE_BARRIER_FAULT));
    assert_int_equal(w.state.boom, BOOM_FAULT);
    world_inputs(&w, 0, OPEN);
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    assert_false(world_alarm(&w, EVENT_LANE_BARRIER_FAULT));
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.raises + w.lowers + w.stops, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_limit_alone_confirms_a_raise_by_time),
        cmocka_unit_test(test_closed_limit_alone_knows_nothing_of_its_own_closing),
        cmocka_unit_test(test_boom_that_stays_closed_is_unconfirmed),
        cmocka_unit_test(test_open_limit_alone_confirms_a_raise),
        cmocka_unit_test(test_open_limit_alone_presumes_closed),
        cmocka_unit_test(test_no_limit_shows_no_position),
        cmocka_unit_test(test_hits_still_stop_where_nothing_reports_the_boom),
        cmocka_unit_test(test_order_that_fails_is_a_fault_without_limits_too),
        cmocka_unit_test(test_presumption_ends_with_contact_and_safety_inputs),
        cmocka_unit_test(test_closed_limit_alone_sees_foreign_motion),
        cmocka_unit_test(test_feedback_in_the_configuration),
        cmocka_unit_test(test_timer_closes_within_its_time_from_open),
        cmocka_unit_test(test_timer_counts_anew_when_its_loop_clears),
        cmocka_unit_test(test_timer_never_closes_onto_somebody),
        cmocka_unit_test(test_barrier_that_declares_no_closing_does_none),
        cmocka_unit_test(test_timer_with_the_closed_limit_alone),
        cmocka_unit_test(test_timer_lane_does_not_lower_besides),
        cmocka_unit_test(test_limit_that_bounces_when_left_is_no_motion),
        cmocka_unit_test(test_raise_while_the_lower_limit_bounces_is_no_foreign_motion),
        cmocka_unit_test(test_limit_left_by_others_may_bounce_into_a_raise),
        cmocka_unit_test(test_both_limits_are_a_fault_and_no_motion)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
