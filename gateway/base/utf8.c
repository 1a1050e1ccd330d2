/* See utf8.h. */
#include "gateway/base/utf8.h"

#include <string.h>

size_t utf8_length(const uint8_t *s, size_t left)
{
    static const struct {
        uint8_t from, to, second_from, second_to, length;
    } forms[] = {
        {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (s[0] < forms[i].from || s[0] > forms[i].to)
            continue;
        if (forms[i].length > left)
            return 0;
        if (forms[i].length > 1 && (s[1] < forms[i].second_from || s[1] > forms[i].second_to))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((s[k] & 0xC0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* Of `length` bytes, as utf8_length says. */
static bool is_shown(const uint8_t *s, size_t length)
{
    bool c1 = length == 2 && s[0] == 0xC2 && s[1] < 0xA0;
    bool arabic_mark = length == 2 && s[0] == 0xD8 && s[1] == 0x9C;
    bool line_or_turn = length == 3 && s[0] == 0xE2 &&
                        ((s[1] == 0x80 && (s[2] == 0x8E || s[2] == 0x8F)) ||
                         (s[1] == 0x80 && s[2] >= 0xA8 && s[2] <= 0xAE) ||
                         (s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9));
    return s[0] >= ' ' && s[0] != 0x7F && !c1 && !arabic_mark && !line_or_turn;
}

bool utf8_is_line(const char *text)
{
    const uint8_t *s = (const uint8_t *)text;
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_length(s, left);
        if (length == 0 || !is_shown(s, length))
            return false;
        s += length;
        left -= length;
    }
    return true;
}

void utf8_make_line(char *text)
{
    const uint8_t *s = (const uint8_t *)text;
    size_t left = strlen(text);
    char *to = text;
    while (left > 0) {
        size_t length = utf8_length(s, left);
        if (length > 0 && is_shown(s, length)) {
            memmove(to, s, length);
            to += length;
        } else {
            *to++ = '?';
        }
        length += length == 0;
        s += length;
        left -= length;
    }
    *to = '\0';
}
