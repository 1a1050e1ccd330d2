/* Sign-ons over a restart of the program: they go on; a file that was changed, is somebody else's
 * or of another start of the machine is left alone and told. And how they end by time. */
#include <fcntl.h>

#include "control_bench.h"

static int begin(struct bench *b, char token[TOKEN_TEXT_SIZE])
{
    int fd = connect_to(b, "control");
    make_leader(fd);
    login(fd, "wang", token);
    return fd;
}

static int again(struct bench *b, int fd)
{
    close(fd);
    stop(b);
    start(b);
    return connect_to(b, "control");
}

static const char *request(const char *act, const char *token)
{
    static char text[256];
    snprintf(text, sizeof text, "{\"do\":\"%s\",\"token\":\"%s\"}", act, token);
    return text;
}

static char *read_file(const char *path)
{
    static char text[4096];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void a_sign_on_outlives_a_restart(void **state)
{
    struct bench *b = *state;
    char token[TOKEN_TEXT_SIZE];
    struct stat st;
    int fd = begin(b, token);
    fd = again(b, fd);
    assert_done(fd, request("of_leader", token));
    assert_int_equal(stat(b->tokens, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_null(strstr(read_file(b->tokens), token)); /* its digest stands there */
    assert_done(fd, request("logout", token));
    fd = again(b, fd);
    assert_refused(fd, request("of_leader", token), "denied", "sign on first");
    close(fd);
}

/* Every byte of the file counts: what was changed signs nobody on. */
static void a_changed_file_signs_nobody_on(void **state)
{
    struct bench *b = *state;
    char token[TOKEN_TEXT_SIZE];
    char kept[4096];
    int fd = begin(b, token);
    close(fd);
    stop(b);
    snprintf(kept, sizeof kept, "%s", read_file(b->tokens));
    static const char *const edits[][2] = {
        {"\"leader\"", "\"auditor\""},           {"\"wang\"", "\"li\""},
        {"\"tablet\":\"\"", "\"tablet\":\"a\""}, {"\"uid\":", "\"uid\":1"},
        {"expires_ns\":", "expires_ns\":9"},     {"\"boot\":\"", "\"boot\":\"x"},
        {"\"content\":[", "\"content\":[{},"},   {"{", "[{"}};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char text[4200];
        const char *at = strstr(kept, edits[i][0]);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - kept), kept, edits[i][1],
                 at + strlen(edits[i][0]));
        write_file(b->tokens, text);
        start(b);
        fd = connect_to(b, "control");
        assert_refused(fd, request("of_signed_on", token), "denied", "sign on first");
        close(fd);
        stop(b);
    }
    write_file(b->tokens, kept); /* as it was: it was the edits */
    start(b);
    fd = connect_to(b, "control");
    assert_done(fd, request("of_leader", token));
    close(fd);
}

static void a_file_others_may_read_or_of_another_user_is_left_alone(void **state)
{
    struct bench *b = *state;
    char token[TOKEN_TEXT_SIZE];
    int fd = begin(b, token);
    close(fd);
    stop(b);
    assert_int_equal(chmod(b->tokens, 0640), 0);
    start(b);
    fd = connect_to(b, "control");
    assert_refused(fd, request("of_leader", token), "denied", "sign on first");
    login(fd, "wang", token);
    if (geteuid() == 0) {
        close(fd);
        stop(b);
        assert_int_equal(chown(b->tokens, 65534, 65534), 0);
        start(b);
        fd = connect_to(b, "control");
        assert_refused(fd, request("of_leader", token), "denied", "sign on first");
    } else {
        print_message("not root: a file of another user cannot be made, not tested\n");
    }
    close(fd);
}

/* Accounts changed while nobody ran: what they say now counts. */
static void an_account_that_went_meanwhile_ends_its_sign_on(void **state)
{
    struct bench *b = *state;
    char token[TOKEN_TEXT_SIZE];
    int fd = begin(b, token);
    close(fd);
    stop(b);
    unlink(b->accounts);
    start(b);
    fd = connect_to(b, "control");
    assert_refused(fd, request("of_leader", token), "denied", "sign on first");
    close(fd);
}

static void a_sign_on_ends_unused_and_stays_while_somebody_watches(void **state)
{
    struct bench *b = *state;
    char idle[TOKEN_TEXT_SIZE];
    char watching[TOKEN_TEXT_SIZE] = "";
    char text[256];
    b->idle_s = 2;
    int fd = connect_to(b, "control");
    close(fd);
    stop(b);
    start(b);
    fd = connect_to(b, "control");
    int events = connect_to(b, "events");
    make_leader(fd);
    struct mono_time give_up = mono_add_ms(clock_mono(&clock_system), WAIT_MS);
    bool subscribed = false;
    while (!subscribed && mono_before(clock_mono(&clock_system), give_up)) {
        login(fd, "wang", watching); /* on a slow machine it may be over before it is used */
        snprintf(text, sizeof text, "{\"do\":\"subscribe\",\"token\":\"%s\"}", watching);
        json_t *answer = ask(events, text);
        subscribed = json_is_true(json_object_get(answer, "ok"));
        json_decref(answer);
    }
    assert_true(subscribed);
    login(fd, "wang", idle);
    bool ended = false;
    while (!ended && mono_before(clock_mono(&clock_system), give_up)) {
        /* Looked at without a request of its own: the file holds those that are in use. */
        const char *first = strstr(read_file(b->tokens), "\"digest\"");
        ended = first && !strstr(first + 1, "\"digest\"");
    }
    assert_true(ended);
    assert_refused(fd, request("of_leader", idle), "denied", "sign on first");
    assert_done(fd, request("of_leader", watching));
    close(events);
    close(fd);
}

static const char *wrong_login(int fd)
{
    static char code[32];
    json_t *answer =
        ask(fd, "{\"do\":\"login\",\"args\":{\"officer\":\"wang\",\"password\":\"not this one\"}}");
    snprintf(code, sizeof code, "%s",
             json_string_value(json_object_get(json_object_get(answer, "error"), "code")));
    json_decref(answer);
    return code;
}

/* Who guesses and takes the power away goes on where he was: the next wrong one that is heard is
 * the fourth, behind which there is a wait. */
static void a_restart_gives_no_fresh_tries(void **state)
{
    struct bench *b = *state;
    char token[TOKEN_TEXT_SIZE];
    int fd = begin(b, token);
    for (int i = 0; i < 3; i++)
        assert_string_equal(wrong_login(fd), "denied");
    fd = again(b, fd);
    struct mono_time give_up = mono_add_ms(clock_mono(&clock_system), WAIT_MS);
    while (strcmp(wrong_login(fd), "denied") != 0) /* the wait behind the third */
        assert_true(mono_before(clock_mono(&clock_system), give_up));
    assert_string_equal(wrong_login(fd), "busy");
    close(fd);
}

static void a_right_one_begins_anew_also_after_a_restart(void **state)
{
    struct bench *b = *state;
    char token[TOKEN_TEXT_SIZE];
    int fd = begin(b, token);
    for (int i = 0; i < 2; i++)
        assert_string_equal(wrong_login(fd), "denied");
    login(fd, "wang", token);
    fd = again(b, fd);
    for (int i = 0; i < 3; i++)
        assert_string_equal(wrong_login(fd), "denied");
    close(fd);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_sign_on_outlives_a_restart),
        CASE(a_changed_file_signs_nobody_on),
        CASE(a_file_others_may_read_or_of_another_user_is_left_alone),
        CASE(an_account_that_went_meanwhile_ends_its_sign_on),
        CASE(a_sign_on_ends_unused_and_stays_while_somebody_watches),
        CASE(a_restart_gives_no_fresh_tries),
        CASE(a_right_one_begins_anew_also_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
