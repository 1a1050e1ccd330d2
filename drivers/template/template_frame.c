/*
 * The frames of the template's device as bytes. No state.
 */
#include "drivers/template/template_frame.h"

#include <string.h>

enum { TO_DEVICE = 0xA5, FROM_DEVICE = 0x5A, ERROR_FLAG = 0x80 };

static uint8_t sum_of(const uint8_t *data, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum ^= data[i];
    }
    return sum;
}

void template_request_write(const struct template_request *request,
                            uint8_t out[TEMPLATE_REQUEST_SIZE])
{
    const uint8_t frame[] = {TO_DEVICE, request->unit, request->command, request->arguments[0],
                             request->arguments[1]};
    memcpy(out, frame, sizeof(frame));
    out[sizeof(frame)] = sum_of(frame, sizeof(frame));
}

int template_answer_read(const struct template_request *request, const uint8_t *data, size_t size,
                         uint8_t out[3], struct err_text *err)
{
    if (size != TEMPLATE_ANSWER_SIZE) {
        return err_set(err, ERR_CORRUPT, "answer of %zu bytes, expected %d", size,
                       TEMPLATE_ANSWER_SIZE);
    }
    if (data[0] != FROM_DEVICE || data[size - 1] != sum_of(data, size - 1)) {
        return err_set(err, ERR_CORRUPT, "answer begins with %02X or its sum is wrong", data[0]);
    }
    if (data[1] != request->unit) {
        return err_set(err, ERR_CORRUPT, "unit %u answered, expected %u", data[1], request->unit);
    }
    if (data[2] == (request->command | ERROR_FLAG)) {
        return err_set(err, ERR_DENIED, "error %u", data[3]);
    }
    if (data[2] != request->command) {
        return err_set(err, ERR_CORRUPT, "command %u answered, expected %u", data[2],
                       request->command);
    }
    memcpy(out, data + 3, 3);
    return ERR_OK;
}
