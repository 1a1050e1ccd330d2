/*
 * The filter's pipeline, which every kernel file compiles for its instructions: it defines the
 * three functions declared first and then has kernel_scan(). Eight keys at a time go in at the head
 * (fold, hash, prefetch, partial sets) and are compared SCAN_AHEAD keys later, when their lines
 * have come: a ring that never drains keeps the memory busy all the time. A key whose bucket was
 * passed by is put off, so that its second line comes while others are compared.
 */
#pragma once

#include "gateway/match/kernel.h"

enum {
    SCAN_BLOCK = 8,
    SCAN_AHEAD = 128, /* keys; measured: fewer leave memory idle, more do not help */
    SCAN_RING = SCAN_AHEAD + SCAN_BLOCK,
    SCAN_PUT_OFF = 64
};

struct scan_block {
    uint64_t keys[SCAN_BLOCK];  /* folded, in slot form; KEY_SLOT_NONE: no key */
    uint64_t marks[SCAN_BLOCK]; /* struct table_place */
    unsigned sure;              /* bit i: key i may have a hit whatever the table says */
    unsigned second_form;       /* bit i: key i is of the second form */
};

/* The sets word by word, as every kernel does it for the few keys of the second form. */
static inline bool scan_partial_word_by_word(const struct partial *partial, uint32_t block_count,
                                             plate_key key)
{
    uint64_t any = 0;
    for (uint32_t b = 0; any == 0 && b < block_count; b++) {
        const struct partial_block *block = partial_block(partial, b);
        for (int word = 0; any == 0 && word < PARTIAL_BLOCK_WORDS; word++) {
            any = partial_word(block, key, word);
        }
    }
    return any != 0;
}

/* Fills in a block from SCAN_BLOCK keys and prefetches their buckets. Keys with unread symbols are
 * sure. */
static inline void kernel_prepare(const struct kernel_view *view, const plate_key *keys,
                                  struct scan_block *out);
/* Bits of the keys of the first form that a partial entry of that form may match; those of keys of
 * the second form say nothing. */
static inline unsigned kernel_partial(const struct partial *partial, uint32_t block_count,
                                      const plate_key *keys);
static inline bool kernel_bucket_has(const struct table *table, uint64_t mark, uint64_t key);

struct scan {
    const struct kernel_view *view;
    uint32_t *out_at;
    size_t found;
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

static void scan_put_off(struct scan *s, uint64_t key, uint32_t at)
{
    struct table_place place = table_place(&s->view->table, key);
    if (key == KEY_SLOT_NONE) {
        return;
    }
    if (s->put_off == SCAN_PUT_OFF) {
        scan_settle(s);
    }
    __builtin_prefetch((const uint8_t *)s->view->table.slots +
                       table_next_mark(&s->view->table, place));
    s->later[s->put_off].key = key;
    s->later[s->put_off++].at = at;
}

static inline void scan_compare(struct scan *s, const struct scan_block *block, uint32_t at)
{
    const struct table *table = &s->view->table;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        if (__builtin_expect(kernel_bucket_has(table, block->marks[i], block->keys[i]), 0)) {
            s->out_at[s->found++] = at + i;
        } else if (__builtin_expect(table_is_marked(table, block->marks[i]), 0)) {
            scan_put_off(s, block->keys[i], at + i);
        }
    }
}

/* The same for a block with sure keys. */
static void scan_compare_sure(struct scan *s, const struct scan_block *block, uint32_t at)
{
    const struct table *table = &s->view->table;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        if ((block->sure >> i & 1) || kernel_bucket_has(table, block->marks[i], block->keys[i])) {
            s->out_at[s->found++] = at + i;
        } else if (table_is_marked(table, block->marks[i])) {
            scan_put_off(s, block->keys[i], at + i);
        }
    }
}

static unsigned scan_partial_2(const struct partial *partial, uint32_t block_count,
                               const plate_key *keys)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        bool any =
            key_form(keys[i]) == 1 && scan_partial_word_by_word(partial, block_count, keys[i]);
        bits |= (unsigned)any << i;
    }
    return bits;
}

static inline void scan_prepare(const struct kernel_view *view, const plate_key *keys,
                                struct scan_block *out)
{
    uint32_t blocks_1 = partial_block_count(&view->partial[0]);
    uint32_t blocks_2 = partial_block_count(&view->partial[1]);
    kernel_prepare(view, keys, out);
    if (blocks_1 > 0) {
        out->sure |= kernel_partial(&view->partial[0], blocks_1, keys) & ~out->second_form;
    }
    if (blocks_2 > 0 && out->second_form != 0) {
        out->sure |= scan_partial_2(&view->partial[1], blocks_2, keys);
    }
}

/* The last keys, fewer than a block, are made one with zeroes. */
static void scan_prepare_last(const struct kernel_view *view, const plate_key *keys, size_t count,
                              struct scan_block *out)
{
    plate_key padded[SCAN_BLOCK] = {0};
    for (size_t i = 0; i < count; i++) {
        padded[i] = keys[i];
    }
    scan_prepare(view, padded, out);
}

static size_t kernel_scan(const struct kernel_view *view, const plate_key *keys, size_t count,
                          uint32_t *out_at)
{
    enum { BLOCKS = SCAN_RING / SCAN_BLOCK };
    struct scan_block ring[BLOCKS];
    struct scan s = {.view = view, .out_at = out_at};
    size_t head = 0; /* next key to go in */
    size_t in = 0;   /* its block in the ring, and that of the next one to come out */
    size_t out = 0;
    for (size_t at = 0; at < count; at += SCAN_BLOCK) {
        for (; head < count && head <= at + SCAN_AHEAD; head += SCAN_BLOCK) {
            if (count - head >= SCAN_BLOCK) {
                scan_prepare(view, keys + head, &ring[in]);
            } else {
                scan_prepare_last(view, keys + head, count - head, &ring[in]);
            }
            in = in + 1 == BLOCKS ? 0 : in + 1;
        }
        if (__builtin_expect(ring[out].sure == 0, 1)) {
            scan_compare(&s, &ring[out], (uint32_t)at);
        } else {
            scan_compare_sure(&s, &ring[out], (uint32_t)at);
        }
        out = out + 1 == BLOCKS ? 0 : out + 1;
    }
    scan_settle(&s);
    return s.found;
}
