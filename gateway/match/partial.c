/* See partial.h. */
#include "gateway/match/partial.h"

#include <stdlib.h>
#include <string.h>

void partial_fini(struct partial *partial)
{
    for (uint32_t i = 0; i < PARTIAL_BLOCKS_MAX; i++) {
        free(atomic_load_explicit(&partial->blocks[i], memory_order_relaxed));
    }
    memset(partial, 0, sizeof(*partial));
}

static void put_bit(struct partial_set *set, int pattern, bool on)
{
    _Atomic uint64_t *word = &set->words[pattern / 64];
    uint64_t bit = UINT64_C(1) << pattern % 64;
    uint64_t held = atomic_load_explicit(word, memory_order_relaxed);
    uint64_t next = on ? held | bit : held & ~bit;
    if (next != held) {
        atomic_store_explicit(word, next, memory_order_relaxed);
    }
}

/* A '?' of the pattern allows every symbol, the end of a plate only where the pattern ends too. */
static void put_pattern(struct partial_block *block, plate_key key, int pattern, bool on)
{
    unsigned unread = key_unread_field(key_form(key));
    for (int place = 0; place < key_places(key_form(key)); place++) {
        struct partial_set *sets = block->sets[place];
        unsigned field = key_field(key, place);
        if (field == unread) {
            for (unsigned s = PLATE_SYMBOL_END + 1; s < PARTIAL_SYMBOLS; s++) {
                put_bit(&sets[s], pattern, on);
            }
        } else {
            put_bit(&sets[field], pattern, on);
        }
        if (field != PLATE_SYMBOL_END) {
            put_bit(&sets[unread], pattern, on);
        }
    }
}

static struct partial_block *block_of(const struct partial *partial, size_t pattern)
{
    return atomic_load_explicit(&partial->blocks[pattern / PARTIAL_BLOCK_PATTERNS],
                                memory_order_relaxed);
}

static const struct match_entry *entry_of(const struct partial *partial, size_t pattern)
{
    const struct partial_block *block = block_of(partial, pattern);
    return block ? partial_entry(block, (int)(pattern % PARTIAL_BLOCK_PATTERNS)) : NULL;
}

static int make_block(struct partial *partial, size_t pattern)
{
    uint32_t number = (uint32_t)(pattern / PARTIAL_BLOCK_PATTERNS);
    struct partial_block *block = aligned_alloc(64, sizeof(*block));
    if (!block) {
        return ERR_NO_MEMORY;
    }
    memset(block, 0, sizeof(*block));
    atomic_store_explicit(&partial->blocks[number], block, memory_order_relaxed);
    /* Pairs with the acquire in partial_block_count. */
    atomic_store_explicit(&partial->block_count, number + 1, memory_order_release);
    return 0;
}

int partial_add(struct partial *partial, plate_key pattern, const struct match_entry *entry)
{
    size_t at = partial->first_free;
    while (at < PARTIAL_PATTERNS_MAX && entry_of(partial, at)) {
        at++;
    }
    if (at == PARTIAL_PATTERNS_MAX) {
        return ERR_TOO_LARGE;
    }
    if (!block_of(partial, at) && make_block(partial, at) != 0) {
        return ERR_NO_MEMORY;
    }
    struct partial_block *block = block_of(partial, at);
    int bit = (int)(at % PARTIAL_BLOCK_PATTERNS);
    /* Pairs with the acquire in partial_entry. */
    atomic_store_explicit(&block->entries[bit], entry, memory_order_release);
    put_pattern(block, pattern, bit, true);
    partial->first_free = at + 1;
    partial->count++;
    return 0;
}

/* Number of the pattern, PARTIAL_PATTERNS_MAX: not there. A pattern is among those it matches. */
static size_t find_pattern(const struct partial *partial, plate_key pattern,
                           const struct match_entry *entry)
{
    for (uint32_t b = 0; b < partial_block_count(partial); b++) {
        const struct partial_block *block = partial_block(partial, b);
        for (int word = 0; word < PARTIAL_BLOCK_WORDS; word++) {
            uint64_t left = partial_word(block, pattern, word);
            for (; left != 0; left &= left - 1) {
                int bit = word * 64 + __builtin_ctzll(left);
                if (partial_entry(block, bit) == entry) {
                    return (size_t)b * PARTIAL_BLOCK_PATTERNS + (size_t)bit;
                }
            }
        }
    }
    return PARTIAL_PATTERNS_MAX;
}

int partial_remove(struct partial *partial, plate_key pattern, const struct match_entry *entry)
{
    size_t at = find_pattern(partial, pattern, entry);
    if (at == PARTIAL_PATTERNS_MAX) {
        return ERR_NOT_FOUND;
    }
    struct partial_block *block = block_of(partial, at);
    int bit = (int)(at % PARTIAL_BLOCK_PATTERNS);
    put_pattern(block, pattern, bit, false);
    atomic_store_explicit(&block->entries[bit], NULL, memory_order_release);
    partial->first_free = at < partial->first_free ? at : partial->first_free;
    partial->count--;
    return 0;
}

size_t partial_bytes(const struct partial *partial)
{
    return (size_t)partial_block_count(partial) * sizeof(struct partial_block);
}
