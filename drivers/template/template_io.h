/*
 * A driver to begin with: a device of the role `io` with a protocol of its own on a serial line of
 * its own. Copy the folder, rename, put the device's frames in template_frame.c;
 * drivers/api/README.md is the page that goes with it. CI builds it and runs it through the
 * contract suite.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/api/io.h"
#include "drivers/bus/serial_port.h"
#include "gateway/base/err.h"
#include "gateway/model/lane_io.h"

/* Options are data. Channels are from 0; polarity ends in the driver. */
struct template_io_options {
    char name[32]; /* of the device, in errors */
    struct serial_settings port;
    uint8_t unit;        /* 1-254 */
    uint32_t answer_ms;  /* longest time from request to answer, by the manual */
    uint32_t timeout_ms; /* of one exchange; less than its longest time counts as that */
    bool input_wired[INPUT_COUNT];
    uint8_t input_channel[INPUT_COUNT];
    bool output_wired[OUTPUT_COUNT];
    uint8_t output_channel[OUTPUT_COUNT];
    uint32_t inputs_active_low; /* INPUT_BITs */
};

/* Fills *out; opens nothing. ERR_INVALID names the option; ERR_NO_MEMORY. */
int template_io_create(const struct template_io_options *options, struct io_device *out,
                       struct err_text *err) MUST_CHECK;
void template_io_destroy(struct io_device *device); /* after bus_destroy; NULL state is fine */
