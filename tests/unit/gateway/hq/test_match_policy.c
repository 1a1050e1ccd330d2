/*
 * The match policy at hqd: taken once, in order, from clerks; handed on verbatim; boxes woken.
 */
#include "hq_world.h"

#include "gateway/signed/match_policy.h"

static struct sign_key *clerks[2];

static int open_world(void **state)
{
    static const char *const names[] = {"zhang", "li"};
    if (open_hq(state) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sign_key_create(KEY_ALG_ED25519, &clerks[i]), 0);
        add_key(hq.keyset, KEY_ROLE_LIST, clerks[i]);
        struct keyset_key *key = &hq.keyset->keys[hq.keyset->key_count - 1];
        memcpy(key->holder, names[i], strlen(names[i]) + 1);
    }
    return 0;
}

static int close_world(void **state)
{
    for (int i = 0; i < 2; i++)
        sign_key_free(clerks[i]);
    return close_hq(state);
}

/* The signed text of a policy; `keys` keys of the two clerks. */
static char *policy_text(uint64_t version, uint32_t false_alerts, int keys, size_t *out_size)
{
    struct envelope e;
    char *text = NULL;
    struct match_policy policy = {
        .version = version, .time = wall, .fleet = "fleet", .false_alerts = false_alerts};
    assert_int_equal(match_policy_compose(&policy, &e, NULL), 0);
    for (int i = 0; i < keys; i++)
        assert_int_equal(envelope_sign(&e, clerks[i]), 0);
    assert_int_equal(envelope_write(&e, &text, out_size), 0);
    envelope_fini(&e);
    return text;
}

/* Puts a text; returns the answer's status and gives its body. */
static int put(const char *text, size_t size, json_t **out)
{
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    call.body = text;
    call.size = size;
    assert_int_equal(hq_put_match_policy(&call), HQ_DONE);
    int status = call.answer.status;
    *out = answer_of(&call);
    hq_call_fini(&call);
    return status;
}

static int put_version(uint64_t version, uint32_t false_alerts, int keys)
{
    json_t *answer = NULL;
    size_t size = 0;
    char *text = policy_text(version, false_alerts, keys, &size);
    int status = put(text, size, &answer);
    json_decref(answer);
    free(text);
    return status;
}

static int64_t head_version(void)
{
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_list_head(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    int64_t version = json_integer_value(json_object_get(value, "policy_version"));
    json_decref(value);
    hq_call_fini(&call);
    return version;
}

static void without_one_there_is_nothing_to_get(void **state)
{
    (void)state;
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_match_policy(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 404);
    assert_int_equal(head_version(), 0);
    hq_call_fini(&call);
}

static void it_is_taken_woken_for_and_handed_on_verbatim(void **state)
{
    (void)state;
    json_t *answer = NULL;
    size_t size = 0;
    char *text = policy_text(1, 3, 2, &size);
    assert_int_equal(put(text, size, &answer), 201);
    assert_int_equal(json_integer_value(json_object_get(answer, "version")), 1);
    json_decref(answer);
    assert_int_equal(woken, HQ_TOPIC_INBOX);
    assert_int_equal(head_version(), 1);
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_match_policy(&call), HQ_DONE);
    assert_int_equal(evbuffer_get_length(call.answer.body), size);
    assert_memory_equal(evbuffer_pullup(call.answer.body, -1), text, size);
    hq_call_fini(&call);
    call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    answer = answer_of(&call);
    const json_t *message = json_array_get(json_object_get(answer, "messages"), 0);
    assert_string_equal(json_string_value(json_object_get(message, "kind")), "policy");
    const json_t *body = json_object_get(message, "body");
    assert_int_equal(json_integer_value(json_object_get(body, "version")), 1);
    json_decref(answer);
    hq_call_fini(&call);
    free(text);
}

static void the_same_bytes_again_change_nothing(void **state)
{
    (void)state;
    json_t *answer = NULL;
    size_t size = 0;
    char *text = policy_text(1, 3, 2, &size);
    assert_int_equal(put(text, size, &answer), 201);
    json_decref(answer);
    woken = 0;
    assert_int_equal(put(text, size, &answer), 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "version")), 1);
    assert_int_equal(woken, 0);
    json_decref(answer);
    free(text);
}

static void it_is_compare_and_swap_on_the_version(void **state)
{
    (void)state;
    json_t *answer = NULL;
    size_t size = 0;
    assert_int_equal(put_version(2, 3, 2), 409); /* nothing is held: 1 is next */
    assert_int_equal(put_version(1, 3, 2), 201);
    assert_int_equal(put_version(2, 3, 2), 201);
    assert_int_equal(put_version(1, 3, 2), 409); /* older */
    char *text = policy_text(2, 30, 2, &size);   /* another of the same version */
    assert_int_equal(put(text, size, &answer), 409);
    assert_int_equal(json_integer_value(json_object_get(answer, "version")), 2);
    const json_t *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "en")),
                        "match policy version 2, expected 3: one more than the one in force");
    json_decref(answer);
    free(text);
    assert_int_equal(head_version(), 2);
}

static void one_clerk_or_a_servers_key_is_refused(void **state)
{
    (void)state;
    size_t size = 0;
    json_t *answer = NULL;
    struct envelope e;
    char *text = NULL;
    assert_int_equal(put_version(1, 3, 1), 422);
    struct match_policy policy = {.version = 1, .time = wall, .fleet = "fleet", .false_alerts = 3};
    assert_int_equal(match_policy_compose(&policy, &e, NULL), 0);
    assert_int_equal(envelope_sign(&e, clerks[0]), 0);
    assert_int_equal(envelope_sign(&e, hq.freshness_key), 0);
    assert_int_equal(envelope_write(&e, &text, &size), 0);
    envelope_fini(&e);
    assert_int_equal(put(text, size, &answer), 422);
    const json_t *error = json_object_get(answer, "error");
    assert_string_equal(
        json_string_value(json_object_get(error, "en")),
        "match policy statement: signatures[1]: key of role freshness, expected list");
    json_decref(answer);
    free(text);
    assert_int_equal(head_version(), 0);
}

static void one_dated_ahead_is_refused(void **state)
{
    (void)state;
    json_t *answer = NULL;
    size_t size = 0;
    wall.ms += 6 * 60 * 1000;
    char *text = policy_text(1, 3, 2, &size);
    wall.ms -= 6 * 60 * 1000;
    assert_int_equal(put(text, size, &answer), 422);
    json_decref(answer);
    free(text);
}

static void what_a_box_says_it_has_is_shown(void **state)
{
    (void)state;
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    call.body = "{\"checkpoint\":\"north-1\",\"name\":\"North\"}";
    call.size = strlen(call.body);
    assert_int_equal(hq_operator_enroll(&call), HQ_DONE);
    hq_call_fini(&call);
    call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    call.query.has_policy = true;
    call.query.policy = 5;
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    hq_call_fini(&call);
    call = call_of(TLS_PEER_OPERATOR, "zhang");
    assert_int_equal(hq_operator_checkpoints(&call), HQ_DONE);
    json_t *answer = answer_of(&call);
    const json_t *row = json_array_get(json_object_get(answer, "checkpoints"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "policy_version")), 5);
    json_decref(answer);
    hq_call_fini(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
        WORLD_TEST(without_one_there_is_nothing_to_get),
        WORLD_TEST(it_is_taken_woken_for_and_handed_on_verbatim),
        WORLD_TEST(the_same_bytes_again_change_nothing),
        WORLD_TEST(it_is_compare_and_swap_on_the_version),
        WORLD_TEST(one_clerk_or_a_servers_key_is_refused),
        WORLD_TEST(one_dated_ahead_is_refused),
        WORLD_TEST(what_a_box_says_it_has_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
