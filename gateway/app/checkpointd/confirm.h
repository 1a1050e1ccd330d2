/*
 * Whether a hit's entry still stands, asked of headquarters when the hit is on record and shown
 * with it once the answer is there; nothing waits for it. An answer counts when the freshness key
 * signed it, it names this chain, this hit's record and its entry, and it is the first one. It ends
 * no hold and begins none: what is wanted, the signed list says. Control thread, but for
 * confirm_look.
 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "gateway/base/clock.h"
#include "gateway/journal/record.h"
#include "gateway/signed/keyset.h"

enum {
    CONFIRM_KEPT = 64,           /* hits that an answer may still come for; the oldest gives way */
    CONFIRM_BURST = 16,          /* questions at once … */
    CONFIRM_EVERY_MS = 500,      /* … and then one in so long: a flood of hits stays here */
    CONFIRM_WAIT_MS = 5000,      /* then "no answer" is shown */
    CONFIRM_LATE_MAX_MS = 60000, /* after the question; later ones are refused */
    CONFIRM_CLOCK_MS = 5 * 60 * 1000 /* so far may headquarters' clock be from the box's */
};

enum confirm_state { CONFIRM_FREE, CONFIRM_ASKED, CONFIRM_UNANSWERED, CONFIRM_ANSWERED };

struct confirm_hit {
    enum confirm_state state;
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    uint64_t sequence; /* of the hit's record */
    uint64_t hit;
    uint64_t passage;
    uint64_t entry;
    uint64_t revision; /* of the list it hit by */
    uint8_t lane;
    struct mono_time asked;
};

struct confirm_keeper {
    struct confirm_hit hits[CONFIRM_KEPT];
    size_t next;
    int64_t spent_ms; /* of CONFIRM_BURST * CONFIRM_EVERY_MS; what time gives back */
    struct mono_time spent_at;
    atomic_llong due_ns; /* when the next "no answer" is due, 0: none; relaxed, a look is cheap */
    atomic_bool look_posted; /* relaxed: a second one would find nothing */
};

struct checkpointd;

/* A record that was committed. Of a hit: the question {"chain","entry","revision","sequence"}, a
 * new reference; `linked`: headquarters is reached. NULL: no hit, or not asked, which is shown. */
json_t *confirm_begin(struct checkpointd *c, const struct journal_record *record, bool linked);
/* An answer of headquarters. ERR_NOT_FOUND: no hit waits for it; ERR_CONFLICT: that hit has its
 * answer; ERR_DENIED, ERR_CORRUPT, ERR_INVALID: it does not verify, or is about something else;
 * ERR_STALE: too late, or dated too far off; ERR_FULL: the journal takes nothing now. */
int confirm_take(struct checkpointd *c, const struct keyset *set, const char *text, size_t size,
                 struct err_text *err) MUST_CHECK;
/* Shows what is due as not answered, in the control thread. Any thread, often. */
void confirm_look(struct checkpointd *c);
