/*
 * What hqd does by the clock beside its requests: looks whether another hqd over the same database
 * has changed something, keeps the freshness statement new, throws away what has expired, misses
 * self-tests. Owned by the server's thread.
 */
#pragma once

#include <event2/event.h>

#include "gateway/base/clock.h"
#include "gateway/hq/hqd.h"

enum {
    UPKEEP_TICK_MS = 200, /* another hqd's change is seen within this, mostly at once */
    UPKEEP_CLEAN_MS = 10 * 60 * 1000,
    UPKEEP_SELF_TESTS_MS = 60 * 1000 /* or a quarter of what they may be late */
};

struct upkeep {
    struct event_base *base;
    struct hqd *hq;
    struct event *told; /* the database's descriptor; NULL: it has none */
    struct mono_time cleaned_at;
    struct mono_time self_tests_due;
};

/* Every UPKEEP_TICK_MS. */
void upkeep_tick(struct upkeep *upkeep);
void upkeep_end(struct upkeep *upkeep);
