/*
 * Driver `modbus_io`: a Modbus remote I/O module or a barrier controller with registers that
 * carries a lane's barrier, lights and siren, or some of them, over TCP or RTU. What differs
 * between models is a profile (profile.h, files in drivers/profiles/); what differs between sites
 * (which channel is which, polarity) are options.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/api/io.h"
#include "drivers/modbus_io/profile.h"
#include "drivers/modbus_io/wiring.h"
#include "gateway/base/err.h"

struct modbus_io_options {
    char name[32];                        /* of the device, in errors */
    const struct module_profile *profile; /* copied */
    uint8_t unit;                         /* 1-247, on TCP also 255 */
    uint32_t timeout_ms; /* of one exchange; 0 = BUS_TIMEOUT_TCP_MS, on RTU the worst exchange and
                            20 ms. Less than the worst exchange counts as that. */
    uint16_t answer_ms;  /* 0 = the profile's; a site that measured its module may say so */
    struct input_channels inputs;
    struct output_channels outputs;
    bool raise_maintained;        /* releasing raise lowers the boom: a fail-safe must not */
    uint16_t flash[OUTPUT_COUNT]; /* a value of the profile's `flash` that means on; 0 = steady */
};

/* Channels 0, 1, 2 … in the order of enum lane_input and enum lane_output, active high, as far as
 * the profile has them, but no lower where the module could lower by itself: for tests and first
 * trials, never for a site. */
void modbus_io_map_in_order(struct modbus_io_options *options);

/* Fills *out (driver, state, name). ERR_INVALID: no profile, unit, channel beyond the module, two
 * names on one channel, nothing wired, a lower that the module itself could energise (fail-safe,
 * power-up); ERR_NO_MEMORY. */
int modbus_io_create(const struct modbus_io_options *options, struct io_device *out,
                     struct err_text *err) MUST_CHECK;
void modbus_io_destroy(struct io_device *device); /* after bus_destroy; NULL state is fine */

/* ---- for technicians' tools; any time after create ---- */

enum modbus_io_reach {
    MODBUS_IO_HARMLESS, /* the module moves no boom, or its profile names the address as another's
                         */
    MODBUS_IO_UNNAMED,  /* it moves a boom, and its profile does not say what the address does */
    MODBUS_IO_MOTION    /* it is raise's or lower's: coil, register, pulse or fail-safe value */
};
/* What a raw write to this coil, otherwise register, would reach. */
enum modbus_io_reach modbus_io_reach_of(const struct io_device *device, bool coil,
                                        uint16_t address);
uint8_t modbus_io_unit(const struct io_device *device);
/* Whether the profile has a watchdog that is armed and read back on every connect. */
bool modbus_io_has_watchdog(const struct io_device *device);
enum modbus_io_identity {
    MODBUS_IO_NOT_ASKED,   /* nothing in the profile tells the model, or it was never opened */
    MODBUS_IO_CONFIRMED,   /* it answered what the profile says */
    MODBUS_IO_CANNOT_TELL, /* it does not know the functions the profile asks */
    MODBUS_IO_OTHER        /* another model answered, and was refused */
};
/* What the latest connect found. */
enum modbus_io_identity modbus_io_identity_of(const struct io_device *device);
const char *modbus_io_model(const struct io_device *device);
