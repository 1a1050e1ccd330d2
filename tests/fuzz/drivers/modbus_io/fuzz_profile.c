/* Any bytes as a device profile: refused with a text, or a profile whose every address fits and
 * that a device can be made of. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "drivers/modbus_io/modbus_io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_profile(const struct module_profile *profile)
{
    unsigned inputs = profile_inputs_count(profile);
    unsigned outputs = profile_outputs_count(profile);
    assert(inputs + outputs > 0 && inputs <= MODULE_CHANNELS_MAX && outputs <= MODULE_CHANNELS_MAX);
    assert(memchr(profile->name, '\0', sizeof(profile->name)));
    assert(profile->answer_ms >= 1 && profile->answer_ms <= 1000);
    for (size_t i = 0; i < profile->setting_count; i++) {
        const struct profile_setting *setting = &profile->settings[i];
        assert(setting->count >= 1 && setting->count <= PROFILE_VALUES_MAX);
        assert(setting->address + setting->count <= 65536u);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct module_profile profile;
    struct io_device device = {0};
    struct err_text err = {""};
    if (profile_parse("f", (const char *)data, size, &profile, &err) != ERR_OK) {
        assert(err.text[0] == 'f' && err.text[1] == ':');
        return 0;
    }
    check_profile(&profile);
    struct modbus_io_options options = {.name = "m", .profile = &profile, .unit = 1};
    modbus_io_map_in_order(&options);
    if (modbus_io_create(&options, &device, &err) == ERR_OK) {
        static const struct io_timing slow = {.char_ns = 1000000, .gap_us = 4000};
        struct io_cost cost;
        device.driver->cost(device.state, &slow, &cost);
        assert(cost.scan_us > 0 && cost.timeout_us > 0);
    } else {
        assert(err.text[0]);
    }
    modbus_io_destroy(&device);
    return 0;
}
