/* A hit in words an officer understands: its odds, and how the read differs from the plate. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/model/hit.h"
#include "gateway/model/plate_symbols.h"

/* ---- odds ---- */

struct odds_words {
    int16_t from_db; /* 20: a hundred to one */
    const char *en;
    const char *zh;
};

static const struct odds_words *words_of(int16_t odds_db)
{
    static const struct odds_words table[] = {
        {20, "almost certainly this plate", "几乎可以肯定是此车牌"},
        {7, "very likely this plate", "很可能是此车牌"},
        {0, "more likely than not: check by eye", "较可能是此车牌，请目视核对"},
        {-10, "possible: check by eye", "有可能，请目视核对"},
        {INT16_MIN, "unlikely: check by eye", "可能性小，请目视核对"},
    };
    size_t i = 0;
    while (odds_db < table[i].from_db) {
        i++;
    }
    return &table[i];
}

const char *match_odds_words(int16_t odds_db, enum match_kind kind)
{
    if (odds_db != MATCH_ODDS_NONE) {
        return words_of(odds_db)->en;
    }
    return kind == MATCH_EXACT ? "odds not judged" : "odds not judged: check by eye";
}

const char *match_odds_words_zh(int16_t odds_db, enum match_kind kind)
{
    if (odds_db != MATCH_ODDS_NONE) {
        return words_of(odds_db)->zh;
    }
    return kind == MATCH_EXACT ? "未评估可能性" : "未评估可能性，请目视核对";
}

/* ---- differing symbols ---- */

struct writer {
    bool zh;
    char *out; /* MATCH_DIFFERS_TEXT_SIZE bytes */
    size_t size;
};

/* What does not fit whole is left out, so that no character is cut. */
PRINTF_LIKE(2, 3) static void add(struct writer *w, const char *fmt, ...)
{
    const char *between = w->size == 0 ? "" : w->zh ? "；" : "; ";
    char text[96];
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t needed = strlen(between) + (size_t)size;
    if (size < 0 || (size_t)size >= sizeof text || w->size + needed >= MATCH_DIFFERS_TEXT_SIZE)
        return;
    memcpy(w->out + w->size, between, strlen(between));
    memcpy(w->out + w->size + strlen(between), text, (size_t)size + 1);
    w->size += needed;
}

static void add_other(struct writer *w, int position, uint8_t listed, uint8_t read)
{
    const char *listed_text = plate_symbol_text(listed);
    const char *read_text = plate_symbol_text(read);
    if (read == PLATE_SYMBOL_UNREAD && w->zh)
        add(w, "第%d位：%s 未读出", position, listed_text);
    else if (read == PLATE_SYMBOL_UNREAD)
        add(w, "%s not read at position %d", listed_text, position);
    else if (w->zh)
        add(w, "第%d位：读作 %s，名单为 %s", position, read_text, listed_text);
    else
        add(w, "%s read for %s at position %d", read_text, listed_text, position);
}

static void add_extra(struct writer *w, int position, int last, uint8_t read)
{
    const char *text = plate_symbol_text(read);
    if (position > last && w->zh)
        add(w, "末位之后多读出 %s", text);
    else if (position > last)
        add(w, "%s read behind the last", text);
    else if (w->zh)
        add(w, "第%d位之前多读出 %s", position, text);
    else
        add(w, "%s read before position %d", text, position);
}

/* Listed symbols `from` .. `to` that the read does not say, against the symbols read in their
 * place: one for one from the right, as most of what is invented stands in front. */
static void add_stretch(struct writer *w, const uint8_t *listed, int from, int to, int last,
                        const uint8_t *read, int read_from, int read_to)
{
    int extra = (read_to - read_from) - (to - from);
    int lost = extra < 0 ? -extra : 0;
    for (int i = 0; i < extra; i++)
        add_extra(w, from + 1, last, read[read_from++]);
    for (int i = from; i < to; i++)
        add_other(w, i + 1, listed[i],
                  i < from + lost ? PLATE_SYMBOL_UNREAD : read[read_from + i - from - lost]);
}

static bool is_said(const uint8_t *listed, int i, uint8_t read)
{
    return listed[i] == read || listed[i] == PLATE_SYMBOL_UNREAD;
}

/* The symbols that are said stand in both in the same order: each is looked for from where the
 * one before was found. */
static void write_differs(struct writer *w, plate_key entry, plate_key best_read, uint16_t differs)
{
    uint8_t listed[PLATE_SYMBOLS_MAX];
    uint8_t read[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(entry, listed);
    int read_count = plate_symbols(best_read, read);
    int from = 0;      /* listed symbols not yet accounted for */
    int read_from = 0; /* the same of the read */
    w->out[0] = '\0';
    for (int i = 0; i <= count; i++) {
        int at = i == count ? read_count : read_from;
        if (i < count && (differs >> i & 1) != 0)
            continue;
        while (i < count && at < read_count && !is_said(listed, i, read[at]))
            at++;
        if (i < count && at == read_count)
            continue; /* `differs` is not of this read: as if it were not said */
        add_stretch(w, listed, from, i, count, read, read_from, at);
        from = i + 1;
        read_from = at + 1;
    }
}

void match_differs_text(plate_key entry, plate_key best_read, uint16_t differs,
                        char out[MATCH_DIFFERS_TEXT_SIZE])
{
    struct writer w = {.zh = false, .out = out};
    write_differs(&w, entry, best_read, differs);
}

void match_differs_text_zh(plate_key entry, plate_key best_read, uint16_t differs,
                           char out[MATCH_DIFFERS_TEXT_SIZE])
{
    struct writer w = {.zh = true, .out = out};
    write_differs(&w, entry, best_read, differs);
}
