/* How far a camera's clock is off: the truest of the last samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/wire/camera_clock.h"

enum { NOW = 1000000000 };

static void asked_the_shortest_exchange_is_the_truest(void **state)
{
    (void)state;
    struct camera_clock clock = {0};
    int64_t offset_ms = 77;
    uint32_t error_ms = 77;
    assert_false(camera_clock_offset(&clock, &offset_ms, &error_ms));
    assert_int_equal(offset_ms, 77);
    camera_clock_asked(&clock, NOW + 3300, NOW, 200);
    camera_clock_asked(&clock, NOW + 3204, NOW, 8);
    camera_clock_asked(&clock, NOW + 3100, NOW, 300);
    assert_true(camera_clock_offset(&clock, &offset_ms, &error_ms));
    assert_int_equal(offset_ms, 3204);
    assert_int_equal(error_ms, 5);
    for (int i = 0; i < CAMERA_CLOCK_SAMPLES; i++)
        camera_clock_asked(&clock, NOW - 50, NOW, 20); /* somebody set it */
    assert_true(camera_clock_offset(&clock, &offset_ms, &error_ms));
    assert_int_equal(offset_ms, -50);
}

static void said_the_least_delayed_read_is_the_truest(void **state)
{
    (void)state;
    struct camera_clock clock = {0};
    int64_t offset_ms;
    uint32_t error_ms;
    camera_clock_said(&clock, NOW - 700, NOW, 1);
    camera_clock_said(&clock, NOW - 150, NOW, 1);
    camera_clock_said(&clock, NOW - 60000, NOW, 1); /* kept while the line was cut */
    assert_true(camera_clock_offset(&clock, &offset_ms, &error_ms));
    assert_int_equal(offset_ms, -150);
    assert_int_equal(error_ms, 1);
    camera_clock_said(&clock, NOW, NOW, 1000);
    assert_true(camera_clock_offset(&clock, &offset_ms, &error_ms));
    assert_int_equal(offset_ms, 500);
    assert_int_equal(error_ms, 501);
}

static void once_asked_what_reads_say_no_longer_counts(void **state)
{
    (void)state;
    struct camera_clock clock = {0};
    int64_t offset_ms;
    uint32_t error_ms;
    camera_clock_said(&clock, NOW + 9000, NOW, 1);
    camera_clock_asked(&clock, NOW + 10, NOW, 4);
    camera_clock_said(&clock, NOW + 9000, NOW, 1);
    assert_true(camera_clock_offset(&clock, &offset_ms, &error_ms));
    assert_int_equal(offset_ms, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asked_the_shortest_exchange_is_the_truest),
        cmocka_unit_test(said_the_least_delayed_read_is_the_truest),
        cmocka_unit_test(once_asked_what_reads_say_no_longer_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
