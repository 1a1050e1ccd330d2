/*
 * The quick look with AVX-512: the words of eight frames side by side, so that a check costs one
 * instruction for all. It understands the usual frame (at most one VLAN tag, IPv4 without options,
 * the first port, a plate of at most 10 bytes); the others are looked at one by one.
 */
#include "gateway/capture/look_body.h"

#if LOOK_X86
#include <immintrin.h>

enum {
    GROUP = 8,
    HEADERS = ETHERNET + IPV4 + UDP,
    PLATE_AT = HEADERS + COMPACT_HEADER_SIZE,
    USUAL_MIN = 60, /* the smallest frame, without its tag */
    PLATE_MAX = 10  /* of a frame that small */
};

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi2")))

/* Words of a batch of frames, as they came, the first byte lowest. */
struct words {
    uint64_t type[PLATE_QUICK_MAX]; /* type, IP version and total */
    uint64_t part[PLATE_QUICK_MAX]; /* fragment, protocol */
    uint64_t udp[PLATE_QUICK_MAX];  /* ports, length */
    uint64_t head[PLATE_QUICK_MAX]; /* of the compact datagram */
    uint64_t size[PLATE_QUICK_MAX]; /* of the frame without its tag; 0: too small */
    const uint8_t *plate[PLATE_QUICK_MAX];
};

TARGET static inline void load_words(const struct capture_frame *frames, size_t count, size_t left,
                                     struct words *w, struct plate_quick *q)
{
    static const uint8_t nothing[USUAL_MIN + VLAN_TAG];
    for (size_t i = 0; i < count; i++) {
        const uint8_t *data = frames[i].data;
        uint64_t size = frames[i].size_bytes;
        if (i + AHEAD < left)
            fetch(&frames[i + AHEAD]);
        if (size < USUAL_MIN + VLAN_TAG && (size < USUAL_MIN || is_vlan(be16(data + TYPE_AT)))) {
            data = nothing;
            size = USUAL_MIN;
        }
        size_t tag = plate_quick_load32(data + TYPE_AT) << 16 == 0x00810000 ? VLAN_TAG : 0;
        data += tag;
        uint64_t head = plate_quick_load64(data + HEADERS);
        size_t plate = head >> 56 < PLATE_MAX ? head >> 56 : PLATE_MAX;
        w->type[i] = plate_quick_load64(data + TYPE_AT);
        w->part[i] = plate_quick_load64(data + 20);
        w->udp[i] = plate_quick_load64(data + 34);
        w->head[i] = head;
        w->size[i] = size - tag;
        w->plate[i] = data + PLATE_AT;
        q->tail[i] = plate_quick_load64(data + PLATE_AT - 8 + plate);
        q->head[i] = plate_quick_load32(data + PLATE_AT);
    }
}

/* Big-endian 16 bits from bit `shift` on. */
TARGET static inline __m512i number(__m512i words, unsigned shift)
{
    const __m512i swap = _mm512_broadcast_i32x4(
        _mm_setr_epi8(1, 0, -1, -1, -1, -1, -1, -1, 9, 8, -1, -1, -1, -1, -1, -1));
    return _mm512_shuffle_epi8(_mm512_srli_epi64(words, shift), swap);
}

TARGET static inline __mmask8 differ(__m512i words, uint64_t bits, uint64_t mask)
{
    __m512i difference = _mm512_xor_si512(words, _mm512_set1_epi64((long long)bits));
    return _mm512_test_epi64_mask(difference, _mm512_set1_epi64((long long)mask));
}

/* The frames from `at` on that are understood, by bit; their plates' sizes go to q, the bytes
 * behind their plates to `rest`. */
TARGET static inline __mmask8 check_group(const struct look_ports *ports, const struct words *w,
                                          size_t at, struct plate_quick *q, uint64_t *rest)
{
    __m512i type = _mm512_loadu_si512(&w->type[at]);
    __m512i udp = _mm512_loadu_si512(&w->udp[at]);
    __m512i head = _mm512_loadu_si512(&w->head[at]);
    __m512i total = number(type, 32);
    __m512i size = number(udp, 32);
    __m512i plate = _mm512_srli_epi64(head, 56);
    __m512i more =
        _mm512_sub_epi64(_mm512_sub_epi64(size, _mm512_set1_epi64(UDP)),
                         _mm512_add_epi64(plate, _mm512_set1_epi64(COMPACT_HEADER_SIZE)));
    uint64_t port = (uint64_t)(uint16_t)(ports->ports[0] << 8 | ports->ports[0] >> 8) << 16;
    __mmask8 bad = differ(type, 0x450008, 0xFFFFFF);
    bad |= differ(_mm512_loadu_si512(&w->part[at]), 0x11000000, 0xFF00FF3F);
    bad |= differ(udp, port, 0xFFFF0000);
    bad |= differ(head, MAGIC_AND_VERSION, 0xFFFFFF);
    bad |= _mm512_testn_epi64_mask(head, _mm512_set1_epi64(0xFF000000));     /* lane 0 */
    bad |= _mm512_testn_epi64_mask(head, _mm512_set1_epi64(0xFFFF00000000)); /* camera 0 */
    bad |= _mm512_cmpneq_epi64_mask(total, _mm512_add_epi64(size, _mm512_set1_epi64(IPV4)));
    bad |= _mm512_cmpgt_epu64_mask(_mm512_add_epi64(total, _mm512_set1_epi64(ETHERNET)),
                                   _mm512_loadu_si512(&w->size[at]));
    bad |= _mm512_cmpgt_epu64_mask(plate, _mm512_set1_epi64(PLATE_MAX));
    /* Negative as unsigned: a plate that runs past the end. */
    bad |= _mm512_cmpgt_epu64_mask(
        more, _mm512_set1_epi64(COMPACT_SIZE_MAX - COMPACT_HEADER_SIZE - PLATE_MAX));
    _mm512_storeu_si512(&rest[at], more);
    _mm_storel_epi64((__m128i *)(void *)&q->size[at],
                     _mm512_maskz_cvtepi64_epi8((__mmask8)~bad, plate));
    return (__mmask8)~bad;
}

/* As may_have_candidates(), by one load; a long rest may always have some. */
TARGET static inline bool may_have_some(const uint8_t *at, uint64_t size)
{
    if (size > sizeof(__m512i))
        return true;
    __mmask64 mask = _bzhi_u64(UINT64_MAX, (unsigned)size);
    __m512i bytes = _mm512_maskz_loadu_epi8(mask, at);
    __m512i lengths = _mm512_sub_epi8(bytes, _mm512_set1_epi8(CANDIDATE_MIN));
    __mmask64 types = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(CANDIDATE_TYPE));
    __mmask64 good =
        _mm512_cmple_epu8_mask(lengths, _mm512_set1_epi8(CANDIDATE_MAX - CANDIDATE_MIN));
    return (types & good >> 1) != 0;
}

TARGET uint64_t look_at_batch_avx512(const struct look_ports *ports,
                                     const struct capture_frame *frames, size_t count, size_t left,
                                     plate_key *keys)
{
    struct plate_quick q;
    struct words w;
    uint64_t rest[PLATE_QUICK_MAX];
    uint64_t understood = 0;
    uint64_t candidates = 0;
    uint64_t all = _bzhi_u64(UINT64_MAX, (unsigned)count);
    load_words(frames, count, left, &w, &q);
    for (size_t at = 0; at < count; at += GROUP)
        understood |= (uint64_t)check_group(ports, &w, at, &q, rest) << at;
    understood &= all;
    if (understood == all) {
        for (size_t i = 0; i < count; i++)
            candidates |= (uint64_t)may_have_some(w.plate[i] + q.size[i], rest[i]) << i;
    } else {
        for (size_t i = 0; i < count; i++)
            if (understood >> i & 1)
                candidates |= (uint64_t)may_have_some(w.plate[i] + q.size[i], rest[i]) << i;
        for (uint64_t odd = all & ~understood; odd != 0; odd &= odd - 1)
            candidates |= look_at_one(ports, frames, (size_t)__builtin_ctzll(odd), &q);
    }
    plate_quick_encode(&q, count, keys);
    return candidates;
}
#endif
