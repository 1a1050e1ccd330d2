/*
 * match_eval --reads F --plates F --list-size N [--halves H] [--seed S] [--draws D]
 *
 * How many wanted plates are told of although misread (recall), and how many innocent reads alert
 * (false alerts per 10,000), by three policies: the exact best read; the commercial rule, at most
 * one look-alike character; and ours, exact reads besides whatever the judge gives enough odds.
 * With the product's own index, judge and learning.
 *
 * H times the true plates are cut in two halves at random; each half is scored once while the other
 * gives all that is chosen: the channel is learned from its pairs, and the least odds to be told
 * are those at which ours has no more false alerts than the commercial rule (at equal recall: no
 * less recall), each read of it judged by a channel learned without its quarter. To score, half of
 * a half's plates are wanted, among distractors up to N entries, and reads of the others are
 * innocent; then the other way round. Each such list is drawn D times. What is told of is compared
 * by plate: the interval of the gain is a bootstrap over plates.
 *
 * The last line is one JSON object. `recall_…` are parts of 1 of the reads (a vehicle without any
 * read is in none of them: `unread`), `fa_…` innocent reads per 10,000 that alert.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval_data.h"

enum {
    HALVES_DEFAULT = 20,
    SEED_DEFAULT = 1,
    LIST_SIZE_MAX = 4 * 1000 * 1000,
    HALVES_MAX = 1000,
    DRAWS_MAX = 10 * 1000,
    DRAWS_ENTRIES = 2 * 1000 * 1000, /* of all draws of a list together, unless --draws */
    PARTS = 4,                       /* of a half: each judged by a channel of the other three */
    BOOTSTRAPS = 4000,
    ODDS_NEVER = MATCH_ODDS_MAX_DB + 1,
    ODDS_LEAST = -MATCH_ODDS_MAX_DB
};

struct options {
    const char *reads;
    const char *plates;
    size_t list_size;
    size_t halves;
    size_t draws;
    uint64_t seed;
};

/* What matching made of reads, counted by the odds an alert needs. */
struct tally {
    size_t reads;
    size_t exact;
    size_t commercial;
    size_t judged;                          /* told by the operating point */
    size_t at[ODDS_NEVER - ODDS_LEAST + 1]; /* alerts from these odds down, no exact */
};

/* A number of true plates; `parts` of them by place, for the judges. */
struct plates {
    size_t count;
    size_t *at;
};

struct eval {
    struct options options;
    struct eval_data data;
    struct eval_random random;
    size_t *part; /* by plate: which judge */
    struct match_judge *judges[PARTS];
    struct match_judge *operating; /* with the threshold it derives itself; may be NULL */
    bool *member;                  /* by plate */
    /* By plate, over all rounds. */
    double *gain;
    size_t *scored;
};

/* Sums over all rounds, the test halves only. */
struct sums {
    struct tally wanted;
    struct tally innocent;
    size_t wanted_ours; /* at equal false alerts */
    size_t innocent_ours;
    size_t wanted_same; /* at equal recall */
    size_t innocent_same;
    double promised; /* judged false alerts that the operating point allows, a read */
};

/* ---- matching ---- */

/* What one read comes to. */
struct outcome {
    bool exact;
    bool commercial;
    int odds; /* greatest of the other hits, ODDS_LEAST: none */
};

/* Hits of the plate itself if `wanted`, else of any other. */
static struct outcome look(const struct eval_list *list, const struct match_judge *judge,
                           const struct eval_read *read, bool wanted)
{
    struct match_result result;
    struct outcome o = {.odds = ODDS_LEAST};
    match_find(list->index, judge, &read->pair.read, (struct wall_time){1}, true, &result);
    for (int i = 0; i < result.hit_count; i++) {
        const struct match_hit *hit = &result.hits[i];
        if (wanted != (hit->entry.key == read->pair.truth)) {
            continue;
        }
        o.exact |= hit->kind == MATCH_EXACT;
        o.commercial |= hit->kind == MATCH_EXACT || hit->kind == MATCH_LOOK_ALIKE;
        o.odds = hit->odds_db > o.odds ? hit->odds_db : o.odds;
    }
    return o;
}

static void count_outcome(struct tally *t, const struct outcome *o, bool judged)
{
    t->reads++;
    t->exact += o->exact;
    t->commercial += o->commercial;
    t->judged += judged;
    if (!o->exact) {
        t->at[o->odds - ODDS_LEAST]++;
    }
}

static bool is_told(const struct outcome *o, int odds)
{
    return o->exact || (o->odds > ODDS_LEAST && o->odds >= odds);
}

/* Alerts when `odds` are enough. */
static size_t told(const struct tally *t, int odds)
{
    size_t sum = t->exact;
    for (int at = odds > ODDS_LEAST ? odds : ODDS_LEAST + 1; at <= ODDS_NEVER; at++) {
        sum += t->at[at - ODDS_LEAST];
    }
    return sum;
}

/* The thresholds a half's own reads give. */
struct thresholds {
    int same_false_alerts;
    int same_recall;
};

static struct thresholds choose(const struct tally *wanted, const struct tally *innocent)
{
    struct thresholds t = {ODDS_NEVER, ODDS_NEVER};
    while (t.same_false_alerts > ODDS_LEAST + 1 &&
           told(innocent, t.same_false_alerts - 1) <= innocent->commercial) {
        t.same_false_alerts--;
    }
    while (t.same_recall > ODDS_LEAST + 1 && told(wanted, t.same_recall) < wanted->commercial) {
        t.same_recall--;
    }
    return t;
}

/* ---- a list and its reads ---- */

static void count_wanted(struct eval *e, const struct eval_list *list, const bool *is_wanted,
                         struct tally *tally, const struct thresholds *t, struct sums *sums)
{
    for (size_t i = 0; i < e->data.read_count; i++) {
        const struct eval_read *read = &e->data.reads[i];
        if (!is_wanted[read->plate]) {
            continue;
        }
        struct outcome o = look(list, e->judges[e->part[read->plate]], read, true);
        struct outcome by_product = e->operating ? look(list, e->operating, read, true) : o;
        count_outcome(tally, &o, is_told(&by_product, ODDS_LEAST));
        if (t) {
            bool ours = is_told(&o, t->same_false_alerts);
            sums->wanted_ours += ours;
            sums->wanted_same += is_told(&o, t->same_recall);
            e->gain[read->plate] += (double)ours - (double)o.commercial;
            e->scored[read->plate]++;
        }
    }
}

static void count_innocent(struct eval *e, const struct eval_list *list, const bool *is_innocent,
                           struct tally *tally, const struct thresholds *t, struct sums *sums)
{
    for (size_t i = 0; i < e->data.read_count; i++) {
        const struct eval_read *read = &e->data.reads[i];
        if (!is_innocent[read->plate]) {
            continue;
        }
        struct outcome o = look(list, e->judges[e->part[read->plate]], read, false);
        struct outcome by_product = e->operating ? look(list, e->operating, read, false) : o;
        count_outcome(tally, &o, !o.exact && is_told(&by_product, ODDS_LEAST));
        if (t) {
            sums->innocent_ours += is_told(&o, t->same_false_alerts);
            sums->innocent_same += is_told(&o, t->same_recall);
        }
    }
}

/* Both quarters of a half in both roles. `t`: thresholds to score at, NULL: only tally. */
static void run_half(struct eval *e, const struct plates *half, struct tally *wanted,
                     struct tally *innocent, const struct thresholds *t, struct sums *sums)
{
    size_t middle = half->count / 2;
    bool *member = calloc(2 * e->data.plate_count, sizeof(*member));
    if (!member) {
        abort();
    }
    for (size_t i = 0; i < half->count; i++) {
        member[(i < middle ? 0 : e->data.plate_count) + half->at[i]] = true;
    }
    for (int role = 0; role < 2; role++) {
        const bool *is_wanted = member + (role ? e->data.plate_count : 0);
        const bool *is_innocent = member + (role ? 0 : e->data.plate_count);
        for (size_t draw = 0; draw < e->options.draws; draw++) {
            struct eval_list list;
            eval_list_make(&list, &e->data, half->at + (role ? middle : 0),
                           role ? half->count - middle : middle, half->at, half->count,
                           e->options.list_size, &e->random);
            if (draw == 0) { /* whether the plate itself is told depends on no distractor */
                count_wanted(e, &list, is_wanted, wanted, t, sums);
            }
            count_innocent(e, &list, is_innocent, innocent, t, sums);
            eval_list_free(&list);
        }
    }
    free(member);
}

/* ---- judges ---- */

/* A channel of the reads whose plate is marked in `learn_from`. */
static struct match_channel *learn(const struct eval *e, const bool *learn_from)
{
    struct match_channel *channel = NULL;
    struct err_text err = {""};
    struct learn_options options = {
        .version = 1, .time = {0}, .smoothing = LEARN_SMOOTHING_DEFAULT};
    struct match_pair *pairs = calloc(e->data.read_count, sizeof(*pairs));
    size_t count = 0;
    size_t mainland = 0;
    for (size_t i = 0; pairs && i < e->data.read_count; i++) {
        if (learn_from[e->data.reads[i].plate]) {
            pairs[count++] = e->data.reads[i].pair;
            mainland += channel_alphabet_of(e->data.reads[i].pair.truth) == CHANNEL_MAINLAND;
        }
    }
    options.alphabet = mainland * 2 > count ? CHANNEL_MAINLAND : CHANNEL_LATIN;
    if (!pairs || channel_learn(pairs, count, &options, &channel, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(EXIT_FAILURE);
    }
    free(pairs);
    return channel;
}

static struct match_judge *make_judge(const struct match_channel *channel,
                                      const struct match_operating_point *point)
{
    struct match_judge *judge = NULL;
    struct err_text err = {""};
    if (match_judge_create(&channel, 1, point, &judge, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(EXIT_FAILURE);
    }
    return judge;
}

/* Told is everything, the odds are looked at. */
static const struct match_operating_point everything = {UINT32_MAX, 1};

static void free_judges(struct eval *e)
{
    for (int i = 0; i < PARTS; i++) {
        match_judge_destroy(e->judges[i]);
        e->judges[i] = NULL;
    }
    match_judge_destroy(e->operating);
    e->operating = NULL;
}

/* Each part of the half judged by what the others teach. */
static void judges_without_own_part(struct eval *e, const struct plates *half)
{
    for (size_t part = 0; part < PARTS; part++) {
        memset(e->member, 0, e->data.plate_count * sizeof(*e->member));
        for (size_t i = 0; i < half->count; i++) {
            /* Parts run across the two quarters of run_half. */
            e->part[half->at[i]] = i % PARTS;
            e->member[half->at[i]] = i % PARTS != part;
        }
        struct match_channel *channel = learn(e, e->member);
        e->judges[part] = make_judge(channel, &everything);
        channel_destroy(channel);
    }
}

/* One judge for all plates of the other half, and one that decides by itself: it is promised as
 * many judged false alerts as the commercial rule had in the half it learned from. */
static void judge_of_half(struct eval *e, const struct plates *half, const struct tally *innocent,
                          double *out_promised)
{
    enum { VEHICLES = 100 * 1000 * 1000 };
    double allowed = (double)(innocent->commercial - innocent->exact) / (double)innocent->reads;
    struct match_operating_point point = {(uint32_t)(allowed * VEHICLES) + 1, VEHICLES};
    memset(e->member, 0, e->data.plate_count * sizeof(*e->member));
    memset(e->part, 0, e->data.plate_count * sizeof(*e->part));
    for (size_t i = 0; i < half->count; i++) {
        e->member[half->at[i]] = true;
    }
    struct match_channel *channel = learn(e, e->member);
    e->judges[0] = make_judge(channel, &everything);
    e->operating = make_judge(channel, &point);
    channel_destroy(channel);
    *out_promised = allowed;
}

/* ---- rounds ---- */

static void run_round(struct eval *e, size_t *order, struct sums *sums)
{
    size_t middle = e->data.plate_count / 2;
    const struct plates halves[2] = {{middle, order},
                                     {e->data.plate_count - middle, order + middle}};
    struct tally *wanted = calloc(2, sizeof(*wanted));
    if (!wanted) {
        abort();
    }
    struct tally *innocent = wanted + 1;
    for (size_t i = e->data.plate_count; i > 1; i--) {
        size_t other = eval_random_below(&e->random, i);
        size_t was = order[i - 1];
        order[i - 1] = order[other];
        order[other] = was;
    }
    for (int test = 0; test < 2; test++) {
        double promised = 0;
        memset(wanted, 0, 2 * sizeof(*wanted));
        judges_without_own_part(e, &halves[1 - test]);
        run_half(e, &halves[1 - test], wanted, innocent, NULL, sums);
        struct thresholds t = choose(wanted, innocent);
        free_judges(e);
        judge_of_half(e, &halves[1 - test], innocent, &promised);
        sums->promised += promised;
        run_half(e, &halves[test], &sums->wanted, &sums->innocent, &t, sums);
        free_judges(e);
    }
    free(wanted);
}

/* ---- results ---- */

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* Points of recall, 2.5 % and 97.5 % of BOOTSTRAPS samples of as many plates with repetition. */
static void bootstrap(struct eval *e, double out[2])
{
    double *gains = calloc(BOOTSTRAPS, sizeof(*gains));
    if (!gains) {
        abort();
    }
    for (size_t sample = 0; sample < BOOTSTRAPS; sample++) {
        double gain = 0;
        double scored = 0;
        for (size_t i = 0; i < e->data.plate_count; i++) {
            size_t plate = eval_random_below(&e->random, e->data.plate_count);
            gain += e->gain[plate];
            scored += (double)e->scored[plate];
        }
        gains[sample] = 100 * gain / scored;
    }
    qsort(gains, BOOTSTRAPS, sizeof(*gains), by_value);
    out[0] = gains[BOOTSTRAPS / 40];
    out[1] = gains[BOOTSTRAPS - 1 - BOOTSTRAPS / 40];
    free(gains);
}

static double part(size_t count, size_t of)
{
    return (double)count / (double)of;
}

static void print_result(struct eval *e, const struct sums *s)
{
    size_t wanted = s->wanted.reads;
    size_t innocent = s->innocent.reads;
    double ci[2];
    bootstrap(e, ci);
    printf("{\"list_size\":%zu,\"halves\":%zu,\"draws\":%zu,\"seed\":%llu,\"reads\":%zu,"
           "\"plates\":%zu,\"unread\":%zu,\"skipped\":%zu,\"scored_wanted\":%zu,"
           "\"scored_innocent\":%zu,",
           e->options.list_size, e->options.halves, e->options.draws,
           (unsigned long long)e->options.seed, e->data.read_count, e->data.plate_count,
           e->data.unread, e->data.skipped, wanted, innocent);
    printf("\"recall_exact\":%.4f,\"fa_exact\":%.2f,\"recall_commercial\":%.4f,"
           "\"fa_commercial\":%.2f,",
           part(s->wanted.exact, wanted), 1e4 * part(s->innocent.exact, innocent),
           part(s->wanted.commercial, wanted), 1e4 * part(s->innocent.commercial, innocent));
    printf("\"recall_ours_at_commercial_fa\":%.4f,\"fa_ours_at_commercial_fa\":%.2f,"
           "\"recall_ours_at_commercial_recall\":%.4f,\"fa_ours_at_commercial_recall\":%.2f,",
           part(s->wanted_ours, wanted), 1e4 * part(s->innocent_ours, innocent),
           part(s->wanted_same, wanted), 1e4 * part(s->innocent_same, innocent));
    printf("\"recall_operating_point\":%.4f,\"fa_operating_point_allowed\":%.2f,"
           "\"fa_operating_point\":%.2f,",
           part(s->wanted.judged, wanted), 1e4 * s->promised / (2 * (double)e->options.halves),
           1e4 * part(s->innocent.judged, innocent));
    printf("\"gain_points\":%.2f,\"gain_ci95\":[%.2f,%.2f]}\n",
           100 * (part(s->wanted_ours, wanted) - part(s->wanted.commercial, wanted)), ci[0], ci[1]);
}

/* ---- command line ---- */

static size_t number(const char *name, const char *text, size_t min, size_t max)
{
    char *end = NULL;
    unsigned long long value = text ? strtoull(text, &end, 10) : 0;
    if (!text || end == text || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "%s '%s': expected %zu to %zu\n", name, text ? text : "", min, max);
        exit(2);
    }
    return (size_t)value;
}

static void parse_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){.halves = HALVES_DEFAULT, .seed = SEED_DEFAULT};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--reads") == 0) {
            o->reads = value;
        } else if (strcmp(argv[i], "--plates") == 0) {
            o->plates = value;
        } else if (strcmp(argv[i], "--list-size") == 0) {
            o->list_size = number(argv[i], value, 1, LIST_SIZE_MAX);
        } else if (strcmp(argv[i], "--halves") == 0) {
            o->halves = number(argv[i], value, 1, HALVES_MAX);
        } else if (strcmp(argv[i], "--draws") == 0) {
            o->draws = number(argv[i], value, 1, DRAWS_MAX);
        } else if (strcmp(argv[i], "--seed") == 0) {
            o->seed = number(argv[i], value, 1, SIZE_MAX);
        } else {
            fprintf(stderr, "%s: unknown option\n", argv[i]);
            exit(2);
        }
    }
    if (!o->reads || !o->plates || o->list_size == 0) {
        fprintf(stderr, "match_eval --reads F --plates F --list-size N [--halves 20] [--seed 1] "
                        "[--draws D]\n");
        exit(2);
    }
    if (o->draws == 0) {
        o->draws = DRAWS_ENTRIES / o->list_size + 1;
    }
}

int main(int argc, char **argv)
{
    static struct sums sums;
    struct eval e = {0};
    parse_options(argc, argv, &e.options);
    eval_data_read(&e.data, e.options.reads, e.options.plates);
    e.random.state = e.options.seed;
    size_t *order = calloc(e.data.plate_count + 1, sizeof(*order));
    e.part = calloc(e.data.plate_count + 1, sizeof(*e.part));
    e.member = calloc(e.data.plate_count + 1, sizeof(*e.member));
    e.gain = calloc(e.data.plate_count + 1, sizeof(*e.gain));
    e.scored = calloc(e.data.plate_count + 1, sizeof(*e.scored));
    if (!order || !e.part || !e.member || !e.gain || !e.scored) {
        abort();
    }
    for (size_t i = 0; i < e.data.plate_count; i++) {
        order[i] = i;
    }
    for (size_t round = 0; round < e.options.halves; round++) {
        run_round(&e, order, &sums);
        fprintf(stderr, "round %zu of %zu\n", round + 1, e.options.halves);
    }
    print_result(&e, &sums);
    free(order);
    free(e.part);
    free(e.member);
    free(e.gain);
    free(e.scored);
    eval_data_free(&e.data);
    return 0;
}
