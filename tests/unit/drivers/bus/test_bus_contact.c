/*
 * Contact with a device of memory: lost, forgiven, regained, refused.
 */
#include <string.h>

#include "tests/unit/drivers/bus/bus_bench.h"

static void silence_is_lost_contact_and_orders_fail_with_the_cause(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    SET(&b, scan_error, ERR_TIMEOUT);
    WAIT_FOR(&b, !b.scan.contact);
    assert_string_equal(b.reason, "barrier: read inputs: no whole answer");
    assert_int_equal(PEEK(&b, scan.active), 0);
    bench_submit(&b, 1, OUTPUT_RED, true, 0);
    bench_submit(&b, 2, OUTPUT_RAISE, true, 100);
    WAIT_FOR(&b, b.outcome_count == 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(b.outcomes[i].result, ORDER_FAILED);
        assert_string_equal(b.outcomes[i].detail,
                            "no contact: barrier: read inputs: no whole answer");
    }
    int opens = (int)PEEK(&b, opens);
    SET(&b, scan_error, ERR_OK);
    WAIT_FOR(&b, b.scan.contact && b.contact);
    assert_true((int)PEEK(&b, opens) >
                opens); /* settings are read again: it may have been replaced */
    bench_end(&b);
}

/* `errors` scans in a row fail once contact is there; scans without contact handed up by then. */
static uint64_t lost_after(struct bench *b, int errors)
{
    WAIT_FOR(b, b->scan.contact);
    uint64_t before = PEEK(b, lost);
    pthread_mutex_lock(&b->lock);
    b->scan_errors = errors;
    b->scan_error = ERR_CORRUPT;
    pthread_mutex_unlock(&b->lock);
    WAIT_FOR(b, b->scan_error == ERR_OK);
    uint64_t number = PEEK(b, scan.number);
    WAIT_FOR(b, b->scan.contact && b->scan.number > number);
    return PEEK(b, lost) - before;
}

static void two_garbled_answers_are_noise_three_are_lost_contact(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    assert_int_equal(lost_after(&b, 2), 0);
    assert_true(lost_after(&b, 3) > 0);
    bench_end(&b);
}

static void one_garbled_answer_is_lost_contact_while_a_boom_comes_down(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    WAIT_FOR(&b, b.scan.contact);
    bench_submit(&b, 1, OUTPUT_LOWER, true, 100);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_DONE);
    assert_true(lost_after(&b, 1) > 0);
    bench_end(&b);
}

/* Letting go of a raise that is maintained is a lower; the end of a pulse is not. */
static void one_garbled_answer_is_lost_contact_while_a_boom_let_go_comes_down(void **state)
{
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        struct bench b;
        bench_init(&b);
        b.raise_maintained = kept;
        bench_create(&b);
        bench_start(&b);
        bench_submit(&b, 1, OUTPUT_RAISE, true, 0);
        WAIT_FOR(&b, b.outcome_count == 1);
        assert_int_equal(lost_after(&b, 1), 0); /* up, and staying so */
        bench_submit(&b, 2, OUTPUT_RAISE, false, 0);
        WAIT_FOR(&b, b.outcome_count == 2);
        assert_int_equal(b.outcomes[1].result, ORDER_DONE);
        assert_int_equal(lost_after(&b, 1) > 0, kept);
        bench_end(&b);
    }
}

static void a_raise_without_contact_forces_one_attempt(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    SET(&b, scan_error, ERR_TIMEOUT);
    uint64_t number = PEEK(&b, scan.number);
    WAIT_FOR(&b, !b.scan.contact && b.scan.number > number + 12); /* back-off is at its longest */
    SET(&b, scan_error, ERR_OK);
    bench_submit(&b, 5, OUTPUT_RAISE, true, 0);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_DONE);
    bench_end(&b);
}

static void a_wrong_setting_of_the_module_is_no_contact(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.open_error = ERR_INVALID;
    bench_create(&b);
    assert_int_equal(bus_start(b.bus), ERR_OK);
    WAIT_FOR(&b, strcmp(b.reason, "barrier: fail-safe value is 1") == 0);
    assert_false(PEEK(&b, scan.contact));
    bench_end(&b);
}

/* Put in while nobody answered: the reason of the lost contact was told before and stays what it
 * was, the other model is told by itself. */
static void another_model_is_told_once_and_until_the_right_one_is_back(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    bench_create(&b);
    bench_start(&b);
    assert_int_equal(PEEK(&b, refused_told), 0);
    SET(&b, scan_error, ERR_TIMEOUT);
    WAIT_FOR(&b, !b.scan.contact);
    SET(&b, other, "SM-4");
    SET(&b, open_error, ERR_CONFLICT);
    WAIT_FOR(&b, b.refused_told == 1);
    assert_string_equal(b.refused, "型号不符 another device: it is a 'SM-4'");
    int opens = (int)PEEK(&b, opens);
    WAIT_FOR(&b, b.opens > opens + 2); /* asked again and again, told once */
    assert_int_equal(PEEK(&b, refused_told), 1);
    bench_submit(&b, 1, OUTPUT_RAISE, true, 100);
    WAIT_FOR(&b, b.outcome_count == 1);
    assert_int_equal(b.outcomes[0].result, ORDER_FAILED);
    SET(&b, other, "SM-5");
    WAIT_FOR(&b, b.refused_told == 2); /* yet another one */
    SET(&b, open_error, ERR_TIMEOUT);  /* silence takes nothing back */
    opens = (int)PEEK(&b, opens);
    WAIT_FOR(&b, b.opens > opens + 2);
    assert_int_equal(PEEK(&b, refused_told), 2);
    SET(&b, open_error, ERR_OK);
    WAIT_FOR(&b, b.refused_told == 3);
    assert_string_equal(b.refused, "");
    SET(&b, scan_error, ERR_OK);
    WAIT_FOR(&b, b.scan.contact);
    assert_int_equal(PEEK(&b, write_count), 0);
    bench_end(&b);
    assert_int_equal(b.refused_told, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_lost_contact_and_orders_fail_with_the_cause),
        cmocka_unit_test(two_garbled_answers_are_noise_three_are_lost_contact),
        cmocka_unit_test(one_garbled_answer_is_lost_contact_while_a_boom_comes_down),
        cmocka_unit_test(one_garbled_answer_is_lost_contact_while_a_boom_let_go_comes_down),
        cmocka_unit_test(a_raise_without_contact_forces_one_attempt),
        cmocka_unit_test(a_wrong_setting_of_the_module_is_no_contact),
        cmocka_unit_test(another_model_is_told_once_and_until_the_right_one_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
