/*
 * The reckoning. The channel reads a plate from left to right: before each symbol and behind the
 * last it may invent symbols, each symbol it loses or says (right or wrong). The probability of a
 * read is the sum over all ways to it: a table of at most 11 x 11 sums.
 */
#include "gateway/match/likelihood.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- from a channel ---- */

static void spread(const struct channel_row *row, channel_set set, double out[CHANNEL_SYMBOLS])
{
    double left = CHANNEL_PPM;
    int unlisted = 0;
    for (int s = 0; s < CHANNEL_SYMBOLS; s++) {
        left -= row->ppm[s];
        unlisted += channel_set_has(set, (uint8_t)s) && row->ppm[s] == 0;
    }
    for (int s = 0; s < CHANNEL_SYMBOLS; s++) {
        bool listed = row->ppm[s] != 0;
        double even = channel_set_has(set, (uint8_t)s) && !listed ? left / unlisted : 0;
        out[s] = (listed ? row->ppm[s] : even) / CHANNEL_PPM;
    }
}

static void take_patterns(struct likelihood *l, const struct match_channel *channel)
{
    static const char letters[] = "DLAPS";
    int kinds = 0;
    l->other_pattern = 1;
    l->pattern_count = channel->pattern_count;
    for (size_t i = 0; i < l->pattern_count; i++) {
        const struct channel_pattern *from = &channel->patterns[i];
        struct likelihood_pattern *to = &l->patterns[i];
        to->count = (int)strlen(from->text);
        to->part = (double)from->ppm / CHANNEL_PPM;
        l->other_pattern -= to->part;
        for (int at = 0; at < to->count; at++) {
            to->kinds[at] = (uint8_t)(strchr(letters, from->text[at]) - letters);
        }
    }
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        kinds += channel_alphabet_has_kind(l->alphabet, (enum channel_kind)kind);
    }
    l->pattern_of_other = 1.0 / kinds;
}

struct likelihood *likelihood_create(const struct match_channel *channel)
{
    struct likelihood *l = calloc(1, sizeof(*l));
    if (!l) {
        return NULL;
    }
    l->alphabet = channel->alphabet;
    for (int s = 0; s < CHANNEL_SYMBOLS; s++) {
        if (channel_alphabet_has(l->alphabet, (uint8_t)s)) {
            spread(&channel->read[s], channel_set_of_alphabet(l->alphabet), l->read[s]);
        }
    }
    spread(&channel->invented, channel_set_of_alphabet(l->alphabet), l->invented_symbol);
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        if (channel_alphabet_has_kind(l->alphabet, (enum channel_kind)kind)) {
            spread(&channel->share[kind], channel_set_of_kind((enum channel_kind)kind),
                   l->share[kind]);
        }
    }
    for (int i = 0; i < 3; i++) {
        l->lost[i] = (double)channel->lost_ppm[i] / CHANNEL_PPM;
        l->invented[i] = (double)channel->invented_ppm[i] / CHANNEL_PPM;
    }
    for (int i = 0; i < CHANNEL_ROWS; i++) {
        l->weight_db[i] = channel->evidence[i].weight_cdb / 100.0;
    }
    take_patterns(l, channel);
    return l;
}

struct likelihood_plate likelihood_plate_of(plate_key key)
{
    struct likelihood_plate plate = {0};
    plate.count = plate_symbols(key, plate.symbols);
    return plate;
}

/* ---- the channel ---- */

/* A symbol the alphabet does not have (a read of another kind of plate) is possible all the same.
 */
static const double stray = 1e-6;

enum channel_lost likelihood_lost_class(int at, int count)
{
    if (at == 0) {
        return CHANNEL_LOST_FIRST;
    }
    return at == count - 1 ? CHANNEL_LOST_LAST : CHANNEL_LOST_INSIDE;
}

enum channel_invented likelihood_invented_class(int at, int count)
{
    if (at == 0) {
        return CHANNEL_BEFORE;
    }
    return at == count ? CHANNEL_BEHIND : CHANNEL_INSIDE;
}

double likelihood_invent(const struct likelihood *l, const struct likelihood_plate *truth, int at)
{
    return l->invented[likelihood_invented_class(at, truth->count)];
}

double likelihood_lose(const struct likelihood *l, const struct likelihood_plate *truth, int at)
{
    return l->lost[likelihood_lost_class(at, truth->count)];
}

/* An unread symbol of a listed plate: what is read there is as likely as in any innocent read. */
static double say_unknown(const struct likelihood *l, uint8_t read)
{
    double sum = 0;
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        sum += l->share[kind][read];
    }
    return sum > 0 ? sum * l->pattern_of_other : stray;
}

double likelihood_say(const struct likelihood *l, uint8_t truth, uint8_t read)
{
    if (read == PLATE_SYMBOL_UNREAD) {
        return 1;
    }
    if (truth == PLATE_SYMBOL_UNREAD) {
        return say_unknown(l, read);
    }
    double p = l->read[truth][read];
    return p > 0 ? p : stray;
}

static double invent_symbol(const struct likelihood *l, uint8_t read)
{
    if (read == PLATE_SYMBOL_UNREAD) {
        return 1;
    }
    return l->invented_symbol[read] > 0 ? l->invented_symbol[read] : stray;
}

double likelihood_of_read(const struct likelihood *l, const struct likelihood_plate *truth,
                          const struct likelihood_plate *read)
{
    double ways[PLATE_SYMBOLS_MAX + 1][PLATE_SYMBOLS_MAX + 1];
    for (int i = 0; i <= truth->count; i++) {
        double invent = likelihood_invent(l, truth, i);
        double on = i > 0 ? 1 - likelihood_invent(l, truth, i - 1) : 0;
        double lose = i > 0 ? likelihood_lose(l, truth, i - 1) : 0;
        for (int j = 0; j <= read->count; j++) {
            double sum = i == 0 && j == 0;
            if (j > 0) {
                sum += ways[i][j - 1] * invent * invent_symbol(l, read->symbols[j - 1]);
            }
            if (i > 0) {
                sum += ways[i - 1][j] * on * lose;
            }
            if (i > 0 && j > 0) {
                sum += ways[i - 1][j - 1] * on * (1 - lose) *
                       likelihood_say(l, truth->symbols[i - 1], read->symbols[j - 1]);
            }
            ways[i][j] = sum;
        }
    }
    return ways[truth->count][read->count] * (1 - likelihood_invent(l, truth, truth->count));
}

/* ---- innocent reads ---- */

static bool pattern_fits(const struct likelihood_pattern *pattern,
                         const enum channel_kind kinds[PLATE_SYMBOLS_MAX], int count)
{
    if (pattern->count != count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (kinds[i] != CHANNEL_KINDS && kinds[i] != pattern->kinds[i]) {
            return false;
        }
    }
    return true;
}

double likelihood_innocent(const struct likelihood *l, const struct likelihood_plate *read)
{
    enum channel_kind kinds[PLATE_SYMBOLS_MAX] = {0};
    double other = l->other_pattern / PLATE_SYMBOLS_MAX; /* any length, evenly */
    double symbols = 1;
    double shape = 0;
    for (int i = 0; i < read->count; i++) {
        kinds[i] = channel_kind_at(read->symbols, i);
        if (kinds[i] != CHANNEL_KINDS) {
            double share = l->share[kinds[i]][read->symbols[i]];
            symbols *= share > 0 ? share : stray;
            other *= l->pattern_of_other;
        }
    }
    for (size_t i = 0; i < l->pattern_count; i++) {
        shape += pattern_fits(&l->patterns[i], kinds, read->count) ? l->patterns[i].part : 0;
    }
    return (shape + other) * symbols;
}

/* ---- what the camera itself says ---- */

/* The lead of the best read over the next one, the gap of a candidate behind the best. Without
 * confidences the lead is the least, the gap the greatest: nothing speaks for more. */
static int points_between(uint8_t better, uint8_t worse, int unknown)
{
    if (better == READ_CONFIDENCE_NONE || worse == READ_CONFIDENCE_NONE) {
        return unknown;
    }
    return better > worse ? better - worse : 0;
}

static bool may_be_same(plate_key a, plate_key b)
{
    return ((a ^ b) & plate_known_mask(a) & plate_known_mask(b)) == 0;
}

int likelihood_evidence_row(const struct plate_read *read, plate_key best, plate_key plate)
{
    int lead = 100;
    int gap = -1;
    if (read->candidate_count == 0 || plate_has_unread(plate)) {
        return -1;
    }
    for (int i = 0; i < read->candidate_count; i++) {
        const struct read_candidate *candidate = &read->candidates[i];
        int behind = points_between(read->confidence, candidate->confidence, -1);
        lead = candidate->key != best && behind < lead ? behind : lead;
        if (candidate->key == plate) {
            int this_gap = behind < 0 ? 100 : behind;
            gap = gap < 0 || this_gap < gap ? this_gap : gap;
        }
    }
    if (may_be_same(best, plate)) {
        return CHANNEL_ROW_BEST + channel_gap_bucket(lead);
    }
    return gap < 0 ? CHANNEL_ROW_NONE : CHANNEL_ROW_CANDIDATE + channel_gap_bucket(gap);
}

double likelihood_ratio_db(const struct likelihood *l, const struct plate_read *read,
                           plate_key best, plate_key plate)
{
    struct likelihood_plate truth = likelihood_plate_of(plate);
    struct likelihood_plate said = likelihood_plate_of(best);
    int row = likelihood_evidence_row(read, best, plate);
    double ratio = likelihood_of_read(l, &truth, &said) / likelihood_innocent(l, &said);
    return 10 * log10(ratio) + (row < 0 ? 0 : l->weight_db[row]);
}
