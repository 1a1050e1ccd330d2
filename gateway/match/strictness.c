/* See strictness.h. */
#include "gateway/match/strictness.h"

#include <stdlib.h>

#include "gateway/match/likelihood.h"

enum { TRIALS = 500, BEST_CONFIDENCE = 80, SECOND_CONFIDENCE = 78 };

struct trial {
    const struct likelihood *l;
    uint64_t random;
};

static double draw(struct trial *t)
{
    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(t->random >> 33) / (double)(UINT64_C(1) << 31);
}

/* A symbol by its part of the row, `but` left out; 0: there is no other. */
static uint8_t draw_symbol(struct trial *t, const double row[CHANNEL_SYMBOLS], uint8_t but)
{
    double sum = 0;
    uint8_t last = 0;
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        sum += s == but ? 0 : row[s];
    }
    double left = draw(t) * sum;
    for (int s = 1; s < CHANNEL_SYMBOLS && left >= 0; s++) {
        if (s != but && row[s] > 0) {
            last = (uint8_t)s;
            left -= row[s];
        }
    }
    return last;
}

static const struct likelihood_pattern *draw_pattern(struct trial *t)
{
    double left = draw(t) * (1 - t->l->other_pattern);
    size_t i = 0;
    while (i + 1 < t->l->pattern_count && left >= t->l->patterns[i].part) {
        left -= t->l->patterns[i++].part;
    }
    return &t->l->patterns[i];
}

/* A plate, and a read of it with one symbol wrong. False: none came out. */
static bool make_read(struct trial *t, plate_key *out_plate, struct plate_read *out)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX] = {0};
    const struct likelihood_pattern *pattern = draw_pattern(t);
    for (int i = 0; i < pattern->count; i++) {
        symbols[i] = draw_symbol(t, t->l->share[pattern->kinds[i]], 0);
    }
    *out_plate = plate_key_of_symbols(symbols, pattern->count);
    int wrong = (int)(draw(t) * pattern->count);
    symbols[wrong] = draw_symbol(t, t->l->read[symbols[wrong]], symbols[wrong]);
    *out = (struct plate_read){.kind = PLATE_KEY,
                               .key = plate_key_of_symbols(symbols, pattern->count),
                               .confidence = BEST_CONFIDENCE,
                               .candidate_count = 1};
    out->candidates[0] = (struct read_candidate){*out_plate, SECOND_CONFIDENCE};
    return *out_plate != 0 && out->key != 0;
}

static int count_told(struct trial *t, const struct match_judge *judge, size_t entries)
{
    int told = 0;
    int made = 0;
    for (int i = 0; i < TRIALS && t->l->pattern_count > 0; i++) {
        struct plate_read read;
        struct match_hit hit = {.kind = MATCH_CANDIDATE};
        if (make_read(t, &hit.entry.key, &read) &&
            channel_alphabet_of(hit.entry.key) == t->l->alphabet) {
            hit.read_key = hit.entry.key;
            told += match_judge_hit(judge, &read, entries, &hit);
            made++;
        }
    }
    return made > 0 ? told * 100 / made : 0;
}

int match_told_percent(const struct match_channel *channel,
                       const struct match_operating_point *point, size_t entries, int *out,
                       struct err_text *err)
{
    struct match_judge *judge = NULL;
    struct match_operating_point at = *point;
    at.vehicles = at.vehicles == 0 ? MATCH_VEHICLES_DEFAULT : at.vehicles;
    int result = match_judge_create(&channel, 1, &at, &judge, err);
    if (result != 0) {
        return result;
    }
    struct likelihood *l = likelihood_create(channel);
    if (l) {
        struct trial trial = {.l = l, .random = 1};
        *out = count_told(&trial, judge, entries);
    }
    match_judge_destroy(judge);
    result = l ? 0 : err_set(err, ERR_NO_MEMORY, "strictness: no memory");
    free(l);
    return result;
}
