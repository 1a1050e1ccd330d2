/* Messages of matchd as facts: what goes on record, and who may see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/pipeline/pipeline.h"

static const char rules_text[] = "title: test\n"
                                 "rules:\n"
                                 "- {name: any, then: {alert: quiet}}\n"
                                 "examples:\n"
                                 "- {name: any, hit: {match: exact}, expect: {rule: any}}\n";

struct bench {
    struct pipeline *pipeline;
    struct match_packet packet;
    int recorded;         /* facts of FACT_REFUSED and FACT_POLICY */
    int policy_alarms[2]; /* ended, raised */
    struct fact last;
};

static int take_order(void *ctx, const struct lane_order *order)
{
    (void)ctx, (void)order; /* none is looked at */
    return 0;
}

static int take_fact(void *ctx, const struct fact *fact)
{
    struct bench *b = ctx;
    if (fact->kind == FACT_REFUSED || fact->kind == FACT_POLICY) {
        b->recorded++;
        b->last = *fact;
    }
    if (fact->kind == FACT_ALARM && fact->u.alarm.event == EVENT_WANTED_POLICY_ROLLED_BACK)
        b->policy_alarms[fact->u.alarm.active]++;
    return 0;
}

static void release(void *ctx, struct match_packet *packet)
{
    assert_ptr_equal(packet, &((struct bench *)ctx)->packet);
}

static int query(void *ctx, const struct match_query *q)
{
    (void)ctx, (void)q; /* matchd is not there */
    return ERR_IO;
}

static int setup(void **state)
{
    static struct pipeline_options options = {.lane_count = 1,
                                              .policy_high = {.version = 3, .hash = {7}}};
    struct bench *b = calloc(1, sizeof *b);
    const struct pipeline_sinks sinks = {
        .ctx = b, .order = take_order, .fact = take_fact, .query = query, .release = release};
    struct rule_set *rules = NULL;
    lane_config_defaults(&options.lanes[0].lane, 2);
    *state = b;
    if (!b || rules_parse("test", rules_text, sizeof rules_text - 1, &rules, NULL) != 0 ||
        pipeline_create(&options, rules, &sinks, (struct mono_time){1}, &b->pipeline, NULL) != 0)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    pipeline_destroy(b->pipeline);
    free(b);
    return 0;
}

static void assert_body(const struct fact *fact, const char *expected)
{
    json_t *body = fact_body(fact);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(body);
}

static void handle(struct bench *b, const struct pipeline_event *event)
{
    pipeline_handle(b->pipeline, event, (struct mono_time){2}, (struct wall_time){3});
}

static void refused_datagrams_are_one_routine_record_of_a_device(void **state)
{
    struct bench *b = *state;
    b->packet.message = (struct match_message){.version = MATCH_MESSAGE_VERSION,
                                               .type = MATCH_REFUSED,
                                               .u.refused = {.camera = 12,
                                                             .lane = 2,
                                                             .count = 7000,
                                                             .cause = "camera_bad_tag",
                                                             .source = "[fd00::7]:40000",
                                                             .size = 3,
                                                             .bytes = {0x50, 0x52, 0xff}}};
    assert_int_equal(match_message_check(&b->packet.message, sizeof b->packet.message, NULL), 0);
    handle(b, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = &b->packet});
    assert_int_equal(b->recorded, 1);
    assert_true(b->last.to_journal && b->last.to_events);
    assert_int_equal(b->last.class, LANE_CLASS_ROUTINE);
    assert_string_equal(fact_record_kind(&b->last), "device");
    assert_false(fact_shows_plate(&b->last));
    assert_body(&b->last, "{\"camera\":12,\"cause\":\"camera_bad_tag\",\"count\":7000,"
                          "\"first\":\"5052ff\",\"lane\":2,\"source\":\"[fd00::7]:40000\","
                          "\"what\":\"camera_errors\"}");
}

static void what_nobody_can_be_named_for_has_no_camera_and_no_lane(void **state)
{
    struct bench *b = *state;
    b->packet.message =
        (struct match_message){.version = MATCH_MESSAGE_VERSION,
                               .type = MATCH_REFUSED,
                               .u.refused = {.count = 1, .cause = "frame_truncated"}};
    handle(b, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = &b->packet});
    assert_int_equal(b->recorded, 1);
    assert_body(&b->last, "{\"cause\":\"frame_truncated\",\"count\":1,\"what\":\"camera_errors\"}");
}

static void garbage_of_an_own_camera_is_recorded_alike(void **state)
{
    struct bench *b = *state;
    struct pipeline_event event = {.kind = PIPELINE_REFUSED};
    event.u.refused.lane = 2;
    event.u.refused.refused = (struct fact_refused){
        .camera = 23, .count = 5, .cause = "line_garbled", .first = "bad_checksum"};
    handle(b, &event);
    assert_string_equal(fact_record_kind(&b->last), "device");
    assert_body(&b->last, "{\"camera\":23,\"cause\":\"line_garbled\",\"count\":5,"
                          "\"first\":\"bad_checksum\",\"lane\":2,\"what\":\"camera_errors\"}");
}

static void tell_policy(struct bench *b, uint64_t version, uint8_t hash, uint32_t traffic)
{
    b->packet.message = (struct match_message){.version = MATCH_MESSAGE_VERSION,
                                               .type = MATCH_POLICY,
                                               .u.policy = {.version = version,
                                                            .hash = {hash},
                                                            .signed_at = {86400000},
                                                            .false_alerts = 3,
                                                            .traffic = traffic,
                                                            .look_alike_max = 1,
                                                            .channels = "latin mainland"}};
    assert_int_equal(match_message_check(&b->packet.message, sizeof b->packet.message, NULL), 0);
    handle(b, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = &b->packet});
}

static void a_policy_is_on_record_once_and_its_traffic_only_told(void **state)
{
    struct bench *b = *state;
    tell_policy(b, 4, 9, 4000);
    assert_int_equal(b->recorded, 1);
    assert_true(b->last.to_journal && b->last.to_events);
    assert_string_equal(fact_record_kind(&b->last), "list");
    assert_false(fact_shows_plate(&b->last));
    assert_body(&b->last,
                "{\"policy\":{\"channels\":[\"latin\",\"mainland\"],\"false_alerts\":3,"
                "\"hash\":\"0900000000000000000000000000000000000000000000000000000000000000\","
                "\"look_alike\":1,\"signed_at\":\"1970-01-02T00:00:00.000Z\",\"traffic\":4000,"
                "\"traffic_stated\":false,\"version\":4}}");
    tell_policy(b, 4, 9, 5000);
    assert_int_equal(b->recorded, 2);
    assert_true(!b->last.to_journal && b->last.to_events);
    assert_int_equal(b->policy_alarms[1], 0);
}

static void a_policy_below_the_newest_this_box_had_is_alarmed(void **state)
{
    struct bench *b = *state;
    tell_policy(b, 0, 0, 4000); /* built in: matchd lost its files */
    assert_int_equal(b->policy_alarms[1], 1);
    tell_policy(b, 3, 8, 4000); /* another one of that version */
    assert_int_equal(b->policy_alarms[1], 1);
    assert_int_equal(b->policy_alarms[0], 0);
    tell_policy(b, 3, 7, 4000);
    assert_int_equal(b->policy_alarms[0], 1);
    tell_policy(b, 5, 1, 4000);
    tell_policy(b, 4, 2, 4000);
    assert_int_equal(b->policy_alarms[1], 2);
}

static void a_policy_message_out_of_range_is_refused(void **state)
{
    (void)state;
    struct err_text err;
    struct match_message m = {.version = MATCH_MESSAGE_VERSION,
                              .type = MATCH_POLICY,
                              .u.policy = {.false_alerts = 3, .traffic = 1}};
    assert_int_equal(match_message_check(&m, sizeof m, &err), 0);
    m.u.policy.traffic = 0;
    assert_int_equal(match_message_check(&m, sizeof m, &err), ERR_INVALID);
    assert_string_equal(err.text, "policy numbers: out of range");
    m.u.policy.traffic = 1;
    m.u.policy.channels[0] = '"';
    assert_int_equal(match_message_check(&m, sizeof m, &err), ERR_INVALID);
    assert_string_equal(err.text, "policy channels: names of a-z, 0-9, - and _ expected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_datagrams_are_one_routine_record_of_a_device, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_nobody_can_be_named_for_has_no_camera_and_no_lane,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(garbage_of_an_own_camera_is_recorded_alike, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_policy_is_on_record_once_and_its_traffic_only_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_policy_below_the_newest_this_box_had_is_alarmed, setup,
                                        teardown),
        cmocka_unit_test(a_policy_message_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
