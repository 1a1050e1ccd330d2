/*
 * Modbus requests and answers as bytes (MODBUS Application Protocol 1.1b3): unit, function, data,
 * big-endian, without the transport's header or CRC. Pure; an answer is checked field by field
 * against the request it must belong to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum {
    MODBUS_BITS_MAX = 64,      /* of one exchange; the standard's limit is 2000 */
    MODBUS_REGISTERS_MAX = 64, /* of one exchange; the standard's limit is 125 */
    MODBUS_REQUEST_MAX = 7 + 2 * MODBUS_REGISTERS_MAX, /* bytes from the unit on */
    MODBUS_ADU_MAX = 260, /* bytes of the longest frame of either transport */
    MODBUS_RAW_MAX = 252, /* bytes behind unit and function, at most */
    MODBUS_ANSWER_MAX = 2 + MODBUS_RAW_MAX
};

enum modbus_function {
    MODBUS_READ_COILS = 1,
    MODBUS_READ_DISCRETE = 2,
    MODBUS_READ_HOLDING = 3,
    MODBUS_READ_INPUT = 4,
    MODBUS_WRITE_COIL = 5, /* value as on the wire: FF00 on, 0000 off, or a module's own */
    MODBUS_WRITE_REGISTER = 6,
    MODBUS_WRITE_COILS = 15,
    MODBUS_WRITE_REGISTERS = 16,
    MODBUS_SERVER_ID = 17,     /* Report Server ID; what comes is the maker's own */
    MODBUS_MASK_REGISTER = 22, /* the device does (register AND mask) OR (value AND NOT mask) */
    MODBUS_DEVICE_ID = 43 /* with MEI type 14: Read Device Identification, basic, as a stream */
};

struct modbus_request {
    uint8_t unit; /* 1-247, 255 on TCP; 0 (broadcast) is refused: nobody would answer */
    uint8_t function;
    uint16_t address;       /* as on the wire, from 0; 43: the object to begin with, 0 to 255 */
    uint16_t count;         /* reads and writes of many: bits or registers; 17 and 43, where the
                               device chooses: bytes of the longest answer taken, from the unit on */
    uint16_t value;         /* writes of one */
    uint16_t mask;          /* MODBUS_MASK_REGISTER: the bits that stay */
    const uint16_t *values; /* writes of many: `count` registers, or 0 and 1 for coils */
};

struct modbus_answer {
    uint64_t bits; /* reads of bits: bit i is address + i */
    union {
        uint16_t registers[MODBUS_REGISTERS_MAX]; /* reads of registers, host order */
        uint8_t raw[MODBUS_RAW_MAX];              /* 17 and 43: what follows the function */
    };
    uint8_t raw_size;  /* bytes in raw */
    uint8_t exception; /* the code behind ERR_DENIED, otherwise 0 */
};

/* Bytes from the unit on; out has MODBUS_REQUEST_MAX. Returns the size, 0 for a request that breaks
 * a limit above. */
size_t modbus_request_write(const struct modbus_request *request, uint8_t *out);
/* Size in bytes of the whole request from the unit on, 0 for a bad one. */
size_t modbus_request_size(const struct modbus_request *request);
/* Size in bytes of the whole good answer from the unit on, at most; 0 for a bad request. */
size_t modbus_answer_size(const struct modbus_request *request);
/* How many bytes from the unit on must have come before the answer is whole, as far as those that
 * have tell: grows with them, exact once all are there. More than modbus_answer_size: longer than
 * what is taken. Of a good request. */
size_t modbus_answer_needed(const struct modbus_request *request, const uint8_t *data, size_t size);
/* Reads `size` bytes from the unit on. ERR_DENIED: an exception, named in `err`; ERR_CORRUPT:
 * anything else that is not the answer to this request (short, long, foreign unit or function,
 * wrong count, an echo that differs). *out on success and, its exception alone, with ERR_DENIED. */
int modbus_answer_read(const struct modbus_request *request, const uint8_t *data, size_t size,
                       struct modbus_answer *out, struct err_text *err) MUST_CHECK;
bool modbus_function_writes(uint8_t function);
/* Whether a good answer is the request byte for byte (5, 6, 22). */
bool modbus_answer_repeats(uint8_t function);
/* "illegal data address"; "unknown" for codes the standard does not name. */
const char *modbus_exception_name(uint8_t code);
