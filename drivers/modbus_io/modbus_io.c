/*
 * Remote I/O over Modbus: one read of the inputs and one of the coils a scan, one FC05 a write.
 * Owner: the bus thread, after create. Remembers nothing of outputs: they are read back each time.
 */
#include "drivers/modbus_io/modbus_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/bus.h"
#include "drivers/bus/modbus_link.h"

enum {
    US_PER_MS = 1000,
    RTU_SLACK_US = 20000,
    COIL_ON = 0xFF00,
    COIL_OFF = 0x0000,
    UNIT_MAX = 247,
    UNIT_TCP_NONE = 255
};

struct modbus_io {
    struct modbus_io_options options;
    const struct modbus_io_profile *profile;
    uint32_t answer_us;
    struct modbus_request read_inputs; /* count 0 = no input wired */
    struct modbus_request read_coils;  /* count 0 = no output wired */
    uint32_t wired;
    uint32_t outputs_wired;
};

static uint8_t unit_of(const struct modbus_io *io)
{
    return io->options.unit;
}

/* --- costs --- */

static struct modbus_request check_request(const struct modbus_io *io,
                                           const struct modbus_io_check *check)
{
    return (struct modbus_request){.unit = unit_of(io),
                                   .function = check->function,
                                   .address = check->address,
                                   .count = check->count};
}

static uint32_t write_us(const struct modbus_io *io, const struct io_timing *timing)
{
    const struct modbus_request coil = {.unit = unit_of(io), .function = MODBUS_WRITE_COIL};
    return modbus_exchange_us(timing, &coil, io->answer_us);
}

static uint32_t cost_if_used(const struct modbus_io *io, const struct io_timing *timing,
                             const struct modbus_request *request)
{
    return request->count == 0 ? 0 : modbus_exchange_us(timing, request, io->answer_us);
}

static uint32_t timeout_us(const struct modbus_io *io, const struct io_timing *timing)
{
    uint32_t worst_us = write_us(io, timing);
    const struct modbus_request checks[] = {check_request(io, &io->profile->check),
                                            check_request(io, &io->options.check), io->read_inputs,
                                            io->read_coils};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        uint32_t one_us = cost_if_used(io, timing, &checks[i]);
        worst_us = one_us > worst_us ? one_us : worst_us;
    }
    uint32_t wanted_us = io->options.timeout_ms * US_PER_MS;
    if (wanted_us == 0) {
        wanted_us = timing->char_ns == 0 ? BUS_TIMEOUT_TCP_MS * US_PER_MS : worst_us + RTU_SLACK_US;
    }
    return wanted_us > worst_us ? wanted_us : worst_us;
}

static void io_cost(const void *state, const struct io_timing *timing, struct io_cost *out)
{
    const struct modbus_io *io = state;
    const struct modbus_request profile_check = check_request(io, &io->profile->check);
    const struct modbus_request site_check = check_request(io, &io->options.check);
    *out = (struct io_cost){
        .scan_us =
            cost_if_used(io, timing, &io->read_inputs) + cost_if_used(io, timing, &io->read_coils),
        .write_us = io->outputs_wired ? write_us(io, timing) : 0,
        .open_us = cost_if_used(io, timing, &profile_check) + cost_if_used(io, timing, &site_check),
        .timeout_us = timeout_us(io, timing),
    };
}

static void io_wiring(const void *state, struct io_scan *out)
{
    const struct modbus_io *io = state;
    *out = (struct io_scan){.wired = io->wired, .outputs_wired = io->outputs_wired};
}

/* --- exchanges --- */

static int exchange(const struct modbus_io *io, struct modbus_link *link,
                    const struct modbus_request *request, struct modbus_answer *out,
                    struct err_text *err)
{
    struct io_timing timing;
    modbus_link_timing(link, &timing);
    return modbus_link_exchange(link, request, timeout_us(io, &timing), out, err);
}

static int run_check(const struct modbus_io *io, struct modbus_link *link,
                     const struct modbus_io_check *check, struct err_text *err)
{
    if (check->function == 0) {
        return ERR_OK;
    }
    struct modbus_request request = check_request(io, check);
    struct modbus_answer answer;
    int rc = exchange(io, link, &request, &answer, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "read setting %u", check->address);
    }
    bool bits = check->function == MODBUS_READ_COILS || check->function == MODBUS_READ_DISCRETE;
    for (unsigned i = 0; i < check->count; i++) {
        unsigned found = bits ? (unsigned)(answer.bits >> i & 1) : answer.registers[i];
        if (found != check->value) {
            return err_set(err, ERR_INVALID, "%s, is %u", check->what, found);
        }
    }
    return ERR_OK;
}

static int io_open(void *state, struct modbus_link *link, struct err_text *err)
{
    const struct modbus_io *io = state;
    int rc = run_check(io, link, &io->profile->check, err);
    return rc == ERR_OK ? run_check(io, link, &io->options.check, err) : rc;
}

/* The named bits of an answer; `first` is the channel of its bit 0. */
static uint32_t pick_bits(const struct modbus_io_channel *channels, size_t count, uint64_t bits,
                          uint16_t first)
{
    uint32_t out = 0;
    for (size_t i = 0; i < count; i++) {
        if (channels[i].wired) {
            bool level = bits >> (channels[i].channel - first) & 1;
            out |= level != channels[i].active_low ? 1u << i : 0;
        }
    }
    return out;
}

static int io_scan(void *state, struct modbus_link *link, struct io_scan *out, struct err_text *err)
{
    const struct modbus_io *io = state;
    struct modbus_answer answer;
    struct io_scan found = {.wired = io->wired, .outputs_wired = io->outputs_wired};
    if (io->read_inputs.count > 0) {
        int rc = exchange(io, link, &io->read_inputs, &answer, err);
        if (rc != ERR_OK) {
            return err_prefix(err, rc, "read inputs");
        }
        uint16_t first = (uint16_t)(io->read_inputs.address - io->profile->input_base);
        found.active = pick_bits(io->options.inputs, INPUT_COUNT, answer.bits, first);
    }
    if (io->read_coils.count > 0) {
        int rc = exchange(io, link, &io->read_coils, &answer, err);
        if (rc != ERR_OK) {
            return err_prefix(err, rc, "read outputs");
        }
        uint16_t first = (uint16_t)(io->read_coils.address - io->profile->coil_base);
        found.outputs = pick_bits(io->options.outputs, OUTPUT_COUNT, answer.bits, first);
    }
    *out = found;
    return ERR_OK;
}

/* Units of the module's own timer for a pulse, rounded up; 0 = it cannot time this one. */
static uint16_t pulse_units(const struct modbus_io *io, enum lane_output output, uint32_t pulse_ms)
{
    const struct modbus_io_profile *p = io->profile;
    if (p->pulse != PULSE_BY_COIL_VALUE || io->options.outputs[output].active_low) {
        return 0;
    }
    uint32_t units = (pulse_ms + p->pulse_unit_ms - 1) / p->pulse_unit_ms;
    return units <= p->pulse_max_units ? (uint16_t)units : 0;
}

static int io_write(void *state, struct modbus_link *link, enum lane_output output, bool on,
                    uint32_t pulse_ms, bool *out_self_ends, struct err_text *err)
{
    const struct modbus_io *io = state;
    const struct modbus_io_channel *channel = &io->options.outputs[output];
    struct modbus_request request = {
        .unit = unit_of(io),
        .function = MODBUS_WRITE_COIL,
        .address = (uint16_t)(io->profile->coil_base + channel->channel),
        .value = on != channel->active_low ? COIL_ON : COIL_OFF,
    };
    uint16_t units = on && pulse_ms > 0 ? pulse_units(io, output, pulse_ms) : 0;
    *out_self_ends = units > 0;
    if (units > 0) {
        request.address = (uint16_t)(io->profile->pulse_base + channel->channel);
        request.value = units;
    }
    struct modbus_answer answer;
    return exchange(io, link, &request, &answer, err);
}

static const struct io_driver driver = {
    .name = "modbus_io",
    .wiring = io_wiring,
    .cost = io_cost,
    .open = io_open,
    .scan = io_scan,
    .write = io_write,
};

/* --- create --- */

void modbus_io_map_in_order(struct modbus_io_options *options)
{
    const struct modbus_io_profile *profile = modbus_io_profile_find(options->profile);
    for (uint8_t i = 0; profile && i < INPUT_COUNT; i++) {
        options->inputs[i] =
            (struct modbus_io_channel){.wired = i < profile->input_count, .channel = i};
    }
    for (uint8_t i = 0; profile && i < OUTPUT_COUNT; i++) {
        options->outputs[i] =
            (struct modbus_io_channel){.wired = i < profile->coil_count, .channel = i};
    }
}

static const char *input_name(size_t i)
{
    return lane_input_name((enum lane_input)i);
}

static const char *output_name(size_t i)
{
    return lane_output_name((enum lane_output)i);
}

/* Checks one map and gives the span of channels it uses and the mask of its names. */
static int check_map(const struct modbus_io_channel *channels, size_t count, uint8_t limit,
                     const char *(*name)(size_t), struct modbus_request *span, uint32_t *out_mask,
                     struct err_text *err)
{
    uint8_t first = UINT8_MAX;
    uint8_t last = 0;
    uint64_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!channels[i].wired) {
            continue;
        }
        uint8_t channel = channels[i].channel;
        if (channel >= limit || channel >= MODBUS_IO_CHANNELS_MAX) {
            return err_set(err, ERR_INVALID, "%s on channel %u: the module has %u", name(i),
                           channel, limit);
        }
        if (used >> channel & 1) {
            return err_set(err, ERR_INVALID, "%s on channel %u: already taken", name(i), channel);
        }
        used |= UINT64_C(1) << channel;
        *out_mask |= 1u << i;
        first = channel < first ? channel : first;
        last = channel > last ? channel : last;
    }
    if (used != 0) {
        span->address = (uint16_t)(span->address + first);
        span->count = (uint16_t)(last - first + 1);
    }
    return ERR_OK;
}

static int check_setting(const struct modbus_io_check *check, struct err_text *err)
{
    if (check->function != 0 &&
        (check->function > MODBUS_READ_INPUT || check->count == 0 ||
         check->count > MODBUS_IO_CHECK_MAX || check->address > UINT16_MAX - check->count)) {
        return err_set(err, ERR_INVALID, "check: expected function 1 to 4 and 1 to %d values",
                       MODBUS_IO_CHECK_MAX);
    }
    return ERR_OK;
}

static int fill(struct modbus_io *io, struct err_text *err)
{
    const struct modbus_io_options *o = &io->options;
    io->profile = modbus_io_profile_find(o->profile);
    if (!io->profile) {
        return err_set(err, ERR_INVALID, "profile '%s': unknown", o->profile);
    }
    if (o->unit == 0 || (o->unit > UNIT_MAX && o->unit != UNIT_TCP_NONE)) {
        return err_set(err, ERR_INVALID, "unit %u: expected 1 to 247, on TCP also 255", o->unit);
    }
    io->answer_us = (uint32_t)(o->answer_ms ? o->answer_ms : io->profile->answer_ms) * US_PER_MS;
    io->read_inputs = (struct modbus_request){.unit = o->unit,
                                              .function = io->profile->input_function,
                                              .address = io->profile->input_base};
    io->read_coils = (struct modbus_request){
        .unit = o->unit, .function = MODBUS_READ_COILS, .address = io->profile->coil_base};
    int rc = check_map(o->inputs, INPUT_COUNT, io->profile->input_count, input_name,
                       &io->read_inputs, &io->wired, err);
    rc = rc == ERR_OK ? check_map(o->outputs, OUTPUT_COUNT, io->profile->coil_count, output_name,
                                  &io->read_coils, &io->outputs_wired, err)
                      : rc;
    if (rc == ERR_OK && io->wired == 0 && io->outputs_wired == 0) {
        rc = err_set(err, ERR_INVALID, "no input and no output wired");
    }
    return rc == ERR_OK ? check_setting(&o->check, err) : rc;
}

int modbus_io_create(const struct modbus_io_options *options, struct io_device *out,
                     struct err_text *err)
{
    struct modbus_io *io = calloc(1, sizeof(*io));
    if (!io) {
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", options->name);
    }
    io->options = *options;
    int rc = fill(io, err);
    if (rc != ERR_OK) {
        free(io);
        return err_prefix(err, rc, "%s", options->name);
    }
    *out = (struct io_device){.driver = &driver, .state = io};
    (void)snprintf(out->name, sizeof(out->name), "%s", options->name);
    return ERR_OK;
}

void modbus_io_destroy(struct io_device *device)
{
    free(device->state);
    device->state = NULL;
}
