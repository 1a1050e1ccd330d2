/* Builds Ethernet frames for tests, checksums included. Everything by hand from the RFCs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct frame_builder {
    uint8_t bytes[2048];
    size_t size;
    size_t ip_at;
    size_t udp_at;
};

static inline void fb_put(struct frame_builder *b, const void *bytes, size_t size)
{
    memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

static inline void fb_put16(struct frame_builder *b, unsigned value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    fb_put(b, bytes, 2);
}

static inline void fb_set16(struct frame_builder *b, size_t at, unsigned value)
{
    b->bytes[at] = (uint8_t)(value >> 8);
    b->bytes[at + 1] = (uint8_t)value;
}

static inline unsigned fb_sum(const uint8_t *data, size_t size, unsigned sum)
{
    for (size_t i = 0; i < size; i++)
        sum += i % 2 ? data[i] : (unsigned)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return sum;
}

/* Camera's MAC 02:00:00:00:00:07, tags outer first, 0 ends. */
static inline void fb_link(struct frame_builder *b, unsigned vlan, unsigned inner, unsigned type)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7};
    *b = (struct frame_builder){.size = 0};
    fb_put(b, macs, sizeof macs);
    if (vlan) {
        fb_put16(b, inner ? 0x88A8 : 0x8100);
        fb_put16(b, 0x2000 | vlan);
    }
    if (inner) {
        fb_put16(b, 0x8100);
        fb_put16(b, inner);
    }
    fb_put16(b, type);
    b->ip_at = b->size;
}

static inline void fb_ipv4_checksum(struct frame_builder *b)
{
    size_t header = (size_t)(b->bytes[b->ip_at] & 15) * 4;
    fb_set16(b, b->ip_at + 10, 0);
    fb_set16(b, b->ip_at + 10, 0xFFFF - fb_sum(b->bytes + b->ip_at, header, 0));
}

static inline void fb_udp_checksum(struct frame_builder *b)
{
    bool four = b->bytes[b->ip_at] >> 4 == 4;
    size_t udp_size = b->size - b->udp_at;
    unsigned sum = fb_sum(b->bytes + b->ip_at + (four ? 12 : 8), four ? 8 : 32, 0);
    fb_set16(b, b->udp_at + 6, 0);
    sum = fb_sum(b->bytes + b->udp_at, udp_size, sum + 17 + (unsigned)udp_size);
    fb_set16(b, b->udp_at + 6, sum == 0xFFFF ? 0xFFFF : 0xFFFF - sum);
}

static inline void fb_udp(struct frame_builder *b, unsigned port, const void *payload, size_t size)
{
    b->udp_at = b->size;
    fb_put16(b, 40000);
    fb_put16(b, port);
    fb_put16(b, (unsigned)size + 8);
    fb_put16(b, 0);
    fb_put(b, payload, size);
}

/* 10.9.0.7 -> 10.9.0.1 */
static inline void fb_ipv4(struct frame_builder *b, unsigned port, const void *payload, size_t size)
{
    const uint8_t head[20] = {0x45,
                              0,
                              (uint8_t)((size + 28) >> 8),
                              (uint8_t)(size + 28),
                              0,
                              1,
                              0x40,
                              0,
                              64,
                              17,
                              0,
                              0,
                              10,
                              9,
                              0,
                              7,
                              10,
                              9,
                              0,
                              1};
    fb_put(b, head, sizeof head);
    fb_ipv4_checksum(b);
    fb_udp(b, port, payload, size);
    fb_udp_checksum(b);
}

/* fd00::7 -> fd00::1, `extensions` (the first one's protocol in `next`) before UDP. */
static inline void fb_ipv6(struct frame_builder *b, unsigned port, const void *payload, size_t size,
                           unsigned next, const void *extensions, size_t extensions_size)
{
    size_t whole = extensions_size + 8 + size;
    uint8_t head[40] = {0x60, 0, 0, 0, (uint8_t)(whole >> 8), (uint8_t)whole, (uint8_t)next, 64};
    head[8] = head[24] = 0xFD;
    head[23] = 7;
    head[39] = 1;
    fb_put(b, head, sizeof head);
    if (extensions_size)
        fb_put(b, extensions, extensions_size);
    fb_udp(b, port, payload, size);
    fb_udp_checksum(b);
}
