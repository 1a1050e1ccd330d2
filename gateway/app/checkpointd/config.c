/* checkpointd.yaml as a whole. See config.h; its parts stand in config_devices.c, config_lanes.c,
 * config_cameras.c, config_displays.c. */
#include "gateway/app/checkpointd/config_parts.h"

#include <stdio.h>
#include <string.h>

#include "gateway/journal/record.h"
#include "rules/file.h"

/* No kind has the number 0: with "none" alone all bodies go. */
static const struct config_name keep_names[] = {{"none", 0},
                                                {"passage", JOURNAL_PASSAGE},
                                                {"order", JOURNAL_ORDER},
                                                {"outcome", JOURNAL_OUTCOME},
                                                {NULL, 0}};

#define RETENTION_ROW(kind_, key_, default_)                                                       \
    CONFIG_OPTION(struct journal_retention, age_ms[kind_], key_, CONFIG_DURATION,                  \
                  .fallback = (default_), .min = 24LL * 3600 * 1000,                               \
                  .max = 3650LL * 24 * 3600 * 1000, .help = "How long bodies of this kind stay.")

static const struct config_option retention_rows[] = {
    RETENTION_ROW(JOURNAL_PASSAGE, "passage", "30d"),
    RETENTION_ROW(JOURNAL_HIT, "hit", "180d"),
    RETENTION_ROW(JOURNAL_HIT_ANSWER, "hit_answer", "180d"),
    RETENTION_ROW(JOURNAL_HANDLING, "handling", "180d"),
    RETENTION_ROW(JOURNAL_INSTRUCTION, "instruction", "180d"),
    RETENTION_ROW(JOURNAL_DECISION, "decision", "180d"),
    RETENTION_ROW(JOURNAL_ORDER, "order", "180d"),
    RETENTION_ROW(JOURNAL_OUTCOME, "outcome", "180d"),
    RETENTION_ROW(JOURNAL_ACT, "act", "180d"),
    RETENTION_ROW(JOURNAL_DEVICE, "device", "180d")};

static const struct config_section retention_section = {
    CONFIG_ROWS(retention_rows, struct journal_retention)};

static const struct config_option shift_item = {
    .kind = CONFIG_CUSTOM, .size = sizeof(uint16_t), .parse = rule_parse_minute};

#define HANDLING_ROW(member, key_, default_, min_, help_)                                          \
    CONFIG_OPTION(struct handling_policy, member, key_, CONFIG_DURATION, .fallback = (default_),   \
                  .min = (min_), .max = 30LL * HANDLING_DAY_MS, .help = (help_))

static const struct config_option handling_rows[] = {
    HANDLING_ROW(confirm_view_ms, "confirm_view", "3s", 0,
                 "How long an officer has the card before him until he may confirm."),
    HANDLING_ROW(sign_ms, "sign", "2min", 1000,
                 "A hit is signed for within this, unless the rules say escalate_after; an answer "
                 "that waits for a second person gets it within this."),
    HANDLING_ROW(feedback_ms, "feedback", "10min", 1000,
                 "What became of a confirmed vehicle is reported within this; a hit signed for is "
                 "answered within this."),
    HANDLING_ROW(close_ms, "close", "24h", 1000, "A hit is closed within this of its alert."),
    HANDLING_ROW(again_ms, "escalate_again", "0s", 0,
                 "Headquarters is told when the leader was for this long; 0s: as long as the "
                 "deadline was.")};

static const struct config_section handling_section = {
    CONFIG_ROWS(handling_rows, struct handling_policy)};

#define TOP_ROW(member, key_, kind_, ...)                                                          \
    CONFIG_OPTION(struct checkpointd_config, member, key_, kind_, __VA_ARGS__)

static const struct config_option top_rows[] = {
    TOP_ROW(checkpoint, "checkpoint", CONFIG_STRING, .required = true, .min = 1, .max = 64,
            .help = "Id of this checkpoint, as headquarters enrolled it."),
    TOP_ROW(headquarters_phone, "headquarters_phone", CONFIG_STRING, .fallback = "", .max = 32,
            .help = "Whom officers call when somebody runs through; shown large."),
    TOP_ROW(runtime_dir, "runtime_dir", CONFIG_PATH, .fallback = "/run/checkpoint",
            .help = "Folder of the local sockets."),
    TOP_ROW(state_dir, "state_dir", CONFIG_PATH, .fallback = "/var/lib/checkpoint/checkpointd",
            .help = "Folder of journal, accounts and key set."),
    TOP_ROW(rules, "rules", CONFIG_PATH, .fallback = "/etc/checkpoint/rules.yaml",
            .help = "The rule file."),
    TOP_ROW(codes, "codes", CONFIG_PATH, .fallback = "/etc/checkpoint/codes.yaml",
            .help = "The code tables: reasons and outcomes that officers choose from."),
    TOP_ROW(complaint, "complaint", CONFIG_STRING, .fallback = "",
            .help = "Where a citizen who was stopped may complain: stands on the stop record."),
    TOP_ROW(handling, "handling", CONFIG_SECTION, .section = &handling_section,
            .help = "Deadlines in the handling of hits."),
    TOP_ROW(roots, "roots", CONFIG_PATH, .fallback = "/etc/checkpoint/roots",
            .help = "Folder of the root public keys."),
    TOP_ROW(shipped_profiles, "shipped_profiles", CONFIG_PATH,
            .fallback = "/usr/share/checkpoint/profiles",
            .help = "Folder of the device profiles that came with the program."),
    TOP_ROW(profiles, "profiles", CONFIG_PATH, .fallback = "/etc/checkpoint/profiles",
            .help = "Folder of the site's own device profiles, looked into after that."),
    TOP_ROW(matchd_user, "matchd_user", CONFIG_STRING, .fallback = "checkpoint-matchd",
            .help = "User of checkpoint-matchd."),
    TOP_ROW(uplinkd_user, "uplinkd_user", CONFIG_STRING, .fallback = "checkpoint-uplinkd",
            .help = "User of checkpoint-uplinkd."),
    TOP_ROW(console_user, "console_user", CONFIG_STRING, .fallback = "checkpoint-consoled",
            .help = "User of checkpoint-consoled: it asks for officers at tablets only."),
    TOP_ROW(console_without_tablets, "console_without_tablets", CONFIG_BOOL, .fallback = "false",
            .help = "It may ask for no tablet (consoled.yaml: tablet_certificates: none)."),
    TOP_ROW(admin_group, "admin_group", CONFIG_STRING, .fallback = "checkpoint-admin",
            .help = "Its members manage officers' accounts."),
    TOP_ROW(control_group, "control_group", CONFIG_STRING, .fallback = "checkpoint-control",
            .help = "Its members may open the socket 'control'; no such group: the folder's."),
    TOP_ROW(events_group, "events_group", CONFIG_STRING, .fallback = "checkpoint-events",
            .help = "The same for 'events'."),
    TOP_ROW(records_group, "records_group", CONFIG_STRING, .fallback = "checkpoint-records",
            .help = "The same for 'records'."),
    TOP_ROW(seal_interval_ms, "seal_interval", CONFIG_DURATION, .fallback = "10min", .min = 1000,
            .max = 24LL * 3600 * 1000, .help = "Between two seals of the journal."),
    TOP_ROW(token_life_ms, "token_life", CONFIG_DURATION, .fallback = "12h", .min = 60000,
            .max = 24LL * 3600 * 1000, .help = "An officer's sign-on ends after this."),
    TOP_ROW(token_idle_ms, "token_idle", CONFIG_DURATION, .fallback = "2h", .min = 1000,
            .max = 24LL * 3600 * 1000,
            .help = "And after this without a request and without a page open."),
    TOP_ROW(error_report_ms, "error_report", CONFIG_DURATION, .fallback = "60s", .min = 1000,
            .max = 3600000, .help = "How long garbage of a camera is counted for one record."),
    TOP_ROW(reserve_bytes, "journal_reserve_bytes", CONFIG_INT, .fallback = "16777216",
            .min = 65536, .max = 1LL << 32, .help = "Freed when the disk is full."),
    TOP_ROW(self_test_interval_ms, "self_test_interval", CONFIG_DURATION, .fallback = "24h",
            .min = 1000, .max = 7LL * 24 * 3600 * 1000,
            .help = "Between two self-tests, while the wanted list has an entry of category "
                    "self_test."),
    TOP_ROW(self_test_grace_ms, "self_test_grace", CONFIG_DURATION, .fallback = "6h", .min = 1000,
            .max = 7LL * 24 * 3600 * 1000,
            .help = "Without headquarters' receipt for one after this: alarm. Longer than a "
                    "metered link's interval."),
    TOP_ROW(well_after_ms, "well_after", CONFIG_DURATION, .fallback = "5min", .min = 100,
            .max = 3600 * 1000,
            .help = "While backup is called for a dangerous vehicle, the word \"I am well\" is "
                    "asked for after this, from each word on again."),
    TOP_ROW(well_within_ms, "well_within", CONFIG_DURATION, .fallback = "1min", .min = 100,
            .max = 3600 * 1000,
            .help = "Not said within this: leaders are told; once more this: headquarters."),
    TOP_ROW(search_per_hour, "search_per_hour", CONFIG_INT, .fallback = "60", .min = 1, .max = 5000,
            .help = "Plates an officer may look up in an hour."),
    TOP_ROW(history_per_shift, "history_per_shift", CONFIG_INT, .fallback = "20", .min = 1,
            .max = 1000, .help = "Searches of past passages an officer may begin in a shift."),
    CONFIG_ARRAY(struct checkpointd_config, shifts.minutes, shifts.count, "shifts",
                 .item = &shift_item, .max = SHIFTS_MAX,
                 .help = "Local times of day at which a shift begins, rising; without: 07:00, "
                         "15:00, 23:00."),
    TOP_ROW(keep_on_box, "keep_on_box", CONFIG_FLAGS, .names = keep_names, .fallback = "passage",
            .help = "Kinds of record sent to headquarters without their body; none: passages leave "
                    "the box, too."),
    TOP_ROW(retention, "retention", CONFIG_SECTION, .section = &retention_section,
            .help = "After this a record keeps its header and hash alone; all but passages stay 30 "
                    "days after headquarters' receipt."),
    CONFIG_ARRAY(struct checkpointd_config, buses, bus_count, "buses",
                 .section = &config_bus_section, .min = 1, .max = CONFIG_BUSES_MAX,
                 .required = true, .help = "The buses."),
    CONFIG_ARRAY(struct checkpointd_config, lanes, lane_count, "lanes",
                 .section = &config_lane_section, .min = 1, .max = PIPELINE_LANES_MAX,
                 .required = true, .help = "The lanes."),
    CONFIG_ARRAY(struct checkpointd_config, cameras, camera_count, "cameras",
                 .section = &config_camera_section, .max = CONFIG_CAMERAS_MAX,
                 .help = "Cameras on serial and Modbus lines; others stand in matchd.yaml."),
    CONFIG_ARRAY(struct checkpointd_config, displays, display_count, "displays",
                 .section = &config_display_section, .max = CONFIG_DISPLAYS_MAX,
                 .help = "Signs that drivers read, one a lane.")};

int checkpointd_bus_index(const struct checkpointd_config *config, const char *name)
{
    for (size_t i = 0; i < config->bus_count; i++) {
        if (strcmp(config->buses[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int check_shifts(struct shifts *shifts, const struct config_at *at, struct err_text *err)
{
    static const struct shifts usual = {.count = 3, .minutes = {7 * 60, 15 * 60, 23 * 60}};
    if (shifts->count == 0) {
        *shifts = usual;
    }
    for (size_t i = 1; i < shifts->count; i++) {
        if (shifts->minutes[i] <= shifts->minutes[i - 1]) {
            return config_refuse(at, "shifts", err, "expected times of day that rise");
        }
    }
    return 0;
}

static int check_top(void *section, const struct config_at *at, struct err_text *err)
{
    struct checkpointd_config *config = section;
    config->retention.on_box = config->keep_on_box;
    for (size_t i = 0; i < config->lane_count; i++) {
        char key[32];
        if (checkpointd_bus_index(config, config->lanes[i].bus) < 0) {
            snprintf(key, sizeof(key), "lanes[%zu].bus", i);
            return config_refuse(at, key, err, "no such bus, expected the name of one in 'buses'");
        }
    }
    int result = check_shifts(&config->shifts, at, err);
    if (result == 0) {
        result = config_find_profiles(config, at, err);
    }
    if (result == 0) {
        result = config_check_lanes(config, at, err);
    }
    if (result == 0) {
        result = config_check_cameras(config, at, err);
    }
    if (result == 0) {
        result = config_check_displays(config, at, err);
    }
    if (result == 0) {
        result = config_check_profile_files(config, at, err);
    }
    return result == 0 ? config_check_roles(config, at, err) : result;
}

const struct config_section checkpointd_section = {CONFIG_ROWS(top_rows, struct checkpointd_config),
                                                   .check = check_top};
