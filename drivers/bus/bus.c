/*
 * The bus as its owner sees it: create, start, submit, stop, counters. The thread is bus_run.c.
 */
#include "drivers/bus/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/bus/bus_state.h"

/* Fills the lane's wired masks; two devices that claim one bit are refused. */
static int join_wiring(struct bus_lane_state *lane, struct err_text *err)
{
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        struct io_scan wiring = {0};
        device->driver->wiring(device->state, &wiring);
        if ((lane->wired & wiring.wired) || (lane->outputs_wired & wiring.outputs_wired)) {
            return err_set(err, ERR_INVALID,
                           "lane %u: %s has an input or output another device has too",
                           lane->config.lane, device->name);
        }
        lane->wired |= wiring.wired;
        lane->outputs_wired |= wiring.outputs_wired;
    }
    if ((lane->outputs_wired & OUTPUT_BIT(OUTPUT_LOWER)) &&
        !(lane->outputs_wired & OUTPUT_BIT(OUTPUT_RAISE))) {
        return err_set(err, ERR_INVALID, "lane %u: lower is wired but raise is not",
                       lane->config.lane);
    }
    return ERR_OK;
}

static int take_lanes(struct bus *bus, const struct bus_lane *lanes, size_t count,
                      const struct bus_cost *cost, struct err_text *err)
{
    for (size_t i = 0; i < count; i++) {
        struct bus_lane_state *lane = &bus->lanes[i];
        for (size_t j = 0; j < i; j++) {
            if (lanes[j].lane == lanes[i].lane) {
                return err_set(err, ERR_INVALID, "lane %u twice on one bus", lanes[i].lane);
            }
        }
        lane->config = lanes[i];
        lane->late_limit_ms = cost->worst_ms;
        lane->miss_ms = cost->miss_ms[i];
        lane->retry_ms = BUS_RETRY_FIRST_MS;
        (void)snprintf(lane->reason, sizeof(lane->reason), "not started");
        int rc = join_wiring(lane, err);
        if (rc != ERR_OK) {
            return rc;
        }
        bus_lamps_find(lane);
        lane->latest = (struct lane_scan){
            .lane = lane->config.lane, .wired = lane->wired, .outputs_wired = lane->outputs_wired};
    }
    bus->lane_count = count;
    return ERR_OK;
}

static void take_polls(struct bus *bus, const struct bus_options *options)
{
    for (size_t i = 0; i < options->poll_count; i++) {
        bus->polls[i].device = options->polls[i];
    }
    bus->poll_count = options->poll_count;
}

static int create_link(struct bus *bus, struct err_text *err)
{
    const struct bus_options *o = &bus->options;
    int rc = ERR_OK;
    switch (o->kind) {
    case BUS_MODBUS_TCP:
        rc = modbus_link_create_tcp(o->host, o->port, &bus->link, err);
        break;
    case BUS_MODBUS_RTU:
        rc = modbus_link_create_rtu(o->line, o->baud_bps, o->parity, o->stop_bits, &bus->link, err);
        break;
    case BUS_OWN:
        break;
    }
    return rc == ERR_OK ? rc : err_prefix(err, rc, "bus %s", o->name);
}

int bus_create(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
               const struct bus_sinks *sinks, struct bus **out, struct err_text *err)
{
    struct bus_cost cost;
    int rc = bus_cost_add_up(options, lanes, count, &cost, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "bus %s", options->name);
    }
    struct bus *bus = calloc(1, sizeof(*bus));
    if (!bus || order_book_init(&bus->book) != ERR_OK) {
        free(bus);
        return err_set(err, ERR_NO_MEMORY, "bus %s: out of memory", options->name);
    }
    bus->options = *options;
    if (options->scan_interval_ms == 0 && options->kind != BUS_MODBUS_RTU) {
        bus->options.scan_interval_ms = BUS_SCAN_INTERVAL_TCP_MS;
    }
    exchange_desk_init(&bus->desk);
    bus->room_us = cost.room_us;
    bus->sinks = *sinks;
    bus->link_retry_ms = BUS_RETRY_FIRST_MS;
    bus->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bus->wake_fd < 0) {
        rc = err_set(err, ERR_IO, "bus %s: eventfd: %s", options->name, strerror(errno));
    }
    rc = rc == ERR_OK ? take_lanes(bus, lanes, count, &cost, err) : rc;
    rc = rc == ERR_OK ? create_link(bus, err) : rc;
    take_polls(bus, options);
    if (rc != ERR_OK) {
        bus_destroy(bus);
        return rc;
    }
    *out = bus;
    return ERR_OK;
}

int bus_start(struct bus *bus)
{
    struct thread_options options = {
        .name = bus->options.name,
        .core = bus->options.core,
        .policy = bus->options.priority > 0 ? THREAD_FIFO : THREAD_NORMAL,
        .priority = bus->options.priority,
    };
    int rc = thread_start(&bus->thread, &options, bus_run, bus);
    bus->started = rc == ERR_OK;
    return rc;
}

static void wake(struct bus *bus)
{
    uint64_t one = 1;
    ssize_t done = write(bus->wake_fd, &one, sizeof(one));
    (void)done; /* a full counter is a wake that waits already */
}

static int check_order(const struct bus *bus, const struct lane_order *order)
{
    for (size_t i = 0; i < bus->lane_count; i++) {
        const struct bus_lane_state *lane = &bus->lanes[i];
        if (lane->config.lane != order->lane) {
            continue;
        }
        bool good = order->id > 0 && (unsigned)order->output < OUTPUT_COUNT &&
                    (lane->outputs_wired & OUTPUT_BIT(order->output)) &&
                    order->pulse_ms <= IO_PULSE_MAX_MS && order->expires.ns > 0;
        return good ? ERR_OK : ERR_INVALID;
    }
    return ERR_NOT_FOUND;
}

int bus_submit(struct bus *bus, const struct lane_order *order)
{
    int rc = check_order(bus, order);
    if (rc != ERR_OK) {
        return rc;
    }
    rc = order_book_put(&bus->book, order);
    if (rc == ERR_OK) {
        wake(bus);
    } else if (rc == ERR_FULL) {
        bus_count(&bus->counters.orders_refused);
    }
    return rc;
}

int bus_exchange(struct bus *bus, const struct bus_request *request, struct bus_reply *reply)
{
    *reply = (struct bus_reply){0};
    if (!bus->link) {
        return err_set(&reply->err, ERR_INVALID, "bus %s is no Modbus bus", bus->options.name);
    }
    if (request->function > MODBUS_WRITE_REGISTERS) {
        return err_set(&reply->err, ERR_INVALID, "function %u: expected 1 to 6, 15 or 16",
                       request->function);
    }
    if (!request->may_write && modbus_function_writes(request->function)) {
        return err_set(&reply->err, ERR_INVALID,
                       "function %u writes: only while every lane of the bus is out of service",
                       request->function);
    }
    return exchange_desk_ask(&bus->desk, request, mono_add_ms(bus_now(), BUS_EXCHANGE_WAIT_MS),
                             wake, bus, reply);
}

void bus_stop(struct bus *bus)
{
    order_book_close(&bus->book);
    exchange_desk_close(&bus->desk);
    if (bus->started) {
        thread_stop(&bus->thread);
        wake(bus);
        thread_join(&bus->thread);
        bus->started = false;
    }
}

void bus_destroy(struct bus *bus)
{
    if (!bus) {
        return;
    }
    modbus_link_destroy(bus->link);
    if (bus->wake_fd >= 0) {
        close(bus->wake_fd);
    }
    order_book_fini(&bus->book);
    exchange_desk_fini(&bus->desk);
    free(bus);
}

static uint64_t load(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void bus_stats_read(const struct bus *bus, struct bus_stats *out)
{
    const struct bus_counters *c = &bus->counters;
    *out = (struct bus_stats){
        .scans = load(&c->scans),
        .scans_failed = load(&c->scans_failed),
        .late_scans = load(&c->late_scans),
        .orders_done = load(&c->orders_done),
        .orders_expired = load(&c->orders_expired),
        .orders_vetoed = load(&c->orders_vetoed),
        .orders_failed = load(&c->orders_failed),
        .orders_refused = load(&c->orders_refused),
        .guard_writes = load(&c->guard_writes),
        .pulses_ended = load(&c->pulses_ended),
        .connects = load(&c->connects),
        .polls = load(&c->polls),
        .scan_us_max = atomic_load_explicit(&c->scan_us_max, memory_order_relaxed),
    };
}

size_t bus_devices_read(const struct bus *bus, struct bus_device *out)
{
    size_t count = 0;
    for (size_t i = 0; i < bus->lane_count; i++) {
        const struct bus_lane_state *lane = &bus->lanes[i];
        for (size_t d = 0; d < lane->config.device_count; d++) {
            struct bus_device *device = &out[count++];
            *device = (struct bus_device){
                .lane = lane->config.lane,
                .contact = atomic_load_explicit(&lane->contact, memory_order_relaxed) &&
                           !bus_lamp_is_lost(lane, d)};
            memcpy(device->name, lane->config.devices[d].name, sizeof(device->name));
            device_health_read(&lane->health[d], &device->health);
        }
    }
    for (size_t i = 0; i < bus->poll_count; i++) {
        struct bus_device *device = &out[count++];
        *device = (struct bus_device){.lane = 0};
        memcpy(device->name, bus->polls[i].device.name, sizeof(device->name));
        device_health_read(&bus->polls[i].health, &device->health);
        device->contact = device->health.last_good.ns > 0 &&
                          mono_diff_ms(bus_now(), device->health.last_good) < BUS_LOST_NOTICE_MS;
    }
    return count;
}

enum bus_cause bus_cause_read(const struct bus *bus)
{
    return (enum bus_cause)atomic_load_explicit(&bus->cause, memory_order_relaxed);
}

struct thread *bus_thread(struct bus *bus)
{
    return &bus->thread;
}

const char *bus_name(const struct bus *bus)
{
    return bus->options.name;
}
