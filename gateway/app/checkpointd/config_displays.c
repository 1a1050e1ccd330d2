/* checkpointd.yaml: the signs that drivers read, one a lane. See config.h. */
#include "gateway/app/checkpointd/config_parts.h"

#include <stdio.h>
#include <string.h>

#define DISPLAY_ROW(member, key_, kind_, ...)                                                      \
    CONFIG_OPTION(struct config_display, member, key_, kind_, __VA_ARGS__)

static const struct config_option display_rows[] = {
    DISPLAY_ROW(lane, "lane", CONFIG_INT, .required = true, .min = 1, .max = LANE_ID_MAX,
                .help = "The lane whose drivers read it."),
    DISPLAY_ROW(
        profile, "profile", CONFIG_STRING, .required = true, .min = 1,
        .help = "How it is spoken to: a file of display/ in shipped_profiles or profiles, without "
                ".yaml."),
    DISPLAY_ROW(line.line, "line", CONFIG_STRING, .required = true, .min = 1,
                .help = "Its serial device, a line of its own."),
    DISPLAY_ROW(line.baud_bps, "baud", CONFIG_INT, .fallback = "9600",
                CONFIG_ONLY(1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400),
                .unit = "bit/s", .what = "a standard rate", .help = "Speed of its line."),
    DISPLAY_ROW(line.parity, "parity", CONFIG_ENUM, .names = config_parities, .fallback = "none",
                .help = "Parity of its line."),
    DISPLAY_ROW(line.stop_bits, "stop_bits", CONFIG_INT, .fallback = "1", .min = 1, .max = 2,
                .help = "Stop bits of its line."),
    DISPLAY_ROW(address, "address", CONFIG_INT, .fallback = "1", .min = 0, .max = 255,
                .help = "Its address, where its profile has one.")};

static int check_display(void *section, const struct config_at *at, struct err_text *err)
{
    const struct config_display *display = section;
    if (display->line.line[0] != '/') {
        return config_refuse(at, "line", err, "expected the path of a serial device");
    }
    return 0;
}

const struct config_section config_display_section = {
    CONFIG_ROWS(display_rows, struct config_display), .unique = "lane", .check = check_display};

/* ---- against the rest of the file ---- */

static bool has_lane(const struct checkpointd_config *config, uint8_t number)
{
    for (size_t i = 0; i < config->lane_count; i++) {
        if (config->lanes[i].lane.lane.lane == number) {
            return true;
        }
    }
    return false;
}

/* A sign talks when it likes to: no other device could stand that on its line. */
static const char *line_owner(const struct checkpointd_config *config, size_t display)
{
    const char *line = config->displays[display].line.line;
    for (size_t i = 0; i < config->bus_count; i++) {
        if (config->buses[i].kind == BUS_MODBUS_RTU && strcmp(config->buses[i].line, line) == 0) {
            return "a bus has this line, expected one of its own";
        }
    }
    for (size_t i = 0; i < config->camera_count; i++) {
        if (strcmp(config->cameras[i].line.line, line) == 0) {
            return "a camera has this line, expected one of its own";
        }
    }
    for (size_t i = 0; i < display; i++) {
        if (strcmp(config->displays[i].line.line, line) == 0) {
            return "another display has this line, expected one of its own";
        }
    }
    return NULL;
}

int config_check_displays(const struct checkpointd_config *config, const struct config_at *at,
                          struct err_text *err)
{
    for (size_t i = 0; i < config->display_count; i++) {
        const char *owner = line_owner(config, i);
        char key[32];
        if (!has_lane(config, config->displays[i].lane)) {
            snprintf(key, sizeof(key), "displays[%zu].lane", i);
            return config_refuse(at, key, err, "no such lane, expected the id of one in 'lanes'");
        }
        if (owner) {
            snprintf(key, sizeof(key), "displays[%zu].line", i);
            return config_refuse(at, key, err, "%s", owner);
        }
    }
    return 0;
}
