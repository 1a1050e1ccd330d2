/*
 * The match policy over store, a real redis-server and reader: taken once it verifies and is newer,
 * never given up for an older, other or altered one, kept over restarts.
 */
#include "redis_fixture.h"

#include "gateway/signed/match_policy.h"

static struct fixture *f;

static int setup(void **state)
{
    (void)state;
    f = fixture_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(f);
    return 0;
}

static struct match_policy policy_make(uint64_t version)
{
    return (struct match_policy){.version = version,
                                 .time = {T0_MS},
                                 .fleet = "lu-hz",
                                 .false_alerts = 3,
                                 .look_alike_max = 1};
}

static struct text text_of(const struct match_policy *policy, enum world_key a, enum world_key b)
{
    struct envelope e;
    struct err_text err = {0};
    ok(match_policy_compose(policy, &e, &err), &err);
    ok(envelope_sign(&e, f->world->key[a]), &err);
    return sign_with(&e, f->world->key[b]);
}

static struct text good_text(uint64_t version)
{
    struct match_policy policy = policy_make(version);
    return text_of(&policy, WORLD_CLERK_A, WORLD_CLERK_B);
}

static void store_policy(uint64_t version)
{
    struct err_text err = {0};
    struct text t = good_text(version);
    ok(wanted_store_set_policy(f->store, t.data, t.size, &err), &err);
    text_free(&t);
}

static uint64_t stored_version(void)
{
    struct wanted_store_status status;
    wanted_store_status(f->store, &status);
    return status.policy_version;
}

/* Puts bytes where the reader looks, whoever signed them. */
static void plant(struct text t)
{
    hand(f, "SET wanted:policy %b", t.data, t.size);
    text_free(&t);
}

static void test_without_one_nothing_is_told(void **state)
{
    (void)state;
    store_take(f, (struct step){.add = 4});
    until(f, f->status.revision == 4);
    assert_int_equal(f->policies, 0);
    assert_false(stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    assert_int_equal(stored_version(), 0);
}

static void test_it_arrives_once_and_a_newer_one_follows(void **state)
{
    (void)state;
    store_policy(1);
    until(f, f->policy == 1);
    store_policy(4);
    until(f, f->policy == 4);
    assert_int_equal(f->policies, 2);
    assert_int_equal(stored_version(), 4);
}

static void test_the_store_takes_no_older_and_no_other_one(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct match_policy other = policy_make(2);
    store_policy(2);
    struct text t = good_text(1);
    assert_int_equal(wanted_store_set_policy(f->store, t.data, t.size, &err), ERR_STALE);
    assert_string_equal(err.text, "match policy version 1, 2 is held");
    assert_true(stands(&f->at_store, EVENT_WANTED_POLICY_REFUSED));
    text_free(&t);
    other.false_alerts = 300;
    t = text_of(&other, WORLD_CLERK_A, WORLD_CLERK_B);
    assert_int_equal(wanted_store_set_policy(f->store, t.data, t.size, &err), ERR_CONFLICT);
    text_free(&t);
    t = text_of(&other, WORLD_CLERK_A, WORLD_INSTRUCTION);
    assert_int_equal(wanted_store_set_policy(f->store, t.data, t.size, &err), ERR_DENIED);
    text_free(&t);
    store_policy(2); /* the one held: fine */
    assert_false(stands(&f->at_store, EVENT_WANTED_POLICY_REFUSED));
    assert_int_equal(stored_version(), 2);
}

static void test_the_reader_believes_nobody_who_writes_to_redis(void **state)
{
    (void)state;
    struct match_policy other = policy_make(2);
    other.look_alike_max = 3;
    store_policy(2);
    until(f, f->policy == 2);
    struct text cases[] = {
        good_text(1),                                        /* older */
        text_of(&other, WORLD_CLERK_A, WORLD_CLERK_B),       /* a fork */
        text_of(&other, WORLD_CLERK_A, WORLD_CLERK_A_SPARE), /* one clerk with two keys */
        text_of(&other, WORLD_FRESHNESS, WORLD_RECEIPT),     /* the servers' */
        good_text(3),                                        /* altered below */
    };
    alter(&cases[4]);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plant(cases[i]);
        until(f, stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
        assert_int_equal(f->policy, 2);
        store_sync(f); /* puts it right */
        until(f, !stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    }
    assert_int_equal(f->policies, 1);
    store_policy(3);
    until(f, f->policy == 3);
}

static void test_a_key_of_another_type_is_refused(void **state)
{
    (void)state;
    store_policy(1);
    until(f, f->policy == 1);
    hand(f, "DEL wanted:policy");
    hand(f, "LPUSH wanted:policy x");
    until(f, stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    store_sync(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
}

static void test_a_flushed_redis_is_filled_again(void **state)
{
    (void)state;
    store_policy(1);
    until(f, f->policy == 1);
    hand(f, "FLUSHALL");
    store_sync(f);
    reader_reopen(f, true); /* knows nothing: all it has is what was written again */
    until(f, f->policy == 1);
}

static void test_both_sides_keep_it_over_a_restart(void **state)
{
    (void)state;
    store_policy(5);
    until(f, f->policy == 5);
    redis_kill(f);
    reader_reopen(f, false);
    assert_int_equal(f->policy, 5); /* told by open itself, from the last-good shelf */
    wanted_store_close(f->store);
    store_open(f);
    assert_int_equal(stored_version(), 5);
    redis_start(f);
}

static void test_a_restart_with_an_older_redis_goes_not_back(void **state)
{
    (void)state;
    store_policy(5);
    until(f, f->policy == 5);
    plant(good_text(4));
    reader_reopen(f, false);
    assert_int_equal(f->policy, 5);
    until(f, stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    assert_int_equal(f->policies, 1);
}

static void test_a_damaged_file_is_set_aside_and_fetched_again(void **state)
{
    (void)state;
    char script[256];
    store_policy(5);
    until(f, f->policy == 5);
    (void)snprintf(script, sizeof(script),
                   "cd %s/last-good && sed -i s/payload/payloaf/ policy-*5-*1.json", f->folder);
    run_shell(script);
    reader_reopen(f, false);
    assert_int_equal(f->policy, 0);
    assert_true(stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    until(f, f->policy == 5);
    assert_false(stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    (void)snprintf(script, sizeof(script), "ls %s/last-good/policy-*.refused", f->folder);
    run_shell(script);
}

static void test_only_the_newest_file_stays(void **state)
{
    (void)state;
    char script[256];
    for (uint64_t version = 1; version <= 3; version++) {
        store_policy(version);
        until(f, f->policy == version);
    }
    (void)snprintf(script, sizeof(script),
                   "cd %s && test $(ls store/policy-* | wc -l) = 1 -a $(ls last-good/policy-* | wc "
                   "-l) = 1",
                   f->folder);
    run_shell(script);
}

/* What a clerk signed stays in force where it was taken; a box that never had it refuses it. */
static void test_a_clerk_who_left(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct keyset next;
    size_t size;
    store_policy(1);
    until(f, f->policy == 1);
    world_fill_set(f->world, &next, 2);
    next.keys[WORLD_CLERK_B] = next.keys[--next.key_count];
    char *text = world_sign_set(f->world, &next, 3, &size);
    ok(wanted_store_set_keyset(f->store, text, size, &err), &err);
    free(text);
    store_sync(f);
    reader_reopen(f, false);
    assert_int_equal(f->policy, 1);
    wanted_store_close(f->store);
    store_open(f);
    assert_int_equal(stored_version(), 1);
    reader_reopen(f, true);
    until(f, stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    assert_int_equal(f->policy, 0);
}

static void test_a_channel_nobody_can_read_is_refused_whole(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct match_policy policy = policy_make(1);
    policy.channel_count = 1;
    policy.channels[0] = (struct match_policy_channel){"latin", "{}", 2};
    struct text t = text_of(&policy, WORLD_CLERK_A, WORLD_CLERK_B);
    assert_int_equal(wanted_store_set_policy(f->store, t.data, t.size, &err), ERR_INVALID);
    assert_ptr_equal(strstr(err.text, "match policy: channel latin: "), err.text);
    plant(t);
    until(f, stands(&f->at_reader, EVENT_WANTED_POLICY_REFUSED));
    assert_int_equal(f->policies, 0);
}

int main(void)
{
#define WITH_REDIS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_REDIS(test_without_one_nothing_is_told),
        WITH_REDIS(test_it_arrives_once_and_a_newer_one_follows),
        WITH_REDIS(test_the_store_takes_no_older_and_no_other_one),
        WITH_REDIS(test_the_reader_believes_nobody_who_writes_to_redis),
        WITH_REDIS(test_a_key_of_another_type_is_refused),
        WITH_REDIS(test_a_flushed_redis_is_filled_again),
        WITH_REDIS(test_both_sides_keep_it_over_a_restart),
        WITH_REDIS(test_a_restart_with_an_older_redis_goes_not_back),
        WITH_REDIS(test_a_damaged_file_is_set_aside_and_fetched_again),
        WITH_REDIS(test_only_the_newest_file_stays),
        WITH_REDIS(test_a_clerk_who_left),
        WITH_REDIS(test_a_channel_nobody_can_read_is_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
