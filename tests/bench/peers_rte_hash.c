/*
 * Peer: DPDK's rte_hash, the cuckoo table a fast packet program takes. Bulk look-ups of 64 keys of
 * 8 bytes, CRC hash, keys compared as one word, its memory on the same large pages as the index
 * (a heap of rte_malloc over them, so that no page need be reserved). DPDK's environment is started
 * once a process, without devices, files or sockets.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>

#include "tests/bench/peers.h"

#define HEAP "bench"

enum {
    BULK = RTE_HASH_LOOKUP_BULK_MAX,
    SLICE = 1024 * 1024,
    SPARE = 8, /* an eighth more slots than keys: fuller it may refuse one, emptier is no faster */
    BYTES_A_SLOT = 48, /* 24 to 40 measured */
    HEAP_BYTES_MIN = 8 * BENCH_PAGE_SIZE
};

struct rte_hash_peer {
    const struct bench_keys *keys;
    struct rte_hash *table;
    void *memory;
    size_t bytes;
    bool has_heap;
    bool heap_has_memory;
};

/* DPDK pins the thread that starts it; the thread gets its processors back. */
static int start_environment(struct err_text *err)
{
    static bool started;
    char lcores[32];
    char *arguments[] = {"bench",       "--no-huge",      "-m",          "64",     "--no-pci",
                         "--no-shconf", "--no-telemetry", "--lcores",    lcores,   "--log-level",
                         "error",       "--no-hpet",      "--vfio-intr", "legacy", NULL};
    cpu_set_t processors;
    if (started) {
        return 0;
    }
    if (pthread_getaffinity_np(pthread_self(), sizeof(processors), &processors) != 0) {
        return err_set(err, ERR_IO, "the processors of this thread cannot be told");
    }
    size_t first = 0;
    while (first < CPU_SETSIZE - 1 && !CPU_ISSET(first, &processors)) {
        first++;
    }
    (void)snprintf(lcores, sizeof(lcores), "0@%zu", first); /* fits: CPU_SETSIZE is 1024 */
    int count = (int)(sizeof(arguments) / sizeof(arguments[0])) - 1;
    if (rte_eal_init(count, arguments) < 0) {
        return err_set(err, ERR_IO, "rte_eal_init: %s", rte_strerror(rte_errno));
    }
    started = true;
    if (pthread_setaffinity_np(pthread_self(), sizeof(processors), &processors) != 0) {
        return err_set(err, ERR_IO, "the processors of this thread cannot be given back");
    }
    return 0;
}

static int compare_words(const void *a, const void *b, size_t size)
{
    (void)size; /* always that of a key */
    return *(const uint64_t *)a != *(const uint64_t *)b;
}

static int open_heap(struct rte_hash_peer *peer, size_t slots, struct err_text *err)
{
    size_t pages = (slots * BYTES_A_SLOT + HEAP_BYTES_MIN) / BENCH_PAGE_SIZE + 1;
    peer->bytes = pages * BENCH_PAGE_SIZE;
    peer->memory = bench_pages_create(peer->bytes);
    if (rte_malloc_heap_create(HEAP) != 0) {
        return err_set(err, ERR_IO, "rte_malloc_heap_create: %s", rte_strerror(rte_errno));
    }
    peer->has_heap = true;
    if (rte_malloc_heap_memory_add(HEAP, peer->memory, peer->bytes, NULL, 0, BENCH_PAGE_SIZE) !=
        0) {
        return err_set(err, ERR_IO, "rte_malloc_heap_memory_add: %s", rte_strerror(rte_errno));
    }
    peer->heap_has_memory = true;
    return 0;
}

static int fill(struct rte_hash_peer *peer, size_t slots, struct err_text *err)
{
    const struct rte_hash_parameters parameters = {
        .name = "bench",
        .entries = (uint32_t)slots,
        .key_len = sizeof(plate_key),
        .hash_func = rte_hash_crc,
        .socket_id = rte_malloc_heap_get_socket(HEAP),
    };
    peer->table = rte_hash_create(&parameters);
    if (!peer->table) {
        return err_set(err, ERR_IO, "rte_hash_create: %s", rte_strerror(rte_errno));
    }
    rte_hash_set_cmp_func(peer->table, compare_words);
    for (size_t i = 0; i < peer->keys->listed_count; i++) {
        if (rte_hash_add_key(peer->table, &peer->keys->listed[i]) < 0) {
            return err_set(err, ERR_FULL, "rte_hash_add_key refuses key %zu of %zu", i,
                           peer->keys->listed_count);
        }
    }
    return 0;
}

static void close_peer(void *self)
{
    struct rte_hash_peer *peer = self;
    if (!peer) {
        return;
    }
    rte_hash_free(peer->table);
    if ((peer->heap_has_memory &&
         rte_malloc_heap_memory_remove(HEAP, peer->memory, peer->bytes) != 0) ||
        (peer->has_heap && rte_malloc_heap_destroy(HEAP) != 0)) {
        bench_fail("rte_hash: its heap cannot be freed: %s", rte_strerror(rte_errno));
    }
    bench_pages_destroy(peer->memory, peer->bytes);
    free(peer);
}

static int open_peer(const struct bench_keys *keys, void **out, struct err_text *err)
{
    struct rte_hash_peer *peer = bench_room(1, sizeof(*peer));
    size_t slots = keys->listed_count + keys->listed_count / SPARE + BULK;
    *out = NULL;
    int result = start_environment(err);
    peer->keys = keys;
    if (result == 0) {
        result = open_heap(peer, slots, err);
    }
    if (result == 0) {
        result = fill(peer, slots, err);
    }
    if (result != 0) {
        close_peer(peer);
        return result;
    }
    *out = peer;
    return 0;
}

static size_t run_peer(void *self, size_t first, size_t count)
{
    struct rte_hash_peer *peer = self;
    const plate_key *queries = peer->keys->queries + first;
    const void *keys[BULK];
    int32_t positions[BULK];
    size_t hits = 0;
    for (size_t i = 0; i < count; i += BULK) {
        uint32_t bulk = count - i < BULK ? (uint32_t)(count - i) : BULK;
        for (uint32_t j = 0; j < bulk; j++) {
            keys[j] = &queries[i + j];
        }
        if (rte_hash_lookup_bulk(peer->table, keys, bulk, positions) != 0) {
            bench_fail("rte_hash_lookup_bulk refuses %u keys", bulk);
        }
        for (uint32_t j = 0; j < bulk; j++) {
            hits += positions[j] >= 0;
        }
    }
    return hits;
}

const struct bench_peer bench_peer_rte_hash = {.name = "rte_hash",
                                               .slice = SLICE,
                                               .now_ns = bench_cpu_ns,
                                               .open = open_peer,
                                               .run = run_peer,
                                               .close = close_peer};
