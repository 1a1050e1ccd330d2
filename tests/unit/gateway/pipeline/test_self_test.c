/* The daily self-test: asked for in time, on record once it passed, alarmed wherever its way
 * breaks. */
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

enum { DAY_MS = 24 * 3600 * 1000, HOUR_MS = 3600 * 1000 };

struct bench {
    struct pipeline *pipeline;
    struct match_packet packet;
    struct mono_time now;
    uint64_t asked; /* number of the newest question, how many there were … */
    int questions;
    int recorded; /* … facts of the self-test … */
    int hits;     /* … and of anything a lane would show */
    int failed;   /* 1 raised, 0 ended, -1 never told */
    int unconfirmed;
    int fact_result; /* what the recorder says */
    struct fact last;
};

static int take_order(void *ctx, const struct lane_order *order)
{
    (void)order;
    ((struct bench *)ctx)->hits++;
    return 0;
}

static int take_fact(void *ctx, const struct fact *fact)
{
    struct bench *b = ctx;
    if (fact->kind == FACT_SELF_TEST) {
        b->recorded++;
        b->last = *fact;
        return b->fact_result;
    }
    b->hits += fact->kind == FACT_HIT || fact->kind == FACT_PASSAGE;
    if (fact->kind == FACT_ALARM && fact->u.alarm.event == EVENT_SELF_TEST_FAILED)
        b->failed = fact->u.alarm.active;
    if (fact->kind == FACT_ALARM && fact->u.alarm.event == EVENT_SELF_TEST_UNCONFIRMED)
        b->unconfirmed = fact->u.alarm.active;
    return 0;
}

static void release(void *ctx, struct match_packet *packet)
{
    assert_ptr_equal(packet, &((struct bench *)ctx)->packet);
}

static int query(void *ctx, const struct match_query *q)
{
    struct bench *b = ctx;
    if (q->type == QUERY_SELF_TEST) {
        assert_int_equal(match_query_check(q, sizeof *q, NULL), 0);
        b->asked = q->u.self_test;
        b->questions++;
    }
    return 0;
}

static void local_time(void *ctx, struct wall_time wall, uint16_t *out_minute, uint8_t *out_weekday)
{
    (void)ctx, (void)wall; /* always Monday, midnight */
    *out_minute = 0;
    *out_weekday = 1;
}

static void handle(struct bench *b, const struct pipeline_event *event)
{
    pipeline_handle(b->pipeline, event, b->now, (struct wall_time){86400000});
    pipeline_tick(b->pipeline, b->now, (struct wall_time){86400000});
}

static void wait_ms(struct bench *b, int64_t ms)
{
    b->now = mono_add_ms(b->now, ms);
    pipeline_tick(b->pipeline, b->now, (struct wall_time){86400000});
}

static int setup(void **state)
{
    static struct pipeline_options options = {
        .lane_count = 1, .self_test = {.interval_ms = DAY_MS, .grace_ms = HOUR_MS}};
    struct bench *b = calloc(1, sizeof *b);
    const struct pipeline_sinks sinks = {.ctx = b,
                                         .order = take_order,
                                         .fact = take_fact,
                                         .query = query,
                                         .release = release,
                                         .local_time = local_time};
    struct rule_set *rules = NULL;
    lane_config_defaults(&options.lanes[0].lane, 2);
    *state = b;
    if (!b || rules_parse("test", rules_text, sizeof rules_text - 1, &rules, NULL) != 0 ||
        pipeline_create(&options, rules, &sinks, (struct mono_time){1}, &b->pipeline, NULL) != 0)
        return -1;
    b->now.ns = 2;
    b->failed = b->unconfirmed = -1;
    struct pipeline_event clock = {.kind = PIPELINE_CLOCK};
    clock.u.clock.trusted = true;
    handle(b, &clock);
    struct pipeline_event link = {.kind = PIPELINE_LINK};
    link.u.link.connected = true;
    handle(b, &link);
    b->hits = 0; /* lamps as the lanes begin */
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    pipeline_destroy(b->pipeline);
    free(b);
    return 0;
}

static void answer(struct bench *b, uint64_t number, bool listed, bool hit, bool expired)
{
    struct match_message *m = &b->packet.message;
    *m = (struct match_message){.version = MATCH_MESSAGE_VERSION, .type = MATCH_SELF_TEST};
    m->list = (struct list_status){.revision = 9, .state = LIST_CURRENT};
    m->u.read.read = (struct plate_read){.lane = 1,
                                         .camera = 1,
                                         .event_id = number,
                                         .key = WANTED_SELF_TEST_KEY,
                                         .confidence = READ_CONFIDENCE_NONE,
                                         .speed_kmh = UINT16_MAX,
                                         .authenticity = AUTH_TAG};
    m->u.read.self_test_listed = listed;
    m->u.read.hit_count = hit;
    m->u.read.hits[0] = (struct match_hit){.entry = {.id = 77,
                                                     .key = WANTED_SELF_TEST_KEY,
                                                     .class = PLATE_CLASS_ANY,
                                                     .category = CATEGORY_SELF_TEST,
                                                     .valid_until = {172800000},
                                                     .priority = 3,
                                                     .handling = HANDLING_STOP},
                                           .kind = MATCH_EXACT,
                                           .agreement = CLASS_AGREE,
                                           .read_key = WANTED_SELF_TEST_KEY,
                                           .odds_db = MATCH_ODDS_NONE,
                                           .expired = expired};
    assert_int_equal(match_message_check(m, sizeof *m, NULL), 0);
    handle(b, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = &b->packet});
}

static void commit(struct bench *b, uint64_t number, bool done, uint64_t sequence)
{
    struct pipeline_event event = {.kind = PIPELINE_COMMIT};
    event.u.commit.commit = number;
    event.u.commit.done = done;
    event.u.commit.sequence = sequence;
    handle(b, &event);
}

static void confirm(struct bench *b, uint64_t sequence)
{
    struct pipeline_event event = {.kind = PIPELINE_CONFIRMED};
    event.u.confirmed = sequence;
    handle(b, &event);
}

static void one_that_passes_is_on_record_once_a_day_and_no_lane_hears_of_it(void **state)
{
    struct bench *b = *state;
    assert_int_equal(b->questions, 1);
    answer(b, b->asked, true, true, false);
    assert_int_equal(b->recorded, 1);
    assert_int_equal(b->hits, 0);
    assert_int_equal(b->last.lane, 0);
    assert_true(b->last.to_journal);
    assert_false(b->last.urgent || fact_shows_plate(&b->last));
    assert_string_equal(fact_record_kind(&b->last), "device");
    json_t *body = fact_body(&b->last);
    assert_string_equal(json_string_value(json_object_get(body, "what")), "self_test");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(body, "entry"), "id")), 77);
    json_t *decision = json_object_get(body, "decision");
    assert_string_equal(json_string_value(json_object_get(decision, "rule")), "any");
    json_decref(body);
    commit(b, b->last.commit, true, 50);
    confirm(b, 50);
    wait_ms(b, DAY_MS - 1000);
    assert_int_equal(b->questions, 1);
    wait_ms(b, 1000);
    assert_int_equal(b->questions, 2);
    assert_int_equal(b->failed, -1);
    assert_int_equal(b->unconfirmed, -1);
    struct pipeline_stats stats;
    pipeline_stats_read(b->pipeline, &stats);
    assert_int_equal(stats.reads + stats.hits + stats.alerts_quiet, 0);
}

static void an_entry_that_is_listed_and_not_found_is_alarmed_until_it_is(void **state)
{
    struct bench *b = *state;
    answer(b, b->asked, true, false, false);
    assert_int_equal(b->failed, 1);
    assert_int_equal(b->recorded, 0);
    wait_ms(b, HOUR_MS); /* sooner than the next day */
    assert_int_equal(b->questions, 2);
    answer(b, b->asked, true, true, true); /* expired under an untrusted clock: no proof */
    assert_int_equal(b->recorded, 0);
    wait_ms(b, HOUR_MS);
    answer(b, b->asked, true, true, false);
    assert_int_equal(b->failed, 1); /* not before it is on record */
    commit(b, b->last.commit, true, 50);
    assert_int_equal(b->failed, 0);
}

static void a_silent_matchd_is_alarmed(void **state)
{
    struct bench *b = *state;
    uint64_t first = b->asked;
    wait_ms(b, 60 * 1000);
    assert_int_equal(b->failed, 1);
    answer(b, first, true, true, false); /* too late */
    assert_int_equal(b->recorded, 0);
}

static void a_record_that_cannot_be_written_is_alarmed(void **state)
{
    struct bench *b = *state;
    answer(b, b->asked, true, true, false);
    commit(b, b->last.commit, false, 0);
    assert_int_equal(b->failed, 1);
    wait_ms(b, HOUR_MS);
    b->fact_result = ERR_FULL;
    answer(b, b->asked, true, true, false);
    assert_int_equal(b->failed, 1);
    confirm(b, 1000);
    assert_int_equal(b->failed, 1);
}

static void one_without_a_receipt_is_alarmed_until_it_comes(void **state)
{
    struct bench *b = *state;
    answer(b, b->asked, true, true, false);
    commit(b, b->last.commit, true, 50);
    confirm(b, 49);
    wait_ms(b, HOUR_MS - 1);
    assert_int_equal(b->unconfirmed, -1);
    wait_ms(b, 1);
    assert_int_equal(b->unconfirmed, 1);
    wait_ms(b, DAY_MS);
    answer(b, b->asked, true, true, false);
    commit(b, b->last.commit, true, 90);
    assert_int_equal(b->unconfirmed, 1);
    confirm(b, 49);
    assert_int_equal(b->unconfirmed, 1);
    confirm(b, 89);
    assert_int_equal(b->unconfirmed, 0);
}

static void without_an_entry_nothing_is_alarmed_and_a_new_list_is_tried_at_once(void **state)
{
    struct bench *b = *state;
    answer(b, b->asked, false, false, false);
    int questions = b->questions;
    assert_int_equal(b->failed, -1);
    b->packet.message = (struct match_message){.version = MATCH_MESSAGE_VERSION,
                                               .type = MATCH_LIST,
                                               .list = {.revision = 10, .state = LIST_CURRENT}};
    handle(b, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = &b->packet});
    assert_int_equal(b->questions, questions + 1);
    answer(b, b->asked, true, true, false);
    assert_int_equal(b->recorded, 1);
}

static void an_answer_to_no_question_is_nothing(void **state)
{
    struct bench *b = *state;
    answer(b, b->asked + 1, true, true, false);
    assert_int_equal(b->recorded, 0);
    answer(b, b->asked, true, true, false);
    answer(b, b->asked, true, true, false);
    assert_int_equal(b->recorded, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            one_that_passes_is_on_record_once_a_day_and_no_lane_hears_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_entry_that_is_listed_and_not_found_is_alarmed_until_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_matchd_is_alarmed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_that_cannot_be_written_is_alarmed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_without_a_receipt_is_alarmed_until_it_comes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            without_an_entry_nothing_is_alarmed_and_a_new_list_is_tried_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_to_no_question_is_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
