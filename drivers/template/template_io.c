/*
 * The template's device: opened, scanned, written. Owner: the bus thread, after create. No
 * allocation and no thread after create; no wait but for an answer, which has a deadline.
 */
#include "drivers/template/template_io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "drivers/template/template_frame.h"
#include "gateway/base/clock.h"

enum { US_PER_MS = 1000, US_PER_S = 1000000, BITS_A_CHARACTER = 11, UNIT_MAX = 254, CLOSED = -1 };

struct template_io {
    struct template_io_options options;
    uint32_t wired;
    uint32_t outputs_wired;
    int fd; /* CLOSED between a lost line and the next open */
};

/* --- costs: what the manual promises, for safety rule 1 --- */

static uint32_t exchange_us(const struct template_io *io)
{
    uint64_t line_us = (uint64_t)(TEMPLATE_REQUEST_SIZE + TEMPLATE_ANSWER_SIZE) * BITS_A_CHARACTER *
                       US_PER_S / io->options.port.baud_bps;
    return (uint32_t)line_us + 1 + io->options.answer_ms * US_PER_MS;
}

static uint32_t timeout_us(const struct template_io *io)
{
    uint32_t wanted_us = io->options.timeout_ms * US_PER_MS;
    return wanted_us > exchange_us(io) ? wanted_us : exchange_us(io);
}

static void io_cost(const void *state, const struct io_timing *timing, struct io_cost *out)
{
    const struct template_io *io = state;
    (void)timing; /* the line is our own */
    *out = (struct io_cost){.scan_us = exchange_us(io),
                            .write_us = exchange_us(io),
                            .open_us = exchange_us(io),
                            .timeout_us = timeout_us(io)};
}

static void io_wiring(const void *state, struct io_scan *out)
{
    const struct template_io *io = state;
    *out = (struct io_scan){.wired = io->wired, .outputs_wired = io->outputs_wired};
}

/* --- one exchange --- */

static void close_line(struct template_io *io)
{
    if (io->fd != CLOSED) {
        serial_port_close(io->fd);
        io->fd = CLOSED;
    }
}

/* Reads until `size` bytes are there. ERR_TIMEOUT at the deadline, ERR_IO when the line is gone. */
static int read_answer(const struct template_io *io, uint8_t *out, size_t size,
                       struct mono_time deadline, struct err_text *err)
{
    for (size_t got = 0; got < size;) {
        int64_t left_ns = deadline.ns - clock_mono(&clock_system).ns;
        struct pollfd p = {.fd = io->fd, .events = POLLIN};
        int left_ms = left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1;
        int ready = poll(&p, 1, left_ms);
        if (ready == 0) {
            return err_set(err, ERR_TIMEOUT, "no whole answer within %u ms",
                           timeout_us(io) / US_PER_MS);
        }
        ssize_t more = ready < 0 ? -1 : read(io->fd, out + got, size - got);
        if (more > 0) {
            got += (size_t)more;
        } else if (more == 0 || (errno != EINTR && errno != EAGAIN)) {
            return err_set(err, ERR_IO, "line lost: %s", more == 0 ? "hung up" : strerror(errno));
        }
    }
    return ERR_OK;
}

static int exchange(struct template_io *io, const struct template_request *request, uint8_t out[3],
                    struct err_text *err)
{
    uint8_t frame[TEMPLATE_REQUEST_SIZE];
    uint8_t answer[TEMPLATE_ANSWER_SIZE];
    if (io->fd == CLOSED) {
        return err_set(err, ERR_IO, "line is closed");
    }
    struct mono_time now = clock_mono(&clock_system);
    struct mono_time deadline = {.ns = now.ns + (int64_t)timeout_us(io) * 1000};
    template_request_write(request, frame);
    /* A late answer to the exchange before must not be taken for this one's. */
    if (tcflush(io->fd, TCIFLUSH) != 0 ||
        write(io->fd, frame, sizeof(frame)) != (ssize_t)sizeof(frame)) {
        int rc = err_set(err, ERR_IO, "line lost: %s", strerror(errno));
        close_line(io);
        return rc;
    }
    int rc = read_answer(io, answer, sizeof(answer), deadline, err);
    if (rc == ERR_IO) {
        close_line(io);
    }
    return rc == ERR_OK ? template_answer_read(request, answer, sizeof(answer), out, err) : rc;
}

/* --- the role --- */

/* After each connect: is it the device, and could it move anything by itself? */
static int io_open(void *state, struct modbus_link *link, struct err_text *err)
{
    struct template_io *io = state;
    (void)link; /* a device with its own protocol brings its own line */
    if (io->fd == CLOSED) {
        int rc = serial_port_open(&io->options.port, &io->fd, err);
        if (rc != ERR_OK) {
            io->fd = CLOSED;
            return rc;
        }
    }
    const struct template_request request = {.unit = io->options.unit,
                                             .command = TEMPLATE_IDENTIFY};
    uint8_t data[3];
    int rc = exchange(io, &request, data, err);
    if (rc == ERR_OK && data[0] != TEMPLATE_MODEL) {
        return err_set(err, ERR_CONFLICT,
                       "型号不符 another device: model is 0x%02X; expected 0x%02X", data[0],
                       TEMPLATE_MODEL);
    }
    return rc == ERR_OK ? rc : err_prefix(err, rc, "identify");
}

static int io_scan(void *state, struct modbus_link *link, struct io_scan *out, struct err_text *err)
{
    struct template_io *io = state;
    (void)link;
    const struct template_request request = {.unit = io->options.unit, .command = TEMPLATE_READ};
    uint8_t data[3];
    int rc = exchange(io, &request, data, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "read");
    }
    struct io_scan found = {.wired = io->wired, .outputs_wired = io->outputs_wired};
    uint32_t levels = (uint32_t)data[0] << 8 | data[1];
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        found.active |= (levels >> io->options.input_channel[i] & 1) << i;
    }
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        found.outputs |= ((uint32_t)data[2] >> io->options.output_channel[i] & 1) << i;
    }
    found.active = (found.active ^ io->options.inputs_active_low) & io->wired;
    found.outputs &= io->outputs_wired;
    *out = found;
    return ERR_OK;
}

static int io_write(void *state, struct modbus_link *link, enum lane_output output, bool on,
                    uint32_t pulse_ms, bool *out_self_ends, struct err_text *err)
{
    struct template_io *io = state;
    (void)link;
    (void)pulse_ms; /* this device has no timer: the bus thread writes the end */
    *out_self_ends = false;
    const struct template_request request = {.unit = io->options.unit,
                                             .command = TEMPLATE_SET,
                                             .arguments = {io->options.output_channel[output], on}};
    uint8_t data[3];
    return exchange(io, &request, data, err);
}

static const struct io_driver driver = {.name = "template",
                                        .wiring = io_wiring,
                                        .cost = io_cost,
                                        .open = io_open,
                                        .scan = io_scan,
                                        .write = io_write};

/* --- create --- */

static int check_options(const struct template_io_options *options, struct err_text *err)
{
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        if (options->input_wired[i] && options->input_channel[i] >= TEMPLATE_INPUTS) {
            return err_set(err, ERR_INVALID, "%s on channel %u: the device has %d",
                           lane_input_name((enum lane_input)i), options->input_channel[i],
                           TEMPLATE_INPUTS);
        }
    }
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        if (options->output_wired[i] && options->output_channel[i] >= TEMPLATE_OUTPUTS) {
            return err_set(err, ERR_INVALID, "%s on channel %u: the device has %d",
                           lane_output_name((enum lane_output)i), options->output_channel[i],
                           TEMPLATE_OUTPUTS);
        }
    }
    if (options->unit == 0 || options->unit > UNIT_MAX) {
        return err_set(err, ERR_INVALID, "unit %u: expected 1 to %d", options->unit, UNIT_MAX);
    }
    return serial_settings_check(&options->port, err);
}

int template_io_create(const struct template_io_options *options, struct io_device *out,
                       struct err_text *err)
{
    int rc = check_options(options, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "%s", options->name);
    }
    struct template_io *io = calloc(1, sizeof(*io));
    if (!io) {
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", options->name);
    }
    io->options = *options;
    io->fd = CLOSED;
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        io->wired |= options->input_wired[i] ? INPUT_BIT(i) : 0;
    }
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        io->outputs_wired |= options->output_wired[i] ? OUTPUT_BIT(i) : 0;
    }
    *out = (struct io_device){.driver = &driver, .state = io};
    (void)snprintf(out->name, sizeof(out->name), "%s", options->name);
    return ERR_OK;
}

void template_io_destroy(struct io_device *device)
{
    if (device->state) {
        close_line(device->state);
    }
    free(device->state);
    device->state = NULL;
}
