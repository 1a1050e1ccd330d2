/* What a channel is made of: alphabets, kinds of symbol, buckets. Pure. */
#include "gateway/match/channel.h"

#include <stdlib.h>
#include <string.h>

static const char *const alphabet_names[CHANNEL_ALPHABETS] = {"latin", "mainland"};

const char *channel_alphabet_name(enum channel_alphabet alphabet)
{
    return (unsigned)alphabet < CHANNEL_ALPHABETS ? alphabet_names[alphabet] : NULL;
}

int channel_alphabet_parse(const char *name, enum channel_alphabet *out)
{
    for (int i = 0; i < CHANNEL_ALPHABETS; i++) {
        if (strcmp(name, alphabet_names[i]) == 0) {
            *out = (enum channel_alphabet)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

enum channel_alphabet channel_alphabet_of(plate_key key)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    for (int i = 0; i < count; i++) {
        if (!plate_symbol_is_alnum(symbols[i]) && symbols[i] != PLATE_SYMBOL_UNREAD) {
            return CHANNEL_MAINLAND;
        }
    }
    return CHANNEL_LATIN;
}

static bool is_special(uint8_t s)
{
    return s >= PLATE_SYMBOL_SPECIAL_FIRST && s <= PLATE_SYMBOL_SPECIAL_LAST;
}

bool channel_alphabet_has(enum channel_alphabet alphabet, uint8_t symbol)
{
    return plate_symbol_is_alnum(symbol) ||
           (alphabet == CHANNEL_MAINLAND &&
            (plate_symbol_is_province(symbol) || is_special(symbol)));
}

static bool kind_has(enum channel_kind kind, uint8_t symbol)
{
    switch (kind) {
    case CHANNEL_DIGIT:
        return plate_symbol_is_digit(symbol);
    case CHANNEL_LETTER:
    case CHANNEL_AREA:
        return plate_symbol_is_letter(symbol);
    case CHANNEL_PROVINCE:
        return plate_symbol_is_province(symbol);
    case CHANNEL_SPECIAL:
        return is_special(symbol);
    case CHANNEL_KINDS:
        break;
    }
    return false;
}

bool channel_alphabet_has_kind(enum channel_alphabet alphabet, enum channel_kind kind)
{
    return kind == CHANNEL_DIGIT || kind == CHANNEL_LETTER || alphabet == CHANNEL_MAINLAND;
}

channel_set channel_set_of_alphabet(enum channel_alphabet alphabet)
{
    return CHANNEL_KINDS + (int)alphabet;
}

channel_set channel_set_of_kind(enum channel_kind kind)
{
    return (int)kind;
}

bool channel_set_has(channel_set set, uint8_t symbol)
{
    return set < CHANNEL_KINDS
               ? kind_has((enum channel_kind)set, symbol)
               : channel_alphabet_has((enum channel_alphabet)(set - CHANNEL_KINDS), symbol);
}

enum channel_kind channel_kind_at(const uint8_t *symbols, int i)
{
    if (symbols[i] == PLATE_SYMBOL_UNREAD) {
        return CHANNEL_KINDS;
    }
    if (plate_symbol_is_digit(symbols[i])) {
        return CHANNEL_DIGIT;
    }
    if (plate_symbol_is_province(symbols[i])) {
        return CHANNEL_PROVINCE;
    }
    if (is_special(symbols[i])) {
        return CHANNEL_SPECIAL;
    }
    return i > 0 && plate_symbol_is_province(symbols[i - 1]) ? CHANNEL_AREA : CHANNEL_LETTER;
}

char channel_kind_letter(enum channel_kind kind)
{
    return "DLAPS?"[kind];
}

int channel_gap_bucket(int gap)
{
    static const int upper[CHANNEL_GAPS - 1] = {0, 1, 2, 4, 8, 16};
    int bucket = 0;
    while (bucket < CHANNEL_GAPS - 1 && gap > upper[bucket]) {
        bucket++;
    }
    return bucket;
}

void channel_destroy(struct match_channel *channel)
{
    free(channel);
}

int channel_check(const char *alphabet, const char *text, size_t size, struct err_text *err)
{
    struct match_channel *channel = NULL;
    int result = channel_parse(text, size, &channel, err);
    if (result < 0)
        return result;
    const char *name = channel_alphabet_name(channel->alphabet);
    if (strcmp(name, alphabet) != 0)
        result = err_set(err, ERR_INVALID, "alphabet = '%s': expected '%.32s'", name, alphabet);
    channel_destroy(channel);
    return result;
}
