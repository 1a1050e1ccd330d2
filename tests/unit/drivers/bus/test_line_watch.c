/*
 * What counted symptoms are judged to be, and how bytes become symptoms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/bus/line_watch.h"

static const struct mono_time start = {.ns = 1000000000};

static void a_crc_is_that_of_the_manual(void **state)
{
    (void)state;
    /* Waveshare's documented frames: relay on, and the 700 ms flash. */
    assert_true(rtu_frame_is_whole((const uint8_t *)"\x01\x05\x00\x00\xFF\x00\x8C\x3A", 8));
    assert_true(rtu_frame_is_whole((const uint8_t *)"\x01\x05\x02\x00\x00\x07\x8D\xB0", 8));
    assert_false(rtu_frame_is_whole((const uint8_t *)"\x01\x05\x02\x00\x00\x07\x8D\xB1", 8));
    assert_false(rtu_frame_is_whole((const uint8_t *)"\xFF\xFF", 2));
}

static void symptoms_have_their_cause(void **state)
{
    (void)state;
    static const struct {
        struct line_symptoms symptoms;
        enum bus_cause cause;
    } cases[] = {
        {{.exchanges = 0}, BUS_CAUSE_NONE},
        {{.exchanges = 100, .frames = 100, .short_answers = {100, 0}}, BUS_CAUSE_NONE},
        /* silence alone has many causes, none of them the line's */
        {{.exchanges = 100, .silent = 100}, BUS_CAUSE_NONE},
        /* everyday noise */
        {{.exchanges = 100, .frames = 97, .short_answers = {97, 3}}, BUS_CAUSE_NONE},
        {{.exchanges = 4, .echoes = 3, .frames = 1}, BUS_CAUSE_ECHO},
        {{.exchanges = 100, .echoes = 3, .frames = 97}, BUS_CAUSE_NONE},
        /* an echo explains whatever else is heard */
        {{.exchanges = 9, .echoes = 9, .foreign = 9, .frames = 9}, BUS_CAUSE_ECHO},
        {{.exchanges = 100, .foreign = 3, .frames = 97}, BUS_CAUSE_SECOND_MASTER},
        {{.exchanges = 100, .foreign = 2, .frames = 98}, BUS_CAUSE_NONE},
        {{.exchanges = 100, .twice = 3, .frames = 100}, BUS_CAUSE_TWO_ON_ADDRESS},
        {{.exchanges = 8, .short_answers = {0, 8}}, BUS_CAUSE_SWAPPED},
        {{.exchanges = 8, .silent = 8, .breaks = 8}, BUS_CAUSE_SWAPPED},
        {{.exchanges = 8, .short_answers = {0, 7}}, BUS_CAUSE_NONE},
        {{.exchanges = 9, .short_answers = {0, 8}, .frames = 1}, BUS_CAUSE_NONE},
        {{.exchanges = 99, .short_answers = {75, 23}, .frames = 75, .row = 23}, BUS_CAUSE_NONE},
        {{.exchanges = 99, .short_answers = {75, 24}, .frames = 75, .row = 24}, BUS_CAUSE_SWAPPED},
        /* one unit garbled, its neighbour well: two modules answer to that address */
        {{.exchanges = 60,
          .frames = 50,
          .short_answers = {50, 10},
          .units = {{1, {30, 0}}, {2, {20, 10}}}},
         BUS_CAUSE_TWO_ON_ADDRESS},
        {{.exchanges = 60,
          .frames = 40,
          .short_answers = {40, 20},
          .units = {{1, {20, 10}}, {2, {20, 10}}}},
         BUS_CAUSE_NONE},
        {{.exchanges = 60, .frames = 50, .short_answers = {50, 10}, .units = {{2, {50, 10}}}},
         BUS_CAUSE_NONE},
        /* one unit only: garbled behind a good beginning */
        {{.exchanges = 60,
          .frames = 60,
          .headed = 5,
          .short_answers = {50, 10},
          .units = {{2, {40, 10}}}},
         BUS_CAUSE_COLLIDING},
        {{.exchanges = 60,
          .frames = 60,
          .headed = 60,
          .short_answers = {0, 60},
          .units = {{2, {0, 60}}}},
         BUS_CAUSE_COLLIDING},
        {{.exchanges = 60,
          .frames = 60,
          .headed = 4,
          .short_answers = {50, 10},
          .units = {{2, {40, 10}}}},
         BUS_CAUSE_NONE},
        {{.exchanges = 60,
          .frames = 60,
          .headed = 7,
          .short_answers = {20, 7},
          .units = {{2, {20, 7}}}},
         BUS_CAUSE_NONE},
        {{.exchanges = 60,
          .frames = 60,
          .headed = 9,
          .short_answers = {51, 9},
          .units = {{2, {51, 9}}}},
         BUS_CAUSE_NONE},
        {{.exchanges = 60,
          .frames = 60,
          .headed = 20,
          .short_answers = {40, 20},
          .units = {{1, {20, 10}}, {2, {20, 10}}}},
         BUS_CAUSE_NONE},
        {{.exchanges = 30, .frames = 30, .trailing = 8, .short_answers = {30, 0}},
         BUS_CAUSE_TERMINATION},
        {{.exchanges = 200, .frames = 200, .trailing = 8, .short_answers = {200, 0}},
         BUS_CAUSE_NONE},
        {{.exchanges = 130, .frames = 120, .short_answers = {100, 2}, .long_answers = {20, 8}},
         BUS_CAUSE_TERMINATION},
        {{.exchanges = 130, .frames = 100, .short_answers = {70, 30}, .long_answers = {20, 8}},
         BUS_CAUSE_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum bus_cause cause = line_symptoms_judge(&cases[i].symptoms);
        if (cause != cases[i].cause) {
            fail_msg("case %zu: %s, expected %s", i, bus_cause_name(cause),
                     bus_cause_name(cases[i].cause));
        }
    }
}

static struct line_exchange good_answer(void)
{
    return (struct line_exchange){.unit = 1, .answer_size = 6, .good = true, .heard = true};
}

static void note(struct line_watch *watch, const struct line_exchange *exchange)
{
    line_watch_note(watch, exchange, MODBUS_READ_DISCRETE, start);
}

/* A frame and its CRC. */
static size_t seal(uint8_t *frame, size_t size)
{
    uint16_t crc = rtu_crc(frame, size);
    frame[size] = (uint8_t)crc;
    frame[size + 1] = (uint8_t)(crc >> 8);
    return size + 2;
}

static void stray_bytes_are_told_apart(void **state)
{
    (void)state;
    struct line_watch watch;
    uint8_t again[] = {1, 2, 1, 5, 0, 0};
    uint8_t strange[] = {9, 3, 0, 0, 0, 2, 0, 0};
    uint8_t strange_many[] = {9, 16, 0, 0, 0, 1, 2, 0, 7, 0, 0};
    uint8_t answer_of_other[] = {9, 3, 2, 1, 1, 0, 0};
    uint8_t both[sizeof(again) + sizeof(strange) + 1] = {0};
    const struct line_exchange good = good_answer();
    line_watch_init(&watch);
    note(&watch, &good);
    line_watch_stray(&watch, again, seal(again, 4), start);
    assert_int_equal(watch.symptoms.twice, 1);
    line_watch_stray(&watch, strange, seal(strange, 6), start);
    line_watch_stray(&watch, strange_many, seal(strange_many, 9), start);
    assert_int_equal(watch.symptoms.foreign, 2);
    line_watch_stray(&watch, answer_of_other, seal(answer_of_other, 5),
                     start); /* follows its request */
    assert_int_equal(watch.symptoms.foreign, 2);
    assert_int_equal(watch.symptoms.trailing, 0);
    line_watch_stray(&watch, (const uint8_t *)"\x80\x00\xFE", 3, start);
    assert_int_equal(watch.symptoms.trailing, 1);
    memcpy(both + 1, again, sizeof(again)); /* behind a byte of noise */
    memcpy(both + 1 + sizeof(again), strange, sizeof(strange));
    line_watch_stray(&watch, both, sizeof(both), start);
    assert_int_equal(watch.symptoms.twice, 2);
    assert_int_equal(watch.symptoms.foreign, 3);
    line_watch_stray(&watch, NULL, 0, start);
    assert_int_equal(watch.symptoms.trailing, 1);
}

static void a_late_answer_is_no_second_one(void **state)
{
    (void)state;
    struct line_watch watch;
    uint8_t late[] = {1, 2, 1, 5, 0, 0};
    const struct line_exchange silent = {.unit = 1, .answer_size = 6};
    line_watch_init(&watch);
    for (int i = 0; i < 5; i++) {
        note(&watch, &silent);
        line_watch_stray(&watch, late, seal(late, 4), start);
    }
    assert_int_equal(watch.symptoms.twice, 0);
    assert_int_equal(watch.symptoms.foreign, 0);
    assert_int_equal(line_watch_cause(&watch, start), BUS_CAUSE_NONE);
}

static void counts_fade_and_a_cause_is_held_a_while(void **state)
{
    (void)state;
    struct line_watch watch;
    struct line_exchange exchange = good_answer();
    exchange.echoed = true;
    line_watch_init(&watch);
    for (int i = 0; i < 10; i++) {
        note(&watch, &exchange);
    }
    assert_int_equal(line_watch_cause(&watch, start), BUS_CAUSE_ECHO);
    exchange.echoed = false;
    for (int i = 0; i < 4 * LINE_WATCH_FADE; i++) {
        note(&watch, &exchange);
    }
    assert_true(watch.symptoms.exchanges <= LINE_WATCH_FADE);
    assert_int_equal(watch.symptoms.echoes, 0);
    assert_int_equal(line_watch_cause(&watch, mono_add_ms(start, LINE_WATCH_HOLD_MS - 1)),
                     BUS_CAUSE_ECHO);
    assert_int_equal(line_watch_cause(&watch, mono_add_ms(start, LINE_WATCH_HOLD_MS)),
                     BUS_CAUSE_NONE);
}

/* Another master may ask once in a few seconds only, while we ask hundreds of times. */
static void seldom_requests_of_another_master_are_noticed(void **state)
{
    (void)state;
    struct line_watch watch;
    uint8_t strange[] = {9, 3, 0, 0, 0, 2, 0, 0};
    const struct line_exchange good = good_answer();
    const size_t size = seal(strange, 6);
    struct mono_time now = start;
    line_watch_init(&watch);
    for (int i = 0; i < 3; i++) {
        now = mono_add_ms(now, 4000);
        line_watch_stray(&watch, strange, size, now);
        for (int j = 0; j < 2 * LINE_WATCH_FADE; j++) {
            line_watch_note(&watch, &good, MODBUS_READ_DISCRETE, now);
        }
        assert_int_equal(line_watch_cause(&watch, now),
                         i < 2 ? BUS_CAUSE_NONE : BUS_CAUSE_SECOND_MASTER);
    }
    now = mono_add_ms(now, LINE_WATCH_FOREIGN_MS); /* gone */
    line_watch_note(&watch, &good, MODBUS_READ_DISCRETE, now);
    assert_int_equal(line_watch_cause(&watch, now), BUS_CAUSE_NONE);
    line_watch_stray(&watch, strange, size, now);
    line_watch_stray(&watch, strange, size, now);
    line_watch_note(&watch, &good, MODBUS_READ_DISCRETE, mono_add_ms(now, LINE_WATCH_FOREIGN_MS));
    line_watch_stray(&watch, strange, size, mono_add_ms(now, LINE_WATCH_FOREIGN_MS));
    line_watch_note(&watch, &good, MODBUS_READ_DISCRETE, mono_add_ms(now, LINE_WATCH_FOREIGN_MS));
    assert_int_equal(line_watch_cause(&watch, mono_add_ms(now, LINE_WATCH_FOREIGN_MS)),
                     BUS_CAUSE_NONE);
}

static void units_that_were_heard_are_told_apart(void **state)
{
    (void)state;
    struct line_watch watch;
    line_watch_init(&watch);
    for (uint8_t unit = 1; unit <= 200; unit++) { /* a scan of the line: nobody there */
        const struct line_exchange silent = {.unit = unit, .answer_size = 6};
        note(&watch, &silent);
    }
    for (int i = 0; i < 20; i++) {
        struct line_exchange exchange = good_answer();
        note(&watch, &exchange);
        exchange.unit = 2;
        exchange.good = i % 2 == 0;
        note(&watch, &exchange);
    }
    assert_int_equal(watch.symptoms.units[0].unit, 1);
    assert_int_equal(watch.symptoms.units[0].share.good, 20);
    assert_int_equal(watch.symptoms.units[1].unit, 2);
    assert_int_equal(watch.symptoms.units[1].share.garbled, 10);
    assert_int_equal(line_watch_cause(&watch, start), BUS_CAUSE_TWO_ON_ADDRESS);
}

/* Answers that are garbled but begin right come over wires that are right. */
static void what_begins_right_is_no_swapped_line(void **state)
{
    (void)state;
    struct line_watch watch;
    struct line_exchange garbled = {.unit = 1, .answer_size = 6, .heard = true, .recognised = true};
    line_watch_init(&watch);
    for (int i = 0; i < 100; i++) {
        note(&watch, &garbled);
    }
    assert_int_equal(line_watch_cause(&watch, start), BUS_CAUSE_COLLIDING);
    garbled.recognised = false;
    for (int i = 0; i < 23; i++) {
        note(&watch, &garbled);
    }
    assert_int_equal(line_watch_cause(&watch, start), BUS_CAUSE_COLLIDING);
    note(&watch, &garbled);
    assert_int_equal(line_watch_cause(&watch, start), BUS_CAUSE_SWAPPED);
}

static void every_cause_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < BUS_CAUSE_COUNT; i++) {
        assert_non_null(bus_cause_name((enum bus_cause)i));
    }
    assert_null(bus_cause_name(BUS_CAUSE_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crc_is_that_of_the_manual),
        cmocka_unit_test(symptoms_have_their_cause),
        cmocka_unit_test(stray_bytes_are_told_apart),
        cmocka_unit_test(a_late_answer_is_no_second_one),
        cmocka_unit_test(counts_fade_and_a_cause_is_held_a_while),
        cmocka_unit_test(seldom_requests_of_another_master_are_noticed),
        cmocka_unit_test(units_that_were_heard_are_told_apart),
        cmocka_unit_test(what_begins_right_is_no_swapped_line),
        cmocka_unit_test(every_cause_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
