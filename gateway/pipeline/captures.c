/* See captures.h. */
#include "gateway/pipeline/captures.h"

#include <string.h>

static int64_t hour_of(struct wall_time wall)
{
    return wall.ms / CAPTURE_HOUR_MS;
}

static bool is_day(const struct capture_options *options, unsigned hour)
{
    bool over_midnight = options->day_from_h > options->day_until_h;
    bool from = hour >= options->day_from_h;
    bool until = hour < options->day_until_h;
    return over_midnight ? from || until : from && until;
}

void captures_begin(struct captures *c, const struct capture_options *options,
                    struct wall_time wall, uint16_t local_minute)
{
    bool day = is_day(options, local_minute / 60u);
    c->hour = (struct capture_hour){.from = {hour_of(wall) * CAPTURE_HOUR_MS},
                                    .percent = day ? options->day_percent : options->night_percent};
}

bool captures_hour_is_over(const struct captures *c, struct wall_time wall)
{
    return c->hour.from.ms == 0 || hour_of(wall) != hour_of(c->hour.from);
}

void captures_add(struct captures *c, uint32_t vehicles, uint32_t captured)
{
    c->hour.vehicles += vehicles;
    c->hour.captured += captured;
    c->vehicles_total += vehicles;
    c->captured_total += captured;
}

enum capture_verdict captures_judge(const struct capture_options *options,
                                    const struct capture_hour *hour)
{
    if (hour->vehicles == 0 || hour->vehicles < options->count_min)
        return CAPTURE_UNJUDGED;
    uint64_t read = (uint64_t)hour->captured * 100;
    return read < (uint64_t)hour->vehicles * hour->percent ? CAPTURE_LOW : CAPTURE_GOOD;
}
