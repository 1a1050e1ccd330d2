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

static const struct refusal *find(const struct refusals *refusals, uint16_t camera,
                                  enum refusal_stage stage, int cause)
{
    for (size_t i = 0; i < refusals_count(refusals); i++) {
        const struct refusal *r = refusals_get(refusals, i);
        if (r->camera == camera && r->stage == stage && r->cause == cause)
            return r;
    }
    fail_msg("no refusal of camera %d, stage %d, cause %d", camera, (int)stage, cause);
    return NULL;
}

static void refusals_are_noted_by_camera_and_cause_with_the_first(void **state)
{
    struct receiver_test *t = *state;
    struct refusals *refusals = refusals_create();
    struct plate_read read;
    uint8_t bytes[256];
    size_t size = tagged(5, "鲁H12345", bytes);
    receiver_note_refusals(t->receiver, refusals);
    assert_false(take(t, 9842, bytes, size, &read)); /* other traffic is none */
    for (int i = 0; i < 1000; i++) {
        bytes[size - 1] = (uint8_t)(i & 1);
        bytes[6] = (uint8_t)(i % 100); /* confidence: the first one's is kept */
        assert_false(take(t, 9840, bytes, size, &read));
        assert_false(take(t, 9840, "garbage!!", 9, &read));
    }
    bytes[5] = 99; /* a camera nobody knows */
    assert_false(take(t, 9840, bytes, size, &read));
    assert_int_equal(refusals_count(refusals), 3);
    const struct refusal *tag = find(refusals, 7, REFUSAL_CAMERA, CAMERA_BAD_TAG);
    assert_int_equal(tag->count, 1000);
    assert_int_equal(tag->lane, 3);
    assert_int_equal(tag->family, 4);
    assert_memory_equal(tag->bytes, "PR\1\3\0\7\0\11", COMPACT_HEADER_SIZE);
    assert_int_equal(tag->size, COMPACT_HEADER_SIZE); /* the plate is behind it */
    const struct refusal *magic = find(refusals, 0, REFUSAL_COMPACT, COMPACT_BAD_MAGIC);
    assert_int_equal(magic->count, 1000);
    assert_int_equal(magic->lane, 0);
    assert_memory_equal(magic->bytes, "garbage!!", 9);
    assert_int_equal(magic->size, 9);
    assert_int_equal(find(refusals, 0, REFUSAL_CAMERA, CAMERA_UNKNOWN)->count, 1);
    refusals_clear(refusals);
    assert_int_equal(refusals_count(refusals), 0);
    assert_false(take(t, 9840, "other", 5, &read));
    assert_int_equal(refusals_count(refusals), 1);
    assert_int_equal(refusals_get(refusals, 0)->count, 1); /* counted anew */
    receiver_note_refusals(t->receiver, NULL);
    assert_false(take(t, 9840, "other", 5, &read));
    assert_int_equal(refusals_get(refusals, 0)->count, 1);
    refusals_destroy(refusals);
}

static void an_example_of_json_ends_before_the_plate(void **state)
{
    struct receiver_test *t = *state;
    struct refusals *refusals = refusals_create();
    struct plate_read read;
    static const char text[] = "{\"DeviceID\":9,\"PlateNo\":\"鲁H12345\"}";
    static const char before[] = "{\"DeviceID\":9,\"";
    receiver_note_refusals(t->receiver, refusals);
    assert_false(take(t, 9841, text, sizeof text - 2, &read)); /* cut */
    assert_false(take(t, 9841, text, sizeof text - 1, &read)); /* an unknown camera */
    assert_int_equal(refusals_count(refusals), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(refusals_get(refusals, i)->size, sizeof before - 1);
        assert_memory_equal(refusals_get(refusals, i)->bytes, before, sizeof before - 1);
    }
    refusals_destroy(refusals);
}

static void an_example_of_a_frame_is_its_headers(void **state)
{
    struct receiver_test *t = *state;
    struct refusals *refusals = refusals_create();
    struct plate_read read;
    struct frame_builder b;
    fb_link(&b, 0, 0, 0x0800);
    fb_ipv4(&b, 9840, "鲁H12345 and more behind it", 29);
    receiver_note_refusals(t->receiver, refusals);
    assert_false(receiver_take(t->receiver, b.bytes, b.size - 1, (struct mono_time){0},
                               (struct wall_time){0}, &read));
    const struct refusal *cut = find(refusals, 0, REFUSAL_FRAME, FRAME_TRUNCATED);
    assert_int_equal(cut->size, 14 + 20 + 8);
    assert_int_equal(cut->family, 0);
    refusals_destroy(refusals);
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
        cmocka_unit_test_setup_teardown(refusals_are_noted_by_camera_and_cause_with_the_first,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_example_of_json_ends_before_the_plate, setup, teardown),
        cmocka_unit_test_setup_teardown(an_example_of_a_frame_is_its_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_table_is_used_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(noise_is_never_a_read, setup, teardown),
        cmocka_unit_test(ports_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
