/* The kernel for AVX2: buckets and sets by halves of 32 bytes, keys one by one. See kernel.h. */
#include "gateway/match/kernel.h"

#if KERNEL_VECTOR

#include <immintrin.h>

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
    __m256i any = _mm256_setzero_si256();
    for (uint32_t blocks = partial_leads(partial, key_field_1(key, 0)); blocks != 0;
         blocks &= blocks - 1) {
        const struct partial_block *block = partial_block(partial, (uint32_t)__builtin_ctz(blocks));
        __m256i low = _mm256_set1_epi64x(-1);
        __m256i high = low;
        for (int place = 0; place < KEY_SYMBOLS_1; place++) {
            const __m256i *set = (const __m256i *)&block->sets[place][key_field_1(key, place)];
            low = _mm256_and_si256(low, _mm256_load_si256(set));
            high = _mm256_and_si256(high, _mm256_load_si256(set + 1));
        }
        any = _mm256_or_si256(any, _mm256_or_si256(low, high));
    }
    return !_mm256_testz_si256(any, any);
}

KERNEL_INLINE unsigned kernel_slots_with(const uint8_t *bucket, uint64_t key)
{
    const __m256i *halves = (const __m256i *)bucket;
    __m256i wanted = _mm256_set1_epi64x((long long)key);
    __m256i low = _mm256_xor_si256(_mm256_load_si256(halves), wanted);
    __m256i high = _mm256_xor_si256(_mm256_load_si256(halves + 1), wanted);
    /* Doubling shifts the mark, bit 63, out. */
    low = _mm256_cmpeq_epi64(_mm256_add_epi64(low, low), _mm256_setzero_si256());
    high = _mm256_cmpeq_epi64(_mm256_add_epi64(high, high), _mm256_setzero_si256());
    return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(low)) |
           (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(high)) << TABLE_BUCKET_SLOTS / 2;
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
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

const struct kernel kernel_avx2 = {.number = MATCH_KERNEL_AVX2,
                                   .scan = kernel_scan,
                                   .locate = kernel_locate,
                                   .put = kernel_put,
                                   .runs_here = runs_here};

#else

typedef int kernel_avx2_is_not_built;

#endif
