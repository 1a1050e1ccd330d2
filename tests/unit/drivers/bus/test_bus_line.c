/*
 * The bus on real lines: an RTU pty and a TCP connection with modules in a thread at the other end.
 * Every symptom of a miswired line is named, an echoing adapter is lived with, a silent unit does
 * not starve its neighbour, and a tool's request finds its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "drivers/bus/bus.h"
#include "drivers/bus/modbus_link.h"
#include "tests/sim/line_module.h"
#include "tests/sim/modbus_partner.h"

/* Rule 1 leaves two lanes on one line 20 ms for an answer: a busy machine must not be what breaks
 * them, and hardware does not slow down with it. As far as the process may. */
enum { BUS_PRIORITY = 40, PARTNER_PRIORITY = 45, DEADLINE_MS = 20000, UNIT_A = 1, UNIT_B = 2 };

struct site {
    struct partner partner;
    struct line_module modules[2];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct lane_scan scans[3]; /* newest, by lane */
    struct lane_outcome outcome;
    enum bus_cause cause; /* of lane 1 */
    unsigned no_room;     /* so often the cause is not taken */
    struct bus *bus;
};

/* --- sinks --- */

static void sink_scan(void *ctx, const struct lane_scan *scan)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->scans[scan->lane] = *scan;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void sink_outcome(void *ctx, const struct lane_outcome *outcome)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->outcome = *outcome;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static bool sink_cause(void *ctx, uint8_t lane, enum bus_cause before, enum bus_cause now,
                       const char *bus)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    assert_string_equal(bus, "bus-t");
    assert_int_not_equal(before, now);
    bool room = s->no_room == 0;
    s->no_room -= !room;
    s->cause = lane == 1 && room ? now : s->cause;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return room;
}

/* --- builders --- */

static void site_init(struct site *s)
{
    memset(s, 0, sizeof(*s));
    pthread_condattr_t attr;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    partner_init(&s->partner);
    s->partner.priority = PARTNER_PRIORITY;
    for (size_t i = 0; i < 2; i++) {
        s->modules[i] = (struct line_module){.unit = (uint8_t)(UNIT_A + i),
                                             .inputs = 8,
                                             .coils = 8,
                                             .answer_us = 3000,
                                             .timeout_us = 20000};
    }
    partner_add(&s->partner, UNIT_A);
    partner_add(&s->partner, UNIT_B);
}

/* Lane 1 on unit A, lane 2 on unit B. */
static void site_start(struct site *s, enum bus_kind kind, size_t lanes)
{
    struct bus_options options = {.name = "bus-t",
                                  .kind = kind,
                                  .host = "127.0.0.1",
                                  .port = s->partner.port,
                                  .baud_bps = 115200,
                                  .parity = 'N',
                                  .stop_bits = 1,
                                  .scan_interval_ms = 2,
                                  .core = -1,
                                  .priority = BUS_PRIORITY};
    struct bus_lane both[2] = {{.lane = 1, .device_count = 1}, {.lane = 2, .device_count = 1}};
    struct bus_sinks sinks = {
        .ctx = s, .scan = sink_scan, .outcome = sink_outcome, .cause = sink_cause};
    struct err_text err = {""};
    (void)snprintf(options.line, sizeof(options.line), "%s", s->partner.path);
    for (size_t i = 0; i < lanes; i++) {
        both[i].devices[0] =
            (struct io_device){.driver = &line_module_driver, .state = &s->modules[i]};
        (void)snprintf(both[i].devices[0].name, sizeof(both[i].devices[0].name), "module-%zu", i);
    }
    int rc = bus_create(&options, both, lanes, &sinks, &s->bus, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(bus_start(s->bus), ERR_OK);
}

static void site_start_rtu(struct site *s, size_t lanes)
{
    assert_true(partner_start_rtu(&s->partner, 0));
    site_start(s, BUS_MODBUS_RTU, lanes);
}

static void site_end(struct site *s)
{
    bus_stop(s->bus);
    bus_destroy(s->bus);
    partner_stop(&s->partner);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

#define WAIT_FOR(s, condition)                                                                     \
    do {                                                                                           \
        struct timespec until;                                                                     \
        clock_gettime(CLOCK_MONOTONIC, &until);                                                    \
        until.tv_sec += DEADLINE_MS / 1000;                                                        \
        pthread_mutex_lock(&(s)->lock);                                                            \
        int waited = 0;                                                                            \
        while (!(condition) && waited == 0) {                                                      \
            waited = pthread_cond_timedwait(&(s)->changed, &(s)->lock, &until);                    \
        }                                                                                          \
        bool held = (condition);                                                                   \
        pthread_mutex_unlock(&(s)->lock);                                                          \
        assert_true(held);                                                                         \
    } while (0)

static void show(struct site *s, enum partner_symptom symptom, unsigned unit)
{
    atomic_store(&s->partner.symptom_unit, unit);
    atomic_store(&s->partner.symptom, symptom);
}

static void order(struct site *s, uint64_t id, enum lane_output output)
{
    const struct lane_order raise = {.id = id,
                                     .lane = 1,
                                     .output = output,
                                     .on = true,
                                     .expires =
                                         mono_add_ms(clock_mono(&clock_system), DEADLINE_MS)};
    assert_int_equal(bus_submit(s->bus, &raise), ERR_OK);
}

/* --- tests --- */

static void inputs_and_outputs_pass_over_a_real_line(void **state)
{
    (void)state;
    struct site s;
    site_init(&s);
    atomic_store(&s.partner.units[0].inputs, 0x81);
    site_start_rtu(&s, 2);
    WAIT_FOR(&s, s.scans[1].contact && s.scans[2].contact);
    assert_int_equal(s.scans[1].active, 0x81);
    order(&s, 1, OUTPUT_RED);
    WAIT_FOR(&s, s.outcome.order_id == 1 && s.scans[1].outputs == OUTPUT_BIT(OUTPUT_RED));
    assert_int_equal(s.outcome.result, ORDER_DONE);
    assert_int_equal(bus_cause_read(s.bus), BUS_CAUSE_NONE);
    site_end(&s);
}

static void symptoms_of_a_line_are_named(void **state)
{
    (void)state;
    static const struct {
        enum partner_symptom symptom;
        enum bus_cause cause;
        size_t lanes;
        uint8_t unit;
    } cases[] = {
        {PARTNER_ECHO, BUS_CAUSE_ECHO, 2, UNIT_B},
        {PARTNER_SECOND_MASTER, BUS_CAUSE_SECOND_MASTER, 2, UNIT_B},
        {PARTNER_TWICE, BUS_CAUSE_TWO_ON_ADDRESS, 2, UNIT_B},
        {PARTNER_COLLIDING, BUS_CAUSE_TWO_ON_ADDRESS, 2, UNIT_B},
        {PARTNER_COLLIDING, BUS_CAUSE_COLLIDING, 1, UNIT_A},
        {PARTNER_SWAPPED, BUS_CAUSE_SWAPPED, 2, UNIT_B},
        {PARTNER_REFLECTING, BUS_CAUSE_TERMINATION, 2, UNIT_B},
        {PARTNER_LONG_GARBLED, BUS_CAUSE_TERMINATION, 1, UNIT_B},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct site s;
        site_init(&s);
        bool long_ones = cases[i].symptom == PARTNER_LONG_GARBLED;
        s.modules[0].registers = long_ones ? 8 : 0;
        show(&s, cases[i].symptom, cases[i].unit);
        s.no_room = 2; /* then it is told again */
        site_start_rtu(&s, cases[i].lanes);
        print_message("symptom %d: %s\n", cases[i].symptom, bus_cause_name(cases[i].cause));
        WAIT_FOR(&s, s.cause == cases[i].cause);
        assert_int_equal(bus_cause_read(s.bus), cases[i].cause);
        site_end(&s);
    }
}

static void silence_and_an_exchange_now_and_then_have_no_cause(void **state)
{
    (void)state;
    struct site s;
    site_init(&s);
    show(&s, PARTNER_SILENT, 0);
    site_start_rtu(&s, 1);
    WAIT_FOR(&s, s.scans[1].number > 20 && !s.scans[1].contact);
    show(&s, PARTNER_WELL, 0);
    WAIT_FOR(&s, s.scans[1].contact && s.scans[1].number > 200);
    assert_int_equal(s.cause, BUS_CAUSE_NONE);
    site_end(&s);
}

static void an_echoing_adapter_is_lived_with(void **state)
{
    (void)state;
    struct site s;
    site_init(&s);
    atomic_store(&s.partner.units[0].inputs, 0x42);
    show(&s, PARTNER_ECHO, 0);
    site_start_rtu(&s, 1);
    WAIT_FOR(&s, s.scans[1].contact);
    assert_int_equal(s.scans[1].active, 0x42);
    order(&s, 1, OUTPUT_RAISE);
    WAIT_FOR(&s, s.outcome.order_id == 1);
    assert_int_equal(s.outcome.result, ORDER_DONE);
    assert_int_equal(atomic_load(&s.partner.units[0].coils), OUTPUT_BIT(OUTPUT_RAISE));
    site_end(&s);
}

/* The echo of a write looks like its answer: a dead module must not seem to have acted. */
static void an_echo_alone_is_no_answer_to_a_write(void **state)
{
    (void)state;
    struct partner partner;
    struct modbus_link *link = NULL;
    struct modbus_answer answer;
    struct err_text err = {""};
    const struct modbus_request read = {.unit = 1, .function = MODBUS_READ_COILS, .count = 8};
    const struct modbus_request write = {.unit = 1, .function = MODBUS_WRITE_COIL, .value = 0xFF00};
    const struct modbus_request to_nobody = {
        .unit = 9, .function = MODBUS_WRITE_COIL, .value = 0xFF00};
    partner_init(&partner);
    partner_add(&partner, 1);
    atomic_store(&partner.symptom, PARTNER_ECHO);
    assert_true(partner_start_rtu(&partner, 0));
    assert_int_equal(modbus_link_create_rtu(partner.path, 115200, 'N', 1, &link, &err), ERR_OK);
    assert_int_equal(modbus_link_open(link, 0, &err), ERR_OK);
    assert_int_equal(modbus_link_exchange(link, &read, 1000000, &answer, &err), ERR_OK);
    assert_int_equal(modbus_link_exchange(link, &write, 1000000, &answer, &err), ERR_OK);
    assert_int_equal(modbus_link_exchange(link, &to_nobody, 50000, &answer, &err), ERR_TIMEOUT);
    assert_string_equal(err.text, "no whole answer within 50 ms");
    modbus_link_destroy(link);
    partner_stop(&partner);
}

static void a_silent_unit_does_not_starve_its_neighbour(void **state)
{
    (void)state;
    struct site s;
    site_init(&s);
    site_start_rtu(&s, 2);
    WAIT_FOR(&s, s.scans[1].contact && s.scans[2].contact);
    show(&s, PARTNER_SILENT, UNIT_B);
    WAIT_FOR(&s, !s.scans[2].contact);
    uint64_t asked_a = atomic_load(&s.partner.units[0].requests);
    uint64_t asked_b = atomic_load(&s.partner.units[1].requests);
    WAIT_FOR(&s, atomic_load(&s.partner.units[1].requests) >= asked_b + 8);
    asked_a = atomic_load(&s.partner.units[0].requests) - asked_a;
    asked_b = atomic_load(&s.partner.units[1].requests) - asked_b;
    print_message("requests: %llu to the neighbour, %llu to the silent unit\n",
                  (unsigned long long)asked_a, (unsigned long long)asked_b);
    assert_true(asked_a > 20 * asked_b);
    assert_true(s.scans[1].contact);
    site_end(&s);
}

static void health_of_each_device_is_told(void **state)
{
    (void)state;
    struct site s;
    struct bus_device devices[BUS_DEVICES_MAX];
    site_init(&s);
    site_start_rtu(&s, 2);
    WAIT_FOR(&s, s.scans[1].contact && s.scans[2].contact && s.scans[1].number > 20);
    show(&s, PARTNER_SILENT, UNIT_B);
    WAIT_FOR(&s, !s.scans[2].contact);
    assert_int_equal(bus_devices_read(s.bus, devices), 2);
    assert_int_equal(devices[0].lane, 1);
    assert_string_equal(devices[0].name, "module-0");
    assert_true(devices[0].contact);
    assert_true(devices[0].health.good > 20);
    assert_true(devices[0].health.median_us > 0);
    assert_true(devices[0].health.p99_us >= devices[0].health.median_us);
    assert_int_equal(devices[1].lane, 2);
    assert_false(devices[1].contact);
    assert_true(devices[1].health.timeouts >= 1);
    assert_true(devices[1].health.last_good.ns < devices[0].health.last_good.ns);
    site_end(&s);
}

static int exchange(struct site *s, uint8_t unit, uint8_t function, uint16_t count,
                    struct bus_reply *reply)
{
    const struct bus_request request = {.unit = unit,
                                        .function = function,
                                        .address = 3,
                                        .count = count,
                                        .values = {1},
                                        .may_write = function == 5};
    return bus_exchange(s->bus, &request, reply);
}

static void check_exchanges(struct site *s)
{
    struct bus_reply reply;
    WAIT_FOR(s, s->scans[1].contact);
    assert_int_equal(exchange(s, UNIT_A, 3, 2, &reply), ERR_OK);
    assert_int_equal(reply.count, 2);
    assert_int_equal(reply.values[0], 3);
    assert_int_equal(reply.values[1], 4);
    assert_true(reply.round_trip_us > 0);
    assert_int_equal(exchange(s, UNIT_A, 5, 1, &reply), ERR_OK);
    assert_int_equal(reply.count, 0);
    assert_int_equal(atomic_load(&s->partner.units[0].coils), 1 << 3);
    assert_int_equal(exchange(s, UNIT_A, 1, 2, &reply), ERR_OK);
    assert_int_equal(reply.values[0], 1);
    assert_int_equal(reply.values[1], 0);
    assert_int_equal(exchange(s, 77, 3, 1, &reply), ERR_TIMEOUT); /* nobody there */
    assert_int_equal(exchange(s, UNIT_A, 6, 1, &reply), ERR_INVALID);
    assert_string_equal(reply.err.text,
                        "function 6 writes: only while every lane of the bus is out of service");
    assert_int_equal(exchange(s, UNIT_A, 7, 1, &reply), ERR_INVALID);
    assert_int_equal(exchange(s, 0, 3, 1, &reply), ERR_INVALID);
    struct bus_request denied = {.unit = UNIT_A, .function = 16, .count = 1, .may_write = true};
    assert_int_equal(bus_exchange(s->bus, &denied, &reply), ERR_DENIED);
    assert_int_equal(reply.exception, 1);
    WAIT_FOR(s, s->scans[1].contact);
}

static void a_tool_exchanges_over_rtu(void **state)
{
    (void)state;
    struct site s;
    site_init(&s);
    site_start_rtu(&s, 1);
    check_exchanges(&s);
    site_end(&s);
}

static void a_tool_exchanges_over_tcp(void **state)
{
    (void)state;
    struct site s;
    site_init(&s);
    assert_true(partner_start_tcp(&s.partner));
    site_start(&s, BUS_MODBUS_TCP, 1);
    check_exchanges(&s);
    site_end(&s);
}

static void a_second_answer_over_tcp_meets_no_request(void **state)
{
    (void)state;
    struct site s;
    struct bus_stats stats;
    site_init(&s);
    show(&s, PARTNER_TWICE, 0);
    assert_true(partner_start_tcp(&s.partner));
    site_start(&s, BUS_MODBUS_TCP, 1);
    WAIT_FOR(&s, s.scans[1].contact && s.scans[1].number > 50);
    bus_stats_read(s.bus, &stats);
    assert_int_equal(stats.scans_failed, 0);
    assert_int_equal(stats.connects, 1);
    site_end(&s);
}

static void a_timeout_that_hides_lost_contact_is_refused(void **state)
{
    (void)state;
    struct line_module module = {
        .unit = 1, .inputs = 8, .coils = 8, .answer_us = 3000, .timeout_us = 895000};
    const struct bus_options options = {.name = "bus-t", .kind = BUS_MODBUS_TCP};
    struct bus_lane lane = {.lane = 3, .device_count = 1};
    lane.devices[0] = (struct io_device){.driver = &line_module_driver, .state = &module};
    struct err_text err = {""};
    uint32_t worst_ms = 0;
    assert_int_equal(bus_worst_case_ms(&options, &lane, 1, &worst_ms, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 3: lost contact noticed after 1001 ms (pause 100 + silence "
                                  "901), expected at most 1000 ms: shorten the timeout");
    module.timeout_us = 894000;
    assert_int_equal(bus_worst_case_ms(&options, &lane, 1, &worst_ms, &err), ERR_OK);
}

static void a_request_too_long_for_rule_1_is_refused(void **state)
{
    (void)state;
    struct site s;
    struct bus_reply reply;
    site_init(&s);
    site_start_rtu(&s, 2);
    WAIT_FOR(&s, s.scans[1].contact);
    assert_int_equal(exchange(&s, UNIT_A, 3, 64, &reply), ERR_INVALID);
    assert_non_null(strstr(reply.err.text, "no room on this line: "));
    assert_int_equal(exchange(&s, UNIT_A, 3, 2, &reply), ERR_OK);
    site_end(&s);
}

static void a_tool_hears_that_the_bus_stops(void **state)
{
    (void)state;
    struct site s;
    struct bus_reply reply;
    site_init(&s);
    site_start_rtu(&s, 1);
    bus_stop(s.bus);
    assert_int_equal(exchange(&s, UNIT_A, 3, 1, &reply), ERR_STOPPED);
    assert_string_equal(reply.err.text, "the bus is stopping");
    site_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_and_outputs_pass_over_a_real_line),
        cmocka_unit_test(symptoms_of_a_line_are_named),
        cmocka_unit_test(silence_and_an_exchange_now_and_then_have_no_cause),
        cmocka_unit_test(an_echoing_adapter_is_lived_with),
        cmocka_unit_test(an_echo_alone_is_no_answer_to_a_write),
        cmocka_unit_test(a_silent_unit_does_not_starve_its_neighbour),
        cmocka_unit_test(health_of_each_device_is_told),
        cmocka_unit_test(a_tool_exchanges_over_rtu),
        cmocka_unit_test(a_tool_exchanges_over_tcp),
        cmocka_unit_test(a_second_answer_over_tcp_meets_no_request),
        cmocka_unit_test(a_timeout_that_hides_lost_contact_is_refused),
        cmocka_unit_test(a_request_too_long_for_rule_1_is_refused),
        cmocka_unit_test(a_tool_hears_that_the_bus_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
