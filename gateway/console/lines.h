/*
 * One connection to a local socket on which checkpointd tells things: a request goes out at its
 * beginning, lines come in. Bounded; never waits. Owned by the loop's thread.
 */
#pragma once

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

enum { LINES_INPUT_MAX = 1 << 20 };

struct lines_ops {
    /* One line, without its end; it may close the connection. */
    void (*line)(void *ctx, const char *line, size_t size);
    /* Every line that was there has been told. May be NULL. */
    void (*told)(void *ctx);
    /* The other end has gone, or sent a line that is too long. It is closed already. */
    void (*lost)(void *ctx);
};

struct lines {
    const struct lines_ops *ops;
    void *ctx;
    int fd; /* -1: closed */
    struct event *io;
    char *input;
    size_t size;
    size_t room;
};

void lines_init(struct lines *lines, const struct lines_ops *ops, void *ctx);
/* Connects and sends `request` (stolen; NULL: no memory). Not 0: it is closed, `lost` is not
 * called. Errors of unix_connect(), ERR_NO_MEMORY, ERR_IO. */
int lines_open(struct lines *lines, struct event_base *base, const char *path,
               json_t *request) MUST_CHECK;
bool lines_are_open(const struct lines *lines);
/* Takes what has come by now, without waiting for the loop. */
void lines_read(struct lines *lines);
void lines_close(struct lines *lines);
void lines_fini(struct lines *lines);
