/* Vehicles of a shift: whole hours alone count, what is not known is ordinary, bounds hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/model/traffic.h"

static struct mono_time at_minute(int64_t minute)
{
    return (struct mono_time){minute * 60 * 1000 * 1000000};
}

static void before_an_hour_is_over_traffic_is_ordinary(void **state)
{
    (void)state;
    struct traffic t;
    traffic_init(&t, 70, at_minute(0));
    traffic_look(&t, 5070, at_minute(59));
    assert_int_equal(traffic_of_shift(&t), 4000);
}

static void eight_hours_replace_what_was_not_known(void **state)
{
    (void)state;
    struct traffic t;
    uint64_t count = 70;
    traffic_init(&t, count, at_minute(0));
    for (int hour = 1; hour <= 8; hour++) {
        count += 100;
        traffic_look(&t, count, at_minute(hour * 60));
        assert_int_equal(traffic_of_shift(&t), hour * 100 + (8 - hour) * 500);
    }
    count += 900; /* the ninth takes the first one's place */
    traffic_look(&t, count, at_minute(9 * 60));
    assert_int_equal(traffic_of_shift(&t), 7 * 100 + 900);
}

static void an_hour_counts_once(void **state)
{
    (void)state;
    struct traffic t;
    traffic_init(&t, 0, at_minute(0));
    traffic_look(&t, 1000, at_minute(60));
    traffic_look(&t, 1900, at_minute(61));
    traffic_look(&t, 1900, at_minute(119));
    assert_int_equal(traffic_of_shift(&t), 7 * 500 + 1000);
    traffic_look(&t, 1900, at_minute(120));
    assert_int_equal(traffic_of_shift(&t), 6 * 500 + 1000 + 900);
}

static void a_long_silence_shares_what_came(void **state)
{
    (void)state;
    struct traffic t;
    traffic_init(&t, 0, at_minute(0));
    traffic_look(&t, 3000, at_minute(3 * 60 + 10));
    assert_int_equal(traffic_of_shift(&t), 3 * 1000 + 5 * 500);
    traffic_look(&t, 3000, at_minute(100 * 60));
    assert_int_equal(traffic_of_shift(&t), TRAFFIC_SHIFT_MIN);
}

static void no_traffic_is_too_little_or_too_much(void **state)
{
    (void)state;
    struct traffic t;
    traffic_init(&t, 0, at_minute(0));
    traffic_look(&t, 0, at_minute(8 * 60));
    assert_int_equal(traffic_of_shift(&t), TRAFFIC_SHIFT_MIN);
    traffic_look(&t, UINT64_MAX, at_minute(9 * 60));
    assert_int_equal(traffic_of_shift(&t), TRAFFIC_SHIFT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_an_hour_is_over_traffic_is_ordinary),
        cmocka_unit_test(eight_hours_replace_what_was_not_known),
        cmocka_unit_test(an_hour_counts_once),
        cmocka_unit_test(a_long_silence_shares_what_came),
        cmocka_unit_test(no_traffic_is_too_little_or_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
