/*
 * The lanes' devices, guards, buses, cameras and displays, made from the configuration. See
 * config.h.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/config.h"

/* ---- modules of the lanes ---- */

static uint16_t flash_value(const struct module_profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->flash_count; i++) {
        if (strcmp(profile->flashes[i].name, name) == 0) {
            return profile->flashes[i].value;
        }
    }
    return 0;
}

static int create_device(const struct checkpointd_config *config, const struct config_lane *lane,
                         const struct config_device *from, struct io_device *out,
                         struct err_text *err)
{
    struct modbus_io_options options = {.profile = &config->module_profiles[from->profile_index],
                                        .unit = from->unit,
                                        .timeout_ms = from->timeout_ms,
                                        .answer_ms = from->answer_ms,
                                        .inputs = from->inputs,
                                        .outputs = from->outputs,
                                        .raise_maintained = lane->lane.lane.raise_maintained};
    memcpy(options.name, from->name, sizeof(options.name));
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        options.flash[i] = flash_value(options.profile, from->flash[i]);
    }
    return modbus_io_create(&options, out, err);
}

static int create_lane(const struct checkpointd_config *config, size_t index,
                       struct checkpointd_devices *devices, struct bus_lane *out,
                       struct err_text *err)
{
    const struct config_lane *lane = &config->lanes[index];
    guard_init(&devices->guards[index], &lane->lane.lane);
    devices->guard_hooks[index] =
        (struct lane_guard){&devices->guards[index], guard_scan, guard_allows, guard_wrote};
    *out = (struct bus_lane){.lane = lane->lane.lane.lane,
                             .device_count = lane->device_count,
                             .guard = &devices->guard_hooks[index],
                             .off_at_stop = OUTPUT_BIT(OUTPUT_SIREN) | OUTPUT_BIT(OUTPUT_STROBE),
                             .raise_maintained = lane->lane.lane.raise_maintained};
    if (lane->lane.lane.mode != LANE_NORMALLY_OPEN) {
        out->off_at_stop |= OUTPUT_BIT(OUTPUT_GREEN);
    }
    if (lane->lane.lane.raise_maintained) {
        out->let_go_ms = lane->lane.lane.auto_close_ms + lane->lane.lane.travel_ms;
    }
    for (size_t d = 0; d < lane->device_count; d++) {
        int rc = create_device(config, lane, &lane->devices[d], &devices->io[index][d], err);
        if (rc != 0) {
            return err_prefix(err, rc, "lanes[%zu].devices[%zu]", index, d);
        }
        out->devices[d] = devices->io[index][d];
    }
    return 0;
}

/* ---- cameras ---- */

static struct modbus_camera_options modbus_options(const struct config_camera *from)
{
    static const enum registers_encoding encodings[] = {[ENCODING_AUTO] = REGISTERS_ENCODING_TOLD,
                                                        [ENCODING_UTF8] = REGISTERS_ENCODING_UTF8,
                                                        [ENCODING_GBK] = REGISTERS_ENCODING_GBK};
    struct modbus_camera_options o = {.shared = from->bus[0] != '\0',
                                      .rtu = from->kind == CAMERA_MODBUS_RTU,
                                      .tcp_port = from->port,
                                      .port = from->line,
                                      .unit = from->unit,
                                      .base = from->base,
                                      .poll_ms = from->poll_ms,
                                      .timeout_ms = from->timeout_ms,
                                      .answer_ms = from->answer_ms,
                                      .dash = from->dash,
                                      .encoding = encodings[from->encoding],
                                      .candidates = from->candidates,
                                      .heartbeat_ms = from->heartbeat_ms,
                                      .orders = {.has_trigger = from->has_trigger,
                                                 .trigger_coil = from->trigger_coil,
                                                 .light_count = (uint8_t)from->light_count,
                                                 .plan = from->light,
                                                 .from_minute = from->light_from,
                                                 .until_minute = from->light_until}};
    memcpy(o.host, from->host, sizeof(o.host));
    memcpy(o.orders.light_coils, from->light_coils, sizeof(o.orders.light_coils));
    return o;
}

static int create_serial(const struct checkpointd_config *config, const struct config_camera *from,
                         const struct camera_identity *identity, const struct camera_sink *reads,
                         struct serial_camera **out, struct err_text *err)
{
    struct serial_profile profile;
    char path[CONFIG_PROFILE_PATH_SIZE];
    int rc = config_profile_path(config, CONFIG_PROFILE_SERIAL, from->profile, path, err);
    if (rc == 0) {
        rc = serial_profile_load(path, &profile, err);
    }
    if (rc != 0) {
        return rc;
    }
    struct serial_camera_options options = {.identity = *identity,
                                            .port = from->line,
                                            .format = profile.format,
                                            .answer = from->acknowledge,
                                            .silence_ms = from->silence_ms ? from->silence_ms
                                                                           : profile.silence_ms,
                                            .trigger = profile.trigger,
                                            .trigger_pause_ms = profile.trigger_pause_ms};
    options.format.form.dash = from->dash;
    if (from->encoding != ENCODING_AUTO) {
        options.format.encoding = from->encoding == ENCODING_GBK ? TEXT_GBK : TEXT_UTF8;
    }
    return serial_camera_create(&options, reads, out, err);
}

static int create_camera(const struct checkpointd_config *config, const struct config_camera *from,
                         const struct camera_sink *reads, struct wired_camera *out,
                         struct err_text *err)
{
    struct camera_identity identity = {
        .lane = from->lane, .camera = from->id, .wired = from->wired};
    snprintf(identity.name, sizeof(identity.name), "cam-%u", from->id);
    if (from->kind == CAMERA_SERIAL) {
        return create_serial(config, from, &identity, reads, &out->serial, err);
    }
    struct modbus_camera_options options = modbus_options(from);
    options.identity = identity;
    return modbus_camera_create(&options, reads, &out->modbus, err);
}

static int create_cameras(const struct checkpointd_config *config, const struct camera_sink *reads,
                          struct checkpointd_devices *devices, struct err_text *err)
{
    for (size_t i = 0; i < config->camera_count; i++) {
        int rc = create_camera(config, &config->cameras[i], reads, &devices->cameras[i], err);
        if (rc != 0) {
            return err_prefix(err, rc, "cameras[%zu]", i);
        }
        devices->camera_count = i + 1;
    }
    return 0;
}

/* The cameras that share the bus's line. */
static int add_polls(const struct checkpointd_config *config, size_t bus,
                     struct checkpointd_devices *devices, struct bus_options *options,
                     struct err_text *err)
{
    for (size_t i = 0; i < config->camera_count; i++) {
        const struct config_camera *camera = &config->cameras[i];
        if (camera->bus[0] == '\0' || checkpointd_bus_index(config, camera->bus) != (int)bus) {
            continue;
        }
        if (options->poll_count == POLL_DEVICES_MAX) {
            return err_set(err, ERR_INVALID, "buses[%zu]: more than %d cameras", bus,
                           POLL_DEVICES_MAX);
        }
        modbus_camera_polled(devices->cameras[i].modbus, &options->polls[options->poll_count++]);
    }
    return 0;
}

/* ---- displays ---- */

static int create_displays(const struct checkpointd_config *config,
                           const struct display_sink *signs, struct checkpointd_devices *devices,
                           struct err_text *err)
{
    for (size_t i = 0; i < config->display_count; i++) {
        const struct config_display *from = &config->displays[i];
        struct led_display_options options = {
            .lane = from->lane, .address = from->address, .port = from->line};
        snprintf(options.name, sizeof(options.name), "sign-%u", from->lane);
        int rc = config_profile_path(config, CONFIG_PROFILE_DISPLAY, from->profile, options.profile,
                                     err);
        if (rc == 0) {
            rc = led_display_create(&options, signs, &devices->displays[i], err);
        }
        if (rc != 0) {
            return err_prefix(err, rc, "displays[%zu]", i);
        }
        devices->display_count = i + 1;
    }
    return 0;
}

/* ---- buses ---- */

static int create_bus(const struct checkpointd_config *config, size_t bus,
                      const struct bus_sinks *sinks, struct checkpointd_devices *devices,
                      struct err_text *err)
{
    struct bus_lane lanes[BUS_LANES_MAX];
    struct bus_options options = config->buses[bus];
    size_t count = 0;
    for (size_t i = 0; i < config->lane_count; i++) {
        if (checkpointd_bus_index(config, config->lanes[i].bus) != (int)bus) {
            continue;
        }
        if (count == BUS_LANES_MAX) {
            return err_set(err, ERR_INVALID, "buses[%zu]: more than %d lanes", bus, BUS_LANES_MAX);
        }
        int rc = create_lane(config, i, devices, &lanes[count++], err);
        if (rc != 0) {
            return rc;
        }
    }
    if (count == 0) {
        return err_set(err, ERR_INVALID, "buses[%zu].name: no lane uses it, expected one", bus);
    }
    int rc = add_polls(config, bus, devices, &options, err);
    if (rc == 0) {
        rc = bus_create(&options, lanes, count, sinks, &devices->buses[bus], err);
    }
    if (rc != 0) {
        return err_prefix(err, rc, "buses[%zu]", bus);
    }
    devices->bus_count = bus + 1;
    for (size_t i = 0; i < count; i++) {
        devices->bus_of_lane[lanes[i].lane] = devices->buses[bus];
    }
    return 0;
}

int checkpointd_devices_create(const struct checkpointd_config *config,
                               const struct bus_sinks *sinks, const struct camera_sink *reads,
                               const struct display_sink *signs, struct checkpointd_devices *out,
                               struct err_text *err)
{
    memset(out, 0, sizeof(*out));
    int rc = create_cameras(config, reads, out, err);
    if (rc == 0) {
        rc = create_displays(config, signs, out, err);
    }
    for (size_t bus = 0; rc == 0 && bus < config->bus_count; bus++) {
        rc = create_bus(config, bus, sinks, out, err);
    }
    return rc;
}

void checkpointd_devices_destroy(struct checkpointd_devices *devices)
{
    for (size_t i = 0; i < devices->bus_count; i++) {
        bus_destroy(devices->buses[i]);
    }
    for (size_t i = 0; i < devices->camera_count; i++) {
        modbus_camera_destroy(devices->cameras[i].modbus);
        serial_camera_destroy(devices->cameras[i].serial);
    }
    for (size_t i = 0; i < devices->display_count; i++) {
        devices->displays[i].driver->destroy(devices->displays[i].state);
    }
    for (size_t i = 0; i < PIPELINE_LANES_MAX; i++) {
        for (size_t d = 0; d < CONFIG_DEVICES_MAX; d++) {
            modbus_io_destroy(&devices->io[i][d]);
        }
    }
}
