/* Fire raise, panic, cabinet door, mains; who stands unread and who is blocked. */
#include "lane_world.h"

static void whole(struct world *w)
{
    struct lane_config config = world_config();
    config.wired = ALL_INPUTS;
    config.auto_close = AUTO_CLOSE_NONE;
    world_init(w, &config);
}

static void scan_once(struct world *w)
{
    w->now = mono_add_ms(w->now, STEP_MS);
    world_scan(w);
}

static bool told(const struct world *w, enum log_event_id event, bool active)
{
    for (uint32_t i = 0; i < w->out.alarm_count; i++) {
        if (w->out.alarms[i].event == event && w->out.alarms[i].active == active) {
            return true;
        }
    }
    return false;
}

/* ---- fire raise ---- */

/* With everything else gone: no list, no matching, no journal, a held vehicle, a fault. */
static void test_fire_raises_on_the_scan_that_shows_it(void **state)
{
    (void)state;
    struct world w;
    struct lane_event journal = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = false};
    whole(&w);
    uint64_t hold = world_hold_one(&w, 1);
    world_list(&w, false);
    world_event(&w, LANE_EVENT_MATCH_LOST);
    world_take(&w, &journal);
    world_inputs(&w, INPUT_BIT(INPUT_FIRE_RAISE) | INPUT_BIT(INPUT_FAULT), 0);
    scan_once(&w);
    assert_int_equal(w.raises, 1);
    for (uint32_t i = 0; i < w.out.order_count; i++) {
        if (w.out.orders[i].order.output == OUTPUT_RAISE) {
            assert_true(w.out.orders[i].order.emergency);
            assert_int_equal(w.out.orders[i].cause, LANE_CAUSE_FIRE);
        }
    }
    assert_true(told(&w, EVENT_LANE_FIRE_RAISE, true));
    assert_non_null(world_record(&w, LANE_RECORD_FIRE_RAISE));
    assert_int_equal(w.state.holds[0].id, hold);
}

static void test_rule_3_withstands_a_fire_raise(void **state)
{
    (void)state;
    static const enum lane_input inputs[] = {INPUT_LOCAL_CONTROL, INPUT_EMERGENCY_STOP};
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        whole(&w);
        world_inputs(&w, INPUT_BIT(INPUT_FIRE_RAISE) | INPUT_BIT(inputs[i]), 0);
        world_run(&w, 1000);
        assert_int_equal(w.raises, 0);
        assert_true(world_alarm(&w, EVENT_LANE_FIRE_RAISE));
        world_inputs(&w, 0, INPUT_BIT(inputs[i]));
        world_run(&w, 200);
        assert_int_equal(w.raises, 1);
    }
}

static void test_fire_raise_stays_until_acknowledged(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, INPUT_BIT(INPUT_FIRE_RAISE), 0);
    world_run(&w, STEP_MS);
    world_boom_opens(&w);
    (void)world_nameless(&w, LANE_ACT_ACK); /* it still burns */
    assert_true(world_alarm(&w, EVENT_LANE_FIRE_RAISE));
    world_inputs(&w, 0, INPUT_BIT(INPUT_FIRE_RAISE));
    world_run(&w, 1000);
    assert_true(world_alarm(&w, EVENT_LANE_FIRE_RAISE));
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN)); /* somebody lowers it */
    world_run(&w, 100);
    assert_int_equal(w.raises, 2);
    (void)world_nameless(&w, LANE_ACT_ACK);
    assert_false(world_alarm(&w, EVENT_LANE_FIRE_RAISE));
}

static void test_fire_raise_that_fails_goes_on(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, INPUT_BIT(INPUT_FIRE_RAISE), 0);
    world_run(&w, w.config.travel_ms + 200);
    assert_true(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
    assert_int_equal(w.raises, 2);
    world_lose_contact(&w);
    world_run(&w, w.config.travel_ms + 200);
    assert_true(w.raises >= 3);
}

static void test_stop_beats_fire_and_fire_ends_an_earlier_stop(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_STOP);
    world_inputs(&w, INPUT_BIT(INPUT_FIRE_RAISE), 0);
    world_run(&w, 100);
    assert_int_equal(w.raises, 1);
    (void)world_nameless(&w, LANE_ACT_STOP); /* somebody hangs in the boom */
    world_run(&w, 1000);
    assert_int_equal(w.raises, 1);
}

static void test_end_of_a_fire_raise_lowers_nothing(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.auto_close = AUTO_CLOSE_NONE;
    config.lower_automatically = true;
    config.person_device = true;
    config.vehicle_detector = true;
    world_init(&w, &config);
    struct lane_event test = {.kind = LANE_EVENT_GUIDED_TEST, .u.guided_test_valid_ms = 1000000};
    world_take(&w, &test);
    world_inputs(
        &w, INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK) | INPUT_BIT(INPUT_FIRE_RAISE),
        0);
    world_run(&w, STEP_MS);
    world_boom_opens(&w);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_drives_through(&w);
    world_run(&w, 10000);
    world_inputs(&w, 0, INPUT_BIT(INPUT_FIRE_RAISE));
    world_run(&w, 200);
    (void)world_nameless(&w, LANE_ACT_ACK);
    world_run(&w, 10000);
    assert_int_equal(w.state.commits[0].kind, COMMIT_NONE);
    assert_int_equal(w.lowers, 0);
}

/* ---- panic, cabinet ---- */

static void test_panic_tells_officers_and_nobody_outside(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, INPUT_BIT(INPUT_PANIC), 0);
    scan_once(&w);
    assert_true(told(&w, EVENT_LANE_PANIC, true));
    assert_int_equal(w.out.order_count, 0); /* no lamp, no siren, no strobe, no boom */
    world_inputs(&w, 0, INPUT_BIT(INPUT_PANIC));
    world_run(&w, 1000);
    assert_true(world_alarm(&w, EVENT_LANE_PANIC));
    (void)world_nameless(&w, LANE_ACT_ACK);
    assert_false(world_alarm(&w, EVENT_LANE_PANIC));
    assert_int_equal(w.out.order_count, 0);
}

static void test_open_cabinet_is_an_alarm(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, INPUT_BIT(INPUT_CABINET_DOOR), 0);
    world_run(&w, 200);
    assert_true(world_alarm(&w, EVENT_LANE_CABINET_DOOR));
    world_inputs(&w, 0, INPUT_BIT(INPUT_CABINET_DOOR));
    world_run(&w, 200);
    assert_false(world_alarm(&w, EVENT_LANE_CABINET_DOOR));
}

/* ---- mains ---- */

static void test_mains_loss_is_told_and_recorded_and_raises_go_on(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    w.state.lower_blocked = false;
    world_inputs(&w, 0, INPUT_BIT(INPUT_MAINS_OK));
    scan_once(&w);
    assert_true(told(&w, EVENT_LANE_MAINS_LOST, true));
    assert_non_null(world_record(&w, LANE_RECORD_MAINS_LOST));
    assert_true(w.state.lower_blocked);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(w.raises, 1);
    world_inputs(&w, INPUT_BIT(INPUT_MAINS_OK), 0);
    world_run(&w, 200);
    assert_false(world_alarm(&w, EVENT_LANE_MAINS_LOST));
}

static void test_position_is_unknown_when_mains_come_back(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_MAINS_OK) | INPUT_BIT(INPUT_LIMIT_CLOSED));
    scan_once(&w);
    assert_int_equal(w.state.boom, BOOM_UNKNOWN);
    world_inputs(&w, INPUT_BIT(INPUT_MAINS_OK), 0);
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_UNKNOWN);
    assert_true(w.state.lower_blocked);
}

static void test_lower_of_ours_stops_when_mains_go(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    w.state.motion = MOTION_LOWER;
    world_inputs(&w, 0, INPUT_BIT(INPUT_MAINS_OK) | INPUT_BIT(INPUT_LIMIT_CLOSED));
    scan_once(&w);
    assert_int_equal(w.stops, 1);
}

static void test_lane_without_a_mains_input_is_not_on_battery(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.wired &= ~INPUT_BIT(INPUT_MAINS_OK);
    world_init(&w, &config);
    assert_false(world_alarm(&w, EVENT_LANE_MAINS_LOST));
}

/* ---- unread, blocked ---- */

static uint32_t retriggers(struct world *w, int64_t ms)
{
    uint32_t count = 0;
    for (int64_t t = 0; t < ms; t += STEP_MS) {
        w->now = mono_add_ms(w->now, STEP_MS);
        world_event(w, LANE_EVENT_MATCH_ALIVE);
        count += world_record(w, LANE_RECORD_RETRIGGER) != NULL;
        world_scan(w);
        count += world_record(w, LANE_RECORD_RETRIGGER) != NULL;
    }
    return count;
}

static void test_unread_vehicle_triggers_the_camera_then_asks(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_arrives(&w);
    assert_int_equal(retriggers(&w, w.config.read_missing_ms - 400), 0);
    assert_int_equal(retriggers(&w, 500), 1);
    assert_false(world_alarm(&w, EVENT_LANE_READ_MISSING));
    assert_int_equal(retriggers(&w, w.config.read_missing_ms), 0);
    assert_true(world_alarm(&w, EVENT_LANE_READ_MISSING));
    assert_int_equal(retriggers(&w, 20000), 0); /* once a vehicle */
    world_drives_through(&w);
    assert_false(world_alarm(&w, EVENT_LANE_READ_MISSING));
    world_arrives(&w); /* the next one anew */
    assert_int_equal(retriggers(&w, w.config.read_missing_ms + 200), 1);
}

static void test_a_read_in_time_asks_nobody(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_arrives(&w);
    assert_int_equal(retriggers(&w, 1000), 0);
    world_passage(&w, false, 3);
    assert_int_equal(retriggers(&w, 10000), 0);
    assert_false(world_alarm(&w, EVENT_LANE_READ_MISSING));
}

/* Where the order of vehicles is lost or the camera looks at the boom, the loops say it. */
static void test_somebody_on_a_loop_of_unknown_order(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.wired &= ~(INPUT_BIT(INPUT_ENTRY_LOOP) | INPUT_BIT(INPUT_EXIT_LOOP));
    config.camera_to_boom_m = 4;
    world_init(&w, &config);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), 0);
    assert_int_equal(retriggers(&w, config.read_missing_ms + 200), 1);
}

static void test_nobody_is_asked_while_it_makes_no_sense(void **state)
{
    (void)state;
    for (int what = 0; what < 3; what++) {
        struct world w;
        whole(&w);
        if (what == 0) {
            (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
        } else if (what == 1) {
            w.state.convoy_act = 1;
        }
        world_arrives(&w);
        if (what == 2) { /* an officer opens for it */
            (void)world_nameless(&w, LANE_ACT_RAISE);
        }
        assert_int_equal(retriggers(&w, 4000), 0);
    }
}

static uint64_t exempt_read(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    event.u.passage.passage = ++w->passages;
    decision_init(&event.u.passage.decision);
    event.u.passage.authenticity = AUTH_TAG;
    event.u.passage.exempt = true;
    world_take(w, &event);
    return event.u.passage.passage;
}

static void test_exempt_vehicle_behind_a_held_one_is_named(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    uint64_t hold = world_hold_one(&w, 2);
    world_passage(&w, false, 3); /* not exempt: waits like anybody */
    assert_false(world_alarm(&w, EVENT_LANE_BLOCKED_EXEMPT));
    uint64_t passage = exempt_read(&w);
    assert_true(told(&w, EVENT_LANE_BLOCKED_EXEMPT, true));
    assert_int_equal(w.state.blocked, passage);
    struct lane_status status;
    lane_status_of(&w.config, &w.state, &status);
    assert_int_equal(status.blocked_exempt, passage);
    struct lane_act_event release = {
        .act = 1, .kind = LANE_ACT_RELEASE, .hold = hold, .named = true};
    world_act(&w, &release);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit, true);
    assert_true(told(&w, EVENT_LANE_BLOCKED_EXEMPT, false));
}

static void test_exempt_vehicle_behind_an_inspection_is_named(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.mode = LANE_CHECK_POINT;
    world_init(&w, &config);
    world_passage(&w, false, 3);
    uint64_t passage = exempt_read(&w);
    assert_int_equal(w.state.blocked, 0);
    world_arrives(&w);
    assert_int_equal(w.state.blocked, passage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fire_raises_on_the_scan_that_shows_it),
        cmocka_unit_test(test_rule_3_withstands_a_fire_raise),
        cmocka_unit_test(test_fire_raise_stays_until_acknowledged),
        cmocka_unit_test(test_fire_raise_that_fails_goes_on),
        cmocka_unit_test(test_stop_beats_fire_and_fire_ends_an_earlier_stop),
        cmocka_unit_test(test_end_of_a_fire_raise_lowers_nothing),
        cmocka_unit_test(test_panic_tells_officers_and_nobody_outside),
        cmocka_unit_test(test_open_cabinet_is_an_alarm),
        cmocka_unit_test(test_mains_loss_is_told_and_recorded_and_raises_go_on),
        cmocka_unit_test(test_position_is_unknown_when_mains_come_back),
        cmocka_unit_test(test_lower_of_ours_stops_when_mains_go),
        cmocka_unit_test(test_lane_without_a_mains_input_is_not_on_battery),
        cmocka_unit_test(test_unread_vehicle_triggers_the_camera_then_asks),
        cmocka_unit_test(test_a_read_in_time_asks_nobody),
        cmocka_unit_test(test_somebody_on_a_loop_of_unknown_order),
        cmocka_unit_test(test_nobody_is_asked_while_it_makes_no_sense),
        cmocka_unit_test(test_exempt_vehicle_behind_a_held_one_is_named),
        cmocka_unit_test(test_exempt_vehicle_behind_an_inspection_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
