/* What record and event of a hit, and of an officer's answer, say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/pipeline/fact.h"

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

static struct fact hit_fact(const char *listed, const char *read, enum match_kind kind,
                            uint16_t differs, int16_t odds_db)
{
    struct fact fact = {.kind = FACT_HIT, .lane = 2};
    fact.u.hit.hit = 9;
    fact.u.hit.read.kind = PLATE_KEY;
    fact.u.hit.read.key = key_of(read);
    fact.u.hit.match = (struct match_hit){
        .entry = {.id = 7, .key = key_of(listed), .priority = 2, .handling = HANDLING_STOP},
        .kind = kind,
        .read_key = key_of(read),
        .differs = differs,
        .odds_db = odds_db};
    return fact;
}

static void assert_member(const json_t *object, const char *name, const char *expected)
{
    const json_t *value = json_object_get(object, name);
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    if (expected)
        assert_non_null(text);
    assert_string_equal(text ? text : "none", expected ? expected : "none");
    free(text);
}

static void an_exact_hit_differs_nowhere(void **state)
{
    (void)state;
    struct fact fact = hit_fact("鲁H12345", "鲁H12345", MATCH_EXACT, 0, MATCH_ODDS_NONE);
    json_t *body = fact_body(&fact);
    assert_member(body, "differs", NULL);
    assert_member(body, "odds_db", NULL);
    assert_member(body, "why", NULL); /* words are no part of the record */
    json_decref(body);
    json_t *event = fact_event(&fact);
    assert_member(event, "why", "\"exact; odds not judged\"");
    assert_member(event, "why_zh", "\"精确匹配；未评估可能性\"");
    json_decref(event);
}

static void a_look_alike_names_the_characters_and_the_odds(void **state)
{
    (void)state;
    struct fact fact = hit_fact("鲁H18345", "鲁H1B345", MATCH_LOOK_ALIKE, 1 << 3, 12);
    json_t *body = fact_body(&fact);
    assert_member(body, "match", "\"look_alike\"");
    assert_member(body, "differs", "[{\"listed\":\"8\",\"position\":4,\"read\":\"B\"}]");
    assert_member(body, "odds_db", "12");
    json_decref(body);
    json_t *event = fact_event(&fact);
    assert_member(event, "why",
                  "\"look-alike: B read for 8 at position 4; very likely this plate\"");
    assert_member(event, "why_zh", "\"形近字匹配：第4位：读作 B，名单为 8；很可能是此车牌\"");
    json_decref(event);
}

static void what_was_not_read_and_what_was_invented(void **state)
{
    (void)state;
    struct fact fact = hit_fact("AB123", "1AB12", MATCH_CANDIDATE, 1 << 4, -30);
    json_t *body = fact_body(&fact);
    assert_member(body, "differs",
                  "[{\"position\":1,\"read\":\"1\"},{\"listed\":\"3\",\"position\":5}]");
    assert_member(body, "odds_db", "-30");
    json_decref(body);
    json_t *event = fact_event(&fact);
    assert_member(
        event, "why",
        "\"a candidate of the camera: 1 read before position 1; 3 not read at position 5; "
        "unlikely: check by eye\"");
    json_decref(event);
}

static void an_answer_carries_the_read_it_is_about(void **state)
{
    (void)state;
    struct fact fact = {.kind = FACT_ANSWER, .lane = 2};
    fact.u.answer = (struct fact_answer){.hit = 9,
                                         .passage = 8,
                                         .entry = 7,
                                         .listed = key_of("鲁H18345"),
                                         .seen = key_of("鲁H1B345")};
    memcpy(fact.actor.program, "checkpointctl", sizeof "checkpointctl");
    memcpy(fact.actor.officer, "wang", sizeof "wang");
    memcpy(fact.actor.reason, "looked", sizeof "looked");
    memcpy(fact.text, "{\"plate\":\"鲁H1B345\"}", sizeof "{\"plate\":\"鲁H1B345\"}");
    assert_string_equal(fact_record_kind(&fact), "hit_answer");
    assert_true(fact_shows_plate(&fact));
    json_t *body = fact_body(&fact);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text, "{\"answer\":\"misread\",\"by\":{\"officer\":\"wang\",\"program\":\"checkpointctl\","
              "\"uid\":0},\"entry\":7,\"hit\":9,\"lane\":2,\"listed\":\"鲁H18345\",\"passage\":8,"
              "\"plate\":\"鲁H1B345\",\"read\":{\"plate\":\"鲁H1B345\"},\"reason\":\"looked\"}");
    free(text);
    json_decref(body);
    fact.u.answer.confirmed = true;
    fact.u.answer.seen = 0;
    body = fact_body(&fact);
    assert_member(body, "answer", "\"confirm\"");
    assert_member(body, "plate", NULL);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_hit_differs_nowhere),
        cmocka_unit_test(a_look_alike_names_the_characters_and_the_odds),
        cmocka_unit_test(what_was_not_read_and_what_was_invented),
        cmocka_unit_test(an_answer_carries_the_read_it_is_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
