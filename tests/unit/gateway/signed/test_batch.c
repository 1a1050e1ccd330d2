/*
 * Batches: round trip, order, two clerks, wrong keys, damage.
 */
#include "signed_builder.h"

static struct world *world;

static int setup(void **state)
{
    (void)state;
    world = world_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_destroy(world);
    return 0;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct batch b;
    size_t size = 0;
    struct wanted_item items[] = {item_make(1, "鲁H12345", 2), item_make(7, "鲁H1?345", 3)};
    uint64_t gone[] = {3, 9};
    struct batch_plan plan = {.time = {T0_MS},
                              .added = items,
                              .added_count = 1,
                              .changed = items + 1,
                              .changed_count = 1,
                              .withdrawn = gone,
                              .withdrawn_count = 2};
    char *text = batch_text(world, &plan, &size, WORLD_CLERK_A, WORLD_KEYS);
    ok(batch_verify(&world->set, text, size, &b, &err), &err);
    assert_int_equal(b.revision, 1);
    assert_int_equal(b.added_count, 1);
    assert_int_equal(b.changed_count, 1);
    assert_int_equal(b.withdrawn_count, 2);
    assert_int_equal(b.withdrawn[1], 9);
    assert_int_equal(b.items[1].record.id, 7);
    assert_int_equal(b.items[0].record.key, items[0].record.key);
    assert_memory_equal(b.items[0].text, items[0].text, items[0].record.text_size);
    assert_int_equal(b.clerk_count, 1);
    assert_string_equal(b.clerks[0], "clerk A");
    batch_fini(&b);
    free(text);
    item_free(&items[0]);
    item_free(&items[1]);
}

static int verify_first(int priority, bool first, bool second, enum world_key second_key,
                        struct err_text *err)
{
    struct batch b = {0};
    size_t size = 0;
    struct wanted_item item = item_make(1, "鲁H12345", priority);
    struct batch_plan plan = {.time = {T0_MS}, .added = &item, .added_count = 1};
    char *text = batch_text(world, &plan, &size, first ? WORLD_CLERK_A : second_key,
                            first && second ? second_key : WORLD_KEYS, WORLD_KEYS);
    int result = batch_verify(&world->set, text, size, &b, err);
    if (result == ERR_OK) {
        batch_fini(&b);
    }
    free(text);
    item_free(&item);
    return result;
}

static void test_priority_1_needs_two_clerks(void **state)
{
    (void)state;
    struct err_text err = {0};
    assert_int_equal(verify_first(1, true, false, WORLD_KEYS, &err), ERR_DENIED);
    assert_string_equal(err.text, "wanted batch: holds a priority 1 or observe entry, expected two "
                                  "different clerks");
    assert_int_equal(verify_first(1, true, true, WORLD_CLERK_A_SPARE, &err), ERR_DENIED);
    assert_int_equal(verify_first(1, true, true, WORLD_CLERK_B, &err), 0);
    assert_int_equal(verify_first(2, true, false, WORLD_KEYS, &err), 0);
}

static void test_every_wrong_role_is_refused(void **state)
{
    (void)state;
    for (enum world_key key = WORLD_FRESHNESS; key <= WORLD_INSTRUCTION; key++) {
        struct err_text err = {0};
        assert_int_equal(verify_first(2, false, true, key, &err), ERR_DENIED);
        assert_non_null(strstr(err.text, "expected list"));
        /* Nor does a right signature beside it help. */
        assert_int_equal(verify_first(2, true, true, key, &err), ERR_DENIED);
    }
}

static void test_order(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct batch b;
    size_t size = 0;
    char *text = simple_batch(world, &size);
    ok(batch_verify(&world->set, text, size, &b, &err), &err);
    struct list_head head = {0};
    assert_int_equal(batch_check_next(&head, &b, &err), 0);
    head = (struct list_head){.revision = 1, .time = b.time};
    memcpy(head.hash, b.hash, HASH_SIZE);
    assert_int_equal(batch_check_next(&head, &b, &err), ERR_STALE);
    head.hash[0] ^= 1;
    assert_int_equal(batch_check_next(&head, &b, &err), ERR_CONFLICT);
    b.revision = 2;
    assert_int_equal(batch_check_next(&head, &b, &err), ERR_CONFLICT);
    memcpy(b.prev, head.hash, HASH_SIZE);
    assert_int_equal(batch_check_next(&head, &b, &err), 0);
    b.time.ms--;
    assert_int_equal(batch_check_next(&head, &b, &err), ERR_INVALID);
    b.revision = 3;
    assert_int_equal(batch_check_next(&head, &b, &err), ERR_NOT_FOUND);
    batch_fini(&b);
    free(text);
}

/* No flipped bit of the envelope text verifies as a different batch. */
static void test_flipped_bits(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = simple_batch(world, &size);
    struct batch original;
    struct err_text err = {0};
    ok(batch_verify(&world->set, text, size, &original, &err), &err);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct batch b;
            text[i] = (char)(text[i] ^ 1 << bit);
            if (batch_verify(&world->set, text, size, &b, &err) == ERR_OK) {
                assert_memory_equal(b.hash, original.hash, HASH_SIZE);
                batch_fini(&b);
            }
            text[i] = (char)(text[i] ^ 1 << bit);
        }
    }
    batch_fini(&original);
    free(text);
}

static void test_truncated(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = simple_batch(world, &size);
    for (size_t cut = 0; cut < size; cut++) {
        struct batch b;
        struct err_text err = {0};
        assert_true(batch_verify(&world->set, text, cut, &b, &err) < 0);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_priority_1_needs_two_clerks),
        cmocka_unit_test(test_every_wrong_role_is_refused),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
