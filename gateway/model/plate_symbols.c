/* See plate_symbols.h. The order of the two strings below is the format: append, never reorder. */
#include "gateway/model/plate_symbols.h"

#include <stddef.h>

static const char *const provinces[] = {
    "京", "津", "冀", "晋", "蒙", "辽", "吉", "黑", "沪", "苏", "浙", "皖", "闽", "赣", "鲁", "豫",
    "鄂", "湘", "粤", "桂", "琼", "渝", "川", "贵", "云", "藏", "陕", "甘", "青", "宁", "新",
};

/* Suffixes and prefixes of special classes, then the letters of the abolished military form. */
static const char *const specials[] = {
    "警", "使", "领", "学", "挂", "港", "澳", "应", "急", "试", "超", "民", "航",
    "场", "内", "连", "军", "空", "海", "北", "沈", "兰", "济", "南", "成",
};

static const char alnum[][2] = {
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G", "H",
    "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
};

enum {
    PROVINCES = sizeof provinces / sizeof provinces[0],
    SPECIALS = sizeof specials / sizeof specials[0]
};
_Static_assert(PLATE_SYMBOL_PROVINCE_FIRST + PROVINCES - 1 == PLATE_SYMBOL_PROVINCE_LAST,
               "provinces fill their range");
_Static_assert(PLATE_SYMBOL_SPECIAL_FIRST + SPECIALS - 1 == PLATE_SYMBOL_SPECIAL_LAST,
               "special characters fill their range");

const char *plate_symbol_text(uint8_t symbol)
{
    if (plate_symbol_is_alnum(symbol))
        return alnum[symbol - PLATE_SYMBOL_DIGIT_0];
    if (plate_symbol_is_province(symbol))
        return provinces[symbol - PLATE_SYMBOL_PROVINCE_FIRST];
    if (symbol >= PLATE_SYMBOL_SPECIAL_FIRST && symbol <= PLATE_SYMBOL_SPECIAL_LAST)
        return specials[symbol - PLATE_SYMBOL_SPECIAL_FIRST];
    return symbol == PLATE_SYMBOL_UNREAD ? "?" : NULL;
}

/* All characters beyond ASCII in the tables take three bytes of UTF-8. */
static uint32_t code_point_of(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;
    return ((uint32_t)(b[0] & 0x0F) << 12) | ((uint32_t)(b[1] & 0x3F) << 6) | (b[2] & 0x3Fu);
}

uint8_t plate_symbol_of(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (uint8_t)(PLATE_SYMBOL_DIGIT_0 + (c - '0'));
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(PLATE_SYMBOL_LETTER_A + (c - 'A'));
    if (c == '?')
        return PLATE_SYMBOL_UNREAD;
    if (c < 0x80)
        return 0;
    for (int i = 0; i < PROVINCES; i++)
        if (code_point_of(provinces[i]) == c)
            return (uint8_t)(PLATE_SYMBOL_PROVINCE_FIRST + i);
    for (int i = 0; i < SPECIALS; i++)
        if (code_point_of(specials[i]) == c)
            return (uint8_t)(PLATE_SYMBOL_SPECIAL_FIRST + i);
    return 0;
}
