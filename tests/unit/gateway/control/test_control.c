/* Control and events over real sockets: who may do what, sign-on, second officers, plates only for
 * officers, limits. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/control/control.h"

enum { WAIT_MS = 20000, TEXT_SIZE = 8192 };

struct bench {
    char folder[64];
    char path[128];
    char accounts[128];
    struct control *control;
    struct thread serve;
    struct thread passwords;
    bool journal_broken;
    char recorded[1024]; /* acts, a space behind each */
};

static void act_release(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    assert_null(json_object_get(call->args, "second"));
    control_answer(control, call->ticket,
                   json_pack("{s:s,s:s}", "by", call->actor.officer, "second", call->actor.second));
}

static void act_status(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    control_answer(
        control, call->ticket,
        json_pack("{s:s,s:s}", "program", call->actor.program, "origin", call->actor.origin));
}

static void act_event(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    bool plates = json_is_true(json_object_get(call->args, "plates"));
    control_publish(control, json_pack("{s:s}", "event", plates ? "hit" : "boom"), plates);
    control_answer(control, call->ticket, NULL);
}

static const struct control_act acts[] = {
    {"release", CONTROL_OFFICER, act_release},
    {"status", CONTROL_ANYBODY, act_status},
    {"event", CONTROL_ANYBODY, act_event},
};

static int record(void *ctx, const struct control_actor *actor, const char *act,
                  const json_t *details)
{
    struct bench *b = ctx;
    assert_int_equal(actor->peer.pid, getpid());
    assert_non_null(json_object_get(details, "officer"));
    if (b->journal_broken)
        return ERR_FULL;
    size_t size = strlen(b->recorded);
    snprintf(b->recorded + size, sizeof b->recorded - size, "%s ", act);
    return 0;
}

static void start(struct bench *b)
{
    struct control_options options = {.runtime_dir = b->folder,
                                      .accounts_path = b->accounts,
                                      .token_life_s = TOKEN_LIFE_DEFAULT_S,
                                      .acts = acts,
                                      .act_count = sizeof acts / sizeof acts[0],
                                      .ctx = b,
                                      .record = record};
    struct err_text err;
    if (control_create(&options, &b->control, &err) != 0)
        fail_msg("%s", err.text);
    struct thread_options serve = {.name = "control", .core = -1};
    struct thread_options passwords = {.name = "password", .core = -1};
    assert_int_equal(thread_start(&b->serve, &serve, control_run, b->control), 0);
    assert_int_equal(thread_start(&b->passwords, &passwords, control_password_run, b->control), 0);
}

static void stop(struct bench *b)
{
    thread_stop(&b->passwords);
    thread_join(&b->passwords);
    thread_stop(&b->serve);
    thread_join(&b->serve);
    control_destroy(b->control);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "/tmp/control.XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->accounts, sizeof b->accounts, "%s/officers.json", b->folder);
    start(b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    stop(b);
    unlink(b->accounts);
    int result = rmdir(b->folder);
    free(b);
    return result;
}

static int connect_to(struct bench *b, const char *socket)
{
    int fd = -1;
    snprintf(b->path, sizeof b->path, "%s/%s", b->folder, socket);
    assert_int_equal(unix_connect(b->path, SOCK_STREAM, &fd, NULL), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    size_t size = strlen(text);
    assert_int_equal(send(fd, text, size, 0), size);
    assert_int_equal(send(fd, "\n", 1, 0), 1);
}

/* The next line as an object; NULL when the server closed. */
static json_t *receive(int fd)
{
    static char text[TEXT_SIZE];
    size_t size = 0;
    while (size < sizeof text) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
        ssize_t got = recv(fd, text + size, 1, 0);
        if (got <= 0)
            return NULL;
        if (text[size++] == '\n')
            break;
    }
    return json_loadb(text, size, 0, NULL);
}

static json_t *ask(int fd, const char *request)
{
    send_text(fd, request);
    json_t *answer = receive(fd);
    assert_non_null(answer);
    return answer;
}

static void assert_refused(int fd, const char *request, const char *code, const char *en)
{
    json_t *answer = ask(fd, request);
    const json_t *error = json_object_get(answer, "error");
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    const char *text = json_string_value(json_object_get(error, "en"));
    if (!strstr(text, en))
        fail_msg("'%s' lacks '%s'", text, en);
    assert_true(json_string_length(json_object_get(error, "zh")) > 0);
    json_decref(answer);
}

static void assert_done(int fd, const char *request)
{
    json_t *answer = ask(fd, request);
    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("'%s' refused: %s", request, json_dumps(answer, 0));
    json_decref(answer);
}

static void make_leader(int fd)
{
    assert_done(fd, "{\"id\":1,\"do\":\"officer_add\",\"args\":{\"officer\":\"wang\","
                    "\"role\":\"leader\",\"password\":\"long enough\"}}");
}

static void login(int fd, const char *name, char token[TOKEN_TEXT_SIZE])
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"id\":2,\"do\":\"login\",\"args\":{\"officer\":\"%s\","
             "\"password\":\"long enough\"}}",
             name);
    json_t *answer = ask(fd, text);
    const json_t *result = json_object_get(answer, "result");
    const char *value = json_string_value(json_object_get(result, "token"));
    assert_non_null(value);
    snprintf(token, TOKEN_TEXT_SIZE, "%s", value);
    json_decref(answer);
}

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

static void ask_release(char text[512], const char *token, const char *officer,
                        const char *password)
{
    snprintf(text, 512,
             "{\"id\":4,\"do\":\"release\",\"token\":\"%s\",\"args\":{\"second\":"
             "{\"officer\":\"%s\",\"password\":\"%s\"}}}",
             token, officer, password);
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
    json_t *event = receive(officer);
    assert_string_equal(json_string_value(json_object_get(event, "event")), "hit");
    json_decref(event);
    event = receive(anybody);
    assert_string_equal(json_string_value(json_object_get(event, "event")), "boom");
    json_decref(event);
    close(fd);
    close(anybody);
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

static void write_accounts(struct bench *b, const char *text)
{
    FILE *file = fopen(b->accounts, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(b->accounts, 0600), 0);
}

/* Lanes must not stand still because a file of names is damaged; nor may that be a way in. */
static void damaged_accounts_refuse_sign_ons_and_nothing_else(void **state)
{
    struct bench *b = *state;
    stop(b);
    write_accounts(b, "{\"officers\":");
    start(b);
    int fd = connect_to(b, "control");
    assert_done(fd, "{\"do\":\"status\"}");
    assert_refused(fd,
                   "{\"do\":\"login\",\"args\":{\"officer\":\"wang\","
                   "\"password\":\"long enough\"}}",
                   "corrupt", b->accounts);
    assert_refused(fd,
                   "{\"do\":\"officer_add\",\"args\":{\"officer\":\"wang\",\"role\":\"leader\","
                   "\"password\":\"long enough\"}}",
                   "corrupt", b->accounts);
    assert_string_equal(b->recorded, "");
    write_accounts(b, "{\"officers\":[]}");
    make_leader(fd); /* put right: read again */
    close(fd);
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

static void try_name(int fd, const char *name, const char *code, const char *en)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"do\":\"login\",\"args\":{\"officer\":\"%s\",\"password\":\"not this one\"}}",
             name);
    assert_refused(fd, text, code, en);
}

static void trying_many_names_frees_none_and_fills_no_journal(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    make_leader(fd);
    for (int i = 0; i < 3; i++)
        try_name(fd, "wang", "denied", "wrong name or password");
    for (int i = 0; i < 70; i++) {
        char name[16];
        snprintf(name, sizeof name, "nobody%d", i);
        try_name(fd, name, "denied", "wrong name or password");
    }
    try_name(fd, "wang", "denied", "wrong name or password"); /* its first wait is over */
    try_name(fd, "wang", "busy", "too many wrong passwords: wait");
    int told = count_of(b->recorded, "login_refused ");
    assert_true(told >= 10 && told <= 30); /* 10 a minute */
    close(fd);
}

static void what_failed_after_it_was_recorded_is_recorded_as_failed(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    make_leader(fd);
    assert_refused(fd,
                   "{\"do\":\"officer_add\",\"args\":{\"officer\":\"wang\","
                   "\"password\":\"long enough\"}}",
                   "conflict", "exists already");
    assert_refused(fd,
                   "{\"do\":\"officer_passwd\",\"args\":{\"officer\":\"wang\","
                   "\"password\":\"short\"}}",
                   "invalid", "password: 5 bytes");
    assert_refused(fd, "{\"do\":\"officer_disable\",\"args\":{\"officer\":\"wang\"}}", "denied",
                   "the last leader");
    assert_string_equal(b->recorded, "officer_bootstrap officer_add officer_add_failed "
                                     "officer_passwd officer_passwd_failed "
                                     "officer_disable officer_disable_failed ");
    close(fd);
}

/* The sign-off comes while the second officer's password is being checked. */
static void a_second_officer_does_not_revive_a_sign_on(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    char token[TOKEN_TEXT_SIZE];
    char text[512];
    char both[1024];
    make_leader(fd);
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"li\","
                    "\"password\":\"long enough\"}}");
    login(fd, "wang", token);
    ask_release(text, token, "li", "long enough");
    snprintf(both, sizeof both, "%s\n{\"do\":\"logout\",\"token\":\"%s\"}", text, token);
    assert_done(fd, both); /* the sign-off is answered first */
    json_t *answer = receive(fd);
    assert_int_equal(json_integer_value(json_object_get(answer, "id")), 4);
    assert_true(json_is_false(json_object_get(answer, "ok")));
    json_decref(answer);
    close(fd);
}

enum { FLOODERS = 8, REQUESTS = 20000 };

struct flooder {
    int fd;
    size_t sent;
    int answers;
};

/* Sends what the socket takes and counts the answers that came. */
static void pour(struct flooder *f, const char *text, size_t size)
{
    static char in[65536];
    ssize_t n = f->sent < size ? send(f->fd, text + f->sent, size - f->sent, MSG_DONTWAIT) : 0;
    f->sent += n > 0 ? (size_t)n : 0;
    n = recv(f->fd, in, sizeof in, MSG_DONTWAIT);
    for (ssize_t i = 0; i < n; i++)
        f->answers += in[i] == '\n';
}

/* Several at once ask more than the queue between threads has places. */
static void every_request_of_a_flood_is_answered(void **state)
{
    static const char request[] = "{}\n";
    static char text[REQUESTS * sizeof request];
    struct bench *b = *state;
    struct flooder flooders[FLOODERS];
    int64_t answers = 0;
    size_t size = REQUESTS * (sizeof request - 1);
    struct mono_time give_up = mono_add_ms(clock_mono(&clock_system), WAIT_MS);
    for (size_t i = 0; i < REQUESTS; i++)
        memcpy(text + i * (sizeof request - 1), request, sizeof request - 1);
    for (int i = 0; i < FLOODERS; i++)
        flooders[i] = (struct flooder){.fd = connect_to(b, "control")};
    while (answers < FLOODERS * REQUESTS && mono_before(clock_mono(&clock_system), give_up)) {
        answers = 0;
        for (int i = 0; i < FLOODERS; i++) {
            pour(&flooders[i], text, size);
            answers += flooders[i].answers;
        }
    }
    assert_int_equal(answers, FLOODERS * REQUESTS);
    for (int i = 0; i < FLOODERS; i++)
        close(flooders[i].fd);
}

static void one_user_cannot_take_every_place(void **state)
{
    enum { PLACES = 48 };
    struct bench *b = *state;
    int fds[PLACES];
    for (int i = 0; i < PLACES; i++) {
        fds[i] = connect_to(b, "control");
        assert_done(fds[i], "{\"do\":\"status\"}");
    }
    int more = connect_to(b, "control");
    json_t *answer = receive(more);
    const json_t *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "busy");
    json_decref(answer);
    assert_null(receive(more));
    close(more);
    close(fds[0]);
    bool served = false;
    while (!served) { /* its place is free once the server has seen it go */
        more = connect_to(b, "control");
        (void)send(more, "{\"do\":\"status\"}\n", 16, MSG_NOSIGNAL); /* turned away: seen below */
        answer = receive(more);
        served = json_is_true(json_object_get(answer, "ok"));
        json_decref(answer);
        if (!served)
            close(more);
    }
    close(more);
    for (int i = 1; i < PLACES; i++)
        close(fds[i]);
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
        CASE(a_false_token_does_not_subscribe),
        CASE(bad_lines_are_answered_and_long_ones_end_the_connection),
        CASE(accounts_others_can_read_are_refused),
        CASE(damaged_accounts_refuse_sign_ons_and_nothing_else),
        CASE(trying_many_names_frees_none_and_fills_no_journal),
        CASE(what_failed_after_it_was_recorded_is_recorded_as_failed),
        CASE(a_second_officer_does_not_revive_a_sign_on),
        CASE(every_request_of_a_flood_is_answered),
        CASE(one_user_cannot_take_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
