/*
 * See bench_site.h. The main thread owns the site; what other threads write is atomic.
 */
#include "tests/bench/bench_site.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/bench/bench.h"

enum {
    QUEUE_SCANS = 4096,
    POP_MS = 100,
    GIVE_UP_S = 20,
    LOOK_US = 200,
    ANSWER_US = 5000,
    TIMEOUT_US = 200000
};

int64_t site_now_ns(void)
{
    return (int64_t)bench_wall_ns();
}

void site_sleep_us(uint32_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL); /* shorter: the caller looks again */
}

void site_prefer(pthread_t thread, int priority)
{
    struct sched_param param = {.sched_priority = priority};
    (void)pthread_setschedparam(thread, SCHED_FIFO, &param); /* else slower, and told */
}

void site_prefer_nothing(pthread_t thread)
{
    struct sched_param param = {.sched_priority = 0};
    if (pthread_setschedparam(thread, SCHED_OTHER, &param) != 0) {
        bench_fail("a thread cannot be made an ordinary one");
    }
}

/* ---- the lane thread ---- */

static void take_scan(struct site_lane *lane, const struct lane_scan *scan)
{
    unsigned before = atomic_load(&lane->active);
    if (scan->contact && scan->active != before) {
        unsigned came = scan->active & ~before;
        if (came & INPUT_BIT(INPUT_OBSTACLE)) {
            atomic_store(&lane->acted_at_once, scan->guard_acted);
        }
        atomic_store(&lane->changed_ns, site_now_ns());
        atomic_store(&lane->active, scan->active);
    }
    if (!scan->contact && atomic_load(&lane->contact)) {
        atomic_store(&lane->lost_ns, site_now_ns());
    }
    atomic_store(&lane->contact, scan->contact);
}

static void *run_lanes(void *arg)
{
    struct site *site = arg;
    struct lane_scan scan;
    for (;;) {
        int rc = queue_pop(site->scans, &scan, POP_MS);
        if (rc == ERR_STOPPED) {
            return NULL;
        }
        if (rc == ERR_OK) {
            take_scan(&site->lanes[scan.lane - 1], &scan);
        }
    }
}

/* ---- sinks of the buses ---- */

static void sink_scan(void *ctx, const struct lane_scan *scan)
{
    struct site *site = ctx;
    if (queue_push(site->scans, scan) != ERR_OK) {
        bench_fail("the lane thread does not keep up");
    }
}

static void sink_outcome(void *ctx, const struct lane_outcome *outcome)
{
    (void)ctx;
    if (outcome->result == ORDER_VETOED || outcome->result == ORDER_EXPIRED) {
        bench_fail("order %s: %s", order_result_name(outcome->result), outcome->detail);
    }
}

/* ---- start and stop ---- */

static void start_lane(struct site *site, size_t index)
{
    struct site_lane *lane = &site->lanes[index];
    uint8_t number = (uint8_t)(index + 1);
    struct err_text err = {""};
    lane->module = (struct line_module){.unit = number,
                                        .inputs = INPUT_COUNT,
                                        .coils = OUTPUT_COUNT,
                                        .answer_us = ANSWER_US,
                                        .timeout_us = TIMEOUT_US};
    lane_config_defaults(&lane->config, number);
    lane->config.wired = (1u << INPUT_COUNT) - 1;
    lane->config.outputs_wired = (1u << OUTPUT_COUNT) - 1;
    guard_init(&lane->guard, &lane->config);
    lane->hooks = (struct lane_guard){
        .ctx = &lane->guard, .scan = guard_scan, .allows = guard_allows, .wrote = guard_wrote};
    struct bus_options options = {.kind = BUS_MODBUS_TCP,
                                  .host = "127.0.0.1",
                                  .port = site->partner.port,
                                  .core = -1,
                                  .priority = SITE_BUS_PRIORITY};
    (void)snprintf(options.name, sizeof(options.name), "bus-%u", number);
    struct bus_lane on_bus = {.lane = number, .device_count = 1, .guard = &lane->hooks};
    on_bus.devices[0] =
        (struct io_device){.driver = &line_module_driver, .state = &lane->module, .name = "module"};
    struct bus_sinks sinks = {.ctx = site, .scan = sink_scan, .outcome = sink_outcome};
    if (bus_create(&options, &on_bus, 1, &sinks, &lane->bus, &err) != ERR_OK ||
        bus_start(lane->bus) != ERR_OK) {
        bench_fail("lane %u: %s", number, err.text);
    }
}

void site_start(struct site *site, size_t lanes)
{
    memset(site, 0, sizeof(*site));
    site->lane_count = lanes;
    site->scans = queue_create(QUEUE_SCANS, sizeof(struct lane_scan));
    partner_init(&site->partner);
    site->partner.priority = SITE_PARTNER_PRIORITY;
    for (size_t i = 0; i < lanes; i++) {
        site->lanes[i].unit = partner_add(&site->partner, (uint8_t)(i + 1));
    }
    if (!site->scans || !partner_start_tcp(&site->partner) ||
        pthread_create(&site->lane_thread, NULL, run_lanes, site) != 0) {
        bench_fail("the site cannot start");
    }
    site_prefer(site->lane_thread, SITE_LANE_PRIORITY);
    for (size_t i = 0; i < lanes; i++) {
        start_lane(site, i);
    }
    site_await_contact(site, true);
}

void site_stop(struct site *site)
{
    for (size_t i = 0; i < site->lane_count; i++) {
        bus_stop(site->lanes[i].bus);
    }
    queue_stop(site->scans);
    pthread_join(site->lane_thread, NULL);
    for (size_t i = 0; i < site->lane_count; i++) {
        bus_destroy(site->lanes[i].bus);
    }
    partner_stop(&site->partner);
    queue_destroy(site->scans);
}

/* ---- waiting ---- */

int64_t site_await_inputs(struct site_lane *lane, unsigned inputs)
{
    int64_t give_up = site_now_ns() + (int64_t)GIVE_UP_S * 1000000000;
    while (atomic_load(&lane->active) != inputs) {
        if (site_now_ns() > give_up) {
            bench_fail("inputs %x do not come, %x stand", inputs, atomic_load(&lane->active));
        }
        site_sleep_us(LOOK_US);
    }
    return atomic_load(&lane->changed_ns);
}

void site_await_contact(struct site *site, bool contact)
{
    int64_t give_up = site_now_ns() + (int64_t)GIVE_UP_S * 1000000000;
    for (size_t i = 0; i < site->lane_count; i++) {
        while (atomic_load(&site->lanes[i].contact) != contact) {
            if (site_now_ns() > give_up) {
                bench_fail("lane %zu: contact does not %s", i + 1, contact ? "come" : "go");
            }
            site_sleep_us(LOOK_US);
        }
    }
}
