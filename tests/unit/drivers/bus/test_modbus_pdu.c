/*
 * Modbus bytes: requests as the manuals print them, answers checked field by field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/bus/modbus_pdu.h"

static const struct modbus_request read_inputs = {.unit = 1, .function = 2, .count = 10};
static const struct modbus_request write_coil = {
    .unit = 1, .function = 5, .address = 0, .value = 0xFF00};

static void requests_are_the_bytes_of_the_manual(void **state)
{
    (void)state;
    uint8_t out[MODBUS_REQUEST_MAX];
    assert_int_equal(modbus_request_write(&write_coil, out), 6);
    assert_memory_equal(out, "\x01\x05\x00\x00\xFF\x00", 6);
    struct modbus_request flash = {.unit = 1, .function = 5, .address = 0x0200, .value = 7};
    assert_int_equal(modbus_request_write(&flash, out), 6);
    assert_memory_equal(out, "\x01\x05\x02\x00\x00\x07", 6);
    assert_int_equal(modbus_request_write(&read_inputs, out), 6);
    assert_memory_equal(out, "\x01\x02\x00\x00\x00\x0A", 6);
}

/* The examples of MODBUS Application Protocol 1.1b3, 6.11 and 6.12. */
static void writes_of_many_are_the_bytes_of_the_standard(void **state)
{
    (void)state;
    uint8_t out[MODBUS_REQUEST_MAX];
    const uint16_t coils[10] = {1, 0, 1, 1, 0, 0, 1, 1, 1, 0};
    const uint16_t registers[2] = {0x000A, 0x0102};
    const struct modbus_request fifteen = {
        .unit = 1, .function = 15, .address = 0x0013, .count = 10, .values = coils};
    const struct modbus_request sixteen = {
        .unit = 1, .function = 16, .address = 1, .count = 2, .values = registers};
    struct modbus_answer answer;
    assert_int_equal(modbus_request_write(&fifteen, out), 9);
    assert_int_equal(modbus_request_size(&fifteen), 9);
    assert_memory_equal(out, "\x01\x0F\x00\x13\x00\x0A\x02\xCD\x01", 9);
    assert_int_equal(modbus_request_write(&sixteen, out), 11);
    assert_int_equal(modbus_request_size(&sixteen), 11);
    assert_memory_equal(out, "\x01\x10\x00\x01\x00\x02\x04\x00\x0A\x01\x02", 11);
    assert_int_equal(
        modbus_answer_read(&sixteen, (const uint8_t *)"\x01\x10\x00\x01\x00\x02", 6, &answer, NULL),
        ERR_OK);
    assert_int_equal(
        modbus_answer_read(&fifteen, (const uint8_t *)"\x01\x0F\x00\x13\x00\x09", 6, &answer, NULL),
        ERR_CORRUPT);
}

/* The example of MODBUS Application Protocol 1.1b3, 6.16. */
static void a_masked_write_is_the_bytes_of_the_standard(void **state)
{
    (void)state;
    static const uint8_t example[] = "\x01\x16\x00\x04\x00\xF2\x00\x25";
    const struct modbus_request r = {
        .unit = 1, .function = 22, .address = 4, .mask = 0x00F2, .value = 0x0025};
    uint8_t out[MODBUS_REQUEST_MAX];
    struct modbus_answer answer;
    struct err_text err;
    assert_int_equal(modbus_request_write(&r, out), 8);
    assert_int_equal(modbus_request_size(&r), 8);
    assert_int_equal(modbus_answer_size(&r), 8);
    assert_memory_equal(out, example, 8);
    assert_int_equal(modbus_answer_read(&r, out, 8, &answer, NULL), ERR_OK);
    assert_int_equal(modbus_answer_read(&r, out, 6, &answer, NULL), ERR_CORRUPT);
    for (size_t i = 3; i < 8; i++) { /* an echo that differs anywhere */
        memcpy(out, example, 8);
        out[i] ^= 0x10;
        assert_int_equal(modbus_answer_read(&r, out, 8, &answer, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.text, "expected 4 00F2 0025"));
    }
}

static void requests_out_of_range_are_refused(void **state)
{
    (void)state;
    uint8_t out[MODBUS_REQUEST_MAX];
    static const struct modbus_request bad[] = {
        {.unit = 0, .function = 2, .count = 1},
        {.unit = 248, .function = 2, .count = 1},
        {.unit = 1, .function = 2, .count = 0},
        {.unit = 1, .function = 2, .count = 65},
        {.unit = 1, .function = 3, .count = 65},
        {.unit = 1, .function = 7, .count = 1},
        {.unit = 1, .function = 16, .count = 1},
        {.unit = 1, .function = 2, .address = 0xFFFF, .count = 2},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(modbus_request_write(&bad[i], out), 0);
        assert_int_equal(modbus_request_size(&bad[i]), 0);
        assert_int_equal(modbus_answer_size(&bad[i]), 0);
    }
}

static void bits_come_lowest_address_first_without_padding(void **state)
{
    (void)state;
    struct modbus_answer answer;
    struct err_text err;
    const uint8_t data[] = {1, 2, 2, 0x05, 0xFE};
    assert_int_equal(modbus_answer_read(&read_inputs, data, sizeof(data), &answer, &err), ERR_OK);
    assert_int_equal(answer.bits, 0x205); /* bits 10-15 are padding */
}

static void registers_are_big_endian(void **state)
{
    (void)state;
    const struct modbus_request r = {.unit = 9, .function = 3, .count = 2};
    const uint8_t data[] = {9, 3, 4, 0x12, 0x34, 0xFF, 0x00};
    struct modbus_answer answer;
    assert_int_equal(modbus_answer_read(&r, data, sizeof(data), &answer, NULL), ERR_OK);
    assert_int_equal(answer.registers[0], 0x1234);
    assert_int_equal(answer.registers[1], 0xFF00);
}

static void what_is_no_answer_says_why(void **state)
{
    (void)state;
    static const struct {
        const struct modbus_request *request;
        const char *data;
        size_t size;
        int code;
        const char *text;
    } cases[] = {
        {&read_inputs, "\x01\x02\x02\x00", 4, ERR_CORRUPT, "answer of 4 bytes, expected 5"},
        {&read_inputs, "\x01\x02\x02\x00\x00\x00", 6, ERR_CORRUPT, "answer of 6 bytes, expected 5"},
        {&read_inputs, "\x01\x02\x03\x00\x00\x00", 6, ERR_CORRUPT,
         "answer with 3 bytes of data, expected 2"},
        {&read_inputs, "\x02\x02\x02\x00\x00", 5, ERR_CORRUPT, "unit 2 answered, expected 1"},
        {&read_inputs, "\x01\x01\x02\x00\x00", 5, ERR_CORRUPT, "function 1 answered, expected 2"},
        {&read_inputs, "\x01", 1, ERR_CORRUPT, "answer of 1 bytes, expected 5"},
        {&read_inputs, "\x01\x82\x02", 3, ERR_DENIED, "exception 2 (illegal data address)"},
        {&read_inputs, "\x01\x82\x63", 3, ERR_DENIED, "exception 99 (unknown)"},
        {&read_inputs, "\x01\x82", 2, ERR_CORRUPT, "exception answer of 2 bytes, expected 3"},
        {&write_coil, "\x01\x05\x00\x00\x00\x00", 6, ERR_CORRUPT,
         "echo of address 0 value 0000, expected 0 FF00"},
        {&write_coil, "\x01\x05\x00\x01\xFF\x00", 6, ERR_CORRUPT,
         "echo of address 1 value FF00, expected 0 FF00"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct modbus_answer answer = {.bits = 77};
        struct err_text err = {""};
        assert_int_equal(modbus_answer_read(cases[i].request, (const uint8_t *)cases[i].data,
                                            cases[i].size, &answer, &err),
                         cases[i].code);
        assert_string_equal(err.text, cases[i].text);
        assert_int_equal(answer.bits, cases[i].code == ERR_DENIED ? 0 : 77);
        if (cases[i].code == ERR_DENIED) {
            assert_int_equal(answer.exception, (uint8_t)cases[i].data[2]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_the_bytes_of_the_manual),
        cmocka_unit_test(writes_of_many_are_the_bytes_of_the_standard),
        cmocka_unit_test(a_masked_write_is_the_bytes_of_the_standard),
        cmocka_unit_test(requests_out_of_range_are_refused),
        cmocka_unit_test(bits_come_lowest_address_first_without_padding),
        cmocka_unit_test(registers_are_big_endian),
        cmocka_unit_test(what_is_no_answer_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
