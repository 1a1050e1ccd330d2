/*
 * The bus engine over a device of memory: scans, guard, order outcomes, pulses, stop.
 */
#include "tests/unit/drivers/bus/bus_bench.h"

static void scans_say_what_the_device_says(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    assert_int_equal(PEEK(&b, scan.outputs_wired), bench_wired_outputs);
    SET(&b, active, INPUT_BIT(INPUT_LIMIT_OPEN));
    WAIT_FOR(&b, b.scan.active == INPUT_BIT(INPUT_LIMIT_OPEN));
    WAIT_FOR(&b, b.scan.number > 5);
    bench_end(&b);
}

static void an_order_is_written_and_told(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    bench_submit(&b, 7, OUTPUT_RED, true, 0);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].order_id, 7);
    assert_int_equal(b.outcomes[0].result, ORDER_DONE);
    assert_string_equal(b.outcomes[0].detail, "");
    WAIT_FOR(&b, b.scan.outputs == OUTPUT_BIT(OUTPUT_RED));
    bench_end(&b);
    assert_int_equal(b.outputs, OUTPUT_BIT(OUTPUT_RED)); /* a stop leaves lights as they are */
}

static void waiting_orders_leave_by_rank(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    SET(&b, hold_writes, true);
    bench_submit(&b, 1, OUTPUT_SIREN, true, 0); /* the bus is stuck in this one */
    WAIT_FOR(&b, true);
    bench_submit(&b, 2, OUTPUT_RED, true, 0);
    bench_submit(&b, 3, OUTPUT_LOWER, true, 0);
    bench_submit(&b, 4, OUTPUT_RAISE, true, 0);
    bench_submit(&b, 5, OUTPUT_STOP, true, 0);
    SET(&b, hold_writes, false);
    WAIT_FOR(&b, b.outcome_count == 5);
    size_t at = b.outcomes[0].order_id == 1 ? 1 : 0; /* or all five were still waiting */
    const uint64_t expected[] = {5, 4, 3};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b.outcomes[at + i].order_id, expected[i]);
    }
    bench_end(&b);
}

static void a_late_order_is_dropped(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    struct lane_order order = bench_order(9, OUTPUT_RAISE, true, 100);
    order.expires = mono_add_ms(clock_mono(&clock_system), -1);
    assert_int_equal(bus_submit(b.bus, &order), ERR_OK);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_EXPIRED);
    bench_end(&b);
    assert_int_equal(b.outputs & OUTPUT_BIT(OUTPUT_RAISE), 0);
}

static void the_guard_vetoes_with_its_reason(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.veto_lower = true;
    bench_create(&b);
    bench_start(&b);
    bench_submit(&b, 3, OUTPUT_LOWER, true, 0);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_VETOED);
    assert_string_equal(b.outcomes[0].detail, "presence is active");
    bench_end(&b);
    assert_int_equal(b.outputs, 0);
}

static void the_guard_stops_and_raises_on_the_same_scan(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.react = true;
    bench_create(&b);
    bench_start(&b);
    bench_submit(&b, 1, OUTPUT_LOWER, true, 0);
    WAIT_FOR(&b, b.write_count == 1);
    SET(&b, active, INPUT_BIT(INPUT_PRESENCE));
    WAIT_FOR(&b, b.guard_acted == 1);
    static const struct written expected[] = {
        {OUTPUT_LOWER, true}, {OUTPUT_LOWER, false}, {OUTPUT_STOP, true}, {OUTPUT_RAISE, true}};
    pthread_mutex_lock(&b.lock);
    assert_true(b.write_count >= 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(b.writes[i].output, expected[i].output);
        assert_int_equal(b.writes[i].on, expected[i].on);
    }
    assert_int_equal(b.outcome_count, 1); /* the guard's own orders have none */
    pthread_mutex_unlock(&b.lock);
    WAIT_FOR(&b, b.outputs == 0); /* both pulses end */
    bench_end(&b);
}

static void a_pulse_is_ended_by_the_bus_thread(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    bench_submit(&b, 1, OUTPUT_RAISE, true, 30);
    WAIT_FOR(&b, b.write_count == 2);
    assert_true(b.writes[0].on);
    assert_int_equal(b.writes[1].output, OUTPUT_RAISE);
    assert_false(b.writes[1].on);
    bench_end(&b);
}

static void a_pulse_of_the_module_is_left_to_it(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.self_ends = true;
    bench_create(&b);
    bench_start(&b);
    bench_submit(&b, 1, OUTPUT_RAISE, true, 10);
    WAIT_FOR(&b, b.outcome_count == 1);
    uint64_t number = PEEK(&b, scan.number);
    WAIT_FOR(&b, b.scan.number > number + 10); /* at 5 ms each: well past its end */
    struct bus_stats stats;
    bus_stats_read(b.bus, &stats);
    assert_int_equal(stats.pulses_ended, 0);
    bench_end(&b);
    assert_true(b.outputs & OUTPUT_BIT(OUTPUT_RAISE));
}

static void a_failed_pulse_is_ended_all_the_same(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    SET(&b, write_error, ERR_DENIED);
    bench_submit(&b, 1, OUTPUT_RAISE, true, 20);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_FAILED);
    assert_string_equal(b.outcomes[0].detail, "barrier: raise: exception 4 (device failure)");
    WAIT_FOR(&b, b.wrote_failed >= 3); /* the pulse and two attempts to end it */
    bench_submit(&b, 2, OUTPUT_RED, true, 0);
    WAIT_FOR(&b, b.outcome_count == 2); /* meanwhile others get their turn */
    SET(&b, write_error, ERR_OK);
    WAIT_FOR(&b, b.write_count >= 1);
    assert_int_equal(b.writes[0].output, OUTPUT_RAISE);
    assert_false(b.writes[0].on);
    bench_end(&b);
}

static void a_stop_ends_pulses_and_lowering(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    bench_submit(&b, 1, OUTPUT_RAISE, true, IO_PULSE_MAX_MS);
    bench_submit(&b, 2, OUTPUT_LOWER, true, 0);
    bench_submit(&b, 3, OUTPUT_RED, true, 0);
    WAIT_FOR(&b, b.outcome_count == 3);
    bus_stop(b.bus);
    assert_int_equal(b.outputs, OUTPUT_BIT(OUTPUT_RED));
    struct lane_order late = bench_order(4, OUTPUT_RED, false, 0);
    assert_int_equal(bus_submit(b.bus, &late), ERR_STOPPED);
    bench_end(&b);
}

static void every_order_gets_one_outcome_also_at_stop(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    for (uint64_t i = 1; i <= 20; i++) {
        bench_submit(&b, i, OUTPUT_YELLOW, i % 2, 0);
    }
    bus_stop(b.bus);
    assert_int_equal(b.outcome_count, 20);
    bench_end(&b);
}

static void orders_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    struct lane_order order = bench_order(1, OUTPUT_RAISE, true, IO_PULSE_MAX_MS + 1);
    assert_int_equal(bus_submit(b.bus, &order), ERR_INVALID);
    order = bench_order(0, OUTPUT_RAISE, true, 0);
    assert_int_equal(bus_submit(b.bus, &order), ERR_INVALID);
    order = bench_order(1, OUTPUT_RAISE, true, 0);
    order.expires.ns = 0;
    assert_int_equal(bus_submit(b.bus, &order), ERR_INVALID);
    order = bench_order(1, OUTPUT_RAISE, true, 0);
    order.lane = 2;
    assert_int_equal(bus_submit(b.bus, &order), ERR_NOT_FOUND);
    for (uint64_t i = 1; i <= BUS_LIGHTS_ORDERS_MAX; i++) {
        bench_submit(&b, i, OUTPUT_RED, true, 0);
    }
    order = bench_order(99, OUTPUT_RED, true, 0);
    assert_int_equal(bus_submit(b.bus, &order), ERR_FULL);
    struct bus_stats stats;
    bus_stats_read(b.bus, &stats);
    assert_int_equal(stats.orders_refused, 1);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scans_say_what_the_device_says),
        cmocka_unit_test(an_order_is_written_and_told),
        cmocka_unit_test(waiting_orders_leave_by_rank),
        cmocka_unit_test(a_late_order_is_dropped),
        cmocka_unit_test(the_guard_vetoes_with_its_reason),
        cmocka_unit_test(the_guard_stops_and_raises_on_the_same_scan),
        cmocka_unit_test(a_pulse_is_ended_by_the_bus_thread),
        cmocka_unit_test(a_pulse_of_the_module_is_left_to_it),
        cmocka_unit_test(a_failed_pulse_is_ended_all_the_same),
        cmocka_unit_test(a_stop_ends_pulses_and_lowering),
        cmocka_unit_test(every_order_gets_one_outcome_also_at_stop),
        cmocka_unit_test(orders_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
