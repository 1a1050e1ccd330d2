/*
 * The plate key codec: text -> tokens (folded characters) -> symbols -> key, and back. A key is
 * valid only if its own text encodes to it again, so every plate has exactly one key.
 */
#include "gateway/model/plate_key.h"

#include <string.h>

#include "gateway/model/plate_forms.h"
#include "gateway/model/plate_symbols.h"

enum {
    FORM1_SYMBOLS = 9,
    FORM1_BITS = 7,
    FORM2_SYMBOLS = 10,
    FORM2_BITS = 6,
    FORM2_UNREAD = 37,
    TOKENS_MAX = PLATE_TEXT_MAX,
    STRIPPED_UNREAD_MAX = 2, /* a colour is stripped only if no more of the plate is unread */
    ALL_ZERO_MIN = 7         /* "0000000" and longer is a camera's way to say unread */
};
#define FORM2_FLAG (UINT64_C(1) << 63)

/* A token is a symbol or one of these, all outside the alphabet. */
enum { TOKEN_DASH = 128, TOKEN_SLASH = 129 };

struct tokens {
    uint32_t code[TOKENS_MAX]; /* folded code points */
    int count;
};

/* ---- characters ---- */

/* Next code point of strict UTF-8, 0 at a malformed byte. */
static uint32_t next_code_point(const uint8_t *text, size_t size, size_t *at)
{
    uint8_t lead = text[*at];
    if (lead < 0x80) {
        *at += 1;
        return lead;
    }
    size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || size - *at <= more)
        return 0;
    uint32_t c = lead & (0x3Fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((text[*at + i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (text[*at + i] & 0x3F);
    }
    bool overlong = (more == 2 && c < 0x800) || (more == 3 && c < 0x10000);
    if (overlong || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
        return 0;
    *at += 1 + more;
    return c;
}

static bool is_ignored(uint32_t c)
{
    switch (c) {
    case ' ':
    case 0x3000: /* ideographic space */
    case 0xFEFF: /* byte order mark */
    case 0x00B7: /* middle dot */
    case 0x2022: /* bullet */
    case 0x2027: /* hyphenation point */
    case 0x22C5: /* dot operator */
    case 0x30FB: /* katakana middle dot */
    case 0xFF65: /* its half-width form */
    case '.':
        return true;
    default:
        return false;
    }
}

static uint32_t fold_character(uint32_t c)
{
    if (c >= 0xFF01 && c <= 0xFF5E) /* full width */
        c -= 0xFEE0;
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212)
        return '-';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 'A';
    return c;
}

/* GBK's middle dot A1 A4 cannot begin a UTF-8 character, so it is safe to know it. */
static bool skip_gbk_dot(const uint8_t *text, size_t size, size_t *at)
{
    if (size - *at < 2 || text[*at] != 0xA1 || text[*at + 1] != 0xA4)
        return false;
    *at += 2;
    return true;
}

static bool tokenize(const char *text, size_t size, struct tokens *out)
{
    const uint8_t *bytes = (const uint8_t *)text;
    while (size > 0 && (bytes[size - 1] == 0 || bytes[size - 1] == ' '))
        size--;
    out->count = 0;
    if (size > PLATE_TEXT_MAX)
        return false;
    for (size_t at = 0; at < size;) {
        if (skip_gbk_dot(bytes, size, &at))
            continue;
        uint32_t c = fold_character(next_code_point(bytes, size, &at));
        if (c == 0)
            return false;
        if (!is_ignored(c))
            out->code[out->count++] = c;
    }
    return true;
}

/* ---- words for "no plate" and "unread" ---- */

static bool tokens_equal(const struct tokens *t, const uint32_t *word, int count)
{
    return t->count == count && memcmp(t->code, word, (size_t)count * sizeof *word) == 0;
}

static bool all_tokens(const struct tokens *t, uint32_t a, uint32_t b)
{
    for (int i = 0; i < t->count; i++)
        if (t->code[i] != a && t->code[i] != b)
            return false;
    return true;
}

#define WORD_IS(t, ...)                                                                            \
    tokens_equal((t), (const uint32_t[]){__VA_ARGS__},                                             \
                 (int)(sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)))

static bool word_kind(const struct tokens *t, enum plate_text_kind *out)
{
    if (WORD_IS(t, 0x65E0, 0x8F66, 0x724C) || /* 无车牌 */
        WORD_IS(t, 0x65E0, 0x724C) ||         /* 无牌 */
        WORD_IS(t, 0x65E0, 0x724C, 0x8F66) || /* 无牌车 */
        WORD_IS(t, 'N', 'O', 'P', 'L', 'A', 'T', 'E')) {
        *out = PLATE_NO_PLATE;
        return true;
    }
    if (WORD_IS(t, 0x672A, 0x77E5) ||         /* 未知 */
        WORD_IS(t, 0x672A, 0x8BC6, 0x522B) || /* 未识别 */
        WORD_IS(t, 'U', 'N', 'K', 'N', 'O', 'W', 'N') || all_tokens(t, '-', '?') ||
        (t->count >= ALL_ZERO_MIN && all_tokens(t, '0', '0'))) {
        *out = PLATE_UNREAD;
        return true;
    }
    return false;
}

/* ---- separators ---- */

static uint8_t token_symbol(uint32_t c)
{
    if (c == '-')
        return TOKEN_DASH;
    if (c == '/')
        return TOKEN_SLASH;
    return plate_symbol_of(c);
}

/* The separator at `at` stands right behind a complete prefix and a full-length serial follows. */
static bool is_separator(const uint8_t *symbols, int count, int at)
{
    uint8_t rest[TOKENS_MAX];
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (i == at)
            continue;
        if (symbols[i] > PLATE_SYMBOL_UNREAD)
            return false;
        rest[n++] = symbols[i];
    }
    const struct plate_form *form = plate_form_find(rest, n);
    return form && at > 0 && form->prefix_symbols == at;
}

/* Drops separators, turns other dashes into unread symbols. False: a stray '/'. */
static bool resolve_separators(uint8_t *symbols, int *count, enum plate_dash dash)
{
    int n = 0;
    for (int i = 0; i < *count; i++) {
        bool mark = symbols[i] == TOKEN_DASH || symbols[i] == TOKEN_SLASH;
        bool may_separate = symbols[i] == TOKEN_SLASH || dash == PLATE_DASH_AUTO;
        if (mark && may_separate && is_separator(symbols, *count, i))
            continue;
        if (symbols[i] == TOKEN_SLASH)
            return false;
        symbols[n++] = symbols[i] == TOKEN_DASH ? PLATE_SYMBOL_UNREAD : symbols[i];
    }
    *count = n;
    return true;
}

static bool to_symbols(const uint32_t *codes, int count, enum plate_dash dash, uint8_t *symbols,
                       int *out_count)
{
    for (int i = 0; i < count; i++) {
        symbols[i] = token_symbol(codes[i]);
        if (symbols[i] == 0)
            return false;
    }
    *out_count = count;
    return resolve_separators(symbols, out_count, dash);
}

/* ---- vendor colour prefixes ---- */

static int colour_of(uint32_t c)
{
    switch (c) {
    case 0x9ED1:
        return 1; /* 黑 */
    case 0x767D:
        return 2; /* 白 */
    case 0x84DD:
        return 5; /* 蓝 */
    case 0x9EC4:
        return 6; /* 黄 */
    case 0x7EFF:
        return 9; /* 绿 */
    default:
        return 0;
    }
}

/* How many leading tokens are a vendor's colour: 渐变绿 and 黄绿 are one colour of several. */
static int colour_prefix(const struct tokens *t, int *out_colour)
{
    int n = 0;
    if (t->count > 3 && t->code[0] == 0x6E10 && t->code[1] == 0x53D8)
        n = 2;
    else if (t->count > 2 && t->code[0] == 0x9EC4 && t->code[1] == 0x7EFF)
        n = 1;
    *out_colour = n < t->count ? colour_of(t->code[n]) : 0;
    return *out_colour ? n + 1 : 0;
}

static int count_unread(const uint8_t *symbols, int count)
{
    int unread = 0;
    for (int i = 0; i < count; i++)
        unread += symbols[i] == PLATE_SYMBOL_UNREAD;
    return unread;
}

static bool is_foreign_whole(const uint8_t *symbols, int count)
{
    bool digit = false;
    for (int i = 0; i < count; i++) {
        if (!plate_symbol_is_alnum(symbols[i]))
            return false;
        digit |= plate_symbol_is_digit(symbols[i]);
    }
    return digit && count >= 4 && count <= FORM2_SYMBOLS;
}

/* Symbols behind a colour prefix, if what is left is a whole plate. */
static bool strip_colour(const struct tokens *t, enum plate_dash dash, uint8_t *symbols, int *count,
                         int *out_colour)
{
    int colour;
    int skip = colour_prefix(t, &colour);
    int n;
    if (skip == 0 || !to_symbols(t->code + skip, t->count - skip, dash, symbols, &n))
        return false;
    if (count_unread(symbols, n) > STRIPPED_UNREAD_MAX)
        return false;
    const struct plate_form *form = plate_form_find(symbols, n);
    bool may_be_province = t->code[0] == 0x9ED1;
    if (!form && (may_be_province || !is_foreign_whole(symbols, n)))
        return false;
    *count = n;
    *out_colour = colour;
    return true;
}

/* ---- symbols <-> key ---- */

plate_key plate_key_of_symbols(const uint8_t *symbols, int count)
{
    if (count < 1 || count > FORM2_SYMBOLS)
        return 0;
    plate_key key = 0;
    for (int i = 0; i < count; i++) {
        uint8_t s = symbols[i];
        if (!plate_symbol_text(s))
            return 0;
        if (count <= FORM1_SYMBOLS) {
            key |= (plate_key)s << (FORM1_BITS * (FORM1_SYMBOLS - 1 - i));
        } else {
            if (!plate_symbol_is_alnum(s) && s != PLATE_SYMBOL_UNREAD)
                return 0;
            uint8_t six = s == PLATE_SYMBOL_UNREAD ? FORM2_UNREAD : s;
            key |= (plate_key)six << (FORM2_BITS * (FORM2_SYMBOLS - 1 - i));
        }
    }
    return count <= FORM1_SYMBOLS ? key : key | FORM2_FLAG;
}

static int symbols_form2(plate_key key, uint8_t out[PLATE_SYMBOLS_MAX])
{
    for (int i = 0; i < FORM2_SYMBOLS; i++) {
        uint8_t six = (key >> (FORM2_BITS * (FORM2_SYMBOLS - 1 - i))) & 0x3F;
        out[i] = six == FORM2_UNREAD ? PLATE_SYMBOL_UNREAD : six;
    }
    return FORM2_SYMBOLS;
}

static int symbols_form1(plate_key key, uint8_t out[PLATE_SYMBOLS_MAX])
{
    int count = 0;
    while (count < FORM1_SYMBOLS) {
        uint8_t s = (key >> (FORM1_BITS * (FORM1_SYMBOLS - 1 - count))) & 0x7F;
        if (s == PLATE_SYMBOL_END)
            break;
        out[count++] = s;
    }
    return count;
}

int plate_symbols(plate_key key, uint8_t out[PLATE_SYMBOLS_MAX])
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = key & FORM2_FLAG ? symbols_form2(key, symbols) : symbols_form1(key, symbols);
    if (key == 0 || plate_key_of_symbols(symbols, count) != key)
        return 0;
    memcpy(out, symbols, (size_t)count);
    return count;
}

bool plate_has_unread(plate_key key)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    return memchr(symbols, PLATE_SYMBOL_UNREAD, (size_t)count) != NULL;
}

uint64_t plate_known_mask(plate_key key)
{
    bool form2 = key & FORM2_FLAG;
    int bits = form2 ? FORM2_BITS : FORM1_BITS;
    uint64_t all = (UINT64_C(1) << bits) - 1;
    uint64_t unread = form2 ? FORM2_UNREAD : PLATE_SYMBOL_UNREAD;
    uint64_t mask = UINT64_MAX;
    for (int shift = 0; shift < bits * (form2 ? FORM2_SYMBOLS : FORM1_SYMBOLS); shift += bits)
        if ((key >> shift & all) == unread)
            mask &= ~(all << shift);
    return mask;
}

int plate_decode(plate_key key, char out[PLATE_TEXT_SIZE])
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    char text[PLATE_TEXT_SIZE];
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        const char *character = plate_symbol_text(symbols[i]);
        size_t bytes = strlen(character);
        memcpy(text + size, character, bytes);
        size += bytes;
    }
    text[size] = '\0';
    struct plate_text again;
    plate_encode(text, size, PLATE_DASH_AUTO, &again);
    if (again.kind != PLATE_KEY || again.key != key)
        return ERR_INVALID;
    memcpy(out, text, size + 1);
    return 0;
}

/* ---- text -> key ---- */

static bool fold_io(uint8_t *symbols, int count)
{
    int start = plate_serial_start(symbols, count);
    bool folded = false;
    for (int i = start; start >= 0 && i < count; i++) {
        const char *text = plate_symbol_text(symbols[i]);
        if (text[0] != 'I' && text[0] != 'O')
            continue;
        symbols[i] = (uint8_t)(PLATE_SYMBOL_DIGIT_0 + (text[0] == 'I' ? 1 : 0));
        folded = true;
    }
    return folded;
}

/* A plate carries a digit or letter (or lost them), and ten digits are a telephone number. */
static bool may_be_plate(const uint8_t *symbols, int count)
{
    int digits = 0;
    int alnum_or_unread = 0;
    for (int i = 0; i < count; i++) {
        digits += plate_symbol_is_digit(symbols[i]);
        alnum_or_unread += plate_symbol_is_alnum(symbols[i]) || symbols[i] == PLATE_SYMBOL_UNREAD;
    }
    return count >= 2 && alnum_or_unread > 0 && digits < FORM2_SYMBOLS;
}

static void encode_symbols(uint8_t *symbols, int count, struct plate_text *out)
{
    if (!may_be_plate(symbols, count))
        return;
    out->folded_io = fold_io(symbols, count);
    out->key = plate_key_of_symbols(symbols, count);
    if (out->key == 0)
        return;
    out->kind = PLATE_KEY;
    out->unread_symbols = count_unread(symbols, count);
    const struct plate_form *form = plate_form_find(symbols, count);
    /* An unread first symbol fits every form: only a read one says "old military". */
    out->old_military = form && form->old_military && symbols[0] != PLATE_SYMBOL_UNREAD;
}

void plate_encode(const char *text, size_t size, enum plate_dash dash, struct plate_text *out)
{
    *out = (struct plate_text){.kind = PLATE_DECODE_ERROR};
    struct tokens tokens;
    if (!tokenize(text, size, &tokens) || word_kind(&tokens, &out->kind))
        return;
    uint8_t symbols[TOKENS_MAX];
    int count;
    bool plain = to_symbols(tokens.code, tokens.count, dash, symbols, &count);
    if (!plain || !plate_form_find(symbols, count)) {
        uint8_t rest[TOKENS_MAX];
        int rest_count;
        if (strip_colour(&tokens, dash, rest, &rest_count, &out->vendor_colour)) {
            memcpy(symbols, rest, (size_t)rest_count);
            count = rest_count;
            plain = true;
        }
    }
    if (plain)
        encode_symbols(symbols, count, out);
}
