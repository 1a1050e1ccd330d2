/*
 * See stream.h. evhttp owns the request while its connection lives; a connection that goes leaves
 * the request to us, and ending the answer frees it (evhttp_send_reply_end).
 */
#include "gateway/console/stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/console/answer.h"
#include "gateway/console/feed.h"

static void on_close(struct evhttp_connection *connection, void *ctx)
{
    struct stream *stream = ctx;
    (void)connection; /* it is being freed */
    stream->closed = true;
    /* libevent's limit or the kernel's ended it: a page that leaves does not leave a chunk so long.
     */
    stream->stalled = stream->writing && mono_diff_ms(clock_mono(&clock_system),
                                                      stream->chunk_begun) >= STREAM_STALLED_MS;
    stream->gone(stream->ctx, stream);
}

int stream_create(struct evhttp_request *http, const struct ring *ring,
                  void (*gone)(void *ctx, struct stream *stream), void *ctx, struct stream **out)
{
    const struct timeval write_limit = {.tv_sec = STREAM_WRITE_S};
    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct stream *stream = connection ? calloc(1, sizeof *stream) : NULL;
    if (stream)
        stream->words = evbuffer_new();
    if (!stream || !stream->words) {
        free(stream);
        return ERR_NO_MEMORY;
    }
    stream->http = http;
    stream->ring = ring;
    stream->sent = ring->newest;
    stream->beat_due = mono_add_ms(clock_mono(&clock_system), STREAM_BEAT_MS);
    stream->gone = gone;
    stream->ctx = ctx;
    evhttp_connection_set_closecb(connection, on_close, stream);
    /* Silence of the tablet is as it should be; what it does not take is not. */
    (void)bufferevent_set_timeouts(evhttp_connection_get_bufferevent(connection), NULL,
                                   &write_limit); /* fails only for a bad argument */
    evhttp_send_reply_start(http, HTTP_OK, NULL);
    if (evbuffer_add_printf(stream->words, "retry: 1000\n\n") < 0)
        stream->behind = true; /* no memory: it comes again */
    *out = stream;
    return 0;
}

void stream_say(struct stream *stream, const char *name)
{
    if (evbuffer_add_printf(stream->words, "event: %s\ndata: {}\n\n", name) < 0)
        stream->behind = true; /* no memory: it comes again */
}

static void on_taken(struct evhttp_connection *connection, void *ctx)
{
    (void)connection; /* the stream knows it */
    struct stream *stream = ctx;
    stream->writing = false;
    stream_pump(stream);
}

/* Lines after the last one, as many as a chunk takes. */
static void add_lines(struct stream *stream, struct evbuffer *chunk)
{
    const struct ring_line *line = ring_after(stream->ring, stream->sent);
    for (; line && !stream->behind; line = ring_next(line)) {
        size_t size = evbuffer_get_length(chunk);
        if (size > 0 && size + line->size > STREAM_CHUNK_BYTES)
            return;
        if (evbuffer_add(chunk, line->text, line->size) != 0)
            stream->behind = true;
        else
            stream->sent = line->number;
    }
}

void stream_pump(struct stream *stream)
{
    if (stream->closed || stream->behind)
        return;
    if (!ring_reaches(stream->ring, stream->sent))
        stream->behind = true; /* whether or not it takes its last chunk one day */
    if (stream->writing || stream->behind)
        return;
    struct evbuffer *chunk = evbuffer_new();
    if (!chunk || evbuffer_add_buffer(chunk, stream->words) != 0)
        stream->behind = true;
    else
        add_lines(stream, chunk);
    if (!stream->behind && evbuffer_get_length(chunk) > 0) {
        stream->writing = true;
        stream->chunk_begun = clock_mono(&clock_system);
        stream->beat_due = mono_add_ms(stream->chunk_begun, STREAM_BEAT_MS);
        evhttp_send_reply_chunk_with_cb(stream->http, chunk, on_taken, stream);
        answer_join(evhttp_connection_get_bufferevent(evhttp_request_get_connection(stream->http)));
    }
    if (chunk)
        evbuffer_free(chunk);
}

void stream_destroy(struct stream *stream)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);
    if (connection)
        evhttp_connection_set_closecb(connection, NULL, NULL);
    if (stream->behind && connection) /* what it did not take it shall not take later */
        (void)shutdown(bufferevent_getfd(evhttp_connection_get_bufferevent(connection)),
                       SHUT_RDWR); /* gone already is as good */
    /* It may be gone behind this. While its connection is being freed with the request still in it,
     * evhttp frees both. */
    if (!stream->closed || !connection)
        evhttp_send_reply_end(stream->http);
    evbuffer_free(stream->words);
    free(stream);
}
