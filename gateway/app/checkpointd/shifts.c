/* See shifts.h. */
#include "gateway/app/checkpointd/shifts.h"

#include <time.h>

enum { DAYS_LOOKED = 2, MINUTES_OF_HOUR = 60, MS_OF_SECOND = 1000 };

/* The begin number `index` of the shifts of the local day `day` days from that of `at`. */
static struct wall_time begin_of(const struct shifts *shifts, struct wall_time at, int day,
                                 size_t index)
{
    time_t seconds = (time_t)(at.ms / MS_OF_SECOND);
    struct tm local = {.tm_hour = 0};
    (void)localtime_r(&seconds, &local); /* fails only beyond year 2^31: 1900 then */
    local.tm_mday += day;
    local.tm_hour = shifts->minutes[index] / MINUTES_OF_HOUR;
    local.tm_min = shifts->minutes[index] % MINUTES_OF_HOUR;
    local.tm_sec = 0;
    local.tm_isdst = -1;
    return (struct wall_time){(int64_t)mktime(&local) * MS_OF_SECOND};
}

struct wall_time shift_begin(const struct shifts *shifts, struct wall_time at)
{
    struct wall_time latest = begin_of(shifts, at, -DAYS_LOOKED, 0);
    for (int day = -DAYS_LOOKED; day <= 0; day++) {
        for (size_t i = 0; i < shifts->count; i++) {
            struct wall_time begin = begin_of(shifts, at, day, i);
            if (begin.ms <= at.ms && begin.ms > latest.ms) {
                latest = begin;
            }
        }
    }
    return latest;
}

struct wall_time shift_end(const struct shifts *shifts, struct wall_time at)
{
    struct wall_time first = begin_of(shifts, at, DAYS_LOOKED, 0);
    for (int day = 0; day <= DAYS_LOOKED; day++) {
        for (size_t i = 0; i < shifts->count; i++) {
            struct wall_time begin = begin_of(shifts, at, day, i);
            if (begin.ms > at.ms && begin.ms < first.ms) {
                first = begin;
            }
        }
    }
    return first;
}
