/* The register map: every field, torn and foreign maps, the sequence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/camera_registers.h"
#include "drivers/wire/read_fields.h"

static const struct plate_read example = {.raw = "鲁H12345",
                                          .event_id = 0x0102030405060708,
                                          .camera_time = {0x019abcdef012},
                                          .confidence = 97,
                                          .colour = COLOUR_BLUE,
                                          .class = '0' << 8 | '2',
                                          .direction = 3,
                                          .speed_kmh = 80};

/* Written by hand from the table in the header. */
static const uint16_t example_registers[CAMERA_REGISTERS_COUNT] = {
    0x5052, 1,      5,      97,     0x3032, 3,      5,      80,     0x0102, 0x0304, 0x0506, 0x0708,
    0,      0x019A, 0xBCDE, 0xF012, 9,      0xE9B2, 0x8148, 0x3132, 0x3334, 0x3500, 0,      0,
    0,      0,      0,      0,      0,      0,      0,      0,      0,      5};

static enum registers_cause decode(const uint16_t *registers, struct plate_read *out)
{
    uint16_t sequence = 0;
    return camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, PLATE_DASH_AUTO, out,
                                   &sequence);
}

static void encoded_as_the_table_says(void **state)
{
    (void)state;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    camera_registers_encode(&example, 5, registers);
    assert_memory_equal(registers, example_registers, sizeof registers);
}

static void every_field_is_decoded(void **state)
{
    (void)state;
    struct plate_read read;
    uint16_t sequence = 0;
    char text[PLATE_TEXT_SIZE];
    assert_int_equal(camera_registers_decode(example_registers, CAMERA_REGISTERS_COUNT,
                                             PLATE_DASH_AUTO, &read, &sequence),
                     REGISTERS_OK);
    assert_int_equal(sequence, 5);
    assert_int_equal(read.kind, PLATE_KEY);
    assert_int_equal(plate_decode(read.key, text), 0);
    assert_string_equal(text, "鲁H12345");
    assert_string_equal(read.raw, example.raw);
    assert_true(read.event_id == example.event_id);
    assert_true(read.camera_time.ms == example.camera_time.ms);
    assert_int_equal(read.confidence, 97);
    assert_int_equal(read.colour, COLOUR_BLUE);
    assert_int_equal(read.class, example.class);
    assert_int_equal(read.direction, 3);
    assert_int_equal(read.speed_kmh, 80);
    assert_int_equal(read.authenticity, AUTH_NONE);
}

static void each_refusal_has_its_cause(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint16_t value;
        enum registers_cause cause;
    } rows[] = {{0, 0, REGISTERS_BAD_MAGIC},
                {1, 2, REGISTERS_BAD_VERSION},
                {2, 6, REGISTERS_TORN},
                {33, 4, REGISTERS_TORN},
                {16, 33, REGISTERS_PLATE_LENGTH},
                {16, 0xFFFF, REGISTERS_PLATE_LENGTH},
                {17, 0xFFFF, REGISTERS_PLATE_TEXT},
                {19, 0x1B32, REGISTERS_PLATE_TEXT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t registers[CAMERA_REGISTERS_COUNT];
        struct plate_read read = {.lane = 77};
        memcpy(registers, example_registers, sizeof registers);
        registers[rows[i].at] = rows[i].value;
        assert_string_equal(registers_cause_name(decode(registers, &read)),
                            registers_cause_name(rows[i].cause));
        assert_int_equal(read.lane, 77);
    }
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    uint16_t sequence;
    struct plate_read read;
    memcpy(registers, example_registers, sizeof registers);
    registers[2] = registers[33] = 0;
    assert_int_equal(decode(registers, &read), REGISTERS_EMPTY);
    assert_int_equal(camera_registers_decode(example_registers, CAMERA_REGISTERS_COUNT - 1,
                                             PLATE_DASH_AUTO, &read, &sequence),
                     REGISTERS_TOO_FEW);
}

static void values_out_of_range_count_as_not_given(void **state)
{
    (void)state;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    struct plate_read read;
    memcpy(registers, example_registers, sizeof registers);
    registers[3] = 101;
    registers[4] = 0x3F3F;
    registers[5] = 10;
    registers[6] = 300;
    registers[7] = 0xFFFF;
    registers[12] = 0x8000;
    assert_int_equal(decode(registers, &read), REGISTERS_OK);
    assert_int_equal(read.confidence, READ_CONFIDENCE_NONE);
    assert_int_equal(read.class, PLATE_CLASS_UNKNOWN);
    assert_int_equal(read.direction, DIRECTION_NONE);
    assert_int_equal(read.colour, COLOUR_NONE);
    assert_int_equal(read.speed_kmh, READ_SPEED_NONE);
    assert_true(read.camera_time.ms == 0);
}

static void the_longest_plate_text_fits(void **state)
{
    (void)state;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    struct plate_read read;
    struct plate_read longest = example;
    memset(longest.raw, 'A', PLATE_TEXT_MAX);
    camera_registers_encode(&longest, 9, registers);
    assert_int_equal(decode(registers, &read), REGISTERS_OK);
    assert_int_equal(strlen(read.raw), PLATE_TEXT_MAX);
    assert_int_equal(read.kind, PLATE_DECODE_ERROR);
    memset(longest.raw, 0, sizeof longest.raw);
    camera_registers_encode(&longest, 9, registers);
    assert_int_equal(decode(registers, &read), REGISTERS_OK);
    assert_int_equal(read.kind, PLATE_UNREAD);
}

static void the_sequence_skips_zero_and_counts_losses(void **state)
{
    (void)state;
    assert_int_equal(camera_registers_next_sequence(1), 2);
    assert_int_equal(camera_registers_next_sequence(65534), 65535);
    assert_int_equal(camera_registers_next_sequence(65535), 1);
    assert_int_equal(camera_registers_lost(5, 5), 0);
    assert_int_equal(camera_registers_lost(5, 6), 0);
    assert_int_equal(camera_registers_lost(5, 9), 3);
    assert_int_equal(camera_registers_lost(65535, 1), 0);
    assert_int_equal(camera_registers_lost(65534, 2), 2);
    assert_int_equal(camera_registers_lost(0, 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_as_the_table_says),
        cmocka_unit_test(every_field_is_decoded),
        cmocka_unit_test(each_refusal_has_its_cause),
        cmocka_unit_test(values_out_of_range_count_as_not_given),
        cmocka_unit_test(the_longest_plate_text_fits),
        cmocka_unit_test(the_sequence_skips_zero_and_counts_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
