/* Reading beside the writer, and what a receipt of headquarters confirms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_beside_the_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_confirm, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
