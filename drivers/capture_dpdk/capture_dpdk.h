/*
 * Capture source over DPDK: any port or virtual device (net_pcap, net_af_packet, …) in poll mode,
 * one queue. The environment (EAL) exists once a process: the first open starts it with its
 * arguments, later ones must give the same.
 */
#pragma once

#include "drivers/api/capture.h"

enum {
    CAPTURE_DPDK_EAL_ARGS_MAX = 24,
    /* At 1 Gbit/s 740 of the smallest frames come in that time: fewer than there are descriptors.
     */
    CAPTURE_DPDK_BACKOFF_US = 500
};

struct capture_dpdk_options {
    /* EAL arguments without the program name: "--no-huge", "--no-pci", "--vdev=net_pcap0,…" */
    const char *eal_args[CAPTURE_DPDK_EAL_ARGS_MAX];
    int eal_arg_count;
    const char *port;    /* device name, "net_pcap0" or "0000:03:00.0"; "" = the first port */
    int descriptors;     /* of the receive ring, 0 = 1024 */
    int mbufs;           /* of the pool, 0 = 8191 */
    int data_room_bytes; /* of an mbuf, its 128 bytes of headroom too; 0 = 2176 */
    /* Longest sleep between empty polls, 0 = CAPTURE_DPDK_BACKOFF_US; busy polling below 50 empty
     * polls. */
    int idle_backoff_us;
};

/* *out is for capture_close(), which stops the port; the environment stays until the process ends.
 * ERR_IO, ERR_NOT_FOUND (no such port), ERR_CONFLICT (other arguments than the first time); `err`
 * says what DPDK refused. */
int capture_dpdk_open(const struct capture_dpdk_options *options, struct capture_source **out,
                      struct err_text *err) MUST_CHECK;
