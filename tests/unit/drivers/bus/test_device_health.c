/*
 * Counters and quantiles of a device's round trips.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/bus/device_health.h"

static struct device_health health;

static void took(int rc, int64_t us)
{
    const struct mono_time begin = {.ns = 5000000000};
    device_health_note(&health, rc, begin, (struct mono_time){.ns = begin.ns + us * 1000});
}

static int setup(void **state)
{
    (void)state;
    health = (struct device_health){0};
    return 0;
}

static void nothing_yet_is_nothing(void **state)
{
    (void)state;
    struct device_health_view view;
    device_health_read(&health, &view);
    assert_int_equal(view.good + view.timeouts + view.corrupt + view.denied + view.broken, 0);
    assert_int_equal(view.last_good.ns, 0);
    assert_int_equal(view.median_us, 0);
    assert_int_equal(view.p99_us, 0);
}

static void outcomes_are_counted_by_kind(void **state)
{
    (void)state;
    struct device_health_view view;
    took(ERR_OK, 1000);
    took(ERR_TIMEOUT, 200000);
    took(ERR_CORRUPT, 1000);
    took(ERR_CORRUPT, 1000);
    took(ERR_IO, 10);
    device_health_read(&health, &view);
    assert_int_equal(view.last_good.ns, 5001000000);
    took(ERR_DENIED, 2000); /* it answered */
    device_health_read(&health, &view);
    assert_int_equal(view.good, 1);
    assert_int_equal(view.timeouts, 1);
    assert_int_equal(view.corrupt, 2);
    assert_int_equal(view.denied, 1);
    assert_int_equal(view.broken, 1);
    assert_int_equal(view.last_good.ns, 5002000000);
}

static void near(uint32_t value, uint32_t expected)
{
    if (value < expected - expected / 16 - 1 || value > expected + expected / 16 + 1) {
        fail_msg("%u, expected %u within 1/16", value, expected);
    }
}

static void quantiles_are_right_within_a_sixteenth(void **state)
{
    (void)state;
    struct device_health_view view;
    static const uint32_t all[] = {64, 65, 127, 128, 1000, 4095, 20000, 300000, 1000000};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        health = (struct device_health){0};
        took(ERR_OK, all[i]);
        device_health_read(&health, &view);
        near(view.median_us, all[i]);
        near(view.p99_us, all[i]);
    }
    health = (struct device_health){0};
    for (int i = 0; i < 98; i++) {
        took(ERR_OK, 500);
    }
    took(ERR_OK, 9000);
    took(ERR_OK, 9000);
    device_health_read(&health, &view);
    near(view.median_us, 500);
    near(view.p99_us, 9000);
}

static void the_histogram_is_bounded_and_forgets(void **state)
{
    (void)state;
    struct device_health_view view;
    for (int i = 0; i < HEALTH_FADE; i++) {
        took(ERR_OK, 100000);
    }
    took(ERR_OK, INT32_MAX); /* beyond the last bucket */
    for (int i = 0; i < 12 * HEALTH_FADE; i++) {
        took(ERR_OK, 500);
    }
    device_health_read(&health, &view);
    near(view.p99_us, 500);
    assert_true(health.in_buckets <= HEALTH_FADE);
    assert_int_equal(view.good, 13 * HEALTH_FADE + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_yet_is_nothing, setup),
        cmocka_unit_test_setup(outcomes_are_counted_by_kind, setup),
        cmocka_unit_test_setup(quantiles_are_right_within_a_sixteenth, setup),
        cmocka_unit_test_setup(the_histogram_is_bounded_and_forgets, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
