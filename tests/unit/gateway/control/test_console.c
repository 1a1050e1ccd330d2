/* Tablets and consoles: a token counts on the tablet it was given out for and nowhere else, fresh
 * PINs, what a console may ask for nobody, and what survives a restart. */
#include <fcntl.h>

#include "control_bench.h"
#include "gateway/control/guesses.h"

#define A "\"tablet\":\"a\","
#define B "\"tablet\":\"b\","

static const char fingerprint_a[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char fingerprint_b[] =
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static void pair(int fd, const char *name, const char *fingerprint, const char *lanes)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"do\":\"tablet_add\",\"args\":{\"name\":\"%s\",\"fingerprint\":\"%s\","
             "\"lanes\":%s}}",
             name, fingerprint, lanes);
    assert_done(fd, text);
}

/* A leader wang, an officer 037112, tablets a (lanes 1, 2) and b. */
static int begin(struct bench *b)
{
    int fd = connect_to(b, "control");
    make_leader(fd);
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"037112\",\"name\":\"张伟\","
                    "\"password\":\"402915\"}}");
    pair(fd, "a", fingerprint_a, "[1,2]");
    pair(fd, "b", fingerprint_b, "[]");
    return fd;
}

static void login_at(int fd, const char *at, char token[TOKEN_TEXT_SIZE])
{
    char text[256];
    snprintf(text, sizeof text,
             "{%s\"id\":2,\"do\":\"login\",\"args\":{\"officer\":\"037112\","
             "\"password\":\"402915\"}}",
             at);
    json_t *answer = ask(fd, text);
    const char *value =
        json_string_value(json_object_get(json_object_get(answer, "result"), "token"));
    assert_non_null(value);
    snprintf(token, TOKEN_TEXT_SIZE, "%s", value);
    json_decref(answer);
}

static const char *request(const char *at, const char *act, const char *token, const char *args)
{
    static char text[512];
    snprintf(text, sizeof text, "{%s\"id\":3,\"do\":\"%s\",\"token\":\"%s\",\"args\":{%s}}", at,
             act, token, args);
    return text;
}

static void a_session_says_who_is_where(void **state)
{
    int fd = begin(*state);
    char token[TOKEN_TEXT_SIZE];
    login_at(fd, A, token);
    json_t *answer = ask(fd, request(A, "session", token, ""));
    const json_t *result = json_object_get(answer, "result");
    assert_string_equal(json_string_value(json_object_get(result, "officer")), "037112");
    assert_string_equal(json_string_value(json_object_get(result, "name")), "张伟");
    assert_string_equal(json_string_value(json_object_get(result, "role")), "officer");
    assert_string_equal(json_string_value(json_object_get(result, "tablet")), "a");
    assert_int_equal(json_array_size(json_object_get(result, "lanes")), 2);
    json_int_t left_s = json_integer_value(json_object_get(result, "expires_in_s"));
    assert_true(left_s > TOKEN_LIFE_DEFAULT_S - 600 && left_s <= TOKEN_LIFE_DEFAULT_S);
    json_decref(answer);
    answer = ask(fd, request(A, "of_officer", token, ""));
    result = json_object_get(answer, "result");
    assert_true(json_is_true(json_object_get(result, "on_lane_2")));
    json_decref(answer);
    close(fd);
}

static void a_token_counts_on_its_tablet_alone(void **state)
{
    int fd = begin(*state);
    char at_a[TOKEN_TEXT_SIZE];
    char at_box[TOKEN_TEXT_SIZE];
    login_at(fd, A, at_a);
    login_at(fd, "", at_box);
    assert_done(fd, request(A, "of_officer", at_a, ""));
    assert_done(fd, request("", "of_officer", at_box, ""));
    /* The console's user gives an officer no rights, root's or other. */
    assert_refused(fd, request(A, "of_admin", at_a, ""), "denied", "only for leaders");
    assert_done(fd, request("", "of_admin", at_box, ""));
    assert_refused(fd, request(B, "of_officer", at_a, ""), "denied", "sign on first");
    assert_refused(fd, request("", "of_officer", at_a, ""), "denied", "sign on first");
    assert_refused(fd, request(A, "of_officer", at_box, ""), "denied", "sign on first");
    assert_refused(fd, request("\"tablet\":\"\",", "of_officer", at_a, ""), "denied", "not paired");
    assert_refused(fd, request("\"tablet\":7,", "of_officer", at_a, ""), "denied", "not paired");
    assert_refused(fd, request("\"tablet\":\"c\",", "of_officer", at_a, ""), "denied",
                   "tablet 'c': not paired, or revoked");
    close(fd);
}

static void a_revoked_tablets_sessions_end_at_once(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    int events = connect_to(b, "events");
    char token[TOKEN_TEXT_SIZE];
    login_at(fd, A, token);
    json_t *answer = ask(events, request(A, "subscribe", token, ""));
    assert_true(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}");
    assert_done(fd, "{\"do\":\"tablet_revoke\",\"args\":{\"name\":\"a\"}}");
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}");
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":false}}");
    static const char *const seen[] = {"hit", "session_ended"};
    for (int i = 0; i < 2; i++) {
        json_t *event = receive(events);
        assert_string_equal(json_string_value(json_object_get(event, "event")), seen[i]);
        if (i == 1)
            assert_string_equal(json_string_value(json_object_get(event, "why")), "tablet");
        json_decref(event);
    }
    /* Nor is it told what shows no plates: the next that comes is an answer. */
    answer = ask(events, "{\"do\":\"watch_tablets\",\"tablet\":\"\"}");
    assert_true(json_is_array(json_object_get(answer, "tablets")));
    json_decref(answer);
    assert_refused(fd, request(A, "of_officer", token, ""), "denied", "not paired, or revoked");
    assert_refused(fd, "{\"do\":\"tablet_revoke\",\"args\":{\"name\":\"a\"}}", "not_found",
                   "no tablet 'a' in use");
    assert_non_null(strstr(b->recorded, "tablet_add tablet_add"));
    assert_non_null(strstr(b->recorded, "tablet_revoke "));
    pair(fd, "a", "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", "[3]");
    assert_refused(fd, request(A, "of_officer", token, ""), "denied", "sign on first");
    close(events);
    close(fd);
}

static void tablets_are_named_once(void **state)
{
    int fd = begin(*state);
    char text[256];
    snprintf(text, sizeof text,
             "{\"do\":\"tablet_add\",\"args\":{\"name\":\"a\",\"fingerprint\":\"%064d\"}}", 0);
    assert_refused(fd, text, "conflict", "tablet 'a' is paired already: revoke it first");
    snprintf(text, sizeof text,
             "{\"do\":\"tablet_add\",\"args\":{\"name\":\"c\",\"fingerprint\":\"%s\"}}",
             fingerprint_a);
    assert_refused(fd, text, "conflict", "fingerprint: that of tablet 'a'");
    assert_refused(fd, "{\"do\":\"tablet_add\",\"args\":{\"name\":\"C\"}}", "invalid", "name:");
    assert_refused(fd, "{\"do\":\"tablet_add\",\"args\":{\"name\":\"c\",\"fingerprint\":\"AB\"}}",
                   "invalid", "fingerprint:");
    snprintf(text, sizeof text,
             "{\"do\":\"tablet_add\",\"args\":{\"name\":\"c\",\"fingerprint\":\"%064d\","
             "\"lanes\":[0]}}",
             1);
    assert_refused(fd, text, "invalid", "lanes[0]:");
    close(fd);
}

static void an_act_that_asks_for_a_pin_runs_with_it_alone(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    char token[TOKEN_TEXT_SIZE];
    login_at(fd, A, token);
    assert_refused(fd, request(A, "fresh", token, ""), "pin", "your own password or PIN");
    assert_refused(fd, request(A, "fresh", token, "\"pin\":7"), "pin", "your own password or PIN");
    assert_refused(fd, request(A, "fresh", token, "\"pin\":\"402916\""), "pin", "wrong PIN");
    assert_refused(fd, request(A, "fresh", token, "\"pin\":\"long enough\""), "pin", "wrong PIN");
    json_t *answer = ask(fd, request(A, "fresh", token, "\"pin\":\"402915\",\"lane\":4"));
    const json_t *args = json_object_get(json_object_get(answer, "result"), "args");
    assert_int_equal(json_integer_value(json_object_get(args, "lane")), 4);
    assert_null(json_object_get(args, "pin"));
    json_decref(answer);
    assert_non_null(strstr(b->recorded, "pin_refused pin_refused"));
    close(fd);
}

static void a_pin_is_asked_for_at_consoles_or_everywhere(void **state)
{
    int fd = begin(*state);
    char at_a[TOKEN_TEXT_SIZE];
    char at_box[TOKEN_TEXT_SIZE];
    login_at(fd, A, at_a);
    login_at(fd, "", at_box);
    assert_refused(fd, request("", "fresh", at_box, ""), "pin", "your own");
    assert_done(fd, request("", "fresh_at_console", at_box, ""));
    assert_refused(fd, request("", "fresh_at_console", at_box, "\"pin\":\"402916\""), "pin",
                   "wrong PIN");
    assert_refused(fd, request(A, "fresh_at_console", at_a, ""), "pin", "your own");
    assert_done(fd, request(A, "fresh_at_console", at_a, "\"pin\":\"402915\""));
    close(fd);
}

/* Both are checked, and neither stands for the other. */
static void a_pin_and_a_second_officer(void **state)
{
    int fd = begin(*state);
    char token[TOKEN_TEXT_SIZE];
    login_at(fd, A, token);
    static const char second[] = "\"second\":{\"officer\":\"wang\",\"password\":\"long enough\"}";
    char args[256];
    assert_refused(fd, request(A, "fresh", token, second), "pin", "your own");
    snprintf(args, sizeof args, "%s,\"pin\":\"402915\"", second);
    json_t *answer = ask(fd, request(A, "fresh", token, args));
    const json_t *seen = json_object_get(json_object_get(answer, "result"), "args");
    assert_int_equal(json_object_size(seen), 0);
    json_decref(answer);
    snprintf(args, sizeof args,
             "\"second\":{\"officer\":\"wang\",\"password\":\"402915\"},\"pin\":\"402915\"");
    assert_refused(fd, request(A, "fresh", token, args), "denied", "wrong name or password");
    close(fd);
}

/* Nobody who is no officer or leader stands for a second one. */
static void an_auxiliary_is_no_second_officer(void **state)
{
    int fd = begin(*state);
    char token[TOKEN_TEXT_SIZE];
    login_at(fd, A, token);
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"f001\",\"role\":\"auxiliary\","
                    "\"password\":\"915402\"}}");
    assert_refused(fd,
                   request(A, "of_officer", token,
                           "\"second\":{\"officer\":\"f001\",\"password\":\"915402\"}"),
                   "denied", "must be an officer or a leader");
    close(fd);
}

static int wrong_logins(int fd, const char *at, int count)
{
    char text[256];
    int heard = 0;
    snprintf(text, sizeof text,
             "{%s\"do\":\"login\",\"args\":{\"officer\":\"037112\",\"password\":\"111111\"}}", at);
    for (int i = 0; i < count; i++) {
        json_t *answer = ask(fd, text);
        const char *code =
            json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
        heard += strcmp(code, "denied") == 0;
        json_decref(answer);
    }
    return heard;
}

/* Guesses at one tablet: the officer's session there, other tablets, and the emergency raise go on.
 */
static void guessing_ends_no_session_and_stops_no_emergency_raise(void **state)
{
    int fd = begin(*state);
    char at_a[TOKEN_TEXT_SIZE];
    char at_b[TOKEN_TEXT_SIZE];
    login_at(fd, A, at_a);
    assert_int_equal(wrong_logins(fd, A, 8), GUESSES_FREE);
    json_t *answer = ask(fd, "{\"tablet\":\"a\",\"do\":\"login\",\"args\":{\"officer\":\"037112\","
                             "\"password\":\"402915\"}}");
    const json_t *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "busy");
    assert_int_equal(json_integer_value(json_object_get(error, "wait_s")), 1);
    assert_non_null(strstr(json_string_value(json_object_get(error, "zh")), "请 1 秒后再试"));
    json_decref(answer);
    assert_done(fd, request(A, "fresh", at_a, "\"pin\":\"402915\""));
    assert_done(fd, request(A, "raise", at_a, "\"emergency\":true"));
    assert_done(fd, request(A, "raise", "", "\"emergency\":true"));
    login_at(fd, B, at_b);
    assert_done(fd, request(B, "of_officer", at_b, ""));
    close(fd);
}

static void a_console_without_an_officer_raises_in_an_emergency_and_no_more(void **state)
{
    int fd = begin(*state);
    assert_done(fd, request(A, "codes", "", ""));
    assert_done(fd, request(A, "tablets", "", ""));
    assert_done(fd, request("\"tablet\":\"\",", "tablets", "", "")); /* none is known yet */
    assert_done(fd, request(A, "raise", "", "\"emergency\":true"));
    assert_done(fd, request("\"tablet\":\"\",", "raise", "", "\"emergency\":true"));
    assert_done(fd, request("\"tablet\":\"lost\",", "raise", "", "\"emergency\":true"));
    static const char *const others[] = {
        "raise",          "status",        "release",         "of_signed_on", "of_admin",
        "tablet_add",     "tablet_revoke", "officer_add",     "of_reader",    "session",
        "officer_passwd", "of_protective", "officer_disable", "acts",         "logout"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_refused(fd, request(A, others[i], "", "\"officer\":\"wang\""), "denied", "");
    int events = connect_to(*state, "events");
    json_t *answer = ask(events, "{\"do\":\"subscribe\",\"tablet\":\"a\"}");
    assert_non_null(json_object_get(answer, "error"));
    json_decref(answer);
    close(events);
    close(fd);
}

static size_t tablets_in(json_t *message, const char *key, const char *value)
{
    const json_t *list = json_object_get(message, "tablets");
    const char *said = json_string_value(json_object_get(message, key));
    size_t usable = 0;
    assert_true(json_is_array(list));
    assert_true(value ? said && strcmp(said, value) == 0
                      : json_is_true(json_object_get(message, key)));
    for (size_t i = 0; i < json_array_size(list); i++)
        usable += json_is_false(json_object_get(json_array_get(list, i), "revoked"));
    json_decref(message);
    return usable;
}

static void a_console_is_told_of_each_tablet_before_the_act_is_answered(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    int events = connect_to(b, "events");
    assert_int_equal(
        tablets_in(ask(events, "{\"do\":\"watch_tablets\",\"tablet\":\"\"}"), "ok", NULL), 2);
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}"); /* is not for it */
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":false}}");
    pair(fd, "c", "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", "[3]");
    assert_int_equal(tablets_in(receive(events), "event", "tablets"), 3);
    assert_done(fd, "{\"do\":\"tablet_revoke\",\"args\":{\"name\":\"a\"}}");
    assert_int_equal(tablets_in(receive(events), "event", "tablets"), 2);
    close(events);
    events = connect_to(b, "events"); /* speaks for itself, not as a console */
    json_t *answer = ask(events, "{\"do\":\"watch_tablets\"}");
    assert_non_null(json_object_get(answer, "error"));
    json_decref(answer);
    assert_done(fd, "{\"do\":\"tablet_revoke\",\"args\":{\"name\":\"b\"}}");
    answer = ask(events, "{\"do\":\"nothing\"}"); /* the next line it gets, no list before it */
    assert_non_null(json_object_get(answer, "error"));
    json_decref(answer);
    close(events);
    close(fd);
}

static void without_tablets_a_console_names_none(void **state)
{
    struct bench *b = *state;
    int fd = begin(b);
    char token[TOKEN_TEXT_SIZE];
    close(fd);
    stop(b);
    b->without_tablets = true;
    start(b);
    fd = connect_to(b, "control");
    login_at(fd, "\"tablet\":\"\",", token);
    assert_done(fd, request("\"tablet\":\"\",", "of_officer", token, ""));
    assert_refused(fd, request("\"tablet\":\"x\",", "of_officer", token, ""), "denied",
                   "not paired");
    /* Each console is a place of its own: one that guesses locks no other out. */
    assert_int_equal(wrong_logins(fd, "\"tablet\":\"\",\"origin\":\"10.0.0.1\",", 8), GUESSES_FREE);
    login_at(fd, "\"tablet\":\"\",\"origin\":\"10.0.0.2\",", token);
    close(fd);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_session_says_who_is_where),
        CASE(a_token_counts_on_its_tablet_alone),
        CASE(a_revoked_tablets_sessions_end_at_once),
        CASE(tablets_are_named_once),
        CASE(an_act_that_asks_for_a_pin_runs_with_it_alone),
        CASE(a_pin_is_asked_for_at_consoles_or_everywhere),
        CASE(a_pin_and_a_second_officer),
        CASE(an_auxiliary_is_no_second_officer),
        CASE(guessing_ends_no_session_and_stops_no_emergency_raise),
        CASE(a_console_without_an_officer_raises_in_an_emergency_and_no_more),
        CASE(a_console_is_told_of_each_tablet_before_the_act_is_answered),
        CASE(without_tablets_a_console_names_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
