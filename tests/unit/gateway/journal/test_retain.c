/* Bodies past their term: gone from every file, with their salts, while the chain verifies; nothing
 * sooner than 30 days after its receipt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/file.h"
#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/verify.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define BEGIN_MS INT64_C(1790000000000)

static const char *const files[] = {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm",
                                    "seal.key",       "seal.key.next",      "reserve"};
static const char plate[] = "鲁H12345";

struct bench {
    char folder[64];
    struct journal *journal;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct err_text err;
    snprintf(b->folder, sizeof b->folder, "/tmp/retain.XXXXXX");
    struct journal_options options = {.folder = b->folder,
                                      .checkpoint = "lu-hz-01",
                                      .reserve_bytes = 65536,
                                      .clock = &clock_system};
    if (!mkdtemp(b->folder) || journal_open(&options, &b->journal, &err) != 0)
        return -1;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    journal_close(b->journal);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", b->folder, files[i]);
        unlink(path);
    }
    int result = rmdir(b->folder);
    free(b);
    return result;
}

static uint64_t append(const struct bench *b, enum journal_kind kind, int64_t wall_ms, int number)
{
    char body[4096]; /* long enough for overflow pages now and then */
    uint64_t sequence = 0;
    snprintf(body, sizeof body, "{\"n\":%d,\"plate\":\"%s\",\"x\":\"%0*d\"}", number, plate,
             number % 7 == 0 ? 3000 : 10, 0);
    struct journal_entry entry = {.kind = kind,
                                  .actor = "lane",
                                  .body = body,
                                  .body_size = strlen(body),
                                  .wall = {wall_ms},
                                  .mono = {1},
                                  .essential = true};
    assert_int_equal(journal_append(b->journal, &entry, 1, &sequence, NULL), 0);
    return sequence;
}

static size_t retain(const struct bench *b, int64_t now_ms, uint32_t on_box)
{
    struct journal_retention retention = {.on_box = on_box};
    struct err_text err;
    size_t deleted;
    for (int kind = 1; kind < JOURNAL_KIND_COUNT; kind++)
        retention.age_ms[kind] = 10 * DAY_MS;
    if (journal_retain(b->journal, &retention, (struct wall_time){now_ms}, &deleted, &err) != 0)
        fail_msg("%s", err.text);
    return deleted;
}

static void confirm_all(const struct bench *b)
{
    struct journal_head head;
    journal_head_read(b->journal, &head);
    assert_int_equal(journal_confirm(b->journal, &head, "{}", 2, NULL), 0);
}

struct salts {
    uint8_t salt[8][JOURNAL_SALT_SIZE];
    size_t count;
    size_t bodies;
};

static int take_salt(void *ctx, const struct journal_record *record)
{
    struct salts *salts = ctx;
    salts->bodies += record->has_body;
    if (record->has_body && salts->count < 8)
        memcpy(salts->salt[salts->count++], record->salt, JOURNAL_SALT_SIZE);
    return 0;
}

static void read_passages(const struct bench *b, struct salts *out)
{
    struct journal_reader *reader = NULL;
    uint64_t last;
    memset(out, 0, sizeof *out);
    assert_int_equal(journal_reader_open(b->folder, &reader, NULL), 0);
    assert_int_equal(journal_reader_read(reader, 0, JOURNAL_KIND_BIT(JOURNAL_PASSAGE),
                                         JOURNAL_READ_MAX, take_salt, out, &last, NULL),
                     0);
    journal_reader_close(reader);
}

/* Whether the bytes stand in any of the journal's files. */
static bool stands_in_files(const struct bench *b, const void *bytes, size_t size)
{
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[128];
        uint8_t *data = NULL;
        size_t length;
        snprintf(path, sizeof path, "%s/%s", b->folder, files[i]);
        if (file_read(path, 64 << 20, &data, &length, NULL) != 0)
            continue;
        found |= memmem(data, length, bytes, size) != NULL;
        free(data);
    }
    return found;
}

static void assert_verifies(const struct bench *b, uint64_t bodies_gone)
{
    struct journal_report report;
    assert_int_equal(journal_verify(b->folder, NULL, 0, &report, NULL), 0);
    if (!report.ok)
        fail_msg("%s", report.fault.text);
    assert_int_equal(report.records - report.bodies, bodies_gone);
}

static void neither_plate_nor_salt_is_left_in_the_files(void **state)
{
    struct bench *b = *state;
    struct salts salts;
    for (int i = 0; i < 40; i++)
        append(b, JOURNAL_PASSAGE, BEGIN_MS + i, i);
    read_passages(b, &salts);
    assert_int_equal(salts.count, 8);
    assert_true(stands_in_files(b, plate, sizeof plate - 1));
    assert_true(stands_in_files(b, salts.salt[3], JOURNAL_SALT_SIZE));
    uint32_t on_box = JOURNAL_KIND_BIT(JOURNAL_PASSAGE);
    assert_int_equal(retain(b, BEGIN_MS + 10 * DAY_MS, on_box), 0); /* not past it yet */
    assert_int_equal(retain(b, BEGIN_MS + 11 * DAY_MS, on_box), 40);
    assert_false(stands_in_files(b, plate, sizeof plate - 1));
    for (size_t i = 0; i < salts.count; i++)
        assert_false(stands_in_files(b, salts.salt[i], JOURNAL_SALT_SIZE));
    assert_verifies(b, 40);
    append(b, JOURNAL_PASSAGE, BEGIN_MS + 11 * DAY_MS, 1); /* the chain goes on */
    assert_verifies(b, 40);
}

static void one_call_is_bounded(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < JOURNAL_RETAIN_MAX + 5; i++)
        append(b, JOURNAL_PASSAGE, BEGIN_MS, i);
    uint32_t on_box = JOURNAL_KIND_BIT(JOURNAL_PASSAGE);
    assert_int_equal(retain(b, BEGIN_MS + 11 * DAY_MS, on_box), JOURNAL_RETAIN_MAX);
    assert_int_equal(retain(b, BEGIN_MS + 11 * DAY_MS, on_box), 5);
    assert_int_equal(retain(b, BEGIN_MS + 11 * DAY_MS, on_box), 0);
    assert_verifies(b, JOURNAL_RETAIN_MAX + 5);
}

static void hits_and_acts_stay_thirty_days_after_their_receipt(void **state)
{
    struct bench *b = *state;
    int64_t now = BEGIN_MS + 100 * DAY_MS;
    append(b, JOURNAL_HIT, BEGIN_MS, 1);
    append(b, JOURNAL_ACT, BEGIN_MS, 2);
    append(b, JOURNAL_ORDER, BEGIN_MS, 3);
    assert_int_equal(retain(b, now, ~0u), 0); /* old, but headquarters has none of it */
    confirm_all(b);
    append(b, JOURNAL_HIT, BEGIN_MS, 4); /* not confirmed */
    assert_int_equal(retain(b, now, ~0u), 0);
    assert_int_equal(retain(b, now + 29 * DAY_MS, ~0u), 0);
    assert_int_equal(retain(b, now + 30 * DAY_MS, ~0u), 3);
    assert_verifies(b, 3);
    confirm_all(b);
    assert_int_equal(retain(b, now + 31 * DAY_MS, ~0u), 0);
    assert_int_equal(retain(b, now + 60 * DAY_MS, ~0u), 0);
    assert_int_equal(retain(b, now + 61 * DAY_MS, ~0u), 1);
}

static void a_passage_headquarters_gets_waits_for_its_receipt(void **state)
{
    struct bench *b = *state;
    append(b, JOURNAL_PASSAGE, BEGIN_MS, 1);
    assert_int_equal(retain(b, BEGIN_MS + 50 * DAY_MS, 0), 0);
    confirm_all(b);
    assert_int_equal(retain(b, BEGIN_MS + 50 * DAY_MS, 0), 1);
}

static void seals_and_starts_are_kept(void **state)
{
    struct bench *b = *state;
    confirm_all(b);
    assert_int_equal(retain(b, BEGIN_MS + 3650 * DAY_MS, ~0u), 0);
    assert_int_equal(retain(b, BEGIN_MS + 3700 * DAY_MS, ~0u), 0);
    assert_verifies(b, 0);
}

/* A reader in the middle of something keeps the log: said, and done with the next call. */
static int while_reading(void *ctx, const struct journal_record *record)
{
    const struct bench *b = ctx;
    struct journal_retention retention = {.on_box = ~0u};
    struct err_text err;
    size_t deleted;
    (void)record;
    retention.age_ms[JOURNAL_PASSAGE] = DAY_MS;
    int result = journal_retain(b->journal, &retention, (struct wall_time){BEGIN_MS + 11 * DAY_MS},
                                &deleted, &err);
    assert_int_equal(deleted, 3);
    assert_int_equal(result, ERR_BUSY);
    return 1; /* ends the reading */
}

static void a_reader_delays_the_log_but_not_for_ever(void **state)
{
    struct bench *b = *state;
    struct journal_reader *reader = NULL;
    uint64_t last;
    for (int i = 0; i < 3; i++)
        append(b, JOURNAL_PASSAGE, BEGIN_MS, i);
    assert_int_equal(journal_reader_open(b->folder, &reader, NULL), 0);
    assert_int_equal(journal_reader_read(reader, 0, 0, 10, while_reading, b, &last, NULL), 1);
    journal_reader_close(reader);
    assert_true(stands_in_files(b, plate, sizeof plate - 1));
    assert_int_equal(retain(b, BEGIN_MS + 11 * DAY_MS, ~0u), 0);
    assert_false(stands_in_files(b, plate, sizeof plate - 1));
}

/* ---- what a case holds ---- */

struct holding {
    int from; /* numbers that are held: from … */
    int to;   /* … to before */
    size_t asked;
};

static bool is_held(void *ctx, struct wall_time wall, const char *body, size_t size)
{
    struct holding *h = ctx;
    static const char before[] = "{\"n\":";
    char text[16] = "";
    char *end;
    memcpy(text, body, size < sizeof text - 1 ? size : sizeof text - 1);
    assert_memory_equal(text, before, sizeof before - 1);
    long number = strtol(text + sizeof before - 1, &end, 10);
    assert_true(end > text + sizeof before - 1);
    assert_true(wall.ms >= BEGIN_MS);
    h->asked++;
    return number >= h->from && number < h->to;
}

static size_t retain_held(const struct bench *b, int64_t now_ms, struct holding *h,
                          uint64_t version)
{
    struct journal_retention retention = {
        .on_box = ~0u, .held = is_held, .ctx = h, .held_version = version};
    struct err_text err;
    size_t looked;
    retention.age_ms[JOURNAL_PASSAGE] = 10 * DAY_MS;
    if (journal_retain(b->journal, &retention, (struct wall_time){now_ms}, &looked, &err) != 0)
        fail_msg("%s", err.text);
    return looked;
}

static void what_a_case_holds_stays_and_goes_when_it_ends(void **state)
{
    struct bench *b = *state;
    struct holding h = {.from = 2, .to = 4};
    struct salts left;
    const int64_t later = BEGIN_MS + 11 * DAY_MS;
    for (int i = 0; i < 6; i++)
        append(b, JOURNAL_PASSAGE, BEGIN_MS + i, i);
    assert_int_equal(retain_held(b, later, &h, 1), 6);
    read_passages(b, &left);
    assert_int_equal(left.bodies, 2);
    assert_verifies(b, 4);
    /* Not asked again of the same, but of what became due since. */
    append(b, JOURNAL_PASSAGE, BEGIN_MS + 6, 3);
    assert_int_equal(h.asked, 6);
    assert_int_equal(retain_held(b, later + 60000, &h, 1), 1);
    assert_int_equal(h.asked, 7);
    /* An hour later of all: a clock put right may have left some behind. */
    assert_int_equal(retain_held(b, later + 3600 * 1000, &h, 1), 3);
    /* The hold ends: another version. */
    h.to = 2;
    assert_int_equal(retain_held(b, later + 3660 * 1000, &h, 2), 3);
    read_passages(b, &left);
    assert_int_equal(left.bodies, 0);
    assert_false(stands_in_files(b, plate, sizeof plate - 1));
}

static void many_that_are_held_do_not_keep_the_others_from_going(void **state)
{
    struct bench *b = *state;
    struct holding h = {.from = 0, .to = JOURNAL_RETAIN_MAX + 50};
    struct salts left;
    const int64_t later = BEGIN_MS + 11 * DAY_MS;
    for (int i = 0; i < JOURNAL_RETAIN_MAX + 60; i++)
        append(b, JOURNAL_PASSAGE, BEGIN_MS + i, i);
    assert_int_equal(retain_held(b, later, &h, 1), JOURNAL_RETAIN_MAX);
    assert_int_equal(retain_held(b, later, &h, 1), 60);
    assert_int_equal(retain_held(b, later, &h, 1), 0);
    read_passages(b, &left);
    assert_int_equal(left.bodies, JOURNAL_RETAIN_MAX + 50);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(neither_plate_nor_salt_is_left_in_the_files),
        CASE(one_call_is_bounded),
        CASE(hits_and_acts_stay_thirty_days_after_their_receipt),
        CASE(a_passage_headquarters_gets_waits_for_its_receipt),
        CASE(seals_and_starts_are_kept),
        CASE(a_reader_delays_the_log_but_not_for_ever),
        CASE(what_a_case_holds_stays_and_goes_when_it_ends),
        CASE(many_that_are_held_do_not_keep_the_others_from_going),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
