/*
 * Packets: reads with what they may mean, on their way to checkpointd through a bounded ring. A few
 * packets are kept for hits, so that reads without one never stand in their way.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"
#include "gateway/base/log.h"
#include "gateway/base/rcu.h"

int matchd_packets_create(struct matchd *m, struct err_text *err)
{
    m->pool = calloc(PACKETS_MAX, sizeof(m->pool[0]));
    m->free_packets = queue_create(PACKETS_MAX, sizeof(struct out_packet *));
    m->packets = queue_create(PACKETS_MAX, sizeof(struct out_packet *));
    m->observed = queue_create(OBSERVED_MAX, sizeof(struct match_message));
    if (!m->pool || !m->free_packets || !m->packets || !m->observed) {
        return err_set(err, ERR_NO_MEMORY, "packets: no memory");
    }
    for (int i = 0; i < PACKETS_MAX; i++) {
        struct out_packet *packet = &m->pool[i];
        int result = queue_push(m->free_packets, &packet);
        if (result != 0) {
            return err_set(err, result, "packets");
        }
    }
    return 0;
}

void matchd_packets_destroy(struct matchd *m)
{
    queue_destroy(m->packets);
    queue_destroy(m->free_packets);
    queue_destroy(m->observed);
    free(m->pool);
}

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

size_t matchd_packets_room(struct matchd *m)
{
    size_t free_count = queue_length(m->free_packets);
    return free_count > PACKETS_FOR_HITS ? free_count - PACKETS_FOR_HITS : 0;
}

/* A packet for a read; NULL: none to spare. */
static struct out_packet *take_packet(struct matchd *m, bool hit)
{
    struct out_packet *packet = NULL;
    bool enough = hit || matchd_packets_room(m) > 0;
    if (enough && queue_pop(m->free_packets, &packet, 0) == 0) {
        return packet;
    }
    atomic_fetch_add_explicit(hit ? &m->dropped_hits : &m->dropped, 1, memory_order_relaxed);
    if (hit) {
        matchd_alarm(m, EVENT_MATCH_BEHIND, true, "a hit could not be handed to checkpointd");
    }
    return NULL;
}

/* Hits on observe entries go their own way, whatever becomes of the read: whether there are any
 * must not show in what is sent, dropped or counted of it. */
static void give_observed(struct matchd *m, const struct in_force *in_force,
                          const struct plate_read *read)
{
    struct match_result result = {.hit_count = 0};
    struct match_message message = {.version = MATCH_MESSAGE_VERSION, .type = MATCH_OBSERVED};
    bool trusted;
    if (!in_force || !in_force->observed) {
        return;
    }
    struct wall_time now = matchd_time(m, read->wall, &trusted);
    match_find(in_force->observed, in_force->judge, read, now, trusted, &result);
    if (result.hit_count == 0) {
        return;
    }
    message.list = in_force->status;
    message.u.read.read = *read;
    message.u.read.read.wall = now;
    message.u.read.hit_count = result.hit_count;
    message.u.read.hits_dropped = result.dropped;
    for (int i = 0; i < result.hit_count; i++) {
        message.u.read.hits[i] = result.hits[i];
        message.u.read.hits[i].entry.text_size = 0; /* headquarters has the text */
    }
    if (queue_push(m->observed, &message) != 0) {
        atomic_fetch_add_explicit(&m->observed_lost, result.hit_count, memory_order_relaxed);
    }
}

enum give_end matchd_give_read(struct matchd *m, const struct in_force *in_force,
                               const struct plate_read *read, const struct match_result *result,
                               struct capturer *from)
{
    bool trusted;
    give_observed(m, in_force, read); /* first: who has the read has these */
    atomic_fetch_add_explicit(&m->reads, 1, memory_order_relaxed);
    if (read->authenticity != AUTH_NONE) {
        atomic_fetch_add_explicit(&m->reads_vouched, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&m->hits_left_out, result->dropped, memory_order_relaxed);
    /* A text that is no plate is no passage, unless the camera's candidates say what it was. */
    if (read->kind == PLATE_DECODE_ERROR) {
        atomic_fetch_add_explicit(&m->undecoded, 1, memory_order_relaxed);
        if (result->hit_count == 0) {
            return GIVE_NOTHING;
        }
    }
    struct out_packet *packet = take_packet(m, result->hit_count > 0);
    if (!packet) {
        return GIVE_NO_PACKET;
    }
    memset(&packet->message, 0, sizeof(packet->message));
    packet->message.version = MATCH_MESSAGE_VERSION;
    packet->message.type = MATCH_READ;
    packet->message.u.read.read = *read;
    packet->message.u.read.read.wall = matchd_time(m, read->wall, &trusted);
    packet->made = read->mono;
    packet->from = from;
    matchd_fill_list(in_force, &packet->message);
    matchd_fill_hits(result, packet);
    int pushed = queue_push(m->packets, &packet); /* as long as the pool: always room */
    (void)pushed;
    return GIVE_SENT;
}

void matchd_take_read(struct matchd *m, const struct plate_read *read)
{
    struct match_result result = {.hit_count = 0};
    bool trusted;
    struct wall_time now = matchd_time(m, read->wall, &trusted);
    const struct in_force *in_force = rcu_load(&m->in_force);
    if (in_force && in_force->index) {
        match_find(in_force->index, in_force->judge, read, now, trusted, &result);
    }
    (void)matchd_give_read(m, in_force, read, &result, NULL); /* counted there */
    rcu_reader_quiescent();
}
