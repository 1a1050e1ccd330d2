/*
 * What hqd's database promises whichever engine is behind it (any_store.h): values of every kind
 * come back, faults have their codes, a queued statement's fault is told, nothing half stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "any_store.h"

static struct hq_db db;

static int open_db(void **state)
{
    (void)state;
    return open_store(&db);
}

static int close_db(void **state)
{
    (void)state;
    hq_db_close(&db);
    return 0;
}

static int put_chunk(const char *hash, const char *body, size_t size)
{
    return hq_db_exec(&db, "INSERT INTO chunks(hash, body) VALUES($1, $2)",
                      HQ_PARAMS(hq_blob(hash, strlen(hash)), hq_blob(body, size)), NULL);
}

static int64_t chunks(void)
{
    int64_t count = -1;
    assert_int_equal(hq_db_number(&db, "SELECT count(*) FROM chunks", NULL, 0, -1, &count, NULL),
                     0);
    return count;
}

/* hqd has some 150, and a program that ran out of room for them would fail until it is restarted.
 */
static void there_is_room_for_all_statements(void **state)
{
    (void)state;
    enum { STATEMENTS = 300 };
    static char sql[STATEMENTS][32]; /* their addresses are what they are known by */
    for (int i = 0; i < STATEMENTS; i++) {
        int64_t number = -1;
        struct err_text err = {""};
        (void)snprintf(sql[i], sizeof(sql[i]), "SELECT %d", i); /* fits */
        int rc = hq_db_number(&db, sql[i], NULL, 0, -1, &number, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(rc, 0);
        assert_int_equal(number, i);
    }
}

static int take_row(void *ctx, const struct hq_value *c, size_t count)
{
    assert_int_equal(count, 5);
    assert_int_equal(c[0].type, HQ_TEXT);
    assert_int_equal(c[0].size, strlen("东门"));
    assert_memory_equal(c[0].data, "东门", c[0].size);
    assert_int_equal(c[1].type, HQ_INT);
    assert_true(c[1].number == INT64_MIN);
    assert_int_equal(c[2].type, HQ_NULL);
    assert_int_equal(c[3].type, HQ_TEXT);
    assert_int_equal(c[3].size, 0);
    assert_int_equal(c[4].number, -7);
    ++*(int *)ctx;
    return 0;
}

static void values_of_every_kind_come_back(void **state)
{
    (void)state;
    char *body = NULL;
    size_t size = 9;
    int rows = 0;
    assert_int_equal(hq_db_exec(&db,
                                "INSERT INTO checkpoints(id, name, created_ms, revoked_ms,"
                                " list_hash, list_revision) VALUES($1, $2, $3, $4, $5, $6)",
                                HQ_PARAMS(hq_text("a"), hq_text("东门"), hq_int(INT64_MIN),
                                          hq_text(NULL), hq_text(""), hq_int(-7)),
                                NULL),
                     0);
    assert_int_equal(hq_db_query(&db,
                                 "SELECT name, created_ms, revoked_ms, list_hash, list_revision"
                                 " FROM checkpoints WHERE id = $1",
                                 HQ_PARAMS(hq_text("a")), take_row, &rows, NULL),
                     0);
    assert_int_equal(rows, 1);
    assert_int_equal(put_chunk("h", "", 0), 0);
    assert_int_equal(hq_db_bytes(&db, "SELECT body FROM chunks", NULL, 0, &body, &size, NULL), 0);
    assert_int_equal(size, 0);
    free(body);
}

/* A NULL first, then a number: one statement text serves both. */
static void a_parameter_may_be_null_at_first(void **state)
{
    (void)state;
    static const char sql[] = "UPDATE checkpoints SET revoked_ms = $2 WHERE id = $1";
    int64_t number = 0;
    assert_int_equal(hq_db_exec(&db,
                                "INSERT INTO checkpoints(id, name, created_ms) VALUES('a', '', 1)",
                                NULL, 0, NULL),
                     0);
    assert_int_equal(hq_db_exec(&db, sql, HQ_PARAMS(hq_text("a"), hq_text(NULL)), NULL), 0);
    assert_int_equal(hq_db_exec(&db, sql, HQ_PARAMS(hq_text("a"), hq_int(5)), NULL), 0);
    assert_int_equal(hq_db_exec(&db, sql, HQ_PARAMS(hq_text("b"), hq_int(6)), NULL), 0);
    assert_int_equal(hq_db_changed(&db), 0);
    assert_int_equal(
        hq_db_number(&db, "SELECT revoked_ms FROM checkpoints", NULL, 0, 0, &number, NULL), 0);
    assert_int_equal(number, 5);
}

static void a_double_key_is_a_conflict(void **state)
{
    (void)state;
    assert_int_equal(put_chunk("h", "a", 1), 0);
    assert_int_equal(hq_db_changed(&db), 1);
    assert_int_equal(put_chunk("h", "b", 1), ERR_CONFLICT);
    assert_int_equal(put_chunk("i", "b", 1), 0);
    assert_int_equal(chunks(), 2);
}

static void what_was_rolled_back_is_gone(void **state)
{
    (void)state;
    assert_int_equal(hq_db_begin_scope(&db, "north-1", NULL), 0);
    assert_int_equal(put_chunk("h", "a", 1), 0);
    hq_db_rollback(&db);
    assert_int_equal(chunks(), 0);
    assert_int_equal(hq_db_begin(&db, NULL), 0);
    assert_int_equal(put_chunk("h", "a", 1), 0);
    assert_int_equal(hq_db_commit(&db, NULL), 0);
    hq_db_rollback(&db);
    assert_int_equal(chunks(), 1);
}

static int queue_chunk(const char *hash)
{
    return hq_db_queue(&db, "INSERT INTO chunks(hash, body) VALUES($1, $2)",
                       HQ_PARAMS(hq_blob(hash, strlen(hash)), hq_blob("b", 1)), NULL);
}

/* More than are ever under way, and questions between them that see what went before. */
static void queued_statements_are_done_in_order(void **state)
{
    (void)state;
    char hash[16];
    assert_int_equal(hq_db_begin(&db, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(hash, sizeof(hash), "h%d", i); /* fits */
        assert_int_equal(queue_chunk(hash), 0);
        if (i % 300 == 0)
            assert_int_equal(chunks(), i + 1);
    }
    assert_int_equal(hq_db_commit(&db, NULL), 0);
    assert_int_equal(chunks(), 1000);
}

static void a_queued_fault_is_told_and_nothing_stays(void **state)
{
    (void)state;
    struct err_text err = {""};
    assert_int_equal(hq_db_begin(&db, NULL), 0);
    int rc = queue_chunk("h");
    if (rc == 0)
        rc = queue_chunk("h");
    if (rc == 0)
        rc = queue_chunk("i");
    if (rc == 0)
        rc = hq_db_commit(&db, &err);
    hq_db_rollback(&db);
    assert_int_equal(rc, ERR_CONFLICT);
    assert_int_equal(chunks(), 0);
    assert_int_equal(put_chunk("h", "a", 1), 0);
}

static int stop_at_once(void *ctx, const struct hq_value *c, size_t count)
{
    (void)c, (void)count;
    return ++*(int *)ctx == 2 ? ERR_STOPPED : 0;
}

static void a_row_refused_ends_the_query_and_nothing_else(void **state)
{
    (void)state;
    int rows = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(put_chunk((const char[]){(char)('a' + i), '\0'}, "x", 1), 0);
    assert_int_equal(
        hq_db_query(&db, "SELECT hash FROM chunks", NULL, 0, stop_at_once, &rows, NULL),
        ERR_STOPPED);
    assert_int_equal(rows, 2);
    assert_int_equal(chunks(), 5);
}

static void revisions_only_rise(void **state)
{
    (void)state;
    struct hq_db_revision before = {0};
    struct hq_db_revision after = {0};
    assert_int_equal(hq_db_revision(&db, &before, NULL), 0);
    assert_int_equal(hq_db_begin(&db, NULL), 0);
    assert_int_equal(hq_db_change(&db, HQ_DB_CHANGE_HITS, NULL), 0);
    hq_db_rollback(&db);
    assert_int_equal(hq_db_begin(&db, NULL), 0);
    assert_int_equal(hq_db_change(&db, HQ_DB_CHANGE_INBOX, NULL), 0);
    assert_int_equal(hq_db_commit(&db, NULL), 0);
    assert_int_equal(hq_db_revision(&db, &after, NULL), 0);
    assert_int_equal(after.inbox, before.inbox + 1);
    assert_int_equal(after.hits, before.hits);
}

static void a_statement_that_cannot_run_says_why(void **state)
{
    (void)state;
    struct err_text err = {""};
    assert_int_equal(hq_db_exec(&db, "SELECT 1 FROM nowhere", NULL, 0, &err), ERR_IO);
    assert_non_null(strstr(err.text, "database: "));
    assert_non_null(strstr(err.text, "nowhere"));
    assert_int_equal(chunks(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_is_room_for_all_statements, open_db, close_db),
        cmocka_unit_test_setup_teardown(values_of_every_kind_come_back, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_parameter_may_be_null_at_first, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_double_key_is_a_conflict, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_was_rolled_back_is_gone, open_db, close_db),
        cmocka_unit_test_setup_teardown(queued_statements_are_done_in_order, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_queued_fault_is_told_and_nothing_stays, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_row_refused_ends_the_query_and_nothing_else, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(revisions_only_rise, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_statement_that_cannot_run_says_why, open_db, close_db),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
