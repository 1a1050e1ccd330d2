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

static bool is_empty(const struct partial_set *set)
{
    uint64_t any = 0;
    for (int word = 0; word < PARTIAL_BLOCK_WORDS; word++) {
        any |= atomic_load_explicit(&set->words[word], memory_order_relaxed);
    }
    return any == 0;
}

/* Whether symbols of the first place lead to the block, after its patterns have changed. */
static void put_leads(struct partial *partial, uint32_t number)
{
    const struct partial_block *block = partial_block(partial, number);
    const uint32_t bit = UINT32_C(1) << number;
    for (unsigned s = 0; s < PARTIAL_SYMBOLS; s++) {
        uint32_t held = atomic_load_explicit(&partial->leads[s], memory_order_relaxed);
        uint32_t next = is_empty(&block->sets[0][s]) ? held & ~bit : held | bit;
        if (next != held) {
            /* Pairs with the acquire in partial_leads. */
            atomic_store_explicit(&partial->leads[s], next, memory_order_release);
        }
    }
}

/* ---- room ---- */

static uint8_t party_of(plate_key pattern)
{
    unsigned first = key_field(pattern, 0);
    bool any = first == key_unread_field(key_form(pattern));
    return any ? PARTIAL_PARTIES - 1 : (uint8_t)(first % (PARTIAL_PARTIES - 1));
}

static int make_block(struct partial *partial, uint8_t party, uint32_t *out)
{
    uint32_t number = partial_block_count(partial);
    struct partial_block *block = aligned_alloc(64, sizeof(*block));
    if (!block) {
        return ERR_NO_MEMORY;
    }
    memset(block, 0, sizeof(*block));
    partial->party[number] = party;
    atomic_store_explicit(&partial->blocks[number], block, memory_order_relaxed);
    /* Pairs with the acquire in partial_block_count. */
    atomic_store_explicit(&partial->block_count, number + 1, memory_order_release);
    *out = number;
    return 0;
}

/* A block with room: of the pattern's own party, or a new one, or when there can be none, any. */
static int find_block(struct partial *partial, plate_key pattern, uint32_t *out)
{
    const uint8_t party = party_of(pattern);
    const uint32_t count = partial_block_count(partial);
    uint32_t other = PARTIAL_BLOCKS_MAX;
    for (uint32_t b = 0; b < count; b++) {
        if (partial->used[b] == PARTIAL_BLOCK_PATTERNS) {
            continue;
        }
        if (partial->party[b] == party) {
            *out = b;
            return 0;
        }
        other = b;
    }
    if (count < PARTIAL_BLOCKS_MAX) {
        return make_block(partial, party, out);
    }
    *out = other;
    return other < PARTIAL_BLOCKS_MAX ? 0 : ERR_TOO_LARGE;
}

int partial_add(struct partial *partial, plate_key pattern, const struct match_entry *entry)
{
    uint32_t number;
    int result = find_block(partial, pattern, &number);
    if (result != 0) {
        return result;
    }
    struct partial_block *block =
        atomic_load_explicit(&partial->blocks[number], memory_order_relaxed);
    int bit = 0;
    while (partial_entry(block, bit)) { /* it has room */
        bit++;
    }
    /* Pairs with the acquire in partial_entry. */
    atomic_store_explicit(&block->entries[bit], entry, memory_order_release);
    put_pattern(block, pattern, bit, true);
    put_leads(partial, number);
    partial->used[number]++;
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
    uint32_t number = (uint32_t)(at / PARTIAL_BLOCK_PATTERNS);
    struct partial_block *block =
        atomic_load_explicit(&partial->blocks[number], memory_order_relaxed);
    int bit = (int)(at % PARTIAL_BLOCK_PATTERNS);
    put_pattern(block, pattern, bit, false);
    atomic_store_explicit(&block->entries[bit], NULL, memory_order_release);
    put_leads(partial, number);
    partial->used[number]--;
    partial->count--;
    return 0;
}

size_t partial_bytes(const struct partial *partial)
{
    return (size_t)partial_block_count(partial) * sizeof(struct partial_block);
}
