/*
 * Frames of cameras for benchmarks: the compact datagram as a camera sends it, by the thousand in
 * memory or in a capture file. Wide frames carry time, speed, class, colour and a tag besides the
 * plate; their camera has no key, so that the same frames may come again.
 */
#pragma once

#include "drivers/api/capture.h"
#include "drivers/wire/receiver.h"
#include "tests/bench/bench.h"

enum { BENCH_FRAME_SLOT = 128, BENCH_FRAME_PORT = 9840 };

struct bench_frames {
    uint8_t *bytes; /* a slot each */
    size_t count;
    uint32_t size_bytes; /* of each frame, from the Ethernet header on, without FCS */
};

/* One frame a key. `size_bytes`: 64 or 100. */
void bench_frames_create(const plate_key *keys, size_t count, uint32_t size_bytes,
                         struct bench_frames *out);
void bench_frames_destroy(struct bench_frames *frames);
/* Writes a capture file of nanosecond stamps, all 0. */
void bench_frames_write(const struct bench_frames *frames, const char *path);

/* The one source that hands out frames in turn, for ever. They must outlive it. */
struct capture_source *bench_frames_source(const struct bench_frames *frames);

/* What takes those frames: their port and their camera. */
void bench_receiver_create(struct camera_table **out_cameras, struct receiver **out_receiver,
                           struct receiver_options *out_options);
