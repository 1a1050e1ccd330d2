/* Four plates at once with AVX2, as plate_quick_avx512.c does eight. Masks are bytes of all ones.
 */
#include "gateway/model/plate_quick_kernels.h"

#if PLATE_QUICK_X86
#include <immintrin.h>

#include "gateway/model/plate_symbols.h"

enum { GROUP = 4 };

#define TARGET __attribute__((target("avx2")))

struct group {
    __m256i text; /* digits and letters at the places of their symbols */
    __m256i fixed;
    __m256i wanted;   /* all ones in bytes that must be a digit or letter */
    __m256i mainland; /* in the whole plate */
    __m256i bad;      /* anything in a plate that is not plain */
};

/* All ones in bytes from 0 to `last`, unsigned. */
TARGET static inline __m256i at_most(__m256i value, char last)
{
    __m256i least = _mm256_min_epu8(value, _mm256_set1_epi8(last));
    return _mm256_cmpeq_epi8(least, value);
}

/* A byte a plate, to every byte of that plate. */
TARGET static inline __m256i spread(__m128i bytes)
{
    const __m256i byte_of_plate =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), byte_of_plate);
}

/* Symbols of the three-byte characters in `characters` that lie within `first` to `last`, in the
 * low byte of each plate; 0 where there is none. */
TARGET static inline __m256i look_up(__m256i characters, int first, int last)
{
    __m256i at = _mm256_srli_epi32(
        _mm256_mullo_epi32(characters, _mm256_set1_epi32(QUICK_MULTIPLIER)), 32 - QUICK_TABLE_BITS);
    __m256i entries = _mm256_i32gather_epi32((const int *)plate_quick_table, at, 4);
    __m256i known =
        _mm256_cmpeq_epi32(_mm256_and_si256(entries, _mm256_set1_epi32(0xFFFFFF)), characters);
    __m256i symbols = _mm256_srli_epi32(entries, 24);
    known = _mm256_and_si256(known, _mm256_cmpgt_epi32(symbols, _mm256_set1_epi32(first - 1)));
    known = _mm256_and_si256(known, _mm256_cmpgt_epi32(_mm256_set1_epi32(last + 1), symbols));
    /* The high halves are 0, which is no character, so nothing stands there. */
    return _mm256_and_si256(symbols, known);
}

TARGET static inline void put_suffixes(struct group *g, __m256i tail, __m256i with)
{
    __m256i suffix =
        look_up(_mm256_srli_epi64(tail, 40), PLATE_SYMBOL_SPECIAL_FIRST, PLATE_SYMBOL_SPECIAL_LAST);
    __m256i text = _mm256_and_si256(_mm256_slli_epi64(tail, 8), _mm256_set1_epi64x(0xFFFFFFFFFF00));
    __m256i none = _mm256_cmpeq_epi64(suffix, _mm256_setzero_si256());
    g->text = _mm256_blendv_epi8(g->text, text, with);
    g->fixed = _mm256_or_si256(
        g->fixed, _mm256_and_si256(with, _mm256_slli_epi64(suffix, 8 * QUICK_SUFFIX_AT)));
    g->bad = _mm256_or_si256(g->bad, _mm256_and_si256(with, none));
}

TARGET static inline __m256i words(__m256i text)
{
    __m256i first =
        _mm256_or_si256(_mm256_cmpeq_epi64(text, _mm256_set1_epi64x(QUICK_WORD_NOPLATE)),
                        _mm256_cmpeq_epi64(text, _mm256_set1_epi64x(QUICK_WORD_UNKNOWN)));
    __m256i second =
        _mm256_or_si256(_mm256_cmpeq_epi64(text, _mm256_set1_epi64x(QUICK_WORD_ZEROS7)),
                        _mm256_cmpeq_epi64(text, _mm256_set1_epi64x(QUICK_WORD_ZEROS8)));
    return _mm256_or_si256(first, second);
}

TARGET static inline void load_group(const struct plate_quick *q, size_t at, struct group *g)
{
    const __m128i wanted = _mm_setr_epi8(QUICK_WANTED);
    const __m128i mainland = _mm_setr_epi8(QUICK_MAINLAND);
    const __m128i shift = _mm_setr_epi8(QUICK_SHIFT);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m128i size = _mm_cvtsi32_si128((int)plate_quick_load32(&q->size[at]));
    __m256i sizes = spread(size);
    __m256i tail = _mm256_loadu_si256((const __m256i *)(const void *)&q->tail[at]);
    __m256i head =
        _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(const void *)&q->head[at]));
    __m256i bits = spread(_mm_shuffle_epi8(wanted, size));
    __m256i province = look_up(_mm256_and_si256(head, _mm256_set1_epi64x(0xFFFFFF)),
                               PLATE_SYMBOL_PROVINCE_FIRST, PLATE_SYMBOL_PROVINCE_LAST);
    __m256i none = _mm256_cmpeq_epi64(province, _mm256_setzero_si256());
    __m256i with = _mm256_cmpeq_epi8(sizes, _mm256_set1_epi8(QUICK_WITH_SUFFIX));
    g->wanted = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit), bit);
    g->mainland = spread(_mm_shuffle_epi8(mainland, size));
    g->text = _mm256_srlv_epi64(tail, _mm256_cvtepu8_epi64(_mm_shuffle_epi8(shift, size)));
    g->text = _mm256_andnot_si256(_mm256_and_si256(g->mainland, _mm256_set1_epi64x(0xFF)), g->text);
    g->fixed = _mm256_and_si256(g->mainland, province);
    g->bad = _mm256_or_si256(_mm256_and_si256(g->mainland, none),
                             at_most(sizes, PLATE_QUICK_SIZE_MIN - 1));
    if (!_mm256_testz_si256(with, with))
        put_suffixes(g, tail, with);
    g->bad = _mm256_or_si256(g->bad, _mm256_andnot_si256(g->mainland, words(g->text)));
}

TARGET static inline __m256i keys_of(const struct group *g)
{
    const __m256i pair = _mm256_set1_epi16(0x0180);     /* first * 128 + second */
    const __m256i quad = _mm256_set1_epi32(0x00014000); /* first * 16384 + second */
    const __m256i second = _mm256_set1_epi64x(0xFF00);
    const __m256i serial = _mm256_set1_epi64x((long long)0xFFFFFFFFFFFF0000);
    __m256i digit = _mm256_sub_epi8(g->text, _mm256_set1_epi8('0'));
    __m256i letter = _mm256_sub_epi8(g->text, _mm256_set1_epi8('A'));
    __m256i digits = at_most(digit, 9);
    __m256i letters = at_most(letter, 25);
    __m256i io = _mm256_or_si256(_mm256_cmpeq_epi8(g->text, _mm256_set1_epi8('I')),
                                 _mm256_cmpeq_epi8(g->text, _mm256_set1_epi8('O')));
    __m256i bad = _mm256_xor_si256(_mm256_or_si256(digits, letters), g->wanted);
    bad = _mm256_or_si256(bad, g->bad);
    bad = _mm256_or_si256(bad, _mm256_andnot_si256(letters, _mm256_and_si256(g->mainland, second)));
    bad = _mm256_or_si256(bad, _mm256_and_si256(io, _mm256_and_si256(g->mainland, serial)));
    digit = _mm256_add_epi8(digit, _mm256_set1_epi8(PLATE_SYMBOL_DIGIT_0));
    letter = _mm256_add_epi8(letter, _mm256_set1_epi8(PLATE_SYMBOL_LETTER_A));
    __m256i symbols =
        _mm256_or_si256(_mm256_and_si256(digits, digit), _mm256_and_si256(letters, letter));
    symbols = _mm256_or_si256(symbols, g->fixed);
    __m256i sums = _mm256_madd_epi16(_mm256_maddubs_epi16(pair, symbols), quad);
    __m256i first = _mm256_slli_epi64(_mm256_and_si256(sums, _mm256_set1_epi64x(0xFFFFFFFF)), 35);
    __m256i keys = _mm256_or_si256(first, _mm256_slli_epi64(_mm256_srli_epi64(sums, 32), 7));
    return _mm256_and_si256(keys, _mm256_cmpeq_epi64(bad, _mm256_setzero_si256()));
}

TARGET void plate_quick_avx2(const struct plate_quick *q, size_t count, plate_key *out)
{
    for (size_t at = 0; at < count; at += GROUP) {
        struct group g;
        load_group(q, at, &g);
        _mm256_storeu_si256((__m256i *)(void *)&out[at], keys_of(&g));
    }
}
#endif
