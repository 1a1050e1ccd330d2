/* A control server with its threads over real sockets, three acts of its own and a journal that
 * is a text; and a client that speaks lines. For the tests of this folder. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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
    char tablets[128];
    char tokens[128];
    char guesses[128];
    bool without_tablets;
    int64_t idle_s;
    const char *console_user;
    struct control *control;
    struct thread serve;
    struct thread passwords;
    struct thread keeping;
    bool journal_broken;
    atomic_int done;             /* acts that echo, run */
    struct control_ticket later; /* of the act `later`, answered by `let_go` */
    char recorded[4096];         /* acts, a space behind each */
};

static inline void act_release(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    assert_null(json_object_get(call->args, "second"));
    control_answer(control, call->ticket,
                   json_pack("{s:s,s:s}", "by", call->actor.officer, "second", call->actor.second));
}

static inline void act_status(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    control_answer(
        control, call->ticket,
        json_pack("{s:s,s:s}", "program", call->actor.program, "origin", call->actor.origin));
}

static inline void act_event(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    bool plates = json_is_true(json_object_get(call->args, "plates"));
    control_publish(control, json_pack("{s:s}", "event", plates ? "hit" : "boom"), plates);
    control_answer(control, call->ticket, NULL);
}

/* The arguments as an act sees them. */
static inline void act_echo(void *ctx, struct control *control, const struct control_call *call)
{
    struct bench *b = ctx;
    atomic_fetch_add(&b->done, 1);
    control_answer(control, call->ticket,
                   json_pack("{s:O,s:s,s:s,s:b}", "args", call->args, "officer",
                             call->actor.officer, "tablet", call->actor.tablet, "on_lane_2",
                             (int)control_on_lane(&call->actor, 2)));
}

/* Answers when `let_go` is asked for. */
static inline void act_later(void *ctx, struct control *control, const struct control_call *call)
{
    struct bench *b = ctx;
    (void)control;
    atomic_fetch_add(&b->done, 1);
    b->later = call->ticket;
}

static inline void act_let_go(void *ctx, struct control *control, const struct control_call *call)
{
    struct bench *b = ctx;
    control_answer(control, b->later, json_pack("{s:i}", "done", atomic_load(&b->done)));
    control_answer(control, call->ticket, NULL);
}

static const struct control_act acts[] = {
    {"release", CONTROL_OFFICER, act_release},
    {"status", CONTROL_ANYBODY, act_status},
    {"event", CONTROL_ANYBODY, act_event},
    {"fresh", CONTROL_OFFICER | CONTROL_FRESH_PIN, act_echo},
    {"fresh_at_console", CONTROL_OFFICER | CONTROL_FRESH_PIN_AT_CONSOLE, act_echo},
    {"codes", CONTROL_ANYBODY, act_echo},
    {"raise", CONTROL_RAISING, act_echo},
    {"of_signed_on", CONTROL_SIGNED_ON, act_echo},
    {"of_reader", CONTROL_READER, act_echo},
    {"of_signer", CONTROL_SIGNER, act_echo},
    {"of_officer", CONTROL_OFFICER, act_echo},
    {"of_protective", CONTROL_PROTECTIVE, act_echo},
    {"of_leader", CONTROL_LEADER, act_echo},
    {"of_technician", CONTROL_TECHNICIAN, act_echo},
    {"of_admin", CONTROL_ADMIN, act_echo},
    {"of_again", CONTROL_OFFICER | CONTROL_AGAIN, act_echo},
    {"later", CONTROL_OFFICER, act_later},
    {"let_go", CONTROL_ANYBODY, act_let_go},
};

static inline int record(void *ctx, const struct control_actor *actor, const char *act,
                         const json_t *details)
{
    struct bench *b = ctx;
    assert_int_equal(actor->peer.pid, getpid());
    assert_true(json_object_get(details, "officer") || json_object_get(details, "name"));
    if (b->journal_broken)
        return ERR_FULL;
    size_t size = strlen(b->recorded);
    snprintf(b->recorded + size, sizeof b->recorded - size, "%s ", act);
    return 0;
}

static inline void start(struct bench *b)
{
    struct control_options options = {.runtime_dir = b->folder,
                                      .accounts_path = b->accounts,
                                      .tablets_path = b->tablets,
                                      .tokens_path = b->tokens,
                                      .guesses_path = b->guesses,
                                      .console_user = b->console_user,
                                      .console_without_tablets = b->without_tablets,
                                      .token_life_s = TOKEN_LIFE_DEFAULT_S,
                                      .token_idle_s = b->idle_s,
                                      .acts = acts,
                                      .act_count = sizeof acts / sizeof acts[0],
                                      .ctx = b,
                                      .record = record};
    struct err_text err;
    if (control_create(&options, &b->control, &err) != 0)
        fail_msg("%s", err.text);
    struct thread_options serve = {.name = "control", .core = -1};
    struct thread_options passwords = {.name = "password", .core = -1};
    struct thread_options guesses = {.name = "guesses", .core = -1};
    assert_int_equal(thread_start(&b->serve, &serve, control_run, b->control), 0);
    assert_int_equal(thread_start(&b->passwords, &passwords, control_password_run, b->control), 0);
    assert_int_equal(thread_start(&b->keeping, &guesses, control_guesses_run, b->control), 0);
}

static inline void stop(struct bench *b)
{
    thread_stop(&b->passwords);
    thread_join(&b->passwords);
    thread_stop(&b->keeping);
    thread_join(&b->keeping);
    thread_stop(&b->serve);
    thread_join(&b->serve);
    control_destroy(b->control);
}

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "/tmp/control.XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->accounts, sizeof b->accounts, "%s/officers.json", b->folder);
    snprintf(b->tablets, sizeof b->tablets, "%s/tablets.json", b->folder);
    snprintf(b->tokens, sizeof b->tokens, "%s/private/tokens.json", b->folder);
    snprintf(b->guesses, sizeof b->guesses, "%s/guesses.json", b->folder);
    b->idle_s = TOKEN_IDLE_DEFAULT_S;
    start(b);
    *state = b;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;
    stop(b);
    unlink(b->accounts);
    unlink(b->tablets);
    unlink(b->tokens);
    unlink(b->guesses);
    *strrchr(b->tokens, '/') = '\0';
    rmdir(b->tokens);
    int result = rmdir(b->folder);
    free(b);
    return result;
}

static inline int connect_to(struct bench *b, const char *socket)
{
    int fd = -1;
    snprintf(b->path, sizeof b->path, "%s/%s", b->folder, socket);
    assert_int_equal(unix_connect(b->path, SOCK_STREAM, &fd, NULL), 0);
    return fd;
}

static inline void send_text(int fd, const char *text)
{
    size_t size = strlen(text);
    assert_int_equal(send(fd, text, size, 0), size);
    assert_int_equal(send(fd, "\n", 1, 0), 1);
}

/* The next line as an object; NULL when the server closed. */
static inline json_t *receive(int fd)
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

static inline json_t *ask(int fd, const char *request)
{
    send_text(fd, request);
    json_t *answer = receive(fd);
    assert_non_null(answer);
    return answer;
}

static inline void assert_refused(int fd, const char *request, const char *code, const char *en)
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

static inline void assert_done(int fd, const char *request)
{
    json_t *answer = ask(fd, request);
    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("'%s' refused: %s", request, json_dumps(answer, 0));
    json_decref(answer);
}

static inline void make_leader(int fd)
{
    assert_done(fd, "{\"id\":1,\"do\":\"officer_add\",\"args\":{\"officer\":\"wang\","
                    "\"role\":\"leader\",\"password\":\"long enough\"}}");
}

static inline void login(int fd, const char *name, char token[TOKEN_TEXT_SIZE])
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

static inline void ask_release(char text[512], const char *token, const char *officer,
                               const char *password)
{
    snprintf(text, 512,
             "{\"id\":4,\"do\":\"release\",\"token\":\"%s\",\"args\":{\"second\":"
             "{\"officer\":\"%s\",\"password\":\"%s\"}}}",
             token, officer, password);
}
