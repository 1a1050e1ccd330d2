/*
 * Devices of a lane that only show: a tower light, a siren on a module of its own. One of them that
 * falls silent costs what it shows and not the lane's contact: a dead lamp must not blind the guard
 * of a boom that comes down, nor stand against an emergency raise. They are asked behind the
 * others, after what the guard wrote, and not while a boom may be coming down: the wait for one
 * that dies then would be the guard's. Bus thread only.
 */
#include "drivers/bus/bus_state.h"

enum { MOVES = OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER) | OUTPUT_BIT(OUTPUT_STOP) };

void bus_lamps_find(struct bus_lane_state *lane)
{
    size_t showing = 0;
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        struct io_scan wiring = {0};
        device->driver->wiring(device->state, &wiring);
        lane->lamps[i].shows = wiring.wired == 0 && (wiring.outputs_wired & MOVES) == 0;
        showing += lane->lamps[i].shows;
    }
    for (size_t i = 0; showing == lane->config.device_count && i < showing; i++) {
        lane->lamps[i].shows = false; /* nothing else says whether the lane is there */
    }
}

static void tell(struct bus *bus, const struct bus_lane_state *lane, const char *reason)
{
    if (bus->sinks.lamps) {
        bus->sinks.lamps(bus->sinks.ctx, lane->config.lane, reason);
    }
}

int bus_lamp_lose(struct bus *bus, struct bus_lane_state *lane, size_t index,
                  const struct err_text *err)
{
    struct bus_lamp *lamp = &lane->lamps[index];
    bool was_lost = bus_lamp_is_lost(lane, index);
    uint32_t twice_ms = lamp->retry_ms * 2;
    lamp->retry_ms = !was_lost                      ? BUS_RETRY_FIRST_MS
                     : twice_ms > BUS_RETRY_LAST_MS ? BUS_RETRY_LAST_MS
                                                    : twice_ms;
    lamp->next_try = mono_add_ms(bus_now(), lamp->retry_ms);
    lamp->outputs = 0;
    lamp->opened = 0; /* it may come back with other settings */
    lamp->misses = 0;
    atomic_store_explicit(&lamp->lost, true, memory_order_relaxed);
    if (!was_lost) {
        tell(bus, lane, err->text);
    }
    return ERR_DENIED;
}

static int ask(struct bus *bus, struct bus_lane_state *lane, size_t index, struct err_text *err)
{
    const struct io_device *device = &lane->config.devices[index];
    struct bus_lamp *lamp = &lane->lamps[index];
    struct io_scan found = {0};
    int rc = ERR_OK;
    struct mono_time begin = bus_call_begin(bus, &lane->health[index]);
    if (lamp->opened != bus->generation) {
        rc = device->driver->open(device->state, bus->link, err);
        lamp->opened = rc == ERR_OK ? bus->generation : 0;
        if (rc == ERR_CONFLICT) {
            bus_tell_refused(bus, lane, index, err->text);
        }
    }
    if (rc == ERR_OK && lane->refused_device == index) {
        bus_tell_refused(bus, lane, index, "");
    }
    rc = rc == ERR_OK ? device->driver->scan(device->state, bus->link, &found, err) : rc;
    bus_call_end(bus, &lane->health[index], rc, begin);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "%s", device->name);
    }
    lamp->outputs = found.outputs;
    lamp->misses = 0;
    if (bus_lamp_is_lost(lane, index)) {
        atomic_store_explicit(&lamp->lost, false, memory_order_relaxed);
        tell(bus, lane, "");
    }
    return rc;
}

/* As a lane's own: a lost or garbled answer now and then is noise. */
static bool forgives(struct bus_lane_state *lane, size_t index, int rc)
{
    struct bus_lamp *lamp = &lane->lamps[index];
    bool noise = rc == ERR_TIMEOUT || rc == ERR_CORRUPT;
    return noise && !bus_lamp_is_lost(lane, index) && ++lamp->misses <= SCAN_MISSES_MAX;
}

void bus_lamps_scan(struct bus *bus, struct bus_lane_state *lane)
{
    struct mono_time now = bus_now();
    bool lowering = bus_may_lower(lane, now);
    bool silent = false;
    for (size_t i = 0; i < lane->config.device_count; i++) {
        struct bus_lamp *lamp = &lane->lamps[i];
        bool due = !lowering && (!bus_lamp_is_lost(lane, i) || !mono_before(now, lamp->next_try));
        if (lamp->shows && due && !silent) {
            struct err_text err = {""};
            int rc = ask(bus, lane, i, &err);
            silent = rc != ERR_OK;
            if (silent && !forgives(lane, i, rc)) {
                (void)bus_lamp_lose(bus, lane, i, &err); /* its outputs are gone, no more */
            }
        }
        lane->latest.outputs |= lamp->outputs;
    }
}
