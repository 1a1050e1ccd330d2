/* What headquarters is told of an operating point before it signs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/match/strictness.h"
#include "pairs_builder.h"

static int told(const struct match_channel *channel, uint32_t false_alerts, uint32_t vehicles,
                size_t entries)
{
    const struct match_operating_point point = {false_alerts, vehicles};
    struct err_text err = {""};
    int percent = -1;
    assert_int_equal(match_told_percent(channel, &point, entries, &percent, &err), 0);
    assert_in_range(percent, 0, 100);
    return percent;
}

static void test_a_stricter_point_tells_of_fewer(void **state)
{
    (void)state;
    for (int i = 0; i < CHANNEL_ALPHABETS; i++) {
        struct match_channel *channel = channel_simulated((enum channel_alphabet)i);
        int by_default = told(channel, MATCH_FALSE_ALERTS_DEFAULT, 0, 10 * 1000);
        assert_int_equal(by_default, told(channel, MATCH_FALSE_ALERTS_DEFAULT,
                                          MATCH_VEHICLES_DEFAULT, 10 * 1000));
        assert_true(by_default > 50);
        assert_true(told(channel, UINT32_MAX, 1, 1) > 90);
        assert_true(told(channel, 1, 1000 * 1000, 16 * 1000 * 1000) < by_default);
        int before = 100;
        for (size_t entries = 1000; entries < 16 * 1000 * 1000; entries *= 10) {
            int now = told(channel, 3, 4000, entries);
            assert_true(now <= before);
            before = now;
        }
        channel_destroy(channel);
    }
}

/* A channel that a box takes, and by which it is silent of all that is judged. */
static void test_a_channel_that_hides_everything_says_so(void **state)
{
    (void)state;
    struct match_channel *channel = channel_simulated(CHANNEL_LATIN);
    for (int i = 0; i < CHANNEL_LEVELS; i++) {
        channel->innocent_e15[i] = CHANNEL_MASS_ONE;
    }
    assert_int_equal(told(channel, MATCH_FALSE_ALERTS_DEFAULT, 0, 10 * 1000), 0);
    channel->pattern_count = 0; /* no plate to try: nothing good is said of it */
    assert_int_equal(told(channel, MATCH_FALSE_ALERTS_DEFAULT, 0, 10 * 1000), 0);
    channel_destroy(channel);
}

static void test_no_point_is_refused(void **state)
{
    (void)state;
    struct match_channel *channel = channel_simulated(CHANNEL_LATIN);
    const struct match_operating_point none = {0, 0};
    struct err_text err = {""};
    int percent = -1;
    assert_int_equal(match_told_percent(channel, &none, 1, &percent, &err), ERR_INVALID);
    channel_destroy(channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stricter_point_tells_of_fewer),
        cmocka_unit_test(test_a_channel_that_hides_everything_says_so),
        cmocka_unit_test(test_no_point_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
