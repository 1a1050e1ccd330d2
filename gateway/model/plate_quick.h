/*
 * Plain whole plates to keys, many at once: province + letter + 5 or 6 digits and letters, the same
 * with a suffix character (警 学 挂 领 港 澳 试 超), and 4 to 8 digits and capitals. What is taken
 * has exactly the key that plate_encode() gives, whatever the camera means by '-'; everything else
 * (lower case, I or O in a serial, separators, words, special forms) is left to plate_encode().
 * Kernels for AVX-512, AVX2 and any processor give equal keys. Pure, any thread.
 */
#pragma once

#include <endian.h>
#include <string.h>

#include "gateway/model/plate_key.h"

enum {
    PLATE_QUICK_MAX = 64,         /* plates of a batch, a multiple of 8 */
    PLATE_QUICK_SYMBOLS = 8,      /* of one plate */
    PLATE_QUICK_BYTES_BEFORE = 4, /* of the text that plate_quick_put() may look at */
    PLATE_QUICK_TABLE_BITS = 7,
    PLATE_QUICK_MULTIPLIER = 0x415AC401 /* found by trying: no two characters in one place */
};

enum plate_quick_kernel {
    PLATE_QUICK_BEST, /* the fastest this processor has */
    PLATE_QUICK_AVX512,
    PLATE_QUICK_AVX2,
    PLATE_QUICK_SCALAR
};

/* Plates on their way, spread so that a kernel loads several at once. Symbol i of a plate is byte i
 * of its words, the first lowest. */
struct plate_quick {
    uint64_t text[PLATE_QUICK_MAX];    /* digits and letters as they came, other bytes 0 */
    uint64_t fixed[PLATE_QUICK_MAX];   /* symbols known already (province, suffix), others 0 */
    uint8_t wanted[PLATE_QUICK_MAX];   /* bit i: byte i of text must be a digit or letter */
    uint8_t mainland[PLATE_QUICK_MAX]; /* 0xFF: a letter second, then no I or O; or 0 */
};

/* Three-byte characters by a hash without collision: their UTF-8 in the low bytes (first lowest),
 * their symbol in the highest; 0 = none. */
extern const uint32_t plate_quick_table[1 << PLATE_QUICK_TABLE_BITS];

/* The symbol of the three-byte character in the low bytes, 0 when the table has none. */
static inline uint8_t plate_quick_symbol(uint32_t character)
{
    uint32_t entry =
        plate_quick_table[character * PLATE_QUICK_MULTIPLIER >> (32 - PLATE_QUICK_TABLE_BITS)];
    return (entry & 0xFFFFFF) == character ? (uint8_t)(entry >> 24) : 0;
}

static inline uint64_t plate_quick_load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static inline uint32_t plate_quick_load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

/* Puts a plate text into place `at` (below PLATE_QUICK_MAX); one that is not plain gets key 0. Of a
 * text below 9 bytes PLATE_QUICK_BYTES_BEFORE bytes in front of it are looked at: they must be
 * readable. */
static inline void plate_quick_put(struct plate_quick *q, size_t at, const uint8_t *text,
                                   size_t size)
{
    enum { SHORT_MIN = 4, PROVINCE_BYTES = 3, PLAIN = 9, LONG = 10, WITH_SUFFIX = 11 };
    enum { SPECIAL_FIRST = 70, SUFFIX_SHIFT = 48 };
    uint64_t ascii = 0;
    uint64_t fixed = 0;
    uint8_t wanted = 0;
    uint8_t mainland = 0;
    if (size == PLAIN || size == LONG) {
        uint8_t province = plate_quick_symbol(plate_quick_load32(text) & 0xFFFFFF);
        bool good = province != 0 && province < SPECIAL_FIRST;
        ascii = plate_quick_load64(text + size - 8) >> (LONG - size) * 8 & ~UINT64_C(0xFF);
        ascii = good ? ascii : 0;
        fixed = good ? province : 0;
        wanted = (uint8_t)(good ? 0xFE >> (LONG - size) & 0xFE : 0);
        mainland = 0xFF;
    } else if (size >= SHORT_MIN && size <= PLATE_QUICK_SYMBOLS) {
        ascii = plate_quick_load64(text + size - 8) >> (PLATE_QUICK_SYMBOLS - size) * 8;
        wanted = (uint8_t)((1u << size) - 1);
    } else if (size == WITH_SUFFIX) {
        uint8_t province = plate_quick_symbol(plate_quick_load32(text) & 0xFFFFFF);
        uint8_t suffix = plate_quick_symbol(plate_quick_load32(text + 7) >> 8);
        if (province != 0 && province < SPECIAL_FIRST && suffix >= SPECIAL_FIRST) {
            ascii = plate_quick_load64(text + PROVINCE_BYTES) << 8 & UINT64_C(0xFFFFFFFFFF00);
            fixed = province | (uint64_t)suffix << SUFFIX_SHIFT;
            wanted = 0x3E;
            mainland = 0xFF;
        }
    }
    q->text[at] = ascii;
    q->fixed[at] = fixed;
    q->wanted[at] = wanted;
    q->mainland[at] = mainland;
}

/* The keys of the first `count` places (at most PLATE_QUICK_MAX), 0 where plate_encode() must be
 * asked. `out` has room for PLATE_QUICK_MAX. */
void plate_quick_encode(const struct plate_quick *q, size_t count, plate_key *out);
/* The same by a kernel of choice: for tests and measurements. It must be there. */
void plate_quick_encode_by(enum plate_quick_kernel kernel, const struct plate_quick *q,
                           size_t count, plate_key *out);
bool plate_quick_has(enum plate_quick_kernel kernel);                /* this processor can */
const char *plate_quick_kernel_name(enum plate_quick_kernel kernel); /* "avx512"; BEST: which */

/* One plate. False: plate_encode() must be asked; *out is then unchanged. */
bool plate_encode_quick(const uint8_t *text, size_t size, plate_key *out) MUST_CHECK;
