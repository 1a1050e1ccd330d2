/* The guard at the wire: vetoes, and stop and raise on the scan that shows something under the
 * boom. */
#include "gateway/lane/guard.h"
#include "lane_world.h"

struct bench {
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
    b->scan.active = active;
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
        assert_false(allowed(&b, OUTPUT_RAISE, true));
        assert_false(allowed(&b, OUTPUT_LOWER, false));
        assert_true(allowed(&b, OUTPUT_STOP, false));
        assert_true(allowed(&b, OUTPUT_RED, false));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lower_only_after_clear_time),
        cmocka_unit_test(test_something_under_a_lowering_boom),
        cmocka_unit_test(test_raise_of_the_guard_is_tried_again),
        cmocka_unit_test(test_hands_off),
        cmocka_unit_test(test_fault_lets_only_emergency_raise_through),
        cmocka_unit_test(test_raise_and_lower_never_together),
        cmocka_unit_test(test_late_and_without_contact)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
