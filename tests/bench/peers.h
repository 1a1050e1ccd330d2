/*
 * What the index is measured against, in the same run over the same keys: the memory itself, and
 * the tables and databases one would otherwise take. A peer proves that it works: a run that does
 * not find exactly the listed queries fails the benchmark.
 *
 * The thread that opens a peer runs and closes it.
 */
#pragma once

#include "tests/bench/bench.h"

struct bench_peer {
    const char *name; /* "rte_hash": its JSON key without "_mps" */
    size_t slice;     /* queries of one run at most: slow peers get fewer */
    /* CPU of this thread; of the wall where another process works too. */
    uint64_t (*now_ns)(void);
    /* Lists keys->listed and prepares keys->queries, which stay the caller's until close. On
     * failure *out is NULL. */
    int (*open)(const struct bench_keys *keys, void **out, struct err_text *err);
    /* Looks up the queries [first, first + count); how many were found. */
    size_t (*run)(void *self, size_t first, size_t count);
    void (*close)(void *self); /* NULL is fine */
};

extern const struct bench_peer bench_peer_rte_hash;
extern const struct bench_peer bench_peer_ghash;
extern const struct bench_peer bench_peer_sqlite;
extern const struct bench_peer bench_peer_redis;

/* An opened peer and where its next run begins. */
struct bench_peer_run {
    const struct bench_peer *peer;
    const struct bench_keys *keys;
    void *self;
    size_t next;
};

/* Both end the program when the peer fails or finds other than it must. */
void bench_peer_open(const struct bench_peer *peer, const struct bench_keys *keys,
                     struct bench_peer_run *out);
/* One run over the next slice of the queries; million look-ups a second. */
double bench_peer_mps(struct bench_peer_run *run);
void bench_peer_close(struct bench_peer_run *run);

/* The limit: how many random 64-byte lines of a table of `bytes` (rounded up to a line) one core
 * can fetch, with the same pages and look-ahead as the index. */
struct bench_limit;

struct bench_limit *bench_limit_create(size_t bytes); /* never NULL */
double bench_limit_mps(struct bench_limit *limit);    /* one run; million lines a second */
void bench_limit_destroy(struct bench_limit *limit);
