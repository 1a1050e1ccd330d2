/*
 * Driver `modbus_io`: a Modbus remote I/O module that carries a lane's barrier, lights and siren,
 * or some of them, over TCP or RTU. What differs between modules is a row of profiles.c; what
 * differs between sites (which channel is which, polarity) are options.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/api/io.h"
#include "gateway/base/err.h"
#include "gateway/model/lane_io.h"

enum { MODBUS_IO_CHANNELS_MAX = 64, MODBUS_IO_CHECK_MAX = 16 };

enum modbus_io_pulse {
    PULSE_BY_BUS,       /* the module has no timer we use: the bus thread ends the pulse */
    PULSE_BY_COIL_VALUE /* FC05 at pulse_base + channel, value = units (Waveshare flash-on) */
};

/* A setting of the module that is read back on every connect and compared, e.g. its watchdog or
 * fail-safe values. Never written by us: the technician sets it with the maker's tool. */
struct modbus_io_check {
    uint8_t function; /* 1-4; 0 = no check */
    uint16_t address;
    uint8_t count;  /* 1 … MODBUS_IO_CHECK_MAX bits or registers */
    uint16_t value; /* each must be this */
    char what[48];  /* "communication safety (40215) must be 1" */
};

/* One module type. Addresses are as on the wire (from 0). */
struct modbus_io_profile {
    const char *name;       /* in configuration */
    const char *model;      /* maker and model; manual page in a comment of the row */
    uint8_t input_function; /* 1 or 2 */
    uint16_t input_base;
    uint8_t input_count; /* channels, 0 = outputs only */
    uint16_t coil_base;
    uint8_t coil_count;
    enum modbus_io_pulse pulse;
    uint16_t pulse_base;
    uint16_t pulse_unit_ms;
    uint16_t pulse_max_units;
    struct modbus_io_check check;
    uint16_t answer_ms; /* longest time from request to answer, line time not included */
};

struct modbus_io_channel {
    bool wired;
    uint8_t channel; /* from 0, counted from the profile's base */
    bool active_low; /* input: 0 means the named thing is so (normally closed contact);
                        output: energised means off (a STOP input of a barrier, normally closed) */
};

struct modbus_io_options {
    char name[32];       /* of the device, in errors */
    char profile[32];    /* a row of profiles.c */
    uint8_t unit;        /* 1-247, on TCP also 255 */
    uint32_t timeout_ms; /* of one exchange; 0 = BUS_TIMEOUT_TCP_MS, on RTU the worst exchange and
                            20 ms. Less than the worst exchange counts as that. */
    uint16_t answer_ms;  /* 0 = the profile's; a site that measured its module may say so */
    struct modbus_io_channel inputs[INPUT_COUNT];
    struct modbus_io_channel outputs[OUTPUT_COUNT];
    struct modbus_io_check check; /* of the site, besides the profile's */
};

/* Rows by index, for lists and tests; NULL past the end. */
const struct modbus_io_profile *modbus_io_profile_at(size_t index);
const struct modbus_io_profile *modbus_io_profile_find(const char *name);

/* Channels 0, 1, 2 … in the order of enum lane_input and enum lane_output, active high, as far as
 * the profile has them: for tests and first trials, never for a site. */
void modbus_io_map_in_order(struct modbus_io_options *options);

/* Fills *out (driver, state, name). ERR_INVALID: unknown profile, unit, channel beyond the module,
 * two names on one channel, nothing wired, a check out of range; ERR_NO_MEMORY. */
int modbus_io_create(const struct modbus_io_options *options, struct io_device *out,
                     struct err_text *err) MUST_CHECK;
void modbus_io_destroy(struct io_device *device); /* after bus_destroy; NULL state is fine */
