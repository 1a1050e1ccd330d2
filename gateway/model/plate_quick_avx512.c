/* Eight plates at once with AVX-512 F, BW, DQ and VL: bytes to symbols, symbols to 7 bits side by
 * side. */
#include "gateway/model/plate_quick_kernels.h"

#if PLATE_QUICK_X86
#include <immintrin.h>

#include "gateway/model/plate_symbols.h"

enum { GROUP = 8 };

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi2")))

/* Eight plates on their way through one group; masks have a bit a plate or a bit a byte. */
struct group {
    __m512i text; /* digits and letters at the places of their symbols */
    __m512i fixed;
    uint64_t wanted;
    uint64_t mainland;
    __mmask8 bad;
};

/* Symbols of the three-byte characters in `characters`; *out_known: those the table has. */
TARGET static inline __m256i look_up(__m256i characters, __mmask8 *out_known)
{
    __m256i at = _mm256_srli_epi32(
        _mm256_mullo_epi32(characters, _mm256_set1_epi32(QUICK_MULTIPLIER)), 32 - QUICK_TABLE_BITS);
    __m256i entries = _mm256_i32gather_epi32((const int *)plate_quick_table, at, 4);
    *out_known =
        _mm256_cmpeq_epi32_mask(_mm256_and_si256(entries, _mm256_set1_epi32(0xFFFFFF)), characters);
    return _mm256_srli_epi32(entries, 24);
}

TARGET static inline void put_suffixes(struct group *g, __m512i tail, __mmask8 with)
{
    __mmask8 known;
    const __m512i kept = _mm512_set1_epi64(0xFFFFFFFFFF00);
    __m512i suffix =
        _mm512_cvtepu32_epi64(look_up(_mm512_cvtepi64_epi32(_mm512_srli_epi64(tail, 40)), &known));
    known &= _mm512_cmpge_epu64_mask(suffix, _mm512_set1_epi64(PLATE_SYMBOL_SPECIAL_FIRST));
    g->text = _mm512_mask_and_epi64(g->text, with, _mm512_slli_epi64(tail, 8), kept);
    g->fixed = _mm512_mask_or_epi64(g->fixed, with, g->fixed,
                                    _mm512_slli_epi64(suffix, 8 * QUICK_SUFFIX_AT));
    g->bad |= with & (__mmask8)~known;
}

TARGET static inline __mmask8 words(__m512i text)
{
    return _mm512_cmpeq_epi64_mask(text, _mm512_set1_epi64(QUICK_WORD_NOPLATE)) |
           _mm512_cmpeq_epi64_mask(text, _mm512_set1_epi64(QUICK_WORD_UNKNOWN)) |
           _mm512_cmpeq_epi64_mask(text, _mm512_set1_epi64(QUICK_WORD_ZEROS7)) |
           _mm512_cmpeq_epi64_mask(text, _mm512_set1_epi64(QUICK_WORD_ZEROS8));
}

TARGET static inline void load_group(const struct plate_quick *q, size_t at, struct group *g)
{
    const __m128i wanted = _mm_setr_epi8(QUICK_WANTED);
    const __m128i mainland = _mm_setr_epi8(QUICK_MAINLAND);
    const __m128i shift = _mm_setr_epi8(QUICK_SHIFT);
    __m128i size = _mm_loadl_epi64((const __m128i *)(const void *)&q->size[at]);
    __m512i tail = _mm512_loadu_si512(&q->tail[at]);
    __m256i head = _mm256_loadu_si256((const __m256i *)(const void *)&q->head[at]);
    __mmask8 known;
    __m256i symbols = look_up(_mm256_and_si256(head, _mm256_set1_epi32(0xFFFFFF)), &known);
    known &= _mm256_cmpge_epu32_mask(symbols, _mm256_set1_epi32(PLATE_SYMBOL_PROVINCE_FIRST)) &
             _mm256_cmple_epu32_mask(symbols, _mm256_set1_epi32(PLATE_SYMBOL_PROVINCE_LAST));
    __mmask8 land = (__mmask8)_mm_cmpgt_epu8_mask(size, _mm_set1_epi8(QUICK_SHORT_MAX));
    __mmask8 with = (__mmask8)_mm_cmpeq_epi8_mask(size, _mm_set1_epi8(QUICK_WITH_SUFFIX));
    g->wanted = (uint64_t)_mm_cvtsi128_si64(_mm_shuffle_epi8(wanted, size));
    g->mainland = (uint64_t)_mm_cvtsi128_si64(_mm_shuffle_epi8(mainland, size));
    g->text = _mm512_srlv_epi64(tail, _mm512_cvtepu8_epi64(_mm_shuffle_epi8(shift, size)));
    g->text = _mm512_mask_and_epi64(g->text, land, g->text, _mm512_set1_epi64(~INT64_C(0xFF)));
    g->fixed = _mm512_maskz_cvtepu32_epi64(land, symbols);
    g->bad = (land & (__mmask8)~known) |
             (__mmask8)_mm_cmplt_epu8_mask(size, _mm_set1_epi8(PLATE_QUICK_SIZE_MIN));
    if (with != 0)
        put_suffixes(g, tail, with);
    if (land != 0xFF)
        g->bad |= (__mmask8)~land & words(g->text);
}

TARGET static inline __m512i keys_of(const struct group *g)
{
    const __m512i pair = _mm512_set1_epi16(0x0180);     /* first * 128 + second */
    const __m512i quad = _mm512_set1_epi32(0x00014000); /* first * 16384 + second */
    __m512i digit = _mm512_sub_epi8(g->text, _mm512_set1_epi8('0'));
    __m512i letter = _mm512_sub_epi8(g->text, _mm512_set1_epi8('A'));
    uint64_t digits = _mm512_cmple_epu8_mask(digit, _mm512_set1_epi8(9));
    uint64_t letters = _mm512_cmple_epu8_mask(letter, _mm512_set1_epi8(25));
    uint64_t io = _mm512_cmpeq_epi8_mask(g->text, _mm512_set1_epi8('I')) |
                  _mm512_cmpeq_epi8_mask(g->text, _mm512_set1_epi8('O'));
    uint64_t bad = ((digits | letters) ^ g->wanted) |
                   (g->mainland & UINT64_C(0x0202020202020202) & ~letters) |
                   (g->mainland & UINT64_C(0xFCFCFCFCFCFCFCFC) & io);
    __m512i symbols =
        _mm512_mask_add_epi8(g->fixed, digits, digit, _mm512_set1_epi8(PLATE_SYMBOL_DIGIT_0));
    symbols =
        _mm512_mask_add_epi8(symbols, letters, letter, _mm512_set1_epi8(PLATE_SYMBOL_LETTER_A));
    __m512i sums = _mm512_madd_epi16(_mm512_maddubs_epi16(pair, symbols), quad);
    __m512i first = _mm512_slli_epi64(_mm512_and_si512(sums, _mm512_set1_epi64(0xFFFFFFFF)), 35);
    __m512i keys = _mm512_or_si512(first, _mm512_slli_epi64(_mm512_srli_epi64(sums, 32), 7));
    __mmask8 broken = _mm512_test_epi64_mask(_mm512_movm_epi8(bad), _mm512_set1_epi64(-1));
    return _mm512_maskz_mov_epi64((__mmask8) ~(broken | g->bad), keys);
}

TARGET void plate_quick_avx512(const struct plate_quick *q, size_t count, plate_key *out)
{
    for (size_t at = 0; at < count; at += GROUP) {
        struct group g;
        load_group(q, at, &g);
        _mm512_storeu_si512(&out[at], keys_of(&g));
    }
}
#endif
