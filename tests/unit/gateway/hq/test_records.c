/*
 * Records at HQ: a chain is stored once whatever is repeated, a gap or a new chain is quarantined
 * until accepted, hits flow on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/records.h"
#include "store/any_store.h"

static struct hq_db db;
static const struct wall_time now = {1800000000000};

/* Appends the next record of `head`, which says `text`, as a line to `body`. */
static void add_text(struct journal_head *head, enum journal_kind kind, const char *text,
                     char *body)
{
    struct journal_record r = {.has_body = true, .body = text, .body_size = strlen(text)};
    char *line = NULL;
    size_t size = 0;
    r.header = (struct journal_header){.sequence = head->sequence + 1, .kind = kind, .wall = now};
    memcpy(r.header.chain, head->chain, sizeof(head->chain));
    memcpy(r.header.actor, "checkpointd", sizeof("checkpointd"));
    memcpy(r.header.previous, head->hash, sizeof(head->hash));
    assert_int_equal(journal_digest(r.salt, r.body, r.body_size, r.header.digest), 0);
    journal_header_write(&r.header, r.bytes);
    assert_int_equal(journal_head_follow(head, &r, NULL), 0);
    assert_int_equal(journal_wire_write(&r, "urn:checkpoint:north-1", true, &line, &size), 0);
    memcpy(body + strlen(body), line, size + 1);
    memcpy(body + strlen(body), "\n", 2);
    free(line);
}

static void add(struct journal_head *head, enum journal_kind kind, char *body)
{
    add_text(head, kind, "{\"a\":1}", body);
}

static int64_t count(const char *sql)
{
    int64_t number = -1;
    assert_int_equal(hq_db_number(&db, sql, NULL, 0, -1, &number, NULL), 0);
    return number;
}

static int send_as(const char *id, const char *body, struct hq_ingest *out)
{
    return hq_records_ingest(&db, id, body, strlen(body), now, out, NULL);
}

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

static void same_record_twice_is_stored_once(void **state)
{
    (void)state;
    static char body[8192];
    struct hq_ingest got;
    struct journal_head head = {.chain = {1}};
    body[0] = '\0';
    add(&head, JOURNAL_START, body);
    add(&head, JOURNAL_HIT, body);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(got.stored, 2);
    assert_int_equal(got.hits, 1);
    assert_memory_equal(&got.head, &head, sizeof(head));
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(got.stored, 0);
    assert_int_equal(got.repeated, 2);
    assert_int_equal(got.hits, 0);
    assert_false(got.quarantined);
    assert_int_equal(send_as("south-1", body, &got), ERR_INVALID);
}

/* A box of a newer build is a link of the fleet all the same. */
static void a_kind_not_known_here_is_stored_by_its_number(void **state)
{
    (void)state;
    static char body[8192];
    struct hq_ingest got;
    struct journal_head head = {.chain = {1}};
    body[0] = '\0';
    add(&head, JOURNAL_START, body);
    add(&head, (enum journal_kind)200, body);
    add(&head, JOURNAL_HIT, body);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(got.stored, 3);
    assert_false(got.quarantined);
    assert_memory_equal(&got.head, &head, sizeof(head));
    assert_int_equal(count("SELECT count(*) FROM records WHERE kind = 'kind_200'"), 1);
    bool is_new = false;
    body[0] = '\0';
    add(&head, (enum journal_kind)200, body);
    assert_int_equal(hq_records_urgent(&db, "north-1", body, strlen(body), now, &is_new, NULL), 0);
    assert_true(is_new);
    assert_int_equal(count("SELECT count(*) FROM urgents WHERE kind = 'kind_200'"), 1);
}

static void gap_is_asked_for_again_and_its_hit_flows_on(void **state)
{
    (void)state;
    static char body[8192], lost[8192];
    struct hq_ingest got;
    struct journal_head head = {.chain = {1}};
    body[0] = lost[0] = '\0';
    add(&head, JOURNAL_START, body);
    add(&head, JOURNAL_STOP, lost);
    add(&head, JOURNAL_HIT, body);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_true(got.gap && got.gap_new);
    assert_false(got.quarantined);
    assert_int_equal(got.head.sequence, 1);
    assert_int_equal(got.hits, 1);
    assert_int_equal(count("SELECT recorded FROM journals"), 3);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_true(got.gap && !got.gap_new);
    assert_int_equal(send_as("north-1", lost, &got), 0);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_false(got.gap);
    assert_int_equal(got.head.sequence, 3);
    assert_int_equal(count("SELECT count(*) FROM hits WHERE provisional = 0"), 1);
}

static void new_chain_waits_for_an_operator(void **state)
{
    (void)state;
    static char first[8192], second[8192];
    struct hq_ingest got;
    struct journal_head a = {.chain = {1}}, b = {.chain = {2}};
    first[0] = second[0] = '\0';
    add(&a, JOURNAL_START, first);
    add(&b, JOURNAL_START, second);
    assert_int_equal(send_as("north-1", first, &got), 0);
    assert_int_equal(send_as("north-1", second, &got), 0);
    assert_true(got.quarantined);
    assert_string_equal(got.reason, "new chain beside the one held");
    assert_int_equal(hq_records_accept(&db, "north-1", b.chain, "li", "disk replaced", now, NULL),
                     0);
    assert_int_equal(hq_records_accept(&db, "north-1", b.chain, "li", "again", now, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(send_as("north-1", second, &got), 0);
    assert_false(got.quarantined);
    assert_int_equal(got.stored, 1);
}

/* A box put back to an earlier state: other hits under sequences HQ holds. None hides another. */
static void hits_of_a_fork_stand_beside_those_held(void **state)
{
    (void)state;
    static char first[8192], fork[8192], fork_again[8192];
    struct hq_ingest got;
    struct journal_head a = {.chain = {1}};
    first[0] = fork[0] = fork_again[0] = '\0';
    add(&a, JOURNAL_START, first);
    struct journal_head b = a;
    struct journal_head c = a;
    add_text(&a, JOURNAL_HIT, "{\"plate\":1}", first);
    add_text(&b, JOURNAL_HIT, "{\"plate\":2}", fork);
    add_text(&c, JOURNAL_HIT, "{\"plate\":3}", fork_again);
    assert_int_equal(send_as("north-1", first, &got), 0);
    assert_int_equal(send_as("north-1", fork, &got), 0);
    assert_true(got.quarantined);
    assert_int_equal(got.hits, 1);
    assert_int_equal(send_as("north-1", fork_again, &got), 0);
    assert_int_equal(got.hits, 1);
    assert_int_equal(send_as("north-1", fork_again, &got), 0);
    assert_int_equal(got.hits, 0);
    assert_int_equal(count("SELECT count(*) FROM hits"), 3);
    assert_int_equal(count("SELECT count(*) FROM hits WHERE provisional = 1"), 2);
}

static void send_urgent(const char *line, bool expect_new)
{
    bool is_new = !expect_new;
    assert_int_equal(hq_records_urgent(&db, "north-1", line, strlen(line), now, &is_new, NULL), 0);
    assert_int_equal(is_new, expect_new);
}

static void the_chain_confirms_or_replaces_an_urgent_hit(void **state)
{
    (void)state;
    static char start[4096], same[4096], lie[4096], truth[4096];
    struct hq_ingest got;
    struct journal_head head = {.chain = {1}};
    start[0] = same[0] = lie[0] = truth[0] = '\0';
    add(&head, JOURNAL_START, start);
    add_text(&head, JOURNAL_HIT, "{\"plate\":1}", same);
    struct journal_head other = head;
    add_text(&other, JOURNAL_HIT, "{\"plate\":9}", lie);
    add_text(&head, JOURNAL_HIT, "{\"plate\":2}", truth);
    send_urgent(same, true);
    send_urgent(same, false);
    send_urgent(lie, true);
    assert_int_equal(count("SELECT max(number) FROM hits"), 2);
    assert_int_equal(send_as("north-1", start, &got), 0);
    assert_int_equal(send_as("north-1", same, &got), 0);
    assert_int_equal(got.hits, 0);
    assert_int_equal(send_as("north-1", truth, &got), 0);
    assert_int_equal(got.hits, 1);
    assert_int_equal(count("SELECT count(*) FROM hits WHERE provisional = 0"), 2);
    assert_int_equal(count("SELECT count(*) FROM hits"), 2);
    assert_int_equal(count("SELECT number FROM hits WHERE sequence = 3"), 3);
    /* what the chain said the same is let go of, the other stays as evidence */
    assert_int_equal(count("SELECT count(*) FROM urgents"), 1);
    assert_int_equal(count("SELECT sequence FROM urgents"), 3);
}

/* Operators get bodies inside JSON answers: one box must not be able to break them for all. */
static void a_body_that_is_no_json_object_is_no_record(void **state)
{
    (void)state;
    static const char *const bodies[] = {"}]}",  "[1]", "{\"a\":1}x", "{\"a\":1,\"a\":2}",
                                         "\xff", ""};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        static char body[4096];
        struct hq_ingest got;
        struct err_text err = {""};
        bool is_new = false;
        struct journal_head head = {.chain = {1}};
        body[0] = '\0';
        add_text(&head, JOURNAL_HIT, bodies[i], body);
        int rc = hq_records_ingest(&db, "north-1", body, strlen(body), now, &got, &err);
        assert_int_equal(rc, ERR_INVALID);
        assert_non_null(strstr(err.text, "body"));
        assert_int_equal(hq_records_urgent(&db, "north-1", body, strlen(body), now, &is_new, NULL),
                         ERR_INVALID);
    }
    assert_int_equal(count("SELECT count(*) FROM hits"), 0);
    assert_int_equal(count("SELECT count(*) FROM chains"), 0);
}

/* Every answer stands, in the order the chain brings them; a repeat is none, a quarantined chain's
 * come when it is accepted. */
static void answers_to_hits_are_kept_once_each(void **state)
{
    (void)state;
    static char body[8192];
    struct hq_ingest got;
    struct journal_head head = {.chain = {1}};
    struct journal_head other = {.chain = {2}};
    body[0] = '\0';
    add(&head, JOURNAL_START, body);
    add_text(&head, JOURNAL_HIT_ANSWER, "{\"answer\":\"misread\",\"hit\":7}", body);
    add_text(&head, JOURNAL_HIT_ANSWER, "{\"answer\":\"confirm\",\"hit\":7}", body);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(got.repeated, 3);
    assert_int_equal(count("SELECT count(*) FROM answers"), 2);
    static const char second[] = "{\"answer\":\"confirm\",\"hit\":7}";
    int64_t found = 0;
    assert_int_equal(hq_db_number(&db,
                                  "SELECT count(*) FROM answers WHERE number = 2 AND sequence = 3"
                                  " AND body = $1",
                                  HQ_PARAMS(hq_blob(second, strlen(second))), 0, &found, NULL),
                     0);
    assert_int_equal(found, 1);
    body[0] = '\0';
    add(&other, JOURNAL_START, body);
    add_text(&other, JOURNAL_HIT_ANSWER, "{\"answer\":\"confirm\",\"hit\":1}", body);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_true(got.quarantined);
    assert_int_equal(count("SELECT count(*) FROM answers"), 2);
    assert_int_equal(hq_records_accept(&db, "north-1", other.chain, "zhang", "new disk", now, NULL),
                     0);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(count("SELECT count(*) FROM answers"), 3);
}

static int send_observed(const char *body, struct hq_ingest *out, struct err_text *err)
{
    char *none = NULL;
    return hq_records_take(&db, HQ_STREAM_OBSERVE, "north-1", body, strlen(body), now, NULL, NULL,
                           out, &none, err);
}

/* No fork of the first one, and another second one is; what is not sealed has no place there. */
static void the_second_chain_stands_beside_the_first(void **state)
{
    (void)state;
    static char body[8192];
    struct hq_ingest got;
    struct err_text err = {""};
    struct journal_head first = {.chain = {1}};
    struct journal_head second = {.chain = {2}};
    struct journal_head third = {.chain = {3}};
    body[0] = '\0';
    add(&first, JOURNAL_START, body);
    assert_int_equal(send_as("north-1", body, &got), 0);
    body[0] = '\0';
    add(&second, JOURNAL_START, body);
    add(&second, JOURNAL_OBSERVED, body);
    assert_int_equal(send_observed(body, &got, &err), 0);
    assert_false(got.quarantined);
    assert_int_equal(got.stored, 2);
    assert_int_equal(send_observed(body, &got, &err), 0);
    assert_int_equal(got.repeated, 2);
    assert_int_equal(count("SELECT count(*) FROM observed"), 1);
    assert_int_equal(send_as("north-1", body, &got), ERR_INVALID);
    body[0] = '\0';
    add(&second, JOURNAL_HIT, body);
    assert_int_equal(send_observed(body, &got, &err), ERR_INVALID);
    assert_string_equal(err.text, "line 1: a record 'hit' in the other stream's chain");
    body[0] = '\0';
    add(&first, JOURNAL_STOP, body);
    assert_int_equal(send_observed(body, &got, &err), ERR_INVALID);
    assert_string_equal(err.text, "line 1: the chain is another stream's of this checkpoint");
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_false(got.quarantined);
    body[0] = '\0';
    add(&third, JOURNAL_START, body);
    assert_int_equal(send_observed(body, &got, &err), 0);
    assert_true(got.quarantined);
    assert_int_equal(count("SELECT count(*) FROM hits"), 0);
}

/* Of a large body the records go in together, over PostgreSQL by COPY: with hits, answers and a
 * repeat among them, which end it and begin it anew, and one of more than its buffer. */
static void many_records_of_one_body_are_stored(void **state)
{
    (void)state;
    enum { RECORDS = 300, LONG = 60000, ROOM = RECORDS * 1024 + 2 * LONG };
    struct hq_ingest got;
    struct journal_head head = {.chain = {1}};
    char *body = calloc(ROOM, 1);
    char *text = calloc(LONG + 8, 1);
    assert_true(body && text);
    memset(text, 'x', LONG);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + LONG, "\"}", 2);
    add(&head, JOURNAL_START, body);
    size_t first = strlen(body);
    for (int i = 2; i <= RECORDS; i++)
        add_text(&head,
                 i % 50 == 0   ? JOURNAL_HIT
                 : i % 70 == 0 ? JOURNAL_HIT_ANSWER
                               : JOURNAL_PASSAGE,
                 i == 120 ? text : "{\"a\":1}", body + strlen(body));
    memcpy(body + strlen(body), body, first); /* again behind the last */
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(got.stored, RECORDS);
    assert_int_equal(got.repeated, 1);
    assert_int_equal(got.hits, RECORDS / 50);
    assert_memory_equal(&got.head, &head, sizeof(head));
    assert_int_equal(count("SELECT count(*) FROM records"), RECORDS);
    assert_int_equal(count("SELECT count(*) FROM records WHERE length(line) > 65536"), 1);
    assert_int_equal(count("SELECT count(*) FROM answers"), 4);
    assert_int_equal(send_as("north-1", body, &got), 0);
    assert_int_equal(got.stored, 0);
    assert_int_equal(got.repeated, RECORDS + 1);
    char *altered = strstr(body + first, "\"salt\":\"");
    altered[8] = altered[8] == '0' ? '1' : '0';
    assert_int_equal(send_as("north-1", body, &got), ERR_CORRUPT);
    body[0] = '\0';
    add(&head, JOURNAL_STOP, body);
    assert_int_equal(send_as("north-1", body, &got), 0); /* nothing stands half done */
    assert_int_equal(got.stored, 1);
    free(text);
    free(body);
}

/* A row that is there already is the batch's fault, wherever it is noticed; none of it stays. */
static void a_row_that_cannot_be_added_undoes_the_rest(void **state)
{
    (void)state;
    static const struct hq_rows rows = {
        "INSERT INTO batches(revision, hash, time_ms, envelope, operator)"
        " VALUES($1, $2, $3, $4, $5)",
        "COPY batches(revision, hash, time_ms, envelope, operator) FROM STDIN (FORMAT binary)"};
    int rc = hq_db_begin(&db, NULL);
    for (int i = 1; rc == 0 && i <= 5; i++)
        rc = hq_db_add_row(
            &db, &rows,
            HQ_PARAMS(hq_int(i % 4), hq_blob("h", 1), hq_int(-1), hq_blob("", 0), hq_text("zhang")),
            NULL);
    if (rc == 0)
        rc = hq_db_commit(&db, NULL);
    assert_int_equal(rc, ERR_CONFLICT);
    hq_db_rollback(&db);
    assert_int_equal(count("SELECT count(*) FROM batches"), 0);
    assert_int_equal(hq_db_begin(&db, NULL), 0);
    assert_int_equal(hq_db_add_row(&db, &rows,
                                   HQ_PARAMS(hq_int(7), hq_blob("h", 1), hq_int(-5), hq_blob("", 0),
                                             hq_text("zhang")),
                                   NULL),
                     0);
    assert_int_equal(count("SELECT time_ms FROM batches WHERE revision = 7"), -5);
    hq_db_rollback(&db);
    assert_int_equal(count("SELECT count(*) FROM batches"), 0);
}

/* Every connection of hqd to the server ends. */
static void break_connections(void)
{
    PGconn *conn = PQconnectdb(getenv("CHECKPOINT_HQ_DATABASE"));
    PGresult *ended = PQexec(conn, "SELECT count(pg_terminate_backend(pid, 10000))"
                                   " FROM pg_stat_activity WHERE application_name = 'hqd'");
    assert_int_equal(PQresultStatus(ended), PGRES_TUPLES_OK);
    assert_string_equal(PQgetvalue(ended, 0, 0), "1");
    PQclear(ended);
    PQfinish(conn);
}

/* The first fault; the rest is added all the same. */
static int add_batches(int from, int count_to)
{
    static const struct hq_rows rows = {
        "INSERT INTO batches(revision, hash, time_ms, envelope, operator)"
        " VALUES($1, $2, $3, $4, $5)",
        "COPY batches(revision, hash, time_ms, envelope, operator) FROM STDIN (FORMAT binary)"};
    int first = 0;
    for (int i = from; i < count_to; i++) {
        int rc = hq_db_add_row(
            &db, &rows,
            HQ_PARAMS(hq_int(i), hq_blob("h", 1), hq_int(1), hq_blob(NULL, 0), hq_text("zhang")),
            NULL);
        first = first ? first : rc;
    }
    return first;
}

/* The connection breaks before, among and behind many rows: none stays, and the same ones go in
 * over the next connection. */
static void rows_of_a_connection_that_broke_are_none(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    static const int breaks[] = {0, 1, ROWS / 2, ROWS};
    if (!getenv("CHECKPOINT_HQ_DATABASE"))
        skip();
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        assert_int_equal(hq_db_begin_scope(&db, "north-1", NULL), 0);
        assert_int_equal(add_batches(0, breaks[i]), 0);
        break_connections();
        int rc = add_batches(breaks[i], ROWS);
        if (rc == 0)
            rc = hq_db_commit(&db, NULL);
        assert_int_equal(rc, ERR_BUSY);
        assert_int_equal(hq_db_commit(&db, NULL), ERR_BUSY); /* nor by who does not look */
        hq_db_rollback(&db);
        assert_int_equal(count("SELECT count(*) FROM batches"), 0);
    }
    assert_int_equal(hq_db_begin_scope(&db, "north-1", NULL), 0);
    assert_int_equal(add_batches(0, ROWS), 0);
    assert_int_equal(hq_db_commit(&db, NULL), 0);
    hq_db_rollback(&db);
    assert_int_equal(count("SELECT count(*) FROM batches"), ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_record_twice_is_stored_once, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_kind_not_known_here_is_stored_by_its_number, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(answers_to_hits_are_kept_once_each, open_db, close_db),
        cmocka_unit_test_setup_teardown(the_second_chain_stands_beside_the_first, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(gap_is_asked_for_again_and_its_hit_flows_on, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(new_chain_waits_for_an_operator, open_db, close_db),
        cmocka_unit_test_setup_teardown(hits_of_a_fork_stand_beside_those_held, open_db, close_db),
        cmocka_unit_test_setup_teardown(the_chain_confirms_or_replaces_an_urgent_hit, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_body_that_is_no_json_object_is_no_record, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(many_records_of_one_body_are_stored, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_row_that_cannot_be_added_undoes_the_rest, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(rows_of_a_connection_that_broke_are_none, open_db,
                                        close_db),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
