/*
 * What a raw write would reach: never a boom, neither by its coil or register nor by a pulse or a
 * fail-safe value, nor by an address the profile does not name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "drivers/modbus_io/modbus_io.h"
#include "drivers/modbus_io/profile.h"

static void make(const char *name, bool boom, struct io_device *out)
{
    static struct module_profile profile;
    struct err_text err = {""};
    char path[64];
    (void)snprintf(path, sizeof(path), "drivers/profiles/module/%s.yaml", name);
    assert_int_equal(profile_load(path, &profile, &err), ERR_OK);
    struct modbus_io_options options = {.name = "m", .profile = &profile, .unit = 7};
    modbus_io_map_in_order(&options);
    if (!boom) {
        options.outputs.given[OUTPUT_RAISE] = false;
        options.outputs.given[OUTPUT_LOWER] = false;
    }
    assert_int_equal(modbus_io_create(&options, out, &err), ERR_OK);
    assert_int_equal(modbus_io_unit(out), 7);
}

struct row {
    bool coil;
    uint16_t address;
    enum modbus_io_reach reach;
};

static void check(const struct io_device *device, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(modbus_io_reach_of(device, rows[i].coil, rows[i].address), rows[i].reach);
    }
}

static void a_relay_coil_its_pulse_and_a_neighbour(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {true, 0, MODBUS_IO_MOTION},        /* raise */
        {true, 1, MODBUS_IO_MOTION},        /* lower */
        {true, 0x0200, MODBUS_IO_MOTION},   /* raise's pulse */
        {true, 0x0201, MODBUS_IO_MOTION},   /* lower's pulse */
        {true, 3, MODBUS_IO_HARMLESS},      /* red */
        {true, 0x0203, MODBUS_IO_HARMLESS}, /* red's pulse */
        {true, 0x00FF, MODBUS_IO_UNNAMED},  /* all relays at once, the maker says elsewhere */
        {false, 0x4000, MODBUS_IO_UNNAMED}, /* the unit's address */
        {false, 0, MODBUS_IO_UNNAMED}};
    struct io_device device = {0};
    make("waveshare_rtu_relay", true, &device);
    check(&device, rows, sizeof(rows) / sizeof(rows[0]));
    assert_false(modbus_io_has_watchdog(&device));
    modbus_io_destroy(&device);
}

static void a_command_word_and_the_fail_safe_of_lower(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {false, 0, MODBUS_IO_MOTION}, /* all eight bits */
        {false, 16, MODBUS_IO_MOTION},   {false, 17, MODBUS_IO_MOTION},
        {false, 19, MODBUS_IO_HARMLESS}, /* red's fail-safe */
        {false, 1, MODBUS_IO_HARMLESS},  /* watchdog */
        {false, 2, MODBUS_IO_HARMLESS},  /* keep-alive */
        {false, 30, MODBUS_IO_UNNAMED},  {true, 0, MODBUS_IO_UNNAMED}};
    struct io_device device = {0};
    make("barrier_registers", true, &device);
    check(&device, rows, sizeof(rows) / sizeof(rows[0]));
    assert_true(modbus_io_has_watchdog(&device));
    modbus_io_destroy(&device);
}

static void a_module_without_a_boom_may_be_written_anywhere(void **state)
{
    (void)state;
    struct io_device device = {0};
    make("waveshare_rtu_relay", false, &device);
    assert_int_equal(modbus_io_reach_of(&device, true, 0), MODBUS_IO_HARMLESS);
    assert_int_equal(modbus_io_reach_of(&device, false, 0x4000), MODBUS_IO_HARMLESS);
    modbus_io_destroy(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relay_coil_its_pulse_and_a_neighbour),
        cmocka_unit_test(a_command_word_and_the_fail_safe_of_lower),
        cmocka_unit_test(a_module_without_a_boom_may_be_written_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
