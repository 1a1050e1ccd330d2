/*
 * The kernels behind plate_quick_encode(), and what they share; internal. Each writes whole groups
 * of 8 (AVX-512), 4 or 1 keys, which stay within PLATE_QUICK_MAX.
 *
 * By the size of its text a plate is one of: 4 to 8 digits and capitals; province + letter + 5 (9
 * bytes) or 6 (10) digits and letters; province + letter + 4 + suffix (11). The letters and digits
 * are shifted to a word whose byte i is symbol i; bytes of other characters are cleared in it and
 * their symbols looked up.
 */
#pragma once

#include "gateway/model/plate_quick.h"

#if defined(__x86_64__)
#define PLATE_QUICK_X86 1
void plate_quick_avx512(const struct plate_quick *q, size_t count, plate_key *out);
void plate_quick_avx2(const struct plate_quick *q, size_t count, plate_key *out);
#else
#define PLATE_QUICK_X86 0
#endif

enum {
    QUICK_PLAIN = 9, /* sizes */
    QUICK_LONG = 10,
    QUICK_WITH_SUFFIX = 11,
    QUICK_SHORT_MAX = 8,
    QUICK_SUFFIX_AT = 6, /* symbol */
    QUICK_TABLE_BITS = 7,
    QUICK_MULTIPLIER = 0x415AC401 /* found by trying: no two characters in one place */
};

/* By size of the text, for sizes 0 to 15, as signed bytes. */
/* Bit i: symbol i must be a digit or letter. */
#define QUICK_WANTED 0, 0, 0, 0, 0x0F, 0x1F, 0x3F, 0x7F, -1, 0x7E, -2, 0x3E, 0, 0, 0, 0
/* All bits: of the mainland, so a letter second and no I or O behind it. */
#define QUICK_MAINLAND 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, 0, 0, 0, 0
/* Bits the tail is moved down by. */
#define QUICK_SHIFT 0, 0, 0, 0, 32, 24, 16, 8, 0, 8, 0, 0, 0, 0, 0, 0

/* Three-byte characters by a hash without collision: their UTF-8 in the low bytes (first lowest),
 * their symbol in the highest; 0 = none. */
extern const uint32_t plate_quick_table[1 << QUICK_TABLE_BITS];

/* The symbol of the three-byte character in the low bytes, 0 when the table has none. */
static inline uint8_t plate_quick_symbol(uint32_t character)
{
    uint32_t entry = plate_quick_table[character * QUICK_MULTIPLIER >> (32 - QUICK_TABLE_BITS)];
    return (entry & 0xFFFFFF) == character ? (uint8_t)(entry >> 24) : 0;
}

/* Short texts that are no plates: "NOPLATE", "UNKNOWN", a camera's zeros. */
#define QUICK_WORD_NOPLATE 0x4554414C504F4E
#define QUICK_WORD_UNKNOWN 0x4E574F4E4B4E55
#define QUICK_WORD_ZEROS7 0x30303030303030
#define QUICK_WORD_ZEROS8 0x3030303030303030
