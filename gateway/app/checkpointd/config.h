/*
 * checkpointd.yaml: what it says, and the devices built from it. `checkpointd --help` prints every
 * option; systemd/config/checkpointd.yaml is an example.
 */
#pragma once

#include "drivers/bus/bus.h"
#include "drivers/led_display/led_display.h"
#include "drivers/modbus_camera/modbus_camera.h"
#include "drivers/modbus_io/modbus_io.h"
#include "drivers/serial_camera/profile.h"
#include "drivers/serial_camera/serial_camera.h"
#include "gateway/app/checkpointd/shifts.h"
#include "gateway/config/config.h"
#include "gateway/handling/handling.h"
#include "gateway/journal/journal.h"
#include "gateway/lane/guard.h"
#include "gateway/pipeline/pipeline.h"

enum {
    CONFIG_BUSES_MAX = 32,
    CONFIG_DEVICES_MAX = IO_DEVICES_MAX,
    CONFIG_CAMERAS_MAX = 32,
    CONFIG_DISPLAYS_MAX = 32,
    CONFIG_PROFILE_NAME_SIZE = 32,
    CONFIG_PROFILE_PATH_SIZE = 320
};
enum { CONFIG_PROFILES_MAX = 16 }; /* different ones that the devices name */

struct config_device {
    char name[32];
    char profile[CONFIG_PROFILE_NAME_SIZE];
    size_t profile_index; /* in checkpointd_config */
    uint8_t unit;
    uint32_t timeout_ms;
    uint16_t answer_ms;
    bool has_inputs;
    struct input_channels inputs; /* without: the profile's points */
    bool has_outputs;
    struct output_channels outputs;
    char flash[OUTPUT_COUNT][16]; /* names of the profile's coil values; "" = steady */
};

struct config_lane {
    struct pipeline_lane
        lane;            /* wired masks and what profiles know are filled in from the devices */
    bool feedback_given; /* by the lane itself or by a profile */
    bool auto_close_given;
    bool raise_given;
    char bus[16];
    struct config_device devices[CONFIG_DEVICES_MAX];
    size_t device_count;
};

/* Of a camera's text: as its profile or its registers say, or stated. */
enum config_encoding { ENCODING_AUTO, ENCODING_UTF8, ENCODING_GBK };

enum config_camera_kind { CAMERA_MODBUS_TCP, CAMERA_MODBUS_RTU, CAMERA_SERIAL };

/* A camera on a serial or Modbus line; those of the camera network stand in matchd.yaml. */
struct config_camera {
    uint16_t id;
    uint8_t lane;
    enum config_camera_kind kind;
    bool wired;
    char bus[16]; /* modbus_rtu: the bus whose line it shares; "" = a line of its own */
    char host[64];
    uint16_t port;
    struct serial_settings line;
    uint8_t unit;
    uint16_t base;
    uint32_t poll_ms;
    uint32_t timeout_ms;
    uint32_t answer_ms;
    enum plate_dash dash;
    enum config_encoding encoding;
    char profile[CONFIG_PROFILE_NAME_SIZE]; /* serial */
    bool acknowledge;
    uint32_t silence_ms;
    uint32_t clock_limit_ms; /* 0 = its clock is not looked at */
    bool candidates;         /* modbus, this and what follows */
    uint32_t heartbeat_ms;
    uint16_t trigger_coil;
    bool has_trigger;
    uint16_t light_coils[CAMERA_LIGHTS_MAX];
    size_t light_count;
    enum camera_light_plan light;
    uint16_t light_from; /* minutes of the local day */
    uint16_t light_until;
};

/* A sign that the drivers of a lane read. */
struct config_display {
    uint8_t lane;
    char profile[CONFIG_PROFILE_NAME_SIZE];
    struct serial_settings line;
    uint8_t address;
};

struct checkpointd_config {
    char headquarters_phone[40]; /* "" = none given */
    char checkpoint[65];
    char runtime_dir[200];
    char state_dir[200];
    char rules[200];
    char codes[200];
    char complaint[401];
    struct handling_policy handling;
    char roots[200];
    char shipped_profiles[200];
    char profiles[200]; /* of the site */
    char matchd_user[33];
    char uplinkd_user[33];
    char console_user[33];
    char admin_group[33];
    char control_group[33]; /* of the sockets; a group this machine lacks: the folder's group */
    char events_group[33];
    char records_group[33];
    uint32_t seal_interval_ms;
    int64_t token_life_ms;
    int64_t token_idle_ms;
    bool console_without_tablets;
    int64_t error_report_ms;
    int64_t reserve_bytes;
    int64_t self_test_interval_ms;
    int64_t self_test_grace_ms;
    int64_t well_after_ms; /* "I am well" */
    int64_t well_within_ms;
    uint32_t search_per_hour;   /* plates an officer may look up */
    uint32_t history_per_shift; /* searches of passages an officer may begin */
    struct shifts shifts;
    uint32_t keep_on_box; /* bits of enum journal_kind: body and salt are not sent to HQ */
    struct journal_retention retention;                         /* on_box is keep_on_box again */
    struct module_profile module_profiles[CONFIG_PROFILES_MAX]; /* filled in from the files */
    size_t module_profile_count;
    struct bus_options buses[CONFIG_BUSES_MAX];
    size_t bus_count;
    struct config_lane lanes[PIPELINE_LANES_MAX];
    size_t lane_count;
    struct config_camera cameras[CONFIG_CAMERAS_MAX];
    size_t camera_count;
    struct config_display displays[CONFIG_DISPLAYS_MAX];
    size_t display_count;
};

extern const struct config_section checkpointd_section;
/* Index of the bus of that name, -1: none. */
int checkpointd_bus_index(const struct checkpointd_config *config, const char *name);

/* Subfolders of a folder of profiles. */
#define CONFIG_PROFILE_MODULE "module"
#define CONFIG_PROFILE_SERIAL "serial"
#define CONFIG_PROFILE_DISPLAY "display"
/* Path of the profile of that kind: the product's, or the site's. ERR_INVALID (no name),
 * ERR_NOT_FOUND, ERR_CONFLICT (in both); `err` is a reason as a config error says it. */
int config_profile_path(const struct checkpointd_config *config, const char *kind, const char *name,
                        char out[CONFIG_PROFILE_PATH_SIZE], struct err_text *err) MUST_CHECK;

/* One of the two. */
struct wired_camera {
    struct modbus_camera *modbus;
    struct serial_camera *serial;
};

/* The lanes' devices, buses and cameras. Owned by the main thread. */
struct checkpointd_devices {
    struct guard guards[PIPELINE_LANES_MAX];
    struct lane_guard guard_hooks[PIPELINE_LANES_MAX];
    struct io_device io[PIPELINE_LANES_MAX][CONFIG_DEVICES_MAX];
    struct bus *buses[CONFIG_BUSES_MAX];
    size_t bus_count;
    struct bus *bus_of_lane[256]; /* by lane number; NULL: no such lane */
    struct wired_camera cameras[CONFIG_CAMERAS_MAX];
    size_t camera_count;
    struct display displays[CONFIG_DISPLAYS_MAX];
    size_t display_count;
};

/* Makes devices, guards, cameras, displays and buses; starts nothing. `config` and `out` must stay
 * where they are. Refuses a bus that cannot keep safety rule 1. ERR_INVALID, ERR_NO_MEMORY: free
 * what is there; ERR_NOT_FOUND, ERR_IO: the same, of a profile's file. */
int checkpointd_devices_create(const struct checkpointd_config *config,
                               const struct bus_sinks *sinks, const struct camera_sink *reads,
                               const struct display_sink *signs, struct checkpointd_devices *out,
                               struct err_text *err) MUST_CHECK;
/* After bus_stop and the cameras' stop; a device set that was never created fully is fine. */
void checkpointd_devices_destroy(struct checkpointd_devices *devices);
