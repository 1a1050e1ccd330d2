/*
 * The verified list: what it takes, what it refuses, and that a refusal changes nothing.
 */
#include "wanted_world.h"

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

static void refused(struct wanted_list *list, struct text text, int code)
{
    struct err_text err = {0};
    struct list_head before = *wanted_list_head(list);
    size_t count = wanted_list_count(list);
    assert_int_equal(wanted_list_apply_batch(list, text.data, text.size, &err), code);
    assert_true(err.text[0] != '\0');
    assert_memory_equal(&before, wanted_list_head(list), sizeof(before));
    assert_int_equal(count, wanted_list_count(list));
    text_free(&text);
}

static void check_text(const struct wanted_entry *entry)
{
    struct err_text err = {0};
    const struct wanted_record *record = &entry->match.record;
    ok(wanted_entry_check_text(record, entry->match.text, record->text_size, &err), &err);
}

static void test_adds_changes_withdraws(void **state)
{
    (void)state;
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    list_take(list, chain_next(&c, (struct step){.add = 10}));
    list_take(list, chain_next(&c, (struct step){.add = 30}));
    list_take(list, chain_next(&c, (struct step){.add = 20})); /* a lower id later */
    list_take(list, chain_next(&c, (struct step){.change = 20, .withdraw = 10}));
    assert_int_equal(wanted_list_count(list), 2);
    struct wanted_cursor cursor = {0};
    const struct wanted_entry *entry = wanted_list_next(list, &cursor);
    assert_int_equal(entry->match.record.id, 20);
    assert_int_equal(entry->match.record.priority, 3);
    check_text(entry);
    entry = wanted_list_next(list, &cursor);
    assert_int_equal(entry->match.record.id, 30);
    check_text(entry);
    assert_null(wanted_list_next(list, &cursor));
    assert_null(wanted_list_find(list, 10));
    assert_memory_equal(wanted_list_head(list)->hash, c.head.hash, HASH_SIZE);
    wanted_list_destroy(list);
}

static void test_refuses_out_of_place(void **state)
{
    (void)state;
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    struct text first = chain_next(&c, (struct step){.add = 1});
    struct list_head at_first = c.head;
    struct text second = chain_next(&c, (struct step){.add = 2});
    struct text fork = batch_after(world, &at_first, (struct step){.add = 3});
    struct err_text err = {0};
    assert_int_equal(wanted_list_apply_batch(list, second.data, second.size, &err), ERR_NOT_FOUND);
    ok(wanted_list_apply_batch(list, first.data, first.size, &err), &err);
    ok(wanted_list_apply_batch(list, second.data, second.size, &err), &err);
    refused(list, first, ERR_STALE);
    refused(list, second, ERR_STALE);
    refused(list, fork, ERR_CONFLICT);
    struct list_head other = at_first;
    other.revision = 2;
    refused(list, batch_after(world, &other, (struct step){.add = 4}), ERR_CONFLICT);
    wanted_list_destroy(list);
}

static void test_refuses_wrong_keys_and_damage(void **state)
{
    (void)state;
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    list_take(list, chain_next(&c, (struct step){.add = 1}));
    for (int key = WORLD_FRESHNESS; key <= WORLD_INSTRUCTION; key++) {
        refused(list, batch_after(world, &c.head, (struct step){.add = 2, .keys_mask = 1 << key}),
                ERR_DENIED);
    }
    refused(list,
            batch_after(world, &c.head,
                        (struct step){.add = 2, .priority = 1, .keys_mask = 1 << WORLD_CLERK_A}),
            ERR_DENIED);
    struct text altered = batch_after(world, &c.head, (struct step){.add = 2});
    alter(&altered);
    refused(list, altered, ERR_CORRUPT);
    struct text cut = batch_after(world, &c.head, (struct step){.add = 2});
    cut.size /= 2;
    refused(list, cut, ERR_INVALID);
    refused(list, batch_after(world, &c.head, (struct step){.add = 1}), ERR_CONFLICT);
    refused(list, batch_after(world, &c.head, (struct step){.withdraw = 9}), ERR_NOT_FOUND);
    refused(list, statement_of(world, &c.head, T0_MS, WORLD_FRESHNESS), ERR_DENIED);
    list_take(list, chain_next(&c, (struct step){.add = 2}));
    wanted_list_destroy(list);
}

static void test_without_key_set_takes_nothing(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct chain c = {.world = world};
    struct wanted_list *list = NULL;
    assert_int_equal(wanted_list_create(&world->roots, &list), 0);
    refused(list, chain_next(&c, (struct step){.add = 1}), ERR_NOT_FOUND);
    struct text f = statement_of(world, &c.head, T0_MS, WORLD_FRESHNESS);
    assert_int_equal(wanted_list_set_freshness(list, f.data, f.size, at_ms(T0_MS), &err),
                     ERR_NOT_FOUND);
    text_free(&f);
    wanted_list_destroy(list);
}

static int set_keys(struct wanted_list *list, uint64_t version, int mask, const char *fleet,
                    int drop_key, int64_t time_ms)
{
    struct err_text err = {0};
    struct keyset set;
    size_t size = 0;
    world_fill_set(world, &set, version);
    set.time.ms = time_ms;
    (void)snprintf(set.fleet, sizeof(set.fleet), "%s", fleet);
    if (drop_key >= 0) {
        set.keys[drop_key] = set.keys[--set.key_count];
    }
    char *text = world_sign_set(world, &set, mask, &size);
    int result = wanted_list_set_keyset(list, text, size, &err);
    free(text);
    return result;
}

static void test_key_sets_only_rise(void **state)
{
    (void)state;
    struct wanted_list *list = list_with_keys(world);
    assert_int_equal(set_keys(list, 5, 1, "lu-hz", -1, T0_MS), ERR_DENIED); /* one root */
    assert_int_equal(set_keys(list, 5, 6, "other", -1, T0_MS), ERR_DENIED);
    assert_int_equal(set_keys(list, 5, 6, "lu-hz", -1, T0_MS), ERR_OK);
    assert_int_equal(set_keys(list, 5, 3, "lu-hz", -1, T0_MS), ERR_OK); /* the same again */
    assert_int_equal(set_keys(list, 5, 3, "lu-hz", -1, T0_MS + 1000), ERR_CONFLICT);
    assert_int_equal(set_keys(list, 4, 7, "lu-hz", -1, T0_MS), ERR_STALE);
    assert_int_equal(wanted_list_keyset(list)->version, 5);
    wanted_list_destroy(list);
}

static void test_removed_clerk_keeps_list_but_signs_no_more(void **state)
{
    (void)state;
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    list_take(list, chain_next(&c, (struct step){.add = 1, .keys_mask = 1 << WORLD_CLERK_A}));
    assert_int_equal(set_keys(list, 2, 3, "lu-hz", WORLD_CLERK_A, T0_MS), ERR_OK);
    assert_int_equal(wanted_list_count(list), 1);
    refused(list, batch_after(world, &c.head, (struct step){.add = 2}), ERR_DENIED);
    list_take(list, chain_next(&c, (struct step){.add = 2, .keys_mask = 1 << WORLD_CLERK_B}));
    wanted_list_destroy(list);
}

static size_t added_of(const struct wanted_list *list)
{
    struct wanted_changes changes;
    wanted_list_changes(list, &changes);
    assert_false(changes.whole);
    return changes.added_count;
}

static void test_changes_until_settled(void **state)
{
    (void)state;
    struct chain c = {.world = world};
    struct wanted_changes changes;
    struct wanted_list *list = list_with_keys(world);
    list_take(list, chain_next(&c, (struct step){.add = 1}));
    list_take(list, chain_next(&c, (struct step){.add = 2}));
    wanted_list_changes(list, &changes);
    assert_true(changes.whole && changes.added_count == 0 && changes.withdrawn_count == 0);
    wanted_list_settle(list);
    assert_int_equal(added_of(list), 0);
    const struct wanted_entry *first = wanted_list_find(list, 1);
    const struct wanted_entry *second = wanted_list_find(list, 2);
    list_take(list, chain_next(&c, (struct step){.add = 3, .change = 2, .withdraw = 1}));
    wanted_list_changes(list, &changes);
    assert_int_equal(changes.added_count, 2);
    assert_ptr_equal(changes.added[0], wanted_list_find(list, 3));
    assert_ptr_equal(changes.added[1], wanted_list_find(list, 2));
    assert_int_equal(changes.withdrawn_count, 2);
    assert_ptr_equal(changes.withdrawn[0], second);
    assert_ptr_equal(changes.withdrawn[1], first);
    assert_int_equal(second->match.record.priority, 2); /* as it was, and its text with it */
    check_text(first);
    check_text(second);
    wanted_list_settle(list);
    assert_int_equal(added_of(list), 0);
    assert_int_equal(wanted_list_find(list, 2)->match.record.priority, 3);
    wanted_list_destroy(list);
}

static void test_what_came_and_went_is_no_change(void **state)
{
    (void)state;
    struct chain c = {.world = world};
    struct wanted_changes changes;
    struct wanted_list *list = list_with_keys(world);
    wanted_list_settle(list);
    list_take(list, chain_next(&c, (struct step){.add = 1}));
    list_take(list, chain_next(&c, (struct step){.add = 2}));
    list_take(list, chain_next(&c, (struct step){.change = 2})); /* of one never told */
    list_take(list, chain_next(&c, (struct step){.add = 3, .withdraw = 1}));
    wanted_list_changes(list, &changes);
    assert_int_equal(changes.added_count, 2);
    assert_int_equal(changes.withdrawn_count, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_ptr_equal(changes.added[i],
                         wanted_list_find(list, changes.added[i]->match.record.id));
    }
    wanted_list_destroy(list);
}

static void test_a_snapshot_keeps_what_was_told(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct chain c = {.world = world};
    struct wanted_changes changes;
    struct wanted_list *source = list_with_keys(world);
    struct wanted_list *list = list_with_keys(world);
    struct text text = chain_next(&c, (struct step){.add = 1});
    ok(wanted_list_apply_batch(list, text.data, text.size, &err), &err);
    list_take(source, text);
    wanted_list_settle(list);
    const struct wanted_entry *held = wanted_list_find(list, 1);
    for (uint64_t id = 2; id <= 3; id++) { /* two of them before anybody takes one over */
        list_take(source, chain_next(&c, (struct step){.add = id}));
        struct shot shot = shot_of(world, source);
        ok(wanted_list_load_snapshot(list, shot.manifest.data, shot.manifest.size, shot_source,
                                     &shot, &err),
           &err);
        shot_free(&shot);
        wanted_list_changes(list, &changes);
        assert_true(changes.whole);
        assert_ptr_not_equal(wanted_list_find(list, 1), held);
        check_text(held);
    }
    struct text more = chain_next(&c, (struct step){.withdraw = 1});
    list_take(list, more);
    check_text(held);
    wanted_list_settle(list);
    assert_int_equal(added_of(list), 0);
    assert_int_equal(wanted_list_count(list), 2);
    wanted_list_destroy(source);
    wanted_list_destroy(list);
}

static enum list_state state_at(const struct wanted_list *list, int64_t ms)
{
    struct list_status status;
    wanted_list_status(list, at_ms(ms), &status);
    return status.state;
}

static int tell(struct wanted_list *list, const struct list_head *head, int64_t at, int64_t now)
{
    struct err_text err = {0};
    struct text f = statement_of(world, head, at, WORLD_FRESHNESS);
    int result = wanted_list_set_freshness(list, f.data, f.size, at_ms(now), &err);
    text_free(&f);
    return result;
}

static void test_states(void **state)
{
    (void)state;
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    assert_int_equal(state_at(list, T0_MS), LIST_NONE);
    list_take(list, chain_next(&c, (struct step){.add = 1}));
    assert_int_equal(state_at(list, T0_MS), LIST_STALE);
    assert_int_equal(tell(list, &c.head, T0_MS, T0_MS), ERR_OK);
    assert_int_equal(state_at(list, T0_MS), LIST_CURRENT);
    assert_int_equal(state_at(list, T0_MS + 3600 * 1000 - 1), LIST_CURRENT);
    assert_int_equal(state_at(list, T0_MS + 3600 * 1000), LIST_STALE);
    struct text next = chain_next(&c, (struct step){.add = 2});
    assert_int_equal(tell(list, &c.head, T0_MS + 1, T0_MS + 1), ERR_OK);
    assert_int_equal(state_at(list, T0_MS + 1), LIST_STALE); /* a later list is known */
    list_take(list, next);
    assert_int_equal(state_at(list, T0_MS + 1), LIST_CURRENT);
    list_take(list, chain_next(&c, (struct step){.add = 3}));
    assert_int_equal(state_at(list, T0_MS + 1), LIST_CURRENT); /* grown from a covered one */
    wanted_list_destroy(list);
}

static void test_refuses_statements(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    list_take(list, chain_next(&c, (struct step){.add = 1}));
    assert_int_equal(tell(list, &c.head, T0_MS + 1000, T0_MS), ERR_OK);
    assert_int_equal(tell(list, &c.head, T0_MS, T0_MS), ERR_STALE);
    assert_int_equal(tell(list, &c.head, T0_MS + 6 * 60 * 1000, T0_MS), ERR_INVALID);
    for (int key = 0; key <= WORLD_INSTRUCTION; key++) {
        struct text f = statement_of(world, &c.head, T0_MS + 2000, (enum world_key)key);
        int expected = key == WORLD_FRESHNESS ? ERR_OK : ERR_DENIED;
        assert_int_equal(wanted_list_set_freshness(list, f.data, f.size, at_ms(T0_MS), &err),
                         expected);
        text_free(&f);
    }
    assert_int_equal(state_at(list, T0_MS), LIST_CURRENT);
    struct list_head other = c.head;
    other.hash[0] ^= 1;
    assert_int_equal(tell(list, &other, T0_MS + 3000, T0_MS), ERR_CONFLICT);
    assert_int_equal(state_at(list, T0_MS), LIST_STALE);
    wanted_list_destroy(list);
}

static void test_snapshot_then_batches(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    struct wanted_list *box = list_with_keys(world);
    list_take(list, chain_next(&c, (struct step){.add = 1}));
    list_take(list, chain_next(&c, (struct step){.add = 2, .priority = 1}));
    struct shot shot = shot_of(world, list);
    ok(wanted_list_load_snapshot(box, shot.manifest.data, shot.manifest.size, shot_source, &shot,
                                 &err),
       &err);
    assert_int_equal(wanted_list_count(box), 2);
    assert_int_equal(wanted_list_snapshot_chunks(box), 1);
    assert_int_equal(wanted_list_load_snapshot(box, shot.manifest.data, shot.manifest.size,
                                               shot_source, &shot, &err),
                     ERR_STALE);
    /* the batch is dated before the snapshot was made */
    list_take(box, chain_next(&c, (struct step){.change = 1, .at_ms = T0_MS + 1}));
    assert_int_equal(wanted_list_find(box, 1)->match.record.priority, 3);
    shot_free(&shot);
    wanted_list_destroy(list);
    wanted_list_destroy(box);
}

static void test_without_texts_it_checks_the_same(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct chain c = {.world = world};
    struct wanted_list *hq = list_with_keys(world);
    struct wanted_list *box = list_with_keys(world);
    wanted_list_without_texts(box);
    list_take(hq, chain_next(&c, (struct step){.add = 10}));
    struct shot shot = shot_of(world, hq);
    struct wanted_list *beside = NULL;
    assert_int_equal(wanted_list_create_beside(box, &beside), 0);
    ok(wanted_list_load_snapshot(beside, shot.manifest.data, shot.manifest.size, shot_source, &shot,
                                 &err),
       &err);
    list_take(beside, chain_next(&c, (struct step){.add = 20, .change = 10}));
    refused(beside, batch_after(world, &c.head, (struct step){.add = 20}), ERR_CONFLICT);
    for (uint64_t id = 10; id <= 20; id += 10) {
        const struct wanted_entry *entry = wanted_list_find(beside, id);
        assert_null(entry->match.text);
        assert_int_not_equal(entry->match.record.text_size, 0);
    }
    assert_int_equal(wanted_list_find(beside, 10)->match.record.priority, 3);
    shot_free(&shot);
    wanted_list_destroy(beside);
    wanted_list_destroy(box);
    wanted_list_destroy(hq);
}

static void test_damaged_snapshot_changes_nothing(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct chain c = {.world = world};
    struct wanted_list *list = list_with_keys(world);
    struct wanted_list *box = list_with_keys(world);
    struct text first = chain_next(&c, (struct step){.add = 1});
    ok(wanted_list_apply_batch(box, first.data, first.size, &err), &err);
    list_take(list, first);
    list_take(list, chain_next(&c, (struct step){.add = 2}));
    struct shot shot = shot_of(world, list);
    for (size_t i = 0; i < shot.chunk_size; i += 7) {
        shot.chunk[i] ^= 0x10;
        assert_int_equal(wanted_list_load_snapshot(box, shot.manifest.data, shot.manifest.size,
                                                   shot_source, &shot, &err),
                         ERR_CORRUPT);
        shot.chunk[i] ^= 0x10;
    }
    shot.chunk_size--;
    assert_int_equal(wanted_list_load_snapshot(box, shot.manifest.data, shot.manifest.size,
                                               shot_source, &shot, &err),
                     ERR_CORRUPT);
    assert_int_equal(wanted_list_count(box), 1);
    assert_int_equal(wanted_list_head(box)->revision, 1);
    shot_free(&shot);
    wanted_list_destroy(list);
    wanted_list_destroy(box);
}

static void test_roots_folder(void **state)
{
    (void)state;
    char roots[128];
    char path[200];
    struct root_keys keys;
    struct err_text err = {0};
    char *folder = folder_make();
    roots_write(world, folder, roots);
    ok(wanted_roots_load(roots, &keys, &err), &err);
    assert_int_equal(keys.count, 3);
    (void)snprintf(path, sizeof(path), "%s/nonsense.pem", roots);
    ok(file_write_atomic(path, "x", 1, 0644, &err), &err);
    assert_true(wanted_roots_load(roots, &keys, &err) < 0);
    (void)snprintf(path, sizeof(path), "%s/none", folder);
    assert_int_equal(wanted_roots_load(path, &keys, &err), ERR_NOT_FOUND);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(wanted_roots_load(path, &keys, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "0 root keys (*.pem), expected 2 to 3"));
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds_changes_withdraws),
        cmocka_unit_test(test_refuses_out_of_place),
        cmocka_unit_test(test_refuses_wrong_keys_and_damage),
        cmocka_unit_test(test_without_key_set_takes_nothing),
        cmocka_unit_test(test_key_sets_only_rise),
        cmocka_unit_test(test_removed_clerk_keeps_list_but_signs_no_more),
        cmocka_unit_test(test_changes_until_settled),
        cmocka_unit_test(test_what_came_and_went_is_no_change),
        cmocka_unit_test(test_a_snapshot_keeps_what_was_told),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_refuses_statements),
        cmocka_unit_test(test_snapshot_then_batches),
        cmocka_unit_test(test_without_texts_it_checks_the_same),
        cmocka_unit_test(test_damaged_snapshot_changes_nothing),
        cmocka_unit_test(test_roots_folder),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
