/*
 * The filter's pipeline, compiled by every kernel file for its instructions. Before it includes
 * this, the file defines
 *
 *   struct kernel_hand            what it wants at hand, copied from the view once a scan
 *   kernel_take(view)             makes it
 *   SCAN_CACHE_LEVEL              where to what is looked at is fetched: 3 first level, 2 second
 *   kernel_prepare(hand, keys, folds, out)
 *                                 eight keys: folds (if so) and hashes them; unread ones are sure
 *   kernel_slots_with(bucket, key)       bits of the slots that hold the key; 0: of the empty ones
 *   kernel_pair_has(hand, block, i)      key i or the one behind it may be in the table
 *   kernel_partial(partial, key)  some pattern may match a key of the first form
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
    SCAN_RING = 2 * SCAN_AHEAD / SCAN_BLOCK, /* blocks: those ahead, the next one; a power of two */
    SCAN_KEYS_AHEAD = 256, /* the stream of keys itself, which the processor fetches too late */
    SCAN_PUT_OFF = 64
};

struct scan {
    const struct kernel_view *view;
    uint32_t *out_at;
    size_t found;
    chain_value *fetching; /* of the last key found, NULL: none */
    size_t put_off;
    struct {
        uint64_t key;
        uint64_t mark; /* in its second bucket: see struct table_place */
        uint32_t at;
    } later[SCAN_PUT_OFF];
};

static bool scan_is_behind(const struct table *table, uint64_t key, uint64_t mark)
{
    const _Atomic uint64_t *bucket = &table->slots[table_first_slot(mark)];
    return kernel_slots_with((const uint8_t *)bucket, key) != 0 ||
           (table_is_marked(table, mark) && table_find_behind(table, key));
}

/* Those put off and found now take their places among the others: both rise. */
static void scan_settle(struct scan *s)
{
    uint32_t more[SCAN_PUT_OFF];
    size_t count = 0;
    for (size_t i = 0; i < s->put_off; i++) {
        if (scan_is_behind(&s->view->table, s->later[i].key, s->later[i].mark)) {
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
    s->later[s->put_off].mark = mark;
    s->later[s->put_off++].at = at;
}

/* match_find comes next for every key found. The line of its value is fetched at once, its entry
 * when the next key is found: neither is waited for. */
static void scan_fetch(struct scan *s, chain_value *value)
{
    if (s->fetching) {
        chain_prefetch(s->fetching);
    }
    s->fetching = value;
    if (value) {
        __builtin_prefetch(value);
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
    const struct table *table = &s->view->table;
    unsigned slots = kernel_slots_with((const uint8_t *)block->buckets[i], key);
    if (sure) {
        s->out_at[s->found++] = at + i;
    } else if (slots != 0) {
        size_t first = (size_t)((const _Atomic uint64_t *)block->buckets[i] - table->slots);
        s->out_at[s->found++] = at + i;
        scan_fetch(s, &table->values[first + (unsigned)__builtin_ctz(slots)]);
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

KERNEL_INLINE void scan_prefetch_pair(const struct scan_block *block, unsigned i)
{
    if (block) {
        __builtin_prefetch((const void *)block->buckets[i], 0, SCAN_CACHE_LEVEL);
        __builtin_prefetch((const void *)block->buckets[i + 1], 0, SCAN_CACHE_LEVEL);
    }
}

KERNEL_INLINE void scan_prefetch(const struct scan_block *block)
{
    for (unsigned i = 0; i < SCAN_BLOCK; i += 2) {
        scan_prefetch_pair(block, i);
    }
}

/* Buckets of another block (NULL: none) are asked for in between, since a row of prefetches would
 * fill what the processor has to wait for memory, and comparing would wait with it. */
KERNEL_INLINE void scan_compare(struct scan *s, const struct kernel_hand *hand,
                                const struct scan_block *block, uint32_t at,
                                const struct scan_block *fetched)
{
    if (__builtin_expect(block->sure != 0, 0)) {
        scan_prefetch(fetched);
        scan_compare_each(s, block, at);
        return;
    }
    for (unsigned i = 0; i < SCAN_BLOCK; i += 2) {
        scan_prefetch_pair(fetched, i);
        scan_compare_pair(s, hand, block, i, at);
    }
}

/* ---- partial entries ---- */

static bool scan_partial_2(const struct partial *partial, plate_key key)
{
    uint64_t any = 0;
    for (uint32_t blocks = partial_leads(partial, key_field(key, 0)); any == 0 && blocks != 0;
         blocks &= blocks - 1) {
        const struct partial_block *block = partial_block(partial, (uint32_t)__builtin_ctz(blocks));
        for (int word = 0; any == 0 && word < PARTIAL_BLOCK_WORDS; word++) {
            any = partial_word(block, key, word);
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
    unsigned bits = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        bits |= (unsigned)kernel_partial(&partial[0], keys[i]) << i;
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
    struct scan_block ring[SCAN_RING];
    const struct kernel_hand hand = kernel_take(view);
    struct scan s;
    size_t whole = count / SCAN_BLOCK * SCAN_BLOCK;
    size_t head = 0;
    s.view = view;
    s.out_at = out_at;
    s.found = 0;
    s.fetching = NULL;
    s.put_off = 0;
    if (whole > 0) {
        scan_put_in(&hand, keys, folds, sets, &ring[0]);
    }
    for (; head < whole; head += SCAN_BLOCK) {
        struct scan_block *block = &ring[head / SCAN_BLOCK % SCAN_RING];
        if (head < SCAN_AHEAD) {
            scan_prefetch(block);
        } else {
            size_t at = head - SCAN_AHEAD;
            scan_compare(&s, &hand, &ring[at / SCAN_BLOCK % SCAN_RING], (uint32_t)at, block);
        }
        __builtin_prefetch(keys + head + SCAN_KEYS_AHEAD, 0, SCAN_CACHE_LEVEL);
        /* The last block is its own next one: put in, but never compared, a second time. */
        size_t next = head + SCAN_BLOCK < whole ? head + SCAN_BLOCK : head;
        scan_put_in(&hand, keys + next, folds, sets, &ring[(head / SCAN_BLOCK + 1) % SCAN_RING]);
    }
    for (size_t at = whole > SCAN_AHEAD ? whole - SCAN_AHEAD : 0; at < whole; at += SCAN_BLOCK) {
        scan_compare(&s, &hand, &ring[at / SCAN_BLOCK % SCAN_RING], (uint32_t)at, NULL);
    }
    if (whole < count) {
        plate_key last[SCAN_BLOCK] = {0}; /* fewer keys than a block, filled up with none */
        for (size_t i = whole; i < count; i++) {
            last[i - whole] = keys[i];
        }
        scan_put_in(&hand, last, folds, sets, &ring[0]);
        scan_compare_each(&s, &ring[0], (uint32_t)whole);
    }
    scan_fetch(&s, NULL);
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
        __builtin_prefetch((const void *)out->buckets[i], 1, SCAN_CACHE_LEVEL);
        __builtin_prefetch(values + (out->buckets[i] - (uintptr_t)table->slots), 1,
                           SCAN_CACHE_LEVEL);
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
