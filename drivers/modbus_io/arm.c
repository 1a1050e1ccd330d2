/*
 * What is done on each connect before any output moves: is it the model the profile is of
 * (identify.c), are its settings so, is its watchdog armed, what would its outputs do without us
 * (safety rule 2). Only what the profile lets us write is written. Owner: the bus thread.
 */

#include "drivers/modbus_io/module.h"

/* --- settings --- */

/* ERR_STALE: read, and not as it must be. */
static int compare_setting(const struct modbus_io *io, struct modbus_link *link,
                           const struct profile_setting *setting, struct err_text *err)
{
    struct modbus_request request =
        module_read_of(io, setting->read, setting->address, setting->count);
    struct modbus_answer answer;
    int rc = module_exchange(io, link, &request, &answer, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "read %s", setting->what);
    }
    for (unsigned i = 0; i < setting->count; i++) {
        unsigned found = module_value_at(&answer, setting->read, i);
        if (found != setting->value) {
            return err_set(err, ERR_STALE, "%s is %u, expected %u", setting->what, found,
                           setting->value);
        }
    }
    return ERR_OK;
}

static int run_setting(const struct modbus_io *io, struct modbus_link *link,
                       const struct profile_setting *setting, struct err_text *err)
{
    int rc = compare_setting(io, link, setting, err);
    for (uint16_t i = 0; rc == ERR_STALE && setting->writes && i < setting->count; i++) {
        struct modbus_request request = module_write_to(io, &setting->write, i);
        struct modbus_answer answer;
        int written = module_exchange(io, link, &request, &answer, err);
        if (written != ERR_OK) {
            return err_prefix(err, written, "write %s", setting->what);
        }
    }
    if (rc == ERR_STALE && setting->writes) {
        rc = compare_setting(io, link, setting, err);
    }
    return rc == ERR_STALE ? ERR_INVALID : rc;
}

static int run_settings(const struct modbus_io *io, struct modbus_link *link,
                        const struct profile_setting *settings, size_t count, struct err_text *err)
{
    int rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = run_setting(io, link, &settings[i], err);
    }
    return rc;
}

/* --- fail-safe values --- */

static bool rests_energised(const struct modbus_io *io, unsigned output)
{
    return (io->options.outputs.active_low & OUTPUT_BIT(output)) != 0;
}

static struct modbus_request fail_safe_read(const struct modbus_io *io)
{
    const struct profile_fail_safe *fail_safe = &io->profile.fail_safe;
    return module_read_of(io, fail_safe->read, fail_safe->address,
                          (uint16_t)profile_outputs_count(&io->profile));
}

static struct modbus_request fail_safe_write(const struct modbus_io *io, unsigned output)
{
    const struct profile_fail_safe *fail_safe = &io->profile.fail_safe;
    const struct profile_write_to to = {
        .write = fail_safe->read == MODBUS_READ_COILS ? PROFILE_WRITE_COIL : PROFILE_WRITE_REGISTER,
        .address = fail_safe->address,
        .value = rests_energised(io, output)};
    return module_write_to(io, &to, io->options.outputs.channel[output]);
}

/* OUTPUT_BITs that would act, of those that are wired. */
static int fail_safe_acts(const struct modbus_io *io, struct modbus_link *link, uint32_t *out,
                          struct err_text *err)
{
    struct modbus_request request = fail_safe_read(io);
    struct modbus_answer answer;
    int rc = module_exchange(io, link, &request, &answer, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "read fail-safe values");
    }
    *out = 0;
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        unsigned value = module_value_at(&answer, request.function, io->options.outputs.channel[i]);
        bool acts = (value != 0) != rests_energised(io, i);
        *out |= acts && io->options.outputs.given[i] ? OUTPUT_BIT(i) : 0;
    }
    return ERR_OK;
}

static int run_fail_safe(const struct modbus_io *io, struct modbus_link *link, struct err_text *err)
{
    if (io->profile.fail_safe.outputs != OUTPUTS_SET || io->outputs_wired == 0) {
        return ERR_OK;
    }
    uint32_t acts = 0;
    int rc = fail_safe_acts(io, link, &acts, err);
    bool wrote = false;
    for (unsigned i = 0; rc == ERR_OK && io->profile.fail_safe.write && i < OUTPUT_COUNT; i++) {
        if (acts & OUTPUT_BIT(i)) {
            struct modbus_request request = fail_safe_write(io, i);
            struct modbus_answer answer;
            rc = module_exchange(io, link, &request, &answer, err);
            rc = rc == ERR_OK ? rc : err_prefix(err, rc, "write fail-safe values");
            wrote = true;
        }
    }
    rc = rc == ERR_OK && wrote ? fail_safe_acts(io, link, &acts, err) : rc;
    if (rc != ERR_OK) {
        return rc;
    }
    uint32_t bad = io->profile.fail_safe.write ? acts : acts & OUTPUT_BIT(OUTPUT_LOWER);
    return bad ? err_set(err, ERR_INVALID, "fail-safe value of %s acts, expected it at rest",
                         lane_output_name((enum lane_output)__builtin_ctz(bad)))
               : ERR_OK;
}

int module_open(void *state, struct modbus_link *link, struct err_text *err)
{
    struct modbus_io *io = state;
    const struct module_profile *profile = &io->profile;
    io->keep_alive_at = (struct mono_time){0}; /* with the first scan */
    int rc = module_identify(io, link, err);
    rc = rc == ERR_OK ? run_settings(io, link, profile->settings, profile->setting_count, err) : rc;
    rc = rc == ERR_OK ? run_fail_safe(io, link, err) : rc; /* before the watchdog that uses them */
    return rc == ERR_OK ? run_settings(io, link, profile->watchdog, profile->watchdog_count, err)
                        : rc;
}

/* --- costs --- */

static uint32_t settings_us(const struct modbus_io *io, const struct io_timing *timing,
                            const struct profile_setting *settings, size_t count,
                            uint32_t *worst_us)
{
    uint32_t sum_us = 0;
    for (size_t i = 0; i < count; i++) {
        const struct profile_setting *s = &settings[i];
        uint32_t read_us =
            module_step_us(io, timing, module_read_of(io, s->read, s->address, s->count), worst_us);
        sum_us += read_us;
        if (s->writes) {
            uint32_t write_us =
                module_step_us(io, timing, module_write_to(io, &s->write, 0), worst_us);
            sum_us += s->count * write_us + read_us;
        }
    }
    return sum_us;
}

uint32_t module_open_us(const struct modbus_io *io, const struct io_timing *timing,
                        uint32_t *worst_us)
{
    const struct module_profile *profile = &io->profile;
    uint32_t sum_us = module_identify_us(io, timing, worst_us);
    sum_us += settings_us(io, timing, profile->settings, profile->setting_count, worst_us);
    sum_us += settings_us(io, timing, profile->watchdog, profile->watchdog_count, worst_us);
    if (profile->fail_safe.outputs != OUTPUTS_SET || io->outputs_wired == 0) {
        return sum_us;
    }
    uint32_t read_us = module_step_us(io, timing, fail_safe_read(io), worst_us);
    sum_us += read_us;
    if (profile->fail_safe.write) {
        for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
            if (io->options.outputs.given[i]) {
                sum_us += module_step_us(io, timing, fail_safe_write(io, i), worst_us);
            }
        }
        sum_us += read_us;
    }
    return sum_us;
}

/* --- a lower of the module's own --- */

int module_check_lower(const struct modbus_io *io, struct err_text *err)
{
    if (io->options.raise_maintained && (io->outputs_wired & OUTPUT_BIT(OUTPUT_RAISE)) &&
        io->profile.fail_safe.outputs != OUTPUTS_HOLD) {
        return err_set(err, ERR_INVALID,
                       "outputs.raise: profile '%s' could release a raise that is maintained, and "
                       "so lower the boom (safety rule 2), expected a module that holds",
                       io->profile.name);
    }
    if (!(io->outputs_wired & OUTPUT_BIT(OUTPUT_LOWER))) {
        return ERR_OK;
    }
    enum profile_outputs acts = rests_energised(io, OUTPUT_LOWER) ? OUTPUTS_OFF : OUTPUTS_ON;
    const struct module_profile *profile = &io->profile;
    if (profile->fail_safe.outputs == acts) {
        return err_set(err, ERR_INVALID,
                       "outputs.lower: the fail-safe of profile '%s' would lower the boom "
                       "(safety rule 2), expected lower on another module",
                       profile->name);
    }
    if (profile->fail_safe.outputs == OUTPUTS_UNKNOWN) {
        return err_set(err, ERR_INVALID,
                       "outputs.lower: what profile '%s' does without us is unknown (safety rule "
                       "2), expected lower on a module whose fail-safe values are read back",
                       profile->name);
    }
    if (profile->on_power_up == acts || profile->on_power_up == OUTPUTS_HOLD) {
        return err_set(err, ERR_INVALID,
                       "outputs.lower: profile '%s' could lower the boom at power-up (safety rule "
                       "4), expected lower on another module",
                       profile->name);
    }
    return ERR_OK;
}
