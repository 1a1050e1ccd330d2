/*
 * What a raw write of a technician's tool would reach in a module. A module that moves a boom has
 * addresses its maker gives several meanings (a register over all coils, a pulse, a group), so only
 * what its profile names is known not to move it. Pure.
 */
#include "drivers/modbus_io/modbus_io.h"
#include "drivers/modbus_io/module.h"

enum { BITS_OF_WORD = 16 };

static bool moves_boom(const struct modbus_io *io)
{
    return (io->outputs_wired & (OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER))) != 0;
}

static bool is_motion(const struct modbus_io *io, unsigned channel)
{
    static const enum lane_output motions[] = {OUTPUT_RAISE, OUTPUT_LOWER};
    for (size_t i = 0; i < sizeof(motions) / sizeof(motions[0]); i++) {
        if (io->options.outputs.given[motions[i]] &&
            io->options.outputs.channel[motions[i]] == channel) {
            return true;
        }
    }
    return false;
}

static bool is_at(const struct profile_output_bank *bank, unsigned place, bool coil,
                  uint16_t address)
{
    unsigned step = bank->write == PROFILE_WRITE_BIT ? place / BITS_OF_WORD : place;
    return coil == (bank->write == PROFILE_WRITE_COIL) && address == bank->address + step;
}

/* Of one channel: its coil or register, its pulse, its value of the fail-safe. */
static bool channel_is_at(const struct modbus_io *io, const struct profile_output_bank *bank,
                          unsigned place, unsigned channel, bool coil, uint16_t address)
{
    const struct module_profile *profile = &io->profile;
    bool safe_is_coil = profile->fail_safe.read == MODBUS_READ_COILS;
    return is_at(bank, place, coil, address) ||
           (profile->has_pulse && coil && address == profile->pulse.address + channel) ||
           (profile->fail_safe.outputs == OUTPUTS_SET && coil == safe_is_coil &&
            address == profile->fail_safe.address + channel);
}

static bool is_written(const struct profile_write_to *to, bool coil, uint16_t address)
{
    return coil == (to->write == PROFILE_WRITE_COIL) && address == to->address;
}

static bool is_setting(const struct profile_setting *settings, size_t count, bool coil,
                       uint16_t address)
{
    for (size_t i = 0; i < count; i++) {
        if (settings[i].writes && is_written(&settings[i].write, coil, address)) {
            return true;
        }
    }
    return false;
}

enum modbus_io_reach modbus_io_reach_of(const struct io_device *device, bool coil, uint16_t address)
{
    const struct modbus_io *io = device->state;
    const struct module_profile *profile = &io->profile;
    bool named = false;
    unsigned channel = 0;
    if (!moves_boom(io)) {
        return MODBUS_IO_HARMLESS;
    }
    for (size_t b = 0; b < profile->output_bank_count; b++) {
        for (unsigned place = 0; place < profile->outputs[b].count; place++, channel++) {
            if (!channel_is_at(io, &profile->outputs[b], place, channel, coil, address)) {
                continue;
            }
            if (is_motion(io, channel)) { /* a register of bits: any of them is enough */
                return MODBUS_IO_MOTION;
            }
            named = true;
        }
    }
    named |= is_setting(profile->settings, profile->setting_count, coil, address) ||
             is_setting(profile->watchdog, profile->watchdog_count, coil, address) ||
             (profile->has_keep_alive && is_written(&profile->keep_alive.to, coil, address));
    return named ? MODBUS_IO_HARMLESS : MODBUS_IO_UNNAMED;
}

uint8_t modbus_io_unit(const struct io_device *device)
{
    const struct modbus_io *io = device->state;
    return io->options.unit;
}

bool modbus_io_has_watchdog(const struct io_device *device)
{
    const struct modbus_io *io = device->state;
    return io->profile.watchdog_count > 0;
}

const char *modbus_io_model(const struct io_device *device)
{
    const struct modbus_io *io = device->state;
    return io->profile.model;
}
