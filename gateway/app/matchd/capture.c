/*
 * Threads "capture": each has one source (one queue of a DPDK port), opens it again when it is
 * lost, and takes its frames to reads and packets. Nothing of one is waited for by another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"
#include "gateway/base/log.h"
#include "gateway/base/rcu.h"

enum {
    POLL_MS = 100,
    REOPEN_MS = 1000,
    JOIN_MS = 50, /* another has to be opened first */
    TROUBLE_MS = 500,
    COUNTERS_MS = 100,
    HURRIED_MS = 1000 /* after the source lost a frame */
};

const char *capturer_name(const struct capturer *c)
{
    switch (c->config->kind) {
    case SOURCE_PCAP:
        return c->config->interface;
    case SOURCE_DPDK:
        return c->config->port[0] ? c->config->port : "dpdk";
    case SOURCE_REPLAY:
        return "replay";
    }
    return "";
}

/* What people look for: a replay is known by its file. */
static const char *shown_name(const struct capturer *c)
{
    return c->config->kind == SOURCE_REPLAY ? c->config->file : capturer_name(c);
}

/* ---- trouble ---- */

static void set_trouble(struct capturer *c, const char *what, const char *why)
{
    pthread_mutex_lock(&c->lock);
    snprintf(c->trouble, sizeof(c->trouble), "%.100s%s%.50s", what, what[0] ? ": " : "", why);
    pthread_mutex_unlock(&c->lock);
}

static void look_for_trouble(struct capturer *c)
{
    const char *found = c->source ? capture_trouble(c->source) : NULL;
    if (c->source) {
        set_trouble(c, found ? shown_name(c) : "", found ? found : "");
    }
}

/* One alarm for all sources: the first that cannot be read. */
static void tell_trouble(struct matchd *m)
{
    char first[CAPTURER_TROUBLE_SIZE] = "";
    for (size_t i = 0; i < m->capturer_count && first[0] == '\0'; i++) {
        struct capturer *c = &m->capturers[i];
        pthread_mutex_lock(&c->lock);
        memcpy(first, c->trouble, sizeof(first));
        pthread_mutex_unlock(&c->lock);
    }
    matchd_alarm(m, EVENT_CAPTURE_DOWN, first[0] != '\0', first);
}

/* ---- the source ---- */

static void add_stats(struct capture_stats *to, const struct capture_stats *more)
{
    to->frames += more->frames;
    to->missed += more->missed;
    to->no_buffer += more->no_buffer;
    to->errors += more->errors;
    to->sleeps += more->sleeps;
}

static struct capture_stats source_stats(struct capturer *c)
{
    struct capture_stats all = c->closed;
    if (c->source) {
        struct capture_stats now;
        capture_stats(c->source, &now);
        add_stats(&all, &now);
    }
    return all;
}

static void close_source(struct capturer *c)
{
    c->closed = source_stats(c);
    capture_close(c->source);
    c->source = NULL;
}

static void open_when_due(struct capturer *c, struct mono_time now)
{
    struct err_text err;
    if (c->source || c->ended || mono_before(now, c->retry_at)) {
        return;
    }
    int result = matchd_source_open(&c->m->config, c->config, c->queue, &c->source, &err);
    if (result != 0) {
        c->source = NULL;
        c->retry_at = mono_add_ms(now, result == ERR_BUSY ? JOIN_MS : REOPEN_MS);
        pthread_mutex_lock(&c->lock);
        snprintf(c->trouble, sizeof(c->trouble), "%.150s", err.text);
        pthread_mutex_unlock(&c->lock);
        return;
    }
    set_trouble(c, "", "");
}

static void lose_source(struct capturer *c, int code)
{
    close_source(c);
    c->ended = code == ERR_STOPPED;
    c->retry_at = mono_add_ms(clock_mono(&clock_system), REOPEN_MS);
    if (c->ended) {
        log_event(EVENT_REPLAY_ENDED, "file=%s", c->config->file);
    } else {
        set_trouble(c, shown_name(c), err_name(code));
    }
}

/* ---- frames ---- */

static size_t room_of(void *ctx)
{
    return matchd_packets_room(((struct capturer *)ctx)->m);
}

static bool take(void *ctx, const struct plate_read *read, const struct match_result *result)
{
    struct capturer *c = ctx;
    enum give_end end = matchd_give_read(c->m, c->in_force, read, result, c);
    c->no_packet += end == GIVE_NO_PACKET;
    return end == GIVE_SENT;
}

static void take_burst(struct capturer *c, const struct capture_frame *frames, size_t count)
{
    const struct matchd *m = c->m;
    struct capture_view view = {
        .clock_offset_ms = atomic_load_explicit(&m->time_offset_ms, memory_order_relaxed),
        .clock_trusted = atomic_load_explicit(&m->time_trusted, memory_order_relaxed),
        .hurried = c->hurried_until.ns != 0};
    rcu_reader_online();
    c->in_force = rcu_load(&c->m->in_force);
    if (c->in_force) {
        view.index = c->in_force->index;
        view.judge = c->in_force->judge;
    }
    capture_sift_burst(c->sift, &view, frames, count);
    c->in_force = NULL;
    rcu_reader_offline();
}

static void poll_source(struct capturer *c)
{
    struct capture_frame frames[CAPTURE_BURST_MAX];
    int count = capture_poll(c->source, frames, CAPTURE_BURST_MAX, POLL_MS);
    if (count < 0) {
        lose_source(c, count);
    } else if (count > 0) {
        take_burst(c, frames, (size_t)count);
    }
}

/* ---- what is counted ---- */

/* Frames were lost since the last look: for a while no time is spent on what has no hit. */
static void look_for_losses(struct capturer *c, const struct capture_stats *stats,
                            struct mono_time now)
{
    uint64_t lost = stats->missed + stats->no_buffer;
    if (lost > c->lost_seen) {
        c->hurried_until = mono_add_ms(now, HURRIED_MS);
    } else if (!mono_before(now, c->hurried_until)) {
        c->hurried_until = (struct mono_time){0};
    }
    c->lost_seen = lost;
}

static void copy_counts(struct capturer *c, struct mono_time now)
{
    const struct capture_stats source = source_stats(c);
    look_for_losses(c, &source, now);
    pthread_mutex_lock(&c->lock);
    c->counts = (struct capturer_counts){.source = source,
                                         .receiver = *receiver_stats(c->receiver),
                                         .sift = *capture_sift_stats(c->sift),
                                         .no_packet = c->no_packet};
    pthread_mutex_unlock(&c->lock);
}

/* ---- the thread ---- */

static void capture_run(struct thread *self, void *arg)
{
    struct capturer *c = arg;
    struct mono_time counters_due = {0};
    struct mono_time trouble_due = {0};
    rcu_reader_register();
    rcu_reader_offline();
    matchd_wait_for_list(c->m, self);
    while (!thread_stopping(self)) {
        struct mono_time now = clock_mono(&clock_system);
        thread_alive(self);
        open_when_due(c, now);
        if (c->source) {
            poll_source(c);
        } else {
            thread_wait_ms(self, POLL_MS);
        }
        if (!mono_before(now, trouble_due)) {
            look_for_trouble(c);
            tell_trouble(c->m);
            trouble_due = mono_add_ms(now, TROUBLE_MS);
        }
        if (!mono_before(now, counters_due)) {
            copy_counts(c, now);
            matchd_refusals_hand_over(c);
            counters_due = mono_add_ms(now, COUNTERS_MS);
        }
    }
    copy_counts(c, clock_mono(&clock_system));
    capture_close(c->source);
    c->source = NULL;
    rcu_reader_unregister();
}

/* ---- all of them ---- */

static int create_one(struct matchd *m, const struct source_config *config, uint16_t queue,
                      const struct receiver_options *options, struct err_text *err)
{
    struct capturer *c = &m->capturers[m->capturer_count];
    const struct capture_taker taker = {.room = room_of, .take = take, .ctx = c};
    c->m = m;
    c->config = config;
    c->queue = queue;
    thread_lock_init(&c->lock);
    m->capturer_count++; /* from here on it is to be destroyed */
    snprintf(c->thread_name, sizeof(c->thread_name), "capture%zu", m->capturer_count);
    int result = receiver_create(options, m->cameras, &c->receiver, err);
    if (result == 0) {
        result = capture_sift_create(options, c->receiver, &taker, &c->sift, err);
    }
    for (int i = 0; result == 0 && i < CAPTURER_LEDGERS; i++) {
        c->refusals[i] = refusals_create();
        if (!c->refusals[i]) {
            result = err_set(err, ERR_NO_MEMORY, "refused datagrams: no memory");
        }
    }
    if (result == 0) {
        receiver_note_refusals(c->receiver, c->refusals[0]);
    }
    return result;
}

int matchd_capturers_create(struct matchd *m, struct err_text *err)
{
    struct receiver_options options = {.port_count = m->config.port_count,
                                       .json = m->config.json,
                                       .accept_partial_checksum =
                                           m->config.accept_partial_checksum};
    memcpy(options.ports, m->config.ports, sizeof(options.ports));
    int result = 0;
    for (size_t i = 0; result == 0 && i < m->config.source_count; i++) {
        const struct source_config *config = &m->config.sources[i];
        for (uint16_t q = 0; result == 0 && q < config->queues; q++) {
            result = create_one(m, config, q, &options, err);
        }
    }
    return result;
}

int matchd_capturers_start(struct matchd *m, struct err_text *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < m->capturer_count; i++) {
        struct capturer *c = &m->capturers[i];
        const struct thread_options options = {
            .name = c->thread_name,
            .core = c->config->core_count > 0 ? c->config->cores[c->queue] : -1,
            .policy = THREAD_FIFO,
            .priority = CAPTURE_PRIORITY};
        result = thread_start(&c->thread, &options, capture_run, c);
        if (result != 0) {
            result = err_set(err, result, "thread %s: cannot start", c->thread_name);
        }
    }
    return result;
}

void matchd_capturers_destroy(struct matchd *m)
{
    for (size_t i = 0; i < m->capturer_count; i++) {
        struct capturer *c = &m->capturers[i];
        capture_sift_destroy(c->sift);
        receiver_destroy(c->receiver);
        for (int k = 0; k < CAPTURER_LEDGERS; k++) {
            refusals_destroy(c->refusals[k]);
        }
        pthread_mutex_destroy(&c->lock);
    }
}
