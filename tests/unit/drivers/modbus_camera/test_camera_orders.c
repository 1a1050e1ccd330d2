/* Triggers and lights: which coil is written when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/modbus_camera/camera_orders.h"

enum { NOON = 12 * 60, TRIGGER_COIL = 100, LIGHT_A = 7, LIGHT_B = 9 };

static const struct camera_orders_options two_lights = {.has_trigger = true,
                                                        .trigger_coil = TRIGGER_COIL,
                                                        .light_count = 2,
                                                        .light_coils = {LIGHT_A, LIGHT_B},
                                                        .plan = CAMERA_LIGHT_WINDOW,
                                                        .from_minute = 18 * 60,
                                                        .until_minute = 6 * 60 + 30};

static struct mono_time at_ms(int64_t ms)
{
    return (struct mono_time){.ns = (1000 + ms) * 1000000};
}

/* What is written at that time, and that it went well: the coil, below 0 when it was switched off;
 * 0: nothing. */
static int write_next(struct camera_orders *orders, int64_t ms, uint16_t minute)
{
    struct camera_order order;
    if (!camera_orders_next(orders, at_ms(ms), minute, &order))
        return 0;
    camera_orders_done(orders, &order, 0, at_ms(ms));
    return order.on ? order.coil : -order.coil;
}

static void a_trigger_is_written_once(void **state)
{
    (void)state;
    const struct camera_orders_options options = {.has_trigger = true, .trigger_coil = 100};
    struct camera_orders orders;
    camera_orders_init(&orders, &options);
    assert_int_equal(write_next(&orders, 0, NOON), 0);
    assert_int_equal(camera_orders_trigger(&orders, at_ms(1)), 0);
    assert_int_equal(camera_orders_trigger(&orders, at_ms(2)), ERR_BUSY);
    assert_int_equal(write_next(&orders, 3, NOON), 100);
    assert_int_equal(write_next(&orders, 4, NOON), 0);
    assert_int_equal(orders.triggers, 1);
    assert_int_equal(camera_orders_trigger(&orders, at_ms(5)), 0);
    assert_int_equal(camera_orders_light(&orders, CAMERA_LIGHT_FORCED_ON), ERR_UNSUPPORTED);
}

static void a_trigger_that_is_late_or_failed_is_counted_and_gone(void **state)
{
    (void)state;
    struct camera_orders orders;
    struct camera_order order;
    camera_orders_init(&orders, &two_lights);
    assert_int_equal(camera_orders_trigger(&orders, at_ms(0)), 0);
    assert_false(camera_orders_expire(&orders, at_ms(CAMERA_TRIGGER_LIFE_MS)));
    assert_true(camera_orders_expire(&orders, at_ms(CAMERA_TRIGGER_LIFE_MS + 1)));
    assert_false(camera_orders_expire(&orders, at_ms(CAMERA_TRIGGER_LIFE_MS + 1)));
    assert_int_equal(orders.trigger_failures, 1);
    assert_int_equal(camera_orders_trigger(&orders, at_ms(0)), 0);
    assert_true(camera_orders_next(&orders, at_ms(1), NOON, &order));
    assert_true(order.trigger);
    camera_orders_done(&orders, &order, ERR_DENIED, at_ms(1));
    assert_int_equal(orders.trigger_failures, 2);
    assert_int_equal(orders.triggers, 0);
    assert_int_equal(write_next(&orders, 2, NOON), -LIGHT_A); /* no second trigger */
}

static void a_camera_without_a_coil_has_no_trigger(void **state)
{
    (void)state;
    const struct camera_orders_options options = {0};
    struct camera_orders orders;
    camera_orders_init(&orders, &options);
    assert_int_equal(camera_orders_trigger(&orders, at_ms(0)), ERR_UNSUPPORTED);
    assert_int_equal(write_next(&orders, 0, 0), 0);
}

static void lights_follow_the_window_over_midnight(void **state)
{
    (void)state;
    static const struct {
        uint16_t minute;
        bool on;
    } rows[] = {{18 * 60 - 1, false}, {18 * 60, true},     {23 * 60 + 59, true}, {0, true},
                {6 * 60 + 29, true},  {6 * 60 + 30, false}};
    struct camera_orders orders;
    camera_orders_init(&orders, &two_lights);
    assert_int_equal(write_next(&orders, 0, NOON), -LIGHT_A);
    assert_int_equal(write_next(&orders, 1, NOON), -LIGHT_B);
    assert_int_equal(write_next(&orders, 2, NOON), 0);
    bool on = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int sign = rows[i].on ? 1 : -1;
        bool changes = rows[i].on != on;
        assert_int_equal(write_next(&orders, 3, rows[i].minute), changes ? sign * LIGHT_A : 0);
        assert_int_equal(write_next(&orders, 4, rows[i].minute), changes ? sign * LIGHT_B : 0);
        on = rows[i].on;
    }
}

static void a_window_by_day_ends_the_same_day(void **state)
{
    (void)state;
    struct camera_orders_options options = two_lights;
    struct camera_orders orders;
    options.light_count = 1;
    options.from_minute = 8 * 60;
    options.until_minute = 9 * 60;
    camera_orders_init(&orders, &options);
    assert_int_equal(write_next(&orders, 0, 8 * 60 - 1), -LIGHT_A);
    assert_int_equal(write_next(&orders, 1, 8 * 60), LIGHT_A);
    assert_int_equal(write_next(&orders, 2, 9 * 60), -LIGHT_A);
    assert_int_equal(write_next(&orders, 3, 23 * 60), 0);
}

static void a_command_stands_above_the_window(void **state)
{
    (void)state;
    struct camera_orders_options options = two_lights;
    struct camera_orders orders;
    options.light_count = 1;
    camera_orders_init(&orders, &options);
    assert_int_equal(write_next(&orders, 0, NOON), -LIGHT_A);
    assert_int_equal(camera_orders_light(&orders, CAMERA_LIGHT_FORCED_ON), 0);
    assert_int_equal(write_next(&orders, 1, NOON), LIGHT_A);
    assert_int_equal(camera_orders_light(&orders, CAMERA_LIGHT_BY_PLAN), 0);
    assert_int_equal(write_next(&orders, 2, NOON), -LIGHT_A);
    assert_int_equal(camera_orders_light(&orders, CAMERA_LIGHT_FORCED_OFF), 0);
    assert_int_equal(write_next(&orders, 3, 0), 0);
}

/* A camera that was without power has forgotten its lights. */
static void lights_are_written_again_from_time_to_time_and_when_the_camera_is_back(void **state)
{
    (void)state;
    struct camera_orders orders;
    camera_orders_init(&orders, &two_lights);
    assert_int_equal(write_next(&orders, 0, NOON), -LIGHT_A);
    assert_int_equal(write_next(&orders, 0, NOON), -LIGHT_B);
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_AGAIN_MS - 1, NOON), 0);
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_AGAIN_MS, NOON), -LIGHT_A);
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_AGAIN_MS, NOON), -LIGHT_B);
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_AGAIN_MS, NOON), 0);
    camera_orders_forget(&orders);
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_AGAIN_MS + 1, NOON), -LIGHT_A);
}

static void a_light_that_failed_is_tried_again_later_not_at_once(void **state)
{
    (void)state;
    struct camera_orders orders;
    struct camera_order order;
    camera_orders_init(&orders, &two_lights);
    assert_int_equal(write_next(&orders, 0, 0), LIGHT_A);
    assert_true(camera_orders_next(&orders, at_ms(1), 0, &order));
    assert_int_equal(order.coil, LIGHT_B);
    camera_orders_done(&orders, &order, ERR_TIMEOUT, at_ms(1));
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_RETRY_MS, 0), 0);
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_RETRY_MS + 1, 0), LIGHT_A);
    assert_int_equal(write_next(&orders, CAMERA_LIGHT_RETRY_MS + 1, 0), LIGHT_B);
}

static void a_change_in_the_middle_of_a_round_reaches_every_light(void **state)
{
    (void)state;
    struct camera_orders orders;
    camera_orders_init(&orders, &two_lights);
    assert_int_equal(write_next(&orders, 0, NOON), -LIGHT_A);
    assert_int_equal(write_next(&orders, 1, 18 * 60), LIGHT_A);
    assert_int_equal(write_next(&orders, 2, 18 * 60), LIGHT_B);
    assert_int_equal(write_next(&orders, 3, 18 * 60), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trigger_is_written_once),
        cmocka_unit_test(a_trigger_that_is_late_or_failed_is_counted_and_gone),
        cmocka_unit_test(a_camera_without_a_coil_has_no_trigger),
        cmocka_unit_test(lights_follow_the_window_over_midnight),
        cmocka_unit_test(a_window_by_day_ends_the_same_day),
        cmocka_unit_test(a_command_stands_above_the_window),
        cmocka_unit_test(lights_are_written_again_from_time_to_time_and_when_the_camera_is_back),
        cmocka_unit_test(a_light_that_failed_is_tried_again_later_not_at_once),
        cmocka_unit_test(a_change_in_the_middle_of_a_round_reaches_every_light),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
