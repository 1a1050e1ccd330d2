/* json datagrams: fields of GA/T 1400, other names, limits, refusals by cause, memory bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "drivers/wire/json_read.h"
#include "drivers/wire/read_fields.h"

struct json_test {
    struct json_reader *reader;
    struct camera_table *cameras;
};

static int setup(void **state)
{
    struct json_test *t = calloc(1, sizeof *t);
    struct json_fields fields;
    struct camera_options camera = {.id = 7,
                                    .lane = 3,
                                    .format = WIRE_JSON,
                                    .binding = {.port = 9841},
                                    .device_id = "37080000001211000007"};
    json_fields_default(&fields);
    if (!t || json_reader_create(&fields, &t->reader, NULL) != 0 ||
        camera_table_create(&camera, 1, &t->cameras, NULL) != 0)
        return -1;
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct json_test *t = *state;
    json_reader_destroy(t->reader);
    camera_table_destroy(t->cameras);
    free(t);
    return 0;
}

static enum json_cause decode_bytes(struct json_test *t, const char *text, size_t size,
                                    struct plate_read *out)
{
    /* An exact copy, so that AddressSanitizer sees a read past the end. */
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, text, size);
    enum json_cause cause = json_reader_decode(t->reader, t->cameras, exact, size, out);
    free(exact);
    return cause;
}

static void taken(struct json_test *t, const char *text, struct plate_read *out)
{
    assert_string_equal(json_cause_name(decode_bytes(t, text, strlen(text), out)), "ok");
}

static void refused(struct json_test *t, const char *text, enum json_cause expected)
{
    struct plate_read read = {.lane = 77};
    enum json_cause cause = decode_bytes(t, text, strlen(text), &read);
    assert_string_equal(json_cause_name(cause), json_cause_name(expected));
    assert_int_equal(read.lane, 77);
}

static void fields_of_the_standard_are_kept(void **state)
{
    struct plate_read read;
    char text[PLATE_TEXT_SIZE];
    taken(*state,
          "{\"DeviceID\":\"37080000001211000007\",\"LaneNo\":3,\"PlateNo\":\"鲁H1-345\","
          "\"PlateClass\":\"02\",\"PlateColor\":\"5\",\"PassTime\":\"20261124120000\","
          "\"Speed\":61.5,\"Direction\":\"3\",\"PlateReliability\":\"97\",\"EventID\":4711,"
          "\"PlateCharReliability\":\"鲁-90,H-88,1-70,--0,3-99,4-100,5-1\","
          "\"VehicleBrand\":{\"any\":[1,2]},\"MotorVehicleID\":null}",
          &read);
    assert_int_equal(read.camera, 7);
    assert_int_equal(read.lane, 3);
    assert_int_equal(read.kind, PLATE_KEY);
    assert_int_equal(plate_decode(read.key, text), 0);
    assert_string_equal(text, "鲁H1?345"); /* '-' is an unread character here */
    assert_string_equal(read.raw, "鲁H1-345");
    assert_int_equal(read.class, '0' << 8 | '2');
    assert_int_equal(read.colour, COLOUR_BLUE);
    assert_true(read.camera_time.ms == INT64_C(1795492800000)); /* 04:00 UTC */
    assert_int_equal(read.speed_kmh, 61);
    assert_int_equal(read.direction, 3);
    assert_int_equal(read.confidence, 97);
    assert_true(read.event_id == 4711);
    assert_int_equal(read.char_count, 7);
    assert_int_equal(read.char_confidence[3], 0);
    assert_int_equal(read.authenticity, AUTH_NONE);
    assert_int_equal(plate_read_check(&read, NULL), 0);
}

static void the_least_is_camera_and_plate(void **state)
{
    struct plate_read read;
    taken(*state, "{\"DeviceID\":9,\"PlateNo\":\"鲁H12345\"}", &read);
    assert_int_equal(read.camera, 9); /* the table decides later whether it is known */
    assert_int_equal(read.lane, 0);
    assert_int_equal(read.confidence, READ_CONFIDENCE_NONE);
    assert_int_equal(read.speed_kmh, READ_SPEED_NONE);
    assert_true(read.camera_time.ms == 0);
    taken(*state, "{\"DeviceID\":\"9\",\"PlateNo\":\"鲁H12345\",\"LaneNo\":\"\"}", &read);
    assert_int_equal(read.camera, 9);
}

static void no_plate_and_unread_are_told_apart(void **state)
{
    static const struct {
        const char *fields;
        enum plate_text_kind kind;
    } rows[] = {{"\"PlateNo\":\"无车牌\"", PLATE_NO_PLATE},
                {"\"PlateNo\":\"\"", PLATE_UNREAD},
                {"\"PlateNo\":\"\",\"HasPlate\":0", PLATE_NO_PLATE},
                {"\"HasPlate\":\"0\"", PLATE_NO_PLATE},
                {"\"HasPlate\":false,\"PlateNo\":null", PLATE_NO_PLATE},
                {"\"PlateNo\":\"-------\"", PLATE_UNREAD},
                {"\"PlateNo\":\"鲁H12345\",\"HasPlate\":0", PLATE_KEY},
                {"\"PlateNo\":\"危险品\"", PLATE_DECODE_ERROR}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        struct plate_read read;
        snprintf(text, sizeof text, "{\"DeviceID\":7,%s}", rows[i].fields);
        taken(*state, text, &read);
        assert_int_equal(read.kind, rows[i].kind);
    }
}

static void times_have_three_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"20261124120000", INT64_C(1795492800000)},
                {"20261124120000250", INT64_C(1795492800250)},
                {"2026-11-24T04:00:00Z", INT64_C(1795492800000)},
                {"2026-11-24T04:00:00.007Z", INT64_C(1795492800007)},
                {"20261324120000", 0},
                {"20260230120000", 0},
                {"2026112412000x", 0},
                {"19600101000000", 0},
                {"yesterday", 0},
                {"", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        struct plate_read read;
        snprintf(text, sizeof text, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"PassTime\":\"%s\"}",
                 rows[i].text);
        taken(*state, text, &read);
        assert_true(read.camera_time.ms == rows[i].ms);
    }
}

static void optional_values_out_of_range_count_as_not_given(void **state)
{
    struct plate_read read;
    taken(*state,
          "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"PlateReliability\":101,\"PlateColor\":55,"
          "\"Direction\":12,\"Speed\":70000,\"PlateClass\":\"0203\",\"PassTime\":5,"
          "\"PlateCharReliability\":\"鲁-90,H\"}",
          &read);
    assert_int_equal(read.confidence, READ_CONFIDENCE_NONE);
    assert_int_equal(read.colour, COLOUR_NONE);
    assert_int_equal(read.direction, DIRECTION_NONE);
    assert_int_equal(read.speed_kmh, READ_SPEED_NONE);
    assert_int_equal(read.class, PLATE_CLASS_UNKNOWN);
    assert_int_equal(read.char_count, 0);
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "7",
                                        "null",
                                        "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\"} x",
                                        "{\"DeviceID\":7,\"DeviceID\":8,\"PlateNo\":\"鲁H12345\"}",
                                        "{\"DeviceID\":7,\"PlateNo\":\"\xff\xfe\"}",
                                        "{\"DeviceID\":7,\"PlateNo\":\"\\ud800\"}",
                                        "{\"DeviceID\":7,\"PlateNo\":\"a\\u0000b\"}",
                                        "{'DeviceID':7}",
                                        "{\"DeviceID\":NaN}",
                                        "PR\1\3"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refused(*state, texts[i], JSON_BAD_SYNTAX);
}

static void a_zero_byte_ends_nothing(void **state)
{
    struct plate_read read;
    static const char text[] = "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\"}\0{";
    assert_int_equal(decode_bytes(*state, text, sizeof text - 1, &read), JSON_BAD_SYNTAX);
}

static void missing_and_wrong_fields_have_their_causes(void **state)
{
    refused(*state, "{\"PlateNo\":\"鲁H12345\"}", JSON_NO_CAMERA);
    refused(*state, "{\"DeviceID\":\"somebody\",\"PlateNo\":\"鲁H12345\"}", JSON_NO_CAMERA);
    refused(*state, "{\"DeviceID\":0,\"PlateNo\":\"鲁H12345\"}", JSON_NO_CAMERA);
    refused(*state, "{\"DeviceID\":65543,\"PlateNo\":\"鲁H12345\"}", JSON_NO_CAMERA);
    refused(*state, "{\"DeviceID\":-7,\"PlateNo\":\"鲁H12345\"}", JSON_BAD_TYPE);
    refused(*state, "{\"DeviceID\":[7],\"PlateNo\":\"鲁H12345\"}", JSON_BAD_TYPE);
    refused(*state, "{\"DeviceID\":7}", JSON_NO_PLATE);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":null}", JSON_NO_PLATE);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":12345}", JSON_BAD_TYPE);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"LaneNo\":256}", JSON_BAD_TYPE);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"LaneNo\":\"three\"}",
            JSON_BAD_TYPE);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"Speed\":{}}", JSON_BAD_TYPE);
    refused(*state,
            "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"EventID\":\"99999999999999999999\"}",
            JSON_BAD_TYPE);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H\\u001b[2J\"}", JSON_PLATE_TEXT);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345鲁H12345鲁H12345鲁H12345\"}",
            JSON_PLATE_TEXT);
}

static void sizes_and_depths_are_bounded(void **state)
{
    static char text[JSON_READ_SIZE_MAX + 2];
    struct plate_read read;
    int head = snprintf(text, sizeof text, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\"}");
    memset(text + head, ' ', sizeof text - (size_t)head);
    assert_int_equal(decode_bytes(*state, text, JSON_READ_SIZE_MAX, &read), JSON_CAUSE_OK);
    assert_int_equal(decode_bytes(*state, text, JSON_READ_SIZE_MAX + 1, &read), JSON_TOO_LONG);
    memset(text, '[', sizeof text);
    assert_int_equal(decode_bytes(*state, text, JSON_READ_SIZE_MAX, &read), JSON_TOO_DEEP);
    taken(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"x\":[[[[[[[1]]]]]]]}", &read);
    refused(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"x\":[[[[[[[[1]]]]]]]]}",
            JSON_TOO_DEEP);
    /* brackets inside text do not nest */
    taken(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\",\"x\":\"[[[[[[[[[[\\\"[[[\"}", &read);
}

static void memory_is_bounded_and_used_again(void **state)
{
    static char text[JSON_READ_SIZE_MAX];
    struct plate_read read;
    size_t size = (size_t)snprintf(text, sizeof text, "{\"x\":[");
    while (size + 3 < sizeof text) {
        memcpy(text + size, "{},", 3); /* an object costs jansson far more than its three bytes */
        size += 3;
    }
    memcpy(text + size - 1, "]}", 2);
    assert_int_equal(decode_bytes(*state, text, size + 1, &read), JSON_NO_MEMORY);
    for (int i = 0; i < 1000; i++)
        taken(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\"}", &read);
}

/* jansson elsewhere in the process works as ever, before and after. */
static void other_users_of_jansson_are_left_alone(void **state)
{
    struct plate_read read;
    json_t *mine = json_pack("{s:i}", "a", 1);
    taken(*state, "{\"DeviceID\":7,\"PlateNo\":\"鲁H12345\"}", &read);
    assert_int_equal(json_integer_value(json_object_get(mine, "a")), 1);
    json_decref(mine);
    mine = json_pack("{s:i}", "b", 2);
    assert_int_equal(json_integer_value(json_object_get(mine, "b")), 2);
    json_decref(mine);
}

static void field_names_come_from_configuration(void **state)
{
    struct json_test *t = *state;
    struct json_fields fields;
    struct json_reader *other = NULL;
    struct plate_read read;
    static const char text[] = "{\"cam\":7,\"plateUTF8\":\"鲁H12345\",\"LaneNo\":3}";
    json_fields_default(&fields);
    snprintf(fields.name[JSON_FIELD_CAMERA], JSON_FIELD_NAME_SIZE, "cam");
    snprintf(fields.name[JSON_FIELD_PLATE], JSON_FIELD_NAME_SIZE, "plateUTF8");
    fields.name[JSON_FIELD_LANE][0] = '\0';
    assert_int_equal(json_reader_create(&fields, &other, NULL), 0);
    assert_int_equal(
        json_reader_decode(other, t->cameras, (const uint8_t *)text, sizeof text - 1, &read),
        JSON_CAUSE_OK);
    assert_int_equal(read.lane, 0); /* not used */
    json_reader_destroy(other);
}

static void bad_field_names_are_refused(void **state)
{
    (void)state;
    struct json_fields fields;
    struct json_reader *reader = NULL;
    struct err_text err = {""};
    json_fields_default(&fields);
    memset(fields.name[JSON_FIELD_TIME], 'x', JSON_FIELD_NAME_SIZE);
    assert_int_equal(json_reader_create(&fields, &reader, &err), ERR_INVALID);
    assert_string_equal(err.text, "json field name 6: longer than 31 bytes");
    json_fields_default(&fields);
    fields.name[JSON_FIELD_PLATE][0] = '\0';
    assert_int_equal(json_reader_create(&fields, &reader, &err), ERR_INVALID);
    assert_string_equal(err.text, "json fields: camera and plate need a name");
    assert_null(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_of_the_standard_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_least_is_camera_and_plate, setup, teardown),
        cmocka_unit_test_setup_teardown(no_plate_and_unread_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(times_have_three_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(optional_values_out_of_range_count_as_not_given, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_object_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_zero_byte_ends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_and_wrong_fields_have_their_causes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sizes_and_depths_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_bounded_and_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(other_users_of_jansson_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(field_names_come_from_configuration, setup, teardown),
        cmocka_unit_test(bad_field_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
