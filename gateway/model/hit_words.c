/* A hit in words an officer understands: its odds, and how the read differs from the plate. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/model/glossary.h"
#include "gateway/model/hit.h"
#include "gateway/model/plate_symbols.h"

/* ---- odds ---- */

static const struct glossary_term *words_of(int16_t odds_db, enum match_kind kind)
{
    static const struct {
        int16_t from_db; /* 20: a hundred to one */
        const char *name;
    } table[] = {
        {20, "certain"}, {7, "likely"}, {0, "perhaps"}, {-10, "possible"}, {INT16_MIN, "unlikely"}};
    size_t i = 0;
    if (odds_db == MATCH_ODDS_NONE)
        return glossary_of("odds", kind == MATCH_EXACT ? "not_judged" : "not_judged_look");
    while (odds_db < table[i].from_db) {
        i++;
    }
    return glossary_of("odds", table[i].name);
}

const char *match_odds_words(int16_t odds_db, enum match_kind kind)
{
    return words_of(odds_db, kind)->en;
}

const char *match_odds_words_zh(int16_t odds_db, enum match_kind kind)
{
    return words_of(odds_db, kind)->zh;
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

static void add_other(struct writer *w, const struct match_difference *d)
{
    const char *listed = plate_symbol_text(d->listed);
    const char *read = plate_symbol_text(d->read);
    if (d->read == PLATE_SYMBOL_UNREAD && w->zh)
        add(w, "第%d位：%s 未读出", d->position, listed);
    else if (d->read == PLATE_SYMBOL_UNREAD)
        add(w, "%s not read at position %d", listed, d->position);
    else if (w->zh)
        add(w, "第%d位：读作 %s，名单为 %s", d->position, read, listed);
    else
        add(w, "%s read for %s at position %d", read, listed, d->position);
}

static void add_extra(struct writer *w, const struct match_difference *d, int last)
{
    const char *text = plate_symbol_text(d->read);
    if (d->position > last && w->zh)
        add(w, "末位之后多读出 %s", text);
    else if (d->position > last)
        add(w, "%s read behind the last", text);
    else if (w->zh)
        add(w, "第%d位之前多读出 %s", d->position, text);
    else
        add(w, "%s read before position %d", text, d->position);
}

/* How the read came of the plate with the fewest differences, given which symbols it says: for the
 * first i listed symbols and the first j read, how many. */
struct alignment {
    const uint8_t *listed;
    const uint8_t *read;
    uint16_t differs;
    uint8_t fewest[PLATE_SYMBOLS_MAX + 1][PLATE_SYMBOLS_MAX + 1];
};

/* Against `differs`: dearer than any number of differences, so only when it is not of this read. */
enum { CONTRADICTION = 1 + PLATE_SYMBOLS_MAX };

static bool is_marked(const struct alignment *a, int i)
{
    return (a->differs >> i & 1) != 0;
}

static bool is_said(const struct alignment *a, int i, int j)
{
    return a->listed[i] == a->read[j] || a->listed[i] == PLATE_SYMBOL_UNREAD;
}

static int cost_of_read(const struct alignment *a, int i, int j)
{
    if (is_said(a, i, j))
        return is_marked(a, i) ? CONTRADICTION : 0;
    return is_marked(a, i) ? 1 : CONTRADICTION;
}

static int cost_of_lost(const struct alignment *a, int i)
{
    return is_marked(a, i) ? 1 : CONTRADICTION;
}

static void align(struct alignment *a, int count, int read_count)
{
    for (int i = 0; i <= count; i++) {
        for (int j = 0; j <= read_count; j++) {
            int fewest = i == 0 && j == 0 ? 0 : UINT8_MAX;
            int read = i > 0 && j > 0 ? a->fewest[i - 1][j - 1] + cost_of_read(a, i - 1, j - 1)
                                      : UINT8_MAX;
            int lost = i > 0 ? a->fewest[i - 1][j] + cost_of_lost(a, i - 1) : UINT8_MAX;
            int extra = j > 0 ? a->fewest[i][j - 1] + 1 : UINT8_MAX;
            fewest = read < fewest ? read : fewest;
            fewest = lost < fewest ? lost : fewest;
            a->fewest[i][j] = (uint8_t)(extra < fewest ? extra : fewest);
        }
    }
}

/* From the right, symbols one for one as long as it costs nothing more: most of what is invented
 * stands in front. */
int match_differences(plate_key entry, plate_key best_read, uint16_t differs,
                      struct match_difference out[MATCH_DIFFERENCES_MAX])
{
    uint8_t listed[PLATE_SYMBOLS_MAX];
    uint8_t read[PLATE_SYMBOLS_MAX];
    struct match_difference from_right[MATCH_DIFFERENCES_MAX];
    struct alignment a = {.listed = listed, .read = read, .differs = differs};
    int rows = 0;
    int i = plate_symbols(entry, listed);
    int j = plate_symbols(best_read, read);
    align(&a, i, j);
    while (i > 0 || j > 0) {
        int here = a.fewest[i][j];
        if (i > 0 && j > 0 && here == a.fewest[i - 1][j - 1] + cost_of_read(&a, i - 1, j - 1)) {
            i--;
            j--;
            if (!is_said(&a, i, j))
                from_right[rows++] =
                    (struct match_difference){(uint8_t)(i + 1), listed[i], read[j]};
        } else if (j > 0 && here == a.fewest[i][j - 1] + 1) {
            from_right[rows++] = (struct match_difference){(uint8_t)(i + 1), 0, read[--j]};
        } else {
            i--;
            from_right[rows++] =
                (struct match_difference){(uint8_t)(i + 1), listed[i], PLATE_SYMBOL_UNREAD};
        }
    }
    for (int row = 0; row < rows; row++)
        out[row] = from_right[rows - 1 - row];
    return rows;
}

static void write_differs(struct writer *w, plate_key entry, plate_key best_read, uint16_t differs)
{
    struct match_difference rows[MATCH_DIFFERENCES_MAX];
    uint8_t listed[PLATE_SYMBOLS_MAX];
    int last = plate_symbols(entry, listed);
    int count = match_differences(entry, best_read, differs, rows);
    w->out[0] = '\0';
    for (int i = 0; i < count; i++) {
        if (rows[i].listed == 0)
            add_extra(w, &rows[i], last);
        else
            add_other(w, &rows[i]);
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

/* ---- why ---- */

void match_why_text(enum match_kind kind, plate_key entry, plate_key best_read, uint16_t differs,
                    int16_t odds_db, char out[MATCH_WHY_TEXT_SIZE])
{
    char how[MATCH_DIFFERS_TEXT_SIZE];
    match_differs_text(entry, best_read, differs, how);
    (void)snprintf(out, MATCH_WHY_TEXT_SIZE, "%s%s%s; %s",
                   glossary_of("match", match_kind_name(kind))->en, how[0] ? ": " : "", how,
                   match_odds_words(odds_db, kind)); /* has room for all of them */
}

void match_why_text_zh(enum match_kind kind, plate_key entry, plate_key best_read, uint16_t differs,
                       int16_t odds_db, char out[MATCH_WHY_TEXT_SIZE])
{
    char how[MATCH_DIFFERS_TEXT_SIZE];
    match_differs_text_zh(entry, best_read, differs, how);
    (void)snprintf(out, MATCH_WHY_TEXT_SIZE, "%s%s%s；%s",
                   glossary_of("match", match_kind_name(kind))->zh, how[0] ? "：" : "", how,
                   match_odds_words_zh(odds_db, kind)); /* the same */
}
