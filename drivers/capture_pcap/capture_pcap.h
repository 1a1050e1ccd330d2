/*
 * Capture sources over libpcap: a live interface and the replay of a pcap or pcapng file. Ethernet
 * links only (DLT_EN10MB); Linux' loopback is one.
 */
#pragma once

#include <stddef.h>

#include "drivers/api/capture.h"

enum { CAPTURE_PCAP_PORTS_MAX = 8 };

struct capture_pcap_live_options {
    const char *interface;
    bool promiscuous; /* only for a mirror port: cameras address their reads to us */
    int buffer_bytes; /* the kernel's ring, 0 = 8 MiB */
    /* UDP destination ports: the kernel hands us what goes to them, under up to two VLAN tags,
     * and what cannot be told yet (fragments, IPv6 extension headers); port_count 0: everything. */
    uint16_t ports[CAPTURE_PCAP_PORTS_MAX];
    size_t port_count;
};

struct capture_pcap_replay_options {
    const char *path;
    bool full_speed; /* false: at the recorded pace, gaps above 60 s cut to 60 s */
};

/* *out is for capture_close(). ERR_IO, ERR_DENIED (no right to capture), ERR_NOT_FOUND (no such
 * interface or file), ERR_UNSUPPORTED (not Ethernet), ERR_INVALID (not a capture file),
 * ERR_NO_MEMORY; `err` names the interface or file. */
int capture_pcap_open_live(const struct capture_pcap_live_options *options,
                           struct capture_source **out, struct err_text *err) MUST_CHECK;
int capture_pcap_open_replay(const struct capture_pcap_replay_options *options,
                             struct capture_source **out, struct err_text *err) MUST_CHECK;
