/*
 * Plates of a small, crowded district for the day of test_day.c, reads that mean them, and what a
 * hit may say of a read: written down again here, symbol by symbol, so that the index is not asked
 * to judge itself. Pure but for the random state, which is the caller's.
 */
#pragma once

#include <assert.h>
#include <string.h>

#include "gateway/match/index.h"
#include "gateway/model/plate_symbols.h"

static uint64_t day_draw(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint32_t day_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((day_draw(state) >> 32) * bound >> 32);
}

static bool day_one_in(uint64_t *state, uint32_t n)
{
    return day_below(state, n) == 0;
}

static char day_character(uint64_t *state)
{
    static const char characters[] = "0D2Z8B5S6G1Q34HK"; /* most of them look like another */
    return characters[day_below(state, sizeof(characters) - 1)];
}

/* Crowded (4,096 plates), ten symbols (4,096) or wide (a million); a few of each are partial. */
static plate_key day_plate(uint64_t *state)
{
    static const char *const heads[] = {"鲁H1A", "CD34775", "鲁H"};
    static const int drawn[] = {3, 3, 5};
    char text[PLATE_TEXT_SIZE];
    struct plate_text plate;
    uint32_t zone = day_below(state, 3);
    size_t size = strlen(heads[zone]);
    memcpy(text, heads[zone], size);
    for (int i = 0; i < drawn[zone]; i++) {
        text[size++] = day_character(state);
    }
    if (day_one_in(state, 60)) {
        text[size - 1 - day_below(state, (uint32_t)drawn[zone])] = '?';
    }
    plate_encode(text, size, PLATE_DASH_AUTO, &plate);
    assert(plate.kind == PLATE_KEY);
    return plate.key;
}

/* Nothing looks like it, and day_plate() never draws it. */
static plate_key day_crowded_plate(void)
{
    static const char text[] = "鲁H77777";
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.key;
}

static const char *day_group(uint8_t symbol)
{
    static const char *const groups[] = {"0ODQ", "1I", "2Z", "5S", "8B", "6G"};
    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
        for (const char *c = groups[g]; *c; c++) {
            if (plate_symbol_of((uint32_t)*c) == symbol) {
                return groups[g];
            }
        }
    }
    return NULL;
}

/* One symbol of `key` replaced by one that looks like it; 0: it has none such. */
static plate_key day_look_alike(plate_key key, uint64_t *state)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    int at = (int)day_below(state, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        uint8_t *symbol = &symbols[(at + i) % count];
        const char *group = day_group(*symbol);
        if (group) {
            uint8_t other;
            do {
                other = plate_symbol_of((uint32_t)group[day_below(state, (uint32_t)strlen(group))]);
            } while (other == *symbol);
            *symbol = other;
            return plate_key_of_symbols(symbols, count);
        }
    }
    return 0;
}

/* One or two symbols of a full plate unread. */
static plate_key day_unread(plate_key key, uint64_t *state)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    for (int i = 0; i < MATCH_READ_UNREAD_MAX; i++) {
        symbols[day_below(state, (uint32_t)count)] = PLATE_SYMBOL_UNREAD;
    }
    return plate_key_of_symbols(symbols, count);
}

/* A full plate that a partial one may be. */
static plate_key day_filled(plate_key key, uint64_t *state)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    for (int i = 0; i < count; i++) {
        if (symbols[i] == PLATE_SYMBOL_UNREAD) {
            symbols[i] = plate_symbol_of((uint32_t)day_character(state));
        }
    }
    return plate_key_of_symbols(symbols, count);
}

/* Exactly one symbol apart, and that within its group. */
static bool day_is_look_alike(plate_key a, plate_key b)
{
    uint8_t left[PLATE_SYMBOLS_MAX];
    uint8_t right[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(a, left);
    int apart = 0;
    if (count == 0 || plate_symbols(b, right) != count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (left[i] != right[i]) {
            const char *group = day_group(left[i]);
            if (!group || group != day_group(right[i])) {
                return false;
            }
            apart++;
        }
    }
    return apart == 1;
}

/* Equal wherever both are read, in enough places, and somewhere one is not. */
static bool day_is_partial(plate_key a, plate_key b)
{
    uint8_t left[PLATE_SYMBOLS_MAX];
    uint8_t right[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(a, left);
    int known = 0;
    if (count == 0 || plate_symbols(b, right) != count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (left[i] != PLATE_SYMBOL_UNREAD && right[i] != PLATE_SYMBOL_UNREAD) {
            if (left[i] != right[i]) {
                return false;
            }
            known++;
        }
    }
    return known < count && known >= MATCH_PARTIAL_KNOWN_MIN;
}

static bool day_is_candidate(const struct plate_read *read, plate_key key)
{
    for (int i = 0; i < read->candidate_count; i++) {
        if (read->candidates[i].key == key) {
            return true;
        }
    }
    return false;
}

/* A read of this key may be told to mean an entry of that one, and so. */
static bool day_related(const struct plate_read *read, plate_key key, enum match_kind kind)
{
    switch (kind) {
    case MATCH_EXACT:
        return read->key == key && !plate_has_unread(key);
    case MATCH_LOOK_ALIKE:
        return day_is_look_alike(read->key, key);
    case MATCH_CANDIDATE:
        return day_is_candidate(read, key);
    case MATCH_PARTIAL:
        return day_is_partial(read->key, key);
    default:
        return false;
    }
}
