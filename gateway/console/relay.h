/*
 * Questions to checkpointd's socket `control`, without ever waiting: one connection a question, its
 * answer line comes back through a callback of the loop. Bounded in number and time. Owned by the
 * loop's thread.
 */
#pragma once

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

enum {
    RELAY_WAIT_MS = 15000,
    RELAY_CALLS_MAX = 80,  /* at a time: every console its board, less than the 96 of one user */
    RELAY_URGENT_MAX = 88, /* an emergency raise finds a place among these */
    RELAY_LINE_MAX = 64 * 1024,
    RELAY_ANSWER_MAX = 4 << 20
};

struct relay;
struct relay_call;

struct relay_answer {
    int rc;             /* 0: checkpointd answered; ERR_TIMEOUT, ERR_BUSY, ERR_NOT_FOUND, … */
    bool ok;            /* it did what was asked */
    const char *result; /* text of the result, an object; not NUL-terminated */
    size_t size;
    const json_t *error; /* of a refusal: {"code", "en", "zh", …} */
};

/* Called once, never inside relay_ask. `answer` is borrowed. */
typedef void (*relay_done)(void *ctx, const struct relay_answer *answer);

int relay_create(struct event_base *base, const char *control_path, struct relay **out) MUST_CHECK;
void relay_destroy(struct relay *relay); /* NULL is fine; nobody is called any more */
size_t relay_open(const struct relay *relay);

/* Asks `request` (stolen; gets its id here). NULL without memory: then `done` is not called. */
struct relay_call *relay_ask(struct relay *relay, json_t *request, int wait_ms, bool urgent,
                             relay_done done, void *ctx);
/* `done` is not called any more. */
void relay_cancel(struct relay_call *call);
/* The code of a refusal, "" without one. */
const char *relay_code(const struct relay_answer *answer);
