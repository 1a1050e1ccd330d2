/* Who stands at the boom: reads that come late, queues nobody has seen, hits that join a hold. */
#include "lane_world.h"

static struct lane_event passage_event(uint64_t passage)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    event.u.passage.passage = passage;
    decision_init(&event.u.passage.decision);
    event.u.passage.authenticity = AUTH_TAG;
    return event;
}

static void add_hit(struct lane_event *event, uint64_t hit, uint8_t priority, bool holds)
{
    struct lane_passage_event *p = &event->u.passage;
    p->hits[p->hit_count++] =
        (struct lane_hit){.hit = hit, .entry = 9000 + hit, .priority = priority, .holds = holds};
}

/* A second read of the held vehicle brings another entry: the hold stands for both. */
static void test_later_hit_joins_the_hold(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    uint64_t hold = world_hold_one(&w, 2);
    uint64_t first = w.state.holds[0].hits[0].entry;
    struct lane_event again = passage_event(w.passages);
    add_hit(&again, 700, 1, true);
    add_hit(&again, 701, 1, false); /* a suspicion holds nobody */
    world_take(&w, &again);
    const struct lane_record *joined = world_record(&w, LANE_RECORD_HOLD_JOINED);
    assert_non_null(joined);
    assert_int_equal(joined->hold, hold);
    assert_int_equal(joined->hit_count, 2);
    assert_int_equal(joined->priority, 1);
    assert_int_equal(w.state.hold_count, 1);
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_RELEASE, .hold = hold, .named = true};
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_SECOND_PERSON);
    world_withdraw(&w, first);
    assert_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW));
    world_withdraw(&w, 9700);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW));
}

static void test_later_hit_joins_a_waiting_hold(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, true, 3);
    struct lane_event again = passage_event(w.passages);
    add_hit(&again, 700, 1, true);
    world_take(&w, &again);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_JOINED));
    assert_null(world_record(&w, LANE_RECORD_HOLD_WAITING));
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 1);
    assert_int_equal(w.state.holds[0].hit_count, 2);
    assert_int_equal(w.state.holds[0].priority, 1);
}

/* A vehicle stands unread at the boom; the read that follows may be of the one behind it. */
static void test_read_after_an_unread_vehicle_opens_nothing(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_arrives(&w);
    world_passage(&w, false, 3);
    world_run(&w, 3000);
    assert_int_equal(w.raises, 0);
    assert_true(w.state.order_known);
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_RAISE};
    world_act(&w, &act);
    assert_int_equal(w.raises, 1); /* an officer looked */
}

static void test_hit_after_an_unread_vehicle_is_for_an_officer(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_arrives(&w);
    world_passage(&w, true, 2);
    assert_int_equal(w.state.hold_count, 0);
    assert_false(w.state.order_known);
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
}

static void test_near_camera_reads_who_stands_there(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.camera_to_boom_m = LANE_DIRECT_MAX_M;
    world_init(&w, &config);
    world_arrives(&w);
    world_passage(&w, false, 3);
    world_run(&w, 200);
    assert_int_equal(w.raises, 1);
}

/* Order lost while a queue stands before the boom: who is next is not known until it has gone. */
static void test_standing_queue_does_not_make_the_order_known(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_arrives(&w);
    world_event(&w, LANE_EVENT_MATCH_LOST);
    assert_false(w.state.order_known);
    world_run(&w, config.transit_max_ms * 3);
    assert_false(w.state.order_known);
    world_passage(&w, false, 3); /* the last of the queue */
    world_drives_through(&w);    /* an officer let the first one go */
    world_arrives(&w);           /* the second one, unread */
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
    world_drives_through(&w);
    world_run(&w, config.transit_max_ms + 500);
    assert_true(w.state.order_known);
}

/* Somebody wanted is in the lane and nobody knows which one: nobody is let through by itself. */
static void test_nothing_opens_before_the_vehicle_is_confirmed(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, true, 2);
    world_run(&w, config.transit_max_ms + 100); /* it never came */
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    world_run(&w, config.transit_max_ms + 500);
    assert_true(w.state.order_known);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
    struct lane_act_event ack = {.act = 1, .kind = LANE_ACT_ACK};
    world_act(&w, &ack);
    world_run(&w, 100);
    assert_int_equal(w.raises, 1);
}

static void test_held_vehicle_past_exit_is_told_on_the_same_scan(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_hold_one(&w, 2);
    world_inputs(&w, INPUT_BIT(INPUT_EXIT_LOOP), 0);
    w.now = mono_add_ms(w.now, STEP_MS);
    world_scan(&w);
    assert_true(world_alarm(&w, EVENT_LANE_RUN_THROUGH));
    assert_non_null(world_record(&w, LANE_RECORD_RUN_THROUGH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_hit_joins_the_hold),
        cmocka_unit_test(test_later_hit_joins_a_waiting_hold),
        cmocka_unit_test(test_read_after_an_unread_vehicle_opens_nothing),
        cmocka_unit_test(test_hit_after_an_unread_vehicle_is_for_an_officer),
        cmocka_unit_test(test_near_camera_reads_who_stands_there),
        cmocka_unit_test(test_standing_queue_does_not_make_the_order_known),
        cmocka_unit_test(test_nothing_opens_before_the_vehicle_is_confirmed),
        cmocka_unit_test(test_held_vehicle_past_exit_is_told_on_the_same_scan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
