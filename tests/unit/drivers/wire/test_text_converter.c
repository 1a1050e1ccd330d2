/* Text between encodings: whole and right, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/text_converter.h"

enum { ROOM = 32 };

static struct text_converter opened(enum text_encoding encoding, enum text_direction direction)
{
    struct text_converter converter;
    assert_int_equal(text_converter_open(&converter, encoding, direction, NULL), 0);
    return converter;
}

static void gbk_is_read_and_written(void **state)
{
    (void)state;
    static const uint8_t gbk[] = {0xC2, 0xB3, 'H', '1', '2', '3', '4', '5'};
    struct text_converter from = opened(TEXT_GBK, TEXT_FROM_DEVICE);
    struct text_converter to = opened(TEXT_GBK, TEXT_TO_DEVICE);
    uint8_t out[ROOM];
    size_t size = 0;
    assert_int_equal(text_convert(&from, gbk, sizeof gbk, out, sizeof out, &size), 0);
    assert_int_equal(size, strlen("鲁H12345"));
    assert_memory_equal(out, "鲁H12345", size);
    assert_int_equal(text_convert(&to, "鲁H12345", strlen("鲁H12345"), out, sizeof out, &size), 0);
    assert_int_equal(size, sizeof gbk);
    assert_memory_equal(out, gbk, size);
    text_converter_close(&from);
    text_converter_close(&to);
}

static void a_refusal_leaves_nothing_for_the_next_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int result;
    } rows[] = {{"\xC2", ERR_INVALID},     /* cut inside a character */
                {"\xFF\xB3", ERR_INVALID}, /* no such lead */
                {"\xC2\x20", ERR_INVALID}, /* no such trail */
                {"A\x03", ERR_INVALID},    {"\x7F", ERR_INVALID}, {"\x1B$)A", ERR_INVALID}};
    struct text_converter from = opened(TEXT_GBK, TEXT_FROM_DEVICE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[ROOM];
        size_t size = 77;
        assert_int_equal(
            text_convert(&from, rows[i].bytes, strlen(rows[i].bytes), out, sizeof out, &size),
            rows[i].result);
        assert_int_equal(size, 77);
        assert_int_equal(text_convert(&from, "\xC2\xB3", 2, out, sizeof out, &size), 0);
        assert_int_equal(size, 3);
    }
    text_converter_close(&from);
}

static void no_byte_goes_beyond_the_room(void **state)
{
    (void)state;
    for (int encoding = TEXT_UTF8; encoding <= TEXT_GBK; encoding++) {
        struct text_converter to = opened((enum text_encoding)encoding, TEXT_TO_DEVICE);
        size_t needs = encoding == TEXT_GBK ? 6 : 9;
        size_t size = 0;
        for (size_t room = 0; room <= needs; room++) {
            uint8_t out[ROOM];
            memset(out, 0xEE, sizeof out);
            assert_int_equal(text_convert(&to, "请停车", 9, out, room, &size),
                             room < needs ? ERR_TOO_LARGE : 0);
            assert_int_equal(out[room], 0xEE);
        }
        assert_int_equal(size, needs);
        assert_int_equal(text_convert(&to, "", 0, NULL, 0, &size), 0);
        assert_int_equal(size, 0);
        text_converter_close(&to);
    }
}

static void what_the_device_cannot_show_is_refused(void **state)
{
    (void)state;
    struct text_converter to = opened(TEXT_GBK, TEXT_TO_DEVICE);
    uint8_t out[ROOM];
    size_t size;
    assert_int_equal(text_convert(&to, "😀", 4, out, sizeof out, &size), ERR_INVALID);
    assert_int_equal(text_convert(&to, "\xE9\xB2", 2, out, sizeof out, &size), ERR_INVALID);
    text_converter_close(&to);
    to = opened(TEXT_UTF8, TEXT_TO_DEVICE);
    assert_int_equal(text_convert(&to, "\xE9\xB2", 2, out, sizeof out, &size), ERR_INVALID);
    text_converter_close(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gbk_is_read_and_written),
        cmocka_unit_test(a_refusal_leaves_nothing_for_the_next_text),
        cmocka_unit_test(no_byte_goes_beyond_the_room),
        cmocka_unit_test(what_the_device_cannot_show_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
