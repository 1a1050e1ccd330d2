/* See config.h. */
#include "gateway/app/checkpointd/config.h"

#include <stdio.h>
#include <string.h>

#include "gateway/journal/record.h"

/* ---- channels of a module ---- */

#define INPUT_ROW(input, key_, text)                                                               \
    CONFIG_OPTION(struct input_channels, channel[input], key_, CONFIG_INT, .min = 0, .max = 63,    \
                  CONFIG_SEEN(struct input_channels, given[input]), .help = (text))
#define OUTPUT_ROW(output, key_, text)                                                             \
    CONFIG_OPTION(struct output_channels, channel[output], key_, CONFIG_INT, .min = 0, .max = 63,  \
                  CONFIG_SEEN(struct output_channels, given[output]), .help = (text))

static const struct config_name input_names[] = {{"limit_open", INPUT_LIMIT_OPEN},
                                                 {"limit_closed", INPUT_LIMIT_CLOSED},
                                                 {"presence", INPUT_PRESENCE},
                                                 {"obstacle", INPUT_OBSTACLE},
                                                 {"entry_loop", INPUT_ENTRY_LOOP},
                                                 {"exit_loop", INPUT_EXIT_LOOP},
                                                 {"local_control", INPUT_LOCAL_CONTROL},
                                                 {"emergency_stop", INPUT_EMERGENCY_STOP},
                                                 {"fault", INPUT_FAULT},
                                                 {"boom_off", INPUT_BOOM_OFF},
                                                 {"person_device_ok", INPUT_PERSON_OK},
                                                 {"vehicle_detector_ok", INPUT_DETECTOR_OK},
                                                 {"fire_raise", INPUT_FIRE_RAISE},
                                                 {"panic", INPUT_PANIC},
                                                 {"cabinet_door", INPUT_CABINET_DOOR},
                                                 {"mains_ok", INPUT_MAINS_OK},
                                                 {NULL, 0}};
static const struct config_name output_names[] = {
    {"raise", OUTPUT_RAISE}, {"lower", OUTPUT_LOWER},   {"stop", OUTPUT_STOP},
    {"red", OUTPUT_RED},     {"yellow", OUTPUT_YELLOW}, {"green", OUTPUT_GREEN},
    {"siren", OUTPUT_SIREN}, {"strobe", OUTPUT_STROBE}, {NULL, 0}};

static const struct config_option input_rows[] = {
    INPUT_ROW(INPUT_LIMIT_OPEN, "limit_open", "Boom fully raised."),
    INPUT_ROW(INPUT_LIMIT_CLOSED, "limit_closed", "Boom fully lowered."),
    INPUT_ROW(INPUT_PRESENCE, "presence", "Vehicle under the boom."),
    INPUT_ROW(INPUT_OBSTACLE, "obstacle", "Safety edge or photo eye."),
    INPUT_ROW(INPUT_ENTRY_LOOP, "entry_loop", "Vehicle at the stop line."),
    INPUT_ROW(INPUT_EXIT_LOOP, "exit_loop", "Vehicle behind the boom."),
    INPUT_ROW(INPUT_LOCAL_CONTROL, "local_control", "Key switch at the barrier."),
    INPUT_ROW(INPUT_EMERGENCY_STOP, "emergency_stop", "Emergency stop pressed."),
    INPUT_ROW(INPUT_FAULT, "fault", "The barrier's fault contact."),
    INPUT_ROW(INPUT_BOOM_OFF, "boom_off", "Boom broken off or swung out."),
    INPUT_ROW(INPUT_PERSON_OK, "person_device_ok", "Health contact of the person device."),
    INPUT_ROW(INPUT_DETECTOR_OK, "vehicle_detector_ok", "Health contact of the detector."),
    INPUT_ROW(INPUT_FIRE_RAISE, "fire_raise", "Fire alarm or emergency raise button."),
    INPUT_ROW(INPUT_PANIC, "panic", "An officer's call for help."),
    INPUT_ROW(INPUT_CABINET_DOOR, "cabinet_door", "Cabinet door open."),
    INPUT_ROW(INPUT_MAINS_OK, "mains_ok", "Mains present; inactive on battery."),
    CONFIG_OPTION(struct input_channels, active_low, "active_low", CONFIG_FLAGS,
                  .names = input_names,
                  .help = "Inputs whose contact opens when the thing is so.")};
static const struct config_option output_rows[] = {
    OUTPUT_ROW(OUTPUT_RAISE, "raise", "Raise coil."),
    OUTPUT_ROW(OUTPUT_LOWER, "lower", "Lower coil."),
    OUTPUT_ROW(OUTPUT_STOP, "stop", "Stop coil."),
    OUTPUT_ROW(OUTPUT_RED, "red", "Red light."),
    OUTPUT_ROW(OUTPUT_YELLOW, "yellow", "Yellow light."),
    OUTPUT_ROW(OUTPUT_GREEN, "green", "Green light."),
    OUTPUT_ROW(OUTPUT_SIREN, "siren", "Siren."),
    OUTPUT_ROW(OUTPUT_STROBE, "strobe", "Strobe."),
    CONFIG_OPTION(struct output_channels, active_low, "active_low", CONFIG_FLAGS,
                  .names = output_names, .help = "Outputs that act when de-energised.")};

static const struct config_section inputs_section = {
    CONFIG_ROWS(input_rows, struct input_channels)};
static const struct config_section outputs_section = {
    CONFIG_ROWS(output_rows, struct output_channels)};

/* ---- devices ---- */

static const struct config_option device_rows[] = {
    CONFIG_OPTION(struct config_device, name, "name", CONFIG_STRING, .required = true, .min = 1,
                  .help = "Name in alarms: barrier, lights."),
    CONFIG_OPTION(struct config_device, profile, "profile", CONFIG_STRING, .required = true,
                  .min = 1, .help = "Module type, a row of drivers/modbus_io/profiles.c."),
    CONFIG_OPTION(struct config_device, unit, "unit", CONFIG_INT, .fallback = "1", .min = 1,
                  .max = 255, .help = "Modbus unit (slave) address."),
    CONFIG_OPTION(struct config_device, timeout_ms, "timeout", CONFIG_DURATION, .fallback = "0ms",
                  .min = 0, .max = 5000, .help = "Of one exchange; 0 = by the line."),
    CONFIG_OPTION(struct config_device, answer_ms, "answer_ms", CONFIG_INT, .fallback = "0",
                  .min = 0, .max = 1000, .unit = "ms",
                  .help = "Longest answer time this module was measured with; 0 = its profile's."),
    CONFIG_OPTION(struct config_device, inputs, "inputs", CONFIG_SECTION,
                  .section = &inputs_section, .help = "Input channels, from 0."),
    CONFIG_OPTION(struct config_device, outputs, "outputs", CONFIG_SECTION,
                  .section = &outputs_section, .help = "Output channels, from 0.")};

static const struct config_section device_section = {CONFIG_ROWS(device_rows, struct config_device),
                                                     .unique = "name"};

/* ---- lanes ---- */

static const struct config_name mode_names[] = {
    {"normally_closed", LANE_NORMALLY_CLOSED}, {"normally_open", LANE_NORMALLY_OPEN}, {NULL, 0}};
static const struct config_name policy_names[] = {
    {"hold", LANE_FAIL_HOLD}, {"alarm", LANE_FAIL_ALARM}, {NULL, 0}};
static const struct config_name auto_close_names[] = {
    {"none", AUTO_CLOSE_NONE}, {"loop", AUTO_CLOSE_LOOP}, {NULL, 0}};

#define LANE_ROW(member, key_, kind_, ...)                                                         \
    CONFIG_OPTION(struct config_lane, lane.lane.member, key_, kind_, __VA_ARGS__)
#define LANE_TIME(member, key_, default_, text)                                                    \
    LANE_ROW(member, key_, CONFIG_DURATION, .fallback = (default_), .help = (text))

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
             .help = "Closed: raises for a cleared vehicle. Open: holds by red light only."),
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
    LANE_ROW(auto_close, "auto_close", CONFIG_ENUM, .names = auto_close_names, .fallback = "none",
             .help = "loop: the barrier's own controller closes behind a vehicle."),
    LANE_TIME(auto_close_ms, "auto_close_within", "10s", "It begins to within this."),
    LANE_ROW(lower_automatically, "lower_automatically", CONFIG_BOOL, .fallback = "false",
             .help = "Safety rule 7: only with both devices below and a guided test."),
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
    CONFIG_ARRAY(struct config_lane, lane.vehicles.cameras, lane.vehicles.camera_count, "cameras",
                 .section = &lane_camera_section, .max = VEHICLE_CAMERAS_MAX,
                 .help = "Which camera sees what, where a lane has several."),
    CONFIG_ARRAY(struct config_lane, devices, device_count, "devices", .section = &device_section,
                 .min = 1, .max = CONFIG_DEVICES_MAX, .required = true,
                 .help = "The lane's modules.")};

static int check_lane(void *section, const struct config_at *at, struct err_text *err)
{
    struct config_lane *lane = section;
    struct err_text why;
    for (size_t d = 0; d < lane->device_count; d++) {
        for (int i = 0; i < INPUT_COUNT; i++) {
            lane->lane.lane.wired |= lane->devices[d].inputs.given[i] ? INPUT_BIT(i) : 0;
        }
        for (int i = 0; i < OUTPUT_COUNT; i++) {
            lane->lane.lane.outputs_wired |= lane->devices[d].outputs.given[i] ? OUTPUT_BIT(i) : 0;
        }
    }
    if (lane_config_check(&lane->lane.lane, &why) != 0) {
        return config_refuse(at, "", err, "%s", why.text);
    }
    return 0;
}

static const struct config_section lane_section = {CONFIG_ROWS(lane_rows, struct config_lane),
                                                   .unique = "id", .check = check_lane};

/* ---- buses ---- */

static const struct config_name bus_kinds[] = {
    {"modbus_tcp", BUS_MODBUS_TCP}, {"modbus_rtu", BUS_MODBUS_RTU}, {NULL, 0}};
static const struct config_name parities[] = {
    {"none", 'N'}, {"even", 'E'}, {"odd", 'O'}, {NULL, 0}};

static const struct config_option bus_rows[] = {
    CONFIG_OPTION(struct bus_options, name, "name", CONFIG_STRING, .required = true, .min = 1,
                  .help = "Name of the bus and its thread."),
    CONFIG_OPTION(struct bus_options, kind, "kind", CONFIG_ENUM, .names = bus_kinds,
                  .required = true, .help = "Modbus TCP or a serial RTU line."),
    CONFIG_OPTION(struct bus_options, host, "host", CONFIG_STRING, .fallback = "",
                  .help = "TCP: numeric address."),
    CONFIG_OPTION(struct bus_options, port, "port", CONFIG_INT, .fallback = "502", .min = 1,
                  .max = 65535, .help = "TCP port."),
    CONFIG_OPTION(struct bus_options, line, "line", CONFIG_STRING, .fallback = "",
                  .help = "RTU: the serial device."),
    CONFIG_OPTION(struct bus_options, baud_bps, "baud", CONFIG_INT, .fallback = "38400",
                  CONFIG_ONLY(9600, 19200, 38400, 57600, 115200), .unit = "bit/s",
                  .what = "a standard rate", .help = "RTU: speed."),
    CONFIG_OPTION(struct bus_options, parity, "parity", CONFIG_ENUM, .names = parities,
                  .fallback = "even", .help = "RTU: parity."),
    CONFIG_OPTION(struct bus_options, stop_bits, "stop_bits", CONFIG_INT, .fallback = "1", .min = 1,
                  .max = 2, .help = "RTU: stop bits."),
    CONFIG_OPTION(struct bus_options, scan_interval_ms, "scan_interval", CONFIG_DURATION,
                  .fallback = "0ms", .min = 0, .max = 1000, .help = "0 = by the line."),
    CONFIG_OPTION(struct bus_options, core, "core", CONFIG_INT, .fallback = "-1", .min = -1,
                  .max = 1023, .help = "CPU of its thread, -1 = any."),
    CONFIG_OPTION(struct bus_options, priority, "priority", CONFIG_INT, .fallback = "40", .min = 0,
                  .max = 99, .help = "SCHED_FIFO priority, 0 = normal.")};

static const struct config_section bus_section = {CONFIG_ROWS(bus_rows, struct bus_options),
                                                  .unique = "name"};

/* ---- cameras on serial and Modbus lines ---- */

static const struct config_name camera_kinds[] = {{"modbus_tcp", CAMERA_MODBUS_TCP},
                                                  {"modbus_rtu", CAMERA_MODBUS_RTU},
                                                  {"serial", CAMERA_SERIAL},
                                                  {NULL, 0}};
static const struct config_name dash_names[] = {
    {"auto", PLATE_DASH_AUTO}, {"unread", PLATE_DASH_IS_UNREAD}, {NULL, 0}};

#define CAMERA_ROW(member, key_, kind_, ...)                                                       \
    CONFIG_OPTION(struct config_camera, member, key_, kind_, __VA_ARGS__)

static const struct config_option camera_rows[] = {
    CAMERA_ROW(id, "id", CONFIG_INT, .required = true, .min = 1, .max = CAMERA_ID_MAX,
               .help = "Camera number, in matchd.yaml not used again."),
    CAMERA_ROW(lane, "lane", CONFIG_INT, .required = true, .min = 1, .max = LANE_ID_MAX,
               .help = "The lane it looks at."),
    CAMERA_ROW(kind, "kind", CONFIG_ENUM, .names = camera_kinds, .required = true,
               .help = "Registers over Modbus TCP or RTU, or text on a serial line."),
    CAMERA_ROW(wired, "wired", CONFIG_BOOL, .fallback = "false",
               .help = "Its line runs inside the locked cabinet: its reads count as genuine."),
    CAMERA_ROW(bus, "bus", CONFIG_STRING, .fallback = "",
               .help = "modbus_rtu: the bus whose line it shares; empty = a line of its own."),
    CAMERA_ROW(host, "host", CONFIG_STRING, .fallback = "", .help = "TCP: numeric address."),
    CAMERA_ROW(port, "port", CONFIG_INT, .fallback = "502", .min = 1, .max = 65535,
               .help = "TCP port."),
    CAMERA_ROW(line.line, "line", CONFIG_STRING, .fallback = "", .help = "The serial device."),
    CAMERA_ROW(line.baud_bps, "baud", CONFIG_INT, .fallback = "9600",
               CONFIG_ONLY(1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400),
               .unit = "bit/s", .what = "a standard rate", .help = "Speed of its line."),
    CAMERA_ROW(line.parity, "parity", CONFIG_ENUM, .names = parities, .fallback = "none",
               .help = "Parity of its line."),
    CAMERA_ROW(line.stop_bits, "stop_bits", CONFIG_INT, .fallback = "1", .min = 1, .max = 2,
               .help = "Stop bits of its line."),
    CAMERA_ROW(unit, "unit", CONFIG_INT, .fallback = "1", .min = 1, .max = 255,
               .help = "Modbus unit (slave) address."),
    CAMERA_ROW(base, "base", CONFIG_INT, .fallback = "0", .min = 0,
               .max = 65536 - MODBUS_CAMERA_REGISTERS, .help = "First register of its map."),
    CAMERA_ROW(poll_ms, "poll", CONFIG_DURATION, .fallback = "50ms", .min = 10, .max = 1000,
               .help = "Modbus: between two looks."),
    CAMERA_ROW(timeout_ms, "timeout", CONFIG_DURATION, .fallback = "500ms", .min = 10, .max = 1000,
               .help = "Modbus, own line: of one exchange."),
    CAMERA_ROW(answer_ms, "answer", CONFIG_DURATION, .fallback = "10ms", .min = 1, .max = 100,
               .help = "Shared line: it answers within this, later is silence."),
    CAMERA_ROW(dash, "dash", CONFIG_ENUM, .names = dash_names, .fallback = "auto",
               .help = "How it writes an unread character."),
    CAMERA_ROW(acknowledge, "acknowledge", CONFIG_BOOL, .fallback = "true",
               .help = "serial: answer each message; the camera repeats until then."),
    CAMERA_ROW(silence_ms, "silence", CONFIG_DURATION, .fallback = "0ms", .min = 0,
               .max = 24LL * 3600 * 1000,
               .help = "serial: silent for so long is lost; 0 = a quiet night is no fault.")};

static int check_camera(void *section, const struct config_at *at, struct err_text *err)
{
    const struct config_camera *camera = section;
    bool tcp = camera->kind == CAMERA_MODBUS_TCP;
    bool shared = camera->kind == CAMERA_MODBUS_RTU && camera->bus[0] != '\0';
    if (tcp && camera->wired) {
        return config_refuse(at, "wired", err,
                             "only a serial line can be declared so, expected false");
    }
    if (tcp && camera->host[0] == '\0') {
        return config_refuse(at, "host", err, "missing, expected the address of the camera");
    }
    if (camera->kind != CAMERA_MODBUS_RTU && camera->bus[0] != '\0') {
        return config_refuse(at, "bus", err, "only a camera of kind 'modbus_rtu' shares a line");
    }
    if (!tcp && !shared && camera->line.line[0] != '/') {
        return config_refuse(at, "line", err, "expected the path of a serial device");
    }
    return 0;
}

static const struct config_section camera_section = {CONFIG_ROWS(camera_rows, struct config_camera),
                                                     .unique = "id", .check = check_camera};

/* ---- the whole ---- */

static const struct config_name keep_names[] = {{"passage", JOURNAL_PASSAGE},
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
    RETENTION_ROW(JOURNAL_DECISION, "decision", "180d"),
    RETENTION_ROW(JOURNAL_ORDER, "order", "180d"),
    RETENTION_ROW(JOURNAL_OUTCOME, "outcome", "180d"),
    RETENTION_ROW(JOURNAL_ACT, "act", "180d"),
    RETENTION_ROW(JOURNAL_DEVICE, "device", "180d")};

static const struct config_section retention_section = {
    CONFIG_ROWS(retention_rows, struct journal_retention)};

#define TOP_ROW(member, key_, kind_, ...)                                                          \
    CONFIG_OPTION(struct checkpointd_config, member, key_, kind_, __VA_ARGS__)

static const struct config_option top_rows[] = {
    TOP_ROW(checkpoint, "checkpoint", CONFIG_STRING, .required = true, .min = 1, .max = 64,
            .help = "Id of this checkpoint, as headquarters enrolled it."),
    TOP_ROW(runtime_dir, "runtime_dir", CONFIG_PATH, .fallback = "/run/checkpoint",
            .help = "Folder of the local sockets."),
    TOP_ROW(state_dir, "state_dir", CONFIG_PATH, .fallback = "/var/lib/checkpoint/checkpointd",
            .help = "Folder of journal, accounts and key set."),
    TOP_ROW(rules, "rules", CONFIG_PATH, .fallback = "/etc/checkpoint/rules.yaml",
            .help = "The rule file."),
    TOP_ROW(roots, "roots", CONFIG_PATH, .fallback = "/etc/checkpoint/roots",
            .help = "Folder of the root public keys."),
    TOP_ROW(matchd_user, "matchd_user", CONFIG_STRING, .fallback = "checkpoint-matchd",
            .help = "User of checkpoint-matchd."),
    TOP_ROW(uplinkd_user, "uplinkd_user", CONFIG_STRING, .fallback = "checkpoint-uplinkd",
            .help = "User of checkpoint-uplinkd."),
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
    TOP_ROW(error_report_ms, "error_report", CONFIG_DURATION, .fallback = "60s", .min = 1000,
            .max = 3600000, .help = "How long garbage of a camera is counted for one record."),
    TOP_ROW(reserve_bytes, "journal_reserve_bytes", CONFIG_INT, .fallback = "16777216",
            .min = 65536, .max = 1LL << 32, .help = "Freed when the disk is full."),
    TOP_ROW(keep_on_box, "keep_on_box", CONFIG_FLAGS, .names = keep_names, .fallback = "passage",
            .help = "Kinds of record sent to headquarters without their body."),
    TOP_ROW(retention, "retention", CONFIG_SECTION, .section = &retention_section,
            .help = "After this a record keeps its header and hash alone; all but passages stay 30 "
                    "days after headquarters' receipt."),
    CONFIG_ARRAY(struct checkpointd_config, buses, bus_count, "buses", .section = &bus_section,
                 .min = 1, .max = CONFIG_BUSES_MAX, .required = true, .help = "The buses."),
    CONFIG_ARRAY(struct checkpointd_config, lanes, lane_count, "lanes", .section = &lane_section,
                 .min = 1, .max = PIPELINE_LANES_MAX, .required = true, .help = "The lanes."),
    CONFIG_ARRAY(struct checkpointd_config, cameras, camera_count, "cameras",
                 .section = &camera_section, .max = CONFIG_CAMERAS_MAX,
                 .help = "Cameras on serial and Modbus lines; others stand in matchd.yaml.")};

int checkpointd_bus_index(const struct checkpointd_config *config, const char *name)
{
    for (size_t i = 0; i < config->bus_count; i++) {
        if (strcmp(config->buses[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static struct config_lane *lane_of(struct checkpointd_config *config, uint8_t number)
{
    for (size_t i = 0; i < config->lane_count; i++) {
        if (config->lanes[i].lane.lane.lane == number) {
            return &config->lanes[i];
        }
    }
    return NULL;
}

/* A serial line has one owner: a bus, which may poll one camera on it, or one camera. */
static const char *line_owner(const struct checkpointd_config *config, size_t camera)
{
    const char *line = config->cameras[camera].line.line;
    for (size_t i = 0; i < config->bus_count; i++) {
        if (config->buses[i].kind == BUS_MODBUS_RTU && strcmp(config->buses[i].line, line) == 0) {
            return "a bus has this line, expected 'bus' with its name";
        }
    }
    for (size_t i = 0; i < camera; i++) {
        if (config->cameras[i].line.line[0] != '\0' &&
            strcmp(config->cameras[i].line.line, line) == 0) {
            return "another camera has this line, expected one of its own";
        }
    }
    return NULL;
}

static int check_cameras(struct checkpointd_config *config, const struct config_at *at,
                         struct err_text *err)
{
    for (size_t i = 0; i < config->camera_count; i++) {
        const struct config_camera *camera = &config->cameras[i];
        struct config_lane *lane = lane_of(config, camera->lane);
        const char *owner = camera->line.line[0] != '\0' ? line_owner(config, i) : NULL;
        int bus = camera->bus[0] != '\0' ? checkpointd_bus_index(config, camera->bus) : 0;
        char key[32];
        if (!lane) {
            snprintf(key, sizeof(key), "cameras[%zu].lane", i);
            return config_refuse(at, key, err, "no such lane, expected the id of one in 'lanes'");
        }
        if (bus < 0 || (camera->bus[0] != '\0' && config->buses[bus].kind != BUS_MODBUS_RTU)) {
            snprintf(key, sizeof(key), "cameras[%zu].bus", i);
            return config_refuse(at, key, err, "expected a bus of kind 'modbus_rtu' in 'buses'");
        }
        if (owner) {
            snprintf(key, sizeof(key), "cameras[%zu].line", i);
            return config_refuse(at, key, err, "%s", owner);
        }
        lane->lane.own_camera = true;
    }
    return 0;
}

/* Which other lane names this camera, -1: none. */
static int other_lane_of(const struct checkpointd_config *config, size_t lane, uint16_t camera)
{
    for (size_t i = 0; i < config->camera_count; i++) {
        if (config->cameras[i].id == camera &&
            config->cameras[i].lane != config->lanes[lane].lane.lane.lane) {
            return config->cameras[i].lane;
        }
    }
    for (size_t i = 0; i < lane; i++) {
        const struct vehicle_options *other = &config->lanes[i].lane.vehicles;
        for (size_t k = 0; k < other->camera_count; k++) {
            if (other->cameras[k].id == camera) {
                return config->lanes[i].lane.lane.lane;
            }
        }
    }
    return -1;
}

static int check_roles(const struct checkpointd_config *config, const struct config_at *at,
                       struct err_text *err)
{
    for (size_t i = 0; i < config->lane_count; i++) {
        const struct vehicle_options *options = &config->lanes[i].lane.vehicles;
        for (size_t k = 0; k < options->camera_count; k++) {
            int other = other_lane_of(config, i, options->cameras[k].id);
            char key[48];
            if (other >= 0) {
                snprintf(key, sizeof(key), "lanes[%zu].cameras[%zu].id", i, k);
                return config_refuse(at, key, err,
                                     "a camera of lane %d, expected one that looks at this lane",
                                     other);
            }
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
    int result = check_cameras(config, at, err);
    return result == 0 ? check_roles(config, at, err) : result;
}

const struct config_section checkpointd_section = {CONFIG_ROWS(top_rows, struct checkpointd_config),
                                                   .check = check_top};
