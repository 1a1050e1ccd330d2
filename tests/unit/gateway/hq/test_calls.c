/*
 * What checkpoints call for, at HQ: a record that says so begins one, a later one ends it, in
 * whatever order they come; those open are shown newest first, to whoever may see them.
 */
#include <stdio.h>

#include "gateway/hq/calls.h"
#include "hq_world.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static void note(const char *id, uint8_t chain, uint64_t sequence, const char *body, int64_t at_ms)
{
    struct journal_record r = {.has_body = true, .body = body, .body_size = strlen(body)};
    struct err_text err = {""};
    r.header = (struct journal_header){
        .sequence = sequence, .kind = JOURNAL_ACT, .wall = {wall.ms + at_ms}, .chain = {chain}};
    assert_int_equal(hq_call_note(&hq.db, id, &r, (struct wall_time){wall.ms + DAY_MS}, &err), 0);
    assert_string_equal(err.text, "");
}

static void said(const char *id, uint64_t sequence, const char *kind, int number, bool open)
{
    char body[200];
    (void)snprintf(body, sizeof(body),
                   "{\"call\":{\"id\":%d,\"kind\":\"%s\",\"lane\":2,\"officer\":\"wang\","
                   "\"open\":%s},\"what\":\"x\"}",
                   number, kind, open ? "true" : "false"); /* fits */
    note(id, 1, sequence, body, (int64_t)sequence * 1000);
}

/* Kinds and ids as a person sees them, newest first: "help 7, well 3". */
static const char *shown(const char *checkpoint)
{
    static char text[200];
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    const json_t *row;
    size_t i;
    call.now.ms = wall.ms + DAY_MS;
    (void)snprintf(call.query.checkpoint, sizeof(call.query.checkpoint), "%s", checkpoint);
    assert_int_equal(hq_operator_calls(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 200);
    json_t *answer = answer_of(&call);
    text[0] = '\0';
    json_array_foreach(json_object_get(answer, "calls"), i, row)
    {
        size_t used = strlen(text);
        assert_string_equal(json_string_value(json_object_get(row, "officer")), "wang");
        (void)snprintf(text + used, sizeof(text) - used, "%s%s %d", i > 0 ? ", " : "",
                       json_string_value(json_object_get(row, "kind")),
                       (int)json_integer_value(json_object_get(row, "id"))); /* fits */
    }
    json_decref(answer);
    hq_call_fini(&call);
    return text;
}

static void open_ones_are_shown_until_they_are_ended(void **state)
{
    (void)state;
    said("north-1", 1, "help", 7, true);
    said("north-1", 2, "well", 3, true);
    said("north-2", 3, "question", 4, true);
    said("north-1", 4, "rumour", 9, true); /* no kind that is known here */
    said("north-1", 5, "help", 0, true);
    assert_string_equal(shown(""), "question 4, well 3, help 7");
    assert_string_equal(shown("north-1"), "well 3, help 7");
    said("north-1", 6, "help", 7, false);
    assert_string_equal(shown("north-1"), "well 3");
    said("north-1", 1, "help", 7, true); /* the chain brings what came ahead of it once more */
    said("north-1", 6, "help", 7, false);
    assert_string_equal(shown("north-1"), "well 3");
    said("north-1", 8, "help", 7, true); /* anew */
    assert_string_equal(shown("north-1"), "help 7, well 3");
}

static void an_end_may_come_before_its_beginning(void **state)
{
    (void)state;
    said("north-1", 6, "backup", 7, false);
    assert_string_equal(shown(""), "");
    said("north-1", 5, "backup", 7, true);
    assert_string_equal(shown(""), "");
}

static void another_box_begins_anew(void **state)
{
    (void)state;
    note("north-1", 1, 90,
         "{\"call\":{\"id\":5,\"kind\":\"help\",\"officer\":\"wang\",\"open\":false}}", 0);
    note("north-1", 2, 3,
         "{\"call\":{\"id\":5,\"kind\":\"help\",\"officer\":\"wang\",\"open\":true}}", 10);
    assert_string_equal(shown(""), "help 5");
}

static void a_look_out_ends_by_its_time(void **state)
{
    char until[WALL_TEXT_SIZE];
    char body[200];
    (void)state;
    for (int i = 0; i < 2; i++) {
        wall_format((struct wall_time){wall.ms + DAY_MS + (i == 0 ? 0 : 1)}, until);
        (void)snprintf(body, sizeof(body),
                       "{\"call\":{\"id\":%d,\"kind\":\"lookout\",\"officer\":\"wang\","
                       "\"open\":true,\"until\":\"%s\"}}",
                       i + 1, until); /* fits */
        note("north-1", 1, 1 + (uint64_t)i, body, 0);
    }
    assert_string_equal(shown(""), "lookout 2");
}

static void old_ones_are_forgotten(void **state)
{
    const int64_t kept_ms = HQ_CALLS_ENDED_KEPT_DAYS * (int64_t)DAY_MS;
    int64_t count = -1;
    (void)state;
    said("north-1", 1, "help", 7, true);
    said("north-1", 2, "help", 7, false);
    said("north-1", 3, "help", 8, true);
    for (int i = 0; i < 2; i++) {
        struct wall_time now = {wall.ms + 2000 + kept_ms + i};
        assert_int_equal(hq_calls_clean(&hq.db, now, NULL), 0);
        assert_int_equal(
            hq_db_number(&hq.db, "SELECT count(*) FROM calls", NULL, 0, -1, &count, NULL), 0);
        assert_int_equal(count, 2 - i);
    }
    assert_string_equal(shown(""), "help 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(open_ones_are_shown_until_they_are_ended, open_hq,
                                        close_hq),
        cmocka_unit_test_setup_teardown(an_end_may_come_before_its_beginning, open_hq, close_hq),
        cmocka_unit_test_setup_teardown(another_box_begins_anew, open_hq, close_hq),
        cmocka_unit_test_setup_teardown(a_look_out_ends_by_its_time, open_hq, close_hq),
        cmocka_unit_test_setup_teardown(old_ones_are_forgotten, open_hq, close_hq)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
