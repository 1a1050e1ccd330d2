/*
 * The two levels behind entries by id. No state of its own.
 */
#include "gateway/wanted/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ORDER_ROWS_FIRST = 16 };

static uint64_t id_of(const struct wanted_entry *entry)
{
    return entry->match.record.id;
}

void order_fini(struct order *order)
{
    for (size_t i = 0; i < order->row_count; i++) {
        free(order->rows[i].leaf);
    }
    free(order->rows);
    *order = (struct order){0};
}

/* The last row that does not begin above `id`, the first row when all do. */
static size_t row_of(const struct order *order, uint64_t id)
{
    size_t low = 0;
    size_t high = order->row_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (order->rows[middle].first <= id) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Place of the first entry of the leaf whose id is not below `id`. */
static size_t place_of(const struct order_leaf *leaf, uint64_t id)
{
    size_t low = 0;
    size_t high = leaf->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_of(leaf->entries[middle]) < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* An empty leaf as row `at`. */
static int add_row(struct order *order, size_t at, uint64_t first)
{
    if (order->row_count == order->row_capacity) {
        size_t capacity = order->row_capacity ? order->row_capacity * 2 : ORDER_ROWS_FIRST;
        struct order_row *rows = realloc(order->rows, capacity * sizeof(*rows));
        if (!rows) {
            return ERR_NO_MEMORY;
        }
        order->rows = rows;
        order->row_capacity = capacity;
    }
    struct order_leaf *leaf = malloc(sizeof(*leaf));
    if (!leaf) {
        return ERR_NO_MEMORY;
    }
    leaf->count = 0;
    memmove(&order->rows[at + 1], &order->rows[at],
            (order->row_count - at) * sizeof(order->rows[0]));
    order->rows[at] = (struct order_row){.first = first, .leaf = leaf};
    order->row_count++;
    return ERR_OK;
}

static void drop_row(struct order *order, size_t at)
{
    free(order->rows[at].leaf);
    order->row_count--;
    memmove(&order->rows[at], &order->rows[at + 1],
            (order->row_count - at) * sizeof(order->rows[0]));
}

/* Makes room in the full leaf of row `*row` for an entry at `*place`: ids behind all others begin a
 * leaf of their own, anything else halves the full one. */
static int split(struct order *order, size_t *row, size_t *place, uint64_t id)
{
    struct order_leaf *full = order->rows[*row].leaf;
    size_t half = ORDER_LEAF_MAX / 2;
    bool behind = *place == ORDER_LEAF_MAX && *row + 1 == order->row_count;
    int result = add_row(order, *row + 1, behind ? id : id_of(full->entries[half]));
    if (result < 0) {
        return result;
    }
    if (!behind) {
        struct order_leaf *upper = order->rows[*row + 1].leaf;
        upper->count = ORDER_LEAF_MAX - half;
        memcpy(upper->entries, &full->entries[half], upper->count * sizeof(struct wanted_entry *));
        full->count = half;
    }
    if (behind || *place > half) {
        *row += 1;
        *place = behind ? 0 : *place - half;
    }
    return ERR_OK;
}

int order_add(struct order *order, struct wanted_entry *entry)
{
    uint64_t id = id_of(entry);
    int result = order->row_count == 0 ? add_row(order, 0, id) : ERR_OK;
    if (result < 0) {
        return result;
    }
    size_t row = row_of(order, id);
    size_t place = place_of(order->rows[row].leaf, id);
    if (order->rows[row].leaf->count == ORDER_LEAF_MAX) {
        result = split(order, &row, &place, id);
        if (result < 0) {
            return result;
        }
    }
    struct order_leaf *leaf = order->rows[row].leaf;
    memmove(&leaf->entries[place + 1], &leaf->entries[place],
            (leaf->count - place) * sizeof(struct wanted_entry *));
    leaf->entries[place] = entry;
    leaf->count++;
    order->count++;
    if (id < order->rows[row].first) {
        assert(row == 0);
        order->rows[row].first = id;
    }
    return ERR_OK;
}

struct wanted_entry **order_find(const struct order *order, uint64_t id)
{
    if (order->row_count == 0) {
        return NULL;
    }
    struct order_leaf *leaf = order->rows[row_of(order, id)].leaf;
    size_t place = place_of(leaf, id);
    return place < leaf->count && id_of(leaf->entries[place]) == id ? &leaf->entries[place] : NULL;
}

/* Puts the leaf behind row `at` into it when both together are half a leaf at most. */
static void merge(struct order *order, size_t at)
{
    if (at + 1 >= order->row_count) {
        return;
    }
    struct order_leaf *leaf = order->rows[at].leaf;
    const struct order_leaf *next = order->rows[at + 1].leaf;
    if (leaf->count + next->count <= ORDER_LEAF_MAX / 2) {
        memcpy(&leaf->entries[leaf->count], next->entries,
               next->count * sizeof(struct wanted_entry *));
        leaf->count += next->count;
        drop_row(order, at + 1);
    }
}

struct wanted_entry *order_remove(struct order *order, uint64_t id)
{
    struct wanted_entry **slot = order_find(order, id);
    if (!slot) {
        return NULL;
    }
    struct wanted_entry *entry = *slot;
    size_t row = row_of(order, id);
    struct order_leaf *leaf = order->rows[row].leaf;
    size_t place = (size_t)(slot - leaf->entries);
    leaf->count--;
    memmove(slot, slot + 1, (leaf->count - place) * sizeof(struct wanted_entry *));
    order->count--;
    if (leaf->count == 0) {
        drop_row(order, row);
    } else {
        merge(order, row);
        if (row > 0) {
            merge(order, row - 1);
        }
    }
    return entry;
}

struct wanted_entry *order_next(const struct order *order, struct wanted_cursor *cursor)
{
    if (cursor->row == order->row_count) {
        return NULL;
    }
    const struct order_leaf *leaf = order->rows[cursor->row].leaf;
    struct wanted_entry *entry = leaf->entries[cursor->place];
    if (++cursor->place == leaf->count) {
        cursor->row++;
        cursor->place = 0;
    }
    return entry;
}
