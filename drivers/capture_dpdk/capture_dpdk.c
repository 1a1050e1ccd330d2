/*
 * See capture_dpdk.h. Frames stay in their mbufs until the next poll; a frame of several segments
 * is copied into the source's own buffer. DPDK 22.11 programmer's guide, "Poll Mode Driver".
 */
#include "drivers/capture_dpdk/capture_dpdk.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/interface.h"

enum {
    DESCRIPTORS = 1024,
    MBUFS = 8191,
    MBUF_CACHE = 256,
    BUSY_POLLS = 50, /* empty polls before the first sleep */
    ARGS_TEXT_SIZE = 2048,
    LINK_LOOK_MS = 250 /* of an idle port */
};

struct dpdk_source {
    struct capture_source base;
    struct rte_mempool *pool;
    struct rte_mbuf *held[CAPTURE_BURST_MAX];
    int held_count;
    uint16_t port;
    bool held_port; /* `port` is ours */
    bool started;
    char interface[IFNAMSIZ]; /* the system's, under a virtual device; "" = none */
    unsigned interface_index; /* when the device was opened */
    const char *trouble;
    struct mono_time link_look; /* when to look again */
    int idle_backoff_us;
    uint64_t frames;
    uint8_t joined[CAPTURE_BURST_MAX][CAPTURE_FRAME_SIZE_MAX];
};

/* ---- environment ---- */

static pthread_mutex_t eal_lock = PTHREAD_MUTEX_INITIALIZER;
static char eal_started[ARGS_TEXT_SIZE]; /* arguments it was started with, "" = not yet */

static int join_args(const struct capture_dpdk_options *options, char out[ARGS_TEXT_SIZE],
                     struct err_text *err)
{
    size_t size = 0;
    out[0] = '\0';
    for (int i = 0; i < options->eal_arg_count; i++) {
        int more = snprintf(out + size, ARGS_TEXT_SIZE - size, "%s%s", i > 0 ? " " : "",
                            options->eal_args[i]);
        if (more < 0 || (size_t)more >= ARGS_TEXT_SIZE - size)
            return err_set(err, ERR_TOO_LARGE, "dpdk: EAL arguments longer than %d bytes",
                           ARGS_TEXT_SIZE);
        size += (size_t)more;
    }
    return 0;
}

/* An EAL that failed half-way cannot be tried again in this process: the first reason stands. */
static int eal_failed(const char *args, int code, struct err_text *err)
{
    static int first_code; /* under eal_lock */
    if (code != EALREADY)
        first_code = code;
    return err_set(err, ERR_IO, "dpdk: EAL refused '%s': %s%s", args, rte_strerror(first_code),
                   code == EALREADY ? "; correct it and start the program anew" : "");
}

static int start_eal_locked(const struct capture_dpdk_options *options, const char *args,
                            struct err_text *err)
{
    char *argv[CAPTURE_DPDK_EAL_ARGS_MAX + 2];
    char program[] = "checkpoint-matchd";
    char text[ARGS_TEXT_SIZE];
    size_t size = 0;
    argv[0] = program;
    for (int i = 0; i < options->eal_arg_count; i++) {
        size_t bytes = strlen(options->eal_args[i]) + 1;
        memcpy(text + size, options->eal_args[i], bytes); /* join_args checked the sum */
        argv[i + 1] = text + size;
        size += bytes;
    }
    argv[options->eal_arg_count + 1] = NULL;
    /* The EAL pins the calling thread to its main core: where threads run is the program's say. */
    cpu_set_t cores;
    bool known = pthread_getaffinity_np(pthread_self(), sizeof cores, &cores) == 0;
    int result = rte_eal_init(options->eal_arg_count + 1, argv);
    if (known)
        (void)pthread_setaffinity_np(pthread_self(), sizeof cores, &cores); /* as it was before */
    if (result < 0)
        return eal_failed(args, rte_errno, err);
    snprintf(eal_started, sizeof eal_started, "%s", args[0] ? args : " ");
    return 0;
}

static int start_eal(const struct capture_dpdk_options *options, struct err_text *err)
{
    char args[ARGS_TEXT_SIZE];
    int result = join_args(options, args, err);
    if (result != 0)
        return result;
    pthread_mutex_lock(&eal_lock);
    if (eal_started[0] == '\0')
        result = start_eal_locked(options, args, err);
    else if (strcmp(eal_started, args[0] ? args : " ") != 0)
        result = err_set(err, ERR_CONFLICT, "dpdk: EAL arguments '%s', running with '%s'", args,
                         eal_started);
    pthread_mutex_unlock(&eal_lock);
    return result;
}

/* ---- frames ---- */

static void release_held(struct dpdk_source *source)
{
    for (int i = 0; i < source->held_count; i++)
        rte_pktmbuf_free(source->held[i]);
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

static void fill_frame(struct dpdk_source *source, int slot, struct capture_frame *out)
{
    const struct rte_mbuf *mbuf = source->held[slot];
    uint32_t wire = rte_pktmbuf_pkt_len(mbuf);
    uint32_t size = wire < CAPTURE_FRAME_SIZE_MAX ? wire : CAPTURE_FRAME_SIZE_MAX;
    *out = (struct capture_frame){
        .data = rte_pktmbuf_read(mbuf, 0, size, source->joined[slot]),
        .size_bytes = size,
        .wire_size_bytes = wire,
        .mono = clock_mono(&clock_system),
        .wall = clock_wall(&clock_system),
    };
}

static void back_off(const struct dpdk_source *source, unsigned empty_polls)
{
    if (empty_polls < BUSY_POLLS)
        return;
    int64_t us = empty_polls - BUSY_POLLS + 1;
    if (us > source->idle_backoff_us)
        us = source->idle_backoff_us;
    struct timespec pause = {0, us * 1000};
    nanosleep(&pause, NULL); /* cut short by a signal: only an earlier poll */
}

/* The system's interface under a virtual device may vanish, for good or to be made anew: then the
 * device hears nothing any more. ERR_IO. */
static int look_at_interface(struct dpdk_source *source)
{
    struct interface_state state = {0};
    int result = interface_look(source->interface, &state);
    if (result == ERR_NOT_FOUND || (result == 0 && state.index != source->interface_index))
        return ERR_IO;
    source->trouble = interface_trouble(source->interface);
    return 0;
}

/* A driver that cannot say counts as up. */
static int look_at_link(struct dpdk_source *source, struct mono_time now)
{
    struct rte_eth_link link = {0};
    if (mono_before(now, source->link_look))
        return 0;
    source->link_look = mono_add_ms(now, LINK_LOOK_MS);
    if (source->interface[0] != '\0')
        return look_at_interface(source);
    bool down = rte_eth_link_get_nowait(source->port, &link) == 0 && !link.link_status;
    source->trouble = down ? "no link: cable or switch" : NULL;
    return 0;
}

static const char *port_trouble(struct capture_source *base)
{
    return ((const struct dpdk_source *)base)->trouble;
}

static int poll_port(struct capture_source *base, struct capture_frame *frames, int max,
                     int timeout_ms)
{
    struct dpdk_source *source = (struct dpdk_source *)base;
    struct mono_time deadline = mono_add_ms(clock_mono(&clock_system), timeout_ms);
    release_held(source);
    for (unsigned empty = 0;; empty++) {
        source->held_count = rte_eth_rx_burst(source->port, 0, source->held, (uint16_t)max);
        if (source->held_count > 0)
            break; /* what arrives proves the link */
        struct mono_time now = clock_mono(&clock_system);
        if (look_at_link(source, now) != 0)
            return ERR_IO;
        if (!mono_before(now, deadline))
            return 0;
        back_off(source, empty);
    }
    for (int i = 0; i < source->held_count; i++) {
        put_tag_back(&source->held[i]);
        fill_frame(source, i, &frames[i]);
    }
    source->frames += (uint64_t)source->held_count;
    return source->held_count;
}

static void port_stats(struct capture_source *base, struct capture_stats *out)
{
    struct dpdk_source *source = (struct dpdk_source *)base;
    struct rte_eth_stats totals = {0};
    bool known = rte_eth_stats_get(source->port, &totals) == 0;
    *out = (struct capture_stats){.frames = source->frames};
    if (known) {
        out->dropped = totals.imissed + totals.rx_nombuf;
        out->errors = totals.ierrors;
    }
}

/* The device goes too: a closed port is never given out again, attach_port() makes a new one. */
static void close_port(struct capture_source *base)
{
    struct dpdk_source *source = (struct dpdk_source *)base;
    struct rte_eth_dev_info info = {0};
    release_held(source);
    if (source->held_port) {
        bool known = rte_eth_dev_info_get(source->port, &info) == 0;
        if (source->started)
            (void)rte_eth_dev_stop(source->port); /* nothing left to do if it refuses */
        (void)rte_eth_dev_close(source->port);    /* the same */
        if (known && info.device)
            (void)rte_dev_remove(info.device); /* the same: opening it again says so */
    }
    rte_mempool_free(source->pool);
    free(source);
}

static const struct capture_ops dpdk_ops = {"dpdk", poll_port, port_trouble, port_stats,
                                            close_port};

/* ---- opening ---- */

/* What the arguments say of the virtual device `name` ("" = of the first one), NULL: nothing. */
static const char *virtual_device(const struct capture_dpdk_options *options, const char *name)
{
    static const char option[] = "--vdev=";
    size_t size = strlen(name);
    for (int i = 0; i < options->eal_arg_count; i++) {
        const char *device = options->eal_args[i] + sizeof option - 1;
        if (strncmp(options->eal_args[i], option, sizeof option - 1) == 0 &&
            (size == 0 || (strncmp(device, name, size) == 0 && strchr(",", device[size]))))
            return device;
    }
    return NULL;
}

/* A device that was not there when the environment started, or that was closed since. */
static void attach_port(const struct capture_dpdk_options *options)
{
    const char *device = virtual_device(options, options->port);
    if (!device && strchr(options->port, ':')) /* a PCI address is its own description */
        device = options->port;
    if (device)
        (void)rte_dev_probe(device); /* whether there is a port now is looked at next */
}

/* Notes the system's interface the device hangs on, if it names one. */
static void note_interface(struct dpdk_source *source, const struct capture_dpdk_options *options)
{
    static const char key[] = "iface=";
    struct interface_state state = {0};
    const char *device = virtual_device(options, options->port);
    const char *at = device ? strstr(device, key) : NULL;
    size_t size = at ? strcspn(at + sizeof key - 1, ",") : 0;
    if (size == 0 || size >= sizeof source->interface)
        return;
    memcpy(source->interface, at + sizeof key - 1, size);
    if (interface_look(source->interface, &state) == 0)
        source->interface_index = state.index;
}

static bool have_port(const char *name, uint16_t *out)
{
    if (name[0] != '\0')
        return rte_eth_dev_get_port_by_name(name, out) == 0;
    uint64_t first = rte_eth_find_next(0);
    *out = (uint16_t)first;
    return first < RTE_MAX_ETHPORTS;
}

static int find_port(const struct capture_dpdk_options *options, uint16_t *out,
                     struct err_text *err)
{
    if (have_port(options->port, out))
        return 0;
    attach_port(options);
    if (have_port(options->port, out))
        return 0;
    if (options->port[0] != '\0')
        return err_set(err, ERR_NOT_FOUND, "dpdk: no port '%s' among %u", options->port,
                       rte_eth_dev_count_avail());
    return err_set(err, ERR_NOT_FOUND, "dpdk: no port at all");
}

static int setup_port(struct dpdk_source *source, const struct capture_dpdk_options *options,
                      struct err_text *err)
{
    struct rte_eth_conf conf = {0};
    uint16_t descriptors =
        (uint16_t)(options->descriptors > 0 ? options->descriptors : DESCRIPTORS);
    unsigned mbufs = options->mbufs > 0 ? (unsigned)options->mbufs : MBUFS;
    int socket = rte_eth_dev_socket_id(source->port);
    char name[32];
    snprintf(name, sizeof name, "capture_%u", source->port);
    uint16_t room = (uint16_t)(options->data_room_bytes > 0 ? options->data_room_bytes
                                                            : RTE_MBUF_DEFAULT_BUF_SIZE);
    source->pool = rte_pktmbuf_pool_create(name, mbufs, MBUF_CACHE, 0, room, socket);
    if (!source->pool)
        return err_set(err, ERR_NO_MEMORY, "dpdk: pool of %u mbufs: %s", mbufs,
                       rte_strerror(rte_errno));
    source->held_port = true; /* a pool of that name would have said that another source has it */
    int result = rte_eth_dev_configure(source->port, 1, 0, &conf);
    if (result == 0)
        result = rte_eth_dev_adjust_nb_rx_tx_desc(source->port, &descriptors, NULL);
    if (result == 0)
        result = rte_eth_rx_queue_setup(source->port, 0, descriptors, (unsigned)socket, NULL,
                                        source->pool);
    if (result == 0)
        result = rte_eth_dev_start(source->port);
    if (result != 0)
        return err_set(err, ERR_IO, "dpdk: port %u: %s", source->port, rte_strerror(-result));
    source->started = true;
    return 0;
}

int capture_dpdk_open(const struct capture_dpdk_options *options, struct capture_source **out,
                      struct err_text *err)
{
    int result = start_eal(options, err);
    if (result != 0)
        return result;
    struct dpdk_source *source = calloc(1, sizeof *source);
    if (!source)
        return err_set(err, ERR_NO_MEMORY, "dpdk: no memory");
    source->base.ops = &dpdk_ops;
    source->idle_backoff_us =
        options->idle_backoff_us > 0 ? options->idle_backoff_us : CAPTURE_DPDK_BACKOFF_US;
    result = find_port(options, &source->port, err);
    if (result == 0) {
        note_interface(source, options);
        result = setup_port(source, options, err);
    }
    if (result != 0) {
        close_port(&source->base);
        return result;
    }
    *out = &source->base;
    return 0;
}
