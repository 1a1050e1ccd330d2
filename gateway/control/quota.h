/*
 * How often each officer has looked something up: a bounded memory of uses and the question whether
 * one more is within a limit. Owned by one thread, no clock of its own; filled again from the
 * journal after a restart, so that a restart gives nobody a new allowance.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/control/tokens.h"

enum { QUOTA_USES_MAX = 8192 }; /* of all officers together; the oldest gives way */

struct quota_use {
    struct wall_time at;
    int kind;                           /* what was looked up: the owner's numbers, from 1 */
    uint64_t about;                     /* what it was tied to, 0 = nothing */
    char officer[OFFICER_NAME_MAX + 1]; /* "" = any, in a question */
};

struct quota {
    size_t count;
    size_t next; /* where the next one goes */
    struct quota_use uses[QUOTA_USES_MAX];
};

/* Keeps a use, in any order of time. */
void quota_note(struct quota *quota, const struct quota_use *use);
/* Whether fewer than `max` uses like `like` (kind, about; its officer's, "": anybody's) were made
 * at `since` or later: one of the future counts. False: *out_oldest is when the oldest of the `max`
 * newest of them was, so that with a window of W one more is due at *out_oldest + W. Also false
 * when the memory is full of younger uses than `since`, whoever's they are; but not with `since` 0:
 * then all that are remembered count. */
bool quota_within(const struct quota *quota, const struct quota_use *like, struct wall_time since,
                  size_t max, struct wall_time *out_oldest);
