/*
 * How much one index holds, and which entries crowd one another in it. Boxes that index a list and
 * headquarters that publishes it both ask here, so that none is published which boxes would refuse.
 * Pure.
 *
 * A crowd is all entries whose full plates fold to one key, or all patterns of one form. A match
 * policy's look-alikes K change the fold: 0 folds nothing, 1 to 3 fold alike, and what folds
 * together is never fewer entries than what is equal. So crowds go by the folded key whatever
 * policy is in force: a list within the limits here is within those of an index for every K, also
 * after the next policy, also on a box that has not taken it yet.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/err.h"
#include "gateway/match/keys.h"

enum {
    MATCH_ENTRIES_MAX = 16 * 1000 * 1000,
    MATCH_PARTIAL_MAX = 16384,   /* partial entries of 9 symbols or fewer; again of 10 */
    MATCH_SAME_PLATE_MAX = 4096, /* entries of one plate and its look-alikes: they are walked */
    MATCH_PARTIAL_KNOWN_MIN = 4  /* symbols both sides know and agree on */
};

/* One entry and the crowd it is in. */
struct match_crowd {
    uint64_t crowd;
    uint64_t id;
};

/* The number of the crowd that entries of this plate are; never 0 for a valid key. Headquarters'
 * store keeps it: another numbering is another version of its schema. */
uint64_t match_crowd_of(plate_key key);
/* How many entries it may have. */
size_t match_crowd_max(uint64_t crowd);
/* ERR_TOO_LARGE: `count` entries are too many; `err` names entry `id`, count and limit. */
int match_crowd_check(uint64_t crowd, size_t count, uint64_t id, struct err_text *err) MUST_CHECK;
/* By crowd, then by id. */
void match_crowds_sort(struct match_crowd *entries, size_t count);
/* The same of every crowd among `entries`, after sorting them. The entry named is the first too
 * many of its crowd. */
int match_crowds_check(struct match_crowd *entries, size_t count, struct err_text *err) MUST_CHECK;
/* The same of a whole list; `id` the last one added. */
int match_entries_check(uint64_t count, uint64_t id, struct err_text *err) MUST_CHECK;

/* A pattern that can be told. One that knows too few symbols stands in the table under its own key,
 * which no read asks for: so it can be withdrawn again and costs a read nothing. */
static inline bool match_is_pattern(plate_key key)
{
    int form = key_form(key);
    int known = 0;
    if (!key_has_unread(key)) {
        return false;
    }
    for (int i = 0; i < key_places(form); i++) {
        unsigned field = key_field(key, i);
        known += field != PLATE_SYMBOL_END && field != key_unread_field(form);
    }
    return known >= MATCH_PARTIAL_KNOWN_MIN;
}
