/*
 * Device profiles: every shipped file loads, every value out of range is refused with file, line,
 * key and reason, and what the module could do by itself decides whether a boom may be lowered
 * through it.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/bus/modbus_link.h"
#include "drivers/modbus_io/modbus_io.h"
#include "drivers/modbus_io/profile.h"
#include "gateway/base/file.h"

static const char good[] = "name: x\n"                                             /* 1 */
                           "model: a module\n"                                     /* 2 */
                           "answer: 5ms\n"                                         /* 3 */
                           "inputs: [{read: coils, address: 0, count: 6}]\n"       /* 4 */
                           "outputs: [{write: coil, address: 0x0010, count: 6}]\n" /* 5 */
                           "fail_safe: {outputs: off}\n"                           /* 6 */
                           "on_power_up: off\n";                                   /* 7 */

static void the_table_itself_is_sound(void **state)
{
    (void)state;
    struct err_text err = {""};
    assert_int_equal(config_section_check(&module_profile_section, &err), ERR_OK);
    assert_string_equal(err.text, "");
}

static void every_shipped_profile_loads_and_makes_a_device(void **state)
{
    (void)state;
    glob_t files;
    assert_int_equal(glob("drivers/profiles/module/*.yaml", 0, NULL, &files), 0);
    assert_int_equal(files.gl_pathc, 7);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct module_profile profile;
        struct io_device device = {0};
        struct err_text err = {""};
        int rc = profile_load(files.gl_pathv[i], &profile, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(rc, ERR_OK);
        struct modbus_io_options options = {.name = "m", .profile = &profile, .unit = 1};
        modbus_io_map_in_order(&options);
        assert_int_equal(modbus_io_create(&options, &device, &err), ERR_OK);
        modbus_io_destroy(&device);
    }
    globfree(&files);
}

/* "`key`", or behind a dot in a code span: "`barrier.raise`". */
static bool is_documented(const char *manual, const char *key)
{
    static const char *const ways[] = {"`%s`", ".%s`", "`%s."};
    bool found = false;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char text[64];
        char *percent = strstr(ways[i], "%s");
        int before = (int)(percent - ways[i]);
        (void)snprintf(text, sizeof(text), "%.*s%s%s", before, ways[i], key, percent + 2);
        found = found || strstr(manual, text) != NULL;
    }
    return found;
}

static void the_manual_names_every_key(void **state)
{
    (void)state;
    const struct config_section *waiting[32] = {&module_profile_section};
    size_t count = 1;
    uint8_t *manual = NULL;
    size_t size = 0;
    assert_int_equal(file_read("drivers/profiles/README.md", 65536, &manual, &size, NULL), ERR_OK);
    while (count > 0) {
        const struct config_section *section = waiting[--count];
        for (size_t i = 0; i < section->option_count; i++) {
            const struct config_option *option = &section->options[i];
            bool channel = section == &module_inputs_section || section == &module_outputs_section;
            if (!is_documented((const char *)manual, option->key) &&
                !(channel && option->kind == CONFIG_INT)) {
                fail_msg("'%s' is not documented", option->key);
            }
            if (option->section) {
                assert_true(count < sizeof(waiting) / sizeof(waiting[0]));
                waiting[count++] = option->section;
            }
        }
    }
    free(manual);
}

/* `good` with one line replaced, or one more behind the last. */
static void edit(int line, const char *text, char out[1024])
{
    const char *at = good;
    char *to = out;
    for (int i = 1; *at; i++) {
        size_t length = strcspn(at, "\n") + 1;
        int n = i == line ? snprintf(to, 512, "%s\n", text)
                          : snprintf(to, 512, "%.*s", (int)length, at);
        to += n;
        at += length;
    }
    if (line > 7) {
        (void)snprintf(to, 512, "%s\n", text);
    }
}

/* One line of `good` made wrong, and what is said of it. */
struct wrong {
    int line;
    const char *text;
    const char *says; /* behind "f:LINE: " */
};

static void expect_refused(const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[1024];
        char place[16];
        struct module_profile profile;
        struct err_text err = {""};
        edit(cases[i].line, cases[i].text, text);
        assert_int_equal(profile_parse("f", text, strlen(text), &profile, &err), ERR_INVALID);
        int n = snprintf(place, sizeof(place), "f:%d: ", cases[i].line);
        if (strncmp(err.text, place, (size_t)n) != 0 || !strstr(err.text, cases[i].says)) {
            fail_msg("'%s' says '%s', expected '%s%s'", cases[i].text, err.text, place,
                     cases[i].says);
        }
    }
}

#define EXPECT_REFUSED(cases) expect_refused(cases, sizeof(cases) / sizeof((cases)[0]))

static void wrong_banks_are_named_with_place_and_reason(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {4, "inputs: [{read: coils, address: 65536, count: 6}]",
         "inputs[0].address = '65536': not a 16-bit number"},
        {4, "inputs: [{read: coils, address: 0x12345, count: 6}]",
         "inputs[0].address = '0x12345': not a 16-bit number"},
        {4, "inputs: [{read: coils, address: 010, count: 6}]", "inputs[0].address = '010'"},
        {4, "inputs: [{read: coils, address: -1, count: 6}]", "inputs[0].address = '-1'"},
        {4, "inputs: [{read: coils, address: 65530, count: 7}]",
         "inputs[0].address = '65530': with 7 of them beyond the last address 65535"},
        {4, "inputs: [{read: holding_registers, address: 65535, count: 17}]",
         "inputs[0].address = '65535': with 2 of them beyond"},
        {4, "inputs: [{read: coils, address: 0, count: 0}]", "inputs[0].count = '0'"},
        {4, "inputs: [{read: coils, address: 0, count: 65}]", "inputs[0].count = '65'"},
        {4, "inputs: [{read: coil, address: 0, count: 6}]", "inputs[0].read = 'coil'"},
        {4, "inputs: [{read: coils, addres: 0, count: 6}]", "inputs[0].addres: unknown key"},
        {5, "outputs: [{write: coil, address: 0, count: 6, on: 2}]",
         "outputs[0].on = '2': a value of registers"},
        {5, "outputs: [{write: register, address: 0, count: 6, on: 0}]",
         "outputs[0].on = '0': the same as 'off'"},
        {5,
         "outputs: [{write: coil, address: 0, count: 40}, {write: coil, address: 40, count: 40}]",
         "outputs: 80 channels, expected at most 64"},
        {3, "answer: 5", "answer = '5'"},
        {3, "answer: 2s", "answer = '2s'"},
        {8, "pulse: {address: 0xFFFF, unit: 100ms, units_max: 100}",
         "pulse.address = '0xFFFF': with 6 channels beyond"},
        {8, "pulse: {address: 0, unit: 0ms, units_max: 100}", "pulse.unit = '0ms'"},
        {8, "flash: [{name: a, value: 1}, {name: a, value: 2}]",
         "flash[1].name = 'a': already given"},
    };
    EXPECT_REFUSED(cases);
}

static void wrong_words_on_outputs_without_us_are_named(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {6, "fail_safe: {outputs: set}", "fail_safe.read: missing"},
        {6, "fail_safe: {outputs: off, read: coils}",
         "fail_safe.read = 'coils': without 'outputs: set'"},
        {6, "fail_safe: {outputs: set, read: input_registers, write: true}",
         "fail_safe.write = 'true': nothing to write to"},
        {6, "fail_safe: {outputs: set, read: coils, address: 65533}",
         "fail_safe.address = '65533': with 6 channels beyond"},
        {7, "on_power_up: set", "on_power_up = 'set'"},
        {7, "power_up: off", "power_up: unknown key"},
    };
    EXPECT_REFUSED(cases);
}

static void wrong_settings_are_named_with_place_and_reason(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {8, "settings: [{what: w, read: coils, address: 0, value: 2}]",
         "settings[0].value = '2': out of range for one bit"},
        {8, "settings: [{what: w, read: coils, address: 0, count: 17, value: 1}]",
         "settings[0].count = '17'"},
        {8,
         "watchdog: [{what: w, read: coils, address: 0, value: 1, write: {write: bit, address: 0, "
         "value: 1}}]",
         "watchdog[0].write.write = 'bit': not possible here"},
        {8,
         "watchdog: [{what: w, read: coils, address: 0, value: 1, write: {write: coil, address: 0, "
         "value: 2}}]",
         "watchdog[0].write.value = '2': out of range for a coil"},
        {8,
         "watchdog: [{what: w, read: coils, address: 0, count: 2, value: 1, write: {write: coil, "
         "address: 65535, value: 1}}]",
         "watchdog[0].write.address = '65535': with 2 of them beyond"},
        {8, "keep_alive: {write: register, address: 0, value: 1, every: 5ms}",
         "keep_alive.every = '5ms'"},
    };
    EXPECT_REFUSED(cases);
}

static void outputs_that_meet_are_named_with_place_and_reason(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {5, "outputs: [{write: coil, address: 0, count: 6}, {write: coil, address: 5, count: 2}]",
         "outputs[1].address = '5': overlaps outputs[0].address"},
        {8, "pulse: {address: 20, unit: 100ms, units_max: 100}",
         "pulse.address = '20': overlaps outputs[0].address"},
        {6, "fail_safe: {outputs: set, read: coils, address: 12, write: true}",
         "fail_safe.address = '12': overlaps outputs[0].address"},
        {8,
         "settings: [{what: w, read: coils, address: 0, count: 3, value: 1, write: {write: coil, "
         "address: 14, value: 1}}]",
         "settings[0].write.address = '14': moves an output"},
        {8,
         "watchdog: [{what: w, read: coils, address: 0, value: 1, write: {write: coil, address: "
         "21, "
         "value: 1}}]",
         "watchdog[0].write.address = '21': moves an output"},
        {8, "keep_alive: {write: coil, address: 16, value: 1, every: 500ms}",
         "keep_alive.address = '16': moves an output"},
    };
    EXPECT_REFUSED(cases);
}

static void wrong_identification_is_named_with_place_and_reason(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {8, "identify: [{what: w, read: coils, address: 0, answer: maybe}]",
         "identify[0].answer = 'maybe'"},
        {8, "identify: [{what: w, read: coils, address: 0, value: 0x4056}]",
         "identify[0].value = '0x4056': out of range for one bit"},
        {8, "identify: [{what: w, read: input_registers, address: 0, answer: text}]",
         "identify[0].text: missing"},
        {8, "identify: [{what: w, read: input_registers, address: 0, text: AB}]",
         "identify[0].answer: not the 'text' that is given"},
        {8, "identify: [{what: w, read: coils, address: 0, answer: text, text: AB}]",
         "identify[0].answer = 'text': a text of registers"},
        {8, "identify: [{what: w, read: input_registers, address: 0, answer: text, text: ABC}]",
         "identify[0].text = 'ABC': longer than 1 registers"},
        {8, "identify: [{what: w, read: input_registers, address: 0, count: 2, value: 1}]",
         "identify[0].count = '2': of a text"},
        {8,
         "identify: [{what: w, read: input_registers, address: 0, count: 17, answer: text, text: "
         "A}]",
         "identify[0].count = '17'"},
        {8,
         "identify: [{what: w, read: input_registers, address: 65535, count: 2, answer: text, "
         "text: A}]",
         "identify[0].address = '65535': with 2 of them beyond"},
        {8, "identify: [{what: w, read: input_registers, address: 0, answer: text, text: é}]",
         "identify[0].text = 'é': not ASCII"},
        {8, "device_identification: {required: true}",
         "device_identification.vendor: missing, and product and revision too"},
        {8, "device_identification: {model: x}", "device_identification.model: unknown key"},
        {8, "device_identification: {product: ''}", "device_identification.product = ''"},
        {8, "device_identification: {product: 门}",
         "device_identification.product = '门': not ASCII"},
        {8, "device_identification: {product: x, answer_max: 31}",
         "device_identification.answer_max = '31'"},
        {8, "device_identification: {product: x, answer_max: 255}",
         "device_identification.answer_max = '255'"},
        {8, "server_id: {required: true}", "server_id.id: missing, and text too"},
        {8, "server_id: {id: B}", "server_id.id = 'B': not bytes in hex"},
        {8, "server_id: {id: 'B4 F'}", "server_id.id = 'B4 F': not bytes in hex"},
        {8, "server_id: {id: 'B4 '}", "server_id.id = 'B4 ': not bytes in hex"},
        {8, "server_id: {id: '00 11 22 33 44 55 66 77 88'}", "not bytes in hex"},
    };
    EXPECT_REFUSED(cases);
}

static void wrong_wiring_is_named_with_place_and_reason(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {8, "points: {inputs: {obstacle: 0}}",
         "points.inputs.obstacle = '0': a safety input without polarity"},
        {8, "points: {inputs: {obstacle: 0, active_low: obstacle, active_high: obstacle}}",
         "points.inputs.active_high = 'obstacle': 'obstacle' also stands in 'active_low'"},
        {8, "points: {inputs: {limit_open: 0, active_low: presence}}",
         "points.inputs.active_low = 'presence': 'presence' is not wired here"},
        {8, "points: {outputs: {red: 0, active_low: stop}}",
         "points.outputs.active_low = 'stop': 'stop' is not wired here"},
        {8, "barrier: {raise: pulsed}", "barrier.raise = 'pulsed'"},
        {8, "barrier: {feedback: some}", "barrier.feedback = 'some'"},
        {8, "barrier: {other_masters: [camera, dog]}", "barrier.other_masters[1] = 'dog'"},
    };
    EXPECT_REFUSED(cases);
}

static void a_profile_without_any_channel_or_key_is_refused(void **state)
{
    (void)state;
    static const char empty[] =
        "name: x\nmodel: m\nanswer: 5ms\nfail_safe: {outputs: off}\non_power_up: off\n";
    struct module_profile profile;
    struct err_text err = {""};
    assert_int_equal(profile_parse("f", empty, strlen(empty), &profile, &err), ERR_INVALID);
    assert_string_equal(err.text, "f:1: neither inputs nor outputs, expected a bank of one");
    for (int line = 1; line <= 7; line++) { /* each line in turn is missing */
        char text[1024];
        edit(line, "", text);
        int rc = profile_parse("f", text, strlen(text), &profile, &err);
        assert_int_equal(rc, line == 4 || line == 5 ? ERR_OK : ERR_INVALID);
    }
}

/* --- the file --- */

static void a_file_bears_its_profiles_name(void **state)
{
    (void)state;
    char path[] = "/tmp/profile.XXXXXX.yaml";
    struct module_profile profile;
    struct err_text err = {""};
    int fd = mkstemps(path, (int)strlen(".yaml"));
    assert_true(fd >= 0);
    assert_int_equal(write(fd, good, strlen(good)), (ssize_t)strlen(good));
    close(fd);
    assert_int_equal(profile_load(path, &profile, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, ": name = 'x': not the file's, expected a file 'x.yaml'"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(profile_load(path, &profile, &err), ERR_NOT_FOUND);
}

/* --- what the module does by itself --- */

static int create_lowering(const char *fail_safe, const char *power_up, bool active_low,
                           struct err_text *err)
{
    char text[1024];
    char line[96];
    struct module_profile profile;
    struct io_device device = {0};
    (void)snprintf(line, sizeof(line), "fail_safe: {outputs: %s}\non_power_up: %s", fail_safe,
                   power_up);
    edit(6, line, text);
    text[strlen(text) - strlen("on_power_up: off\n")] = '\0'; /* the line of `good` */
    assert_int_equal(profile_parse("f", text, strlen(text), &profile, err), ERR_OK);
    struct modbus_io_options options = {.name = "m", .profile = &profile, .unit = 1};
    options.outputs.given[OUTPUT_RAISE] = true;
    options.outputs.given[OUTPUT_LOWER] = true;
    options.outputs.channel[OUTPUT_LOWER] = 1;
    options.outputs.active_low = active_low ? OUTPUT_BIT(OUTPUT_LOWER) : 0;
    err->text[0] = '\0';
    int rc = modbus_io_create(&options, &device, err);
    modbus_io_destroy(&device);
    return rc;
}

static void a_module_that_could_lower_by_itself_gets_no_lower(void **state)
{
    (void)state;
    static const struct {
        const char *fail_safe;
        const char *power_up;
        bool active_low;
        const char *says; /* NULL: allowed */
    } cases[] = {
        {"off", "off", false, NULL},
        {"hold", "unknown", false, NULL},
        {"on", "on", true, NULL},
        {"on", "off", false, "m: outputs.lower: the fail-safe of profile 'x' would lower the boom"},
        {"off", "on", true, "m: outputs.lower: the fail-safe of profile 'x' would lower the boom"},
        {"unknown", "off", false, "m: outputs.lower: what profile 'x' does without us is unknown"},
        {"off", "on", false, "m: outputs.lower: profile 'x' could lower the boom at power-up"},
        {"off", "hold", false, "m: outputs.lower: profile 'x' could lower the boom at power-up"},
        {"on", "off", true, "m: outputs.lower: profile 'x' could lower the boom at power-up"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err_text err;
        int rc = create_lowering(cases[i].fail_safe, cases[i].power_up, cases[i].active_low, &err);
        assert_int_equal(rc, cases[i].says ? ERR_INVALID : ERR_OK);
        assert_true(!cases[i].says || strncmp(err.text, cases[i].says, strlen(cases[i].says)) == 0);
    }
}

/* A raise that is maintained lowers when it is released. */
static void a_maintained_raise_wants_a_module_that_holds_it(void **state)
{
    (void)state;
    static const char *const outputs[] = {"hold", "off", "on", "unknown"};
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        char text[1024];
        char line[64];
        struct module_profile profile;
        struct io_device device = {0};
        struct err_text err = {""};
        (void)snprintf(line, sizeof(line), "fail_safe: {outputs: %s}", outputs[i]);
        edit(6, line, text);
        assert_int_equal(profile_parse("f", text, strlen(text), &profile, &err), ERR_OK);
        struct modbus_io_options options = {
            .name = "m", .profile = &profile, .unit = 1, .raise_maintained = true};
        options.outputs.given[OUTPUT_RAISE] = true;
        assert_int_equal(modbus_io_create(&options, &device, &err), i == 0 ? ERR_OK : ERR_INVALID);
        assert_true(i == 0 || strstr(err.text, "could release a raise that is maintained"));
        modbus_io_destroy(&device);
    }
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    struct module_profile profile;
    struct io_device device = {0};
    struct err_text err = {""};
    assert_int_equal(profile_parse("f", good, strlen(good), &profile, &err), ERR_OK);
    struct modbus_io_options options = {.name = "m", .profile = &profile, .unit = 248};
    modbus_io_map_in_order(&options);
    assert_int_equal(modbus_io_create(&options, &device, &err), ERR_INVALID);
    assert_string_equal(err.text, "m: unit 248: expected 1 to 247, on TCP also 255");
    options.unit = 1;
    options.inputs.channel[INPUT_PRESENCE] = 6;
    assert_int_equal(modbus_io_create(&options, &device, &err), ERR_INVALID);
    assert_string_equal(err.text, "m: presence on channel 6: the module has 6");
    options.inputs.channel[INPUT_PRESENCE] = 1;
    assert_int_equal(modbus_io_create(&options, &device, &err), ERR_INVALID);
    assert_string_equal(err.text, "m: presence on channel 1: already taken");
    options = (struct modbus_io_options){.name = "m", .profile = &profile, .unit = 1};
    assert_int_equal(modbus_io_create(&options, &device, &err), ERR_INVALID);
    assert_string_equal(err.text, "m: no input and no output wired");
    options.profile = NULL;
    assert_int_equal(modbus_io_create(&options, &device, &err), ERR_INVALID);
    assert_string_equal(err.text, "m: no profile");
}

/* --- costs --- */

static struct io_cost cost_of(const char *file, const struct io_timing *timing)
{
    struct module_profile profile;
    struct io_device device = {0};
    struct io_cost cost;
    struct err_text err;
    assert_int_equal(profile_load(file, &profile, &err), ERR_OK);
    struct modbus_io_options options = {.name = "m", .profile = &profile, .unit = 1};
    modbus_io_map_in_order(&options);
    assert_int_equal(modbus_io_create(&options, &device, &err), ERR_OK);
    device.driver->cost(device.state, timing, &cost);
    modbus_io_destroy(&device);
    return cost;
}

/* On TCP an exchange costs the answer time alone, so that costs count exchanges. */
static void every_exchange_is_in_the_costs(void **state)
{
    (void)state;
    static const struct io_timing tcp = {0};
    static const struct {
        const char *file;
        uint32_t scan, write, open; /* exchanges of 5 ms */
    } cases[] = {
        {"drivers/profiles/module/generic.yaml", 2, 1, 0},
        {"drivers/profiles/module/waveshare_rtu_relay.yaml", 2, 1, 1},
        {"drivers/profiles/module/adam_6060.yaml", 2, 1, 0},
        {"drivers/profiles/module/adam_4056so.yaml", 1, 1, 3},
        {"drivers/profiles/module/tower_light.yaml", 1, 1, 0},
        /* three probes; six flags read, cleared, read */
        {"drivers/profiles/module/iologik_e1214.yaml", 2, 1, 3 + 1 + 6 + 1},
        /* keep-alive in the scan; probe; eight fail-safe values read, written, read; watchdog the
           same */
        {"drivers/profiles/module/barrier_registers.yaml", 3, 1, 1 + 1 + 8 + 1 + 3},
        /* a technician's: two probes, an identification in three parts, a server id; the rest alike
         */
        {"tests/contract/io/profiles/site_module.yaml", 6, 2, 2 * (2 + 3 + 1 + 1 + 8 + 1 + 3)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct io_cost cost = cost_of(cases[i].file, &tcp);
        assert_int_equal(cost.scan_us, cases[i].scan * 5000);
        assert_int_equal(cost.write_us, cases[i].write * 5000);
        assert_int_equal(cost.open_us, cases[i].open * 5000);
    }
}

static void a_masked_write_costs_its_longer_frames(void **state)
{
    (void)state;
    struct io_timing rtu;
    modbus_timing_rtu(38400, 11, &rtu);
    struct io_cost bits = cost_of("drivers/profiles/module/barrier_registers.yaml", &rtu);
    struct io_cost coils = cost_of("drivers/profiles/module/generic.yaml", &rtu);
    uint32_t longer_us = 4 * rtu.char_ns / 1000; /* 2 characters each way; rounded up */
    assert_in_range(bits.write_us - coils.write_us, longer_us, longer_us + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_itself_is_sound),
        cmocka_unit_test(every_shipped_profile_loads_and_makes_a_device),
        cmocka_unit_test(the_manual_names_every_key),
        cmocka_unit_test(wrong_banks_are_named_with_place_and_reason),
        cmocka_unit_test(wrong_words_on_outputs_without_us_are_named),
        cmocka_unit_test(wrong_settings_are_named_with_place_and_reason),
        cmocka_unit_test(outputs_that_meet_are_named_with_place_and_reason),
        cmocka_unit_test(wrong_identification_is_named_with_place_and_reason),
        cmocka_unit_test(wrong_wiring_is_named_with_place_and_reason),
        cmocka_unit_test(a_profile_without_any_channel_or_key_is_refused),
        cmocka_unit_test(a_file_bears_its_profiles_name),
        cmocka_unit_test(a_module_that_could_lower_by_itself_gets_no_lower),
        cmocka_unit_test(a_maintained_raise_wants_a_module_that_holds_it),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(every_exchange_is_in_the_costs),
        cmocka_unit_test(a_masked_write_costs_its_longer_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
