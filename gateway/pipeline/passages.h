/*
 * The latest passages of a lane: which read belongs to which passage, and which entries it has hit
 * already, so that the camera's second message about one vehicle does not alert twice. A plain
 * value inside the pipeline.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/model/decision.h"
#include "gateway/model/plate_read.h"
#include "gateway/pipeline/fact.h"

enum { PASSAGES_KEPT = 32, PASSAGE_HITS_MAX = 8 };

struct passage {
    uint64_t id; /* 0 = free */
    uint16_t camera;
    uint64_t event_id;
    struct decision decision; /* folded over all hits */
    bool complete;            /* some read had every symbol, authenticated */
    uint8_t hit_count;
    struct fact_held hits[PASSAGE_HITS_MAX];
};

struct passages {
    struct passage kept[PASSAGES_KEPT];
    uint32_t next; /* slot to be used next: the oldest */
};

/* The passage this read belongs to: same camera, same event id. NULL when it is a new one; a camera
 * that gives no event ids has a new passage with each read. */
struct passage *passages_find(struct passages *passages, const struct plate_read *read);
/* Takes the oldest slot for a new passage. */
struct passage *passages_add(struct passages *passages, const struct plate_read *read, uint64_t id);
bool passage_has_entry(const struct passage *passage, uint64_t entry);
/* The hit with this id among all kept passages, NULL when it is too old. */
const struct fact_held *passages_find_hit(const struct passages *passages, uint64_t hit);
