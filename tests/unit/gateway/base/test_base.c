/*
 * Errors, cursors, clock text, encodings and the queue: one behaviour a test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/base/bytes.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/err.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/queue.h"
#include "gateway/base/thread.h"

static void err_prefix_puts_its_object_first(void **state)
{
    (void)state;
    struct err_text err = {""};
    assert_int_equal(err_set(&err, ERR_IO, "no %s", "bus"), ERR_IO);
    assert_int_equal(err_prefix(&err, ERR_IO, "lane %d", 2), ERR_IO);
    assert_string_equal(err.text, "lane 2: no bus");
}

static void err_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char longer[700];
    for (size_t i = 0; i + 3 < sizeof(longer); i += 3) {
        memcpy(longer + i, "鲁", 4);
    }
    struct err_text err;
    (void)err_set(&err, ERR_IO, "%s", longer);
    assert_int_equal(strlen(err.text), 510);
}

static void reader_stops_at_the_end(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3};
    struct byte_reader r;
    byte_reader_init(&r, bytes, sizeof(bytes));
    assert_int_equal(byte_read_be16(&r), 0x0102);
    assert_int_equal(byte_read_le16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(byte_read_u8(&r), 0);
    assert_false(byte_reader_done(&r));
}

static void writer_and_reader_agree(void **state)
{
    (void)state;
    uint8_t room[22];
    struct byte_writer w;
    byte_writer_init(&w, room, sizeof(room));
    byte_write_be64(&w, 0x0102030405060708);
    byte_write_le64(&w, 0x0102030405060708);
    byte_write_le32(&w, 0xA1B2C3D4);
    byte_write_be16(&w, 0xBEEF);
    assert_false(w.failed);
    byte_write_u8(&w, 1);
    assert_true(w.failed);
    struct byte_reader r;
    byte_reader_init(&r, room, sizeof(room));
    assert_true(byte_read_be64(&r) == 0x0102030405060708);
    assert_true(byte_read_le64(&r) == 0x0102030405060708);
    assert_true(byte_read_le32(&r) == 0xA1B2C3D4);
    assert_int_equal(byte_read_be16(&r), 0xBEEF);
    assert_true(byte_reader_done(&r));
}

static void wall_text_round_trips(void **state)
{
    (void)state;
    static const char *const texts[] = {"1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z",
                                        "2026-11-24T03:46:48.123Z", "9999-12-31T23:59:59.999Z"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct wall_time t;
        char out[WALL_TEXT_SIZE];
        assert_int_equal(wall_parse(texts[i], &t), ERR_OK);
        wall_format(t, out);
        assert_string_equal(out, texts[i]);
    }
}

static void wall_parse_refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "2026-11-24",
                                        "2026-02-30T00:00:00Z",
                                        "2026-11-24T03:46:48.12Z",
                                        "2026-11-24T03:46:48",
                                        "2026-11-24T24:00:00Z",
                                        "2026-11-24T03:46:48ZZ"};
    struct wall_time t = {.ms = 7};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(wall_parse(texts[i], &t), ERR_INVALID);
    }
    assert_int_equal(t.ms, 7);
}

static void base64_and_hex_round_trip_and_refuse(void **state)
{
    (void)state;
    const uint8_t data[] = {0, 1, 254, 255, 7};
    for (size_t size = 0; size <= sizeof(data); size++) {
        char *text = base64_encode(data, size);
        uint8_t *back = NULL;
        size_t back_size = 99;
        assert_int_equal(base64_decode(text, &back, &back_size), ERR_OK);
        assert_int_equal(back_size, size);
        assert_memory_equal(back, data, size);
        free(back);
        free(text);
    }
    static const char *const bad[] = {
        "A", "AA=A", "AAA", "A===", "AA A", "AA==AAAA", "AB==", "AAB="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t *back = NULL;
        size_t back_size;
        assert_int_equal(base64_decode(bad[i], &back, &back_size), ERR_INVALID);
    }
    char hex[11];
    uint8_t bytes[5];
    hex_encode(data, sizeof(data), hex);
    assert_string_equal(hex, "0001feff07");
    assert_int_equal(hex_decode("0001FEff07", bytes, 5), ERR_OK);
    assert_memory_equal(bytes, data, 5);
    assert_int_equal(hex_decode("0001FEfg07", bytes, 5), ERR_INVALID);
}

static void bytes_are_read_as_manuals_print_them(void **state)
{
    (void)state;
    uint8_t bytes[5];
    size_t size = 9;
    assert_int_equal(hex_decode_spaced("01 05fF 3a", bytes, 5, &size), ERR_OK);
    assert_int_equal(size, 4);
    assert_memory_equal(bytes, "\x01\x05\xFF\x3A", 4);
    static const char *const bad[] = {"",     " 01",  "01 ",      "01  05",      "0 1",
                                      "01 5", "0x01", "01 05 0G", "010203040506"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(hex_decode_spaced(bad[i], bytes, 5, &size), ERR_INVALID);
        assert_int_equal(size, 4);
    }
}

static void canonical_json_sorts_and_refuses_reals(void **state)
{
    (void)state;
    json_t *value = NULL;
    char *text = NULL;
    size_t size;
    struct err_text err;
    const char *in = "{\"b\":1, \"a\":\"鲁\"}";
    assert_int_equal(json_parse(in, strlen(in), &value, &err), ERR_OK);
    assert_int_equal(json_canonical(value, &text, &size), ERR_OK);
    assert_string_equal(text, "{\"a\":\"鲁\",\"b\":1}");
    free(text);
    json_decref(value);
    value = json_pack("{s:[f]}", "a", 1.5);
    assert_int_equal(json_canonical(value, &text, &size), ERR_INVALID);
    json_decref(value);
    assert_int_equal(json_parse("{\"a\":1,\"a\":2}", 13, &value, &err), ERR_INVALID);
}

static bool is_odd(const void *item)
{
    return *(const int *)item % 2 != 0;
}

static void queue_gives_what_is_wanted_and_keeps_the_order_of_the_rest(void **state)
{
    (void)state;
    for (int turn = 0; turn < 5; turn++) { /* each place of the ring is the first once */
        struct queue *q = queue_create(5, sizeof(int));
        int item = 0;
        assert_non_null(q);
        for (int i = 0; i < turn; i++) {
            assert_int_equal(queue_push(q, &item), 0);
            assert_int_equal(queue_pop(q, &item, 0), 0);
        }
        assert_int_equal(queue_take_if(q, &item, is_odd), ERR_NOT_FOUND);
        for (int i = 2; i <= 6; i++) {
            assert_int_equal(queue_push(q, &i), 0);
        }
        assert_int_equal(queue_take_if(q, &item, is_odd), 0);
        assert_int_equal(item, 3);
        assert_int_equal(queue_take_if(q, &item, is_odd), 0);
        assert_int_equal(item, 5);
        assert_int_equal(queue_take_if(q, &item, is_odd), ERR_NOT_FOUND);
        for (int expected = 2; expected <= 6; expected += 2) {
            assert_int_equal(queue_pop(q, &item, 0), 0);
            assert_int_equal(item, expected);
        }
        assert_int_equal(queue_pop(q, &item, 0), ERR_TIMEOUT);
        queue_destroy(q);
    }
}

static void queue_refuses_when_full_and_keeps_order(void **state)
{
    (void)state;
    struct queue *q = queue_create(2, sizeof(int));
    int item = 1;
    assert_int_equal(queue_push(q, &item), ERR_OK);
    item = 2;
    assert_int_equal(queue_push(q, &item), ERR_OK);
    item = 3;
    assert_int_equal(queue_push(q, &item), ERR_FULL);
    assert_int_equal(queue_full_count(q), 1);
    assert_int_equal(queue_pop(q, &item, 0), ERR_OK);
    assert_int_equal(item, 1);
    queue_stop(q);
    assert_int_equal(queue_pop(q, &item, 0), ERR_OK);
    assert_int_equal(item, 2);
    assert_int_equal(queue_pop(q, &item, 0), ERR_STOPPED);
    assert_int_equal(queue_push(q, &item), ERR_STOPPED);
    queue_destroy(q);
}

static void event_numbers_are_unique(void **state)
{
    (void)state;
    size_t count;
    const struct log_event_def *events = log_event_table(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(events[i].text_zh) > 0 && strlen(events[i].what_to_do) > 0);
        for (size_t j = i + 1; j < count; j++) {
            assert_int_not_equal(events[i].number, events[j].number);
        }
    }
}

struct silence {
    int ms;              /* that it says */
    struct queue *ended; /* stopped when it is to end */
    int result;          /* of waiting for that */
};

/* Gives no sign of life, after saying for how long, until it is told to end. */
static void be_silent(struct thread *self, void *ctx)
{
    enum { DEADLINE_MS = 60 * 1000 };
    struct silence *silence = ctx;
    int item;
    thread_silent_ms(self, silence->ms);
    silence->result = queue_pop(silence->ended, &item, DEADLINE_MS);
}

static void a_thread_may_say_that_it_will_be_silent(void **state)
{
    (void)state;
    enum { LONG_MS = 600 * 1000, MAX_AGE_MS = 50, DEADLINE_MS = 10000 };
    struct queue *ended = queue_create(1, sizeof(int));
    struct silence silences[] = {{LONG_MS, ended, 0}, {0, ended, 0}};
    struct thread threads[2] = {{0}};
    struct thread *both[] = {&threads[0], &threads[1]};
    const struct thread_options options = {.name = "silent", .core = -1};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(thread_start(&threads[i], &options, be_silent, &silences[i]), 0);
    }
    struct mono_time begun = clock_mono(&clock_system);
    /* The first has said it: by its word it was alive in the future. The second said no time. */
    while (threads_stale(&both[0], 1, -LONG_MS / 2) || !threads_stale(&both[1], 1, MAX_AGE_MS)) {
        assert_true(mono_diff_ms(clock_mono(&clock_system), begun) < DEADLINE_MS);
    }
    assert_ptr_equal(threads_stale(both, 2, MAX_AGE_MS), &threads[1]);
    queue_stop(ended);
    for (int i = 0; i < 2; i++) {
        thread_stop(&threads[i]);
        thread_join(&threads[i]);
        assert_int_equal(silences[i].result, ERR_STOPPED);
    }
    queue_destroy(ended);
}

/* A record's time may be centuries from now: its box's clock stood wrong. */
static void times_beyond_the_range_become_its_end(void **state)
{
    (void)state;
    const struct mono_time now = {3600000000000};
    const int64_t centuries_ms = INT64_C(63965980800000);
    assert_true(mono_add_ms(now, centuries_ms).ns == INT64_MAX);
    assert_true(mono_add_ms(now, -centuries_ms).ns == INT64_MIN);
    assert_true(mono_add_ms((struct mono_time){INT64_MAX}, 1).ns == INT64_MAX);
    assert_true(mono_add_ms((struct mono_time){INT64_MIN}, -1).ns == INT64_MIN);
    assert_true(mono_add_ms(now, 250).ns == now.ns + 250000000);
    assert_true(mono_diff_ms(now, (struct mono_time){INT64_MIN}) == INT64_MAX / 1000000);
    assert_true(mono_diff_ms((struct mono_time){INT64_MIN}, now) == INT64_MIN / 1000000);
    assert_true(mono_diff_ms(now, (struct mono_time){0}) == 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_prefix_puts_its_object_first),
        cmocka_unit_test(err_text_is_cut_at_a_character),
        cmocka_unit_test(reader_stops_at_the_end),
        cmocka_unit_test(writer_and_reader_agree),
        cmocka_unit_test(times_beyond_the_range_become_its_end),
        cmocka_unit_test(wall_text_round_trips),
        cmocka_unit_test(wall_parse_refuses_what_is_no_time),
        cmocka_unit_test(base64_and_hex_round_trip_and_refuse),
        cmocka_unit_test(bytes_are_read_as_manuals_print_them),
        cmocka_unit_test(canonical_json_sorts_and_refuses_reals),
        cmocka_unit_test(queue_gives_what_is_wanted_and_keeps_the_order_of_the_rest),
        cmocka_unit_test(queue_refuses_when_full_and_keeps_order),
        cmocka_unit_test(event_numbers_are_unique),
        cmocka_unit_test(a_thread_may_say_that_it_will_be_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
