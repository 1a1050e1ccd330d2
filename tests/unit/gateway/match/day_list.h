/*
 * The writer's half of test_day.c: a wanted list that lives through a day. Every entry ever made is
 * written down (struct version), and for every person whose entry must be found at this moment
 * there is a promise that readers hold the index to. One thread writes; what readers look at is
 * atomic or complete before it can be reached.
 */
#pragma once

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/rcu.h"
#include "tests/unit/gateway/match/day_plates.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    HOUR_MS = 3600 * 1000,
    TEXT_SIZE = 12,
    SWEPT_A_BATCH = 200, /* persons looked at for having expired */
    ROOM_SHARE = 16,     /* an index has room for so small a part more: it fills up now and then */
    /* Persons of one plate, so that looking for it walks a long chain that changes under the
     * reader: in the first slots from now on, in the others not for a day. */
    CROWD_SLOTS = 64,
    CROWD_VALID = 4
};

/* "From the moment it is KEPT to the moment it is ENDED, reads of this plate at a time in
 * [from, until) find this id." State only moves on, `until` only grows. */
enum promise_state { PROMISE_MADE, PROMISE_KEPT, PROMISE_ENDED };

struct promise {
    uint64_t id;
    plate_key key;
    int64_t from_ms;
    _Atomic int64_t until_ms;
    _Atomic int state;
};

/* An entry as it was given to an index. `withdrawn_at`: 0, or the stamp from which on no read may
 * be told it. */
struct version {
    struct wanted_record record;
    _Atomic uint64_t withdrawn_at;
};

/* What an index holds on to; overwritten and freed after the grace period. The text is the number
 * of the version. */
struct owned {
    struct match_entry entry;
    size_t version;
    char text[TEXT_SIZE];
};

struct person {
    struct promise *promise;
    struct owned *owned;    /* NULL: nobody */
    struct owned *replaced; /* the version before, still in the index; NULL: none */
};

struct day {
    uint64_t random;
    size_t slots;
    struct person *persons;
    _Atomic(struct promise *) *directory; /* of the slots; NULL before the first person */
    struct version *versions;
    size_t version_count;
    size_t version_max;
    struct promise *promises;
    size_t promise_count;
    struct owned **retired; /* withdrawn, readers may still be on them */
    size_t retired_count;
    size_t *replacing; /* slots that have a replaced version, all of this batch */
    size_t replacing_count;
    size_t live;
    size_t sweep_at;
    void *in_force; /* struct match_index *, RCU */
    _Atomic int64_t now_ms;
    _Atomic uint64_t stamp;
    size_t added, withdrawn, renewed, changed, expired, swaps, rebuilds;
};

static _Noreturn void day_fail(const char *what)
{
    fprintf(stderr, "test_day: %s\n", what);
    abort();
}

static void *day_room(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        day_fail("no memory");
    }
    return memory;
}

static int64_t day_now(const struct day *d)
{
    return atomic_load_explicit(&d->now_ms, memory_order_relaxed);
}

/* ---- entries ---- */

static struct owned *own(struct day *d, const struct wanted_record *record)
{
    struct owned *owned = day_room(1, sizeof(*owned));
    if (d->version_count == d->version_max) {
        day_fail("more versions than were reckoned with");
    }
    owned->version = d->version_count++;
    d->versions[owned->version].record = *record;
    owned->entry = (struct match_entry){*record, owned->text};
    (void)snprintf(owned->text, TEXT_SIZE, "%zu",
                   owned->version); /* fits: version_max is checked */
    return owned;
}

static int64_t draw_from(struct day *d, size_t slot)
{
    int64_t now = day_now(d);
    if (slot < CROWD_SLOTS) {
        return slot < CROWD_VALID ? now : now + DAY_MS;
    }
    return day_one_in(&d->random, 8) ? now + day_below(&d->random, HOUR_MS) : now;
}

static struct wanted_record draw_record(struct day *d, size_t slot, uint64_t id)
{
    static const plate_class classes[] = {PLATE_CLASS_ANY, '0' << 8 | '2', '0' << 8 | '1'};
    int64_t from = draw_from(d, slot);
    int64_t until = from + 1 + day_below(&d->random, 8 * HOUR_MS);
    if (day_one_in(&d->random, 2)) { /* many expire together, at the hour */
        until = (until / HOUR_MS + 1) * HOUR_MS;
    }
    return (struct wanted_record){.id = id,
                                  .key = slot < CROWD_SLOTS ? day_crowded_plate()
                                                            : day_plate(&d->random),
                                  .valid_from = {from},
                                  .valid_until = {until},
                                  .class = classes[day_below(&d->random, 3)],
                                  .category = (uint16_t)day_below(&d->random, CATEGORY_SELF_TEST),
                                  .priority = (uint8_t)(1 + day_below(&d->random, 3)),
                                  .handling = HANDLING_STOP,
                                  .text_size = TEXT_SIZE};
}

static struct promise *promise(struct day *d, const struct wanted_record *record)
{
    struct promise *made = &d->promises[d->promise_count++];
    made->id = record->id;
    made->key = record->key;
    made->from_ms = record->valid_from.ms;
    atomic_store_explicit(&made->until_ms, record->valid_until.ms, memory_order_relaxed);
    return made;
}

/* The index has the entry: pairs with the acquire loads of a reader that holds it to that. */
static void keep(struct day *d, size_t slot)
{
    struct promise *made = d->persons[slot].promise;
    atomic_store_explicit(&made->state, PROMISE_KEPT, memory_order_release);
    atomic_store_explicit(&d->directory[slot], made, memory_order_release);
}

/* Before anything is taken away: whoever sees the index without it, by a store that releases, sees
 * this too. */
static void end(struct person *person)
{
    atomic_store_explicit(&person->promise->state, PROMISE_ENDED, memory_order_release);
}

/* After it is taken away: reads that begin from here on may not be told it. */
static void note_withdrawn(struct day *d, const struct owned *owned)
{
    uint64_t next = atomic_load_explicit(&d->stamp, memory_order_relaxed) + 1;
    atomic_store_explicit(&d->versions[owned->version].withdrawn_at, next, memory_order_relaxed);
    atomic_store_explicit(&d->stamp, next, memory_order_release);
}

/* The versions that were replaced are in the index no more. */
static void note_replaced(struct day *d)
{
    while (d->replacing_count > 0) {
        struct person *person = &d->persons[d->replacing[--d->replacing_count]];
        note_withdrawn(d, person->replaced);
        d->retired[d->retired_count++] = person->replaced;
        person->replaced = NULL;
        /* Release: who sees the longer time sees the entry that has it. */
        atomic_store_explicit(&person->promise->until_ms,
                              person->owned->entry.record.valid_until.ms, memory_order_release);
    }
}

static void give_back(struct owned *owned)
{
    memset(owned, 0xA5, sizeof(*owned)); /* whoever is still on it shall see nonsense */
    free(owned);
}

static void give_back_retired(struct day *d)
{
    while (d->retired_count > 0) {
        give_back(d->retired[--d->retired_count]);
    }
}

/* ---- whole lists ---- */

/* With any kernel that this machine runs. */
static struct match_index *create_index(struct day *d, const struct match_entry *const *entries,
                                        size_t count)
{
    const uint32_t others = MATCH_KERNELS - MATCH_KERNEL_SCALAR;
    struct match_options options = {.look_alike_max = 1, .room = d->slots / ROOM_SHARE};
    struct match_index *index = NULL;
    struct err_text err;
    options.kernel = (enum match_kernel)(MATCH_KERNEL_SCALAR + day_below(&d->random, others));
    int result = match_index_create(entries, count, &options, &index, &err);
    if (result == ERR_UNSUPPORTED) {
        options.kernel = MATCH_KERNEL_BEST;
        result = match_index_create(entries, count, &options, &index, &err);
    }
    if (result != 0) {
        day_fail(err.text);
    }
    return index;
}

static struct match_index *build(struct day *d)
{
    const struct match_entry **entries = day_room(d->slots, sizeof(const struct match_entry *));
    size_t count = 0;
    for (size_t i = 0; i < d->slots; i++) {
        if (d->persons[i].owned) {
            entries[count++] = &d->persons[i].owned->entry;
        }
    }
    struct match_index *index = create_index(d, entries, count);
    free(entries);
    return index;
}

/* Puts the list as it stands in force. `left`: entries the old index has and the new one has not,
 * `count` of them: freed here. */
static void publish(struct day *d, struct owned **left, size_t count)
{
    struct match_index *old = rcu_publish(&d->in_force, build(d));
    for (size_t i = 0; i < count; i++) {
        note_withdrawn(d, left[i]);
    }
    note_replaced(d);
    rcu_wait();
    match_index_destroy(old);
    for (size_t i = 0; i < count; i++) {
        give_back(left[i]);
    }
    give_back_retired(d);
}

/* The same entries in a new index: the old one is worn or full. */
static void rebuild(struct day *d)
{
    publish(d, NULL, 0);
    d->rebuilds++;
}

/* A new list: every twentieth person leaves, some come, and of those who stay the entries are made
 * anew (as from a snapshot) or are the same ones. */
static void swap_list(struct day *d)
{
    struct owned **left = day_room(d->slots, sizeof(struct owned *));
    uint8_t *came = day_room(d->slots, 1);
    bool anew = day_one_in(&d->random, 2);
    size_t count = 0;
    for (size_t i = 0; i < d->slots; i++) {
        struct person *person = &d->persons[i];
        if (person->owned && day_one_in(&d->random, 20)) {
            end(person);
            left[count++] = person->owned;
            person->owned = NULL;
            d->live--;
        } else if (person->owned && anew) {
            struct wanted_record record = person->owned->entry.record;
            left[count++] = person->owned;
            person->owned = own(d, &record);
        } else if (!person->owned && day_one_in(&d->random, 4)) {
            struct wanted_record record = draw_record(d, i, d->promise_count + 1);
            *person = (struct person){promise(d, &record), own(d, &record), NULL};
            came[i] = 1;
            d->live++;
        }
    }
    publish(d, left, count);
    for (size_t i = 0; i < d->slots; i++) {
        if (came[i]) {
            keep(d, i);
        }
    }
    free(left);
    free(came);
    d->swaps++;
}

/* ---- one update ---- */

static void add_to_index(struct day *d, const struct owned *owned)
{
    struct err_text err;
    int result = match_index_add(d->in_force, &owned->entry, &err);
    if (result == ERR_FULL) { /* `owned` is not one of the persons' yet */
        rebuild(d);
        result = match_index_add(d->in_force, &owned->entry, &err);
    }
    if (result != 0) {
        day_fail(err.text);
    }
}

static void remove_from_index(struct day *d, const struct owned *owned)
{
    if (match_index_withdraw(d->in_force, &owned->entry) != 0) {
        day_fail("an entry of the index cannot be withdrawn");
    }
}

static void take_from_index(struct day *d, struct owned *owned)
{
    remove_from_index(d, owned);
    note_withdrawn(d, owned);
    d->retired[d->retired_count++] = owned;
}

static void add_person(struct day *d, size_t slot)
{
    struct wanted_record record = draw_record(d, slot, d->promise_count + 1);
    struct owned *owned = own(d, &record);
    add_to_index(d, owned);
    d->persons[slot] = (struct person){promise(d, &record), owned, NULL};
    keep(d, slot);
    d->live++;
    d->added++;
}

static void withdraw_person(struct day *d, size_t slot)
{
    struct person *person = &d->persons[slot];
    end(person);
    take_from_index(d, person->owned);
    person->owned = NULL;
    d->live--;
}

/* Longer valid, otherwise the same: the promise goes on while the entry is replaced. */
static void renew_person(struct day *d, size_t slot)
{
    struct person *person = &d->persons[slot];
    struct wanted_record record = person->owned->entry.record;
    record.valid_until.ms += 1 + day_below(&d->random, HOUR_MS);
    record.priority = (uint8_t)(1 + day_below(&d->random, 3));
    struct owned *owned = own(d, &record);
    add_to_index(d, owned);
    person->replaced = person->owned;
    person->owned = owned;
    d->replacing[d->replacing_count++] = slot;
    d->renewed++;
}

/* A reader that began before the new versions came may still be on its way to the old ones: they go
 * only when it has ended. */
static void finish_renewing(struct day *d)
{
    if (d->replacing_count > 0) {
        rcu_wait();
    }
    for (size_t i = 0; i < d->replacing_count; i++) {
        remove_from_index(d, d->persons[d->replacing[i]].replaced);
    }
    note_replaced(d);
}

/* Another plate, class or time under the same id. */
static void change_person(struct day *d, size_t slot)
{
    struct person *person = &d->persons[slot];
    struct owned *old = person->owned;
    struct wanted_record record = draw_record(d, slot, old->entry.record.id);
    struct owned *owned = own(d, &record);
    end(person);
    add_to_index(d, owned);
    *person = (struct person){promise(d, &record), owned, NULL};
    take_from_index(d, old);
    keep(d, slot);
    d->changed++;
}

static void update(struct day *d)
{
    bool crowd = day_one_in(&d->random, 3);
    size_t slot = day_below(&d->random, crowd ? CROWD_SLOTS : (uint32_t)d->slots);
    if (!d->persons[slot].owned) {
        add_person(d, slot);
        return;
    }
    if (d->persons[slot].replaced) {
        return; /* one change of a person a batch */
    }
    switch (day_below(&d->random, 4)) {
    case 0:
        renew_person(d, slot);
        break;
    case 1:
        change_person(d, slot);
        break;
    default:
        withdraw_person(d, slot);
        d->withdrawn++;
        break;
    }
}

/* Takes away what has expired, some while after it has. */
static void sweep(struct day *d)
{
    for (int i = 0; i < SWEPT_A_BATCH; i++) {
        d->sweep_at = (d->sweep_at + 1) % d->slots;
        const struct owned *owned = d->persons[d->sweep_at].owned;
        if (owned && owned->entry.record.valid_until.ms <= day_now(d)) {
            withdraw_person(d, d->sweep_at);
            d->expired++;
        }
    }
}

/* `count` updates; then, mostly, what they withdrew is freed. */
static void batch(struct day *d, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        update(d);
    }
    finish_renewing(d);
    sweep(d);
    if (match_index_worn(d->in_force)) {
        rebuild(d);
    } else if (!day_one_in(&d->random, 4) || d->retired_count > d->slots) {
        rcu_wait();
        match_index_reclaim(d->in_force);
        give_back_retired(d);
    }
}

/* ---- the whole ---- */

static void day_open(struct day *d, uint64_t seed, size_t slots, size_t updates)
{
    size_t swapped = 26 * slots; /* a swap an hour makes every entry anew */
    *d = (struct day){.random = seed, .slots = slots};
    d->persons = day_room(slots, sizeof(*d->persons));
    d->directory = day_room(slots, sizeof(*d->directory));
    d->version_max = updates + swapped;
    d->versions = day_room(d->version_max, sizeof(*d->versions));
    d->promises = day_room(d->version_max, sizeof(*d->promises));
    d->retired = day_room(4 * slots, sizeof(struct owned *));
    d->replacing = day_room(slots, sizeof(*d->replacing));
    publish(d, NULL, 0);
    for (size_t i = 0; i < slots / 2; i++) {
        add_person(d, i);
    }
}

static void day_close(struct day *d)
{
    match_index_destroy(d->in_force);
    give_back_retired(d);
    for (size_t i = 0; i < d->slots; i++) {
        if (d->persons[i].owned) {
            give_back(d->persons[i].owned);
        }
    }
    free(d->persons);
    free(d->directory);
    free(d->versions);
    free(d->promises);
    free(d->retired);
    free(d->replacing);
}
