/*
 * Self-tests at HQ: a record that says so is noted, nothing else is; who has none in time is told
 * once, and once when it is back; without an entry in the list nobody is missed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/hqd.h"
#include "gateway/hq/self_tests.h"
#include "gateway/match/crowd.h"
#include "store/any_store.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static struct hqd hq = {.self_test_within_ms = DAY_MS};
static const struct wall_time begin = {1800000000000};

static int64_t number(const char *sql)
{
    int64_t value = -1;
    assert_int_equal(hq_db_number(&hq.db, sql, NULL, 0, -1, &value, NULL), 0);
    return value;
}

static void run(const char *sql)
{
    assert_int_equal(hq_db_exec(&hq.db, sql, NULL, 0, NULL), 0);
}

static int open_db(void **state)
{
    (void)state;
    if (open_store(&hq.db) != 0)
        return -1;
    run("INSERT INTO checkpoints(id, name, created_ms, last_seen_ms) VALUES('north-1', 'x', 1, 1)");
    run("INSERT INTO checkpoints(id, name, created_ms, last_seen_ms) VALUES('north-2', 'x', 1, 1)");
    run("INSERT INTO checkpoints(id, name, created_ms) VALUES('never-seen', 'x', 1)");
    run("INSERT INTO checkpoints(id, name, created_ms, last_seen_ms, revoked_ms)"
        " VALUES('revoked', 'x', 1, 1, 2)");
    return 0;
}

static int close_db(void **state)
{
    (void)state;
    hq_db_close(&hq.db);
    return 0;
}

static void list_entry(void)
{
    struct wanted_record record = {.id = 5,
                                   .key = WANTED_SELF_TEST_KEY,
                                   .valid_until = {1},
                                   .class = PLATE_CLASS_ANY,
                                   .category = CATEGORY_SELF_TEST,
                                   .priority = 3,
                                   .handling = HANDLING_STOP};
    uint8_t bytes[WANTED_RECORD_SIZE];
    struct byte_writer w;
    byte_writer_init(&w, bytes, sizeof(bytes));
    wanted_record_write(&w, &record);
    assert_int_equal(hq_db_exec(&hq.db,
                                "INSERT INTO entries(id, revision, record, body, crowd)"
                                " VALUES(5, 1, $1, $2, $3)",
                                HQ_PARAMS(hq_blob(bytes, sizeof(bytes)), hq_blob("{}", 2),
                                          hq_int((int64_t)match_crowd_of(record.key))),
                                NULL),
                     0);
}

static void look(int64_t after_ms)
{
    struct err_text err = {""};
    int rc = hq_self_tests_look(&hq, (struct wall_time){begin.ms + after_ms}, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
}

static void note(const char *id, enum journal_kind kind, const char *body, int64_t at_ms,
                 int64_t now_ms)
{
    struct journal_record r = {.has_body = true, .body = body, .body_size = strlen(body)};
    r.header = (struct journal_header){
        .sequence = 9, .kind = kind, .wall = {begin.ms + at_ms}, .chain = {1}};
    assert_int_equal(hq_self_test_note(&hq.db, id, &r, (struct wall_time){begin.ms + now_ms}, NULL),
                     0);
}

static void passed(const char *id, int64_t at_ms)
{
    note(id, JOURNAL_DEVICE, "{\"number\":1,\"what\":\"self_test\"}", at_ms, at_ms);
}

static int64_t alarmed(void)
{
    return number("SELECT count(*) FROM self_tests WHERE alarmed_ms IS NOT NULL");
}

static void who_has_none_in_time_is_told_until_it_has(void **state)
{
    (void)state;
    list_entry();
    look(0);
    assert_int_equal(number("SELECT count(*) FROM self_tests"), 2); /* not revoked, seen */
    passed("north-1", 1000);
    look(DAY_MS);
    assert_int_equal(alarmed(), 0);
    look(DAY_MS + 500);
    assert_int_equal(alarmed(), 1);
    assert_int_equal(number("SELECT count(*) FROM self_tests WHERE alarmed_ms IS NOT NULL"
                            " AND checkpoint = 'north-2'"),
                     1);
    look(DAY_MS + 1500);
    assert_int_equal(alarmed(), 2);
    passed("north-1", DAY_MS + 2000);
    passed("north-2", DAY_MS + 2000);
    look(DAY_MS + 3000);
    assert_int_equal(alarmed(), 0);
}

static void a_backlog_of_old_ones_vouches_for_nothing(void **state)
{
    (void)state;
    list_entry();
    look(0);
    passed("north-2", DAY_MS + 10);
    note("north-1", JOURNAL_DEVICE, "{\"number\":1,\"what\":\"self_test\"}", -5000, 2 * DAY_MS);
    look(2 * DAY_MS);
    assert_int_equal(alarmed(), 1);
    /* nor does one dated ahead: it counts from when it came */
    note("north-1", JOURNAL_DEVICE, "{\"number\":2,\"what\":\"self_test\"}", 90 * (int64_t)DAY_MS,
         2 * DAY_MS);
    look(2 * DAY_MS + 1);
    assert_int_equal(alarmed(), 0);
    passed("north-2", 3 * (int64_t)DAY_MS);
    look(3 * (int64_t)DAY_MS + 2);
    assert_int_equal(alarmed(), 1);
}

static void what_only_looks_like_one_is_none(void **state)
{
    (void)state;
    list_entry();
    look(0);
    note("north-1", JOURNAL_HIT, "{\"what\":\"self_test\"}", 5, 5);
    note("north-1", JOURNAL_DEVICE, "{\"detail\":\"\\\"what\\\":\\\"self_test\\\"\"}", 5, 5);
    note("north-1", JOURNAL_DEVICE, "{\"x\":{\"what\":\"self_test\"}}", 5, 5);
    note("north-1", JOURNAL_DEVICE, "{\"what\":\"camera_errors\"}", 5, 5);
    assert_int_equal(number("SELECT count(*) FROM self_tests WHERE time_ms IS NOT NULL"), 0);
    passed("north-1", 5);
    passed("north-1", 4); /* an older one takes nothing back */
    assert_int_equal(number("SELECT max(time_ms) FROM self_tests"), begin.ms + 5);
}

static void without_an_entry_nobody_is_missed(void **state)
{
    (void)state;
    look(0);
    look(3 * (int64_t)DAY_MS);
    assert_int_equal(alarmed(), 0);
    list_entry();
    look(3 * (int64_t)DAY_MS); /* their day begins now */
    look(4 * (int64_t)DAY_MS);
    assert_int_equal(alarmed(), 0);
    look(4 * (int64_t)DAY_MS + 1);
    assert_int_equal(alarmed(), 2);
    run("DELETE FROM entries");
    look(4 * (int64_t)DAY_MS + 2);
    assert_int_equal(alarmed(), 0);
    list_entry();
    look(9 * (int64_t)DAY_MS);
    assert_int_equal(alarmed(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_none_in_time_is_told_until_it_has, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_backlog_of_old_ones_vouches_for_nothing, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_only_looks_like_one_is_none, open_db, close_db),
        cmocka_unit_test_setup_teardown(without_an_entry_nobody_is_missed, open_db, close_db),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
