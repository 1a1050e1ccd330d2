/*
 * A box asks whether an entry still stands: each answer headquarters has, signed by its freshness
 * key for that box and that hit alone; a question that is none is refused.
 */
#include "hq_world.h"

#include "../signed/signed_builder.h"
#include "gateway/signed/standing.h"

static struct world *world;

static int open_world(void **state)
{
    world = world_create();
    if (open_hq(state) != 0)
        return -1;
    hq.keyset->keys[hq.keyset->key_count++] = world->set.keys[WORLD_CLERK_A];
    return 0;
}

static int close_world(void **state)
{
    world_destroy(world);
    return close_hq(state);
}

static void publish(struct batch_plan plan)
{
    size_t size = 0;
    plan.head = hq.head;
    plan.time = at_ms(T0_MS);
    char *text = batch_text(world, &plan, &size, WORLD_CLERK_A, WORLD_KEYS);
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    call.body = text;
    call.size = size;
    assert_int_equal(hq_list_put_batch(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 201);
    hq_call_fini(&call);
    free(text);
}

static void put_entry(uint64_t id, bool change)
{
    struct wanted_item item = item_make(id, "鲁H12345", 2);
    publish((struct batch_plan){
        .added = &item, .added_count = !change, .changed = &item, .changed_count = change});
    item_free(&item);
}

static struct hq_call asked(const char *body)
{
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    call.body = body;
    call.size = strlen(body);
    assert_int_equal(hq_box_confirm(&call), HQ_DONE);
    return call;
}

/* The answer to a hit on `entry` by the list of `revision`, its record being the 77th. */
static enum standing ask(uint64_t entry, uint64_t revision)
{
    char body[256];
    uint8_t chain[CHAIN_ID_SIZE] = {0xab, 0xcd};
    struct standing_answer a;
    struct err_text err = {""};
    (void)snprintf(body, sizeof(body),
                   "{\"chain\":\"abcd0000000000000000000000000000\",\"entry\":%llu,"
                   "\"revision\":%llu,\"sequence\":77}",
                   (unsigned long long)entry, (unsigned long long)revision); /* fits */
    struct hq_call call = asked(body);
    assert_int_equal(call.answer.status, 200);
    size_t size = evbuffer_get_length(call.answer.body);
    ok(standing_verify(hq.keyset, evbuffer_pullup(call.answer.body, -1), size, &a, &err), &err);
    assert_string_equal(a.checkpoint, "north-1");
    assert_memory_equal(a.chain, chain, sizeof(chain));
    assert_true(a.sequence == 77 && a.entry == entry && a.revision == hq.head.revision);
    assert_true(a.time.ms == wall.ms);
    hq_call_fini(&call);
    return a.standing;
}

static void each_answer_is_what_the_list_says(void **state)
{
    (void)state;
    const uint64_t withdrawn = 2;
    wall.ms = T0_MS + 1000;
    put_entry(1, false);
    put_entry(2, false);
    assert_int_equal(ask(1, 2), STANDING_STANDS);
    assert_int_equal(ask(3, 2), STANDING_UNKNOWN);
    put_entry(1, true);
    assert_int_equal(ask(1, 2), STANDING_CHANGED);
    assert_int_equal(ask(1, 3), STANDING_STANDS);
    assert_int_equal(ask(2, 2), STANDING_STANDS);
    publish((struct batch_plan){.withdrawn = &withdrawn, .withdrawn_count = 1});
    assert_int_equal(ask(2, 3), STANDING_WITHDRAWN);
    wall.ms = T0_MS + 365 * (int64_t)DAY_MS; /* entries end in May */
    assert_int_equal(ask(1, 3), STANDING_EXPIRED);
}

static void a_question_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{}",
        "{\"chain\":\"abcd\",\"entry\":1,\"revision\":1,\"sequence\":7}",
        "{\"chain\":\"abcd0000000000000000000000000000\",\"entry\":0,\"revision\":1,\"sequence\":"
        "7}",
        "{\"chain\":\"abcd0000000000000000000000000000\",\"entry\":1,\"revision\":1}",
        "{\"chain\":\"abcd0000000000000000000000000000\",\"entry\":1,\"sequence\":7}",
        "{\"chain\":\"abcd0000000000000000000000000000\",\"entry\":1,\"revision\":1,\"sequence\":7,"
        "\"more\":1}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct hq_call call = asked(bodies[i]);
        assert_int_equal(call.answer.status, 400);
        json_t *value = answer_of(&call);
        assert_true(json_is_object(json_object_get(value, "error")));
        json_decref(value);
        hq_call_fini(&call);
    }
}

static void without_its_key_in_the_set_nothing_is_said(void **state)
{
    (void)state;
    hq.keyset->keys[0].not_after.ms = wall.ms; /* exclusive */
    struct hq_call call = asked("{\"chain\":\"abcd0000000000000000000000000000\",\"entry\":1,"
                                "\"revision\":1,\"sequence\":7}");
    assert_int_equal(call.answer.status, 503);
    hq_call_fini(&call);
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WITH_WORLD(each_answer_is_what_the_list_says),
        WITH_WORLD(a_question_that_is_none_is_refused),
        WITH_WORLD(without_its_key_in_the_set_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
