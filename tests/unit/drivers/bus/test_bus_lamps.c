/*
 * A lane of two devices of memory, a barrier and a tower light: what the lane keeps when the light
 * falls silent, and what it loses when the barrier does.
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

enum {
    DEADLINE_S = 5,
    MOTION = OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER) | OUTPUT_BIT(OUTPUT_STOP),
    LAMPS = OUTPUT_BIT(OUTPUT_RED) | OUTPUT_BIT(OUTPUT_GREEN)
};

struct device {
    uint32_t wired;
    uint32_t outputs_wired;
    uint32_t active;
    uint32_t outputs;
    int error; /* of every call until it changes */
    unsigned asked;
    unsigned opened;
};

static struct site {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct device barrier;
    struct device tower;
    struct lane_scan scan;
    uint64_t without_contact;
    uint64_t guard_acted;
    struct lane_outcome outcome;
    char lamps[80];
    uint64_t lamps_told;
    char refused[80];
    bool no_room; /* the next refusal is not taken */
    struct lane_guard guard;
    struct bus *bus;
} site;

/* --- devices --- */

static void wiring(const void *state, struct io_scan *out)
{
    const struct device *d = state;
    *out = (struct io_scan){.wired = d->wired, .outputs_wired = d->outputs_wired};
}

static void cost(const void *state, const struct io_timing *timing, struct io_cost *out)
{
    (void)state;
    (void)timing;
    *out = (struct io_cost){.scan_us = 1000, .write_us = 1000, .timeout_us = 5000};
}

static int say(int rc, struct err_text *err)
{
    pthread_cond_broadcast(&site.changed);
    pthread_mutex_unlock(&site.lock);
    return rc == ERR_OK ? rc : err_set(err, rc, "no whole answer");
}

static int open_it(void *state, struct modbus_link *link, struct err_text *err)
{
    struct device *d = state;
    (void)link;
    pthread_mutex_lock(&site.lock);
    d->opened++;
    return say(d->error, err);
}

static int scan_it(void *state, struct modbus_link *link, struct io_scan *out, struct err_text *err)
{
    struct device *d = state;
    (void)link;
    pthread_mutex_lock(&site.lock);
    d->asked++;
    *out = (struct io_scan){.active = d->active, .outputs = d->outputs};
    return say(d->error, err);
}

static int write_it(void *state, struct modbus_link *link, enum lane_output output, bool on,
                    uint32_t pulse_ms, bool *out_self_ends, struct err_text *err)
{
    struct device *d = state;
    (void)link;
    *out_self_ends = pulse_ms > 0;
    pthread_mutex_lock(&site.lock);
    if (d->error == ERR_OK) {
        d->outputs = on ? d->outputs | OUTPUT_BIT(output) : d->outputs & ~OUTPUT_BIT(output);
    }
    return say(d->error, err);
}

static const struct io_driver memory = {.name = "memory",
                                        .wiring = wiring,
                                        .cost = cost,
                                        .open = open_it,
                                        .scan = scan_it,
                                        .write = write_it};

/* --- guard: an obstacle over an energised lower --- */

static uint32_t guard_scan(void *ctx, const struct lane_scan *scan,
                           struct lane_order out[GUARD_ORDERS_MAX])
{
    (void)ctx;
    if (!scan->contact || !(scan->active & INPUT_BIT(INPUT_OBSTACLE)) ||
        !(scan->outputs & OUTPUT_BIT(OUTPUT_LOWER))) {
        return 0;
    }
    out[0] = (struct lane_order){.lane = scan->lane, .output = OUTPUT_LOWER};
    return 1;
}

static bool guard_allows(void *ctx, const struct lane_order *order, const struct lane_scan *latest,
                         struct mono_time now, char reason[GUARD_REASON_SIZE])
{
    (void)ctx;
    (void)order;
    (void)now;
    (void)snprintf(reason, GUARD_REASON_SIZE, "no contact");
    return latest->contact;
}

static void guard_wrote(void *ctx, const struct lane_order *order, bool done, struct mono_time now)
{
    (void)ctx;
    (void)order;
    (void)done;
    (void)now;
}

/* --- sinks --- */

static void take_scan(void *ctx, const struct lane_scan *scan)
{
    (void)ctx;
    pthread_mutex_lock(&site.lock);
    site.scan = *scan;
    site.without_contact += !scan->contact;
    site.guard_acted += scan->guard_acted || scan->guard_let_go;
    (void)say(ERR_OK, NULL);
}

static void take_outcome(void *ctx, const struct lane_outcome *outcome)
{
    (void)ctx;
    pthread_mutex_lock(&site.lock);
    site.outcome = *outcome;
    (void)say(ERR_OK, NULL);
}

static void take_lamps(void *ctx, uint8_t lane, const char *reason)
{
    (void)ctx;
    assert_int_equal(lane, 1);
    pthread_mutex_lock(&site.lock);
    site.lamps_told++;
    (void)snprintf(site.lamps, sizeof(site.lamps), "%s", reason);
    (void)say(ERR_OK, NULL);
}

static bool take_refused(void *ctx, uint8_t lane, const char *device, const char *text)
{
    (void)ctx;
    assert_int_equal(lane, 1);
    pthread_mutex_lock(&site.lock);
    bool room = !site.no_room;
    site.no_room = false;
    (void)snprintf(site.refused, sizeof(site.refused), "%s: %s", room ? device : "?", text);
    (void)say(ERR_OK, NULL);
    return room;
}

/* --- builders --- */

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        struct timespec until;                                                                     \
        clock_gettime(CLOCK_MONOTONIC, &until);                                                    \
        until.tv_sec += DEADLINE_S;                                                                \
        pthread_mutex_lock(&site.lock);                                                            \
        int waited = 0;                                                                            \
        while (!(condition) && waited == 0) {                                                      \
            waited = pthread_cond_timedwait(&site.changed, &site.lock, &until);                    \
        }                                                                                          \
        bool held = (condition);                                                                   \
        pthread_mutex_unlock(&site.lock);                                                          \
        assert_true(held);                                                                         \
    } while (0)

#define SET(field, value)                                                                          \
    do {                                                                                           \
        pthread_mutex_lock(&site.lock);                                                            \
        site.field = (value);                                                                      \
        pthread_mutex_unlock(&site.lock);                                                          \
    } while (0)

/* The bus's thread counts on meanwhile. */
static uint64_t now_at(const uint64_t *field)
{
    pthread_mutex_lock(&site.lock);
    uint64_t value = *field;
    pthread_mutex_unlock(&site.lock);
    return value;
}

static void start(bool with_barrier)
{
    struct bus_options options = {
        .name = "bus-t", .kind = BUS_OWN, .scan_interval_ms = 5, .core = -1};
    struct bus_lane lane = {.lane = 1, .guard = &site.guard};
    struct bus_sinks sinks = {.ctx = &site,
                              .scan = take_scan,
                              .outcome = take_outcome,
                              .lamps = take_lamps,
                              .refused = take_refused};
    struct err_text err = {""};
    lane.devices[lane.device_count++] =
        (struct io_device){.driver = &memory, .state = &site.tower, .name = "tower"};
    if (with_barrier) {
        lane.devices[lane.device_count++] =
            (struct io_device){.driver = &memory, .state = &site.barrier, .name = "barrier"};
    }
    assert_int_equal(bus_create(&options, &lane, 1, &sinks, &site.bus, &err), ERR_OK);
    assert_int_equal(bus_start(site.bus), ERR_OK);
    WAIT_FOR(site.scan.contact);
}

static int setup(void **state)
{
    (void)state;
    pthread_condattr_t attr;
    memset(&site, 0, sizeof(site));
    pthread_mutex_init(&site.lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&site.changed, &attr);
    pthread_condattr_destroy(&attr);
    site.barrier =
        (struct device){.wired = INPUT_BIT(INPUT_OBSTACLE), .outputs_wired = MOTION | 0u};
    site.tower = (struct device){.outputs_wired = LAMPS | 0u};
    site.guard =
        (struct lane_guard){.scan = guard_scan, .allows = guard_allows, .wrote = guard_wrote};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bus_stop(site.bus);
    bus_destroy(site.bus);
    pthread_cond_destroy(&site.changed);
    pthread_mutex_destroy(&site.lock);
    return 0;
}

static void order(uint64_t id, enum lane_output output)
{
    const struct lane_order o = {.id = id,
                                 .lane = 1,
                                 .output = output,
                                 .on = true,
                                 .emergency = true,
                                 .expires = mono_add_ms(clock_mono(&clock_system), 5000)};
    assert_int_equal(bus_submit(site.bus, &o), ERR_OK);
    WAIT_FOR(site.outcome.order_id == id);
}

static void lose_tower(int error)
{
    SET(tower.error, error);
    WAIT_FOR(site.lamps_told == 1);
}

/* --- tests --- */

static void a_dead_lamp_stands_against_no_raise(void **state)
{
    (void)state;
    struct bus_device devices[BUS_DEVICES_MAX];
    start(true);
    lose_tower(ERR_TIMEOUT);
    assert_string_equal(site.lamps, "tower: no whole answer");
    order(1, OUTPUT_RAISE);
    assert_int_equal(site.outcome.result, ORDER_DONE);
    order(2, OUTPUT_RED);
    assert_int_equal(site.outcome.result, ORDER_FAILED);
    assert_string_equal(site.outcome.detail, "tower does not answer");
    WAIT_FOR(site.scan.contact && site.scan.outputs == OUTPUT_BIT(OUTPUT_RAISE));
    assert_int_equal(now_at(&site.without_contact), 0);
    assert_int_equal(bus_devices_read(site.bus, devices), 2);
    assert_false(devices[0].contact);
    assert_true(devices[1].contact);
}

static void a_lamp_that_dies_over_a_lowering_boom_costs_the_guard_no_time(void **state)
{
    (void)state;
    start(true);
    order(1, OUTPUT_LOWER);
    unsigned asked = site.tower.asked; /* from the lower on nobody asks it */
    SET(tower.error, ERR_TIMEOUT);
    SET(barrier.active, INPUT_BIT(INPUT_OBSTACLE));
    WAIT_FOR(site.guard_acted == 1);
    WAIT_FOR(site.scan.outputs == 0);
    uint64_t number = now_at(&site.scan.number);
    WAIT_FOR(site.scan.number > number + 20);
    assert_int_equal(site.tower.asked, asked);
    assert_int_equal(now_at(&site.without_contact) + now_at(&site.lamps_told), 0);
}

static void a_lamp_that_answers_again_shows_again(void **state)
{
    (void)state;
    start(true);
    order(1, OUTPUT_RED);
    WAIT_FOR(site.scan.outputs == OUTPUT_BIT(OUTPUT_RED));
    lose_tower(ERR_CORRUPT);
    WAIT_FOR(site.scan.outputs == 0);
    unsigned opened = site.tower.opened;
    SET(tower.error, ERR_OK);
    WAIT_FOR(site.lamps_told == 2);
    assert_string_equal(site.lamps, "");
    assert_true(site.tower.opened > opened); /* its settings are looked at anew */
    WAIT_FOR(site.scan.outputs == OUTPUT_BIT(OUTPUT_RED));
    assert_int_equal(now_at(&site.without_contact), 0);
}

static void a_write_that_a_lamp_does_not_answer_costs_the_lamp(void **state)
{
    (void)state;
    start(true);
    SET(tower.error, ERR_IO);
    order(1, OUTPUT_GREEN);
    assert_int_equal(site.outcome.result, ORDER_FAILED);
    WAIT_FOR(site.lamps_told == 1);
    uint64_t number = now_at(&site.scan.number);
    WAIT_FOR(site.scan.number > number + 5);
    assert_int_equal(now_at(&site.without_contact), 0);
}

/* Told of the lamp, again where there was no room for it, and until the right one is back. */
static void a_lamp_of_another_model_is_named_and_costs_the_lamp(void **state)
{
    (void)state;
    SET(tower.error, ERR_CONFLICT);
    SET(no_room, true);
    start(true);
    WAIT_FOR(strcmp(site.refused, "tower: no whole answer") == 0);
    order(1, OUTPUT_RAISE);
    assert_int_equal(site.outcome.result, ORDER_DONE);
    SET(tower.error, ERR_OK);
    WAIT_FOR(strcmp(site.refused, "tower: ") == 0);
    assert_int_equal(now_at(&site.without_contact), 0);
}

static void a_silent_barrier_is_lost_contact(void **state)
{
    (void)state;
    start(true);
    SET(barrier.error, ERR_TIMEOUT);
    WAIT_FOR(!site.scan.contact);
    assert_int_equal(now_at(&site.lamps_told), 0);
}

/* Nothing else says whether such a lane is there. */
static void a_lane_of_lamps_alone_loses_contact_with_them(void **state)
{
    (void)state;
    start(false);
    SET(tower.error, ERR_TIMEOUT);
    WAIT_FOR(!site.scan.contact);
    assert_int_equal(now_at(&site.lamps_told), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dead_lamp_stands_against_no_raise, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_lamp_that_dies_over_a_lowering_boom_costs_the_guard_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lamp_that_answers_again_shows_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_a_lamp_does_not_answer_costs_the_lamp, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lamp_of_another_model_is_named_and_costs_the_lamp, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_silent_barrier_is_lost_contact, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lane_of_lamps_alone_loses_contact_with_them, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
