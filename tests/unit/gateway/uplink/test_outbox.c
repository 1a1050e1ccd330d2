/*
 * What waits for headquarters: batches keep order and limits, only a confirmation forgets; and the
 * waits between two tries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/uplink/backoff.h"
#include "gateway/uplink/outbox.h"

static struct outbox box;

static void add(uint64_t sequence, size_t size)
{
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    text[0] = (char)('a' + sequence % 26);
    assert_int_equal(outbox_add(&box, text, size, sequence), 0);
}

static int clear(void **state)
{
    (void)state;
    outbox_clear(&box);
    return 0;
}

static void batch_is_lines_in_order(void **state)
{
    (void)state;
    char *body = NULL;
    size_t size = 0;
    size_t records = 0;
    assert_int_equal(outbox_batch(&box, 10, &body, &size, &records), ERR_NOT_FOUND);
    add(1, 2);
    add(2, 3);
    add(3, 2);
    assert_int_equal(outbox_batch(&box, 2, &body, &size, &records), 0);
    assert_int_equal(size, 7);
    assert_int_equal(records, 2);
    assert_memory_equal(body, "bx\ncxx\n", 7);
    free(body);
    assert_int_equal(outbox_batch(&box, 3, &body, &size, &records), 0);
    assert_memory_equal(body, "bx\ncxx\ndx\n", 10);
    free(body);
    assert_int_equal(box.count, 3); /* sending forgets nothing */
}

static void batch_stays_below_one_mebibyte(void **state)
{
    (void)state;
    char *body = NULL;
    size_t size = 0;
    size_t records = 0;
    for (uint64_t i = 1; i <= 10; i++)
        add(i, OUTBOX_LINE_MAX);
    assert_int_equal(outbox_batch(&box, OUTBOX_RECORDS_MAX, &body, &size, &records), 0);
    assert_true(size <= OUTBOX_BATCH_MAX);
    assert_int_equal(size, 7 * (OUTBOX_LINE_MAX + 1));
    assert_int_equal(records, 7);
    free(body);
}

static void limits_are_kept(void **state)
{
    (void)state;
    char line[2] = "x";
    assert_int_equal(outbox_add(&box, line, OUTBOX_LINE_MAX + 1, 1), ERR_TOO_LARGE);
    for (uint64_t i = 1; i <= OUTBOX_RECORDS_MAX; i++)
        add(i, 1);
    assert_int_equal(outbox_add(&box, line, 1, OUTBOX_RECORDS_MAX + 1), ERR_FULL);
}

static void confirmation_forgets_exactly_what_it_covers(void **state)
{
    (void)state;
    char *body = NULL;
    size_t size = 0;
    size_t records = 0;
    add(5, 1);
    add(6, 30);
    add(7, 1);
    assert_int_equal(outbox_confirm(&box, 4).records, 0);
    struct outbox_amount gone = outbox_confirm(&box, 6);
    assert_int_equal(gone.records, 2);
    assert_int_equal(gone.bytes, 31);
    assert_int_equal(box.bytes, 1);
    assert_int_equal(outbox_batch(&box, 9, &body, &size, &records), 0);
    assert_int_equal(size, 2);
    assert_int_equal(body[0], 'a' + 7);
    free(body);
    assert_int_equal(outbox_confirm(&box, 100).records, 1);
    assert_int_equal(box.count, 0);
}

static void waits_double_to_their_limit_and_spread(void **state)
{
    (void)state;
    struct backoff a, b;
    int differ = 0;
    int limit = 100;
    backoff_init(&a, 100, 1000, 1);
    backoff_init(&b, 100, 1000, 99);
    for (int i = 0; i < 50; i++) {
        int wait_a = backoff_next(&a);
        int wait_b = backoff_next(&b);
        assert_in_range(wait_a, limit / 2, limit);
        assert_in_range(wait_b, limit / 2, limit);
        differ += wait_a != wait_b;
        limit = limit * 2 > 1000 ? 1000 : limit * 2;
    }
    assert_true(differ > 25);
    backoff_reset(&a);
    assert_in_range(backoff_next(&a), 50, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(batch_is_lines_in_order, clear),
        cmocka_unit_test_teardown(batch_stays_below_one_mebibyte, clear),
        cmocka_unit_test_teardown(limits_are_kept, clear),
        cmocka_unit_test_teardown(confirmation_forgets_exactly_what_it_covers, clear),
        cmocka_unit_test(waits_double_to_their_limit_and_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
