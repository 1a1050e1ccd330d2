/*
 * From frames to matched reads: the part of checkpoint-matchd between a capture source and the ring
 * to checkpointd, the same for DPDK, a live interface and a replay. As long as the ring has room
 * for all, every frame is received and matched in full. When there are more frames than room, a
 * quick look and the index's filter tell which of them may be hits: those are taken first, the
 * others as far as there is room, and what is left out is counted. A hit is never left out for a
 * read without one, and within a burst reads keep their order, so that no camera's counter runs
 * ahead of its own frames.
 *
 * One object a capture thread; no allocation after create, no lock of its own, no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/api/capture.h"
#include "drivers/wire/receiver.h"
#include "gateway/match/index.h"

struct capture_sift;

/* Where reads go; called by the capture thread. */
struct capture_taker {
    /* How many reads without a hit there is room for now. Asked once a burst. */
    size_t (*room)(void *ctx);
    /* A read with what it may mean. True: it took room. */
    bool (*take)(void *ctx, const struct plate_read *read, const struct match_result *result);
    void *ctx;
};

/* What reads are matched against during one burst. */
struct capture_view {
    const struct match_index *index; /* NULL: no list */
    const struct match_judge *judge; /* may be NULL */
    int64_t clock_offset_ms;         /* of the frames' wall clock before trusted time */
    bool clock_trusted;
    /* The source has lost frames lately: what has no hit is left out, so that no hit is lost. */
    bool hurried;
};

/* Every frame ends in one of: left_out here, a cause of the receiver, or a read that was taken. */
struct capture_sift_stats {
    uint64_t frames;
    uint64_t left_out; /* known to have no hit, no room for its passage: not received in full */
};

/* `receiver` is the thread's own and must outlive the object. ERR_NO_MEMORY. */
int capture_sift_create(const struct receiver_options *options, struct receiver *receiver,
                        const struct capture_taker *taker, struct capture_sift **out,
                        struct err_text *err) MUST_CHECK;
void capture_sift_destroy(struct capture_sift *sift); /* NULL is fine */

/* Takes a burst of at most CAPTURE_BURST_MAX frames. */
void capture_sift_burst(struct capture_sift *sift, const struct capture_view *view,
                        const struct capture_frame *frames, size_t count);

const struct capture_sift_stats *capture_sift_stats(const struct capture_sift *sift);
