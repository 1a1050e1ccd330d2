/*
 * Orders wait bounded and leave by rank; lights never take the room of motion.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/bus/order_book.h"

static struct lane_order order(uint64_t id, enum lane_output output)
{
    return (struct lane_order){.id = id, .lane = 1, .output = output, .on = true};
}

static void put(struct order_book *book, uint64_t id, enum lane_output output)
{
    struct lane_order o = order(id, output);
    assert_int_equal(order_book_put(book, &o), ERR_OK);
}

static uint64_t take(struct order_book *book)
{
    struct order_slot taken;
    return order_book_take(book, &taken) ? taken.order.id : 0;
}

static void stop_goes_before_raise_before_lower_before_lights(void **state)
{
    (void)state;
    struct order_book book;
    assert_int_equal(order_book_init(&book), ERR_OK);
    put(&book, 1, OUTPUT_RED);
    put(&book, 2, OUTPUT_LOWER);
    put(&book, 3, OUTPUT_RAISE);
    put(&book, 4, OUTPUT_SIREN);
    put(&book, 5, OUTPUT_STOP);
    put(&book, 6, OUTPUT_RAISE);
    const uint64_t expected[] = {5, 3, 6, 2, 1, 4, 0};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(take(&book), expected[i]);
    }
    order_book_fini(&book);
}

/* A raise behind it must not meet the coil, and a lower that waits must not begin behind it. */
static void the_end_of_a_lower_goes_with_the_stops(void **state)
{
    (void)state;
    struct order_book book;
    assert_int_equal(order_book_init(&book), ERR_OK);
    struct lane_order lower = order(1, OUTPUT_LOWER);
    struct lane_order other = order(2, OUTPUT_LOWER);
    struct lane_order end = order(4, OUTPUT_LOWER);
    lower.expires.ns = other.expires.ns = 1000;
    other.lane = 2;
    end.on = false;
    assert_int_equal(order_book_put(&book, &lower), ERR_OK);
    assert_int_equal(order_book_put(&book, &other), ERR_OK);
    put(&book, 3, OUTPUT_RAISE);
    assert_int_equal(order_book_put(&book, &end), ERR_OK);
    assert_int_equal(take(&book), 4);
    assert_int_equal(take(&book), 3);
    struct order_slot taken;
    assert_true(order_book_take(&book, &taken));
    assert_int_equal(taken.order.id, 1);
    assert_true(taken.order.expires.ns < 0); /* called off */
    assert_true(order_book_take(&book, &taken));
    assert_int_equal(taken.order.id, 2);
    assert_int_equal(taken.order.expires.ns, 1000); /* another lane's is not */
    order_book_fini(&book);
}

static void lights_fill_only_their_half(void **state)
{
    (void)state;
    struct order_book book;
    assert_int_equal(order_book_init(&book), ERR_OK);
    for (uint64_t i = 1; i <= BUS_LIGHTS_ORDERS_MAX; i++) {
        put(&book, i, OUTPUT_YELLOW);
    }
    struct lane_order light = order(100, OUTPUT_GREEN);
    assert_int_equal(order_book_put(&book, &light), ERR_FULL);
    for (uint64_t i = BUS_LIGHTS_ORDERS_MAX; i < BUS_ORDERS_MAX; i++) {
        put(&book, 200 + i, OUTPUT_RAISE);
    }
    struct lane_order stop = order(300, OUTPUT_STOP);
    assert_int_equal(order_book_put(&book, &stop), ERR_FULL);
    assert_int_equal(take(&book), 200 + BUS_LIGHTS_ORDERS_MAX);
    assert_int_equal(order_book_put(&book, &stop), ERR_OK);
    assert_int_equal(take(&book), 300);
    order_book_fini(&book);
}

static void a_closed_book_gives_back_what_waits(void **state)
{
    (void)state;
    struct order_book book;
    assert_int_equal(order_book_init(&book), ERR_OK);
    put(&book, 1, OUTPUT_RED);
    order_book_close(&book);
    struct lane_order late = order(2, OUTPUT_STOP);
    assert_int_equal(order_book_put(&book, &late), ERR_STOPPED);
    assert_int_equal(take(&book), 1);
    assert_int_equal(take(&book), 0);
    order_book_fini(&book);
}

/* A raise that is tried again must not become the last word behind the release that came after it,
 * nor let the raises of other lanes pass it by. */
static void an_order_put_back_keeps_its_place(void **state)
{
    (void)state;
    struct order_book book;
    struct order_slot taken;
    struct order_slot again;
    assert_int_equal(order_book_init(&book), ERR_OK);
    put(&book, 1, OUTPUT_RAISE);
    put(&book, 2, OUTPUT_RED);
    put(&book, 3, OUTPUT_RAISE);
    assert_true(order_book_take(&book, &taken));
    assert_int_equal(taken.order.id, 1);
    assert_false(taken.retried);
    put(&book, 4, OUTPUT_RAISE);
    assert_int_equal(order_book_put_back(&book, &taken), ERR_OK);
    assert_true(order_book_take(&book, &again));
    assert_int_equal(again.order.id, 1);
    assert_true(again.retried);
    assert_int_equal(take(&book), 3);
    assert_int_equal(take(&book), 4);
    assert_int_equal(take(&book), 2);
    for (uint64_t i = 0; i < BUS_ORDERS_MAX; i++) { /* others took its room meanwhile */
        put(&book, 10 + i, OUTPUT_STOP);
    }
    assert_int_equal(order_book_put_back(&book, &taken), ERR_FULL);
    assert_int_equal(take(&book), 10);
    order_book_close(&book);
    assert_int_equal(order_book_put_back(&book, &taken), ERR_STOPPED);
    order_book_fini(&book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_goes_before_raise_before_lower_before_lights),
        cmocka_unit_test(the_end_of_a_lower_goes_with_the_stops),
        cmocka_unit_test(lights_fill_only_their_half),
        cmocka_unit_test(a_closed_book_gives_back_what_waits),
        cmocka_unit_test(an_order_put_back_keeps_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
