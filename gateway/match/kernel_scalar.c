/* The kernel that runs everywhere, with nothing but atomic loads. See kernel.h. */
#include "gateway/match/kernel.h"

enum { SCAN_CACHE_LEVEL = 3 };

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
        uint64_t mark = table_mark_of(&view->table, table_hash(&view->table, out->keys[i]));
        out->marks[i] = (uintptr_t)view->table.slots + mark;
        out->buckets[i] = out->marks[i] & ~(uintptr_t)(TABLE_BUCKET_BYTES - 1);
        out->sure |= (unsigned)key_has_unread(keys[i]) << i;
        out->second_form |= (unsigned)key_form(keys[i]) << i;
    }
}

KERNEL_INLINE bool kernel_partial(const struct partial *partial, plate_key key)
{
    uint64_t any = 0;
    for (uint32_t blocks = partial_leads(partial, key_field(key, 0)); any == 0 && blocks != 0;
         blocks &= blocks - 1) {
        const struct partial_block *block = partial_block(partial, (uint32_t)__builtin_ctz(blocks));
        for (int word = 0; word < PARTIAL_BLOCK_WORDS; word++) {
            any |= partial_word(block, key, word);
        }
    }
    return any != 0;
}

KERNEL_INLINE unsigned kernel_slots_with(const uint8_t *bucket, uint64_t key)
{
    const _Atomic uint64_t *slots = (const _Atomic uint64_t *)bucket;
    unsigned bits = 0;
    for (unsigned i = 0; i < TABLE_BUCKET_SLOTS; i++) {
        uint64_t differing = atomic_load_explicit(&slots[i], memory_order_relaxed) ^ key;
        bits |= (unsigned)((differing & KEY_SLOT_MASK) == 0) << i;
    }
    return bits;
}

KERNEL_INLINE bool kernel_pair_has(const struct kernel_hand *hand, const struct scan_block *block,
                                   unsigned i)
{
    const _Atomic uint64_t *first = (const _Atomic uint64_t *)block->marks[i];
    const _Atomic uint64_t *second = (const _Atomic uint64_t *)block->marks[i + 1];
    (void)hand;
    return kernel_slots_with((const uint8_t *)block->buckets[i], block->keys[i]) != 0 ||
           kernel_slots_with((const uint8_t *)block->buckets[i + 1], block->keys[i + 1]) != 0 ||
           ((atomic_load_explicit(first, memory_order_relaxed) |
             atomic_load_explicit(second, memory_order_relaxed)) &
            TABLE_PASSED) != 0;
}

#include "gateway/match/kernel_scan.h"

static bool runs_here(void)
{
    return true;
}

const struct kernel kernel_scalar = {.number = MATCH_KERNEL_SCALAR,
                                     .scan = kernel_scan,
                                     .locate = kernel_locate,
                                     .put = kernel_put,
                                     .runs_here = runs_here};
