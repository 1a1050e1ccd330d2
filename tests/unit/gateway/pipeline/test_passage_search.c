/* Which passages a search finds, by a plate with gaps, by look-alike characters, by lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/pipeline/passage_search.h"

static plate_key key(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

static bool fits(const char *asked, bool look_alike, const char *read)
{
    struct passage_query query;
    passage_query_init(&query, key(asked), look_alike, 0);
    return passage_plate_fits(&query, key(read));
}

static void a_gap_is_one_symbol(void **state)
{
    (void)state;
    assert_true(fits("鲁H12345", false, "鲁H12345"));
    assert_false(fits("鲁H12345", false, "鲁H12346"));
    assert_true(fits("鲁H12?4?", false, "鲁H12345"));
    assert_false(fits("鲁H12?4?", false, "鲁H12355"));
    assert_false(fits("鲁H12345", false, "鲁H123456"));
    assert_true(fits("?H12345", false, "苏H12345"));
}

static void an_unread_symbol_says_nothing_but_too_many_say_too_little(void **state)
{
    (void)state;
    assert_true(fits("鲁H12345", false, "鲁H1234?"));
    assert_true(fits("鲁H12345", false, "鲁H12???"));
    assert_false(fits("鲁H12345", false, "鲁H1????"));
    assert_true(fits("鲁H?????", false, "鲁H12345"));
}

static void characters_of_a_group_are_equal_when_asked_for(void **state)
{
    (void)state;
    assert_false(fits("鲁H18345", false, "鲁H1B345"));
    assert_true(fits("鲁H18345", true, "鲁H1B345"));
    assert_true(fits("鲁H1?345", true, "鲁H18345"));
    assert_false(fits("鲁H18345", true, "鲁H17345"));
}

static json_t *row_of(const char *asked, uint8_t lane, const char *body)
{
    struct passage_query query;
    passage_query_init(&query, asked ? key(asked) : 0, false, lane);
    json_t *parsed = json_loads(body, 0, NULL);
    assert_non_null(parsed);
    json_t *row = passage_row(&query, parsed);
    if (row)
        assert_true(passage_body_may(&query, body, strlen(body)));
    json_decref(parsed);
    return row;
}

static void assert_row(json_t *row, const char *expected)
{
    char *text = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(row);
}

#define READS                                                                                      \
    "\"reads\":[{\"camera\":11,\"plate\":\"鲁H12345\",\"raw\":\"x\",\"time\":\"2026-11-24T03:46:" \
    "41Z\"},"                                                                                      \
    "{\"camera\":12,\"plate\":\"鲁H77777\",\"time\":\"2026-11-24T03:46:44Z\"}]"

static const char passage[] =
    "{\"lane\":2,\"passage\":7,\"read\":{\"camera\":12,\"class\":\"02\",\"colour\":5,"
    "\"candidates\":[{\"plate\":\"鲁H99999\"}],\"plate\":\"鲁H77777\","
    "\"time\":\"2026-11-24T03:46:44Z\"}," READS "}";

static void a_row_shows_the_read_that_was_asked_for_and_the_first_time(void **state)
{
    (void)state;
    assert_row(row_of("鲁H12345", 0, passage),
               "{\"class\":\"02\",\"colour\":5,\"lane\":2,\"passage\":7,\"plate\":\"鲁H12345\","
               "\"reads\":[{\"camera\":11,\"plate\":\"鲁H12345\",\"time\":\"2026-11-24T03:46:41Z\"}"
               ",{\"camera\":12,\"plate\":\"鲁H77777\",\"time\":\"2026-11-24T03:46:44Z\"}],"
               "\"time\":\"2026-11-24T03:46:41Z\"}");
}

static void another_lane_a_candidate_and_what_is_no_read_are_not_found(void **state)
{
    (void)state;
    json_t *here = row_of("鲁H12345", 2, passage);
    assert_non_null(here);
    json_decref(here);
    assert_null(row_of("鲁H12345", 1, passage));
    assert_null(row_of("鲁H99999", 0, passage));
    assert_null(row_of("鲁H55555", 0, passage));
    assert_null(row_of(NULL, 0, "{\"lane\":2,\"passage\":7,\"what\":\"left\"," READS "}"));
    assert_null(row_of(NULL, 0, "{\"count\":3,\"first\":{\"plate\":\"鲁H12345\"},\"lane\":2}"));
}

static void without_a_plate_everything_that_passed_is_found(void **state)
{
    (void)state;
    assert_row(
        row_of(NULL, 0,
               "{\"lane\":1,\"passage\":8,\"read\":{\"camera\":11,\"kind\":\"no_plate\","
               "\"time\":\"2026-11-24T03:46:44Z\"}}"),
        "{\"kind\":\"no_plate\",\"lane\":1,\"passage\":8,\"reads\":[{\"camera\":11,\"kind\":"
        "\"no_plate\",\"time\":\"2026-11-24T03:46:44Z\"}],\"time\":\"2026-11-24T03:46:44Z\"}");
}

static void a_body_that_cannot_be_one_is_not_parsed(void **state)
{
    (void)state;
    struct passage_query query;
    passage_query_init(&query, key("鲁H12345"), false, 0);
    static const char other[] = "{\"read\":{\"plate\":\"鲁H54321\"}}";
    static const char cut[] = "{\"read\":{\"plate\":\"鲁H123";
    assert_false(passage_body_may(&query, other, sizeof other - 1));
    assert_false(passage_body_may(&query, cut, sizeof cut - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gap_is_one_symbol),
        cmocka_unit_test(an_unread_symbol_says_nothing_but_too_many_say_too_little),
        cmocka_unit_test(characters_of_a_group_are_equal_when_asked_for),
        cmocka_unit_test(a_row_shows_the_read_that_was_asked_for_and_the_first_time),
        cmocka_unit_test(another_lane_a_candidate_and_what_is_no_read_are_not_found),
        cmocka_unit_test(without_a_plate_everything_that_passed_is_found),
        cmocka_unit_test(a_body_that_cannot_be_one_is_not_parsed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
