/*
 * A module's answer to one request: the first 8 bytes are the request, the rest the answer from the
 * unit on. Only an answer of the right size, unit and function may be taken, and only once whole.
 */
#include <assert.h>
#include <string.h>

#include "drivers/bus/modbus_pdu.h"

static bool is_same(const struct modbus_answer *a, const struct modbus_answer *b)
{
    return a->bits == b->bits && a->exception == b->exception &&
           memcmp(a->registers, b->registers, sizeof(a->registers)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_SIZE = 8 };

static uint16_t pair(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t values[MODBUS_REGISTERS_MAX] = {1, 0, 0xFFFF};
    uint8_t bytes[MODBUS_REQUEST_MAX];
    struct modbus_answer answer;
    struct modbus_answer before;
    struct err_text err = {""};
    if (size < HEAD_SIZE)
        return 0;
    const struct modbus_request request = {.unit = data[0],
                                           .function = data[1],
                                           .address = pair(data + 2),
                                           .count = pair(data + 4),
                                           .value = pair(data + 6),
                                           .mask = pair(data + 4),
                                           .values = values};
    size_t written = modbus_request_write(&request, bytes);
    size_t expected = modbus_answer_size(&request);
    assert(written <= sizeof(bytes) && (written == 0) == (expected == 0));
    assert(written == modbus_request_size(&request));
    if (written == 0)
        return 0;
    assert(expected <= MODBUS_ADU_MAX && bytes[0] == request.unit && bytes[1] == request.function);
    memset(&answer, 0x5A, sizeof(answer));
    before = answer;
    const uint8_t *got = data + HEAD_SIZE;
    size -= HEAD_SIZE;
    int rc = modbus_answer_read(&request, got, size, &answer, &err);
    if (rc == 0) {
        bool freely = request.function == MODBUS_SERVER_ID || request.function == MODBUS_DEVICE_ID;
        assert((size == expected || (freely && size < expected)) && got[0] == request.unit &&
               got[1] == request.function);
    } else if (rc == ERR_DENIED) {
        assert(err.text[0] && size == 3 && answer.exception == got[2] && answer.bits == 0);
    } else {
        assert(err.text[0] && is_same(&answer, &before));
    }
    return 0;
}
