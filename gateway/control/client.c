/* See client.h. */
#include "gateway/control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/json.h"
#include "gateway/base/unix_socket.h"

enum {
    ANSWER_MAX_BYTES = 4 << 20, /* the server's own bound of what it queues for a client */
    READ_BYTES = 64 << 10
};

struct control_client {
    int fd;
    json_int_t last_id;
    char *data; /* received, not yet taken */
    size_t size;
    size_t room;
};

int control_client_open(const char *path, struct control_client **out, struct err_text *err)
{
    int fd = -1;
    int result = access(path, W_OK) != 0 && errno == EACCES
                     ? err_set(err, ERR_DENIED, "%s: not allowed for this user", path)
                     : unix_connect(path, SOCK_STREAM, &fd, err);
    if (result != 0)
        return result;
    struct control_client *client = calloc(1, sizeof *client);
    if (!client) {
        close(fd);
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    }
    client->fd = fd;
    *out = client;
    return 0;
}

void control_client_close(struct control_client *client)
{
    if (!client)
        return;
    if (client->data)
        explicit_bzero(client->data, client->room); /* a token may have been in it */
    free(client->data);
    close(client->fd);
    free(client);
}

/* Waits until the socket is ready for `events` or the deadline passed. */
static int wait_ready(int fd, short events, struct mono_time deadline, struct err_text *err)
{
    for (;;) {
        struct pollfd pollfd = {.fd = fd, .events = events};
        int wait_ms = -1;
        if (deadline.ns != INT64_MAX) {
            int64_t left_ms = mono_diff_ms(deadline, clock_mono(&clock_system));
            wait_ms = left_ms < 0 ? 0 : (int)left_ms + 1;
        }
        int ready = poll(&pollfd, 1, wait_ms);
        if (ready > 0)
            return 0;
        if (ready == 0)
            return err_set(err, ERR_TIMEOUT, "no answer in time");
        if (errno != EINTR)
            return err_set(err, ERR_IO, "poll: %s", strerror(errno));
    }
}

static struct mono_time deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? (struct mono_time){INT64_MAX}
                          : mono_add_ms(clock_mono(&clock_system), timeout_ms);
}

static int send_all(struct control_client *client, const char *text, size_t size,
                    struct mono_time deadline, struct err_text *err)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = send(client->fd, text + done, size - done, MSG_NOSIGNAL);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return err_set(err, ERR_STOPPED, "the connection was closed");
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return err_set(err, ERR_IO, "send: %s", strerror(errno));
        int result = wait_ready(client->fd, POLLOUT, deadline, err);
        if (result != 0)
            return result;
    }
    return 0;
}

int control_client_send(struct control_client *client, const json_t *object, int timeout_ms,
                        struct err_text *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "request: no memory");
    size_t size = strlen(text);
    text[size] = '\n'; /* in the NUL's place: the length is known */
    int result = send_all(client, text, size + 1, deadline_of(timeout_ms), err);
    explicit_bzero(text, size + 1); /* a password may be in it */
    free(text);
    return result;
}

/* Makes room for READ_BYTES more; the old bytes are wiped when they move. */
static int make_room(struct control_client *client, struct err_text *err)
{
    if (client->room - client->size >= READ_BYTES)
        return 0;
    if (client->size > ANSWER_MAX_BYTES)
        return err_set(err, ERR_TOO_LARGE, "a line of more than %d bytes", ANSWER_MAX_BYTES);
    size_t room = client->room * 2 + READ_BYTES;
    char *data = malloc(room);
    if (!data)
        return err_set(err, ERR_NO_MEMORY, "answer: no memory");
    if (client->data) {
        memcpy(data, client->data, client->size);
        explicit_bzero(client->data, client->room);
        free(client->data);
    }
    client->data = data;
    client->room = room;
    return 0;
}

static int read_more(struct control_client *client, struct mono_time deadline, struct err_text *err)
{
    int result = make_room(client, err);
    if (result == 0)
        result = wait_ready(client->fd, POLLIN, deadline, err);
    if (result != 0)
        return result;
    ssize_t n = recv(client->fd, client->data + client->size, READ_BYTES, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return err_set(err, ERR_STOPPED, "the connection was closed");
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return err_set(err, ERR_IO, "receive: %s", strerror(errno));
    client->size += n > 0 ? (size_t)n : 0;
    return 0;
}

int control_client_receive(struct control_client *client, int timeout_ms, json_t **out,
                           struct err_text *err)
{
    struct mono_time deadline = deadline_of(timeout_ms);
    const char *end = NULL;
    json_t *object = NULL;
    while (!end) {
        end = client->size > 0 ? memchr(client->data, '\n', client->size) : NULL;
        int result = end ? 0 : read_more(client, deadline, err);
        if (result != 0)
            return result;
    }
    size_t line = (size_t)(end - client->data);
    int result = json_parse(client->data, line, &object, err);
    memmove(client->data, end + 1, client->size - line - 1);
    client->size -= line + 1;
    if (result == 0 && !json_is_object(object)) {
        json_decref(object);
        return err_set(err, ERR_INVALID, "expected a JSON object");
    }
    if (result == 0)
        *out = object;
    return result;
}

int control_client_ask(struct control_client *client, json_t *request, int timeout_ms, json_t **out,
                       struct err_text *err)
{
    struct mono_time deadline = deadline_of(timeout_ms);
    json_int_t id = ++client->last_id;
    if (json_object_set_new(request, "id", json_integer(id)) != 0)
        return err_set(err, ERR_NO_MEMORY, "request: no memory");
    int result = control_client_send(client, request, timeout_ms, err);
    while (result == 0) {
        json_t *answer = NULL;
        int64_t left_ms = timeout_ms < 0 ? -1 : mono_diff_ms(deadline, clock_mono(&clock_system));
        result = control_client_receive(client, left_ms < 0 && timeout_ms >= 0 ? 0 : (int)left_ms,
                                        &answer, err);
        if (result == 0 && json_integer_value(json_object_get(answer, "id")) == id) {
            *out = answer;
            return 0;
        }
        json_decref(answer);
    }
    return result;
}
