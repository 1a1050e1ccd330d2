/*
 * Emergency raise of every lane: one act with a reason, and one of each lane. Like the single one
 * it waits for no record; its answer does, for a moment, and says what is not on record.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>

#include "gateway/base/clock.h"
#include "gateway/control/control.h"
#include "gateway/pipeline/pipeline.h"

struct checkpointd;

enum {
    RAISE_ALL_MAX = 4,           /* at once; the oldest is answered as it stands */
    RAISE_ALL_RECORDED_MS = 2000 /* so long its answer waits for the journal */
};

/* One that is not answered yet. */
struct raise_all {
    uint64_t group; /* 0: free */
    struct control_ticket ticket;
    struct fact_actor actor;
    struct mono_time until;
    uint8_t lanes;      /* it was given to */
    uint8_t answered;   /* of them */
    uint8_t settled;    /* records of them … */
    bool whole_settled; /* … and the act's own */
    bool whole_recorded;
    json_t *raised;            /* lane numbers */
    json_t *refused;           /* {"lane","code","en","zh"} */
    json_t *recorded;          /* lane numbers */
    enum lane_refusal refusal; /* the last */
};

struct raise_alls {
    pthread_mutex_t lock;
    struct raise_all rows[RAISE_ALL_MAX];
    uint64_t last_group;
};

void raise_all_init(struct checkpointd *c);
/* The act; control thread. */
void raise_all_act(void *checkpointd, struct control *control, const struct control_call *call);
/* Lane thread: what one lane of such an act answers. */
void raise_all_reply(struct checkpointd *c, const struct pipeline_act *act,
                     enum lane_reply_kind kind, enum lane_refusal refusal);
/* Any thread: what became of a record, if it is one of such an act. */
void raise_all_settled(struct checkpointd *c, const struct fact *fact, bool recorded);
/* Lane thread, some times a second: answers those the journal keeps waiting. */
void raise_all_look(struct checkpointd *c, struct mono_time now);
