/* checkpointd.yaml: cameras on serial and Modbus lines, and which lane sees through which camera.
 * See config.h. */
#include "gateway/app/checkpointd/config_parts.h"

#include <stdio.h>
#include <string.h>

static const struct config_name camera_kinds[] = {{"modbus_tcp", CAMERA_MODBUS_TCP},
                                                  {"modbus_rtu", CAMERA_MODBUS_RTU},
                                                  {"serial", CAMERA_SERIAL},
                                                  {NULL, 0}};
static const struct config_name encoding_names[] = {
    {"auto", ENCODING_AUTO}, {"utf-8", ENCODING_UTF8}, {"gbk", ENCODING_GBK}, {NULL, 0}};
static const struct config_name dash_names[] = {
    {"auto", PLATE_DASH_AUTO}, {"unread", PLATE_DASH_IS_UNREAD}, {NULL, 0}};

static const struct config_name light_names[] = {{"never", CAMERA_LIGHT_OFF},
                                                 {"always", CAMERA_LIGHT_ON},
                                                 {"window", CAMERA_LIGHT_WINDOW},
                                                 {NULL, 0}};

static const char *parse_minute(const char *text, void *member)
{
    int digit[4];
    static const size_t at[4] = {0, 1, 3, 4};
    bool shape = strlen(text) == 5 && text[2] == ':';
    for (int i = 0; shape && i < 4; i++) {
        digit[i] = text[at[i]] - '0';
        shape = digit[i] >= 0 && digit[i] <= 9;
    }
    if (!shape || digit[0] * 10 + digit[1] > 23 || digit[2] > 5) {
        return "not a time of day, expected like 22:30";
    }
    uint16_t minute = (uint16_t)((digit[0] * 10 + digit[1]) * 60 + digit[2] * 10 + digit[3]);
    memcpy(member, &minute, sizeof(minute));
    return NULL;
}

static const struct config_option coil_item = {
    .kind = CONFIG_INT, .size = sizeof(uint16_t), .min = 0, .max = 65535};

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
    CAMERA_ROW(line.parity, "parity", CONFIG_ENUM, .names = config_parities, .fallback = "none",
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
    CAMERA_ROW(candidates, "candidates", CONFIG_BOOL, .fallback = "false",
               .help = "Modbus, map version 2: ask for the other plates each read may be."),
    CAMERA_ROW(heartbeat_ms, "heartbeat", CONFIG_DURATION, .fallback = "3s", .min = 1000,
               .max = 60000,
               .help = "Modbus, map version 2: one that stands still so long is a lost camera."),
    CAMERA_ROW(trigger_coil, "trigger_coil", CONFIG_INT, .min = 0, .max = 65535,
               CONFIG_SEEN(struct config_camera, has_trigger),
               .help = "Modbus: the coil that makes it read now; not given = it has none."),
    CONFIG_ARRAY(struct config_camera, light_coils, light_count, "light_coils", .item = &coil_item,
                 .max = CAMERA_LIGHTS_MAX, .help = "Modbus: the coils of its lights."),
    CAMERA_ROW(light, "light", CONFIG_ENUM, .names = light_names, .fallback = "never",
               .help =
                   "Modbus: its lights are on never, always, or from light_from to light_until."),
    CAMERA_ROW(light_from, "light_from", CONFIG_CUSTOM, .parse = parse_minute,
               .what = "a time of day like 22:30", .fallback = "18:00", .help = "Local time."),
    CAMERA_ROW(light_until, "light_until", CONFIG_CUSTOM, .parse = parse_minute,
               .what = "a time of day like 22:30", .fallback = "06:30", .help = "Local time."),
    CAMERA_ROW(encoding, "encoding", CONFIG_ENUM, .names = encoding_names, .fallback = "auto",
               .help = "Of its text; auto = as its profile or its registers say."),
    CAMERA_ROW(clock_limit_ms, "clock_limit", CONFIG_DURATION, .fallback = "2s", .min = 0,
               .max = 24LL * 3600 * 1000,
               .help = "Its clock may be so far from ours; more is alarmed, 0 = never."),
    CAMERA_ROW(
        profile, "profile", CONFIG_STRING, .fallback = "nedap_protocolled", .min = 1,
        .help = "serial: how it speaks, a file of serial/ in shipped_profiles or profiles, without "
                ".yaml."),
    CAMERA_ROW(
        acknowledge, "acknowledge", CONFIG_BOOL, .fallback = "true",
        .help = "serial, nedap_protocolled: answer each message; the camera repeats until then."),
    CAMERA_ROW(silence_ms, "silence", CONFIG_DURATION, .fallback = "0ms", .min = 0,
               .max = 24LL * 3600 * 1000,
               .help =
                   "serial: silent for so long is lost; 0 = as its profile says, mostly never.")};

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
    if (camera->light != CAMERA_LIGHT_OFF && camera->light_count == 0) {
        return config_refuse(at, "light", err, "no light_coils, expected the coils of its lights");
    }
    if (camera->kind == CAMERA_SERIAL && camera->has_trigger) {
        return config_refuse(at, "trigger_coil", err,
                             "only a camera with registers has coils; a serial one's trigger "
                             "stands in its profile");
    }
    if (camera->kind == CAMERA_SERIAL && camera->light_count > 0) {
        return config_refuse(at, "light_coils", err, "only a camera with registers has coils");
    }
    return 0;
}

const struct config_section config_camera_section = {CONFIG_ROWS(camera_rows, struct config_camera),
                                                     .unique = "id", .check = check_camera};

/* ---- against the rest of the file ---- */

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

int config_check_cameras(struct checkpointd_config *config, const struct config_at *at,
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

int config_check_roles(const struct checkpointd_config *config, const struct config_at *at,
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
