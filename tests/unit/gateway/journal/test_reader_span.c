/* Reading one kind by time, newest first: places, bodies that are gone, records that are damaged.
 */
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

static const struct journal_span all = {JOURNAL_PASSAGE, {0}, {INT64_MAX}};

static void append(struct journal *journal, enum journal_kind kind, const char *body, int64_t ms)
{
    struct err_text err;
    uint64_t sequence;
    struct journal_entry entry = {.kind = kind,
                                  .actor = "lane",
                                  .body = body,
                                  .body_size = strlen(body),
                                  .wall = {ms},
                                  .essential = true};
    if (journal_append(journal, &entry, 1, &sequence, &err) != 0)
        fail_msg("%s", err.text);
}

/* Passages 1 to 5 at 10, 20, 20, 40 and 30 ms, a hit between them. */
static int setup(void **state)
{
    struct journal_options options = {
        .folder = folder, .checkpoint = "lu-hz-01", .reserve_bytes = 4096, .clock = &clock_system};
    struct journal *journal = NULL;
    struct err_text err;
    snprintf(folder, sizeof folder, "/tmp/span.XXXXXX");
    if (!mkdtemp(folder) || journal_open(&options, &journal, &err) != 0)
        return -1;
    append(journal, JOURNAL_PASSAGE, "{\"n\":1}", 10);
    append(journal, JOURNAL_PASSAGE, "{\"n\":2}", 20);
    append(journal, JOURNAL_HIT, "{\"n\":9}", 20);
    append(journal, JOURNAL_PASSAGE, "{\"n\":3}", 20);
    append(journal, JOURNAL_PASSAGE, "{\"n\":4}", 40);
    append(journal, JOURNAL_PASSAGE, "{\"n\":5}", 30);
    journal_close(journal);
    struct journal_reader *reader = NULL;
    if (journal_reader_open(folder, &reader, &err) != 0)
        return -1;
    *state = reader;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"journal.sqlite",     "journal.sqlite-wal",
                                        "journal.sqlite-shm", "seal.key",
                                        "seal.key.next",      "reserve"};
    journal_reader_close(*state);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void change(const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/journal.sqlite", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

struct seen {
    char numbers[64]; /* "4 5 3 " */
    int stop_at;      /* the record's number that ends the reading; 0: none */
    int broken;       /* records that are not whole */
};

static int take(void *ctx, const struct journal_record *record)
{
    struct seen *seen = ctx;
    char number = record->body[5];
    size_t used = strlen(seen->numbers);
    snprintf(seen->numbers + used, sizeof seen->numbers - used, "%c ", number);
    seen->broken += !journal_record_is_whole(record);
    return seen->stop_at == number - '0' ? ERR_STOPPED : 0;
}

static int read_back(void **state, const struct journal_span *span, struct journal_place *place,
                     size_t limit, struct seen *seen)
{
    struct err_text err;
    size_t count;
    return journal_reader_back(*state, span, place, limit, take, seen, &count, &err);
}

static void newest_first_whatever_their_sequence(void **state)
{
    struct seen seen = {.numbers = ""};
    struct journal_place place = {.sequence = 0};
    assert_int_equal(read_back(state, &all, &place, 100, &seen), 0);
    assert_string_equal(seen.numbers, "4 5 3 2 1 ");
    assert_int_equal(seen.broken, 0);
}

static void from_is_in_and_until_is_out(void **state)
{
    const struct journal_span span = {JOURNAL_PASSAGE, {20}, {40}};
    struct seen seen = {.numbers = ""};
    struct journal_place place = {.sequence = 0};
    assert_int_equal(read_back(state, &span, &place, 100, &seen), 0);
    assert_string_equal(seen.numbers, "5 3 2 ");
}

static void it_goes_on_where_it_stopped_between_equal_times_too(void **state)
{
    struct seen seen = {.numbers = ""};
    struct journal_place place = {.sequence = 0};
    for (int i = 0; i < 6; i++)
        assert_int_equal(read_back(state, &all, &place, 1, &seen), 0);
    assert_string_equal(seen.numbers, "4 5 3 2 1 ");
    struct seen again = {.numbers = "", .stop_at = 3};
    place = (struct journal_place){.sequence = 0};
    assert_int_equal(read_back(state, &all, &place, 100, &again), ERR_STOPPED);
    again.stop_at = 0;
    assert_int_equal(read_back(state, &all, &place, 100, &again), 0);
    assert_string_equal(again.numbers, "4 5 3 2 1 ");
}

static void bodies_that_are_gone_are_counted(void **state)
{
    struct seen seen = {.numbers = ""};
    struct journal_place place = {.sequence = 0};
    struct err_text err;
    uint64_t count = 0;
    uint64_t with_body = 0;
    change("UPDATE record SET body = NULL, salt = NULL WHERE kind = 3 AND wall = 20");
    assert_int_equal(read_back(state, &all, &place, 100, &seen), 0);
    assert_string_equal(seen.numbers, "4 5 1 ");
    assert_int_equal(journal_reader_count(*state, &all, &count, &with_body, &err), 0);
    assert_int_equal(count, 5);
    assert_int_equal(with_body, 3);
}

static void a_changed_body_is_not_whole(void **state)
{
    struct seen seen = {.numbers = ""};
    struct journal_place place = {.sequence = 0};
    change("UPDATE record SET body = CAST('{\"n\":7}' AS BLOB) WHERE wall = 40");
    assert_int_equal(read_back(state, &all, &place, 100, &seen), 0);
    assert_string_equal(seen.numbers, "7 5 3 2 1 ");
    assert_int_equal(seen.broken, 1);
}

static void a_damaged_record_is_told_and_passed(void **state)
{
    struct seen seen = {.numbers = ""};
    struct journal_place place = {.sequence = 0};
    change("UPDATE record SET header = x'00' WHERE wall = 30");
    assert_int_equal(read_back(state, &all, &place, 100, &seen), ERR_CORRUPT);
    assert_int_equal(read_back(state, &all, &place, 100, &seen), 0);
    assert_string_equal(seen.numbers, "4 3 2 1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(newest_first_whatever_their_sequence, setup, teardown),
        cmocka_unit_test_setup_teardown(from_is_in_and_until_is_out, setup, teardown),
        cmocka_unit_test_setup_teardown(it_goes_on_where_it_stopped_between_equal_times_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bodies_that_are_gone_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_body_is_not_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_record_is_told_and_passed, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
