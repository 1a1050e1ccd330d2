/* Which camera may speak: binding, lane, tag, counter, each with its cause. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/camera_table.h"
#include "drivers/wire/read_fields.h"

#define KEY "0123456789abcdef"

static struct camera_options camera(uint16_t id)
{
    struct camera_options c = {.id = id,
                               .lane = 3,
                               .format = WIRE_COMPACT,
                               .binding = {.port = 9840,
                                           .vlan_count = 1,
                                           .vlans = {12},
                                           .mac_bound = true,
                                           .mac = {2, 0, 0, 0, 0, 7},
                                           .family = 4,
                                           .address = {10, 9, 0, 7}},
                               .auth_required = true,
                               .has_key = true};
    memcpy(c.key, KEY, SIPHASH_KEY_SIZE);
    return c;
}

static struct frame_info frame(void)
{
    return (struct frame_info){.source_mac = {2, 0, 0, 0, 0, 7},
                               .vlan_count = 1,
                               .vlans = {12},
                               .family = 4,
                               .source_address = {10, 9, 0, 7},
                               .port = 9840};
}

static struct camera_table *table_of(const struct camera_options *cameras, size_t count)
{
    struct camera_table *table = NULL;
    struct err_text err = {""};
    assert_int_equal(camera_table_create(cameras, count, &table, &err), 0);
    return table;
}

/* Sends a read of camera `id` for `lane`; key NULL: untagged. */
static enum camera_cause send(struct camera_table *table, const struct frame_info *f, uint16_t id,
                              uint8_t lane, const char *key, uint64_t counter,
                              struct plate_read *out)
{
    uint8_t bytes[128];
    struct plate_read read;
    struct compact_info info;
    read_fields_init(&read);
    read.lane = lane;
    read.camera = id;
    memcpy(read.raw, "鲁H12345", sizeof "鲁H12345");
    size_t size = compact_encode(&read, (const uint8_t *)key, counter, bytes, sizeof bytes);
    assert_int_equal(compact_decode(bytes, size, PLATE_DASH_AUTO, out, &info), COMPACT_OK);
    return camera_table_admit(table, WIRE_COMPACT, f, bytes, &info, out);
}

static void a_tagged_read_from_its_place_is_admitted(void **state)
{
    (void)state;
    const struct camera_options c = camera(7);
    struct camera_table *table = table_of(&c, 1);
    struct frame_info f = frame();
    struct plate_read read;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_OK);
    assert_int_equal(read.authenticity, AUTH_TAG);
    assert_int_equal(camera_table_count(table, 7, CAMERA_OK), 1);
    camera_table_destroy(table);
}

static void what_does_not_fit_the_binding_is_refused(void **state)
{
    (void)state;
    const struct camera_options c = camera(7);
    struct camera_table *table = table_of(&c, 1);
    struct plate_read read;
    struct frame_info f = frame();
    f.port = 9841;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_PORT);
    f = frame();
    f.vlans[0] = 13;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_VLAN);
    f.vlan_count = 0;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_VLAN);
    f = frame();
    f.vlan_count = 2;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_VLAN);
    f = frame();
    f.source_mac[5] = 8;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_MAC);
    f = frame();
    f.source_address[3] = 8;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_ADDRESS);
    f = frame();
    f.family = 6;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_ADDRESS);
    f = frame();
    assert_int_equal(send(table, &f, 7, 4, KEY, 100, &read), CAMERA_LANE);
    assert_int_equal(send(table, &f, 8, 3, KEY, 100, &read), CAMERA_UNKNOWN);
    assert_int_equal(camera_table_count(table, 7, CAMERA_VLAN), 3);
    assert_int_equal(camera_table_count(table, 0, CAMERA_UNKNOWN), 1);
    assert_int_equal(camera_table_counter_changes(table), 0);
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_OK); /* nothing was used up */
    camera_table_destroy(table);
}

static void what_is_not_bound_is_not_looked_at(void **state)
{
    (void)state;
    struct camera_options c = camera(7);
    c.binding.mac_bound = false;
    c.binding.family = 0;
    struct camera_table *table = table_of(&c, 1);
    struct frame_info f = frame();
    struct plate_read read;
    f.source_mac[0] = 0x44;
    f.family = 6;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_OK);
    camera_table_destroy(table);
}

static void a_camera_without_vlans_speaks_untagged_alone(void **state)
{
    (void)state;
    struct camera_options c = camera(7);
    c.binding.vlan_count = 0;
    struct camera_table *table = table_of(&c, 1);
    struct plate_read read;
    struct frame_info f = frame();
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_VLAN);
    f.vlan_count = 0;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_OK);
    camera_table_destroy(table);
}

static void required_auth_refuses_what_has_no_valid_tag(void **state)
{
    (void)state;
    const struct camera_options c = camera(7);
    struct camera_table *table = table_of(&c, 1);
    struct frame_info f = frame();
    struct plate_read read;
    assert_int_equal(send(table, &f, 7, 3, NULL, 0, &read), CAMERA_UNTAGGED);
    assert_int_equal(send(table, &f, 7, 3, "another key 1234", 100, &read), CAMERA_BAD_TAG);
    assert_int_equal(camera_table_counter_changes(table), 0);
    camera_table_destroy(table);
}

static void the_counter_only_goes_up(void **state)
{
    (void)state;
    const struct camera_options c[2] = {camera(7), camera(8)};
    struct camera_table *table = table_of(c, 2);
    struct frame_info f = frame();
    struct plate_read read;
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_OK);
    assert_int_equal(send(table, &f, 7, 3, KEY, 100, &read), CAMERA_REPLAY);
    assert_int_equal(send(table, &f, 7, 3, KEY, 99, &read), CAMERA_REPLAY);
    assert_int_equal(send(table, &f, 7, 3, KEY, 101, &read), CAMERA_OK);
    assert_int_equal(send(table, &f, 8, 3, KEY, 5, &read), CAMERA_OK); /* its own counter */
    assert_int_equal(send(table, &f, 7, 3, KEY, UINT64_MAX, &read), CAMERA_OK);
    assert_int_equal(send(table, &f, 7, 3, KEY, 0, &read), CAMERA_REPLAY);
    camera_table_destroy(table);
}

static void a_replay_fails_after_a_restart(void **state)
{
    (void)state;
    const struct camera_options c[2] = {camera(9), camera(7)};
    struct camera_table *before = table_of(c, 2);
    struct camera_table *after = table_of(c, 2);
    struct frame_info f = frame();
    struct plate_read read;
    struct camera_counter kept[4];
    assert_int_equal(camera_table_counters(before, kept, 4), 0);
    assert_int_equal(send(before, &f, 7, 3, KEY, 100, &read), CAMERA_OK);
    assert_int_equal(send(before, &f, 9, 3, KEY, 200, &read), CAMERA_OK);
    assert_int_equal(camera_table_counters(before, kept, 1), 1);
    assert_int_equal(camera_table_counters(before, kept, 4), 2);
    assert_int_equal(kept[0].camera, 7);
    for (size_t i = 0; i < 2; i++)
        camera_table_raise_counter(after, kept[i]);
    assert_int_equal(camera_table_counter_changes(after), 2);
    camera_table_raise_counter(after, (struct camera_counter){7, 50});
    camera_table_raise_counter(after, (struct camera_counter){1, 50});
    assert_int_equal(camera_table_counter_changes(after), 2);
    assert_int_equal(send(after, &f, 7, 3, KEY, 100, &read), CAMERA_REPLAY);
    assert_int_equal(send(after, &f, 9, 3, KEY, 201, &read), CAMERA_OK);
    camera_table_destroy(before);
    camera_table_destroy(after);
}

static void without_a_checked_tag_a_read_is_worth_less(void **state)
{
    (void)state;
    struct camera_options c[2] = {camera(7), camera(8)};
    c[0].auth_required = c[1].auth_required = false;
    c[1].has_key = false;
    struct camera_table *table = table_of(c, 2);
    struct frame_info f = frame();
    struct plate_read read;
    assert_int_equal(send(table, &f, 7, 3, NULL, 0, &read), CAMERA_OK);
    assert_int_equal(read.authenticity, AUTH_NONE);
    assert_int_equal(send(table, &f, 7, 3, "another key 1234", 9, &read), CAMERA_BAD_TAG);
    assert_int_equal(send(table, &f, 7, 3, KEY, 9, &read), CAMERA_OK);
    assert_int_equal(read.authenticity, AUTH_TAG);
    assert_int_equal(send(table, &f, 8, 3, KEY, 9, &read), CAMERA_OK); /* no key to check with */
    assert_int_equal(read.authenticity, AUTH_NONE);
    camera_table_destroy(table);
}

static void json_cameras_have_their_own_format(void **state)
{
    (void)state;
    struct camera_options c = camera(7);
    c.format = WIRE_JSON;
    c.has_key = c.auth_required = false;
    snprintf(c.device_id, sizeof c.device_id, "37080000001211000007");
    struct camera_table *table = table_of(&c, 1);
    struct frame_info f = frame();
    struct plate_read read;
    assert_int_equal(send(table, &f, 7, 3, KEY, 1, &read), CAMERA_FORMAT);
    read_fields_init(&read);
    read.camera = camera_table_find_device(table, "37080000001211000007");
    assert_int_equal(read.camera, 7);
    assert_int_equal(camera_table_admit(table, WIRE_JSON, &f, NULL, NULL, &read), CAMERA_OK);
    assert_int_equal(read.lane, 3); /* the table knows it */
    assert_int_equal(read.authenticity, AUTH_NONE);
    read.lane = 4;
    assert_int_equal(camera_table_admit(table, WIRE_JSON, &f, NULL, NULL, &read), CAMERA_LANE);
    assert_int_equal(camera_table_find_device(table, ""), 0);
    assert_int_equal(camera_table_find_device(table, "other"), 0);
    camera_table_destroy(table);
}

static void refused(struct camera_options *c, size_t count, const char *text)
{
    struct camera_table *table = NULL;
    struct err_text err = {""};
    assert_int_equal(camera_table_create(c, count, &table, &err), ERR_INVALID);
    assert_null(table);
    assert_string_equal(err.text, text);
}

static void options_are_checked(void **state)
{
    (void)state;
    struct camera_options c[2] = {camera(7), camera(7)};
    refused(c, 2, "camera 7: id stands twice");
    c[0] = camera(0);
    refused(c, 1, "camera 0: id = '0': expected 1 to 65535");
    c[0] = camera(7);
    c[0].lane = 0;
    refused(c, 1, "camera 7: lane = '0': expected 1 to 255");
    c[0] = camera(7);
    c[0].binding.port = 0;
    refused(c, 1, "camera 7: port = '0': expected 1 to 65535");
    c[0] = camera(7);
    c[0].has_key = false;
    refused(c, 1, "camera 7: auth = 'required': needs a key");
    c[0] = camera(7);
    c[0].format = WIRE_JSON;
    refused(c, 1, "camera 7: auth: json datagrams carry no tag, expected none");
    c[0] = camera(7);
    c[0].binding.vlans[0] = 4095;
    refused(c, 1, "camera 7: vlan = '4095': expected 1 to 4094");
    c[0] = camera(7);
    c[0].binding.family = 5;
    refused(c, 1, "camera 7: address family = '5': expected 4 or 6");
    c[0] = camera(7);
    c[1] = camera(8);
    snprintf(c[0].device_id, sizeof c[0].device_id, "same");
    snprintf(c[1].device_id, sizeof c[1].device_id, "same");
    refused(c, 2, "camera 8: device_id = 'same': camera 7 has it");
}

enum { THREADS = 4, TRIES = 5000 };

struct sender {
    pthread_t thread;
    struct camera_table *table;
    uint64_t admitted;
};

/* Each sends the same counters, as of a frame that came to two queues. */
static void *send_counters(void *arg)
{
    struct sender *s = arg;
    const struct frame_info f = frame();
    for (uint64_t counter = 1; counter <= TRIES; counter++) {
        struct plate_read read;
        s->admitted += send(s->table, &f, 7, 3, KEY, counter, &read) == CAMERA_OK;
    }
    return NULL;
}

static void of_one_counter_in_several_threads_one_is_admitted(void **state)
{
    (void)state;
    const struct camera_options options = camera(7);
    struct camera_table *table = table_of(&options, 1);
    struct sender senders[THREADS] = {{.table = NULL}};
    struct camera_counter kept;
    uint64_t admitted = 0;
    for (int i = 0; i < THREADS; i++) {
        senders[i].table = table;
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_counters, &senders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(senders[i].thread, NULL);
        admitted += senders[i].admitted;
    }
    assert_in_range(admitted, 1, TRIES);
    assert_int_equal(camera_table_counters(table, &kept, 1), 1);
    assert_int_equal(kept.high, TRIES);
    assert_int_equal(camera_table_counter_changes(table), admitted);
    assert_int_equal(camera_table_count(table, 7, CAMERA_OK), admitted);
    assert_int_equal(camera_table_count(table, 7, CAMERA_REPLAY), THREADS * TRIES - admitted);
    camera_table_destroy(table);
}

static void an_empty_table_knows_nobody(void **state)
{
    (void)state;
    struct camera_table *table = table_of(NULL, 0);
    struct frame_info f = frame();
    struct plate_read read;
    assert_int_equal(send(table, &f, 7, 3, KEY, 1, &read), CAMERA_UNKNOWN);
    assert_int_equal(camera_table_size(table), 0);
    assert_null(camera_table_at(table, 0));
    camera_table_destroy(table);
    camera_table_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tagged_read_from_its_place_is_admitted),
        cmocka_unit_test(what_does_not_fit_the_binding_is_refused),
        cmocka_unit_test(what_is_not_bound_is_not_looked_at),
        cmocka_unit_test(a_camera_without_vlans_speaks_untagged_alone),
        cmocka_unit_test(required_auth_refuses_what_has_no_valid_tag),
        cmocka_unit_test(the_counter_only_goes_up),
        cmocka_unit_test(a_replay_fails_after_a_restart),
        cmocka_unit_test(without_a_checked_tag_a_read_is_worth_less),
        cmocka_unit_test(json_cameras_have_their_own_format),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(of_one_counter_in_several_threads_one_is_admitted),
        cmocka_unit_test(an_empty_table_knows_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
