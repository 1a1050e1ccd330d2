/* See port.h. DPDK 22.11 programmer's guide, "Poll Mode Driver". */
#include "drivers/capture_dpdk/port.h"

#include <pthread.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/capture_dpdk/environment.h"
#include "gateway/base/interface.h"

enum {
    PORTS_MAX = 8,
    DESCRIPTORS = 4096,
    MBUFS = 8191, /* of a queue: its ring, a burst being held, and some */
    MBUF_CACHE = RTE_MEMPOOL_CACHE_MAX_SIZE, /* above a burst: its mbufs come again while warm */
    AF_PACKET_FRAMES = 512,                  /* of net_af_packet's ring, without framecnt= */
    SMALLEST_FRAME_BITS = 672                /* 64 bytes, preamble and gap */
};

static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static struct dpdk_port ports[PORTS_MAX]; /* under ports_lock */

/* ---- which port ---- */

/* A device that was not there when the environment started, or that was closed since. */
static void attach(const struct capture_dpdk_options *options)
{
    const char *device = dpdk_virtual_device(options, options->port);
    if (!device && strchr(options->port, ':')) /* a PCI address is its own description */
        device = options->port;
    if (device)
        (void)rte_dev_probe(device); /* whether there is a port now is looked at next */
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
    attach(options);
    if (have_port(options->port, out))
        return 0;
    if (options->port[0] != '\0')
        return err_set(err, ERR_NOT_FOUND, "dpdk: no port '%s' among %u", options->port,
                       rte_eth_dev_count_avail());
    return err_set(err, ERR_NOT_FOUND, "dpdk: no port at all");
}

/* The value of `key` ("iface=") in the device's arguments, "" when it is not there. */
static void device_argument(const struct capture_dpdk_options *options, const char *key, char *out,
                            size_t room)
{
    const char *device = dpdk_virtual_device(options, options->port);
    const char *at = device ? strstr(device, key) : NULL;
    size_t size = at ? strcspn(at + strlen(key), ",") : 0;
    out[0] = '\0';
    if (size == 0 || size >= room)
        return;
    memcpy(out, at + strlen(key), size);
    out[size] = '\0';
}

/* Notes the system's interface the device hangs on, if it names one. */
static void note_interface(struct dpdk_port *port, const struct capture_dpdk_options *options)
{
    struct interface_state state = {0};
    device_argument(options, "iface=", port->interface, sizeof port->interface);
    if (port->interface[0] != '\0' && interface_look(port->interface, &state) == 0)
        port->interface_index = state.index;
}

/* ---- setting up ---- */

static int make_pools(struct dpdk_port *port, const struct capture_dpdk_options *options,
                      struct err_text *err)
{
    unsigned mbufs = options->mbufs > 0 ? (unsigned)options->mbufs : MBUFS;
    uint16_t room = (uint16_t)(options->data_room_bytes > 0 ? options->data_room_bytes
                                                            : RTE_MBUF_DEFAULT_BUF_SIZE);
    for (uint16_t q = 0; q < port->queue_count; q++) {
        char name[32];
        snprintf(name, sizeof name, "capture_%u_%u", port->id, q);
        port->pools[q] = rte_pktmbuf_pool_create(name, mbufs, MBUF_CACHE, 0, room,
                                                 rte_eth_dev_socket_id(port->id));
        if (!port->pools[q])
            return err_set(err, ERR_NO_MEMORY, "dpdk: pool of %u mbufs: %s", mbufs,
                           rte_strerror(rte_errno));
    }
    return 0;
}

/* Frames of one camera go to one queue, so that its counters come in order: spread by address. */
static int configure(struct dpdk_port *port, const struct rte_eth_dev_info *info)
{
    struct rte_eth_conf conf = {0};
    uint64_t spread = RTE_ETH_RSS_IP & info->flow_type_rss_offloads;
    if (port->queue_count > 1 && spread != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = spread;
    }
    conf.intr_conf.rxq = 1;
    port->interrupts = rte_eth_dev_configure(port->id, port->queue_count, 0, &conf) == 0;
    if (port->interrupts)
        return 0;
    conf.intr_conf.rxq = 0;
    return rte_eth_dev_configure(port->id, port->queue_count, 0, &conf);
}

static int start(struct dpdk_port *port, const struct capture_dpdk_options *options,
                 const struct rte_eth_dev_info *info)
{
    uint16_t descriptors =
        (uint16_t)(options->descriptors > 0 ? options->descriptors : DESCRIPTORS);
    int socket = rte_eth_dev_socket_id(port->id);
    int result = configure(port, info);
    if (result == 0)
        result = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &descriptors, NULL);
    for (uint16_t q = 0; result == 0 && q < port->queue_count; q++)
        result = rte_eth_rx_queue_setup(port->id, q, descriptors, (unsigned)socket, NULL,
                                        port->pools[q]);
    if (result == 0)
        result = rte_eth_dev_start(port->id);
    port->started = result == 0;
    port->ring_count = descriptors;
    return result;
}

/* net_af_packet's ring is the kernel's and has a size of its own. */
static void note_ring(struct dpdk_port *port, const struct capture_dpdk_options *options)
{
    char text[16];
    if (port->interface[0] == '\0')
        return;
    device_argument(options, "framecnt=", text, sizeof text);
    long frames = text[0] != '\0' ? strtol(text, NULL, 10) : AF_PACKET_FRAMES;
    if (frames > 0 && frames < (long)port->ring_count)
        port->ring_count = (uint32_t)frames;
}

static int set_up(struct dpdk_port *port, const struct capture_dpdk_options *options,
                  struct err_text *err)
{
    struct rte_eth_dev_info info = {0};
    int result = rte_eth_dev_info_get(port->id, &info);
    note_interface(port, options);
    if (result == 0 && port->queue_count > info.max_rx_queues)
        return err_set(err, ERR_NOT_FOUND,
                       "dpdk: port '%s': queues = '%u': it has %u receive queues", options->port,
                       port->queue_count, info.max_rx_queues);
    int made = make_pools(port, options, err);
    if (made != 0)
        return made;
    if (result == 0)
        result = start(port, options, &info);
    note_ring(port, options);
    return result == 0 ? 0
                       : err_set(err, ERR_IO, "dpdk: port %u: %s", port->id, rte_strerror(-result));
}

static void take_down(struct dpdk_port *port)
{
    struct rte_eth_dev_info info = {0};
    bool known = rte_eth_dev_info_get(port->id, &info) == 0;
    if (port->started)
        (void)rte_eth_dev_stop(port->id); /* nothing left to do if it refuses */
    (void)rte_eth_dev_close(port->id);    /* the same */
    if (known && info.device)
        (void)rte_dev_remove(info.device); /* the same: opening it again says so */
    for (uint16_t q = 0; q < port->queue_count; q++)
        rte_mempool_free(port->pools[q]);
    memset(port, 0, sizeof *port);
}

/* ---- sharing ---- */

static struct dpdk_port *open_port(uint16_t id)
{
    for (size_t i = 0; i < PORTS_MAX; i++)
        if (ports[i].queues_taken != 0 && ports[i].id == id)
            return &ports[i];
    return NULL;
}

static struct dpdk_port *free_place(void)
{
    for (size_t i = 0; i < PORTS_MAX; i++)
        if (ports[i].queues_taken == 0)
            return &ports[i];
    return NULL;
}

static int join(struct dpdk_port *port, const struct capture_dpdk_options *options,
                uint16_t queue_count, struct err_text *err)
{
    const char *name = options->port[0] != '\0' ? options->port : "the first";
    if (atomic_load_explicit(&port->broken, memory_order_relaxed))
        return err_set(err, ERR_CONFLICT, "dpdk: port '%s' is being closed", name);
    if (port->queue_count != queue_count)
        return err_set(err, ERR_CONFLICT, "dpdk: port '%s' is open with %u queues, not %u", name,
                       port->queue_count, queue_count);
    if (port->queues_taken >> options->queue & 1)
        return err_set(err, ERR_CONFLICT, "dpdk: port '%s': queue %u is taken", name,
                       options->queue);
    return 0;
}

static int take_locked(const struct capture_dpdk_options *options, struct dpdk_port **out,
                       struct err_text *err)
{
    uint16_t queue_count = options->queue_count > 0 ? options->queue_count : 1;
    uint16_t id;
    if (queue_count > CAPTURE_DPDK_QUEUES_MAX || options->queue >= queue_count)
        return err_set(err, ERR_INVALID, "dpdk: queue %u of %u: expected at most %d queues",
                       options->queue, queue_count, CAPTURE_DPDK_QUEUES_MAX);
    if (options->queue > 0 && (!have_port(options->port, &id) || !open_port(id)))
        return err_set(err, ERR_BUSY, "dpdk: port '%s' waits for its first queue", options->port);
    int result = find_port(options, &id, err);
    if (result != 0)
        return result;
    struct dpdk_port *port = open_port(id);
    if (port) {
        result = join(port, options, queue_count, err);
    } else {
        port = free_place();
        if (!port)
            return err_set(err, ERR_FULL, "dpdk: expected at most %d ports", PORTS_MAX);
        port->id = id;
        port->queue_count = queue_count;
        result = set_up(port, options, err);
        if (result != 0)
            take_down(port);
    }
    if (result == 0) {
        port->queues_taken |= UINT32_C(1) << options->queue;
        *out = port;
    }
    return result;
}

int dpdk_port_take(const struct capture_dpdk_options *options, struct dpdk_port **out,
                   struct err_text *err)
{
    /* Setting up takes a while: who would wait for it comes again instead. */
    if (pthread_mutex_trylock(&ports_lock) != 0)
        return err_set(err, ERR_BUSY, "dpdk: another source is being opened");
    int result = take_locked(options, out, err);
    pthread_mutex_unlock(&ports_lock);
    return result;
}

void dpdk_port_release(struct dpdk_port *port, uint16_t queue)
{
    pthread_mutex_lock(&ports_lock);
    port->queues_taken &= ~(UINT32_C(1) << queue);
    if (port->queues_taken == 0)
        take_down(port);
    pthread_mutex_unlock(&ports_lock);
}

/* ---- the line ---- */

/* Mbit/s of the system's interface, 0 when it does not say. */
static long interface_speed(const char *name)
{
    char path[64];
    char text[16] = "";
    snprintf(path, sizeof path, "/sys/class/net/%s/speed", name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    bool known = fgets(text, sizeof text, file) != NULL;
    (void)fclose(file); /* it was only read */
    long speed = known ? strtol(text, NULL, 10) : 0;
    return speed > 0 ? speed : 0;
}

int64_t dpdk_port_ring_us(const struct dpdk_port *port)
{
    enum { SPEED_UNKNOWN = 10000 };
    struct rte_eth_link link = {0};
    long speed = 0;
    if (port->interface[0] != '\0')
        speed = interface_speed(port->interface);
    else if (rte_eth_link_get_nowait(port->id, &link) == 0 &&
             link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
        speed = link.link_speed;
    if (speed <= 0)
        speed = SPEED_UNKNOWN;
    return (int64_t)port->ring_count * SMALLEST_FRAME_BITS / speed;
}
