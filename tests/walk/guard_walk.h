/* The exhaustive walk of the guard at the wire (gateway/lane/guard.h), family by family. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lane/lane.h"

struct walk_result;

struct guard_family {
    const char *name;
    uint32_t inputs; /* INPUT_BITs that change, one a scan */
    uint32_t always; /* INPUT_BITs that stay active */
    bool coils;      /* read back on and off; else off */
    bool declared;   /* lower_automatically */
    bool kept;       /* raise_maintained */
    bool by_hand;    /* lowers by hand are asked for, and manual_lower but with … */
    bool undeclared; /* … this */
    enum lane_feedback feedback;
    bool large; /* in the full tier only */
};

extern const struct guard_family guard_families[];
extern const int guard_family_count;

void guard_walk(const struct guard_family *family, uint32_t states_max, struct walk_result *out);
