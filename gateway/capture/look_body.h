/* The quick look at one frame: what is the same for every kind of processor. Internal to this
 * folder. */
#pragma once

#if defined(__x86_64__)
#include <emmintrin.h>
#define LOOK_X86 1
#else
#define LOOK_X86 0
#endif

#include "drivers/wire/compact.h"
#include "gateway/capture/look.h"
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
    MAGIC_AND_VERSION = 0x015250, /* 'P' 'R' 1, the first lowest */
    CANDIDATE_TYPE = 7,
    CANDIDATE_MIN = 2, /* length */
    CANDIDATE_MAX = 1 + PLATE_TEXT_MAX,
    AHEAD = 64, /* frames whose bytes are fetched beforehand */
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
    if (d->size < COMPACT_HEADER_SIZE || d->size > COMPACT_SIZE_MAX)
        return false;
    uint32_t head = plate_quick_load32(d->data);
    uint32_t more = plate_quick_load32(d->data + 4); /* camera, confidence, plate's size */
    *out_plate = more >> 24;
    return (head & 0xFFFFFF) == MAGIC_AND_VERSION && head >> 24 != 0 && (more & 0xFFFF) != 0 &&
           COMPACT_HEADER_SIZE + *out_plate <= d->size;
}

/* Whether a candidate may stand in the TLVs from `at` on: somewhere its type with a length it can
 * have. A value may look like one; what is no candidate is found out later. */
#if LOOK_X86
static inline bool may_have_candidates(const struct datagram *d, size_t at)
{
    enum { BLOCK = 16 };
    const __m128i type = _mm_set1_epi8(CANDIDATE_TYPE);
    const __m128i least = _mm_set1_epi8(CANDIDATE_MIN);
    const __m128i most = _mm_set1_epi8(CANDIDATE_MAX - CANDIDATE_MIN);
    const uint8_t *start = d->data + at;
    __m128i found = _mm_setzero_si128();
    /* From the end, so that nothing behind it is read; before the first block stand headers. */
    for (const uint8_t *end = d->data + d->size - 1; end > start; end -= BLOCK) {
        __m128i types = _mm_loadu_si128((const __m128i *)(const void *)(end - BLOCK));
        __m128i lengths = _mm_loadu_si128((const __m128i *)(const void *)(end - BLOCK + 1));
        lengths = _mm_sub_epi8(lengths, least);
        __m128i good = _mm_cmpeq_epi8(_mm_min_epu8(lengths, most), lengths);
        found = _mm_or_si128(found, _mm_and_si128(good, _mm_cmpeq_epi8(types, type)));
    }
    return _mm_movemask_epi8(found) != 0;
}
#else
static inline bool may_have_candidates(const struct datagram *d, size_t at)
{
    for (; at + 2 <= d->size; at += 2u + d->data[at + 1])
        if (d->data[at] == CANDIDATE_TYPE)
            return true;
    return false;
}
#endif

static inline void fetch(const struct capture_frame *frame)
{
    __builtin_prefetch(frame->data);
    __builtin_prefetch(frame->data + LINE); /* may lie behind it: a prefetch harms nothing */
}

/* Puts frame `at` into its place of the batch; its bit is set if it may carry candidates. */
static inline uint64_t look_at_one(const struct look_ports *ports,
                                   const struct capture_frame *frames, size_t at,
                                   struct plate_quick *q)
{
    struct datagram d;
    size_t plate;
    if (!find_datagram(ports, &frames[at], &d) || !is_compact(&d, &plate)) {
        plate_quick_put(q, at, NULL, 0);
        return 0;
    }
    plate_quick_put(q, at, d.data + COMPACT_HEADER_SIZE, plate);
    return (uint64_t)may_have_candidates(&d, COMPACT_HEADER_SIZE + plate) << at;
}

/* Frames of a batch, by bit. */
struct look_bits {
    uint64_t candidates; /* they may carry some */
    uint64_t asked;      /* in full: without a key */
};

/* One batch of at most PLATE_QUICK_MAX frames; `left` of them and behind them are the burst's. */
#if LOOK_X86
struct look_bits look_at_batch_avx512(const struct look_ports *ports,
                                      const struct capture_frame *frames, size_t count, size_t left,
                                      plate_key *keys);
#endif
