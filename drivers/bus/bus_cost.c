/*
 * The worst case of safety rule 1 on a bus, from what its drivers promise. Pure.
 */
#include "drivers/bus/bus.h"
#include "drivers/bus/modbus_link.h"

enum { US_PER_MS = 1000 };

struct lane_cost {
    uint32_t scan_us;
    uint32_t write_us;   /* the longest of its devices */
    uint32_t silence_us; /* what a scan takes when a device falls silent */
};

static uint32_t ceil_ms(uint64_t us)
{
    uint64_t ms = (us + US_PER_MS - 1) / US_PER_MS;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void cost_of_lane(const struct bus_lane *lane, const struct io_timing *timing,
                         struct lane_cost *out)
{
    *out = (struct lane_cost){0};
    uint32_t open_us = 0;
    uint32_t timeout_us = 0;
    for (size_t i = 0; i < lane->device_count; i++) {
        struct io_cost cost = {0};
        lane->devices[i].driver->cost(lane->devices[i].state, timing, &cost);
        out->scan_us += cost.scan_us;
        open_us += cost.open_us;
        out->write_us = cost.write_us > out->write_us ? cost.write_us : out->write_us;
        timeout_us = cost.timeout_us > timeout_us ? cost.timeout_us : timeout_us;
    }
    /* Everything but its last exchange is answered, opened anew after the link was lost. */
    out->silence_us = open_us + out->scan_us + timeout_us;
}

static int timing_of(const struct bus_options *options, struct io_timing *out, struct err_text *err)
{
    *out = (struct io_timing){0};
    if (options->kind != BUS_MODBUS_RTU) {
        return ERR_OK;
    }
    if (options->baud_bps == 0 || options->stop_bits < 1 || options->stop_bits > 2) {
        return err_set(err, ERR_INVALID, "baud or stop_bits missing");
    }
    modbus_timing_rtu(options->baud_bps,
                      9u + options->stop_bits + (options->parity == 'N' ? 0u : 1u), out);
    return ERR_OK;
}

static int check_shape(const struct bus_options *options, const struct bus_lane *lanes,
                       size_t count, struct err_text *err)
{
    if (options->poll_count > POLL_DEVICES_MAX) {
        return err_set(err, ERR_INVALID, "%zu polled devices, expected at most %d",
                       options->poll_count, POLL_DEVICES_MAX);
    }
    if (options->poll_count > 0 && options->kind != BUS_MODBUS_RTU) {
        return err_set(err, ERR_INVALID, "%s: polled on a bus that is no serial line",
                       options->polls[0].name);
    }
    if (count == 0 || count > BUS_LANES_MAX) {
        return err_set(err, ERR_INVALID, "%zu lanes, expected 1 to %d", count, BUS_LANES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (lanes[i].lane == 0 || lanes[i].device_count == 0 ||
            lanes[i].device_count > IO_DEVICES_MAX) {
            return err_set(err, ERR_INVALID, "lane %u: %zu devices, expected 1 to %d",
                           lanes[i].lane, lanes[i].device_count, IO_DEVICES_MAX);
        }
    }
    return ERR_OK;
}

int bus_worst_case_ms(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
                      uint32_t *out_ms, struct err_text *err)
{
    struct io_timing timing;
    int rc = check_shape(options, lanes, count, err);
    rc = rc == ERR_OK ? timing_of(options, &timing, err) : rc;
    if (rc != ERR_OK) {
        return rc;
    }
    struct lane_cost costs[BUS_LANES_MAX];
    uint64_t others_us = 0; /* all lanes and polls; each lane takes itself out below */
    uint64_t busy_us[BUS_LANES_MAX];
    uint32_t write_us = 0;
    for (size_t i = 0; i < count; i++) {
        cost_of_lane(&lanes[i], &timing, &costs[i]);
        uint64_t acting_us = costs[i].scan_us + (uint64_t)GUARD_REACTION_WRITES * costs[i].write_us;
        busy_us[i] = acting_us > costs[i].silence_us ? acting_us : costs[i].silence_us;
        others_us += busy_us[i];
        write_us = costs[i].write_us > write_us ? costs[i].write_us : write_us;
    }
    for (size_t i = 0; i < options->poll_count; i++) {
        others_us += options->polls[i].cost_us(options->polls[i].state, &timing);
    }
    uint32_t interval_ms = options->scan_interval_ms;
    if (interval_ms == 0 && options->kind != BUS_MODBUS_RTU) {
        interval_ms = BUS_SCAN_INTERVAL_TCP_MS;
    }
    uint32_t worst_ms = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t pause_us =
            (uint64_t)interval_ms * US_PER_MS + others_us - busy_us[i] + (uint64_t)count * write_us;
        uint32_t pause_ms = ceil_ms(pause_us);
        uint32_t scan_ms = ceil_ms(costs[i].scan_us);
        uint32_t write_ms = ceil_ms(costs[i].write_us);
        uint64_t sum_ms = (uint64_t)pause_ms + scan_ms + GUARD_REACTION_WRITES * (uint64_t)write_ms;
        worst_ms =
            sum_ms > worst_ms ? (uint32_t)(sum_ms > UINT32_MAX ? UINT32_MAX : sum_ms) : worst_ms;
        if (rc == ERR_OK) { /* the first lane that fails is named */
            rc = lane_reaction_check(pause_ms, scan_ms, write_ms, err);
            rc = rc == ERR_OK ? rc : err_prefix(err, rc, "lane %u", lanes[i].lane);
        }
    }
    *out_ms = worst_ms;
    return rc;
}
