/* The lane's ways one by one: opening, holding, releasing, withdrawing, restoring, faults. */
#include "lane_world.h"

static void test_cleared_vehicle_opens(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    assert_true(w.state.order_known);
    world_passage(&w, false, 3);
    assert_int_equal(w.raises, 0); /* not at the boom yet */
    world_arrives(&w);
    assert_int_equal(w.raises, 1);
    world_boom_opens(&w);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    world_drives_through(&w);
    assert_int_equal(w.state.count, 0);
    /* its own controller closes: nothing foreign */
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(&w, 1000);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
    world_run(&w, 300);
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.lowers, 0);
    assert_int_equal(w.raises, 1);
}

static void test_unauthenticated_or_uncleared_never_opens(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    event.u.passage.passage = ++w.passages;
    decision_init(&event.u.passage.decision);
    event.u.passage.decision.raise = true;
    event.u.passage.cleared = true;
    event.u.passage.authenticity = AUTH_NONE;
    world_take(&w, &event);
    world_arrives(&w);
    world_run(&w, 3000);
    assert_int_equal(w.raises, 0);
}

static void test_hold_waits_until_its_vehicle_arrives(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, false, 3);
    world_passage(&w, true, 2);
    const struct lane_record *waiting = world_record(&w, LANE_RECORD_HOLD_WAITING);
    assert_non_null(waiting);
    assert_int_equal(waiting->place, 1);
    assert_int_equal(w.state.hold_count, 0);
    world_arrives(&w); /* the innocent one */
    assert_int_equal(w.state.hold_count, 0);
    world_take(&w, &(struct lane_event){.kind = LANE_EVENT_SEEN_AT_BOOM, .u.seen_at_boom = 1});
    assert_int_equal(w.raises, 1);
    world_boom_opens(&w);
    world_drives_through(&w);
    assert_int_equal(w.state.hold_count, 0);
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 1);
    assert_true(world_alarm(&w, EVENT_LANE_HELD));
    world_run(&w, 5000);
    assert_int_equal(w.raises, 1); /* held by not raising */
}

static void test_holds_of_two_lanes_never_share_an_id(void **state)
{
    (void)state;
    struct world lanes[2];
    uint64_t ids[2][2];
    for (uint8_t i = 0; i < 2; i++) {
        struct lane_config config = world_config();
        config.lane = i == 0 ? 1 : 255;
        world_init(&lanes[i], &config);
        ids[i][0] = world_hold_one(&lanes[i], 2);
        world_act(&lanes[i],
                  &(struct lane_act_event){.act = 1, .kind = LANE_ACT_HOLD, .named = true});
        assert_int_equal(lanes[i].state.hold_count, 2);
        ids[i][1] = lanes[i].state.holds[1].id;
        assert_true(ids[i][1] > ids[i][0]);
    }
    assert_int_not_equal(ids[0][0], ids[1][0]);
    assert_int_not_equal(ids[0][1], ids[1][1]);
}

static void test_release_needs_name_second_person_and_commit(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_RELEASE, .hold = world_hold_one(&w, 1)};
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_NAMED);
    act.named = true;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_SECOND_PERSON);
    act.second_person = true;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_LEADER);
    act.leader = true;
    struct lane_event journal = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = false};
    world_take(&w, &journal);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOURNAL);
    assert_true(world_alarm(&w, EVENT_LANE_COMMIT_REFUSED));
    journal.u.journal_commits = true;
    world_take(&w, &journal);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
    assert_int_equal(w.state.hold_count, 1); /* not before the journal has it */
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit;
    world_commit(&w, commit, true);
    assert_int_equal(w.state.hold_count, 0);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_ENDED));
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_DONE);
    world_run(&w, 3000);
    assert_int_equal(w.raises, 0); /* a release moves nothing */
}

static void test_release_commit_that_fails_or_never_comes(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_act_event act = {
        .act = 1, .kind = LANE_ACT_RELEASE, .hold = world_hold_one(&w, 2), .named = true};
    world_act(&w, &act);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit, false);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOURNAL);
    assert_int_equal(w.state.hold_count, 1);
    act.act = 2;
    world_act(&w, &act);
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit;
    world_run(&w, config.commit_wait_ms + 100);
    assert_int_equal(w.state.hold_count, 1);
    world_commit(&w, commit, true); /* the journal wrote it after all; the officer was refused */
    assert_int_equal(w.state.hold_count, 1);
    assert_int_equal(world_record(&w, LANE_RECORD_HOLD_KEPT)->hold, act.hold);
    assert_int_equal(w.out.reply_count, 0);
    act.act = 3;
    world_act(&w, &act);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit, true);
    assert_int_equal(w.state.hold_count, 0);
}

static void test_withdrawal_ends_hold_and_moves_nothing(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_hold_one(&w, 1);
    world_withdraw(&w, w.state.holds[0].hits[0].entry);
    const struct lane_record *record = world_record(&w, LANE_RECORD_HOLD_WITHDRAW);
    assert_non_null(record);
    world_commit(&w, record->commit, true);
    assert_int_equal(w.state.hold_count, 0);
    world_run(&w, 3000);
    assert_int_equal(w.raises, 0);
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_RAISE};
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_DONE);
    assert_int_equal(w.raises, 1);
}

static void test_raise_while_held_is_refused_emergency_works(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_hold_one(&w, 1);
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_RAISE, .named = true};
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_HELD);
    assert_int_equal(w.raises, 0);
    struct lane_event journal = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = false};
    world_take(&w, &journal);
    world_event(&w, LANE_EVENT_MATCH_LOST);
    act.kind = LANE_ACT_EMERGENCY_RAISE;
    world_act(&w, &act);
    assert_int_equal(w.raises, 1);
    world_inputs(&w, INPUT_BIT(INPUT_EMERGENCY_STOP), 0);
    world_run(&w, 100);
    uint32_t raises = w.raises;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_EMERGENCY_STOP);
    assert_int_equal(w.raises, raises);
}

static void test_held_vehicle_past_exit_is_run_through(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_hold_one(&w, 2);
    world_drives_through(&w);
    assert_true(world_alarm(&w, EVENT_LANE_RUN_THROUGH));
    assert_int_equal(w.state.hold_count, 1); /* only an officer ends it */
}

static void test_foreign_motion_is_stopped_within_one_scan(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_CLOSED));
    w.now = mono_add_ms(w.now, STEP_MS);
    world_scan(&w);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.stops, 1);
    assert_non_null(world_record(&w, LANE_RECORD_FOREIGN_MOTION));
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
    world_run(&w, 2000);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(w.raises, 0); /* until somebody has looked */
}

static void test_foreign_coil_is_an_alarm(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    w.outputs |= OUTPUT_BIT(OUTPUT_LOWER);
    w.now = mono_add_ms(w.now, STEP_MS);
    world_scan(&w);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_false(w.outputs & OUTPUT_BIT(OUTPUT_LOWER)); /* switched off */
    assert_int_equal(w.stops, 1);
}

static void test_lost_contact_forgets_position_and_order(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, true, 2);
    w.now = mono_add_ms(w.now, config.scan_lost_ms + 1);
    world_event(&w, LANE_EVENT_TICK);
    assert_int_equal(w.state.boom, BOOM_UNKNOWN);
    assert_true(world_alarm(&w, EVENT_LANE_CONTACT_LOST));
    assert_false(w.state.order_known);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_DROPPED));
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    world_run(&w, 500);
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 0); /* nothing holds by hit alone */
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
}

static void test_blind_and_no_list_follow_the_policy(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_passage(&w, false, 3);
    world_list(&w, false);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
    assert_true(world_alarm(&w, EVENT_LANE_LIST_UNUSABLE));
    world_list(&w, true);
    assert_int_equal(w.raises, 1);
    world_event(&w, LANE_EVENT_MATCH_LOST);
    assert_true(world_alarm(&w, EVENT_LANE_BLIND));
}

/* A journal that could not be read whole: no hold is known, none is told, and nobody is let through
 * before an officer has looked. */
static void test_a_hold_that_may_be_missing_is_confirmed_by_an_officer(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    world_take(&w, &(struct lane_event){.kind = LANE_EVENT_RESTORE});
    assert_true(world_alarm(&w, EVENT_LANE_CONFIRM_VEHICLE));
    assert_null(world_record(&w, LANE_RECORD_HOLD_DROPPED));
    assert_int_equal(w.state.hold_count, 0);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
    struct lane_event ack = {.kind = LANE_EVENT_ACT, .u.act = {.act = 1, .kind = LANE_ACT_ACK}};
    world_take(&w, &ack);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 1);
}

static void test_restored_hold_stands_before_anything_is_known(void **state)
{
    (void)state;
    struct world w = {.config = world_config(), .now = {1000}};
    lane_init(&w.config, &w.state, 100, w.now);
    struct lane_event event = {.kind = LANE_EVENT_RESTORE};
    event.u.restore = (struct lane_restore_event){
        .hold = 77, .passage = 5, .active = true, .priority = 1, .hit_count = 1};
    event.u.restore.hits[0] =
        (struct lane_hit){.hit = 6, .entry = 42, .priority = 1, .holds = true};
    world_take(&w, &event);
    assert_int_equal(w.out.order_count, 0);
    assert_int_equal(w.state.hold_count, 1);
    w.active = INPUT_BIT(INPUT_LIMIT_CLOSED) | INPUT_BIT(INPUT_MAINS_OK);
    w.passages = 10;
    world_list(&w, true);
    world_run(&w, w.config.transit_max_ms + 500);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    struct lane_act_event act = {.act = 1,
                                 .kind = LANE_ACT_RELEASE,
                                 .hold = 77,
                                 .named = true,
                                 .second_person = true,
                                 .leader = true};
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
}

static void test_normally_open_holds_by_red_light_only(void **state)
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
    world_run(&w, 500);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    uint32_t moved = w.raises + w.lowers;
    world_passage(&w, true, 2);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED)); /* in the same step */
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 1);
    world_run(&w, 5000);
    assert_int_equal(w.raises + w.lowers, moved);
}

static struct lane_config lowering_config(void)
{
    struct lane_config config = world_config();
    config.auto_close = AUTO_CLOSE_NONE;
    config.lower_automatically = true;
    config.person_device = true;
    config.vehicle_detector = true;
    return config;
}

static void pass_one(struct world *w)
{
    world_passage(w, false, 3);
    world_arrives(w);
    world_boom_opens(w);
    world_drives_through(w);
}

static void test_lowers_itself_only_with_everything_in_place(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = lowering_config();
    world_init(&w, &config);
    pass_one(&w);
    world_run(&w, 10000);
    assert_int_equal(w.lowers, 0); /* no guided test, no healthy detectors */
    assert_true(world_alarm(&w, EVENT_LANE_PERSON_DEVICE));

    struct world v;
    world_init(&v, &config);
    struct lane_event test = {.kind = LANE_EVENT_GUIDED_TEST, .u.guided_test_valid_ms = 1000000};
    world_inputs(&v, INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK), 0);
    world_take(&v, &test);
    world_passage(&v, false, 3);
    world_arrives(&v);
    world_boom_opens(&v);
    world_inputs(&v, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(&v, 400);
    world_inputs(&v, 0, INPUT_BIT(INPUT_EXIT_LOOP));
    uint64_t commit = 0;
    for (int i = 0; i < 400 && commit == 0; i++) {
        world_run(&v, STEP_MS);
        commit = v.state.commits[0].kind == COMMIT_LOWER ? v.state.commits[0].id : 0;
    }
    assert_int_not_equal(commit, 0);
    assert_int_equal(v.lowers, 0); /* recorded first */
    world_commit(&v, commit, true);
    assert_int_equal(v.lowers, 1);
}

static void test_config_refusals_name_the_key(void **state)
{
    (void)state;
    struct err_text err;
    struct lane_config config = lowering_config();
    config.vehicle_detector = false;
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "lower_automatically"));
    config = world_config();
    config.wired &= ~INPUT_BIT(INPUT_ENTRY_LOOP);
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "camera_to_boom_m"));
    config.camera_to_boom_m = LANE_DIRECT_MAX_M;
    assert_int_equal(lane_config_check(&config, &err), 0);
    config.travel_ms = 1;
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "travel_ms"));
}

static void test_direct_camera_holds_at_once(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.wired &= ~(INPUT_BIT(INPUT_ENTRY_LOOP) | INPUT_BIT(INPUT_EXIT_LOOP));
    config.camera_to_boom_m = 5;
    world_init(&w, &config);
    world_passage(&w, true, 2);
    assert_int_equal(w.state.hold_count, 1);
}

static void test_bouncing_limit_orders_one_stop(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    for (int i = 0; i < 4; i++) {
        world_inputs(&w, i % 2 ? INPUT_BIT(INPUT_LIMIT_CLOSED) : 0,
                     i % 2 ? 0 : INPUT_BIT(INPUT_LIMIT_CLOSED));
        w.now = mono_add_ms(w.now, STEP_MS);
        world_scan(&w);
    }
    assert_int_equal(w.stops, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cleared_vehicle_opens),
        cmocka_unit_test(test_unauthenticated_or_uncleared_never_opens),
        cmocka_unit_test(test_hold_waits_until_its_vehicle_arrives),
        cmocka_unit_test(test_holds_of_two_lanes_never_share_an_id),
        cmocka_unit_test(test_release_needs_name_second_person_and_commit),
        cmocka_unit_test(test_release_commit_that_fails_or_never_comes),
        cmocka_unit_test(test_withdrawal_ends_hold_and_moves_nothing),
        cmocka_unit_test(test_raise_while_held_is_refused_emergency_works),
        cmocka_unit_test(test_held_vehicle_past_exit_is_run_through),
        cmocka_unit_test(test_foreign_motion_is_stopped_within_one_scan),
        cmocka_unit_test(test_foreign_coil_is_an_alarm),
        cmocka_unit_test(test_lost_contact_forgets_position_and_order),
        cmocka_unit_test(test_blind_and_no_list_follow_the_policy),
        cmocka_unit_test(test_a_hold_that_may_be_missing_is_confirmed_by_an_officer),
        cmocka_unit_test(test_restored_hold_stands_before_anything_is_known),
        cmocka_unit_test(test_normally_open_holds_by_red_light_only),
        cmocka_unit_test(test_lowers_itself_only_with_everything_in_place),
        cmocka_unit_test(test_config_refusals_name_the_key),
        cmocka_unit_test(test_direct_camera_holds_at_once),
        cmocka_unit_test(test_bouncing_limit_orders_one_stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
