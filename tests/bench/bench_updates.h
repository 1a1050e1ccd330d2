/*
 * What a changing list costs: one addition or withdrawal while a reader scans, and how much a
 * reader loses to them. The calling thread is the reader, a thread of its own the writer.
 */
#pragma once

#include "gateway/match/index.h"
#include "tests/bench/bench.h"

enum { BENCH_UPDATES_PER_S = 100000, BENCH_UPDATES_SLICE_MS = 60 };

struct bench_updates_plan {
    const struct match_entry *const *entries; /* at the start; `count` full plates */
    size_t count;
    const struct match_options *options; /* as for match_index_create; `room` is set here */
    const struct bench_keys *keys;       /* the reader scans its queries, again and again */
    size_t runs;                         /* <= BENCH_RUNS_MAX */
    int slice_ms;                        /* CPU time of the reader, three slices a run */
    uint64_t seed;
};

/* Medians of the runs. */
struct bench_updates {
    double update_ns;     /* CPU of the writer for one update, grace periods and reclaiming shared
                             out among those of a batch; the reader running */
    double reader_mps;    /* nobody writing */
    double reader_loss;   /* part of it that is lost at BENCH_UPDATES_PER_S; below 0 is noise */
    double updates_per_s; /* that were made meanwhile */
};

void bench_updates_measure(const struct bench_updates_plan *plan, struct bench_updates *out);
