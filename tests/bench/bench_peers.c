/*
 * The peers of bench_match alone, in turn over the same keys: what each reaches here, and (at the
 * default size) that each still finds what it must. Medians. Last line: one JSON object.
 *
 * bench_peers [--entries N] [--queries N] [--runs N] [--seed N]
 */
#include <getopt.h>
#include <stdlib.h>

#include "tests/bench/peers.h"

static const struct bench_peer *const peers[] = {&bench_peer_rte_hash, &bench_peer_ghash,
                                                 &bench_peer_sqlite, &bench_peer_redis};

enum { PEERS = sizeof(peers) / sizeof(peers[0]), BYTES_AN_ENTRY = 14 };

struct options {
    uint64_t entries;
    uint64_t queries;
    uint64_t runs;
    uint64_t seed;
};

static struct options parse(int argc, char **argv)
{
    static const struct option names[] = {{"entries", required_argument, NULL, 'e'},
                                          {"queries", required_argument, NULL, 'q'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"seed", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.entries = 1000, .queries = 3000, .runs = 3, .seed = 20261126};
    int at = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", names, &at)) != -1) {
        if (option == 'e') {
            options.entries = bench_number("entries", optarg, 100000000);
        } else if (option == 'q') {
            options.queries = bench_number("queries", optarg, 100000000);
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

static void measure(const struct options *options, const struct bench_keys *keys)
{
    struct bench_peer_run run[PEERS];
    double mps[PEERS + 1][BENCH_RUNS_MAX];
    struct bench_json json;
    size_t runs = (size_t)options->runs;
    struct bench_limit *limit = bench_limit_create(options->entries * BYTES_AN_ENTRY);
    for (size_t p = 0; p < PEERS; p++) {
        bench_peer_open(peers[p], keys, &run[p]);
    }
    for (size_t r = 0; r < runs; r++) {
        for (size_t p = 0; p < PEERS; p++) {
            mps[p][r] = bench_peer_mps(&run[p]);
        }
        mps[PEERS][r] = bench_limit_mps(limit);
    }
    bench_json_begin(&json, stdout);
    bench_json_integer(&json, "entries", options->entries);
    bench_json_number(&json, "limit_mps", bench_median(mps[PEERS], runs), 1);
    for (size_t p = 0; p < PEERS; p++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%s_mps", peers[p]->name); /* fits: the names are ours */
        bench_json_number(&json, key, bench_median(mps[p], runs), 3);
        bench_peer_close(&run[p]);
    }
    bench_json_end(&json);
    bench_limit_destroy(limit);
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    struct bench_plan plan = {.listed_count = options.entries,
                              .query_count = options.queries,
                              .hits_per_million = 1000,
                              .look_alikes_per_million = 1000,
                              .seed = options.seed};
    struct bench_keys keys;
    if (options.entries <= 1000) {
        plan.hits_per_million = 500000; /* so that a small check has something to find */
    }
    bench_keys_create(&plan, &keys);
    measure(&options, &keys);
    bench_keys_destroy(&keys);
    return 0;
}
