/*
 * The filter's pipeline, compiled by every kernel file for its instructions. Before it includes
 * this, the file defines
 *
 *   struct kernel_hand            what it wants at hand, copied from the view once a scan
 *   kernel_take(view)             makes it
 *   kernel_prepare(hand, keys, folds, out)     eight keys: folds (if so) and hashes them,
 * prefetches their buckets; keys with unread symbols are sure kernel_bucket_has(bucket, key)
 *   kernel_partial(partial, blocks, key)   some pattern of so many blocks may match a key of the
 *                                 first form
 *
 * and afterwards it has kernel_scan(). Keys go in at the head and are compared SCAN_AHEAD keys
 * later, when their lines have come: a ring that never drains keeps the memory busy all the time. A
 * key whose bucket was passed by is put off, so that its second line comes while others are
 * compared. Everything is inlined into one loop for each way to scan.
 */
#pragma once

#include "gateway/match/chain.h"
#include "gateway/match/kernel.h"

enum {
    SCAN_AHEAD = 128, /* keys; measured: fewer leave memory idle, more do not help */
    SCAN_BLOCKS = SCAN_AHEAD / SCAN_BLOCK,
    SCAN_KEYS_AHEAD = 256, /* the stream of keys itself, which the processor fetches too late */
    SCAN_PUT_OFF = 64
};

struct scan {
    const struct kernel_view *view;
    uint32_t *out_at;
    size_t found;
    const _Atomic uint64_t *fetching; /* bucket of the last key found, NULL: none; and the key */
    uint64_t fetching_key;
    size_t put_off;
    struct {
        uint64_t key;
        uint32_t at;
    } later[SCAN_PUT_OFF];
};

/* Those put off and found now take their places among the others: both rise. */
static void scan_settle(struct scan *s)
{
    uint32_t more[SCAN_PUT_OFF];
    size_t count = 0;
    for (size_t i = 0; i < s->put_off; i++) {
        if (table_find_behind(&s->view->table, s->later[i].key)) {
            more[count++] = s->later[i].at;
        }
    }
    size_t left = s->found;
    s->found += count;
    s->put_off = 0;
    while (count > 0) {
        bool own = left > 0 && s->out_at[left - 1] > more[count - 1];
        s->out_at[left + count - 1] = own ? s->out_at[left - 1] : more[count - 1];
        left -= own;
        count -= !own;
    }
}

static __attribute__((noinline)) void scan_put_off(struct scan *s, uint64_t key, uint32_t at)
{
    const struct table *table = &s->view->table;
    if (s->put_off == SCAN_PUT_OFF) {
        scan_settle(s);
    }
    uint64_t mark = table_next_mark(table, table_place(table, key));
    __builtin_prefetch((const uint8_t *)table->slots + mark);
    s->later[s->put_off].key = key;
    s->later[s->put_off++].at = at;
}

/* match_find comes next for every key found. The line of its value is fetched at once, its entry
 * when the next key is found: neither is waited for. */
static void scan_fetch(struct scan *s, const _Atomic uint64_t *bucket, uint64_t key)
{
    const struct table *table = &s->view->table;
    for (int i = 0; s->fetching && i < TABLE_BUCKET_SLOTS; i++) {
        uint64_t held = atomic_load_explicit(&s->fetching[i], memory_order_relaxed);
        if ((held & KEY_SLOT_MASK) == s->fetching_key) {
            chain_prefetch(&table->values[s->fetching - table->slots + i]);
        }
    }
    s->fetching = bucket;
    s->fetching_key = key;
    if (bucket) {
        __builtin_prefetch(&table->values[bucket - table->slots]);
    }
}

/* Key i of a block, without haste. */
static __attribute__((noinline)) void
scan_compare_one(struct scan *s, const struct scan_block *block, unsigned i, uint32_t at)
{
    const _Atomic uint64_t *mark = (const _Atomic uint64_t *)block->marks[i];
    uint64_t key = block->keys[i];
    bool sure = block->sure >> i & 1;
    if (!sure && key == KEY_SLOT_NONE) {
        return;
    }
    if (sure) {
        s->out_at[s->found++] = at + i;
    } else if (kernel_slots_with((const uint8_t *)block->buckets[i], key) != 0) {
        s->out_at[s->found++] = at + i;
        scan_fetch(s, (const _Atomic uint64_t *)block->buckets[i], key);
    } else if (atomic_load_explicit(mark, memory_order_relaxed) & TABLE_PASSED) {
        scan_put_off(s, key, at + i);
    }
}

static __attribute__((noinline)) void scan_compare_each(struct scan *s,
                                                        const struct scan_block *block, uint32_t at)
{
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        scan_compare_one(s, block, i, at);
    }
}

/* Two keys at once: nearly always both are in no list. */
KERNEL_INLINE void scan_compare_pair(struct scan *s, const struct kernel_hand *hand,
                                     const struct scan_block *block, unsigned i, uint32_t at)
{
    if (__builtin_expect(kernel_pair_has(hand, block, i), 0)) {
        scan_compare_one(s, block, i, at);
        scan_compare_one(s, block, i + 1, at);
    }
}

KERNEL_INLINE void scan_compare(struct scan *s, const struct kernel_hand *hand,
                                const struct scan_block *block, uint32_t at)
{
    if (__builtin_expect(block->sure != 0, 0)) {
        scan_compare_each(s, block, at);
        return;
    }
    scan_compare_pair(s, hand, block, 0, at);
    scan_compare_pair(s, hand, block, 2, at);
    scan_compare_pair(s, hand, block, 4, at);
    scan_compare_pair(s, hand, block, 6, at);
}

/* ---- partial entries ---- */

static bool scan_partial_2(const struct partial *partial, plate_key key)
{
    uint64_t any = 0;
    for (uint32_t b = 0; any == 0 && b < partial_block_count(partial); b++) {
        for (int word = 0; any == 0 && word < PARTIAL_BLOCK_WORDS; word++) {
            any = partial_word(partial_block(partial, b), key, word);
        }
    }
    return any != 0;
}

/* Keys of the second form are few. */
static __attribute__((noinline)) void scan_sets_2(const struct partial *partial,
                                                  const plate_key *keys, struct scan_block *out)
{
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        if (out->second_form >> i & 1) {
            out->sure |= (unsigned)scan_partial_2(partial, keys[i]) << i;
        }
    }
}

KERNEL_INLINE void scan_sets(const struct partial *partial, const plate_key *keys,
                             struct scan_block *out)
{
    uint32_t blocks = partial_block_count(&partial[0]);
    unsigned bits = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        bits |= (unsigned)kernel_partial(&partial[0], blocks, keys[i]) << i;
    }
    out->sure |= bits & ~out->second_form;
    if (__builtin_expect(out->second_form != 0, 0)) {
        scan_sets_2(&partial[1], keys, out);
    }
}

/* ---- the pipeline ---- */

KERNEL_INLINE void scan_put_in(const struct kernel_hand *hand, const plate_key *keys, bool folds,
                               bool sets, struct scan_block *out)
{
    kernel_prepare(hand, keys, folds, out);
    if (sets) {
        scan_sets(hand->view->partial, keys, out);
    }
}

KERNEL_INLINE size_t scan_run(const struct kernel_view *view, const plate_key *keys, size_t count,
                              uint32_t *out_at, bool folds, bool sets)
{
    struct scan_block ring[SCAN_BLOCKS];
    const struct kernel_hand hand = kernel_take(view);
    struct scan s;
    size_t whole = count / SCAN_BLOCK * SCAN_BLOCK;
    size_t head = 0;
    s.view = view;
    s.out_at = out_at;
    s.found = 0;
    s.fetching = NULL;
    s.put_off = 0;
    for (; head < whole && head < SCAN_AHEAD; head += SCAN_BLOCK) {
        scan_put_in(&hand, keys + head, folds, sets, &ring[head / SCAN_BLOCK]);
    }
    for (; head < whole; head += SCAN_BLOCK) {
        struct scan_block *block = &ring[head / SCAN_BLOCK % SCAN_BLOCKS];
        uint32_t at = (uint32_t)(head - SCAN_AHEAD);
        scan_compare(&s, &hand, block, at);
        __builtin_prefetch(keys + head + SCAN_KEYS_AHEAD);
        scan_put_in(&hand, keys + head, folds, sets, block);
    }
    for (size_t at = whole > SCAN_AHEAD ? whole - SCAN_AHEAD : 0; at < whole; at += SCAN_BLOCK) {
        scan_compare(&s, &hand, &ring[at / SCAN_BLOCK % SCAN_BLOCKS], (uint32_t)at);
    }
    if (whole < count) {
        plate_key last[SCAN_BLOCK] = {0}; /* fewer keys than a block, filled up with none */
        for (size_t i = whole; i < count; i++) {
            last[i - whole] = keys[i];
        }
        scan_put_in(&hand, last, folds, sets, &ring[0]);
        scan_compare_each(&s, &ring[0], (uint32_t)whole);
    }
    scan_fetch(&s, NULL, 0);
    scan_settle(&s);
    return s.found;
}

static size_t kernel_scan(const struct kernel_view *view, const plate_key *keys, size_t count,
                          uint32_t *out_at)
{
    bool sets = partial_block_count(&view->partial[0]) + partial_block_count(&view->partial[1]) > 0;
    if (view->look_alike.folds) {
        return sets ? scan_run(view, keys, count, out_at, true, true)
                    : scan_run(view, keys, count, out_at, true, false);
    }
    return sets ? scan_run(view, keys, count, out_at, false, true)
                : scan_run(view, keys, count, out_at, false, false);
}

/* ---- building: see struct kernel ---- */

static void kernel_locate(const struct kernel_view *view, const plate_key *keys,
                          struct scan_block *out)
{
    const struct table *table = &view->table;
    const struct kernel_hand hand = kernel_take(view);
    kernel_prepare(&hand, keys, view->look_alike.folds, out);
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        const uint8_t *values = (const uint8_t *)table->values;
        __builtin_prefetch(values + (out->buckets[i] - (uintptr_t)table->slots), 1, 2);
    }
}

static unsigned kernel_put(struct table *table, const struct scan_block *block,
                           const uint64_t *values, unsigned which)
{
    unsigned left = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        const uint8_t *bucket = (const uint8_t *)block->buckets[i];
        unsigned same = kernel_slots_with(bucket, block->keys[i]);
        unsigned empty = kernel_slots_with(bucket, 0);
        if ((which >> i & 1) == 0 || same != 0 || empty == 0) {
            left |= 1u << i;
            continue;
        }
        size_t slot = (size_t)((const _Atomic uint64_t *)bucket - table->slots) +
                      (unsigned)__builtin_ctz(empty);
        /* Ordered by table_publish. */
        atomic_store_explicit(&table->values[slot], values[i], memory_order_relaxed);
        table_publish(table, slot, block->keys[i]);
    }
    return left;
}
