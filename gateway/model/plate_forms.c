/* See plate_forms.h. */
#include "gateway/model/plate_forms.h"

#include <stddef.h>
#include <string.h>

#include "gateway/model/plate_symbols.h"

/* P province, L letter, D digit (I and O read for 1 and 0 count), X digit or letter, W J
 * themselves, S suffix of a class, U 使, E 应, e 急, M 民, H 航, C 场, N 内, T 连, G 港, O old
 * military. */
static const struct plate_form forms[] = {
    {"PLXXXXX", 2, false, false},   /* 鲁H12345 and every class of that form */
    {"PLXXXXXX", 2, false, false},  /* 鲁HD12345, 鲁H12345D */
    {"PLXXXXS", 2, false, false},   /* 川A0001警 鲁Q7253挂 粤ZA123港 */
    {"PLXXXXEe", 2, false, false},  /* 琼X1234应急 */
    {"PDDDDDDD", 1, false, false},  /* tractor: 京0100001 */
    {"WJPXXXXX", 3, false, false},  /* WJ鲁12345 WJ鲁1234X */
    {"WJXXXXX", 2, true, false},    /* WJ·1234J */
    {"LLDDDDD", 2, true, false},    /* military KA12345 */
    {"DDDDDDU", 0, false, false},   /* embassy 224578使 */
    {"UDDDDDD", 1, false, false},   /* old embassy 使014578 */
    {"MHLLDDDD", 4, false, false},  /* aviation 民航AA0125 */
    {"CNPLXXXXX", 4, false, false}, /* works 场内京A00001 */
    {"TGLDDDD", 3, false, false},   /* port 连港A0018 */
    {"OLDDDDD", 2, false, true},    /* abolished military 海A12345 */
};

static bool is_one_of(uint8_t symbol, const char *characters)
{
    const char *text = plate_symbol_text(symbol);
    return text && strstr(characters, text) != NULL;
}

static bool is_digit_or_io(uint8_t s)
{
    return plate_symbol_is_digit(s) || is_one_of(s, "IO");
}

static bool symbol_fits(char kind, uint8_t s)
{
    if (s == PLATE_SYMBOL_UNREAD)
        return true;
    switch (kind) {
    case 'P':
        return plate_symbol_is_province(s);
    case 'L':
        return plate_symbol_is_letter(s);
    case 'D':
        return is_digit_or_io(s);
    case 'X':
        return plate_symbol_is_alnum(s);
    case 'W':
        return is_one_of(s, "W");
    case 'J':
        return is_one_of(s, "J");
    case 'S':
        return is_one_of(s, "警学挂领港澳试超");
    case 'U':
        return is_one_of(s, "使");
    case 'E':
        return is_one_of(s, "应");
    case 'e':
        return is_one_of(s, "急");
    case 'M':
        return is_one_of(s, "民");
    case 'H':
        return is_one_of(s, "航");
    case 'C':
        return is_one_of(s, "场");
    case 'N':
        return is_one_of(s, "内");
    case 'T':
        return is_one_of(s, "连");
    case 'G':
        return is_one_of(s, "港");
    case 'O':
        return is_one_of(s, "军空海北沈兰济南成");
    default:
        return false;
    }
}

static bool form_fits(const struct plate_form *form, const uint8_t *symbols, int count)
{
    if ((int)strlen(form->pattern) != count)
        return false;
    for (int i = 0; i < count; i++)
        if (!symbol_fits(form->pattern[i], symbols[i]))
            return false;
    return true;
}

const struct plate_form *plate_form_find(const uint8_t *symbols, int count)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (form_fits(&forms[i], symbols, count))
            return &forms[i];
    return NULL;
}

int plate_serial_start(const uint8_t *symbols, int count)
{
    if (count < 3)
        return -1;
    if (is_one_of(symbols[0], "使") || is_one_of(symbols[count - 1], "使"))
        return 0;
    int region = -1;
    bool read = symbols[0] != PLATE_SYMBOL_UNREAD;
    if (read && (plate_symbol_is_province(symbols[0]) || symbol_fits('O', symbols[0])))
        region = 0;
    else if (count > 3 && plate_symbol_is_province(symbols[2]))
        region = 2;
    if (region < 0)
        return -1;
    bool armed_police = region == 2 && symbol_fits('W', symbols[0]) && symbol_fits('J', symbols[1]);
    bool area_letter = !armed_police && !plate_symbol_is_digit(symbols[region + 1]);
    return region + (area_letter ? 2 : 1);
}
