/*
 * Time. struct mono_time is for deadlines, struct wall_time for records; they never mix. Code that
 * decides by time takes a struct clock_source, so that a test passes its own. No state here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mono_time {
    int64_t ns; /* CLOCK_BOOTTIME, nanoseconds */
};

struct wall_time {
    int64_t ms; /* CLOCK_REALTIME, milliseconds since 1970-01-01T00:00:00Z */
};

struct clock_source {
    struct mono_time (*mono)(void *ctx);
    struct wall_time (*wall)(void *ctx);
    void *ctx;
};

/* The machine's own clocks. */
extern const struct clock_source clock_system;

struct mono_time clock_mono(const struct clock_source *clock);
struct wall_time clock_wall(const struct clock_source *clock);

/* What lies beyond the range (a record of centuries ago, or ahead) becomes its end. */
struct mono_time mono_add_ms(struct mono_time t, int64_t ms);
/* a - b in milliseconds, rounded towards zero; the same of it. */
int64_t mono_diff_ms(struct mono_time a, struct mono_time b);
static inline bool mono_before(struct mono_time a, struct mono_time b)
{
    return a.ns < b.ns;
}

enum { WALL_TEXT_SIZE = 25 };
/* RFC 3339 in UTC with milliseconds, "2026-11-24T03:46:48.123Z"; out has WALL_TEXT_SIZE bytes.
 * Years outside 0000-9999 are clamped. */
void wall_format(struct wall_time t, char out[WALL_TEXT_SIZE]);
/* Parses exactly that form, or the form without milliseconds. ERR_INVALID otherwise. */
__attribute__((warn_unused_result)) int wall_parse(const char *text, struct wall_time *out);
