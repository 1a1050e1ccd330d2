/*
 * The entries of a list and what its owner's caller does not know of them yet. An entry stays where
 * it is from the batch or chunk that brings it until nobody can hold it any more: its place in the
 * order changes, it never moves and never changes. Blocks of up to ENTRIES_BLOCK_MAX entries with
 * their texts are one piece of memory, which goes with the last entry of it. Internal to
 * gateway/wanted. One owner thread.
 *
 * Memory of n entries: 64 bytes and the text each, 8 for the order, a quarter for the block. After
 * withdrawals a block is kept by any one entry: at most ENTRIES_BLOCK_MAX times that, for the rest.
 */
#pragma once

#include "gateway/signed/batch.h"
#include "gateway/signed/snapshot.h"
#include "gateway/wanted/order.h"

enum { ENTRIES_BLOCK_MAX = 64 };

struct entry_notes {
    struct wanted_entry **entries;
    size_t count;
    size_t capacity;
};

/* Zeroed: none. */
struct entries {
    struct order order;
    bool without_texts; /* match.text is NULL */
    /* Between the caller's last settling and now; nothing is noted before the first one. */
    bool noting;
    struct entry_notes added;     /* in the order, the caller does not know them */
    struct entry_notes withdrawn; /* out of it, the caller may hold them */
    struct order former;          /* replaced as a whole, the caller may hold them */
};

void entries_fini(struct entries *e);
/* Applies a verified batch whose ids were checked against the order. ERR_NO_MEMORY: nothing
 * changed. */
int entries_apply(struct entries *e, const struct batch *batch) MUST_CHECK;
/* Adds a chunk's items, ids above all there are. ERR_NO_MEMORY: part of them may be in. */
int entries_append(struct entries *e, const struct wanted_item *items, size_t count) MUST_CHECK;
/* Puts the entries of `next`, which nobody has seen, in the place of those held; `next` is empty
 * then. */
void entries_replace(struct entries *e, struct entries *next);
/* The caller knows all there is and holds nothing else: what is not in the order is freed. */
void entries_settle(struct entries *e);
