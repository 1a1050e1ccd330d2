/*
 * Capture source over DPDK: one receive queue of any port or virtual device (net_pcap,
 * net_af_packet, …) in poll mode; the sources of a port's queues share it. The environment (EAL)
 * exists once a process: the first open starts it with its arguments, later ones must give the
 * same.
 */
#pragma once

#include "drivers/api/capture.h"

enum {
    CAPTURE_DPDK_EAL_ARGS_MAX = 24,
    CAPTURE_DPDK_QUEUES_MAX = 16,
    /* An idle source sleeps until a frame comes, where the port has receive interrupts or is a
     * virtual device over an interface of the system. Elsewhere it sleeps between empty polls, no
     * longer than half the time its ring takes frames at the line's rate, within these two. 4096
     * frames are 2.75 ms of the smallest at 1 Gbit/s and 275 us at 10 Gbit/s; a ring below 400 us
     * is smaller than idle sleeping needs. */
    CAPTURE_DPDK_SLEEP_MIN_US = 200,
    CAPTURE_DPDK_SLEEP_MAX_US = 1000
};

struct capture_dpdk_options {
    /* EAL arguments without the program name: "--no-huge", "--no-pci", "--vdev=net_pcap0,…" */
    const char *eal_args[CAPTURE_DPDK_EAL_ARGS_MAX];
    int eal_arg_count;
    const char *port;     /* device name, "net_pcap0" or "0000:03:00.0"; "" = the first port */
    uint16_t queue;       /* which of them this source reads; all must be opened */
    uint16_t queue_count; /* 0 = 1; the same for all of a port */
    int descriptors;      /* of the receive ring, 0 = 4096, or what the port can */
    int mbufs;            /* of the queue's pool, 0 = 8191 */
    int data_room_bytes;  /* of an mbuf, its 128 bytes of headroom too; 0 = 2176 */
    int idle_backoff_us;  /* longest sleep between empty polls, 0 = by the ring, as above */
};

/* *out is for capture_close(); with the last of a port's sources the port stops, the environment
 * stays until the process ends. ERR_IO, ERR_NOT_FOUND (no such port or queue), ERR_CONFLICT (other
 * arguments or queues than the first time, a queue that is taken), ERR_INVALID, ERR_NO_MEMORY;
 * `err` says what DPDK refused. */
int capture_dpdk_open(const struct capture_dpdk_options *options, struct capture_source **out,
                      struct err_text *err) MUST_CHECK;
