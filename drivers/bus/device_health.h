/*
 * How one device answers: exchanges by outcome, when it last did, and how long a round trip takes
 * (median, p99) out of a bounded histogram that fades. Written by the bus thread alone, read by
 * any.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    HEALTH_OCTAVES = 14,  /* from HEALTH_FIRST_US on; the last takes everything above */
    HEALTH_STEPS = 8,     /* of one octave: a quantile is right within 1/16 */
    HEALTH_FIRST_US = 64, /* all below it is one bucket */
    HEALTH_BUCKETS = 1 + HEALTH_OCTAVES * HEALTH_STEPS,
    HEALTH_FADE = 4096 /* round trips until the histogram is halved */
};

/* Relaxed: each stands alone. */
struct device_health {
    atomic_ullong good, timeouts, corrupt, denied, broken;
    atomic_llong last_good_ns; /* struct mono_time; 0 = never */
    atomic_uint buckets[HEALTH_BUCKETS];
    uint32_t in_buckets; /* bus thread */
};

struct device_health_view {
    uint64_t good;
    uint64_t timeouts;          /* no whole answer in time */
    uint64_t corrupt;           /* garbled, or not an answer to what was asked */
    uint64_t denied;            /* exceptions */
    uint64_t broken;            /* the link broke */
    struct mono_time last_good; /* ns 0 = never */
    uint32_t median_us;         /* of the last few thousand good round trips; 0 = none */
    uint32_t p99_us;
};

/* One exchange that began and ended so, with its outcome (an enum err_code). Bus thread. */
void device_health_note(struct device_health *health, int rc, struct mono_time begin,
                        struct mono_time end);
void device_health_read(const struct device_health *health, struct device_health_view *out);
