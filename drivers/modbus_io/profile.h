/*
 * A device profile: what one type of Modbus module is, read from a YAML file (drivers/profiles/
 * module/, and a folder of the site). Addresses are as on the wire, from 0. Plain values, constant
 * after the load; every key is documented in drivers/profiles/README.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/bus/device_identity.h"
#include "drivers/modbus_io/wiring.h"
#include "gateway/base/err.h"
#include "gateway/config/config.h"
#include "gateway/lane/lane.h"

enum {
    PROFILE_NAME_SIZE = 32,
    PROFILE_BANKS_MAX = 4,
    PROFILE_SETTINGS_MAX = 8,
    PROFILE_PROBES_MAX = 4,
    PROFILE_FLASHES_MAX = 8,
    PROFILE_VALUES_MAX = 16, /* coils or registers of one setting, registers of a text */
    PROFILE_SERVER_ID_MAX = 8
};

/* Consecutive inputs; their channels follow those of the bank before. */
struct profile_input_bank {
    uint8_t read; /* Modbus function 1-4; of registers each channel is one bit, bit 0 first */
    uint16_t address;
    uint8_t count; /* channels */
};

enum profile_write {
    PROFILE_WRITE_COIL,     /* FC05; read back by FC01 */
    PROFILE_WRITE_REGISTER, /* FC06, one register a channel; read back by FC03 */
    PROFILE_WRITE_BIT       /* FC22, one bit of a register a channel; read back by FC03 */
};

struct profile_output_bank {
    enum profile_write write;
    uint16_t address;
    uint8_t count; /* channels */
    uint16_t on;   /* PROFILE_WRITE_REGISTER: the register's value */
    uint16_t off;
};

/* The module's own timer: FC05 at address + channel, value = units of the pulse. */
struct profile_pulse {
    uint16_t address;
    uint32_t unit_ms;
    uint16_t units_max;
};

/* A coil value that flashes what it switches on. */
struct profile_flash {
    char name[16];
    uint16_t value;
};

struct profile_write_to {
    enum profile_write write; /* coil or register */
    uint16_t address;
    uint16_t value; /* of a coil 0 or 1 */
};

/* What is read on every connect and must be so; `write` says how it is made so first. */
struct profile_setting {
    char what[48]; /* "communication safety (40215)" */
    uint8_t read;
    uint16_t address;
    uint8_t count;
    uint16_t value; /* of each */
    bool writes;
    struct profile_write_to write;
};

enum profile_answer { PROBE_VALUE, PROBE_ANY, PROBE_REFUSED, PROBE_TEXT };

/* How another model on this address shows itself. */
struct profile_probe {
    char what[48]; /* "module name (40211)" */
    uint8_t read;
    uint16_t address;
    enum profile_answer answer; /* this value, any answer, an exception, or this text */
    uint16_t value;
    uint8_t count;                 /* registers; 1 but for a text */
    char text[IDENTITY_TEXT_SIZE]; /* somewhere in the registers, two characters each */
    bool required;                 /* a device that does not know the address is another one */
};

/* Read Device Identification, function 43 with MEI type 14. Patterns of device_identity_matches, ""
 * where the profile does not say. */
struct profile_device_id {
    char text[IDENTITY_OBJECTS][IDENTITY_TEXT_SIZE];
    bool required;       /* a device that does not know the function is another one */
    uint16_t answer_max; /* bytes of all its answers; counted in the costs, more is refused */
};

struct profile_bytes {
    uint8_t data[PROFILE_SERVER_ID_MAX];
    uint8_t size;
};

/* Report Server ID, function 17: what the answer begins with, and a text in it. */
struct profile_server_id {
    struct profile_bytes id; /* size 0: not said */
    char text[IDENTITY_TEXT_SIZE];
    bool required;
    uint16_t answer_max;
};

struct profile_keep_alive {
    struct profile_write_to to;
    uint32_t every_ms;
};

/* What outputs do: at power-up, and when the module hears nobody. */
enum profile_outputs {
    OUTPUTS_UNKNOWN, /* the maker's map does not say and it cannot be read */
    OUTPUTS_HOLD,    /* they stay, or come back, as they were */
    OUTPUTS_OFF,
    OUTPUTS_ON,
    OUTPUTS_SET /* fail-safe only: values in the module, read back */
};

struct profile_fail_safe {
    enum profile_outputs outputs;
    uint8_t read;     /* OUTPUTS_SET: function 1-4 … */
    uint16_t address; /* … at address + channel: not 0 = energised */
    bool write;       /* by us, each wired output to rest; the same table by FC05 or FC06 */
};

enum profile_master { MASTER_CAMERA, MASTER_REMOTE_FOB };

/* The barrier behind the module, where the profile is of one. */
struct profile_barrier {
    bool raise_given;
    bool raise_maintained;
    bool feedback_given;
    enum lane_feedback feedback;
    bool auto_close_given;
    enum lane_auto_close auto_close;
    uint32_t other_masters; /* 1 << enum profile_master: who may move the boom besides us */
};

struct module_profile {
    char name[PROFILE_NAME_SIZE]; /* the file's name without .yaml */
    char model[64];
    uint32_t answer_ms; /* longest time from request to answer, line time not included */
    struct profile_input_bank inputs[PROFILE_BANKS_MAX];
    size_t input_bank_count;
    struct profile_output_bank outputs[PROFILE_BANKS_MAX];
    size_t output_bank_count;
    bool has_pulse;
    struct profile_pulse pulse;
    struct profile_flash flashes[PROFILE_FLASHES_MAX];
    size_t flash_count;
    struct profile_probe identify[PROFILE_PROBES_MAX];
    size_t identify_count;
    bool has_device_id;
    struct profile_device_id device_id;
    bool has_server_id;
    struct profile_server_id server_id;
    struct profile_setting settings[PROFILE_SETTINGS_MAX];
    size_t setting_count;
    struct profile_setting watchdog[PROFILE_SETTINGS_MAX];
    size_t watchdog_count; /* 0: none that can be read */
    bool has_keep_alive;
    struct profile_keep_alive keep_alive;
    struct profile_fail_safe fail_safe;
    enum profile_outputs on_power_up;
    bool has_inputs_wired; /* `points` gives the wiring, a site need not */
    struct input_channels inputs_wired;
    bool has_outputs_wired;
    struct output_channels outputs_wired;
    struct profile_barrier barrier;
};

extern const struct config_section module_profile_section; /* struct module_profile */
/* Shared with the lane's own keys. */
extern const struct config_name profile_feedback_names[];
extern const struct config_name profile_auto_close_names[];

unsigned profile_inputs_count(const struct module_profile *profile);  /* channels */
unsigned profile_outputs_count(const struct module_profile *profile); /* channels */

/* Reads `path`; its file name must be the profile's name. Errors as config_load, each with file and
 * line. */
int profile_load(const char *path, struct module_profile *out, struct err_text *err) MUST_CHECK;
/* Text in memory; `name` stands for the file in errors. */
int profile_parse(const char *name, const char *text, size_t size, struct module_profile *out,
                  struct err_text *err) MUST_CHECK;
