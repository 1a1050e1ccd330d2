/* See learn_fit.h. */
#include "gateway/match/learn_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/match/likelihood.h"

/* What is taken for true before any pair is seen: of 100 symbols 5 are misread, 78 % of those
 * within their group (measured on real reads), and a plate's edge in front invents most. */
static const double misread_part = 0.05;
static const double alike_part = 0.78;
static const double lost_part[3] = {0.02, 0.01, 0.02};
static const double invented_part[3] = {0.02, 0.003, 0.01};

/* Expected counts of one pass over the pairs. */
struct counts {
    double say[CHANNEL_SYMBOLS][CHANNEL_SYMBOLS];
    double lost[3];
    double kept[3];
    double invented[3];
    double went_on[3];
    double invented_symbol[CHANNEL_SYMBOLS];
};

struct fit {
    struct likelihood *l;
    struct counts *counts;
    struct look_alike groups;
    double prior[CHANNEL_SYMBOLS][CHANNEL_SYMBOLS];
    int symbols; /* of the alphabet */
    double smoothing;
};

bool learn_alike(const struct look_alike *groups, uint8_t a, uint8_t b)
{
    if (plate_symbol_is_province(a) || plate_symbol_is_province(b)) {
        return plate_symbol_is_province(a) && plate_symbol_is_province(b);
    }
    if (!plate_symbol_is_alnum(a) || !plate_symbol_is_alnum(b)) {
        return !plate_symbol_is_alnum(a) && !plate_symbol_is_alnum(b);
    }
    return groups->symbols[a] == groups->symbols[b];
}

/* ---- before any pair ---- */

static void prior_row(struct fit *f, uint8_t truth)
{
    int alike = 0;
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        alike += s != truth && channel_alphabet_has(f->l->alphabet, (uint8_t)s) &&
                 learn_alike(&f->groups, truth, (uint8_t)s);
    }
    double far_part = misread_part * (alike > 0 ? 1 - alike_part : 1);
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (!channel_alphabet_has(f->l->alphabet, (uint8_t)s)) {
            continue;
        }
        if (s == truth) {
            f->prior[truth][s] = 1 - misread_part;
        } else if (learn_alike(&f->groups, truth, (uint8_t)s)) {
            f->prior[truth][s] = misread_part * alike_part / alike;
        } else {
            f->prior[truth][s] = far_part / (f->symbols - 1 - alike);
        }
    }
}

static void start(struct fit *f)
{
    look_alike_init(&f->groups, true);
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        f->symbols += channel_alphabet_has(f->l->alphabet, (uint8_t)s);
    }
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (channel_alphabet_has(f->l->alphabet, (uint8_t)s)) {
            prior_row(f, (uint8_t)s);
            f->l->invented_symbol[s] = 1.0 / f->symbols;
        }
    }
    memcpy(f->l->read, f->prior, sizeof(f->prior));
    memcpy(f->l->lost, lost_part, sizeof(lost_part));
    memcpy(f->l->invented, invented_part, sizeof(invented_part));
}

/* ---- expectation ---- */

typedef double ways_table[PLATE_SYMBOLS_MAX + 2][PLATE_SYMBOLS_MAX + 2];

/* Probability of the way from (i, j), truth and read symbols done, to the end. */
static void ways_onward(const struct likelihood *l, const struct likelihood_plate *truth,
                        const struct likelihood_plate *read, ways_table out)
{
    memset(out, 0, sizeof(ways_table));
    for (int i = truth->count; i >= 0; i--) {
        double invent = likelihood_invent(l, truth, i);
        double lose = i < truth->count ? likelihood_lose(l, truth, i) : 0;
        for (int j = read->count; j >= 0; j--) {
            double sum = i == truth->count && j == read->count ? 1 - invent : 0;
            if (j < read->count) {
                sum += invent * l->invented_symbol[read->symbols[j]] * out[i][j + 1];
            }
            if (i < truth->count) {
                sum += (1 - invent) * lose * out[i + 1][j];
            }
            if (i < truth->count && j < read->count) {
                sum += (1 - invent) * (1 - lose) *
                       likelihood_say(l, truth->symbols[i], read->symbols[j]) * out[i + 1][j + 1];
            }
            out[i][j] = sum;
        }
    }
}

/* Counts every step of every way by its probability, going forward from the start: `reach` is how
 * likely the read's way leads over (i, j). Returns log P(read | truth). */
static double expect(const struct likelihood *l, const struct match_pair *pair, struct counts *c)
{
    struct likelihood_plate truth = likelihood_plate_of(pair->truth);
    struct likelihood_plate read = likelihood_plate_of(pair->read.key);
    ways_table onward;
    ways_table reach = {{0}};
    ways_onward(l, &truth, &read, onward);
    reach[0][0] = 1;
    for (int i = 0; i <= truth.count; i++) {
        enum channel_invented where = likelihood_invented_class(i, truth.count);
        enum channel_lost which = likelihood_lost_class(i, truth.count);
        double invent = l->invented[where];
        double lose = l->lost[which];
        for (int j = 0; j <= read.count; j++) {
            double here = reach[i][j] > 0 ? reach[i][j] / onward[i][j] : 0;
            if (j < read.count) {
                uint8_t symbol = read.symbols[j];
                double p = here * invent * l->invented_symbol[symbol] * onward[i][j + 1];
                c->invented[where] += p;
                c->invented_symbol[symbol] += p;
                reach[i][j + 1] += p;
            }
            if (i == truth.count) {
                c->went_on[where] += j == read.count ? reach[i][j] : 0;
                continue;
            }
            double p = here * (1 - invent) * lose * onward[i + 1][j];
            c->lost[which] += p;
            c->went_on[where] += p;
            reach[i + 1][j] += p;
            if (j < read.count) {
                uint8_t from = truth.symbols[i];
                uint8_t to = read.symbols[j];
                p = here * (1 - invent) * (1 - lose) * likelihood_say(l, from, to) *
                    onward[i + 1][j + 1];
                c->kept[which] += p;
                c->went_on[where] += p;
                c->say[from][to] += p;
                reach[i + 1][j + 1] += p;
            }
        }
    }
    return log(onward[0][0]);
}

/* ---- maximisation ---- */

static double part(double yes, double no, double prior, double smoothing)
{
    return (yes + smoothing * prior) / (yes + no + smoothing);
}

static void maximise(struct fit *f)
{
    struct likelihood *l = f->l;
    struct counts *c = f->counts;
    double invented = 0;
    for (int t = 1; t < CHANNEL_SYMBOLS; t++) {
        double all = 0;
        for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
            all += c->say[t][s];
        }
        for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
            l->read[t][s] = part(c->say[t][s], all - c->say[t][s], f->prior[t][s], f->smoothing);
        }
        invented += c->invented_symbol[t];
    }
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (channel_alphabet_has(l->alphabet, (uint8_t)s)) {
            l->invented_symbol[s] = part(c->invented_symbol[s], invented - c->invented_symbol[s],
                                         1.0 / f->symbols, f->smoothing);
        }
    }
    for (int i = 0; i < 3; i++) {
        l->lost[i] = part(c->lost[i], c->kept[i], lost_part[i], f->smoothing);
        l->invented[i] = part(c->invented[i], c->went_on[i], invented_part[i], f->smoothing);
    }
}

static void iterate(struct fit *f, const struct learn_pairs *pairs)
{
    static const double converged = 1e-7;
    double before = -HUGE_VAL;
    for (int round = 0; round < LEARN_ITERATIONS_MAX; round++) {
        double sum = 0;
        memset(f->counts, 0, sizeof(*f->counts));
        for (size_t i = 0; i < pairs->count; i++) {
            sum += expect(f->l, pairs->pairs[i], f->counts);
        }
        maximise(f);
        if (sum - before < converged * fabs(sum)) {
            break;
        }
        before = sum;
    }
}

/* ---- whole numbers ---- */

static uint32_t ppm_of(double p, uint32_t most)
{
    double ppm = p * CHANNEL_PPM;
    return ppm < 1 ? 1 : ppm > most ? most : (uint32_t)lround(ppm);
}

/* Rounded parts may be a few too many, or must be all there is: the greatest makes up for it. */
static void balance(struct channel_row *row, channel_set set)
{
    int greatest = 0;
    int64_t left = CHANNEL_PPM;
    int64_t unlisted = 0;
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        left -= row->ppm[s];
        unlisted += channel_set_has(set, (uint8_t)s) && row->ppm[s] == 0;
        greatest = row->ppm[s] > row->ppm[greatest] ? s : greatest;
    }
    if (greatest != 0 && (left < unlisted || unlisted == 0)) {
        row->ppm[greatest] = (uint32_t)(row->ppm[greatest] + left - unlisted);
    }
}

/* Confusions expected less often share what the listed ones leave. */
static const double listed_from = 0.5;

static void write_symbol(const struct fit *f, int truth, struct match_channel *out)
{
    struct channel_row *row = &out->read[truth];
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        bool listed = s == truth || learn_alike(&f->groups, (uint8_t)truth, (uint8_t)s) ||
                      f->counts->say[truth][s] >= listed_from;
        if (listed && channel_alphabet_has(out->alphabet, (uint8_t)s)) {
            row->ppm[s] = ppm_of(f->l->read[truth][s], CHANNEL_PPM);
        }
    }
    balance(row, channel_set_of_alphabet(out->alphabet));
}

static void write_channel(const struct fit *f, struct match_channel *out)
{
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (!channel_alphabet_has(out->alphabet, (uint8_t)s)) {
            continue;
        }
        write_symbol(f, s, out);
        if (f->counts->invented_symbol[s] >= listed_from) {
            out->invented.ppm[s] = ppm_of(f->l->invented_symbol[s], CHANNEL_PPM);
        }
    }
    balance(&out->invented, channel_set_of_alphabet(out->alphabet));
    for (int i = 0; i < 3; i++) {
        out->lost_ppm[i] = ppm_of(f->l->lost[i], CHANNEL_EDGE_PPM_MAX);
        out->invented_ppm[i] = ppm_of(f->l->invented[i], CHANNEL_EDGE_PPM_MAX);
    }
}

/* ---- innocent reads ---- */

struct shape {
    char text[PLATE_SYMBOLS_MAX + 1];
    size_t count;
};

static int by_count(const void *a, const void *b)
{
    const struct shape *left = a;
    const struct shape *right = b;
    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return strcmp(left->text, right->text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct channel_pattern *)a)->text,
                  ((const struct channel_pattern *)b)->text);
}

static void add_shape(struct shape *shapes, size_t *count, const struct likelihood_plate *plate)
{
    struct shape shape = {.count = 1};
    size_t at = 0;
    for (int i = 0; i < plate->count; i++) {
        shape.text[i] = channel_kind_letter(channel_kind_at(plate->symbols, i));
    }
    while (at < *count && strcmp(shapes[at].text, shape.text) != 0) {
        at++;
    }
    if (at == *count) {
        shapes[(*count)++] = shape;
    } else {
        shapes[at].count++;
    }
}

/* As many reads as were of a shape seen once are likely to be of one never seen (Good and Turing).
 */
static void write_patterns(struct shape *shapes, size_t count, size_t reads,
                           struct match_channel *out)
{
    size_t once = 1;
    for (size_t i = 0; i < count; i++) {
        once += shapes[i].count == 1;
    }
    double seen_part = 1 - (double)once / (double)(reads + 1);
    qsort(shapes, count, sizeof(*shapes), by_count);
    for (size_t i = 0; i < count && i < CHANNEL_PATTERNS_MAX; i++) {
        double ppm = seen_part * (double)shapes[i].count / (double)reads * CHANNEL_PPM;
        if (ppm >= 1) {
            struct channel_pattern *pattern = &out->patterns[out->pattern_count++];
            memcpy(pattern->text, shapes[i].text, sizeof(pattern->text));
            pattern->ppm = (uint32_t)ppm; /* cut, so that they never fill the whole */
        }
    }
    qsort(out->patterns, out->pattern_count, sizeof(out->patterns[0]), by_text);
}

static void write_shares(size_t seen[CHANNEL_KINDS][CHANNEL_SYMBOLS],
                         const struct learn_options *options, struct match_channel *out)
{
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        channel_set set = channel_set_of_kind((enum channel_kind)kind);
        size_t all = 0;
        int symbols = 0;
        for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
            all += seen[kind][s];
            symbols += channel_set_has(set, (uint8_t)s);
        }
        for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
            if (seen[kind][s] > 0) {
                double p = part((double)seen[kind][s], (double)(all - seen[kind][s]), 1.0 / symbols,
                                options->smoothing);
                out->share[kind].ppm[s] = ppm_of(p, CHANNEL_PPM);
            }
        }
        balance(&out->share[kind], set);
    }
}

static int write_innocent(const struct learn_pairs *pairs, const struct learn_options *options,
                          struct match_channel *out)
{
    size_t seen[CHANNEL_KINDS][CHANNEL_SYMBOLS] = {{0}};
    size_t shape_count = 0;
    struct shape *shapes = calloc(pairs->count + 1, sizeof(*shapes));
    if (!shapes) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        struct likelihood_plate truth = likelihood_plate_of(pairs->pairs[i]->truth);
        struct likelihood_plate read = likelihood_plate_of(pairs->pairs[i]->read.key);
        add_shape(shapes, &shape_count, &read);
        for (int at = 0; at < read.count; at++) {
            enum channel_kind kind = channel_kind_at(read.symbols, at);
            seen[kind][read.symbols[at]]++;
        }
        for (int at = 0; at < truth.count; at++) {
            out->seen[truth.symbols[at]]++;
        }
    }
    write_patterns(shapes, shape_count, pairs->count, out);
    write_shares(seen, options, out);
    free(shapes);
    return 0;
}

int learn_fit(const struct learn_pairs *pairs, const struct learn_options *options,
              struct match_channel *out)
{
    struct fit *f = calloc(1, sizeof(*f));
    int result = f ? 0 : ERR_NO_MEMORY;
    if (f) {
        f->smoothing = options->smoothing;
        f->l = calloc(1, sizeof(*f->l));
        f->counts = calloc(1, sizeof(*f->counts));
        result = f->l && f->counts ? 0 : ERR_NO_MEMORY;
    }
    if (result == 0) {
        *out = (struct match_channel){.alphabet = options->alphabet,
                                      .version = options->version,
                                      .learned_at = options->time,
                                      .pairs = pairs->count,
                                      .smoothing = options->smoothing};
        f->l->alphabet = options->alphabet;
        start(f);
        iterate(f, pairs);
        write_channel(f, out);
        result = write_innocent(pairs, options, out);
    }
    if (f) {
        free(f->l);
        free(f->counts);
    }
    free(f);
    return result;
}
