/*
 * The alphabet of the plate key: symbol values, which stand on disk and on the wire and never
 * change. 0 ends a key, 1-36 are digits and capitals, 39-69 the provinces, 70-95 the special
 * characters, 127 an unread symbol; the gaps are free. Internal to the codec and to matching.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    PLATE_SYMBOL_END = 0,
    PLATE_SYMBOL_DIGIT_0 = 1,
    PLATE_SYMBOL_LETTER_A = 11,
    PLATE_SYMBOL_ALNUM_LAST = 36,
    PLATE_SYMBOL_PROVINCE_FIRST = 39,
    PLATE_SYMBOL_PROVINCE_LAST = 69,
    PLATE_SYMBOL_SPECIAL_FIRST = 70,
    PLATE_SYMBOL_SPECIAL_LAST = 94,
    PLATE_SYMBOL_UNREAD = 127
};

/* The character of a symbol as UTF-8, "?" for unread; NULL when no symbol has that value. */
const char *plate_symbol_text(uint8_t symbol);
/* The symbol of a character (already upper case and half width); 0 when it has none. */
uint8_t plate_symbol_of(uint32_t code_point);

static inline bool plate_symbol_is_digit(uint8_t s)
{
    return s >= PLATE_SYMBOL_DIGIT_0 && s < PLATE_SYMBOL_LETTER_A;
}
static inline bool plate_symbol_is_letter(uint8_t s)
{
    return s >= PLATE_SYMBOL_LETTER_A && s <= PLATE_SYMBOL_ALNUM_LAST;
}
static inline bool plate_symbol_is_alnum(uint8_t s)
{
    return s >= PLATE_SYMBOL_DIGIT_0 && s <= PLATE_SYMBOL_ALNUM_LAST;
}
static inline bool plate_symbol_is_province(uint8_t s)
{
    return s >= PLATE_SYMBOL_PROVINCE_FIRST && s <= PLATE_SYMBOL_PROVINCE_LAST;
}
