/*
 * What a bus promises before it runs: the worst case of safety rule 1, lanes and wiring.
 */
#include "tests/unit/drivers/bus/bus_bench.h"

static void the_worst_case_adds_up(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.cost = (struct io_cost){.scan_us = 10000, .write_us = 5000, .timeout_us = 200000};
    struct bus_options options = bench_bus();
    options.scan_interval_ms = 20;
    struct bus_lane lanes[2] = {bench_lane(&b, 1), bench_lane(&b, 2)};
    uint32_t worst_ms = 0;
    struct err_text err = {""};
    /* 20 pause + 5 write in between + 10 scan + 3 x 5 writes */
    assert_int_equal(bus_worst_case_ms(&options, lanes, 1, &worst_ms, &err), ERR_OK);
    assert_int_equal(worst_ms, 50);
    /* The other lane may be silent for 200 ms and is scanned in between. */
    assert_int_equal(bus_worst_case_ms(&options, lanes, 2, &worst_ms, &err), ERR_INVALID);
    assert_int_equal(worst_ms, 265);
    assert_string_equal(err.text, "lane 1: from obstacle to raise 265 ms (pause 240 + scan 10 + 3 "
                                  "writes of 5), expected at most 100 ms");
    b.cost.timeout_us = 10000;
    assert_int_equal(bus_worst_case_ms(&options, lanes, 2, &worst_ms, &err), ERR_OK);
    assert_int_equal(worst_ms, 80);
}

static uint32_t poll_cost_us(const void *state, const struct io_timing *timing)
{
    assert_true(timing->char_ns > 0);
    return *(const uint32_t *)state;
}

static void a_polled_device_is_part_of_the_worst_case(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.cost = (struct io_cost){.scan_us = 10000, .write_us = 5000, .timeout_us = 10000};
    uint32_t cost_us = 40000;
    struct bus_options options = {.name = "bus-t",
                                  .kind = BUS_MODBUS_RTU,
                                  .baud_bps = 115200,
                                  .parity = 'N',
                                  .stop_bits = 1,
                                  .poll_count = 1,
                                  .polls = {{&cost_us, "cam-9", poll_cost_us, NULL, NULL}}};
    struct bus_lane lane = bench_lane(&b, 1);
    uint32_t worst_ms = 0;
    struct err_text err = {""};
    /* 5 write in between + 40 of the device + 10 scan + 3 x 5 writes */
    assert_int_equal(bus_worst_case_ms(&options, &lane, 1, &worst_ms, &err), ERR_OK);
    assert_int_equal(worst_ms, 70);
    cost_us = 71000;
    assert_int_equal(bus_worst_case_ms(&options, &lane, 1, &worst_ms, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 1: from obstacle to raise 101 ms (pause 76 + scan 10 + 3 "
                                  "writes of 5), expected at most 100 ms");
    options.kind = BUS_MODBUS_TCP;
    assert_int_equal(bus_worst_case_ms(&options, &lane, 1, &worst_ms, &err), ERR_INVALID);
    assert_string_equal(err.text, "cam-9: polled on a bus that is no serial line");
}

static void a_bus_that_cannot_keep_rule_1_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.cost.write_us = 30000;
    struct bus_options options = bench_bus();
    struct bus_lane lane = bench_lane(&b, 1);
    struct bus_sinks sinks = {.ctx = &b, .scan = bench_take_scan, .outcome = bench_take_outcome};
    struct bus *bus = NULL;
    struct err_text err = {""};
    assert_int_equal(bus_create(&options, &lane, 1, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text, "bus bus-t: lane 1: from obstacle to raise 126 ms (pause 35 + "
                                  "scan 1 + 3 writes of 30), expected at most 100 ms");
    assert_null(bus);
}

static void lanes_and_wiring_are_checked(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct bus_options options = bench_bus();
    struct bus_lane lanes[2] = {bench_lane(&b, 1), bench_lane(&b, 1)};
    struct bus_sinks sinks = {.ctx = &b, .scan = bench_take_scan, .outcome = bench_take_outcome};
    struct bus *bus = NULL;
    struct err_text err = {""};
    assert_int_equal(bus_create(&options, lanes, 2, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 1 twice on one bus");
    lanes[0].device_count = 2;
    lanes[0].devices[1] = lanes[0].devices[0];
    assert_int_equal(bus_create(&options, lanes, 1, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 1: barrier has an input or output another device has too");
    uint32_t all = bench_wired_outputs;
    bench_wired_outputs = OUTPUT_BIT(OUTPUT_LOWER) | OUTPUT_BIT(OUTPUT_STOP);
    lanes[0].device_count = 1;
    assert_int_equal(bus_create(&options, lanes, 1, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 1: lower is wired but raise is not");
    bench_wired_outputs = all;
    assert_int_equal(bus_create(&options, lanes, 0, &sinks, &bus, &err), ERR_INVALID);
    struct bus_options rtu = {.name = "bus-r",
                              .kind = BUS_MODBUS_RTU,
                              .line = "/dev/null",
                              .baud_bps = 9601,
                              .parity = 'N',
                              .stop_bits = 1,
                              .core = -1};
    assert_int_equal(bus_create(&rtu, lanes, 1, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text,
                        "bus bus-r: baud 9601: not a standard rate, expected one of 1200, 2400, "
                        "4800, 9600, 19200, 38400, 57600, 115200, 230400");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_case_adds_up),
        cmocka_unit_test(a_polled_device_is_part_of_the_worst_case),
        cmocka_unit_test(a_bus_that_cannot_keep_rule_1_is_refused),
        cmocka_unit_test(lanes_and_wiring_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
