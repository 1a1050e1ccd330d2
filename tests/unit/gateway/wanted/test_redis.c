/*
 * Store and reader over a real redis-server: the way of a batch, and every fault that somebody with
 * Redis in hand can make. The list in force never goes back and is never taken unverified.
 */
#include <limits.h>

#include "redis_fixture.h"

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

/* Nothing that happened cost an entry, and news still come through. */
static void still_follows(void)
{
    uint64_t before = f->chain.head.revision;
    assert_int_equal(f->status.revision, before);
    store_take(f, (struct step){.add = 100 + before});
    until(f, f->status.revision == before + 1);
}

static void test_batch_withdrawal_and_statement_arrive(void **state)
{
    (void)state;
    store_take(f, (struct step){.add = 4, .withdraw = 2});
    until(f, f->status.revision == 4);
    assert_null(wanted_list_find(wanted_reader_list(f->reader), 2));
    assert_non_null(wanted_list_find(wanted_reader_list(f->reader), 4));
    assert_int_equal(f->status.state, LIST_CURRENT);
    wall_now_ms = T0_MS + 3600 * 1000;
    until(f, stands(&f->at_reader, EVENT_WANTED_STALE));
    assert_int_equal(f->status.state, LIST_STALE);
    store_confirm(f);
    until(f, f->status.state == LIST_CURRENT);
    assert_false(stands(&f->at_reader, EVENT_WANTED_STALE));
}

/* However current headquarters calls it. */
static void test_a_list_no_clerk_signed_for_long_is_told(void **state)
{
    (void)state;
    store_take(f, (struct step){.add = 4});
    until(f, f->status.revision == f->chain.head.revision);
    wall_now_ms = f->chain.head.time.ms + FIXTURE_SIGNED_MAX_MS;
    store_confirm(f);
    until(f, f->status.state == LIST_CURRENT);
    assert_false(stands(&f->at_reader, EVENT_WANTED_UNSIGNED));
    wall_now_ms++;
    until(f, stands(&f->at_reader, EVENT_WANTED_UNSIGNED));
    assert_int_equal(f->status.state, LIST_CURRENT);
    store_take(f, (struct step){.add = 5, .at_ms = wall_now_ms});
    until(f, !stands(&f->at_reader, EVENT_WANTED_UNSIGNED));
}

static void test_a_change_is_taken_within_100_ms(void **state)
{
    (void)state;
    int64_t best = INT64_MAX;
    for (uint64_t id = 10; id < 20; id++) { /* a busy machine may be late once, not ten times */
        uint64_t want = f->chain.head.revision + 1;
        for (int i = 0; i < 3; i++) { /* into the middle of a wait */
            assert_int_equal(wanted_reader_poll(f->reader, 10), 0);
        }
        store_take(f, (struct step){.add = id});
        int64_t begin = now_ms();
        until(f, f->status.revision == want);
        best = now_ms() - begin < best ? now_ms() - begin : best;
    }
    assert_in_range(best, 0, 100);
}

static void test_a_batch_is_told_as_what_it_changes(void **state)
{
    (void)state;
    int wholes = f->wholes;
    const struct wanted_entry *first = f->model[1];
    store_take(f, (struct step){.add = 4, .change = 3, .withdraw = 2});
    until(f, f->status.revision == 4);
    assert_int_equal(f->wholes, wholes);
    assert_int_equal(f->changes.added_count, 2);
    assert_int_equal(f->changes.withdrawn_count, 2);
    assert_ptr_equal(f->model[1], first); /* stays where it was */
    assert_int_equal(f->model[3]->match.record.priority, 3);
    for (uint64_t id = 5; id <= 8; id++) { /* between two polls: one change */
        store_take(f, (struct step){.add = id, .withdraw = id == 8 ? 5 : 0});
    }
    int lists = f->lists;
    until(f, f->status.revision == 8);
    assert_int_equal(f->lists, lists + 1);
    assert_int_equal(f->changes.added_count, 3); /* 5 came and went */
    assert_int_equal(f->changes.withdrawn_count, 0);
}

static void test_a_refused_change_is_told_as_a_whole(void **state)
{
    (void)state;
    int wholes = f->wholes;
    f->refuse_changes = 1;
    store_take(f, (struct step){.add = 4, .withdraw = 1});
    until(f, f->status.revision == 4);
    assert_int_equal(f->refuse_changes, 0);
    assert_int_equal(f->wholes, wholes + 1);
    assert_false(stands(&f->at_reader, EVENT_WANTED_INDEX_FAILED));
    store_take(f, (struct step){.add = 5});
    until(f, f->status.revision == 5);
    assert_int_equal(f->wholes, wholes + 1); /* changes again from here on */
}

static void test_the_old_entries_stay_while_nothing_is_taken_over(void **state)
{
    (void)state;
    struct err_text err = {0};
    const struct wanted_entry *held[] = {f->model[1], f->model[2], f->model[3]};
    f->refuse_lists = INT_MAX; /* as changes and as a whole */
    store_take(f, (struct step){.add = 4, .withdraw = 1});
    until(f, stands(&f->at_reader, EVENT_WANTED_INDEX_FAILED));
    store_take(f, (struct step){.change = 2});
    until(f, wanted_list_head(wanted_reader_list(f->reader))->revision == 5);
    for (size_t i = 0; i < 3; i++) { /* what the old index names */
        const struct wanted_record *record = &held[i]->match.record;
        assert_int_equal(record->id, i + 1);
        ok(wanted_entry_check_text(record, held[i]->match.text, record->text_size, &err), &err);
    }
    assert_int_equal(f->status.revision, 3);
    f->refuse_lists = 0;
    mono_ahead_ms += READER_CHECK_MS;
    until(f, f->status.revision == 5);
    assert_false(stands(&f->at_reader, EVENT_WANTED_INDEX_FAILED));
}

static void test_killed_and_restarted(void **state)
{
    (void)state;
    struct err_text err = {0};
    redis_kill(f);
    until(f, stands(&f->at_reader, EVENT_WANTED_REDIS_DOWN));
    assert_int_equal(f->status.revision, 3);
    struct text t = chain_next(&f->chain, (struct step){.add = 4});
    ok(wanted_store_add_batch(f->store, t.data, t.size, &err), &err); /* is on disk */
    text_free(&t);
    assert_true(stands(&f->at_store, EVENT_WANTED_REDIS_DOWN));
    redis_start(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_REDIS_DOWN));
    mono_ahead_ms += 3000; /* past the store's back-off */
    store_sync(f);
    assert_false(stands(&f->at_store, EVENT_WANTED_REDIS_DOWN));
    until(f, f->status.revision == 4);
    assert_int_equal(times(&f->at_reader, EVENT_WANTED_REDIS_DOWN), 1); /* told once */
}

static void test_flushed(void **state)
{
    (void)state;
    hand(f, "FLUSHALL");
    until(f, stands(&f->at_reader, EVENT_WANTED_REDIS_EMPTY));
    assert_int_equal(f->status.revision, 3);
    store_sync(f);
    assert_int_equal(times(&f->at_store, EVENT_WANTED_REFILLED), 2); /* first filling, this one */
    until(f, !stands(&f->at_reader, EVENT_WANTED_REDIS_EMPTY));
    still_follows();
}

static void test_flushed_under_a_reader_that_knows_nothing(void **state)
{
    (void)state;
    hand(f, "FLUSHALL");
    reader_reopen(f, true);
    until(f, stands(&f->at_reader, EVENT_WANTED_REDIS_EMPTY));
    assert_true(stands(&f->at_reader, EVENT_WANTED_NO_LIST));
    assert_true(stands(&f->at_reader, EVENT_WANTED_NO_KEYSET));
    store_sync(f);
    until(f, f->status.revision == 3 && f->status.state == LIST_CURRENT);
    assert_false(stands(&f->at_reader, EVENT_WANTED_NO_LIST));
    assert_false(stands(&f->at_reader, EVENT_WANTED_NO_KEYSET));
}

static void test_put_back_to_an_older_state(void **state)
{
    (void)state;
    char hash[HASH_TEXT_SIZE];
    uint8_t first[HASH_SIZE] = {1};
    hash_format(first, hash);
    hand(f, "XDEL wanted:delta 2-0 3-0");
    hand(f, "HSET wanted:meta revision 1 hash %s", hash);
    until(f, stands(&f->at_reader, EVENT_WANTED_OLDER));
    assert_int_equal(f->status.revision, 3);
    assert_int_equal(wanted_list_count(wanted_reader_list(f->reader)), 3);
    store_sync(f);
    until(f,
          !stands(&f->at_reader, EVENT_WANTED_OLDER) && !stands(&f->at_reader, EVENT_WANTED_CUT));
    still_follows();
}

static void test_altered_batch(void **state)
{
    (void)state;
    struct text t = batch_after(f->world, &f->chain.head, (struct step){.add = 66});
    alter(&t);
    hand(f, "XADD wanted:delta 4-0 batch %b", t.data, t.size);
    text_free(&t);
    until(f, stands(&f->at_reader, EVENT_WANTED_ALTERED));
    assert_null(wanted_list_find(wanted_reader_list(f->reader), 66));
    store_sync(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_ALTERED));
    still_follows();
}

static void test_batch_of_a_wrong_role(void **state)
{
    (void)state;
    struct text t = batch_after(
        f->world, &f->chain.head,
        (struct step){.add = 66, .keys_mask = 1 << WORLD_FRESHNESS | 1 << WORLD_RECEIPT});
    hand(f, "XADD wanted:delta 4-0 batch %b", t.data, t.size);
    text_free(&t);
    until(f, stands(&f->at_reader, EVENT_WANTED_ALTERED));
    assert_int_equal(f->status.revision, 3);
    store_sync(f);
    still_follows();
    until(f, !stands(&f->at_reader, EVENT_WANTED_ALTERED));
}

static void test_signed_fork(void **state)
{
    (void)state;
    struct list_head other = f->chain.head;
    other.hash[5] ^= 1;
    struct text t = batch_after(f->world, &other, (struct step){.add = 66});
    hand(f, "XADD wanted:delta 4-0 batch %b", t.data, t.size);
    text_free(&t);
    until(f, stands(&f->at_reader, EVENT_WANTED_FORK));
    assert_int_equal(f->status.revision, 3);
    store_sync(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_FORK));
    still_follows();
}

static void test_held_batch_altered_at_rest(void **state)
{
    (void)state;
    struct text t = batch_after(f->world, &f->chain.head, (struct step){.add = 66});
    hand(f, "DEL wanted:delta");
    hand(f, "XADD wanted:delta 3-0 batch %b", t.data, t.size);
    text_free(&t);
    until(f,
          stands(&f->at_reader, EVENT_WANTED_ALTERED) || stands(&f->at_reader, EVENT_WANTED_FORK));
    store_sync(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_ALTERED));
    still_follows();
}

static void test_planted_last_id_blocks_nobody(void **state)
{
    (void)state;
    hand(f, "XADD wanted:delta 18446744073709551615-18446744073709551615 batch x");
    until(f, stands(&f->at_reader, EVENT_WANTED_ALTERED));
    store_sync(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_ALTERED));
    still_follows();
    hand(f, "XADD wanted:delta 900-0 other x");
    hand(f, "XDEL wanted:delta 900-0"); /* gone, but its id stays the stream's last */
    store_take(f, (struct step){.add = 300});
    until(f, f->status.revision == f->chain.head.revision);
}

/* A connection with the rights of one of the two programs. */
static redisContext *sign_on_as(const char *user, const char *secret_path)
{
    struct err_text err = {0};
    uint8_t *secret = NULL;
    size_t size = 0;
    redisContext *c = redisConnectUnix(f->socket);
    ok(file_read(secret_path, 256, &secret, &size, &err), &err);
    secret[strcspn((char *)secret, "\n")] = '\0';
    redisReply *reply = redisCommand(c, "AUTH %s %s", user, (char *)secret);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    free(secret);
    return c;
}

static void assert_said(redisContext *c, bool allowed, const char *command)
{
    redisReply *reply = redisCommand(c, command);
    assert_non_null(reply);
    bool refused = reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", 6) == 0;
    if (refused == allowed) {
        fail_msg("%s: %s", command, refused ? reply->str : "was carried out");
    }
    freeReplyObject(reply);
}

static const enum log_event_id findings[] = {
    EVENT_WANTED_ALTERED, EVENT_WANTED_CUT, EVENT_WANTED_KEYSET_REFUSED,
    EVENT_WANTED_CURRENT_REFUSED, EVENT_WANTED_REDIS_EMPTY};

static int findings_raised(void)
{
    int sum = 0;
    for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++) {
        sum += times(&f->at_reader, findings[i]);
    }
    return sum;
}

static bool finding_stands(void)
{
    bool any = false;
    for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++) {
        any |= stands(&f->at_reader, findings[i]);
    }
    return any;
}

/* Whoever has uplinkd's password can take the list out of Redis and put lies in, nothing else. */
static void test_with_the_credentials_of_the_programs(void **state)
{
    static const char *const lies[] = {"HSET wanted:meta revision 99",
                                       "HSET wanted:meta hash sha256:00 snapshot 99",
                                       "XADD wanted:delta 50-0 batch x",
                                       "SET wanted:keyset x",
                                       "SET wanted:current x",
                                       "UNLINK wanted:meta",
                                       "UNLINK wanted:delta wanted:keyset wanted:current"};
    static const char *const forbidden[] = {
        "FLUSHALL",       "HDEL wanted:meta hash",  "XDEL wanted:delta 3-0",
        "SET other x",    "CONFIG SET maxmemory 1", "EVAL x 0",
        "SHUTDOWN NOSAVE"};
    (void)state;
    redisContext *uplinkd = sign_on_as("checkpoint-uplinkd", f->secrets[1]);
    redisContext *matchd = sign_on_as("checkpoint-matchd", f->secrets[0]);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        assert_said(uplinkd, false, forbidden[i]);
        assert_said(matchd, false, forbidden[i]);
    }
    assert_said(matchd, false, "HSET wanted:meta revision 1");
    assert_said(matchd, false, "XADD wanted:delta 50-0 batch x");
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        int before = findings_raised();
        assert_said(uplinkd, true, lies[i]);
        until(f, findings_raised() > before);
        assert_int_equal(f->status.revision, 3);
        assert_int_equal(wanted_list_count(wanted_reader_list(f->reader)), 3);
        store_sync(f);
        until(f, !finding_stands());
    }
    redisFree(uplinkd);
    redisFree(matchd);
    still_follows();
}

static void test_keys_of_another_type(void **state)
{
    (void)state;
    hand(f, "DEL wanted:delta wanted:meta wanted:keyset wanted:current");
    hand(f, "SET wanted:delta x");
    hand(f, "SET wanted:meta x");
    hand(f, "LPUSH wanted:keyset x");
    hand(f, "HSET wanted:current a b");
    until(f, stands(&f->at_reader, EVENT_WANTED_ALTERED));
    assert_int_equal(f->status.revision, 3);
    store_sync(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_ALTERED) &&
                 !stands(&f->at_reader, EVENT_WANTED_KEYSET_REFUSED));
    still_follows();
}

static void test_key_set_and_statement_altered(void **state)
{
    (void)state;
    hand(f, "SETRANGE wanted:keyset 200 AAAA");
    hand(f, "SETRANGE wanted:current 60 AAAA");
    until(f, stands(&f->at_reader, EVENT_WANTED_KEYSET_REFUSED) &&
                 stands(&f->at_reader, EVENT_WANTED_CURRENT_REFUSED));
    assert_int_equal(f->status.state, LIST_CURRENT); /* the one held still covers it */
    store_sync(f);
    until(f, !stands(&f->at_reader, EVENT_WANTED_KEYSET_REFUSED) &&
                 !stands(&f->at_reader, EVENT_WANTED_CURRENT_REFUSED));
    still_follows();
}

static void test_key_set_rotation_and_rollback(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct keyset set;
    size_t size = 0;
    world_fill_set(f->world, &set, 2);
    set.keys[WORLD_CLERK_A] = set.keys[--set.key_count]; /* clerk A leaves */
    char *text = world_sign_set(f->world, &set, 5, &size);
    ok(wanted_store_set_keyset(f->store, text, size, &err), &err);
    free(text);
    store_take(f, (struct step){.add = 9, .keys_mask = 1 << WORLD_CLERK_B});
    until(f, f->status.revision == 4 &&
                 wanted_list_keyset(wanted_reader_list(f->reader))->version == 2);
    struct text bad = batch_after(f->world, &f->chain.head, (struct step){.add = 10});
    assert_int_equal(wanted_store_add_batch(f->store, bad.data, bad.size, &err), ERR_DENIED);
    text_free(&bad);
    hand(f, "SET wanted:keyset %b", f->world->keyset_text, f->world->keyset_size);
    until(f, stands(&f->at_reader, EVENT_WANTED_KEYSET_REFUSED));
    assert_int_equal(wanted_list_keyset(wanted_reader_list(f->reader))->version, 2);
    reader_reopen(f, false); /* entries by clerk A are in force, judged by the set of their time */
    assert_int_equal(f->status.revision, 4);
    assert_false(stands(&f->at_reader, EVENT_WANTED_FILE_DAMAGED));
}

static void test_starts_from_the_last_good_copy(void **state)
{
    (void)state;
    redis_kill(f);
    reader_reopen(f, false);
    assert_int_equal(f->lists, 1); /* before any look at Redis */
    assert_int_equal(f->status.revision, 3);
    assert_int_equal(f->status.state, LIST_CURRENT);
    assert_int_equal(wanted_list_count(wanted_reader_list(f->reader)), 3);
}

static void test_damaged_last_good_copy_is_completed(void **state)
{
    (void)state;
    char script[512];
    (void)snprintf(script, sizeof(script), "cd %s/last-good && truncate -s 100 batch-*2-0*.json",
                   f->folder);
    run_shell(script);
    reader_reopen(f, false);
    assert_true(stands(&f->at_reader, EVENT_WANTED_FILE_DAMAGED));
    assert_int_equal(f->status.revision, 1);
    until(f, f->status.revision == 3 && !stands(&f->at_reader, EVENT_WANTED_FILE_DAMAGED));
    redis_kill(f);
    reader_reopen(f, false);
    assert_int_equal(f->status.revision, 3);
}

static void test_store_refills_an_empty_redis_from_disk(void **state)
{
    (void)state;
    char script[256];
    wanted_store_close(f->store);
    redis_kill(f);
    (void)snprintf(script, sizeof(script), "rm -r %s/appendonlydir", f->folder);
    run_shell(script);
    redis_start(f);
    store_open(f);
    assert_int_equal(wanted_store_head(f->store)->revision, 3);
    reader_reopen(f, true);
    store_sync(f);
    until(f, f->status.revision == 3 && f->status.state == LIST_CURRENT);
}

static void test_store_that_lost_its_disk_takes_from_redis(void **state)
{
    (void)state;
    char script[256];
    struct err_text err = {0};
    wanted_store_close(f->store);
    (void)snprintf(script, sizeof(script), "rm -r %s/store", f->folder);
    run_shell(script);
    store_open(f);
    assert_int_equal(wanted_store_head(f->store)->revision, 0);
    store_sync(f); /* no key set yet: Redis is left alone */
    ok(wanted_store_set_keyset(f->store, f->world->keyset_text, f->world->keyset_size, &err), &err);
    store_sync(f);
    assert_int_equal(wanted_store_head(f->store)->revision, 3);
    still_follows();
}

static void test_wrong_password(void **state)
{
    (void)state;
    struct err_text err = {0};
    ok(file_write_atomic(f->secrets[0], "nonsense", 8, 0600, &err), &err);
    reader_reopen(f, false);
    until(f, stands(&f->at_reader, EVENT_WANTED_REDIS_DENIED));
    assert_int_equal(f->status.revision, 3);
    assert_false(stands(&f->at_reader, EVENT_WANTED_REDIS_DOWN));
}

static void test_redis_full(void **state)
{
    (void)state;
    struct err_text err = {0};
    hand(f, "CONFIG SET maxmemory 1");
    struct text t = chain_next(&f->chain, (struct step){.add = 4});
    ok(wanted_store_add_batch(f->store, t.data, t.size, &err), &err);
    text_free(&t);
    assert_true(stands(&f->at_store, EVENT_WANTED_REDIS_FULL));
    hand(f, "CONFIG SET maxmemory 0");
    store_sync(f);
    assert_false(stands(&f->at_store, EVENT_WANTED_REDIS_FULL));
    until(f, f->status.revision == 4);
}

static void test_index_that_fails_is_tried_again(void **state)
{
    (void)state;
    f->refuse_lists = INT_MAX;
    store_take(f, (struct step){.add = 4});
    until(f, stands(&f->at_reader, EVENT_WANTED_INDEX_FAILED));
    assert_string_equal(detail_of(&f->at_reader, EVENT_WANTED_INDEX_FAILED), "no memory for it");
    assert_int_equal(f->status.revision, 3);
    f->refuse_lists = 0;
    mono_ahead_ms += 1000;
    until(f, f->status.revision == 4);
    assert_false(stands(&f->at_reader, EVENT_WANTED_INDEX_FAILED));
}

/* ---- snapshots ---- */

/* A list of the chain's three entries, snapshot and all, put to a store that has nothing. */
static struct shot snapshot_to_store(void)
{
    char script[256];
    struct err_text err = {0};
    struct shot shot = shot_of(f->world, wanted_reader_list(f->reader));
    wanted_store_close(f->store);
    (void)snprintf(script, sizeof(script), "rm -r %s/store", f->folder);
    run_shell(script);
    hand(f, "FLUSHALL");
    store_open(f);
    ok(wanted_store_set_keyset(f->store, f->world->keyset_text, f->world->keyset_size, &err), &err);
    ok(wanted_store_put_chunk(f->store, 3, 0, shot.chunk, shot.chunk_size, &err), &err);
    ok(wanted_store_set_snapshot(f->store, shot.manifest.data, shot.manifest.size, &err), &err);
    return shot;
}

static void test_snapshot_reaches_a_new_reader(void **state)
{
    (void)state;
    int worked = f->worked;
    struct shot shot = snapshot_to_store();
    assert_int_equal(f->worked, worked + 2); /* the chunk verified, the chunk to Redis */
    store_take(f, (struct step){.add = 4});
    reader_reopen(f, true);
    until(f, f->status.revision == 4);
    assert_int_equal(wanted_list_count(wanted_reader_list(f->reader)), 4);
    redis_kill(f);
    reader_reopen(f, false); /* snapshot and batch lie in the last-good copy */
    assert_int_equal(f->status.revision, 4);
    assert_int_equal(f->loaded, 2); /* the chunk, the batch */
    assert_false(stands(&f->at_reader, EVENT_WANTED_FILE_DAMAGED));
    shot_free(&shot);
}

static void test_chunk_cut_missing_or_altered(void **state)
{
    (void)state;
    struct shot shot = snapshot_to_store();
    hand(f, "SETRANGE wanted:chunk:3:0 30 AAAA");
    reader_reopen(f, true);
    until(f, stands(&f->at_reader, EVENT_WANTED_ALTERED));
    assert_int_equal(f->status.revision, 0);
    assert_true(stands(&f->at_reader, EVENT_WANTED_NO_LIST));
    hand(f, "SET wanted:chunk:3:0 %b", shot.chunk, shot.chunk_size - 1);
    reader_reopen(f, true);
    until(f, stands(&f->at_reader, EVENT_WANTED_ALTERED));
    hand(f, "DEL wanted:chunk:3:0");
    reader_reopen(f, true);
    assert_int_equal(wanted_reader_poll(f->reader, 10), 0);
    mono_ahead_ms += 3000;
    until(f, stands(&f->at_reader, EVENT_WANTED_CUT));
    for (int i = 0; i < 2; i++) { /* manifest and one chunk: the audit's round */
        store_sync(f);
    }
    until(f, f->status.revision == 3);
    mono_ahead_ms += 1000;
    until(f,
          !stands(&f->at_reader, EVENT_WANTED_CUT) && !stands(&f->at_reader, EVENT_WANTED_NO_LIST));
    shot_free(&shot);
}

int main(void)
{
#define FAULT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        FAULT(test_batch_withdrawal_and_statement_arrive),
        FAULT(test_a_list_no_clerk_signed_for_long_is_told),
        FAULT(test_a_change_is_taken_within_100_ms),
        FAULT(test_a_batch_is_told_as_what_it_changes),
        FAULT(test_a_refused_change_is_told_as_a_whole),
        FAULT(test_the_old_entries_stay_while_nothing_is_taken_over),
        FAULT(test_killed_and_restarted),
        FAULT(test_flushed),
        FAULT(test_flushed_under_a_reader_that_knows_nothing),
        FAULT(test_put_back_to_an_older_state),
        FAULT(test_altered_batch),
        FAULT(test_batch_of_a_wrong_role),
        FAULT(test_signed_fork),
        FAULT(test_held_batch_altered_at_rest),
        FAULT(test_planted_last_id_blocks_nobody),
        FAULT(test_with_the_credentials_of_the_programs),
        FAULT(test_keys_of_another_type),
        FAULT(test_key_set_and_statement_altered),
        FAULT(test_key_set_rotation_and_rollback),
        FAULT(test_starts_from_the_last_good_copy),
        FAULT(test_damaged_last_good_copy_is_completed),
        FAULT(test_store_refills_an_empty_redis_from_disk),
        FAULT(test_store_that_lost_its_disk_takes_from_redis),
        FAULT(test_wrong_password),
        FAULT(test_redis_full),
        FAULT(test_index_that_fails_is_tried_again),
        FAULT(test_snapshot_reaches_a_new_reader),
        FAULT(test_chunk_cut_missing_or_altered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
