/*
 * The wanted index against the memory's limit and against what one would otherwise take: exact,
 * with look-alikes, with a thousand partial plates besides; building, updates with a reader at
 * work, memory. Every run takes all in turn over the same queries, and ratios are made within a
 * run, so that neighbours on the machine disturb both sides. Survivors of the filter are taken to
 * match_find: a figure is from key to verdict. Medians. Last line: one JSON object.
 *
 * bench_match [--entries N] [--queries N of a run] [--runs N] [--seed N]
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/model/plate_symbols.h"
#include "tests/bench/bench_updates.h"
#include "tests/bench/peers.h"

enum {
    SCAN = 4096, /* keys a call */
    SLICES = 4,  /* of queries, taken in turn */
    PARTIAL_ENTRIES = 1000,
    PARTIAL_UNREAD_MAX = 3,
    PLANTED_PER_MILLION = 1000, /* hits, and as many look-alikes */
    PLANTED_SMALL = 300000,     /* so that a small check has something to find */
    SMALL = 1000,
    UNREAD_READS = 200
};

enum { INDEX_EXACT, INDEX_LOOK_ALIKE, INDEX_ALL, INDEXES };

enum { FIGURE_LIMIT = INDEXES, FIGURE_BUILD, FIGURE_UNREAD, FIGURE_PEERS };

static const struct bench_peer *const peers[] = {&bench_peer_rte_hash, &bench_peer_redis,
                                                 &bench_peer_sqlite, &bench_peer_ghash};

enum { PEERS = sizeof(peers) / sizeof(peers[0]), FIGURES = FIGURE_PEERS + PEERS };

struct options {
    size_t entries;
    size_t queries;
    size_t runs;
    uint64_t seed;
};

struct bench {
    struct options options;
    struct bench_keys keys;
    struct match_entry *entries; /* full ones, then partial ones */
    const struct match_entry **pointers;
    struct match_index *indexes[INDEXES];
    struct bench_limit *limit;
    struct bench_peer_run peers[PEERS];
    uint32_t survivors[SCAN];
    double figures[FIGURES][BENCH_RUNS_MAX];
};

static struct options parse(int argc, char **argv)
{
    static const struct option names[] = {{"entries", required_argument, NULL, 'e'},
                                          {"queries", required_argument, NULL, 'q'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"seed", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.entries = 1000000, .queries = 1 << 20, .runs = 7, .seed = 20261126};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'e') {
            options.entries = bench_number("entries", optarg, MATCH_ENTRIES_MAX - PARTIAL_ENTRIES);
        } else if (option == 'q') {
            options.queries = bench_number("queries", optarg, 10000000);
        } else if (option == 'r') {
            options.runs = bench_number("runs", optarg, BENCH_RUNS_MAX);
        } else if (option == 's') {
            options.seed = bench_number("seed", optarg, UINT64_MAX);
        } else {
            bench_fail("expected --entries, --queries, --runs or --seed");
        }
    }
    if (optind < argc) {
        bench_fail("'%s': expected an option", argv[optind]);
    }
    return options;
}

/* ---- lists ---- */

/* A plate with one to three symbols unread, anywhere. */
static plate_key partial_plate(uint64_t *state, int unread)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(bench_random_plate(state), symbols);
    for (int left = unread; left > 0;) {
        size_t at = (size_t)(bench_draw(state) % (uint64_t)count);
        left -= symbols[at] != PLATE_SYMBOL_UNREAD;
        symbols[at] = PLATE_SYMBOL_UNREAD;
    }
    return plate_key_of_symbols(symbols, count);
}

static void make_entries(struct bench *b)
{
    uint64_t state = b->options.seed + 1;
    size_t full = b->options.entries;
    /* On large pages, as the list's are: checkpoint-matchd.service has glibc ask for them. */
    b->entries = bench_pages_create((full + PARTIAL_ENTRIES) * sizeof(b->entries[0]));
    b->pointers = bench_room(full + PARTIAL_ENTRIES, sizeof(const struct match_entry *));
    for (size_t i = 0; i < full + PARTIAL_ENTRIES; i++) {
        int unread = 1 + (int)(i % PARTIAL_UNREAD_MAX);
        b->entries[i].text = "";
        b->entries[i].record = (struct wanted_record){
            .id = i + 1,
            .key = i < full ? b->keys.listed[i] : partial_plate(&state, unread),
            .valid_until = {INT64_MAX},
            .class = PLATE_CLASS_ANY,
            .priority = 2,
            .handling = HANDLING_STOP};
        b->pointers[i] = &b->entries[i];
    }
}

static struct match_index *make_index(const struct bench *b, int which)
{
    const struct match_options options = {.look_alike_max = which > INDEX_EXACT};
    size_t count = b->options.entries + (which == INDEX_ALL ? PARTIAL_ENTRIES : 0);
    struct match_index *index = NULL;
    struct err_text err;
    if (match_index_create(b->pointers, count, &options, &index, &err) != 0) {
        bench_fail("%s", err.text);
    }
    return index;
}

/* ---- one figure, once ---- */

static size_t find_survivors(struct bench *b, const struct match_index *index,
                             const plate_key *queries, size_t count)
{
    struct match_result result;
    size_t hits = 0;
    size_t found = match_scan(index, queries, count, b->survivors);
    for (size_t i = 0; i < found; i++) {
        const struct plate_read read = {.kind = PLATE_KEY, .key = queries[b->survivors[i]]};
        match_find(index, NULL, &read, (struct wall_time){1}, true, &result);
        hits += result.hit_count > 0;
    }
    return hits;
}

static size_t find_slice(struct bench *b, int which, size_t first)
{
    size_t hits = 0;
    for (size_t at = 0; at < b->options.queries; at += SCAN) {
        size_t left = b->options.queries - at;
        hits += find_survivors(b, b->indexes[which], b->keys.queries + first + at,
                               left < SCAN ? left : SCAN);
    }
    return hits;
}

/* The table is as it is when nothing else is looked into, as the limit's and the peers' are:
 * another slice of the queries goes before, untimed. */
static double index_mps(struct bench *b, int which, size_t first)
{
    (void)find_slice(b, which, (first + b->options.queries) % b->keys.query_count);
    uint64_t begun = bench_cpu_ns();
    size_t hits = find_slice(b, which, first);
    uint64_t took = bench_cpu_ns() - begun;
    size_t expected = bench_keys_hits(&b->keys, first, b->options.queries);
    if (hits < expected || (which == INDEX_EXACT && hits != expected)) {
        bench_fail("found %zu, expected %zu", hits, expected);
    }
    return (double)b->options.queries * 1e3 / (double)(took ? took : 1);
}

static double build_ms(const struct bench *b)
{
    uint64_t begun = bench_cpu_ns();
    struct match_index *index = make_index(b, INDEX_ALL);
    double took = (double)(bench_cpu_ns() - begun) / 1e6;
    match_index_destroy(index);
    return took;
}

/* A read with up to two unread symbols against the whole list, µs. */
static double unread_us(const struct bench *b)
{
    uint64_t state = b->options.seed + 2;
    struct match_result result;
    uint64_t begun = bench_cpu_ns();
    for (int i = 0; i < UNREAD_READS; i++) {
        const struct plate_read read = {.kind = PLATE_KEY, .key = partial_plate(&state, 2)};
        match_find(b->indexes[INDEX_ALL], NULL, &read, (struct wall_time){1}, true, &result);
    }
    return (double)(bench_cpu_ns() - begun) / 1e3 / UNREAD_READS;
}

/* ---- all of them ---- */

static void run_once(struct bench *b, size_t run)
{
    size_t first = run % SLICES * b->options.queries;
    b->figures[FIGURE_LIMIT][run] = bench_limit_mps(b->limit);
    for (int i = 0; i < INDEXES; i++) {
        b->figures[i][run] = index_mps(b, i, first);
    }
    for (size_t p = 0; p < PEERS; p++) {
        (void)bench_peer_mps(&b->peers[p]); /* as index_mps does */
        b->figures[FIGURE_PEERS + p][run] = bench_peer_mps(&b->peers[p]);
    }
    b->figures[FIGURE_BUILD][run] = build_ms(b);
    b->figures[FIGURE_UNREAD][run] = unread_us(b);
}

static double median(const struct bench *b, int figure)
{
    double values[BENCH_RUNS_MAX];
    memcpy(values, b->figures[figure], sizeof(values));
    return bench_median(values, b->options.runs);
}

static double ratio(const struct bench *b, int of, int over)
{
    double values[BENCH_RUNS_MAX];
    for (size_t i = 0; i < b->options.runs; i++) {
        values[i] = b->figures[of][i] / b->figures[over][i];
    }
    return bench_median(values, b->options.runs);
}

static void tell_ratios(const struct bench *b, struct bench_json *json)
{
    bench_json_number(json, "exact_over_limit", ratio(b, INDEX_EXACT, FIGURE_LIMIT), 3);
    for (int p = 0; p < (int)PEERS; p++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "exact_over_%s", peers[p]->name); /* fits: ours */
        bench_json_number(json, key, ratio(b, INDEX_EXACT, FIGURE_PEERS + p), 2);
    }
    bench_json_number(json, "exact_lookalike_over_exact", ratio(b, INDEX_LOOK_ALIKE, INDEX_EXACT),
                      3);
    bench_json_number(json, "all_over_exact", ratio(b, INDEX_ALL, INDEX_EXACT), 3);
}

static void tell(const struct bench *b, const struct bench_updates *updates)
{
    const struct match_index *all = b->indexes[INDEX_ALL];
    size_t entries = b->options.entries;
    struct bench_json json;
    bench_json_begin(&json, stdout);
    bench_json_integer(&json, "entries", entries);
    bench_json_number(&json, "limit_mps", median(b, FIGURE_LIMIT), 1);
    bench_json_number(&json, "exact_mps", median(b, INDEX_EXACT), 1);
    bench_json_number(&json, "exact_lookalike_mps", median(b, INDEX_LOOK_ALIKE), 1);
    bench_json_number(&json, "all_mps", median(b, INDEX_ALL), 1);
    for (int p = 0; p < (int)PEERS; p++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%s_mps", peers[p]->name); /* fits: the names are ours */
        bench_json_number(&json, key, median(b, FIGURE_PEERS + p), 3);
    }
    bench_json_number(&json, "build_ms", median(b, FIGURE_BUILD), 2);
    bench_json_number(&json, "update_ns", updates->update_ns, 0);
    bench_json_number(&json, "reader_loss", updates->reader_loss, 3);
    bench_json_number(&json, "updates_per_s", updates->updates_per_s, 0);
    bench_json_number(&json, "bytes_per_entry",
                      (double)match_index_bytes(all) / (double)(entries + PARTIAL_ENTRIES), 1);
    bench_json_number(&json, "unread_us", median(b, FIGURE_UNREAD), 1);
    tell_ratios(b, &json);
    bench_json_integer(&json, "runs", b->options.runs);
    bench_json_text(&json, "kernel", match_kernel_name(match_index_kernel(all)));
    bench_json_text(&json, "pages", match_index_pages(all));
    bench_json_end(&json);
}

static void measure_updates(const struct bench *b, struct bench_updates *out)
{
    const struct match_options options = {.look_alike_max = MATCH_LOOK_ALIKE_DEFAULT};
    const struct bench_updates_plan plan = {.entries = b->pointers,
                                            .count = b->options.entries,
                                            .options = &options,
                                            .keys = &b->keys,
                                            .runs = b->options.runs,
                                            .slice_ms = BENCH_UPDATES_SLICE_MS,
                                            .seed = b->options.seed + 3};
    bench_updates_measure(&plan, out);
}

static void open_bench(struct bench *b)
{
    const uint32_t planted = b->options.entries <= SMALL ? PLANTED_SMALL : PLANTED_PER_MILLION;
    const struct bench_plan plan = {.listed_count = b->options.entries,
                                    .query_count = SLICES * b->options.queries,
                                    .hits_per_million = planted,
                                    .look_alikes_per_million = planted,
                                    .seed = b->options.seed};
    bench_keys_create(&plan, &b->keys);
    make_entries(b);
    for (int i = 0; i < INDEXES; i++) {
        b->indexes[i] = make_index(b, i);
    }
    b->limit = bench_limit_create(match_index_key_bytes(b->indexes[INDEX_EXACT]));
    for (size_t p = 0; p < PEERS; p++) {
        bench_peer_open(peers[p], &b->keys, &b->peers[p]);
    }
}

static void close_bench(struct bench *b)
{
    for (size_t p = 0; p < PEERS; p++) {
        bench_peer_close(&b->peers[p]);
    }
    bench_limit_destroy(b->limit);
    for (int i = 0; i < INDEXES; i++) {
        match_index_destroy(b->indexes[i]);
    }
    bench_keys_destroy(&b->keys);
    free(b->pointers);
    bench_pages_destroy(b->entries, (b->options.entries + PARTIAL_ENTRIES) * sizeof(b->entries[0]));
    free(b);
}

int main(int argc, char **argv)
{
    struct bench *b = bench_room(1, sizeof(*b));
    struct bench_updates updates;
    b->options = parse(argc, argv);
    open_bench(b);
    for (size_t run = 0; run < b->options.runs; run++) {
        run_once(b, run);
    }
    measure_updates(b, &updates);
    tell(b, &updates);
    close_bench(b);
    return 0;
}
