/*
 * What the bus thread writes: the guard's orders, the lanes' orders by rank, the ends of pulses,
 * and what a stopping gateway leaves behind. Every write goes through the guard. Bus thread only.
 */
#include <stdio.h>

#include "drivers/bus/bus_state.h"

enum {
    PULSE_END_RETRY_MS = 50,
    LOWER_WATCH_MS = 60000 /* the slowest boom is down by then, lowered or let go */
};

/* --- writes --- */

/* Index of the lane's device that moves the output, device_count when none does. */
static size_t device_with(const struct bus_lane_state *lane, enum lane_output output)
{
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        struct io_scan wiring = {0};
        device->driver->wiring(device->state, &wiring);
        if (wiring.outputs_wired & OUTPUT_BIT(output)) {
            return i;
        }
    }
    return lane->config.device_count;
}

/* Whether the boom may come down by it: a lower, and the release of a raise that is maintained. */
static bool lets_down(const struct bus_lane_state *lane, const struct lane_order *order)
{
    return (order->output == OUTPUT_LOWER && order->on) ||
           (order->output == OUTPUT_RAISE && !order->on && lane->config.raise_maintained);
}

/* One write, told to the guard, its pulse noted. A write that failed may have acted all the same,
 * so its pulse is ended all the same. */
static int write_output(struct bus *bus, struct bus_lane_state *lane,
                        const struct lane_order *order, struct err_text *err)
{
    size_t index = device_with(lane, order->output);
    if (index == lane->config.device_count || order->pulse_ms > IO_PULSE_MAX_MS) {
        return err_set(err, ERR_INVALID, "output not wired or pulse too long");
    }
    const struct io_device *device = &lane->config.devices[index];
    if (bus_lamp_is_lost(lane, index)) {
        return err_set(err, ERR_DENIED, "%s does not answer", device->name);
    }
    bool self_ends = false;
    struct mono_time begin = bus_call_begin(bus, &lane->health[index]);
    int rc = device->driver->write(device->state, bus->link, order->output, order->on,
                                   order->pulse_ms, &self_ends, err);
    bus_call_end(bus, &lane->health[index], rc, begin);
    struct mono_time now = bus_now();
    struct bus_pulse *pulse = &lane->pulses[order->output];
    if (lets_down(lane, order)) {
        uint32_t let_go_ms = order->on ? 0 : lane->config.let_go_ms;
        lane->watched_until =
            mono_add_ms(now, let_go_ms > LOWER_WATCH_MS ? let_go_ms : LOWER_WATCH_MS);
    }
    pulse->running = order->on ? order->pulse_ms > 0 && !self_ends : rc != ERR_OK && pulse->running;
    if (order->on) {
        pulse->end = mono_add_ms(now, order->pulse_ms);
    }
    if (lane->config.guard) {
        lane->config.guard->wrote(lane->config.guard->ctx, order, rc == ERR_OK, now);
    }
    if (rc == ERR_OK) {
        return rc;
    }
    rc = err_prefix(err, rc, "%s: %s", device->name, lane_output_name(order->output));
    return bus_costs_contact(rc) && lane->lamps[index].shows ? bus_lamp_lose(bus, lane, index, err)
                                                             : rc;
}

/* ERR_STALE from the guard's veto, otherwise as write_output. */
static int write_if_allowed(struct bus *bus, struct bus_lane_state *lane,
                            const struct lane_order *order, struct err_text *err)
{
    char reason[GUARD_REASON_SIZE] = "";
    const struct lane_guard *guard = lane->config.guard;
    if (lets_down(lane, order) && lane->misses > 0) {
        return err_set(err, ERR_STALE, "the last scan was not answered");
    }
    if (guard && !guard->allows(guard->ctx, order, &lane->latest, bus_now(), reason)) {
        reason[GUARD_REASON_SIZE - 1] = '\0';
        return err_set(err, ERR_STALE, "%s", reason);
    }
    return write_output(bus, lane, order, err);
}

enum bus_guard_act bus_run_guard(struct bus *bus, struct bus_lane_state *lane)
{
    const struct lane_guard *guard = lane->config.guard;
    if (!guard) {
        return BUS_GUARD_NOTHING;
    }
    struct lane_order orders[GUARD_ORDERS_MAX];
    uint32_t count = guard->scan(guard->ctx, &lane->latest, orders);
    count = count > GUARD_ORDERS_MAX ? GUARD_ORDERS_MAX : count;
    if (!lane->latest.contact) {
        return BUS_GUARD_NOTHING; /* nothing can be sent; the guard asks again when contact is back
                                   */
    }
    enum bus_guard_act act = count > 0 ? BUS_GUARD_STOPPED : BUS_GUARD_NOTHING;
    for (uint32_t i = 0; i < count; i++) {
        struct err_text err = {""};
        act = orders[i].output == OUTPUT_RAISE ? BUS_GUARD_RAISED : act;
        int rc = write_if_allowed(bus, lane, &orders[i], &err);
        if (rc == ERR_OK) {
            bus_count(&bus->counters.guard_writes);
        } else if (bus_costs_contact(rc)) {
            lane->guard_failure = rc;
            bus_keep_reason(lane->reason, err.text);
        }
    }
    return act;
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
                                   .at = bus_now()};
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

/* Without contact an order for stop or raise forces one attempt to regain it before it fails. It
 * keeps its place: a raise behind the release that came after it would be the last word. */
static bool retry_for(struct bus *bus, struct bus_lane_state *lane, const struct order_slot *taken)
{
    const struct lane_order *order = &taken->order;
    if (taken->retried || !order->on ||
        (order->output != OUTPUT_STOP && order->output != OUTPUT_RAISE)) {
        return false;
    }
    struct mono_time now = bus_now();
    bus->link_next_try = now;
    lane->next_try = now;
    lane->next_scan = (struct mono_time){0}; /* ahead of the other lanes, in this very step */
    return order_book_put_back(&bus->book, taken) == ERR_OK;
}

void bus_run_order(struct bus *bus, const struct order_slot *taken)
{
    const struct lane_order *order = &taken->order;
    struct bus_lane_state *lane = lane_of(bus, order->lane);
    if (!lane) {
        tell_outcome(bus, order, ORDER_FAILED, "no such lane");
        return;
    }
    if (mono_before(order->expires, bus_now())) {
        tell_outcome(bus, order, ORDER_EXPIRED, "too late");
        return;
    }
    struct err_text err = {""};
    if (!lane->latest.contact) {
        if (!retry_for(bus, lane, taken)) {
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
        if (bus_costs_contact(rc)) {
            bus_after_failure(bus, lane, rc, &err);
        }
    }
}

bool bus_end_one_pulse(struct bus *bus, struct mono_time now)
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
            if (bus_costs_contact(rc)) {
                bus_after_failure(bus, lane, rc, &err);
            }
            return true;
        }
    }
    return false;
}

struct mono_time bus_first_pulse_end(const struct bus *bus, struct mono_time latest)
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
            if ((off & OUTPUT_BIT(output)) &&
                bus_costs_contact(write_output(bus, lane, &end, &err))) {
                break; /* it does not answer: one timeout is enough of a stop's time */
            }
        }
    }
}

void bus_leave(struct bus *bus)
{
    struct order_slot taken;
    while (order_book_take(&bus->book, &taken)) {
        tell_outcome(bus, &taken.order, ORDER_FAILED, "the bus is stopping");
    }
    leave_outputs(bus);
}
