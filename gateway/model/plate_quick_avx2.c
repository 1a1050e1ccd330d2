/* Four plates at once with AVX2, as plate_quick_avx512.c does eight. */
#include "gateway/model/plate_quick_kernels.h"

#if PLATE_QUICK_X86
#include <immintrin.h>

#include "gateway/model/plate_symbols.h"

enum { GROUP = 4 };

#define TARGET __attribute__((target("avx2")))

/* Bytes of `value` from 0 to `last`, unsigned: all ones. */
TARGET static inline __m256i at_most(__m256i value, char last)
{
    __m256i least = _mm256_min_epu8(value, _mm256_set1_epi8(last));
    return _mm256_cmpeq_epi8(least, value);
}

/* Bit i of byte n to byte i of lane n, all ones or none. */
TARGET static inline __m256i spread(uint32_t bits)
{
    const __m256i byte_of_lane =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), byte_of_lane);
    return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
}

TARGET void plate_quick_avx2(const struct plate_quick *q, size_t count, plate_key *out)
{
    const __m256i pair = _mm256_set1_epi16(0x0180);     /* first * 128 + second */
    const __m256i quad = _mm256_set1_epi32(0x00014000); /* first * 16384 + second */
    const __m256i low = _mm256_set1_epi64x(0xFFFFFFFF);
    const __m256i second = _mm256_set1_epi64x(0xFF00);
    const __m256i serial = _mm256_set1_epi64x((long long)0xFFFFFFFFFFFF0000);
    for (size_t at = 0; at < count; at += GROUP) {
        __m256i text = _mm256_loadu_si256((const __m256i *)&q->text[at]);
        __m256i mainland = spread(plate_quick_load32(&q->mainland[at]));
        __m256i digit = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
        __m256i letter = _mm256_sub_epi8(text, _mm256_set1_epi8('A'));
        __m256i digits = at_most(digit, 9);
        __m256i letters = at_most(letter, 25);
        __m256i io = _mm256_or_si256(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('I')),
                                     _mm256_cmpeq_epi8(text, _mm256_set1_epi8('O')));
        __m256i bad = _mm256_xor_si256(_mm256_or_si256(digits, letters),
                                       spread(plate_quick_load32(&q->wanted[at])));
        bad =
            _mm256_or_si256(bad, _mm256_andnot_si256(letters, _mm256_and_si256(mainland, second)));
        bad = _mm256_or_si256(bad, _mm256_and_si256(io, _mm256_and_si256(mainland, serial)));
        digit = _mm256_add_epi8(digit, _mm256_set1_epi8(PLATE_SYMBOL_DIGIT_0));
        letter = _mm256_add_epi8(letter, _mm256_set1_epi8(PLATE_SYMBOL_LETTER_A));
        __m256i symbols = _mm256_loadu_si256((const __m256i *)&q->fixed[at]);
        symbols = _mm256_or_si256(symbols, _mm256_or_si256(_mm256_and_si256(digits, digit),
                                                           _mm256_and_si256(letters, letter)));
        __m256i sums = _mm256_madd_epi16(_mm256_maddubs_epi16(pair, symbols), quad);
        __m256i keys = _mm256_or_si256(_mm256_slli_epi64(_mm256_and_si256(sums, low), 35),
                                       _mm256_slli_epi64(_mm256_srli_epi64(sums, 32), 7));
        __m256i good = _mm256_cmpeq_epi64(bad, _mm256_setzero_si256());
        _mm256_storeu_si256((__m256i *)&out[at], _mm256_and_si256(keys, good));
    }
}
#endif
