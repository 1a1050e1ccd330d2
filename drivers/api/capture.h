/*
 * The role "capture source": something that yields Ethernet frames of the camera network. One
 * thread owns a source from open to close. A driver embeds struct capture_source first in its own
 * state and fills `ops`; how to add one: README.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    CAPTURE_BURST_MAX = 256,      /* frames of one poll */
    CAPTURE_FRAME_SIZE_MAX = 2048 /* bytes kept of a frame; longer ones are truncated */
};

struct capture_frame {
    const uint8_t *data;      /* from the Ethernet header; the source's until its next poll */
    uint32_t size_bytes;      /* bytes at `data` */
    uint32_t wire_size_bytes; /* bytes on the wire: more than size_bytes when truncated */
    struct mono_time mono;    /* when the frame reached this machine */
    struct wall_time wall;
};

struct capture_stats {
    uint64_t frames;    /* handed out */
    uint64_t missed;    /* lost before us: the card's or the kernel's ring was full */
    uint64_t no_buffer; /* lost before us: the pool was empty */
    uint64_t errors;    /* received broken, by the card's count */
    uint64_t sleeps;    /* while nothing came; 0 for a source that is woken */
};

struct capture_source;

struct capture_ops {
    const char *name; /* "pcap" */
    /* Waits up to timeout_ms for frames and fills at most `max` (≤ CAPTURE_BURST_MAX). Returns
     * their number, 0 when none came in time, ERR_STOPPED at the end of a replay, ERR_IO when the
     * device is gone: close and open again. Allocates nothing. */
    int (*poll)(struct capture_source *source, struct capture_frame *frames, int max,
                int timeout_ms);
    /* Why no frame can come although the source is open ("link is down"); NULL: nothing is known
     * against it. May be NULL itself. Cheap: asked about once a second. */
    const char *(*trouble)(struct capture_source *source);
    /* Totals since open. */
    void (*stats)(struct capture_source *source, struct capture_stats *out);
    void (*close)(struct capture_source *source);
};

struct capture_source {
    const struct capture_ops *ops;
};

static inline int capture_poll(struct capture_source *source, struct capture_frame *frames, int max,
                               int timeout_ms)
{
    return source->ops->poll(source, frames, max, timeout_ms);
}
static inline const char *capture_trouble(struct capture_source *source)
{
    return source->ops->trouble ? source->ops->trouble(source) : NULL;
}
static inline void capture_stats(struct capture_source *source, struct capture_stats *out)
{
    source->ops->stats(source, out);
}
/* NULL is fine. */
static inline void capture_close(struct capture_source *source)
{
    if (source)
        source->ops->close(source);
}
