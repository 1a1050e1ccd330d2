/* From the frame to the admitted read: every stage counts what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "drivers/wire/read_fields.h"
#include "drivers/wire/receiver.h"
#include "tests/unit/drivers/wire/frame_builder.h"

#define KEY "0123456789abcdef"

struct receiver_test {
    struct receiver *receiver;
    struct camera_table *cameras;
};

static int setup(void **state)
{
    struct receiver_test *t = calloc(1, sizeof *t);
    struct camera_options cameras[2] = {
        {.id = 7,
         .lane = 3,
         .format = WIRE_COMPACT,
         .binding = {.port = 9840},
         .has_key = true,
         .auth_required = true,
         .dash = PLATE_DASH_IS_UNREAD},
        {.id = 8, .lane = 4, .format = WIRE_JSON, .binding = {.port = 9841}}};
    struct receiver_options options = {.ports = {{9840, WIRE_COMPACT}, {9841, WIRE_JSON}},
                                       .port_count = 2};
    memcpy(cameras[0].key, KEY, SIPHASH_KEY_SIZE);
    json_fields_default(&options.json);
    if (!t || camera_table_create(cameras, 2, &t->cameras, NULL) != 0 ||
        receiver_create(&options, t->cameras, &t->receiver, NULL) != 0)
        return -1;
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct receiver_test *t = *state;
    receiver_destroy(t->receiver);
    camera_table_destroy(t->cameras);
    free(t);
    return 0;
}

static bool take(struct receiver_test *t, unsigned port, const void *payload, size_t size,
                 struct plate_read *out)
{
    struct frame_builder b;
    fb_link(&b, 0, 0, 0x0800);
    fb_ipv4(&b, port, payload, size);
    return receiver_take(t->receiver, b.bytes, b.size, (struct mono_time){11},
                         (struct wall_time){22}, out);
}

static size_t tagged(uint64_t counter, const char *plate, uint8_t out[256])
{
    struct plate_read read;
    read_fields_init(&read);
    read.lane = 3;
    read.camera = 7;
    memcpy(read.raw, plate, strlen(plate));
    return compact_encode(&read, (const uint8_t *)KEY, counter, out, 256);
}

static void a_tagged_datagram_becomes_a_read(void **state)
{
    struct receiver_test *t = *state;
    struct plate_read read;
    uint8_t bytes[256];
    char text[PLATE_TEXT_SIZE];
    size_t size = tagged(1, "鲁H1-345", bytes);
    assert_true(take(t, 9840, bytes, size, &read));
    assert_int_equal(read.authenticity, AUTH_TAG);
    assert_true(read.mono.ns == 11);
    assert_true(read.wall.ms == 22);
    assert_int_equal(plate_decode(read.key, text), 0);
    assert_string_equal(text, "鲁H1?345"); /* this camera's '-' is an unread character */
    assert_int_equal(plate_read_check(&read, NULL), 0);
}

static void a_json_datagram_becomes_a_read(void **state)
{
    struct receiver_test *t = *state;
    struct plate_read read;
    static const char text[] = "{\"DeviceID\":8,\"PlateNo\":\"鲁H12345\"}";
    assert_true(take(t, 9841, text, sizeof text - 1, &read));
    assert_int_equal(read.lane, 4);
    assert_int_equal(read.authenticity, AUTH_NONE);
}

static void each_stage_counts_its_refusals(void **state)
{
    struct receiver_test *t = *state;
    const struct receiver_stats *stats = receiver_stats(t->receiver);
    struct plate_read read = {.lane = 77};
    uint8_t bytes[256];
    size_t size = tagged(5, "鲁H12345", bytes);
    assert_false(take(t, 9842, bytes, size, &read));      /* a port that is not ours */
    assert_false(take(t, 9840, "garbage!!", 9, &read));   /* not a datagram of ours */
    assert_false(take(t, 9841, "garbage!!", 9, &read));   /* nor this */
    assert_false(take(t, 9841, bytes, size, &read));      /* compact on the json port */
    assert_false(take(t, 9840, bytes, size - 18, &read)); /* the tag taken off */
    bytes[size - 1] ^= 1;
    assert_false(take(t, 9840, bytes, size, &read));
    bytes[size - 1] ^= 1;
    assert_int_equal(read.lane, 77);
    assert_true(take(t, 9840, bytes, size, &read));
    assert_false(take(t, 9840, bytes, size, &read)); /* replayed */
    assert_int_equal(stats->frames, 8);
    assert_int_equal(stats->reads, 1);
    assert_int_equal(stats->frame[FRAME_FOREIGN_PORT], 1);
    assert_int_equal(stats->frame[FRAME_OK], 7);
    assert_int_equal(stats->compact[COMPACT_BAD_MAGIC], 1);
    assert_int_equal(stats->json[JSON_BAD_SYNTAX], 2);
    assert_int_equal(stats->camera[CAMERA_UNTAGGED], 1);
    assert_int_equal(stats->camera[CAMERA_BAD_TAG], 1);
    assert_int_equal(stats->camera[CAMERA_REPLAY], 1);
    assert_int_equal(stats->camera[CAMERA_OK], 1);
}

static void a_new_table_is_used_at_once(void **state)
{
    struct receiver_test *t = *state;
    struct camera_table *empty = NULL;
    struct plate_read read;
    uint8_t bytes[256];
    size_t size = tagged(5, "鲁H12345", bytes);
    assert_int_equal(camera_table_create(NULL, 0, &empty, NULL), 0);
    receiver_set_cameras(t->receiver, empty);
    assert_false(take(t, 9840, bytes, size, &read));
    assert_int_equal(receiver_stats(t->receiver)->camera[CAMERA_UNKNOWN], 1);
    receiver_set_cameras(t->receiver, t->cameras);
    assert_true(take(t, 9840, bytes, size, &read));
    camera_table_destroy(empty);
}

/* Random bytes in place of the payload, the IP part, the whole frame: no read, no harm. */
static void noise_is_never_a_read(void **state)
{
    struct receiver_test *t = *state;
    struct plate_read read;
    uint32_t seed = 20261124;
    for (int i = 0; i < 20000; i++) {
        struct frame_builder b;
        uint8_t bytes[256];
        size_t size = tagged((uint64_t)i + 1, "鲁H12345", bytes);
        fb_link(&b, 0, 0, 0x0800);
        fb_ipv4(&b, 9840, bytes, size);
        for (size_t at = (size_t)(i % 60); at < b.size; at++) {
            seed = seed * 1664525u + 1013904223u;
            b.bytes[at] = (uint8_t)(seed >> 24);
        }
        assert_false(receiver_take(t->receiver, b.bytes, b.size, (struct mono_time){0},
                                   (struct wall_time){0}, &read));
    }
    assert_int_equal(receiver_stats(t->receiver)->frames, 20000);
}

static void refused(const struct receiver_options *options, int code, const char *text)
{
    struct receiver *receiver = NULL;
    struct err_text err = {""};
    assert_int_equal(receiver_create(options, NULL, &receiver, &err), code);
    assert_string_equal(err.text, text);
    assert_null(receiver);
}

static void ports_are_checked(void **state)
{
    (void)state;
    struct receiver_options options = {.port_count = 0};
    refused(&options, ERR_INVALID, "no port to listen to");
    options.port_count = 1;
    refused(&options, ERR_INVALID, "port = '0': expected 1 to 65535");
    options = (struct receiver_options){.ports = {{9840, WIRE_COMPACT}, {9840, WIRE_JSON}},
                                        .port_count = 2};
    refused(&options, ERR_INVALID, "port = '9840': stands twice");
    options.port_count = 9;
    refused(&options, ERR_TOO_LARGE, "9 ports, expected at most 8");
    receiver_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tagged_datagram_becomes_a_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_json_datagram_becomes_a_read, setup, teardown),
        cmocka_unit_test_setup_teardown(each_stage_counts_its_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_table_is_used_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(noise_is_never_a_read, setup, teardown),
        cmocka_unit_test(ports_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
