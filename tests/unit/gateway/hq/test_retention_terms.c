/*
 * Retention terms at hqd: taken once, in order, from two clerks; told to the boxes; shown which a
 * box has; and how they bind the retention program. What they share with the match policy is in
 * test_match_policy.c.
 */
#include "hq_world.h"

#include "gateway/hq/retain.h"
#include "gateway/hq/route.h"
#include "gateway/signed/retention_terms.h"

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

/* Puts terms without holds; returns the answer's status and gives its body. */
static int put(uint64_t version, int keys, int64_t ahead_ms, json_t **out)
{
    struct envelope e;
    char *text = NULL;
    size_t size = 0;
    const struct retention_terms terms = {.version = version,
                                          .time = {wall.ms + ahead_ms},
                                          .fleet = "fleet",
                                          .term_count = 1,
                                          .terms = {{{0}, {{10, 20}, {10, 25}, {30, 90}}}}};
    assert_int_equal(retention_terms_compose(&terms, &e, NULL), 0);
    for (int i = 0; i < keys; i++)
        assert_int_equal(envelope_sign(&e, clerks[i]), 0);
    assert_int_equal(envelope_write(&e, &text, &size), 0);
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    call.body = text;
    call.size = size;
    assert_int_equal(hq_put_retention_terms(&call), HQ_DONE);
    int status = call.answer.status;
    *out = answer_of(&call);
    hq_call_fini(&call);
    envelope_fini(&e);
    free(text);
    return status;
}

static void expect_put(uint64_t version, int keys, int64_t ahead_ms, int status, const char *said)
{
    json_t *answer = NULL;
    assert_int_equal(put(version, keys, ahead_ms, &answer), status);
    char *text = json_dumps(answer, JSON_COMPACT);
    assert_non_null(strstr(text, said));
    free(text);
    json_decref(answer);
}

static int64_t head_version(void)
{
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_list_head(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    int64_t version = json_integer_value(json_object_get(value, "retention_version"));
    json_decref(value);
    hq_call_fini(&call);
    return version;
}

static void it_is_taken_in_order_and_told(void **state)
{
    (void)state;
    assert_int_equal(head_version(), 0);
    expect_put(1, 1, 0, 422, "expected two different clerks");
    expect_put(1, 2, HQ_CLOCK_AHEAD_MS + 1000, 422, "dated ahead of this server's clock");
    expect_put(2, 2, 0, 409,
               "retention terms version 2, expected 1: one more than the one in force");
    expect_put(1, 2, 0, 201, "\"version\":1");
    assert_int_equal(woken, HQ_TOPIC_INBOX);
    expect_put(1, 2, 0, 200, "\"version\":1"); /* the same bytes: Ed25519 signs alike */
    expect_put(2, 2, 0, 201, "\"version\":2");
    assert_int_equal(head_version(), 2);
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    json_t *answer = answer_of(&call);
    const json_t *messages = json_object_get(answer, "messages");
    const json_t *message = json_array_get(messages, json_array_size(messages) - 1);
    assert_string_equal(json_string_value(json_object_get(message, "kind")), "retention");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(message, "body"), "version")), 2);
    json_decref(answer);
    hq_call_fini(&call);
}

static void what_a_box_has_is_noted(void **state)
{
    (void)state;
    struct err_text err = {""};
    int64_t version = 0;
    assert_int_equal(hq_db_exec(&hq.db,
                                "INSERT INTO checkpoints(id, name, created_ms)"
                                " VALUES('south-1', 'S', 7)",
                                NULL, 0, &err),
                     0);
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "south-1");
    memcpy(call.id, "south-1", sizeof("south-1"));
    assert_int_equal(hq_query_parse("after=0&retention=6", &call.query, &err), 0);
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    assert_int_equal(hq_db_number(&hq.db,
                                  "SELECT retention_version FROM checkpoints WHERE id = 'south-1'",
                                  NULL, 0, -1, &version, &err),
                     0);
    assert_int_equal(version, 6);
    hq_call_fini(&call);
}

/* ---- the retention program ---- */

static struct sign_key *root_keys[ROOT_KEYS_NEEDED];
static struct root_keys trusted;

static int give_roots(void *ctx, struct root_keys *out, struct err_text *err)
{
    (void)err;
    *out = *(const struct root_keys *)ctx;
    return 0;
}

static int no_roots(void *ctx, struct root_keys *out, struct err_text *err)
{
    (void)ctx;
    (void)out;
    return err_set(err, ERR_NOT_FOUND, "no roots");
}

/* The key set of this world, signed by two roots, as a document. */
static void put_keyset(void)
{
    struct envelope e;
    char *text = NULL;
    size_t size = 0;
    for (int i = 0; i < ROOT_KEYS_NEEDED; i++) {
        char *pem = NULL;
        assert_int_equal(sign_key_create(KEY_ALG_ED25519, &root_keys[i]), 0);
        assert_int_equal(public_key_to_pem(KEY_ALG_ED25519, sign_key_public(root_keys[i]), &pem),
                         0);
        assert_int_equal(root_keys_add_pem(&trusted, pem, strlen(pem)), 0);
        free(pem);
    }
    assert_int_equal(keyset_compose(hq.keyset, &e, NULL), 0);
    for (int i = 0; i < ROOT_KEYS_NEEDED; i++)
        assert_int_equal(envelope_sign(&e, root_keys[i]), 0);
    assert_int_equal(envelope_write(&e, &text, &size), 0);
    assert_int_equal(hq_document_put(&hq, "keyset", 1, text, size, NULL), 0);
    envelope_fini(&e);
    free(text);
}

static int bind_to(struct hq_terms *terms, uint64_t *out_version, struct err_text *err)
{
    return hq_terms_bind(&hq.db, give_roots, &trusted, wall, terms, out_version, err);
}

static void they_bind_the_retention_program(void **state)
{
    (void)state;
    struct err_text err = {""};
    struct hq_terms terms = {60, 365, 1095, 7, 60};
    uint64_t version = 9;
    trusted = (struct root_keys){.count = 0};
    assert_int_equal(hq_terms_bind(&hq.db, no_roots, NULL, wall, &terms, &version, &err), 0);
    assert_true(version == 0 && terms.passage_days == 60); /* none: no roots are asked for */
    put_keyset();
    expect_put(1, 2, 0, 201, "\"version\":1");
    assert_int_equal(hq_terms_bind(&hq.db, no_roots, NULL, wall, &terms, &version, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(bind_to(&terms, &version, &err), 0);
    assert_true(version == 1 && terms.passage_days == 20 && terms.record_days == 90);
    assert_int_equal(terms.picture_days, 25);
    assert_true(terms.own_days == 1095 && terms.clock_ahead_days == 7);
    terms.passage_days = 5;
    assert_int_equal(bind_to(&terms, &version, &err), 0);
    assert_int_equal(terms.passage_days, 10);
    for (int i = 0; i < ROOT_KEYS_NEEDED; i++)
        sign_key_free(root_keys[i]);
}

static void those_that_do_not_verify_are_refused(void **state)
{
    (void)state;
    struct err_text err = {""};
    struct hq_terms terms = {60, 365, 1095, 7, 60};
    uint64_t version = 0;
    trusted = (struct root_keys){.count = 0};
    put_keyset();
    expect_put(1, 2, 0, 201, "\"version\":1");
    /* What hqd could have written by itself: the newest document is no clerks'. */
    static const char forged[] = "{\"alg\":\"ed25519\",\"payload\":\"e30=\",\"signatures\":[],"
                                 "\"type\":\"retention-terms/1\"}";
    assert_int_equal(hq_document_put(&hq, HQ_RETENTION_KIND, 2, forged, sizeof(forged) - 1, NULL),
                     0);
    assert_int_not_equal(bind_to(&terms, &version, &err), 0);
    assert_true(terms.passage_days == 60);
    for (int i = 0; i < ROOT_KEYS_NEEDED; i++)
        sign_key_free(root_keys[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_taken_in_order_and_told, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_a_box_has_is_noted, open_world, close_world),
        cmocka_unit_test_setup_teardown(they_bind_the_retention_program, open_world, close_world),
        cmocka_unit_test_setup_teardown(those_that_do_not_verify_are_refused, open_world,
                                        close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
