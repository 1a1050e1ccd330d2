/* checkpointd.yaml: buses, and the modules on them. See config.h. */
#include "gateway/app/checkpointd/config_parts.h"

/* ---- buses ---- */

const struct config_name config_parities[] = {
    {"none", 'N'}, {"even", 'E'}, {"odd", 'O'}, {NULL, 0}};

static const struct config_name bus_kinds[] = {
    {"modbus_tcp", BUS_MODBUS_TCP}, {"modbus_rtu", BUS_MODBUS_RTU}, {NULL, 0}};

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
    CONFIG_OPTION(struct bus_options, parity, "parity", CONFIG_ENUM, .names = config_parities,
                  .fallback = "even", .help = "RTU: parity."),
    CONFIG_OPTION(struct bus_options, stop_bits, "stop_bits", CONFIG_INT, .fallback = "1", .min = 1,
                  .max = 2, .help = "RTU: stop bits."),
    CONFIG_OPTION(struct bus_options, scan_interval_ms, "scan_interval", CONFIG_DURATION,
                  .fallback = "0ms", .min = 0, .max = 1000, .help = "0 = by the line."),
    CONFIG_OPTION(struct bus_options, core, "core", CONFIG_INT, .fallback = "-1", .min = -1,
                  .max = 1023, .help = "CPU of its thread, -1 = any."),
    CONFIG_OPTION(struct bus_options, priority, "priority", CONFIG_INT, .fallback = "40", .min = 0,
                  .max = 99, .help = "SCHED_FIFO priority, 0 = normal.")};

const struct config_section config_bus_section = {CONFIG_ROWS(bus_rows, struct bus_options),
                                                  .unique = "name"};

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

const struct config_section config_device_section = {CONFIG_ROWS(device_rows, struct config_device),
                                                     .unique = "name"};
