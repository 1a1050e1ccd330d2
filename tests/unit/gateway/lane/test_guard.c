/* The guard at the wire: vetoes, and stop and raise on the scan that shows something under the
 * boom. */
#include "gateway/lane/guard.h"
#include "lane_world.h"

enum {
    HEALTHY = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK) | INPUT_BIT(INPUT_MAINS_OK)
};

struct bench {
    uint32_t healthy; /* detectors and mains that say so */
    struct lane_config config;
    struct guard guard;
    struct lane_order out[GUARD_ORDERS_MAX];
    struct lane_scan scan;
    char reason[GUARD_REASON_SIZE];
};

static void bench_init(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    b->config = world_config();
    b->config.auto_close = AUTO_CLOSE_NONE;
    b->config.lower_automatically = true;
    b->healthy = HEALTHY;
    guard_init(&b->guard, &b->config);
    b->scan = (struct lane_scan){.lane = 1,
                                 .at = {1000000000},
                                 .contact = true,
                                 .wired = ALL_INPUTS,
                                 .active = INPUT_BIT(INPUT_LIMIT_OPEN),
                                 .outputs_wired = ALL_OUTPUTS};
}

static uint32_t scan_after(struct bench *b, int64_t ms, uint32_t active)
{
    b->scan.number++;
    b->scan.at = mono_add_ms(b->scan.at, ms);
    b->scan.active = active | b->healthy;
    return guard_scan(&b->guard, &b->scan, b->out);
}

static bool allowed(struct bench *b, enum lane_output output, bool emergency)
{
    struct lane_order order = {.id = 1,
                               .output = output,
                               .on = true,
                               .pulse_ms = 500,
                               .emergency = emergency,
                               .expires = mono_add_ms(b->scan.at, 500)};
    bool ok = guard_allows(&b->guard, &order, &b->scan, b->scan.at, b->reason);
    if (ok) {
        guard_wrote(&b->guard, &order, true, b->scan.at);
        order.on = false;
        guard_wrote(&b->guard, &order, true, mono_add_ms(b->scan.at, 500));
    }
    return ok;
}

static void test_lower_only_after_clear_time(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    (void)scan_after(&b, 2999, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    (void)scan_after(&b, 1, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
    (void)scan_after(&b, 10, INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_OBSTACLE));
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    (void)scan_after(&b, 10, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_false(allowed(&b, OUTPUT_LOWER, false)); /* clear counts anew */
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    b.scan.contact = false;
    (void)scan_after(&b, 10, 0);
    b.scan.contact = true;
    (void)scan_after(&b, 10, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_false(allowed(&b, OUTPUT_LOWER, false)); /* and after lost contact */
}

static void test_something_under_a_lowering_boom(void **state)
{
    (void)state;
    for (int input = INPUT_PRESENCE; input <= INPUT_OBSTACLE; input++) {
        struct bench b;
        bench_init(&b);
        (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
        (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
        assert_true(allowed(&b, OUTPUT_LOWER, false));
        assert_int_equal(scan_after(&b, 50, 0), 0);
        assert_int_equal(scan_after(&b, 50, INPUT_BIT(input)), 3);
        assert_int_equal(b.out[0].output, OUTPUT_LOWER);
        assert_false(b.out[0].on);
        assert_int_equal(b.out[1].output, OUTPUT_STOP);
        assert_int_equal(b.out[2].output, OUTPUT_RAISE);
        assert_true(b.out[2].on && b.out[2].emergency && b.out[2].pulse_ms > 0);
        for (int i = 0; i < 3; i++) {
            assert_true(guard_allows(&b.guard, &b.out[i], &b.scan, b.scan.at, b.reason));
            guard_wrote(&b.guard, &b.out[i], true, b.scan.at);
        }
        assert_int_equal(scan_after(&b, 50, INPUT_BIT(input)), 0); /* once */
    }
}

/* The first raise meets the stop pulse: a controller that heeds edges ignores it. */
static void test_raise_of_the_guard_is_repeated_until_the_boom_is_up(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
    assert_int_equal(scan_after(&b, 50, INPUT_BIT(INPUT_PRESENCE)), 3);
    for (int i = 0; i < 3; i++) {
        guard_wrote(&b.guard, &b.out[i], true, b.scan.at);
    }
    b.scan.outputs = OUTPUT_BIT(OUTPUT_STOP) | OUTPUT_BIT(OUTPUT_RAISE);
    assert_int_equal(scan_after(&b, 200, INPUT_BIT(INPUT_PRESENCE)), 0);
    b.scan.outputs = 0;
    assert_int_equal(scan_after(&b, 350, 0), 0); /* its pulse is not over for long enough */
    assert_int_equal(scan_after(&b, 50, 0), 1);
    assert_int_equal(b.out[0].output, OUTPUT_RAISE);
    assert_true(b.out[0].on && b.out[0].emergency);
    guard_wrote(&b.guard, &b.out[0], true, b.scan.at);
    assert_int_equal(scan_after(&b, 700, INPUT_BIT(INPUT_LIMIT_OPEN)), 0); /* up */
    assert_int_equal(scan_after(&b, 700, 0), 0);
}

/* The limit it has just left bounces when the guard's stop meets it: the boom is not up by that. */
static void test_bouncing_limit_does_not_end_the_raise_of_the_guard(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
    assert_int_equal(scan_after(&b, 10, INPUT_BIT(INPUT_OBSTACLE)), 3);
    for (int i = 0; i < 3; i++) {
        guard_wrote(&b.guard, &b.out[i], true, b.scan.at);
    }
    assert_int_equal(scan_after(&b, 9, INPUT_BIT(INPUT_OBSTACLE) | INPUT_BIT(INPUT_LIMIT_OPEN)), 0);
    assert_int_equal(scan_after(&b, 1000, INPUT_BIT(INPUT_OBSTACLE)), 1);
    assert_int_equal(b.out[0].output, OUTPUT_RAISE);
}

/* A module that ends its pulses by itself tells nobody. */
static void test_coil_of_a_module_timer_is_off_after_its_pulse(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct lane_order order = {.output = OUTPUT_LOWER, .on = true, .pulse_ms = 500};
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    guard_wrote(&b.guard, &order, true, b.scan.at);
    (void)scan_after(&b, 600, 0);
    assert_false(allowed(&b, OUTPUT_RAISE, true));
    (void)scan_after(&b, 500, 0);
    assert_true(allowed(&b, OUTPUT_RAISE, true));
    order.output = OUTPUT_RAISE;
    (void)scan_after(&b, 10000, INPUT_BIT(INPUT_LIMIT_OPEN));
    guard_wrote(&b.guard, &order, true, b.scan.at);
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    (void)scan_after(&b, 1100, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
}

static void test_raise_of_the_guard_is_tried_again(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
    assert_int_equal(scan_after(&b, 50, INPUT_BIT(INPUT_PRESENCE)), 3);
    guard_wrote(&b.guard, &b.out[2], false, b.scan.at);
    assert_int_equal(scan_after(&b, 50, 0), 3);
}

/* A raise that fails and fails is the danger's, not one of ten seconds later. */
static void test_raise_of_the_guard_is_not_tried_for_ever(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
    assert_int_equal(scan_after(&b, 50, INPUT_BIT(INPUT_PRESENCE)), 3);
    guard_wrote(&b.guard, &b.out[2], false, b.scan.at);
    (void)scan_after(&b, 2 * (int64_t)b.config.travel_ms - 1, 0);
    guard_wrote(&b.guard, &b.out[2], false, b.scan.at);
    assert_int_equal(scan_after(&b, 1, 0), 0);
    b.scan.outputs = OUTPUT_BIT(OUTPUT_LOWER); /* and danger again counts anew */
    assert_int_equal(scan_after(&b, 50, INPUT_BIT(INPUT_PRESENCE)), 3);
    b.scan.outputs = 0;
    guard_wrote(&b.guard, &b.out[2], false, b.scan.at);
    assert_int_equal(scan_after(&b, 50, 0), 3);
}

/* Read back as on, switched off, and ordered again since: what was read counts once more. */
static void test_lower_ordered_again_is_not_off(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct lane_order lower = {.output = OUTPUT_LOWER};
    struct lane_order raise = {.output = OUTPUT_RAISE, .on = true, .pulse_ms = 500};
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    b.scan.outputs = OUTPUT_BIT(OUTPUT_LOWER);
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    struct mono_time later = mono_add_ms(b.scan.at, 2000); /* every pulse is over */
    raise.expires = mono_add_ms(later, 500);
    guard_wrote(&b.guard, &lower, true, b.scan.at);
    assert_true(guard_allows(&b.guard, &raise, &b.scan, later, b.reason));
    lower.on = true;
    lower.pulse_ms = 500;
    guard_wrote(&b.guard, &lower, true, b.scan.at);
    assert_false(guard_allows(&b.guard, &raise, &b.scan, later, b.reason));
}

/* Its raise meets a lower that somebody else energised only when that is off. */
static void test_raise_of_the_guard_waits_for_the_lower_to_be_off(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    b.scan.outputs = OUTPUT_BIT(OUTPUT_LOWER);
    assert_int_equal(scan_after(&b, 50, INPUT_BIT(INPUT_OBSTACLE)), 3);
    guard_wrote(&b.guard, &b.out[0], false, b.scan.at);
    assert_false(guard_allows(&b.guard, &b.out[2], &b.scan, b.scan.at, b.reason));
    assert_string_equal(b.reason, "lower is energised");
    guard_wrote(&b.guard, &b.out[0], true, b.scan.at);
    assert_true(guard_allows(&b.guard, &b.out[2], &b.scan, b.scan.at, b.reason));
    assert_int_equal(scan_after(&b, 50, INPUT_BIT(INPUT_OBSTACLE)), 3); /* on again */
    assert_false(guard_allows(&b.guard, &b.out[2], &b.scan, b.scan.at, b.reason));
}

static void test_hands_off(void **state)
{
    (void)state;
    static const enum lane_input inputs[] = {INPUT_LOCAL_CONTROL, INPUT_EMERGENCY_STOP};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        bench_init(&b);
        (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
        (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
        assert_true(allowed(&b, OUTPUT_LOWER, false));
        assert_int_equal(scan_after(&b, 50, INPUT_BIT(inputs[i]) | INPUT_BIT(INPUT_PRESENCE)), 0);
        const char *why = inputs[i] == INPUT_LOCAL_CONTROL ? "the barrier is under local control"
                                                           : "the emergency stop is pressed";
        assert_false(allowed(&b, OUTPUT_RAISE, true));
        assert_string_equal(b.reason, why);
        assert_false(allowed(&b, OUTPUT_LOWER, false));
        assert_string_equal(b.reason, why);
        assert_true(allowed(&b, OUTPUT_STOP, false));
        assert_true(allowed(&b, OUTPUT_RED, false));
    }
}

/* Released, the guard does not take up again by itself what the stop has ended. */
static void test_an_emergency_stop_ends_the_guards_raise(void **state)
{
    (void)state;
    static const enum lane_input inputs[] = {INPUT_LOCAL_CONTROL, INPUT_EMERGENCY_STOP};
    for (int failed = 0; failed < 2; failed++) {
        for (size_t i = 0; i < 2; i++) {
            struct bench b;
            bench_init(&b);
            (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
            (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
            assert_true(allowed(&b, OUTPUT_LOWER, false));
            assert_int_equal(scan_after(&b, 50, INPUT_BIT(INPUT_OBSTACLE)), 3);
            for (uint32_t k = 0; k < 3; k++) {
                guard_wrote(&b.guard, &b.out[k], !failed || k < 2, b.scan.at);
            }
            assert_int_equal(scan_after(&b, 50, INPUT_BIT(inputs[i])), 0);
            uint32_t again = scan_after(&b, 1000, 0);
            assert_int_equal(again != 0, inputs[i] == INPUT_LOCAL_CONTROL);
        }
    }
}

static void test_fault_lets_only_emergency_raise_through(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_FAULT));
    assert_false(allowed(&b, OUTPUT_RAISE, false));
    assert_true(allowed(&b, OUTPUT_RAISE, true));
}

static void test_raise_and_lower_never_together(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    b.scan.outputs = OUTPUT_BIT(OUTPUT_RAISE);
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    b.scan.outputs = OUTPUT_BIT(OUTPUT_LOWER);
    assert_false(allowed(&b, OUTPUT_RAISE, false));
}

static void test_late_and_without_contact(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    struct lane_order order = {.output = OUTPUT_RAISE, .on = true, .pulse_ms = 1};
    order.expires = mono_add_ms(b.scan.at, -1);
    assert_false(guard_allows(&b.guard, &order, &b.scan, b.scan.at, b.reason));
    b.scan.contact = false;
    (void)scan_after(&b, 10, 0);
    assert_false(allowed(&b, OUTPUT_RAISE, true));
}

static void test_no_lower_without_the_lane_declaring_it(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.config.lower_automatically = false;
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    assert_string_equal(b.reason, "this lane declares no lowering by the gateway");
}

static void test_no_lower_that_no_limit_could_confirm(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.config.feedback = FEEDBACK_OPEN;
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    assert_string_equal(b.reason, "this barrier is not lowered by an output");
}

static void test_a_detector_that_fails_stops_and_raises(void **state)
{
    (void)state;
    for (int input = INPUT_PERSON_OK; input <= INPUT_DETECTOR_OK; input++) {
        struct bench b;
        bench_init(&b);
        b.healthy = HEALTHY & ~INPUT_BIT(input);
        (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
        (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
        assert_false(allowed(&b, OUTPUT_LOWER, false));
        assert_string_equal(b.reason, "a detector is not healthy");
        b.healthy = HEALTHY;
        (void)scan_after(&b, 20, INPUT_BIT(INPUT_LIMIT_OPEN));
        assert_true(allowed(&b, OUTPUT_LOWER, false));
        b.healthy = HEALTHY & ~INPUT_BIT(input);
        assert_int_equal(scan_after(&b, 50, 0), 3);
    }
}

static void test_no_lower_on_the_battery(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.healthy = HEALTHY & ~INPUT_BIT(INPUT_MAINS_OK);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    assert_string_equal(b.reason, "the mains are lost");
    assert_true(allowed(&b, OUTPUT_RAISE, false));
    b.scan.wired &= ~INPUT_BIT(INPUT_MAINS_OK); /* nobody tells it */
    (void)scan_after(&b, 4000, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
}

static void test_contradicting_limits_are_a_fault(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED));
    assert_false(allowed(&b, OUTPUT_RAISE, false));
    assert_string_equal(b.reason, "the barrier reports a fault");
    assert_true(allowed(&b, OUTPUT_RAISE, true));
}

static void test_lower_only_from_fully_open_and_whole(void **state)
{
    (void)state;
    static const enum lane_input bad[] = {INPUT_FAULT, INPUT_BOOM_OFF, INPUT_LIMIT_CLOSED};
    struct bench b;
    bench_init(&b);
    (void)scan_after(&b, 0, 0);
    (void)scan_after(&b, 4000, 0);
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    for (size_t i = 0; i < 3; i++) {
        (void)scan_after(&b, 20, INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(bad[i]));
        assert_false(allowed(&b, OUTPUT_LOWER, false));
    }
    (void)scan_after(&b, 20, INPUT_BIT(INPUT_LIMIT_OPEN));
    assert_true(allowed(&b, OUTPUT_LOWER, false));
    (void)scan_after(&b, 20000, INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_PRESENCE));
    assert_false(allowed(&b, OUTPUT_LOWER, false));
    assert_string_equal(b.reason, "something is under the boom");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lower_only_after_clear_time),
        cmocka_unit_test(test_something_under_a_lowering_boom),
        cmocka_unit_test(test_raise_of_the_guard_is_repeated_until_the_boom_is_up),
        cmocka_unit_test(test_bouncing_limit_does_not_end_the_raise_of_the_guard),
        cmocka_unit_test(test_coil_of_a_module_timer_is_off_after_its_pulse),
        cmocka_unit_test(test_raise_of_the_guard_is_tried_again),
        cmocka_unit_test(test_raise_of_the_guard_is_not_tried_for_ever),
        cmocka_unit_test(test_lower_ordered_again_is_not_off),
        cmocka_unit_test(test_raise_of_the_guard_waits_for_the_lower_to_be_off),
        cmocka_unit_test(test_hands_off),
        cmocka_unit_test(test_an_emergency_stop_ends_the_guards_raise),
        cmocka_unit_test(test_fault_lets_only_emergency_raise_through),
        cmocka_unit_test(test_raise_and_lower_never_together),
        cmocka_unit_test(test_no_lower_without_the_lane_declaring_it),
        cmocka_unit_test(test_no_lower_that_no_limit_could_confirm),
        cmocka_unit_test(test_a_detector_that_fails_stops_and_raises),
        cmocka_unit_test(test_no_lower_on_the_battery),
        cmocka_unit_test(test_contradicting_limits_are_a_fault),
        cmocka_unit_test(test_lower_only_from_fully_open_and_whole),
        cmocka_unit_test(test_late_and_without_contact)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
