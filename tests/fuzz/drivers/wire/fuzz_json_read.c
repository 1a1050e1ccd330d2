/* Any bytes as a json datagram: what decodes is a sound read of a camera. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "drivers/wire/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_reader *reader;
    static struct camera_table *cameras;
    if (!reader) {
        const struct camera_options camera = {.id = 7,
                                              .lane = 3,
                                              .format = WIRE_JSON,
                                              .binding = {.port = 9841},
                                              .device_id = "37080000001211000007"};
        struct json_fields fields;
        json_fields_default(&fields);
        if (json_reader_create(&fields, &reader, NULL) != 0 ||
            camera_table_create(&camera, 1, &cameras, NULL) != 0)
            abort();
    }
    struct plate_read read;
    if (json_reader_decode(reader, cameras, data, size, &read) != JSON_CAUSE_OK)
        return 0;
    assert(read.camera != 0);
    if (read.lane == 0)
        read.lane = 1; /* not given: the table would fill it */
    assert(plate_read_check(&read, NULL) == 0);
    return 0;
}
