/* Waits and locks of wrong passwords: of a name at a place, of a place, of a name everywhere; with
 * a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/control/guesses.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, LOCK_MS = GUESS_LOCK_S * SECOND_MS };

static struct guesses *guesses;
static struct mono_time now;

static int setup(void **state)
{
    (void)state;
    guesses = calloc(1, sizeof *guesses);
    now = (struct mono_time){1000000000};
    return guesses ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(guesses);
    return 0;
}

static struct guess_wait look(const char *name, const char *place, bool pin)
{
    struct guess_wait wait;
    guesses_look(guesses, &(struct guess){name, true, place, pin}, now, &wait);
    return wait;
}

/* A wrong one that is heard as soon as it may be; the time it waited. */
static int64_t wrong(const char *name, const char *place, bool pin)
{
    struct guess_wait wait = look(name, place, pin);
    struct guess_wait lock;
    now = mono_add_ms(now, wait.wait_ms);
    guesses_wrong(guesses, &(struct guess){name, true, place, pin}, now, &lock);
    return wait.wait_ms;
}

static void waits_grow_and_end_in_a_lock(void **state)
{
    static const int64_t waits_s[GUESSES_AT_PLACE_MAX] = {0, 0, 0, 1, 2, 4, 8, 16, 32, 60};
    (void)state;
    for (int i = 0; i < GUESSES_AT_PLACE_MAX; i++)
        assert_int_equal(wrong("wang", "tablet:a", false), waits_s[i] * SECOND_MS);
    struct guess_wait wait = look("wang", "tablet:a", false);
    assert_true(wait.locked);
    assert_int_equal(wait.wait_ms, LOCK_MS);
    assert_int_equal(wait.scope, GUESS_AT_PLACE);
    now = mono_add_ms(now, LOCK_MS);
    assert_int_equal(look("wang", "tablet:a", false).wait_ms, 0);
    for (int i = 0; i < GUESSES_AFTER_LOCK; i++)
        (void)wrong("wang", "tablet:a", false);
    assert_int_equal(look("wang", "tablet:a", false).wait_ms, LOCK_MS);
}

/* The rest of the booth signs on, the same officer at another tablet, too. */
static void a_lock_at_one_tablet_is_there_alone(void **state)
{
    (void)state;
    for (int i = 0; i < GUESSES_AT_PLACE_MAX; i++)
        (void)wrong("wang", "tablet:a", false);
    assert_true(look("wang", "tablet:a", false).wait_ms > 0);
    assert_int_equal(look("wang", "tablet:b", false).wait_ms, 0);
    assert_int_equal(look("li", "tablet:a", false).wait_ms, 0);
}

/* Whoever has one tablet keeps an officer from signing on there, and nowhere else. */
static void a_stolen_tablet_locks_nobody_out_of_the_booth(void **state)
{
    (void)state;
    for (int i = 0; i < 4 * GUESSES_OF_NAME_MAX; i++)
        (void)wrong("wang", "tablet:stolen", false);
    assert_int_equal(look("wang", "tablet:own", false).wait_ms, 0);
    assert_true(look("wang", "tablet:stolen", false).wait_ms > 0);
}

static void an_officer_is_locked_everywhere_only_after_more(void **state)
{
    char place[32];
    (void)state;
    for (int i = 0; i < GUESSES_OF_NAME_MAX; i++) {
        assert_int_equal(look("wang", "tablet:own", false).wait_ms, 0);
        snprintf(place, sizeof place, "tablet:%d", i);
        (void)wrong("wang", place, false);
    }
    struct guess_wait wait = look("wang", "tablet:own", false);
    assert_int_equal(wait.wait_ms, LOCK_MS);
    assert_int_equal(wait.scope, GUESS_OF_NAME);
    assert_int_equal(look("li", "tablet:own", false).wait_ms, 0);
    /* Signed on, wang acts. */
    assert_int_equal(look("wang", "tablet:own", true).wait_ms, 0);
}

static void a_tablet_that_tries_many_names_is_locked_and_no_other(void **state)
{
    char name[16];
    (void)state;
    for (int i = 0; i < GUESSES_OF_PLACE_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        (void)wrong(name, "tablet:a", false);
    }
    assert_int_equal(look("wang", "tablet:a", false).scope, GUESS_OF_PLACE);
    assert_int_equal(look("wang", "tablet:a", false).wait_ms, LOCK_MS);
    assert_int_equal(look("wang", "tablet:b", false).wait_ms, 0);
    assert_int_equal(look("wang", "tablet:a", true).wait_ms, 0);
}

/* A colleague who signs on now and then does not free the tablet of its count. */
static void a_right_one_frees_the_name_and_not_the_place(void **state)
{
    (void)state;
    for (int i = 0; i < GUESSES_OF_PLACE_MAX - 1; i++) {
        (void)wrong("wang", "tablet:a", false);
        guesses_right(guesses, &(struct guess){"wang", true, "tablet:a", false});
        assert_int_equal(look("wang", "tablet:a", false).wait_ms, 0);
    }
    (void)wrong("wang", "tablet:a", false);
    assert_int_equal(look("li", "tablet:a", false).scope, GUESS_OF_PLACE);
}

/* Typing errors of weeks do not add up. */
static void a_right_one_frees_the_name_everywhere(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * GUESSES_OF_NAME_MAX; i++) {
        char place[32];
        snprintf(place, sizeof place, "tablet:%d", i);
        (void)wrong("wang", place, false);
        guesses_right(guesses, &(struct guess){"wang", true, place, false});
    }
    assert_int_equal(look("wang", "tablet:own", false).wait_ms, 0);
}

static void a_quiet_place_and_a_quiet_name_begin_anew(void **state)
{
    (void)state;
    for (int i = 0; i < GUESSES_AT_PLACE_MAX - 1; i++)
        (void)wrong("wang", "tablet:a", false);
    now = mono_add_ms(now, (int64_t)GUESS_FORGET_S * SECOND_MS);
    for (int i = 0; i < GUESSES_FREE; i++)
        assert_int_equal(wrong("wang", "tablet:a", false), 0);
}

static void fresh_pins_lock_apart_from_sign_on(void **state)
{
    (void)state;
    for (int i = 0; i < GUESSES_AT_PLACE_MAX; i++)
        (void)wrong("wang", "tablet:a", true);
    assert_int_equal(look("wang", "tablet:a", true).scope, GUESS_PIN);
    assert_int_equal(look("wang", "tablet:a", true).wait_ms, LOCK_MS);
    assert_int_equal(look("wang", "tablet:a", false).wait_ms, 0);
}

/* More names nobody has than there are rows: an officer's lock stays. */
static void unknown_names_make_no_known_row_go(void **state)
{
    char name[16];
    struct guess_wait lock;
    (void)state;
    for (int i = 0; i < GUESSES_AT_PLACE_MAX; i++)
        (void)wrong("wang", "tablet:a", false);
    for (int i = 0; i < 2 * GUESS_ROWS; i++) {
        snprintf(name, sizeof name, "n%d", i);
        guesses_wrong(guesses, &(struct guess){name, false, "tablet:b", false}, now, &lock);
    }
    assert_int_equal(look("wang", "tablet:a", false).scope, GUESS_AT_PLACE);
    assert_true(look("wang", "tablet:a", false).locked);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(waits_grow_and_end_in_a_lock),
        CASE(a_lock_at_one_tablet_is_there_alone),
        CASE(a_stolen_tablet_locks_nobody_out_of_the_booth),
        CASE(an_officer_is_locked_everywhere_only_after_more),
        CASE(a_tablet_that_tries_many_names_is_locked_and_no_other),
        CASE(a_right_one_frees_the_name_and_not_the_place),
        CASE(a_right_one_frees_the_name_everywhere),
        CASE(a_quiet_place_and_a_quiet_name_begin_anew),
        CASE(fresh_pins_lock_apart_from_sign_on),
        CASE(unknown_names_make_no_known_row_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
