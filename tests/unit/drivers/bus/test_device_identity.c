/*
 * What a device says it is: answers of functions 43/14 and 17 read to their last byte, hostile ones
 * refused: cut anywhere, with wrong lengths, with more to follow for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/bus/device_identity.h"

static const struct modbus_request ask_device = {
    .unit = 1, .function = MODBUS_DEVICE_ID, .count = MODBUS_ANSWER_MAX};
static const struct modbus_request ask_server = {
    .unit = 1, .function = MODBUS_SERVER_ID, .count = MODBUS_ANSWER_MAX};

/* The first half of the example of MODBUS Application Protocol 1.1b3, 6.21, with its three texts.
 */
static const char three[] = "\x01\x2B\x0E\x01\x01\x00\x00\x03"
                            "\x00\x16"
                            "Company identification"
                            "\x01\x0F"
                            "Product code XX"
                            "\x02\x05"
                            "V2.11";

static int read_answer(const struct modbus_request *request, const void *data, size_t size,
                       struct modbus_answer *out)
{
    struct err_text err = {""};
    return modbus_answer_read(request, data, size, out, &err);
}

/* Read and taken; *out_next as device_identity_take. */
static int take(struct device_identity *identity, uint8_t first, const void *data, size_t size,
                uint8_t *out_next, struct err_text *err)
{
    struct modbus_answer answer;
    assert_int_equal(read_answer(&ask_device, data, size, &answer), ERR_OK);
    return device_identity_take(identity, first, &answer, out_next, err);
}

static void requests_are_the_bytes_of_the_standard(void **state)
{
    (void)state;
    uint8_t out[MODBUS_REQUEST_MAX];
    struct modbus_request later = ask_device;
    later.address = 2;
    assert_int_equal(modbus_request_write(&ask_device, out), 5);
    assert_memory_equal(out, "\x01\x2B\x0E\x01\x00", 5);
    assert_int_equal(modbus_request_size(&ask_device), 5);
    assert_int_equal(modbus_request_write(&later, out), 5);
    assert_memory_equal(out, "\x01\x2B\x0E\x01\x02", 5);
    assert_int_equal(modbus_request_write(&ask_server, out), 2);
    assert_memory_equal(out, "\x01\x11", 2);
    assert_int_equal(modbus_answer_size(&ask_server), MODBUS_ANSWER_MAX);
    const struct modbus_request bad[] = {{.unit = 1, .function = 43, .count = 7},
                                         {.unit = 1, .function = 17, .count = 255},
                                         {.unit = 1, .function = 43, .count = 100, .address = 256}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(modbus_request_write(&bad[i], out), 0);
    }
}

static void the_three_texts_are_taken(void **state)
{
    (void)state;
    struct device_identity identity = {0};
    uint8_t next = 9;
    assert_int_equal(take(&identity, 0, three, sizeof(three) - 1, &next, NULL), ERR_OK);
    assert_int_equal(next, 0);
    assert_string_equal(identity.text[IDENTITY_VENDOR], "Company identification");
    assert_string_equal(identity.text[IDENTITY_PRODUCT], "Product code XX");
    assert_string_equal(identity.text[IDENTITY_REVISION], "V2.11");
}

/* A serial line hears an answer byte by byte: it is never thought whole before it is, nor waited
 * for when it is; and every shorter or longer one is refused. */
static void an_answer_is_whole_at_its_last_byte_only(void **state)
{
    (void)state;
    static const char server[] = "\x01\x11\x05\xB4\xFFLMB";
    const struct {
        const struct modbus_request *request;
        const char *data;
        size_t size;
    } answers[] = {{&ask_device, three, sizeof(three) - 1},
                   {&ask_server, server, sizeof(server) - 1},
                   {&ask_device, "\x01\xAB\x01", 3},
                   {&ask_server, "\x01\x91\x01", 3}};
    for (size_t a = 0; a < sizeof(answers) / sizeof(answers[0]); a++) {
        const uint8_t *data = (const uint8_t *)answers[a].data;
        struct modbus_answer answer;
        for (size_t size = 0; size < answers[a].size; size++) {
            assert_true(modbus_answer_needed(answers[a].request, data, size) > size);
            assert_int_equal(read_answer(answers[a].request, data, size, &answer), ERR_CORRUPT);
        }
        assert_int_equal(modbus_answer_needed(answers[a].request, data, answers[a].size),
                         answers[a].size);
        uint8_t longer[80] = {0};
        memcpy(longer, data, answers[a].size);
        assert_int_equal(read_answer(answers[a].request, longer, answers[a].size + 1, &answer),
                         ERR_CORRUPT);
    }
}

static void an_answer_longer_than_what_is_taken_is_refused_by_its_first_bytes(void **state)
{
    (void)state;
    struct modbus_request request = ask_server;
    struct modbus_answer answer;
    struct err_text err = {""};
    request.count = 40;
    assert_true(modbus_answer_needed(&request, (const uint8_t *)"\x01\x11\xF0", 3) > 40);
    assert_int_equal(
        modbus_answer_read(&request, (const uint8_t *)"\x01\x11\xF0", 3, &answer, &err),
        ERR_CORRUPT);
    assert_string_equal(err.text, "answer of 243 bytes or more, expected at most 40");
    request.function = MODBUS_DEVICE_ID;
    assert_true(modbus_answer_needed(&request, (const uint8_t *)three, sizeof(three) - 1) > 40);
}

static void more_follows_until_it_is_all_there_and_no_longer(void **state)
{
    (void)state;
    struct device_identity identity = {0};
    struct err_text err = {""};
    uint8_t next = 0;
    assert_int_equal(
        take(&identity, 0, "\x01\x2B\x0E\x01\x01\xFF\x01\x01\x00\x01V", 11, &next, &err), ERR_OK);
    assert_int_equal(next, 1);
    assert_int_equal(
        take(&identity, 1, "\x01\x2B\x0E\x01\x01\xFF\x02\x01\x01\x01P", 11, &next, &err), ERR_OK);
    assert_int_equal(next, 2);
    /* further ones are objects that were not asked for */
    assert_int_equal(
        take(&identity, 2, "\x01\x2B\x0E\x01\x83\xFF\x80\x01\x02\x01R", 11, &next, &err), ERR_OK);
    assert_int_equal(next, 0);
    assert_string_equal(identity.text[IDENTITY_PRODUCT], "P");
    static const struct {
        uint8_t first;
        const char *data;
        size_t size;
    } endless[] = {
        {0, "\x01\x2B\x0E\x01\x01\xFF\x00\x01\x00\x01V", 11}, /* back to where it began */
        {1, "\x01\x2B\x0E\x01\x01\xFF\x01\x01\x01\x01P", 11},
        {0, "\x01\x2B\x0E\x01\x01\xFF\x01\x01\x01\x01P", 11}, /* what has come already */
        {0, "\x01\x2B\x0E\x01\x01\xFF\x01\x00", 8},           /* and nothing comes */
    };
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        assert_int_equal(
            take(&identity, endless[i].first, endless[i].data, endless[i].size, &next, &err),
            ERR_CORRUPT);
        assert_non_null(strstr(err.text, "identification without end"));
    }
}

static void texts_are_trimmed_made_printable_and_bounded(void **state)
{
    (void)state;
    struct device_identity identity = {0};
    struct err_text err = {""};
    uint8_t next = 0;
    uint8_t frame[128] = "\x01\x2B\x0E\x01\x01\x00\x00\x01\x01\x08"
                         "A\x07\xE5"
                         "B  \0\0";
    assert_int_equal(take(&identity, 0, frame, 18, &next, &err), ERR_OK);
    assert_string_equal(identity.text[IDENTITY_PRODUCT], "A??B");
    memset(frame + 10, 'x', 100);
    frame[9] = IDENTITY_TEXT_SIZE - 1;
    assert_int_equal(take(&identity, 0, frame, 10u + frame[9], &next, &err), ERR_OK);
    assert_int_equal(strlen(identity.text[IDENTITY_PRODUCT]), IDENTITY_TEXT_SIZE - 1);
    frame[9] = IDENTITY_TEXT_SIZE;
    assert_int_equal(take(&identity, 0, frame, 10u + frame[9], &next, &err), ERR_CORRUPT);
    assert_string_equal(err.text, "product code of 64 bytes, expected at most 63");
    frame[8] = 0x80; /* nobody looks at it */
    assert_int_equal(take(&identity, 0, frame, 10u + frame[9], &next, &err), ERR_OK);
}

/* Not through modbus_answer_read, which refuses these first. */
static void a_broken_answer_is_not_taken_either(void **state)
{
    (void)state;
    static const char body[] = "\x0E\x01\x01\x00\x00\x01\x00\x04"
                               "ABCD";
    struct err_text err = {""};
    uint8_t next = 0;
    for (size_t size = 0; size < sizeof(body) + 2; size++) {
        struct device_identity identity = {0};
        struct modbus_answer answer = {.raw_size = (uint8_t)size};
        memcpy(answer.raw, body, sizeof(body) - 1);
        int rc = device_identity_take(&identity, 0, &answer, &next, &err);
        assert_int_equal(rc, size == sizeof(body) - 1 ? ERR_OK : ERR_CORRUPT);
    }
}

static void patterns_are_the_text_or_its_beginning(void **state)
{
    (void)state;
    assert_true(device_identity_matches("SM-8", "SM-8"));
    assert_false(device_identity_matches("SM-8", "SM-80"));
    assert_false(device_identity_matches("SM-8", "SM-"));
    assert_true(device_identity_matches("SM-*", "SM-80"));
    assert_true(device_identity_matches("SM-*", "SM-"));
    assert_false(device_identity_matches("SM-*", "SM"));
    assert_true(device_identity_matches("*", ""));
    assert_false(device_identity_matches("SM-8", ""));
}

static void a_server_id_is_its_first_bytes_and_a_text_in_it(void **state)
{
    (void)state;
    struct modbus_answer answer = {0};
    char shown[IDENTITY_TEXT_SIZE];
    assert_int_equal(read_answer(&ask_server, "\x01\x11\x0A\xB4\xFFLMB3.1.6", 13, &answer), ERR_OK);
    const uint8_t id[] = {0xB4, 0xFF};
    const uint8_t other[] = {0xB4, 0x00};
    assert_true(server_id_matches(&answer, id, 2, "LMB"));
    assert_true(server_id_matches(&answer, id, 1, ""));
    assert_true(server_id_matches(&answer, id, 0, "3.1.6"));
    assert_false(server_id_matches(&answer, other, 2, "LMB"));
    assert_false(server_id_matches(&answer, id, 2, "3.1.60"));
    server_id_show(&answer, shown);
    assert_string_equal(shown, "B4 FF 4C 4D '??LMB3.1.6'");
    uint8_t longest[MODBUS_ANSWER_MAX] = {1, 17, MODBUS_RAW_MAX - 1};
    memset(longest + 3, 'y', sizeof(longest) - 3);
    assert_int_equal(read_answer(&ask_server, longest, sizeof(longest), &answer), ERR_OK);
    server_id_show(&answer, shown);
    assert_int_equal(strlen(shown), sizeof(shown) - 1);
    assert_true(shown[sizeof(shown) - 2] == '\'');
    assert_int_equal(read_answer(&ask_server, "\x01\x11\x00", 3, &answer), ERR_OK);
    assert_false(server_id_matches(&answer, id, 1, ""));
    assert_false(server_id_matches(&answer, id, 0, "L"));
    server_id_show(&answer, shown);
    assert_string_equal(shown, "''");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_the_bytes_of_the_standard),
        cmocka_unit_test(the_three_texts_are_taken),
        cmocka_unit_test(an_answer_is_whole_at_its_last_byte_only),
        cmocka_unit_test(an_answer_longer_than_what_is_taken_is_refused_by_its_first_bytes),
        cmocka_unit_test(more_follows_until_it_is_all_there_and_no_longer),
        cmocka_unit_test(texts_are_trimmed_made_printable_and_bounded),
        cmocka_unit_test(a_broken_answer_is_not_taken_either),
        cmocka_unit_test(patterns_are_the_text_or_its_beginning),
        cmocka_unit_test(a_server_id_is_its_first_bytes_and_a_text_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
