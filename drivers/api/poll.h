/*
 * The role `poll`: a device that is only asked and moves nothing, on a line it shares with the
 * modules of a lane (a camera on the barrier's RTU line). The bus engine runs it in the bus thread,
 * one exchange at a time, never two between two scans of a lane; what it may cost is part of safety
 * rule 1's worst case, so a line too slow for both is refused. Behind Modbus TCP a device has a
 * connection of its own instead: a silent one would end the connection of the lane's modules.
 */
#pragma once

#include <stdint.h>

#include "drivers/api/io.h"
#include "gateway/base/err.h"

enum { POLL_DEVICES_MAX = 4 /* of one bus */ };

/* The creator owns `state` and frees it after bus_destroy. */
struct poll_device {
    void *state;
    char name[32];
    /* Longest time in us of one poll() on that line, its timeout included. Any time. */
    uint32_t (*cost_us)(const void *state, const struct io_timing *timing);
    /* One exchange. Returns in how many ms the next is due, at least 1. Bus thread. */
    uint32_t (*poll)(void *state, struct modbus_link *link);
    /* Instead of poll() while the line itself cannot be opened. Bus thread. */
    void (*lost)(void *state, const char *reason);
};
