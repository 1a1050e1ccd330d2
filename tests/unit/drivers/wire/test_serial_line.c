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

/* A format made once from its template. */
static const struct serial_format *format_of(struct serial_format *made,
                                             enum serial_framing framing, const char *template,
                                             bool trailing_optional)
{
    if (made->form.count == 0) {
        const char *wrong = text_template_compile(template, &made->form);
        if (wrong)
            fail_msg("%s", wrong);
        made->framing = framing;
        made->form.trailing_optional = trailing_optional;
        made->form.utc_offset_minutes = 480;
    }
    return made;
}

static const struct serial_format *nedap(void)
{
    static struct serial_format made;
    return format_of(&made, SERIAL_PROTOCOLLED, "{plate};{confidence};{class};{direction};{event}",
                     true);
}

static const struct serial_format *stx_etx(void)
{
    static struct serial_format made;
    return format_of(&made, SERIAL_STX_ETX, "{time:14}{skip:2}{plate}", false);
}

static const struct serial_format *lines(void)
{
    static struct serial_format made = {.heartbeat = "ALIVE"};
    return format_of(&made, SERIAL_LINES, "{plate};{confidence};{class};{direction};{event}", true);
}

static const struct serial_format *gbk_lines(void)
{
    static struct serial_format made = {.encoding = TEXT_GBK};
    return format_of(&made, SERIAL_LINES, "{plate}|{confidence}", false);
}

static void begin(struct serial_line *line, const struct serial_format *format)
{
    struct err_text err = {""};
    if (serial_line_init(line, format, &err) != 0)
        fail_msg("%s", err.text);
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
        struct serial_message message;
        while (serial_line_next(line, &message) == 0) {
            if (message.heartbeat)
                continue;
            *out = message.read;
            *out_id = message.number;
            reads++;
        }
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
    begin(&line, nedap());
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
        begin(&line, nedap());
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
    begin(&line, nedap());
    assert_int_equal(feed_message(&line, &m, &read, &id), 1);
    assert_int_equal(read.kind, PLATE_UNREAD);
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    uint32_t id;
    begin(&line, nedap());
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
                {"\xff\xfe;9", SERIAL_BAD_TEXT},
                {"鲁\x1b[2J", SERIAL_BAD_TEXT},
                {"123456789012345678901234567890123", SERIAL_PLATE_TEXT}};
    struct message good = message_of(2, "鲁H12345");
    struct plate_read read;
    uint32_t id;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct serial_line line;
        struct message m = message_of(1, rows[i].text);
        begin(&line, nedap());
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
        begin(&line, nedap());
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
            begin(&line, nedap());
            int reads = feed(&line, bytes, first.size - size, 7, &read, &id);
            assert_int_equal(reads, 0);
            serial_line_quiet(&line);
            struct serial_message none;
            assert_int_equal(serial_line_next(&line, &none), ERR_NOT_FOUND);
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
    begin(&line, nedap());
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
    begin(&line, nedap());
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
    begin(&line, nedap());
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

/* ---- STX/ETX and lines ---- */

#define STX_MESSAGE(text) "\x02" text "\x03"

static int feed_text(struct serial_line *line, const char *text, size_t step,
                     struct plate_read *out)
{
    uint32_t number;
    return feed(line, (const uint8_t *)text, strlen(text), step, out, &number);
}

static void a_message_between_stx_and_etx_is_read_with_its_time(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 40; step++) {
        struct serial_line line;
        struct plate_read read;
        begin(&line, stx_etx());
        assert_int_equal(feed_text(&line, STX_MESSAGE("2026112613030107鲁H12345"), step, &read), 1);
        assert_string_equal(read.raw, "鲁H12345");
        assert_true(read.camera_time.ms == 1795669381000); /* 13:03:01 of +08:00 */
        assert_int_equal(line.used, 0);
    }
}

/* Before a message may stand anything, after it too: only what breaks into it costs it. */
static void garbage_around_stx_and_etx_costs_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        enum serial_cause cause;
        uint64_t count;
    } rows[] = {{"noise\r\n\x03\xff", SERIAL_GARBAGE, 9},
                {"\x02"
                 "20261126130301",
                 SERIAL_CUT, 1},
                {"\x02\x02", SERIAL_CUT, 2},
                {STX_MESSAGE("2026112613030107\xff"), SERIAL_BAD_TEXT, 1},
                {STX_MESSAGE("2026112613030107鲁\x1b[2J"), SERIAL_BAD_TEXT, 1},
                {STX_MESSAGE("20261126"), SERIAL_BAD_FIELDS, 1},
                {STX_MESSAGE("2026112613030x07鲁H1"), SERIAL_BAD_FIELDS, 1},
                {STX_MESSAGE(""), SERIAL_BAD_FIELDS, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t step = 1; step <= 9; step += 4) {
            struct serial_line line;
            struct plate_read read;
            begin(&line, stx_etx());
            assert_int_equal(feed_text(&line, rows[i].before, step, &read), 0);
            assert_int_equal(
                feed_text(&line, STX_MESSAGE("2026112613030107鲁H12345") "x", step, &read), 1);
            assert_string_equal(read.raw, "鲁H12345");
            assert_int_equal(line.counts[rows[i].cause], rows[i].count + (i == 0));
        }
    }
}

static void a_line_ends_with_either_or_both(void **state)
{
    (void)state;
    static const char *const ends[] = {"\r", "\n", "\r\n", "\n\r", "\r\r\n\n"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        for (size_t step = 1; step <= 30; step++) {
            struct serial_line line;
            struct plate_read read;
            char text[128];
            begin(&line, lines());
            (void)snprintf(text, sizeof text, "鲁H12345;97;02;3;4711%s豫A1;5%sALIVE%s", ends[i],
                           ends[i], ends[i]);
            assert_int_equal(feed_text(&line, text, step, &read), 2);
            assert_string_equal(read.raw, "豫A1");
            assert_int_equal(line.counts[SERIAL_HEARTBEAT], 1);
            assert_int_equal(line.used, 0);
            for (int cause = SERIAL_GARBAGE; cause < SERIAL_CAUSE_COUNT; cause++)
                assert_int_equal(line.counts[cause], 0);
        }
    }
}

static void a_bad_line_costs_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum serial_cause cause;
    } rows[] = {{"\xff\xfe;9", SERIAL_BAD_TEXT},
                {"A\tB", SERIAL_BAD_TEXT},
                {"鲁H12345;x", SERIAL_BAD_FIELDS},
                {"鲁H12345;1;02;3;4;5", SERIAL_BAD_FIELDS},
                {"123456789012345678901234567890123", SERIAL_PLATE_TEXT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t step = 1; step <= 9; step += 4) {
            struct serial_line line;
            struct plate_read read;
            begin(&line, lines());
            assert_int_equal(feed_text(&line, rows[i].line, step, &read), 0);
            assert_int_equal(feed_text(&line, "\r\n鲁K54321\r\n", step, &read), 1);
            assert_string_equal(read.raw, "鲁K54321");
            assert_int_equal(line.counts[rows[i].cause], 1);
        }
    }
}

/* The end of a line that is too long is no line: it would be another plate. */
static void a_line_too_long_is_skipped_to_its_end(void **state)
{
    (void)state;
    for (size_t size = SERIAL_DATA_MAX - 1; size <= SERIAL_BUFFER_SIZE + 2; size++) {
        for (size_t step = 1; step <= 600; step += 97) {
            struct serial_line line;
            struct plate_read read;
            char text[SERIAL_BUFFER_SIZE + 64];
            begin(&line, lines());
            memset(text, 'A', size);
            (void)snprintf(text + size, sizeof text - size, "豫A12345\n鲁K54321\n");
            assert_int_equal(feed_text(&line, text, step, &read), 1);
            assert_string_equal(read.raw, "鲁K54321");
            assert_int_equal(line.counts[SERIAL_TOO_LONG], 1);
        }
    }
}

static void silence_ends_what_has_begun(void **state)
{
    (void)state;
    struct serial_line line;
    struct plate_read read;
    begin(&line, lines());
    assert_int_equal(feed_text(&line, "noise", 8, &read), 0);
    assert_true(serial_line_inside(&line));
    serial_line_quiet(&line);
    assert_false(serial_line_inside(&line));
    assert_int_equal(feed_text(&line, "鲁K54321\n", 8, &read), 1);
    assert_string_equal(read.raw, "鲁K54321");
    assert_int_equal(line.counts[SERIAL_CUT], 1);
    char text[SERIAL_DATA_MAX + 2] = {0};
    memset(text, 'A', sizeof text - 1);
    assert_int_equal(feed_text(&line, text, 8, &read), 0);
    assert_true(serial_line_inside(&line));
    serial_line_quiet(&line);
    assert_int_equal(feed_text(&line, "鲁K54321\n", 8, &read), 1);
}

static void the_end_of_a_line_that_began_unheard_is_no_line(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 20; step++) {
        struct serial_line line;
        struct plate_read read;
        begin(&line, lines());
        serial_line_restart(&line);
        assert_int_equal(feed_text(&line, "H12345\r\n鲁K54321\r\n", step, &read), 1);
        assert_string_equal(read.raw, "鲁K54321");
        serial_line_restart(&line);
        serial_line_quiet(&line);
        assert_int_equal(feed_text(&line, "豫A1\n", step, &read), 1);
    }
}

/* The second byte of 畖 is '|' in GBK: a separator only where it is a character. */
static void gbk_is_read_before_it_is_taken_apart(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xC2, 0xB3, 'H', '1', 0xAE, 0x7C, '|', '9', '\n'};
    for (size_t step = 1; step <= sizeof bytes; step++) {
        struct serial_line line;
        struct plate_read read;
        uint32_t number;
        begin(&line, gbk_lines());
        assert_int_equal(feed(&line, bytes, sizeof bytes, step, &read, &number), 1);
        assert_string_equal(read.raw, "鲁H1畖");
        assert_int_equal(read.confidence, 9);
        serial_line_fini(&line);
    }
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
        cmocka_unit_test(a_message_between_stx_and_etx_is_read_with_its_time),
        cmocka_unit_test(garbage_around_stx_and_etx_costs_nothing),
        cmocka_unit_test(a_line_ends_with_either_or_both),
        cmocka_unit_test(a_bad_line_costs_no_other),
        cmocka_unit_test(a_line_too_long_is_skipped_to_its_end),
        cmocka_unit_test(silence_ends_what_has_begun),
        cmocka_unit_test(the_end_of_a_line_that_began_unheard_is_no_line),
        cmocka_unit_test(gbk_is_read_before_it_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
