/*
 * See relay.h. A request goes out in one send: a fresh local socket takes more than a line may be
 * long, so one that does not is as good as nobody there.
 */
#include "gateway/console/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/unix_socket.h"

enum { READ_BYTES = 16 << 10 };

struct relay_call {
    TAILQ_ENTRY(relay_call) link;
    struct relay *relay;
    struct event *io;
    struct event *timer;
    int fd;
    int rc; /* known already when the timer comes */
    char *line;
    size_t size;
    size_t room;
    relay_done done;
    void *ctx;
};

struct relay {
    struct event_base *base;
    char *path;
    TAILQ_HEAD(, relay_call) calls;
    size_t count;
};

int relay_create(struct event_base *base, const char *control_path, struct relay **out)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay)
        relay->path = strdup(control_path);
    if (!relay || !relay->path) {
        free(relay);
        return ERR_NO_MEMORY;
    }
    relay->base = base;
    TAILQ_INIT(&relay->calls);
    *out = relay;
    return 0;
}

size_t relay_open(const struct relay *relay)
{
    return relay->count;
}

const char *relay_code(const struct relay_answer *answer)
{
    const char *code = json_string_value(json_object_get(answer->error, "code"));
    return code ? code : "";
}

static void free_call(struct relay_call *call)
{
    TAILQ_REMOVE(&call->relay->calls, call, link);
    call->relay->count--;
    if (call->io)
        event_free(call->io);
    if (call->timer)
        event_free(call->timer);
    if (call->fd >= 0)
        close(call->fd);
    if (call->line)
        explicit_bzero(call->line, call->room); /* a token may stand there */
    free(call->line);
    free(call);
}

void relay_cancel(struct relay_call *call)
{
    free_call(call);
}

static void end_call(struct relay_call *call, const struct relay_answer *answer)
{
    relay_done done = call->done;
    void *ctx = call->ctx;
    done(ctx, answer);
    free_call(call);
}

static void fail_call(struct relay_call *call, int rc)
{
    const struct relay_answer answer = {.rc = rc};
    end_call(call, &answer);
}

/* checkpointd writes an answer's parts in this order: a result is taken as it stands, a board of
 * hundreds of hits is not read and written again. */
static bool take_result(const char *line, size_t size, struct relay_answer *out)
{
    static const char head[] = "{\"id\":1,\"ok\":true,\"result\":{";
    const size_t skip = sizeof head - 2; /* the result's own brace stays */
    if (size < sizeof head + 1 || memcmp(line, head, sizeof head - 1) != 0 ||
        memcmp(line + size - 2, "}}", 2) != 0)
        return false;
    *out = (struct relay_answer){.ok = true, .result = line + skip, .size = size - skip - 1};
    return true;
}

static void take_line(struct relay_call *call, size_t size)
{
    struct relay_answer answer;
    json_t *object = NULL;
    char *text = NULL;
    if (take_result(call->line, size, &answer)) {
        end_call(call, &answer);
        return;
    }
    answer = (struct relay_answer){.rc = ERR_CORRUPT};
    if (json_parse(call->line, size, &object, NULL) == 0 && json_is_object(object)) {
        answer.ok = json_is_true(json_object_get(object, "ok"));
        answer.error = answer.ok ? NULL : json_object_get(object, "error");
        text = answer.ok ? json_dumps(json_object_get(object, "result"), JSON_COMPACT) : NULL;
        answer.result = text;
        answer.size = text ? strlen(text) : 0;
        answer.rc = text || answer.error ? 0 : ERR_CORRUPT;
    }
    end_call(call, &answer);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    json_decref(object);
}

static bool make_room(struct relay_call *call)
{
    if (call->room - call->size >= READ_BYTES)
        return true;
    size_t room = call->room * 2 + READ_BYTES;
    char *line = room <= RELAY_ANSWER_MAX ? malloc(room) : NULL;
    if (!line)
        return false;
    if (call->line) {
        memcpy(line, call->line, call->size);
        explicit_bzero(call->line, call->room);
        free(call->line);
    }
    call->line = line;
    call->room = room;
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    (void)what; /* it waits for nothing else */
    struct relay_call *call = ctx;
    for (;;) {
        if (!make_room(call)) {
            fail_call(call, ERR_TOO_LARGE);
            return;
        }
        ssize_t n = recv(fd, call->line + call->size, call->room - call->size, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            fail_call(call, ERR_NOT_FOUND); /* it went away before it answered */
            return;
        }
        const char *end = memchr(call->line + call->size, '\n', (size_t)n);
        call->size += (size_t)n;
        if (end) {
            take_line(call, (size_t)(end - call->line));
            return;
        }
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* a timer has neither */
    struct relay_call *call = ctx;
    fail_call(call, call->rc != 0 ? call->rc : ERR_TIMEOUT);
}

static int send_request(int fd, json_t *request)
{
    if (json_object_set_new(request, "id", json_integer(1)) != 0)
        return ERR_NO_MEMORY;
    char *text = json_dumps(request, JSON_COMPACT);
    if (!text)
        return ERR_NO_MEMORY;
    size_t size = strlen(text);
    int rc = size >= RELAY_LINE_MAX ? ERR_TOO_LARGE : 0;
    text[size] = '\n'; /* in the NUL's place: the length is known */
    if (rc == 0 && send(fd, text, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)(size + 1))
        rc = ERR_NOT_FOUND;
    explicit_bzero(text, size + 1); /* a PIN may stand there */
    free(text);
    return rc;
}

static int begin(struct relay_call *call, json_t *request, bool urgent)
{
    struct relay *relay = call->relay;
    if (relay->count > (urgent ? RELAY_URGENT_MAX : RELAY_CALLS_MAX))
        return ERR_BUSY;
    int rc = unix_connect(relay->path, SOCK_STREAM, &call->fd, NULL);
    if (rc == 0)
        rc = send_request(call->fd, request);
    if (rc != 0)
        return rc;
    call->io = event_new(relay->base, call->fd, EV_READ | EV_PERSIST, on_readable, call);
    return call->io && event_add(call->io, NULL) == 0 ? 0 : ERR_NO_MEMORY;
}

struct relay_call *relay_ask(struct relay *relay, json_t *request, int wait_ms, bool urgent,
                             relay_done done, void *ctx)
{
    struct relay_call *call = request ? calloc(1, sizeof *call) : NULL;
    if (!call) {
        json_decref(request);
        return NULL;
    }
    *call = (struct relay_call){.relay = relay, .fd = -1, .done = done, .ctx = ctx};
    TAILQ_INSERT_TAIL(&relay->calls, call, link);
    relay->count++;
    call->rc = begin(call, request, urgent);
    json_decref(request);
    const struct timeval wait = {.tv_sec = call->rc == 0 ? wait_ms / 1000 : 0,
                                 .tv_usec = call->rc == 0 ? wait_ms % 1000 * 1000 : 0};
    call->timer = evtimer_new(relay->base, on_timer, call);
    if (!call->timer || event_add(call->timer, &wait) != 0) {
        free_call(call);
        return NULL;
    }
    return call;
}

void relay_destroy(struct relay *relay)
{
    if (!relay)
        return;
    while (!TAILQ_EMPTY(&relay->calls))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow TAILQ_REMOVE */
        free_call(TAILQ_FIRST(&relay->calls));
    free(relay->path);
    free(relay);
}
