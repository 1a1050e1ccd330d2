/*
 * Threads "capture" and "keeper": frames of all sources to reads, reads to packets; the cameras'
 * counters kept on disk, so that a recorded read is no use after a restart either.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "gateway/base/rcu.h"

enum {
    POLL_ALONE_MS = 100, /* one source: it wakes us */
    POLL_SHARED_MS = 1,  /* several: each is asked in turn */
    REOPEN_MS = 1000,
    TROUBLE_MS = 500,
    COUNTERS_MS = 100,
    KEEPER_MS = 200,
    COUNTERS_FILE_MAX = CAMERAS_MAX * 32
};

struct open_source {
    const struct source_config *config;
    struct capture_source *source; /* NULL: closed */
    bool ended;                    /* a replay that is over */
    struct mono_time retry_at;
    char trouble[ALARM_DETAIL_SIZE]; /* "": it can be read */
    struct capture_stats closed;     /* of the times it was open before */
};

/* ---- one read ---- */

struct wall_time matchd_time(const struct matchd *m, struct wall_time system, bool *out_trusted)
{
    *out_trusted = atomic_load_explicit(&m->time_trusted, memory_order_relaxed);
    return (struct wall_time){system.ms -
                              atomic_load_explicit(&m->time_offset_ms, memory_order_relaxed)};
}

void matchd_fill_list(const struct in_force *in_force, struct match_message *out)
{
    if (in_force) {
        out->list = in_force->status;
    } else {
        memset(&out->list, 0, sizeof(out->list));
    }
}

void matchd_fill_hits(const struct match_result *result, struct out_packet *packet)
{
    struct match_message *message = &packet->message;
    size_t size = 0;
    message->u.read.hit_count = result->hit_count;
    message->u.read.hits_dropped = result->dropped;
    for (int i = 0; i < result->hit_count; i++) {
        message->u.read.hits[i] = result->hits[i];
        memcpy(packet->texts + size, result->texts[i], result->hits[i].entry.text_size);
        size += result->hits[i].entry.text_size;
    }
    packet->size = sizeof(*message) + size;
}

/* A packet for a read; NULL: none to spare. */
static struct out_packet *take_packet(struct matchd *m, bool hit)
{
    struct out_packet *packet = NULL;
    bool enough = hit || queue_length(m->free_packets) > PACKETS_FOR_HITS;
    if (enough && queue_pop(m->free_packets, &packet, 0) == 0) {
        return packet;
    }
    atomic_fetch_add_explicit(hit ? &m->dropped_hits : &m->dropped, 1, memory_order_relaxed);
    if (hit) {
        matchd_alarm(m, EVENT_MATCH_BEHIND, true, "a hit could not be handed to checkpointd");
    }
    return NULL;
}

void matchd_take_read(struct matchd *m, const struct plate_read *read)
{
    struct match_result result = {.hit_count = 0};
    bool undecoded = read->kind == PLATE_DECODE_ERROR;
    bool trusted;
    struct wall_time now = matchd_time(m, read->wall, &trusted);
    const struct in_force *in_force = rcu_load(&m->in_force);
    atomic_fetch_add_explicit(&m->reads, 1, memory_order_relaxed);
    if (in_force && in_force->index) {
        match_find(in_force->index, in_force->judge, read, now, trusted, &result);
    }
    atomic_fetch_add_explicit(&m->hits_left_out, result.dropped, memory_order_relaxed);
    if (undecoded) {
        atomic_fetch_add_explicit(&m->undecoded, 1, memory_order_relaxed);
    }
    /* A text that is no plate is no passage, unless the camera's candidates say what it was. */
    bool wanted = !undecoded || result.hit_count > 0;
    struct out_packet *packet = wanted ? take_packet(m, result.hit_count > 0) : NULL;
    if (packet) {
        memset(&packet->message, 0, sizeof(packet->message));
        packet->message.version = MATCH_MESSAGE_VERSION;
        packet->message.type = MATCH_READ;
        packet->message.u.read.read = *read;
        packet->message.u.read.read.wall = now;
        packet->made = read->mono;
        matchd_fill_list(in_force, &packet->message);
        matchd_fill_hits(&result, packet);
        int pushed = queue_push(m->packets, &packet); /* as long as the pool: always room */
        (void)pushed;
    }
    rcu_reader_quiescent();
}

/* ---- sources ---- */

static void add_stats(struct capture_stats *to, const struct capture_stats *more)
{
    to->frames += more->frames;
    to->dropped += more->dropped;
    to->errors += more->errors;
}

static void close_source(struct open_source *s)
{
    struct capture_stats last;
    capture_stats(s->source, &last);
    add_stats(&s->closed, &last);
    capture_close(s->source);
    s->source = NULL;
}

static const char *source_name(const struct source_config *config)
{
    switch (config->kind) {
    case SOURCE_PCAP:
        return config->interface;
    case SOURCE_DPDK:
        return config->port[0] ? config->port : "dpdk";
    case SOURCE_REPLAY:
        return config->file;
    }
    return "";
}

/* One alarm for all sources: the first that cannot be read. */
static void tell_trouble(struct matchd *m, struct open_source *sources, size_t count)
{
    const char *first = "";
    for (size_t i = 0; i < count && first[0] == '\0'; i++) {
        struct open_source *s = &sources[i];
        const char *found = s->source ? capture_trouble(s->source) : NULL;
        if (s->source) {
            snprintf(s->trouble, sizeof(s->trouble), "%.100s%s%.50s",
                     found ? source_name(s->config) : "", found ? ": " : "", found ? found : "");
        }
        first = s->trouble;
    }
    matchd_alarm(m, EVENT_CAPTURE_DOWN, first[0] != '\0', first);
}

static void open_when_due(struct matchd *m, struct open_source *s, struct mono_time now)
{
    struct err_text err;
    if (s->ended || mono_before(now, s->retry_at)) {
        return;
    }
    if (matchd_source_open(&m->config, s->config, &s->source, &err) != 0) {
        s->source = NULL;
        s->retry_at = mono_add_ms(now, REOPEN_MS);
        snprintf(s->trouble, sizeof(s->trouble), "%.150s", err.text);
        return;
    }
    s->trouble[0] = '\0';
}

static void lose_source(struct open_source *s, int code)
{
    close_source(s);
    s->ended = code == ERR_STOPPED;
    s->retry_at = mono_add_ms(clock_mono(&clock_system), REOPEN_MS);
    if (s->ended) {
        log_event(EVENT_REPLAY_ENDED, "file=%s", s->config->file);
    } else {
        snprintf(s->trouble, sizeof(s->trouble), "%.100s: %s", source_name(s->config),
                 err_name(code));
    }
}

static void poll_source(struct matchd *m, struct open_source *s, int timeout_ms)
{
    struct capture_frame frames[CAPTURE_BURST_MAX];
    int count = capture_poll(s->source, frames, CAPTURE_BURST_MAX, timeout_ms);
    if (count < 0) {
        lose_source(s, count);
        return;
    }
    if (count > 0) {
        rcu_reader_online();
    }
    for (int i = 0; i < count; i++) {
        struct plate_read read;
        if (!receiver_take(m->receiver, frames[i].data, frames[i].size_bytes, frames[i].mono,
                           frames[i].wall, &read)) {
            continue;
        }
        matchd_take_read(m, &read);
    }
    if (count > 0) {
        rcu_reader_offline();
    }
}

static void copy_stats(struct matchd *m, const struct open_source *sources, size_t count)
{
    struct capture_stats sum = {0};
    for (size_t i = 0; i < count; i++) {
        struct capture_stats one = sources[i].closed;
        if (sources[i].source) {
            capture_stats(sources[i].source, &one);
            add_stats(&one, &sources[i].closed);
        }
        add_stats(&sum, &one);
    }
    matchd_stats_copy(m, &sum);
}

/* Hands a copy of the counters to the keeper when one moved. */
static void copy_counters(struct matchd *m, uint64_t *seen)
{
    uint64_t changes = camera_table_counter_changes(m->cameras);
    if (changes == *seen) {
        return;
    }
    *seen = changes;
    pthread_mutex_lock(&m->counter_lock);
    m->counter_count = camera_table_counters(m->cameras, m->counters, CAMERAS_MAX);
    m->counters_changed = true;
    pthread_mutex_unlock(&m->counter_lock);
}

void matchd_capture_run(struct thread *self, void *arg)
{
    struct matchd *m = arg;
    struct open_source sources[MATCHD_SOURCES_MAX] = {{.config = NULL}};
    size_t count = m->config.source_count;
    uint64_t counter_changes = camera_table_counter_changes(m->cameras);
    struct mono_time counters_due = {0};
    struct mono_time trouble_due = {0};
    rcu_reader_register();
    rcu_reader_offline();
    for (size_t i = 0; i < count; i++) {
        sources[i].config = &m->config.sources[i];
    }
    matchd_wait_for_list(m, self);
    while (!thread_stopping(self)) {
        struct mono_time now = clock_mono(&clock_system);
        bool any = false;
        thread_alive(self);
        for (size_t i = 0; i < count; i++) {
            if (!sources[i].source) {
                open_when_due(m, &sources[i], now);
            }
            if (sources[i].source) {
                poll_source(m, &sources[i], count == 1 ? POLL_ALONE_MS : POLL_SHARED_MS);
                any = true;
            }
        }
        if (!mono_before(now, trouble_due)) {
            tell_trouble(m, sources, count);
            trouble_due = mono_add_ms(now, TROUBLE_MS);
        }
        if (!any) {
            thread_wait_ms(self, POLL_ALONE_MS);
        }
        if (!mono_before(now, counters_due)) {
            copy_counters(m, &counter_changes);
            copy_stats(m, sources, count);
            matchd_refusals_hand_over(m, now);
            counters_due = mono_add_ms(now, COUNTERS_MS);
        }
    }
    copy_counters(m, &counter_changes);
    for (size_t i = 0; i < count; i++) {
        capture_close(sources[i].source);
    }
    rcu_reader_unregister();
}

/* ---- counters on disk: "<camera> <counter>\n" ---- */

static void counters_path(const struct matchd *m, char out[MATCHD_TEXT_SIZE + 16])
{
    snprintf(out, MATCHD_TEXT_SIZE + 16, "%s/counters", m->config.state_dir);
}

static int parse_counters(struct matchd *m, const char *text, const char *path,
                          struct err_text *err)
{
    for (const char *line = text; line && *line;) {
        char *end = NULL;
        unsigned long camera = strtoul(line, &end, 10);
        const char *second = end;
        unsigned long long high = strtoull(second, &end, 10);
        if (second == line || end == second || (*end != '\n' && *end != '\0') ||
            camera > CAMERA_ID_MAX) {
            return err_set(err, ERR_CORRUPT, "%s: expected lines '<camera> <counter>'", path);
        }
        camera_table_raise_counter(m->cameras, (struct camera_counter){(uint16_t)camera, high});
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return 0;
}

void matchd_counters_load(struct matchd *m)
{
    char path[MATCHD_TEXT_SIZE + 16];
    char aside[MATCHD_TEXT_SIZE + 32];
    uint8_t *text = NULL;
    size_t size = 0;
    struct err_text err;
    counters_path(m, path);
    int result = file_read(path, COUNTERS_FILE_MAX, &text, &size, &err);
    if (result == 0) {
        result = parse_counters(m, (const char *)text, path, &err);
    }
    free(text);
    if (result != 0 && result != ERR_NOT_FOUND) {
        snprintf(aside, sizeof(aside), "%s.refused", path);
        (void)rename(path, aside); /* kept to be looked at; what stays is written over */
        matchd_alarm(m, EVENT_COUNTERS_LOST, true, err.text);
    }
}

static void save_counters(struct matchd *m)
{
    static char text[COUNTERS_FILE_MAX]; /* the keeper's */
    char path[MATCHD_TEXT_SIZE + 16];
    struct err_text err;
    size_t size = 0;
    pthread_mutex_lock(&m->counter_lock);
    bool changed = m->counters_changed;
    for (size_t i = 0; i < m->counter_count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%u %llu\n",
                                 m->counters[i].camera, (unsigned long long)m->counters[i].high);
    }
    m->counters_changed = false;
    pthread_mutex_unlock(&m->counter_lock);
    if (!changed) {
        return;
    }
    counters_path(m, path);
    int result = file_write_atomic(path, text, size, 0600, &err);
    matchd_alarm(m, EVENT_COUNTERS_UNWRITTEN, result != 0, result != 0 ? err.text : "");
    if (result != 0) { /* again with the next look */
        pthread_mutex_lock(&m->counter_lock);
        m->counters_changed = true;
        pthread_mutex_unlock(&m->counter_lock);
    }
}

void matchd_keeper_run(struct thread *self, void *arg)
{
    struct matchd *m = arg;
    while (!thread_stopping(self)) {
        thread_alive(self);
        save_counters(m);
        matchd_clock_keep(m);
        thread_wait_ms(self, KEEPER_MS);
    }
    save_counters(m);
}
