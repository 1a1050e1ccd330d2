/* The kernel that runs everywhere, with nothing but atomic loads. See kernel.h. */
#include "gateway/match/kernel.h"

struct kernel_hand {
    const struct kernel_view *view;
};

KERNEL_INLINE struct kernel_hand kernel_take(const struct kernel_view *view)
{
    return (struct kernel_hand){view};
}

KERNEL_INLINE void kernel_prepare(const struct kernel_hand *hand, const plate_key *keys, bool folds,
                                  struct scan_block *out)
{
    const struct kernel_view *view = hand->view;
    out->sure = 0;
    out->second_form = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        plate_key key = folds ? look_alike_fold(&view->look_alike, keys[i]) : keys[i];
        out->keys[i] = keys[i] ? key_slot(key) : KEY_SLOT_NONE;
        out->marks[i] = table_mark_of(&view->table, table_hash(&view->table, out->keys[i]));
        out->sure |= (unsigned)key_has_unread(keys[i]) << i;
        out->second_form |= (unsigned)key_form(keys[i]) << i;
        __builtin_prefetch((const uint8_t *)view->table.slots + out->marks[i]);
    }
}

KERNEL_INLINE bool kernel_partial(const struct partial_block *block, plate_key key)
{
    uint64_t any = 0;
    for (int word = 0; word < PARTIAL_BLOCK_WORDS; word++) {
        any |= partial_word(block, key, word);
    }
    return any != 0;
}

KERNEL_INLINE bool kernel_bucket_has(const uint8_t *bucket, uint64_t key)
{
    const _Atomic uint64_t *slots = (const _Atomic uint64_t *)bucket;
    bool has = false;
    for (int i = 0; i < TABLE_BUCKET_SLOTS; i++) {
        has |= ((atomic_load_explicit(&slots[i], memory_order_relaxed) ^ key) & KEY_SLOT_MASK) == 0;
    }
    return has;
}

KERNEL_INLINE bool kernel_pair_has(const struct kernel_hand *hand, const uint64_t *marks,
                                   const uint64_t *keys)
{
    const struct table *table = &hand->view->table;
    bool has = false;
    for (int i = 0; i < 2; i++) {
        has |=
            table_is_marked(table, marks[i]) ||
            kernel_bucket_has((const uint8_t *)table->slots + (marks[i] & ~UINT64_C(63)), keys[i]);
    }
    return has;
}

#include "gateway/match/kernel_scan.h"

static bool runs_here(void)
{
    return true;
}

const struct kernel kernel_scalar = {
    .number = MATCH_KERNEL_SCALAR, .scan = kernel_scan, .runs_here = runs_here};
