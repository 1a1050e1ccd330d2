/* How often an officer may look something up, and when the next one is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/control/quota.h"

enum { HOUR_MS = 3600 * 1000, KIND = 1, OTHER = 2, LIMIT = 3 };

static void note(struct quota *q, const char *officer, int64_t at_ms, int kind, uint64_t about)
{
    struct quota_use use = {.at = {at_ms}, .kind = kind, .about = about};
    snprintf(use.officer, sizeof use.officer, "%s", officer);
    quota_note(q, &use);
}

/* When the oldest was that stands in the way, 0: nothing does. */
static int64_t blocked(const struct quota *q, const char *officer, int64_t since_ms, uint64_t about)
{
    struct quota_use like = {.kind = KIND, .about = about};
    struct wall_time oldest = {-1};
    snprintf(like.officer, sizeof like.officer, "%s", officer);
    return quota_within(q, &like, (struct wall_time){since_ms}, LIMIT, &oldest) ? 0 : oldest.ms;
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct quota));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void each_officer_has_a_limit_of_their_own(void **state)
{
    struct quota *q = *state;
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(blocked(q, "wang", 1, 0), 0);
        note(q, "wang", 1000 + i, KIND, 0);
    }
    assert_int_equal(blocked(q, "wang", 1, 0), 1000);
    assert_int_equal(blocked(q, "li", 1, 0), 0);
}

static void what_is_older_than_the_window_does_not_count(void **state)
{
    struct quota *q = *state;
    for (int i = 0; i < LIMIT; i++)
        note(q, "wang", 1000 + i, KIND, 0);
    assert_int_equal(blocked(q, "wang", 1001, 0), 0);
    note(q, "wang", 5000, KIND, 0);
    assert_int_equal(blocked(q, "wang", 1001, 0), 1001);
}

static void another_kind_and_another_hit_do_not_count(void **state)
{
    struct quota *q = *state;
    for (int i = 0; i < LIMIT; i++) {
        note(q, "wang", 1000, OTHER, 0);
        note(q, "wang", 1000, KIND, 7);
    }
    assert_int_equal(blocked(q, "wang", 1, 0), 0);
    assert_int_equal(blocked(q, "", 1, 7), 1000);
    assert_int_equal(blocked(q, "", 1, 8), 0);
}

static void a_clock_that_was_set_back_gives_nothing(void **state)
{
    struct quota *q = *state;
    for (int i = 0; i < LIMIT; i++)
        note(q, "wang", HOUR_MS + i, KIND, 0);
    assert_int_equal(blocked(q, "wang", 1, 0), HOUR_MS);
}

static void a_memory_full_of_fresh_uses_lets_nobody_through(void **state)
{
    struct quota *q = *state;
    for (int i = 0; i < QUOTA_USES_MAX; i++)
        note(q, "li", 2000 + i, OTHER, 0);
    assert_int_equal(blocked(q, "wang", 2000, 0), 2000);
    assert_int_equal(blocked(q, "wang", 2001, 0), 0);
}

static void a_full_memory_refuses_nothing_that_is_counted_for_good(void **state)
{
    struct quota *q = *state;
    for (int i = 0; i < QUOTA_USES_MAX; i++)
        note(q, "li", 2000 + i, OTHER, 0);
    assert_int_equal(blocked(q, "", 0, 7), 0);
    for (int i = 0; i < LIMIT; i++)
        note(q, "wang", 9000 + i, KIND, 7);
    assert_int_equal(blocked(q, "", 0, 7), 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_officer_has_a_limit_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_older_than_the_window_does_not_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_kind_and_another_hit_do_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_was_set_back_gives_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_memory_full_of_fresh_uses_lets_nobody_through, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_memory_refuses_nothing_that_is_counted_for_good,
                                        setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
