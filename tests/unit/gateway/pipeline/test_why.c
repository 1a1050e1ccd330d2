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

/* What a console shows of a hit is the same after a restart, from its record alone. */
static void a_record_gives_its_event_again(void **state)
{
    (void)state;
    struct fact facts[] = {
        hit_fact("鲁H12345", "鲁H12345", MATCH_EXACT, 0, MATCH_ODDS_NONE),
        hit_fact("鲁H18345", "鲁H1B345", MATCH_LOOK_ALIKE, 1 << 3, 12),
        hit_fact("AB123", "1AB12", MATCH_CANDIDATE, 1 << 4, -30),
        hit_fact("鲁H1?345", "鲁H12345", MATCH_PARTIAL, 0, 3),
    };
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        struct fact *fact = &facts[i];
        fact->wall.ms = 1700000000000;
        fact->mono.ns = 123456789;
        fact->u.hit.decision.marks = MARK_SUSPECTED | MARK_LIST_STALE;
        fact->u.hit.verdict = (struct pipeline_verdict){.id = 5,
                                                        .verdict = INSTRUCTION_ENTRY_WRONG,
                                                        .checked = {1700000000000 - 1200000},
                                                        .place = "城东卡口",
                                                        .signed_by = "zhao"};
        memcpy(fact->text, "{\"plate\":\"x\"}", sizeof "{\"plate\":\"x\"}");
        json_t *event = fact_event(fact);
        json_t *body = fact_body(fact);
        json_t *again = fact_hit_again(body, fact->wall, fact->mono);
        char *one = json_dumps(event, JSON_SORT_KEYS);
        char *other = json_dumps(again, JSON_SORT_KEYS);
        assert_string_equal(other, one);
        free(one);
        free(other);
        json_decref(event);
        json_decref(body);
        json_decref(again);
    }
}

static void a_record_gives_headquarters_word_again(void **state)
{
    (void)state;
    for (enum standing standing = STANDING_STANDS; standing_name(standing); standing++) {
        struct fact fact = {.kind = FACT_STANDING, .wall = {1700000000000}, .mono = {5}};
        fact.u.standing = (struct fact_standing){.hit = 9,
                                                 .revision = 17,
                                                 .state = FACT_STANDING_ANSWERED,
                                                 .answer = {.standing = standing}};
        json_t *event = fact_event(&fact);
        json_t *body = fact_body(&fact);
        json_t *again = fact_standing_again(body, fact.wall, fact.mono);
        assert_true(json_equal(event, again));
        json_decref(event);
        json_decref(body);
        json_decref(again);
    }
}

static void a_step_and_its_answer_are_two_bodies(void **state)
{
    (void)state;
    struct fact fact = {.kind = FACT_HANDLING, .lane = 2};
    fact.u.handling.answer = (struct fact_answer){
        .hit = 9, .passage = 8, .entry = 7, .confirmed = true, .listed = key_of("鲁H18345")};
    memcpy(fact.u.handling.what, "hit_confirm", sizeof "hit_confirm");
    memcpy(fact.text, "{\"handling\":{\"stage\":\"confirmed\"},\"read\":{\"plate\":\"x\"}}",
           sizeof "{\"handling\":{\"stage\":\"confirmed\"},\"read\":{\"plate\":\"x\"}}");
    assert_string_equal(fact_record_kind(&fact), "handling");
    assert_true(fact_shows_plate(&fact));
    assert_null(fact_answer_body(&fact)); /* no answer comes to count by it */
    json_t *body = fact_body(&fact);
    assert_member(body, "what", "\"hit_confirm\"");
    assert_member(body, "handling", "{\"stage\":\"confirmed\"}");
    assert_member(body, "read", NULL);
    json_decref(body);
    fact.u.handling.answers = true;
    body = fact_answer_body(&fact);
    assert_member(body, "answer", "\"confirm\"");
    assert_member(body, "read", "{\"plate\":\"x\"}");
    assert_member(body, "handling", NULL);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_hit_differs_nowhere),
        cmocka_unit_test(a_record_gives_its_event_again),
        cmocka_unit_test(a_record_gives_headquarters_word_again),
        cmocka_unit_test(a_step_and_its_answer_are_two_bodies),
        cmocka_unit_test(a_look_alike_names_the_characters_and_the_odds),
        cmocka_unit_test(what_was_not_read_and_what_was_invented),
        cmocka_unit_test(an_answer_carries_the_read_it_is_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
