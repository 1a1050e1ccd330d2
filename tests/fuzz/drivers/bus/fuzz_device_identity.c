/*
 * What a device says it is: the first byte chooses the function, the second where the request
 * began, the rest is the answer from the unit on, as a serial line would hear it.
 */
#include <assert.h>
#include <string.h>

#include "drivers/bus/device_identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_device(const struct modbus_answer *answer, uint8_t first)
{
    struct device_identity identity = {0};
    struct err_text err = {""};
    uint8_t next = 0;
    int rc = device_identity_take(&identity, first, answer, &next, &err);
    assert(rc == ERR_OK || err.text[0]);
    assert(next == 0 || (next > first && next < IDENTITY_OBJECTS));
    for (size_t i = 0; i < IDENTITY_OBJECTS; i++) {
        size_t length = strnlen(identity.text[i], IDENTITY_TEXT_SIZE);
        assert(length < IDENTITY_TEXT_SIZE);
        for (size_t at = 0; at < length; at++) {
            assert(identity.text[i][at] >= ' ' && identity.text[i][at] <= '~');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct modbus_answer answer;
    char shown[IDENTITY_TEXT_SIZE];
    if (size < 3)
        return 0;
    const struct modbus_request request = {.unit = 1,
                                           .function =
                                               data[0] & 1 ? MODBUS_DEVICE_ID : MODBUS_SERVER_ID,
                                           .address = data[1] % IDENTITY_OBJECTS,
                                           .count = data[0] & 2 ? 40 : MODBUS_ANSWER_MAX};
    const uint8_t *got = data + 2;
    size -= 2;
    for (size_t i = 1, before = 0; i <= size && i <= MODBUS_ANSWER_MAX; i++) {
        size_t needed = modbus_answer_needed(&request, got, i);
        assert(needed >= before || (got[1] & 0x80)); /* grows, but for an exception */
        before = needed;
    }
    if (modbus_answer_read(&request, got, size, &answer, NULL) != ERR_OK)
        return 0;
    assert(size <= request.count && answer.raw_size == size - 2);
    assert(size == modbus_answer_needed(&request, got, size));
    if (request.function == MODBUS_DEVICE_ID) {
        look_at_device(&answer, (uint8_t)request.address);
    } else {
        server_id_show(&answer, shown);
        assert(strnlen(shown, sizeof(shown)) < sizeof(shown));
        (void)server_id_matches(&answer, got, size < 4 ? size : 4, "LMB"); /* reads, no more */
    }
    return 0;
}
