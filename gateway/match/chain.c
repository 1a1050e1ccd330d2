/* See chain.h. */
#include "gateway/match/chain.h"

#include <stdbool.h>

static uint64_t value_of_node(uint32_t node)
{
    return (uint64_t)node << 1 | 1;
}

static bool is_node(uint64_t value)
{
    return value & 1;
}

static uint64_t load(chain_value *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

int chain_pool_init(struct chain_pool *pool, size_t capacity)
{
    *pool = (struct chain_pool){
        .capacity = (uint32_t)capacity, .free = CHAIN_END, .retired = CHAIN_END};
    int result = pages_map(capacity * sizeof(struct chain_node), &pool->pages);
    pool->nodes = pool->pages.start;
    return result;
}

void chain_pool_fini(struct chain_pool *pool)
{
    pages_unmap(&pool->pages);
    pool->nodes = NULL;
}

static uint32_t take(struct chain_pool *pool)
{
    uint32_t node = pool->free;
    if (node != CHAIN_END) {
        pool->free = pool->nodes[node].behind;
    } else if (pool->fresh < pool->capacity) {
        node = pool->fresh++;
    }
    return node;
}

static void retire(struct chain_pool *pool, uint32_t node)
{
    pool->nodes[node].behind = pool->retired;
    pool->retired = node;
}

void chain_reclaim(struct chain_pool *pool)
{
    while (pool->retired != CHAIN_END) {
        uint32_t node = pool->retired;
        pool->retired = pool->nodes[node].behind;
        pool->nodes[node].behind = pool->free;
        pool->free = node;
    }
}

static void fill(struct chain_pool *pool, uint32_t node, const struct match_entry *entry,
                 uint32_t next)
{
    struct chain_node *n = &pool->nodes[node];
    n->behind = next == CHAIN_END ? 0 : pool->nodes[next].behind + 1;
    atomic_store_explicit(&n->entry, entry, memory_order_relaxed);
    atomic_store_explicit(&n->next, next, memory_order_relaxed);
}

/* The only entry moves into a node of its own. */
static int make_first_node(struct chain_pool *pool, uint64_t only, uint32_t *out)
{
    *out = take(pool);
    if (*out == CHAIN_END) {
        return ERR_FULL;
    }
    fill(pool, *out, (const struct match_entry *)(uintptr_t)only, CHAIN_END);
    return 0;
}

int chain_add(struct chain_pool *pool, chain_value *value, const struct match_entry *entry,
              uint32_t limit)
{
    uint64_t held = load(value);
    uint32_t next = (uint32_t)(held >> 1);
    int result = 0;
    if (held == 0) {
        /* Pairs with the acquire in chain_begin. */
        atomic_store_explicit(value, (uintptr_t)entry, memory_order_release);
        return 0;
    }
    if (is_node(held) && pool->nodes[next].behind + 1 >= limit) {
        return ERR_TOO_LARGE;
    }
    if (!is_node(held)) {
        result = make_first_node(pool, held, &next);
    }
    uint32_t node = result == 0 ? take(pool) : CHAIN_END;
    if (node == CHAIN_END) {
        if (result == 0 && !is_node(held)) { /* linked by nobody: free at once */
            pool->nodes[next].behind = pool->free;
            pool->free = next;
        }
        return ERR_FULL;
    }
    fill(pool, node, entry, next);
    /* Pairs with the acquire in chain_begin: node and entry are complete. */
    atomic_store_explicit(value, value_of_node(node), memory_order_release);
    return 0;
}

int chain_remove(struct chain_pool *pool, chain_value *value, const struct match_entry *entry)
{
    uint64_t held = load(value);
    if (!is_node(held)) {
        if (held == 0 || held != (uintptr_t)entry) {
            return ERR_NOT_FOUND;
        }
        atomic_store_explicit(value, 0, memory_order_release);
        return 0;
    }
    uint32_t node = (uint32_t)(held >> 1);
    uint32_t before = CHAIN_END;
    while (node != CHAIN_END &&
           atomic_load_explicit(&pool->nodes[node].entry, memory_order_relaxed) != entry) {
        before = node;
        node = atomic_load_explicit(&pool->nodes[node].next, memory_order_relaxed);
    }
    if (node == CHAIN_END) {
        return ERR_NOT_FOUND;
    }
    uint32_t next = atomic_load_explicit(&pool->nodes[node].next, memory_order_relaxed);
    if (before == CHAIN_END) {
        /* Pairs with the acquire in chain_begin, as below with that in chain_next. */
        atomic_store_explicit(value, next == CHAIN_END ? 0 : value_of_node(next),
                              memory_order_release);
    } else {
        atomic_store_explicit(&pool->nodes[before].next, next, memory_order_release);
        for (uint32_t n = (uint32_t)(held >> 1); n != next;
             n = atomic_load_explicit(&pool->nodes[n].next, memory_order_relaxed)) {
            pool->nodes[n].behind--;
        }
    }
    retire(pool, node);
    return 0;
}

size_t chain_pool_bytes(const struct chain_pool *pool)
{
    return pool->fresh * sizeof(struct chain_node);
}
