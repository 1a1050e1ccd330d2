/* The kernel that runs everywhere, with nothing but atomic loads. See kernel.h. */
#include "gateway/match/kernel_scan.h"

static inline void kernel_prepare(const struct kernel_view *view, const plate_key *keys,
                                  struct scan_block *out)
{
    out->sure = 0;
    out->second_form = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        uint64_t key = key_slot(look_alike_fold(&view->look_alike, keys[i]));
        out->keys[i] = keys[i] ? key : KEY_SLOT_NONE;
        out->marks[i] = table_mark_of(&view->table, table_hash(&view->table, out->keys[i]));
        out->sure |= (unsigned)key_has_unread(keys[i]) << i;
        out->second_form |= (unsigned)key_form(keys[i]) << i;
        __builtin_prefetch((const uint8_t *)view->table.slots + out->marks[i]);
    }
}

static inline unsigned kernel_partial(const struct partial *partial, uint32_t block_count,
                                      const plate_key *keys)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        bits |= (unsigned)scan_partial_word_by_word(partial, block_count, keys[i]) << i;
    }
    return bits;
}

static inline bool kernel_bucket_has(const struct table *table, uint64_t mark, uint64_t key)
{
    const _Atomic uint64_t *slot = &table->slots[table_first_slot(mark)];
    bool has = false;
    for (int i = 0; i < TABLE_BUCKET_SLOTS; i++) {
        has |= ((atomic_load_explicit(&slot[i], memory_order_relaxed) ^ key) & KEY_SLOT_MASK) == 0;
    }
    return has;
}

static bool runs_here(void)
{
    return true;
}

const struct kernel kernel_scalar = {
    .number = MATCH_KERNEL_SCALAR, .scan = kernel_scan, .runs_here = runs_here};
