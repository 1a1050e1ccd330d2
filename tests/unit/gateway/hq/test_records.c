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

static struct hq_db db;
static const struct wall_time now = {1800000000000};

/* Appends the next record of `head` as a line to `body`. */
static void add(struct journal_head *head, enum journal_kind kind, char *body)
{
    struct journal_record r = {.has_body = true, .body = "{\"a\":1}", .body_size = 7};
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

static int send_as(const char *id, const char *body, struct hq_ingest *out)
{
    return hq_records_ingest(&db, id, body, strlen(body), now, out, NULL);
}

static int open_db(void **state)
{
    (void)state;
    return hq_db_open_sqlite(":memory:", &db, NULL);
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

static void gap_is_quarantined_and_its_hit_flows_on(void **state)
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
    assert_true(got.quarantined);
    assert_int_equal(got.head.sequence, 1);
    assert_int_equal(got.hits, 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_record_twice_is_stored_once, open_db, close_db),
        cmocka_unit_test_setup_teardown(gap_is_quarantined_and_its_hit_flows_on, open_db, close_db),
        cmocka_unit_test_setup_teardown(new_chain_waits_for_an_operator, open_db, close_db),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
