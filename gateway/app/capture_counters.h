/* Names of what a receiver counts, for status, metrics and a dry run: "frame_truncated",
 * "compact_bad_magic", "json_bad_syntax", "camera_bad_tag". Pure, any thread. */
#pragma once

#include "drivers/wire/receiver.h"
#include "gateway/model/hit.h"

enum {
    CAPTURE_COUNTERS_TOTALS = 3, /* rows before the first cause */
    CAPTURE_COUNTERS_MAX = CAPTURE_COUNTERS_TOTALS + FRAME_CAUSE_COUNT + COMPACT_CAUSE_COUNT +
                           JSON_CAUSE_COUNT + CAMERA_CAUSE_COUNT
};

/* Fills `out` (CAPTURE_COUNTERS_MAX rows) in an order that never changes, the totals first, then
 * what was refused, by cause. Returns how many. */
size_t capture_counters_fill(const struct receiver_stats *stats, struct match_counter *out);
/* The same name for a refusal: that of the counter it is in. */
void capture_refusal_name(const struct refusal *refusal, char out[MATCH_COUNTER_NAME_SIZE]);
