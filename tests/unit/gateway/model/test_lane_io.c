/*
 * Names of inputs and outputs both ways; the reaction time a bus must keep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/model/lane_io.h"

static void every_name_parses_back(void **state)
{
    (void)state;
    for (int i = 0; i < INPUT_COUNT; i++) {
        assert_int_equal(lane_input_parse(lane_input_name((enum lane_input)i)), i);
    }
    for (int i = 0; i < OUTPUT_COUNT; i++) {
        assert_int_equal(lane_output_parse(lane_output_name((enum lane_output)i)), i);
    }
    assert_int_equal(lane_input_parse("raise"), -1);
    assert_null(lane_output_name(OUTPUT_COUNT));
}

static void a_bus_too_slow_for_rule_1_is_refused(void **state)
{
    (void)state;
    struct err_text err = {""};
    assert_int_equal(lane_reaction_check(20, 20, 20, &err), ERR_OK); /* exactly 100 */
    assert_int_equal(lane_reaction_check(21, 20, 20, &err), ERR_INVALID);
    assert_string_equal(err.text, "from obstacle to raise 101 ms (pause 21 + scan 20 + 3 writes "
                                  "of 20), expected at most 100 ms");
    assert_int_equal(lane_reaction_check(0, 0, UINT32_MAX, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_parses_back),
        cmocka_unit_test(a_bus_too_slow_for_rule_1_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
