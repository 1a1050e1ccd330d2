/*
 * HQ's word on a wanted entry at a hit: whether it still stands. Payload {"chain":<32 hex>,
 * "checkpoint":"lu-hz-01","entry":N,"revision":R,"sequence":S,"standing":"stands","time":"…"},
 * JSON, freshness role. Chain and sequence name the hit's record, so an answer fits one question
 * and no other. It is shown, it commands nothing: what a list says, its clerks sign. Pure, any
 * thread.
 */
#pragma once

#include "gateway/signed/receipt.h"

enum standing {
    STANDING_STANDS = 1,
    STANDING_WITHDRAWN = 2,
    STANDING_CHANGED = 3, /* since the revision it hit by */
    STANDING_EXPIRED = 4,
    STANDING_UNKNOWN = 5 /* no entry of that number was ever on the list */
};

struct standing_answer {
    char checkpoint[CHECKPOINT_ID_MAX + 1];
    uint8_t chain[CHAIN_ID_SIZE];
    uint64_t sequence; /* of the hit's record, from 1 */
    uint64_t entry;
    uint64_t revision; /* of the list that says so */
    enum standing standing;
    struct wall_time time;
};

/* "stands", "withdrawn", "changed", "expired", "unknown"; NULL when out of range. */
const char *standing_name(enum standing standing);
/* An unsigned envelope; the caller signs and frees. ERR_INVALID. */
int standing_compose(const struct standing_answer *a, struct envelope *out,
                     struct err_text *err) MUST_CHECK;
/* ERR_INVALID, ERR_CORRUPT, ERR_DENIED. What it is an answer to is the caller's to compare. */
int standing_verify(const struct keyset *set, const void *envelope, size_t size,
                    struct standing_answer *out, struct err_text *err) MUST_CHECK;
