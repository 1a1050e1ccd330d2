/*
 * Acts asked under a number that whoever asks made: what was answered to each, so that one that
 * comes again (its answer was lost on the way) gets that answer and does nothing. Kept in memory,
 * bounded in time, count and bytes for each owner; no clock of its own. Owned by the control
 * thread. Internal to gateway/control.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/control/control.h"

enum {
    ONCE_NUMBER_MIN = 16, /* characters: letters, digits, '-' */
    ONCE_OWNERS = TOKENS_MAX + 1,
    ONCE_OF_ONE_MAX = 32,               /* numbers of an owner; the longest answered gives way */
    ONCE_WAITING_MAX = 4,               /* who asked, and who asked again before it was answered */
    ONCE_OF_ONE_MAX_BYTES = 256 * 1024, /* answers of an owner */
    ONCE_KEEP_MS = 5 * 60 * 1000        /* from the answer; one never answered: from its begin */
};

/* Who asks what. The numbers of a session are its own; whoever has none has those of its user. */
struct once_asked {
    size_t owner; /* below ONCE_OWNERS: the token's place, the last for those without */
    uint64_t session;
    uid_t uid;
    const char *number;
    const char *act;
    const char *second; /* officer who confirmed it, "" = none */
    const json_t *args; /* without pin and second */
};

enum once_verdict {
    ONCE_NEW,     /* the act runs */
    ONCE_WAITS,   /* it is running; the ticket is answered with it */
    ONCE_KNOWN,   /* it was answered */
    ONCE_GONE,    /* it was answered, the answer is no longer there */
    ONCE_OTHER,   /* something else was asked under this number */
    ONCE_CROWDED, /* running, and too many wait for it */
    ONCE_FULL     /* so much of this owner is running that nothing can be noted */
};

struct once_answer {
    struct control_ticket tickets[ONCE_WAITING_MAX];
    size_t count;
};

struct once;

/* *out is heap memory for once_destroy(). ERR_NO_MEMORY, ERR_IO (no random bytes). */
int once_create(struct once **out) MUST_CHECK;
void once_destroy(struct once *once); /* NULL is fine */

bool once_is_number(const char *text);

/* ONCE_NEW: *out_ticket is what the act answers, `ticket` and whoever asks again get it from
 * once_take(). ONCE_KNOWN: *out_text is the answer without its id, borrowed until the next call.
 */
enum once_verdict once_ask(struct once *once, const struct once_asked *asked,
                           struct control_ticket ticket, struct mono_time now,
                           struct control_ticket *out_ticket, const char **out_text);
/* Whether a ticket is one of once_ask(). */
bool once_is_ticket(struct control_ticket ticket);
/* The act was answered with `text` (without its id; NULL: no memory): kept where there is room.
 * Who waits for it; none for a ticket that is answered already. */
void once_take(struct once *once, struct control_ticket ticket, const char *text,
               struct mono_time now, struct once_answer *out);
/* Some times a second: what is older than ONCE_KEEP_MS is forgotten, one owner a call. */
void once_tick(struct once *once, struct mono_time now);
