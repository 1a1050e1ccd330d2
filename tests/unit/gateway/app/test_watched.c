/*
 * Which watched entries are gone: as many as there may be open hits, by the list as it stands, told
 * once a change and never without a list.
 */
#include "tests/unit/gateway/wanted/wanted_world.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): in no library, so compiled in */
#include "gateway/app/matchd/watched.c"

static struct matchd m;
static struct world *world;
static struct chain chain;
static uint64_t seen;
static uint64_t gone[MATCH_WATCH_MAX];
static size_t gone_count;

static int setup(void **state)
{
    (void)state;
    memset(&m, 0, sizeof(m));
    thread_lock_init(&m.watched.lock);
    world = world_create();
    chain = (struct chain){.world = world};
    seen = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pthread_mutex_destroy(&m.watched.lock);
    world_destroy(world);
    return 0;
}

static bool told(void)
{
    return matchd_watched_gone(&m, &seen, gone, &gone_count);
}

static void watch(uint64_t first, size_t count)
{
    static uint64_t entries[MATCH_WATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        entries[i] = first + i;
    }
    matchd_watch(&m, entries, count);
}

static void test_told_once_a_question_and_a_change(void **state)
{
    (void)state;
    struct wanted_list *list = list_with_keys(world);
    list_take(list, chain_next(&chain, (struct step){.add = 1}));
    list_take(list, chain_next(&chain, (struct step){.add = 2}));
    matchd_watched_look(&m, list);
    assert_false(told()); /* nobody asked */
    watch(1, 2);
    assert_false(told());
    matchd_watched_look(&m, list);
    assert_true(told());
    assert_int_equal(gone_count, 0);
    matchd_watched_look(&m, list);
    assert_false(told()); /* nothing new */
    list_take(list, chain_next(&chain, (struct step){.withdraw = 2}));
    matchd_watched_look(&m, list);
    assert_true(told());
    assert_int_equal(gone_count, 1);
    assert_int_equal(gone[0], 2);
    watch(1, 1);
    assert_false(told()); /* the answer to the set before is none to this one */
    matchd_watched_look(&m, list);
    assert_true(told());
    assert_int_equal(gone_count, 0);
    wanted_list_destroy(list);
}

static void test_no_list_is_no_withdrawal(void **state)
{
    (void)state;
    struct wanted_list *list = list_with_keys(world);
    watch(1, 2);
    matchd_watched_look(&m, list);
    assert_false(told());
    list_take(list, chain_next(&chain, (struct step){.add = 1}));
    matchd_watched_look(&m, list);
    assert_true(told());
    assert_int_equal(gone_count, 1);
    wanted_list_destroy(list);
}

static void test_as_many_as_there_may_be_open_hits(void **state)
{
    (void)state;
    struct wanted_list *list = list_with_keys(world);
    list_take(list, chain_next(&chain, (struct step){.add = 700}));
    watch(1, MATCH_WATCH_MAX);
    matchd_watched_look(&m, list);
    assert_true(told());
    assert_int_equal(gone_count, MATCH_WATCH_MAX - 1);
    assert_int_equal(gone[698], 699);
    assert_int_equal(gone[699], 701);
    assert_int_equal(gone[MATCH_WATCH_MAX - 2], MATCH_WATCH_MAX);
    wanted_list_destroy(list);
}

/* An entry of one signed batch. */
static void take_item(struct wanted_list *list, struct wanted_item item, bool added)
{
    struct err_text err = {0};
    struct envelope e;
    struct batch_plan plan = {.head = *wanted_list_head(list),
                              .time = at_ms(T0_MS),
                              .added = &item,
                              .added_count = added,
                              .changed = &item,
                              .changed_count = !added};
    ok(batch_compose(&plan, &e, &err), &err);
    assert_int_equal(envelope_sign(&e, world->key[WORLD_CLERK_A]), 0);
    list_take(list, sign_with(&e, world->key[WORLD_CLERK_B]));
}

static struct wanted_item item_with(const char *handling)
{
    struct wanted_item item;
    struct err_text err = {0};
    char *text = NULL;
    json_t *entry = entry_json(1, "鲁H12345", 2);
    json_object_set_new(entry, "handling", json_string(handling));
    ok(wanted_entry_from_json(entry, &item.record, &text, &err), &err);
    json_decref(entry);
    item.text = text;
    return item;
}

static void test_an_entry_that_is_only_observed_is_gone(void **state)
{
    (void)state;
    struct wanted_list *list = list_with_keys(world);
    struct wanted_item stop = item_with("stop");
    struct wanted_item observe = item_with("observe");
    take_item(list, stop, true);
    watch(1, 1);
    matchd_watched_look(&m, list);
    assert_true(told());
    assert_int_equal(gone_count, 0);
    take_item(list, observe, false);
    matchd_watched_look(&m, list);
    assert_true(told());
    assert_int_equal(gone_count, 1);
    item_free(&stop);
    item_free(&observe);
    wanted_list_destroy(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_told_once_a_question_and_a_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_list_is_no_withdrawal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_many_as_there_may_be_open_hits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_entry_that_is_only_observed_is_gone, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
