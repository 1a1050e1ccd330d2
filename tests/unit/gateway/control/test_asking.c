/* Each officer has a measure of requests that fills again with time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/control/asking.h"

static const struct mono_time begin = {1000000000};

static int ask_times(struct asking *a, const char *officer, int times, struct mono_time now)
{
    int heard = 0;
    for (int i = 0; i < times; i++)
        heard += !asking_too_much(a, officer, ASKED_AT_ONCE_MAX, now);
    return heard;
}

static void an_officer_has_a_measure_of_their_own(void **state)
{
    (void)state;
    struct asking a = {0};
    assert_int_equal(ask_times(&a, "wang", 1000, begin), ASKED_AT_ONCE_MAX);
    assert_int_equal(ask_times(&a, "li", 1000, begin), ASKED_AT_ONCE_MAX);
}

static void what_protects_is_heard_beyond_it(void **state)
{
    (void)state;
    struct asking a = {0};
    int heard = 0;
    assert_int_equal(ask_times(&a, "wang", 1000, begin), ASKED_AT_ONCE_MAX);
    for (int i = 0; i < 1000; i++)
        heard += !asking_too_much(&a, "wang", ASKED_PROTECTIVE_MAX, begin);
    assert_int_equal(heard, ASKED_PROTECTIVE_MAX - ASKED_AT_ONCE_MAX);
}

static void it_fills_again_with_time(void **state)
{
    (void)state;
    struct asking a = {0};
    assert_int_equal(ask_times(&a, "wang", 1000, begin), ASKED_AT_ONCE_MAX);
    assert_int_equal(ask_times(&a, "wang", 10, mono_add_ms(begin, ASKED_EVERY_MS - 1)), 0);
    assert_int_equal(ask_times(&a, "wang", 10, mono_add_ms(begin, 3 * ASKED_EVERY_MS)), 3);
    assert_int_equal(ask_times(&a, "wang", 1000, mono_add_ms(begin, 3600 * 1000)),
                     ASKED_AT_ONCE_MAX);
}

static void officers_long_gone_give_way(void **state)
{
    (void)state;
    struct asking a = {0};
    char name[16];
    for (int i = 0; i < TOKENS_MAX; i++) {
        snprintf(name, sizeof name, "officer%d", i);
        assert_int_equal(ask_times(&a, name, 1, begin), 1);
    }
    assert_int_equal(ask_times(&a, "one-more", 1, begin), 0);
    assert_int_equal(ask_times(&a, "one-more", 1, mono_add_ms(begin, ASKED_EVERY_MS)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_officer_has_a_measure_of_their_own),
        cmocka_unit_test(what_protects_is_heard_beyond_it),
        cmocka_unit_test(it_fills_again_with_time),
        cmocka_unit_test(officers_long_gone_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
