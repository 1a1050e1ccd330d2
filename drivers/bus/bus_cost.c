/*
 * What the parts of a bus may take, from what its drivers promise: the worst case of safety rule 1,
 * the room beside it, and how soon lost contact is noticed. Pure.
 */
#include "drivers/bus/bus_state.h"

enum { US_PER_MS = 1000 };

struct lane_cost {
    uint32_t scan_us;
    uint32_t write_us; /* the longest of its devices */
    uint32_t open_us;
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
    uint32_t timeout_us = 0;
    for (size_t i = 0; i < lane->device_count; i++) {
        struct io_cost cost = {0};
        lane->devices[i].driver->cost(lane->devices[i].state, timing, &cost);
        out->scan_us += cost.scan_us;
        out->open_us += cost.open_us;
        out->write_us = cost.write_us > out->write_us ? cost.write_us : out->write_us;
        timeout_us = cost.timeout_us > timeout_us ? cost.timeout_us : timeout_us;
    }
    /* Everything but its last exchange is answered, opened anew after the link was lost. */
    out->silence_us = out->open_us + out->scan_us + timeout_us;
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

/* What an exchange for a tool may take between two scans of any lane, in place of an order's write.
 * Nobody may answer it: then an RTU line is listened to until it is silent, and a TCP link is
 * closed and opened again, its devices too. */
static uint32_t room_us(const struct bus_options *options, const struct io_timing *timing,
                        uint32_t worst_ms, uint32_t write_us, uint32_t open_us)
{
    uint64_t left_us = worst_ms < GUARD_REACTION_MAX_MS
                           ? (uint64_t)(GUARD_REACTION_MAX_MS - worst_ms) * US_PER_MS + write_us
                           : 0;
    uint64_t after_us = options->kind == BUS_MODBUS_RTU
                            ? (uint64_t)(timing->gap_us / US_PER_MS + 1) * US_PER_MS
                            : (uint64_t)open_us + write_us; /* a connect takes no longer */
    return left_us > after_us ? (uint32_t)(left_us - after_us) : 0;
}

/* From the last good scan to the end of one that nobody answers; a pause is never longer than what
 * rule 1 allows in all. */
static int check_notice(const struct bus_options *options, const struct bus_lane *lane,
                        const struct lane_cost *cost, uint32_t *out_miss_ms, struct err_text *err)
{
    uint32_t miss_ms = ceil_ms(cost->silence_us);
    if (options->kind == BUS_MODBUS_TCP && miss_ms < BUS_CONNECT_TIMEOUT_MS) {
        miss_ms = BUS_CONNECT_TIMEOUT_MS;
    }
    *out_miss_ms = miss_ms + GUARD_REACTION_MAX_MS;
    if (*out_miss_ms <= BUS_LOST_NOTICE_MS) {
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID,
                   "lane %u: lost contact noticed after %u ms (pause %d + silence %u), expected at "
                   "most %d ms: shorten the timeout",
                   lane->lane, *out_miss_ms, GUARD_REACTION_MAX_MS, miss_ms, BUS_LOST_NOTICE_MS);
}

struct bus_sums {
    struct lane_cost lanes[BUS_LANES_MAX];
    uint64_t busy_us[BUS_LANES_MAX];
    uint64_t all_us; /* all lanes and polls; each lane takes itself out */
    uint32_t write_us;
    uint32_t open_us;
};

static void add_parts(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
                      const struct io_timing *timing, struct bus_sums *out)
{
    *out = (struct bus_sums){0};
    for (size_t i = 0; i < count; i++) {
        struct lane_cost *cost = &out->lanes[i];
        cost_of_lane(&lanes[i], timing, cost);
        uint64_t acting_us = cost->scan_us + (uint64_t)GUARD_REACTION_WRITES * cost->write_us;
        out->busy_us[i] = acting_us > cost->silence_us ? acting_us : cost->silence_us;
        out->all_us += out->busy_us[i];
        out->write_us = cost->write_us > out->write_us ? cost->write_us : out->write_us;
        out->open_us = cost->open_us > out->open_us ? cost->open_us : out->open_us;
    }
    for (size_t i = 0; i < options->poll_count; i++) {
        out->all_us += options->polls[i].cost_us(options->polls[i].state, timing);
    }
}

int bus_cost_add_up(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
                    struct bus_cost *out, struct err_text *err)
{
    struct io_timing timing;
    struct bus_sums sums;
    *out = (struct bus_cost){0};
    int rc = check_shape(options, lanes, count, err);
    rc = rc == ERR_OK ? timing_of(options, &timing, err) : rc;
    if (rc != ERR_OK) {
        return rc;
    }
    add_parts(options, lanes, count, &timing, &sums);
    uint32_t interval_ms = options->scan_interval_ms;
    if (interval_ms == 0 && options->kind != BUS_MODBUS_RTU) {
        interval_ms = BUS_SCAN_INTERVAL_TCP_MS;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t pause_us = (uint64_t)interval_ms * US_PER_MS + sums.all_us - sums.busy_us[i] +
                            (uint64_t)count * sums.write_us;
        uint32_t pause_ms = ceil_ms(pause_us);
        uint32_t scan_ms = ceil_ms(sums.lanes[i].scan_us);
        uint32_t write_ms = ceil_ms(sums.lanes[i].write_us);
        uint64_t sum_ms = (uint64_t)pause_ms + scan_ms + GUARD_REACTION_WRITES * (uint64_t)write_ms;
        sum_ms = sum_ms > UINT32_MAX ? UINT32_MAX : sum_ms;
        out->worst_ms = sum_ms > out->worst_ms ? (uint32_t)sum_ms : out->worst_ms;
        if (rc == ERR_OK) { /* the first lane that fails is named */
            rc = lane_reaction_check(pause_ms, scan_ms, write_ms, err);
            rc = rc == ERR_OK
                     ? check_notice(options, &lanes[i], &sums.lanes[i], &out->miss_ms[i], err)
                     : err_prefix(err, rc, "lane %u", lanes[i].lane);
        }
    }
    out->room_us = room_us(options, &timing, out->worst_ms, sums.write_us, sums.open_us);
    return rc;
}

int bus_worst_case_ms(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
                      uint32_t *out_ms, struct err_text *err)
{
    struct bus_cost cost;
    int rc = bus_cost_add_up(options, lanes, count, &cost, err);
    if (cost.worst_ms > 0) {
        *out_ms = cost.worst_ms;
    }
    return rc;
}
