/*
 * What passes between the lane state machine and the devices of a lane: scans of inputs upwards,
 * orders for outputs downwards, outcomes upwards again. Plain values, copied through queues.
 *
 * Polarity ends at the driver: here "active" always means the named thing is so (the loop is
 * occupied, the limit is reached), whatever the wire's level.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum lane_input {
    INPUT_LIMIT_OPEN,     /* boom fully raised */
    INPUT_LIMIT_CLOSED,   /* boom fully lowered */
    INPUT_PRESENCE,       /* vehicle under the boom */
    INPUT_OBSTACLE,       /* safety edge or photo eye tripped */
    INPUT_ENTRY_LOOP,     /* vehicle at the stop line */
    INPUT_EXIT_LOOP,      /* vehicle behind the boom */
    INPUT_LOCAL_CONTROL,  /* key switch: somebody works at the barrier */
    INPUT_EMERGENCY_STOP, /* pressed */
    INPUT_FAULT,          /* the barrier's own fault contact */
    INPUT_BOOM_OFF,       /* boom broken off or swung out */
    INPUT_PERSON_OK,      /* the person-capable device's own test says that it works */
    INPUT_DETECTOR_OK,    /* the same of the vehicle detector */
    INPUT_FIRE_RAISE,     /* the fire alarm, or the emergency raise button, asks for an open boom */
    INPUT_PANIC,          /* an officer at the lane asks for help */
    INPUT_CABINET_DOOR,   /* the cabinet stands open */
    INPUT_MAINS_OK,       /* the mains feed the cabinet; inactive: it runs on its battery */
    INPUT_COUNT
};

enum lane_output {
    OUTPUT_RAISE,
    OUTPUT_LOWER,
    OUTPUT_STOP,
    OUTPUT_RED,
    OUTPUT_YELLOW,
    OUTPUT_GREEN,
    OUTPUT_SIREN,
    OUTPUT_STROBE,
    OUTPUT_COUNT
};

#define INPUT_BIT(input) (1u << (input))
#define OUTPUT_BIT(output) (1u << (output))

/* One look at a lane's devices. Without contact the masks mean nothing. */
struct lane_scan {
    uint8_t lane;
    uint64_t number;        /* of this lane's scans, from 1 */
    struct mono_time at;    /* when the inputs were read */
    bool contact;           /* every device answered, but those that only show (lights, siren) */
    uint32_t wired;         /* INPUT_BITs the configuration has; others are unknown, not inactive */
    uint32_t active;        /* INPUT_BITs */
    uint32_t outputs;       /* OUTPUT_BITs the module reports as energised (read back) */
    uint32_t outputs_wired; /* OUTPUT_BITs the configuration has */
    bool guard_acted;       /* the bus thread stopped and raised on this scan (safety rule 1) */
    bool guard_let_go;      /* it stopped a lower by hand that nobody renewed (safety rule 7) */
};

struct lane_order {
    uint64_t id; /* unique while the program runs, > 0 */
    uint8_t lane;
    enum lane_output output;
    bool on;           /* false: de-energise */
    uint32_t pulse_ms; /* 0 = hold the level; otherwise a bounded pulse, module timer if any */
    bool emergency;    /* obstacle raise or emergency raise: goes through under a fault (rule 3) */
    bool hold_to_run;  /* a lower by hand: `expires` is the end of its permit too (rule 7) */
    struct mono_time expires; /* dropped, not sent, when later than this (safety rule 6) */
};

enum order_result {
    ORDER_DONE,    /* written and acknowledged by the module */
    ORDER_EXPIRED, /* dropped unsent */
    ORDER_VETOED,  /* the guard refused it on this scan's inputs (rules 1-3) */
    ORDER_FAILED   /* the device did not answer, answered wrong or with an exception */
};

struct lane_outcome {
    uint64_t order_id;
    uint8_t lane;
    enum lane_output output;
    enum order_result result;
    struct mono_time at;
    char detail[80]; /* English, for the journal; "" when done */
};

enum {
    GUARD_ORDERS_MAX = 4,
    GUARD_REASON_SIZE = 80,
    GUARD_REACTION_MAX_MS = 100, /* safety rule 1: input active to raise written */
    GUARD_REACTION_WRITES = 3    /* lower off, stop, raise */
};

/*
 * The guard of one lane's boom, called by the bus thread and by nobody else (gateway/lane/guard.h
 * is the guard; gateway/app wires it in, so that drivers need not know it). Pure and quick; `ctx`
 * belongs to the bus thread once it runs. An order of the guard has id 0 and no outcome is sent for
 * it; the scan that caused it goes up with guard_acted set, or guard_let_go when no raise was among
 * them.
 */
struct lane_guard {
    void *ctx;
    /* Once for each scan, contact or not, before any queued order is looked at. Writes up to
     * GUARD_ORDERS_MAX orders to be sent at once in this order, each through `allows` and `wrote`
     * like any other; one that is refused or fails does not stop the following ones. Returns how
     * many. */
    uint32_t (*scan)(void *ctx, const struct lane_scan *scan,
                     struct lane_order out[GUARD_ORDERS_MAX]);
    /* Immediately before each write of an output, lights too, also to de-energise. `latest` is the
     * lane's newest scan. False: not written, ORDER_VETOED with `reason` (English) as detail. */
    bool (*allows)(void *ctx, const struct lane_order *order, const struct lane_scan *latest,
                   struct mono_time now, char reason[GUARD_REASON_SIZE]);
    /* After each attempt; `done` false when the module did not acknowledge (it may have acted all
     * the same). The bus ending a pulse itself is a write of the same output with on = false. */
    void (*wrote)(void *ctx, const struct lane_order *order, bool done, struct mono_time now);
};

/* Whether a bus can keep rule 1: the pause between two scans, the longest a scan's reads take and
 * the longest one write takes, all without a timeout (a timeout is lost contact). ERR_INVALID with
 * the sum in `err` when a pause + scan + GUARD_REACTION_WRITES writes exceed the limit. */
int lane_reaction_check(uint32_t pause_ms, uint32_t scan_worst_ms, uint32_t write_worst_ms,
                        struct err_text *err) MUST_CHECK;

/* Stable names for configuration, journal and JSON ("limit_open", "raise"); NULL out of range. */
const char *lane_input_name(enum lane_input input);
const char *lane_output_name(enum lane_output output);
const char *order_result_name(enum order_result result);
/* -1 when no input or output has that name. */
int lane_input_parse(const char *name);
int lane_output_parse(const char *name);
