/* Any bytes as an Ethernet frame, and on through the whole receiver. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "drivers/wire/receiver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct refusals *refusals;

static struct receiver *create_receiver(void)
{
    static const struct camera_options cameras[2] = {
        {.id = 7, .lane = 3, .format = WIRE_COMPACT, .binding = {.port = 9840}, .has_key = true},
        {.id = 8, .lane = 4, .format = WIRE_JSON, .binding = {.port = 9841}}};
    struct receiver_options options = {.ports = {{9840, WIRE_COMPACT}, {9841, WIRE_JSON}},
                                       .port_count = 2,
                                       .accept_partial_checksum = true};
    struct camera_table *table;
    struct receiver *receiver;
    json_fields_default(&options.json);
    if (camera_table_create(cameras, 2, &table, NULL) != 0 ||
        receiver_create(&options, table, &receiver, NULL) != 0)
        abort();
    refusals = refusals_create();
    receiver_note_refusals(receiver, refusals);
    return receiver;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct frame_filter filter = {.ports = {9840, 9841}, .port_count = 2};
    static struct receiver *receiver;
    struct frame_info info;
    struct plate_read read;
    if (!receiver)
        receiver = create_receiver();
    if (frame_parse(&filter, data, size, &info) == FRAME_OK) {
        assert(info.payload >= data && info.payload + info.payload_size <= data + size);
        assert(info.port == 9840 || info.port == 9841);
        assert(info.vlan_count <= FRAME_VLANS_MAX);
    }
    if (receiver_take(receiver, data, size, (struct mono_time){1}, (struct wall_time){1}, &read))
        assert(plate_read_check(&read, NULL) == 0);
    for (size_t i = 0; i < refusals_count(refusals); i++)
        assert(refusals_get(refusals, i)->size <= REFUSAL_BYTES_MAX);
    refusals_clear(refusals);
    return 0;
}
