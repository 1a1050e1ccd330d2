/* Messages out of a serial stream: whatever stands between them, every whole one is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/serial_line.h"

struct message {
    uint8_t bytes[SERIAL_MESSAGE_MAX];
    size_t size;
};

static struct message message_of(uint32_t id, const char *text)
{
    struct message m;
    m.size = serial_line_encode(id, text, strlen(text), m.bytes);
    assert_int_equal(m.size, strlen(text) + SERIAL_OVERHEAD);
    return m;
}

/* Feeds everything and returns how many reads came; the last one to `out`. */
static int feed(struct serial_line *line, const uint8_t *bytes, size_t size, size_t step,
                struct plate_read *out, uint32_t *out_id)
{
    int reads = 0;
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < step ? size - at : step;
        size_t taken = serial_line_feed(line, bytes + at, piece);
        assert_true(taken > 0);
        at += taken;
        while (serial_line_next(line, out, out_id) == 0)
            reads++;
    }
    return reads;
}

static int feed_message(struct serial_line *line, const struct message *m, struct plate_read *out,
                        uint32_t *out_id)
{
    return feed(line, m->bytes, m->size, m->size, out, out_id);
}

static void a_message_is_as_the_guide_says(void **state)
{
    (void)state;
    struct message m = message_of(0x01020304, "AB");
    static const uint8_t expected[] = {0x89, 0xAB, 0xCD, 0xEF, 1,    2,    3,    4,    0,   0,
                                       0,    2,    'A',  'B',  0x05, 0x12, 0x34, 0x56, 0x78};
    assert_int_equal(m.size, sizeof expected);
    assert_memory_equal(m.bytes, expected, sizeof expected);
}

static void every_field_is_decoded(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    uint32_t id = 0;
    struct message m = message_of(9, "鲁H12345;97;02;3;4711");
    serial_line_init(&line, PLATE_DASH_AUTO);
    assert_int_equal(feed_message(&line, &m, &read, &id), 1);
    assert_int_equal(id, 9);
    assert_int_equal(read.kind, PLATE_KEY);
    assert_string_equal(read.raw, "鲁H12345");
    assert_int_equal(read.confidence, 97);
    assert_int_equal(read.class, '0' << 8 | '2');
    assert_int_equal(read.direction, 3);
    assert_true(read.event_id == 4711);
    assert_int_equal(line.counts[SERIAL_OK], 1);
    assert_int_equal(line.counts[SERIAL_GARBAGE], 0);
    assert_int_equal(line.used, 0);
}

static void fields_behind_the_plate_may_be_missing(void **state)
{
    (void)state;
    static const char *const texts[] = {"鲁H12345", "鲁H12345;", "鲁H12345;;;;",
                                        "鲁H12345;101;0203;10;"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct serial_line line;
        struct plate_read read;
        uint32_t id;
        struct message m = message_of(1, texts[i]);
        serial_line_init(&line, PLATE_DASH_AUTO);
        assert_int_equal(feed_message(&line, &m, &read, &id), 1);
        assert_int_equal(read.kind, PLATE_KEY);
        assert_int_equal(read.confidence, READ_CONFIDENCE_NONE);
        assert_int_equal(read.class, PLATE_CLASS_UNKNOWN);
        assert_int_equal(read.direction, DIRECTION_NONE);
    }
}

static void an_empty_message_is_an_unread_plate(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    uint32_t id;
    struct message m = message_of(1, "");
    serial_line_init(&line, PLATE_DASH_AUTO);
    assert_int_equal(feed_message(&line, &m, &read, &id), 1);
    assert_int_equal(read.kind, PLATE_UNREAD);
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    uint32_t id;
    serial_line_init(&line, PLATE_DASH_AUTO);
    for (uint32_t i = 1; i <= 20; i++) {
        struct message m = message_of(i, "鲁H12345;97;02;3;4711");
        assert_int_equal(feed(&line, m.bytes, m.size, 1, &read, &id), 1);
        assert_int_equal(id, i);
    }
}

static void each_refusal_has_its_cause(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum serial_cause cause;
    } rows[] = {{"鲁H12345;x", SERIAL_BAD_FIELDS},
                {"鲁H12345;1;02;3;4;5", SERIAL_BAD_FIELDS},
                {"鲁H12345;-1", SERIAL_BAD_FIELDS},
                {"鲁H12345;;;;99999999999999999999", SERIAL_BAD_FIELDS},
                {"\xff\xfe;9", SERIAL_PLATE_TEXT},
                {"鲁\x1b[2J", SERIAL_PLATE_TEXT},
                {"123456789012345678901234567890123", SERIAL_PLATE_TEXT}};
    struct message good = message_of(2, "鲁H12345");
    struct plate_read read;
    uint32_t id;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct serial_line line;
        struct message m = message_of(1, rows[i].text);
        serial_line_init(&line, PLATE_DASH_AUTO);
        assert_int_equal(feed_message(&line, &m, &read, &id), 0);
        assert_int_equal(line.counts[rows[i].cause], 1);
        assert_int_equal(feed_message(&line, &good, &read, &id), 1);
    }
}

/* Any single flipped bit costs that message and never the next. */
static void a_flipped_bit_costs_one_message(void **state)
{
    (void)state;
    struct message first = message_of(1, "鲁H12345;97;02;3;4711");
    struct message second = message_of(2, "鲁K54321;50");
    for (size_t bit = 0; bit < first.size * 8; bit++) {
        struct serial_line line;
        struct plate_read read;
        uint32_t id = 0;
        struct message broken = first;
        broken.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        serial_line_init(&line, PLATE_DASH_AUTO);
        assert_int_equal(feed_message(&line, &broken, &read, &id), 0);
        int reads = feed_message(&line, &second, &read, &id);
        assert_int_equal(reads, 1);
        assert_int_equal(id, 2);
        assert_string_equal(read.raw, "鲁K54321");
    }
}

/* Whatever is cut away from a message, the next one comes through at once. */
static void a_cut_message_costs_one_message(void **state)
{
    (void)state;
    struct message first = message_of(1, "鲁H12345;97;02;3;4711");
    struct message second = message_of(2, "鲁K54321;50");
    for (size_t from = 0; from < first.size; from++) {
        for (size_t size = 1; from + size <= first.size; size++) {
            struct serial_line line;
            struct plate_read read;
            uint8_t bytes[2 * SERIAL_MESSAGE_MAX];
            uint32_t id = 0;
            memcpy(bytes, first.bytes, from);
            memcpy(bytes + from, first.bytes + from + size, first.size - from - size);
            serial_line_init(&line, PLATE_DASH_AUTO);
            int reads = feed(&line, bytes, first.size - size, 7, &read, &id);
            assert_int_equal(reads, 0);
            serial_line_quiet(&line);
            assert_int_equal(serial_line_next(&line, &read, &id), ERR_NOT_FOUND);
            assert_int_equal(feed_message(&line, &second, &read, &id), 1);
            assert_int_equal(id, 2);
        }
    }
}

static void a_start_inside_a_message_is_a_new_one(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    uint32_t id = 0;
    struct message first = message_of(1, "鲁H12345;97;02;3;4711");
    struct message second = message_of(2, "鲁K54321;50");
    serial_line_init(&line, PLATE_DASH_AUTO);
    assert_int_equal(feed(&line, first.bytes, 20, 20, &read, &id), 0);
    /* without a pause between */
    assert_int_equal(feed(&line, second.bytes, second.size, 7, &read, &id), 1);
    assert_int_equal(id, 2);
    assert_int_equal(line.counts[SERIAL_CUT], 1);
}

static void a_huge_length_is_not_waited_for(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    uint32_t id;
    struct message m = message_of(1, "鲁H12345");
    serial_line_init(&line, PLATE_DASH_AUTO);
    m.bytes[8] = 0x7F;
    assert_int_equal(feed(&line, m.bytes, 12, 12, &read, &id), 0);
    assert_int_equal(line.counts[SERIAL_TOO_LONG], 1);
    assert_int_equal(serial_line_encode(1, m.bytes, SERIAL_DATA_MAX + 1, m.bytes), 0);
}

static void garbage_of_any_length_is_dropped(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    uint32_t id = 0;
    struct message m = message_of(7, "鲁H12345");
    uint32_t seed = 20261124;
    printf("seed %u\n", seed);
    serial_line_init(&line, PLATE_DASH_AUTO);
    for (int round = 0; round < 200; round++) {
        uint8_t noise[1000];
        for (size_t i = 0; i < sizeof noise; i++) {
            seed = seed * 1664525u + 1013904223u;
            noise[i] = (uint8_t)(seed >> 24);
        }
        assert_int_equal(feed(&line, noise, sizeof noise, 64, &read, &id), 0);
        serial_line_quiet(&line);
        assert_int_equal(feed_message(&line, &m, &read, &id), 1);
        assert_int_equal(line.used, 0);
    }
    assert_true(line.counts[SERIAL_GARBAGE] > 199000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_as_the_guide_says),
        cmocka_unit_test(every_field_is_decoded),
        cmocka_unit_test(fields_behind_the_plate_may_be_missing),
        cmocka_unit_test(an_empty_message_is_an_unread_plate),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(each_refusal_has_its_cause),
        cmocka_unit_test(a_flipped_bit_costs_one_message),
        cmocka_unit_test(a_cut_message_costs_one_message),
        cmocka_unit_test(a_start_inside_a_message_is_a_new_one),
        cmocka_unit_test(a_huge_length_is_not_waited_for),
        cmocka_unit_test(garbage_of_any_length_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
