/* Control under load and damage: floods, guesses, full places, an accounts file that cannot be
 * read, acts that fail after they were recorded. */
#include "control_bench.h"
#include "gateway/control/guesses.h"

static void an_officer_asks_no_faster_than_people_do(void **state)
{
    enum { ASKED = 300 };
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    int done = 0;
    char tokens[2][TOKEN_TEXT_SIZE];
    char text[256];
    make_leader(fd);
    assert_done(fd, "{\"do\":\"officer_add\",\"args\":{\"officer\":\"li\","
                    "\"password\":\"long enough\"}}");
    login(fd, "wang", tokens[0]);
    login(fd, "li", tokens[1]);
    snprintf(text, sizeof text, "{\"do\":\"release\",\"token\":\"%s\"}", tokens[0]);
    struct mono_time begin = clock_mono(&clock_system);
    for (int i = 0; i < ASKED; i++) {
        json_t *answer = ask(fd, text);
        done += json_is_true(json_object_get(answer, "ok"));
        json_decref(answer);
    }
    int64_t took_ms = mono_diff_ms(clock_mono(&clock_system), begin);
    assert_true(done >= 200 && done <= 200 + took_ms / 50 + 1);
    snprintf(text, sizeof text, "{\"do\":\"release\",\"token\":\"%s\"}", tokens[1]);
    assert_done(fd, text);
    close(fd);
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

/* Names nobody has make no officer's waits go, are told apart from none, and end in a lock of the
 * place. */
static void trying_many_names_frees_none_and_fills_no_journal(void **state)
{
    struct bench *b = *state;
    int fd = connect_to(b, "control");
    make_leader(fd);
    for (int i = 0; i < 3; i++)
        try_name(fd, "wang", "denied", "wrong name or password");
    for (int i = 3; i < GUESSES_OF_PLACE_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "nobody%d", i);
        try_name(fd, name, "denied", "wrong name or password");
    }
    try_name(fd, "nobody", "busy", "nobody can sign on here, wait 1");
    try_name(fd, "wang", "busy", "nobody can sign on here, wait 1");
    int told = count_of(b->recorded, "login_refused ");
    assert_true(told >= 13 && told <= 20); /* 10 a minute, and wang's three */
    assert_int_equal(count_of(b->recorded, "sign_on_locked "), 1);
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

enum { FLOODERS = 8, REQUESTS = 5000 };

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
    enum { PLACES = 96 };
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
        CASE(an_officer_asks_no_faster_than_people_do),
        CASE(damaged_accounts_refuse_sign_ons_and_nothing_else),
        CASE(trying_many_names_frees_none_and_fills_no_journal),
        CASE(what_failed_after_it_was_recorded_is_recorded_as_failed),
        CASE(a_second_officer_does_not_revive_a_sign_on),
        CASE(every_request_of_a_flood_is_answered),
        CASE(one_user_cannot_take_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
