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

static struct registers_form form; /* opened by main */

/* Decodes and gives the read alone. */
static enum registers_cause decode(const uint16_t *registers, struct plate_read *out)
{
    struct registers_read found = {.read = *out};
    enum registers_cause cause =
        camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, &form, &found);
    *out = found.read;
    return cause;
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
    struct registers_read found;
    char text[PLATE_TEXT_SIZE];
    assert_int_equal(
        camera_registers_decode(example_registers, CAMERA_REGISTERS_COUNT, &form, &found),
        REGISTERS_OK);
    assert_int_equal(found.sequence, 5);
    assert_int_equal(found.version, 1);
    const struct plate_read read = found.read;
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
                {1, 0, REGISTERS_BAD_VERSION},
                {1, 3, REGISTERS_BAD_VERSION},
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
    struct plate_read read = {0};
    struct registers_read found;
    memcpy(registers, example_registers, sizeof registers);
    registers[2] = registers[33] = 0;
    assert_int_equal(decode(registers, &read), REGISTERS_EMPTY);
    assert_int_equal(
        camera_registers_decode(example_registers, CAMERA_REGISTERS_COUNT - 1, &form, &found),
        REGISTERS_TOO_FEW);
}

static void values_out_of_range_count_as_not_given(void **state)
{
    (void)state;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    struct plate_read read = {0};
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

/* What stands in the camera's log of faults when this one register says that. */
static void named_as(size_t at, uint16_t value, const char *expected)
{
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    struct registers_read found;
    memcpy(registers, example_registers, sizeof registers);
    registers[at] = value;
    assert_int_equal(camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, &form, &found),
                     REGISTERS_OK);
    assert_string_equal(found.odd.text, expected);
}

static void the_value_out_of_range_is_named_with_its_register(void **state)
{
    (void)state;
    named_as(3, 97, "");
    named_as(3, 255, "");
    named_as(3, 101, "register 3, confidence: 101, expected 0 to 100, or 255 for none");
    named_as(4, 0, "");
    named_as(4, 0x3F3F, "register 4, class: 16191, expected two characters of GA 24.7, or 0");
    named_as(5, 10, "register 5, direction: 10, expected 0 to 9");
    named_as(6, 300, "register 6, colour: 300, expected 0 to 13, or 99");
    named_as(12, 0x8000,
             "register 12, wall time: 9223373800960094226, expected milliseconds up to the year "
             "9999");
}

static void the_longest_plate_text_fits(void **state)
{
    (void)state;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    struct plate_read read = {0};
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

/* ---- version 2 ---- */

/* The example in GBK, as version 2. */
static void make_gbk(uint16_t registers[CAMERA_REGISTERS_COUNT])
{
    memcpy(registers, example_registers, CAMERA_REGISTERS_COUNT * sizeof registers[0]);
    registers[1] = 2;
    registers[16] = 0x0108;
    registers[17] = 0xC2B3;
    registers[18] = 0x4831;
    registers[19] = 0x3233;
    registers[20] = 0x3435;
    registers[21] = 0;
}

static void version_2_says_its_encoding(void **state)
{
    (void)state;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    struct registers_read found;
    make_gbk(registers);
    assert_int_equal(camera_registers_version(registers, CAMERA_REGISTERS_COUNT), 2);
    assert_int_equal(camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, &form, &found),
                     REGISTERS_OK);
    assert_string_equal(found.read.raw, "鲁H12345");
    assert_int_equal(found.version, 2);
    assert_int_equal(found.encoding, TEXT_GBK);
    registers[16] = 0x0208; /* no such encoding */
    assert_int_equal(decode(registers, &found.read), REGISTERS_ENCODING);
    registers[16] = 0x0008;
    registers[17] = 0xBEA9; /* 京, no UTF-8 */
    assert_int_equal(decode(registers, &found.read), REGISTERS_PLATE_TEXT);
    registers[16] = 0x0121;
    assert_int_equal(decode(registers, &found.read), REGISTERS_PLATE_LENGTH);
}

static void a_stated_encoding_stands_above_the_register(void **state)
{
    (void)state;
    struct registers_form gbk;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    struct registers_read found;
    assert_int_equal(registers_form_open(&gbk, PLATE_DASH_AUTO, REGISTERS_ENCODING_GBK, NULL), 0);
    make_gbk(registers);
    registers[1] = 1; /* says nothing */
    registers[16] = 8;
    assert_int_equal(camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, &gbk, &found),
                     REGISTERS_OK);
    assert_string_equal(found.read.raw, "鲁H12345");
    registers_form_close(&gbk);
}

static void the_status_is_heartbeat_and_clock(void **state)
{
    (void)state;
    uint16_t block[CAMERA_STATUS_COUNT] = {7, 0, 0x019A, 0xBCDE, 0xF012, 7};
    struct registers_status status;
    assert_int_equal(camera_status_decode(block, CAMERA_STATUS_COUNT, &status), REGISTERS_OK);
    assert_int_equal(status.heartbeat, 7);
    assert_true(status.now_ms == 0x019abcdef012);
    block[5] = 8;
    assert_int_equal(camera_status_decode(block, CAMERA_STATUS_COUNT, &status), REGISTERS_TORN);
    assert_int_equal(camera_status_decode(block, CAMERA_STATUS_COUNT - 1, &status),
                     REGISTERS_TOO_FEW);
    block[0] = 8;
    block[1] = 0x8000;
    assert_int_equal(camera_status_decode(block, CAMERA_STATUS_COUNT, &status), REGISTERS_OK);
    assert_true(status.now_ms == 0);
}

static void candidates_are_added_to_the_read_they_belong_to(void **state)
{
    (void)state;
    uint16_t registers[CAMERA_REGISTERS_COUNT];
    uint16_t block[CAMERA_CANDIDATES_COUNT] = {
        /* 鲁H1234S, 40 %; 鲁Q12345, none; one that is broken; one too long; 豫H12345, 3 % */
        5,      5,      0x0828, 0xC2B3, 0x4831, 0x3233, 0x3453, 0,      0,      0,
        0,      0x08FF, 0xC2B3, 0x5131, 0x3233, 0x3435, 0,      0,      0,      0,
        0x0205, 0xFFFF, 0,      0,      0,      0,      0,      0,      0,      0x1105,
        0x4141, 0x4141, 0x4141, 0x4141, 0x4141, 0x4141, 0x4141, 0x4141, 0x0803, 0xD4A5,
        0x4831, 0x3233, 0x3435, 0,      0,      0,      0,      5};
    struct registers_read found;
    char text[PLATE_TEXT_SIZE];
    make_gbk(registers);
    assert_int_equal(camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, &form, &found),
                     REGISTERS_OK);
    assert_int_equal(camera_candidates_decode(block, CAMERA_CANDIDATES_COUNT, &form, &found),
                     REGISTERS_OK);
    static const struct {
        const char *text;
        uint8_t confidence;
    } expected[] = {{"鲁H1234S", 40}, {"鲁Q12345", READ_CONFIDENCE_NONE}, {"豫H12345", 3}};
    assert_int_equal(found.read.candidate_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(plate_decode(found.read.candidates[i].key, text), 0);
        assert_string_equal(text, expected[i].text);
        assert_int_equal(found.read.candidates[i].confidence, expected[i].confidence);
    }
    assert_string_equal(found.odd.text,
                        "register 61, candidate's text: 65535, expected text of the encoding said");
    block[47] = 6;
    assert_int_equal(camera_candidates_decode(block, CAMERA_CANDIDATES_COUNT, &form, &found),
                     REGISTERS_TORN);
    block[0] = 6; /* of another read */
    assert_int_equal(camera_candidates_decode(block, CAMERA_CANDIDATES_COUNT, &form, &found),
                     REGISTERS_TORN);
    assert_int_equal(camera_candidates_decode(block, CAMERA_CANDIDATES_COUNT - 1, &form, &found),
                     REGISTERS_TOO_FEW);
    assert_int_equal(found.read.candidate_count, 3);
}

static void more_candidates_than_there_is_room_for_are_not_read(void **state)
{
    (void)state;
    uint16_t block[CAMERA_CANDIDATES_COUNT] = {5, 0xFFFF};
    struct registers_read found = {.sequence = 5};
    block[47] = 5;
    assert_int_equal(camera_candidates_decode(block, CAMERA_CANDIDATES_COUNT, &form, &found),
                     REGISTERS_OK);
    assert_int_equal(found.read.candidate_count, 0); /* five times no text */
    assert_string_equal(found.odd.text, "register 41, candidates: 65535, expected 0 to 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_as_the_table_says),
        cmocka_unit_test(every_field_is_decoded),
        cmocka_unit_test(each_refusal_has_its_cause),
        cmocka_unit_test(values_out_of_range_count_as_not_given),
        cmocka_unit_test(the_value_out_of_range_is_named_with_its_register),
        cmocka_unit_test(the_longest_plate_text_fits),
        cmocka_unit_test(the_sequence_skips_zero_and_counts_losses),
        cmocka_unit_test(version_2_says_its_encoding),
        cmocka_unit_test(a_stated_encoding_stands_above_the_register),
        cmocka_unit_test(the_status_is_heartbeat_and_clock),
        cmocka_unit_test(candidates_are_added_to_the_read_they_belong_to),
        cmocka_unit_test(more_candidates_than_there_is_room_for_are_not_read),
    };
    if (registers_form_open(&form, PLATE_DASH_AUTO, REGISTERS_ENCODING_TOLD, NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    registers_form_close(&form);
    return failed;
}
