/*
 * Looking a plate up in the wanted list now: asked in the control thread, on record before matchd
 * is asked, answered in the lane thread, given up by the main thread's tick. Never says anything of
 * observe entries. Internal to checkpointd; search.c.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>

#include "gateway/control/control.h"
#include "gateway/control/quota.h"
#include "gateway/handling/codes.h"
#include "gateway/model/hit.h"

struct checkpointd;
struct match_packet;

enum {
    SEARCHES_MAX = 16,
    SEARCH_WAIT_MS = 700, /* and a tick of the main thread: an answer within 1 s */
    SEARCH_CODE_MAX = 31, /* bytes of a reason code */
    SEARCH_NOTE_MAX = 200,
    SEARCH_TIED_MAX = 2,    /* searches tied to one hit */
    SEARCH_FAR_SYMBOLS = 2, /* more symbols apart, confusable ones taken as equal: far off */
    SEARCH_HOUR_MS = 3600 * 1000
};

/* Kinds of uses that quotas count. */
enum search_use { SEARCH_CHECK = 1, SEARCH_HISTORY = 2, SEARCH_TIED = 3 };
enum { SEARCH_TOLD = 8 /* added: its refusal went on record */ };

enum search_end {
    SEARCH_ANSWERED,
    SEARCH_NO_MATCHD,   /* checkpoint-matchd is not there, or does not answer in time */
    SEARCH_NOT_RECORDED /* the journal does not commit: matchd was not asked */
};

struct search_ask {
    plate_key key;
    plate_class class;              /* PLATE_CLASS_UNKNOWN: not said */
    uint64_t hit;                   /* tied to this hit, 0: an officer's own question */
    plate_key listed;               /* of the hit's entry: how far off `key` is */
    char code[SEARCH_CODE_MAX + 1]; /* reason */
    char note[SEARCH_NOTE_MAX + 1];
    struct control_ticket ticket;
    /* Called once after search_start() returned 0, in the lane, journal or main thread. `hits`
     * (ANSWERED; owned by the callee): one object a hit, as the act `check` answers. */
    void (*done)(struct checkpointd *c, const struct search_ask *ask, enum search_end end,
                 json_t *hits);
    void *ctx; /* of whoever asked */
};

struct searches {
    pthread_mutex_t lock; /* of open */
    struct search {
        uint64_t number; /* 0 = free */
        struct mono_time expires;
        bool asked; /* on record, matchd is asked */
        struct search_ask ask;
    } open[SEARCHES_MAX];
    struct quota quota; /* control thread */
};

/* Before the threads. */
void searches_init(struct checkpointd *c);
/* Puts the search on record under the caller's name and asks. A search tied to a hit counts against
 * no officer's quota, but there are at most SEARCH_TIED_MAX of a hit: ERR_DENIED. ERR_BUSY: too
 * many wait; ERR_FULL: the journal takes nothing. Control thread. */
int search_start(struct checkpointd *c, const struct control_call *call,
                 const struct search_ask *ask) MUST_CHECK;
/* Whether what was seen is so unlike the listed plate that no camera takes one for the other. */
bool search_is_far_off(plate_key listed, plate_key seen);
/* Gives up what waits too long. Main thread. */
void searches_tick(struct checkpointd *c);
/* matchd's answer; NULL: it cannot be asked. Lane thread. */
void acts_searched(void *checkpointd, uint64_t number, const struct match_packet *packet);

/* The act. */
void acts_check(void *checkpointd, struct control *control, const struct control_call *call);

/* ---- for all acts that look up (control thread) ---- */

/* The call's reason code, a row of `table`, or, while the tables cannot be used, which is alarmed,
 * any: a plate is looked up for somebody's safety. NULL when it was refused. */
const char *search_code(struct checkpointd *c, struct control *control,
                        const struct control_call *call, enum code_table_id table);
/* The call's argument `name`, at most `max` bytes, "" when not given; NULL when it was refused. */
const char *search_text(struct control *control, const struct control_call *call, const char *name,
                        size_t max);
/* Counts a use of the caller's against its limit; false: it was refused as `quota`, with "ends". */
bool search_may(struct checkpointd *c, struct control *control, const struct control_call *call,
                enum search_use use);
/* A use that the journal knows of, at the start. */
void search_note_use(struct checkpointd *c, const struct quota_use *use);
