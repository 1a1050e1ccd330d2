/* checkpointd.yaml: buses, and the modules on them with their profiles. See config.h. */
#include "gateway/app/checkpointd/config_parts.h"

#include <stdio.h>
#include <string.h>

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

/* ---- devices ---- */

#define FLASH_ROW(output, key_)                                                                    \
    CONFIG_OPTION(struct config_device, flash[output], key_, CONFIG_STRING, .fallback = "",        \
                  .help = "Name of one of the profile's coil values; without: steady.")

static const struct config_option flash_rows[] = {
    FLASH_ROW(OUTPUT_RED, "red"),       FLASH_ROW(OUTPUT_YELLOW, "yellow"),
    FLASH_ROW(OUTPUT_GREEN, "green"),   FLASH_ROW(OUTPUT_SIREN, "siren"),
    FLASH_ROW(OUTPUT_STROBE, "strobe"),
};
/* Its rows lie in the device itself. */
static const struct config_section flash_section = {CONFIG_ROWS(flash_rows, struct config_device)};

static const struct config_option device_rows[] = {
    CONFIG_OPTION(struct config_device, name, "name", CONFIG_STRING, .required = true, .min = 1,
                  .help = "Name in alarms: barrier, lights."),
    CONFIG_OPTION(struct config_device, profile, "profile", CONFIG_STRING, .required = true,
                  .min = 1,
                  .help = "Module type: a file of module/ in shipped_profiles or profiles, without "
                          ".yaml."),
    CONFIG_OPTION(struct config_device, unit, "unit", CONFIG_INT, .fallback = "1", .min = 1,
                  .max = 255, .help = "Modbus unit (slave) address."),
    CONFIG_OPTION(struct config_device, timeout_ms, "timeout", CONFIG_DURATION, .fallback = "0ms",
                  .min = 0, .max = 5000, .help = "Of one exchange; 0 = by the line."),
    CONFIG_OPTION(struct config_device, answer_ms, "answer_ms", CONFIG_INT, .fallback = "0",
                  .min = 0, .max = 1000, .unit = "ms",
                  .help = "Longest answer time this module was measured with; 0 = its profile's."),
    CONFIG_OPTION(struct config_device, inputs, "inputs", CONFIG_SECTION,
                  .section = &module_inputs_section, CONFIG_SEEN(struct config_device, has_inputs),
                  .help = "Input channels, from 0; without: the profile's points."),
    CONFIG_OPTION(struct config_device, outputs, "outputs", CONFIG_SECTION,
                  .section = &module_outputs_section,
                  CONFIG_SEEN(struct config_device, has_outputs),
                  .help = "Output channels, from 0; without: the profile's points."),
    {.key = "flash",
     .kind = CONFIG_SECTION,
     .size = sizeof(struct config_device),
     .section = &flash_section,
     .help = "Lights that flash by themselves when they are on."}};

const struct config_section config_device_section = {CONFIG_ROWS(device_rows, struct config_device),
                                                     .unique = "name"};

/* ---- profiles ---- */

enum { KEY_SIZE = 64 };

static const char *device_key(char out[KEY_SIZE], size_t lane, size_t device, const char *member)
{
    (void)snprintf(out, KEY_SIZE, "lanes[%zu].devices[%zu].%s", lane, device, member); /* fits */
    return out;
}

/* Each profile is read once. */
static int find_profile(struct checkpointd_config *config, struct config_device *device,
                        struct err_text *err)
{
    size_t i = 0;
    while (i < config->module_profile_count &&
           strcmp(config->module_profiles[i].name, device->profile) != 0) {
        i++;
    }
    device->profile_index = i;
    if (i < config->module_profile_count) {
        return 0;
    }
    if (i == CONFIG_PROFILES_MAX) {
        return err_set(err, ERR_INVALID, "one profile more than the %d there may be",
                       CONFIG_PROFILES_MAX);
    }
    char path[CONFIG_PROFILE_PATH_SIZE];
    int result = config_profile_path(config, CONFIG_PROFILE_MODULE, device->profile, path, err);
    if (result == 0) {
        result = profile_load(path, &config->module_profiles[i], err);
    }
    config->module_profile_count += result == 0;
    return result;
}

static bool has_flash(const struct module_profile *profile, const char *name)
{
    size_t i = 0;
    while (i < profile->flash_count && strcmp(profile->flashes[i].name, name) != 0) {
        i++;
    }
    return name[0] == '\0' || i < profile->flash_count;
}

static int check_flash(const struct config_device *device, const struct module_profile *profile,
                       const struct config_at *at, size_t l, size_t d, struct err_text *err)
{
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        char key[KEY_SIZE];
        char member[32];
        (void)snprintf(member, sizeof(member), "flash.%s", lane_output_name(i)); /* fits */
        if (!has_flash(profile, device->flash[i])) {
            return config_refuse(at, device_key(key, l, d, member), err,
                                 "unknown to profile '%s', expected a name of its 'flash'",
                                 profile->name);
        }
        if (device->flash[i][0] != '\0' && !device->outputs.given[i]) {
            return config_refuse(at, device_key(key, l, d, member), err,
                                 "not wired on this device, expected a channel for it");
        }
    }
    return 0;
}

int config_find_profiles(struct checkpointd_config *config, const struct config_at *at,
                         struct err_text *err)
{
    for (size_t l = 0; l < config->lane_count; l++) {
        for (size_t d = 0; d < config->lanes[l].device_count; d++) {
            struct config_device *device = &config->lanes[l].devices[d];
            char key[KEY_SIZE];
            struct err_text why;
            if (find_profile(config, device, &why) != 0) {
                return config_refuse(at, device_key(key, l, d, "profile"), err, "%s", why.text);
            }
            const struct module_profile *profile = &config->module_profiles[device->profile_index];
            if (!device->has_inputs && !device->has_outputs) {
                device->inputs = profile->inputs_wired;
                device->outputs = profile->outputs_wired;
            }
            int result = check_flash(device, profile, at, l, d, err);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}
