/*
 * See feed.h. Each subscription that was answered begins a new epoch: what happened between two of
 * them is not known here, so an id of an older one is answered with `reset`.
 */
#include "gateway/console/feed.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/console/lines.h"
#include "gateway/console/ring.h"
#include "gateway/console/stream.h"

enum { EPOCH_BYTES = 8, DOUBT_MS = 30000 };

struct waiter {
    STAILQ_ENTRY(waiter) link;
    void (*ready)(void *ctx, struct feed *feed, enum feed_state state);
    void *ctx;
};

TAILQ_HEAD(stream_list, stream);

struct feed {
    TAILQ_ENTRY(feed) link;
    struct feeds *feeds;
    char token[REQUEST_TOKEN_SIZE];
    char tablet[FEED_TABLET_SIZE];
    char epoch[REQUEST_EPOCH_SIZE];
    enum feed_state state;
    bool answered; /* this connection's subscription was */
    struct lines lines;
    struct event *timer; /* the subscription's answer, or the next try */
    int retry_ms;
    struct ring ring;
    struct stream_list streams;
    STAILQ_HEAD(waiters, waiter) waiters;
    struct mono_time left;      /* since when nobody listens */
    struct mono_time doubt_due; /* the session is asked about now and then */
};

struct feeds {
    struct feeds_options options;
    TAILQ_HEAD(, feed) list;
    struct feed_counts counts;
    bool hung;
};

static void on_timer(evutil_socket_t fd, short what, void *ctx);

int feeds_create(const struct feeds_options *options, struct feeds **out)
{
    struct feeds *feeds = calloc(1, sizeof *feeds);
    if (!feeds)
        return ERR_NO_MEMORY;
    feeds->options = *options;
    TAILQ_INIT(&feeds->list);
    *out = feeds;
    return 0;
}

struct feed_counts feeds_counts(const struct feeds *feeds)
{
    return feeds->counts;
}

/* ---- streams ---- */

static void drop_stream(struct feed *feed, struct stream *stream)
{
    if (stream->behind || stream->stalled) {
        feed->feeds->counts.slow_dropped++;
        feed->feeds->options.slow(feed->feeds->options.ctx, feed->tablet);
    }
    TAILQ_REMOVE(&feed->streams, stream, link);
    feed->feeds->counts.streams--;
    if (TAILQ_EMPTY(&feed->streams))
        feed->left = clock_mono(&clock_system);
    stream_destroy(stream);
}

static void on_gone(void *ctx, struct stream *stream)
{
    drop_stream(ctx, stream);
}

static void pump_all(struct feed *feed)
{
    struct stream *stream = TAILQ_FIRST(&feed->streams);
    while (stream) {
        struct stream *next = TAILQ_NEXT(stream, link);
        stream_pump(stream);
        if (stream->behind)
            drop_stream(feed, stream);
        stream = next;
    }
}

static void say_all(struct feed *feed, const char *name)
{
    struct stream *stream;
    TAILQ_FOREACH(stream, &feed->streams, link)
    {
        stream_say(stream, name);
    }
    pump_all(feed);
}

static size_t count_streams(const struct feed *feed)
{
    const struct stream *stream;
    size_t count = 0;
    TAILQ_FOREACH(stream, &feed->streams, link)
    {
        count++;
    }
    return count;
}

int feed_stream(struct feed *feed, struct evhttp_request *http, const struct stream_id *after)
{
    struct stream *stream = NULL;
    if (feed->feeds->counts.streams >= STREAMS_MAX)
        return ERR_FULL;
    /* Those of a tablet that lost its link linger on; the newest one is where somebody looks. */
    if (count_streams(feed) >= STREAMS_OF_ONE_MAX)
        drop_stream(feed, TAILQ_FIRST(&feed->streams));
    int rc = stream_create(http, &feed->ring, on_gone, feed, &stream);
    if (rc != 0)
        return rc;
    bool known = after && strcmp(after->epoch, feed->epoch) == 0 &&
                 after->number <= feed->ring.newest && ring_reaches(&feed->ring, after->number);
    if (known)
        stream->sent = after->number;
    else if (after)
        stream_say(stream, "reset");
    if (feed->state != FEED_LIVE || feed->feeds->hung)
        stream_say(stream, "gone");
    TAILQ_INSERT_TAIL(&feed->streams, stream, link);
    feed->feeds->counts.streams++;
    stream_pump(stream);
    return 0;
}

/* ---- life of a feed ---- */

static void close_input(struct feed *feed)
{
    lines_close(&feed->lines);
    feed->answered = false;
}

static void wake_waiters(struct feed *feed)
{
    while (!STAILQ_EMPTY(&feed->waiters)) {
        struct waiter *waiter = STAILQ_FIRST(&feed->waiters);
        STAILQ_REMOVE_HEAD(&feed->waiters, link);
        waiter->ready(waiter->ctx, feed, feed->state);
        free(waiter);
    }
}

static void free_feed(struct feed *feed)
{
    if (feed->state == FEED_OPENING)
        feed->state = FEED_AWAY;
    wake_waiters(feed);
    while (!TAILQ_EMPTY(&feed->streams))
        drop_stream(feed, TAILQ_FIRST(&feed->streams));
    lines_fini(&feed->lines);
    TAILQ_REMOVE(&feed->feeds->list, feed, link);
    feed->feeds->counts.feeds--;
    if (feed->timer)
        event_free(feed->timer);
    ring_clear(&feed->ring);
    explicit_bzero(feed, sizeof *feed); /* the token */
    free(feed);
}

/* Ends the feed once the loop is out of whatever holds it. */
static void refuse(struct feed *feed)
{
    const struct timeval now = {0};
    close_input(feed);
    feed->state = FEED_REFUSED;
    (void)event_add(feed->timer, &now); /* if it fails the tick sees it */
}

static void set_timer(struct feed *feed, int ms)
{
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    (void)event_add(feed->timer, &wait); /* an event that exists is added without memory */
}

static void lose(struct feed *feed)
{
    bool was_live = feed->state == FEED_LIVE;
    close_input(feed);
    feed->state = FEED_AWAY;
    set_timer(feed, feed->retry_ms);
    feed->retry_ms =
        feed->retry_ms * 2 < FEED_RETRY_MAX_MS ? feed->retry_ms * 2 : FEED_RETRY_MAX_MS;
    wake_waiters(feed);
    if (was_live && !feed->feeds->hung)
        say_all(feed, "gone");
}

static bool begin_epoch(struct feed *feed)
{
    uint8_t bytes[EPOCH_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    hex_encode(bytes, sizeof bytes, feed->epoch);
    return true;
}

static void become_live(struct feed *feed)
{
    struct stream *stream;
    if (!begin_epoch(feed)) {
        lose(feed);
        return;
    }
    (void)event_del(feed->timer); /* one that is not pending is as good */
    ring_clear(&feed->ring);
    feed->retry_ms = FEED_RETRY_MIN_MS;
    feed->state = FEED_LIVE;
    TAILQ_FOREACH(stream, &feed->streams, link)
    {
        stream->sent = feed->ring.newest;
        stream_say(stream, "back");
        stream_say(stream, "reset");
    }
    pump_all(feed);
    wake_waiters(feed);
}

/* ---- what checkpointd says ---- */

static void take_subscribed(struct feed *feed, const char *line, size_t size)
{
    json_t *answer = NULL;
    bool ok =
        json_parse(line, size, &answer, NULL) == 0 && json_is_true(json_object_get(answer, "ok"));
    const char *code = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
    bool denied = code && strcmp(code, "denied") == 0;
    feed->answered = true;
    json_decref(answer);
    if (ok)
        become_live(feed);
    else if (denied)
        refuse(feed);
    else
        lose(feed);
}

static void take_event(struct feed *feed, const char *line, size_t size)
{
    static const char ended[] = "{\"event\":\"session_ended\",";
    if (ring_add(&feed->ring, feed->epoch, line, size) != 0)
        return; /* the ring is empty now: every stream finds itself behind */
    if (size >= sizeof ended && memcmp(line, ended, sizeof ended - 1) == 0)
        refuse(feed); /* told of no session but its own */
}

static void on_line(void *ctx, const char *line, size_t size)
{
    struct feed *feed = ctx;
    if (feed->answered)
        take_event(feed, line, size);
    else
        take_subscribed(feed, line, size);
}

static void on_told(void *ctx)
{
    pump_all(ctx);
}

static void on_lost(void *ctx)
{
    lose(ctx);
}

static const struct lines_ops ops = {on_line, on_told, on_lost};

/* What the pages take (web/js/state.js): no tablet is told of vehicles nobody looks for. */
static json_t *event_names(void)
{
    return json_pack("[s,s,s,s,s,s,s,s,s,s,s,s,s]", "hit", "handling", "hit_standing", "status",
                     "alarm", "lane", "hold", "instruction", "lookout", "list", "clock", "uplink",
                     "duty");
}

static void connect_feed(struct feed *feed)
{
    const struct feeds_options *o = &feed->feeds->options;
    json_t *request =
        json_pack("{s:s,s:s,s:s,s:s,s:o?}", "do", "subscribe", "token", feed->token, "tablet",
                  feed->tablet, "origin", "console", "events", event_names());
    if (lines_open(&feed->lines, o->base, o->events_path, request) != 0)
        lose(feed);
    else
        set_timer(feed, FEED_ANSWER_MS);
}

/* The next try, an answer that did not come, or the end of a session that is none. */
static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* a timer has neither */
    struct feed *feed = ctx;
    if (feed->state == FEED_REFUSED)
        free_feed(feed);
    else if (lines_are_open(&feed->lines))
        lose(feed);
    else
        connect_feed(feed);
}

/* ---- finding and ending ---- */

static struct feed *find(const struct feeds *feeds, const char *token, const char *tablet)
{
    struct feed *feed;
    TAILQ_FOREACH(feed, &feeds->list, link)
    {
        if (strcmp(feed->token, token) == 0 && strcmp(feed->tablet, tablet) == 0 &&
            feed->state != FEED_REFUSED)
            return feed;
    }
    return NULL;
}

/* Makes a place by ending the feed that is longest without a listener. */
static bool make_place(struct feeds *feeds)
{
    struct feed *feed;
    struct feed *oldest = NULL;
    if (feeds->counts.feeds < FEEDS_MAX)
        return true;
    TAILQ_FOREACH(feed, &feeds->list, link)
    {
        if (TAILQ_EMPTY(&feed->streams) && STAILQ_EMPTY(&feed->waiters) &&
            (!oldest || mono_before(feed->left, oldest->left)))
            oldest = feed;
    }
    if (oldest)
        free_feed(oldest);
    return oldest != NULL;
}

int feeds_get(struct feeds *feeds, const char *token, const char *tablet, struct feed **out)
{
    struct feed *feed = find(feeds, token, tablet);
    if (feed) {
        *out = feed;
        return 0;
    }
    if (!make_place(feeds) || strlen(tablet) >= sizeof feed->tablet)
        return ERR_FULL;
    feed = calloc(1, sizeof *feed);
    if (!feed || !(feed->timer = evtimer_new(feeds->options.base, on_timer, feed)) ||
        !begin_epoch(feed)) {
        if (feed && feed->timer)
            event_free(feed->timer);
        free(feed);
        return ERR_NO_MEMORY;
    }
    feed->feeds = feeds;
    lines_init(&feed->lines, &ops, feed);
    memcpy(feed->token, token, strlen(token) + 1);
    memcpy(feed->tablet, tablet, strlen(tablet) + 1);
    feed->retry_ms = FEED_RETRY_MIN_MS;
    feed->left = clock_mono(&clock_system);
    feed->doubt_due = mono_add_ms(feed->left, DOUBT_MS);
    ring_init(&feed->ring, FEED_RING_BYTES);
    TAILQ_INIT(&feed->streams);
    STAILQ_INIT(&feed->waiters);
    TAILQ_INSERT_TAIL(&feeds->list, feed, link);
    feeds->counts.feeds++;
    set_timer(feed, 0);
    *out = feed;
    return 0;
}

enum feed_state feed_state(const struct feed *feed)
{
    return feed->state;
}

void feed_newest(const struct feed *feed, struct stream_id *out)
{
    memcpy(out->epoch, feed->epoch, sizeof out->epoch);
    out->number = feed->ring.newest;
}

int feed_wait(struct feed *feed, void (*ready)(void *ctx, struct feed *feed, enum feed_state state),
              void *ctx)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (!waiter)
        return ERR_NO_MEMORY;
    *waiter = (struct waiter){.ready = ready, .ctx = ctx};
    STAILQ_INSERT_TAIL(&feed->waiters, waiter, link);
    return 0;
}

void feeds_end(struct feeds *feeds, const char *token, const char *tablet)
{
    struct feed *feed = find(feeds, token, tablet);
    if (feed)
        refuse(feed);
}

/* ---- by the clock ---- */

static void tick_feed(struct feed *feed, struct mono_time now)
{
    const struct feeds_options *o = &feed->feeds->options;
    struct stream *stream;
    TAILQ_FOREACH(stream, &feed->streams, link)
    {
        if (mono_before(stream->beat_due, now) && !stream->writing)
            stream_say(stream, "hb");
    }
    pump_all(feed);
    if (feed->state == FEED_LIVE && mono_before(feed->doubt_due, now)) {
        feed->doubt_due = mono_add_ms(now, DOUBT_MS);
        o->doubted(o->ctx, feed->token, feed->tablet);
    }
}

void feeds_tick(struct feeds *feeds)
{
    struct mono_time now = clock_mono(&clock_system);
    struct feed *feed = TAILQ_FIRST(&feeds->list);
    while (feed) {
        struct feed *next = TAILQ_NEXT(feed, link);
        bool idle = TAILQ_EMPTY(&feed->streams) && STAILQ_EMPTY(&feed->waiters) &&
                    mono_diff_ms(now, feed->left) > FEED_LINGER_MS;
        if (idle || feed->state == FEED_REFUSED)
            free_feed(feed);
        else
            tick_feed(feed, now);
        feed = next;
    }
}

void feeds_set_hung(struct feeds *feeds, bool hung)
{
    struct feed *feed;
    if (feeds->hung == hung)
        return;
    feeds->hung = hung;
    TAILQ_FOREACH(feed, &feeds->list, link)
    {
        if (feed->state == FEED_LIVE)
            say_all(feed, hung ? "gone" : "back");
    }
}

void feeds_destroy(struct feeds *feeds)
{
    if (!feeds)
        return;
    while (!TAILQ_EMPTY(&feeds->list))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow TAILQ_REMOVE */
        free_feed(TAILQ_FIRST(&feeds->list));
    free(feeds);
}
