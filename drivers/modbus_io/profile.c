/*
 * Profile files as rows of a configuration. What a row cannot say stands in the checks; what needs
 * the wiring of a site (does a fail-safe value lower its boom?) in arm.c. No state.
 */
#include "drivers/modbus_io/profile.h"

#include <stdio.h>
#include <string.h>

#include "drivers/bus/modbus_pdu.h"
#include "drivers/modbus_io/profile_rows.h"

static const struct config_name write_names[] = {{"coil", PROFILE_WRITE_COIL},
                                                 {"register", PROFILE_WRITE_REGISTER},
                                                 {"bit", PROFILE_WRITE_BIT},
                                                 {NULL, 0}};

static unsigned words_of_bits(unsigned bits)
{
    enum { WORD_BITS = 16 };
    return (bits + WORD_BITS - 1) / WORD_BITS;
}

/* ---- banks ---- */

static const struct config_option input_bank_rows[] = {
    CONFIG_OPTION(struct profile_input_bank, read, "read", CONFIG_ENUM, .names = profile_read_names,
                  .required = true, .help = "Where their levels are read."),
    WORD_ROW(struct profile_input_bank, address, "address", .required = true,
             .help = "Of the first, as on the wire (from 0)."),
    CONFIG_OPTION(struct profile_input_bank, count, "count", CONFIG_INT, .min = 1,
                  .max = MODULE_CHANNELS_MAX, .required = true,
                  .help = "Channels; of registers each is one bit, bit 0 first.")};

static int check_input_bank(void *section, const struct config_at *at, struct err_text *err)
{
    const struct profile_input_bank *bank = section;
    bool bits = bank->read == MODBUS_READ_COILS || bank->read == MODBUS_READ_DISCRETE;
    return profile_check_end(at, bank->address, bits ? bank->count : words_of_bits(bank->count),
                             err);
}

static const struct config_section input_bank_section = {
    CONFIG_ROWS(input_bank_rows, struct profile_input_bank), .check = check_input_bank};

static const struct config_option output_bank_rows[] = {
    CONFIG_OPTION(struct profile_output_bank, write, "write", CONFIG_ENUM, .names = write_names,
                  .required = true,
                  .help = "coil (FC05), register (FC06, one a channel) or bit (FC22)."),
    WORD_ROW(struct profile_output_bank, address, "address", .required = true,
             .help = "Of the first, as on the wire (from 0)."),
    CONFIG_OPTION(struct profile_output_bank, count, "count", CONFIG_INT, .min = 1,
                  .max = MODULE_CHANNELS_MAX, .required = true, .help = "Channels."),
    WORD_ROW(struct profile_output_bank, on, "on", .fallback = "1",
             .help = "write: register: its value when energised."),
    WORD_ROW(struct profile_output_bank, off, "off", .fallback = "0",
             .help = "The same when not.")};

static int check_output_bank(void *section, const struct config_at *at, struct err_text *err)
{
    const struct profile_output_bank *bank = section;
    if (bank->on == bank->off) {
        return config_refuse(at, "on", err, "the same as 'off', expected another value");
    }
    if (bank->write != PROFILE_WRITE_REGISTER && (bank->on != 1 || bank->off != 0)) {
        return config_refuse(at, bank->on != 1 ? "on" : "off", err,
                             "a value of registers, expected it with write: register only");
    }
    return profile_check_end(
        at, bank->address,
        bank->write == PROFILE_WRITE_BIT ? words_of_bits(bank->count) : bank->count, err);
}

static const struct config_section output_bank_section = {
    CONFIG_ROWS(output_bank_rows, struct profile_output_bank), .check = check_output_bank};

/* ---- timer and flashing ---- */

static const struct config_option pulse_rows[] = {
    WORD_ROW(struct profile_pulse, address, "address", .required = true,
             .help = "FC05 here + channel, its value the pulse in units."),
    CONFIG_OPTION(struct profile_pulse, unit_ms, "unit", CONFIG_DURATION, .min = 1, .max = 60000,
                  .required = true, .help = "One unit."),
    CONFIG_OPTION(struct profile_pulse, units_max, "units_max", CONFIG_INT, .min = 1, .max = 65535,
                  .required = true, .help = "Longest pulse in units; longer ones the bus ends.")};
static const struct config_section pulse_section = {CONFIG_ROWS(pulse_rows, struct profile_pulse)};

static const struct config_option flash_rows[] = {
    CONFIG_OPTION(struct profile_flash, name, "name", CONFIG_STRING, .min = 1, .required = true,
                  .help = "Name for 'flash' of a device in checkpointd.yaml."),
    WORD_ROW(struct profile_flash, value, "value", .required = true,
             .help = "FC05 with this value switches on, flashing.")};
static const struct config_section flash_section = {CONFIG_ROWS(flash_rows, struct profile_flash),
                                                    .unique = "name"};

/* ---- settings, watchdog ---- */

#define WRITE_ROWS(type, member)                                                                   \
    CONFIG_OPTION(type, member write, "write", CONFIG_ENUM, .names = write_names,                  \
                  .required = true, .help = "coil (FC05) or register (FC06)."),                    \
        WORD_ROW(type, member address, "address", .required = true,                                \
                 .help = "Of the first, as on the wire (from 0)."),                                \
        WORD_ROW(type, member value, "value", .required = true,                                    \
                 .help = "What is written; to a coil 0 or 1.")

static int check_write(const struct profile_write_to *to, const struct config_at *at,
                       struct err_text *err)
{
    if (to->write == PROFILE_WRITE_BIT) {
        return config_refuse(at, "write", err, "not possible here, expected coil or register");
    }
    return to->write == PROFILE_WRITE_COIL && to->value > 1
               ? config_refuse(at, "value", err, "out of range for a coil, expected 0 or 1")
               : 0;
}

static int check_write_section(void *section, const struct config_at *at, struct err_text *err)
{
    return check_write(section, at, err);
}

static const struct config_option write_rows[] = {WRITE_ROWS(struct profile_write_to, )};
static const struct config_section write_section = {
    CONFIG_ROWS(write_rows, struct profile_write_to), .check = check_write_section};

static const struct config_option keep_alive_rows[] = {
    WRITE_ROWS(struct profile_keep_alive, to.),
    CONFIG_OPTION(struct profile_keep_alive, every_ms, "every", CONFIG_DURATION, .min = 20,
                  .max = 60000, .required = true, .help = "Less than the watchdog's time.")};

static int check_keep_alive(void *section, const struct config_at *at, struct err_text *err)
{
    return check_write(&((struct profile_keep_alive *)section)->to, at, err);
}

static const struct config_section keep_alive_section = {
    CONFIG_ROWS(keep_alive_rows, struct profile_keep_alive), .check = check_keep_alive};

static const struct config_option setting_rows[] = {
    CONFIG_OPTION(struct profile_setting, what, "what", CONFIG_STRING, .min = 1, .required = true,
                  .help = "Its name in errors, with the manual's number."),
    CONFIG_OPTION(struct profile_setting, read, "read", CONFIG_ENUM, .names = profile_read_names,
                  .required = true, .help = "Where it is read."),
    WORD_ROW(struct profile_setting, address, "address", .required = true,
             .help = "Of the first, as on the wire (from 0)."),
    CONFIG_OPTION(struct profile_setting, count, "count", CONFIG_INT, .min = 1,
                  .max = PROFILE_VALUES_MAX, .fallback = "1", .help = "So many, each the same."),
    WORD_ROW(struct profile_setting, value, "value", .required = true,
             .help = "What each must be."),
    CONFIG_OPTION(struct profile_setting, write, "write", CONFIG_SECTION, .section = &write_section,
                  CONFIG_SEEN(struct profile_setting, writes),
                  .help = "Written when it is not so, then read again. Without: refused.")};

static int check_setting(void *section, const struct config_at *at, struct err_text *err)
{
    const struct profile_setting *setting = section;
    bool bits = setting->read == MODBUS_READ_COILS || setting->read == MODBUS_READ_DISCRETE;
    if (bits && setting->value > 1) {
        return config_refuse(at, "value", err, "out of range for one bit, expected 0 or 1");
    }
    if (setting->writes && setting->write.address + setting->count > UINT16_MAX + 1u) {
        return config_refuse(at, "write.address", err,
                             "with %u of them beyond the last address 65535", setting->count);
    }
    return profile_check_end(at, setting->address, setting->count, err);
}

static const struct config_section setting_section = {
    CONFIG_ROWS(setting_rows, struct profile_setting), .check = check_setting};

/* ---- what outputs do without us ---- */

static const struct config_name outputs_names[] = {
    {"unknown", OUTPUTS_UNKNOWN}, {"hold", OUTPUTS_HOLD}, {"off", OUTPUTS_OFF},
    {"on", OUTPUTS_ON},           {"set", OUTPUTS_SET},   {NULL, 0}};
static const struct config_name power_up_names[] = {{"unknown", OUTPUTS_UNKNOWN},
                                                    {"hold", OUTPUTS_HOLD},
                                                    {"off", OUTPUTS_OFF},
                                                    {"on", OUTPUTS_ON},
                                                    {NULL, 0}};

static const struct config_option fail_safe_rows[] = {
    CONFIG_OPTION(struct profile_fail_safe, outputs, "outputs", CONFIG_ENUM, .names = outputs_names,
                  .required = true,
                  .help = "What outputs do when the module hears nobody; set: read below."),
    CONFIG_OPTION(struct profile_fail_safe, read, "read", CONFIG_ENUM, .names = profile_read_names,
                  .help = "outputs: set: where the values are read."),
    WORD_ROW(struct profile_fail_safe, address, "address", .fallback = "0",
             .help = "Of channel 0; one bit or register a channel, not 0 = energised."),
    CONFIG_OPTION(struct profile_fail_safe, write, "write", CONFIG_BOOL, .fallback = "false",
                  .help = "We write them first: every wired output at rest.")};

static int check_fail_safe(void *section, const struct config_at *at, struct err_text *err)
{
    const struct profile_fail_safe *fail_safe = section;
    bool set = fail_safe->outputs == OUTPUTS_SET;
    if (set != (fail_safe->read != 0)) {
        return config_refuse(at, "read", err,
                             set ? "missing, expected where 'outputs: set' is read"
                                 : "without 'outputs: set', expected both or none");
    }
    bool fixed = fail_safe->read == MODBUS_READ_DISCRETE || fail_safe->read == MODBUS_READ_INPUT;
    if (fail_safe->write && (!set || fixed)) {
        return config_refuse(at, "write", err,
                             "nothing to write to, expected read: coils or holding_registers");
    }
    return 0;
}

static const struct config_section fail_safe_section = {
    CONFIG_ROWS(fail_safe_rows, struct profile_fail_safe), .check = check_fail_safe};

/* ---- wiring and barrier ---- */

static const struct config_option point_rows[] = {
    CONFIG_OPTION(struct module_profile, inputs_wired, "inputs", CONFIG_SECTION,
                  .section = &module_inputs_section,
                  CONFIG_SEEN(struct module_profile, has_inputs_wired), .help = "Input channels."),
    CONFIG_OPTION(struct module_profile, outputs_wired, "outputs", CONFIG_SECTION,
                  .section = &module_outputs_section,
                  CONFIG_SEEN(struct module_profile, has_outputs_wired),
                  .help = "Output channels.")};

static const struct config_name raise_names[] = {{"pulse", false}, {"maintained", true}, {NULL, 0}};
const struct config_name profile_feedback_names[] = {{"none", FEEDBACK_NONE},
                                                     {"open", FEEDBACK_OPEN},
                                                     {"closed", FEEDBACK_CLOSED},
                                                     {"both", FEEDBACK_BOTH},
                                                     {NULL, 0}};
const struct config_name profile_auto_close_names[] = {
    {"none", AUTO_CLOSE_NONE}, {"timer", AUTO_CLOSE_TIMER}, {"loop", AUTO_CLOSE_LOOP}, {NULL, 0}};
static const struct config_name master_names[] = {
    {"camera", MASTER_CAMERA}, {"remote_fob", MASTER_REMOTE_FOB}, {NULL, 0}};

static const struct config_option barrier_rows[] = {
    CONFIG_OPTION(struct profile_barrier, raise_maintained, "raise", CONFIG_ENUM,
                  .names = raise_names, CONFIG_SEEN(struct profile_barrier, raise_given),
                  .help = "A pulse raises, or the level is held while the boom shall be up."),
    CONFIG_OPTION(struct profile_barrier, feedback, "feedback", CONFIG_ENUM,
                  .names = profile_feedback_names,
                  CONFIG_SEEN(struct profile_barrier, feedback_given),
                  .help = "Which limit switches it reports."),
    CONFIG_OPTION(struct profile_barrier, auto_close, "auto_close", CONFIG_ENUM,
                  .names = profile_auto_close_names,
                  CONFIG_SEEN(struct profile_barrier, auto_close_given),
                  .help = "Whether its own controller closes, and by what."),
    CONFIG_OPTION(struct profile_barrier, other_masters, "other_masters", CONFIG_FLAGS,
                  .names = master_names, .help = "Who else may move it.")};
static const struct config_section barrier_section = {
    CONFIG_ROWS(barrier_rows, struct profile_barrier)};

/* ---- the whole ---- */

#define TOP_ROW(member, key_, kind_, ...)                                                          \
    CONFIG_OPTION(struct module_profile, member, key_, kind_, __VA_ARGS__)

static const struct config_option profile_rows[] = {
    TOP_ROW(name, "name", CONFIG_STRING, .min = 1, .required = true,
            .help = "The file's name without .yaml; devices in checkpointd.yaml name it."),
    TOP_ROW(model, "model", CONFIG_STRING, .min = 1, .required = true,
            .help = "Maker and model, for people and alarms."),
    TOP_ROW(answer_ms, "answer", CONFIG_DURATION, .min = 1, .max = 1000, .required = true,
            .help = "Longest time to its answer, line time not included."),
    CONFIG_ARRAY(struct module_profile, inputs, input_bank_count, "inputs",
                 .section = &input_bank_section, .help = "Banks of inputs."),
    CONFIG_ARRAY(struct module_profile, outputs, output_bank_count, "outputs",
                 .section = &output_bank_section, .help = "Banks of outputs."),
    TOP_ROW(pulse, "pulse", CONFIG_SECTION, .section = &pulse_section,
            CONFIG_SEEN(struct module_profile, has_pulse), .help = "Its own timer for pulses."),
    CONFIG_ARRAY(struct module_profile, flashes, flash_count, "flash", .section = &flash_section,
                 .help = "Coil values that flash."),
    CONFIG_ARRAY(struct module_profile, identify, identify_count, "identify",
                 .section = &profile_probe_section, .help = "What tells this model from another."),
    TOP_ROW(device_id, "device_identification", CONFIG_SECTION,
            .section = &profile_device_id_section,
            CONFIG_SEEN(struct module_profile, has_device_id),
            .help = "What it says it is, by function 43/14."),
    TOP_ROW(server_id, "server_id", CONFIG_SECTION, .section = &profile_server_id_section,
            CONFIG_SEEN(struct module_profile, has_server_id), .help = "The same, by function 17."),
    CONFIG_ARRAY(struct module_profile, settings, setting_count, "settings",
                 .section = &setting_section, .help = "What must be so before any output moves."),
    CONFIG_ARRAY(struct module_profile, watchdog, watchdog_count, "watchdog",
                 .section = &setting_section, .help = "The same, of its communication watchdog."),
    TOP_ROW(keep_alive, "keep_alive", CONFIG_SECTION, .section = &keep_alive_section,
            CONFIG_SEEN(struct module_profile, has_keep_alive),
            .help = "A write that keeps its watchdog quiet, where reading does not."),
    TOP_ROW(fail_safe, "fail_safe", CONFIG_SECTION, .section = &fail_safe_section, .required = true,
            .help = "What outputs do when it hears nobody."),
    TOP_ROW(on_power_up, "on_power_up", CONFIG_ENUM, .names = power_up_names, .required = true,
            .help = "What outputs do when its power comes back."),
    {.key = "points",
     .kind = CONFIG_SECTION,
     .size = sizeof(struct module_profile),
     .section = &(const struct config_section){CONFIG_ROWS(point_rows, struct module_profile)},
     .help = "Its wiring, where the maker fixed it."},
    TOP_ROW(barrier, "barrier", CONFIG_SECTION, .section = &barrier_section,
            .help = "The barrier it drives, where the profile is of one.")};

unsigned profile_inputs_count(const struct module_profile *profile)
{
    unsigned count = 0;
    for (size_t i = 0; i < profile->input_bank_count; i++) {
        count += profile->inputs[i].count;
    }
    return count;
}

unsigned profile_outputs_count(const struct module_profile *profile)
{
    unsigned count = 0;
    for (size_t i = 0; i < profile->output_bank_count; i++) {
        count += profile->outputs[i].count;
    }
    return count;
}

static int check_timer(const struct module_profile *profile, const struct config_at *at,
                       struct err_text *err)
{
    bool coils = profile->output_bank_count > 0;
    for (size_t i = 0; i < profile->output_bank_count; i++) {
        coils &= profile->outputs[i].write == PROFILE_WRITE_COIL;
    }
    unsigned outputs = profile_outputs_count(profile);
    if (profile->has_pulse && !coils) {
        return config_refuse(at, "pulse", err, "a timer of coils, expected outputs of coils only");
    }
    if (profile->flash_count > 0 && !coils) {
        return config_refuse(at, "flash", err, "values of coils, expected outputs of coils only");
    }
    return profile->has_pulse && profile->pulse.address + outputs > UINT16_MAX + 1u
               ? config_refuse(at, "pulse.address", err,
                               "with %u channels beyond the last address 65535", outputs)
               : 0;
}

/* ---- what moves outputs, and what must not ---- */

enum { MOVING_MAX = PROFILE_BANKS_MAX + 2 };

/* Coils, otherwise holding registers. */
struct span {
    bool coils;
    unsigned first;
    unsigned count;
};

static bool meet(const struct span *a, const struct span *b)
{
    return a->coils == b->coils && a->first < b->first + b->count && b->first < a->first + a->count;
}

static struct span bank_span(const struct profile_output_bank *bank)
{
    unsigned count = bank->write == PROFILE_WRITE_BIT ? words_of_bits(bank->count) : bank->count;
    return (struct span){bank->write == PROFILE_WRITE_COIL, bank->address, count};
}

/* Outputs, their pulses, their fail-safe values: none may stand on another's address. */
static int check_apart(const struct module_profile *p, const struct config_at *at,
                       struct span out[MOVING_MAX], size_t *out_count, struct err_text *err)
{
    const char *keys[MOVING_MAX];
    char bank_keys[PROFILE_BANKS_MAX][24];
    unsigned channels = profile_outputs_count(p);
    size_t count = 0;
    for (size_t i = 0; i < p->output_bank_count; i++) {
        (void)snprintf(bank_keys[i], sizeof(bank_keys[i]), "outputs[%zu].address", i); /* fits */
        keys[count] = bank_keys[i];
        out[count++] = bank_span(&p->outputs[i]);
    }
    if (p->has_pulse) {
        keys[count] = "pulse.address";
        out[count++] = (struct span){true, p->pulse.address, channels};
    }
    if (p->fail_safe.outputs == OUTPUTS_SET &&
        (p->fail_safe.read == MODBUS_READ_COILS || p->fail_safe.read == MODBUS_READ_HOLDING)) {
        keys[count] = "fail_safe.address";
        out[count++] =
            (struct span){p->fail_safe.read == MODBUS_READ_COILS, p->fail_safe.address, channels};
    }
    *out_count = count;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (meet(&out[i], &out[k])) {
                return config_refuse(at, keys[i], err, "overlaps %s, expected addresses of its own",
                                     keys[k]);
            }
        }
    }
    return 0;
}

/* A write of ours beside the outputs' own would move them past every guard. */
static int check_beside(const struct profile_write_to *to, unsigned count, const char *key,
                        const struct span *moving, size_t moving_count, const struct config_at *at,
                        struct err_text *err)
{
    const struct span span = {to->write == PROFILE_WRITE_COIL, to->address, count};
    for (size_t i = 0; i < moving_count; i++) {
        if (meet(&span, &moving[i])) {
            return config_refuse(at, key, err,
                                 "moves an output, its pulse or its fail-safe value, expected an "
                                 "address that is none of theirs");
        }
    }
    return 0;
}

static int check_settings(const struct profile_setting *settings, size_t count, const char *name,
                          const struct span *moving, size_t moving_count,
                          const struct config_at *at, struct err_text *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char key[40];
        (void)snprintf(key, sizeof(key), "%s[%zu].write.address", name, i); /* fits */
        if (settings[i].writes) {
            rc = check_beside(&settings[i].write, settings[i].count, key, moving, moving_count, at,
                              err);
        }
    }
    return rc;
}

static int check_moving(const struct module_profile *p, const struct config_at *at,
                        struct err_text *err)
{
    struct span moving[MOVING_MAX];
    size_t count = 0;
    int rc = check_apart(p, at, moving, &count, err);
    rc = rc == 0 ? check_settings(p->settings, p->setting_count, "settings", moving, count, at, err)
                 : rc;
    rc = rc == 0
             ? check_settings(p->watchdog, p->watchdog_count, "watchdog", moving, count, at, err)
             : rc;
    return rc == 0 && p->has_keep_alive
               ? check_beside(&p->keep_alive.to, 1, "keep_alive.address", moving, count, at, err)
               : rc;
}

static int check_profile(void *section, const struct config_at *at, struct err_text *err)
{
    const struct module_profile *profile = section;
    unsigned inputs = profile_inputs_count(profile);
    unsigned outputs = profile_outputs_count(profile);
    if (inputs == 0 && outputs == 0) {
        return config_refuse(at, "", err, "neither inputs nor outputs, expected a bank of one");
    }
    if (inputs > MODULE_CHANNELS_MAX || outputs > MODULE_CHANNELS_MAX) {
        bool many_inputs = inputs > MODULE_CHANNELS_MAX;
        return config_refuse(at, many_inputs ? "inputs" : "outputs", err,
                             "%u channels, expected at most %d", many_inputs ? inputs : outputs,
                             MODULE_CHANNELS_MAX);
    }
    const struct profile_fail_safe *fail_safe = &profile->fail_safe;
    if (fail_safe->outputs == OUTPUTS_SET && fail_safe->address + outputs > UINT16_MAX + 1u) {
        return config_refuse(at, "fail_safe.address", err,
                             "with %u channels beyond the last address 65535", outputs);
    }
    int rc = check_timer(profile, at, err);
    return rc == 0 ? check_moving(profile, at, err) : rc;
}

const struct config_section module_profile_section = {
    CONFIG_ROWS(profile_rows, struct module_profile), .check = check_profile};

int profile_parse(const char *name, const char *text, size_t size, struct module_profile *out,
                  struct err_text *err)
{
    return config_parse(name, text, size, &module_profile_section, out, err);
}

int profile_load(const char *path, struct module_profile *out, struct err_text *err)
{
    struct module_profile profile;
    int rc = config_load(path, &module_profile_section, &profile, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    size_t length = strlen(profile.name);
    if (strncmp(file, profile.name, length) != 0 || strcmp(file + length, ".yaml") != 0) {
        return err_set(err, ERR_INVALID,
                       "%s: name = '%s': not the file's, expected a file '%s.yaml'", path,
                       profile.name, profile.name);
    }
    *out = profile;
    return ERR_OK;
}
