/* See judge.h. */
#include "gateway/match/judge.h"

#include <math.h>
#include <stdlib.h>

#include "gateway/match/likelihood.h"

struct match_judge {
    struct match_operating_point point;
    struct likelihood *likelihood[CHANNEL_ALPHABETS]; /* NULL: no channel */
    double innocent[CHANNEL_ALPHABETS][CHANNEL_LEVELS];
};

/* ---- making ---- */

static int add_channel(struct match_judge *judge, const struct match_channel *channel,
                       struct err_text *err)
{
    struct likelihood **place = &judge->likelihood[channel->alphabet];
    if (*place) {
        return err_set(err, ERR_INVALID, "two channels of alphabet '%s', expected one",
                       channel_alphabet_name(channel->alphabet));
    }
    *place = likelihood_create(channel);
    if (!*place) {
        return err_set(err, ERR_NO_MEMORY, "judge: no memory");
    }
    for (int i = 0; i < CHANNEL_LEVELS; i++) {
        judge->innocent[channel->alphabet][i] =
            (double)channel->innocent_e15[i] / (double)CHANNEL_MASS_ONE;
    }
    return 0;
}

int match_judge_create(const struct match_channel *const *channels, size_t count,
                       const struct match_operating_point *point, struct match_judge **out,
                       struct err_text *err)
{
    if (point->false_alerts == 0 || point->vehicles == 0) {
        return err_set(err, ERR_INVALID,
                       "operating point: %u false alerts of %u vehicles, expected both above 0",
                       point->false_alerts, point->vehicles);
    }
    struct match_judge *judge = calloc(1, sizeof(*judge));
    int result = judge ? 0 : err_set(err, ERR_NO_MEMORY, "judge: no memory");
    if (judge) {
        judge->point = *point;
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        result = add_channel(judge, channels[i], err);
    }
    if (result != 0) {
        match_judge_destroy(judge);
        return result;
    }
    *out = judge;
    return 0;
}

void match_judge_destroy(struct match_judge *judge)
{
    if (!judge) {
        return;
    }
    for (int i = 0; i < CHANNEL_ALPHABETS; i++) {
        free(judge->likelihood[i]);
    }
    free(judge);
}

/* ---- which symbols differ ---- */

/* Fewest edits between the entry's first i symbols and the read's first j. */
struct edits {
    uint8_t fewest[PLATE_SYMBOLS_MAX + 1][PLATE_SYMBOLS_MAX + 1];
};

static bool says(const struct likelihood_plate *entry, int i, const struct likelihood_plate *read,
                 int j)
{
    return entry->symbols[i] == read->symbols[j] || entry->symbols[i] == PLATE_SYMBOL_UNREAD;
}

static void count_edits(const struct likelihood_plate *entry, const struct likelihood_plate *read,
                        struct edits *out)
{
    for (int i = 0; i <= entry->count; i++) {
        for (int j = 0; j <= read->count; j++) {
            int best = i == 0 || j == 0 ? i + j : PLATE_SYMBOLS_MAX * 2;
            if (i > 0 && j > 0) {
                int said = out->fewest[i - 1][j - 1] + !says(entry, i - 1, read, j - 1);
                int lost = out->fewest[i - 1][j] + 1;
                int invented = out->fewest[i][j - 1] + 1;
                best = said < lost ? said : lost;
                best = best < invented ? best : invented;
            }
            out->fewest[i][j] = (uint8_t)best;
        }
    }
}

static uint16_t differing_symbols(plate_key entry_key, plate_key best)
{
    struct likelihood_plate entry = likelihood_plate_of(entry_key);
    struct likelihood_plate read = likelihood_plate_of(best);
    struct edits edits;
    uint16_t differs = 0;
    count_edits(&entry, &read, &edits);
    int i = entry.count;
    int j = read.count;
    while (i > 0) {
        bool same = j > 0 && says(&entry, i - 1, &read, j - 1);
        if (j > 0 && edits.fewest[i][j] == edits.fewest[i - 1][j - 1] + !same) {
            differs |= (uint16_t)(!same << (i - 1));
            i--;
            j--;
        } else if (j > 0 && edits.fewest[i][j] == edits.fewest[i][j - 1] + 1) {
            j--;
        } else {
            differs |= (uint16_t)(1 << (i - 1));
            i--;
        }
    }
    return differs;
}

/* ---- judging ---- */

/* One vehicle in a thousand is a listed one, whichever: of that order are published hit rates of
 * checkpoints. It moves the words an officer reads, not what is told. */
static const double wanted_part = 1e-3;

static int16_t odds_of(double ratio_db, size_t entry_count)
{
    double odds = ratio_db + 10 * log10(wanted_part / (double)entry_count);
    odds = odds > MATCH_ODDS_MAX_DB ? MATCH_ODDS_MAX_DB : odds;
    odds = odds < -MATCH_ODDS_MAX_DB ? -MATCH_ODDS_MAX_DB : odds;
    return (int16_t)lround(odds);
}

/* The least ratio at which the false matches expected of a shift's innocent reads keep within the
 * operating point: each read against each entry, at the mass the channel learned. */
static double threshold_db(const struct match_judge *judge, enum channel_alphabet alphabet,
                           size_t entry_count)
{
    double most = judge->point.false_alerts / ((double)judge->point.vehicles * (double)entry_count);
    int level = 0;
    while (level < CHANNEL_LEVELS && judge->innocent[alphabet][level] > most) {
        level++;
    }
    return level < CHANNEL_LEVELS ? CHANNEL_LEVEL_FROM_DB + CHANNEL_LEVEL_STEP_DB * level
                                  : HUGE_VAL;
}

bool match_judge_hit(const struct match_judge *judge, const struct plate_read *read,
                     size_t entry_count, struct match_hit *hit)
{
    plate_key plate = hit->entry.key;
    plate_key best = read->kind == PLATE_KEY ? read->key : hit->read_key;
    bool exact = hit->kind == MATCH_EXACT; /* nearly every hit: nothing to align */
    hit->differs = exact ? 0 : differing_symbols(plate, best);
    hit->odds_db = MATCH_ODDS_NONE;
    if (!judge || entry_count == 0) {
        return true;
    }
    enum channel_alphabet alphabet = channel_alphabet_of(plate);
    const struct likelihood *l = judge->likelihood[alphabet];
    if (!l) {
        return true;
    }
    double ratio_db = likelihood_ratio_db(l, read, best, plate);
    hit->odds_db = odds_of(ratio_db, entry_count);
    if (exact || read->candidate_count == 0 || plate_has_unread(plate)) {
        return true;
    }
    return ratio_db >= threshold_db(judge, alphabet, entry_count);
}
