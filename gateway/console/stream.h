/*
 * One page's event stream: an answer that goes on. It reads a ring by itself, a chunk at a time,
 * and is at most a chunk ahead of what its tablet took. Owned by the loop's thread.
 */
#pragma once

#include <event2/http.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/console/ring.h"

struct stream {
    TAILQ_ENTRY(stream) link; /* of its owner */
    struct evhttp_request *http;
    const struct ring *ring;
    uint64_t sent;          /* number of the last line handed over */
    struct evbuffer *words; /* of ours, before the next line */
    struct mono_time beat_due;
    struct mono_time chunk_begun;                   /* when the last chunk was handed over */
    bool writing;                                   /* it was not taken yet */
    bool closed;                                    /* its connection has gone */
    bool behind;                                    /* it fell out of the ring */
    bool stalled;                                   /* its connection went for want of a reader */
    void (*gone)(void *ctx, struct stream *stream); /* its connection closed; may free it */
    void *ctx;
};

/* Begins the answer: status, and what EventSource needs to know. ERR_NO_MEMORY. */
int stream_create(struct evhttp_request *http, const struct ring *ring,
                  void (*gone)(void *ctx, struct stream *stream), void *ctx,
                  struct stream **out) MUST_CHECK;
/* "event: <name>", before the lines that come. */
void stream_say(struct stream *stream, const char *name);
/* Hands over what there is, if the last chunk was taken; finds whether it fell out of the ring. */
void stream_pump(struct stream *stream);
/* Ends the answer, or frees what its connection left behind. */
void stream_destroy(struct stream *stream);
