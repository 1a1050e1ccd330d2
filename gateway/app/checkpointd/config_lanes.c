/* checkpointd.yaml: lanes. See config.h. */
#include "gateway/app/checkpointd/config_parts.h"

#include <stdio.h>

static const struct config_name mode_names[] = {{"normally_closed", LANE_NORMALLY_CLOSED},
                                                {"normally_open", LANE_NORMALLY_OPEN},
                                                {"check_point", LANE_CHECK_POINT},
                                                {NULL, 0}};
static const struct config_name policy_names[] = {
    {"hold", LANE_FAIL_HOLD}, {"alarm", LANE_FAIL_ALARM}, {NULL, 0}};

static const struct config_name manual_lower_names[] = {
    {"none", false}, {"hold_to_run", true}, {NULL, 0}};

#define LANE_ROW(member, key_, kind_, ...)                                                         \
    CONFIG_OPTION(struct config_lane, lane.lane.member, key_, kind_, __VA_ARGS__)
#define LANE_TIME(member, key_, default_, text)                                                    \
    LANE_ROW(member, key_, CONFIG_DURATION, .fallback = (default_), .help = (text))

#define CAPTURE_ROW(member, key_, default_, min_, max_, text)                                      \
    CONFIG_OPTION(struct config_lane, lane.captures.member, key_, CONFIG_INT,                      \
                  .fallback = (default_), .min = (min_), .max = (max_), .help = (text))

static const struct config_name role_names[] = {{"front", ROLE_FRONT},
                                                {"rear", ROLE_REAR},
                                                {"boom", ROLE_BOOM},
                                                {"boom_rear", ROLE_BOOM_REAR},
                                                {NULL, 0}};

static const struct config_option lane_camera_rows[] = {
    CONFIG_OPTION(struct vehicle_camera, id, "id", CONFIG_INT, .required = true, .min = 1,
                  .max = CAMERA_ID_MAX, .help = "Its number in matchd.yaml or 'cameras' below."),
    CONFIG_OPTION(struct vehicle_camera, role, "role", CONFIG_ENUM, .names = role_names,
                  .required = true,
                  .help = "It reads front or rear on the way to the boom, or at the stop line.")};

static const struct config_section lane_camera_section = {
    CONFIG_ROWS(lane_camera_rows, struct vehicle_camera), .unique = "id"};

static const struct config_option lane_rows[] = {
    LANE_ROW(lane, "id", CONFIG_INT, .required = true, .min = 1, .max = 255,
             .help = "Lane number, the one matchd.yaml names."),
    CONFIG_OPTION(struct config_lane, lane.name, "name", CONFIG_STRING, .fallback = "",
                  .help = "Name for people."),
    CONFIG_OPTION(struct config_lane, bus, "bus", CONFIG_STRING, .required = true, .min = 1,
                  .help = "The bus all its devices hang on."),
    LANE_ROW(mode, "mode", CONFIG_ENUM, .names = mode_names, .fallback = "normally_closed",
             .help = "Closed: raises for a cleared vehicle. Open: holds by red light only. Check "
                     "point: as closed, and every vehicle is inspected unless the rules say not."),
    LANE_ROW(on_blind, "on_blind", CONFIG_ENUM, .names = policy_names, .fallback = "hold",
             .help = "When matching is silent: hold everybody, or alarm and yellow."),
    LANE_ROW(on_no_list, "on_no_list", CONFIG_ENUM, .names = policy_names, .fallback = "hold",
             .help = "The same without a usable list."),
    CONFIG_OPTION(struct config_lane, lane.list_grace_ms, "list_grace", CONFIG_DURATION,
                  .fallback = "24h", .min = 0, .max = 30LL * 24 * 3600 * 1000,
                  .help = "How long the list is used after headquarters last vouched for it."),
    LANE_ROW(camera_to_boom_m, "camera_to_boom_m", CONFIG_INT, .fallback = "15", .min = 0,
             .max = 500, .unit = "m", .help = "From the camera's read point to the boom."),
    LANE_TIME(transit_max_ms, "transit_max", "30s", "Camera to stop line at a crawl."),
    LANE_TIME(read_grace_ms, "read_grace", "2s", "A read may come this much after its vehicle."),
    LANE_TIME(entry_gap_ms, "entry_gap", "500ms", "Entry loop free this long: another vehicle."),
    LANE_TIME(exit_gap_ms, "exit_gap", "1s", "Exit and presence free this long: it has left."),
    LANE_TIME(empty_ms, "empty", "5s", "All loops free this long: nobody is at the boom."),
    LANE_TIME(read_missing_ms, "read_missing", "3s",
              "Somebody stands unread: camera triggered, after as long again an officer is asked."),
    LANE_TIME(debounce_ms, "debounce", "60ms", "Inputs count as inactive when stable so long."),
    LANE_TIME(travel_ms, "travel", "8s", "A full raise or lower, with reserve."),
    LANE_TIME(pulse_ms, "pulse", "500ms", "Raise and lower pulses."),
    LANE_TIME(stop_pulse_ms, "stop_pulse", "300ms", "Stop pulse, shorter than pulse."),
    LANE_TIME(coil_grace_ms, "coil_grace", "500ms", "Read-back may lag an order by this."),
    LANE_TIME(siren_ms, "siren", "3s", "Siren and strobe."),
    LANE_TIME(order_life_ms, "order_life", "1s", "An order later than this is dropped."),
    LANE_TIME(clear_ms, "clear", "3s", "Free under the boom this long before any lower."),
    LANE_TIME(scan_lost_ms, "scan_lost", "1s", "No scan for so long: contact lost."),
    LANE_TIME(blind_ms, "blind", "1s", "Matching silent for so long: blind."),
    LANE_TIME(commit_wait_ms, "commit_wait", "3s", "A releasing act waits for the journal."),
    LANE_TIME(withdraw_retry_ms, "withdraw_retry", "5s", "Next try of a withdrawal's record."),
    LANE_ROW(auto_close, "auto_close", CONFIG_ENUM, .names = profile_auto_close_names,
             .fallback = "none", CONFIG_SEEN(struct config_lane, auto_close_given),
             .help = "The barrier's own controller closes: loop, behind a vehicle; timer, a while "
                     "after it opened."),
    LANE_TIME(auto_close_ms, "auto_close_within", "10s", "It begins to within this."),
    LANE_ROW(feedback, "feedback", CONFIG_ENUM, .names = profile_feedback_names, .fallback = "both",
             CONFIG_SEEN(struct config_lane, feedback_given),
             .help = "Limit switches the barrier has. none: raise only, normally_open only."),
    LANE_ROW(raise_maintained, "raise_maintained", CONFIG_BOOL, .fallback = "false",
             CONFIG_SEEN(struct config_lane, raise_given),
             .help = "Up as long as raise is energised; closes by itself after that."),
    LANE_ROW(lower_automatically, "lower_automatically", CONFIG_BOOL, .fallback = "false",
             .help = "Safety rule 7: only with both devices below and a guided test."),
    LANE_ROW(manual_lower, "manual_lower", CONFIG_ENUM, .names = manual_lower_names,
             .fallback = "none",
             .help = "hold_to_run: a named officer lowers from a tablet of this lane while he "
                     "holds the button; needs outputs lower and stop, input obstacle."),
    LANE_ROW(person_device, "person_device", CONFIG_BOOL, .fallback = "false",
             .help = "An EN 12978 person-capable device is wired as obstacle."),
    LANE_ROW(vehicle_detector, "vehicle_detector", CONFIG_BOOL, .fallback = "false",
             .help = "A vehicle detector that is no induction loop is fitted."),
    CONFIG_OPTION(struct config_lane, lane.vehicles.silence_ms, "vehicle_silence", CONFIG_DURATION,
                  .fallback = "30s", .min = 0, .max = 3600 * 1000,
                  .help = "Not read for so long, and no loop to see it: the vehicle has gone."),
    CONFIG_OPTION(struct config_lane, lane.vehicles.fuse_ms, "front_to_rear", CONFIG_DURATION,
                  .fallback = "10s", .min = 0, .max = 600 * 1000,
                  .help = "From the front camera's read of a vehicle to the rear camera's."),
    CAPTURE_ROW(
        day_percent, "capture_day", "95", 0, 100,
        "Fewer of 100 vehicles read by day, by reads somebody vouches for: alarm. 0: never, "
        "as for a lane without such a camera."),
    CAPTURE_ROW(night_percent, "capture_night", "80", 0, 100, "The same by night."),
    CAPTURE_ROW(day_from_h, "day_from", "6", 0, 23, "Local hour at which day begins …"),
    CAPTURE_ROW(day_until_h, "day_until", "19", 0, 23, "… and night."),
    CAPTURE_ROW(count_min, "capture_count", "20", 1, 10000,
                "Vehicles of an hour before its reads are judged."),
    CONFIG_ARRAY(struct config_lane, lane.vehicles.cameras, lane.vehicles.camera_count, "cameras",
                 .section = &lane_camera_section, .max = VEHICLE_CAMERAS_MAX,
                 .help = "Which camera sees what, where a lane has several."),
    CONFIG_ARRAY(struct config_lane, devices, device_count, "devices",
                 .section = &config_device_section, .min = 1, .max = CONFIG_DEVICES_MAX,
                 .required = true, .help = "The lane's modules.")};

static const char *name_of(const struct config_name *names, int64_t value)
{
    while (names->name && names->value != value) {
        names++;
    }
    return names->name ? names->name : "?";
}

static const struct config_name raise_names[] = {{"false", false}, {"true", true}, {NULL, 0}};

/* One thing lane and profile may both say. Refused when they differ: somebody is wrong about the
 * barrier. `value` becomes the profile's where the lane is silent. */
static int join(const struct config_at *at, size_t lane, const char *key,
                const struct config_name *names, const struct module_profile *profile,
                int64_t of_profile, bool *given, int64_t *value, struct err_text *err)
{
    char path[48];
    (void)snprintf(path, sizeof(path), "lanes[%zu].%s", lane, key); /* fits */
    if (*given && *value != of_profile) {
        return config_refuse(at, path, err, "'%s' here, but profile '%s' says '%s', expected one",
                             name_of(names, *value), profile->name, name_of(names, of_profile));
    }
    *given = true; /* a second profile must say the same */
    *value = of_profile;
    return 0;
}

static int refuse_two_closers(const struct lane_config *config, size_t index,
                              const struct module_profile *profile, const struct config_at *at,
                              struct err_text *err)
{
    if (!config->lower_automatically && !config->manual_lower) {
        return 0;
    }
    char path[48];
    bool automatic = config->lower_automatically;
    (void)snprintf(path, sizeof(path), "lanes[%zu].%s", index, /* fits */
                   automatic ? "lower_automatically" : "manual_lower");
    return config_refuse(at, path, err,
                         "profile '%s' has other masters: two cannot close one boom, expected %s",
                         profile->name, automatic ? "false" : "none");
}

/* What a profile knows of the barrier it drives. */
static int take_barrier(struct config_lane *lane, size_t index,
                        const struct module_profile *profile, const struct config_at *at,
                        struct err_text *err)
{
    const struct profile_barrier *barrier = &profile->barrier;
    struct lane_config *config = &lane->lane.lane;
    int64_t feedback = config->feedback;
    int64_t auto_close = config->auto_close;
    int64_t raise = config->raise_maintained;
    int result = 0;
    if (barrier->feedback_given) {
        result = join(at, index, "feedback", profile_feedback_names, profile, barrier->feedback,
                      &lane->feedback_given, &feedback, err);
    }
    if (result == 0 && barrier->auto_close_given) {
        result = join(at, index, "auto_close", profile_auto_close_names, profile,
                      barrier->auto_close, &lane->auto_close_given, &auto_close, err);
    }
    if (result == 0 && barrier->raise_given) {
        result = join(at, index, "raise_maintained", raise_names, profile,
                      barrier->raise_maintained, &lane->raise_given, &raise, err);
    }
    config->feedback = (enum lane_feedback)feedback;
    config->auto_close = (enum lane_auto_close)auto_close;
    config->raise_maintained = raise != 0;
    if (result == 0 && barrier->other_masters) {
        result = refuse_two_closers(config, index, profile, at, err);
    }
    return result;
}

int config_check_lanes(struct checkpointd_config *config, const struct config_at *at,
                       struct err_text *err)
{
    for (size_t i = 0; i < config->lane_count; i++) {
        struct config_lane *lane = &config->lanes[i];
        char key[24];
        struct err_text why;
        for (size_t d = 0; d < lane->device_count; d++) {
            lane->lane.lane.wired |= input_channels_wired(&lane->devices[d].inputs);
            lane->lane.lane.outputs_wired |= output_channels_wired(&lane->devices[d].outputs);
            int result = take_barrier(
                lane, i, &config->module_profiles[lane->devices[d].profile_index], at, err);
            if (result != 0) {
                return result;
            }
        }
        if (lane_config_check(&lane->lane.lane, &why) != 0) {
            (void)snprintf(key, sizeof(key), "lanes[%zu]", i); /* fits */
            return config_refuse(at, key, err, "%s", why.text);
        }
    }
    return 0;
}

const struct config_section config_lane_section = {CONFIG_ROWS(lane_rows, struct config_lane),
                                                   .unique = "id"};
