/*
 * Whether a text is a canonical JSON object, looked at once and byte by byte. See json.h. No state.
 */
#include <stdint.h>
#include <string.h>

#include "gateway/base/json.h"

enum { DEPTH_MAX = 16, DIGITS_MAX = 18 /* below 2^63 */ };

/* An object or an array that is open. */
struct level {
    bool object;
    const char *key; /* the last one, NULL: none yet */
    size_t key_size;
};

struct scan {
    const char *at;
    const char *end;
    size_t depth;
    struct level levels[DEPTH_MAX];
};

static bool tail(const unsigned char *p, unsigned from, unsigned to)
{
    return p[0] >= from && p[0] <= to;
}

/* Bytes of the UTF-8 character at `p`, which is no ASCII; 0: none (RFC 3629, section 4). */
static size_t character(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t size = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || left < size)
        return 0;
    unsigned low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (!tail(p + 1, low, high))
        return 0;
    for (size_t i = 2; i < size; i++)
        if (!tail(p + i, 0x80, 0xBF))
            return 0;
    return size;
}

/* At the opening quote; leaves `at` behind the closing one. */
static bool string(struct scan *s, bool escapes)
{
    for (s->at++; s->at < s->end;) {
        unsigned char c = (unsigned char)*s->at;
        size_t step = 1;
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return false;
        if (c == '\\') {
            if (!escapes || s->at + 1 >= s->end || !s->at[1] || !strchr("\"\\/bfnrt", s->at[1]))
                return false;
            step = 2;
        } else if (c >= 0x80)
            step = character(s->at, (size_t)(s->end - s->at));
        if (step == 0)
            return false;
        s->at += step;
    }
    return false;
}

static bool number(struct scan *s)
{
    const char *digits = s->at + (*s->at == '-');
    const char *p = digits;
    while (p < s->end && *p >= '0' && *p <= '9')
        p++;
    size_t count = (size_t)(p - digits);
    s->at = p;
    return count > 0 && count <= DIGITS_MAX && (count == 1 || digits[0] != '0');
}

static bool word(struct scan *s, const char *text)
{
    size_t size = strlen(text);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, text, size) != 0)
        return false;
    s->at += size;
    return true;
}

/* "key": with the key above the one before, so that none is there twice. */
static bool key(struct scan *s, struct level *level)
{
    const char *begin = s->at + 1;
    if (s->at >= s->end || *s->at != '"' || !string(s, false))
        return false;
    size_t size = (size_t)(s->at - 1 - begin);
    if (level->key) {
        size_t shared = size < level->key_size ? size : level->key_size;
        int order = memcmp(level->key, begin, shared);
        if (order > 0 || (order == 0 && level->key_size >= size))
            return false;
    }
    level->key = begin;
    level->key_size = size;
    return word(s, ":");
}

/* Opens one, up to its first value; an empty one is closed at once (*out_closed). */
static bool open_level(struct scan *s, bool *out_closed)
{
    bool object = *s->at == '{';
    if (s->depth == DEPTH_MAX)
        return false;
    s->at++;
    *out_closed = word(s, object ? "}" : "]");
    if (*out_closed)
        return true;
    struct level *level = &s->levels[s->depth++];
    *level = (struct level){.object = object};
    return !object || key(s, level);
}

/* A value, or the beginning of one (*out_open). */
static bool value(struct scan *s, bool *out_open)
{
    bool closed = false;
    *out_open = false;
    if (s->at >= s->end)
        return false;
    switch (*s->at) {
    case '{':
    case '[':
        if (!open_level(s, &closed))
            return false;
        *out_open = !closed;
        return true;
    case '"':
        return string(s, true);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return number(s);
    }
}

/* Behind a value: the next one's beginning, or the ends of what it closes. */
static bool go_on(struct scan *s)
{
    while (s->depth > 0) {
        struct level *level = &s->levels[s->depth - 1];
        if (word(s, ","))
            return !level->object || key(s, level);
        if (!word(s, level->object ? "}" : "]"))
            return false;
        s->depth--;
    }
    return true;
}

bool json_is_canonical_object(const char *text, size_t size)
{
    struct scan s = {.at = text, .end = text + size};
    bool open = false;
    if (size == 0 || text[0] != '{')
        return false;
    do {
        if (!value(&s, &open) || (!open && !go_on(&s)))
            return false;
    } while (s.depth > 0);
    return s.at == s.end;
}
