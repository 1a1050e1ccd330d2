/*
 * Peer: GLib's GHashTable, the table of the desktop, as a set of plate texts. The queries' texts
 * lie ready, as they would in a frame.
 */
#include <stdlib.h>

#include <glib.h>

#include "tests/bench/peers.h"

enum { SLICE = 1024 * 1024 };

struct ghash_peer {
    GHashTable *table;
    struct bench_text *listed; /* the table's keys */
    struct bench_text *queries;
};

static void close_peer(void *self)
{
    struct ghash_peer *peer = self;
    if (peer) {
        g_hash_table_destroy(peer->table);
        bench_texts_destroy(peer->listed);
        bench_texts_destroy(peer->queries);
        free(peer);
    }
}

static int open_peer(const struct bench_keys *keys, void **out, struct err_text *err)
{
    (void)err; /* GLib ends the program when it has no memory */
    struct ghash_peer *peer = bench_room(1, sizeof(*peer));
    peer->table = g_hash_table_new(g_str_hash, g_str_equal);
    peer->listed = bench_texts_create(keys->listed, keys->listed_count);
    peer->queries = bench_texts_create(keys->queries, keys->query_count);
    for (size_t i = 0; i < keys->listed_count; i++) {
        g_hash_table_add(peer->table, peer->listed[i].utf8);
    }
    *out = peer;
    return 0;
}

static size_t run_peer(void *self, size_t first, size_t count)
{
    struct ghash_peer *peer = self;
    size_t hits = 0;
    for (size_t i = first; i < first + count; i++) {
        hits += g_hash_table_contains(peer->table, peer->queries[i].utf8) != FALSE;
    }
    return hits;
}

const struct bench_peer bench_peer_ghash = {.name = "ghash",
                                            .slice = SLICE,
                                            .now_ns = bench_cpu_ns,
                                            .open = open_peer,
                                            .run = run_peer,
                                            .close = close_peer};
