/* Control and events over real sockets: who may do what, sign-on, second officers, plates only for
 * officers, limits. */
#include "control_bench.h"

static void acts_need_a_token(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    assert_refused(fd, "{\"id\":7,\"do\":\"release\"}", "denied", "sign on first");
    make_leader(fd);
    char token[TOKEN_TEXT_SIZE];
    char text[256];
    login(fd, "wang", token);
    snprintf(text, sizeof text, "{\"id\":8,\"do\":\"release\",\"token\":\"%s\"}", token);
    json_t *answer = ask(fd, text);
    assert_int_equal(json_integer_value(json_object_get(answer, "id")), 8);
    const json_t *result = json_object_get(answer, "result");
    assert_string_equal(json_string_value(json_object_get(result, "by")), "wang");
    json_decref(answer);
    snprintf(text, sizeof text, "{\"do\":\"logout\",\"token\":\"%s\"}", token);
    assert_done(fd, text);
    snprintf(text, sizeof text, "{\"do\":\"release\",\"token\":\"%s\"}", token);
    assert_refused(fd, text, "denied", "sign on first");
    close(fd);
}

static void the_first_account_is_a_leaders_and_recorded(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    assert_refused(fd,
                   "{\"do\":\"officer_add\",\"args\":{\"officer\":\"li\","
                   "\"password\":\"long enough\"}}",
                   "denied", "the first account must be a leader's");
    make_leader(fd);
    assert_string_equal(b->recorded, "officer_bootstrap ");
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"li\","
                    "\"password\":\"long enough\"}}");
    assert_refused(fd, "{\"do\":\"officer_disable\",\"args\":{\"officer\":\"wang\"}}", "denied",
                   "'wang' is the last leader");
    stop(b);
    start(b); /* accounts survive */
    close(fd);
    fd = connect_to(b, "control");
    char token[TOKEN_TEXT_SIZE];
    login(fd, "li", token);
    close(fd);
}

static void an_act_on_accounts_that_cannot_be_recorded_is_refused(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    b->journal_broken = true;
    assert_refused(fd,
                   "{\"do\":\"officer_add\",\"args\":{\"officer\":\"wang\",\"role\":\"leader\","
                   "\"password\":\"long enough\"}}",
                   "full", "the journal cannot record the act");
    assert_int_equal(access(b->accounts, F_OK), -1);
    close(fd);
}

static void wrong_passwords_are_refused_and_then_wait(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    make_leader(fd);
    const char *wrong = "{\"do\":\"login\",\"args\":{\"officer\":\"wang\","
                        "\"password\":\"not this one\"}}";
    assert_refused(fd, wrong, "denied", "wrong name or password");
    assert_refused(fd, wrong, "denied", "wrong name or password");
    assert_refused(fd, wrong, "denied", "wrong name or password");
    assert_refused(fd, wrong, "busy", "too many wrong passwords: wait");
    assert_refused(fd,
                   "{\"do\":\"login\",\"args\":{\"officer\":\"nobody\","
                   "\"password\":\"not this one\"}}",
                   "denied", "wrong name or password");
    assert_refused(fd, "{\"do\":\"login\",\"args\":{\"officer\":\"wang\"}}", "invalid",
                   "expected officer and password");
    close(fd);
}

static void a_second_officer_is_another_person_with_a_password(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    char token[TOKEN_TEXT_SIZE];
    char text[512];
    make_leader(fd);
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"li\","
                    "\"password\":\"long enough\"}}");
    login(fd, "wang", token);
    ask_release(text, token, "li", "wrong password");
    assert_refused(fd, text, "denied", "wrong name or password");
    ask_release(text, token, "wang", "long enough");
    assert_refused(fd, text, "denied", "the second officer must be another person");
    ask_release(text, token, "li", "long enough");
    json_t *answer = ask(fd, text);
    const json_t *result = json_object_get(answer, "result");
    assert_string_equal(json_string_value(json_object_get(result, "second")), "li");
    json_decref(answer);
    close(fd);
}

static void expect_event(int fd, const char *name)
{
    json_t *event = receive(fd);
    assert_string_equal(json_string_value(json_object_get(event, "event")), name);
    json_decref(event);
}

static void plates_go_to_officers_only(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    int anybody = connect_to(b, "events");
    int officer = connect_to(b, "events");
    char token[TOKEN_TEXT_SIZE];
    char text[256];
    make_leader(fd);
    login(fd, "wang", token);
    json_decref(ask(anybody, "{\"do\":\"subscribe\"}"));
    snprintf(text, sizeof text, "{\"do\":\"subscribe\",\"token\":\"%s\"}", token);
    json_decref(ask(officer, text));
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}");
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":false}}");
    expect_event(officer, "hit");
    expect_event(anybody, "boom");
    close(fd);
    close(anybody);
    close(officer);
}

static void a_subscriber_gets_what_it_asked_for(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    int some = connect_to(b, "events");
    char token[TOKEN_TEXT_SIZE];
    char text[256];
    make_leader(fd);
    login(fd, "wang", token);
    json_t *answer = ask(some, "{\"do\":\"subscribe\",\"events\":[1]}");
    assert_non_null(json_object_get(answer, "error"));
    json_decref(answer);
    snprintf(text, sizeof text,
             "{\"do\":\"subscribe\",\"token\":\"%s\",\"events\":[\"list\",\"boom\"]}", token);
    json_decref(ask(some, text));
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}");
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":false}}");
    expect_event(some, "boom");
    close(fd);
    close(some);
}

/* Between two events of one connection. */
static void a_disabled_officer_sees_no_more_plates(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    int officer = connect_to(b, "events");
    char token[TOKEN_TEXT_SIZE];
    char text[256];
    make_leader(fd);
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"li\","
                    "\"password\":\"long enough\"}}");
    login(fd, "li", token);
    snprintf(text, sizeof text, "{\"do\":\"subscribe\",\"token\":\"%s\"}", token);
    json_decref(ask(officer, text));
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}");
    assert_done(fd, "{\"do\":\"officer_disable\",\"args\":{\"officer\":\"li\"}}");
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}");
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":false}}");
    expect_event(officer, "hit");
    json_t *event = receive(officer);
    assert_string_equal(json_string_value(json_object_get(event, "event")), "session_ended");
    assert_string_equal(json_string_value(json_object_get(event, "why")), "account");
    json_decref(event);
    expect_event(officer, "boom");
    snprintf(text, sizeof text, "{\"do\":\"subscribe\",\"token\":\"%s\"}", token);
    event = ask(officer, text);
    assert_non_null(json_object_get(event, "error"));
    json_decref(event);
    close(fd);
    close(officer);
}

/* Whoever subscribes again without a token has given the old one up. */
static void subscribing_again_without_a_token_ends_plates(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    int officer = connect_to(b, "events");
    char token[TOKEN_TEXT_SIZE];
    char text[256];
    make_leader(fd);
    login(fd, "wang", token);
    snprintf(text, sizeof text, "{\"do\":\"subscribe\",\"token\":\"%s\"}", token);
    json_decref(ask(officer, text));
    json_decref(ask(officer, "{\"do\":\"subscribe\"}"));
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":true}}");
    assert_done(fd, "{\"do\":\"event\",\"args\":{\"plates\":false}}");
    expect_event(officer, "boom");
    close(fd);
    close(officer);
}

static void a_false_token_does_not_subscribe(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "events");
    json_t *answer = ask(fd, "{\"do\":\"subscribe\",\"token\":\"00\"}");
    assert_non_null(json_object_get(answer, "error"));
    json_decref(answer);
    close(fd);
}

static void bad_lines_are_answered_and_long_ones_end_the_connection(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    assert_refused(fd, "{\"do\":", "invalid", "line 1");
    assert_refused(fd, "[1]", "invalid", "expected a JSON object");
    assert_refused(fd, "{\"do\":\"fly\"}", "unsupported", "no such act");
    assert_done(fd, "{\"do\":\"status\",\"origin\":\"tablet 3\"}");
    char *text = malloc(CONTROL_LINE_MAX_BYTES + 2);
    memset(text, 'x', CONTROL_LINE_MAX_BYTES + 1);
    text[CONTROL_LINE_MAX_BYTES + 1] = '\0';
    size_t sent = 0;
    while (sent < CONTROL_LINE_MAX_BYTES + 1) {
        struct pollfd out = {.fd = fd, .events = POLLOUT};
        assert_int_equal(poll(&out, 1, WAIT_MS), 1);
        ssize_t got = send(fd, text + sent, CONTROL_LINE_MAX_BYTES + 1 - sent, 0);
        assert_true(got > 0 || errno == EAGAIN);
        sent += got > 0 ? (size_t)got : 0;
    }
    free(text);
    json_t *answer = receive(fd);
    assert_non_null(answer);
    json_decref(answer);
    assert_null(receive(fd));
    close(fd);
}

static void accounts_others_can_read_are_refused(void **state)
{
    struct bench *b = *state;
    struct accounts *accounts = NULL;
    struct err_text err;
    FILE *file = fopen(b->accounts, "w");
    fputs("{\"officers\":[]}", file);
    fclose(file);
    assert_int_equal(accounts_open(b->accounts, &accounts, &err), ERR_DENIED);
    assert_non_null(strstr(err.text, "expected mode 0600"));
    file = fopen(b->accounts, "w");
    fputs("{\"officers\":[{\"name\":1}]}", file);
    fclose(file);
    assert_int_equal(chmod(b->accounts, 0600), 0);
    assert_int_equal(accounts_open(b->accounts, &accounts, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "officers[0]"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(acts_need_a_token),
        CASE(the_first_account_is_a_leaders_and_recorded),
        CASE(an_act_on_accounts_that_cannot_be_recorded_is_refused),
        CASE(wrong_passwords_are_refused_and_then_wait),
        CASE(a_second_officer_is_another_person_with_a_password),
        CASE(plates_go_to_officers_only),
        CASE(a_subscriber_gets_what_it_asked_for),
        CASE(a_disabled_officer_sees_no_more_plates),
        CASE(subscribing_again_without_a_token_ends_plates),
        CASE(a_false_token_does_not_subscribe),
        CASE(bad_lines_are_answered_and_long_ones_end_the_connection),
        CASE(accounts_others_can_read_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
