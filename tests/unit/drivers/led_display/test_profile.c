/* A sign's profile file and the exact bytes of its frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/led_display/messages.h"
#include "drivers/led_display/profile.h"
#include "gateway/base/encode.h"

static const char shipped[] = "drivers/profiles/display/generic.yaml";

static int parse(const char *text, struct led_profile *out, struct err_text *err)
{
    return config_parse("sign.yaml", text, strlen(text), &led_profile_section, out, err);
}

/* The frame in hex; "" when it was refused. */
static const char *frame(const struct led_profile *profile, enum display_message message,
                         const char *plate)
{
    static char hex[2 * LED_FRAME_MAX + 1];
    struct display_show show = {.message = message};
    struct text_converter to;
    uint8_t out[LED_FRAME_MAX];
    size_t size = 0;
    (void)snprintf(show.plate, sizeof show.plate, "%s", plate);
    assert_int_equal(text_converter_open(&to, profile->encoding, TEXT_TO_DEVICE, NULL), 0);
    hex[0] = '\0';
    if (led_frame_encode(profile, &to, 7, &show, out, &size) == 0)
        hex_encode(out, size, hex);
    text_converter_close(&to);
    return hex;
}

static void every_message_of_the_shipped_profile_is_text_and_line_end(void **state)
{
    (void)state;
    struct led_profile p;
    struct err_text err = {""};
    if (led_profile_load(shipped, &p, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(frame(&p, DISPLAY_PLATE, "鲁H12345"), "c2b34831323334350d0a");
    assert_string_equal(frame(&p, DISPLAY_WELCOME, ""), "bcf5cbd9c2fdd0d00d0a");
    assert_string_equal(frame(&p, DISPLAY_PLEASE_WAIT, ""), "c7ebc9d4baf20d0a");
    assert_string_equal(frame(&p, DISPLAY_PLEASE_STOP, ""), "c7ebcda3b3b520bdd3cadcbcecb2e90d0a");
    assert_string_equal(frame(&p, DISPLAY_LANE_CLOSED, ""), "b3b5b5c0b9d8b1d50d0a");
}

static void every_part_of_a_frame_stands_where_it_belongs(void **state)
{
    (void)state;
    struct led_profile p;
    assert_int_equal(
        parse("{encoding: utf-8, columns: 8, prefix: aa55, suffix: \"0d\", line_break: "
              "\"0a\", "
              "address: true, checksum: xor, colours: {plate: 1c32, please_stop: 1c31}}",
              &p, NULL),
        0);
    /* XOR of 07 1c 32 41 31 */
    assert_string_equal(frame(&p, DISPLAY_PLATE, "A1"), "aa55071c324131590d");
    const char *stop = frame(&p, DISPLAY_PLEASE_STOP, "");
    assert_memory_equal(stop, "aa55071c31e8afb7e5819ce8bda60ae68ea5e58f97e6a380e69fa5", 52);
}

static void a_plate_too_wide_for_a_line_is_broken_in_two(void **state)
{
    (void)state;
    struct led_profile p;
    assert_int_equal(parse("{encoding: gbk, columns: 8, line_break: \"0a\"}", &p, NULL), 0);
    assert_string_equal(frame(&p, DISPLAY_PLATE, "鲁H12345"), "c2b3483132333435");
    assert_string_equal(frame(&p, DISPLAY_PLATE, "鲁HD12345"), "c2b3480a443132333435");
}

static void what_is_no_plate_is_not_shown(void **state)
{
    (void)state;
    struct led_profile p;
    assert_int_equal(led_profile_load(shipped, &p, NULL), 0);
    assert_string_equal(frame(&p, DISPLAY_PLATE, ""), "");
    assert_string_equal(frame(&p, DISPLAY_PLATE, "A\n1"), "");
    assert_string_equal(frame(&p, DISPLAY_PLATE, "\xE9\xB2"), "");
    assert_string_equal(frame(&p, DISPLAY_PLATE, "AAAAAAAAAAAAAAAAA"), ""); /* 17 columns */
    assert_string_equal(frame(&p, DISPLAY_MESSAGE_COUNT, ""), "");
}

/* A sign cannot give away why a vehicle has to stop: there is one message for it, and no other
 * message can carry a text. */
static void one_message_stands_for_every_stop(void **state)
{
    (void)state;
    struct led_profile p;
    int stops = 0;
    assert_int_equal(led_profile_load(shipped, &p, NULL), 0);
    for (int i = 0; i < DISPLAY_MESSAGE_COUNT; i++) {
        for (int line = 0; line < MESSAGE_LINES_MAX && display_messages[i].lines[line]; line++)
            stops += strstr(display_messages[i].lines[line], "停") != NULL;
        if (i != DISPLAY_PLATE) {
            char without[2 * LED_FRAME_MAX + 1];
            (void)snprintf(without, sizeof without, "%s", frame(&p, (enum display_message)i, ""));
            assert_string_equal(frame(&p, (enum display_message)i, "鲁H12345"), without);
        }
    }
    assert_int_equal(stops, 1);
}

static void a_wrong_profile_is_refused_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"source: x\ncolumns: 14\n",
         "sign.yaml:2: columns = '14': too narrow for the message 'please_stop', expected at least "
         "15, or a line_break"},
        {"source: x\ncolumns: 7\n", "sign.yaml:2: columns = '7': out of range, expected 8 to 64"},
        {"source: x\ncolumns: 16\nprefix: \"0\"\n",
         "sign.yaml:3: prefix = '0': not bytes in hex, expected 1 to 16 of them like 0d0a"},
        {"source: x\ncolumns: 16\nprefix: 0001020304050607080910111213141516\n",
         "sign.yaml:3: prefix = '0001020304050607080910111213141516': not bytes in hex, expected 1 "
         "to 16 of them like 0d0a"},
        {"source: x\ncolumns: 16\ncolours:\n  hit: aa\n",
         "sign.yaml:4: colours.hit: unknown key, expected one of welcome, plate, please_wait, "
         "please_stop, lane_closed"},
        {"source: x\ncolumns: 16\nchecksum: sum\n",
         "sign.yaml:3: checksum = 'sum': not a known name, expected one of none, xor"},
        {"source: x\n", "sign.yaml:1: columns: missing, expected 8 to 64"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct led_profile p;
        struct err_text err = {""};
        assert_int_equal(parse(rows[i].text, &p, &err), ERR_INVALID);
        assert_string_equal(err.text, rows[i].error);
    }
}

static void the_table_of_options_is_sound(void **state)
{
    (void)state;
    struct err_text err = {""};
    if (config_section_check(&led_profile_section, &err) != 0)
        fail_msg("%s", err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_of_the_shipped_profile_is_text_and_line_end),
        cmocka_unit_test(every_part_of_a_frame_stands_where_it_belongs),
        cmocka_unit_test(a_plate_too_wide_for_a_line_is_broken_in_two),
        cmocka_unit_test(what_is_no_plate_is_not_shown),
        cmocka_unit_test(one_message_stands_for_every_stop),
        cmocka_unit_test(a_wrong_profile_is_refused_by_line),
        cmocka_unit_test(the_table_of_options_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
