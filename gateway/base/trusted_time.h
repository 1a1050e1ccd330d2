/*
 * Trusted time: what the box believes the time is, and whether entries may be judged by it.
 *
 * Never below the newest of build time, last journaled time and last signed HQ time. The system
 * clock is followed while it runs with the monotonic clock; a forward jump of more than 5 minutes
 * without a synchronised source is untrusted, and so is a clock more than 5 minutes behind the
 * floor. While untrusted, trusted time goes on from the last reading it believed by the monotonic
 * clock. Clocks are passed in. A plain value with one owner thread; others get a copy of a reading.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"

enum { TIME_JUMP_MAX_MS = 5 * 60 * 1000 };

enum time_source {
    TIME_SYNCHRONISED, /* NTP, PTP or GPS keeps the system clock (the kernel says so) */
    TIME_HEADQUARTERS, /* signed by headquarters, carried on by the monotonic clock */
    TIME_FREE_RUNNING, /* system clock, nothing contradicts it */
    TIME_JOURNAL,      /* last journaled time, carried on */
    TIME_CONFIRMED,    /* a named officer or technician confirmed the system clock */
    TIME_BUILD,        /* only the build time is known to be past */
    TIME_SOURCE_COUNT
};

enum time_doubt {
    TIME_NO_DOUBT,
    TIME_JUMPED_FORWARD, /* > 5 min ahead of what the monotonic clock says, unsynchronised */
    TIME_BEHIND_FLOOR,   /* > 5 min behind build, journal or headquarters */
    TIME_DOUBT_COUNT
};

struct trusted_reading {
    struct wall_time wall; /* trusted time */
    bool trusted;          /* false: judge no entry by its validity */
    enum time_source source;
    enum time_doubt doubt;
    int64_t offset_ms;      /* system clock minus trusted time */
    int64_t sync_offset_ms; /* the source's own estimate of its error, when synchronised */
};

struct trusted_time {
    struct wall_time floor; /* at floor_mono; carried on by the monotonic clock */
    struct mono_time floor_mono;
    enum time_source floor_source;
    bool guessed;    /* only the system clock itself spoke for it so far */
    bool referenced; /* the floor says what time it is, not only what time has passed */
    bool synchronised;
    int64_t sync_offset_ms;
};

/* `build`: when this program was built. */
void trusted_time_init(struct trusted_time *t, struct wall_time build,
                       const struct clock_source *clock);
/* The newest journaled time, once at start. `same_boot`: written under this boot id, `at` is then
 * its monotonic time, so that a restart of the program alone is no jump; otherwise `at` is ignored.
 * Only records written while time was trusted may be given. */
void trusted_time_journaled(struct trusted_time *t, struct wall_time wall, bool same_boot,
                            struct mono_time at, const struct clock_source *clock);
/* A time headquarters signed (receipt, "still current" statement), when its signature was checked.
 * An older one than known changes nothing. It may have travelled long, so it lifts the floor and
 * vouches for a system clock at most 5 minutes ahead of it, but is not taken as the time itself
 * while the system clock agrees. A system clock that was believed before anything vouched for it
 * gives way to it: a box that starts with a clock far ahead finds out by this. */
void trusted_time_signed(struct trusted_time *t, struct wall_time wall,
                         const struct clock_source *clock);
/* Whether a source disciplines the system clock now, with its estimated error. */
void trusted_time_synchronised(struct trusted_time *t, bool synchronised, int64_t offset_ms);
/* A named person confirmed the system clock (journaled by the caller). ERR_INVALID when it is below
 * the floor. */
__attribute__((warn_unused_result)) int trusted_time_confirm(struct trusted_time *t,
                                                             const struct clock_source *clock);
/* The time now; a believed reading becomes the new floor. Call at least every few seconds. */
void trusted_time_read(struct trusted_time *t, const struct clock_source *clock,
                       struct trusted_reading *out);

/* What the kernel says of the system clock (adjtimex): true when a source disciplines it. */
bool time_sync_system(int64_t *out_offset_ms);

enum { TIME_BOOT_ID_SIZE = 16 };
/* Of this start of the machine: whether a monotonic time kept on disk still counts. ERR_IO. */
__attribute__((warn_unused_result)) int time_boot_id(uint8_t out[TIME_BOOT_ID_SIZE]);

/* "synchronised", "headquarters", …; NULL out of range. */
const char *time_source_name(enum time_source source);
/* "", "jumped_forward", "behind_floor". */
const char *time_doubt_name(enum time_doubt doubt);
