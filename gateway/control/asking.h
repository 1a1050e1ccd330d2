/*
 * How much each officer has asked lately. People ask a few things a second; what asks more is a
 * program gone wrong or a flood, and everything asked is recorded: the journal's queue is for hits.
 * Owned by one thread, no clock of its own.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/clock.h"
#include "gateway/control/tokens.h"

enum {
    ASKED_AT_ONCE_MAX = 200,
    ASKED_PROTECTIVE_MAX = 400, /* what protects is heard when all else is too much */
    ASKED_EVERY_MS = 50         /* one more each */
};

struct asking {
    struct {
        char officer[OFFICER_NAME_MAX + 1]; /* "" = free */
        struct mono_time done;              /* when nothing is left of what was asked */
    } rows[TOKENS_MAX];                     /* more officers cannot be signed on */
};

/* Counts one request unless it is one too many: above `max` (one of the two). */
bool asking_too_much(struct asking *asking, const char *officer, int max, struct mono_time now);
