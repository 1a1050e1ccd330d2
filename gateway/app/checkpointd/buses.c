/*
 * What the buses tell beside scans and outcomes: what is likely wrong with a line, as an alarm of
 * each of its lanes, and the health of line and devices, for status and metrics. The alarms come
 * from the bus threads, the rest is read by the control thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

static const enum log_event_id cause_events[BUS_CAUSE_COUNT] = {
    [BUS_CAUSE_ECHO] = EVENT_BUS_ECHO,
    [BUS_CAUSE_SECOND_MASTER] = EVENT_BUS_SECOND_MASTER,
    [BUS_CAUSE_TWO_ON_ADDRESS] = EVENT_BUS_TWO_ON_ADDRESS,
    [BUS_CAUSE_SWAPPED] = EVENT_BUS_SWAPPED,
    [BUS_CAUSE_TERMINATION] = EVENT_BUS_TERMINATION,
    [BUS_CAUSE_COLLIDING] = EVENT_BUS_COLLIDING};

/* False: no room for it. */
static bool tell(struct checkpointd *c, uint8_t lane, enum log_event_id id, bool active,
                 const char *detail)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    event.u.alarm.lane = lane;
    event.u.alarm.event = id;
    event.u.alarm.active = active;
    err_copy(detail, event.u.alarm.detail, sizeof(event.u.alarm.detail));
    return lane_try_post(c, &event);
}

bool buses_take_cause(void *ctx, uint8_t lane, enum bus_cause before, enum bus_cause now,
                      const char *bus)
{
    return (before == BUS_CAUSE_NONE || tell(ctx, lane, cause_events[before], false, bus)) &&
           (now == BUS_CAUSE_NONE || tell(ctx, lane, cause_events[now], true, bus));
}

bool buses_take_refused(void *ctx, uint8_t lane, const char *device, const char *text)
{
    struct checkpointd *c = ctx;
    char detail[FACT_DETAIL_SIZE];
    pthread_mutex_lock(&c->reasons.lock);
    bool stood = c->reasons.refused[lane][0] != '\0';
    pthread_mutex_unlock(&c->reasons.lock);
    snprintf(detail, sizeof(detail), "%s: %s", device, text);
    if ((stood && !tell(c, lane, EVENT_DEVICE_OTHER_MODEL, false, device)) ||
        (*text && !tell(c, lane, EVENT_DEVICE_OTHER_MODEL, true, detail))) {
        return false;
    }
    pthread_mutex_lock(&c->reasons.lock);
    err_copy(text, c->reasons.refused[lane], sizeof(c->reasons.refused[lane]));
    err_copy(device, c->reasons.refused_device[lane], sizeof(c->reasons.refused_device[lane]));
    pthread_mutex_unlock(&c->reasons.lock);
    return true;
}

/* ---- for status and metrics ---- */

/* {"name","en","zh"} of what is likely wrong; null when nothing is. */
static json_t *cause_json(enum bus_cause cause)
{
    if (cause == BUS_CAUSE_NONE) {
        return json_null();
    }
    const struct log_event_def *event = log_event_find(cause_events[cause]);
    return json_pack("{s:s,s:s,s:s}", "name", bus_cause_name(cause), "en", event->text_en, "zh",
                     event->text_zh);
}

/* The module of a lane's device; NULL: a camera, or another driver's. */
static const struct io_device *module_of(const struct checkpointd *c,
                                         const struct bus_device *device)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        const struct config_lane *lane = &c->config.lanes[i];
        for (size_t d = 0; lane->lane.lane.lane == device->lane && d < lane->device_count; d++) {
            if (strcmp(lane->devices[d].name, device->name) == 0) {
                return &c->devices.io[i][d];
            }
        }
    }
    return NULL;
}

static const char *const identity_names[] = {
    [MODBUS_IO_NOT_ASKED] = "not_asked",
    [MODBUS_IO_CONFIRMED] = "confirmed",
    [MODBUS_IO_CANNOT_TELL] = "cannot_tell",
    [MODBUS_IO_OTHER] = "other",
};

/* Whether the model was told, and what another one in its place answered. */
static void add_identity(struct checkpointd *c, const struct bus_device *device,
                         const struct io_device *module, json_t *out)
{
    char refused[FACT_DETAIL_SIZE] = "";
    pthread_mutex_lock(&c->reasons.lock);
    if (strcmp(c->reasons.refused_device[device->lane], device->name) == 0) {
        memcpy(refused, c->reasons.refused[device->lane], sizeof(refused));
    }
    pthread_mutex_unlock(&c->reasons.lock);
    enum modbus_io_identity identity = refused[0] ? MODBUS_IO_OTHER : modbus_io_identity_of(module);
    json_object_set_new(out, "identity", json_string(identity_names[identity]));
    json_object_set_new(out, "refused", refused[0] ? json_string(refused) : json_null());
}

/* What it is, and whether its watchdog is armed: contact begins only once it was read back. */
static void add_module(struct checkpointd *c, const struct bus_device *device, json_t *out)
{
    const struct io_device *module = module_of(c, device);
    if (module) {
        add_identity(c, device, module, out);
        bool has = modbus_io_has_watchdog(module);
        const char *watchdog = !has ? "none" : device->contact ? "armed" : "unknown";
        json_object_set_new(out, "model", json_string(modbus_io_model(module)));
        json_object_set_new(out, "unit", json_integer(modbus_io_unit(module)));
        json_object_set_new(out, "watchdog", json_string(watchdog));
    }
}

static json_t *device_json(const struct bus_device *device)
{
    const struct device_health_view *h = &device->health;
    json_int_t age_ms = mono_diff_ms(clock_mono(&clock_system), h->last_good);
    json_t *last = h->last_good.ns > 0 ? json_integer(age_ms) : json_null();
    return json_pack("{s:i,s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I}", "lane", (int)device->lane,
                     "device", device->name, "contact", (int)device->contact, "good",
                     (json_int_t)h->good, "timeouts", (json_int_t)h->timeouts, "corrupt",
                     (json_int_t)h->corrupt, "denied", (json_int_t)h->denied, "broken",
                     (json_int_t)h->broken, "last_good_ms_ago", last, "median_us",
                     (json_int_t)h->median_us, "p99_us", (json_int_t)h->p99_us);
}

static json_t *devices_json(struct checkpointd *c, const struct bus *bus)
{
    struct bus_device devices[BUS_DEVICES_MAX];
    size_t count = bus_devices_read(bus, devices);
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *device = device_json(&devices[i]);
        add_module(c, &devices[i], device);
        json_array_append_new(all, device);
    }
    return all;
}

json_t *buses_json(struct checkpointd *c)
{
    json_t *buses = json_array();
    for (size_t i = 0; i < c->devices.bus_count; i++) {
        const struct bus *bus = c->devices.buses[i];
        struct bus_stats s;
        bus_stats_read(bus, &s);
        json_array_append_new(
            buses,
            json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "bus", bus_name(bus),
                      "scans", (json_int_t)s.scans, "scans_failed", (json_int_t)s.scans_failed,
                      "late_scans", (json_int_t)s.late_scans, "orders_done",
                      (json_int_t)s.orders_done, "orders_vetoed", (json_int_t)s.orders_vetoed,
                      "orders_failed", (json_int_t)s.orders_failed, "guard_writes",
                      (json_int_t)s.guard_writes, "connects", (json_int_t)s.connects, "scan_us_max",
                      (json_int_t)s.scan_us_max, "cause", cause_json(bus_cause_read(bus)),
                      "devices", devices_json(c, bus)));
    }
    return buses;
}
