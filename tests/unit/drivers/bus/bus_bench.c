/*
 * A bench for tests of the bus; see the header.
 */
#include "tests/unit/drivers/bus/bus_bench.h"

#include <stdio.h>
#include <string.h>

uint32_t bench_wired_outputs = (1u << OUTPUT_COUNT) - 1;

static void notify(struct bench *b)
{
    pthread_cond_broadcast(&b->changed);
}

/* --- device --- */

static void device_wiring(const void *state, struct io_scan *out)
{
    (void)state;
    *out = (struct io_scan){.wired = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_LIMIT_OPEN),
                            .outputs_wired = bench_wired_outputs};
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
    const char *other = b->other;
    pthread_mutex_unlock(&b->lock);
    return rc == ERR_OK         ? rc
           : rc == ERR_CONFLICT ? err_set(err, rc, "型号不符 another device: it is a '%s'", other)
                                : err_set(err, rc, "fail-safe value is 1");
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

void bench_take_scan(void *ctx, const struct lane_scan *scan)
{
    struct bench *b = ctx;
    pthread_mutex_lock(&b->lock);
    b->scan = *scan;
    b->lost += !scan->contact;
    b->guard_acted += scan->guard_acted;
    notify(b);
    pthread_mutex_unlock(&b->lock);
}

void bench_take_outcome(void *ctx, const struct lane_outcome *outcome)
{
    struct bench *b = ctx;
    pthread_mutex_lock(&b->lock);
    assert_true(b->outcome_count < OUTCOMES_MAX);
    b->outcomes[b->outcome_count++] = *outcome;
    notify(b);
    pthread_mutex_unlock(&b->lock);
}

static void take_contact(void *ctx, uint8_t lane, bool contact, const char *reason)
{
    struct bench *b = ctx;
    assert_int_equal(lane, 1);
    pthread_mutex_lock(&b->lock);
    b->contact = contact;
    (void)snprintf(b->reason, sizeof(b->reason), "%s", reason);
    notify(b);
    pthread_mutex_unlock(&b->lock);
}

static bool take_refused(void *ctx, uint8_t lane, const char *device, const char *text)
{
    struct bench *b = ctx;
    assert_int_equal(lane, 1);
    assert_string_equal(device, "barrier");
    pthread_mutex_lock(&b->lock);
    b->refused_told++;
    (void)snprintf(b->refused, sizeof(b->refused), "%s", text);
    notify(b);
    pthread_mutex_unlock(&b->lock);
    return true;
}

/* --- builders --- */

struct bus_options bench_bus(void)
{
    return (struct bus_options){
        .name = "bus-t", .kind = BUS_OWN, .scan_interval_ms = 5, .core = -1};
}

struct bus_lane bench_lane(struct bench *b, uint8_t number)
{
    struct bus_lane lane = {.lane = number,
                            .device_count = 1,
                            .guard = &b->guard,
                            .raise_maintained = b->raise_maintained};
    lane.devices[0] = (struct io_device){.driver = &memory_driver, .state = b, .name = "barrier"};
    return lane;
}

void bench_init(struct bench *b)
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

void bench_create(struct bench *b)
{
    struct bus_options options = bench_bus();
    struct bus_lane lane = bench_lane(b, 1);
    struct bus_sinks sinks = {.ctx = b,
                              .scan = bench_take_scan,
                              .outcome = bench_take_outcome,
                              .contact = take_contact,
                              .refused = take_refused};
    struct err_text err = {""};
    assert_int_equal(bus_create(&options, &lane, 1, &sinks, &b->bus, &err), ERR_OK);
}

void bench_end(struct bench *b)
{
    bus_stop(b->bus);
    bus_destroy(b->bus);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
}

void bench_start(struct bench *b)
{
    assert_int_equal(bus_start(b->bus), ERR_OK);
    WAIT_FOR(b, b->scan.contact);
}

struct lane_order bench_order(uint64_t id, enum lane_output output, bool on, uint32_t pulse_ms)
{
    return (struct lane_order){.id = id,
                               .lane = 1,
                               .output = output,
                               .on = on,
                               .pulse_ms = pulse_ms,
                               .expires = mono_add_ms(clock_mono(&clock_system), DEADLINE_MS)};
}

void bench_submit(struct bench *b, uint64_t id, enum lane_output output, bool on, uint32_t pulse_ms)
{
    struct lane_order order = bench_order(id, output, on, pulse_ms);
    assert_int_equal(bus_submit(b->bus, &order), ERR_OK);
}
