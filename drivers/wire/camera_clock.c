/* Offsets of a camera's clock. See camera_clock.h. */
#include "drivers/wire/camera_clock.h"

static void keep(struct camera_clock *clock, int64_t offset_ms, uint32_t error_ms)
{
    clock->samples[clock->next] = (struct camera_clock_sample){offset_ms, error_ms};
    clock->next = (uint8_t)((clock->next + 1) % CAMERA_CLOCK_SAMPLES);
    if (clock->count < CAMERA_CLOCK_SAMPLES)
        clock->count++;
}

void camera_clock_asked(struct camera_clock *clock, int64_t camera_ms, int64_t ours_ms,
                        uint32_t exchange_ms)
{
    if (!clock->asked)
        *clock = (struct camera_clock){.asked = true};
    keep(clock, camera_ms - ours_ms, exchange_ms / 2 + 1);
}

void camera_clock_said(struct camera_clock *clock, int64_t camera_ms, int64_t ours_ms,
                       uint32_t resolution_ms)
{
    if (!clock->asked) /* a time cut to its resolution lies half of it back on average */
        keep(clock, camera_ms + resolution_ms / 2 - ours_ms, resolution_ms / 2 + 1);
}

static bool is_truer(const struct camera_clock *clock, const struct camera_clock_sample *a,
                     const struct camera_clock_sample *b)
{
    return clock->asked ? a->error_ms < b->error_ms : a->offset_ms > b->offset_ms;
}

bool camera_clock_offset(const struct camera_clock *clock, int64_t *out_offset_ms,
                         uint32_t *out_error_ms)
{
    const struct camera_clock_sample *best = &clock->samples[0];
    if (clock->count == 0)
        return false;
    for (uint8_t i = 1; i < clock->count; i++)
        if (is_truer(clock, &clock->samples[i], best))
            best = &clock->samples[i];
    *out_offset_ms = best->offset_ms;
    *out_error_ms = best->error_ms;
    return true;
}
