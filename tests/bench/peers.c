/*
 * Running a peer over slices of the queries and holding it to what it must find; see peers.h.
 */
#include "tests/bench/peers.h"

void bench_peer_open(const struct bench_peer *peer, const struct bench_keys *keys,
                     struct bench_peer_run *out)
{
    struct err_text err;
    if (keys->query_count == 0) {
        bench_fail("%s: no queries", peer->name);
    }
    *out = (struct bench_peer_run){.peer = peer, .keys = keys};
    if (peer->open(keys, &out->self, &err) != 0) {
        bench_fail("%s: %s", peer->name, err.text);
    }
}

double bench_peer_mps(struct bench_peer_run *run)
{
    const struct bench_peer *peer = run->peer;
    size_t count = run->keys->query_count < peer->slice ? run->keys->query_count : peer->slice;
    if (run->next + count > run->keys->query_count) {
        run->next = 0;
    }
    size_t expected = bench_keys_hits(run->keys, run->next, count);
    uint64_t begun = peer->now_ns();
    size_t found = peer->run(run->self, run->next, count);
    uint64_t took = peer->now_ns() - begun;
    if (found != expected) {
        bench_fail("%s: found %zu of the queries %zu to %zu, expected %zu", peer->name, found,
                   run->next, run->next + count, expected);
    }
    run->next += count;
    return (double)count * 1e3 / (double)(took ? took : 1);
}

void bench_peer_close(struct bench_peer_run *run)
{
    run->peer->close(run->self);
    *run = (struct bench_peer_run){0};
}
