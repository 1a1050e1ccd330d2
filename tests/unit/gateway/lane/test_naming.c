/* Who stands at the boom while one that is to be held waits behind: named, or let through by nobody
 * but an officer. */
#include "lane_world.h"

/* A cleared vehicle stands at the boom, a wanted one is on its way behind it. */
static void two_come(struct world *w, const struct lane_config *config)
{
    world_init(w, config);
    world_passage(w, false, 3);
    world_passage(w, true, 2);
    assert_int_equal(world_record(w, LANE_RECORD_HOLD_WAITING)->place, 1);
    world_arrives(w);
}

static void seen(struct world *w, uint64_t passage)
{
    struct lane_event event = {.kind = LANE_EVENT_SEEN_AT_BOOM, .u.seen_at_boom = passage};
    world_take(w, &event);
}

static void officer_raises(struct world *w)
{
    assert_int_equal(world_named(w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
    const struct lane_record *record = world_record(w, LANE_RECORD_RAISE);
    assert_non_null(record);
    assert_int_equal(record->passage, 1);
    assert_int_equal(w->raises, 0);
    world_commit(w, record->commit, true);
    assert_int_equal(w->raises, 1);
}

static void test_an_officer_is_asked_and_raises(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    two_come(&w, &config);
    world_run(&w, config.read_missing_ms - 400);
    assert_false(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    world_run(&w, 400);
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    assert_int_equal(world_named(&w, LANE_ACT_ACK), LANE_REFUSAL_NONE);
    world_run(&w, 10000);
    assert_int_equal(w.raises, 0); /* an acknowledgement says not who it is */
    officer_raises(&w);
    world_boom_opens(&w);
    world_drives_through(&w);
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 1);
}

static void test_a_boom_camera_names_it(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    two_come(&w, &config);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
    seen(&w, 1);
    assert_int_equal(w.raises, 1);
    world_run(&w, config.read_missing_ms);
    assert_false(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
}

/* The cleared one turned away, and the wanted one came in its place. */
static void test_a_boom_camera_that_sees_the_wanted_one_holds_it(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    two_come(&w, &config);
    seen(&w, 2);
    assert_int_equal(w.state.hold_count, 1);
    assert_int_equal(w.state.holds[0].passage, 2);
    world_run(&w, 10000);
    assert_int_equal(w.raises, 0);
}

/* No second vehicle fits between its camera and the boom. */
static void test_a_near_camera_needs_nobody(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.camera_to_boom_m = LANE_DIRECT_MAX_M;
    two_come(&w, &config);
    assert_int_equal(w.raises, 1);
}

static void test_the_officers_raise_is_recorded_first(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    two_come(&w, &config);
    world_act(&w, &(struct lane_act_event){.act = 1, .kind = LANE_ACT_RAISE});
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_NAMED);
    officer_raises(&w);
}

/* Open still behind the vehicle before: no green light either. */
static void test_an_open_boom_shows_red_to_the_unnamed(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.auto_close = AUTO_CLOSE_NONE;
    world_init(&w, &config);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_boom_opens(&w);
    world_passage(&w, false, 3);
    world_passage(&w, true, 2);
    world_drives_through(&w);
    world_arrives(&w);
    assert_true(w.state.lights == OUTPUT_BIT(OUTPUT_RED));
    seen(&w, 2);
    world_run(&w, 200);
    assert_true(w.state.lights == OUTPUT_BIT(OUTPUT_GREEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_officer_is_asked_and_raises),
        cmocka_unit_test(test_a_boom_camera_names_it),
        cmocka_unit_test(test_a_boom_camera_that_sees_the_wanted_one_holds_it),
        cmocka_unit_test(test_a_near_camera_needs_nobody),
        cmocka_unit_test(test_the_officers_raise_is_recorded_first),
        cmocka_unit_test(test_an_open_boom_shows_red_to_the_unnamed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
