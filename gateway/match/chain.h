/*
 * The entries of one folded key: what a table's value leads to. One entry, as nearly all keys have,
 * is the value itself; several are a chain of nodes from a pool. One writer, readers without a
 * lock: a node is made before it is linked, keeps its way on when it is unlinked, and is used again
 * only after chain_reclaim, that is, when no reader is on it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/match/pages.h"

struct match_entry;

/* 0: none. Lowest bit 0: the address of the only entry. Lowest bit 1: the first node, times two. */
typedef _Atomic uint64_t chain_value;

struct chain_node {
    _Atomic(const struct match_entry *) entry;
    _Atomic uint32_t next; /* CHAIN_END behind the last */
    uint32_t behind;       /* the writer's: nodes after this one; in a list of free ones the next */
};

struct chain_pool {
    struct chain_node *nodes;
    uint32_t capacity;
    uint32_t fresh;   /* nodes from here on were never used */
    uint32_t free;    /* first of a list, CHAIN_END: none */
    uint32_t retired; /* unlinked, readers may be on them */
    struct pages pages;
};

#define CHAIN_END UINT32_MAX

enum { CHAIN_ENTRY_BYTES = 56 }; /* of an entry, which may lie across two cache lines */

/* ERR_NO_MEMORY. */
int chain_pool_init(struct chain_pool *pool, size_t capacity) MUST_CHECK;
void chain_pool_fini(struct chain_pool *pool); /* zeroes are fine */

/* Writer. ERR_FULL: no node is free; ERR_TOO_LARGE: the chain has `limit` entries. */
int chain_add(struct chain_pool *pool, chain_value *value, const struct match_entry *entry,
              uint32_t limit) MUST_CHECK;
/* Writer: by address. ERR_NOT_FOUND. The value is 0 when none are left. */
int chain_remove(struct chain_pool *pool, chain_value *value,
                 const struct match_entry *entry) MUST_CHECK;
/* Writer: no reader is on an unlinked node any more. */
void chain_reclaim(struct chain_pool *pool);
size_t chain_pool_bytes(const struct chain_pool *pool); /* that were ever touched */

static inline bool chain_is_empty(chain_value *value)
{
    return atomic_load_explicit(value, memory_order_relaxed) == 0;
}

/* A reader's way along a chain; begins with the value as it was found. */
struct chain_walk {
    const struct chain_pool *pool;
    uint64_t value;
};

static inline struct chain_walk chain_begin(const struct chain_pool *pool, chain_value *value)
{
    /* Pairs with the releases in chain.c: what the value leads to is there. */
    return (struct chain_walk){pool, atomic_load_explicit(value, memory_order_acquire)};
}

/* NULL: the end. */
static inline const struct match_entry *chain_next(struct chain_walk *walk)
{
    uint64_t value = walk->value;
    if ((value & 1) == 0) {
        walk->value = 0;
        return (const struct match_entry *)(uintptr_t)value;
    }
    const struct chain_node *node = &walk->pool->nodes[value >> 1];
    uint32_t next = atomic_load_explicit(&node->next, memory_order_acquire);
    walk->value = next == CHAIN_END ? 0 : (uint64_t)next << 1 | 1;
    return atomic_load_explicit(&node->entry, memory_order_relaxed);
}

/* Brings the first entry, or the node that leads to it. */
static inline void chain_prefetch(const struct chain_walk *walk)
{
    if (walk->value & 1) {
        __builtin_prefetch(&walk->pool->nodes[walk->value >> 1]);
    } else if (walk->value != 0) {
        __builtin_prefetch((const void *)(uintptr_t)walk->value);
        __builtin_prefetch((const uint8_t *)(uintptr_t)walk->value + CHAIN_ENTRY_BYTES - 1);
    }
}
