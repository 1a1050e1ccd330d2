/*
 * What a lane's sign says to drivers. Pure. It is told from what every driver there sees or could
 * see anyway: who stands at the boom, the lights, whether the boom opens for him. Why somebody has
 * to stop is not among it, so that no hit can be told from an inspection, neither by the words nor
 * by when they appear. A plate is shown to whom the boom opens by itself, and only where everybody
 * else is stopped: where vehicles drive through, one without its plate on the sign would know.
 */
#pragma once

#include <stdbool.h>

#include "drivers/api/display.h"
#include "gateway/lane/lane.h"

struct sign {
    enum display_message message;
    plate_key plate;  /* with DISPLAY_PLATE */
    uint64_t stopped; /* passage that was told to stop: never shown its plate any more */
};

/* The vehicle at the boom as the pipeline knows it. */
struct sign_vehicle {
    bool let_through; /* read and cleared: the rules open for it */
    plate_key plate;  /* 0: not read */
};

/* What it says from now on; `sign` is what it says. */
void sign_decide(const struct lane_config *config, const struct lane_status *status,
                 const struct sign_vehicle *first, struct sign *sign);
