/* A barrier that is up as long as its raise contact is energised: letting go is a lower, for the
 * lane and for the guard. */
#include "gateway/lane/guard.h"
#include "lane_world.h"

enum { OPEN = INPUT_BIT(INPUT_LIMIT_OPEN), CLOSED = INPUT_BIT(INPUT_LIMIT_CLOSED) };

static struct lane_config maintained_config(void)
{
    struct lane_config config = world_config();
    config.wired = ALL_INPUTS;
    config.auto_close = AUTO_CLOSE_TIMER;
    config.raise_maintained = true;
    config.outputs_wired &= ~OUTPUT_BIT(OUTPUT_LOWER);
    return config;
}

static void whole(struct world *w)
{
    struct lane_config config = maintained_config();
    world_init(w, &config);
}

static bool energised(const struct world *w)
{
    return (w->outputs & OUTPUT_BIT(OUTPUT_RAISE)) != 0;
}

static uint64_t asked(const struct world *w)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (w->state.commits[i].kind == COMMIT_LOWER) {
            return w->state.commits[i].id;
        }
    }
    return 0;
}

static bool asks_within(struct world *w, int64_t ms)
{
    for (int64_t t = 0; t < ms && asked(w) == 0; t += STEP_MS) {
        world_run(w, STEP_MS);
    }
    return asked(w) != 0;
}

static void open_for_one(struct world *w)
{
    world_passage(w, false, 3);
    world_arrives(w);
    world_boom_opens(w);
    assert_true(energised(w));
}

static void test_raise_is_kept_until_the_way_is_clear(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    open_for_one(&w);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    world_run(&w, 3 * (int64_t)w.config.auto_close_ms); /* its timer does not count meanwhile */
    assert_true(energised(&w));
    assert_int_equal(w.raises, 1);
    world_drives_through(&w);
    assert_true(asks_within(&w, 10000));
    assert_true(energised(&w)); /* recorded first */
    world_commit(&w, asked(&w), true);
    assert_false(energised(&w));
    world_done(&w);
    world_run(&w, 1000);
    world_inputs(&w, 0, OPEN);
    world_run(&w, 1000);
    world_inputs(&w, CLOSED, 0);
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.stops, 0);
}

static void test_let_go_waits_until_clear_for_long_enough(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    open_for_one(&w);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(&w, 200);
    world_inputs(&w, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_PRESENCE));
    world_run(&w, 200);
    world_inputs(&w, 0, INPUT_BIT(INPUT_EXIT_LOOP));
    assert_false(asks_within(&w, (int64_t)w.config.clear_ms - 400));
    assert_true(asks_within(&w, 1000));
    world_inputs(&w, INPUT_BIT(INPUT_OBSTACLE), 0); /* between question and answer */
    world_run(&w, STEP_MS);
    world_commit(&w, asked(&w), true);
    assert_true(energised(&w));
    assert_int_equal(world_record(&w, LANE_RECORD_REFUSED)->refusal, LANE_REFUSAL_NOT_CLEAR);
}

static void test_no_stop_and_no_fault_lets_go(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        struct world w;
        whole(&w);
        open_for_one(&w);
        if (what == 0) {
            (void)world_nameless_done(&w, LANE_ACT_STOP);
        } else if (what == 1) {
            world_inputs(&w, INPUT_BIT(INPUT_FAULT), 0);
        } else if (what == 2) {
            world_inputs(&w, 0, OPEN); /* foreign: somebody presses it down */
        } else {
            (void)world_named(&w, LANE_ACT_OUT_OF_SERVICE);
        }
        world_run(&w, 2000);
        assert_true(energised(&w));
        world_drives_through(&w);
        assert_false(asks_within(&w, 10000));
    }
}

static void test_stop_on_the_way_up_is_no_foreign_motion_at_the_top(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    (void)world_nameless_done(&w, LANE_ACT_RAISE);
    world_inputs(&w, 0, CLOSED);
    world_run(&w, 200);
    (void)world_nameless_done(&w, LANE_ACT_STOP);
    assert_true(energised(&w));
    world_inputs(&w, OPEN, 0);
    world_run(&w, 200);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void test_hands_off_lets_go_at_once(void **state)
{
    (void)state;
    static const enum lane_input inputs[] = {INPUT_EMERGENCY_STOP, INPUT_LOCAL_CONTROL};
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        whole(&w);
        (void)world_nameless_done(&w, LANE_ACT_RAISE);
        world_boom_opens(&w);
        assert_true(energised(&w));
        world_inputs(&w, INPUT_BIT(inputs[i]), 0);
        world_run(&w, STEP_MS);
        assert_false(energised(&w));
        world_inputs(&w, 0, INPUT_BIT(inputs[i]));
        world_run(&w, 2000);
        assert_false(w.state.raise_held);
    }
}

static void test_release_that_fails_is_a_fault_and_tried_again(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    open_for_one(&w);
    world_drives_through(&w);
    assert_true(asks_within(&w, 10000));
    world_commit(&w, asked(&w), true);
    struct lane_event outcome = {.kind = LANE_EVENT_OUTCOME};
    outcome.u.outcome = (struct lane_outcome){.order_id = w.state.let_go_order,
                                              .lane = 1,
                                              .output = OUTPUT_RAISE,
                                              .result = ORDER_VETOED};
    w.outputs |= OUTPUT_BIT(OUTPUT_RAISE); /* still on */
    world_take(&w, &outcome);
    assert_true(world_alarm(&w, EVENT_LANE_ORDER_FAILED));
    assert_true(w.state.raise_held);
    assert_true(asks_within(&w, 10000));
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void test_contact_of_before_the_start_is_ours(void **state)
{
    (void)state;
    struct world w = {.config = maintained_config(), .now = {1000}};
    lane_init(&w.config, &w.state, 100, w.now);
    w.active = OPEN | INPUT_BIT(INPUT_MAINS_OK);
    w.outputs = OUTPUT_BIT(OUTPUT_RAISE);
    world_scan(&w);
    world_run(&w, 5000);
    assert_true(w.state.raise_held);
    assert_true(energised(&w));
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void test_contact_somebody_else_switches_is_foreign(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    w.outputs |= OUTPUT_BIT(OUTPUT_RAISE);
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    world_run(&w, 2000);
    assert_true(energised(&w)); /* letting go of it would be a lower all the same */
    whole(&w);
    open_for_one(&w);
    world_run(&w, 2000);
    w.outputs &= ~OUTPUT_BIT(OUTPUT_RAISE);
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

/* The time in which it may close by itself began with our letting go; theirs is another. */
static void test_closing_after_somebody_elses_contact_is_not_declared(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    open_for_one(&w);
    world_drives_through(&w);
    assert_true(asks_within(&w, 10000));
    world_commit(&w, asked(&w), true);
    world_done(&w);
    world_run(&w, 2000);
    w.outputs |= OUTPUT_BIT(OUTPUT_RAISE);
    world_run(&w, STEP_MS);
    w.outputs &= ~OUTPUT_BIT(OUTPUT_RAISE);
    world_inputs(&w, 0, OPEN);
    world_run(&w, STEP_MS);
    assert_int_equal(w.state.motion, MOTION_NONE);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

/* Open behind the one before, already let go: the next one needs the contact again. */
static void test_next_vehicle_before_it_closes(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    open_for_one(&w);
    world_drives_through(&w);
    assert_true(asks_within(&w, 10000));
    world_commit(&w, asked(&w), true);
    world_done(&w);
    world_passage(&w, false, 3);
    world_arrives(&w);
    assert_int_equal(w.raises, 2);
    assert_true(energised(&w));
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_OPEN);
    world_inputs(&w, 0, OPEN); /* with the contact energised its own timer does not close it */
    world_run(&w, STEP_MS);
    assert_true(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void test_maintained_in_the_configuration(void **state)
{
    (void)state;
    struct err_text err = {{0}};
    struct lane_config configs[4];
    for (int i = 0; i < 4; i++) {
        configs[i] = maintained_config();
    }
    assert_int_equal(lane_config_check(&configs[0], &err), 0);
    configs[0].auto_close = AUTO_CLOSE_NONE;
    configs[1].outputs_wired |= OUTPUT_BIT(OUTPUT_LOWER);
    configs[2].wired &= ~INPUT_BIT(INPUT_PRESENCE);
    configs[3].wired &= ~INPUT_BIT(INPUT_LIMIT_OPEN);
    configs[3].feedback = FEEDBACK_CLOSED;
    static const char *const words[] = {"auto_close", "no output 'lower'", "'presence'",
                                        "'limit_open'"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(lane_config_check(&configs[i], &err), ERR_INVALID);
        if (!strstr(err.text, words[i]) || !strstr(err.text, "raise_maintained")) {
            fail_msg("'%s' does not say '%s'", err.text, words[i]);
        }
    }
}

/* ---- the guard ---- */

struct bench {
    struct lane_config config;
    struct guard guard;
    struct lane_order out[GUARD_ORDERS_MAX];
    struct lane_scan scan;
    char reason[GUARD_REASON_SIZE];
};

static uint32_t scan_after(struct bench *b, int64_t ms, uint32_t active)
{
    b->scan.number++;
    b->scan.at = mono_add_ms(b->scan.at, ms);
    b->scan.active = active | INPUT_BIT(INPUT_MAINS_OK);
    return guard_scan(&b->guard, &b->scan, b->out);
}

static void bench_init(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    b->config = maintained_config();
    guard_init(&b->guard, &b->config);
    b->scan = (struct lane_scan){.lane = 1,
                                 .at = {1000000000},
                                 .contact = true,
                                 .wired = ALL_INPUTS,
                                 .outputs_wired = b->config.outputs_wired};
    (void)scan_after(b, 0, OPEN);
    (void)scan_after(b, b->config.clear_ms, OPEN);
}

static bool lets_go(struct bench *b)
{
    struct lane_order order = {
        .id = 1, .output = OUTPUT_RAISE, .expires = mono_add_ms(b->scan.at, 500)};
    bool ok = guard_allows(&b->guard, &order, &b->scan, b->scan.at, b->reason);
    if (ok) {
        guard_wrote(&b->guard, &order, true, b->scan.at);
    }
    return ok;
}

static void test_guard_holds_letting_go_to_rule_1(void **state)
{
    (void)state;
    static const struct {
        uint32_t on;
        uint32_t off;
    } bad[] = {{INPUT_BIT(INPUT_PRESENCE), 0},
               {INPUT_BIT(INPUT_OBSTACLE), 0},
               {INPUT_BIT(INPUT_FAULT), 0},
               {INPUT_BIT(INPUT_BOOM_OFF), 0},
               {CLOSED, 0},
               {0, OPEN}};
    struct bench b;
    bench_init(&b);
    assert_true(lets_go(&b));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bench_init(&b);
        (void)scan_after(&b, 20, (OPEN | bad[i].on) & ~bad[i].off);
        if (lets_go(&b)) {
            fail_msg("case %zu", i);
        }
    }
    bench_init(&b);
    (void)scan_after(&b, 20, OPEN | INPUT_BIT(INPUT_PRESENCE));
    (void)scan_after(&b, 20, OPEN);
    assert_false(lets_go(&b)); /* clear counts anew */
    bench_init(&b);
    b.scan.active &= ~INPUT_BIT(INPUT_MAINS_OK);
    assert_false(lets_go(&b));
    bench_init(&b);
    b.scan.contact = false;
    assert_false(lets_go(&b));
    bench_init(&b);
    b.scan.at = mono_add_ms(b.scan.at, 0);
    struct lane_order late = {
        .id = 1, .output = OUTPUT_RAISE, .expires = mono_add_ms(b.scan.at, -1)};
    assert_false(guard_allows(&b.guard, &late, &b.scan, b.scan.at, b.reason));
}

static void test_guard_lets_hands_off_through(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 20, INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_EMERGENCY_STOP));
    assert_true(lets_go(&b));
}

/* What we let go of is a lower of ours: somebody under it raises it on the same scan, and keeps. */
static void test_guard_raises_what_was_let_go(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_true(lets_go(&b));
    assert_int_equal(scan_after(&b, 500, 0), 0);
    assert_int_equal(scan_after(&b, 20, INPUT_BIT(INPUT_PRESENCE)), 2); /* stop, raise */
    assert_int_equal(b.out[1].output, OUTPUT_RAISE);
    assert_true(b.out[1].on);
    assert_int_equal(b.out[1].pulse_ms, 0);
    (void)scan_after(&b, 5000, 0);
    assert_false(lets_go(&b)); /* not while the guard keeps it up */
    bench_init(&b);
    assert_true(lets_go(&b));
    (void)scan_after(&b, 8000, CLOSED);
    assert_int_equal(scan_after(&b, 20, CLOSED | INPUT_BIT(INPUT_PRESENCE)), 0); /* it is down */
}

static void test_pulsed_raise_is_switched_off_freely(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.config.raise_maintained = false;
    (void)scan_after(&b, 20, INPUT_BIT(INPUT_PRESENCE));
    assert_true(lets_go(&b));
}

static void test_lane_follows_a_raise_of_the_guard(void **state)
{
    (void)state;
    struct world w;
    whole(&w);
    open_for_one(&w);
    world_drives_through(&w);
    assert_true(asks_within(&w, 10000));
    world_commit(&w, asked(&w), true);
    world_done(&w);
    assert_false(w.state.raise_held);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), 0);
    w.outputs |= OUTPUT_BIT(OUTPUT_RAISE);
    world_guard_scan(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_PRESENCE));
    assert_true(w.state.raise_held);
    world_run(&w, 3000);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_true(energised(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raise_is_kept_until_the_way_is_clear),
        cmocka_unit_test(test_let_go_waits_until_clear_for_long_enough),
        cmocka_unit_test(test_no_stop_and_no_fault_lets_go),
        cmocka_unit_test(test_stop_on_the_way_up_is_no_foreign_motion_at_the_top),
        cmocka_unit_test(test_hands_off_lets_go_at_once),
        cmocka_unit_test(test_release_that_fails_is_a_fault_and_tried_again),
        cmocka_unit_test(test_contact_of_before_the_start_is_ours),
        cmocka_unit_test(test_contact_somebody_else_switches_is_foreign),
        cmocka_unit_test(test_closing_after_somebody_elses_contact_is_not_declared),
        cmocka_unit_test(test_next_vehicle_before_it_closes),
        cmocka_unit_test(test_maintained_in_the_configuration),
        cmocka_unit_test(test_guard_holds_letting_go_to_rule_1),
        cmocka_unit_test(test_guard_lets_hands_off_through),
        cmocka_unit_test(test_guard_raises_what_was_let_go),
        cmocka_unit_test(test_pulsed_raise_is_switched_off_freely),
        cmocka_unit_test(test_lane_follows_a_raise_of_the_guard)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
