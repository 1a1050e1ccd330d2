/*
 * The exempt list at hqd: taken once, in order, from two clerks; told to the boxes; shown which one
 * a box has. What it shares with the match policy is in test_match_policy.c.
 */
#include "hq_world.h"

#include "gateway/hq/route.h"
#include "gateway/signed/exempt_list.h"

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

/* Puts a list without entries; returns the answer's status and gives its body. */
static int put(uint64_t revision, int keys, int64_t ahead_ms, json_t **out)
{
    struct envelope e;
    char *text = NULL;
    size_t size = 0;
    json_t *entries = json_array();
    struct exempt_list head = {
        .revision = revision, .time = {wall.ms + ahead_ms}, .fleet = "fleet"};
    assert_int_equal(exempt_list_compose(&head, entries, &e, NULL), 0);
    for (int i = 0; i < keys; i++)
        assert_int_equal(envelope_sign(&e, clerks[i]), 0);
    assert_int_equal(envelope_write(&e, &text, &size), 0);
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    call.body = text;
    call.size = size;
    assert_int_equal(hq_put_exempt_list(&call), HQ_DONE);
    int status = call.answer.status;
    *out = answer_of(&call);
    hq_call_fini(&call);
    envelope_fini(&e);
    json_decref(entries);
    free(text);
    return status;
}

static void expect_put(uint64_t revision, int keys, int64_t ahead_ms, int status, const char *said)
{
    json_t *answer = NULL;
    assert_int_equal(put(revision, keys, ahead_ms, &answer), status);
    char *text = json_dumps(answer, JSON_COMPACT);
    assert_non_null(strstr(text, said));
    free(text);
    json_decref(answer);
}

static int64_t head_revision(void)
{
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_list_head(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    int64_t revision = json_integer_value(json_object_get(value, "exempt_revision"));
    json_decref(value);
    hq_call_fini(&call);
    return revision;
}

static void it_is_taken_in_order_and_told(void **state)
{
    (void)state;
    assert_int_equal(head_revision(), 0);
    expect_put(1, 1, 0, 422, "expected two different clerks");
    expect_put(1, 2, HQ_CLOCK_AHEAD_MS + 1000, 422, "dated ahead of this server's clock");
    expect_put(2, 2, 0, 409, "exempt list revision 2, expected 1: one more than the one in force");
    expect_put(1, 2, 0, 201, "\"revision\":1");
    assert_int_equal(woken, HQ_TOPIC_INBOX);
    expect_put(1, 2, 0, 200, "\"revision\":1"); /* the same bytes: Ed25519 signs alike */
    expect_put(2, 2, 0, 201, "\"revision\":2");
    assert_int_equal(head_revision(), 2);
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    json_t *answer = answer_of(&call);
    const json_t *messages = json_object_get(answer, "messages");
    const json_t *message = json_array_get(messages, json_array_size(messages) - 1);
    assert_string_equal(json_string_value(json_object_get(message, "kind")), "exempt");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(message, "body"), "revision")), 2);
    json_decref(answer);
    hq_call_fini(&call);
}

static void what_a_box_has_is_noted(void **state)
{
    (void)state;
    struct err_text err = {""};
    int64_t revision = 0;
    assert_int_equal(hq_db_exec(&hq.db,
                                "INSERT INTO checkpoints(id, name, created_ms)"
                                " VALUES('south-1', 'S', 7)",
                                NULL, 0, &err),
                     0);
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "south-1");
    memcpy(call.id, "south-1", sizeof("south-1"));
    assert_int_equal(hq_query_parse("after=0&exempt=6", &call.query, &err), 0);
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    assert_int_equal(hq_db_number(&hq.db,
                                  "SELECT exempt_revision FROM checkpoints WHERE id = 'south-1'",
                                  NULL, 0, -1, &revision, &err),
                     0);
    assert_int_equal(revision, 6);
    hq_call_fini(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_taken_in_order_and_told, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_a_box_has_is_noted, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
