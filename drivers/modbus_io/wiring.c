/*
 * The wiring of a module as rows of a configuration. No state.
 */
#include "drivers/modbus_io/wiring.h"

#include <stdio.h>

#define INPUT_ROW(input, key_, text)                                                               \
    CONFIG_OPTION(struct input_channels, channel[input], key_, CONFIG_INT, .min = 0,               \
                  .max = MODULE_CHANNELS_MAX - 1,                                                  \
                  CONFIG_SEEN(struct input_channels, given[input]), .help = (text))
#define OUTPUT_ROW(output, key_, text)                                                             \
    CONFIG_OPTION(struct output_channels, channel[output], key_, CONFIG_INT, .min = 0,             \
                  .max = MODULE_CHANNELS_MAX - 1,                                                  \
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
                  .help = "Inputs whose contact opens when the thing is so (normally closed)."),
    CONFIG_OPTION(struct input_channels, active_high, "active_high", CONFIG_FLAGS,
                  .names = input_names,
                  .help = "Inputs whose contact closes when the thing is so; the default of all "
                          "but safety inputs, which have none.")};
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

uint32_t input_channels_wired(const struct input_channels *channels)
{
    uint32_t wired = 0;
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        wired |= channels->given[i] ? INPUT_BIT(i) : 0;
    }
    return wired;
}

uint32_t output_channels_wired(const struct output_channels *channels)
{
    uint32_t wired = 0;
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        wired |= channels->given[i] ? OUTPUT_BIT(i) : 0;
    }
    return wired;
}

static const char *first_input(uint32_t bits)
{
    return lane_input_name((enum lane_input)__builtin_ctz(bits));
}

static int check_inputs(void *section, const struct config_at *at, struct err_text *err)
{
    const struct input_channels *channels = section;
    uint32_t wired = input_channels_wired(channels);
    uint32_t said = channels->active_low | channels->active_high;
    uint32_t both = channels->active_low & channels->active_high;
    uint32_t silent = wired & INPUTS_SAFETY & ~said;
    if (both) {
        return config_refuse(at, "active_high", err,
                             "'%s' also stands in 'active_low', expected it in one of the two",
                             first_input(both));
    }
    if (said & ~wired) {
        return config_refuse(at, channels->active_low & ~wired ? "active_low" : "active_high", err,
                             "'%s' is not wired here, expected a channel for it",
                             first_input(said & ~wired));
    }
    if (silent) {
        return config_refuse(at, first_input(silent), err,
                             "a safety input without polarity, expected it in 'active_low' "
                             "(normally closed) or in 'active_high'");
    }
    return 0;
}

static int check_outputs(void *section, const struct config_at *at, struct err_text *err)
{
    const struct output_channels *channels = section;
    uint32_t lost = channels->active_low & ~output_channels_wired(channels);
    return lost ? config_refuse(at, "active_low", err,
                                "'%s' is not wired here, expected a channel for it",
                                lane_output_name((enum lane_output)__builtin_ctz(lost)))
                : 0;
}

const struct config_section module_inputs_section = {CONFIG_ROWS(input_rows, struct input_channels),
                                                     .check = check_inputs};
const struct config_section module_outputs_section = {
    CONFIG_ROWS(output_rows, struct output_channels), .check = check_outputs};
