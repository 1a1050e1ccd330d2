/*
 * Handlers without HTTP: a database in memory, a key set of two keys, a clock that stands.
 */
#include "hq_world.h"

#include "gateway/journal/record.h"
#include "gateway/signed/freshness.h"
#include "gateway/tls/est.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

static void enroll_north(struct hq_call *call, char token[64])
{
    *call = call_of(TLS_PEER_OPERATOR, "zhang");
    call->body = "{\"checkpoint\":\"north-1\",\"name\":\"North\"}";
    call->size = strlen(call->body);
    assert_int_equal(hq_operator_enroll(call), HQ_DONE);
    assert_int_equal(call->answer.status, 201);
    json_t *value = answer_of(call);
    const char *text = json_string_value(json_object_get(value, "token"));
    assert_true(strlen(text) == 40);
    memcpy(token, text, 41);
    json_decref(value);
    hq_call_fini(call);
}

static void an_empty_head_is_whole_json_with_a_statement(void **state)
{
    (void)state;
    struct freshness f;
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    hqd_renew_freshness(&hq);
    assert_int_equal(freshness_verify(hq.keyset, hq.freshness, strlen(hq.freshness), &f, NULL), 0);
    assert_int_equal(f.valid_until.ms - f.time.ms, FRESHNESS_VALID_MAX_MS);
    assert_int_equal(hq_list_head(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    assert_true(json_is_null(json_object_get(value, "time")));
    assert_true(json_is_object(json_object_get(value, "freshness")));
    json_decref(value);
    hq_call_fini(&call);
}

static void without_its_key_in_the_set_no_statement_is_made(void **state)
{
    (void)state;
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    hq.keyset->keys[0].not_after.ms = wall.ms; /* exclusive */
    hqd_renew_freshness(&hq);
    assert_null(hq.freshness);
    assert_int_equal(hq_list_head(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    assert_true(json_is_null(json_object_get(value, "freshness")));
    json_decref(value);
    hq_call_fini(&call);
}

static void a_peer_needs_a_row_a_valid_certificate_and_our_fleet(void **state)
{
    (void)state;
    char token[64];
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    assert_int_equal(hq_peer_check(&call), HQ_AGAIN);
    memcpy(call.peer.identity.fleet, "other", sizeof("other"));
    assert_int_equal(hq_peer_check(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 403);
    hq_call_fini(&call);
    call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_peer_check(&call), HQ_DONE);
    hq_call_fini(&call);
    enroll_north(&call, token);
    call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(hq_peer_check(&call), HQ_AGAIN);
    call.now.ms = call.peer.not_after.ms + 1; /* a connection that outlived its certificate */
    assert_int_equal(hq_peer_check(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 403);
    hq_call_fini(&call);
    call = call_of(TLS_PEER_HQ, "");
    assert_int_equal(hq_peer_check(&call), HQ_DONE);
    hq_call_fini(&call);
}

static enum hq_step check_box(const char *fingerprint, int64_t not_before_ms)
{
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    memcpy(call.peer.fingerprint, fingerprint, strlen(fingerprint));
    call.peer.not_before.ms = not_before_ms;
    enum hq_step step = hq_peer_check(&call);
    hq_call_fini(&call);
    return step;
}

/* One that was made, kept aside and never shown before the box was enrolled anew. */
static void enrolment_ends_certificates_never_seen_too(void **state)
{
    (void)state;
    char token[64];
    struct hq_call call;
    struct tls_cert_facts enrolled = {.fingerprint = "enrolled", .not_after = {wall.ms + 1000}};
    enroll_north(&call, token);
    assert_int_equal(hq_certificate_issued(&hq, "north-1", &enrolled, true, NULL), 0);
    assert_int_equal(check_box("enrolled", wall.ms - 300000), HQ_AGAIN);
    assert_int_equal(check_box("kept aside", wall.ms - 1), HQ_DONE);
    assert_int_equal(check_box("made later", wall.ms), HQ_AGAIN);
}

/* With a full disk boxes still get lists and operators still read. */
static void who_only_reads_is_answered_though_nothing_can_be_written(void **state)
{
    (void)state;
    char token[64];
    struct hq_call call;
    enroll_north(&call, token);
    assert_int_equal(fill_store(&hq.db), 0);
    call = call_of(TLS_PEER_OPERATOR, "zhang");
    assert_int_equal(hq_peer_check(&call), HQ_AGAIN);
    assert_int_equal(hq_list_head(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 200);
    hq_call_fini(&call);
    call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    call.query.after = 7;
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 200);
    hq_call_fini(&call);
    assert_true(hq.notes_unwritten);
    assert_int_equal(drain_store(&hq.db), 0);
    call = call_of(TLS_PEER_OPERATOR, "zhang");
    assert_int_equal(hq_peer_check(&call), HQ_AGAIN);
    hq_call_fini(&call);
    assert_false(hq.notes_unwritten);
}

static int post(const char *checkpoint, const char *kind, int64_t expires_ms)
{
    return hqd_post(&hq, checkpoint, kind, "{}", 2, wall, (struct wall_time){expires_ms}, NULL);
}

static void the_inbox_waits_and_answers_at_its_deadline(void **state)
{
    (void)state;
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    call.query.wait_s = 30;
    assert_int_equal(hq_box_inbox(&call), HQ_WAIT);
    assert_int_equal(call.topics, HQ_TOPIC_INBOX);
    call.last_run = true;
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    assert_int_equal(json_array_size(json_object_get(value, "messages")), 0);
    json_decref(value);
    hq_call_fini(&call);
}

static void the_inbox_holds_the_newest_list_and_what_is_ones_own(void **state)
{
    (void)state;
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    assert_int_equal(post(NULL, "list", wall.ms + 1), 0);
    assert_int_equal(post(NULL, "list", wall.ms + 1), 0); /* takes the first one's place */
    assert_int_equal(post("south-1", "instruction", wall.ms + 1), 0); /* another's */
    assert_int_equal(post("north-1", "instruction", wall.ms), 0);     /* expired */
    assert_int_equal(post("north-1", "instruction", wall.ms + 1), 0);
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    json_t *messages = json_object_get(value, "messages");
    assert_int_equal(json_array_size(messages), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(messages, 0), "number")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(messages, 1), "number")), 5);
    assert_int_equal(json_integer_value(json_object_get(value, "next")), 5);
    json_decref(value);
    hq_call_fini(&call);
}

/* The number of messages after `after`; -1: the question was refused. */
static int messages_of(const char *box, uint64_t after)
{
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, box);
    int count = -1;
    call.query.after = after;
    call.query.limit = 100;
    assert_int_equal(hq_box_inbox(&call), HQ_DONE);
    json_t *value = answer_of(&call);
    if (call.answer.status == 200)
        count = (int)json_array_size(json_object_get(value, "messages"));
    json_decref(value);
    hq_call_fini(&call);
    return count;
}

static void add_checkpoint(const char *id)
{
    assert_int_equal(hq_db_exec(&hq.db,
                                "INSERT INTO checkpoints(id, name, created_ms) VALUES($1, $1, 0)",
                                HQ_PARAMS(hq_text(id)), NULL),
                     0);
}

/* This database was put back to an earlier state, and drew messages before the boxes came. */
static void every_box_that_saw_more_is_told_what_was_drawn_below(void **state)
{
    (void)state;
    add_checkpoint("north-1");
    add_checkpoint("south-1");
    assert_int_equal(post("north-1", "instruction", wall.ms + 1), 0);
    assert_int_equal(post("south-1", "instruction", wall.ms + 1), 0);
    assert_int_equal(messages_of("north-1", 50), 1); /* the further one first */
    assert_int_equal(messages_of("south-1", 40), 1);
    assert_int_equal(messages_of("south-1", 40), 1); /* once: acknowledged by then */
    assert_int_equal(post("south-1", "instruction", wall.ms + 1), 0);
    assert_int_equal(messages_of("south-1", 52), 1); /* 53: as ever */
}

/* One box could otherwise use up the numbers of all. */
static void a_number_no_box_can_have_seen_is_refused(void **state)
{
    (void)state;
    add_checkpoint("north-1");
    add_checkpoint("south-1");
    assert_int_equal(messages_of("north-1", INT64_MAX), -1);
    assert_int_equal(post("south-1", "instruction", wall.ms + 1), 0);
    assert_int_equal(messages_of("south-1", 0), 1);
}

/* What is missing above a checkpoint, NULL: all at once; the answer, which the caller frees. */
static json_t *missing_above(const char *above)
{
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    enum hq_step step;
    call.query.has_above = above != NULL;
    if (above)
        (void)snprintf(call.query.above, sizeof(call.query.above), "%s", above); /* fits */
    while ((step = hq_operator_missing(&call)) == HQ_AGAIN)
        ;
    assert_int_equal(step, HQ_DONE);
    assert_int_equal(call.answer.status, 200);
    json_t *value = answer_of(&call);
    assert_true(evbuffer_get_length(call.answer.body) <= HQ_ANSWER_MAX || !above);
    hq_call_fini(&call);
    return value;
}

/* Every box has had two journals before; of one of them something is missing. */
static void add_journals(size_t boxes)
{
    assert_int_equal(hq_db_begin(&hq.db, NULL), 0);
    for (size_t i = 0; i < 3 * boxes; i++) {
        char id[32];
        uint8_t chain[JOURNAL_CHAIN_ID_SIZE] = {(uint8_t)i, (uint8_t)(i >> 8)};
        bool in_use = i % 3 == 2;
        (void)snprintf(id, sizeof(id), "box-%05zu", i / 3); /* fits */
        assert_int_equal(
            hq_db_queue(&hq.db,
                        "INSERT INTO journals(checkpoint, chain, recorded, confirmed,"
                        " newest, first_ms, told_ms) VALUES($1, $2, $3, 0, $3, 1, $4)",
                        HQ_PARAMS(hq_text(id), hq_blob(chain, sizeof(chain)),
                                  hq_int(in_use || i == 3 * boxes - 3 ? 7 : 0), hq_int(in_use + 1)),
                        NULL),
            0);
    }
    assert_int_equal(hq_db_commit(&hq.db, NULL), 0);
}

static void what_is_missing_is_answered_of_a_whole_fleet_in_pages(void **state)
{
    (void)state;
    enum { BOXES = 5000 };
    char above[TLS_LABEL_SIZE] = "";
    size_t chains = 0;
    size_t pages = 0;
    size_t incomplete = 0;
    add_journals(BOXES);
    for (bool more = true; more; pages++) {
        json_t *value = missing_above(above);
        const json_t *list = json_object_get(value, "chains");
        const json_t *next = json_object_get(value, "next");
        more = json_is_string(next);
        chains += json_array_size(list);
        incomplete += !json_is_true(json_object_get(value, "complete"));
        assert_int_equal(json_array_size(list) % 3, 0); /* a box's stand on one page */
        if (more)
            (void)snprintf(above, sizeof(above), "%s", json_string_value(next)); /* fits */
        json_decref(value);
    }
    assert_int_equal(chains, 3 * BOXES);
    assert_int_equal(incomplete, 1); /* the last one */
    assert_true(pages > 1);
    json_t *whole = missing_above(NULL);
    assert_int_equal(json_array_size(json_object_get(whole, "chains")), 3 * BOXES);
    assert_false(json_is_true(json_object_get(whole, "complete")));
    assert_null(json_object_get(whole, "next"));
    json_decref(whole);
}

static int tell_journal(const char *recorded)
{
    char body[200];
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "north-1");
    call.size = (size_t)snprintf(
        body, sizeof(body),
        "{\"chain\":\"00000000000000000000000000000000\",\"recorded\":%s,\"confirmed\":0}",
        recorded);
    call.body = body;
    assert_int_equal(hq_box_journal(&call), HQ_DONE);
    int status = call.answer.status;
    hq_call_fini(&call);
    return status;
}

static void a_journal_longer_than_any_is_refused(void **state)
{
    (void)state;
    add_checkpoint("north-1");
    assert_int_equal(tell_journal("9223372036854775807"), 400);
    assert_int_equal(tell_journal("9007199254740993"), 400);
    assert_int_equal(tell_journal("9007199254740992"), 200);
}

/* hq-cad, standing still until told. */
struct fake_issuer {
    int asked;
    hq_issued_cb done;
    void *ctx;
};

static int fake_ask(void *impl, const char *request, const char *checkpoint, hq_issued_cb done,
                    void *ctx)
{
    struct fake_issuer *fake = impl;
    assert_string_equal(checkpoint, "north-1");
    assert_null(strchr(request, '\n'));
    fake->asked++;
    fake->done = done;
    fake->ctx = ctx;
    return 0;
}

static char *chain_for(const char *name)
{
    EVP_PKEY *key = NULL;
    X509 *root = NULL;
    X509 *leaf = NULL;
    char *pem = NULL;
    struct tls_issue_request request = {
        .identity = {.kind = TLS_PEER_CHECKPOINT}, .now = wall, .days = 1};
    memcpy(request.identity.name, name, strlen(name) + 1);
    assert_int_equal(tls_key_create(&key, NULL), 0);
    assert_int_equal(tls_issue_root(key, "root", wall, 10, &root, NULL), 0);
    request.public_key = key;
    assert_int_equal(tls_issue(key, root, &request, &leaf, NULL), 0);
    assert_int_equal(tls_pem_write_certificate(leaf, &pem), 0);
    X509_free(leaf);
    X509_free(root);
    EVP_PKEY_free(key);
    return pem;
}

static struct hq_call enrolling(struct fake_issuer *fake, const char *token, char **out_request)
{
    const struct tls_identity identity = {.kind = TLS_PEER_CHECKPOINT, .name = "north-1"};
    EVP_PKEY *key = NULL;
    struct hq_call call = call_of(TLS_PEER_CHECKPOINT, "");
    hq.issuer = (struct hq_issuer){fake_ask, fake};
    assert_int_equal(tls_key_create(&key, NULL), 0);
    assert_int_equal(est_request_write(key, &identity, out_request, NULL), 0);
    EVP_PKEY_free(key);
    call.user = "north-1";
    call.password = token;
    call.body = *out_request;
    call.size = strlen(*out_request);
    return call;
}

static void a_token_ends_when_its_certificate_is_handed_out(void **state)
{
    (void)state;
    char token[64];
    char *request = NULL;
    struct fake_issuer fake = {0};
    struct hq_call call;
    enroll_north(&call, token);
    call = enrolling(&fake, token, &request);
    assert_int_equal(hq_est_enroll(&call), HQ_WAIT);
    assert_int_equal(hq_est_enroll(&call), HQ_WAIT); /* woken for another's certificate */
    assert_int_equal(fake.asked, 1);
    char *chain = chain_for("north-1");
    fake.done(fake.ctx, 0, chain, NULL);
    free(chain);
    assert_int_equal(woken, HQ_TOPIC_ISSUED);
    assert_int_equal(hq_est_enroll(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 200);
    hq_call_fini(&call);
    free(request);
    call = enrolling(&fake, token, &request);
    assert_int_equal(hq_est_enroll(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 401);
    hq_call_fini(&call);
    free(request);
}

static void a_failed_issue_keeps_the_token(void **state)
{
    (void)state;
    char token[64];
    char *request = NULL;
    struct fake_issuer fake = {0};
    struct hq_call call;
    enroll_north(&call, token);
    call = enrolling(&fake, token, &request);
    assert_int_equal(hq_est_enroll(&call), HQ_WAIT);
    char *wrong = chain_for("south-1"); /* hq-cad gone mad */
    fake.done(fake.ctx, 0, wrong, NULL);
    free(wrong);
    assert_int_equal(hq_est_enroll(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 500);
    hq_call_fini(&call);
    free(request);
    call = enrolling(&fake, token, &request);
    assert_int_equal(hq_est_enroll(&call), HQ_WAIT);
    hq_call_fini(&call); /* the box hung up */
    fake.done(fake.ctx, ERR_TIMEOUT, NULL, "late");
    free(request);
    call = enrolling(&fake, token, &request);
    assert_int_equal(hq_est_enroll(&call), HQ_WAIT);
    call.last_run = true;
    assert_int_equal(hq_est_enroll(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 503);
    hq_call_fini(&call);
    fake.done(fake.ctx, ERR_STOPPED, NULL, "");
    free(request);
}

static void hand_chain(struct fake_issuer *fake)
{
    char *chain = chain_for("north-1");
    fake->done(fake->ctx, 0, chain, NULL);
    free(chain);
}

static void approve(const char *request)
{
    X509_REQ *read = NULL;
    uint8_t key[TLS_FINGERPRINT_SIZE];
    assert_int_equal(est_request_read(request, strlen(request), &read, NULL), 0);
    assert_int_equal(est_key_fingerprint(X509_REQ_get0_pubkey(read), key), 0);
    X509_REQ_free(read);
    assert_int_equal(hq_db_exec(&hq.db, "UPDATE tokens SET approved = $1",
                                HQ_PARAMS(hq_blob(key, sizeof(key))), NULL),
                     0);
}

/* A person looks again while hq-cad signs, and approves another key. */
static void a_key_approved_no_more_gets_no_certificate(void **state)
{
    (void)state;
    char token[64];
    char *first = NULL;
    char *second = NULL;
    struct fake_issuer fake = {0};
    struct hq_call call;
    enroll_north(&call, token);
    hq.token_alone = false;
    struct hq_call other = enrolling(&fake, token, &second);
    call = enrolling(&fake, token, &first);
    approve(first);
    assert_int_equal(hq_est_enroll(&other), HQ_DONE);
    assert_int_equal(other.answer.status, 202);
    hq_call_fini(&other);
    assert_int_equal(hq_est_enroll(&call), HQ_WAIT);
    approve(second);
    hand_chain(&fake);
    assert_int_equal(hq_est_enroll(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 401);
    hq_call_fini(&call);
    free(second);
    call = enrolling(&fake, token, &second); /* and the token serves the one that is */
    approve(second);
    assert_int_equal(hq_est_enroll(&call), HQ_WAIT);
    hand_chain(&fake);
    assert_int_equal(hq_est_enroll(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 200);
    hq_call_fini(&call);
    free(first);
    free(second);
}

/* By another hqd, after this one had let the request in. */
static void a_certificate_ended_while_it_renews_gets_no_other(void **state)
{
    (void)state;
    char token[64];
    char *request = NULL;
    struct fake_issuer fake = {0};
    struct hq_call call;
    enroll_north(&call, token);
    for (int revoked = 1; revoked >= 0; revoked--) {
        call = enrolling(&fake, NULL, &request);
        call.peer.identity = (struct tls_identity){.kind = TLS_PEER_CHECKPOINT, .name = "north-1"};
        assert_int_equal(hq_peer_check(&call), HQ_AGAIN);
        assert_int_equal(hq_est_reenroll(&call), HQ_WAIT);
        assert_int_equal(hq_db_exec(&hq.db, "UPDATE certificates SET revoked_ms = $1",
                                    HQ_PARAMS(revoked ? hq_int(wall.ms) : hq_text(NULL)), NULL),
                         0);
        hand_chain(&fake);
        assert_int_equal(hq_est_reenroll(&call), HQ_DONE);
        assert_int_equal(call.answer.status, revoked ? 403 : 200);
        hq_call_fini(&call);
        free(request);
        assert_int_equal(
            hq_db_exec(&hq.db, "UPDATE certificates SET revoked_ms = NULL", NULL, 0, NULL), 0);
    }
}

static void an_expired_token_opens_nothing(void **state)
{
    (void)state;
    char token[64];
    char *request = NULL;
    struct fake_issuer fake = {0};
    struct hq_call call;
    enroll_north(&call, token);
    call = enrolling(&fake, token, &request);
    call.now.ms += 60 * 60 * 1000; /* the default life of one */
    assert_int_equal(hq_est_enroll(&call), HQ_DONE);
    assert_int_equal(call.answer.status, 401);
    assert_true(call.answer.ask_password);
    assert_int_equal(fake.asked, 0);
    hq_call_fini(&call);
    free(request);
}

static void bodies_are_strict_objects(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{\"checkpoint\":\"north-1\"}",
        "{\"checkpoint\":\"North\",\"name\":\"x\"}",
        "{\"checkpoint\":\"north-1\",\"name\":\"\"}",
        "{\"checkpoint\":\"north-1\",\"name\":\"a\\nb\"}",
        "{\"checkpoint\":\"north-1\",\"name\":7}",
        "{\"checkpoint\":\"north-1\",\"name\":\"x\",\"valid_minutes\":0}",
        "{\"checkpoint\":\"north-1\",\"name\":\"x\",\"valid_minutes\":10081}",
        "{\"checkpoint\":\"north-1\",\"name\":\"x\",\"more\":1}",
        "{\"checkpoint\":\"north-1\",\"checkpoint\":\"north-1\",\"name\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
        call.body = bodies[i];
        call.size = strlen(bodies[i]);
        assert_int_equal(hq_operator_enroll(&call), HQ_DONE);
        assert_int_equal(call.answer.status, 400);
        json_decref(answer_of(&call));
        hq_call_fini(&call);
    }
}

int main(void)
{
#define WITH_HQ(test) cmocka_unit_test_setup_teardown(test, open_hq, close_hq)
    const struct CMUnitTest tests[] = {
        WITH_HQ(an_empty_head_is_whole_json_with_a_statement),
        WITH_HQ(without_its_key_in_the_set_no_statement_is_made),
        WITH_HQ(a_peer_needs_a_row_a_valid_certificate_and_our_fleet),
        WITH_HQ(enrolment_ends_certificates_never_seen_too),
        WITH_HQ(who_only_reads_is_answered_though_nothing_can_be_written),
        WITH_HQ(the_inbox_waits_and_answers_at_its_deadline),
        WITH_HQ(the_inbox_holds_the_newest_list_and_what_is_ones_own),
        WITH_HQ(every_box_that_saw_more_is_told_what_was_drawn_below),
        WITH_HQ(a_number_no_box_can_have_seen_is_refused),
        WITH_HQ(what_is_missing_is_answered_of_a_whole_fleet_in_pages),
        WITH_HQ(a_journal_longer_than_any_is_refused),
        WITH_HQ(a_token_ends_when_its_certificate_is_handed_out),
        WITH_HQ(a_key_approved_no_more_gets_no_certificate),
        WITH_HQ(a_certificate_ended_while_it_renews_gets_no_other),
        WITH_HQ(a_failed_issue_keeps_the_token),
        WITH_HQ(an_expired_token_opens_nothing),
        WITH_HQ(bodies_are_strict_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
