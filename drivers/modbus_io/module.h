/*
 * State of one module, shared by modbus_io.c (create, costs), scan.c (reads, writes), arm.c (what
 * is done on each connect) and identify.c (which model is it). Internal to drivers/modbus_io;
 * constant after create but `keep_alive_at` and `identity`.
 */
#pragma once

#include <stdatomic.h>

#include "drivers/bus/modbus_link.h"
#include "drivers/modbus_io/modbus_io.h"
#include "gateway/base/clock.h"

enum { MODULE_US_PER_MS = 1000, MODULE_COIL_ON = 0xFF00, MODULE_COIL_OFF = 0x0000 };

/* One read of a scan: the part of a bank that is wired. */
struct module_span {
    struct modbus_request read; /* count 0: nothing of this bank is wired */
    uint8_t channel;            /* of the first bit or register that is read */
    uint8_t count;              /* channels */
};

struct modbus_io {
    struct modbus_io_options options; /* profile: the copy below */
    struct module_profile profile;
    uint32_t answer_us;
    struct module_span inputs[PROFILE_BANKS_MAX];
    struct module_span outputs[PROFILE_BANKS_MAX];
    uint32_t wired;
    uint32_t outputs_wired;
    struct mono_time keep_alive_at; /* the next keep-alive write is due */
    /* enum modbus_io_identity, of the latest open; relaxed, any thread reads */
    atomic_int identity;
};

/* The bank of an output channel, and its place in it. */
const struct profile_output_bank *module_output_bank(const struct modbus_io *io, uint8_t channel,
                                                     uint8_t *out_place);
/* The request that puts a wired output to a level: `pulse_units` > 0 for the module's own timer. */
struct modbus_request module_output_write(const struct modbus_io *io, enum lane_output output,
                                          bool on, uint16_t pulse_units);
/* One request of a profile's `write`, `offset` places further. */
struct modbus_request module_write_to(const struct modbus_io *io, const struct profile_write_to *to,
                                      uint16_t offset);
uint32_t module_timeout_us(const struct modbus_io *io, const struct io_timing *timing);
int module_exchange(const struct modbus_io *io, struct modbus_link *link,
                    const struct modbus_request *request, struct modbus_answer *out,
                    struct err_text *err) MUST_CHECK;

struct modbus_request module_read_of(const struct modbus_io *io, uint8_t function, uint16_t address,
                                     uint16_t count);
/* Bit or register `at` of an answer to that function. */
unsigned module_value_at(const struct modbus_answer *answer, uint8_t function, unsigned at);
/* Longest time of one exchange, *worst_us raised to it. */
uint32_t module_step_us(const struct modbus_io *io, const struct io_timing *timing,
                        struct modbus_request request, uint32_t *worst_us);

/* Asks the device what it is. ERR_CONFLICT: another model. */
int module_identify(struct modbus_io *io, struct modbus_link *link,
                    struct err_text *err) MUST_CHECK;
uint32_t module_identify_us(const struct modbus_io *io, const struct io_timing *timing,
                            uint32_t *worst_us);

/* The calls of struct io_driver. */
int module_scan(void *state, struct modbus_link *link, struct io_scan *out, struct err_text *err);
int module_write(void *state, struct modbus_link *link, enum lane_output output, bool on,
                 uint32_t pulse_ms, bool *out_self_ends, struct err_text *err);
int module_open(void *state, struct modbus_link *link, struct err_text *err);

/* Every exchange of one module_open, without a timeout; *worst_us is raised to the longest. */
uint32_t module_open_us(const struct modbus_io *io, const struct io_timing *timing,
                        uint32_t *worst_us);
/* Whether the module itself could energise lower on these channels. ERR_INVALID says how. */
int module_check_lower(const struct modbus_io *io, struct err_text *err) MUST_CHECK;
