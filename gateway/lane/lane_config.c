/*
 * Defaults of a lane and what a configuration may not be. See lane_config.h.
 */
#include <stddef.h>

#include "gateway/lane/lane.h"

void lane_config_defaults(struct lane_config *out, uint8_t lane)
{
    *out = (struct lane_config){.lane = lane,
                                .mode = LANE_NORMALLY_CLOSED,
                                .on_blind = LANE_FAIL_HOLD,
                                .on_no_list = LANE_FAIL_HOLD,
                                .camera_to_boom_m = 15,
                                .transit_max_ms = 30000,
                                .read_grace_ms = 2000,
                                .entry_gap_ms = 500,
                                .exit_gap_ms = 1000,
                                .empty_ms = 5000,
                                .debounce_ms = 60,
                                .travel_ms = 8000,
                                .pulse_ms = 500,
                                .stop_pulse_ms = 300,
                                .coil_grace_ms = 500,
                                .siren_ms = 3000,
                                .order_life_ms = 1000,
                                .clear_ms = 3000,
                                .scan_lost_ms = 1000,
                                .blind_ms = 1000,
                                .commit_wait_ms = 3000,
                                .withdraw_retry_ms = 5000,
                                .read_missing_ms = 3000,
                                .feedback = FEEDBACK_BOTH,
                                .auto_close = AUTO_CLOSE_NONE,
                                .auto_close_ms = 10000};
}

static int check_range(const char *key, uint32_t value, uint32_t low, uint32_t high,
                       struct err_text *err)
{
    if (value >= low && value <= high) {
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID, "%s = '%u': out of range, expected %u to %u", key, value, low,
                   high);
}

static int check_times(const struct lane_config *c, struct err_text *err)
{
    const struct {
        const char *key;
        uint32_t value;
        uint32_t low;
        uint32_t high;
    } ranges[] = {{"camera_to_boom_m", c->camera_to_boom_m, 0, 500},
                  {"transit_max_ms", c->transit_max_ms, 500, 600000},
                  {"read_grace_ms", c->read_grace_ms, 1, 60000},
                  {"entry_gap_ms", c->entry_gap_ms, 1, 60000},
                  {"exit_gap_ms", c->exit_gap_ms, 1, 60000},
                  {"empty_ms", c->empty_ms, 1, 600000},
                  {"debounce_ms", c->debounce_ms, 1, 1000},
                  {"travel_ms", c->travel_ms, 100, 60000},
                  {"pulse_ms", c->pulse_ms, 10, 5000},
                  {"stop_pulse_ms", c->stop_pulse_ms, 10, 5000},
                  {"coil_grace_ms", c->coil_grace_ms, 1, 10000},
                  {"siren_ms", c->siren_ms, 1, 5000},
                  {"order_life_ms", c->order_life_ms, 10, 10000},
                  {"clear_ms", c->clear_ms, 1000, 60000},
                  {"scan_lost_ms", c->scan_lost_ms, 50, 10000},
                  {"blind_ms", c->blind_ms, 300, 10000},
                  {"commit_wait_ms", c->commit_wait_ms, 100, 60000},
                  {"withdraw_retry_ms", c->withdraw_retry_ms, 100, 600000},
                  {"read_missing_ms", c->read_missing_ms, 500, 60000},
                  {"auto_close_ms", c->auto_close_ms, 0, 600000}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        int rc = check_range(ranges[i].key, ranges[i].value, ranges[i].low, ranges[i].high, err);
        if (rc != 0) {
            return rc;
        }
    }
    if (c->stop_pulse_ms >= c->pulse_ms) {
        return err_set(err, ERR_INVALID,
                       "stop_pulse_ms = '%u': longer than a motion's pulse, expected less than "
                       "pulse_ms (%u)",
                       c->stop_pulse_ms, c->pulse_ms);
    }
    return ERR_OK;
}

static bool wired(const struct lane_config *c, enum lane_input input)
{
    return (c->wired & INPUT_BIT(input)) != 0;
}

static bool moves(const struct lane_config *c, enum lane_output output)
{
    return (c->outputs_wired & OUTPUT_BIT(output)) != 0;
}

/* A boom that nobody sees come down cannot hold by staying down. */
static int check_unseen(const struct lane_config *c, struct err_text *err)
{
    if (c->mode != LANE_NORMALLY_OPEN) {
        return err_set(
            err, ERR_INVALID,
            "feedback = 'none': the boom's position is unknown, so the lane cannot hold by "
            "not raising, expected mode 'normally_open' (holds by red light only)");
    }
    if (moves(c, OUTPUT_LOWER)) {
        return err_set(err, ERR_INVALID,
                       "feedback = 'none': raise only, expected no output 'lower'");
    }
    return ERR_OK;
}

static int check_feedback(const struct lane_config *c, struct err_text *err)
{
    static const struct {
        const char *name;
        bool open;
        bool closed;
        const char *expected;
    } kinds[] = {[FEEDBACK_BOTH] = {"both", true, true, "'limit_open' and 'limit_closed'"},
                 [FEEDBACK_OPEN] = {"open", true, false, "'limit_open' alone of the limits"},
                 [FEEDBACK_CLOSED] = {"closed", false, true, "'limit_closed' alone of the limits"},
                 [FEEDBACK_NONE] = {"none", false, false, "no limit"}};
    if ((unsigned)c->feedback > FEEDBACK_NONE) {
        return err_set(err, ERR_INVALID, "feedback = '%u': expected both, open, closed or none",
                       (unsigned)c->feedback);
    }
    if (wired(c, INPUT_LIMIT_OPEN) != kinds[c->feedback].open ||
        wired(c, INPUT_LIMIT_CLOSED) != kinds[c->feedback].closed) {
        return err_set(err, ERR_INVALID,
                       "inputs: not the limit switches of feedback '%s', without which a motion "
                       "cannot be confirmed, expected %s",
                       kinds[c->feedback].name, kinds[c->feedback].expected);
    }
    return c->feedback == FEEDBACK_NONE ? check_unseen(c, err) : ERR_OK;
}

/* Letting go of the raise contact is a lower, done by the barrier's own controller. */
static int check_maintained(const struct lane_config *c, struct err_text *err)
{
    if (!c->raise_maintained) {
        return ERR_OK;
    }
    const char *why = NULL;
    if (c->auto_close == AUTO_CLOSE_NONE) {
        why = "auto_close 'loop' or 'timer': the barrier closes when the contact is let go";
    } else if (moves(c, OUTPUT_LOWER)) {
        why = "no output 'lower'";
    } else if (!wired(c, INPUT_PRESENCE)) {
        why = "input 'presence': nothing is let go onto a vehicle";
    } else if (!wired(c, INPUT_LIMIT_OPEN)) {
        why = "input 'limit_open' (feedback 'both' or 'open')";
    }
    return why ? err_set(err, ERR_INVALID,
                         "raise_maintained = 'true': not allowed here, expected %s", why)
               : ERR_OK;
}

static int check_boom(const struct lane_config *c, struct err_text *err)
{
    if (!moves(c, OUTPUT_RAISE)) {
        if (moves(c, OUTPUT_LOWER) || moves(c, OUTPUT_STOP)) {
            return err_set(err, ERR_INVALID,
                           "outputs: 'lower' or 'stop' without 'raise', expected all or none");
        }
        return ERR_OK;
    }
    int rc = check_feedback(c, err);
    if (rc != 0) {
        return rc;
    }
    if (moves(c, OUTPUT_LOWER) && !wired(c, INPUT_PRESENCE)) {
        return err_set(err, ERR_INVALID,
                       "outputs: 'lower' without a presence loop, expected input 'presence'");
    }
    if (moves(c, OUTPUT_LOWER) && !moves(c, OUTPUT_STOP)) {
        return err_set(err, ERR_INVALID, "outputs: 'lower' without 'stop', expected both");
    }
    return check_maintained(c, err);
}

/* Whether by itself or by hand: what stands against a lower of ours. NULL: nothing. */
static const char *not_ours_to_close(const struct lane_config *c)
{
    if (c->mode == LANE_NORMALLY_OPEN) {
        return "mode 'normally_closed' or 'check_point'";
    }
    if (c->feedback != FEEDBACK_BOTH) {
        return "feedback 'both': a lower is confirmed by its limit";
    }
    if (c->auto_close != AUTO_CLOSE_NONE) {
        return "auto_close 'none': two cannot close one boom";
    }
    return NULL;
}

static int check_lower(const struct lane_config *c, struct err_text *err)
{
    if (!c->lower_automatically) {
        return ERR_OK;
    }
    const char *why = not_ours_to_close(c);
    if (!why && (!c->person_device || !wired(c, INPUT_OBSTACLE))) {
        why = "a person-capable device (EN 12978), wired as 'obstacle'";
    } else if (!why && !c->vehicle_detector) {
        why = "a vehicle detector that is no induction loop";
    } else if (!why && (!wired(c, INPUT_PERSON_OK) || !wired(c, INPUT_DETECTOR_OK))) {
        why = "the health contacts of both as inputs 'person_device_ok' and 'vehicle_detector_ok'";
    } else if (!why && !moves(c, OUTPUT_LOWER)) {
        why = "output 'lower'";
    }
    return why ? err_set(err, ERR_INVALID,
                         "lower_automatically = 'true': not allowed here (safety rule 7), expected "
                         "%s",
                         why)
               : ERR_OK;
}

static int check_manual_lower(const struct lane_config *c, struct err_text *err)
{
    if (!c->manual_lower) {
        return ERR_OK;
    }
    const char *why = not_ours_to_close(c);
    if (!why && !wired(c, INPUT_OBSTACLE)) {
        why = "input 'obstacle': a tablet need not be in sight of the boom";
    } else if (!why && !moves(c, OUTPUT_LOWER)) {
        why = "outputs 'lower' and 'stop': what is let go must stop";
    }
    return why ? err_set(err, ERR_INVALID,
                         "manual_lower = 'hold_to_run': not allowed here (safety rule 7), expected "
                         "%s",
                         why)
               : ERR_OK;
}

int lane_config_check(const struct lane_config *c, struct err_text *err)
{
    int rc = check_times(c, err);
    if (rc == 0) {
        rc = check_boom(c, err);
    }
    if (rc == 0) {
        rc = check_lower(c, err);
    }
    if (rc == 0) {
        rc = check_manual_lower(c, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (c->lane == 0) {
        return err_set(err, ERR_INVALID, "lane = '0': expected 1 to 255");
    }
    if (!wired(c, INPUT_ENTRY_LOOP) && c->camera_to_boom_m > LANE_DIRECT_MAX_M) {
        return err_set(err, ERR_INVALID,
                       "camera_to_boom_m = '%u': without an entry loop nobody knows who stands at "
                       "the boom, expected input 'entry_loop' or at most %d m",
                       c->camera_to_boom_m, LANE_DIRECT_MAX_M);
    }
    if (c->auto_close == AUTO_CLOSE_LOOP && !wired(c, INPUT_PRESENCE) &&
        !wired(c, INPUT_EXIT_LOOP)) {
        return err_set(err, ERR_INVALID,
                       "auto_close = 'loop': no loop of it is wired, expected input 'presence' or "
                       "'exit_loop'");
    }
    return ERR_OK;
}
