/*
 * Modbus requests and answers as bytes. No state.
 */
#include "drivers/bus/modbus_pdu.h"

#include <string.h>

#include "gateway/base/bytes.h"

enum {
    EXCEPTION_FLAG = 0x80,
    EXCEPTION_SIZE = 3,
    UNIT_MAX = 247,
    UNIT_TCP_NONE = 255,
    BITS_A_BYTE = 8,
    MASK_SIZE = 8,
    RAW_AT = 2, /* behind unit and function */
    /* Read Device Identification (MODBUS Application Protocol 1.1b3, 6.21) */
    MEI_DEVICE_ID = 14,
    MEI_BASIC = 1, /* vendor, product code, revision, as a stream */
    MEI_OBJECTS_AT = 8
};

static bool reads_bits(uint8_t function)
{
    return function == MODBUS_READ_COILS || function == MODBUS_READ_DISCRETE;
}

static bool reads_registers(uint8_t function)
{
    return function == MODBUS_READ_HOLDING || function == MODBUS_READ_INPUT;
}

static bool writes_one(uint8_t function)
{
    return function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_REGISTER;
}

static bool writes_many(uint8_t function)
{
    return function == MODBUS_WRITE_COILS || function == MODBUS_WRITE_REGISTERS;
}

bool modbus_answer_repeats(uint8_t function)
{
    return writes_one(function) || function == MODBUS_MASK_REGISTER;
}

bool modbus_function_writes(uint8_t function)
{
    return writes_one(function) || writes_many(function) || function == MODBUS_MASK_REGISTER;
}

/* The device chooses how long its answer is. */
static bool answers_freely(uint8_t function)
{
    return function == MODBUS_SERVER_ID || function == MODBUS_DEVICE_ID;
}

static bool concerns_bits(uint8_t function)
{
    return reads_bits(function) || function == MODBUS_WRITE_COILS;
}

static bool request_is_good(const struct modbus_request *r)
{
    if (r->unit == 0 || (r->unit > UNIT_MAX && r->unit != UNIT_TCP_NONE)) {
        return false;
    }
    if (writes_one(r->function) || r->function == MODBUS_MASK_REGISTER) {
        return true;
    }
    if (answers_freely(r->function)) {
        return r->address <= UINT8_MAX && r->count >= MEI_OBJECTS_AT &&
               r->count <= MODBUS_ANSWER_MAX;
    }
    bool many = writes_many(r->function);
    uint32_t limit = concerns_bits(r->function)             ? MODBUS_BITS_MAX
                     : reads_registers(r->function) || many ? MODBUS_REGISTERS_MAX
                                                            : 0;
    return (!many || r->values) && r->count > 0 && r->count <= limit &&
           (uint32_t)r->address + r->count <= 0x10000;
}

/* Bytes of data behind the byte count of a read's answer or of a request that writes many. */
static size_t data_size(const struct modbus_request *r)
{
    return concerns_bits(r->function) ? (size_t)(r->count + BITS_A_BYTE - 1) / BITS_A_BYTE
                                      : (size_t)r->count * 2;
}

static void write_data(const struct modbus_request *r, struct byte_writer *w)
{
    byte_write_u8(w, (uint8_t)data_size(r));
    if (!concerns_bits(r->function)) {
        for (size_t i = 0; i < r->count; i++) {
            byte_write_be16(w, r->values[i]);
        }
        return;
    }
    for (size_t first = 0; first < r->count; first += BITS_A_BYTE) {
        uint8_t byte = 0;
        for (size_t i = first; i < r->count && i < first + BITS_A_BYTE; i++) {
            byte |= (uint8_t)((r->values[i] != 0) << (i - first));
        }
        byte_write_u8(w, byte);
    }
}

size_t modbus_request_write(const struct modbus_request *request, uint8_t *out)
{
    if (!request_is_good(request)) {
        return 0;
    }
    struct byte_writer w;
    byte_writer_init(&w, out, MODBUS_REQUEST_MAX);
    byte_write_u8(&w, request->unit);
    byte_write_u8(&w, request->function);
    if (answers_freely(request->function)) {
        if (request->function == MODBUS_DEVICE_ID) {
            byte_write_u8(&w, MEI_DEVICE_ID);
            byte_write_u8(&w, MEI_BASIC);
            byte_write_u8(&w, (uint8_t)request->address);
        }
        return w.at;
    }
    byte_write_be16(&w, request->address);
    if (request->function == MODBUS_MASK_REGISTER) {
        byte_write_be16(&w, request->mask);
        byte_write_be16(&w, request->value);
        return w.at;
    }
    byte_write_be16(&w, writes_one(request->function) ? request->value : request->count);
    if (writes_many(request->function)) {
        write_data(request, &w);
    }
    return w.at;
}

size_t modbus_request_size(const struct modbus_request *request)
{
    if (!request_is_good(request)) {
        return 0;
    }
    return writes_many(request->function)              ? 7 + data_size(request)
           : request->function == MODBUS_MASK_REGISTER ? MASK_SIZE
           : request->function == MODBUS_SERVER_ID     ? 2
           : request->function == MODBUS_DEVICE_ID     ? 5
                                                       : 6;
}

size_t modbus_answer_size(const struct modbus_request *request)
{
    if (!request_is_good(request)) {
        return 0;
    }
    if (request->function == MODBUS_MASK_REGISTER) {
        return MASK_SIZE; /* its echo */
    }
    if (answers_freely(request->function)) {
        return request->count;
    }
    return modbus_function_writes(request->function) ? 6 : 3 + data_size(request);
}

/* Behind its fixed part an identification has as many objects as it says, each with its length. */
static size_t device_id_needed(const uint8_t *data, size_t size)
{
    size_t at = MEI_OBJECTS_AT;
    if (size < at) {
        return at;
    }
    for (unsigned left = data[MEI_OBJECTS_AT - 1]; left > 0; left--) {
        if (size < at + 2) {
            return at + 2;
        }
        at += 2u + data[at + 1];
    }
    return at;
}

size_t modbus_answer_needed(const struct modbus_request *request, const uint8_t *data, size_t size)
{
    if (size >= 2 && (data[1] & EXCEPTION_FLAG)) {
        return EXCEPTION_SIZE;
    }
    if (request->function == MODBUS_SERVER_ID) {
        return size > RAW_AT ? RAW_AT + 1u + data[RAW_AT] : RAW_AT + 1u;
    }
    return request->function == MODBUS_DEVICE_ID ? device_id_needed(data, size)
                                                 : modbus_answer_size(request);
}

const char *modbus_exception_name(uint8_t code)
{
    static const char *const names[] = {
        [1] = "illegal function",
        [2] = "illegal data address",
        [3] = "illegal data value",
        [4] = "device failure",
        [5] = "acknowledge",
        [6] = "device busy",
        [8] = "memory parity error",
        [10] = "gateway path unavailable",
        [11] = "gateway target silent",
    };
    const char *name = code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
    return name ? name : "unknown";
}

static void read_data(const struct modbus_request *request, struct byte_reader *r,
                      struct modbus_answer *out)
{
    if (reads_registers(request->function)) {
        for (size_t i = 0; i < request->count; i++) {
            out->registers[i] = byte_read_be16(r);
        }
        return;
    }
    size_t bytes = data_size(request);
    for (size_t i = 0; i < bytes; i++) {
        out->bits |= (uint64_t)byte_read_u8(r) << (i * BITS_A_BYTE);
    }
    if (request->count < MODBUS_BITS_MAX) {
        out->bits &= (UINT64_C(1) << request->count) - 1; /* padding is the device's business */
    }
}

static int read_raw(const struct modbus_request *request, const uint8_t *data, size_t size,
                    struct modbus_answer *out, struct err_text *err)
{
    size_t needed = modbus_answer_needed(request, data, size);
    if (needed > request->count) {
        return err_set(err, ERR_CORRUPT, "answer of %zu bytes or more, expected at most %u", needed,
                       request->count);
    }
    if (needed != size) {
        return err_set(err, ERR_CORRUPT, "answer of %zu bytes, expected %zu", size, needed);
    }
    if (request->function == MODBUS_DEVICE_ID &&
        (data[RAW_AT] != MEI_DEVICE_ID || data[RAW_AT + 1] != MEI_BASIC)) {
        return err_set(err, ERR_CORRUPT, "MEI type %u, code %u answered, expected %d and %d",
                       data[RAW_AT], data[RAW_AT + 1], MEI_DEVICE_ID, MEI_BASIC);
    }
    *out = (struct modbus_answer){.raw_size = (uint8_t)(size - RAW_AT)};
    memcpy(out->raw, data + RAW_AT, size - RAW_AT);
    return ERR_OK;
}

static int read_body(const struct modbus_request *request, struct byte_reader *r,
                     struct modbus_answer *out, struct err_text *err)
{
    struct modbus_answer answer = {0};
    if (request->function == MODBUS_MASK_REGISTER) {
        uint16_t address = byte_read_be16(r);
        uint16_t mask = byte_read_be16(r);
        uint16_t value = byte_read_be16(r);
        if (!r->failed &&
            (address != request->address || mask != request->mask || value != request->value)) {
            return err_set(err, ERR_CORRUPT,
                           "echo of address %u masks %04X %04X, expected %u %04X %04X", address,
                           mask, value, request->address, request->mask, request->value);
        }
    } else if (modbus_function_writes(request->function)) {
        uint16_t expected = writes_one(request->function) ? request->value : request->count;
        uint16_t address = byte_read_be16(r);
        uint16_t value = byte_read_be16(r);
        if (!r->failed && (address != request->address || value != expected)) {
            return err_set(err, ERR_CORRUPT, "echo of address %u value %04X, expected %u %04X",
                           address, value, request->address, expected);
        }
    } else {
        uint8_t bytes = byte_read_u8(r);
        if (!r->failed && bytes != data_size(request)) {
            return err_set(err, ERR_CORRUPT, "answer with %u bytes of data, expected %zu", bytes,
                           data_size(request));
        }
        read_data(request, r, &answer);
    }
    if (!byte_reader_done(r)) {
        return err_set(err, ERR_CORRUPT, "answer of %zu bytes, expected %zu", r->size,
                       modbus_answer_size(request));
    }
    *out = answer;
    return ERR_OK;
}

int modbus_answer_read(const struct modbus_request *request, const uint8_t *data, size_t size,
                       struct modbus_answer *out, struct err_text *err)
{
    struct byte_reader r;
    byte_reader_init(&r, data, size);
    uint8_t unit = byte_read_u8(&r);
    uint8_t function = byte_read_u8(&r);
    if (r.failed || !request_is_good(request)) {
        return err_set(err, ERR_CORRUPT, "answer of %zu bytes, expected %zu", size,
                       modbus_answer_size(request));
    }
    if (unit != request->unit) {
        return err_set(err, ERR_CORRUPT, "unit %u answered, expected %u", unit, request->unit);
    }
    if (function == (request->function | EXCEPTION_FLAG)) {
        uint8_t code = byte_read_u8(&r);
        if (!byte_reader_done(&r)) {
            return err_set(err, ERR_CORRUPT, "exception answer of %zu bytes, expected 3", size);
        }
        *out = (struct modbus_answer){.exception = code};
        return err_set(err, ERR_DENIED, "exception %u (%s)", code, modbus_exception_name(code));
    }
    if (function != request->function) {
        return err_set(err, ERR_CORRUPT, "function %u answered, expected %u", function,
                       request->function);
    }
    return answers_freely(function) ? read_raw(request, data, size, out, err)
                                    : read_body(request, &r, out, err);
}
