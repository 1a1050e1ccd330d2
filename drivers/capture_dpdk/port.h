/*
 * A port shared by the sources of its receive queues: the first to come sets it up with all of
 * them, the last to go takes it down. Internal to this driver. Taking and releasing lock; what a
 * taken port says is fixed.
 */
#pragma once

#include <net/if.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <stdatomic.h>

#include "drivers/capture_dpdk/capture_dpdk.h"

struct dpdk_port {
    uint16_t id;
    uint16_t queue_count;
    uint32_t queues_taken; /* by bit; 0: this place is free */
    bool started;
    bool interrupts;          /* its queues can wake a sleeper */
    uint32_t ring_count;      /* frames a queue's ring holds */
    atomic_bool broken;       /* relaxed: only taken down from now on */
    char interface[IFNAMSIZ]; /* the system's, under a virtual device; "" = none */
    unsigned interface_index; /* when the device was opened */
    struct rte_mempool *pools[CAPTURE_DPDK_QUEUES_MAX];
};

/* Takes queue options->queue. ERR_NOT_FOUND (no such port, no such queue), ERR_CONFLICT (the queue
 * is taken, or the port open with other queues), ERR_BUSY (another one has to be opened first,
 * or is just being), ERR_NO_MEMORY, ERR_IO. */
int dpdk_port_take(const struct capture_dpdk_options *options, struct dpdk_port **out,
                   struct err_text *err) MUST_CHECK;
/* With the last queue the device goes too: a closed port is never given out again. */
void dpdk_port_release(struct dpdk_port *port, uint16_t queue);
/* How long the ring takes frames at the line's rate while nobody polls, us. */
int64_t dpdk_port_ring_us(const struct dpdk_port *port);
