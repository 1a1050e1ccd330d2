/* Templates of text messages: every field, every refusal, every template that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/read_fields.h"
#include "drivers/wire/text_template.h"

static struct text_template form_of(const char *text)
{
    struct text_template form = {.utc_offset_minutes = 480};
    const char *wrong = text_template_compile(text, &form);
    if (wrong)
        fail_msg("%s: %s", text, wrong);
    return form;
}

static enum template_result read_text(const struct text_template *form, const char *text,
                                      struct plate_read *out, struct template_extra *extra)
{
    return text_template_read(form, (const uint8_t *)text, strlen(text), out, extra);
}

static void every_field_is_read(void **state)
{
    (void)state;
    struct text_template form =
        form_of("#{number} {plate} {confidence}% {class:2}{direction:1}{colour} {speed}km/h "
                "[{event}] {time} {candidate}/{candidate_confidence} {candidate}/"
                "{candidate_confidence} {skip}!");
    struct plate_read read;
    struct template_extra extra;
    assert_int_equal(
        read_text(&form,
                  "#17 鲁H12345 97% 0235 80km/h [4711] 2026-11-26T13:03:01 鲁H1234S/40 "
                  "鲁HI2345/ whatever!",
                  &read, &extra),
        TEMPLATE_OK);
    assert_string_equal(read.raw, "鲁H12345");
    assert_int_equal(read.kind, PLATE_KEY);
    assert_int_equal(read.confidence, 97);
    assert_int_equal(read.class, '0' << 8 | '2');
    assert_int_equal(read.direction, 3);
    assert_int_equal(read.colour, COLOUR_BLUE);
    assert_int_equal(read.speed_kmh, 80);
    assert_true(read.event_id == 4711);
    assert_true(read.camera_time.ms == 1795669381000);
    assert_true(extra.has_number && extra.number == 17 && extra.time_in_seconds);
    /* 鲁HI2345 folds to the plate itself: no other plate */
    assert_int_equal(read.candidate_count, 1);
    assert_int_equal(read.candidates[0].confidence, 40);
}

static void named_as(const char *text, const char *expected)
{
    struct text_template form = form_of("{plate};{confidence};{class};{colour};{time}");
    struct plate_read read;
    struct template_extra extra;
    assert_int_equal(read_text(&form, text, &read, &extra), TEMPLATE_OK);
    assert_string_equal(read.raw, "鲁H12345");
    assert_string_equal(extra.odd.text, expected);
}

static void a_value_out_of_range_is_named_and_the_read_is_not_lost(void **state)
{
    (void)state;
    named_as("鲁H12345;97;02;5;2026-11-26 13:03:01", "");
    named_as("鲁H12345;;;;", "");
    named_as("鲁H12345;140;??;5;", "confidence: 140, expected 0 to 100, or 255 for none");
    named_as("鲁H12345;97;car;5;", "class: 3 bytes, expected two characters of GA 24.7");
    named_as("鲁H12345;97;??;5;", "class: 2 bytes, expected two characters of GA 24.7");
    named_as("鲁H12345;97;02;14;", "colour: 14, expected 0 to 13, or 99");
    named_as("鲁H12345;97;02;5;2026-02-31 13:03:01",
             "time: 2026-02-31T13:03:01Z, expected a date that exists");
}

static void a_time_is_read_in_each_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {{"20261126130301", 1795669381000},
                {"2026-11-26 13:03:01", 1795669381000},
                {"20261326130301", 0}, /* no such month: not given */
                {"19700101000000", 0}, /* before 1970 in UTC */
                {"", 0},
                {"2026112613030", -1},
                {"2026112613030x", -1},
                {"2026/11/26 13:03:01", -1}};
    struct text_template form = form_of("{plate};{time}");
    struct text_template ms_form = form_of("{plate};{time_ms}");
    struct template_extra extra;
    struct plate_read read;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64] = "A1;";
        memcpy(text + 3, rows[i].text, strlen(rows[i].text) + 1);
        assert_int_equal(read_text(&form, text, &read, &extra),
                         rows[i].ms < 0 ? TEMPLATE_BAD_FIELDS : TEMPLATE_OK);
        if (rows[i].ms >= 0)
            assert_true(read.camera_time.ms == rows[i].ms);
    }
    assert_int_equal(read_text(&ms_form, "A1;1795669381001", &read, &extra), TEMPLATE_OK);
    assert_true(read.camera_time.ms == 1795669381001);
    assert_false(extra.time_in_seconds);
}

static void what_is_not_of_the_form_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *form, *text;
        enum template_result result;
    } rows[] = {{"{plate};{confidence}", "A1;5", TEMPLATE_OK},
                {"{plate};{confidence}", "A1;101", TEMPLATE_OK}, /* not given */
                {"{plate};{confidence}", "A1", TEMPLATE_BAD_FIELDS},
                {"{plate};{confidence}", "A1;", TEMPLATE_OK},
                {"{plate};{confidence}", "A1;5;", TEMPLATE_BAD_FIELDS},
                {"{plate};{confidence}", "A1;-5", TEMPLATE_BAD_FIELDS},
                {"{plate};{event}", "A1;18446744073709551615", TEMPLATE_OK},
                {"{plate};{event}", "A1;18446744073709551616", TEMPLATE_BAD_FIELDS},
                {"{plate};{event}", "A1;000000000000000000001", TEMPLATE_BAD_FIELDS},
                {"P={plate}.", "P=A1.", TEMPLATE_OK},
                {"P={plate}.", "Q=A1.", TEMPLATE_BAD_FIELDS},
                {"P={plate}.", "P=A1", TEMPLATE_BAD_FIELDS},
                {"P={plate}.", "P", TEMPLATE_BAD_FIELDS},
                {"{plate:3}x", "鲁H1x", TEMPLATE_OK},
                {"{plate:3}x", "鲁Hx", TEMPLATE_BAD_FIELDS},
                {"{plate:3}{skip}", "鲁H1", TEMPLATE_OK},
                {"{skip:9}{plate}", "12345", TEMPLATE_BAD_FIELDS},
                {"{plate}", "123456789012345678901234567890123", TEMPLATE_BAD_PLATE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text_template form = form_of(rows[i].form);
        struct plate_read read = {.lane = 77};
        struct template_extra extra = {.number = 77};
        enum template_result result = read_text(&form, rows[i].text, &read, &extra);
        if (result != rows[i].result)
            fail_msg("%s of %s: %d", rows[i].text, rows[i].form, result);
        if (result != TEMPLATE_OK) {
            assert_int_equal(read.lane, 77);
            assert_int_equal(extra.number, 77);
        }
    }
}

static void a_message_may_end_behind_any_field_from_the_plate_on(void **state)
{
    (void)state;
    struct text_template form = form_of("{event};{plate};{confidence};{class}");
    struct plate_read read;
    struct template_extra extra;
    form.trailing_optional = true;
    assert_int_equal(read_text(&form, "7;A1", &read, &extra), TEMPLATE_OK);
    assert_int_equal(read_text(&form, "7;A1;", &read, &extra), TEMPLATE_OK);
    assert_int_equal(read_text(&form, "7;A1;9", &read, &extra), TEMPLATE_OK);
    assert_int_equal(read.confidence, 9);
    assert_int_equal(read_text(&form, "7", &read, &extra), TEMPLATE_BAD_FIELDS);
    assert_int_equal(read_text(&form, "7;A1;9;02;x", &read, &extra), TEMPLATE_OK);
    assert_int_equal(read.class, PLATE_CLASS_UNKNOWN); /* "02;x" is no class */
}

static void what_is_no_template_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"{plat}", "a field in it is unknown"},
        {"{}{plate}", "a field in it is unknown"},
        {"{plate", "a brace is not closed"},
        {"plate}", "a brace closes nothing"},
        {"{confidence}", "expected {plate} once"},
        {"{plate};{plate}", "expected {plate} once"},
        {"{plate}{class}", "two fields stand side by side"},
        {"{plate:0}", "a width in it is wrong"},
        {"{plate:}", "a width in it is wrong"},
        {"{plate:1x}", "a width in it is wrong"},
        {"{plate:100}", "a width in it is wrong"},
        {"{plate};{candidate_confidence}", "{candidate_confidence} has no {candidate}"},
        {"{plate}12345678901234567{class}", "more than 16 bytes"},
        {"{plate}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}"
         "{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}"
         "{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}{skip:1}",
         "more than 32"},
        {"{plate} {candidate} {candidate} {candidate} {candidate} {candidate} {candidate} "
         "{candidate} {candidate} {candidate} {candidate} {candidate}",
         "more than 10 candidates"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text_template form = {.count = 99};
        const char *reason = text_template_compile(rows[i].text, &form);
        assert_non_null(reason);
        if (strncmp(reason, rows[i].reason, strlen(rows[i].reason)) != 0)
            fail_msg("%s: %s", rows[i].text, reason);
        assert_int_equal(form.count, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(a_value_out_of_range_is_named_and_the_read_is_not_lost),
        cmocka_unit_test(a_time_is_read_in_each_form),
        cmocka_unit_test(what_is_not_of_the_form_is_refused),
        cmocka_unit_test(a_message_may_end_behind_any_field_from_the_plate_on),
        cmocka_unit_test(what_is_no_template_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
