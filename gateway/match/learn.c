/*
 * Learning: choose the pairs, fit, then weigh the camera's candidates and count innocent
 * look-alikes on pairs that the channel in question was not fitted to (two folds by plate), since a
 * channel that judges its own pairs is too sure of itself.
 */
#include "gateway/match/learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/match/learn_fit.h"
#include "gateway/match/likelihood.h"

enum {
    FOLDS = 2,
    /* The best read, its candidates, and a look-alike for each symbol of each group. */
    RELATED_MAX = 1 + READ_CANDIDATES_MAX + 3 * PLATE_SYMBOLS_MAX
};

/* Pseudo-observations that a row of evidence means nothing. */
static const double evidence_smoothing = 2;

struct fold {
    struct learn_pairs others; /* it is fitted to */
    struct learn_pairs own;    /* it is tried on */
    struct likelihood *l;
};

struct learning {
    const struct learn_options *options;
    struct look_alike groups;
    struct learn_pairs all;
    struct fold folds[FOLDS];
    double expected[CHANNEL_ROWS];
    double observed[CHANNEL_ROWS];
    double weight_db[CHANNEL_ROWS];
    double innocent[CHANNEL_LEVELS];
};

/* ---- pairs ---- */

static bool is_usable(const struct match_pair *pair, enum channel_alphabet alphabet)
{
    return pair->truth != 0 && pair->read.kind == PLATE_KEY && !plate_has_unread(pair->truth) &&
           !plate_has_unread(pair->read.key) && channel_alphabet_of(pair->truth) == alphabet &&
           (alphabet == CHANNEL_MAINLAND || channel_alphabet_of(pair->read.key) == alphabet);
}

/* All reads of one plate are in one fold, whatever their order. */
static int fold_of(plate_key truth)
{
    return (int)((truth * UINT64_C(0x9E3779B97F4A7C15)) >> 63);
}

static void put_pair(struct learn_pairs *to, const struct match_pair *pair)
{
    to->pairs[to->count++] = pair;
}

static int choose_pairs(struct learning *g, const struct match_pair *pairs, size_t count)
{
    struct learn_pairs *lists[1 + 2 * FOLDS] = {&g->all};
    for (int i = 0; i < FOLDS; i++) {
        lists[1 + 2 * i] = &g->folds[i].others;
        lists[2 + 2 * i] = &g->folds[i].own;
    }
    for (int i = 0; i < 1 + 2 * FOLDS; i++) {
        lists[i]->pairs = calloc(count + 1, sizeof(struct match_pair *));
        if (!lists[i]->pairs) {
            return ERR_NO_MEMORY;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_usable(&pairs[i], g->options->alphabet)) {
            continue;
        }
        put_pair(&g->all, &pairs[i]);
        for (int fold = 0; fold < FOLDS; fold++) {
            bool own = fold == fold_of(pairs[i].truth);
            put_pair(own ? &g->folds[fold].own : &g->folds[fold].others, &pairs[i]);
        }
    }
    return 0;
}

/* ---- plates a read may mean ---- */

struct related {
    int count;
    plate_key keys[RELATED_MAX]; /* the best read first */
};

static void add_related(struct related *r, plate_key key)
{
    for (int i = 0; i < r->count; i++) {
        if (r->keys[i] == key) {
            return;
        }
    }
    if (key != 0 && !plate_has_unread(key) && r->count < RELATED_MAX) {
        r->keys[r->count++] = key;
    }
}

/* One symbol of a look-alike group apart, as matching finds them. */
static void add_look_alikes(const struct look_alike *groups, struct related *r, plate_key key)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    for (int at = 0; at < count; at++) {
        uint8_t was = symbols[at];
        for (int s = 1; s <= PLATE_SYMBOL_ALNUM_LAST && plate_symbol_is_alnum(was); s++) {
            if (s != was && learn_alike(groups, was, (uint8_t)s)) {
                symbols[at] = (uint8_t)s;
                add_related(r, plate_key_of_symbols(symbols, count));
            }
        }
        symbols[at] = was;
    }
}

static void find_related(const struct look_alike *groups, const struct plate_read *read,
                         struct related *out)
{
    out->count = 0;
    add_related(out, read->key);
    for (int i = 0; i < read->candidate_count; i++) {
        add_related(out, read->candidates[i].key);
    }
    add_look_alikes(groups, out, read->key);
}

/* ---- evidence ---- */

/* What the channel alone makes of each plate the read may mean, against which one it was. */
static void weigh_read(struct learning *g, const struct likelihood *l,
                       const struct match_pair *pair)
{
    struct related related;
    struct likelihood_plate read = likelihood_plate_of(pair->read.key);
    double innocent = likelihood_innocent(l, &read);
    find_related(&g->groups, &pair->read, &related);
    for (int i = 0; i < related.count; i++) {
        int row = likelihood_evidence_row(&pair->read, pair->read.key, related.keys[i]);
        if (row < 0) {
            continue;
        }
        struct likelihood_plate plate = likelihood_plate_of(related.keys[i]);
        double p = likelihood_innocent(l, &plate) * likelihood_of_read(l, &plate, &read) / innocent;
        g->expected[row] += p < 1 ? p : 1;
        g->observed[row] += related.keys[i] == pair->truth;
    }
}

/* Rows of falling weight: neighbours that rise are one row, until none does. */
static void weigh_rows(const struct learning *g, const int *rows, int count, double *out_db)
{
    struct block {
        double expected;
        double observed;
        int size;
    } blocks[CHANNEL_ROWS];
    int used = 0;
    for (int i = 0; i < count; i++) {
        blocks[used++] = (struct block){g->expected[rows[i]] + evidence_smoothing,
                                        g->observed[rows[i]] + evidence_smoothing, 1};
        while (used > 1 && blocks[used - 2].observed * blocks[used - 1].expected <
                               blocks[used - 1].observed * blocks[used - 2].expected) {
            blocks[used - 2].expected += blocks[used - 1].expected;
            blocks[used - 2].observed += blocks[used - 1].observed;
            blocks[used - 2].size += blocks[used - 1].size;
            used--;
        }
    }
    for (int i = 0, b = 0, in = 0; i < count; i++) {
        out_db[rows[i]] = 10 * log10(blocks[b].observed / blocks[b].expected);
        if (++in == blocks[b].size) {
            b++;
            in = 0;
        }
    }
}

static void weigh_evidence(struct learning *g)
{
    int best[CHANNEL_GAPS];
    int others[CHANNEL_GAPS + 1];
    for (int i = 0; i < CHANNEL_GAPS; i++) {
        best[i] = CHANNEL_ROW_BEST + CHANNEL_GAPS - 1 - i; /* the greatest lead first */
        others[i] = CHANNEL_ROW_CANDIDATE + i;
    }
    others[CHANNEL_GAPS] = CHANNEL_ROW_NONE;
    weigh_rows(g, best, CHANNEL_GAPS, g->weight_db);
    weigh_rows(g, others, CHANNEL_GAPS + 1, g->weight_db);
}

/* ---- innocent look-alikes ---- */

/* Were this vehicle innocent: how many plates that it is taken for are there, by level? Exact reads
 * are told whatever their level. */
static void count_innocent(struct learning *g, const struct likelihood *l,
                           const struct match_pair *pair)
{
    struct related related;
    if (pair->read.candidate_count == 0) {
        return;
    }
    find_related(&g->groups, &pair->read, &related);
    for (int i = 1; i < related.count; i++) {
        if (related.keys[i] == pair->truth) {
            continue;
        }
        struct likelihood_plate plate = likelihood_plate_of(related.keys[i]);
        double db = likelihood_ratio_db(l, &pair->read, pair->read.key, related.keys[i]);
        double level = floor((db - CHANNEL_LEVEL_FROM_DB) / CHANNEL_LEVEL_STEP_DB);
        if (level >= 0) {
            int at = level < CHANNEL_LEVELS ? (int)level : CHANNEL_LEVELS - 1;
            g->innocent[at] += likelihood_innocent(l, &plate);
        }
    }
}

/* ---- the whole ---- */

static int fit_folds(struct learning *g)
{
    struct match_channel *channel = calloc(1, sizeof(*channel));
    int result = channel ? 0 : ERR_NO_MEMORY;
    for (int i = 0; i < FOLDS && result == 0; i++) {
        result = learn_fit(&g->folds[i].others, g->options, channel);
        if (result == 0) {
            g->folds[i].l = likelihood_create(channel);
            result = g->folds[i].l ? 0 : ERR_NO_MEMORY;
        }
    }
    free(channel);
    return result;
}

static void try_folds(struct learning *g)
{
    for (int i = 0; i < FOLDS; i++) {
        const struct fold *fold = &g->folds[i];
        for (size_t p = 0; p < fold->own.count; p++) {
            weigh_read(g, fold->l, fold->own.pairs[p]);
        }
    }
    weigh_evidence(g);
    for (int i = 0; i < FOLDS; i++) {
        const struct fold *fold = &g->folds[i];
        memcpy(fold->l->weight_db, g->weight_db, sizeof(g->weight_db));
        for (size_t p = 0; p < fold->own.count; p++) {
            count_innocent(g, fold->l, fold->own.pairs[p]);
        }
    }
}

static int32_t weight_cdb(double db)
{
    double cdb = round(db * 100);
    cdb = cdb > CHANNEL_WEIGHT_CDB_MAX ? CHANNEL_WEIGHT_CDB_MAX : cdb;
    return (int32_t)(cdb < -CHANNEL_WEIGHT_CDB_MAX ? -CHANNEL_WEIGHT_CDB_MAX : cdb);
}

static void write_trial(const struct learning *g, struct match_channel *out)
{
    double mass = 0;
    for (int i = 0; i < CHANNEL_ROWS; i++) {
        out->evidence[i] = (struct channel_evidence){(uint64_t)llround(g->expected[i] * 1000),
                                                     (uint64_t)llround(g->observed[i]),
                                                     weight_cdb(g->weight_db[i])};
    }
    for (int i = CHANNEL_LEVELS - 1; i >= 0; i--) {
        mass += g->innocent[i] / (double)g->all.count;
        out->innocent_e15[i] = (uint64_t)llround(mass * (double)CHANNEL_MASS_ONE);
    }
}

static int check_options(const struct learn_options *options, struct err_text *err)
{
    if (options->version == 0 || options->version > INT64_MAX) {
        return err_set(err, ERR_INVALID, "version = '%llu': expected 1 or more",
                       (unsigned long long)options->version);
    }
    if (options->smoothing == 0 || options->smoothing > CHANNEL_SMOOTHING_MAX) {
        return err_set(err, ERR_INVALID, "smoothing = '%u': expected 1 to %d", options->smoothing,
                       CHANNEL_SMOOTHING_MAX);
    }
    return 0;
}

static int learn(struct learning *g, const struct match_pair *pairs, size_t count,
                 struct match_channel *out, struct err_text *err)
{
    if (choose_pairs(g, pairs, count) != 0) {
        return err_set(err, ERR_NO_MEMORY, "learning: no memory");
    }
    if (g->all.count < LEARN_PAIRS_MIN || g->all.count > CHANNEL_PAIRS_MAX) {
        return err_set(err, ERR_INVALID,
                       "%zu confirmed pairs of alphabet '%s' with plate and read whole (of %zu "
                       "pairs), expected %d to %d",
                       g->all.count, channel_alphabet_name(g->options->alphabet), count,
                       LEARN_PAIRS_MIN, CHANNEL_PAIRS_MAX);
    }
    if (fit_folds(g) != 0 || learn_fit(&g->all, g->options, out) != 0) {
        return err_set(err, ERR_NO_MEMORY, "learning: no memory");
    }
    try_folds(g);
    write_trial(g, out);
    return 0;
}

int channel_learn(const struct match_pair *pairs, size_t count, const struct learn_options *options,
                  struct match_channel **out, struct err_text *err)
{
    struct learning g = {.options = options};
    int result = check_options(options, err);
    if (result != 0) {
        return result;
    }
    look_alike_init(&g.groups, true);
    struct match_channel *channel = calloc(1, sizeof(*channel));
    result = channel ? learn(&g, pairs, count, channel, err)
                     : err_set(err, ERR_NO_MEMORY, "learning: no memory");
    free(g.all.pairs);
    for (int i = 0; i < FOLDS; i++) {
        free(g.folds[i].others.pairs);
        free(g.folds[i].own.pairs);
        free(g.folds[i].l);
    }
    if (result != 0) {
        channel_destroy(channel);
        return result;
    }
    *out = channel;
    return 0;
}
