/*
 * An import against the list in force: what is added, changed, withdrawn, contradicts, and what is
 * too much at once, each just below and just above its bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/hqctl/import.h"
#include "gateway/hqctl/import_diff.h"

static const struct wall_time now = {1795392000000}; /* 2026-11-23T00:00:00Z */

static struct err_text err;
static struct import_diff diff;

struct say {
    const char *plate;
    const char *class;
    const char *case_number;
    const char *handling; /* NULL: stop */
    const char *until;    /* NULL: 2027-05-01 */
    int priority;         /* 0: 2 */
};

static json_t *entry(int id, const struct say *say)
{
    json_t *value = json_pack("{s:i,s:s,s:s,s:s,s:i,s:s,s:[],s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}",
                              "id", id, "plate", say->plate, "class", say->class, "category",
                              "stolen", "priority", say->priority ? say->priority : 2, "handling",
                              say->handling ? say->handling : "stop", "officer_risk", "reason",
                              "被盗", "authority", "局", "case_number", say->case_number,
                              "applicant", "张三", "reviewer", "李四", "approver", "王五",
                              "contact", "110", "valid_from", "2026-11-01T00:00:00.000Z",
                              "valid_until", say->until ? say->until : "2027-05-01T00:00:00.000Z");
    assert_non_null(value);
    return value;
}

/* `rows` of the file against `listed` entries with ids from 1. */
static void compare(const struct say *rows, size_t row_count, const struct say *listed,
                    size_t listed_count, bool whole)
{
    json_t *file = json_array();
    for (size_t i = 0; i < row_count; i++)
        assert_int_equal(json_array_append_new(file, entry((int)(100 + i), &rows[i])), 0);
    assert_int_equal(import_diff_begin(&diff, file, whole, now, &err), 0);
    json_decref(file);
    for (size_t i = 0; i < listed_count; i++) {
        json_t *one = entry((int)(1 + i), &listed[i]);
        assert_int_equal(import_diff_listed(&diff, one, &err), 0);
        json_decref(one);
    }
    assert_int_equal(import_diff_end(&diff, 100), 0);
}

static int64_t id_at(const json_t *list, size_t index)
{
    return json_integer_value(json_object_get(json_array_get(list, index), "id"));
}

static const char *suspicions(void)
{
    static char text[256];
    json_t *list = import_diff_suspicions(&diff);
    const json_t *one;
    size_t index;
    text[0] = '\0';
    json_array_foreach(list, index, one)
    {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s:%lld/%lld ",
                       json_string_value(json_object_get(one, "what")),
                       (long long)json_integer_value(json_object_get(one, "count")),
                       (long long)json_integer_value(json_object_get(one, "of"))); /* fits */
    }
    json_decref(list);
    return text;
}

static void rows_are_new_changed_or_there_already(void **state)
{
    (void)state;
    const struct say listed[] = {{.plate = "鲁H12345", .class = "02", .case_number = "A1"},
                                 {.plate = "鲁H12345", .class = "02", .case_number = "A2"},
                                 {.plate = "鲁H23456", .class = "02", .case_number = "A1"}};
    const struct say rows[] = {
        {.plate = "鲁H23456", .class = "02", .case_number = "A1", .priority = 1},
        {.plate = "鲁H12345", .class = "02", .case_number = "A2"},
        {.plate = "鲁H12345", .class = "01", .case_number = "A1"},
        {.plate = "鲁H34567", .class = "02", .case_number = "A1"}};
    compare(rows, 4, listed, 3, false);
    assert_int_equal(json_array_size(diff.added), 2);
    assert_int_equal(id_at(diff.added, 0), 100);
    assert_int_equal(id_at(diff.added, 1), 101);
    assert_int_equal(json_array_size(diff.changed), 1);
    assert_int_equal(id_at(diff.changed, 0), 3);
    assert_int_equal(id_at(diff.before, 0), 3);
    assert_int_equal(diff.same, 1);
    assert_int_equal(diff.top, 1);
    assert_int_equal(json_array_size(diff.withdrawn), 0);
    import_diff_fini(&diff);
    compare(rows, 4, listed, 3, true);
    assert_int_equal(json_array_size(diff.withdrawn), 1);
    assert_int_equal(id_at(diff.withdrawn, 0), 1);
    import_diff_fini(&diff);
}

static void changed_entries_stand_by_rising_id(void **state)
{
    (void)state;
    const struct say listed[] = {{.plate = "鲁H12345", .class = "02", .case_number = "A1"},
                                 {.plate = "京A23456", .class = "02", .case_number = "A1"},
                                 {.plate = "川Z34567", .class = "02", .case_number = "A1"}};
    const struct say rows[] = {
        {.plate = "川Z34567", .class = "02", .case_number = "A1", .priority = 3},
        {.plate = "鲁H12345", .class = "02", .case_number = "A1", .priority = 3},
        {.plate = "京A23456", .class = "02", .case_number = "A1", .priority = 3}};
    compare(rows, 3, listed, 3, false);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(id_at(diff.changed, i), i + 1);
        assert_int_equal(id_at(diff.before, i), i + 1);
    }
    import_diff_fini(&diff);
}

/* One row under stop against one entry under observe. */
static size_t conflicts_with(const struct say *row, const struct say *listed, bool whole)
{
    compare(row, 1, listed, 1, whole);
    size_t count = json_array_size(diff.conflicts);
    import_diff_fini(&diff);
    return count;
}

static void stop_and_observe_of_one_vehicle_are_a_conflict(void **state)
{
    (void)state;
    const struct say row = {.plate = "鲁H12345", .class = "02", .case_number = "A2"};
    struct say other = {
        .plate = "鲁H12345", .class = "02", .case_number = "A1", .handling = "observe"};
    assert_int_equal(conflicts_with(&row, &other, false), 1);
    assert_int_equal(conflicts_with(&row, &other, true), 0); /* it is withdrawn */
    other.class = "any";
    assert_int_equal(conflicts_with(&row, &other, false), 1);
    other.class = "01";
    assert_int_equal(conflicts_with(&row, &other, false), 0);
    other.class = "02";
    other.handling = "stop";
    assert_int_equal(conflicts_with(&row, &other, false), 0);
    other.handling = "observe";
    other.plate = "鲁H12346";
    assert_int_equal(conflicts_with(&row, &other, false), 0);
    other.plate = "鲁H12345";
    other.until = "2026-11-01T00:00:00.001Z"; /* they meet for a millisecond */
    assert_int_equal(conflicts_with(&row, &other, false), 1);
}

static void a_conflict_inside_the_file_counts_and_one_that_was_there_does_not(void **state)
{
    (void)state;
    const struct say both[] = {
        {.plate = "鲁H12345", .class = "02", .case_number = "A1"},
        {.plate = "鲁H12345", .class = "any", .case_number = "A2", .handling = "observe"}};
    compare(both, 2, NULL, 0, false);
    assert_int_equal(json_array_size(diff.conflicts), 1);
    import_diff_fini(&diff);
    compare(both, 2, both, 2, false);
    assert_int_equal(json_array_size(diff.conflicts), 0);
    assert_int_equal(diff.same, 2);
    import_diff_fini(&diff);
}

/* `count` rows, and a list of `listed` entries of which the first `shared` are those of the rows.
 */
static void compare_many(size_t count, size_t listed, size_t shared, const struct say *like,
                         bool whole)
{
    static char cases[2][4000][16];
    static struct say rows[2][4000];
    assert_true(count <= 4000 && listed <= 4000);
    for (size_t i = 0; i < count; i++) {
        rows[0][i] = *like;
        (void)snprintf(cases[0][i], 16, "A%zu", i); /* fits */
        rows[0][i].case_number = cases[0][i];
    }
    for (size_t i = 0; i < listed; i++) {
        rows[1][i] = (struct say){.plate = like->plate, .class = "02"};
        (void)snprintf(cases[1][i], 16, "%c%zu", i < shared ? 'A' : 'B', i); /* fits */
        rows[1][i].case_number = cases[1][i];
    }
    compare(rows[0], count, rows[1], listed, whole);
}

static void expect_mass(size_t count, size_t listed, size_t shared, const struct say *like,
                        bool whole, const char *expected)
{
    compare_many(count, listed, shared, like, whole);
    assert_string_equal(suspicions(), expected);
    import_diff_fini(&diff);
}

static void mass_changes_are_suspicious_past_number_and_share(void **state)
{
    (void)state;
    const struct say plain = {.plate = "鲁H12345", .class = "02"};
    struct say like = plain;
    expect_mass(500, 1000, 0, &like, false, "");
    expect_mass(501, 1000, 0, &like, false, "added:501/1000 ");
    expect_mass(501, 2505, 0, &like, false, "");
    expect_mass(501, 0, 0, &like, false, ""); /* the first list */
    expect_mass(80, 100, 80, &like, true, "");
    expect_mass(79, 100, 79, &like, true, "withdrawn:21/100 ");
    expect_mass(399, 420, 399, &like, true, "");
    like.priority = 1;
    expect_mass(20, 100, 0, &like, false, "");
    expect_mass(21, 100, 0, &like, false, "priority_1:21/21 ");
    expect_mass(21, 100, 21, &like, false, "priority_1:21/21 "); /* raised */
    like = plain;
    like.until = "2027-11-24T00:00:00.001Z";
    expect_mass(20, 100, 0, &like, false, "");
    expect_mass(21, 100, 0, &like, false, "late_end:21/21 ");
    like.until = "2027-11-24T00:00:00.000Z"; /* 366 days */
    expect_mass(21, 100, 0, &like, false, "");
    like.until = "2026-12-01T00:00:00.000Z";
    expect_mass(20, 100, 20, &like, false, "");
    expect_mass(21, 100, 21, &like, false, "earlier_end:21/100 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_new_changed_or_there_already),
        cmocka_unit_test(changed_entries_stand_by_rising_id),
        cmocka_unit_test(stop_and_observe_of_one_vehicle_are_a_conflict),
        cmocka_unit_test(a_conflict_inside_the_file_counts_and_one_that_was_there_does_not),
        cmocka_unit_test(mass_changes_are_suspicious_past_number_and_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
