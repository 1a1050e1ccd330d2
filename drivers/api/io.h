/*
 * The role `io`: a device that senses and moves something of a lane (barrier, lights, siren, or a
 * remote I/O module that carries them all). The bus engine (drivers/bus) runs it: one thread a bus,
 * every function below is called by that thread only, never two at once. How to add a device: see
 * README.md beside this file.
 *
 * Rules for every driver: no allocation and no thread after create; no wait but inside the link,
 * which keeps the deadline of each exchange; polarity ends here (io_scan speaks of facts, not of
 * wire levels); an error names the device, the function and what came back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/model/lane_io.h"

struct modbus_link; /* drivers/bus/modbus_link.h; NULL on a bus of kind BUS_OWN */

enum {
    IO_DEVICES_MAX = 4,    /* of one lane */
    IO_PULSE_MAX_MS = 5000 /* longer pulses are refused, whatever the order says */
};

/* What one look at the device found. `wired` and `outputs_wired` are constant after create. */
struct io_scan {
    uint32_t wired;         /* INPUT_BITs this device senses */
    uint32_t active;        /* INPUT_BITs, polarity applied */
    uint32_t outputs;       /* OUTPUT_BITs energised, read back from the module, not remembered */
    uint32_t outputs_wired; /* OUTPUT_BITs this device moves */
};

/* The line a device hangs on, for the worst case of safety rule 1. */
struct io_timing {
    uint32_t char_ns; /* one character on the line, start and stop bits included; 0 = TCP */
    uint32_t gap_us;  /* silence between two frames; 0 = TCP */
};

/* Longest times without a timeout, as the device's manual or option row promises them. */
struct io_cost {
    uint32_t scan_us;    /* every exchange of one scan() */
    uint32_t write_us;   /* one write() */
    uint32_t open_us;    /* every exchange of one open() */
    uint32_t timeout_us; /* after this one exchange counts as silence */
};

struct io_driver {
    const char *name; /* folder name, "modbus_io" */

    /* Which bits it has: fills wired and outputs_wired, the rest 0. Any time. */
    void (*wiring)(const void *state, struct io_scan *out);
    /* Worst case on that line. Any time. */
    void (*cost)(const void *state, const struct io_timing *timing, struct io_cost *out);

    /* After each connect, before the first scan and before anything is energised: is it the device,
     * and are its settings (watchdog, fail-safe values) as they must be? They are read back;
     * written before that only where the device's profile says so. 0; ERR_CONFLICT another model
     * answers; ERR_INVALID a setting is wrong; otherwise as scan. */
    int (*open)(void *state, struct modbus_link *link, struct err_text *err);
    /* Reads every input and every output once. 0; ERR_TIMEOUT silence; ERR_CORRUPT garbage, short,
     * foreign unit; ERR_DENIED the device answered with an exception; ERR_IO the link broke. */
    int (*scan)(void *state, struct modbus_link *link, struct io_scan *out, struct err_text *err);
    /* Writes one output of outputs_wired. With `on` and pulse_ms > 0 (≤ IO_PULSE_MAX_MS) the device
     * may time the pulse itself: then it sets *out_self_ends, otherwise the bus thread writes the
     * end. Errors as scan; after an error the device may have acted all the same. */
    int (*write)(void *state, struct modbus_link *link, enum lane_output output, bool on,
                 uint32_t pulse_ms, bool *out_self_ends, struct err_text *err);
};

/* A driver and one device of it. The creator owns `state` and frees it after bus_destroy. */
struct io_device {
    const struct io_driver *driver;
    void *state;
    char name[32]; /* in errors: "barrier", "lights" */
};
