/*
 * See capture_dpdk.h. Frames stay in their mbufs until the next poll; a frame of several segments
 * is copied into the source's own buffer.
 */
#include "drivers/capture_dpdk/capture_dpdk.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_interrupts.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "drivers/capture_dpdk/bell.h"
#include "drivers/capture_dpdk/environment.h"
#include "drivers/capture_dpdk/port.h"
#include "gateway/base/interface.h"

enum {
    BUSY_POLLS = 50, /* empty polls before the first sleep */
    SLEEP_FIRST_US = 5,
    LINK_LOOK_MS = 250, /* of an idle port */
    TIMER_SLACK_NS = 1000
};

struct dpdk_source {
    struct capture_source base;
    struct dpdk_port *port; /* NULL: not taken */
    uint16_t queue;
    struct rte_mbuf *held[CAPTURE_BURST_MAX];
    unsigned held_count;
    bool held_plain; /* all of them: whole buffers of our pool that nobody else holds */
    const char *trouble;
    struct mono_time link_look; /* when to look again */
    /* Idling: */
    bool known_thread;      /* the polling thread has what polling needs */
    bool registered_thread; /* with DPDK, by us */
    int bell;               /* ends a sleep, or -1; bell.h */
    bool interrupts;        /* the same, of the queue */
    bool armed;             /* what wakes is on */
    unsigned empty;         /* polls in a row that brought nothing */
    int64_t sleep_us;       /* of the next sleep */
    int64_t sleep_max_us;
    int idle_backoff_us; /* asked for; 0: by the ring */
    uint64_t frames;
    uint64_t sleeps;
    uint8_t joined[CAPTURE_BURST_MAX][CAPTURE_FRAME_SIZE_MAX];
};

/* ---- frames ---- */

static struct rte_mempool *own_pool(const struct dpdk_source *source)
{
    return source->port->pools[source->queue];
}

/* Plain buffers go back in one piece, without each being looked at once more. */
static void release_held(struct dpdk_source *source)
{
    if (source->held_plain)
        rte_mempool_put_bulk(own_pool(source), (void **)source->held, source->held_count);
    else
        rte_pktmbuf_free_bulk(source->held, source->held_count);
    source->held_count = 0;
}

/* A tag the port took off (net_af_packet always does) goes back to its place: the binding of a
 * camera to its VLAN is checked from the frame alone. */
static void put_tag_back(struct rte_mbuf **mbuf)
{
    if (!((*mbuf)->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED))
        return;
    if (rte_vlan_insert(mbuf) == 0)
        (*mbuf)->ol_flags &= ~(uint64_t)RTE_MBUF_F_RX_VLAN_STRIPPED;
}

/* As the pool gave it, so that rte_mbuf_raw_free() would take it, and with a frame that needs
 * nothing done to it. */
static inline bool is_plain(const struct rte_mbuf *mbuf, const struct rte_mempool *pool)
{
    const uint64_t odd = RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
    return mbuf->nb_segs == 1 && rte_mbuf_refcnt_read(mbuf) == 1 && mbuf->pool == pool &&
           !(mbuf->ol_flags & odd) && mbuf->data_len <= CAPTURE_FRAME_SIZE_MAX;
}

static __attribute__((noinline)) void fill_odd(struct dpdk_source *source, unsigned at,
                                               struct capture_frame *out)
{
    put_tag_back(&source->held[at]);
    const struct rte_mbuf *mbuf = source->held[at];
    uint32_t wire = rte_pktmbuf_pkt_len(mbuf);
    uint32_t size = wire < CAPTURE_FRAME_SIZE_MAX ? wire : CAPTURE_FRAME_SIZE_MAX;
    out->data = rte_pktmbuf_read(mbuf, 0, size, source->joined[at]);
    out->size_bytes = size;
    out->wire_size_bytes = wire;
}

/* All frames of a burst have the time it was taken over. */
static void fill_frames(struct dpdk_source *source, struct capture_frame *out)
{
    const struct mono_time mono = clock_mono(&clock_system);
    const struct wall_time wall = clock_wall(&clock_system);
    const struct rte_mempool *pool = own_pool(source);
    const unsigned count = source->held_count;
    unsigned plain = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct rte_mbuf *mbuf = source->held[i];
        out[i].mono = mono;
        out[i].wall = wall;
        if (!is_plain(mbuf, pool)) {
            fill_odd(source, i, &out[i]);
            continue;
        }
        out[i].data = rte_pktmbuf_mtod(mbuf, const uint8_t *);
        out[i].size_bytes = mbuf->data_len;
        out[i].wire_size_bytes = mbuf->data_len;
        plain++;
    }
    source->held_plain = plain == count;
}

/* ---- idling ---- */

static void set_sleep_max(struct dpdk_source *source)
{
    int64_t us = dpdk_port_ring_us(source->port) / 2;
    if (us > CAPTURE_DPDK_SLEEP_MAX_US)
        us = CAPTURE_DPDK_SLEEP_MAX_US;
    if (us < CAPTURE_DPDK_SLEEP_MIN_US)
        us = CAPTURE_DPDK_SLEEP_MIN_US;
    source->sleep_max_us = source->idle_backoff_us > 0 ? source->idle_backoff_us : us;
}

/* By the thread that polls: mbufs' cache, exact sleeps, what wakes it. Without any of them
 * polling works, only dearer. */
static void know_thread(struct dpdk_source *source)
{
    if (source->known_thread)
        return;
    source->known_thread = true;
    if (rte_lcore_id() == LCORE_ID_ANY)
        source->registered_thread = rte_thread_register() == 0;
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS); /* sleeps are then up to 50 us longer */
    if (source->port->interface[0] != '\0')
        source->bell = bell_open(source->port->interface);
    source->interrupts =
        source->bell < 0 && source->port->interrupts &&
        rte_eth_dev_rx_intr_ctl_q(source->port->id, source->queue, RTE_EPOLL_PER_THREAD,
                                  RTE_INTR_EVENT_ADD, NULL) == 0;
}

static void close_bell(struct dpdk_source *source)
{
    if (source->bell >= 0)
        (void)close(source->bell); /* nothing is in it */
    source->bell = -1;
}

static void disarm(struct dpdk_source *source)
{
    if (!source->armed)
        return;
    source->armed = false;
    if (source->bell >= 0 && !bell_disarm(source->bell))
        close_bell(source);
    if (source->interrupts) /* refused: it wakes too often, no more */
        (void)rte_eth_dev_rx_intr_disable(source->port->id, source->queue);
}

static bool arm(struct dpdk_source *source)
{
    if (source->bell >= 0 && !bell_arm(source->bell))
        close_bell(source);
    if (source->bell < 0 && source->interrupts)
        source->interrupts = rte_eth_dev_rx_intr_enable(source->port->id, source->queue) == 0;
    source->armed = source->bell >= 0 || source->interrupts;
    return source->armed;
}

/* Sleeps until a frame comes, at most `timeout_ms`; the first time it only arms what wakes it, for
 * what came before that does not wake and is polled for once more. False: nothing can wake it. */
static bool wait_for_frame(struct dpdk_source *source, int timeout_ms)
{
    struct rte_epoll_event event;
    if (timeout_ms < 1)
        return false;
    if (!source->armed)
        return arm(source);
    source->sleeps++;
    if (source->bell >= 0 && !bell_wait(source->bell, timeout_ms))
        close_bell(source);
    else if (source->bell < 0)
        (void)rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, timeout_ms); /* polled next anyway */
    disarm(source);
    return true;
}

/* After an empty poll. The sleeps grow to their longest within 4 ms. */
static void back_off(struct dpdk_source *source, int64_t left_ns)
{
    if (source->empty++ < BUSY_POLLS)
        return;
    bool longest = source->sleep_us >= source->sleep_max_us;
    if (longest && wait_for_frame(source, (int)(left_ns / 1000000)))
        return;
    source->sleeps++;
    int64_t ns = source->sleep_us * 1000;
    struct timespec pause = {0, ns < left_ns ? ns : left_ns};
    (void)nanosleep(&pause, NULL); /* cut short by a signal: only an earlier poll */
    source->sleep_us *= 2;
    if (source->sleep_us > source->sleep_max_us)
        source->sleep_us = source->sleep_max_us;
}

static void wake_up(struct dpdk_source *source)
{
    disarm(source);
    source->empty = 0;
    source->sleep_us = SLEEP_FIRST_US;
}

/* ---- the link ---- */

/* The system's interface under a virtual device may vanish, for good or to be made anew: then the
 * device hears nothing any more. ERR_IO. */
static int look_at_interface(struct dpdk_source *source)
{
    struct interface_state state = {0};
    struct dpdk_port *port = source->port;
    int result = interface_look(port->interface, &state);
    if (result == ERR_NOT_FOUND || (result == 0 && state.index != port->interface_index)) {
        atomic_store_explicit(&port->broken, true, memory_order_relaxed);
        return ERR_IO;
    }
    source->trouble = interface_trouble(port->interface);
    return 0;
}

/* A driver that cannot say counts as up. */
static int look_at_link(struct dpdk_source *source, struct mono_time now)
{
    struct rte_eth_link link = {0};
    if (mono_before(now, source->link_look))
        return 0;
    source->link_look = mono_add_ms(now, LINK_LOOK_MS);
    set_sleep_max(source);
    if (source->port->interface[0] != '\0')
        return look_at_interface(source);
    bool down = rte_eth_link_get_nowait(source->port->id, &link) == 0 && !link.link_status;
    source->trouble = down ? "no link: cable or switch" : NULL;
    return 0;
}

/* ---- the source ---- */

static const char *source_trouble(struct capture_source *base)
{
    return ((const struct dpdk_source *)base)->trouble;
}

static int poll_queue(struct capture_source *base, struct capture_frame *frames, int max,
                      int timeout_ms)
{
    struct dpdk_source *source = (struct dpdk_source *)base;
    struct mono_time deadline = {0};
    release_held(source);
    know_thread(source);
    for (bool first = true;; first = false) {
        source->held_count =
            rte_eth_rx_burst(source->port->id, source->queue, source->held, (uint16_t)max);
        if (source->held_count > 0)
            break; /* what arrives proves the link */
        struct mono_time now = clock_mono(&clock_system);
        if (first)
            deadline = mono_add_ms(now, timeout_ms);
        if (look_at_link(source, now) != 0)
            return ERR_IO;
        if (!mono_before(now, deadline))
            return 0;
        back_off(source, deadline.ns - now.ns);
    }
    wake_up(source);
    fill_frames(source, frames);
    source->frames += source->held_count;
    return (int)source->held_count;
}

/* What the card counts, it counts for the whole port: told by its first queue alone. */
static void source_stats(struct capture_source *base, struct capture_stats *out)
{
    struct dpdk_source *source = (struct dpdk_source *)base;
    struct rte_eth_stats totals = {0};
    *out = (struct capture_stats){.frames = source->frames, .sleeps = source->sleeps};
    if (source->queue == 0 && rte_eth_stats_get(source->port->id, &totals) == 0) {
        out->missed = totals.imissed;
        out->no_buffer = totals.rx_nombuf;
        out->errors = totals.ierrors;
    }
}

static void close_source(struct capture_source *base)
{
    struct dpdk_source *source = (struct dpdk_source *)base;
    if (source->port) {
        release_held(source);
        disarm(source);
        close_bell(source);
        if (source->interrupts)
            (void)rte_eth_dev_rx_intr_ctl_q(source->port->id, source->queue, RTE_EPOLL_PER_THREAD,
                                            RTE_INTR_EVENT_DEL, NULL); /* the queue goes now */
        dpdk_port_release(source->port, source->queue);
    }
    if (source->registered_thread)
        rte_thread_unregister();
    free(source);
}

static const struct capture_ops dpdk_ops = {"dpdk", poll_queue, source_trouble, source_stats,
                                            close_source};

int capture_dpdk_open(const struct capture_dpdk_options *options, struct capture_source **out,
                      struct err_text *err)
{
    int result = dpdk_environment_start(options, err);
    if (result != 0)
        return result;
    struct dpdk_source *source = calloc(1, sizeof *source);
    if (!source)
        return err_set(err, ERR_NO_MEMORY, "dpdk: no memory");
    source->base.ops = &dpdk_ops;
    source->bell = -1;
    source->queue = options->queue;
    source->idle_backoff_us = options->idle_backoff_us;
    result = dpdk_port_take(options, &source->port, err);
    if (result != 0) {
        close_source(&source->base);
        return result;
    }
    set_sleep_max(source);
    wake_up(source);
    *out = &source->base;
    return 0;
}
