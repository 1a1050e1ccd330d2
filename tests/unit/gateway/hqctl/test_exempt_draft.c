/*
 * Exempt list drafts: a spreadsheet's rows to entries, each fault with its place; what a draft
 * keeps, changes and leaves out of the list before; its file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/hqctl/exempt_draft.h"
#include "gateway/hqctl/import.h"

static const struct wall_time now = {1795392000000}; /* 2026-11-23T00:00:00Z */
static struct import_result rows;
static struct err_text err;

static const char header[] = "plate,class,kind,authority,approver,valid_from,valid_until,reason,"
                             "checkpoints\n";

#define ROW(plate, class, approver, until)                                                         \
    plate "," class ",fire,支队," approver ",2026-11-01T00:00:00Z," until ",,\n"
#define UNTIL "2027-05-01T00:00:00Z"

static int import_rows(const char *text)
{
    char all[4096];
    int size = snprintf(all, sizeof(all), "%s%s", header, text);
    assert_true(size > 0 && size < (int)sizeof(all));
    return import_exempt_csv("x.csv", all, (size_t)size, now, &rows, &err);
}

static void expect_fault(size_t index, const char *message)
{
    struct err_text text;
    assert_true(index < rows.fault_count);
    import_fault_format("x.csv", &rows.faults[index], &text);
    assert_string_equal(text.text, message);
}

static const char *member(const struct exempt_draft *draft, size_t index, const char *name)
{
    const json_t *entry = json_array_get(draft->entries, index);
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

static int64_t id_of(const struct exempt_draft *draft, size_t index)
{
    return json_integer_value(json_object_get(json_array_get(draft->entries, index), "id"));
}

/* The draft with these rows put to it. */
static struct exempt_changes put(struct exempt_draft *draft, const char *text, bool whole)
{
    struct exempt_changes changes = {0};
    assert_int_equal(import_rows(text), 0);
    assert_int_equal(exempt_draft_put(draft, rows.entries, whole, &changes), 0);
    import_fini(&rows);
    return changes;
}

static struct exempt_draft draft_of(const char *text)
{
    struct exempt_draft draft;
    assert_int_equal(exempt_draft_init(&draft, "lu-hz"), 0);
    (void)put(&draft, text, false);
    return draft;
}

static void rows_become_entries_as_the_list_holds_them(void **state)
{
    (void)state;
    struct exempt_draft draft =
        draft_of(" 鲁h·12345 ,02,ambulance,急救中心,王五,2026-12-01T08:00:00+08:00," UNTIL
                 ",值班,lu-hz-01; lu-hz-02\n");
    assert_string_equal(member(&draft, 0, "plate"), "鲁H12345");
    assert_string_equal(member(&draft, 0, "valid_from"), "2026-12-01T00:00:00.000Z");
    assert_int_equal(
        json_array_size(json_object_get(json_array_get(draft.entries, 0), "checkpoints")), 2);
    struct envelope e;
    assert_int_equal(exempt_draft_compose(&draft, now, &e, &err), 0);
    envelope_fini(&e);
    exempt_draft_fini(&draft);
}

static void each_fault_names_line_column_and_value(void **state)
{
    (void)state;
    assert_int_equal(import_rows(ROW("鲁H1?345", "02", "王五", UNTIL) ROW(
                         "鲁H12345", "any", "王五", UNTIL) ROW("鲁H12345", "02", "", UNTIL)
                                     ROW("鲁H12345", "02", "王五", "2027-12-01T00:00:00Z")
                                         ROW("鲁H12345", "02", "王五", "2026-11-22T00:00:00Z")),
                     ERR_INVALID);
    assert_int_equal(rows.fault_count, 5);
    expect_fault(0, "x.csv:2:1: plate = '鲁H1?345': is partial, expected every character");
    expect_fault(1, "x.csv:3:9: class = 'any': expected two digits or capitals (GA/T 16.7); 'any' "
                    "would exempt another vehicle's plate");
    expect_fault(2, "x.csv:4:20: approver = '': missing, expected text");
    expect_fault(3, "x.csv:5:44: valid_until = '2027-12-01T00:00:00Z': "
                    "'2027-12-01T00:00:00.000Z', expected at most 2027-11-24T00:00:00.000Z, 366 "
                    "days after the list is signed");
    expect_fault(4, "x.csv:6:44: valid_until = '2026-11-22T00:00:00Z': already past, the entry "
                    "would exempt nobody");
    assert_null(rows.entries);
    assert_int_equal(
        import_rows(ROW("鲁H12345", "02", "王五", UNTIL) ROW("鲁H·12345", "02", "李四", UNTIL)),
        ERR_INVALID);
    expect_fault(0, "x.csv:3:1: same plate and class as line 2");
    assert_int_equal(import_exempt_csv("x.csv", "plate,priority\n", 15, now, &rows, &err),
                     ERR_INVALID);
    expect_fault(0, "x.csv:1:7: column 'priority': unknown, expected plate, class, kind, reason, "
                    "authority, approver, valid_from, valid_until or checkpoints");
}

static void a_vehicle_keeps_its_id_and_ids_are_not_given_again(void **state)
{
    (void)state;
    struct exempt_draft draft =
        draft_of(ROW("鲁H11111", "02", "王五", UNTIL) ROW("鲁H22222", "02", "王五", UNTIL));
    struct exempt_changes changes = put(
        &draft, ROW("鲁H11111", "02", "李四", UNTIL) ROW("鲁H11111", "01", "王五", UNTIL), false);
    assert_true(changes.added == 1 && changes.replaced == 1);
    assert_int_equal(json_array_size(draft.entries), 3);
    assert_true(id_of(&draft, 0) == 1 && id_of(&draft, 2) == 3);
    assert_string_equal(member(&draft, 0, "approver"), "李四");
    assert_int_equal(exempt_draft_withdraw(&draft, 3, &err), 0);
    assert_int_equal(exempt_draft_withdraw(&draft, 3, &err), ERR_NOT_FOUND);
    assert_string_equal(err.text, "entry 3 is not on the list");
    (void)put(&draft, ROW("鲁H33333", "02", "王五", UNTIL), true); /* what it did is seen below */
    assert_int_equal(json_array_size(draft.entries), 1);           /* the whole list */
    assert_int_equal(id_of(&draft, 0), 4);
    exempt_draft_fini(&draft);
}

static void the_next_draft_begins_with_what_has_not_ended(void **state)
{
    (void)state;
    struct exempt_draft draft = draft_of(ROW("鲁H11111", "02", "王五", "2026-12-01T00:00:00Z")
                                             ROW("鲁H22222", "02", "王五", UNTIL));
    struct exempt_draft next = {0};
    struct exempt_changes changes = {0};
    struct envelope e;
    assert_int_equal(exempt_draft_compose(&draft, now, &e, &err), 0);
    assert_int_equal(exempt_draft_after(&next, e.payload, e.payload_size,
                                        (struct wall_time){now.ms + 10 * 24 * 3600 * 1000LL},
                                        &changes, &err),
                     0);
    assert_true(next.revision == 2 && next.last_id == 2 && changes.ended == 1);
    assert_string_equal(next.fleet, "lu-hz");
    assert_int_equal(json_array_size(next.entries), 1);
    assert_int_equal(id_of(&next, 0), 2);
    envelope_fini(&e);
    exempt_draft_fini(&next);
    exempt_draft_fini(&draft);
}

static void a_file_reads_as_it_was_written_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"[]", "no JSON object, expected a draft"},
        {"{\"type\":\"wanted-draft/1\"}", "type = 'wanted-draft/1': expected exempt-draft/1"},
        {"{\"type\":\"exempt-draft/1\",\"x\":1}",
         "'x': unknown, expected a member of a exempt-draft/1"},
        {"{\"type\":\"exempt-draft/1\",\"revision\":0}",
         "revision: expected a whole number from 1"},
        {"{\"type\":\"exempt-draft/1\",\"revision\":1,\"last_id\":0,\"fleet\":\"lu-hz\"}",
         "entries: expected a list"},
    };
    struct exempt_draft draft = draft_of(ROW("鲁H11111", "02", "王五", UNTIL));
    struct exempt_draft again;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(exempt_draft_write(&draft, &text, &size), 0);
    assert_int_equal(exempt_draft_read(text, size, &again, &err), 0);
    assert_true(again.revision == 1 && again.last_id == 1);
    assert_true(json_equal(again.entries, draft.entries));
    free(text);
    exempt_draft_fini(&again);
    exempt_draft_fini(&draft);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(exempt_draft_read(bad[i].text, strlen(bad[i].text), &again, &err),
                         ERR_INVALID);
        assert_string_equal(err.text, bad[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_entries_as_the_list_holds_them),
        cmocka_unit_test(each_fault_names_line_column_and_value),
        cmocka_unit_test(a_vehicle_keeps_its_id_and_ids_are_not_given_again),
        cmocka_unit_test(the_next_draft_begins_with_what_has_not_ended),
        cmocka_unit_test(a_file_reads_as_it_was_written_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
