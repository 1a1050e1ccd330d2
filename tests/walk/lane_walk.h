/*
 * The exhaustive walk of the lane's state machine: what the files of the walk share.
 *
 * Time is abstract: a timer is off or runs, and any running timer may come due before any other,
 * whatever their lengths are; so every order real time can give is covered, and more. Ids are
 * numbered anew after each step, in an order that keeps what the machine compares. A family
 * (lane_families.c) says what is wired and what may happen; it is closed when no state waits.
 *
 * Beside the machine's state stands a shadow: what the rules must remember and the machine might
 * forget. It is kept from inputs and actions alone.
 */
#pragma once

#include "gateway/lane/lane.h"

#define WALK_NOW_NS ((int64_t)1000 * 1000 * 1000 * 1000)
#define WALK_LATER_NS (INT64_MAX / 2) /* a timer that runs */

enum {
    WALK_MOVES_MAX = 4096, /* out of one state */
    WALK_OLD_PASSAGE = 1,  /* an id the lane has seen and does not follow */
    WALK_ENTRY_TOP = 1,    /* wanted entries: priority 1, holds; … */
    WALK_ENTRY_SECOND = 2, /* priority 2, holds; … */
    WALK_ENTRY_QUIET = 3,  /* priority 3, does not hold */
    WALK_PULSES = 3        /* raise, lower, stop: OUTPUT_RAISE to OUTPUT_STOP */
};

/* What else may happen in a family besides scans and timers. */
enum walk_event_bit {
    WALK_NO_CONTACT = 1 << 0,
    WALK_GUARD_ACTED = 1 << 1,
    WALK_OUTCOME = 1 << 2, /* of a boom order: done or failed */
    WALK_RAISE = 1 << 3,
    WALK_EMERGENCY = 1 << 4,
    WALK_STOP = 1 << 5,
    WALK_ACK = 1 << 6,
    WALK_HOLD = 1 << 7,
    WALK_RELEASE = 1 << 8,
    WALK_COMMIT = 1 << 9,
    WALK_MATCH = 1 << 10,
    WALK_LIST = 1 << 11,
    WALK_JOURNAL = 1 << 12,
    WALK_GUIDED = 1 << 13,
    WALK_RESTORE = 1 << 14,
    WALK_WITHDRAW = 1 << 15,
    WALK_SEEN = 1 << 16,     /* a second camera at the boom */
    WALK_UNPLACED = 1 << 17, /* reads in doubt */
    WALK_AGAIN = 1 << 18,    /* a read of one that is known already */
    WALK_LAMP_FAULT = 1 << 19,
    WALK_CONVOY = 1 << 20,
    WALK_SERVICE = 1 << 21, /* out of service and back */
    WALK_TEST = 1 << 22,    /* the guided barrier test */
    WALK_INSPECT = 1 << 23,
    WALK_PRESSED = 1 << 24, /* an emergency stop of before the start was not reset */
    WALK_RESULTS = 1 << 25, /* of an order: every one, else done and failed */
    WALK_HAND = 1 << 26,    /* lowering by hand: presses and beats */
    WALK_LET_GO = 1 << 27   /* the guard stops one that nobody renewed */
};

/* Kinds of read a family has. */
enum walk_read_bit {
    READ_CLEARED = 1 << 0,
    READ_UNAUTHENTICATED = 1 << 1,
    READ_UNCLEARED = 1 << 2,
    READ_NOT_RAISED = 1 << 3, /* the rules would not open */
    READ_TOP = 1 << 4,        /* a holding hit, priority 1 */
    READ_SECOND = 1 << 5,     /* a holding hit, priority 2 */
    READ_QUIET = 1 << 6,      /* a hit that does not hold, of a read that counts as cleared */
    READ_BOTH = 1 << 7,       /* one that holds, one that does not */
    READ_YELLOW = 1 << 8,     /* cleared; the rules ask for yellow */
    READ_DUE = 1 << 9,        /* cleared, and due for an inspection */
    READ_NOT_DUE = 1 << 10,   /* cleared, and not due */
    READ_EXEMPT = 1 << 11,    /* exempt, neither cleared nor opened for by the rules */
    READ_EXEMPT_UNAUTHENTICATED = 1 << 12,
    READ_KINDS = 13
};

struct family {
    const char *name;
    void (*configure)(struct lane_config *config);
    uint32_t inputs;  /* INPUT_BITs that change */
    uint32_t always;  /* INPUT_BITs that are wired and stay active */
    bool product;     /* a scan may show any of their combinations; else one change a scan */
    bool coils;       /* coils of the boom are read back on and off; else off */
    bool ready;       /* begins with a list and with matching; else without */
    bool together;    /* two timers may come due at once */
    uint32_t events;  /* walk_event_bit */
    uint32_t reads;   /* walk_read_bit */
    uint64_t frozen;  /* bit per timer that does not come due here */
    uint32_t expects; /* OUTPUT_BITs ordered on somewhere: where not, the family shows nothing */
    uint8_t vehicles; /* more are not followed: the step is checked, the state not expanded */
    uint8_t holds;
    bool quick; /* small: in the quick tier too */
};

extern const struct family lane_families[];
extern const int lane_family_count;

/* Of what is on and may be on, seen from outside. Bytes only: no padding. */
struct shadow {
    uint8_t pulse;   /* bit per OUTPUT_RAISE…STOP: its coil may still be on from an order */
    uint8_t paired;  /* bit per pulse: its timer was set with it or after, and is longer */
    uint8_t covered; /* the clear timer was set when or after something was last under the boom */
    uint8_t unclear; /* presence and obstacle were not free for the set time yet */
    uint8_t raised;  /* since contact came back, a raise was ordered and confirmed */
    uint8_t known;   /* a limit was confirmed since contact came back */
    uint8_t stopped; /* an officer's stop, and no officer's raise since */
    uint8_t passed;  /* somebody passed under the boom since it was last raised */
    uint8_t guided;  /* a guided test counts */
    uint8_t lamps;   /* lamps ordered on: bit 0 red, 1 yellow, 2 green */
    uint8_t pressed; /* the emergency stop was, and nobody has reset it since */
    uint8_t bounces; /* the lower limit was just left; until its timer is due */
    uint8_t thumb;   /* 1 an officer asked to lower by hand, 2 the journal has it */
    uint8_t coasts;  /* a lower by hand was just let go; until its timer is due */
    uint8_t spare[2];
};

struct node {
    struct lane_state s; /* timers: 0 off, 1 running; see node_open */
    struct shadow h;
};

enum {
    DUE_NONE = 255,
    SCAN_GUARD = 8,
    SCAN_NO_CONTACT = 16,
    SCAN_LAMP_FAULT = 32,
    SCAN_LET_GO = 64
};

struct move {
    uint8_t event;    /* enum lane_event_kind */
    uint8_t last_try; /* the stop that failed with it was the last one tried */
    uint8_t a;        /* scan: coils of the boom and SCAN_… flags; others: see lane_moves.c */
    uint8_t b;
    uint16_t active; /* scan: inputs */
    uint8_t due;     /* timers that come due with it, DUE_NONE */
    uint8_t due_too;
};

/* One step, for the rules: timers as the machine sees them. */
struct walk_step {
    const struct family *family;
    const struct lane_config *config;
    const struct lane_event *event;
    const struct lane_state *before; /* with what comes due already due */
    const struct lane_state *after;
    const struct lane_actions *out;
    const struct shadow *shadow; /* before */
    struct shadow *next;         /* after; the rules keep it */
    uint64_t due;                /* bit per timer */
};

/* ---- lane_node.c ---- */

void node_init(struct node *node, const struct lane_config *config);
/* Timers of a canonical node as times; those of `due` at WALK_NOW_NS. */
void node_open(const struct node *node, uint64_t due, struct lane_state *out);
/* Brings a state after a step into its canonical form. Returns the timer that is due still, -1:
 * none. */
int node_close(const struct lane_config *config, struct lane_state *state);
void node_copy(const struct node *from, struct node *to);
void node_hash(const struct node *node, uint64_t out[2]);
size_t node_pack(const struct node *node, uint8_t *packed);    /* of STATE_PACKED_MAX bytes */
bool timer_runs(const struct lane_state *state, int timer);    /* and is not due */
bool timer_was_set(const struct lane_state *after, int timer); /* in this step */

/* ---- lane_forget.c ---- */

/* Of a canonical node: what nobody reads again is set to nothing. */
void node_forget(const struct lane_config *config, struct node *node);

/* ---- lane_moves.c ---- */

int moves_of(const struct family *family, const struct lane_config *config, const struct node *node,
             struct move out[WALK_MOVES_MAX]);
void move_event(const struct lane_config *config, const struct node *node, const struct move *move,
                struct lane_event *out);
uint64_t move_due(const struct move *move);
void move_print(const struct move *move, const struct lane_event *event);

/* ---- lane_rules.c, lane_rules_holds.c, lane_rules_modes.c, lane_rules_hand.c ---- */

/* Every rule over one step; NULL: all hold. Fills step->next. */
const char *lane_rules_check(const struct walk_step *step);
const char *lane_rules_holds(const struct walk_step *step);
const char *lane_rules_order(const struct walk_step *step);
const char *lane_rules_modes(const struct walk_step *step);
const char *lane_rules_hand(const struct walk_step *step);
const char *hand_lower_ordered(const struct walk_step *step, const struct lane_command *command);
/* Its part of the shadow, before the rules and after them. */
void hand_shadow_before(const struct walk_step *step);
void hand_shadow_after(const struct walk_step *step);

/* ---- lane_walk.c ---- */

struct walk_result {
    uint32_t states;
    uint64_t transitions;
    uint64_t cut; /* steps into states with more vehicles or holds than the family follows */
    uint64_t ordered[OUTPUT_COUNT]; /* steps in which it was ordered on */
    bool closed;
    const char *violation; /* NULL: none; the trace is printed */
};
extern bool lane_walk_checks_itself; /* true; see lane_forget.c */
void lane_walk(const struct family *family, uint32_t states_max, struct walk_result *out);

/* ---- what rules are written in ---- */

#define RULE(condition, text)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return text;                                                                           \
        }                                                                                          \
    } while (0)

static inline bool alarm_on(const struct lane_state *s, enum log_event_id event)
{
    return (s->alarms & (1u << ((unsigned)event - (unsigned)EVENT_LANE_CONTACT_LOST))) != 0;
}

static inline int count_on(const struct lane_actions *out, enum lane_output output)
{
    int count = 0;
    for (uint32_t i = 0; i < out->order_count; i++) {
        count += out->orders[i].order.on && out->orders[i].order.output == output;
    }
    return count;
}

static inline const struct lane_record *record_of(const struct lane_actions *out,
                                                  enum lane_record_kind kind)
{
    for (uint32_t i = 0; i < out->record_count; i++) {
        if (out->records[i].kind == kind) {
            return &out->records[i];
        }
    }
    return NULL;
}
