/*
 * Scans and writes of a module. Outputs are read back each time, never remembered. Owner: the bus
 * thread.
 */
#include <string.h>

#include "drivers/modbus_io/module.h"

enum { WORD_BITS = 16 };

const struct profile_output_bank *module_output_bank(const struct modbus_io *io, uint8_t channel,
                                                     uint8_t *out_place)
{
    const struct profile_output_bank *bank = io->profile.outputs;
    while (channel >= bank->count) { /* create has checked that the channel exists */
        channel = (uint8_t)(channel - bank->count);
        bank++;
    }
    *out_place = channel;
    return bank;
}

int module_exchange(const struct modbus_io *io, struct modbus_link *link,
                    const struct modbus_request *request, struct modbus_answer *out,
                    struct err_text *err)
{
    struct io_timing timing;
    modbus_link_timing(link, &timing);
    return modbus_link_exchange(link, request, module_timeout_us(io, &timing), out, err);
}

/* --- writes --- */

struct modbus_request module_write_to(const struct modbus_io *io, const struct profile_write_to *to,
                                      uint16_t offset)
{
    struct modbus_request request = {.unit = io->options.unit,
                                     .function = MODBUS_WRITE_REGISTER,
                                     .address = (uint16_t)(to->address + offset),
                                     .value = to->value};
    if (to->write == PROFILE_WRITE_COIL) {
        request.function = MODBUS_WRITE_COIL;
        request.value = to->value ? MODULE_COIL_ON : MODULE_COIL_OFF;
    }
    return request;
}

struct modbus_request module_output_write(const struct modbus_io *io, enum lane_output output,
                                          bool on, uint16_t pulse_units)
{
    const struct output_channels *wiring = &io->options.outputs;
    uint8_t channel = wiring->channel[output];
    bool level = on != ((wiring->active_low & OUTPUT_BIT(output)) != 0);
    uint8_t place = 0;
    const struct profile_output_bank *bank = module_output_bank(io, channel, &place);
    struct modbus_request request = {.unit = io->options.unit,
                                     .function = MODBUS_WRITE_COIL,
                                     .address = (uint16_t)(bank->address + place)};
    switch (bank->write) {
    case PROFILE_WRITE_COIL:
        request.value = level ? MODULE_COIL_ON : MODULE_COIL_OFF;
        if (level && io->options.flash[output]) {
            request.value = io->options.flash[output];
        }
        if (pulse_units > 0) {
            request.address = (uint16_t)(io->profile.pulse.address + channel);
            request.value = pulse_units;
        }
        break;
    case PROFILE_WRITE_REGISTER:
        request.function = MODBUS_WRITE_REGISTER;
        request.value = level ? bank->on : bank->off;
        break;
    case PROFILE_WRITE_BIT: {
        uint16_t bit = (uint16_t)(1u << place % WORD_BITS);
        request.function = MODBUS_MASK_REGISTER;
        request.address = (uint16_t)(bank->address + place / WORD_BITS);
        request.mask = (uint16_t)~bit;
        request.value = level ? bit : 0;
        break;
    }
    }
    return request;
}

/* Units of the module's own timer for a pulse, rounded up; 0 = it cannot time this one. */
static uint16_t pulse_units(const struct modbus_io *io, enum lane_output output, uint32_t pulse_ms)
{
    const struct profile_pulse *timer = &io->profile.pulse;
    if (!io->profile.has_pulse || io->options.flash[output] ||
        (io->options.outputs.active_low & OUTPUT_BIT(output))) {
        return 0;
    }
    uint32_t units = (pulse_ms + timer->unit_ms - 1) / timer->unit_ms;
    return units <= timer->units_max ? (uint16_t)units : 0;
}

int module_write(void *state, struct modbus_link *link, enum lane_output output, bool on,
                 uint32_t pulse_ms, bool *out_self_ends, struct err_text *err)
{
    const struct modbus_io *io = state;
    struct modbus_answer answer;
    uint16_t units = on && pulse_ms > 0 ? pulse_units(io, output, pulse_ms) : 0;
    struct modbus_request request = module_output_write(io, output, on, units);
    *out_self_ends = units > 0;
    return module_exchange(io, link, &request, &answer, err);
}

/* --- scans --- */

/* The levels of a span's channels, each at its channel's bit. */
static uint64_t levels_of_bits(const struct module_span *span, const struct modbus_answer *answer)
{
    return answer->bits << span->channel;
}

static uint64_t levels_of_words(const struct module_span *span, const struct modbus_answer *answer,
                                unsigned skipped)
{
    uint64_t levels = 0;
    for (unsigned i = 0; i < span->count; i++) {
        unsigned bit = skipped + i;
        uint64_t level = answer->registers[bit / WORD_BITS] >> bit % WORD_BITS & 1;
        levels |= level << (span->channel + i);
    }
    return levels;
}

/* A value that is neither of the two says nothing of the output. */
static int levels_of_registers(const struct module_span *span, const struct modbus_answer *answer,
                               const struct profile_output_bank *bank, uint64_t *out,
                               struct err_text *err)
{
    for (unsigned i = 0; i < span->count; i++) {
        uint16_t value = answer->registers[i];
        if (value != bank->on && value != bank->off) {
            return err_set(err, ERR_CORRUPT, "register %u is 0x%04X, expected 0x%04X or 0x%04X",
                           span->read.address + i, value, bank->on, bank->off);
        }
        *out |= (uint64_t)(value == bank->on) << (span->channel + i);
    }
    return ERR_OK;
}

static int read_inputs(const struct modbus_io *io, struct modbus_link *link, uint64_t *out_levels,
                       struct err_text *err)
{
    unsigned first = 0; /* channel of the bank */
    for (size_t i = 0; i < io->profile.input_bank_count; i++) {
        const struct module_span *span = &io->inputs[i];
        const struct profile_input_bank *bank = &io->profile.inputs[i];
        if (span->read.count > 0) {
            struct modbus_answer answer;
            int rc = module_exchange(io, link, &span->read, &answer, err);
            if (rc != ERR_OK) {
                return err_prefix(err, rc, "read inputs");
            }
            bool bits = bank->read == MODBUS_READ_COILS || bank->read == MODBUS_READ_DISCRETE;
            *out_levels |=
                bits ? levels_of_bits(span, &answer)
                     : levels_of_words(span, &answer, (span->channel - first) % WORD_BITS);
        }
        first += bank->count;
    }
    return ERR_OK;
}

static int read_output_bank(const struct modbus_io *io, struct modbus_link *link, size_t bank_index,
                            unsigned first, uint64_t *out_levels, struct err_text *err)
{
    const struct module_span *span = &io->outputs[bank_index];
    const struct profile_output_bank *bank = &io->profile.outputs[bank_index];
    struct modbus_answer answer;
    int rc = module_exchange(io, link, &span->read, &answer, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (bank->write == PROFILE_WRITE_REGISTER) {
        return levels_of_registers(span, &answer, bank, out_levels, err);
    }
    *out_levels |= bank->write == PROFILE_WRITE_COIL
                       ? levels_of_bits(span, &answer)
                       : levels_of_words(span, &answer, (span->channel - first) % WORD_BITS);
    return ERR_OK;
}

static int read_outputs(const struct modbus_io *io, struct modbus_link *link, uint64_t *out_levels,
                        struct err_text *err)
{
    unsigned first = 0;
    for (size_t i = 0; i < io->profile.output_bank_count; i++) {
        if (io->outputs[i].read.count > 0) {
            int rc = read_output_bank(io, link, i, first, out_levels, err);
            if (rc != ERR_OK) {
                return err_prefix(err, rc, "read outputs");
            }
        }
        first += io->profile.outputs[i].count;
    }
    return ERR_OK;
}

/* A write that failed is due again with the next scan. */
static int keep_alive(struct modbus_io *io, struct modbus_link *link, struct err_text *err)
{
    const struct profile_keep_alive *keep = &io->profile.keep_alive;
    struct mono_time now = clock_mono(&clock_system);
    if (!io->profile.has_keep_alive || mono_before(now, io->keep_alive_at)) {
        return ERR_OK;
    }
    struct modbus_request request = module_write_to(io, &keep->to, 0);
    struct modbus_answer answer;
    int rc = module_exchange(io, link, &request, &answer, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "keep-alive");
    }
    io->keep_alive_at = mono_add_ms(now, keep->every_ms);
    return ERR_OK;
}

int module_scan(void *state, struct modbus_link *link, struct io_scan *out, struct err_text *err)
{
    struct modbus_io *io = state;
    struct io_scan found = {.wired = io->wired, .outputs_wired = io->outputs_wired};
    uint64_t inputs = 0;
    uint64_t outputs = 0;
    int rc = keep_alive(io, link, err);
    rc = rc == ERR_OK ? read_inputs(io, link, &inputs, err) : rc;
    rc = rc == ERR_OK ? read_outputs(io, link, &outputs, err) : rc;
    if (rc != ERR_OK) {
        return rc;
    }
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        uint32_t level = (uint32_t)(inputs >> io->options.inputs.channel[i] & 1);
        found.active |= level << i;
    }
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        uint32_t level = (uint32_t)(outputs >> io->options.outputs.channel[i] & 1);
        found.outputs |= level << i;
    }
    found.active = (found.active ^ io->options.inputs.active_low) & io->wired;
    found.outputs = (found.outputs ^ io->options.outputs.active_low) & io->outputs_wired;
    *out = found;
    return ERR_OK;
}
