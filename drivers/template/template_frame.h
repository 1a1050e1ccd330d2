/*
 * The frames of the template's device: six bytes to it, seven from it, one sum behind both. Pure;
 * no state. A real driver names the manual and its page here.
 *
 *   to it:   A5 unit command argument argument sum
 *   from it: 5A unit command data data data sum      sum: XOR of all bytes before it
 *
 * Command 1 reads (data: inputs, high byte first, then outputs), 2 sets (arguments: channel, 0 or
 * 1; data: the same and 0), 3 identifies (data: model, version, 0). An error answers command | 0x80
 * with its code as first data byte.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum {
    TEMPLATE_REQUEST_SIZE = 6,
    TEMPLATE_ANSWER_SIZE = 7,
    TEMPLATE_INPUTS = 16,
    TEMPLATE_OUTPUTS = 8,
    TEMPLATE_MODEL = 0x42
};

enum template_command { TEMPLATE_READ = 1, TEMPLATE_SET = 2, TEMPLATE_IDENTIFY = 3 };

struct template_request {
    uint8_t unit;
    uint8_t command; /* enum template_command */
    uint8_t arguments[2];
};

/* Endianness: single bytes; the 16 inputs come high byte first. */
void template_request_write(const struct template_request *request,
                            uint8_t out[TEMPLATE_REQUEST_SIZE]);
/* Checks an answer against the request it must belong to. ERR_DENIED: the device answered an error;
 * ERR_CORRUPT: not the answer to this request. `out` only on success. */
int template_answer_read(const struct template_request *request, const uint8_t *data, size_t size,
                         uint8_t out[3], struct err_text *err) MUST_CHECK;
