/* What headquarters found about a hit: which hits it is about, for how long, what it drops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/pipeline/verdict.h"

enum { PLATE = 77, OTHER = 78 };

static struct verdicts verdicts;

static struct pipeline_verdict a_verdict(uint64_t id, uint64_t entry)
{
    return (struct pipeline_verdict){.id = id,
                                     .entry = entry,
                                     .plate = PLATE,
                                     .verdict = INSTRUCTION_FALSE_ALARM,
                                     .checked = {1000},
                                     .expires = {100000},
                                     .place = "城东卡口"};
}

static void take(uint64_t id, uint64_t entry)
{
    struct pipeline_verdict verdict = a_verdict(id, entry);
    verdicts_take(&verdicts, &verdict);
}

static struct match_hit a_hit(uint64_t entry, plate_key read)
{
    return (struct match_hit){.entry = {.id = entry, .priority = 2}, .read_key = read};
}

static uint64_t found(uint64_t entry, plate_key read, bool trusted, int64_t now_ms)
{
    struct match_hit hit = a_hit(entry, read);
    const struct pipeline_verdict *verdict =
        verdicts_find(&verdicts, &hit, trusted, (struct wall_time){now_ms});
    return verdict ? verdict->id : 0;
}

static int setup(void **state)
{
    (void)state;
    memset(&verdicts, 0, sizeof(verdicts));
    return 0;
}

static void it_is_about_that_plate_on_that_entry_until_it_ends(void **state)
{
    (void)state;
    assert_int_equal(found(7, PLATE, true, 2000), 0);
    take(1, 7);
    assert_int_equal(found(7, PLATE, true, 2000), 1);
    assert_int_equal(found(8, PLATE, true, 2000), 0);
    assert_int_equal(found(7, OTHER, true, 2000), 0);
    assert_int_equal(found(7, PLATE, true, 99999), 1);
    assert_int_equal(found(7, PLATE, true, 100000), 0);
    assert_int_equal(found(7, PLATE, false, 2000), 0);
}

static void a_later_one_takes_its_place_and_an_earlier_one_does_not(void **state)
{
    (void)state;
    take(5, 7);
    take(4, 7);
    assert_int_equal(found(7, PLATE, true, 2000), 5);
    take(6, 7);
    assert_int_equal(found(7, PLATE, true, 2000), 6);
}

static void one_without_a_number_forgets_them_all(void **state)
{
    (void)state;
    take(5, 7);
    take(6, 8);
    verdicts_take(&verdicts, &(struct pipeline_verdict){.id = 0});
    assert_int_equal(found(7, PLATE, true, 2000), 0);
    assert_int_equal(found(8, PLATE, true, 2000), 0);
    take(4, 7); /* what is put in anew counts again */
    assert_int_equal(found(7, PLATE, true, 2000), 4);
}

static void a_full_table_lets_the_one_go_that_ends_first(void **state)
{
    (void)state;
    struct pipeline_verdict soon = a_verdict(1, 1);
    soon.expires.ms = 50000;
    verdicts_take(&verdicts, &soon);
    for (uint64_t entry = 2; entry <= VERDICTS_MAX; entry++)
        take(entry, entry);
    assert_int_equal(found(1, PLATE, true, 2000), 1);
    take(1000, 1000);
    assert_int_equal(found(1, PLATE, true, 2000), 0);
    assert_int_equal(found(1000, PLATE, true, 2000), 1000);
    for (uint64_t entry = 2; entry <= VERDICTS_MAX; entry++)
        assert_int_equal(found(entry, PLATE, true, 2000), entry);
}

static void it_drops_no_hold_of_priority_1_nor_one_that_headquarters_wants(void **state)
{
    (void)state;
    struct pipeline_verdict verdict = a_verdict(1, 7);
    struct match_hit hit = a_hit(7, PLATE);
    assert_true(verdict_drops_hold(&verdict, &hit));
    hit.entry.priority = 1;
    assert_false(verdict_drops_hold(&verdict, &hit));
    hit.entry.priority = 3;
    verdict.holds = true;
    assert_false(verdict_drops_hold(&verdict, &hit));
}

static void assert_words(int64_t now_ms, const char *zh, const char *en)
{
    struct pipeline_verdict verdict = a_verdict(1, 7);
    json_t *event = json_object();
    verdict_words_into(event, &verdict, (struct wall_time){now_ms});
    assert_string_equal(json_string_value(json_object_get(event, "checked_zh")), zh);
    assert_string_equal(json_string_value(json_object_get(event, "checked_en")), en);
    json_decref(event);
}

static void it_says_when_where_and_what_in_both_languages(void **state)
{
    (void)state;
    assert_words(1000 + 20 * 60000, "20 分钟前 城东卡口已查: 误报",
                 "checked 20 min ago at 城东卡口: false alarm");
    assert_words(1000 + 3 * 3600000, "3 小时前 城东卡口已查: 误报",
                 "checked 3 h ago at 城东卡口: false alarm");
    assert_words(0, "0 分钟前 城东卡口已查: 误报", "checked 0 min ago at 城东卡口: false alarm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_about_that_plate_on_that_entry_until_it_ends, setup),
        cmocka_unit_test_setup(a_later_one_takes_its_place_and_an_earlier_one_does_not, setup),
        cmocka_unit_test_setup(one_without_a_number_forgets_them_all, setup),
        cmocka_unit_test_setup(a_full_table_lets_the_one_go_that_ends_first, setup),
        cmocka_unit_test_setup(it_drops_no_hold_of_priority_1_nor_one_that_headquarters_wants,
                               setup),
        cmocka_unit_test_setup(it_says_when_where_and_what_in_both_languages, setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
