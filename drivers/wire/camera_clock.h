/*
 * How far a camera's clock is from ours, of the last few times it said its own. Two ways: asked, a
 * camera's clock is compared with the middle of the exchange, good to half of it; said with a read,
 * it is older by the time the read took on its way, so the largest difference is the truest. Once
 * asked, what reads say no longer counts. Pure; belongs to one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { CAMERA_CLOCK_SAMPLES = 8 };

struct camera_clock_sample {
    int64_t offset_ms;
    uint32_t error_ms;
};

struct camera_clock {
    struct camera_clock_sample samples[CAMERA_CLOCK_SAMPLES];
    uint8_t count;
    uint8_t next;
    bool asked;
};

/* What the camera's clock said (> 0) and ours at the middle of the exchange of `exchange_ms`, both
 * ms since 1970. */
void camera_clock_asked(struct camera_clock *clock, int64_t camera_ms, int64_t ours_ms,
                        uint32_t exchange_ms);
/* The time of a read (> 0) and ours at its first byte; good to `resolution_ms`. */
void camera_clock_said(struct camera_clock *clock, int64_t camera_ms, int64_t ours_ms,
                       uint32_t resolution_ms);
/* Camera's minus ours, good to *out_error_ms either way. False: nothing is known. */
bool camera_clock_offset(const struct camera_clock *clock, int64_t *out_offset_ms,
                         uint32_t *out_error_ms);
