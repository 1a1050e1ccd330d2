/*
 * The guard of one lane's boom: safety rules 1 to 3 and 7 at the wire, in the bus thread, on the
 * scan that shows the danger. It vetoes what the lane's state machine (a queue away) could not know
 * yet, and stops and raises a boom that comes down on something. It never lowers. Letting go of a
 * maintained raise counts as a lower. A lower by hand it stops by itself when no order renewed it
 * in time, whatever has become of the lane's thread. Pure: time comes with each call; one owner,
 * the bus thread.
 *
 * Scan -> up to three orders: lower off, stop, raise. The raise is repeated until the boom is up: a
 * controller that heeds edges only ignores the first one, which meets the stop pulse. Software is
 * never the safety function (EN 12453, EN 12978 devices are); this is the second net.
 */
#pragma once

#include "gateway/lane/lane.h"

struct guard {
    const struct lane_config *config; /* outlives the guard */
    struct lane_scan latest;          /* number 0: none yet */
    struct mono_time free_since;      /* nothing under the boom since; INT64_MAX: not free */
    struct mono_time lowering_until;  /* a lower of ours may still move the boom */
    bool raising;                     /* the guard has stopped the boom and raises it */
    bool raise_failed;                /* its raise was not acknowledged: asked again */
    struct mono_time raising_until;   /* until then its raise is repeated */
    struct mono_time raise_again;     /* not before this */
    /* A coil counts as on until its pulse must be over, whoever ends it (the module's own timer
     * tells nobody), or its end was written. Read-back counts besides. */
    struct mono_time lower_until;
    struct mono_time raise_until;
    struct mono_time lower_off; /* lower was last de-energised, acknowledged */
    /* A lower by hand runs until then, renewed by each order; INT64_MAX: none does. */
    struct mono_time permit_until;
    struct mono_time hand_until; /* what lowers before this is lowered by hand */
};

void guard_init(struct guard *guard, const struct lane_config *config);
/* The three calls of struct lane_guard; ctx is the guard. */
uint32_t guard_scan(void *ctx, const struct lane_scan *scan,
                    struct lane_order out[GUARD_ORDERS_MAX]);
bool guard_allows(void *ctx, const struct lane_order *order, const struct lane_scan *latest,
                  struct mono_time now, char reason[GUARD_REASON_SIZE]);
void guard_wrote(void *ctx, const struct lane_order *order, bool done, struct mono_time now);
