/* Serial cameras' profile files: the shipped ones say what they say, wrong ones are refused by
 * line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/serial_camera/profile.h"

/* The one message of `bytes` as the shipped profile of that name reads it. */
static struct serial_message read_by(const char *name, const void *bytes, size_t size)
{
    struct serial_profile profile;
    struct serial_line line;
    struct serial_message message;
    struct err_text err = {""};
    char path[64];
    (void)snprintf(path, sizeof path, "drivers/profiles/serial/%s.yaml", name);
    if (serial_profile_load(path, &profile, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(serial_line_init(&line, &profile.format, NULL), 0);
    assert_int_equal(serial_line_feed(&line, bytes, size), size);
    assert_int_equal(serial_line_next(&line, &message), 0);
    assert_int_equal(line.used, 0);
    serial_line_fini(&line);
    return message;
}

static void shipped_nedap_protocolled(void **state)
{
    (void)state;
    static const char text[] = "鲁H12345;97;;;4711";
    uint8_t bytes[SERIAL_MESSAGE_MAX];
    size_t size = serial_line_encode(9, text, strlen(text), bytes);
    struct serial_message m = read_by("nedap_protocolled", bytes, size);
    assert_string_equal(m.read.raw, "鲁H12345");
    assert_int_equal(m.read.confidence, 97);
    assert_true(m.read.event_id == 4711);
    assert_true(m.has_number && m.number == 9);
}

static void shipped_stx_etx(void **state)
{
    (void)state;
    static const char text[] = "\x02"
                               "2026112613030101鲁H12345\x03";
    struct serial_message m = read_by("stx_etx", text, strlen(text));
    assert_string_equal(m.read.raw, "鲁H12345");
    assert_true(m.read.camera_time.ms == 1795669381000);
}

static void shipped_line(void **state)
{
    (void)state;
    struct serial_message m =
        read_by("line", "鲁H12345;97;02;3;7\r", strlen("鲁H12345;97;02;3;7\r"));
    assert_string_equal(m.read.raw, "鲁H12345");
    assert_int_equal(m.read.direction, 3);
    m = read_by("line", "鲁H12345\n", strlen("鲁H12345\n"));
    assert_string_equal(m.read.raw, "鲁H12345");
}

static void shipped_line_gbk(void **state)
{
    (void)state;
    static const char text[] = "\xC2\xB3H12345;97;02;3;7;20261126130301\n";
    struct serial_message m = read_by("line_gbk", text, strlen(text));
    assert_string_equal(m.read.raw, "鲁H12345");
    assert_true(m.read.camera_time.ms == 1795669381000);
}

static void a_wrong_profile_is_refused_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"source: x\nframing: lines\ntemplate: a\nencoding: gbk\n",
         "cam.yaml:2: framing = 'lines': not a known name, expected one of nedap_protocolled, "
         "stx_etx, line"},
        {"source: x\nframing: line\ntemplate: \"{plate}\"\n",
         "cam.yaml:1: encoding: missing, expected one of utf-8, gbk"},
        {"source: x\nframing: line\ntemplate: \"{plate}{class}\"\nencoding: gbk\n",
         "cam.yaml:3: template = '{plate}{class}': two fields stand side by side, expected a "
         "literal between them or a width"},
        {"source: x\nframing: line\ntemplate: \"{plate}\"\nencoding: gbk\nheartbeat: A\n",
         "cam.yaml:1: silence: a heartbeat nobody waits for, expected the time without one after "
         "which the camera is lost"},
        {"source: x\nframing: line\ntemplate: \"{plate}\"\nencoding: gbk\ntrigger: '02 5'\n",
         "cam.yaml:5: trigger = '02 5': not bytes in hex, expected 1 to 64 such as '02 54 03'"},
        {"source: x\nframing: line\ntemplate: \"{plate}\"\nencoding: gbk\ntrigger_pause: 99ms\n",
         "cam.yaml:5: trigger_pause = '99ms': out of range, expected 100ms to 1min"},
        {"source: x\nframing: line\ntemplate: \"{plate}\"\nencoding: gbk\nutc_offset: \"+8:00\"\n",
         "cam.yaml:5: utc_offset = '+8:00': not an offset from UTC, expected like +08:00, within "
         "14 hours"},
        {"source: x\nframing: line\ntemplate: \"{plate}\"\nencoding: gbk\nutc_offset: \"+14:01\"\n",
         "cam.yaml:5: utc_offset = '+14:01': not an offset from UTC, expected like +08:00, within "
         "14 hours"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct serial_profile profile;
        struct err_text err = {""};
        assert_int_equal(config_parse("cam.yaml", rows[i].text, strlen(rows[i].text),
                                      &serial_profile_section, &profile, &err),
                         ERR_INVALID);
        assert_string_equal(err.text, rows[i].error);
    }
}

static void the_offset_from_utc_may_be_west(void **state)
{
    (void)state;
    static const char text[] =
        "{framing: line, template: \"{plate};{time}\", encoding: gbk, utc_offset: "
        "\"-09:30\"}";
    struct serial_profile profile;
    assert_int_equal(
        config_parse("cam.yaml", text, strlen(text), &serial_profile_section, &profile, NULL), 0);
    assert_int_equal(profile.format.form.utc_offset_minutes, -570);
}

static void a_trigger_is_bytes_as_they_stand(void **state)
{
    (void)state;
    static const char text[] =
        "{framing: line, template: \"{plate}\", encoding: gbk, trigger: \"02 54 0d\"}";
    struct serial_profile profile;
    assert_int_equal(
        config_parse("cam.yaml", text, strlen(text), &serial_profile_section, &profile, NULL), 0);
    assert_int_equal(profile.trigger.size, 3);
    assert_memory_equal(profile.trigger.bytes, "\x02\x54\x0D", 3);
    assert_int_equal(profile.trigger_pause_ms, 1000);
}

static void the_table_of_options_is_sound(void **state)
{
    (void)state;
    struct err_text err = {""};
    if (config_section_check(&serial_profile_section, &err) != 0)
        fail_msg("%s", err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_nedap_protocolled),
        cmocka_unit_test(shipped_stx_etx),
        cmocka_unit_test(shipped_line),
        cmocka_unit_test(shipped_line_gbk),
        cmocka_unit_test(a_wrong_profile_is_refused_by_line),
        cmocka_unit_test(the_offset_from_utc_may_be_west),
        cmocka_unit_test(a_trigger_is_bytes_as_they_stand),
        cmocka_unit_test(the_table_of_options_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
