/*
 * What was refused in the running minute, by camera and cause: how often, and the first of it as an
 * example. Bounded by cameras and causes, whatever is sent. A ledger belongs to one thread at a
 * time; no allocation after create. It must not hold a plate: an example ends before it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/camera_table.h"
#include "drivers/wire/compact.h"
#include "drivers/wire/frame.h"
#include "drivers/wire/json_read.h"

enum {
    REFUSAL_BYTES_MAX = 48, /* of the example */
    REFUSAL_CAUSES =
        FRAME_CAUSE_COUNT + COMPACT_CAUSE_COUNT + JSON_CAUSE_COUNT + CAMERA_CAUSE_COUNT,
    REFUSALS_MAX = (CAMERAS_MAX + 1) * REFUSAL_CAUSES
};

enum refusal_stage { REFUSAL_FRAME, REFUSAL_COMPACT, REFUSAL_JSON, REFUSAL_CAMERA };

struct refusal {
    uint16_t camera; /* 0: none of the table */
    uint8_t lane;    /* of that camera, 0 with camera 0 */
    enum refusal_stage stage;
    int cause;      /* of that stage */
    uint32_t count; /* stops at its greatest value */
    /* The first one. */
    uint8_t family; /* 4 or 6; 0: refused before its address was known */
    uint8_t address[FRAME_ADDRESS_SIZE];
    uint16_t port; /* it came from */
    uint8_t size;  /* bytes kept */
    uint8_t bytes[REFUSAL_BYTES_MAX];
};

struct refusals;

/* Heap memory for refusals_destroy(), NULL without memory. */
struct refusals *refusals_create(void);
void refusals_destroy(struct refusals *refusals); /* NULL is fine */
/* The row of this camera's cause; `row` is camera_table_row(). With count 0 it is a
 * new one, whose example the caller fills in. */
struct refusal *refusals_at(struct refusals *refusals, uint16_t row, enum refusal_stage stage,
                            int cause);
/* Rows with a count, in the order they came up. */
size_t refusals_count(const struct refusals *refusals);
const struct refusal *refusals_get(const struct refusals *refusals, size_t index);
void refusals_clear(struct refusals *refusals);
/* Adds the rows of another ledger, whose examples count where there is none yet. */
void refusals_add(struct refusals *refusals, const struct refusals *more);
