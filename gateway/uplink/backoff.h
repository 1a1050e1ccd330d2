/*
 * How long to wait before the next try: doubling from `min_ms` to `max_ms`, each wait drawn from
 * its upper half, so that a thousand boxes do not come back to headquarters in the same moment.
 * Pure; one owner.
 */
#pragma once

#include <stdint.h>

struct backoff {
    int min_ms;
    int max_ms;
    int next_ms;
    uint64_t draw; /* state of the generator, never 0 */
};

/* 0 < min_ms <= max_ms. `seed` differs from box to box. */
void backoff_init(struct backoff *b, int min_ms, int max_ms, uint64_t seed);
/* Milliseconds to wait now. */
int backoff_next(struct backoff *b);
void backoff_reset(struct backoff *b);
