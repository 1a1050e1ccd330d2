/*
 * Counters and the histogram of one device's round trips.
 */
#include "drivers/bus/device_health.h"

enum { NS_PER_US = 1000, PERCENT = 100 };

static uint32_t bucket_of(uint64_t us)
{
    uint64_t low = HEALTH_FIRST_US;
    if (us < low) {
        return 0;
    }
    for (uint32_t octave = 0; octave < HEALTH_OCTAVES; octave++, low *= 2) {
        if (us < low * 2) {
            return 1 + octave * HEALTH_STEPS + (uint32_t)((us - low) * HEALTH_STEPS / low);
        }
    }
    return HEALTH_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint32_t value_of(uint32_t bucket)
{
    if (bucket == 0) {
        return HEALTH_FIRST_US / 2;
    }
    uint32_t low = (uint32_t)HEALTH_FIRST_US << ((bucket - 1) / HEALTH_STEPS);
    uint32_t step = (bucket - 1) % HEALTH_STEPS;
    return low + (2 * step + 1) * low / (2 * HEALTH_STEPS);
}

static void add(atomic_ullong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void fade(struct device_health *health)
{
    health->in_buckets = 0;
    for (size_t i = 0; i < HEALTH_BUCKETS; i++) {
        uint32_t half = atomic_load_explicit(&health->buckets[i], memory_order_relaxed) / 2;
        atomic_store_explicit(&health->buckets[i], half, memory_order_relaxed);
        health->in_buckets += half;
    }
}

void device_health_note(struct device_health *health, int rc, struct mono_time begin,
                        struct mono_time end)
{
    if (rc == ERR_OK || rc == ERR_DENIED) { /* an exception is an answer too */
        uint64_t us = end.ns > begin.ns ? (uint64_t)(end.ns - begin.ns) / NS_PER_US : 0;
        if (health->in_buckets >= HEALTH_FADE) {
            fade(health);
        }
        health->in_buckets++;
        atomic_fetch_add_explicit(&health->buckets[bucket_of(us)], 1, memory_order_relaxed);
        atomic_store_explicit(&health->last_good_ns, end.ns, memory_order_relaxed);
    }
    add(rc == ERR_OK        ? &health->good
        : rc == ERR_TIMEOUT ? &health->timeouts
        : rc == ERR_DENIED  ? &health->denied
        : rc == ERR_CORRUPT ? &health->corrupt
                            : &health->broken);
}

static uint32_t quantile(const uint32_t *buckets, uint64_t total, uint32_t percent)
{
    uint64_t wanted = (total * percent + PERCENT - 1) / PERCENT;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HEALTH_BUCKETS && total > 0; i++) {
        seen += buckets[i];
        if (seen >= wanted) {
            return value_of(i);
        }
    }
    return 0;
}

static uint64_t load(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void device_health_read(const struct device_health *health, struct device_health_view *out)
{
    uint32_t buckets[HEALTH_BUCKETS];
    uint64_t total = 0;
    for (size_t i = 0; i < HEALTH_BUCKETS; i++) {
        buckets[i] = atomic_load_explicit(&health->buckets[i], memory_order_relaxed);
        total += buckets[i];
    }
    *out = (struct device_health_view){
        .good = load(&health->good),
        .timeouts = load(&health->timeouts),
        .corrupt = load(&health->corrupt),
        .denied = load(&health->denied),
        .broken = load(&health->broken),
        .last_good = {.ns = atomic_load_explicit(&health->last_good_ns, memory_order_relaxed)},
        .median_us = quantile(buckets, total, 50),
        .p99_us = quantile(buckets, total, 99),
    };
}
