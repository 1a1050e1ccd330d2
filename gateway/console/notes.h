/*
 * Refusals told to operators: each kind at once, then once a minute with how many there were, the
 * last of them too. One owner.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

enum { NOTES_MAX = 16, NOTES_TELL_MS = 60000 };

struct notes {
    struct {
        enum log_event_id event; /* 0: free */
        struct mono_time due;
        uint64_t unsaid;
    } kinds[NOTES_MAX];
};

void notes_tell(struct notes *notes, enum log_event_id event, const char *address,
                const char *tablet, const char *why);
/* Tells those nobody came behind: whose minute is over, or all. Now and then, and at the end. */
void notes_tell_rest(struct notes *notes, bool all);
