/* See sift.h. */
#include "gateway/capture/sift.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/capture/look.h"

struct capture_sift {
    struct receiver *receiver;
    struct capture_taker taker;
    struct look_ports ports;
    struct capture_sift_stats stats;
    struct looked looked;
    uint32_t survivors[CAPTURE_BURST_MAX + LOOK_EXTRA_MAX];
    uint64_t full[LOOK_WORDS]; /* frames that may be hits, or are not understood, by bit */
};

int capture_sift_create(const struct receiver_options *options, struct receiver *receiver,
                        const struct capture_taker *taker, struct capture_sift **out,
                        struct err_text *err)
{
    struct capture_sift *sift = calloc(1, sizeof *sift);
    if (!sift)
        return err_set(err, ERR_NO_MEMORY, "no memory to sift frames");
    sift->receiver = receiver;
    sift->taker = *taker;
    for (size_t i = 0; i < options->port_count && i < FRAME_PORTS_MAX; i++)
        if (options->ports[i].format == WIRE_COMPACT)
            sift->ports.ports[sift->ports.count++] = options->ports[i].port;
    *out = sift;
    return 0;
}

void capture_sift_destroy(struct capture_sift *sift)
{
    free(sift);
}

/* ---- one frame in full ---- */

/* True: it became a read that took room. */
static bool take_frame(struct capture_sift *sift, const struct capture_view *view,
                       const struct capture_frame *frame)
{
    struct plate_read read;
    struct match_result result;
    if (!receiver_take(sift->receiver, frame->data, frame->size_bytes, frame->mono, frame->wall,
                       &read))
        return false;
    struct wall_time now = {read.wall.ms - view->clock_offset_ms};
    result.hit_count = 0;
    result.dropped = 0;
    if (view->index)
        match_find(view->index, view->judge, &read, now, view->clock_trusted, &result);
    return sift->taker.take(sift->taker.ctx, &read, &result);
}

/* ---- which frames ---- */

static void mark(struct capture_sift *sift, size_t frame)
{
    sift->full[frame / LOOK_WORD_BITS] |= UINT64_C(1) << (frame % LOOK_WORD_BITS);
}

static bool is_marked(const struct capture_sift *sift, size_t frame)
{
    return sift->full[frame / LOOK_WORD_BITS] >> (frame % LOOK_WORD_BITS) & 1;
}

/* Marks what must be asked in full: what may be a hit, and what the look did not understand. */
static void find_survivors(struct capture_sift *sift, const struct capture_view *view,
                           const struct capture_frame *frames, size_t count)
{
    struct looked *looked = &sift->looked;
    capture_look(&sift->ports, frames, count, looked);
    memcpy(sift->full, looked->asked, sizeof sift->full);
    size_t found =
        view->index ? match_scan(view->index, looked->keys, looked->key_count, sift->survivors) : 0;
    for (size_t i = 0; i < found; i++) {
        size_t at = sift->survivors[i];
        mark(sift, at < count ? at : looked->owners[at - count]);
    }
}

static size_t count_marked(const struct capture_sift *sift)
{
    size_t count = 0;
    for (size_t i = 0; i < LOOK_WORDS; i++)
        count += (size_t)__builtin_popcountll(sift->full[i]);
    return count;
}

/* In their order: what is marked, and of the others as many as have room beside all of those. */
static void take_some(struct capture_sift *sift, const struct capture_view *view,
                      const struct capture_frame *frames, size_t count, size_t room)
{
    size_t marked = count_marked(sift);
    size_t spare = room < marked ? 0 : room - marked;
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        bool full = is_marked(sift, i);
        if (!full && spare == 0)
            continue;
        bool kept = take_frame(sift, view, &frames[i]);
        spare -= kept && !full;
        taken++;
    }
    sift->stats.left_out += count - taken;
}

/* Nothing has room but what may be a hit: straight from one to the next. */
static void take_marked(struct capture_sift *sift, const struct capture_view *view,
                        const struct capture_frame *frames, size_t count)
{
    for (size_t word = 0; word < LOOK_WORDS; word++)
        for (uint64_t left = sift->full[word]; left != 0; left &= left - 1)
            (void)take_frame(sift, view, /* room is for the others to count */
                             &frames[word * LOOK_WORD_BITS + (size_t)__builtin_ctzll(left)]);
    sift->stats.left_out += count - count_marked(sift);
}

void capture_sift_burst(struct capture_sift *sift, const struct capture_view *view,
                        const struct capture_frame *frames, size_t count)
{
    assert(count <= CAPTURE_BURST_MAX);
    size_t room = sift->taker.room(sift->taker.ctx);
    sift->stats.frames += count;
    if (room >= count && !view->hurried) { /* nothing need be left out */
        for (size_t i = 0; i < count; i++)
            (void)take_frame(sift, view, &frames[i]); /* the next burst asks for room again */
        return;
    }
    find_survivors(sift, view, frames, count);
    if (room == 0 || view->hurried)
        take_marked(sift, view, frames, count);
    else
        take_some(sift, view, frames, count, room);
}

const struct capture_sift_stats *capture_sift_stats(const struct capture_sift *sift)
{
    return &sift->stats;
}
