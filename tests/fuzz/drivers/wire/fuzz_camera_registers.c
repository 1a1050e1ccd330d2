/* Any words as camera registers: what decodes is a sound read and encodes to a map that decodes. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "drivers/wire/camera_registers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t registers[CAMERA_REGISTERS_COUNT + 8] = {0};
    size_t count = size / 2 < CAMERA_REGISTERS_COUNT + 8 ? size / 2 : CAMERA_REGISTERS_COUNT + 8;
    struct plate_read read;
    struct plate_read again;
    uint16_t sequence;
    for (size_t i = 0; i < count; i++)
        registers[i] = (uint16_t)(data[2 * i] << 8 | data[2 * i + 1]);
    if (camera_registers_decode(registers, count, PLATE_DASH_AUTO, &read, &sequence) !=
        REGISTERS_OK)
        return 0;
    assert(sequence != 0);
    camera_registers_encode(&read, sequence, registers);
    enum registers_cause cause = camera_registers_decode(registers, CAMERA_REGISTERS_COUNT,
                                                         PLATE_DASH_AUTO, &again, &sequence);
    assert(cause == REGISTERS_OK && again.key == read.key && strcmp(again.raw, read.raw) == 0);
    read.lane = 1; /* the caller knows it */
    assert(plate_read_check(&read, NULL) == 0);
    return 0;
}
