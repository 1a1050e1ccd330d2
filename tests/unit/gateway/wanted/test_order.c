/*
 * Entries by id against a plain sorted array, over random and awkward orders of coming and going.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wanted/order.h"

enum { IDS = 4096, STEPS = 60000, CHECK_EVERY = 500 };

static struct wanted_entry entries[IDS];
static uint64_t seed;

static uint64_t random_below(uint64_t bound)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % bound;
}

static int setup(void **state)
{
    (void)state;
    const char *given = getenv("CHECKPOINT_SEED");
    seed = given ? strtoull(given, NULL, 0) : 20261126;
    print_message("CHECKPOINT_SEED=%llu\n", (unsigned long long)seed);
    for (uint64_t id = 0; id < IDS; id++) {
        entries[id].match.record.id = id;
    }
    return 0;
}

/* Exactly the ids that `held` says, in order, each found. */
static void check(const struct order *order, const bool held[IDS])
{
    struct wanted_cursor cursor = {0};
    size_t count = 0;
    for (uint64_t id = 0; id < IDS; id++) {
        struct wanted_entry **slot = order_find(order, id);
        if (held[id]) {
            assert_ptr_equal(order_next(order, &cursor), &entries[id]);
            assert_non_null(slot);
            assert_ptr_equal(*slot, &entries[id]);
            count++;
        } else {
            assert_null(slot);
        }
    }
    assert_null(order_next(order, &cursor));
    assert_int_equal(order->count, count);
}

static void change(struct order *order, bool held[IDS], uint64_t id)
{
    if (held[id]) {
        assert_ptr_equal(order_remove(order, id), &entries[id]);
        assert_null(order_remove(order, id));
    } else {
        assert_int_equal(order_add(order, &entries[id]), 0);
    }
    held[id] = !held[id];
}

static void test_random_order(void **state)
{
    (void)state;
    struct order order = {0};
    static bool held[IDS];
    memset(held, 0, sizeof(held));
    check(&order, held);
    for (int i = 0; i < STEPS; i++) {
        /* Waves: mostly full, then mostly empty, so that leaves split, run dry and merge. */
        uint64_t id = random_below(IDS);
        bool filling = i / (2 * IDS) % 2 == 0;
        if (held[id] != filling || random_below(8) == 0) {
            change(&order, held, id);
        }
        if (i % CHECK_EVERY == 0) {
            check(&order, held);
        }
    }
    check(&order, held);
    order_fini(&order);
}

static void test_rising_then_from_the_front(void **state)
{
    (void)state;
    struct order order = {0};
    static bool held[IDS];
    memset(held, 0, sizeof(held));
    for (uint64_t id = 0; id < IDS; id++) {
        change(&order, held, id);
    }
    check(&order, held);
    assert_int_equal(order.row_count, IDS / ORDER_LEAF_MAX); /* ids that rise fill the leaves */
    for (uint64_t id = 0; id < IDS; id++) {
        change(&order, held, id);
        if (id % CHECK_EVERY == 0) {
            check(&order, held);
        }
    }
    assert_int_equal(order.row_count, 0);
    order_fini(&order);
}

static void test_falling(void **state)
{
    (void)state;
    struct order order = {0};
    static bool held[IDS];
    memset(held, 0, sizeof(held));
    for (uint64_t id = IDS; id-- > 0;) {
        change(&order, held, id);
    }
    check(&order, held);
    order_fini(&order);
}

static void test_thinned_out_gives_memory_back(void **state)
{
    (void)state;
    struct order order = {0};
    static bool held[IDS];
    memset(held, 0, sizeof(held));
    for (uint64_t id = 0; id < IDS; id++) {
        change(&order, held, id);
    }
    for (uint64_t id = 0; id < IDS; id++) {
        if (id % 32 != 0) {
            change(&order, held, id);
        }
    }
    check(&order, held);
    assert_in_range(order.row_count, 1, IDS / 32 / (ORDER_LEAF_MAX / 4) + 1);
    order_fini(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_order),
        cmocka_unit_test(test_rising_then_from_the_front),
        cmocka_unit_test(test_falling),
        cmocka_unit_test(test_thinned_out_gives_memory_back),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
