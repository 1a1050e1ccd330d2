/*
 * Every bit of a checkpoint's records flipped, one at a time, given to headquarters: refused with
 * nothing stored, or the chain in quarantine. What a header says that nothing else repeats (boot,
 * actor, the monotonic time) is caught by the hash: the receipt speaks of a head that is not the
 * checkpoint's, which that refuses (test_hqd_compromised), and the next record does not follow.
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

enum { LINES = 3, LINE_MAX_SIZE = 2048 };

static struct hq_db db;
static const struct wall_time now = {1800000000000};
static char lines[LINES][LINE_MAX_SIZE];
static struct journal_head heads[LINES]; /* behind each line */

static void make_line(int at, enum journal_kind kind, const char *text)
{
    struct journal_head head = at > 0 ? heads[at - 1] : (struct journal_head){.chain = {1}};
    struct journal_record r = {
        .has_body = true, .body = text, .body_size = strlen(text), .salt = {7, 8, 9}};
    char *line = NULL;
    size_t size = 0;
    r.header = (struct journal_header){.sequence = head.sequence + 1, .kind = kind, .wall = now};
    memcpy(r.header.chain, head.chain, sizeof(head.chain));
    memcpy(r.header.actor, "checkpointd", sizeof("checkpointd"));
    memcpy(r.header.previous, head.hash, sizeof(head.hash));
    assert_int_equal(journal_digest(r.salt, r.body, r.body_size, r.header.digest), 0);
    journal_header_write(&r.header, r.bytes);
    assert_int_equal(journal_head_follow(&head, &r, NULL), 0);
    assert_int_equal(journal_wire_write(&r, "urn:checkpoint:north-1", true, &line, &size), 0);
    assert_true(size < LINE_MAX_SIZE);
    memcpy(lines[at], line, size + 1);
    free(line);
    heads[at] = head;
}

static int setup(void **state)
{
    (void)state;
    make_line(0, JOURNAL_START, "{\"version\":\"1\"}");
    make_line(1, JOURNAL_HIT, "{\"hit\":7,\"plate\":\"鲁H12345\"}");
    make_line(2, JOURNAL_HIT_ANSWER, "{\"answer\":\"confirm\",\"hit\":7}");
    return open_store(&db);
}

static int teardown(void **state)
{
    (void)state;
    hq_db_close(&db);
    return 0;
}

static int64_t count(const char *sql)
{
    int64_t number = -1;
    assert_int_equal(hq_db_number(&db, sql, NULL, 0, -1, &number, NULL), 0);
    return number;
}

/* Of a checkpoint of its own, so that each try begins with nothing held: the id is part of no hash
 * and as long as "north-1". */
static const char *name_of_try(void)
{
    static char name[16];
    static unsigned number;
    (void)snprintf(name, sizeof(name), "%07u", number++ % 10000000u);
    return name;
}

static void rename_source(char *body, const char *name)
{
    for (char *at = body; (at = strstr(at, "urn:checkpoint:")); at += strlen("urn:checkpoint:"))
        memcpy(at + strlen("urn:checkpoint:"), name, strlen(name));
}

/* The records up to `last` as one body. */
static size_t body_of(int last, const char *name, char out[LINES * LINE_MAX_SIZE])
{
    out[0] = '\0';
    for (int i = 0; i <= last; i++) {
        memcpy(out + strlen(out), lines[i], strlen(lines[i]) + 1);
        memcpy(out + strlen(out), "\n", 2);
    }
    rename_source(out, name);
    return strlen(out);
}

static void test_as_they_are_they_are_stored(void **state)
{
    (void)state;
    char body[LINES * LINE_MAX_SIZE];
    struct hq_ingest got;
    const char *name = name_of_try();
    size_t size = body_of(LINES - 1, name, body);
    assert_int_equal(hq_records_ingest(&db, name, body, size, now, &got, NULL), 0);
    assert_int_equal(got.stored, LINES);
    assert_memory_equal(&got.head, &heads[LINES - 1], sizeof(got.head));
}

/* What became of a body with one bit flipped: 0 refused, 1 caught by the hash. */
static int judge(const char *name, int last, const struct hq_ingest *got, size_t at, int bit)
{
    char next[LINES * LINE_MAX_SIZE];
    struct hq_ingest after;
    if (got->quarantined || got->gap)
        return 0;
    if (memcmp(got->head.hash, heads[last].hash, JOURNAL_HASH_SIZE) == 0)
        fail_msg("byte %zu, bit %d: accepted as the checkpoint's own", at, bit);
    assert_true(last < LINES - 1);
    size_t size = body_of(last + 1, name, next);
    assert_int_equal(hq_records_ingest(&db, name, next, size, now, &after, NULL), 0);
    if (!after.quarantined)
        fail_msg("byte %zu, bit %d: the next record followed", at, bit);
    return 1;
}

/* Records up to `last` as one body, each bit of it flipped. */
static void flip_body(int last, int *out_refused, int *out_by_hash)
{
    char body[LINES * LINE_MAX_SIZE];
    size_t size = body_of(last, "0000000", body);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            struct hq_ingest got;
            const char *name = name_of_try();
            int64_t held = count("SELECT count(*) FROM records");
            (void)body_of(last, name, body);
            body[at] = (char)(body[at] ^ 1 << bit);
            int rc = hq_records_ingest(&db, name, body, size, now, &got, NULL);
            if (rc == 0 && judge(name, last, &got, at, bit) == 1) {
                ++*out_by_hash;
                continue;
            }
            ++*out_refused;
            if (rc != 0)
                assert_int_equal(count("SELECT count(*) FROM records"), held);
        }
}

static void test_every_bit_of_records(void **state)
{
    (void)state;
    int refused = 0;
    int by_hash = 0;
    flip_body(0, &refused, &by_hash);
    flip_body(1, &refused, &by_hash);
    printf("%d flips refused at once, %d by the hash\n", refused, by_hash);
    assert_true(refused > by_hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_they_are_they_are_stored),
        cmocka_unit_test(test_every_bit_of_records),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
