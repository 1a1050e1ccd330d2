/*
 * What an import would do to the list in force: its rows against the entries there, one after the
 * other, then the draft's three lists. A row and an entry are the same when plate, class and case
 * number are; then it is unchanged or a change under the entry's id. Entries no row is the same as
 * stay, unless the file is the whole list: then they are withdrawn. Also told: one vehicle under
 * stop and observe, and what is too much at once to be what somebody meant. Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/model/wanted.h"

/* A mass change: above the number and, where a share is given, above that many percent of the
 * entries in force (added, withdrawn; not of an empty list) or of what is added and changed. */
enum {
    MASS_ADDED_MIN = 500,
    MASS_ADDED_PERCENT = 20,
    MASS_WITHDRAWN_MIN = 20,
    MASS_WITHDRAWN_PERCENT = 5,
    MASS_TOP_MIN = 20, /* added with, or raised to, priority 1 */
    MASS_TOP_PERCENT = 10,
    MASS_LATE_MIN = 20, /* that end more than MASS_LATE_DAYS from now */
    MASS_LATE_DAYS = 366,
    MASS_EARLIER_MIN = 20, /* whose end is moved forward: they would fall silent */
    MASS_EARLIER_PERCENT = 5
};

enum { IMPORT_CONFLICTS_MAX = 1000 };

struct import_diff {
    bool whole;
    struct wall_time now;
    size_t listed; /* entries in force */
    size_t same;
    size_t top;
    size_t late;
    size_t earlier;
    json_t *added;     /* entries */
    json_t *changed;   /* entries as they shall be */
    json_t *before;    /* and as they are, in the same places */
    json_t *withdrawn; /* entries in force */
    json_t *conflicts; /* at most IMPORT_CONFLICTS_MAX: [{"entry":{…},"other":{…}}…]: `other` on the
                          list, or in the file */
    struct diff_row *rows;
    size_t row_count;
};

/* `entries` as import makes them; kept by reference. import_diff_fini frees in any case. */
int import_diff_begin(struct import_diff *diff, const json_t *entries, bool whole,
                      struct wall_time now, struct err_text *err) MUST_CHECK;
/* One entry in force. */
int import_diff_listed(struct import_diff *diff, const json_t *entry,
                       struct err_text *err) MUST_CHECK;
/* When all were told: the lists, ids of added entries from first_id, and the counts. */
int import_diff_end(struct import_diff *diff, uint64_t first_id) MUST_CHECK;
/* Array of {"what","count","of","en","zh"}; empty when nothing is suspicious. `listed` may have
 * been set from elsewhere. NULL without memory. */
json_t *import_diff_suspicions(const struct import_diff *diff);
void import_diff_fini(struct import_diff *diff);
