/*
 * The guided barrier test, shared by barrier.c (the steps) and barrier_watch.c (what checkpointd's
 * watch over the lane's inputs says). Internal to checkpointctl.
 */
#pragma once

#include "gateway/app/checkpointctl/checkpointctl.h"

enum { BARRIER_NOT_MEASURED = -1, BARRIER_HAND_MS = 60000, BARRIER_REST_MS = 3000 };

/* Of one step. */
enum barrier_step { STEP_DONE, STEP_SKIPPED, STEP_NOT_SEEN };

struct barrier {
    struct ctl *ctl;
    int64_t lane;
    json_t *about; /* the newest answer of test_watch */
    long long up_ms;
    long long down_ms;
    long long auto_close_ms;
    long long pulse_ms;
    bool tried; /* the interlock */
    bool stopped;
    bool shown; /* by the inputs, so far as a hand's answer */
};

/* Asks for the watch again; an exit status, the error printed. */
int barrier_look(struct barrier *b) MUST_CHECK;
/* What the configuration declares of the lane. */
const json_t *barrier_declared(const struct barrier *b);
bool barrier_wired(const struct barrier *b, const char *input);
/* Whether the input is so now: by the watch, without one by the lane's status. */
bool barrier_input_now(const struct barrier *b, const char *input);
/* Time in ms of the first change of `name` to `active` behind `after_ms`; -1: none. */
long long barrier_edge(const struct barrier *b, const char *list, const char *name, bool active,
                       long long after_ms);
/* Whether the watch has seen a scan. */
bool barrier_began(const struct barrier *b);
/* How the first edge found it. */
bool barrier_was(const struct barrier *b, const char *list, const char *name);

/* Looks until `name` of `list` changed to `active` behind `after_ms` or `ms` have passed;
 * *out_ms -1 then. An exit status. */
int barrier_await(struct barrier *b, const char *list, const char *name, bool active,
                  long long after_ms, long long ms, long long *out_ms) MUST_CHECK;
