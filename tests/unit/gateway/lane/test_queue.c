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

static void test_held_vehicle_past_exit_is_told_when_contact_comes_back(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_hold_one(&w, 2);
    uint64_t passage = w.state.holds[0].passage;
    world_lose_contact(&w);
    world_inputs(&w, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_ENTRY_LOOP));
    world_scan(&w);
    assert_true(world_alarm(&w, EVENT_LANE_RUN_THROUGH));
    assert_non_null(world_record(&w, LANE_RECORD_RUN_THROUGH));
    assert_int_equal(world_record(&w, LANE_RECORD_RUN_THROUGH)->passage, passage);
}

static void test_contact_coming_back_over_a_free_exit_is_no_run_through(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_hold_one(&w, 2);
    world_lose_contact(&w);
    world_scan(&w);
    world_run(&w, 1000);
    assert_false(world_alarm(&w, EVENT_LANE_RUN_THROUGH));
    assert_int_equal(w.state.hold_count, 1);
}

/* The one at the boom goes, and the entry loop is not free for a moment: one stands close behind.
 */
static void drives_through_followed(struct world *w)
{
    world_inputs(w, INPUT_BIT(INPUT_PRESENCE), 0);
    world_run(w, 400);
    world_inputs(w, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_PRESENCE));
    world_run(w, 400);
    world_inputs(w, 0, INPUT_BIT(INPUT_EXIT_LOOP));
    world_run(w, 1500);
}

/* Nobody has read it, but it is there: when it has passed, the one behind it has not. */
static void test_unread_one_close_behind_is_the_next_at_the_boom(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_boom_opens(&w);
    drives_through_followed(&w);
    assert_int_equal(w.state.count, 1);
    assert_int_equal(w.state.arrived, 1);
    assert_int_equal(w.state.queue[0].passage, 0);
    world_run(&w, config.read_grace_ms);
    uint64_t wanted = world_passage(&w, true, 2);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_WAITING));
    world_drives_through(&w); /* the officer's raise let it go */
    assert_false(world_alarm(&w, EVENT_LANE_HELD_VEHICLE_GONE));
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 1);
    assert_int_equal(w.state.holds[0].passage, wanted);
}

static void test_one_nobody_knew_of_that_passes_is_not_the_first_of_the_queue(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, true, 2);
    world_passage(&w, false, 3); /* cleared, behind the wanted one */
    world_drives_through(&w);    /* neither of them: the entry loop has seen nobody */
    assert_false(w.state.order_known);
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

/* ---- releasing raises ---- */

static const struct lane_act_event raise_act = {.act = 1, .kind = LANE_ACT_RAISE, .named = true};

/* A vehicle with a quiet hit stands at the boom and an officer raises; returns the commit. */
static uint64_t raise_for_quiet_hit(struct world *w)
{
    struct lane_config config = world_config();
    world_init(w, &config);
    struct lane_event event = passage_event(++w->passages);
    add_hit(&event, 600, 3, false);
    world_take(w, &event);
    world_arrives(w);
    world_act(w, &raise_act);
    assert_int_equal(w->out.replies[0].kind, LANE_REPLY_PENDING);
    assert_int_equal(w->raises, 0);
    return world_record(w, LANE_RECORD_RAISE)->commit;
}

/* Nothing behind the boom sees it there. */
static void test_held_vehicle_that_leaves_a_lane_without_exit_loop_is_told(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.wired &= ~INPUT_BIT(INPUT_EXIT_LOOP);
    world_init(&w, &config);
    (void)world_hold_one(&w, 2);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(&w, 400);
    assert_false(world_alarm(&w, EVENT_LANE_HELD_VEHICLE_GONE));
    world_inputs(&w, 0, INPUT_BIT(INPUT_PRESENCE));
    world_run(&w, 2000);
    assert_true(world_alarm(&w, EVENT_LANE_HELD_VEHICLE_GONE));
    assert_int_equal(w.state.hold_count, 1); /* it ends by an officer */
}

static void test_raise_for_a_hit_is_recorded_first(void **state)
{
    (void)state;
    struct world w;
    uint64_t commit = raise_for_quiet_hit(&w);
    world_commit(&w, commit, true);
    assert_int_equal(w.raises, 1);
}

static void test_raise_is_for_the_vehicle_the_officer_saw(void **state)
{
    (void)state;
    struct world w;
    uint64_t commit = raise_for_quiet_hit(&w);
    world_drives_through(&w); /* somebody lifted the arm */
    world_arrives(&w);
    world_commit(&w, commit, true);
    assert_int_equal(w.raises, 0);
    assert_int_equal(world_record(&w, LANE_RECORD_REFUSED)->refusal, LANE_REFUSAL_NOT_CLEAR);
}

static void test_raise_never_happens_late(void **state)
{
    (void)state;
    struct world w;
    uint64_t commit = raise_for_quiet_hit(&w);
    world_run(&w, w.config.commit_wait_ms + 100);
    world_commit(&w, commit, true);
    assert_int_equal(w.raises, 0);
}

static void test_raise_for_an_unconfirmed_vehicle_is_recorded_first(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, true, 2);
    world_run(&w, config.transit_max_ms + 100);
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    world_act(&w, &raise_act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
    assert_int_equal(w.raises, 0);
}

static void test_boom_that_does_not_obey_is_not_tried_for_ever(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, false, 3);
    world_inputs(&w, INPUT_BIT(INPUT_ENTRY_LOOP), 0);
    for (int i = 0; i < 1000; i++) {
        struct lane_event event = {.kind = LANE_EVENT_OUTCOME};
        event.u.outcome = (struct lane_outcome){
            .order_id = w.state.motion_order, .lane = 1, .result = ORDER_FAILED};
        w.now = mono_add_ms(w.now, STEP_MS);
        world_event(&w, LANE_EVENT_MATCH_ALIVE);
        world_scan(&w);
        world_take(&w, &event);
    }
    assert_int_equal(w.raises, LANE_RAISES_MAX);
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
}

/* The cleared one is through, the boom comes down behind it, and who stands at the stop line until
 * the gap behind it is over is the next one. */
static void test_boom_is_not_raised_again_for_one_who_has_passed(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.exit_gap_ms = 2000;
    config.camera_to_boom_m = LANE_DIRECT_MAX_M; /* who stands there needs no name */
    world_init(&w, &config);
    world_passage(&w, false, 3);
    world_passage(&w, true, 3);
    world_arrives(&w);
    world_boom_opens(&w);
    assert_int_equal(w.raises, 1);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(&w, 400);
    world_inputs(&w, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_PRESENCE));
    world_run(&w, 200);
    world_inputs(&w, INPUT_BIT(INPUT_ENTRY_LOOP), INPUT_BIT(INPUT_EXIT_LOOP));
    world_run(&w, 200);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN)); /* its own closing */
    world_run(&w, 1000);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
    world_run(&w, 3000);
    assert_int_equal(w.raises, 1);
    assert_int_equal(w.state.hold_count, 1);
}

/* ---- the order is lost ---- */

static void test_scan_without_contact_loses_the_order(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_event event = {.kind = LANE_EVENT_SCAN, .u.scan = {.lane = 1, .at = w.now}};
    world_take(&w, &event);
    assert_false(w.state.order_known);
}

static void test_second_vehicle_unread_loses_the_order(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_list(&w, false);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(&w, config.entry_gap_ms + 200);
    world_arrives(&w);
    assert_int_equal(w.state.count, 2);
    world_run(&w, config.read_grace_ms + 100);
    assert_false(w.state.order_known);
}

static void test_waiting_hold_of_the_time_before_asks_an_officer(void **state)
{
    (void)state;
    struct world w = {.config = world_config(), .now = {1000}};
    lane_init(&w.config, &w.state, 100, w.now);
    struct lane_event event = {.kind = LANE_EVENT_RESTORE};
    event.u.restore = (struct lane_restore_event){
        .hold = 77, .passage = 5, .active = false, .priority = 2, .hit_count = 1};
    world_take(&w, &event);
    assert_int_equal(w.state.hold_count, 0);
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
}

static void test_open_lane_shows_red_until_the_vehicle_is_confirmed(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.mode = LANE_NORMALLY_OPEN;
    config.auto_close = AUTO_CLOSE_NONE;
    world_init(&w, &config);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_OPEN), INPUT_BIT(INPUT_LIMIT_CLOSED));
    struct lane_act_event ack = {.act = 1, .kind = LANE_ACT_ACK};
    world_run(&w, 500);
    world_act(&w, &ack);
    world_run(&w, 100);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    world_passage(&w, true, 2);
    world_run(&w, config.transit_max_ms + 500); /* it never came: dropped */
    assert_int_equal(w.state.hold_count, 0);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    world_act(&w, &ack);
    world_run(&w, 100);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
}

/* A read that may be of a vehicle that is queued already. */
static struct lane_event unplaced_event(uint64_t passage, bool perhaps_more)
{
    struct lane_event event = passage_event(passage);
    event.u.passage.unplaced = true;
    event.u.passage.perhaps_more = perhaps_more;
    return event;
}

static void test_a_read_in_doubt_is_no_vehicle_more(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, false, 3);
    struct lane_event doubt = unplaced_event(++w.passages, false);
    add_hit(&doubt, 700, 3, false); /* a suspicion */
    world_take(&w, &doubt);
    assert_int_equal(w.state.count, 1);
    assert_true(w.state.order_known);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 1);
}

static void test_a_holding_hit_in_doubt_asks_an_officer(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, false, 3);
    struct lane_event doubt = unplaced_event(++w.passages, false);
    add_hit(&doubt, 700, 3, true);
    world_take(&w, &doubt);
    assert_false(w.state.order_known);
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_who_is_read_behind_one_that_may_be_more_is_not_let_through(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_event doubt = unplaced_event(++w.passages, true);
    world_take(&w, &doubt);
    world_passage(&w, false, 3);
    world_arrives(&w); /* this one, or the other */
    world_run(&w, 3000);
    assert_int_equal(w.raises, 0);
    assert_int_equal(w.state.count, 1);
    struct lane_status status;
    lane_status_of(&w.config, &w.state, &status);
    assert_true(status.doubtful);
    world_drives_through(&w);
    world_run(&w, config.transit_max_ms + 100); /* nobody else came */
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 1);
}

static void test_one_more_that_arrives_ends_the_doubt(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_event doubt = unplaced_event(++w.passages, true);
    world_take(&w, &doubt);
    world_arrives(&w);
    world_run(&w, config.read_grace_ms + 100);
    assert_int_equal(w.state.count, 1);
    assert_int_equal(w.state.queue[0].passage, 0);
    world_passage(&w, false, 3);
    assert_false(w.state.queue[1].doubtful);
}

/* Its hits come with it: a camera at the boom may name it there. */
static void test_a_vehicle_read_again_is_followed_again_where_the_order_is_lost(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, true, 2);
    world_event(&w, LANE_EVENT_MATCH_LOST);
    world_event(&w, LANE_EVENT_MATCH_ALIVE);
    assert_int_equal(w.state.count, 0);
    struct lane_event again = passage_event(w.passages);
    add_hit(&again, 501, 2, true);
    world_take(&w, &again); /* no more than a late word of it */
    assert_int_equal(w.state.count, 0);
    again.u.passage.again = true;
    world_take(&w, &again);
    assert_int_equal(w.state.count, 1);
    struct lane_event there = {.kind = LANE_EVENT_SEEN_AT_BOOM, .u.seen_at_boom = w.passages};
    world_take(&w, &there);
    assert_true(w.state.order_known);
    assert_int_equal(w.state.hold_count, 1);
}

static void test_a_holding_hit_finds_room_among_suspicions(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_event event = passage_event(++w.passages);
    for (uint64_t i = 0; i < LANE_HITS_MAX; i++)
        add_hit(&event, 700 + i, 3, false);
    world_take(&w, &event);
    struct lane_event again = passage_event(w.passages);
    add_hit(&again, 800, 1, true);
    world_take(&w, &again);
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 1);
    assert_int_equal(w.state.holds[0].hits[0].hit, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_read_in_doubt_is_no_vehicle_more),
        cmocka_unit_test(test_a_holding_hit_in_doubt_asks_an_officer),
        cmocka_unit_test(test_who_is_read_behind_one_that_may_be_more_is_not_let_through),
        cmocka_unit_test(test_one_more_that_arrives_ends_the_doubt),
        cmocka_unit_test(test_a_vehicle_read_again_is_followed_again_where_the_order_is_lost),
        cmocka_unit_test(test_a_holding_hit_finds_room_among_suspicions),
        cmocka_unit_test(test_later_hit_joins_the_hold),
        cmocka_unit_test(test_later_hit_joins_a_waiting_hold),
        cmocka_unit_test(test_read_after_an_unread_vehicle_opens_nothing),
        cmocka_unit_test(test_hit_after_an_unread_vehicle_is_for_an_officer),
        cmocka_unit_test(test_near_camera_reads_who_stands_there),
        cmocka_unit_test(test_standing_queue_does_not_make_the_order_known),
        cmocka_unit_test(test_nothing_opens_before_the_vehicle_is_confirmed),
        cmocka_unit_test(test_held_vehicle_past_exit_is_told_on_the_same_scan),
        cmocka_unit_test(test_held_vehicle_that_leaves_a_lane_without_exit_loop_is_told),
        cmocka_unit_test(test_held_vehicle_past_exit_is_told_when_contact_comes_back),
        cmocka_unit_test(test_contact_coming_back_over_a_free_exit_is_no_run_through),
        cmocka_unit_test(test_unread_one_close_behind_is_the_next_at_the_boom),
        cmocka_unit_test(test_one_nobody_knew_of_that_passes_is_not_the_first_of_the_queue),
        cmocka_unit_test(test_raise_for_a_hit_is_recorded_first),
        cmocka_unit_test(test_raise_is_for_the_vehicle_the_officer_saw),
        cmocka_unit_test(test_raise_never_happens_late),
        cmocka_unit_test(test_raise_for_an_unconfirmed_vehicle_is_recorded_first),
        cmocka_unit_test(test_boom_that_does_not_obey_is_not_tried_for_ever),
        cmocka_unit_test(test_boom_is_not_raised_again_for_one_who_has_passed),
        cmocka_unit_test(test_scan_without_contact_loses_the_order),
        cmocka_unit_test(test_second_vehicle_unread_loses_the_order),
        cmocka_unit_test(test_waiting_hold_of_the_time_before_asks_an_officer),
        cmocka_unit_test(test_open_lane_shows_red_until_the_vehicle_is_confirmed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
