/*
 * The lane: one pure state machine for boom, lights, queue and holds of one lane.
 * (configuration, state, event, time) -> (state, actions). No I/O, no clock, no allocation; the
 * state is a plain value with one owner, the thread that calls lane_step. All times come from the
 * caller; every time kept in the state is a deadline in one table, so that a test can walk every
 * reachable state. What the boom may never do stands in README.md beside this file, rule by rule.
 *
 * The caller carries out the actions in order: orders to the bus at once, records to the journal,
 * alarms and replies to officers. A record with a commit number (class releasing) is a question:
 * the lane does nothing more until LANE_EVENT_COMMIT answers it. Order of one step's actions:
 * orders first (protective acts never wait for a record), then records, alarms, replies.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/log.h"
#include "gateway/lane/lane_config.h"
#include "gateway/lane/lane_event.h"

/* ---- actions ---- */

enum lane_class { LANE_CLASS_PROTECTIVE, LANE_CLASS_RELEASING, LANE_CLASS_ROUTINE };

/* Why an order is given. */
enum lane_cause {
    LANE_CAUSE_STATE,     /* lights and siren: follows from the lane's state */
    LANE_CAUSE_CLEARED,   /* routine opening for a cleared vehicle */
    LANE_CAUSE_OFFICER,   /* an officer's raise or stop */
    LANE_CAUSE_EMERGENCY, /* emergency raise */
    LANE_CAUSE_FOREIGN,   /* stop on foreign motion */
    LANE_CAUSE_SAFETY,    /* obstacle, local control, emergency stop, fault */
    LANE_CAUSE_LOWER,     /* automatic lowering after a vehicle left (rule 7) */
    LANE_CAUSE_CONVOY,    /* an officer's convoy keeps the boom up */
    LANE_CAUSE_FIRE,      /* fire raise input */
    LANE_CAUSE_TEST,      /* guided barrier test */
    LANE_CAUSE_HAND       /* an officer's lower by hand, and the stop that ends it */
};

/* Boom orders (raise, lower, stop) are journaled by the caller as `order`, with their outcome;
 * lights are not recorded one by one. */
struct lane_command {
    struct lane_order order; /* id set; expiry set */
    enum lane_cause cause;
    enum lane_class class;
    uint64_t passage; /* 0 = none */
    uint64_t act;     /* 0 = none */
};

enum lane_record_kind {
    LANE_RECORD_HOLD_WAITING,  /* a hit's vehicle is on its way: hold id, passage, place */
    LANE_RECORD_HOLD_ACTIVE,   /* it reached the boom, or an officer holds */
    LANE_RECORD_HOLD_DROPPED,  /* a waiting hold ended unmade: order lost, withdrawn, turned away */
    LANE_RECORD_HOLD_RELEASE,  /* releasing: an officer ends a hold */
    LANE_RECORD_HOLD_WITHDRAW, /* releasing: every entry of the hold was withdrawn */
    LANE_RECORD_HOLD_ENDED,    /* the commit of one of these two came: the hold is over */
    LANE_RECORD_RAISE,         /* releasing: officer's raise for a vehicle with an open hit */
    LANE_RECORD_LOWER,         /* releasing: automatic lowering */
    LANE_RECORD_ACT,           /* an officer's act that needs no commit */
    LANE_RECORD_REFUSED,       /* an act or lowering that was refused: refusal */
    LANE_RECORD_BOOM,          /* boom state changed: boom */
    LANE_RECORD_OBSTACLE,      /* the guard stopped and raised */
    LANE_RECORD_ORDER_LOST,    /* the order of vehicles was lost */
    LANE_RECORD_ORDER_KNOWN,
    LANE_RECORD_FOREIGN_MOTION,
    LANE_RECORD_RUN_THROUGH,
    LANE_RECORD_LEFT,        /* a passage's vehicle left the lane: the passage is complete */
    LANE_RECORD_HOLD_JOINED, /* further hits joined an open hold, waiting or active */
    LANE_RECORD_HOLD_KEPT,   /* the hold goes on: a release came on record after it was refused, or
                                its record would come to its term */
    LANE_RECORD_CONVOY, /* releasing: an officer's convoy, for_ms long; in force once committed */
    LANE_RECORD_CONVOY_ENDED,
    LANE_RECORD_CONVOY_HIT, /* a vehicle that would be held passes in a convoy: passage, hits */
    LANE_RECORD_OUT_OF_SERVICE,
    LANE_RECORD_IN_SERVICE,
    LANE_RECORD_INSPECTED, /* an officer's inspection of `passage` is over */
    LANE_RECORD_FIRE_RAISE,
    LANE_RECORD_MAINS_LOST,
    LANE_RECORD_MAINS_BACK,
    LANE_RECORD_EMERGENCY_STOP, /* pressed: nothing moves by itself until it was reset */
    LANE_RECORD_STOP_RESET,     /* an officer has reset it */
    LANE_RECORD_RETRIGGER,      /* somebody stands unread: the app triggers the lane's cameras */
    LANE_RECORD_LOWER_BY_HAND,  /* releasing: an officer lowers while he holds the button */
    LANE_RECORD_LOWER_ENDED,    /* that is over: refusal says why, NONE: the boom is down */
    LANE_RECORD_COUNT
};

enum boom_state {
    BOOM_NONE, /* lane without a boom */
    BOOM_UNKNOWN,
    BOOM_OPEN,
    BOOM_CLOSED,
    BOOM_RAISING,
    BOOM_LOWERING,
    BOOM_STOPPED,
    BOOM_FAULT,
    BOOM_LOCAL_CONTROL,
    BOOM_EMERGENCY_STOP,
    BOOM_BROKEN, /* off or swung out */
    BOOM_STATE_COUNT
};

enum lane_refusal {
    LANE_REFUSAL_NONE,
    LANE_REFUSAL_HELD, /* a hold is active: release it first */
    LANE_REFUSAL_NO_SUCH_HOLD,
    LANE_REFUSAL_NOT_NAMED,     /* no named officer or no reason */
    LANE_REFUSAL_SECOND_PERSON, /* priority 1 needs a second person */
    LANE_REFUSAL_LEADER,        /* … and a leader as one of the two, or headquarters */
    LANE_REFUSAL_JOURNAL,       /* cannot be recorded now */
    LANE_REFUSAL_BUSY,          /* too many acts wait for the journal */
    LANE_REFUSAL_LOCAL_CONTROL,
    LANE_REFUSAL_EMERGENCY_STOP,
    LANE_REFUSAL_FAULT,
    LANE_REFUSAL_NO_CONTACT,
    LANE_REFUSAL_NO_BOOM,
    LANE_REFUSAL_NOT_CLEAR,      /* lower: presence, obstacle, detector, test, … */
    LANE_REFUSAL_NO_INSPECTION,  /* that vehicle is not here, or not due */
    LANE_REFUSAL_CONVOY_TIME,    /* none, or longer than LANE_CONVOY_MAX_MS */
    LANE_REFUSAL_NO_CONVOY,      /* there is none to end */
    LANE_REFUSAL_OUT_OF_SERVICE, /* the lane is out of service */
    LANE_REFUSAL_IN_SERVICE,     /* a test needs the lane out of service */
    LANE_REFUSAL_FIRE,           /* the fire raise is not acknowledged yet */
    LANE_REFUSAL_ALARM,          /* foreign motion or run-through is not acknowledged yet */
    LANE_REFUSAL_STOPPED,        /* an officer's stop holds: an officer's raise ends it */
    LANE_REFUSAL_NOT_RESET,      /* the emergency stop was released, and nobody has reset it */
    LANE_REFUSAL_NOT_AT_BOOM,    /* no vehicle of that plate stands at the boom */
    LANE_REFUSAL_OTHER_HIT,     /* the hold rests on a hit that was not rejected, or an officer's */
    LANE_REFUSAL_JOINED,        /* others joined the hold since it was decided on */
    LANE_REFUSAL_NO_HAND_LOWER, /* the lane declares no lowering by hand */
    LANE_REFUSAL_LOWERING,      /* another press lowers already */
    LANE_REFUSAL_LET_GO,        /* the thumb was taken off */
    LANE_REFUSAL_BEAT_LOST,     /* no beat of the tablet in time */
    LANE_REFUSAL_MAINS,         /* on the battery nothing is lowered */
    LANE_REFUSAL_CONVOY,        /* a convoy keeps the boom up */
    LANE_REFUSAL_LET_THROUGH,   /* a vehicle is being let through */
    LANE_REFUSAL_RAISE_FIRST,   /* nothing was raised and confirmed since the state was unknown */
    LANE_REFUSAL_MOVING,        /* the boom moves, or is stopped, for another cause */
    LANE_REFUSAL_DOWN,          /* it is down already */
    LANE_REFUSAL_COUNT
};

struct lane_record {
    enum lane_record_kind kind;
    enum lane_class class;
    uint64_t commit;             /* > 0: answer with LANE_EVENT_COMMIT */
    uint64_t hold;               /* 0 = none */
    uint64_t passage;            /* 0 = none */
    uint64_t act;                /* 0 = none: the lane itself */
    enum lane_act_kind act_kind; /* ACT: which */
    uint32_t for_ms;             /* CONVOY */
    uint64_t press;              /* LOWER_ENDED: which */
    uint8_t place;               /* HOLD_WAITING: vehicles ahead */
    uint8_t priority;            /* of the hold */
    bool by_officer;             /* the hold, of whatever hits besides */
    uint8_t hit_count;
    uint64_t hits[LANE_HITS_MAX]; /* journal hit ids of the hold or raise */
    enum boom_state boom;
    enum lane_refusal refusal;
};

struct lane_alarm {
    enum log_event_id event; /* EVENT_LANE_… */
    bool active;             /* false: ended */
    uint64_t passage;        /* 0 = the lane */
};

enum lane_reply_kind { LANE_REPLY_DONE, LANE_REPLY_PENDING, LANE_REPLY_REFUSED };

struct lane_reply {
    uint64_t act;
    enum lane_reply_kind kind; /* PENDING is followed by DONE or REFUSED, commit_wait_ms at most */
    enum lane_refusal refusal;
};

struct lane_actions {
    uint32_t order_count;
    uint32_t record_count;
    uint32_t alarm_count;
    uint32_t reply_count;
    bool status_changed; /* lane_status differs from before: tell the consoles */
    struct lane_command orders[LANE_ORDERS_MAX];
    struct lane_record records[LANE_RECORDS_MAX];
    struct lane_alarm alarms[LANE_ALARMS_MAX];
    struct lane_reply replies[LANE_REPLIES_MAX];
};

/* ---- state (read it through lane_status; the fields are for lane_*.c and the walking tests) ----
 */

enum lane_timer {
    TIMER_SCAN,       /* next scan due */
    TIMER_MATCH,      /* matchd due */
    TIMER_MOTION,     /* ordered motion must be confirmed */
    TIMER_AUTO_CLOSE, /* until then the barrier may begin to close by itself */
    TIMER_COIL_RAISE, /* until then an energised coil is ours */
    TIMER_COIL_LOWER,
    TIMER_COIL_STOP,
    TIMER_CLEAR,     /* presence and obstacle free long enough */
    TIMER_ENTRY_GAP, /* entry loop free long enough for a new vehicle */
    TIMER_EXIT_GAP,  /* vehicle has left */
    TIMER_EMPTY,     /* all loops free long enough */
    TIMER_GRACE,     /* a vehicle at the stop line waits for its read */
    TIMER_TRANSIT,   /* the first vehicle on its way must have arrived */
    TIMER_DOUBT,     /* nobody who may be one more is on the way any longer */
    TIMER_APPROACH,  /* nobody unseen can be between camera and boom any more */
    TIMER_ORDER,     /* the outcome of the boom order must have come */
    TIMER_STOP,      /* the outcome of the stop order must have come, or it is tried again */
    TIMER_RETRY,     /* next attempt at a raise */
    TIMER_LIGHTS,    /* lights must read back as ordered */
    TIMER_GUIDED,    /* guided test valid until */
    TIMER_CONVOY,    /* the convoy ends */
    TIMER_UNREAD,    /* somebody stands here unread: the next step is due */
    TIMER_NAMED,     /* who stands at the boom must have been named, or an officer is asked */
    TIMER_BOUNCE,    /* the lower limit, just left or reached, may still bounce */
    TIMER_BY_HAND,   /* guided test: until then a closing is the technician's */
    TIMER_BEAT,      /* lower by hand: the next beat must have come */
    TIMER_COAST,     /* … and what was let go may run on until */
    TIMER_COMMIT,    /* + LANE_COMMITS_MAX */
    TIMER_WITHDRAW = TIMER_COMMIT + LANE_COMMITS_MAX,
    TIMER_DEBOUNCE, /* + INPUT_COUNT */
    TIMER_COUNT = TIMER_DEBOUNCE + INPUT_COUNT
};

struct lane_hold {
    uint64_t id;      /* 0 = none */
    uint64_t passage; /* 0: an officer's hold of whoever stands there */
    uint8_t priority; /* 1-3, top of all its hits; 3 for an officer's */
    bool by_officer;  /* withdrawal does not end it */
    bool full;        /* more hits than there is room for: only an officer's release ends it */
    uint8_t hit_count;
    uint8_t withdrawn; /* bit per hit */
    struct lane_hit hits[LANE_HITS_MAX];
};

struct lane_vehicle {
    uint64_t passage; /* 0: seen by a loop only */
    bool cleared;
    bool authenticated;
    bool raise;     /* the rules would open for it */
    uint8_t beyond; /* top priority of hits that hold and found no room in hits[], 0 = none */
    bool open_hit;  /* some hit, holding or not, not withdrawn or released */
    bool was_held;  /* never raised for automatically again */
    enum lane_inspect inspect;
    bool inspected; /* an officer has inspected it */
    bool exempt;
    bool convoy_hit; /* its hits were told as those of a convoy */
    bool doubtful;   /* it may be one place further back: a read came late, from far, or one before
                        it may have been of another vehicle */
    bool named;      /* a boom camera has said that it is the one at the boom */
    bool asked;      /* an officer was asked who it is */
    bool announced;  /* siren and strobe given */
    bool siren;
    bool strobe;
    enum decision_lights lights;
    uint8_t raises;
    uint8_t hit_count;
    uint8_t withdrawn; /* bit per hit */
    struct lane_hit hits[LANE_HITS_MAX];
    struct lane_hold hold; /* waiting; id 0 = none */
};

enum lane_commit_kind {
    COMMIT_NONE,
    COMMIT_RELEASE,
    COMMIT_WITHDRAW,
    COMMIT_RAISE,
    COMMIT_LOWER,
    COMMIT_CONVOY,
    COMMIT_HAND
};

struct lane_commit {
    enum lane_commit_kind kind;
    uint64_t id;
    uint64_t act;
    uint64_t hold;
    uint64_t passage;
    uint32_t for_ms;
    /* COMMIT_RELEASE, COMMIT_WITHDRAW: the hold as it was when that was asked */
    uint8_t priority;
    uint8_t hit_count;
    bool full;
    bool by_officer;
};

/* Where the boom is by travel time alone, where no limit switch says it. */
enum lane_presumed { PRESUMED_NOTHING, PRESUMED_OPEN, PRESUMED_CLOSED };

/* Somebody stands at the boom and was not read. */
enum lane_unread { UNREAD_NOBODY, UNREAD_WAITS, UNREAD_RETRIGGERED, UNREAD_ASKED };

/* A lower by hand: waits for the journal; waits for a beat; lowers. */
enum lane_press { PRESS_NONE, PRESS_ASKED, PRESS_GRANTED, PRESS_RUNS };

enum lane_motion { MOTION_NONE, MOTION_RAISE, MOTION_LOWER, MOTION_OWN_CLOSE };

struct lane_state {
    struct mono_time timer[TIMER_COUNT]; /* INT64_MAX = off */
    uint64_t last_order;
    uint64_t last_commit;
    uint64_t last_hold;
    uint64_t last_passage;
    /* devices */
    bool contact;
    bool seen;       /* some scan with contact since start */
    uint32_t inputs; /* debounced, INPUT_BITs */
    uint32_t raw;    /* of the last scan */
    uint32_t coils;  /* read back in the last scan */
    uint32_t lights; /* OUTPUT_BITs ordered on: red, yellow, green */
    enum lane_motion motion;
    enum lane_cause motion_cause;
    uint64_t motion_order; /* raise or lower that waits for its outcome, 0 = none */
    uint64_t motion_act;   /* the officer's act behind it, 0 = none */
    uint64_t stop_order;   /* the same for a stop */
    uint8_t stop_tries;    /* left */
    bool stop_hard;        /* that stop is an officer's or a safety input's */
    bool position_known;   /* a limit confirmed since contact came back */
    bool lower_blocked; /* rule 4: since lost contact or power nothing was raised and confirmed */
    bool stopped;       /* an officer's stop holds */
    bool left_open;     /* vehicle has passed, boom should have come down */
    bool go;            /* the boom is up, or going up, for the vehicle at it */
    bool lights_known;  /* every lamp was ordered since contact came back */
    enum lane_presumed presumed;
    bool raise_held;       /* raise_maintained: ordered, and its release was not */
    uint64_t let_go_order; /* that release, until its outcome comes; 0 = none */
    enum boom_state boom;
    /* knowledge */
    bool blind;
    bool list_usable;
    bool journal_commits;
    /* officers and technicians */
    bool out_of_service;
    uint64_t convoy_act; /* the act behind the convoy of TIMER_CONVOY */
    enum lane_press press_stage;
    uint64_t press;     /* 0 = none */
    uint64_t press_act; /* the act behind it */
    /* vehicles */
    enum lane_unread unread;
    uint64_t inspecting; /* the vehicle EVENT_LANE_INSPECTION names */
    uint64_t blocked;    /* the exempt vehicle EVENT_LANE_BLOCKED_EXEMPT names, 0 = none */
    bool order_known;
    bool perhaps_more; /* one more vehicle than are queued may be on its way */
    bool exit_seen;    /* the exit loop saw the vehicle at the boom */
    bool was_present;  /* the presence loop saw it */
    uint8_t arrived;   /* vehicles of the queue that reached the stop line */
    uint8_t count;
    struct lane_vehicle queue[LANE_QUEUE_MAX];
    uint8_t hold_count;
    struct lane_hold holds[LANE_HOLDS_MAX]; /* active */
    struct lane_commit commits[LANE_COMMITS_MAX];
    uint32_t alarms; /* bit per lane alarm that is active */
};

/* What consoles and commands show. */
struct lane_status {
    uint8_t lane;
    enum boom_state boom;
    uint32_t lights; /* OUTPUT_BITs */
    bool contact;
    bool blind;
    bool list_usable;
    bool order_known;
    bool stopped;
    bool stop_not_reset; /* the emergency stop was pressed and nobody has reset it */
    bool doubtful;       /* the vehicles may each be one place further back than told */
    bool boom_presumed;  /* by travel time: no limit switch says where the boom is */
    bool out_of_service;
    bool inspection_due; /* the vehicle at the boom waits for its inspection */
    bool fire_raise;     /* asked for, or not yet acknowledged */
    bool panic;          /* not yet acknowledged; for officers' eyes, nothing outside shows it */
    bool mains_lost;
    bool raise_held;               /* the raise contact is kept energised (raise_maintained) */
    bool pressed;                  /* an officer holds the button that lowers it … */
    bool lowers_by_hand;           /* … and it was told to come down */
    struct mono_time convoy_until; /* ns = 0: no convoy */
    uint64_t blocked_exempt;       /* exempt vehicle behind one that blocks the lane, 0 = none */
    uint32_t inputs;
    uint8_t vehicle_count;             /* in the queue */
    uint64_t vehicles[LANE_QUEUE_MAX]; /* passage ids, first at the boom; 0 = unread */
    uint8_t at_boom;                   /* how many of them reached the stop line */
    uint8_t waiting_count;             /* holds still on their way */
    struct {
        uint64_t hold;
        uint64_t passage;
        uint8_t place; /* vehicles ahead */
        uint8_t priority;
        uint8_t joins;
        uint8_t hit_count;
        uint64_t hits[LANE_HITS_MAX];
    } waiting[LANE_QUEUE_MAX];
    uint8_t hold_count; /* active */
    struct lane_hold holds[LANE_HOLDS_MAX];
};

/* ---- functions ---- */

/* How much an open hold has come to rest on: rises whenever a hit or an officer's order joins it,
 * but for hits beyond the first one that found no room, unless they raise its priority. */
uint8_t lane_hold_joins(const struct lane_hold *hold);

/* Fresh start: everything unknown, blind, no list, nothing ordered. `ids_after`: ids of holds count
 * on from here (the journal's highest), so that they stay unique over restarts; their low
 * LANE_ID_BITS are the lane, so that they are unique over the lanes: an officer releases by id. */
void lane_init(const struct lane_config *config, struct lane_state *out, uint64_t ids_after,
               struct mono_time now);
/* One event. `out` is cleared first. `now` never goes back. Never fails: what cannot be is refused
 * by a reply, a record or an alarm. */
void lane_step(const struct lane_config *config, struct lane_state *state,
               const struct lane_event *event, struct mono_time now, struct lane_actions *out);
/* When LANE_EVENT_TICK is due at the latest; ns = INT64_MAX: not at all. */
struct mono_time lane_next_deadline(const struct lane_state *state);
void lane_status_of(const struct lane_config *config, const struct lane_state *state,
                    struct lane_status *out);

/* Stable names for configuration, journal and JSON; NULL out of range. */
const char *lane_mode_name(enum lane_mode mode);
const char *lane_record_name(enum lane_record_kind kind);
const char *lane_class_name(enum lane_class class);
const char *lane_cause_name(enum lane_cause cause);
const char *lane_act_name(enum lane_act_kind kind);
const char *boom_state_name(enum boom_state state);
const char *boom_state_text(enum boom_state state); /* Chinese, for the card */
const char *lane_refusal_name(enum lane_refusal refusal);
const char *lane_refusal_text_en(enum lane_refusal refusal);
const char *lane_refusal_text_zh(enum lane_refusal refusal);
