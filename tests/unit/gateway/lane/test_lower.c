/* Automatic lowering: each condition of rules 1, 4 and 7 in the case in which it alone decides. */
#include "lane_world.h"

static void open_for_one(struct world *w)
{
    world_passage(w, false, 3);
    world_arrives(w);
    world_boom_opens(w);
}

/* The vehicle goes through; left, but the time to be clear is not over. */
static void goes_through(struct world *w)
{
    world_inputs(w, INPUT_BIT(INPUT_PRESENCE), INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(w, 200);
    world_inputs(w, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_PRESENCE));
    world_run(w, 200);
    world_inputs(w, 0, INPUT_BIT(INPUT_EXIT_LOOP));
    world_run(w, 1400);
}

static void test_lower_waits_until_clear(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    open_for_one(&w);
    goes_through(&w); /* free under the boom for 1600 ms of 3000 */
    int64_t ms = world_until_lower_asked(&w);
    assert_in_range(ms, 1300, 1600);
    assert_int_equal(w.lowers, 0);
    world_commit(&w, world_lower_asked(&w), true);
    assert_int_equal(w.lowers, 1);
}

enum spoiler {
    EXIT_BUSY,
    PERSON_SICK,
    DETECTOR_SICK,
    TEST_OVER,
    TEST_NONE,
    LOST_CONTACT,
    STOPPED,
    SPOILERS
};

static void spoil(struct world *w, enum spoiler what)
{
    static const struct lane_act_event stop = {.act = 9, .kind = LANE_ACT_STOP};
    switch (what) {
    case EXIT_BUSY:
        world_inputs(w, INPUT_BIT(INPUT_EXIT_LOOP), 0);
        break;
    case PERSON_SICK:
        world_inputs(w, 0, INPUT_BIT(INPUT_PERSON_OK));
        break;
    case DETECTOR_SICK:
        world_inputs(w, 0, INPUT_BIT(INPUT_DETECTOR_OK));
        break;
    case TEST_OVER:
        world_guided(w, 500);
        break;
    case TEST_NONE:
        world_guided(w, 0);
        break;
    case LOST_CONTACT:
        world_lose_contact(w);
        break;
    case STOPPED:
        world_act(w, &stop);
        break;
    case SPOILERS:
        break;
    }
}

static void test_each_condition_alone_prevents_a_lower(void **state)
{
    (void)state;
    for (int what = 0; what < SPOILERS; what++) {
        struct world w;
        struct lane_config config = world_lowering_config();
        world_lowering_init(&w, &config);
        open_for_one(&w);
        goes_through(&w);
        assert_int_equal(world_lower_asked(&w), 0);
        spoil(&w, (enum spoiler)what);
        if (world_until_lower_asked(&w) >= 0) {
            fail_msg("a lower was asked for in case %d", what);
        }
    }
}

static void test_condition_lost_between_question_and_answer(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    open_for_one(&w);
    goes_through(&w);
    assert_true(world_until_lower_asked(&w) >= 0);
    uint64_t commit = world_lower_asked(&w);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), 0);
    world_scan(&w);
    world_commit(&w, commit, true);
    assert_int_equal(w.lowers, 0);
    assert_int_equal(world_record(&w, LANE_RECORD_REFUSED)->refusal, LANE_REFUSAL_NOT_CLEAR);
}

static void test_no_lower_in_a_lane_that_declares_none(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    config.lower_automatically = false;
    world_lowering_init(&w, &config);
    open_for_one(&w);
    goes_through(&w);
    assert_int_equal(world_until_lower_asked(&w), -1);
}

static void test_no_lower_behind_nobody(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_RAISE};
    world_act(&w, &act);
    world_done(&w);
    world_boom_opens(&w);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    assert_int_equal(world_until_lower_asked(&w), -1);
}

/* Open for a vehicle that is then held: it has not passed, the boom stays up. */
static void test_no_lower_before_the_vehicle_has_passed(void **state)
{
    (void)state;
    static const struct lane_act_event hold = {.act = 1, .kind = LANE_ACT_HOLD};
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    open_for_one(&w);
    world_act(&w, &hold);
    assert_int_equal(world_until_lower_asked(&w), -1);
}

static void test_no_lower_of_a_boom_found_open_after_start(void **state)
{
    (void)state;
    struct world w = {.config = world_lowering_config(), .now = {1000}};
    lane_init(&w.config, &w.state, 100, w.now);
    w.active = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_MAINS_OK) | DETECTORS_OK;
    world_scan(&w);
    world_list(&w, true);
    world_guided(&w, 1000000);
    world_run(&w, w.config.transit_max_ms + 200);
    goes_through(&w);
    assert_int_equal(world_until_lower_asked(&w), -1);
}

/* Open again after lost contact, and a vehicle goes through: its position is known, not how. */
static void test_no_lower_after_lost_contact_until_raised_again(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    open_for_one(&w);
    spoil(&w, LOST_CONTACT);
    world_run(&w, 500);
    goes_through(&w);
    assert_int_equal(world_until_lower_asked(&w), -1);
}

static void test_no_lower_while_the_raise_coil_may_be_on(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    config.clear_ms = 1000;
    config.exit_gap_ms = 20;
    config.order_life_ms = 5000;
    world_lowering_init(&w, &config);
    world_passage(&w, false, 3);
    world_arrives(&w);
    struct mono_time raised = w.now;
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_OPEN), INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, 100);
    goes_through(&w);
    assert_true(world_until_lower_asked(&w) >= 0);
    assert_true(mono_diff_ms(w.now, raised) >= 5000); /* its order may come that late */
}

/* The fault is gone on the wire and not yet for the time that counts; no scan tells of it again. */
static void test_no_lower_after_a_raise_confirmed_under_a_fault(void **state)
{
    (void)state;
    static const struct lane_act_event emergency = {.act = 9, .kind = LANE_ACT_EMERGENCY_RAISE};
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    open_for_one(&w);
    world_inputs(&w, INPUT_BIT(INPUT_FAULT), 0);
    world_run(&w, 200);
    world_act(&w, &emergency);
    world_done(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_FAULT));
    world_scan(&w);
    assert_int_equal(w.state.motion, MOTION_NONE); /* confirmed */
    w.now = mono_add_ms(w.now, config.debounce_ms);
    world_event(&w, LANE_EVENT_TICK);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    goes_through(&w);
    assert_int_equal(world_until_lower_asked(&w), -1);
}

static void test_raise_switches_a_lower_off_first(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    open_for_one(&w);
    goes_through(&w);
    assert_true(world_until_lower_asked(&w) >= 0);
    world_commit(&w, world_lower_asked(&w), true);
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_EMERGENCY_RAISE};
    world_act(&w, &act);
    assert_true(w.out.order_count >= 2);
    assert_int_equal(w.out.orders[0].order.output, OUTPUT_LOWER);
    assert_false(w.out.orders[0].order.on);
    assert_int_equal(w.out.orders[w.out.order_count - 1].order.output, OUTPUT_RAISE);
}

/* Raised on the battery and confirmed: up it may go, down it does not come. */
static void test_no_lower_on_the_battery(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    world_inputs(&w, 0, INPUT_BIT(INPUT_MAINS_OK));
    world_run(&w, 200);
    open_for_one(&w);
    assert_int_equal(w.raises, 1);
    goes_through(&w);
    assert_int_equal(world_until_lower_asked(&w), -1);
}

static void refused_with(struct lane_config config, const char *words)
{
    struct err_text err = {{0}};
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    if (!strstr(err.text, words)) {
        fail_msg("'%s' does not say '%s'", err.text, words);
    }
}

static void test_rule_7_in_the_configuration(void **state)
{
    (void)state;
    struct lane_config config = world_lowering_config();
    config.person_device = false;
    refused_with(config, "person-capable");
    config = world_lowering_config();
    config.wired &= ~INPUT_BIT(INPUT_OBSTACLE);
    refused_with(config, "person-capable");
    config = world_lowering_config();
    config.vehicle_detector = false;
    refused_with(config, "no induction loop");
    config = world_lowering_config();
    config.wired &= ~INPUT_BIT(INPUT_DETECTOR_OK);
    refused_with(config, "health contacts");
    config = world_lowering_config();
    config.auto_close = AUTO_CLOSE_LOOP;
    refused_with(config, "two cannot close one boom");
    config = world_lowering_config();
    config.mode = LANE_NORMALLY_OPEN;
    refused_with(config, "normally_closed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lower_waits_until_clear),
        cmocka_unit_test(test_each_condition_alone_prevents_a_lower),
        cmocka_unit_test(test_condition_lost_between_question_and_answer),
        cmocka_unit_test(test_no_lower_in_a_lane_that_declares_none),
        cmocka_unit_test(test_no_lower_behind_nobody),
        cmocka_unit_test(test_no_lower_before_the_vehicle_has_passed),
        cmocka_unit_test(test_no_lower_of_a_boom_found_open_after_start),
        cmocka_unit_test(test_no_lower_after_lost_contact_until_raised_again),
        cmocka_unit_test(test_no_lower_while_the_raise_coil_may_be_on),
        cmocka_unit_test(test_no_lower_after_a_raise_confirmed_under_a_fault),
        cmocka_unit_test(test_raise_switches_a_lower_off_first),
        cmocka_unit_test(test_no_lower_on_the_battery),
        cmocka_unit_test(test_rule_7_in_the_configuration)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
