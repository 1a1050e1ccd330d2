/*
 * Configuration of one lane: what it is for, which devices it has, how long things take. A plain
 * value, checked once before lane_init and not changed after.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum lane_mode {
    LANE_NORMALLY_CLOSED, /* raises for a cleared vehicle, holds by not raising */
    LANE_NORMALLY_OPEN,   /* holds by red light only */
    LANE_CHECK_POINT      /* as normally closed; every vehicle is due unless the rules say not */
};

enum lane_fail_policy {
    LANE_FAIL_HOLD, /* blind or without a list: red, nothing is raised automatically */
    LANE_FAIL_ALARM /* alarm and yellow only; a closed boom still opens for cleared vehicles only */
};

enum lane_auto_close {
    AUTO_CLOSE_NONE,
    AUTO_CLOSE_LOOP, /* barrier closes when its loop clears */
    AUTO_CLOSE_TIMER /* by its own timer, counted from being open and anew from its loop clear */
};

/* Which limit switches the barrier reports. What they do not say is judged by travel time and shown
 * as presumed; with none the position stays unknown: raise only, holds by red light only. */
enum lane_feedback { FEEDBACK_BOTH, FEEDBACK_OPEN, FEEDBACK_CLOSED, FEEDBACK_NONE };

/* lane_config_defaults fills every field; times in ms. */
struct lane_config {
    uint8_t lane;
    enum lane_mode mode;
    enum lane_fail_policy on_blind;
    enum lane_fail_policy on_no_list;
    uint32_t wired;         /* INPUT_BITs the devices have */
    uint32_t outputs_wired; /* OUTPUT_BITs */
    uint32_t camera_to_boom_m;
    /* Camera to stop line at a crawl; later the order is lost. Also how long after a start, lost
     * contact or blindness nobody unseen may come until the order counts as known again. */
    uint32_t transit_max_ms;
    uint32_t read_grace_ms;  /* a read may come this much after its vehicle at the stop line */
    uint32_t entry_gap_ms;   /* entry loop free this long: the next edge is another vehicle */
    uint32_t exit_gap_ms;    /* exit and presence free this long: the vehicle has left */
    uint32_t empty_ms;       /* all loops free this long: nobody is at the boom */
    uint32_t debounce_ms;    /* inputs count as inactive, limits as reached, when stable so long */
    uint32_t travel_ms;      /* a full raise or lower, with reserve */
    uint32_t pulse_ms;       /* raise, lower */
    uint32_t stop_pulse_ms;  /* stop; shorter than pulse_ms */
    uint32_t coil_grace_ms;  /* read-back may lag an order or the end of a pulse by this */
    uint32_t siren_ms;       /* siren and strobe, bounded */
    uint32_t order_life_ms;  /* expiry of an order (rule 6) */
    uint32_t clear_ms;       /* free this long before any lower (rule 1) */
    uint32_t scan_lost_ms;   /* no scan for so long: contact lost */
    uint32_t blind_ms;       /* matchd silent for so long: blind */
    uint32_t commit_wait_ms; /* releasing act refused when its commit takes longer */
    uint32_t withdraw_retry_ms; /* a withdrawal whose commit failed is tried again after this */
    /* Somebody stands at the boom unread: the camera is triggered, after as long again an officer
     * is asked. Unnamed, before one that is to be held (README): an officer is asked. */
    uint32_t read_missing_ms;
    enum lane_feedback feedback;
    enum lane_auto_close auto_close;
    /* Declared: the barrier begins to close within this of its loop free, or of being open (timer).
     * A closing that begins then, over nobody, is its maker's function and not foreign_motion. */
    uint32_t auto_close_ms;
    /* The barrier is up as long as its raise contact is energised and closes by itself once that is
     * released. Releasing it is a lower: after a vehicle left, clear for clear_ms, committed first,
     * the guard agreeing; with auto_close and without an output `lower` only. Emergency stop and
     * local control alone release it at once: there the barrier's own hardware holds the boom. */
    bool raise_maintained;
    /* Rule 7. All must be true, both detectors healthy and the guided test recent, or nothing is
     * lowered automatically. Never with auto_close, never in a normally open lane. */
    bool lower_automatically;
    bool person_device;    /* an EN 12978 person-capable device is fitted, wired as obstacle */
    bool vehicle_detector; /* a vehicle detector that is no induction loop is fitted */
    /* Their health are the inputs person_device_ok and vehicle_detector_ok. */
    /* A named officer may lower from a tablet of this lane while he keeps his thumb on it. Each
     * beat is answered by a pulse of `lower`, its loss by `stop`: a controller that goes on after
     * the pulse is stopped, one that heeds the level stops by itself. Never with auto_close, never
     * in a normally open lane; with input obstacle: a tablet need not be in sight of the boom. */
    bool manual_lower;
};

void lane_config_defaults(struct lane_config *out, uint8_t lane);
/* ERR_INVALID with "key = 'value': reason, expected …" in `err`. Called before lane_init. */
int lane_config_check(const struct lane_config *config, struct err_text *err) MUST_CHECK;
