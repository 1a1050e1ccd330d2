/*
 * Indexes swapped under RCU while readers look things up: a hit always names an entry of the index
 * that was in force for the whole look, and each index is freed once nobody looks into it. Run
 * under AddressSanitizer and ThreadSanitizer this is what says that the swap is right.
 */
#include <assert.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/rcu.h"
#include "gateway/base/thread.h"
#include "gateway/match/index.h"

enum { READERS = 3, SWAPS = 300, ENTRIES = 64, BURST = 8, TEXT_SIZE = 16 };

/* One generation: every entry carries its number in category, text and id. */
struct generation {
    uint32_t number;
    struct match_index *index;
    struct match_entry entries[ENTRIES];
    char texts[ENTRIES][TEXT_SIZE];
};

static void *in_force; /* struct generation *, RCU */
static atomic_ullong looks;
static atomic_uint made;
static atomic_uint freed;

static plate_key key_number(unsigned i)
{
    char text[16];
    struct plate_text plate;
    snprintf(text, sizeof(text), i % 8 == 7 ? "鲁H?%04u" : "鲁H1%04u", i);
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.key;
}

static struct generation *generation_create(uint32_t number)
{
    struct generation *g = calloc(1, sizeof(*g));
    const struct match_entry *entries[ENTRIES];
    struct err_text err;
    assert(g);
    g->number = number;
    for (unsigned i = 0; i < ENTRIES; i++) {
        g->entries[i].record = (struct wanted_record){.id = (uint64_t)number * ENTRIES + i + 1,
                                                      .key = key_number(i),
                                                      .valid_until = {INT64_MAX},
                                                      .class = PLATE_CLASS_ANY,
                                                      .priority = 2,
                                                      .handling = HANDLING_STOP,
                                                      .text_size = TEXT_SIZE};
        snprintf(g->texts[i], TEXT_SIZE, "%u", number);
        g->entries[i].text = g->texts[i];
        entries[i] = &g->entries[i];
    }
    int result = match_index_create(entries, ENTRIES, NULL, &g->index, &err);
    assert(result == 0);
    atomic_fetch_add(&made, 1);
    return g;
}

static void generation_destroy(struct generation *g)
{
    match_index_destroy(g->index);
    free(g);
    atomic_fetch_add(&freed, 1);
}

static void look(unsigned i)
{
    const struct generation *g = rcu_load(&in_force);
    const struct plate_read read = {.kind = PLATE_KEY, .key = key_number(i % 7)};
    struct match_result result;
    match_find(g->index, NULL, &read, (struct wall_time){1}, true, &result);
    assert(result.hit_count == 1);
    assert((result.hits[0].entry.id - 1) / ENTRIES == g->number);
    assert(strtoul(result.texts[0], NULL, 10) == g->number);
    atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed);
}

/* As matchd's threads do: online for a burst, offline while they wait for frames. */
static void reader_run(struct thread *self, void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    rcu_reader_register();
    rcu_reader_offline();
    while (!thread_stopping(self)) {
        rcu_reader_online();
        for (unsigned i = 0; i < BURST; i++) {
            look(seed++);
            if (i % 2) {
                rcu_reader_quiescent();
            }
        }
        rcu_reader_offline();
    }
    rcu_reader_unregister();
}

static void readers_see_whole_indexes_and_old_ones_are_freed(void **state)
{
    struct thread readers[READERS];
    const struct thread_options options = {.name = "reader", .core = -1};
    (void)state;
    (void)rcu_publish(&in_force, generation_create(0)); /* there was none */
    for (uintptr_t i = 0; i < READERS; i++) {
        assert_int_equal(thread_start(&readers[i], &options, reader_run, (void *)i), 0);
    }
    for (uint32_t number = 1; number <= SWAPS; number++) {
        struct generation *old = rcu_publish(&in_force, generation_create(number));
        rcu_wait();
        assert_int_equal(old->number, number - 1);
        generation_destroy(old);
    }
    unsigned long long before = atomic_load(&looks);
    while (atomic_load(&looks) < before + READERS * BURST) {
        /* the readers are alive after the last swap; ctest's time-out is the deadline */
        sched_yield();
    }
    for (int i = 0; i < READERS; i++) {
        thread_stop(&readers[i]);
        thread_join(&readers[i]);
    }
    generation_destroy(in_force);
    assert_int_equal(atomic_load(&made), SWAPS + 1);
    assert_int_equal(atomic_load(&freed), SWAPS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_whole_indexes_and_old_ones_are_freed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
