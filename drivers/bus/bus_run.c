/*
 * The bus thread: one step is at most one write (the end of a pulse, otherwise the first order) and
 * at most one lane's scan with its guard, or one polled device. That bounds what a lane waits for
 * its next scan, which bus_cost.c adds up. Owner of everything in struct bus while it runs. Never
 * blocks but in a link's exchange, its connect, or the wait for the next due moment.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drivers/bus/bus_state.h"

enum {
    NS_PER_US = 1000,
    WAIT_MAX_MS = 100,
    PULSE_END_RETRY_MS = 50,
    SCAN_MISSES_MAX = 2,   /* in a row, until contact is lost */
    LOWER_WATCH_MS = 60000 /* the slowest boom is down by then */
};

static struct mono_time now_mono(void)
{
    return clock_mono(&clock_system);
}

static uint32_t doubled(uint32_t retry_ms)
{
    return retry_ms * 2 > BUS_RETRY_LAST_MS ? BUS_RETRY_LAST_MS : retry_ms * 2;
}

static void keep_reason(char out[80], const char *text)
{
    (void)snprintf(out, 80, "%.79s", text);
}

/* --- contact --- */

static void tell_contact(struct bus *bus, struct bus_lane_state *lane, bool contact)
{
    if (lane->contact_told && lane->latest.contact == contact) {
        return;
    }
    lane->contact_told = true;
    if (bus->sinks.contact) {
        bus->sinks.contact(bus->sinks.ctx, lane->config.lane, contact, contact ? "" : lane->reason);
    }
}

static bool run_guard(struct bus *bus, struct bus_lane_state *lane);

/* Numbers the scan, lets the guard act on it, hands it up. */
static void publish_scan(struct bus *bus, struct bus_lane_state *lane, const struct io_scan *found,
                         struct mono_time at)
{
    bool contact = found != NULL;
    tell_contact(bus, lane, contact);
    lane->latest.number++;
    lane->latest.at = at;
    lane->latest.contact = contact;
    lane->latest.active = contact ? found->active : 0;
    lane->latest.outputs = contact ? found->outputs : 0;
    lane->latest.guard_acted = false;
    bool acted = run_guard(bus, lane);
    lane->latest.guard_acted = acted;
    bus->sinks.scan(bus->sinks.ctx, &lane->latest);
}

static void lose_lane(struct bus *bus, struct bus_lane_state *lane, const char *reason)
{
    struct mono_time now = now_mono();
    bool had = lane->latest.contact;
    keep_reason(lane->reason, reason);
    lane->retry_ms = had ? BUS_RETRY_FIRST_MS : doubled(lane->retry_ms);
    lane->next_try = mono_add_ms(now, lane->retry_ms);
    lane->misses = 0;
    lane->opened = 0; /* it may come back with other settings */
    bus_count(&bus->counters.scans_failed);
    publish_scan(bus, lane, NULL, now);
}

/* The link broke under one lane: every other lane on it has lost contact too. */
static void lose_others(struct bus *bus, const struct bus_lane_state *except, const char *reason)
{
    for (size_t i = 0; i < bus->lane_count; i++) {
        struct bus_lane_state *lane = &bus->lanes[i];
        if (lane != except && lane->latest.contact) {
            lose_lane(bus, lane, reason);
        }
    }
}

/* Errors after which nothing is known of the device any more; an exception or veto is none. */
static bool costs_contact(int rc)
{
    return rc == ERR_TIMEOUT || rc == ERR_CORRUPT || rc == ERR_IO;
}

static void after_failure(struct bus *bus, struct bus_lane_state *lane, int rc,
                          const struct err_text *err)
{
    lose_lane(bus, lane, err->text);
    if (rc == ERR_IO) {
        lose_others(bus, lane, err->text);
    }
}

/* --- link --- */

static bool open_link(struct bus *bus, struct err_text *err)
{
    if (!bus->link || modbus_link_is_open(bus->link)) {
        bus->generation += bus->generation == 0; /* a bus without link is opened once */
        return true;
    }
    struct mono_time now = now_mono();
    if (mono_before(now, bus->link_next_try)) {
        (void)err_set(err, ERR_IO, "%s", bus->link_reason);
        return false;
    }
    int rc = modbus_link_open(bus->link, BUS_CONNECT_TIMEOUT_MS, err);
    if (rc != ERR_OK) {
        keep_reason(bus->link_reason, err->text);
        bus->link_next_try = mono_add_ms(now_mono(), bus->link_retry_ms);
        bus->link_retry_ms = doubled(bus->link_retry_ms);
        return false;
    }
    bus->generation++;
    bus->link_retry_ms = BUS_RETRY_FIRST_MS;
    bus_count(&bus->counters.connects);
    return true;
}

static int open_devices(struct bus *bus, struct bus_lane_state *lane, struct err_text *err)
{
    if (lane->opened == bus->generation) {
        return ERR_OK;
    }
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        int rc = device->driver->open(device->state, bus->link, err);
        if (rc != ERR_OK) {
            return err_prefix(err, rc, "%s", device->name);
        }
    }
    lane->opened = bus->generation;
    return ERR_OK;
}

/* --- writes --- */

static const struct io_device *device_with(const struct bus_lane_state *lane,
                                           enum lane_output output)
{
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        struct io_scan wiring = {0};
        device->driver->wiring(device->state, &wiring);
        if (wiring.outputs_wired & OUTPUT_BIT(output)) {
            return device;
        }
    }
    return NULL;
}

/* One write, told to the guard, its pulse noted. A write that failed may have acted all the same,
 * so its pulse is ended all the same. */
static int write_output(struct bus *bus, struct bus_lane_state *lane,
                        const struct lane_order *order, struct err_text *err)
{
    const struct io_device *device = device_with(lane, order->output);
    if (!device || order->pulse_ms > IO_PULSE_MAX_MS) {
        return err_set(err, ERR_INVALID, "output not wired or pulse too long");
    }
    bool self_ends = false;
    int rc = device->driver->write(device->state, bus->link, order->output, order->on,
                                   order->pulse_ms, &self_ends, err);
    struct mono_time now = now_mono();
    struct bus_pulse *pulse = &lane->pulses[order->output];
    if (order->output == OUTPUT_LOWER && order->on) {
        lane->watched_until = mono_add_ms(now, LOWER_WATCH_MS);
    }
    pulse->running = order->on ? order->pulse_ms > 0 && !self_ends : rc != ERR_OK && pulse->running;
    if (order->on) {
        pulse->end = mono_add_ms(now, order->pulse_ms);
    }
    if (lane->config.guard) {
        lane->config.guard->wrote(lane->config.guard->ctx, order, rc == ERR_OK, now);
    }
    return rc == ERR_OK
               ? rc
               : err_prefix(err, rc, "%s: %s", device->name, lane_output_name(order->output));
}

/* ERR_STALE from the guard's veto, otherwise as write_output. */
static int write_if_allowed(struct bus *bus, struct bus_lane_state *lane,
                            const struct lane_order *order, struct err_text *err)
{
    char reason[GUARD_REASON_SIZE] = "";
    const struct lane_guard *guard = lane->config.guard;
    if (order->output == OUTPUT_LOWER && order->on && lane->misses > 0) {
        return err_set(err, ERR_STALE, "the last scan was not answered");
    }
    if (guard && !guard->allows(guard->ctx, order, &lane->latest, now_mono(), reason)) {
        reason[GUARD_REASON_SIZE - 1] = '\0';
        return err_set(err, ERR_STALE, "%s", reason);
    }
    return write_output(bus, lane, order, err);
}

/* True when the guard wanted anything done on this scan. What it could not write is left in
 * guard_failure: the scan goes up first, then the contact is lost. */
static bool run_guard(struct bus *bus, struct bus_lane_state *lane)
{
    const struct lane_guard *guard = lane->config.guard;
    if (!guard) {
        return false;
    }
    struct lane_order orders[GUARD_ORDERS_MAX];
    uint32_t count = guard->scan(guard->ctx, &lane->latest, orders);
    count = count > GUARD_ORDERS_MAX ? GUARD_ORDERS_MAX : count;
    if (!lane->latest.contact) {
        return false; /* nothing can be sent; the guard asks again when contact is back */
    }
    for (uint32_t i = 0; i < count; i++) {
        struct err_text err = {""};
        int rc = write_if_allowed(bus, lane, &orders[i], &err);
        if (rc == ERR_OK) {
            bus_count(&bus->counters.guard_writes);
        } else if (costs_contact(rc)) {
            lane->guard_failure = rc;
            keep_reason(lane->reason, err.text);
        }
    }
    return count > 0;
}

/* --- orders --- */

static void tell_outcome(struct bus *bus, const struct lane_order *order, enum order_result result,
                         const char *detail)
{
    atomic_ullong *const counters[] = {
        [ORDER_DONE] = &bus->counters.orders_done,
        [ORDER_EXPIRED] = &bus->counters.orders_expired,
        [ORDER_VETOED] = &bus->counters.orders_vetoed,
        [ORDER_FAILED] = &bus->counters.orders_failed,
    };
    bus_count(counters[result]);
    struct lane_outcome outcome = {.order_id = order->id,
                                   .lane = order->lane,
                                   .output = order->output,
                                   .result = result,
                                   .at = now_mono()};
    (void)snprintf(outcome.detail, sizeof(outcome.detail), "%.79s", detail);
    bus->sinks.outcome(bus->sinks.ctx, &outcome);
}

static struct bus_lane_state *lane_of(struct bus *bus, uint8_t number)
{
    for (size_t i = 0; i < bus->lane_count; i++) {
        if (bus->lanes[i].config.lane == number) {
            return &bus->lanes[i];
        }
    }
    return NULL;
}

/* Without contact an order for stop or raise forces one attempt to regain it before it fails. */
static bool retry_for(struct bus *bus, struct bus_lane_state *lane, const struct lane_order *order)
{
    if (!order->on || (order->output != OUTPUT_STOP && order->output != OUTPUT_RAISE)) {
        return false;
    }
    struct mono_time now = now_mono();
    bus->link_next_try = now;
    lane->next_try = now;
    lane->next_scan = (struct mono_time){0}; /* ahead of the other lanes, in this very step */
    return order_book_put(&bus->book, order, true) == ERR_OK;
}

static void run_order(struct bus *bus, const struct lane_order *order, bool retried)
{
    struct bus_lane_state *lane = lane_of(bus, order->lane);
    if (!lane) {
        tell_outcome(bus, order, ORDER_FAILED, "no such lane");
        return;
    }
    if (mono_before(order->expires, now_mono())) {
        tell_outcome(bus, order, ORDER_EXPIRED, "too late");
        return;
    }
    struct err_text err = {""};
    if (!lane->latest.contact) {
        if (retried || !retry_for(bus, lane, order)) {
            char detail[96];
            (void)snprintf(detail, sizeof(detail), "no contact: %s", lane->reason);
            tell_outcome(bus, order, ORDER_FAILED, detail);
        }
        return;
    }
    int rc = write_if_allowed(bus, lane, order, &err);
    if (rc == ERR_OK) {
        tell_outcome(bus, order, ORDER_DONE, "");
    } else if (rc == ERR_STALE) {
        tell_outcome(bus, order, ORDER_VETOED, err.text);
    } else {
        tell_outcome(bus, order, ORDER_FAILED, err.text);
        if (costs_contact(rc)) {
            after_failure(bus, lane, rc, &err);
        }
    }
}

/* Ends the first overdue pulse; true when it wrote. */
static bool end_one_pulse(struct bus *bus, struct mono_time now)
{
    for (size_t i = 0; i < bus->lane_count; i++) {
        struct bus_lane_state *lane = &bus->lanes[i];
        for (unsigned output = 0; lane->latest.contact && output < OUTPUT_COUNT; output++) {
            struct bus_pulse *pulse = &lane->pulses[output];
            if (!pulse->running || mono_before(now, pulse->end)) {
                continue;
            }
            struct lane_order end = {.lane = lane->config.lane,
                                     .output = (enum lane_output)output,
                                     .expires = mono_add_ms(now, IO_PULSE_MAX_MS)};
            struct err_text err = {""};
            int rc = write_output(bus, lane, &end, &err);
            if (rc == ERR_OK) {
                bus_count(&bus->counters.pulses_ended);
                return true;
            }
            pulse->end = mono_add_ms(now, PULSE_END_RETRY_MS); /* orders get their turn too */
            if (costs_contact(rc)) {
                after_failure(bus, lane, rc, &err);
            }
            return true;
        }
    }
    return false;
}

/* --- scans --- */

static int scan_devices(struct bus *bus, struct bus_lane_state *lane, struct io_scan *out,
                        struct err_text *err)
{
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        struct io_scan one = {0};
        int rc = device->driver->scan(device->state, bus->link, &one, err);
        if (rc != ERR_OK) {
            return err_prefix(err, rc, "%s", device->name);
        }
        out->active |= one.active;
        out->outputs |= one.outputs;
    }
    return ERR_OK;
}

/* A lost or garbled frame now and then is everyday noise on a line: what was known a moment ago
 * stands, and the lane is scanned again at once. Not while a boom of ours may be coming down: there
 * nothing protects but the answer itself. */
static bool forgives_miss(const struct bus_lane_state *lane, int rc, struct mono_time now)
{
    bool noise = rc == ERR_TIMEOUT || rc == ERR_CORRUPT;
    bool lowering = mono_before(now, lane->watched_until) ||
                    (lane->latest.outputs & OUTPUT_BIT(OUTPUT_LOWER)) != 0;
    return noise && !lowering && lane->latest.contact && lane->misses < SCAN_MISSES_MAX;
}

static void note_time(struct bus *bus, const struct bus_lane_state *lane, struct mono_time begin)
{
    uint32_t took_us = (uint32_t)((now_mono().ns - begin.ns) / NS_PER_US);
    if (took_us > atomic_load_explicit(&bus->counters.scan_us_max, memory_order_relaxed)) {
        atomic_store_explicit(&bus->counters.scan_us_max, took_us, memory_order_relaxed);
    }
    if (lane->latest.contact && mono_diff_ms(begin, lane->latest.at) > lane->late_limit_ms) {
        bus_count(&bus->counters.late_scans);
    }
    bus_count(&bus->counters.scans);
}

static void scan_lane(struct bus *bus, struct bus_lane_state *lane)
{
    struct mono_time begin = now_mono();
    if (!lane->latest.contact && mono_before(begin, lane->next_try)) {
        publish_scan(bus, lane, NULL, begin);
        return;
    }
    struct err_text err = {""};
    struct io_scan found = {0};
    int rc = open_link(bus, &err) ? ERR_OK : ERR_IO;
    rc = rc == ERR_OK ? open_devices(bus, lane, &err) : rc;
    begin = now_mono();
    rc = rc == ERR_OK ? scan_devices(bus, lane, &found, &err) : rc;
    if (forgives_miss(lane, rc, now_mono())) {
        lane->misses++;
        bus_count(&bus->counters.scans_failed);
        return;
    }
    if (rc != ERR_OK) {
        after_failure(bus, lane, rc, &err);
        return;
    }
    note_time(bus, lane, begin);
    lane->misses = 0;
    lane->guard_failure = ERR_OK;
    publish_scan(bus, lane, &found, begin);
    if (lane->guard_failure != ERR_OK) {
        (void)err_set(&err, lane->guard_failure, "%s", lane->reason);
        after_failure(bus, lane, lane->guard_failure, &err);
    }
}

static struct bus_lane_state *most_due(struct bus *bus)
{
    struct bus_lane_state *due = &bus->lanes[0];
    for (size_t i = 1; i < bus->lane_count; i++) {
        if (mono_before(bus->lanes[i].next_scan, due->next_scan)) {
            due = &bus->lanes[i];
        }
    }
    return due;
}

/* Fixed pace while in contact; behind its pace a lane is due again at once, after the others. */
static void plan_next(const struct bus *bus, struct bus_lane_state *lane, struct mono_time planned)
{
    struct mono_time now = now_mono();
    if (lane->misses > 0) {
        lane->next_scan = now;
        return;
    }
    if (!lane->latest.contact) {
        struct mono_time tick = mono_add_ms(now, BUS_LOST_SCAN_MS);
        lane->next_scan = mono_before(lane->next_try, tick) ? lane->next_try : tick;
        return;
    }
    struct mono_time next = mono_add_ms(planned, bus->options.scan_interval_ms);
    lane->next_scan = mono_before(next, now) ? now : next;
}

/* --- polled devices --- */

static struct bus_poll_state *poll_due(struct bus *bus, struct mono_time now)
{
    struct bus_poll_state *due = NULL;
    for (size_t i = 0; i < bus->poll_count; i++) {
        struct bus_poll_state *poll = &bus->polls[i];
        if (!mono_before(now, poll->next) && (!due || mono_before(poll->next, due->next))) {
            due = poll;
        }
    }
    return due;
}

/* Due again only later than every scan that is due now: once between two scans of a lane. */
static void run_poll(struct bus *bus, struct bus_poll_state *poll)
{
    struct err_text err = {""};
    uint32_t next_ms = BUS_LOST_SCAN_MS;
    if (open_link(bus, &err)) {
        next_ms = poll->device.poll(poll->device.state, bus->link);
        bus_count(&bus->counters.polls);
    } else {
        poll->device.lost(poll->device.state, err.text);
    }
    poll->next = mono_add_ms(now_mono(), next_ms);
}

/* --- the loop --- */

static struct mono_time first_pulse_end(const struct bus *bus, struct mono_time latest)
{
    for (size_t i = 0; i < bus->lane_count; i++) {
        for (unsigned output = 0; output < OUTPUT_COUNT; output++) {
            const struct bus_pulse *pulse = &bus->lanes[i].pulses[output];
            if (bus->lanes[i].latest.contact && pulse->running && mono_before(pulse->end, latest)) {
                latest = pulse->end;
            }
        }
    }
    return latest;
}

static void wait_until(struct bus *bus, struct mono_time when)
{
    int64_t left_ns = when.ns - now_mono().ns;
    left_ns = left_ns < 0 ? 0 : left_ns;
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = left_ns};
    struct pollfd p = {.fd = bus->wake_fd, .events = POLLIN};
    if (ppoll(&p, 1, &timeout, NULL) > 0) {
        uint64_t count;
        ssize_t got = read(bus->wake_fd, &count, sizeof(count));
        (void)got; /* nobody else reads it; the orders are counted in the book */
    }
}

static void step(struct bus *bus)
{
    struct mono_time now = now_mono();
    struct lane_order order;
    bool retried = false;
    bool wrote = end_one_pulse(bus, now);
    if (!wrote && order_book_take(&bus->book, &order, &retried)) {
        run_order(bus, &order, retried);
        wrote = true;
    }
    struct bus_lane_state *lane = most_due(bus);
    now = now_mono();
    struct bus_poll_state *polled = poll_due(bus, now);
    if (polled && mono_before(polled->next, lane->next_scan)) {
        run_poll(bus, polled);
    } else if (!mono_before(now, lane->next_scan)) {
        struct mono_time planned = lane->next_scan;
        scan_lane(bus, lane);
        plan_next(bus, lane, planned);
    } else if (!wrote) {
        struct mono_time when = mono_add_ms(now, WAIT_MAX_MS);
        when = mono_before(lane->next_scan, when) ? lane->next_scan : when;
        for (size_t i = 0; i < bus->poll_count; i++) {
            when = mono_before(bus->polls[i].next, when) ? bus->polls[i].next : when;
        }
        wait_until(bus, first_pulse_end(bus, when));
    }
}

/* What a stopping gateway leaves behind: no pulse, no lowering boom. */
static void leave_outputs(struct bus *bus)
{
    for (size_t i = 0; i < bus->lane_count; i++) {
        struct bus_lane_state *lane = &bus->lanes[i];
        uint32_t off = (lane->config.off_at_stop | OUTPUT_BIT(OUTPUT_LOWER)) & lane->outputs_wired;
        for (unsigned output = 0; output < OUTPUT_COUNT; output++) {
            if (lane->pulses[output].running) {
                off |= OUTPUT_BIT(output);
            }
        }
        for (unsigned output = 0; lane->latest.contact && output < OUTPUT_COUNT; output++) {
            struct lane_order end = {.lane = lane->config.lane, .output = (enum lane_output)output};
            struct err_text err = {""};
            if ((off & OUTPUT_BIT(output)) && write_output(bus, lane, &end, &err) != ERR_OK) {
                break; /* it does not answer: one timeout is enough of a stop's time */
            }
        }
    }
}

void bus_run(struct thread *self, void *arg)
{
    struct bus *bus = arg;
    for (size_t i = 0; i < bus->lane_count; i++) {
        bus->lanes[i].next_scan = now_mono();
    }
    while (!thread_stopping(self)) {
        thread_alive(self);
        step(bus);
    }
    struct lane_order order;
    bool retried;
    while (order_book_take(&bus->book, &order, &retried)) {
        tell_outcome(bus, &order, ORDER_FAILED, "the bus is stopping");
    }
    leave_outputs(bus);
}
