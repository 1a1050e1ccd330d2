/* See box_send.h. */
#include "gateway/uplink/box_send.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char no_memory[] = "no memory";

const char *box_send_line(int fd, const struct clock_source *clock, const char *text, size_t size)
{
    struct mono_time until = mono_add_ms(clock_mono(clock), BOX_SEND_MS);
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, text + at, size - at, MSG_NOSIGNAL);
        if (n > 0) {
            at += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR) &&
                   mono_before(clock_mono(clock), until)) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            (void)poll(&ready, 1, BOX_LOOK_MS); /* judged by the next send */
        } else {
            return n < 0 && errno != EAGAIN ? strerror(errno) : "checkpointd takes nothing";
        }
    }
    return NULL;
}

const char *box_send_object(int fd, const struct clock_source *clock, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;
    json_decref(object);
    if (!text)
        return no_memory;
    text[size] = '\n'; /* the NUL's place: the length says where it ends */
    const char *why = box_send_line(fd, clock, text, size + 1);
    free(text);
    return why;
}

const char *box_send_verbatim(int fd, const struct clock_source *clock, const char *act,
                              const char *member, const char *text)
{
    size_t size = strlen(text) + strlen(act) + strlen(member) + 32;
    char *line = malloc(size);
    if (!line)
        return no_memory;
    int used = snprintf(line, size, "{\"do\":\"%s\",\"%s\":%s}\n", act, member, text);
    const char *why = box_send_line(fd, clock, line, (size_t)used);
    free(line);
    return why;
}
