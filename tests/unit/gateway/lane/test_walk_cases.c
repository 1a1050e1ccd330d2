/* What the exhaustive walk led to, each case by itself. */
#include "lane_world.h"

static void whole(struct world *w)
{
    struct lane_config config = world_config();
    world_init(w, &config);
}

/* Scans go on; orders fail, or nobody answers them. */
static void run_without(struct world *w, int64_t ms, bool answered)
{
    for (int64_t t = 0; t < ms; t += STEP_MS) {
        w->now = mono_add_ms(w->now, STEP_MS);
        world_event(w, LANE_EVENT_MATCH_ALIVE);
        if (answered) {
            world_answer(w, ORDER_FAILED);
        }
        world_scan(w);
        if (answered) {
            world_answer(w, ORDER_FAILED);
        }
    }
}

/* The read of a vehicle, again where it was read before. */
static void read_cleared(struct world *w, uint64_t passage, bool again)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *p = &event.u.passage;
    p->passage = passage;
    p->again = again;
    decision_init(&p->decision);
    p->authenticity = AUTH_TAG;
    p->cleared = true;
    p->decision.raise = true;
    world_take(w, &event);
}

static void seen_at_boom(struct world *w, uint64_t passage)
{
    struct lane_event event = {.kind = LANE_EVENT_SEEN_AT_BOOM, .u.seen_at_boom = passage};
    world_take(w, &event);
}

static void release(struct world *w, uint64_t hold)
{
    struct lane_act_event act = {.act = 3, .kind = LANE_ACT_RELEASE, .hold = hold, .named = true};
    world_act(w, &act);
    world_commit(w, world_record(w, LANE_RECORD_HOLD_RELEASE)->commit, true);
    assert_int_equal(w->state.hold_count, 0);
}

static const struct lane_commit *withdraw_asked(const struct world *w)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (w->state.commits[i].kind == COMMIT_WITHDRAW) {
            return &w->state.commits[i];
        }
    }
    return NULL;
}

static void test_a_withdrawal_refused_late_is_asked_for_again(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_hold_one(&w, 2);
    world_withdraw(&w, 9001);
    uint64_t first = world_record(&w, LANE_RECORD_HOLD_WITHDRAW)->commit;
    world_run(&w, w.config.commit_wait_ms + w.config.withdraw_retry_ms + 200);
    assert_true(world_alarm(&w, EVENT_LANE_COMMIT_REFUSED));
    world_commit(&w, first, false);
    world_run(&w, w.config.withdraw_retry_ms + 100);
    assert_non_null(withdraw_asked(&w));
    assert_true(withdraw_asked(&w)->id != first);
    world_commit(&w, withdraw_asked(&w)->id, true);
    assert_int_equal(w.state.hold_count, 0);
}

/* Nobody knows who stands there, an officer holds; then a camera names a cleared one. */
static void test_the_end_of_a_hold_opens_for_nobody_named_since(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_lose_contact(&w);
    world_inputs(&w, INPUT_BIT(INPUT_ENTRY_LOOP), 0);
    world_run(&w, 200);
    assert_int_equal(world_nameless(&w, LANE_ACT_HOLD), LANE_REFUSAL_NONE);
    uint64_t hold = w.state.holds[0].id;
    assert_int_equal(w.state.holds[0].passage, 0);
    read_cleared(&w, 1, false);
    seen_at_boom(&w, 1);
    (void)world_named(&w, LANE_ACT_ACK);
    assert_true(w.state.order_known);
    release(&w, hold);
    world_run(&w, 5000);
    assert_int_equal(w.raises, 0);
}

/* Held before the restart and read again after it, it is not opened for once nobody holds it. */
static void test_one_held_before_a_restart_is_not_opened_for(void **state)
{
    (void)state;
    struct world w = {.config = world_config(), .now = {1000}};
    struct lane_event event = {.kind = LANE_EVENT_RESTORE,
                               .u.restore = {.hold = 257, .passage = 7, .active = true}};
    event.u.restore.priority = 2;
    event.u.restore.hit_count = 1;
    event.u.restore.hits[0] = (struct lane_hit){.hit = 5, .entry = 9, .priority = 2, .holds = true};
    w.active =
        INPUT_BIT(INPUT_LIMIT_CLOSED) | INPUT_BIT(INPUT_MAINS_OK) | INPUT_BIT(INPUT_ENTRY_LOOP);
    lane_init(&w.config, &w.state, 100, w.now);
    world_take(&w, &event);
    world_scan(&w);
    world_list(&w, true);
    world_run(&w, 200);
    read_cleared(&w, 7, true);
    assert_false(w.state.order_known);
    release(&w, 257);
    seen_at_boom(&w, 7);
    (void)world_named(&w, LANE_ACT_ACK);
    assert_true(w.state.order_known);
    world_run(&w, 5000);
    assert_int_equal(w.raises, 0);
}

static void test_a_stop_of_before_is_not_tried_against_the_guards_raise(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    assert_int_equal(world_nameless(&w, LANE_ACT_STOP), LANE_REFUSAL_NONE); /* never answered */
    assert_int_equal(w.stops, 1);
    world_guard_scan(&w);
    assert_int_equal(w.state.motion_cause, LANE_CAUSE_SAFETY);
    world_run(&w, w.config.order_life_ms + 3000);
    assert_int_equal(w.stops, 1);
}

static void test_a_fault_on_the_guards_scan_does_not_stop_its_raise(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    w.state.motion = MOTION_LOWER;
    world_inputs(&w, INPUT_BIT(INPUT_FAULT), INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_guard_scan(&w);
    assert_int_equal(w.stops, 0);
    assert_int_equal(w.state.motion, MOTION_RAISE);
    assert_int_equal(w.state.motion_cause, LANE_CAUSE_SAFETY);
}

static struct lane_config one_limit(enum lane_feedback feedback, enum lane_input missing)
{
    struct lane_config config = world_config();
    config.feedback = feedback;
    config.wired &= ~INPUT_BIT(missing);
    config.auto_close = AUTO_CLOSE_TIMER;
    return config;
}

static void test_a_raise_that_failed_is_not_presumed_open(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = one_limit(FEEDBACK_CLOSED, INPUT_LIMIT_OPEN);
    world_init(&w, &config);
    assert_int_equal(world_nameless(&w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
    world_answer(&w, ORDER_FAILED);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_CLOSED)); /* somebody lifts it a little */
    run_without(&w, config.travel_ms + 500, true);
    assert_int_equal(w.state.presumed, PRESUMED_NOTHING);
    assert_true(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
}

static void test_a_closing_that_a_stop_may_have_met_is_not_presumed_closed(void **state)
{
    (void)state;
    struct lane_config config = one_limit(FEEDBACK_OPEN, INPUT_LIMIT_CLOSED);
    for (int stop = 0; stop < 2; stop++) {
        struct world w;
        world_init(&w, &config);
        assert_int_equal(world_nameless(&w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
        world_done(&w);
        world_run(&w, 1000);
        world_inputs(&w, INPUT_BIT(INPUT_LIMIT_OPEN), 0);
        world_run(&w, 500);
        if (stop) {
            (void)world_nameless(&w, LANE_ACT_STOP);
        }
        world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN)); /* its timer lowers it */
        bool closed = false;
        for (uint32_t ms = 0; ms < config.travel_ms + 500; ms += STEP_MS) {
            run_without(&w, STEP_MS, false);
            closed |= w.state.presumed == PRESUMED_CLOSED;
        }
        assert_int_equal(closed, !stop);
    }
}

static void test_a_raise_is_not_tried_again_against_a_hold_or_out_of_service(void **state)
{
    (void)state;
    static const enum lane_act_kind against[] = {LANE_ACT_ACK, LANE_ACT_HOLD,
                                                 LANE_ACT_OUT_OF_SERVICE};
    for (size_t i = 0; i < sizeof(against) / sizeof(against[0]); i++) {
        struct world w;
        whole(&w);
        assert_int_equal(world_nameless(&w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
        world_answer(&w, ORDER_FAILED);
        assert_int_equal(w.raises, 1);
        assert_int_equal(world_named(&w, against[i]), LANE_REFUSAL_NONE);
        world_run(&w, 500);
        assert_int_equal(w.raises, against[i] == LANE_ACT_ACK ? 2 : 1);
    }
}

static void test_no_lower_while_a_stop_is_to_be_tried_again(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    world_lowering_init(&w, &config);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_boom_opens(&w);
    world_drives_through(&w);
    w.state.timer[TIMER_STOP] = mono_add_ms(w.now, 60000);
    assert_int_equal(world_until_lower_asked(&w), -1);
    w.state.timer[TIMER_STOP].ns = INT64_MAX;
    assert_true(world_until_lower_asked(&w) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_withdrawal_refused_late_is_asked_for_again),
        cmocka_unit_test(test_the_end_of_a_hold_opens_for_nobody_named_since),
        cmocka_unit_test(test_one_held_before_a_restart_is_not_opened_for),
        cmocka_unit_test(test_a_stop_of_before_is_not_tried_against_the_guards_raise),
        cmocka_unit_test(test_a_fault_on_the_guards_scan_does_not_stop_its_raise),
        cmocka_unit_test(test_a_raise_that_failed_is_not_presumed_open),
        cmocka_unit_test(test_a_closing_that_a_stop_may_have_met_is_not_presumed_closed),
        cmocka_unit_test(test_a_raise_is_not_tried_again_against_a_hold_or_out_of_service),
        cmocka_unit_test(test_no_lower_while_a_stop_is_to_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
