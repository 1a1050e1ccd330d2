/*
 * An independent judge of the wire between the gateway and a lane's module: sees every request as
 * bytes, every good answer, the module's coils as they are, and what people and headquarters did.
 * Holds the eight safety rules against that, by its own code; shares nothing with gateway/lane.
 * Times are ns of the simulated clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MONITOR_TEXT = 200, MONITOR_HOLDS = 8, MONITOR_ACTS = 32, RULE_COUNT = 9 };

/* What the lane's configuration promises. */
struct monitor_options {
    bool may_lower;  /* rule 7's declarations are all there */
    bool by_hand;    /* lowering by hand is declared */
    bool maintained; /* the boom is up while raise is energised: its end is a lower */
    int64_t clear_ms, pulse_ms, grace_ms, travel_ms, auto_close_ms, order_life_ms, reaction_ms;
    int64_t answer_ms;   /* the module promises an answer within; reaction_ms counts on it */
    int64_t debounce_ms; /* a contact counts as off when it was so for this long */
    bool orders_only;    /* no lane machine above: what bus and guard promise by themselves */
};

/* What was done outside the wire that can justify a motion. */
enum monitor_fact {
    FACT_RAISE_ASKED,     /* an officer's raise, in force: committed where that is needed */
    FACT_EMERGENCY_ASKED, /* emergency raise, fire raise */
    FACT_CONVOY,          /* a convoy came into force */
    FACT_LOWER_COMMITTED, /* the journal has the automatic lower */
    FACT_CLEARED,         /* the rules let some vehicle through */
    FACT_HAND_COMMITTED,  /* the journal has that an officer lowers by hand */
    FACT_BEAT,            /* his thumb is on the button */
    FACT_LET_GO,          /* … and off */
    FACT_ACKNOWLEDGED,    /* an officer has seen the alarms */
    FACT_STOP_RESET,      /* a named one acknowledged: that resets a released emergency stop */
    FACT_COUNT
};

struct monitor_hold {
    uint64_t id;
    bool top;     /* priority 1 */
    bool may_end; /* an officer's release or a withdrawal is in the journal */
};

struct monitor {
    struct monitor_options o;
    /* the last good frames */
    bool have_inputs, have_coils;
    uint32_t inputs, coils;      /* contact facts, coils */
    int64_t inputs_at, coils_at; /* when they were asked for */
    int64_t late_at;             /* last answer later than promised */
    int64_t asked_at;            /* the pending request */
    uint8_t asked_function;
    uint16_t asked_address, asked_value;
    bool contact;
    int64_t contact_since;
    int64_t under_last;     /* presence or obstacle was last seen, or could not be seen */
    int64_t local_last;     /* the last frame that showed local control */
    int64_t hands_off_last; /* … or emergency stop */
    int64_t stop_last;      /* the last scan with the emergency stop pressed */
    bool stop_latched;      /* it was, and nobody has reset it since */
    bool fire;              /* a frame showed it, and nobody has acknowledged it since */
    int64_t fire_last;      /* the last frame that showed it */
    int64_t closed_since;   /* frames show the boom closed, and nothing else, since */
    int64_t open_since;     /* each frame showed the open limit since */
    bool raised_known;      /* since contact: a raise of ours was followed by the open limit */
    bool raise_written;
    /* our writes; INT64_MIN: never */
    int64_t on_at[8], off_at[8]; /* last attempt */
    int64_t done_at[8];          /* last acknowledged switching on */
    int64_t off_done[8];         /* last acknowledged switching off */
    int64_t stop_done;
    /* danger seen in a frame, to be answered before the next look */
    bool danger;
    int64_t danger_at;
    bool stop_after, raise_after;
    int64_t guard_until;  /* its raise may repeat until */
    int64_t rescue_until; /* it must: the boom is not up yet */
    int64_t rescue_held;  /* not by then: hands off, or a coil that stands against it */
    int64_t scan_at;      /* the last one dealt with */
    /* orders_only: the latest expiry of what was asked for, by coil; of an emergency raise */
    int64_t valid_until[8], emergency_until, let_go_until;
    /* truth */
    uint32_t module;
    int64_t module_on[8];
    int64_t excused_until; /* raise and lower together, one of them another master's */
    /* outside */
    int64_t fact_at[FACT_COUNT];
    bool guided, out_of_service, foreign_told, local_or_unknown;
    int64_t convoy_until;
    struct monitor_hold holds[MONITOR_HOLDS];
    bool wanted_at_line; /* truth: an unreleased wanted vehicle is the next to pass */
    /* foreign coils found in a frame: alarm due by the end of this scan */
    bool foreign_due;
    bool exit_before, held; /* exit loop at the scan before; a hold when the frame came */
    bool run_through_told;
    /* result */
    uint64_t requests, scans, checks[RULE_COUNT], motions, lowers, guard_acts;
    uint32_t violations;
    bool trace; /* violations go to standard output too */
    char first[MONITOR_TEXT];
};

void monitor_init(struct monitor *m, const struct monitor_options *options);
void monitor_request(struct monitor *m, int64_t now, const uint8_t *bytes, size_t size);
void monitor_answer(struct monitor *m, int64_t now, const uint8_t *bytes, size_t size);
void monitor_module(struct monitor *m, int64_t now, uint32_t coils);
/* The gateway has dealt with a scan. */
void monitor_scan(struct monitor *m, int64_t now, bool contact);
void monitor_fact(struct monitor *m, int64_t now, enum monitor_fact fact);
/* orders_only: what the bus was asked for. */
void monitor_order(struct monitor *m, int coil, bool on, bool emergency, int64_t expires);
void monitor_hold_made(struct monitor *m, uint64_t id, bool top);
void monitor_hold_may_end(struct monitor *m, uint64_t id);
void monitor_hold_over(struct monitor *m, int64_t now, uint64_t id);
bool monitor_holds(const struct monitor *m);
/* Somebody was struck by a boom the gateway lowered, with every contact working. With lost contact,
 * or hands off until a moment ago, no software can prevent it. */
void monitor_harm(struct monitor *m, int64_t now);
