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
    bool contact;           /* every device of the lane answered */
    uint32_t wired;         /* INPUT_BITs the configuration has; others are unknown, not inactive */
    uint32_t active;        /* INPUT_BITs */
    uint32_t outputs;       /* OUTPUT_BITs the module reports as energised (read back) */
    uint32_t outputs_wired; /* OUTPUT_BITs the configuration has */
    bool guard_acted;       /* the bus thread stopped and raised on this scan (safety rule 1) */
};

struct lane_order {
    uint64_t id; /* unique while the program runs, > 0 */
    uint8_t lane;
    enum lane_output output;
    bool on;           /* false: de-energise */
    uint32_t pulse_ms; /* 0 = hold the level; otherwise a bounded pulse, module timer if any */
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

/* Stable names for configuration, journal and JSON ("limit_open", "raise"); NULL out of range. */
const char *lane_input_name(enum lane_input input);
const char *lane_output_name(enum lane_output output);
const char *order_result_name(enum order_result result);
/* -1 when no input or output has that name. */
int lane_input_parse(const char *name);
int lane_output_parse(const char *name);
