/*
 * What a lane is told: reads, scans, acts, answers, and what the journal says of it at a start,
 * each a plain value; and the bounds of what it keeps. See lane.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/model/decision.h"
#include "gateway/model/hit.h"
#include "gateway/model/lane_io.h"

enum {
    LANE_ID_BITS = 8,      /* of a hold's id: the lane */
    LANE_QUEUE_MAX = 8,    /* vehicles followed between camera and exit */
    LANE_HITS_MAX = 8,     /* hits of one passage, = MATCH_HITS_MAX */
    LANE_HOLDS_MAX = 4,    /* active holds of one lane; further ones join the last */
    LANE_COMMITS_MAX = 4,  /* releasing acts waiting for the journal */
    LANE_DIRECT_MAX_M = 8, /* without an entry loop the camera must look at the boom itself */
    LANE_ORDERS_MAX = 16,  /* of one step */
    LANE_RECORDS_MAX = 32, /* of one step */
    LANE_ALARMS_MAX = 48,  /* of one step */
    LANE_REPLIES_MAX = 6,  /* of one step */
    LANE_RAISES_MAX = 3,   /* automatic raises for one vehicle, then an officer is asked */
    LANE_CONVOY_MAX_MS = 2 * 3600 * 1000,
    LANE_HAND_LOWER_MS = 60000, /* guided test: the technician lowers within this */
    LANE_BEAT_LOST_MS = 500,    /* lower by hand: no beat for so long, and it is stopped */
    LANE_COAST_MS = 1000        /* a boom that was let go may run on for so long */
};

/* A hit of a passage as the lane needs it; `observe` hits never get here (lane_hits_from). */
struct lane_hit {
    uint64_t hit;   /* the journal's hit id */
    uint64_t entry; /* wanted entry id */
    uint8_t priority;
    bool holds; /* the rules let this hit hold */
};

enum lane_inspect { LANE_INSPECT_UNSAID, LANE_INSPECT_NOT, LANE_INSPECT_DUE };

struct lane_passage_event {
    uint64_t passage;         /* id, > 0; a second event of the same id adds to the first */
    struct decision decision; /* folded over the hits */
    bool cleared;             /* completed authenticated read, no open hit, list fresh */
    /* What the rules say of an inspection, drawn once a passage. Of several events the highest
     * counts; LANE_INSPECT_UNSAID is due in a check_point lane and not due elsewhere. The lane
     * judges it apart from `cleared`, which need not be taken back for it. */
    enum lane_inspect inspect;
    /* A completed authenticated read of a vehicle on the signed exempt list that is valid now. It
     * opens without `cleared` and decision.raise, and is due for no inspection; nothing else is
     * waived: no open hit, order, officer's hold, doubt or fail policy. */
    bool exempt; /* of several events the last counts, as with `cleared` */
    enum read_authenticity authenticity;
    /* Read anew: the vehicle is there, even if the lane follows it no more. Then with all its hits,
     * otherwise with those that are new. */
    bool again;
    /* It may be one that is queued already: it is not queued as one more, and a hit of it that
     * holds loses the order. */
    bool unplaced;
    /* Or it is one more, ahead of all that are read from now on: where they are is in doubt. */
    bool perhaps_more;
    uint8_t hit_count;
    struct lane_hit hits[LANE_HITS_MAX];
};

enum lane_act_kind {
    LANE_ACT_HOLD,            /* hold the vehicle at the boom; protective */
    LANE_ACT_RELEASE,         /* end hold `hold`; releasing; never moves the boom */
    LANE_ACT_RAISE,           /* releasing when the vehicle has an open hit, else routine */
    LANE_ACT_EMERGENCY_RAISE, /* now; only local control and emergency stop withstand it */
    LANE_ACT_STOP,            /* now, and until the next raise by an officer */
    LANE_ACT_ACK,             /* latched alarms end; the order counts again if nobody is unseen */
    /* The vehicle `passage` was inspected: routine, named. It opens then if it is cleared
     * otherwise; a named raise says the same of the vehicle at the boom. */
    LANE_ACT_INSPECTED,
    /* Open for everybody, `for_ms` long at most LANE_CONVOY_MAX_MS; releasing, named. Ended by
     * time, LANE_ACT_CONVOY_END (named), an officer's hold or stop, emergency stop, local control,
     * fault, fire raise, foreign motion, run-through, out of service. Its end lowers nothing. */
    LANE_ACT_CONVOY,
    LANE_ACT_CONVOY_END,
    /* Nothing automatic any more, red; holds stay open, emergency raise and stop work. Named. */
    LANE_ACT_OUT_OF_SERVICE,
    LANE_ACT_IN_SERVICE, /* named */
    /* The guided barrier test, out of service only. The gateway itself never lowers in it: for
     * LANE_ACT_TEST_LOWER the technician lowers with the barrier's own key or fob within
     * LANE_HAND_LOWER_MS, and that closing is not foreign_motion. */
    LANE_ACT_TEST_RAISE,
    LANE_ACT_TEST_STOP,
    LANE_ACT_TEST_LOWER,
    /* Lower by hand, hold-to-run: releasing, named. Once committed each fresh LANE_EVENT_BEAT of
     * `press` lowers for LANE_BEAT_LOST_MS; whatever else happens stops it. */
    LANE_ACT_LOWER,
    LANE_ACT_COUNT
};

struct lane_act_event {
    uint64_t act; /* the caller's number, > 0: stands in records and the reply */
    enum lane_act_kind kind;
    uint64_t hold;      /* LANE_ACT_RELEASE: hold id */
    uint64_t passage;   /* LANE_ACT_INSPECTED: which vehicle; 0 = the unread one at the boom */
    uint32_t for_ms;    /* LANE_ACT_CONVOY: how long */
    uint64_t press;     /* LANE_ACT_LOWER: of this press, > 0, never used before */
    bool named;         /* a named officer with a reason: without it a release is refused */
    bool second_person; /* checked by the caller: another officer confirmed (priority 1) … */
    bool leader;        /* … and one of the two is a leader, or the second is headquarters */
    /* LANE_ACT_RELEASE of `hold`: its lane_hold_joins() when it was decided on; refused when others
     * have joined since. 0: whatever it rests on. */
    uint8_t joins;
    /* LANE_ACT_RELEASE of rejected hits, > 0: the hold of `passage`, not of `hold`, and only if it
     * rests on these hits alone. */
    uint8_t hit_count;
    uint64_t hits[LANE_HITS_MAX];
};

/* The thumb is still on the button, or was taken off. */
struct lane_beat_event {
    uint64_t press;      /* any other than the one that lowers now is ignored */
    struct mono_time at; /* when it came in: waiting in a queue does not keep it fresh */
    bool end;            /* taken off */
};

/* A hold rebuilt from the journal; all of them before the first scan. */
struct lane_restore_event {
    uint64_t hold; /* 0, not active: one may be missing, 请人工确认车辆 */
    uint64_t passage;
    bool active; /* its vehicle had reached the boom; a waiting one becomes 请人工确认车辆 */
    uint8_t priority;  /* none of 1-3, here or of a hit: it cannot be told, counts as the highest */
    bool by_officer;   /* … also */
    uint8_t hit_count; /* 0: an officer's own hold */
    uint8_t withdrawn; /* bit per hit: its entry is withdrawn, the end was not on record yet */
    struct lane_hit hits[LANE_HITS_MAX];
};

/* What else the journal says of a lane, before the first scan; once a lane that has something to
 * restore. From LANE_RECORD_OUT_OF_SERVICE without a later LANE_RECORD_IN_SERVICE: it stays out.
 * From LANE_RECORD_CONVOY without a later LANE_RECORD_CONVOY_ENDED: it has ended with the program;
 * the lane records that end. From LANE_RECORD_EMERGENCY_STOP without a later
 * LANE_RECORD_STOP_RESET: it is still to be reset. */
struct lane_restore_service_event {
    bool out_of_service;
    bool convoy;
    bool emergency_stop;
};

enum lane_event_kind {
    LANE_EVENT_SCAN,
    LANE_EVENT_PASSAGE,
    LANE_EVENT_SEEN_AT_BOOM, /* a second camera names the passage at the boom: order known again */
    LANE_EVENT_OUTCOME,
    LANE_EVENT_ACT,
    LANE_EVENT_WITHDRAWAL,  /* of an entry, by id */
    LANE_EVENT_COMMIT,      /* answer to a releasing record */
    LANE_EVENT_MATCH_ALIVE, /* any message of matchd */
    LANE_EVENT_MATCH_LOST,  /* its connection ended: blind at once */
    LANE_EVENT_LIST,        /* usable: there is one, not older than the lane's limit */
    LANE_EVENT_JOURNAL,     /* whether it can commit */
    LANE_EVENT_GUIDED_TEST, /* the recorded test showed the hardware stopping a lower */
    LANE_EVENT_RESTORE,
    LANE_EVENT_RESTORE_SERVICE,
    LANE_EVENT_BEAT,
    LANE_EVENT_TICK /* at lane_next_deadline, or any time */
};

struct lane_event {
    enum lane_event_kind kind;
    union {
        struct lane_scan scan;
        struct lane_passage_event passage;
        uint64_t seen_at_boom; /* passage id */
        struct lane_outcome outcome;
        struct lane_act_event act;
        uint64_t withdrawn_entry;
        struct {
            uint64_t commit;
            bool done;
        } commit;
        bool list_usable;
        bool journal_commits;
        int64_t guided_test_valid_ms; /* from now to 12 months after the test; <= 0: none */
        struct lane_restore_event restore;
        struct lane_restore_service_event restore_service;
        struct lane_beat_event beat;
    } u;
};

/* Fills hits[] from matching's, leaving out observe entries and those outside LANE_HITS_MAX.
 * hit_ids[i] and holds[i] belong to hits[i]. Returns the count. */
uint8_t lane_hits_from(const struct match_hit *hits, uint8_t hit_count, const uint64_t *hit_ids,
                       const bool *holds, struct lane_hit out[LANE_HITS_MAX]);
