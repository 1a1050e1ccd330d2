/* The safety rules one by one: for each guard of the lane the case in which it alone decides. */
#include "lane_world.h"

/* ---- hands off, faults, lost contact (rules 3, 4) ---- */

static void whole(struct world *w)
{
    struct lane_config config = world_config();
    config.wired = ALL_INPUTS;
    world_init(w, &config);
}

static void test_raise_is_refused_for_its_reason(void **state)
{
    (void)state;
    static const struct {
        uint32_t inputs;
        enum lane_refusal refusal;
        bool emergency_too;
    } cases[] = {{INPUT_BIT(INPUT_LOCAL_CONTROL), LANE_REFUSAL_LOCAL_CONTROL, true},
                 {INPUT_BIT(INPUT_EMERGENCY_STOP), LANE_REFUSAL_EMERGENCY_STOP, true},
                 {INPUT_BIT(INPUT_FAULT), LANE_REFUSAL_FAULT, false},
                 {INPUT_BIT(INPUT_LIMIT_OPEN), LANE_REFUSAL_FAULT, false}, /* both limits */
                 {INPUT_BIT(INPUT_BOOM_OFF), LANE_REFUSAL_NO_BOOM, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        whole(&w);
        world_inputs(&w, cases[i].inputs, 0);
        world_run(&w, 200);
        assert_int_equal(world_nameless(&w, LANE_ACT_RAISE), cases[i].refusal);
        assert_int_equal(w.raises, 0);
        assert_int_equal(world_nameless(&w, LANE_ACT_EMERGENCY_RAISE),
                         cases[i].emergency_too ? cases[i].refusal : LANE_REFUSAL_NONE);
        assert_int_equal(w.raises, cases[i].emergency_too ? 0 : 1);
    }
}

/* A stuck limit must not make an emergency raise look done, and then foreign. */
static void test_emergency_raise_goes_on_under_contradicting_limits(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_OPEN), 0);
    world_run(&w, 200);
    (void)world_nameless(&w, LANE_ACT_ACK);
    uint32_t stops = w.stops;
    assert_int_equal(world_nameless(&w, LANE_ACT_EMERGENCY_RAISE), LANE_REFUSAL_NONE);
    world_run(&w, 200);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, 200);
    assert_int_equal(w.stops, stops);
}

static void test_safety_inputs_stop_what_we_move(void **state)
{
    (void)state;
    static const enum lane_input inputs[] = {INPUT_LOCAL_CONTROL, INPUT_EMERGENCY_STOP,
                                             INPUT_FAULT};
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        whole(&w);
        (void)world_nameless(&w, LANE_ACT_RAISE);
        world_done(&w);
        world_inputs(&w, INPUT_BIT(inputs[i]), INPUT_BIT(INPUT_LIMIT_CLOSED));
        world_run(&w, STEP_MS);
        assert_int_equal(w.stops, 1);
        assert_int_equal(w.state.motion, MOTION_NONE);
        whole(&w);
        (void)world_nameless(&w, LANE_ACT_EMERGENCY_RAISE);
        world_done(&w);
        world_inputs(&w, INPUT_BIT(inputs[i]), INPUT_BIT(INPUT_LIMIT_CLOSED));
        world_run(&w, STEP_MS);
        assert_int_equal(w.stops, inputs[i] == INPUT_FAULT ? 0 : 1);
    }
}

static void test_without_contact_only_emergency_raise_is_tried(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_lose_contact(&w);
    assert_int_equal(world_nameless(&w, LANE_ACT_RAISE), LANE_REFUSAL_NO_CONTACT);
    assert_int_equal(w.raises, 0);
    assert_int_equal(world_nameless(&w, LANE_ACT_EMERGENCY_RAISE), LANE_REFUSAL_NONE);
    assert_int_equal(w.raises, 1);
}

static void test_position_is_unknown_after_lost_contact(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_lose_contact(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, 200);
    assert_true(w.state.contact);
    assert_int_equal(w.state.boom, BOOM_UNKNOWN);
}

/* ---- outcomes (rule 6) ---- */

static void answer(struct world *w, uint64_t order, enum order_result result)
{
    struct lane_event event = {.kind = LANE_EVENT_OUTCOME};
    event.u.outcome = (struct lane_outcome){.order_id = order, .lane = 1, .result = result};
    world_take(w, &event);
}

static void run_unanswered(struct world *w, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += STEP_MS) {
        w->now = mono_add_ms(w->now, STEP_MS);
        world_event(w, LANE_EVENT_MATCH_ALIVE);
        world_scan(w);
    }
}

static void test_motion_is_confirmed_or_a_fault(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_RAISE);
    world_done(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, w.config.travel_ms - 200);
    assert_false(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
    world_run(&w, 400);
    assert_true(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
}

static void test_order_that_fails_is_a_fault(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_RAISE);
    answer(&w, w.state.motion_order, ORDER_FAILED);
    assert_true(world_alarm(&w, EVENT_LANE_ORDER_FAILED));
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_RAISE);
    run_unanswered(&w, w.config.order_life_ms + 1200);
    assert_true(world_alarm(&w, EVENT_LANE_ORDER_FAILED));
}

/* An officer may have acknowledged the failure; that the raise is given up is told anew. */
static void test_raise_given_up_for_a_hold_is_told(void **state)
{
    (void)state;
    static const struct lane_act_event raise = {.act = 8, .kind = LANE_ACT_RAISE, .named = true};
    static const struct lane_act_event ack = {.act = 9, .kind = LANE_ACT_ACK};
    static const struct lane_act_event hold = {.act = 10, .kind = LANE_ACT_HOLD};
    struct world w;
    whole(&w);
    world_act(&w, &raise);
    answer(&w, w.state.motion_order, ORDER_FAILED);
    world_act(&w, &ack);
    world_act(&w, &hold);
    assert_false(world_alarm(&w, EVENT_LANE_ORDER_FAILED));
    w.now = mono_add_ms(w.now, 100);
    world_event(&w, LANE_EVENT_TICK);
    assert_int_equal(w.state.motion, MOTION_NONE);
    assert_true(world_alarm(&w, EVENT_LANE_ORDER_FAILED));
}

static void test_stop_that_fails_is_tried_again(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_STOP);
    assert_int_equal(w.stops, 1);
    answer(&w, w.state.stop_order, ORDER_FAILED);
    run_unanswered(&w, 200);
    assert_int_equal(w.stops, 2);
}

static void test_stop_ends_the_motion(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_RAISE);
    world_done(&w);
    (void)world_nameless(&w, LANE_ACT_STOP);
    assert_int_equal(w.state.motion, MOTION_NONE);
}

/* ---- motion nobody ordered, broken booms (rule 8) ---- */

static void ack(struct world *w)
{
    (void)world_nameless(w, LANE_ACT_ACK);
    world_run(w, 100);
    assert_false(world_alarm(w, EVENT_LANE_FOREIGN_MOTION));
}

static void test_every_limit_change_without_an_order_is_foreign(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, 200);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION)); /* closed left */
    ack(&w);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_OPEN), 0);
    world_run(&w, 200);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION)); /* open reached */
    ack(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(&w, 200); /* its controller may close only behind a vehicle */
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION)); /* open left */
    ack(&w);
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
    world_run(&w, 200);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION)); /* closed reached */
}

/* A scan on which the guard stopped and raised, for a vehicle under the boom. */
static void guard_acts(struct world *w, uint32_t outputs)
{
    w->active = INPUT_BIT(INPUT_PRESENCE);
    w->outputs = outputs;
    world_guard_scan(w);
}

static void test_no_stop_against_the_guard(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    guard_acts(&w, OUTPUT_BIT(OUTPUT_LOWER));
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.stops, 0);
}

/* Whoever energised them before: switched off now, the guard's own stop and raise would end. */
static void test_guards_coils_are_not_switched_off(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    w.now = mono_add_ms(w.now, 2000); /* no pulse of ours is on any more */
    guard_acts(&w, OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_STOP));
    assert_int_equal(w.state.motion, MOTION_RAISE);
    for (uint32_t i = 0; i < w.out.order_count; i++) {
        assert_true(w.out.orders[i].order.output > OUTPUT_STOP);
    }
}

static void test_broken_boom_is_run_through_until_acknowledged(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, INPUT_BIT(INPUT_BOOM_OFF), 0);
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_RUN_THROUGH));
    world_inputs(&w, 0, INPUT_BIT(INPUT_BOOM_OFF));
    world_run(&w, 200);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

/* A broken boom's controller is at work all the same. */
static void test_coils_are_watched_while_the_boom_is_off(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_inputs(&w, INPUT_BIT(INPUT_BOOM_OFF), 0);
    world_run(&w, STEP_MS);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    w.outputs |= OUTPUT_BIT(OUTPUT_LOWER);
    world_scan(&w);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

/* ---- opening for a cleared vehicle ---- */

static struct lane_event cleared_passage(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    event.u.passage.passage = ++w->passages;
    decision_init(&event.u.passage.decision);
    event.u.passage.authenticity = AUTH_TAG;
    event.u.passage.cleared = true;
    event.u.passage.decision.raise = true;
    return event;
}

enum obstacle {
    NOTHING,
    OFFICER_STOP,
    JOURNAL_DOWN,
    NO_RULE,
    QUIET_HIT,
    NOT_CLEARED,
    NO_AUTH,
    CASES
};

static void test_each_condition_alone_keeps_the_boom_down(void **state)
{
    (void)state;
    for (int what = 0; what < CASES; what++) {
        struct world w;
        whole(&w);
        struct lane_event event = cleared_passage(&w);
        struct lane_event journal = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = false};
        if (what == OFFICER_STOP) {
            (void)world_nameless(&w, LANE_ACT_STOP);
        } else if (what == JOURNAL_DOWN) {
            world_take(&w, &journal);
        } else if (what == QUIET_HIT) {
            event.u.passage.hit_count = 1;
            event.u.passage.hits[0] = (struct lane_hit){.hit = 5, .entry = 6, .priority = 3};
        }
        event.u.passage.decision.raise = what != NO_RULE;
        event.u.passage.cleared = what != NOT_CLEARED;
        event.u.passage.authenticity = what == NO_AUTH ? AUTH_NONE : AUTH_TAG;
        world_take(&w, &event);
        world_arrives(&w);
        world_run(&w, 1000);
        if (w.raises != (what == NOTHING ? 1u : 0u)) {
            fail_msg("case %d: %u raises", what, w.raises);
        }
    }
}

static void test_vehicle_once_held_is_raised_for_by_an_officer(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_list(&w, false);
    struct lane_event event = cleared_passage(&w);
    world_take(&w, &event);
    world_arrives(&w);
    (void)world_nameless(&w, LANE_ACT_HOLD);
    struct lane_act_event act = {
        .act = 1, .kind = LANE_ACT_RELEASE, .hold = w.state.holds[0].id, .named = true};
    world_act(&w, &act);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit, true);
    world_list(&w, true);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_nobody_at_the_stop_line_nothing_opens(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    world_list(&w, false);
    struct lane_event event = cleared_passage(&w);
    world_take(&w, &event);
    world_arrives(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_ENTRY_LOOP)); /* it backs off */
    world_run(&w, 200);
    world_list(&w, true);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_officers_hold_is_not_withdrawn(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless(&w, LANE_ACT_HOLD);
    world_withdraw(&w, 9001);
    assert_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW));
    assert_int_equal(w.state.hold_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raise_is_refused_for_its_reason),
        cmocka_unit_test(test_emergency_raise_goes_on_under_contradicting_limits),
        cmocka_unit_test(test_safety_inputs_stop_what_we_move),
        cmocka_unit_test(test_without_contact_only_emergency_raise_is_tried),
        cmocka_unit_test(test_position_is_unknown_after_lost_contact),
        cmocka_unit_test(test_motion_is_confirmed_or_a_fault),
        cmocka_unit_test(test_order_that_fails_is_a_fault),
        cmocka_unit_test(test_raise_given_up_for_a_hold_is_told),
        cmocka_unit_test(test_stop_that_fails_is_tried_again),
        cmocka_unit_test(test_stop_ends_the_motion),
        cmocka_unit_test(test_every_limit_change_without_an_order_is_foreign),
        cmocka_unit_test(test_no_stop_against_the_guard),
        cmocka_unit_test(test_guards_coils_are_not_switched_off),
        cmocka_unit_test(test_broken_boom_is_run_through_until_acknowledged),
        cmocka_unit_test(test_coils_are_watched_while_the_boom_is_off),
        cmocka_unit_test(test_each_condition_alone_keeps_the_boom_down),
        cmocka_unit_test(test_vehicle_once_held_is_raised_for_by_an_officer),
        cmocka_unit_test(test_nobody_at_the_stop_line_nothing_opens),
        cmocka_unit_test(test_officers_hold_is_not_withdrawn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
