/*
 * Events of checkpointd for the pages: one subscription a session (token and tablet), its newest
 * lines kept in a ring, any number of streams that read from it. A stream is given up when it falls
 * behind the ring. checkpointd gone: the streams stay and hear `gone`, then `back` and `reset`.
 * Owned by the loop's thread; never waits.
 */
#pragma once

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/console/request.h"

enum {
    FEEDS_MAX = 64, /* each a place on `events`, of which checkpointd gives one user 72; tablets.c
                       has one */
    FEED_RING_BYTES = 256 * 1024,
    FEED_LINGER_MS = 15 * 60 * 1000, /* without a stream: a tablet out of reach comes back to it */
    FEED_ANSWER_MS = 15000,          /* for the subscription */
    FEED_RETRY_MIN_MS = 50,
    FEED_RETRY_MAX_MS = 1000,
    FEED_TABLET_SIZE = 32,
    STREAMS_OF_ONE_MAX = 4, /* of a session; a fifth ends the oldest */
    STREAMS_MAX = 256,
    STREAM_CHUNK_BYTES = 64 * 1024,
    STREAM_BEAT_MS = 10000,
    STREAM_WRITE_S = 20,
    STREAM_STALLED_MS = 10000 /* a chunk not taken for so long when its connection ends */
};

struct feeds;
struct feed;

enum feed_state {
    FEED_OPENING, /* the first subscription was not answered yet */
    FEED_LIVE,
    FEED_AWAY,   /* checkpointd is; it is tried again */
    FEED_REFUSED /* the session is none: the feed ends */
};

struct feeds_options {
    struct event_base *base;
    const char *events_path;
    /* Now and then: whether the session still stands shall be found out, and feeds_end called if
     * not. */
    void (*doubted)(void *ctx, const char *token, const char *tablet);
    /* A tablet took its events too slowly and was dropped. */
    void (*slow)(void *ctx, const char *tablet);
    void *ctx;
};

struct feed_counts {
    size_t feeds;
    size_t streams;
    uint64_t slow_dropped;
};

int feeds_create(const struct feeds_options *options, struct feeds **out) MUST_CHECK;
void feeds_destroy(struct feeds *feeds); /* NULL is fine */
/* Beats, waits that are over, feeds nobody listens to. A few times a second. */
void feeds_tick(struct feeds *feeds);
/* checkpointd does not answer, or does again. */
void feeds_set_hung(struct feeds *feeds, bool hung);
struct feed_counts feeds_counts(const struct feeds *feeds);

/* The session's feed, made if there is none. ERR_FULL, ERR_NO_MEMORY. */
int feeds_get(struct feeds *feeds, const char *token, const char *tablet,
              struct feed **out) MUST_CHECK;
enum feed_state feed_state(const struct feed *feed);
/* Where a stream that begins now would begin: "<epoch>-<number>" of the newest line. */
void feed_newest(const struct feed *feed, struct stream_id *out);
/* Calls `ready` once, as soon as the state is no longer FEED_OPENING; not inside this call. `feed`
 * is valid inside `ready`. ERR_NO_MEMORY. */
int feed_wait(struct feed *feed, void (*ready)(void *ctx, struct feed *feed, enum feed_state state),
              void *ctx) MUST_CHECK;
/* Answers `http` with the stream, whose headers stand already; it owns the request from here on.
 * `after`: the id it goes on from, NULL: only what comes. ERR_FULL, ERR_NO_MEMORY: not taken. */
int feed_stream(struct feed *feed, struct evhttp_request *http,
                const struct stream_id *after) MUST_CHECK;
/* Ends the session's feed and its streams; none is fine. */
void feeds_end(struct feeds *feeds, const char *token, const char *tablet);
