/*
 * One lane on a fake clock: feeds events, keeps the actions of the last step. For the lane's tests.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/lane/lane.h"

enum {
    ALL_INPUTS = (1u << INPUT_COUNT) - 1u,
    ALL_OUTPUTS = (1u << OUTPUT_COUNT) - 1u,
    DETECTORS_OK = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK),
    STEP_MS = 20
};

struct world {
    struct lane_config config;
    struct lane_state state;
    struct lane_actions out;
    struct mono_time now;
    uint64_t scans;
    uint32_t active;  /* inputs the devices report */
    uint32_t outputs; /* coils read back */
    uint64_t passages;
    uint32_t raises; /* orders seen so far */
    uint32_t lowers;
    uint32_t stops;
};

void world_take(struct world *w, const struct lane_event *event);

/* Answers the orders of the last step. */
void world_answer(struct world *w, enum order_result result);

void world_done(struct world *w);

void world_scan_as(struct world *w, bool guard_acted);

void world_scan(struct world *w);

/* The next scan, on which the guard stopped the boom and raises it. */
void world_guard_scan(struct world *w);

void world_event(struct world *w, enum lane_event_kind kind);

/* Time passes, scans and signs of life of matchd go on; orders are answered. */
void world_run(struct world *w, int64_t ms);

void world_inputs(struct world *w, uint32_t on, uint32_t off);

void world_list(struct world *w, bool usable);

/* A lane whose order is known, boom closed, list usable. */
void world_init(struct world *w, const struct lane_config *config);

struct lane_config world_config(void);

uint64_t world_passage(struct world *w, bool hit, uint8_t priority);

void world_act(struct world *w, const struct lane_act_event *act);

/* A named officer's act; the first reply's refusal. */
enum lane_refusal world_named(struct world *w, enum lane_act_kind kind);

/* The same of somebody without a name or reason. */
enum lane_refusal world_nameless(struct world *w, enum lane_act_kind kind);

/* … and its orders are done. */
enum lane_refusal world_nameless_done(struct world *w, enum lane_act_kind kind);

void world_commit(struct world *w, uint64_t commit, bool done);

void world_withdraw(struct world *w, uint64_t entry);

const struct lane_record *world_record(const struct world *w, enum lane_record_kind kind);

bool world_alarm(const struct world *w, enum log_event_id event);

/* The ordered raise ends at the upper limit. */
void world_boom_opens(struct world *w);

/* The vehicle at the boom drives through. */
void world_drives_through(struct world *w);

/* The next vehicle stops at the stop line. */
void world_arrives(struct world *w);

/* A wanted vehicle is held at the boom; returns the hold's id. */
uint64_t world_hold_one(struct world *w, uint8_t priority);

void world_lose_contact(struct world *w);

/* ---- a lane that lowers by itself ---- */

/* One lane that is lowered by hand only. */
struct lane_config world_hand_config(void);

struct lane_config world_lowering_config(void);

void world_guided(struct world *w, int64_t valid_ms);

/* As world_init, detectors healthy and a guided test of today. */
void world_lowering_init(struct world *w, const struct lane_config *config);

/* The commit a lower waits for, 0: none. */
uint64_t world_lower_asked(const struct world *w);

/* Runs until a lower is asked for; the time it took, -1 when none was within 10 s. */
int64_t world_until_lower_asked(struct world *w);
