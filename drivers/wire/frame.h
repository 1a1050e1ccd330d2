/*
 * From an Ethernet frame to a UDP payload: up to two VLAN tags (IEEE 802.1Q, 802.1ad), IPv4 (RFC
 * 791) and IPv6 with extension headers (RFC 8200), UDP (RFC 768) with its checksum over both. Every
 * length is checked against the bytes at hand; what is refused has a named cause. Nothing is
 * reassembled: a camera's read fits one frame. Pure, no allocation, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum {
    FRAME_PORTS_MAX = 8,
    FRAME_VLANS_MAX = 2,
    FRAME_MAC_SIZE = 6,
    FRAME_ADDRESS_SIZE = 16 /* IPv4 uses the first four bytes, the rest is 0 */
};

enum frame_cause {
    FRAME_OK,
    FRAME_TRUNCATED,    /* shorter than its own headers or lengths say */
    FRAME_VLAN_DEPTH,   /* more than two VLAN tags */
    FRAME_NOT_IP,       /* ARP, LLDP, … */
    FRAME_BAD_HEADER,   /* version, header length, total length that contradict each other */
    FRAME_IP_CHECKSUM,  /* IPv4 header checksum */
    FRAME_FRAGMENT,     /* a part of a datagram */
    FRAME_EXTENSION,    /* IPv6 extension header out of place, too many, or routing still to do */
    FRAME_NOT_UDP,      /* another protocol */
    FRAME_FOREIGN_PORT, /* UDP to a port that is not ours */
    FRAME_UDP_LENGTH,   /* UDP length and IP length contradict each other */
    FRAME_UDP_CHECKSUM, /* wrong, or absent over IPv6 */
    FRAME_CAUSE_COUNT
};

struct frame_filter {
    uint16_t ports[FRAME_PORTS_MAX]; /* UDP destination ports that are ours */
    size_t port_count;
    /* A frame sent and captured on one machine (loopback, veth, tap) holds only the pseudo header's
     * sum where its checksum will be; Linux calls it CHECKSUM_PARTIAL. Accepted if set: for tests
     * and the demo, never on a wire. */
    bool accept_partial_checksum;
};

struct frame_info {
    uint8_t source_mac[FRAME_MAC_SIZE];
    uint8_t vlan_count;              /* priority tags (VLAN 0) are not counted */
    uint16_t vlans[FRAME_VLANS_MAX]; /* 1-4095, outer first */
    uint8_t family;                  /* 4 or 6 */
    uint8_t source_address[FRAME_ADDRESS_SIZE];
    uint16_t source_port;
    uint16_t port;          /* destination */
    const uint8_t *payload; /* inside the frame */
    size_t payload_size;    /* bytes */
};

/* Parses `size_bytes` captured bytes from the destination MAC on, without FCS; bytes behind the IP
 * datagram (padding) are ignored. `out` is written only on FRAME_OK. */
enum frame_cause frame_parse(const struct frame_filter *filter, const uint8_t *data,
                             size_t size_bytes, struct frame_info *out) MUST_CHECK;

/* Stable lower-case name for counters ("udp_checksum"). */
const char *frame_cause_name(enum frame_cause cause);
