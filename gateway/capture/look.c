/* See look.h. Lengths are checked against the bytes at hand as drivers/wire does; the order of the
 * checks is that of the usual frame. */
#include "gateway/capture/look.h"

#include <assert.h>

#include "drivers/wire/compact.h"
#include "gateway/model/plate_quick.h"

enum {
    ETHERNET = 14,
    VLAN_TAG = 4,
    IPV4 = 20,
    IPV6 = 40,
    UDP = 8,
    TYPE_AT = 12, /* of the frame */
    /* Of the datagram: */
    PLATE_SIZE_AT = 7,
    CANDIDATE_TYPE = 7,
    AHEAD = 16, /* frames whose bytes are fetched beforehand */
    LINE = 64
};

static inline uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline bool is_vlan(uint16_t type)
{
    return type == 0x8100 || type == 0x88A8 || type == 0x9100;
}

static inline bool port_is_ours(const struct look_ports *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->count; i++)
        if (ports->ports[i] == port)
            return true;
    return false;
}

struct datagram {
    const uint8_t *data;
    size_t size;
};

/* The UDP payload behind `ip_size` bytes of IP header at `ip`, which says `size` bytes follow. */
static inline bool take_udp(const struct look_ports *ports, const uint8_t *udp, size_t size,
                            size_t left, struct datagram *out)
{
    if (size > left || be16(udp + 4) != size || !port_is_ours(ports, be16(udp + 2)))
        return false;
    *out = (struct datagram){udp + UDP, size - UDP};
    return true;
}

static inline bool take_ipv4(const struct look_ports *ports, const uint8_t *ip, size_t left,
                             struct datagram *out)
{
    if (left < IPV4 + UDP + COMPACT_HEADER_SIZE || ip[0] != 0x45 || ip[9] != 17 ||
        (be16(ip + 6) & 0x3FFF) != 0)
        return false;
    size_t total = be16(ip + 2);
    return total >= IPV4 + UDP && take_udp(ports, ip + IPV4, total - IPV4, left - IPV4, out);
}

static inline bool take_ipv6(const struct look_ports *ports, const uint8_t *ip, size_t left,
                             struct datagram *out)
{
    if (left < IPV6 + UDP + COMPACT_HEADER_SIZE || ip[0] >> 4 != 6 || ip[6] != 17)
        return false;
    size_t size = be16(ip + 4);
    return size >= UDP && take_udp(ports, ip + IPV6, size, left - IPV6, out);
}

static inline bool find_datagram(const struct look_ports *ports, const struct capture_frame *frame,
                                 struct datagram *out)
{
    const uint8_t *data = frame->data;
    size_t at = ETHERNET;
    if (frame->size_bytes < ETHERNET + FRAME_VLANS_MAX * VLAN_TAG)
        return false;
    uint16_t type = be16(data + TYPE_AT);
    for (int tags = 0; tags < FRAME_VLANS_MAX && is_vlan(type); tags++) {
        at += VLAN_TAG;
        type = be16(data + at - 2);
    }
    if (type == 0x0800)
        return take_ipv4(ports, data + at, frame->size_bytes - at, out);
    return type == 0x86DD && take_ipv6(ports, data + at, frame->size_bytes - at, out);
}

/* A compact datagram whose head is as it should be; *out_plate is the size of its plate. */
static inline bool is_compact(const struct datagram *d, size_t *out_plate)
{
    enum { MAGIC_AND_VERSION = 0x015250 }; /* 'P' 'R' 1, the first lowest */
    if (d->size < COMPACT_HEADER_SIZE || d->size > COMPACT_SIZE_MAX)
        return false;
    uint32_t head = plate_quick_load32(d->data);
    *out_plate = d->data[PLATE_SIZE_AT];
    bool lane = head >> 24 != 0;
    bool camera = (d->data[4] | d->data[5]) != 0;
    return (head & 0xFFFFFF) == MAGIC_AND_VERSION && lane && camera &&
           COMPACT_HEADER_SIZE + *out_plate <= d->size;
}

/* Whether a candidate stands in the TLVs from `at` on, or something that may be one. */
static inline bool has_candidates(const struct datagram *d, size_t at)
{
    while (at + 2 <= d->size) {
        if (d->data[at] == CANDIDATE_TYPE)
            return true;
        at += 2u + d->data[at + 1];
    }
    return false;
}

/* Adds the candidates of frame `owner`. False: one of them is not plain, or there are too many. */
static bool add_candidates(const struct datagram *d, uint16_t owner, size_t count,
                           struct looked *out)
{
    size_t at = COMPACT_HEADER_SIZE + (size_t)d->data[PLATE_SIZE_AT];
    for (; at + 2 <= d->size; at += 2u + d->data[at + 1]) {
        size_t size = d->data[at + 1];
        size_t extra = out->key_count - count;
        if (d->data[at] != CANDIDATE_TYPE)
            continue;
        if (size < 2 || at + 2 + size > d->size || extra == LOOK_EXTRA_MAX ||
            !plate_encode_quick(d->data + at + 3, size - 1, &out->keys[out->key_count]))
            return false;
        out->owners[extra] = owner;
        out->key_count++;
    }
    return true;
}

static inline void fetch(const struct capture_frame *frame)
{
    __builtin_prefetch(frame->data);
    __builtin_prefetch(frame->data + LINE); /* may lie behind it: a prefetch harms nothing */
}

/* One batch of at most PLATE_QUICK_MAX frames. Returns those that carry candidates, by bit. */
static uint64_t look_at_batch(const struct look_ports *ports, const struct capture_frame *frames,
                              size_t count, size_t left, plate_key *keys)
{
    struct plate_quick q;
    uint64_t candidates = 0;
    for (size_t i = 0; i < count; i++) {
        struct datagram d;
        size_t plate = 0;
        bool understood = find_datagram(ports, &frames[i], &d) && is_compact(&d, &plate);
        if (i + AHEAD < left)
            fetch(&frames[i + AHEAD]);
        if (!understood) {
            plate_quick_put(&q, i, NULL, 0);
            continue;
        }
        plate_quick_put(&q, i, d.data + COMPACT_HEADER_SIZE, plate);
        candidates |= (uint64_t)has_candidates(&d, COMPACT_HEADER_SIZE + plate) << i;
    }
    plate_quick_encode(&q, count, keys);
    return candidates;
}

_Static_assert(PLATE_QUICK_MAX == 64 && (int)PLATE_QUICK_BYTES_BEFORE <= (int)COMPACT_HEADER_SIZE,
               "a batch has a bit each, and a head stands before each plate");
_Static_assert((int)LOOK_EXTRA_MAX >= (int)PLATE_QUICK_MAX, "the last batch writes whole");

void capture_look(const struct look_ports *ports, const struct capture_frame *frames, size_t count,
                  struct looked *out)
{
    assert(count <= CAPTURE_BURST_MAX);
    uint64_t candidates[CAPTURE_BURST_MAX / PLATE_QUICK_MAX + 1] = {0};
    for (size_t at = 0; at < count; at += PLATE_QUICK_MAX) {
        size_t batch = count - at < PLATE_QUICK_MAX ? count - at : PLATE_QUICK_MAX;
        candidates[at / PLATE_QUICK_MAX] =
            look_at_batch(ports, frames + at, batch, count - at, out->keys + at);
    }
    out->key_count = count;
    for (size_t at = 0; at < count; at += PLATE_QUICK_MAX) {
        for (uint64_t left = candidates[at / PLATE_QUICK_MAX]; left != 0; left &= left - 1) {
            size_t frame = at + (size_t)__builtin_ctzll(left);
            struct datagram d;
            bool plain = out->keys[frame] != 0 && find_datagram(ports, &frames[frame], &d) &&
                         add_candidates(&d, (uint16_t)frame, count, out);
            out->keys[frame] = plain ? out->keys[frame] : 0;
        }
    }
}
