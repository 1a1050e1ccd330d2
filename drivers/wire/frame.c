/*
 * Ethernet, VLAN, IPv4, IPv6, UDP over one bounded cursor. No state.
 */
#include "drivers/wire/frame.h"

#include <string.h>

#include "gateway/base/bytes.h"

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86DD,
    TYPE_VLAN = 0x8100,     /* 802.1Q */
    TYPE_PROVIDER = 0x88A8, /* 802.1ad */
    TYPE_OLD_QINQ = 0x9100,
    VLAN_ID_MASK = 0x0FFF,
    IPV4_HEADER_MIN = 20,
    IPV4_MORE_OR_OFFSET = 0x3FFF,
    IPV6_HEADER = 40,
    IPV6_FRAGMENT_OFFSET_OR_MORE = 0xFFF9,
    UDP_HEADER = 8,
    EXTENSIONS_MAX = 8,
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_UDP = 17,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION = 60
};

/* One's complement sum of big-endian 16-bit words (RFC 1071), not folded. */
static uint64_t sum_words(const uint8_t *data, size_t size)
{
    uint64_t sum = 0;
    size_t at = 0;
    for (; at + 1 < size; at += 2)
        sum += (uint64_t)data[at] << 8 | data[at + 1];
    if (at < size)
        sum += (uint64_t)data[at] << 8;
    return sum;
}

static uint16_t fold_sum(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

struct ip_payload {
    const uint8_t *addresses; /* source and destination, side by side */
    size_t addresses_size;
    const uint8_t *data;
    size_t size;
};

static enum frame_cause parse_link(struct byte_reader *r, struct frame_info *f, uint16_t *out_type)
{
    (void)byte_read_bytes(r, FRAME_MAC_SIZE); /* destination: the card has chosen */
    const uint8_t *source = byte_read_bytes(r, FRAME_MAC_SIZE);
    uint16_t type = byte_read_be16(r);
    if (r->failed)
        return FRAME_TRUNCATED;
    memcpy(f->source_mac, source, FRAME_MAC_SIZE);
    for (int tags = 0; type == TYPE_VLAN || type == TYPE_PROVIDER || type == TYPE_OLD_QINQ;
         tags++) {
        if (tags == FRAME_VLANS_MAX)
            return FRAME_VLAN_DEPTH;
        uint16_t vlan = byte_read_be16(r) & VLAN_ID_MASK;
        type = byte_read_be16(r);
        if (r->failed)
            return FRAME_TRUNCATED;
        if (vlan != 0)
            f->vlans[f->vlan_count++] = vlan;
    }
    *out_type = type;
    return FRAME_OK;
}

static enum frame_cause parse_ipv4(struct byte_reader *r, struct frame_info *f,
                                   struct ip_payload *out)
{
    const uint8_t *start = r->data + r->at;
    size_t left = byte_reader_left(r);
    if (left < IPV4_HEADER_MIN)
        return FRAME_TRUNCATED;
    size_t header = (size_t)(start[0] & 0x0F) * 4;
    size_t total = (size_t)start[2] << 8 | start[3];
    if (start[0] >> 4 != 4 || header < IPV4_HEADER_MIN || total < header)
        return FRAME_BAD_HEADER;
    if (left < header)
        return FRAME_TRUNCATED;
    if (fold_sum(sum_words(start, header)) != 0xFFFF)
        return FRAME_IP_CHECKSUM;
    if (((uint32_t)start[6] << 8 | start[7]) & IPV4_MORE_OR_OFFSET)
        return FRAME_FRAGMENT;
    if (start[9] != PROTOCOL_UDP)
        return FRAME_NOT_UDP;
    if (left < total)
        return FRAME_TRUNCATED;
    f->family = 4;
    memcpy(f->source_address, start + 12, 4);
    *out = (struct ip_payload){start + 12, 8, start + header, total - header};
    return FRAME_OK;
}

/* Steps over one extension header; *next becomes the protocol behind it. */
static enum frame_cause skip_extension(struct byte_reader *r, uint8_t *next)
{
    uint8_t protocol = *next;
    const uint8_t *first = byte_read_bytes(r, 8);
    if (!first)
        return FRAME_TRUNCATED;
    if (protocol == PROTOCOL_FRAGMENT) {
        if (((uint32_t)first[2] << 8 | first[3]) & IPV6_FRAGMENT_OFFSET_OR_MORE)
            return FRAME_FRAGMENT; /* an atomic fragment (RFC 6946) is whole and goes on */
    } else if (protocol == PROTOCOL_ROUTING && first[3] != 0) {
        return FRAME_EXTENSION; /* segments left: we are not its last stop */
    } else {
        size_t more = protocol == PROTOCOL_AUTHENTICATION ? (size_t)first[1] * 4 + 8
                                                          : (size_t)first[1] * 8 + 8;
        if (!byte_read_bytes(r, more - 8))
            return FRAME_TRUNCATED;
    }
    *next = first[0];
    return FRAME_OK;
}

static bool is_extension(uint8_t protocol)
{
    return protocol == PROTOCOL_HOP_BY_HOP || protocol == PROTOCOL_ROUTING ||
           protocol == PROTOCOL_FRAGMENT || protocol == PROTOCOL_AUTHENTICATION ||
           protocol == PROTOCOL_DESTINATION;
}

static enum frame_cause parse_ipv6(struct byte_reader *r, struct frame_info *f,
                                   struct ip_payload *out)
{
    const uint8_t *start = byte_read_bytes(r, IPV6_HEADER);
    if (!start)
        return FRAME_TRUNCATED;
    size_t size = (size_t)start[4] << 8 | start[5];
    if (start[0] >> 4 != 6)
        return FRAME_BAD_HEADER;
    bool cut = byte_reader_left(r) < size;
    struct byte_reader inner;
    byte_reader_init(&inner, r->data + r->at, cut ? byte_reader_left(r) : size);
    uint8_t next = start[6];
    for (int steps = 0; is_extension(next); steps++) {
        if (steps == EXTENSIONS_MAX || (next == PROTOCOL_HOP_BY_HOP && steps > 0))
            return FRAME_EXTENSION;
        enum frame_cause cause = skip_extension(&inner, &next);
        if (cause != FRAME_OK)
            return cause;
    }
    if (next != PROTOCOL_UDP)
        return FRAME_NOT_UDP;
    if (cut)
        return FRAME_TRUNCATED;
    f->family = 6;
    memcpy(f->source_address, start + 8, FRAME_ADDRESS_SIZE);
    *out = (struct ip_payload){start + 8, 2 * FRAME_ADDRESS_SIZE, inner.data + inner.at,
                               byte_reader_left(&inner)};
    return FRAME_OK;
}

static bool port_is_ours(const struct frame_filter *filter, uint16_t port)
{
    for (size_t i = 0; i < filter->port_count && i < FRAME_PORTS_MAX; i++)
        if (filter->ports[i] == port)
            return true;
    return false;
}

static bool udp_checksum_ok(const struct frame_filter *filter, const struct frame_info *f,
                            const struct ip_payload *ip)
{
    uint16_t stated = (uint16_t)(ip->data[6] << 8 | ip->data[7]);
    if (stated == 0)
        return f->family == 4; /* RFC 768: none was made; RFC 8200 section 8.1: not over IPv6 */
    uint64_t pseudo = sum_words(ip->addresses, ip->addresses_size) + PROTOCOL_UDP + ip->size;
    if (fold_sum(pseudo + sum_words(ip->data, ip->size)) == 0xFFFF)
        return true;
    return filter->accept_partial_checksum && stated == fold_sum(pseudo);
}

static enum frame_cause parse_udp(const struct frame_filter *filter, const struct ip_payload *ip,
                                  struct frame_info *f)
{
    struct byte_reader r;
    byte_reader_init(&r, ip->data, ip->size);
    f->source_port = byte_read_be16(&r);
    f->port = byte_read_be16(&r);
    size_t length = byte_read_be16(&r);
    (void)byte_read_be16(&r); /* the checksum, looked at below */
    if (r.failed || length != ip->size)
        return FRAME_UDP_LENGTH;
    if (!port_is_ours(filter, f->port))
        return FRAME_FOREIGN_PORT;
    if (!udp_checksum_ok(filter, f, ip))
        return FRAME_UDP_CHECKSUM;
    f->payload = ip->data + UDP_HEADER;
    f->payload_size = ip->size - UDP_HEADER;
    return FRAME_OK;
}

enum frame_cause frame_parse(const struct frame_filter *filter, const uint8_t *data,
                             size_t size_bytes, struct frame_info *out)
{
    struct byte_reader r;
    struct frame_info f = {0};
    struct ip_payload ip;
    uint16_t type = 0;
    byte_reader_init(&r, data, size_bytes);
    enum frame_cause cause = parse_link(&r, &f, &type);
    if (cause != FRAME_OK)
        return cause;
    if (type == TYPE_IPV4)
        cause = parse_ipv4(&r, &f, &ip);
    else if (type == TYPE_IPV6)
        cause = parse_ipv6(&r, &f, &ip);
    else
        cause = FRAME_NOT_IP;
    if (cause == FRAME_OK)
        cause = parse_udp(filter, &ip, &f);
    if (cause == FRAME_OK)
        *out = f;
    return cause;
}

const char *frame_cause_name(enum frame_cause cause)
{
    static const char *const names[FRAME_CAUSE_COUNT] = {
        "ok",       "truncated", "vlan_depth", "not_ip",       "bad_header", "ip_checksum",
        "fragment", "extension", "not_udp",    "foreign_port", "udp_length", "udp_checksum"};
    return (unsigned)cause < FRAME_CAUSE_COUNT ? names[cause] : "unknown";
}
