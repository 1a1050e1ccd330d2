/* Acts under a number over real sockets: asked again they get the answer there was and do nothing;
 * what that answer is worth to whom. */
#include "control_bench.h"

#define N1 "\"once\":\"0123456789abcdef-1\","
#define N2 "\"once\":\"0123456789abcdef-2\","
#define N3 "\"once\":\"0123456789abcdef-3\","

static char token[TOKEN_TEXT_SIZE];

static int begin(struct bench *b)
{
    int fd = connect_to(b, "control");
    make_leader(fd);
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"li\","
                    "\"password\":\"long enough\"}}");
    login(fd, "wang", token);
    return fd;
}

/* A request of the officer; `fields` end with a comma. */
static const char *request(const char *fields, const char *act, const char *args)
{
    static char text[1024];
    snprintf(text, sizeof text, "{\"id\":5,%s\"token\":\"%s\",\"do\":\"%s\",\"args\":%s}", fields,
             token, act, args);
    return text;
}

static char *text_of(json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    assert_non_null(text);
    return text;
}

static void the_same_again_does_nothing(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    char *first = text_of(ask(fd, request(N1, "of_officer", "{\"lane\":1}")));
    assert_non_null(strstr(first, "{\"id\":5,\"ok\":true,\"result\":{\"args\":{\"lane\":1}"));
    int other = connect_to(b, "control");
    char *again = text_of(ask(other, request(N1, "of_officer", "{\"lane\":1}")));
    assert_string_equal(first, again);
    assert_int_equal(atomic_load(&b->done), 1);
    assert_done(fd, request(N2, "of_officer", "{\"lane\":1}"));
    assert_done(fd, request("", "of_officer", "{\"lane\":1}"));
    assert_done(fd, request("", "of_officer", "{\"lane\":1}"));
    assert_int_equal(atomic_load(&b->done), 4);
    free(first);
    free(again);
    close(other);
    close(fd);
}

static void an_answer_goes_to_all_who_wait_under_their_ids(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    int other = connect_to(b, "control");
    int gone = connect_to(b, "control");
    send_text(gone, request(N1, "later", "{}"));
    assert_done(other, request("", "of_officer", "{}")); /* it is taken in by now */
    close(gone);
    char text[512];
    snprintf(text, sizeof text, "{\"id\":77,%s\"token\":\"%s\",\"do\":\"later\"}", N1, token);
    send_text(other, text);
    send_text(fd, request(N1, "later", "{}"));
    assert_done(fd, request("", "of_officer", "{}"));
    assert_done(other, request("", "of_officer", "{}"));
    int third = connect_to(b, "control");
    assert_done(third, "{\"do\":\"let_go\"}");
    json_t *answer = receive(other);
    assert_int_equal(json_integer_value(json_object_get(answer, "id")), 77);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "result"), "done")),
                     4);
    json_decref(answer);
    answer = receive(fd);
    assert_int_equal(json_integer_value(json_object_get(answer, "id")), 5);
    json_decref(answer);
    close(third);
    close(other);
    close(fd);
}

static void something_else_under_a_number_is_refused(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    assert_done(fd, request(N1, "of_officer", "{\"lane\":1}"));
    assert_refused(fd, request(N1, "of_officer", "{\"lane\":2}"), "once_other", "something else");
    assert_refused(fd, request(N1, "of_reader", "{\"lane\":1}"), "once_other", "something else");
    assert_int_equal(atomic_load(&b->done), 1);
    static const char *const wrong[] = {"\"once\":\"0123456789abcde\",", "\"once\":7,",
                                        "\"once\":null,", "\"once\":\"0123456789abcde é\","};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_refused(fd, request(wrong[i], "of_officer", "{}"), "invalid", "once:");
    assert_int_equal(atomic_load(&b->done), 1);
    close(fd);
}

/* The first said no before the act began: the number is as good as new. */
static void what_was_refused_before_it_began_may_be_done_yet(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    assert_refused(fd, request(N1, "fresh", "{\"pin\":\"not this one\"}"), "pin", "wrong PIN");
    assert_done(fd, request(N1, "fresh", "{\"pin\":\"long enough\"}"));
    assert_int_equal(atomic_load(&b->done), 1);
    close(fd);
}

static void the_answer_of_a_fresh_pin_asks_for_it_again(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    char *first = text_of(ask(fd, request(N1, "fresh", "{\"lane\":1,\"pin\":\"long enough\"}")));
    assert_refused(fd, request(N1, "fresh", "{\"lane\":1}"), "pin", "your own password or PIN");
    assert_refused(fd, request(N1, "fresh", "{\"lane\":1,\"pin\":\"not this one\"}"), "pin",
                   "wrong PIN");
    assert_non_null(strstr(b->recorded, "pin_refused"));
    char *again = text_of(ask(fd, request(N1, "fresh", "{\"lane\":1,\"pin\":\"long enough\"}")));
    assert_string_equal(first, again);
    assert_int_equal(atomic_load(&b->done), 1);
    free(first);
    free(again);
    /* Nor is a second person's password got round, or another put in his place. */
    assert_done(fd, request(N2, "release",
                            "{\"second\":{\"officer\":\"li\",\"password\":\"long enough\"}}"));
    assert_refused(
        fd,
        request(N2, "release", "{\"second\":{\"officer\":\"li\",\"password\":\"not this one\"}}"),
        "denied", "wrong name or password");
    assert_refused(fd, request(N2, "release", "{}"), "once_other", "something else");
    close(fd);
}

static void a_number_is_its_sessions(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    char mine[TOKEN_TEXT_SIZE];
    assert_done(fd, request(N1, "of_officer", "{}"));
    memcpy(mine, token, sizeof mine);
    login(fd, "wang", token); /* the same officer, another session */
    assert_done(fd, request(N1, "of_officer", "{}"));
    login(fd, "li", token);
    assert_done(fd, request(N1, "of_officer", "{}"));
    assert_int_equal(atomic_load(&b->done), 3);
    memcpy(token, mine, sizeof token);
    assert_done(fd, request(N1, "of_officer", "{}"));
    assert_int_equal(atomic_load(&b->done), 3);
    assert_done(fd, "{\"do\":\"officer_disable\",\"args\":{\"officer\":\"li\"}}");
    login(fd, "wang", token);
    snprintf(mine, sizeof mine, "%s", token);
    assert_done(fd, request("", "logout", "{}"));
    assert_refused(fd, request(N1, "of_officer", "{}"), "denied", "sign on first");
    close(fd);
}

/* An answer of a session that ended with the act reaches who asked. */
static void an_act_that_ends_its_own_session_is_answered(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    assert_done(
        fd, request(N1, "officer_passwd", "{\"officer\":\"wang\",\"password\":\"longer still\"}"));
    assert_refused(fd, request("", "of_officer", "{}"), "denied", "sign on first");
    close(fd);
}

static void what_hangs_on_it_runs_each_time(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    for (int i = 1; i <= 2; i++) {
        assert_done(fd, request(N1, "raise", "{\"lane\":1,\"emergency\":true}"));
        assert_int_equal(atomic_load(&b->done), i);
    }
    /* Whatever stands there as a number. */
    assert_done(fd, request("\"once\":1,", "raise", "{\"lane\":1,\"emergency\":true}"));
    assert_done(fd, request(N2, "of_again", "{}"));
    assert_done(fd, request(N2, "of_again", "{\"lane\":1}"));
    assert_int_equal(atomic_load(&b->done), 5);
    /* Not in an emergency it lets one vehicle through. */
    assert_done(fd, request(N3, "raise", "{\"lane\":1}"));
    assert_done(fd, request(N3, "raise", "{\"lane\":1}"));
    assert_int_equal(atomic_load(&b->done), 6);
    close(fd);
}

static void without_a_session_numbers_are_the_users(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    static const char add[] = "{" N1 "\"do\":\"officer_add\",\"args\":{\"officer\":\"sun\","
                              "\"password\":\"long enough\"}}";
    assert_done(fd, add);
    assert_done(fd, add); /* else: there is one of that name */
    assert_refused(fd,
                   "{" N1 "\"do\":\"officer_add\",\"args\":{\"officer\":\"sun\","
                   "\"password\":\"another one\"}}",
                   "once_other", "something else");
    stop(b);
    start(b); /* forgets numbers */
    close(fd);
    fd = connect_to(b, "control");
    assert_refused(fd, add, "conflict", "sun");
    close(fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_same_again_does_nothing),
        CASE(an_answer_goes_to_all_who_wait_under_their_ids),
        CASE(something_else_under_a_number_is_refused),
        CASE(what_was_refused_before_it_began_may_be_done_yet),
        CASE(the_answer_of_a_fresh_pin_asks_for_it_again),
        CASE(a_number_is_its_sessions),
        CASE(an_act_that_ends_its_own_session_is_answered),
        CASE(what_hangs_on_it_runs_each_time),
        CASE(without_a_session_numbers_are_the_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
