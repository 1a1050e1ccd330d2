/*
 * The kernel for AVX-512 with byte permutes: eight keys are folded, hashed and compared at once. A
 * key's nine fields of 7 bits become bytes (eight by one shift of its own for each byte, the ninth
 * is the lowest), the bytes are looked up in a table of 128, and packed again. See kernel.h.
 */
#include "gateway/match/kernel.h"

#if KERNEL_VECTOR

#include <immintrin.h>

/* Into the second level of the cache: there is more room on the way to it than to the first. */
enum { SCAN_CACHE_LEVEL = 2 };

struct kernel_hand {
    const struct kernel_view *view;
    __m512i slots; /* address */
    __m512i low;   /* symbols 0-63 and 64-127 folded */
    __m512i high;
    __m512i seed[3];
    __m512i bucket_count;
    __m512i key_mask; /* of a slot */
};

/* Keeps a constant in its register, where the compiler would make it anew for every key. */
KERNEL_INLINE __m512i opaque(__m512i value)
{
    __asm__("" : "+v"(value));
    return value;
}

KERNEL_INLINE struct kernel_hand kernel_take(const struct kernel_view *view)
{
    const struct table *table = &view->table;
    return (struct kernel_hand){.view = view,
                                .slots = _mm512_set1_epi64((long long)(uintptr_t)table->slots),
                                .low = _mm512_loadu_si512(view->look_alike.symbols),
                                .high = _mm512_loadu_si512(view->look_alike.symbols + 64),
                                .seed = {_mm512_set1_epi64((long long)table->seed[0]),
                                         _mm512_set1_epi64((long long)table->seed[1]),
                                         _mm512_set1_epi64((long long)table->seed[2])},
                                .bucket_count = _mm512_set1_epi64(table->bucket_count),
                                .key_mask = opaque(_mm512_set1_epi64(INT64_MAX))};
}

/* Bits of the keys that have a field of seven ones: see key_unread_1. */
KERNEL_INLINE unsigned unread_bits(__m512i keys)
{
    __m512i two = _mm512_and_si512(keys, _mm512_srli_epi64(keys, 1));
    __m512i four = _mm512_and_si512(two, _mm512_srli_epi64(two, 2));
    __m512i seven = _mm512_and_si512(four, _mm512_srli_epi64(four, 3));
    return (unsigned)_mm512_test_epi64_mask(seven, _mm512_set1_epi64(0x0102040810204081));
}

/* Folds keys of the first form. */
KERNEL_INLINE __m512i fold(const struct kernel_hand *hand, __m512i keys)
{
    /* Ternary logic: bits of the second operand where the first has ones, else of the third. */
    enum { SELECT = 0xCA };
    const __m512i offsets = _mm512_set1_epi64(0x38312A231C150E07);
    __m512i eight = _mm512_multishift_epi64_epi8(offsets, keys);
    __m512i ninth = _mm512_permutex2var_epi8(hand->low, keys, hand->high);
    eight = _mm512_permutex2var_epi8(hand->low, eight, hand->high);
    /* Times 1 and 128, then 1 and 16384: two fields become 14 bits, four become 28. */
    __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi16((short)0x8001), eight);
    __m512i fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x40000001));
    __m512i packed = _mm512_ternarylogic_epi64(_mm512_set1_epi64((1 << 28) - 1), fours,
                                               _mm512_srli_epi64(fours, 4), SELECT);
    return _mm512_ternarylogic_epi64(_mm512_set1_epi64(0x7F), ninth, _mm512_slli_epi64(packed, 7),
                                     SELECT);
}

/* Keys of the second form and with unread symbols are few: one by one. */
static __attribute__((noinline)) void prepare_one_by_one(const struct look_alike *look_alike,
                                                         const plate_key *keys,
                                                         struct scan_block *out)
{
    for (unsigned i = 0; i < SCAN_BLOCK; i++) {
        out->keys[i] = keys[i] ? key_slot(look_alike_fold(look_alike, keys[i])) : 0;
        out->sure |= (unsigned)key_has_unread(keys[i]) << i;
    }
}

/* table_mark_of(table_hash()) of eight keys. */
KERNEL_INLINE __m512i marks_of(const struct kernel_hand *hand, __m512i keys)
{
    __m512i left =
        _mm512_add_epi64(hand->seed[0], _mm512_and_si512(keys, _mm512_set1_epi64(UINT32_MAX)));
    __m512i right = _mm512_add_epi64(hand->seed[1], _mm512_srli_epi64(keys, 32));
    __m512i hash = _mm512_add_epi64(_mm512_mullo_epi64(left, right), hand->seed[2]);
    __m512i spread = _mm512_mul_epu32(_mm512_srli_epi64(hash, 32), hand->bucket_count);
    return _mm512_andnot_si512(_mm512_set1_epi64(7), _mm512_srli_epi64(spread, 26));
}

KERNEL_INLINE void kernel_prepare(const struct kernel_hand *hand, const plate_key *keys, bool folds,
                                  struct scan_block *out)
{
    __m512i given = _mm512_loadu_si512(keys);
    __m512i folded = folds ? fold(hand, given) : given;
    unsigned second_form = (unsigned)_mm512_movepi64_mask(given);
    out->second_form = second_form;
    out->sure = unread_bits(given) & ~second_form;
    if (__builtin_expect((second_form | out->sure) != 0, 0)) {
        prepare_one_by_one(&hand->view->look_alike, keys, out);
        folded = _mm512_load_si512(out->keys);
    }
    folded = _mm512_mask_blend_epi64(_mm512_test_epi64_mask(given, given),
                                     _mm512_set1_epi64((long long)KEY_SLOT_NONE), folded);
    __m512i marks = _mm512_add_epi64(hand->slots, marks_of(hand, folded));
    __m512i buckets = _mm512_andnot_si512(_mm512_set1_epi64(TABLE_BUCKET_BYTES - 1), marks);
    _mm512_store_si512(out->keys, folded);
    _mm512_store_si512(out->buckets, buckets);
    _mm512_store_si512(out->marks, marks);
}

/* Bytes from a place's first set to that of the key's symbol there: the field, times 64. */
#define SET_OFFSET(key, shift)                                                                     \
    (((shift) >= 6 ? (key) >> ((shift) >= 6 ? (shift)-6 : 0)                                       \
                   : (key) << ((shift) < 6 ? 6 - (shift) : 0)) &                                   \
     UINT64_C(0x1FC0))
#define SET(place) _mm512_load_si512((const uint8_t *)block->sets[place] + at_##place)

KERNEL_INLINE bool kernel_partial(const struct partial *partial, plate_key key)
{
    enum { ALL_THREE = 0x80 }; /* ternary logic: and */
    uint64_t at_0 = SET_OFFSET(key, 56);
    uint64_t at_1 = SET_OFFSET(key, 49);
    uint64_t at_2 = SET_OFFSET(key, 42);
    uint64_t at_3 = SET_OFFSET(key, 35);
    uint64_t at_4 = SET_OFFSET(key, 28);
    uint64_t at_5 = SET_OFFSET(key, 21);
    uint64_t at_6 = SET_OFFSET(key, 14);
    uint64_t at_7 = SET_OFFSET(key, 7);
    uint64_t at_8 = SET_OFFSET(key, 0);
    __m512i any = _mm512_setzero_si512();
    for (uint32_t blocks = partial_leads(partial, key_field_1(key, 0)); blocks != 0;
         blocks &= blocks - 1) {
        const struct partial_block *block = partial_block(partial, (uint32_t)__builtin_ctz(blocks));
        __m512i left = _mm512_ternarylogic_epi64(SET(0), SET(1), SET(2), ALL_THREE);
        left = _mm512_ternarylogic_epi64(left, SET(3), SET(4), ALL_THREE);
        left = _mm512_ternarylogic_epi64(left, SET(5), SET(6), ALL_THREE);
        left = _mm512_ternarylogic_epi64(left, SET(7), SET(8), ALL_THREE);
        any = _mm512_or_si512(any, left);
    }
    return _mm512_test_epi64_mask(any, any) != 0;
}

KERNEL_INLINE unsigned kernel_slots_with(const uint8_t *bucket, uint64_t key)
{
    __m512i differing =
        _mm512_xor_si512(_mm512_load_si512(bucket), _mm512_set1_epi64((long long)key));
    return _mm512_testn_epi64_mask(differing, _mm512_set1_epi64(INT64_MAX));
}

/* Bits of the slots that hold the key. */
KERNEL_INLINE __mmask8 slots_with(const struct kernel_hand *hand, uintptr_t bucket, uint64_t key)
{
    __m512i differing = _mm512_xor_si512(_mm512_load_si512((const void *)bucket),
                                         _mm512_set1_epi64((long long)key));
    return _mm512_testn_epi64_mask(differing, hand->key_mask);
}

KERNEL_INLINE bool kernel_pair_has(const struct kernel_hand *hand, const struct scan_block *block,
                                   unsigned i)
{
    __mmask8 first = slots_with(hand, block->buckets[i], block->keys[i]);
    __mmask8 second = slots_with(hand, block->buckets[i + 1], block->keys[i + 1]);
    int64_t passed = *(const int64_t *)block->marks[i] | *(const int64_t *)block->marks[i + 1];
    return __builtin_expect(!_kortestz_mask8_u8(first, second), 0) ||
           __builtin_expect(passed < 0, 0);
}

#include "gateway/match/kernel_scan.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi");
}

const struct kernel kernel_avx512 = {.number = MATCH_KERNEL_AVX512,
                                     .scan = kernel_scan,
                                     .locate = kernel_locate,
                                     .put = kernel_put,
                                     .runs_here = runs_here};

#else

typedef int kernel_avx512_is_not_built;

#endif
