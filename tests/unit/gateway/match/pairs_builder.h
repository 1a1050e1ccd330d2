/*
 * Confirmed pairs of a simulated camera whose channel is known: what a test of learning has to find
 * again. The same seed gives the same pairs.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/match/learn.h"
#include "gateway/model/plate_symbols.h"

struct pairs_random {
    uint64_t state;
};

static inline uint64_t pairs_below(struct pairs_random *random, uint64_t below)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return ((random->state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % below;
}

static inline bool pairs_chance(struct pairs_random *random, unsigned percent)
{
    return pairs_below(random, 100) < percent;
}

static inline plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert(plate.kind == PLATE_KEY);
    return plate.key;
}

/* Three letters and three digits, or (mainland) 云A and five digits. */
static inline plate_key pairs_plate(struct pairs_random *random, enum channel_alphabet alphabet)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int letters = alphabet == CHANNEL_LATIN ? 3 : 0;
    int count = alphabet == CHANNEL_LATIN ? 6 : 7;
    for (int i = 0; i < count; i++) {
        symbols[i] = (uint8_t)(i < letters ? PLATE_SYMBOL_LETTER_A + pairs_below(random, 26)
                                           : PLATE_SYMBOL_DIGIT_0 + pairs_below(random, 10));
    }
    if (alphabet == CHANNEL_MAINLAND) {
        symbols[0] = PLATE_SYMBOL_PROVINCE_FIRST + 24; /* 云 */
        symbols[1] = PLATE_SYMBOL_LETTER_A;
    }
    return plate_key_of_symbols(symbols, count);
}

/* Of 100: 8 read as B 20, 0 as O 10 (not in a mainland serial, which has no O), 3 as 9 10; the
 * first symbol lost 4; a 1 invented before it 6. */
enum { PAIRS_8_B = 20, PAIRS_0_O = 10, PAIRS_3_9 = 10, PAIRS_LOST_FIRST = 4, PAIRS_ONE_BEFORE = 6 };

static inline uint8_t pairs_misread_symbol(struct pairs_random *random, uint8_t s, bool has_o)
{
    if (s == PLATE_SYMBOL_DIGIT_0 + 8 && pairs_chance(random, PAIRS_8_B)) {
        return PLATE_SYMBOL_LETTER_A + 1;
    }
    if (s == PLATE_SYMBOL_DIGIT_0 && has_o && pairs_chance(random, PAIRS_0_O)) {
        return PLATE_SYMBOL_LETTER_A + 14;
    }
    if (s == PLATE_SYMBOL_DIGIT_0 + 3 && pairs_chance(random, PAIRS_3_9)) {
        return PLATE_SYMBOL_DIGIT_0 + 9;
    }
    return s;
}

static inline plate_key pairs_misread(struct pairs_random *random, plate_key truth)
{
    uint8_t was[PLATE_SYMBOLS_MAX];
    uint8_t read[PLATE_SYMBOLS_MAX + 1];
    int count = plate_symbols(truth, was);
    int size = 0;
    if (pairs_chance(random, PAIRS_ONE_BEFORE) && count < PLATE_SYMBOLS_MAX - 1) {
        read[size++] = PLATE_SYMBOL_DIGIT_0 + 1;
    }
    for (int i = 0; i < count; i++) {
        if (i > 0 || !pairs_chance(random, PAIRS_LOST_FIRST)) {
            read[size++] = pairs_misread_symbol(random, was[i], count == 6);
        }
    }
    return plate_key_of_symbols(read, size);
}

/* The plate with its first 9 a 3, which might have been read so; any plate if it has none. */
static inline plate_key pairs_other(struct pairs_random *random, enum channel_alphabet alphabet,
                                    plate_key key)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    uint8_t *nine = (uint8_t *)memchr(symbols, PLATE_SYMBOL_DIGIT_0 + 9, (size_t)count);
    if (!nine) {
        return pairs_plate(random, alphabet);
    }
    *nine = PLATE_SYMBOL_DIGIT_0 + 3;
    return plate_key_of_symbols(symbols, count);
}

/* The camera gives the true plate as a close second of most misreads, and some plate that it is
 * not, farther off, of all. */
static inline void pairs_make(struct pairs_random *random, enum channel_alphabet alphabet,
                              struct match_pair *out)
{
    struct plate_read *read = &out->read;
    *out = (struct match_pair){.truth = pairs_plate(random, alphabet)};
    read->kind = PLATE_KEY;
    read->key = pairs_misread(random, out->truth);
    read->confidence = 90;
    if (read->key != out->truth && pairs_chance(random, 75)) {
        read->candidates[read->candidate_count++] =
            (struct read_candidate){out->truth, (uint8_t)(90 - pairs_below(random, 4))};
    }
    plate_key other = pairs_other(random, alphabet, read->key);
    if (other != read->key && other != out->truth) {
        read->candidates[read->candidate_count++] =
            (struct read_candidate){other, (uint8_t)(85 - pairs_below(random, 20))};
    }
}

static inline struct match_pair *pairs_create(uint64_t seed, enum channel_alphabet alphabet,
                                              size_t count)
{
    struct pairs_random random = {seed};
    struct match_pair *pairs = calloc(count, sizeof(*pairs));
    assert(pairs);
    for (size_t i = 0; i < count; i++) {
        pairs_make(&random, alphabet, &pairs[i]);
    }
    return pairs;
}

static inline struct match_channel *channel_of_pairs(const struct match_pair *pairs, size_t count,
                                                     enum channel_alphabet alphabet)
{
    struct match_channel *channel = NULL;
    struct err_text err = {""};
    const struct learn_options options = {alphabet, 7, {1764122208123}, 20};
    int result = channel_learn(pairs, count, &options, &channel, &err);
    assert(result == 0);
    (void)result; /* NDEBUG */
    return channel;
}

static inline struct match_channel *channel_simulated(enum channel_alphabet alphabet)
{
    struct match_pair *pairs = pairs_create(11, alphabet, 2000);
    struct match_channel *channel = channel_of_pairs(pairs, 2000, alphabet);
    free(pairs);
    return channel;
}
