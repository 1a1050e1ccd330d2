/*
 * A module as the bus engine sees it: create, wiring, costs. Its exchanges are scan.c and arm.c.
 * Owner: the bus thread, after create.
 */
#include "drivers/modbus_io/modbus_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/bus.h"
#include "drivers/modbus_io/module.h"

enum { RTU_SLACK_US = 20000, UNIT_MAX = 247, UNIT_TCP_NONE = 255, WORD_BITS = 16 };

/* --- costs --- */

static uint32_t longest(uint32_t a_us, uint32_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

static uint32_t request_us(const struct modbus_io *io, const struct io_timing *timing,
                           const struct modbus_request *request)
{
    return request->function == 0 || (request->count == 0 && request->function <= MODBUS_READ_INPUT)
               ? 0
               : modbus_exchange_us(timing, request, io->answer_us);
}

/* The longest write of a wired output. */
static uint32_t write_us(const struct modbus_io *io, const struct io_timing *timing)
{
    uint32_t worst_us = 0;
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        if (io->options.outputs.given[i]) {
            struct modbus_request write = module_output_write(io, (enum lane_output)i, true, 0);
            worst_us = longest(worst_us, request_us(io, timing, &write));
        }
    }
    return worst_us;
}

static uint32_t scan_us(const struct modbus_io *io, const struct io_timing *timing,
                        uint32_t *worst_us)
{
    uint32_t sum_us = 0;
    for (size_t i = 0; i < PROFILE_BANKS_MAX; i++) {
        uint32_t inputs_us = request_us(io, timing, &io->inputs[i].read);
        uint32_t outputs_us = request_us(io, timing, &io->outputs[i].read);
        *worst_us = longest(*worst_us, longest(inputs_us, outputs_us));
        sum_us += inputs_us + outputs_us;
    }
    if (io->profile.has_keep_alive) { /* any scan may be the one that is due */
        struct modbus_request write = module_write_to(io, &io->profile.keep_alive.to, 0);
        uint32_t keep_us = request_us(io, timing, &write);
        *worst_us = longest(*worst_us, keep_us);
        sum_us += keep_us;
    }
    return sum_us;
}

static void cost_of(const struct modbus_io *io, const struct io_timing *timing, struct io_cost *out)
{
    uint32_t worst_us = 0;
    *out = (struct io_cost){.scan_us = scan_us(io, timing, &worst_us),
                            .write_us = write_us(io, timing),
                            .open_us = module_open_us(io, timing, &worst_us)};
    worst_us = longest(worst_us, out->write_us);
    uint32_t wanted_us = io->options.timeout_ms * MODULE_US_PER_MS;
    if (wanted_us == 0) {
        wanted_us =
            timing->char_ns == 0 ? BUS_TIMEOUT_TCP_MS * MODULE_US_PER_MS : worst_us + RTU_SLACK_US;
    }
    out->timeout_us = longest(wanted_us, worst_us);
}

static void io_cost(const void *state, const struct io_timing *timing, struct io_cost *out)
{
    cost_of(state, timing, out);
}

uint32_t module_timeout_us(const struct modbus_io *io, const struct io_timing *timing)
{
    struct io_cost cost;
    cost_of(io, timing, &cost);
    return cost.timeout_us;
}

static void io_wiring(const void *state, struct io_scan *out)
{
    const struct modbus_io *io = state;
    *out = (struct io_scan){.wired = io->wired, .outputs_wired = io->outputs_wired};
}

static const struct io_driver driver = {
    .name = "modbus_io",
    .wiring = io_wiring,
    .cost = io_cost,
    .open = module_open,
    .scan = module_scan,
    .write = module_write,
};

/* --- create --- */

void modbus_io_map_in_order(struct modbus_io_options *options)
{
    const struct module_profile *profile = options->profile;
    bool lowers = profile->fail_safe.outputs == OUTPUTS_HOLD ||
                  profile->fail_safe.outputs == OUTPUTS_OFF ||
                  profile->fail_safe.outputs == OUTPUTS_SET;
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        options->inputs.given[i] = i < profile_inputs_count(profile);
        options->inputs.channel[i] = (uint8_t)i;
    }
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        options->outputs.given[i] =
            i < profile_outputs_count(profile) && (lowers || i != OUTPUT_LOWER);
        options->outputs.channel[i] = (uint8_t)i;
    }
}

/* Channels that exist, each for one name. *out_used: one bit a channel. */
static int check_map(const bool *given, const uint8_t *channels, unsigned count, unsigned limit,
                     const char *(*name)(unsigned), uint64_t *out_used, struct err_text *err)
{
    for (unsigned i = 0; i < count; i++) {
        if (!given[i]) {
            continue;
        }
        if (channels[i] >= limit) {
            return err_set(err, ERR_INVALID, "%s on channel %u: the module has %u", name(i),
                           channels[i], limit);
        }
        if (*out_used >> channels[i] & 1) {
            return err_set(err, ERR_INVALID, "%s on channel %u: already taken", name(i),
                           channels[i]);
        }
        *out_used |= UINT64_C(1) << channels[i];
    }
    return ERR_OK;
}

static const char *input_name(unsigned i)
{
    return lane_input_name((enum lane_input)i);
}

static const char *output_name(unsigned i)
{
    return lane_output_name((enum lane_output)i);
}

/* The one read of a bank: from its first wired channel to its last. */
static void plan_span(uint8_t unit, uint8_t function, uint16_t address, unsigned first,
                      unsigned count, bool packed, uint64_t used, struct module_span *out)
{
    uint64_t mine =
        used >> first & (count < MODULE_CHANNELS_MAX ? (UINT64_C(1) << count) - 1 : UINT64_MAX);
    *out = (struct module_span){0};
    if (mine == 0) {
        return;
    }
    unsigned low = (unsigned)__builtin_ctzll(mine);
    unsigned high = MODULE_CHANNELS_MAX - 1u - (unsigned)__builtin_clzll(mine);
    unsigned from = packed ? low / WORD_BITS : low;
    unsigned to = packed ? high / WORD_BITS : high;
    out->read = (struct modbus_request){.unit = unit,
                                        .function = function,
                                        .address = (uint16_t)(address + from),
                                        .count = (uint16_t)(to - from + 1)};
    out->channel = (uint8_t)(first + low);
    out->count = (uint8_t)(high - low + 1);
}

static void plan_reads(struct modbus_io *io, uint64_t inputs, uint64_t outputs)
{
    unsigned first = 0;
    for (size_t i = 0; i < io->profile.input_bank_count; i++) {
        const struct profile_input_bank *bank = &io->profile.inputs[i];
        bool packed = bank->read == MODBUS_READ_HOLDING || bank->read == MODBUS_READ_INPUT;
        plan_span(io->options.unit, bank->read, bank->address, first, bank->count, packed, inputs,
                  &io->inputs[i]);
        first += bank->count;
    }
    first = 0;
    for (size_t i = 0; i < io->profile.output_bank_count; i++) {
        const struct profile_output_bank *bank = &io->profile.outputs[i];
        uint8_t read = bank->write == PROFILE_WRITE_COIL ? MODBUS_READ_COILS : MODBUS_READ_HOLDING;
        plan_span(io->options.unit, read, bank->address, first, bank->count,
                  bank->write == PROFILE_WRITE_BIT, outputs, &io->outputs[i]);
        first += bank->count;
    }
}

static int fill(struct modbus_io *io, struct err_text *err)
{
    const struct modbus_io_options *o = &io->options;
    uint64_t inputs = 0;
    uint64_t outputs = 0;
    if (o->unit == 0 || (o->unit > UNIT_MAX && o->unit != UNIT_TCP_NONE)) {
        return err_set(err, ERR_INVALID, "unit %u: expected 1 to 247, on TCP also 255", o->unit);
    }
    io->answer_us = (o->answer_ms ? o->answer_ms : io->profile.answer_ms) * MODULE_US_PER_MS;
    io->wired = input_channels_wired(&o->inputs);
    io->outputs_wired = output_channels_wired(&o->outputs);
    int rc = check_map(o->inputs.given, o->inputs.channel, INPUT_COUNT,
                       profile_inputs_count(&io->profile), input_name, &inputs, err);
    rc = rc == ERR_OK ? check_map(o->outputs.given, o->outputs.channel, OUTPUT_COUNT,
                                  profile_outputs_count(&io->profile), output_name, &outputs, err)
                      : rc;
    if (rc == ERR_OK && io->wired == 0 && io->outputs_wired == 0) {
        rc = err_set(err, ERR_INVALID, "no input and no output wired");
    }
    if (rc == ERR_OK) {
        plan_reads(io, inputs, outputs);
        rc = module_check_lower(io, err);
    }
    return rc;
}

int modbus_io_create(const struct modbus_io_options *options, struct io_device *out,
                     struct err_text *err)
{
    if (!options->profile) {
        return err_set(err, ERR_INVALID, "%s: no profile", options->name);
    }
    struct modbus_io *io = calloc(1, sizeof(*io));
    if (!io) {
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", options->name);
    }
    io->options = *options;
    io->profile = *options->profile;
    io->options.profile = &io->profile;
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
