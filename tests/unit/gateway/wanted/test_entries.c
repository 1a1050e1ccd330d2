/*
 * Random batches, snapshots and settlings against a model that keeps what an index would hold:
 * entries never move or change, whatever was told stays readable until it is settled, the changes
 * told lead from what was held to what there is, and memory that runs out changes nothing. The
 * parts under test are compiled in here, with an allocator that fails when told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static long allocations_left = -1; /* -1: no limit */

static void *failing_realloc(void *old, size_t size)
{
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left -= allocations_left > 0;
    return realloc(old, size);
}

#define malloc(size) failing_realloc(NULL, size)
#define realloc(old, size) failing_realloc(old, size)
/* NOLINTBEGIN(bugprone-suspicious-include): see above */
#include "gateway/wanted/entries.c"
#include "gateway/wanted/order.c"
/* NOLINTEND(bugprone-suspicious-include) */
#undef malloc
#undef realloc

enum { IDS = 3000, STEPS = 4000, TEXT_SIZE = 32, BATCH_MOST = 200 };

struct model {
    struct entries entries;
    const struct wanted_entry *is[IDS];   /* in the list */
    uint32_t version[IDS];                /* of that */
    const struct wanted_entry *held[IDS]; /* in the index */
    uint32_t held_version[IDS];
    bool settled; /* once at least since the last whole */
    size_t versions;
};

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
    return 0;
}

/* ---- items: the text names id and version ---- */

static struct wanted_item item_of(uint64_t id, uint32_t version, char text[TEXT_SIZE])
{
    int size = snprintf(text, TEXT_SIZE, "%llu version %u", (unsigned long long)id, version);
    return (struct wanted_item){.record = {.id = id, .key = version, .text_size = (uint32_t)size},
                                .text = text};
}

static void check_entry(const struct wanted_entry *entry, uint64_t id, uint32_t version)
{
    char text[TEXT_SIZE];
    struct wanted_item item = item_of(id, version, text);
    assert_int_equal(entry->match.record.id, id);
    assert_int_equal(entry->match.record.key, version);
    assert_int_equal(entry->match.record.text_size, item.record.text_size);
    assert_memory_equal(entry->match.text, text, item.record.text_size);
}

/* The list is what the model says, and what the index holds can be read. */
static void check(const struct model *m)
{
    struct wanted_cursor cursor = {0};
    for (uint64_t id = 0; id < IDS; id++) {
        if (m->is[id]) {
            assert_ptr_equal(order_next(&m->entries.order, &cursor), m->is[id]);
            check_entry(m->is[id], id, m->version[id]);
        }
        if (m->held[id]) {
            check_entry(m->held[id], id, m->held_version[id]);
        }
    }
    assert_null(order_next(&m->entries.order, &cursor));
}

/* ---- steps ---- */

struct plan {
    struct batch batch;
    struct wanted_item items[BATCH_MOST];
    uint64_t withdrawn[BATCH_MOST];
    char texts[BATCH_MOST][TEXT_SIZE];
    bool used[IDS];
};

/* Ids that are (not) in the list, rising, none twice in a batch. */
static size_t pick(struct plan *p, const struct model *m, bool in_list, size_t most, uint64_t *out)
{
    size_t count = 0;
    uint64_t id = random_below(IDS);
    for (; id < IDS && count < most; id += 1 + random_below(20)) {
        if ((m->is[id] != NULL) == in_list && !p->used[id]) {
            p->used[id] = true;
            out[count++] = id;
        }
    }
    return count;
}

static void make_plan(struct plan *p, struct model *m)
{
    uint64_t ids[BATCH_MOST] = {0};
    memset(p, 0, sizeof(*p));
    struct batch *b = &p->batch;
    b->items = p->items;
    b->withdrawn = p->withdrawn;
    b->added_count = pick(p, m, false, random_below(BATCH_MOST / 2), ids);
    b->changed_count = pick(p, m, true, random_below(20), ids + b->added_count);
    b->withdrawn_count = pick(p, m, true, random_below(BATCH_MOST / 2), p->withdrawn);
    for (size_t i = 0; i < b->added_count + b->changed_count; i++) {
        p->items[i] = item_of(ids[i], (uint32_t)++m->versions, p->texts[i]);
    }
}

static void take_batch(struct model *m, bool may_fail)
{
    static struct plan p;
    make_plan(&p, m);
    allocations_left = may_fail ? (long)random_below(8) : -1;
    int result = entries_apply(&m->entries, &p.batch);
    allocations_left = -1;
    if (result < 0) {
        assert_int_equal(result, ERR_NO_MEMORY);
        check(m); /* nothing changed */
        return;
    }
    for (size_t i = 0; i < p.batch.added_count + p.batch.changed_count; i++) {
        uint64_t id = p.items[i].record.id;
        struct wanted_entry **slot = order_find(&m->entries.order, id);
        assert_non_null(slot);
        assert_ptr_not_equal(*slot, m->is[id]);
        m->is[id] = *slot;
        m->version[id] = (uint32_t)p.items[i].record.key;
    }
    for (size_t i = 0; i < p.batch.withdrawn_count; i++) {
        m->is[p.withdrawn[i]] = NULL;
    }
}

/* A snapshot of other entries takes the place of all. */
static void take_snapshot(struct model *m)
{
    struct entries next = {0};
    memset(m->is, 0, sizeof(m->is));
    for (uint64_t id = random_below(IDS); id < IDS; id += 1 + random_below(10)) {
        char text[TEXT_SIZE];
        struct wanted_item item = item_of(id, (uint32_t)++m->versions, text);
        assert_int_equal(entries_append(&next, &item, 1), 0);
        m->is[id] = *order_find(&next.order, id);
        m->version[id] = (uint32_t)m->versions;
    }
    entries_replace(&m->entries, &next);
    assert_int_equal(next.order.count, 0);
    m->settled = false;
}

/* The changes lead from what is held to what there is; the withdrawn can be read until then. */
static void settle(struct model *m)
{
    const struct entries *e = &m->entries;
    assert_int_equal(e->noting, m->settled);
    if (e->noting) {
        for (size_t i = 0; i < e->withdrawn.count; i++) {
            uint64_t id = e->withdrawn.entries[i]->match.record.id;
            assert_ptr_equal(m->held[id], e->withdrawn.entries[i]);
            m->held[id] = NULL;
        }
        for (size_t i = 0; i < e->added.count; i++) {
            uint64_t id = e->added.entries[i]->match.record.id;
            assert_null(m->held[id]);
            m->held[id] = e->added.entries[i];
        }
        assert_memory_equal(m->held, m->is, sizeof(m->is));
    }
    entries_settle(&m->entries);
    memcpy(m->held, m->is, sizeof(m->is));
    memcpy(m->held_version, m->version, sizeof(m->version));
    m->settled = true;
}

static void test_random_batches(void **state)
{
    (void)state;
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    for (int i = 0; i < STEPS; i++) {
        uint64_t what = random_below(100);
        if (what < 80) {
            take_batch(m, what < 30);
        } else if (what < 98) {
            settle(m);
        } else {
            take_snapshot(m);
        }
        if (i % 10 == 0) {
            check(m);
        }
    }
    settle(m);
    check(m);
    entries_fini(&m->entries);
    free(m);
}

static void test_never_settled_keeps_nothing(void **state)
{
    (void)state;
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    for (int i = 0; i < STEPS / 10; i++) {
        take_batch(m, false);
    }
    check(m);
    assert_int_equal(m->entries.withdrawn.count + m->entries.added.count, 0);
    assert_int_equal(m->entries.former.count, 0);
    entries_fini(&m->entries);
    free(m);
}

static void test_chunk_that_does_not_fit_leaks_nothing(void **state)
{
    (void)state;
    static struct wanted_item items[1000];
    static char texts[1000][TEXT_SIZE];
    int result = ERR_NO_MEMORY;
    for (uint64_t id = 0; id < 1000; id++) {
        items[id] = item_of(id, 1, texts[id]);
    }
    for (long limit = 0; result < 0; limit++) {
        struct entries e = {0};
        allocations_left = limit;
        result = entries_append(&e, items, 1000);
        allocations_left = -1;
        assert_true(result == 0 || result == ERR_NO_MEMORY);
        assert_int_equal(result == 0 ? 1000 : e.order.count, e.order.count);
        entries_fini(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_batches),
        cmocka_unit_test(test_never_settled_keeps_nothing),
        cmocka_unit_test(test_chunk_that_does_not_fit_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
