/* Calls for help and backup, and "I am well", by a clock that the test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "gateway/handling/duty.h"

enum { AFTER_MS = 300000, WITHIN_MS = 60000 };

static struct duty duty;

static int begin(void **state)
{
    (void)state;
    duty_init(&duty, AFTER_MS, WITHIN_MS);
    return 0;
}

static struct mono_time at(int64_t ms)
{
    return mono_add_ms((struct mono_time){0}, ms);
}

static int help(uint64_t id, uint8_t lane, const char *officer, const struct duty_call **out)
{
    struct duty_call call = {.kind = DUTY_HELP, .id = id, .lane = lane};
    (void)snprintf(call.officer, sizeof(call.officer), "%s", officer); /* short */
    return duty_call(&duty, &call, at(0), out);
}

static int backup(uint64_t hit, int64_t now_ms)
{
    const struct duty_call call = {.kind = DUTY_BACKUP, .id = hit, .lane = 1};
    return duty_call(&duty, &call, at(now_ms), NULL);
}

static void help_stands_until_it_is_ended(void **state)
{
    const struct duty_call *call = NULL;
    (void)state;
    assert_int_equal(help(7, 2, "wang", &call), 0);
    assert_int_equal(call->id, 7);
    assert_false(duty_tick(&duty, at(INT32_MAX)));
    assert_int_equal(duty.well, DUTY_WELL_OFF);
    assert_ptr_equal(duty_find(&duty, DUTY_HELP, 7), call);
    assert_int_equal(duty_standing(&duty, DUTY_HELP, 2), 1);
    assert_int_equal(duty_standing(&duty, DUTY_HELP, 1), 0);
    assert_int_equal(duty_end(&duty, DUTY_BACKUP, 7), ERR_NOT_FOUND);
    assert_int_equal(duty_end(&duty, DUTY_HELP, 7), 0);
    assert_int_equal(duty_end(&duty, DUTY_HELP, 7), ERR_NOT_FOUND);
    assert_int_equal(duty_standing(&duty, DUTY_HELP, DUTY_LANE_ANY), 0);
}

static void a_second_press_is_the_same_call(void **state)
{
    const struct duty_call *call = NULL;
    (void)state;
    assert_int_equal(help(7, 2, "wang", NULL), 0);
    assert_int_equal(help(8, 2, "wang", &call), ERR_CONFLICT);
    assert_int_equal(call->id, 7);
    assert_int_equal(help(8, 1, "wang", NULL), 0);
    assert_int_equal(help(9, 2, "li", NULL), 0);
    assert_int_equal(duty.count, 3);
}

static void full_of_help_there_is_room_for_backup(void **state)
{
    char name[DUTY_NAME_SIZE];
    (void)state;
    for (int i = 0; i < DUTY_HELPS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "officer %d", i); /* fits */
        assert_int_equal(help((uint64_t)i + 1, 1, name, NULL), 0);
    }
    assert_int_equal(help(99, 1, "wang", NULL), ERR_FULL);
    for (uint64_t i = 0; i < DUTY_BACKUPS_MAX; i++) {
        assert_int_equal(backup(1000 + i, 0), 0);
    }
    assert_int_equal(backup(9999, 0), ERR_FULL);
    assert_int_equal(duty.count, DUTY_CALLS_MAX);
}

static void well_is_asked_for_then_missed_to_leader_and_headquarters(void **state)
{
    (void)state;
    assert_int_equal(backup(5, 1000), 0);
    assert_int_equal(backup(5, 2000), ERR_CONFLICT);
    assert_int_equal(duty.well, DUTY_WELL_RUNS);
    assert_false(duty_tick(&duty, at(1000 + AFTER_MS - 1)));
    assert_true(duty_tick(&duty, at(1000 + AFTER_MS)));
    assert_int_equal(duty.well, DUTY_WELL_ASKED);
    assert_false(duty_tick(&duty, at(1000 + AFTER_MS + WITHIN_MS - 1)));
    assert_true(duty_tick(&duty, at(1000 + AFTER_MS + WITHIN_MS)));
    assert_int_equal(duty.well, DUTY_WELL_LEADER);
    assert_false(duty_tick(&duty, at(1000 + AFTER_MS + 2 * WITHIN_MS - 1)));
    assert_true(duty_tick(&duty, at(1000 + AFTER_MS + 2 * WITHIN_MS)));
    assert_int_equal(duty.well, DUTY_WELL_HQ);
    assert_false(duty_tick(&duty, at(INT32_MAX)));
}

static void a_word_sets_it_back_at_every_stage(void **state)
{
    int64_t now = 0;
    (void)state;
    assert_int_equal(duty_say_well(&duty, at(0)), ERR_NOT_FOUND);
    assert_int_equal(backup(5, 0), 0);
    for (enum duty_well stage = DUTY_WELL_RUNS; stage <= DUTY_WELL_HQ; stage++) {
        while (duty.well < stage) {
            now = duty.due.ns / 1000000;
            assert_true(duty_tick(&duty, at(now)));
        }
        assert_int_equal(duty_say_well(&duty, at(now)), 0);
        assert_int_equal(duty.well, DUTY_WELL_RUNS);
        assert_int_equal(mono_diff_ms(duty.due, at(now)), AFTER_MS);
    }
}

static void a_second_backup_puts_the_question_not_off(void **state)
{
    (void)state;
    assert_int_equal(backup(5, 0), 0);
    assert_int_equal(backup(6, AFTER_MS - 1), 0);
    assert_true(duty_tick(&duty, at(AFTER_MS)));
    assert_int_equal(duty_end(&duty, DUTY_BACKUP, 5), 0);
    assert_int_equal(duty.well, DUTY_WELL_ASKED);
    assert_int_equal(duty_end(&duty, DUTY_BACKUP, 6), 0);
    assert_int_equal(duty.well, DUTY_WELL_OFF);
    assert_false(duty_tick(&duty, at(INT32_MAX)));
}

static void a_look_that_comes_late_puts_nothing_off(void **state)
{
    (void)state;
    assert_int_equal(backup(5, 0), 0);
    const struct mono_time late = at(AFTER_MS + 2 * WITHIN_MS + 5);
    assert_true(duty_tick(&duty, late));
    assert_true(duty_tick(&duty, late));
    assert_true(duty_tick(&duty, late));
    assert_int_equal(duty.well, DUTY_WELL_HQ);
}

static void after_a_restart_it_is_asked_at_once_or_stays_missed(void **state)
{
    (void)state;
    duty_restore_well(&duty, DUTY_WELL_HQ, at(0));
    assert_int_equal(duty.well, DUTY_WELL_OFF);
    assert_int_equal(backup(5, 0), 0);
    duty_restore_well(&duty, DUTY_WELL_OFF, at(10));
    assert_int_equal(duty.well, DUTY_WELL_ASKED);
    assert_true(duty_tick(&duty, at(10 + WITHIN_MS)));
    assert_int_equal(duty.well, DUTY_WELL_LEADER);
    duty_restore_well(&duty, DUTY_WELL_HQ, at(10));
    assert_int_equal(duty.well, DUTY_WELL_HQ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(help_stands_until_it_is_ended, begin),
        cmocka_unit_test_setup(a_second_press_is_the_same_call, begin),
        cmocka_unit_test_setup(full_of_help_there_is_room_for_backup, begin),
        cmocka_unit_test_setup(well_is_asked_for_then_missed_to_leader_and_headquarters, begin),
        cmocka_unit_test_setup(a_word_sets_it_back_at_every_stage, begin),
        cmocka_unit_test_setup(a_second_backup_puts_the_question_not_off, begin),
        cmocka_unit_test_setup(a_look_that_comes_late_puts_nothing_off, begin),
        cmocka_unit_test_setup(after_a_restart_it_is_asked_at_once_or_stays_missed, begin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
