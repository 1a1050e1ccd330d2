/*
 * Option rows of the module types. Addresses are as on the wire. A row is data from a manual (page
 * in the comment); a new module is a new row and nothing else. Constant.
 */
#include <string.h>

#include "drivers/modbus_io/modbus_io.h"

static const struct modbus_io_profile profiles[] = {
    {
        /* Inputs and coils from 0, no timer, no watchdog: most simple modules, and the start for a
         * row of one's own. */
        .name = "generic",
        .model = "any module with discrete inputs and coils from address 0",
        .input_function = 2,
        .input_base = 0,
        .input_count = 16,
        .coil_base = 0,
        .coil_count = 16,
        .pulse = PULSE_BY_BUS,
        .answer_ms = 5,
    },
    {
        /* Waveshare "Modbus RTU Relay (B/D) 8-ch" with 8 inputs (waveshare.com/wiki/
         * Modbus_RTU_Relay_(D)): relays FC01/FC05 from 0, inputs FC02 from 0; timed flash-on: FC05
         * at 0x0200 + channel, value x 100 ms, at most 0x7FFF. */
        .name = "waveshare_rtu_relay",
        .model = "Waveshare Modbus RTU Relay, 8 channels with inputs",
        .input_function = 2,
        .input_base = 0,
        .input_count = 8,
        .coil_base = 0,
        .coil_count = 8,
        .pulse = PULSE_BY_COIL_VALUE,
        .pulse_base = 0x0200,
        .pulse_unit_ms = 100,
        .pulse_max_units = 0x7FFF,
        .answer_ms = 5,
    },
    {
        /* Moxa ioLogik E1214 (manual p95): relays 00001 (coil 0), inputs 10001 (FC02 0). Safe-mode
         * flag 14113 (FC02 0x1020) is 1 after a communication loss until it is cleared. Its pulse
         * mode has widths set per channel by the maker's tool, so the bus thread ends pulses. */
        .name = "iologik_e1214",
        .model = "Moxa ioLogik E1214, 6 inputs and 6 relays",
        .input_function = 2,
        .input_base = 0,
        .input_count = 6,
        .coil_base = 0,
        .coil_count = 6,
        .pulse = PULSE_BY_BUS,
        .check = {.function = 2,
                  .address = 0x1020,
                  .count = 1,
                  .value = 0,
                  .what = "safe-mode flag (14113) must be 0"},
        .answer_ms = 5,
    },
    {
        /* Advantech ADAM-6060 (manual p109): inputs 00001 (FC01 or FC02 by firmware; 0), relays
         * 00017 (coil 0x0010). */
        .name = "adam_6060",
        .model = "Advantech ADAM-6060, 6 inputs and 6 relays",
        .input_function = 1,
        .input_base = 0,
        .input_count = 6,
        .coil_base = 0x0010,
        .coil_count = 6,
        .pulse = PULSE_BY_BUS,
        .answer_ms = 5,
    },
    {
        /* Advantech ADAM-4056SO (manual p425): outputs 00017-00028 (coil 0x0010), communication
         * safety enable 40215 (holding 214). Outputs only. */
        .name = "adam_4056so",
        .model = "Advantech ADAM-4056SO, 12 outputs",
        .input_count = 0,
        .coil_base = 0x0010,
        .coil_count = 12,
        .pulse = PULSE_BY_BUS,
        .check = {.function = 3,
                  .address = 214,
                  .count = 1,
                  .value = 1,
                  .what = "communication safety (40215) must be 1"},
        .answer_ms = 5,
    },
};

const struct modbus_io_profile *modbus_io_profile_at(size_t index)
{
    return index < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[index] : NULL;
}

const struct modbus_io_profile *modbus_io_profile_find(const char *name)
{
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}
