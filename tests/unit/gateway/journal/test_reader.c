/* Reading beside the writer, and what a receipt of headquarters confirms. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"

static char folder[64];

static struct journal *open_journal(void)
{
    struct journal_options options = {
        .folder = folder, .checkpoint = "lu-hz-01", .reserve_bytes = 4096, .clock = &clock_system};
    struct journal *journal = NULL;
    struct err_text err;
    if (journal_open(&options, &journal, &err) != 0)
        fail_msg("%s", err.text);
    return journal;
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/reader.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"journal.sqlite",     "journal.sqlite-wal",
                                        "journal.sqlite-shm", "seal.key",
                                        "seal.key.next",      "reserve"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void append(struct journal *journal, enum journal_kind kind, const char *body)
{
    struct err_text err;
    uint64_t sequence;
    struct journal_entry entry = {.kind = kind,
                                  .actor = "lane",
                                  .body = body,
                                  .body_size = strlen(body),
                                  .wall = {1790000000000},
                                  .essential = true};
    if (journal_append(journal, &entry, 1, &sequence, &err) != 0)
        fail_msg("%s", err.text);
}

struct seen {
    int count;
    struct journal_head head;
    char bodies[1024];
};

static int take(void *ctx, const struct journal_record *record)
{
    struct seen *seen = ctx;
    seen->count++;
    seen->head.sequence = record->header.sequence;
    memcpy(seen->head.chain, record->header.chain, sizeof seen->head.chain);
    assert_int_equal(journal_hash(record->bytes, seen->head.hash), 0);
    size_t used = strlen(seen->bodies);
    assert_true(record->body_size < sizeof seen->bodies - used);
    memcpy(seen->bodies + used, record->body, record->body_size);
    seen->bodies[used + record->body_size] = 0;
    return 0;
}

static void test_reads_beside_the_writer(void **state)
{
    (void)state;
    struct err_text err;
    struct journal_reader *reader = NULL;
    struct seen seen = {0};
    uint64_t last;
    struct journal *journal = open_journal();
    append(journal, JOURNAL_HIT, "{\"n\":1}");
    append(journal, JOURNAL_PASSAGE, "{\"n\":2}");
    append(journal, JOURNAL_ACT, "{\"n\":3}");
    assert_int_equal(journal_reader_open(folder, &reader, &err), 0);
    uint32_t kinds = JOURNAL_KIND_BIT(JOURNAL_HIT) | JOURNAL_KIND_BIT(JOURNAL_ACT);
    assert_int_equal(journal_reader_read(reader, 0, kinds, 10, take, &seen, &last, &err), 0);
    assert_string_equal(seen.bodies, "{\"n\":1}{\"n\":3}");
    append(journal, JOURNAL_HIT, "{\"n\":4}"); /* seen by the open reader */
    memset(&seen, 0, sizeof seen);
    assert_int_equal(journal_reader_read(reader, last, 0, 10, take, &seen, &last, &err), 0);
    assert_string_equal(seen.bodies, "{\"n\":4}");
    uint64_t before = last;
    assert_int_equal(journal_reader_read(reader, last, 0, 10, take, &seen, &last, &err), 0);
    assert_int_equal(last, before);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(journal_reader_read(reader, 0, 0, 2, take, &seen, &last, &err), 0);
    assert_int_equal(seen.count, 2);
    journal_reader_close(reader);
    journal_close(journal);
}

static void test_confirm(void **state)
{
    (void)state;
    struct err_text err;
    struct journal_reader *reader = NULL;
    struct seen seen = {0};
    uint64_t last;
    struct journal *journal = open_journal();
    append(journal, JOURNAL_HIT, "{\"n\":1}");
    assert_int_equal(journal_reader_open(folder, &reader, &err), 0);
    assert_int_equal(journal_reader_read(reader, 0, 0, 100, take, &seen, &last, &err), 0);
    struct journal_head head = seen.head;
    head.hash[0] ^= 1;
    assert_int_equal(journal_confirm(journal, &head, "{}", 2, &err), ERR_CORRUPT);
    head = seen.head;
    head.chain[0] ^= 1;
    assert_int_equal(journal_confirm(journal, &head, "{}", 2, &err), ERR_CONFLICT);
    head = seen.head;
    head.sequence += 5;
    assert_int_equal(journal_confirm(journal, &head, "{}", 2, &err), ERR_NOT_FOUND);
    assert_int_equal(journal_confirmed(journal), 0);
    assert_int_equal(journal_confirm(journal, &seen.head, "{}", 2, &err), 0);
    journal_reader_close(reader);
    journal_close(journal);
    journal = open_journal();
    assert_int_equal(journal_confirmed(journal), seen.head.sequence);
    journal_close(journal);
}

/* ---- past damage ---- */

enum { RECORDS = 2000, FILLER = 200 };

struct scanned {
    int count;
    int damaged;
    uint64_t first; /* of the damaged */
    uint64_t last;
};

static int take_one(void *ctx, const struct journal_record *record)
{
    struct scanned *scanned = ctx;
    assert_true(record->header.sequence > scanned->last);
    scanned->last = record->header.sequence;
    scanned->count++;
    return 0;
}

static int take_none(void *ctx, const struct journal_record *record)
{
    (void)ctx;
    (void)record;
    return ERR_CORRUPT; /* the taker's own word is no damage */
}

static void note(void *ctx, uint64_t sequence, const char *why)
{
    struct scanned *scanned = ctx;
    assert_true(strlen(why) > 0);
    scanned->first = scanned->damaged++ == 0 ? sequence : scanned->first;
}

static int scan(struct scanned *out, int (*taking)(void *, const struct journal_record *))
{
    struct err_text err;
    struct journal_reader *reader = NULL;
    const struct journal_scan scan = {
        .kinds = JOURNAL_KIND_BIT(JOURNAL_HIT), .take = taking, .damaged = note, .ctx = out};
    *out = (struct scanned){0};
    assert_int_equal(journal_reader_open(folder, &reader, &err), 0);
    int result = journal_reader_scan(reader, &scan, &err);
    journal_reader_close(reader);
    return result;
}

/* Records 3 and on, more than one transaction's worth. */
static void fill(void)
{
    char body[FILLER];
    struct journal *journal = open_journal();
    memset(body, 'x', sizeof body);
    body[sizeof body - 1] = 0;
    for (int i = 0; i < RECORDS; i += JOURNAL_GROUP_MAX) {
        struct err_text err;
        uint64_t sequence;
        struct journal_entry entries[JOURNAL_GROUP_MAX];
        for (size_t k = 0; k < JOURNAL_GROUP_MAX; k++)
            entries[k] = (struct journal_entry){.kind = JOURNAL_HIT,
                                                .actor = "lane",
                                                .body = body,
                                                .body_size = strlen(body),
                                                .wall = {1790000000000}};
        if (journal_append(journal, entries, JOURNAL_GROUP_MAX, &sequence, &err) != 0)
            fail_msg("%s", err.text);
    }
    journal_close(journal);
}

static void change(const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/journal.sqlite", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void test_scan_passes_over_damaged_records(void **state)
{
    (void)state;
    struct scanned scanned;
    fill();
    assert_int_equal(scan(&scanned, take_one), 0);
    int all = scanned.count;
    assert_true(all >= RECORDS && scanned.damaged == 0);
    change("UPDATE record SET header = x'00' WHERE sequence = 1000;"
           "UPDATE record SET body = CAST(body || x'20' AS BLOB) WHERE sequence = 1001;"
           "UPDATE record SET salt = NULL WHERE sequence = 1002;"
           "UPDATE record SET hash = zeroblob(32) WHERE sequence = 1003;"
           "UPDATE record SET salt = NULL, body = NULL WHERE sequence = 1004;" /* past its term */
           "UPDATE record SET header = x'00' WHERE sequence ="
           " (SELECT max(sequence) FROM record WHERE kind = 4)");
    assert_int_equal(scan(&scanned, take_one), 0);
    assert_int_equal(scanned.damaged, 5);
    assert_int_equal(scanned.first, 1000);
    assert_int_equal(scanned.count, all - 5);
    assert_int_equal(scan(&scanned, take_none), ERR_CORRUPT);
    assert_int_equal(scanned.damaged, 0);
}

/* Any page of the file, of records or of an index: each record is taken or told. */
static void test_scan_goes_over_damaged_pages(void **state)
{
    (void)state;
    enum { PAGE = 4096, STRIDE = 13, REFUSED_MAX = 2 /* the path to the newest record */ };
    struct scanned scanned;
    char path[128];
    static const uint8_t junk[PAGE] = {[0] = 0xFF};
    uint8_t good[PAGE];
    fill();
    assert_int_equal(scan(&scanned, take_one), 0);
    int all = scanned.count;
    int refused = 0;
    int with_loss = 0;
    snprintf(path, sizeof path, "%s/journal.sqlite", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    for (off_t at = PAGE; pread(fd, good, PAGE, at) == PAGE; at += STRIDE * PAGE) {
        assert_int_equal(pwrite(fd, junk, PAGE, at), PAGE);
        int result = scan(&scanned, take_one);
        assert_int_equal(pwrite(fd, good, PAGE, at), PAGE);
        refused += result != 0;
        with_loss += scanned.damaged > 0;
        if (result == 0)
            assert_int_equal(scanned.count + scanned.damaged, all);
        else
            assert_int_equal(result, ERR_CORRUPT);
    }
    close(fd);
    assert_true(with_loss >= 5 && refused <= REFUSED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_beside_the_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_confirm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scan_passes_over_damaged_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scan_goes_over_damaged_pages, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
