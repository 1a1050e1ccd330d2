/*
 * Partial entries ('?' in the plate) as sets of bits: for each place and symbol the patterns that
 * allow that symbol there; what is in all the sets a read's symbols name is what the read matches.
 * Patterns of any shape cost the same. Blocks of 512 patterns, one cache line a set, made as the
 * list needs them. Patterns with the same first symbol keep together as far as there is room, so
 * that a read looks into few blocks: those its own first symbol leads to. One writer, readers
 * without a lock: bits come and go one by one, so a pattern found is only a guess until the entry
 * itself was compared.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/match/crowd.h"

struct match_entry;

enum {
    PARTIAL_BLOCK_PATTERNS = 512,
    PARTIAL_BLOCK_WORDS = PARTIAL_BLOCK_PATTERNS / 64,
    PARTIAL_PATTERNS_MAX = MATCH_PARTIAL_MAX, /* of a form of key */
    PARTIAL_BLOCKS_MAX = PARTIAL_PATTERNS_MAX / PARTIAL_BLOCK_PATTERNS,
    PARTIAL_SYMBOLS = 128, /* field values of a place; the second form uses half of them */
    /* Parties of patterns, each with blocks of its own: by the first symbol (three, so that a
     * thousand patterns fill one block each), and those that begin with '?'. */
    PARTIAL_PARTIES = 4,
    /* Sets from one place to the next: not a power of two, so that the few dozen symbols in use at
     * every place do not all fall into the same sets of the processor's first cache. */
    PARTIAL_STRIDE = PARTIAL_SYMBOLS + 37
};

struct partial_set {
    _Alignas(64) _Atomic uint64_t words[PARTIAL_BLOCK_WORDS];
};

struct partial_block {
    _Atomic(const struct match_entry *) entries[PARTIAL_BLOCK_PATTERNS];
    struct partial_set sets[KEY_SYMBOLS_2][PARTIAL_STRIDE];
};

/* Patterns of one form of key. */
struct partial {
    _Atomic(struct partial_block *) blocks[PARTIAL_BLOCKS_MAX];
    _Atomic uint32_t block_count;
    /* Blocks, by bit, with a pattern that allows the symbol at the first place. */
    _Atomic uint32_t leads[PARTIAL_SYMBOLS];
    /* The writer's: */
    size_t count;
    uint16_t used[PARTIAL_BLOCKS_MAX]; /* patterns of a block */
    uint8_t party[PARTIAL_BLOCKS_MAX]; /* for which a block was made */
};

_Static_assert(PARTIAL_BLOCKS_MAX == 32, "a bit each");

/* Zeroes are an empty one. */
void partial_fini(struct partial *partial);
/* Writer. ERR_TOO_LARGE: PARTIAL_PATTERNS_MAX; ERR_NO_MEMORY. */
int partial_add(struct partial *partial, plate_key pattern,
                const struct match_entry *entry) MUST_CHECK;
/* Writer: by address. ERR_NOT_FOUND. */
int partial_remove(struct partial *partial, plate_key pattern,
                   const struct match_entry *entry) MUST_CHECK;
size_t partial_bytes(const struct partial *partial);

/* Blocks to look into. Pairs with the release in partial.c: the blocks are there. */
static inline uint32_t partial_block_count(const struct partial *partial)
{
    return atomic_load_explicit(&partial->block_count, memory_order_acquire);
}

static inline const struct partial_block *partial_block(const struct partial *partial,
                                                        uint32_t block)
{
    return atomic_load_explicit(&partial->blocks[block], memory_order_relaxed);
}

/* Of the blocks, by bit, those that may have a pattern for a key whose first field is `first`.
 * Pairs with the release in partial.c: they are there. */
static inline uint32_t partial_leads(const struct partial *partial, unsigned first)
{
    return atomic_load_explicit(&partial->leads[first], memory_order_acquire);
}

/* 64 patterns of a block: bits of those that the key may match. An unread symbol of the key meets
 * every pattern long enough. */
static inline uint64_t partial_word(const struct partial_block *block, plate_key key, int word)
{
    uint64_t left = UINT64_MAX;
    for (int place = 0; left != 0 && place < key_places(key_form(key)); place++) {
        left &= atomic_load_explicit(&block->sets[place][key_field(key, place)].words[word],
                                     memory_order_relaxed);
    }
    return left;
}

static inline const struct match_entry *partial_entry(const struct partial_block *block,
                                                      int pattern)
{
    /* Pairs with the release in partial_add. */
    return atomic_load_explicit(&block->entries[pattern], memory_order_acquire);
}
