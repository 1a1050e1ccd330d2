/* Pairs out of answers: what is the truth, which answer counts, what is passed over and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/hqctl/hit_record.h"
#include "gateway/hqctl/pairs.h"

static struct pairs pairs;

static int setup(void **state)
{
    (void)state;
    return pairs_init(&pairs);
}

static int teardown(void **state)
{
    (void)state;
    pairs_fini(&pairs);
    return 0;
}

static void add(const char *line)
{
    struct err_text err = {""};
    if (pairs_add_line(&pairs, line, strlen(line), &err) != 0)
        fail_msg("%s", err.text);
}

/* An answer of hit `hit` at lu-hz-01. */
static void add_answer(int hit, const char *said, const char *plate, const char *read)
{
    char line[1024];
    (void)snprintf(
        line, sizeof(line),
        "{\"number\":1,\"checkpoint\":\"lu-hz-01\",\"chain\":\"aa\",\"record\":{\"hit\":%d,"
        "\"answer\":\"%s\",\"listed\":\"鲁H18345\"%s%s%s,\"read\":%s}}\n",
        hit, said, plate ? ",\"plate\":\"" : "", plate ? plate : "", plate ? "\"" : "", read);
    add(line);
}

static const char misread_text[] = "{\"plate\":\"鲁H1B345\",\"confidence\":90,\"candidates\":["
                                   "{\"plate\":\"鲁H18345\",\"confidence\":60}]}";

static void assert_plate(plate_key key, const char *expected)
{
    char text[PLATE_TEXT_SIZE];
    assert_int_equal(plate_decode(key, text), 0);
    assert_string_equal(text, expected);
}

static void confirmed_is_the_listed_plate_and_misread_the_one_seen(void **state)
{
    (void)state;
    add_answer(1, "confirm", NULL, misread_text);
    add_answer(2, "misread", "鲁H13345", misread_text);
    add_answer(3, "misread", NULL, misread_text);
    pairs_settle(&pairs);
    assert_int_equal(pairs.count, 2);
    assert_plate(pairs.pairs[0].truth, "鲁H18345");
    assert_plate(pairs.pairs[0].read.key, "鲁H1B345");
    assert_int_equal(pairs.pairs[0].read.confidence, 90);
    assert_int_equal(pairs.pairs[0].read.candidate_count, 1);
    assert_int_equal(pairs.pairs[0].read.candidates[0].confidence, 60);
    assert_plate(pairs.pairs[1].truth, "鲁H13345");
    assert_true(pairs.answers == 3 && pairs.confirmed == 1 && pairs.misread == 1);
    assert_true(pairs.negatives == 1 && pairs.unusable == 0);
    assert_int_equal(pairs_of_alphabet(&pairs, CHANNEL_MAINLAND), 2);
    assert_int_equal(pairs_of_alphabet(&pairs, CHANNEL_LATIN), 0);
}

static void of_two_answers_to_a_hit_the_later_counts(void **state)
{
    (void)state;
    add_answer(7, "misread", "鲁H13345", misread_text);
    add_answer(8, "confirm", NULL, misread_text);
    add_answer(7, "confirm", NULL, misread_text);
    add_answer(8, "misread", NULL, misread_text); /* takes the pair away again */
    pairs_settle(&pairs);
    assert_int_equal(pairs.count, 1);
    assert_plate(pairs.pairs[0].truth, "鲁H18345");
    assert_true(pairs.answers == 2 && pairs.confirmed == 1 && pairs.negatives == 1);
}

static void hits_of_another_chain_are_others(void **state)
{
    (void)state;
    add_answer(7, "confirm", NULL, misread_text);
    add("{\"checkpoint\":\"lu-hz-01\",\"chain\":\"bb\",\"record\":{\"hit\":7,\"answer\":"
        "\"confirm\","
        "\"listed\":\"鲁H18345\",\"read\":{\"plate\":\"鲁H18345\"}}}");
    pairs_settle(&pairs);
    assert_int_equal(pairs.count, 2);
    assert_int_equal(pairs.pairs[1].read.confidence, READ_CONFIDENCE_NONE);
}

static void a_read_without_a_whole_plate_is_passed_over(void **state)
{
    (void)state;
    add_answer(1, "confirm", NULL, "{\"kind\":\"unread\"}");
    add_answer(2, "confirm", NULL, "{\"plate\":\"鲁H1?345\"}");
    add_answer(3, "confirm", NULL, "null");
    pairs_settle(&pairs);
    assert_true(pairs.count == 0 && pairs.unusable == 3);
}

static void a_line_of_truth_and_reads_is_a_pair(void **state)
{
    (void)state;
    add("{\"set\":\"us\",\"truth\":\"YG9X2G\",\"reads\":[{\"plate\":\"YGBX2G\",\"confidence\":93."
        "52},"
        "{\"plate\":\"YG9X2G\",\"confidence\":81.4}]}");
    add("  \r\n");
    add("{\"truth\":\"AB123C\",\"reads\":[]}"); /* nothing read */
    pairs_settle(&pairs);
    assert_int_equal(pairs.count, 1);
    assert_plate(pairs.pairs[0].truth, "YG9X2G");
    assert_plate(pairs.pairs[0].read.key, "YGBX2G");
    assert_int_equal(pairs.pairs[0].read.confidence, 94);
    assert_int_equal(pairs.pairs[0].read.candidate_count, 1); /* not the best read again */
    assert_int_equal(pairs.pairs[0].read.candidates[0].confidence, 81);
    assert_int_equal(pairs.unusable, 1);
}

static void refuse(const char *line, const char *expected)
{
    struct err_text err = {""};
    assert_int_equal(pairs_add_line(&pairs, line, strlen(line), &err), ERR_INVALID);
    assert_string_equal(err.text, expected);
}

static void what_is_no_pair_is_refused(void **state)
{
    (void)state;
    refuse("{\"plates\":[]}", "expected an answer, or an object with truth and reads");
    refuse("{\"record\":{\"hit\":1}}", "record.answer: expected confirm or misread");
    refuse("{\"checkpoint\":\"a\",\"record\":{\"hit\":1,\"answer\":\"confirm\"}}",
           "no answer: expected checkpoint, chain and record.hit");
    refuse("{", "line 1 column 1: string or '}' expected near end of file");
    pairs_settle(&pairs);
    assert_int_equal(pairs.count, 0);
}

static void many_pairs_grow(void **state)
{
    (void)state;
    for (int i = 1; i <= 3000; i++)
        add_answer(i, "confirm", NULL, misread_text);
    add_answer(1, "misread", NULL, misread_text);
    pairs_settle(&pairs);
    assert_int_equal(pairs.count, 2999);
}

static void a_record_says_why(void **state)
{
    (void)state;
    char text[MATCH_WHY_TEXT_SIZE];
    json_t *record = json_loads(
        "{\"match\":\"look_alike\",\"entry\":{\"plate\":\"鲁H18345\"},\"read\":{\"plate\":"
        "\"鲁H1B345\"},\"differs\":[{\"listed\":\"8\",\"position\":4,\"read\":\"B\"}],"
        "\"odds_db\":12}",
        0, NULL);
    hit_record_why(record, text);
    assert_string_equal(text, "look-alike: B read for 8 at position 4; very likely this plate");
    json_object_del(record, "entry");
    hit_record_why(record, text);
    assert_string_equal(text, "look_alike");
    json_decref(record);
    hit_record_why(NULL, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_PAIRS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        WITH_PAIRS(confirmed_is_the_listed_plate_and_misread_the_one_seen),
        WITH_PAIRS(of_two_answers_to_a_hit_the_later_counts),
        WITH_PAIRS(hits_of_another_chain_are_others),
        WITH_PAIRS(a_read_without_a_whole_plate_is_passed_over),
        WITH_PAIRS(a_line_of_truth_and_reads_is_a_pair),
        WITH_PAIRS(what_is_no_pair_is_refused),
        WITH_PAIRS(many_pairs_grow),
        cmocka_unit_test(a_record_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
