/* Lowering by hand at the wire: the guard lets out one beat at a time and stops what nobody renews,
 * whatever has become of the lane's thread. What the lane does of it: test_hand.c. */
#include "gateway/lane/guard.h"
#include "lane_world.h"

enum { LOST_MS = 500 };

struct bench {
    struct lane_config config;
    struct guard guard;
    struct lane_order out[GUARD_ORDERS_MAX];
    struct lane_scan scan;
    char reason[GUARD_REASON_SIZE];
};

static const uint32_t OPEN = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_MAINS_OK) |
                             INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK);

static uint32_t scan_after(struct bench *b, int64_t ms, uint32_t active)
{
    b->scan.number++;
    b->scan.at = mono_add_ms(b->scan.at, ms);
    b->scan.active = active;
    return guard_scan(&b->guard, &b->scan, b->out);
}

static void bench_init(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    b->config = world_hand_config();
    guard_init(&b->guard, &b->config);
    b->scan = (struct lane_scan){.lane = 1,
                                 .at = {1000000000},
                                 .contact = true,
                                 .wired = ALL_INPUTS,
                                 .outputs_wired = ALL_OUTPUTS};
    (void)scan_after(b, 0, OPEN);
    (void)scan_after(b, 4000, OPEN);
}

static struct lane_order by_hand(const struct bench *b, int64_t life_ms, uint32_t pulse_ms)
{
    return (struct lane_order){.id = 1,
                               .output = OUTPUT_LOWER,
                               .on = true,
                               .pulse_ms = pulse_ms,
                               .hold_to_run = true,
                               .expires = mono_add_ms(b->scan.at, life_ms)};
}

static bool lowered(struct bench *b, int64_t life_ms, uint32_t pulse_ms)
{
    struct lane_order order = by_hand(b, life_ms, pulse_ms);
    bool ok = guard_allows(&b->guard, &order, &b->scan, b->scan.at, b->reason);
    if (ok) {
        guard_wrote(&b->guard, &order, true, b->scan.at);
    }
    return ok;
}

static void test_guard_lets_out_one_beat_only(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_false(lowered(&b, LOST_MS + 1, LOST_MS));
    assert_false(lowered(&b, LOST_MS, LOST_MS + 1));
    assert_false(lowered(&b, LOST_MS, 0)); /* a level that nobody would end */
    assert_false(lowered(&b, -1, LOST_MS));
    assert_true(lowered(&b, LOST_MS, LOST_MS));
    b.config.manual_lower = false;
    assert_false(lowered(&b, LOST_MS, LOST_MS));
    static const enum lane_input health[] = {INPUT_PERSON_OK, INPUT_DETECTOR_OK};
    for (size_t i = 0; i < 2; i++) {
        bench_init(&b);
        (void)scan_after(&b, 10, OPEN & ~INPUT_BIT(health[i]));
        assert_false(lowered(&b, LOST_MS, LOST_MS));
    }
}

/* The lane's thread hangs, the bus thread does not. */
static void test_guard_stops_what_nobody_renews(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_true(lowered(&b, LOST_MS, LOST_MS));
    uint32_t between = OPEN & ~INPUT_BIT(INPUT_LIMIT_OPEN);
    assert_int_equal(scan_after(&b, 400, between), 0);
    assert_true(lowered(&b, LOST_MS, LOST_MS)); /* renewed */
    assert_int_equal(scan_after(&b, LOST_MS - 1, between), 0);
    for (int i = 0; i < 2; i++) { /* again until it is acknowledged */
        assert_int_equal(scan_after(&b, 1, between), 2);
        assert_int_equal(b.out[0].output, OUTPUT_LOWER);
        assert_false(b.out[0].on);
        assert_int_equal(b.out[1].output, OUTPUT_STOP);
        assert_true(b.out[1].on);
        guard_wrote(&b.guard, &b.out[0], true, b.scan.at);
        guard_wrote(&b.guard, &b.out[1], i == 1, b.scan.at);
    }
    assert_int_equal(scan_after(&b, 10, between), 0);
}

static void test_guard_leaves_a_boom_that_is_down_alone(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_true(lowered(&b, LOST_MS, LOST_MS));
    uint32_t down = (OPEN & ~INPUT_BIT(INPUT_LIMIT_OPEN)) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    assert_int_equal(scan_after(&b, 600, down), 0);
    assert_int_equal(scan_after(&b, 600, OPEN & ~INPUT_BIT(INPUT_LIMIT_OPEN)), 0);
}

static void test_guard_stops_and_raises_for_somebody_under_it(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_true(lowered(&b, LOST_MS, LOST_MS));
    uint32_t between = OPEN & ~INPUT_BIT(INPUT_LIMIT_OPEN);
    struct bench sick = b;
    sick.guard.config = &sick.config;
    assert_int_equal(scan_after(&sick, 50, between & ~INPUT_BIT(INPUT_DETECTOR_OK)), 3);
    assert_int_equal(scan_after(&b, 50, between | INPUT_BIT(INPUT_OBSTACLE)), 3);
    assert_int_equal(b.out[2].output, OUTPUT_RAISE);
    for (int i = 0; i < 3; i++) {
        guard_wrote(&b.guard, &b.out[i], true, b.scan.at);
    }
    assert_false(lowered(&b, LOST_MS, LOST_MS));
}

/* Where no health contact is wired, letting go must not look like a danger. */
static void test_guard_without_health_contacts(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.scan.wired &= ~(INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK));
    uint32_t between = OPEN & ~INPUT_BIT(INPUT_LIMIT_OPEN);
    (void)scan_after(&b, 10, OPEN);
    assert_true(lowered(&b, LOST_MS, LOST_MS));
    b.scan.outputs = OUTPUT_BIT(OUTPUT_LOWER);
    assert_int_equal(scan_after(&b, 100, between), 0);
    struct lane_order stop = {.id = 2,
                              .output = OUTPUT_STOP,
                              .on = true,
                              .pulse_ms = 300,
                              .expires = mono_add_ms(b.scan.at, 500)};
    guard_wrote(&b.guard, &stop, true, b.scan.at);
    assert_int_equal(scan_after(&b, 10, between), 0); /* the coil is still read back */
    b.config.lower_automatically = true;
    b.scan.outputs = 0;
    (void)scan_after(&b, 4000, OPEN);
    struct lane_order automatic = by_hand(&b, LOST_MS, LOST_MS);
    automatic.hold_to_run = false; /* an automatic one needs both of them */
    assert_false(guard_allows(&b.guard, &automatic, &b.scan, b.scan.at, b.reason));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_lets_out_one_beat_only),
        cmocka_unit_test(test_guard_stops_what_nobody_renews),
        cmocka_unit_test(test_guard_leaves_a_boom_that_is_down_alone),
        cmocka_unit_test(test_guard_stops_and_raises_for_somebody_under_it),
        cmocka_unit_test(test_guard_without_health_contacts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
