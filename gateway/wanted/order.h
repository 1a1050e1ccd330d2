/*
 * Entries by id: leaves of pointers under one array of where each begins. Finding, adding and
 * taking out move at most one leaf (2 KB), whatever the number of entries; ids above all others
 * are put behind the last and move nothing. 8 bytes an entry, at most 32 after much taking out.
 * The entries themselves are not owned. Internal to gateway/wanted. One owner thread.
 */
#pragma once

#include "gateway/wanted/list.h"

enum { ORDER_LEAF_MAX = 256 /* entries of one leaf */ };

struct order_leaf {
    size_t count;
    struct wanted_entry *entries[ORDER_LEAF_MAX]; /* ids rising */
};

struct order_row {
    uint64_t first; /* no id of the leaf is below, none of the leaf before reaches it */
    struct order_leaf *leaf;
};

/* Zeroed: empty. */
struct order {
    struct order_row *rows;
    size_t row_count;
    size_t row_capacity;
    size_t count; /* entries */
};

void order_fini(struct order *order);
/* The id must not be there. ERR_NO_MEMORY, nothing changed. */
int order_add(struct order *order, struct wanted_entry *entry) MUST_CHECK;
/* Where the entry's pointer lies, NULL: no such id. Another of the same id may take its place;
 * valid until the order next changes. */
struct wanted_entry **order_find(const struct order *order, uint64_t id);
/* Takes an entry out; never fails. NULL: no such id. */
struct wanted_entry *order_remove(struct order *order, uint64_t id);
/* From a zeroed cursor on: the next entry, ids rising; NULL behind the last. The order must not
 * change meanwhile. */
struct wanted_entry *order_next(const struct order *order, struct wanted_cursor *cursor);
