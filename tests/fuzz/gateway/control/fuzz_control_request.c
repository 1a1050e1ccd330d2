/*
 * One line to the control socket, over a real socket into the real threads. Whatever it says, the
 * server goes on: the line behind it is answered, and every answer is one JSON object.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/unix_socket.h"
#include "gateway/control/control.h"

enum { WAIT_MS = 60000, LAST_ID = 1 << 30 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char folder[64];
    char path[96];
    char accounts[96];
    struct control *control;
    struct thread serve;
    struct thread passwords;
} server;

static void act_status(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    control_answer(control, call->ticket, json_pack("{s:s}", "origin", call->actor.origin));
}

static void act_release(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    assert(call->actor.officer[0] != '\0');
    control_answer(control, call->ticket, json_deep_copy(call->args));
}

static const struct control_act acts[] = {{"status", CONTROL_ANYBODY, act_status},
                                          {"release", CONTROL_OFFICER, act_release}};

static int record(void *ctx, const struct control_actor *actor, const char *act,
                  const json_t *details)
{
    (void)ctx;
    (void)actor;
    assert(act && json_is_object(details));
    return 0;
}

static void clean_up(void)
{
    thread_stop(&server.passwords);
    thread_join(&server.passwords);
    thread_stop(&server.serve);
    thread_join(&server.serve);
    control_destroy(server.control);
    server.control = NULL;
    unlink(server.accounts); /* there only when an account was made */
    rmdir(server.folder);
}

static void start_once(void)
{
    struct err_text err;
    const struct thread_options serve = {.name = "control", .core = -1};
    const struct thread_options passwords = {.name = "password", .core = -1};
    if (server.control)
        return;
    assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as service_open() does for the daemons */
    snprintf(server.folder, sizeof server.folder, "/tmp/fuzz-control.XXXXXX");
    assert(mkdtemp(server.folder));
    snprintf(server.path, sizeof server.path, "%s/control", server.folder);
    snprintf(server.accounts, sizeof server.accounts, "%s/accounts.json", server.folder);
    const struct control_options options = {.runtime_dir = server.folder,
                                            .accounts_path = server.accounts,
                                            .token_life_s = TOKEN_LIFE_DEFAULT_S,
                                            .acts = acts,
                                            .act_count = sizeof acts / sizeof acts[0],
                                            .record = record};
    assert(control_create(&options, &server.control, &err) == 0);
    /* OpenSSL cleans up at exit too: begun before us, it ends after our threads have. */
    assert(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1);
    assert(atexit(clean_up) == 0);
    assert(thread_start(&server.serve, &serve, control_run, server.control) == 0);
    assert(thread_start(&server.passwords, &passwords, control_password_run, server.control) == 0);
}

/* libFuzzer's own alarm interrupts; a server that does not answer does not. */
static void wait_ready(int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int result;
    do {
        result = poll(&ready, 1, WAIT_MS);
    } while (result < 0 && errno == EINTR);
    assert(result == 1);
}

static void send_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        wait_ready(fd, POLLOUT);
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return; /* ended by a line that was too long: seen when reading */
        assert(n > 0 || errno == EAGAIN);
        at += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
}

/* True for the last request's answer. */
static bool take_answer(const char *line, size_t size)
{
    json_t *answer = NULL;
    assert(json_parse(line, size, &answer, NULL) == 0 && json_is_object(answer));
    bool last = json_integer_value(json_object_get(answer, "id")) == LAST_ID;
    json_decref(answer);
    return last;
}

/* Reads until the last answer, or the end of the connection: false. */
static bool read_answers(int fd)
{
    static char buffer[1 << 20];
    size_t size = 0;
    for (;;) {
        wait_ready(fd, POLLIN);
        ssize_t n = recv(fd, buffer + size, sizeof buffer - size, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return false;
        assert(n > 0);
        size += (size_t)n;
        char *end;
        while ((end = memchr(buffer, '\n', size)) != NULL) {
            size_t line = (size_t)(end - buffer);
            if (take_answer(buffer, line))
                return true;
            memmove(buffer, end + 1, size - line - 1);
            size -= line + 1;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char last[] = "\n{\"id\":1073741824,\"do\":\"status\"}\n";
    struct err_text err;
    int fd = -1;
    start_once();
    assert(unix_connect(server.path, SOCK_STREAM, &fd, &err) == 0);
    send_all(fd, data, size);
    send_all(fd, last, sizeof last - 1);
    assert(read_answers(fd) || size >= CONTROL_LINE_MAX_BYTES);
    close(fd);
    return 0;
}
