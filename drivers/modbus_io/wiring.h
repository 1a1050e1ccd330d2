/*
 * Which channel of a module carries which input and output of a lane, as profiles and
 * checkpointd.yaml write it: `{limit_open: 0, obstacle: 3, active_low: [obstacle]}`. Plain values.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config/config.h"
#include "gateway/model/lane_io.h"

enum { MODULE_CHANNELS_MAX = 64 };

/* Inputs whose polarity has no default: each stands in active_low (its contact opens when the thing
 * is so: normally closed, a broken wire shows as danger) or in active_high. */
#define INPUTS_SAFETY                                                                              \
    (INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE) | INPUT_BIT(INPUT_LOCAL_CONTROL) |      \
     INPUT_BIT(INPUT_EMERGENCY_STOP) | INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK) | \
     INPUT_BIT(INPUT_FIRE_RAISE))

struct input_channels {
    uint8_t channel[INPUT_COUNT]; /* from 0, over all banks of the profile */
    bool given[INPUT_COUNT];
    uint32_t active_low; /* INPUT_BITs: level 0 means that the named thing is so */
    uint32_t active_high;
};

struct output_channels {
    uint8_t channel[OUTPUT_COUNT];
    bool given[OUTPUT_COUNT];
    uint32_t
        active_low; /* OUTPUT_BITs that act when de-energised (a STOP input, normally closed) */
};

/* Their sections; a safety input without polarity, one with both, and polarity of what is not wired
 * are refused at their line. */
extern const struct config_section module_inputs_section;  /* struct input_channels */
extern const struct config_section module_outputs_section; /* struct output_channels */

uint32_t input_channels_wired(const struct input_channels *channels);   /* INPUT_BITs */
uint32_t output_channels_wired(const struct output_channels *channels); /* OUTPUT_BITs */
