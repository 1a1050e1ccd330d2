/*
 * The shifts of a checkpoint: local times of day at which one begins. Pure but for the time zone of
 * the machine. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"

enum { SHIFTS_MAX = 6 };

struct shifts {
    size_t count;                 /* at least 1 */
    uint16_t minutes[SHIFTS_MAX]; /* of the local day, rising */
};

/* When the shift began that `at` lies in, and when it ends. */
struct wall_time shift_begin(const struct shifts *shifts, struct wall_time at);
struct wall_time shift_end(const struct shifts *shifts, struct wall_time at);
