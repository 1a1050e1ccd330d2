/*
 * Blocks of entries, what a batch does to them, and when they are freed.
 */
#include "gateway/wanted/entries.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOTES_FIRST = 64,
    BATCH_BLOCKS_MAX = (BATCH_ENTRIES_MAX + ENTRIES_BLOCK_MAX - 1) / ENTRIES_BLOCK_MAX
};

struct block {
    size_t live; /* entries that are not freed */
    struct wanted_entry entries[];
};

/* ---- blocks ---- */

/* Up to ENTRIES_BLOCK_MAX of the items, copied with their texts behind if there are to be any.
 * NULL: no memory. */
static struct block *block_create(const struct wanted_item *items, size_t count, bool with_texts)
{
    size_t size = sizeof(struct block) + count * sizeof(struct wanted_entry);
    size_t texts = 0;
    for (size_t i = 0; with_texts && i < count; i++) {
        texts += items[i].record.text_size;
    }
    struct block *block = malloc(size + texts);
    if (!block) {
        return NULL;
    }
    char *text = (char *)block + size;
    block->live = count;
    for (size_t i = 0; i < count; i++) {
        block->entries[i] = (struct wanted_entry){
            .match = {.record = items[i].record, .text = with_texts ? text : NULL},
            .place = (uint16_t)i};
        if (with_texts) {
            memcpy(text, items[i].text, items[i].record.text_size);
            text += items[i].record.text_size;
        }
    }
    return block;
}

static void entry_free(struct wanted_entry *entry)
{
    struct wanted_entry *first = entry - entry->place;
    struct block *block = (struct block *)((char *)first - offsetof(struct block, entries));
    if (--block->live == 0) {
        free(block);
    }
}

static void free_order(struct order *order)
{
    struct wanted_cursor cursor = {0};
    struct wanted_entry *entry;
    while ((entry = order_next(order, &cursor))) {
        entry_free(entry);
    }
    order_fini(order);
}

/* ---- notes ---- */

static int notes_reserve(struct entry_notes *notes, size_t more)
{
    if (notes->capacity - notes->count >= more) {
        return ERR_OK;
    }
    size_t capacity = notes->capacity ? notes->capacity * 2 : NOTES_FIRST;
    capacity = capacity < notes->count + more ? notes->count + more : capacity;
    struct wanted_entry **entries =
        realloc(notes->entries, capacity * sizeof(struct wanted_entry *));
    if (!entries) {
        return ERR_NO_MEMORY;
    }
    notes->entries = entries;
    notes->capacity = capacity;
    return ERR_OK;
}

static void notes_fini(struct entry_notes *notes)
{
    free(notes->entries);
    *notes = (struct entry_notes){0};
}

static void note_added(struct entries *e, struct wanted_entry *entry)
{
    if (e->noting) {
        e->added.entries[e->added.count++] = entry;
        entry->noted = (uint32_t)e->added.count;
    }
}

/* An entry that left the order: one the caller never heard of is gone at once. */
static void note_withdrawn(struct entries *e, struct wanted_entry *entry)
{
    if (!e->noting) {
        entry_free(entry);
    } else if (entry->noted > 0) {
        struct wanted_entry *last = e->added.entries[--e->added.count];
        e->added.entries[entry->noted - 1] = last;
        last->noted = entry->noted;
        entry_free(entry);
    } else {
        e->withdrawn.entries[e->withdrawn.count++] = entry;
    }
}

/* ---- changes ---- */

void entries_fini(struct entries *e)
{
    for (size_t i = 0; i < e->withdrawn.count; i++) {
        entry_free(e->withdrawn.entries[i]);
    }
    notes_fini(&e->withdrawn);
    notes_fini(&e->added);
    free_order(&e->former);
    free_order(&e->order);
    *e = (struct entries){0};
}

/* Blocks of all items of a batch, all or none. */
static int make_blocks(const struct wanted_item *items, size_t count, bool with_texts,
                       struct block *out[BATCH_BLOCKS_MAX])
{
    for (size_t at = 0; at < count; at += ENTRIES_BLOCK_MAX) {
        size_t part = count - at < ENTRIES_BLOCK_MAX ? count - at : ENTRIES_BLOCK_MAX;
        out[at / ENTRIES_BLOCK_MAX] = block_create(items + at, part, with_texts);
        if (!out[at / ENTRIES_BLOCK_MAX]) {
            for (size_t i = 0; i < at / ENTRIES_BLOCK_MAX; i++) {
                free(out[i]);
            }
            return ERR_NO_MEMORY;
        }
    }
    return ERR_OK;
}

static struct wanted_entry *entry_at(struct block *const *blocks, size_t i)
{
    return &blocks[i / ENTRIES_BLOCK_MAX]->entries[i % ENTRIES_BLOCK_MAX];
}

/* All or none. */
static int add_to_order(struct order *order, struct block *const *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int result = order_add(order, entry_at(blocks, i));
        if (result < 0) {
            while (i-- > 0) {
                (void)order_remove(order, entry_at(blocks, i)->match.record.id); /* just added */
            }
            return result;
        }
    }
    return ERR_OK;
}

/* Everything that takes memory; the rest of a batch cannot fail. */
static int prepare(struct entries *e, const struct batch *batch,
                   struct block *blocks[BATCH_BLOCKS_MAX])
{
    size_t items = batch->added_count + batch->changed_count;
    int result = ERR_OK;
    if (e->noting) {
        result = notes_reserve(&e->added, items);
    }
    if (e->noting && result == ERR_OK) {
        result = notes_reserve(&e->withdrawn, batch->changed_count + batch->withdrawn_count);
    }
    if (result == ERR_OK) {
        result = make_blocks(batch->items, items, !e->without_texts, blocks);
    }
    if (result < 0) {
        return result;
    }
    result = add_to_order(&e->order, blocks, batch->added_count);
    for (size_t i = 0; result < 0 && i < items; i += ENTRIES_BLOCK_MAX) {
        free(blocks[i / ENTRIES_BLOCK_MAX]);
    }
    return result;
}

int entries_apply(struct entries *e, const struct batch *batch)
{
    struct block *blocks[BATCH_BLOCKS_MAX] = {NULL};
    size_t items = batch->added_count + batch->changed_count;
    int result = prepare(e, batch, blocks);
    if (result < 0) {
        return result;
    }
    for (size_t i = 0; i < items; i++) {
        struct wanted_entry *entry = entry_at(blocks, i);
        if (i >= batch->added_count) {
            struct wanted_entry **slot = order_find(&e->order, entry->match.record.id);
            struct wanted_entry *old = *slot;
            *slot = entry;
            note_withdrawn(e, old);
        }
        note_added(e, entry);
    }
    for (size_t i = 0; i < batch->withdrawn_count; i++) {
        note_withdrawn(e, order_remove(&e->order, batch->withdrawn[i]));
    }
    return ERR_OK;
}

int entries_append(struct entries *e, const struct wanted_item *items, size_t count)
{
    int result = ERR_OK;
    for (size_t at = 0; at < count && result == ERR_OK; at += ENTRIES_BLOCK_MAX) {
        size_t part = count - at < ENTRIES_BLOCK_MAX ? count - at : ENTRIES_BLOCK_MAX;
        struct block *block = block_create(items + at, part, !e->without_texts);
        result = block ? add_to_order(&e->order, &block, part) : ERR_NO_MEMORY;
        if (result < 0) {
            free(block);
        }
    }
    return result;
}

void entries_replace(struct entries *e, struct entries *next)
{
    if (e->noting) {
        e->former = e->order;
        e->added.count = 0; /* they are among the former ones */
        e->noting = false;
    } else {
        free_order(&e->order);
    }
    e->order = next->order;
    *next = (struct entries){0};
}

void entries_settle(struct entries *e)
{
    for (size_t i = 0; i < e->withdrawn.count; i++) {
        entry_free(e->withdrawn.entries[i]);
    }
    for (size_t i = 0; i < e->added.count; i++) {
        e->added.entries[i]->noted = 0;
    }
    e->withdrawn.count = 0;
    e->added.count = 0;
    free_order(&e->former);
    e->noting = true;
}
