/* Eight plates at once with AVX-512 F and BW: bytes to symbols, symbols to 7 bits side by side. */
#include "gateway/model/plate_quick_kernels.h"

#if PLATE_QUICK_X86
#include <immintrin.h>

#include "gateway/model/plate_symbols.h"

enum { GROUP = 8 };

__attribute__((target("avx512f,avx512bw"))) void plate_quick_avx512(const struct plate_quick *q,
                                                                    size_t count, plate_key *out)
{
    const __m512i pair = _mm512_set1_epi16(0x0180);     /* first * 128 + second */
    const __m512i quad = _mm512_set1_epi32(0x00014000); /* first * 16384 + second */
    const __m512i low = _mm512_set1_epi64(0xFFFFFFFF);
    for (size_t at = 0; at < count; at += GROUP) {
        __m512i text = _mm512_loadu_si512(&q->text[at]);
        uint64_t wanted = plate_quick_load64(&q->wanted[at]);
        uint64_t mainland = plate_quick_load64(&q->mainland[at]);
        __m512i digit = _mm512_sub_epi8(text, _mm512_set1_epi8('0'));
        __m512i letter = _mm512_sub_epi8(text, _mm512_set1_epi8('A'));
        uint64_t digits = _mm512_cmple_epu8_mask(digit, _mm512_set1_epi8(9));
        uint64_t letters = _mm512_cmple_epu8_mask(letter, _mm512_set1_epi8(25));
        uint64_t io = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8('I')) |
                      _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8('O'));
        uint64_t bad = ((digits | letters) ^ wanted) |
                       (mainland & UINT64_C(0x0202020202020202) & ~letters) |
                       (mainland & UINT64_C(0xFCFCFCFCFCFCFCFC) & io);
        __m512i symbols = _mm512_loadu_si512(&q->fixed[at]);
        symbols =
            _mm512_mask_add_epi8(symbols, digits, digit, _mm512_set1_epi8(PLATE_SYMBOL_DIGIT_0));
        symbols =
            _mm512_mask_add_epi8(symbols, letters, letter, _mm512_set1_epi8(PLATE_SYMBOL_LETTER_A));
        __m512i sums = _mm512_madd_epi16(_mm512_maddubs_epi16(pair, symbols), quad);
        __m512i keys = _mm512_or_si512(_mm512_slli_epi64(_mm512_and_si512(sums, low), 35),
                                       _mm512_slli_epi64(_mm512_srli_epi64(sums, 32), 7));
        __m512i broken = _mm512_movm_epi8(bad);
        __mmask8 good = _mm512_cmpeq_epi64_mask(broken, _mm512_setzero_si512());
        _mm512_storeu_si512(&out[at], _mm512_maskz_mov_epi64(good, keys));
    }
}
#endif
