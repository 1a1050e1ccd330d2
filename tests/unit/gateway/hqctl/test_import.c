/*
 * Import and drafts: rows to entries, drafts to signed batches and back. The texts of faulty rows
 * are in tests/system/test_hqctl.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/hqctl/args.h"
#include "gateway/hqctl/batch_file.h"
#include "gateway/hqctl/hq_client.h"
#include "gateway/hqctl/import.h"
#include "gateway/hqctl/init.h"

static const struct wall_time now = {1795392000000}; /* 2026-11-23T00:00:00Z */

static const char header[] =
    "plate,class,category,priority,handling,officer_risk,reason,authority,case_number,applicant,"
    "reviewer,approver,contact,valid_from,valid_until,applicant_number,applicant_time,"
    "reviewer_number,reviewer_time,approver_number,approver_time,document\n";

static struct import_result result;
static struct err_text err;

static int import_rows(const char *rows)
{
    char text[4096];
    int size = snprintf(text, sizeof(text), "%s%s", header, rows);
    assert_true(size > 0 && size < (int)sizeof(text));
    return import_csv("x.csv", text, (size_t)size, 10, now, &result, &err);
}

#define ROW(plate, class, priority, case_number)                                                     \
    plate "," class ",stolen," priority ",stop,,被盗,局," case_number                                \
                    ",张三,李四,王五,110,2026-11-01T00:00:00Z,2027-05-01T00:00:00Z,1,2026-11-" \
                    "01T00:00:00Z,2,"                                                                \
                    "2026-11-01T00:00:00Z,3,2026-11-01T01:00:00Z,17号\n"

static void expect_fault(size_t index, const char *message)
{
    struct err_text text;
    assert_true(index < result.fault_count);
    import_fault_format("x.csv", &result.faults[index], &text);
    assert_string_equal(text.text, message);
}

static void rows_become_entries_with_rising_ids(void **state)
{
    (void)state;
    assert_int_equal(
        import_rows(ROW("鲁H12345", "02", "2", "A1") ROW(" 鲁H·2345? ", "", "1", "A2")), 0);
    assert_int_equal(json_array_size(result.entries), 2);
    const json_t *second = json_array_get(result.entries, 1);
    assert_int_equal(json_integer_value(json_object_get(second, "id")), 11);
    assert_string_equal(json_string_value(json_object_get(second, "plate")), "鲁H2345?");
    assert_string_equal(json_string_value(json_object_get(second, "class")), "any");
    import_fini(&result);
}

static void any_fault_imports_nothing(void **state)
{
    (void)state;
    assert_int_equal(
        import_rows(ROW("鲁H12345", "02", "9", "A1") ROW("鲁H12345", "02", "2", "A1") "\"open"),
        ERR_INVALID);
    assert_null(result.entries);
    assert_int_equal(result.fault_count, 2);
    expect_fault(0, "x.csv:2:19: priority = '9': 9 out of range, expected 1 .. 3");
    expect_fault(1, "x.csv:4:1: the quote opened here is never closed");
}

static void doubles_differ_by_plate_class_or_case(void **state)
{
    (void)state;
    assert_int_equal(import_rows(ROW("鲁H12345", "02", "2", "A1") ROW("鲁H12345", "51", "2", "A1")
                                     ROW("鲁H12345", "02", "2", "A2")),
                     0);
    import_fini(&result);
    assert_int_equal(
        import_rows(ROW("鲁H12345", "02", "2", "A1") ROW("鲁 H12345", "02", "1", "A1")),
        ERR_INVALID);
    expect_fault(0, "x.csv:3:1: same plate, class and case_number as line 2");
}

static void a_long_value_is_cut_at_a_character(void **state)
{
    (void)state;
    char rows[2048] = "";
    for (int i = 0; i < 60; i++)
        strncat(rows, "鲁", sizeof(rows) - strlen(rows) - 1);
    strncat(rows, ROW("", "02", "2", "A1"), sizeof(rows) - strlen(rows) - 1);
    assert_int_equal(import_rows(rows), ERR_INVALID);
    assert_int_equal(strlen(result.faults[0].value), 99);
    assert_int_equal(result.faults[0].column, 1);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* 0: refused */
    } cases[] = {
        {"2026-11-23T00:00:00Z", 1795392000000},
        {"2026-11-23T00:00:00.5Z", 0},
        {"2026-11-23T08:00:00.500+08:00", 1795392000500},
        {"2026-11-22T19:30:00-04:30", 1795392000000},
        {"2026-11-23T00:00:00+08:60", 0},
        {"2026-11-23T00:00:00+15:00", 0},
        {"2026-11-23T00:00:00+0800", 0},
        {"2026-11-23T00:00:00+8:000", 0},
        {"2026-11-23 00:00:00", 0},
        {"2026-11-23T00:00:00.000000000+08:00", 0},
        {"+08:00", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wall_time time = {0};
        int rc = import_time_parse(cases[i].text, &time);
        assert_int_equal(rc, cases[i].ms ? 0 : ERR_INVALID);
        assert_int_equal(time.ms, cases[i].ms);
    }
}

/* A draft of `rows` on an empty list. */
static struct draft draft_of(const char *rows)
{
    assert_int_equal(import_rows(rows), 0);
    struct draft draft = {.added = result.entries, .withdrawn = json_array()};
    draft.head.max_id = 9;
    return draft;
}

static void a_draft_survives_its_file(void **state)
{
    (void)state;
    struct draft draft = draft_of(ROW("鲁H12345", "02", "2", "A1"));
    struct draft again;
    char *text = NULL;
    char *second = NULL;
    size_t size = 0;
    (void)json_array_append_new(draft.withdrawn, json_pack("{s:i,s:s}", "id", 3, "plate", "\"x\""));
    assert_int_equal(draft_write(&draft, &text, &size), 0);
    assert_int_equal(draft_read(text, size, &again, &err), 0);
    assert_int_equal(draft_write(&again, &second, &size), 0);
    assert_string_equal(text, second);
    free(text);
    free(second);
    draft_fini(&draft);
    draft_fini(&again);
}

static void a_draft_signed_read_and_rebased(void **state)
{
    (void)state;
    struct draft draft =
        draft_of(ROW("鲁H12345", "02", "1", "A1") ROW("鲁H23456", "02", "2", "A2"));
    struct draft back;
    struct batch_file file;
    struct batch_file again;
    struct sign_key *key = NULL;
    struct draft_head head = {.list = {.revision = 7, .hash = {1}, .time = {now.ms + 5000}},
                              .max_id = 100};
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(sign_key_create(KEY_ALG_ED25519, &key), 0);
    assert_int_equal(batch_file_compose(&draft, now, &file, &err), 0);
    assert_true(batch_file_needs_two(&file));
    assert_int_equal(batch_file_sign(&file, key, &err), 0);
    assert_int_equal(batch_file_sign(&file, key, &err), ERR_CONFLICT);
    assert_int_equal(batch_file_write(&file, &text, &size), 0);
    assert_int_equal(batch_file_read(text, size, &again, &err), 0);
    assert_int_equal(again.count, 1);
    assert_int_equal(again.envelopes[0].signature_count, 1);
    assert_int_equal(batch_file_to_draft(&again, &back, &err), 0);
    assert_true(json_equal(back.added, draft.added));
    assert_int_equal(draft_rebase(&back, &head, &err), 0);
    batch_file_fini(&file);
    assert_int_equal(batch_file_compose(&back, now, &file, &err), 0);
    assert_int_equal(file.batches[0].revision, 8);
    assert_int_equal(file.batches[0].time.ms, now.ms + 5000); /* never before the head */
    assert_int_equal(file.batches[0].items[1].record.id, 102);
    head.list.revision = 6;
    assert_int_equal(draft_rebase(&back, &head, &err), ERR_STALE);
    free(text);
    sign_key_free(key);
    batch_file_fini(&file);
    batch_file_fini(&again);
    draft_fini(&draft);
    draft_fini(&back);
}

static void batches_in_a_file_must_follow_one_another(void **state)
{
    (void)state;
    struct draft draft = draft_of(ROW("鲁H12345", "02", "2", "A1"));
    struct batch_file file;
    struct sign_key *key = NULL;
    char *text = NULL;
    char *twice = NULL;
    size_t size = 0;
    assert_int_equal(sign_key_create(KEY_ALG_ED25519, &key), 0);
    assert_int_equal(batch_file_compose(&draft, now, &file, &err), 0);
    assert_int_equal(batch_file_sign(&file, key, &err), 0);
    assert_int_equal(batch_file_write(&file, &text, &size), 0);
    assert_true(asprintf(&twice, "%s%s", text, text) > 0);
    batch_file_fini(&file);
    assert_int_equal(batch_file_read(twice, 2 * size, &file, &err), ERR_STALE);
    assert_string_equal(err.text, "line 2: batch revision 1, the list is already at 1");
    assert_int_equal(batch_file_read("", 0, &file, &err), ERR_INVALID);
    free(twice);
    free(text);
    sign_key_free(key);
    draft_fini(&draft);
}

static void many_withdrawals_and_entries_are_cut_into_batches(void **state)
{
    (void)state;
    enum { WITHDRAWN = 5000, SINGLE = 1 };
    struct draft draft = draft_of(ROW("鲁H12345", "02", "2", "A1"));
    struct batch_file file;
    for (int i = 1; i <= WITHDRAWN; i++)
        (void)json_array_append_new(draft.withdrawn, json_pack("{s:i,s:s}", "id", i, "plate", ""));
    draft.head.max_id = WITHDRAWN;
    json_object_set_new(json_array_get(draft.added, 0), "id", json_integer(WITHDRAWN + 1));
    assert_int_equal(batch_file_compose(&draft, now, &file, &err), 0);
    assert_int_equal(file.count, 2);
    assert_int_equal(file.batches[0].withdrawn_count, BATCH_WITHDRAWN_MAX);
    assert_int_equal(file.batches[0].added_count, SINGLE);
    assert_int_equal(file.batches[1].withdrawn_count, WITHDRAWN - BATCH_WITHDRAWN_MAX);
    assert_memory_equal(file.batches[1].prev, file.batches[0].hash, HASH_SIZE);
    batch_file_fini(&file);
    draft_fini(&draft);
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {{"hq.example", "hq.example", 1},
                 {"hq.example:8442", "hq.example", 8442},
                 {"[::1]:0", "::1", 0},
                 {"[::1]", "::1", 1},
                 {"::1", NULL, 1},
                 {"hq:", NULL, 1},
                 {"hq:65536", NULL, 1},
                 {"hq:1x", NULL, 1},
                 {"", NULL, 1},
                 {":1", NULL, 1},
                 {"[::1", NULL, 1},
                 {"[::1]x", NULL, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char host[TLS_URN_SIZE];
        uint16_t port = 1;
        int rc = init_address_parse(cases[i].text, host, &port, &err);
        assert_int_equal(rc, cases[i].host ? 0 : ERR_INVALID);
        if (cases[i].host)
            assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void the_configuration_table_is_sound(void **state)
{
    (void)state;
    if (config_section_check(&hq_connection_section, &err) != 0)
        fail_msg("%s", err.text);
}

static void options_may_stand_anywhere_and_end_with_two_dashes(void **state)
{
    (void)state;
    const char *out = NULL;
    const char *operands[2] = {NULL, NULL};
    size_t count = 0;
    bool flag = false;
    const struct arg_option options[] = {
        {.name = "out", .value = "F", .kind = ARG_TEXT, .target = &out, .help = "x"},
        {.name = "yes", .kind = ARG_FLAG, .target = &flag, .help = "x"}};
    const struct arg_spec spec = {.command = "c",
                                  .options = options,
                                  .option_count = 2,
                                  .operands = "A B",
                                  .operands_max = 2,
                                  .operand = operands,
                                  .operands_count = &count};
    char *argv[] = {(char[]){"c"},     (char[]){"-"},  (char[]){"--out=a=b"},
                    (char[]){"--yes"}, (char[]){"--"}, (char[]){"--help"}};
    assert_int_equal(args_parse(6, argv, &spec, &err), ARGS_RUN);
    assert_string_equal(out, "a=b");
    assert_true(flag);
    assert_int_equal(count, 2);
    assert_string_equal(operands[0], "-");
    assert_string_equal(operands[1], "--help");
    out = NULL;
    char *twice[] = {(char[]){"c"}, (char[]){"--out"}, (char[]){"a"}, (char[]){"--out=b"}};
    assert_int_equal(args_parse(4, twice, &spec, &err), ARGS_WRONG);
    assert_string_equal(err.text, "--out = 'b': given twice");
    char *value[] = {(char[]){"c"}, (char[]){"--yes=1"}};
    assert_int_equal(args_parse(2, value, &spec, &err), ARGS_WRONG);
    assert_string_equal(err.text, "--yes takes no value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_entries_with_rising_ids),
        cmocka_unit_test(any_fault_imports_nothing),
        cmocka_unit_test(doubles_differ_by_plate_class_or_case),
        cmocka_unit_test(a_long_value_is_cut_at_a_character),
        cmocka_unit_test(times),
        cmocka_unit_test(a_draft_survives_its_file),
        cmocka_unit_test(a_draft_signed_read_and_rebased),
        cmocka_unit_test(batches_in_a_file_must_follow_one_another),
        cmocka_unit_test(many_withdrawals_and_entries_are_cut_into_batches),
        cmocka_unit_test(addresses),
        cmocka_unit_test(the_configuration_table_is_sound),
        cmocka_unit_test(options_may_stand_anywhere_and_end_with_two_dashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
