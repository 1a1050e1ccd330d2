/* See table.h. */
#include "gateway/match/table.h"

#include <errno.h>
#include <sys/random.h>

enum { BUCKETS_MIN = 17, SEED_WORDS = 3, WORN_ONE_IN = 16 };

static int make_seed(uint64_t seed, uint64_t out[SEED_WORDS])
{
    if (seed == 0) {
        ssize_t size;
        do {
            size = getrandom(&seed, sizeof(seed), 0);
        } while (size < 0 && errno == EINTR);
        if (size != sizeof(seed)) {
            return ERR_IO;
        }
    }
    /* SplitMix64, one step a word. */
    for (int i = 0; i < SEED_WORDS; i++) {
        uint64_t z = seed + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        out[i] = z ^ z >> 31;
    }
    return 0;
}

static bool is_prime(size_t number)
{
    for (size_t divisor = 2; divisor * divisor <= number; divisor++) {
        if (number % divisor == 0) {
            return false;
        }
    }
    return true;
}

/* A prime: whatever its step, a probe sequence comes to another bucket each time. */
static size_t bucket_count_for(size_t keys)
{
    size_t buckets = keys * 100 / (TABLE_LOAD_PERCENT * TABLE_BUCKET_SLOTS) + BUCKETS_MIN;
    while (!is_prime(buckets)) {
        buckets++;
    }
    return buckets;
}

int table_init(struct table *table, size_t keys, uint64_t seed)
{
    size_t buckets = bucket_count_for(keys);
    *table = (struct table){.bucket_count = (uint32_t)buckets};
    int result = buckets > INT32_MAX ? ERR_NO_MEMORY : make_seed(seed, table->seed);
    if (result == 0) {
        result = pages_map(2 * buckets * TABLE_BUCKET_BYTES, &table->pages);
    }
    if (result == 0) {
        table->slots = table->pages.start;
        table->values = table->slots + buckets * TABLE_BUCKET_SLOTS;
    }
    return result;
}

void table_fini(struct table *table)
{
    pages_unmap(&table->pages);
    *table = (struct table){0};
}

static size_t find_in_bucket(const struct table *table, uint64_t slot_key, uint64_t mark)
{
    size_t slot = table_first_slot(mark);
    for (size_t end = slot + TABLE_BUCKET_SLOTS; slot < end; slot++) {
        /* Pairs with the release in table_publish. */
        uint64_t held = atomic_load_explicit(&table->slots[slot], memory_order_acquire);
        if ((held & KEY_SLOT_MASK) == slot_key) {
            return slot;
        }
    }
    return TABLE_NO_SLOT;
}

size_t table_find(const struct table *table, uint64_t slot_key, struct table_place place)
{
    for (int probe = 0; probe < TABLE_PROBES_MAX; probe++) {
        size_t slot = find_in_bucket(table, slot_key, place.mark);
        if (slot != TABLE_NO_SLOT || !table_is_marked(table, place.mark)) {
            return slot;
        }
        place.mark = table_next_mark(table, place);
    }
    return TABLE_NO_SLOT;
}

bool table_find_behind(const struct table *table, uint64_t slot_key)
{
    struct table_place place = table_place(table, slot_key);
    place.mark = table_next_mark(table, place);
    for (int probe = 1; probe < TABLE_PROBES_MAX; probe++) {
        if (find_in_bucket(table, slot_key, place.mark) != TABLE_NO_SLOT) {
            return true;
        }
        if (!table_is_marked(table, place.mark)) {
            return false;
        }
        place.mark = table_next_mark(table, place);
    }
    return false;
}

static size_t free_slot(const struct table *table, uint64_t mark)
{
    return find_in_bucket(table, 0, mark);
}

static void put_mark(struct table *table, uint64_t mark)
{
    if (!table_is_marked(table, mark)) {
        _Atomic uint64_t *slot = &table->slots[mark / 8];
        uint64_t held = atomic_load_explicit(slot, memory_order_relaxed);
        /* Seen by whoever sees that the key was added; until then the key is not there. */
        atomic_store_explicit(slot, held | TABLE_PASSED, memory_order_release);
        table->marks++;
    }
}

int table_reserve(struct table *table, struct table_place place, size_t *out_slot)
{
    struct table_place at = place;
    size_t slot = TABLE_NO_SLOT;
    int passed = 0;
    while (passed < TABLE_PROBES_MAX && (slot = free_slot(table, at.mark)) == TABLE_NO_SLOT) {
        at.mark = table_next_mark(table, at);
        passed++;
    }
    if (slot == TABLE_NO_SLOT) {
        return ERR_FULL;
    }
    for (; passed > 0; passed--) {
        put_mark(table, place.mark);
        place.mark = table_next_mark(table, place);
    }
    *out_slot = slot;
    return 0;
}

void table_publish(struct table *table, size_t slot, uint64_t slot_key)
{
    uint64_t mark = atomic_load_explicit(&table->slots[slot], memory_order_relaxed) & TABLE_PASSED;
    /* Pairs with the acquire in find_in_bucket: the value was stored before. */
    atomic_store_explicit(&table->slots[slot], mark | slot_key, memory_order_release);
    table->used++;
}

void table_remove(struct table *table, size_t slot)
{
    uint64_t mark = atomic_load_explicit(&table->slots[slot], memory_order_relaxed) & TABLE_PASSED;
    atomic_store_explicit(&table->slots[slot], mark, memory_order_release);
    table->used--;
}

bool table_worn(const struct table *table)
{
    return table->marks > (size_t)table->bucket_count * TABLE_BUCKET_SLOTS / WORN_ONE_IN;
}

size_t table_bytes(const struct table *table)
{
    return table->pages.size_bytes;
}
