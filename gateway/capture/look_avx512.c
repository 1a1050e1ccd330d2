/*
 * The quick look with AVX-512: the first 60 bytes of eight frames are turned over, so that a
 * register holds one and the same word of all eight and a check costs one instruction for all. It
 * understands the usual frame (at most one VLAN tag, IPv4 without options, the first port, a plate
 * of at most 10 bytes); the others are looked at one by one.
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

_Static_assert(HEADERS == 42 && COMPACT_HEADER_SIZE == 8, "where the words are taken from");

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi2")))

/* A batch of frames; whole groups. */
struct batch {
    const uint8_t *data[PLATE_QUICK_MAX]; /* four bytes into a frame with a tag: types align */
    uint64_t size[PLATE_QUICK_MAX];       /* from there */
    uint64_t rest[PLATE_QUICK_MAX];       /* bytes behind the plate, 0: not understood */
    uint64_t types[PLATE_QUICK_MAX];      /* of these, those like a candidate's type, by bit */
};

TARGET static inline void find_data(const struct capture_frame *frames, size_t count, size_t left,
                                    struct batch *b)
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
        b->data[i] = data + tag;
        b->size[i] = size - tag;
    }
    for (size_t i = count; i % GROUP != 0; i++) {
        b->data[i] = nothing;
        b->size[i] = USUAL_MIN;
    }
}

/* Words of eight frames, as they came, the first byte lowest. */
struct words {
    __m512i type; /* bytes 8 to 15: type, IP version */
    __m512i ip;   /* 16: total, fragment, protocol */
    __m512i udp;  /* 32: port, length */
    __m512i head; /* 42: of the compact datagram */
    __m512i plate;
    __m512i more; /* bytes 9 and 10 of the plate */
};

/* Of rows' pairs, two lanes of 128 bits each, the lane asked for of all four pairs. */
#define LANES(a, b, c, d, lane)                                                                    \
    _mm512_shuffle_i64x2(_mm512_shuffle_i64x2(a, b, (lane)*0x55),                                  \
                         _mm512_shuffle_i64x2(c, d, (lane)*0x55), 0x88)

/* Row i is the start of frame i; a word holds one and the same eight bytes of all. */
TARGET static inline struct words turn(const uint8_t *const data[GROUP])
{
    enum { TWO_LANES = 0xDD, FIRSTS = 0x88, SECONDS = 0xDD };
    const __mmask64 usual = (UINT64_C(1) << USUAL_MIN) - 1;
    __m512i even[GROUP / 2];
    __m512i odd[GROUP / 2];
    for (size_t i = 0; i < GROUP / 2; i++) {
        __m512i first = _mm512_maskz_loadu_epi8(usual, data[2 * i]);
        __m512i second = _mm512_maskz_loadu_epi8(usual, data[2 * i + 1]);
        even[i] = _mm512_unpacklo_epi64(first, second);
        odd[i] = _mm512_unpackhi_epi64(first, second);
    }
    /* Words 2 and 6, then 5 and 7 side by side. */
    __m512i e01 = _mm512_shuffle_i64x2(even[0], even[1], TWO_LANES);
    __m512i e23 = _mm512_shuffle_i64x2(even[2], even[3], TWO_LANES);
    __m512i o01 = _mm512_shuffle_i64x2(odd[0], odd[1], 0xEE);
    __m512i o23 = _mm512_shuffle_i64x2(odd[2], odd[3], 0xEE);
    __m512i word5 = _mm512_shuffle_i64x2(o01, o23, FIRSTS);
    __m512i word6 = _mm512_shuffle_i64x2(e01, e23, SECONDS);
    __m512i word7 = _mm512_shuffle_i64x2(o01, o23, SECONDS);
    return (struct words){
        .type = LANES(odd[0], odd[1], odd[2], odd[3], 0),
        .ip = _mm512_shuffle_i64x2(e01, e23, FIRSTS),
        .udp = LANES(even[0], even[1], even[2], even[3], 2),
        .head = _mm512_or_si512(_mm512_srli_epi64(word5, 16), _mm512_slli_epi64(word6, 48)),
        .plate = _mm512_or_si512(_mm512_srli_epi64(word6, 16), _mm512_slli_epi64(word7, 48)),
        .more = _mm512_srli_epi64(word7, 16)};
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

/* The frames from `at` on that are understood, by bit, and what is behind their plates. */
TARGET static inline __mmask8 check_group(const struct look_ports *ports, const struct words *w,
                                          size_t at, struct batch *b)
{
    __m512i total = number(w->ip, 0);
    __m512i size = number(w->udp, 48);
    __m512i plate = _mm512_srli_epi64(w->head, 56);
    __m512i rest = _mm512_sub_epi64(_mm512_sub_epi64(size, plate),
                                    _mm512_set1_epi64(UDP + COMPACT_HEADER_SIZE));
    uint64_t port = (uint64_t)(uint16_t)(ports->ports[0] << 8 | ports->ports[0] >> 8) << 32;
    __mmask8 bad = differ(w->type, UINT64_C(0x45000800000000), UINT64_C(0xFFFFFF00000000));
    bad |= differ(w->ip, UINT64_C(0x1100000000000000), UINT64_C(0xFF00FF3F00000000));
    bad |= differ(w->udp, port, UINT64_C(0xFFFF00000000));
    bad |= differ(w->head, MAGIC_AND_VERSION, 0xFFFFFF);
    bad |= _mm512_testn_epi64_mask(w->head, _mm512_set1_epi64(0xFF000000));     /* lane 0 */
    bad |= _mm512_testn_epi64_mask(w->head, _mm512_set1_epi64(0xFFFF00000000)); /* camera 0 */
    bad |= _mm512_cmpneq_epi64_mask(total, _mm512_add_epi64(size, _mm512_set1_epi64(IPV4)));
    bad |= _mm512_cmpgt_epu64_mask(_mm512_add_epi64(total, _mm512_set1_epi64(ETHERNET)),
                                   _mm512_loadu_si512(&b->size[at]));
    bad |= _mm512_cmpgt_epu64_mask(plate, _mm512_set1_epi64(PLATE_MAX));
    /* Negative as unsigned: a plate that runs past the end. */
    bad |= _mm512_cmpgt_epu64_mask(
        rest, _mm512_set1_epi64(COMPACT_SIZE_MAX - COMPACT_HEADER_SIZE - PLATE_MAX));
    _mm512_storeu_si512(&b->rest[at], _mm512_maskz_mov_epi64((__mmask8)~bad, rest));
    return (__mmask8)~bad;
}

/* The last eight bytes of each plate, with those of the head that stand before a short one. */
TARGET static inline __m512i tails(const struct words *w)
{
    const __m512i word = _mm512_set1_epi64(64);
    __m512i bits = _mm512_slli_epi64(_mm512_srli_epi64(w->head, 56), 3);
    __m512i over = _mm512_sub_epi64(bits, word);
    __m512i under = _mm512_sub_epi64(word, bits);
    /* Shifts by 64 and more, and by less than 0, give 0. */
    __m512i low =
        _mm512_or_si512(_mm512_srlv_epi64(w->head, bits), _mm512_sllv_epi64(w->plate, under));
    __m512i high = _mm512_or_si512(_mm512_srlv_epi64(w->plate, over),
                                   _mm512_sllv_epi64(w->more, _mm512_add_epi64(under, word)));
    return _mm512_or_si512(low, high);
}

/* Puts the group's plates into the batch to be encoded; returns those understood, by bit. */
TARGET static inline uint64_t take_group(const struct look_ports *ports, size_t at, struct batch *b,
                                         struct plate_quick *q)
{
    struct words w = turn(&b->data[at]);
    __mmask8 good = check_group(ports, &w, at, b);
    _mm512_storeu_si512(&q->tail[at], tails(&w));
    _mm256_storeu_si256((__m256i *)(void *)&q->head[at], _mm512_cvtepi64_epi32(w.plate));
    _mm_storel_epi64((__m128i *)(void *)&q->size[at],
                     _mm512_maskz_cvtepi64_epi8(good, _mm512_srli_epi64(w.head, 56)));
    return (uint64_t)good << at;
}

/* As may_have_candidates(), by one load; a long rest may always have some. */
TARGET static bool may_have_some(const uint8_t *at, uint64_t size)
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

/* Those understood that may carry candidates, by bit. Nearly always no byte behind the plate is
 * like a candidate's type: that alone is asked of all of them. */
TARGET static inline uint64_t find_candidates(size_t count, struct batch *b,
                                              const struct plate_quick *q)
{
    const __m512i type = _mm512_set1_epi8(CANDIDATE_TYPE);
    const __m512i most = _mm512_set1_epi64(sizeof(__m512i));
    uint64_t may = 0;
    uint64_t candidates = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = b->data[i] + PLATE_AT + q->size[i];
        __mmask64 mask = _bzhi_u64(UINT64_MAX, (unsigned)b->rest[i]);
        b->types[i] = _mm512_mask_cmpeq_epi8_mask(mask, _mm512_maskz_loadu_epi8(mask, at), type);
    }
    for (size_t at = 0; at < count; at += GROUP) {
        __m512i types = _mm512_loadu_si512(&b->types[at]);
        __m512i rest = _mm512_loadu_si512(&b->rest[at]);
        may |=
            (uint64_t)(_mm512_test_epi64_mask(types, types) | _mm512_cmpgt_epu64_mask(rest, most))
            << at;
    }
    for (may &= _bzhi_u64(UINT64_MAX, (unsigned)count); may != 0; may &= may - 1) {
        size_t i = (size_t)__builtin_ctzll(may);
        candidates |= (uint64_t)may_have_some(b->data[i] + PLATE_AT + q->size[i], b->rest[i]) << i;
    }
    return candidates;
}

TARGET struct look_bits look_at_batch_avx512(const struct look_ports *ports,
                                             const struct capture_frame *frames, size_t count,
                                             size_t left, plate_key *keys)
{
    struct plate_quick q;
    struct batch b;

    uint64_t understood = 0;
    const uint64_t all = _bzhi_u64(UINT64_MAX, (unsigned)count);
    struct look_bits bits = {0, 0};
    if (count == 0)
        return bits;
    find_data(frames, count, left, &b);
    for (size_t at = 0; at < count; at += GROUP)
        understood |= take_group(ports, at, &b, &q);
    bits.candidates = find_candidates(count, &b, &q);
    for (uint64_t odd = all & ~understood; odd != 0; odd &= odd - 1)
        bits.candidates |= look_at_one(ports, frames, (size_t)__builtin_ctzll(odd), &q);
    plate_quick_encode(&q, count, keys);
    for (size_t at = 0; at < count; at += GROUP) {
        __m512i group = _mm512_loadu_si512(&keys[at]);
        bits.asked |= (uint64_t)_mm512_testn_epi64_mask(group, group) << at;
    }
    bits.asked &= all;
    return bits;
}
#endif
