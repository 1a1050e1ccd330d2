/*
 * The bucket table: 63-bit keys to 64-bit values, for one writer while any number of readers look,
 * without a lock. Eight keys stand together in a cache line, their values in a parallel array, so
 * a look that finds nothing costs one line. A key that finds its bucket full goes to another one
 * along its probe sequence and leaves a mark: bit 63 of slot t of a bucket says that a key with tag
 * t passed it by. Marks are never taken back (table_worn), keys are never moved.
 *
 * Writer and reader: a value is stored before its key and taken as it is found, so a reader that
 * sees a key sees a value as new; slots are used again at once, so what a value leads to must say
 * itself which key it belongs to, and the reader compares.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/match/keys.h"
#include "gateway/match/pages.h"

enum {
    TABLE_BUCKET_SLOTS = 8,
    TABLE_BUCKET_BYTES = 64,
    TABLE_PROBES_MAX = 16, /* buckets a key may be in, all different */
    /* One look in 230 must go on to a second bucket; at 60 one in 75, at twice the cost of others.
     */
    TABLE_LOAD_PERCENT = 50
};
#define TABLE_PASSED (UINT64_C(1) << 63)
#define TABLE_NO_SLOT SIZE_MAX

struct table {
    _Atomic uint64_t *slots;  /* bucket_count * TABLE_BUCKET_SLOTS, key and mark */
    _Atomic uint64_t *values; /* of the slots */
    uint32_t bucket_count;    /* a prime */
    uint64_t seed[3];         /* of the hash: a list made by an enemy cannot aim at a bucket */
    size_t used;              /* the writer's */
    size_t marks;             /* the writer's */
    struct pages pages;
};

/* Where a key belongs: its first bucket and tag in one, as the byte offset of the slot whose bit 63
 * tells whether keys of this tag went past that bucket (its three lowest bits say nothing). */
struct table_place {
    uint64_t mark;
    uint32_t step; /* buckets from one probe to the next */
};

/* Multiplying pairs of words is universal in its high half (Thorup, "High speed hashing for
 * integers and strings", 3.5), and costs the kernels one multiplication. */
static inline uint64_t table_hash(const struct table *table, uint64_t slot_key)
{
    return (table->seed[0] + (uint32_t)slot_key) * (table->seed[1] + (slot_key >> 32)) +
           table->seed[2];
}

static inline uint64_t table_mark_of(const struct table *table, uint64_t hash)
{
    return (hash >> 32) * table->bucket_count >> 26 & ~UINT64_C(7);
}

static inline struct table_place table_place(const struct table *table, uint64_t slot_key)
{
    uint64_t hash = table_hash(table, slot_key);
    return (struct table_place){
        .mark = table_mark_of(table, hash),
        .step = 1 + (uint32_t)((uint64_t)(uint32_t)hash * (table->bucket_count - 1) >> 32)};
}

/* The same tag in the next bucket of the sequence. */
static inline uint64_t table_next_mark(const struct table *table, struct table_place place)
{
    uint64_t bucket = place.mark / TABLE_BUCKET_BYTES + place.step;
    bucket -= bucket >= table->bucket_count ? table->bucket_count : 0;
    return bucket * TABLE_BUCKET_BYTES + place.mark % TABLE_BUCKET_BYTES;
}

static inline size_t table_first_slot(uint64_t mark)
{
    return mark / TABLE_BUCKET_BYTES * TABLE_BUCKET_SLOTS;
}

static inline bool table_is_marked(const struct table *table, uint64_t mark)
{
    return atomic_load_explicit(&table->slots[mark / 8], memory_order_relaxed) & TABLE_PASSED;
}

/* Room for `keys`; `seed` 0: a random one. ERR_NO_MEMORY, ERR_IO (no randomness). */
int table_init(struct table *table, size_t keys, uint64_t seed) MUST_CHECK;
/* A table of zeroes is fine. */
void table_fini(struct table *table);

/* Slot of a key, TABLE_NO_SLOT: not there. Any thread. */
size_t table_find(const struct table *table, uint64_t slot_key, struct table_place place);
/* The key is in one of the buckets behind the first, which the caller has looked into. */
bool table_find_behind(const struct table *table, uint64_t slot_key);

/* Writer: a free slot for a key that is not there; its buckets passed by are marked. ERR_FULL. */
int table_reserve(struct table *table, struct table_place place, size_t *out_slot) MUST_CHECK;
/* Writer: the key stands at the slot from here on; its value was stored. */
void table_publish(struct table *table, size_t slot, uint64_t slot_key);
void table_remove(struct table *table, size_t slot);
/* Brings the lines that looking, adding or removing touches. */
static inline void table_prefetch(const struct table *table, struct table_place place)
{
    __builtin_prefetch((const uint8_t *)table->slots + place.mark, 1);
    __builtin_prefetch((const uint8_t *)table->values + place.mark, 1);
}

/* So many marks that looks often go to a second bucket: a new table is due. */
bool table_worn(const struct table *table);
size_t table_bytes(const struct table *table);
