/*
 * Local look-outs (本地布控): plates a leader and a second person want stopped here for some hours.
 * checkpoint-matchd does not know of them; each read is held against them in the lane thread. One
 * alerts by the rules as an entry of priority 3 would, and never holds, whatever they say: two
 * people at a checkpoint are less than headquarters' three.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/model/decision.h"
#include "gateway/model/hit.h"
#include "gateway/model/plate_read.h"

enum {
    LOOKOUTS_MAX = 32, /* at once */
    LOOKOUT_TEXT_SIZE = 1400,
    LOOKOUT_HOURS_MAX = 24
};

/* A look-out's number in place of an entry's: above all that headquarters gives out, and a whole
 * number in every reader of JSON. */
#define LOOKOUT_ENTRY_BASE ((uint64_t)1 << 52)

struct lookout {
    uint64_t id;       /* 0 = free */
    plate_key key;     /* without unread symbols */
    plate_class class; /* PLATE_CLASS_ANY: any */
    struct wall_time begun;
    struct wall_time until;
    char text[LOOKOUT_TEXT_SIZE]; /* the card, a JSON object: reason, case_number, authority … */
};

struct lookouts {
    struct lookout rows[LOOKOUTS_MAX];
};

/* Takes one over, or, with until 0, ends the one of that id. False: no room, or none of that id. */
bool lookouts_take(struct lookouts *lookouts, const struct lookout *lookout);
/* The one that is over by trusted time; NULL: none is. */
const struct lookout *lookouts_over(const struct lookouts *lookouts, struct wall_time now);
/* The look-out of exactly this read's plate, its class not another's; NULL: none. *out_match is as
 * matching would say it. An end that has passed ends it only by a trusted clock (`trusted`): until
 * then it is said as expired. */
const struct lookout *lookouts_match(const struct lookouts *lookouts, const struct plate_read *read,
                                     bool trusted, struct wall_time now,
                                     struct match_hit *out_match);
/* What a look-out may not bring about is taken out of what the rules say. */
void lookout_bound(struct decision *decision);
/* Whether a hit's entry is a look-out. */
static inline bool lookout_is(uint64_t entry)
{
    return entry > LOOKOUT_ENTRY_BASE;
}
