/* See plate_quick.h: the table of three-byte characters, the kernel for any processor, the choice
 * among kernels. */
#include "gateway/model/plate_quick.h"

#include <assert.h>

#include "gateway/model/plate_quick_kernels.h"
#include "gateway/model/plate_symbols.h"

#define CODE(b0, b1, b2) ((uint32_t)(b0) | (uint32_t)(b1) << 8 | (uint32_t)(b2) << 16)
#define PLACE(code) ((uint32_t)((code)*QUICK_MULTIPLIER) >> (32 - QUICK_TABLE_BITS))
#define ROW(b0, b1, b2, symbol)                                                                    \
    [PLACE(CODE(b0, b1, b2))] = (CODE(b0, b1, b2) | (uint32_t)(symbol) << 24)
#define PROVINCE(b0, b1, b2, n) ROW(b0, b1, b2, PLATE_SYMBOL_PROVINCE_FIRST + (n))
#define SUFFIX(b0, b1, b2, n) ROW(b0, b1, b2, PLATE_SYMBOL_SPECIAL_FIRST + (n))

const uint32_t plate_quick_table[1 << QUICK_TABLE_BITS] = {
    PROVINCE(0xE4, 0xBA, 0xAC, 0),  /* 京 */
    PROVINCE(0xE6, 0xB4, 0xA5, 1),  /* 津 */
    PROVINCE(0xE5, 0x86, 0x80, 2),  /* 冀 */
    PROVINCE(0xE6, 0x99, 0x8B, 3),  /* 晋 */
    PROVINCE(0xE8, 0x92, 0x99, 4),  /* 蒙 */
    PROVINCE(0xE8, 0xBE, 0xBD, 5),  /* 辽 */
    PROVINCE(0xE5, 0x90, 0x89, 6),  /* 吉 */
    PROVINCE(0xE9, 0xBB, 0x91, 7),  /* 黑 */
    PROVINCE(0xE6, 0xB2, 0xAA, 8),  /* 沪 */
    PROVINCE(0xE8, 0x8B, 0x8F, 9),  /* 苏 */
    PROVINCE(0xE6, 0xB5, 0x99, 10), /* 浙 */
    PROVINCE(0xE7, 0x9A, 0x96, 11), /* 皖 */
    PROVINCE(0xE9, 0x97, 0xBD, 12), /* 闽 */
    PROVINCE(0xE8, 0xB5, 0xA3, 13), /* 赣 */
    PROVINCE(0xE9, 0xB2, 0x81, 14), /* 鲁 */
    PROVINCE(0xE8, 0xB1, 0xAB, 15), /* 豫 */
    PROVINCE(0xE9, 0x84, 0x82, 16), /* 鄂 */
    PROVINCE(0xE6, 0xB9, 0x98, 17), /* 湘 */
    PROVINCE(0xE7, 0xB2, 0xA4, 18), /* 粤 */
    PROVINCE(0xE6, 0xA1, 0x82, 19), /* 桂 */
    PROVINCE(0xE7, 0x90, 0xBC, 20), /* 琼 */
    PROVINCE(0xE6, 0xB8, 0x9D, 21), /* 渝 */
    PROVINCE(0xE5, 0xB7, 0x9D, 22), /* 川 */
    PROVINCE(0xE8, 0xB4, 0xB5, 23), /* 贵 */
    PROVINCE(0xE4, 0xBA, 0x91, 24), /* 云 */
    PROVINCE(0xE8, 0x97, 0x8F, 25), /* 藏 */
    PROVINCE(0xE9, 0x99, 0x95, 26), /* 陕 */
    PROVINCE(0xE7, 0x94, 0x98, 27), /* 甘 */
    PROVINCE(0xE9, 0x9D, 0x92, 28), /* 青 */
    PROVINCE(0xE5, 0xAE, 0x81, 29), /* 宁 */
    PROVINCE(0xE6, 0x96, 0xB0, 30), /* 新 */
    SUFFIX(0xE8, 0xAD, 0xA6, 0),    /* 警 */
    SUFFIX(0xE5, 0xAD, 0xA6, 3),    /* 学 */
    SUFFIX(0xE6, 0x8C, 0x82, 4),    /* 挂 */
    SUFFIX(0xE9, 0xA2, 0x86, 2),    /* 领 */
    SUFFIX(0xE6, 0xB8, 0xAF, 5),    /* 港 */
    SUFFIX(0xE6, 0xBE, 0xB3, 6),    /* 澳 */
    SUFFIX(0xE8, 0xAF, 0x95, 9),    /* 试 */
    SUFFIX(0xE8, 0xB6, 0x85, 10),   /* 超 */
};

/* ---- the kernel for any processor: bytes of a word side by side ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* 0x80 in each byte of `word` from `first` to `last`; no byte of `word` is above 0x7F. */
static inline uint64_t bytes_within(uint64_t word, uint64_t first, uint64_t last)
{
    return (word + EACH(0x80 - first)) & ~(word + EACH(0x7F - last)) & EACH(0x80);
}

/* Bit i of `bits` to bit 7 of byte i. */
static inline uint64_t spread(uint8_t bits)
{
    uint64_t each = (bits * EACH(1)) & UINT64_C(0x8040201008040201);
    return (each + EACH(0x7F)) & EACH(0x80);
}

static inline uint64_t all_of(uint64_t marks) /* 0x80 to 0xFF */
{
    return (marks >> 7) * 0xFF;
}

static inline bool is_word(uint64_t text)
{
    return text == QUICK_WORD_NOPLATE || text == QUICK_WORD_UNKNOWN || text == QUICK_WORD_ZEROS7 ||
           text == QUICK_WORD_ZEROS8;
}

struct spelled {
    uint64_t text;  /* digits and letters at the places of their symbols */
    uint64_t fixed; /* symbols of the other characters */
};

/* False: a character that is not of the table, or a word. */
static inline bool spell(const struct plate_quick *q, size_t at, struct spelled *out)
{
    static const int8_t shift[] = {QUICK_SHIFT};
    uint64_t tail = q->tail[at];
    out->text = tail >> shift[q->size[at]];
    out->fixed = 0;
    if (q->size[at] <= QUICK_SHORT_MAX)
        return !is_word(out->text);
    uint8_t province = plate_quick_symbol(q->head[at] & 0xFFFFFF);
    out->text &= ~UINT64_C(0xFF);
    out->fixed = province;
    if (q->size[at] == QUICK_WITH_SUFFIX) {
        uint64_t suffix = plate_quick_symbol((uint32_t)(tail >> 40));
        out->text = tail << 8 & UINT64_C(0xFFFFFFFFFF00);
        out->fixed |= suffix << 8 * QUICK_SUFFIX_AT;
        if (suffix < PLATE_SYMBOL_SPECIAL_FIRST)
            return false;
    }
    return plate_symbol_is_province(province);
}

static plate_key encode_one(const struct plate_quick *q, size_t at)
{
    static const int8_t wanted[] = {QUICK_WANTED};
    static const int8_t mainlands[] = {QUICK_MAINLAND};
    struct spelled s;
    if (q->size[at] == 0 || !spell(q, at, &s))
        return 0;
    uint64_t mainland = mainlands[q->size[at]] ? UINT64_MAX : 0;
    uint64_t plain = s.text & EACH(0x7F);
    uint64_t digits = bytes_within(plain, '0', '9');
    uint64_t letters = bytes_within(plain, 'A', 'Z');
    uint64_t io = bytes_within(plain, 'I', 'I') | bytes_within(plain, 'O', 'O');
    uint64_t bad = (s.text & EACH(0x80)) |
                   ((digits | letters) ^ spread((uint8_t)wanted[q->size[at]])) |
                   (mainland & 0x8000 & ~letters) | (mainland & UINT64_C(0x8080808080800000) & io);
    if (bad)
        return 0;
    uint64_t symbols = s.text - (all_of(digits) & EACH('0' - PLATE_SYMBOL_DIGIT_0)) -
                       (all_of(letters) & EACH('A' - PLATE_SYMBOL_LETTER_A));
    uint64_t x = __builtin_bswap64(symbols | s.fixed);
    x = (x & UINT64_C(0x7F007F007F007F00)) >> 1 | (x & UINT64_C(0x007F007F007F007F));
    x = (x & UINT64_C(0x3FFF00003FFF0000)) >> 2 | (x & UINT64_C(0x00003FFF00003FFF));
    x = (x & UINT64_C(0x0FFFFFFF00000000)) >> 4 | (x & UINT64_C(0x000000000FFFFFFF));
    return x << 7;
}

static void encode_scalar(const struct plate_quick *q, size_t count, plate_key *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = encode_one(q, i);
}

/* ---- choice ---- */

typedef void quick_kernel(const struct plate_quick *q, size_t count, plate_key *out);

bool plate_quick_has(enum plate_quick_kernel kernel)
{
#if PLATE_QUICK_X86
    if (kernel == PLATE_QUICK_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("bmi2");
    if (kernel == PLATE_QUICK_AVX2)
        return __builtin_cpu_supports("avx2");
#endif
    return kernel == PLATE_QUICK_SCALAR || kernel == PLATE_QUICK_BEST;
}

static enum plate_quick_kernel best(void)
{
    if (plate_quick_has(PLATE_QUICK_AVX512))
        return PLATE_QUICK_AVX512;
    return plate_quick_has(PLATE_QUICK_AVX2) ? PLATE_QUICK_AVX2 : PLATE_QUICK_SCALAR;
}

static quick_kernel *kernel_of(enum plate_quick_kernel kernel)
{
#if PLATE_QUICK_X86
    if (kernel == PLATE_QUICK_AVX512)
        return plate_quick_avx512;
    if (kernel == PLATE_QUICK_AVX2)
        return plate_quick_avx2;
#endif
    return encode_scalar;
}

void plate_quick_encode_by(enum plate_quick_kernel kernel, const struct plate_quick *q,
                           size_t count, plate_key *out)
{
    assert(count <= PLATE_QUICK_MAX && plate_quick_has(kernel));
    kernel_of(kernel == PLATE_QUICK_BEST ? best() : kernel)(q, count, out);
}

void plate_quick_encode(const struct plate_quick *q, size_t count, plate_key *out)
{
    plate_quick_encode_by(PLATE_QUICK_BEST, q, count, out);
}

const char *plate_quick_kernel_name(enum plate_quick_kernel kernel)
{
    static const char *const names[] = {"best", "avx512", "avx2", "scalar"};
    return names[kernel == PLATE_QUICK_BEST ? best() : kernel];
}

bool plate_encode_quick(const uint8_t *text, size_t size, plate_key *out)
{
    uint8_t copy[PLATE_QUICK_BYTES_BEFORE + PLATE_QUICK_SIZE_MAX + 1] = {0};
    struct plate_quick q;
    if (size > PLATE_QUICK_SIZE_MAX)
        return false;
    memcpy(copy + PLATE_QUICK_BYTES_BEFORE, text, size);
    plate_quick_put(&q, 0, copy + PLATE_QUICK_BYTES_BEFORE, size);
    plate_key key = encode_one(&q, 0);
    if (key == 0)
        return false;
    *out = key;
    return true;
}
