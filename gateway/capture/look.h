/*
 * A quick look at a burst of frames: the keys each would match by, without its checksums, camera or
 * tag. It only decides which frames can be left out when there is more than can be kept; what it
 * does not understand has key 0 and is asked in full. Whenever the receiver admits a frame that has
 * a key here, its read has that key, and its candidates are among the extra keys. Internal to this
 * folder and its tests. Pure, any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "drivers/api/capture.h"
#include "drivers/wire/frame.h"
#include "gateway/model/plate_quick.h"

enum {
    LOOK_EXTRA_MAX = 512, /* candidates of a burst; frames with more are asked in full */
    LOOK_WORD_BITS = 64,
    LOOK_WORDS = CAPTURE_BURST_MAX / LOOK_WORD_BITS
};

struct look_ports {
    uint16_t ports[FRAME_PORTS_MAX]; /* those that carry compact datagrams */
    size_t count;
};

struct looked {
    /* The best read of each frame, 0: ask in full; then the candidates of all. */
    plate_key keys[CAPTURE_BURST_MAX + LOOK_EXTRA_MAX];
    size_t key_count;
    uint16_t owners[LOOK_EXTRA_MAX]; /* the frame of a candidate */
    uint64_t asked[LOOK_WORDS];      /* frames without a key, by bit */
};

/* `count` is at most CAPTURE_BURST_MAX. */
void capture_look(const struct look_ports *ports, const struct capture_frame *frames, size_t count,
                  struct looked *out);
/* The same by a kernel of choice, for tests; AVX2 and scalar are one. */
void capture_look_by(enum plate_quick_kernel kernel, const struct look_ports *ports,
                     const struct capture_frame *frames, size_t count, struct looked *out);
