/* See lines.h. */
#include "gateway/console/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/unix_socket.h"

enum { READ_BYTES = 32 << 10 };

void lines_init(struct lines *lines, const struct lines_ops *ops, void *ctx)
{
    *lines = (struct lines){.ops = ops, .ctx = ctx, .fd = -1};
}

bool lines_are_open(const struct lines *lines)
{
    return lines->fd >= 0;
}

void lines_close(struct lines *lines)
{
    if (lines->io)
        event_free(lines->io);
    lines->io = NULL;
    if (lines->fd >= 0)
        close(lines->fd);
    lines->fd = -1;
    lines->size = 0;
}

void lines_fini(struct lines *lines)
{
    lines_close(lines);
    free(lines->input);
    lines->input = NULL;
    lines->room = 0;
}

static void take_lines(struct lines *lines)
{
    size_t at = 0;
    while (lines->fd >= 0) {
        const char *line = lines->input + at;
        const char *end = memchr(line, '\n', lines->size - at);
        if (!end)
            break;
        at += (size_t)(end - line) + 1;
        lines->ops->line(lines->ctx, line, (size_t)(end - line));
    }
    if (lines->fd < 0)
        return;
    memmove(lines->input, lines->input + at, lines->size - at);
    lines->size -= at;
}

static bool make_room(struct lines *lines)
{
    if (lines->room - lines->size >= READ_BYTES)
        return true;
    size_t room = lines->room * 2 + READ_BYTES;
    char *input = room <= LINES_INPUT_MAX ? realloc(lines->input, room) : NULL;
    if (!input)
        return false;
    lines->input = input;
    lines->room = room;
    return true;
}

/* False: there is nothing more by now. */
static bool read_some(struct lines *lines)
{
    ssize_t n = make_room(lines) ? recv(lines->fd, lines->input + lines->size,
                                        lines->room - lines->size, MSG_DONTWAIT)
                                 : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        lines_close(lines);
        lines->ops->lost(lines->ctx);
        return false;
    }
    lines->size += (size_t)n;
    take_lines(lines);
    if (lines->ops->told)
        lines->ops->told(lines->ctx);
    return lines->fd >= 0;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* it waits for nothing else */
    (void)read_some(ctx); /* the loop comes again for what is left */
}

void lines_read(struct lines *lines)
{
    while (lines->fd >= 0 && read_some(lines)) {
    }
}

static int send_request(int fd, const json_t *request)
{
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    if (!text)
        return ERR_NO_MEMORY;
    size_t size = strlen(text);
    text[size] = '\n'; /* in the NUL's place: the length is known */
    ssize_t n = send(fd, text, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    explicit_bzero(text, size + 1); /* a token may stand there */
    free(text);
    return n == (ssize_t)(size + 1) ? 0 : ERR_IO;
}

int lines_open(struct lines *lines, struct event_base *base, const char *path, json_t *request)
{
    int rc = unix_connect(path, SOCK_STREAM, &lines->fd, NULL);
    if (rc == 0)
        rc = send_request(lines->fd, request);
    json_decref(request);
    if (rc == 0)
        lines->io = event_new(base, lines->fd, EV_READ | EV_PERSIST, on_readable, lines);
    if (rc == 0 && (!lines->io || event_add(lines->io, NULL) != 0))
        rc = ERR_NO_MEMORY;
    if (rc != 0)
        lines_close(lines);
    return rc;
}
