/*
 * The bus engine over a device of memory: scans, guard, order outcomes, pulses, lost contact, stop,
 * and the worst case of safety rule 1.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "drivers/bus/bus.h"

enum { WRITES_MAX = 64, OUTCOMES_MAX = 128, DEADLINE_MS = 5000 };

struct written {
    enum lane_output output;
    bool on;
};

/* Device, guard and sinks of one lane, all behind one lock: the test looks while the bus runs. */
struct bench {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct io_cost cost;
    uint32_t active;
    uint32_t outputs;
    int scan_error;  /* of the next scans, ERR_OK = none */
    int scan_errors; /* so many of them only; 0: all until scan_error changes */
    uint64_t lost;   /* scans without contact handed up */
    int write_error; /* of the next writes */
    int open_error;
    bool self_ends;
    int opens;
    struct written writes[WRITES_MAX];
    size_t write_count;
    struct lane_scan scan; /* newest */
    uint64_t guard_acted;  /* scans with it */
    struct lane_outcome outcomes[OUTCOMES_MAX];
    size_t outcome_count;
    char reason[80];
    bool contact;
    /* guard */
    bool react; /* to presence: lower off, stop, raise */
    bool veto_lower;
    uint32_t wrote_failed;
    bool hold_writes; /* a write waits until this is false */
    struct lane_guard guard;
    struct bus *bus;
};

static uint64_t peeked; /* of PEEK, the test's thread only */
static uint32_t wired_outputs = (1u << OUTPUT_COUNT) - 1;

static void notify(struct bench *b)
{
    pthread_cond_broadcast(&b->changed);
}

/* --- device --- */

static void device_wiring(const void *state, struct io_scan *out)
{
    (void)state;
    *out = (struct io_scan){.wired = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_LIMIT_OPEN),
                            .outputs_wired = wired_outputs};
}

static void device_cost(const void *state, const struct io_timing *timing, struct io_cost *out)
{
    (void)timing;
    *out = ((const struct bench *)state)->cost;
}

static int device_open(void *state, struct modbus_link *link, struct err_text *err)
{
    (void)link;
    struct bench *b = state;
    pthread_mutex_lock(&b->lock);
    b->opens++;
    int rc = b->open_error;
    pthread_mutex_unlock(&b->lock);
    return rc == ERR_OK ? rc : err_set(err, rc, "fail-safe value is 1");
}

static int device_scan(void *state, struct modbus_link *link, struct io_scan *out,
                       struct err_text *err)
{
    (void)link;
    struct bench *b = state;
    device_wiring(state, out);
    pthread_mutex_lock(&b->lock);
    out->active = b->active;
    out->outputs = b->outputs;
    int rc = b->scan_error;
    if (rc != ERR_OK && b->scan_errors > 0 && --b->scan_errors == 0) {
        b->scan_error = ERR_OK;
    }
    pthread_mutex_unlock(&b->lock);
    return rc == ERR_OK ? rc : err_set(err, rc, "read inputs: no whole answer");
}

static int device_write(void *state, struct modbus_link *link, enum lane_output output, bool on,
                        uint32_t pulse_ms, bool *out_self_ends, struct err_text *err)
{
    (void)link;
    struct bench *b = state;
    pthread_mutex_lock(&b->lock);
    while (b->hold_writes) {
        pthread_cond_wait(&b->changed, &b->lock);
    }
    *out_self_ends = b->self_ends && pulse_ms > 0;
    int rc = b->write_error;
    if (rc == ERR_OK) {
        assert_true(b->write_count < WRITES_MAX);
        b->writes[b->write_count++] = (struct written){output, on};
        b->outputs = on ? b->outputs | OUTPUT_BIT(output) : b->outputs & ~OUTPUT_BIT(output);
    }
    notify(b);
    pthread_mutex_unlock(&b->lock);
    return rc == ERR_OK ? rc : err_set(err, rc, "exception 4 (device failure)");
}

static const struct io_driver memory_driver = {.name = "memory",
                                               .wiring = device_wiring,
                                               .cost = device_cost,
                                               .open = device_open,
                                               .scan = device_scan,
                                               .write = device_write};

/* --- guard --- */

static uint32_t guard_scan(void *ctx, const struct lane_scan *scan,
                           struct lane_order out[GUARD_ORDERS_MAX])
{
    struct bench *b = ctx;
    pthread_mutex_lock(&b->lock);
    bool act = b->react && scan->contact && (scan->active & INPUT_BIT(INPUT_PRESENCE)) &&
               (scan->outputs & OUTPUT_BIT(OUTPUT_LOWER));
    pthread_mutex_unlock(&b->lock);
    if (!act) {
        return 0;
    }
    out[0] = (struct lane_order){.lane = scan->lane, .output = OUTPUT_LOWER};
    out[1] =
        (struct lane_order){.lane = scan->lane, .output = OUTPUT_STOP, .on = true, .pulse_ms = 20};
    out[2] = (struct lane_order){
        .lane = scan->lane, .output = OUTPUT_RAISE, .on = true, .pulse_ms = 20, .emergency = true};
    return 3;
}

static bool guard_allows(void *ctx, const struct lane_order *order, const struct lane_scan *latest,
                         struct mono_time now, char reason[GUARD_REASON_SIZE])
{
    (void)latest;
    (void)now;
    struct bench *b = ctx;
    pthread_mutex_lock(&b->lock);
    bool veto = b->veto_lower && order->output == OUTPUT_LOWER && order->on;
    pthread_mutex_unlock(&b->lock);
    if (veto) {
        (void)snprintf(reason, GUARD_REASON_SIZE, "presence is active");
    }
    return !veto;
}

static void guard_wrote(void *ctx, const struct lane_order *order, bool done, struct mono_time now)
{
    (void)order;
    (void)now;
    struct bench *b = ctx;
    pthread_mutex_lock(&b->lock);
    b->wrote_failed += !done;
    pthread_mutex_unlock(&b->lock);
}

/* --- sinks --- */

static void sink_scan(void *ctx, const struct lane_scan *scan)
{
    struct bench *b = ctx;
    pthread_mutex_lock(&b->lock);
    b->scan = *scan;
    b->lost += !scan->contact;
    b->guard_acted += scan->guard_acted;
    notify(b);
    pthread_mutex_unlock(&b->lock);
}

static void sink_outcome(void *ctx, const struct lane_outcome *outcome)
{
    struct bench *b = ctx;
    pthread_mutex_lock(&b->lock);
    assert_true(b->outcome_count < OUTCOMES_MAX);
    b->outcomes[b->outcome_count++] = *outcome;
    notify(b);
    pthread_mutex_unlock(&b->lock);
}

static void sink_contact(void *ctx, uint8_t lane, bool contact, const char *reason)
{
    struct bench *b = ctx;
    assert_int_equal(lane, 1);
    pthread_mutex_lock(&b->lock);
    b->contact = contact;
    (void)snprintf(b->reason, sizeof(b->reason), "%s", reason);
    notify(b);
    pthread_mutex_unlock(&b->lock);
}

/* --- builders --- */

static struct bus_options own_bus(void)
{
    return (struct bus_options){
        .name = "bus-t", .kind = BUS_OWN, .scan_interval_ms = 5, .core = -1};
}

static struct bus_lane lane_on(struct bench *b, uint8_t number)
{
    struct bus_lane lane = {.lane = number, .device_count = 1, .guard = &b->guard};
    lane.devices[0] = (struct io_device){.driver = &memory_driver, .state = b, .name = "barrier"};
    return lane;
}

static void bench_init(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->changed, &attr);
    pthread_condattr_destroy(&attr);
    b->cost = (struct io_cost){.scan_us = 1000, .write_us = 1000, .timeout_us = 5000};
    b->guard = (struct lane_guard){
        .ctx = b, .scan = guard_scan, .allows = guard_allows, .wrote = guard_wrote};
}

static void bench_create(struct bench *b)
{
    struct bus_options options = own_bus();
    struct bus_lane lane = lane_on(b, 1);
    struct bus_sinks sinks = {
        .ctx = b, .scan = sink_scan, .outcome = sink_outcome, .contact = sink_contact};
    struct err_text err = {""};
    assert_int_equal(bus_create(&options, &lane, 1, &sinks, &b->bus, &err), ERR_OK);
}

static void bench_end(struct bench *b)
{
    bus_stop(b->bus);
    bus_destroy(b->bus);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
}

/* Waits, with the lock held, for something the bus thread will change; fails at the deadline. */
#define WAIT_FOR(b, condition)                                                                     \
    do {                                                                                           \
        struct timespec until;                                                                     \
        clock_gettime(CLOCK_MONOTONIC, &until);                                                    \
        until.tv_sec += DEADLINE_MS / 1000;                                                        \
        pthread_mutex_lock(&(b)->lock);                                                            \
        int waited = 0;                                                                            \
        while (!(condition) && waited == 0) {                                                      \
            waited = pthread_cond_timedwait(&(b)->changed, &(b)->lock, &until);                    \
        }                                                                                          \
        bool held = (condition);                                                                   \
        pthread_mutex_unlock(&(b)->lock);                                                          \
        assert_true(held);                                                                         \
    } while (0)

#define PEEK(b, field)                                                                             \
    (pthread_mutex_lock(&(b)->lock), peeked = (uint64_t)(b)->field,                                \
     pthread_mutex_unlock(&(b)->lock), peeked)

#define SET(b, field, value)                                                                       \
    do {                                                                                           \
        pthread_mutex_lock(&(b)->lock);                                                            \
        (b)->field = (value);                                                                      \
        pthread_cond_broadcast(&(b)->changed);                                                     \
        pthread_mutex_unlock(&(b)->lock);                                                          \
    } while (0)

static void bench_start(struct bench *b)
{
    assert_int_equal(bus_start(b->bus), ERR_OK);
    WAIT_FOR(b, b->scan.contact);
}

static struct lane_order order_of(uint64_t id, enum lane_output output, bool on, uint32_t pulse_ms)
{
    return (struct lane_order){.id = id,
                               .lane = 1,
                               .output = output,
                               .on = on,
                               .pulse_ms = pulse_ms,
                               .expires = mono_add_ms(clock_mono(&clock_system), DEADLINE_MS)};
}

static void submit(struct bench *b, uint64_t id, enum lane_output output, bool on,
                   uint32_t pulse_ms)
{
    struct lane_order order = order_of(id, output, on, pulse_ms);
    assert_int_equal(bus_submit(b->bus, &order), ERR_OK);
}

/* --- tests --- */

static void scans_say_what_the_device_says(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    assert_int_equal(PEEK(&b, scan.outputs_wired), wired_outputs);
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
    submit(&b, 7, OUTPUT_RED, true, 0);
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
    submit(&b, 1, OUTPUT_SIREN, true, 0); /* the bus is stuck in this one */
    WAIT_FOR(&b, true);
    submit(&b, 2, OUTPUT_RED, true, 0);
    submit(&b, 3, OUTPUT_LOWER, true, 0);
    submit(&b, 4, OUTPUT_RAISE, true, 0);
    submit(&b, 5, OUTPUT_STOP, true, 0);
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
    struct lane_order order = order_of(9, OUTPUT_RAISE, true, 100);
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
    submit(&b, 3, OUTPUT_LOWER, true, 0);
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
    submit(&b, 1, OUTPUT_LOWER, true, 0);
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
    submit(&b, 1, OUTPUT_RAISE, true, 30);
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
    submit(&b, 1, OUTPUT_RAISE, true, 10);
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
    submit(&b, 1, OUTPUT_RAISE, true, 20);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_FAILED);
    assert_string_equal(b.outcomes[0].detail, "barrier: raise: exception 4 (device failure)");
    WAIT_FOR(&b, b.wrote_failed >= 3); /* the pulse and two attempts to end it */
    submit(&b, 2, OUTPUT_RED, true, 0);
    WAIT_FOR(&b, b.outcome_count == 2); /* meanwhile others get their turn */
    SET(&b, write_error, ERR_OK);
    WAIT_FOR(&b, b.write_count >= 1);
    assert_int_equal(b.writes[0].output, OUTPUT_RAISE);
    assert_false(b.writes[0].on);
    bench_end(&b);
}

static void silence_is_lost_contact_and_orders_fail_with_the_cause(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    SET(&b, scan_error, ERR_TIMEOUT);
    WAIT_FOR(&b, !b.scan.contact);
    assert_string_equal(b.reason, "barrier: read inputs: no whole answer");
    assert_int_equal(PEEK(&b, scan.active), 0);
    submit(&b, 1, OUTPUT_RED, true, 0);
    submit(&b, 2, OUTPUT_RAISE, true, 100);
    WAIT_FOR(&b, b.outcome_count == 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(b.outcomes[i].result, ORDER_FAILED);
        assert_string_equal(b.outcomes[i].detail,
                            "no contact: barrier: read inputs: no whole answer");
    }
    int opens = (int)PEEK(&b, opens);
    SET(&b, scan_error, ERR_OK);
    WAIT_FOR(&b, b.scan.contact && b.contact);
    assert_true((int)PEEK(&b, opens) >
                opens); /* settings are read again: it may have been replaced */
    bench_end(&b);
}

/* `errors` scans in a row fail once contact is there; scans without contact handed up by then. */
static uint64_t lost_after(struct bench *b, int errors)
{
    WAIT_FOR(b, b->scan.contact);
    uint64_t before = PEEK(b, lost);
    pthread_mutex_lock(&b->lock);
    b->scan_errors = errors;
    b->scan_error = ERR_CORRUPT;
    pthread_mutex_unlock(&b->lock);
    WAIT_FOR(b, b->scan_error == ERR_OK);
    uint64_t number = PEEK(b, scan.number);
    WAIT_FOR(b, b->scan.contact && b->scan.number > number);
    return PEEK(b, lost) - before;
}

static void two_garbled_answers_are_noise_three_are_lost_contact(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    assert_int_equal(lost_after(&b, 2), 0);
    assert_true(lost_after(&b, 3) > 0);
    bench_end(&b);
}

static void one_garbled_answer_is_lost_contact_while_a_boom_comes_down(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    WAIT_FOR(&b, b.scan.contact);
    submit(&b, 1, OUTPUT_LOWER, true, 100);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_DONE);
    assert_true(lost_after(&b, 1) > 0);
    bench_end(&b);
}

static void a_raise_without_contact_forces_one_attempt(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    SET(&b, scan_error, ERR_TIMEOUT);
    uint64_t number = PEEK(&b, scan.number);
    WAIT_FOR(&b, !b.scan.contact && b.scan.number > number + 12); /* back-off is at its longest */
    SET(&b, scan_error, ERR_OK);
    submit(&b, 5, OUTPUT_RAISE, true, 0);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_DONE);
    bench_end(&b);
}

static void a_wrong_setting_of_the_module_is_no_contact(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.open_error = ERR_INVALID;
    bench_create(&b);
    assert_int_equal(bus_start(b.bus), ERR_OK);
    WAIT_FOR(&b, strcmp(b.reason, "barrier: fail-safe value is 1") == 0);
    assert_false(PEEK(&b, scan.contact));
    bench_end(&b);
}

static void a_stop_ends_pulses_and_lowering(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    submit(&b, 1, OUTPUT_RAISE, true, IO_PULSE_MAX_MS);
    submit(&b, 2, OUTPUT_LOWER, true, 0);
    submit(&b, 3, OUTPUT_RED, true, 0);
    WAIT_FOR(&b, b.outcome_count == 3);
    bus_stop(b.bus);
    assert_int_equal(b.outputs, OUTPUT_BIT(OUTPUT_RED));
    struct lane_order late = order_of(4, OUTPUT_RED, false, 0);
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
        submit(&b, i, OUTPUT_YELLOW, i % 2, 0);
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
    struct lane_order order = order_of(1, OUTPUT_RAISE, true, IO_PULSE_MAX_MS + 1);
    assert_int_equal(bus_submit(b.bus, &order), ERR_INVALID);
    order = order_of(0, OUTPUT_RAISE, true, 0);
    assert_int_equal(bus_submit(b.bus, &order), ERR_INVALID);
    order = order_of(1, OUTPUT_RAISE, true, 0);
    order.expires.ns = 0;
    assert_int_equal(bus_submit(b.bus, &order), ERR_INVALID);
    order = order_of(1, OUTPUT_RAISE, true, 0);
    order.lane = 2;
    assert_int_equal(bus_submit(b.bus, &order), ERR_NOT_FOUND);
    for (uint64_t i = 1; i <= BUS_LIGHTS_ORDERS_MAX; i++) {
        submit(&b, i, OUTPUT_RED, true, 0);
    }
    order = order_of(99, OUTPUT_RED, true, 0);
    assert_int_equal(bus_submit(b.bus, &order), ERR_FULL);
    struct bus_stats stats;
    bus_stats_read(b.bus, &stats);
    assert_int_equal(stats.orders_refused, 1);
    bench_end(&b);
}

static void the_worst_case_adds_up(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.cost = (struct io_cost){.scan_us = 10000, .write_us = 5000, .timeout_us = 200000};
    struct bus_options options = own_bus();
    options.scan_interval_ms = 20;
    struct bus_lane lanes[2] = {lane_on(&b, 1), lane_on(&b, 2)};
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
    struct bus_lane lane = lane_on(&b, 1);
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
    struct bus_options options = own_bus();
    struct bus_lane lane = lane_on(&b, 1);
    struct bus_sinks sinks = {.ctx = &b, .scan = sink_scan, .outcome = sink_outcome};
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
    struct bus_options options = own_bus();
    struct bus_lane lanes[2] = {lane_on(&b, 1), lane_on(&b, 1)};
    struct bus_sinks sinks = {.ctx = &b, .scan = sink_scan, .outcome = sink_outcome};
    struct bus *bus = NULL;
    struct err_text err = {""};
    assert_int_equal(bus_create(&options, lanes, 2, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 1 twice on one bus");
    lanes[0].device_count = 2;
    lanes[0].devices[1] = lanes[0].devices[0];
    assert_int_equal(bus_create(&options, lanes, 1, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 1: barrier has an input or output another device has too");
    uint32_t all = wired_outputs;
    wired_outputs = OUTPUT_BIT(OUTPUT_LOWER) | OUTPUT_BIT(OUTPUT_STOP);
    lanes[0].device_count = 1;
    assert_int_equal(bus_create(&options, lanes, 1, &sinks, &bus, &err), ERR_INVALID);
    assert_string_equal(err.text, "lane 1: lower is wired but raise is not");
    wired_outputs = all;
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
        cmocka_unit_test(scans_say_what_the_device_says),
        cmocka_unit_test(an_order_is_written_and_told),
        cmocka_unit_test(waiting_orders_leave_by_rank),
        cmocka_unit_test(a_late_order_is_dropped),
        cmocka_unit_test(the_guard_vetoes_with_its_reason),
        cmocka_unit_test(the_guard_stops_and_raises_on_the_same_scan),
        cmocka_unit_test(a_pulse_is_ended_by_the_bus_thread),
        cmocka_unit_test(a_pulse_of_the_module_is_left_to_it),
        cmocka_unit_test(a_failed_pulse_is_ended_all_the_same),
        cmocka_unit_test(silence_is_lost_contact_and_orders_fail_with_the_cause),
        cmocka_unit_test(two_garbled_answers_are_noise_three_are_lost_contact),
        cmocka_unit_test(one_garbled_answer_is_lost_contact_while_a_boom_comes_down),
        cmocka_unit_test(a_raise_without_contact_forces_one_attempt),
        cmocka_unit_test(a_wrong_setting_of_the_module_is_no_contact),
        cmocka_unit_test(a_stop_ends_pulses_and_lowering),
        cmocka_unit_test(every_order_gets_one_outcome_also_at_stop),
        cmocka_unit_test(orders_that_make_no_sense_are_refused),
        cmocka_unit_test(the_worst_case_adds_up),
        cmocka_unit_test(a_polled_device_is_part_of_the_worst_case),
        cmocka_unit_test(a_bus_that_cannot_keep_rule_1_is_refused),
        cmocka_unit_test(lanes_and_wiring_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
