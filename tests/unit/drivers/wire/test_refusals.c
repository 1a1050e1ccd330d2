/* The ledger of what was refused: rows by camera and cause, and one ledger added to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/refusals.h"

static void note(struct refusals *refusals, uint16_t row, enum refusal_stage stage, int cause,
                 uint8_t example)
{
    struct refusal *refusal = refusals_at(refusals, row, stage, cause);
    if (refusal->count++ == 0) {
        refusal->size = 1;
        refusal->bytes[0] = example;
    }
}

static const struct refusal *find(const struct refusals *refusals, enum refusal_stage stage,
                                  int cause)
{
    for (size_t i = 0; i < refusals_count(refusals); i++) {
        const struct refusal *refusal = refusals_get(refusals, i);
        if (refusal->stage == stage && refusal->cause == cause)
            return refusal;
    }
    fail_msg("stage %d, cause %d: no row", (int)stage, cause);
    return NULL;
}

static void one_ledger_is_added_to_another(void **state)
{
    struct refusals *all = refusals_create();
    struct refusals *more = refusals_create();
    (void)state;
    assert_true(all && more);
    note(all, 1, REFUSAL_CAMERA, CAMERA_REPLAY, 'a');
    note(more, 1, REFUSAL_CAMERA, CAMERA_REPLAY, 'b');
    note(more, 1, REFUSAL_CAMERA, CAMERA_REPLAY, 'b');
    note(more, 0, REFUSAL_FRAME, FRAME_TRUNCATED, 'c');
    refusals_add(all, more);
    assert_int_equal(refusals_count(all), 2);
    assert_int_equal(find(all, REFUSAL_CAMERA, CAMERA_REPLAY)->count, 3);
    assert_int_equal(find(all, REFUSAL_CAMERA, CAMERA_REPLAY)->bytes[0], 'a'); /* the first */
    assert_int_equal(find(all, REFUSAL_FRAME, FRAME_TRUNCATED)->count, 1);
    assert_int_equal(find(all, REFUSAL_FRAME, FRAME_TRUNCATED)->bytes[0], 'c');
    refusals_clear(more);
    refusals_add(all, more);
    assert_int_equal(refusals_count(all), 2);
    refusals_clear(all);
    refusals_add(all, more);
    assert_int_equal(refusals_count(all), 0);
    refusals_destroy(all);
    refusals_destroy(more);
}

static void a_count_stops_at_its_greatest_value(void **state)
{
    struct refusals *all = refusals_create();
    struct refusals *more = refusals_create();
    (void)state;
    assert_true(all && more);
    refusals_at(all, 0, REFUSAL_FRAME, FRAME_TRUNCATED)->count = UINT32_MAX - 1;
    refusals_at(more, 0, REFUSAL_FRAME, FRAME_TRUNCATED)->count = 2;
    refusals_add(all, more);
    assert_int_equal(refusals_get(all, 0)->count, UINT32_MAX);
    refusals_destroy(all);
    refusals_destroy(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_ledger_is_added_to_another),
        cmocka_unit_test(a_count_stops_at_its_greatest_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
