/*
 * What stood open when the program ended, as a journal says it: holds, and lanes out of service
 * (restore.c, rescue.c). Main thread, before the others run. Internal to checkpointd.
 */
#pragma once

#include <jansson.h>

#include "gateway/journal/record.h"
#include "gateway/lane/lane.h"
#include "gateway/pipeline/pipeline.h"

enum { HOLDS_MAX = PIPELINE_LANES_MAX * (LANE_HOLDS_MAX + LANE_QUEUE_MAX) };

struct open_hold {
    uint8_t lane;
    bool verified;  /* false: of a damaged journal's part that does not hold together */
    bool on_record; /* in the journal now in use */
    bool released;  /* so it says, but not that it was carried out: it stands */
    struct lane_restore_event event;
};

struct open_holds {
    size_t count;
    uint64_t highest; /* of the ids given out to hits, passages and holds */
    struct open_hold holds[HOLDS_MAX];
    uint64_t instruction; /* the highest id of an instruction that made a hold; 0: none */
    uint8_t instruction_lane;
    struct lane_restore_service_event services[LANE_ID_MAX + 1]; /* by lane */
};

/* The hold of a lane; NULL. */
struct open_hold *open_holds_find(struct open_holds *open, uint8_t lane, uint64_t id);
/* A hold as a body says it. ERR_FULL. */
int open_holds_take(struct open_holds *open, const json_t *body, bool active) MUST_CHECK;
/* What a record does to the open holds and to the lanes' service. ERR_FULL. */
int open_holds_apply(struct open_holds *open, const struct journal_record *record) MUST_CHECK;
