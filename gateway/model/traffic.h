/*
 * Vehicles of a shift of 8 hours, from a counter that only rises, hour by hour. Plain value; one
 * owner thread; the time is passed in.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"

enum {
    TRAFFIC_HOURS = 8,           /* of a shift */
    TRAFFIC_HOUR_ORDINARY = 500, /* of an hour nobody has counted yet, as after a start */
    TRAFFIC_SHIFT_MIN = 500,     /* a quiet night must not make every misread of the morning told */
    TRAFFIC_SHIFT_MAX = 1000 * 1000
};

struct traffic {
    uint32_t hours[TRAFFIC_HOURS]; /* a ring */
    size_t oldest;
    uint64_t count; /* of the counter when the hour began */
    struct mono_time hour_ends;
};

/* `count`: what the counter says now. */
void traffic_init(struct traffic *traffic, uint64_t count, struct mono_time now);
/* To be called every minute or so; only whole hours count, and more than one since the last call
 * share what came. */
void traffic_look(struct traffic *traffic, uint64_t count, struct mono_time now);
/* Of the last eight whole hours, TRAFFIC_SHIFT_MIN to TRAFFIC_SHIFT_MAX. */
uint32_t traffic_of_shift(const struct traffic *traffic);
