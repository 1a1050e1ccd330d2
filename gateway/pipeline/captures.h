/*
 * Capture ratio: how many of the vehicles that left a lane were read, by hour. Vehicles are counted
 * where the last loop clears, reads by passage, each on its own: neither knows of the other. Plain
 * values, no clock. The lane thread owns them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"

enum { CAPTURE_HOUR_MS = 3600 * 1000 };

struct capture_options {
    uint8_t day_from_h; /* local hours; the rest is night */
    uint8_t day_until_h;
    uint8_t day_percent; /* fewer read: alarm; 0 = never */
    uint8_t night_percent;
    uint32_t count_min; /* vehicles of an hour before it is judged */
};

/* An hour of a lane. */
struct capture_hour {
    struct wall_time from; /* ms = 0: none yet */
    uint8_t percent;       /* its limit */
    uint32_t vehicles;     /* that left */
    uint32_t captured;     /* that were read */
};

struct captures {
    struct capture_hour hour; /* the one that runs */
    uint64_t vehicles_total;
    uint64_t captured_total;
    uint64_t left_seen; /* of struct vehicles' count */
    bool low;           /* alarmed */
};

enum capture_verdict { CAPTURE_UNJUDGED, CAPTURE_GOOD, CAPTURE_LOW };

/* Begins the hour that holds `wall`. */
void captures_begin(struct captures *captures, const struct capture_options *options,
                    struct wall_time wall, uint16_t local_minute);
/* Whether `wall` is in another hour than the one that runs, also an earlier one. */
bool captures_hour_is_over(const struct captures *captures, struct wall_time wall);
void captures_add(struct captures *captures, uint32_t vehicles, uint32_t captured);
/* Too few vehicles: unjudged. */
enum capture_verdict captures_judge(const struct capture_options *options,
                                    const struct capture_hour *hour);
