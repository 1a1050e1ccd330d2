/*
 * Identities, issued certificates, EST messages and whole handshakes in memory: who gets in, who is
 * refused and what is said of it. Every key is made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/tls/context.h"
#include "gateway/tls/est.h"
#include "tls_parties.h"

static struct party boxes, operators, servers, foreign, server;

static int make_folder(void **state)
{
    (void)state;
    if (!folder_make())
        return -1;
    boxes = root_named("boxes");
    operators = root_named("operators");
    servers = root_named("servers");
    foreign = root_named("boxes"); /* the same name, another key */
    server = party_of(&servers, "urn:checkpoint-hq:testfleet", now(), 30);
    save(&boxes, "boxes");
    save(&operators, "operators");
    save(&servers, "servers");
    save(&server, "server");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    party_free(&boxes);
    party_free(&operators);
    party_free(&servers);
    party_free(&foreign);
    party_free(&server);
    return folder_remove();
}

static void identity_forms(void **state)
{
    (void)state;
    static const char *const good[] = {"urn:checkpoint:north-1", "urn:checkpoint-hq:fleet",
                                       "urn:checkpoint-operator:fleet:wang"};
    static const char *const bad[] = {
        "",
        "urn:checkpoint:",
        "urn:checkpoint:North",
        "urn:checkpoint:-a",
        "urn:checkpoint:a-",
        "urn:checkpoint:a/b",
        "urn:checkpoint:a:b",
        "urn:checkpoint-hq:",
        "urn:checkpoint-hq:a:b",
        "urn:checkpoint-operator:fleet",
        "urn:checkpoint-operator:fleet:",
        "urn:checkpoint-operator::x",
        "urn:checkpoint-operator:a:b:c",
        "urn:checkpointx:a",
        "urn:checkpoint:1234567890123456789012345678901234567890123456789012345678901234x"};
    struct tls_identity id;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char urn[TLS_URN_SIZE];
        assert_int_equal(tls_identity_parse(good[i], strlen(good[i]), &id), 0);
        assert_int_equal(tls_identity_format(&id, urn), 0);
        assert_string_equal(urn, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tls_identity_parse(bad[i], strlen(bad[i]), &id), ERR_INVALID);
    assert_int_equal(tls_identity_parse("urn:checkpoint:a\0b", 18, &id), ERR_INVALID);
}

static void facts_of_an_issued_certificate(void **state)
{
    (void)state;
    struct party box = party_of(&boxes, "urn:checkpoint:north-1", now(), TLS_BOX_DAYS);
    struct tls_cert_facts facts;
    assert_int_equal(tls_cert_facts_of(box.certificate, &facts, NULL), 0);
    assert_int_equal(facts.identity.kind, TLS_PEER_CHECKPOINT);
    assert_string_equal(facts.identity.name, "north-1");
    int64_t days = (facts.not_after.ms - now().ms + 5000) / 86400000;
    assert_int_equal(days, TLS_BOX_DAYS);
    assert_true(tls_cert_renew_at(&facts).ms > facts.not_before.ms);
    assert_true(tls_cert_renew_at(&facts).ms < facts.not_after.ms);
    party_free(&box);
}

static void certificate_never_outlives_its_root(void **state)
{
    (void)state;
    struct party box = party_of(&boxes, "urn:checkpoint:north-1", now(), 5000);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(box.certificate),
                                       X509_get0_notAfter(boxes.certificate)),
                     0);
    party_free(&box);
}

static void key_file_others_can_read_is_refused(void **state)
{
    (void)state;
    struct err_text err;
    EVP_PKEY *key = NULL;
    save(&boxes, "other");
    assert_int_equal(tls_key_file_read(path_in("other.key"), &key, &err), 0);
    EVP_PKEY_free(key);
    assert_int_equal(chmod(path_in("other.key"), 0640), 0);
    assert_int_equal(tls_key_file_read(path_in("other.key"), &key, &err), ERR_DENIED);
    assert_non_null(strstr(err.text, "mode 0640, expected 0600: a private key"));
    assert_int_equal(tls_key_file_read(path_in("none.key"), &key, &err), ERR_NOT_FOUND);
}

static void est_messages_round_trip(void **state)
{
    (void)state;
    struct tls_identity id = {.kind = TLS_PEER_CHECKPOINT, .name = "north-1"};
    struct tls_identity asked;
    struct err_text err;
    EVP_PKEY *key = NULL;
    char *text = NULL;
    X509_REQ *request = NULL;
    assert_int_equal(tls_key_create(&key, &err), 0);
    assert_int_equal(est_request_write(key, &id, &text, &err), 0);
    assert_int_equal(est_request_read(text, strlen(text), &request, &err), 0);
    assert_int_equal(est_request_identity(request, &asked, &err), 0);
    assert_true(tls_identity_equal(&id, &asked));
    X509_REQ_free(request);
    /* A request whose bytes were changed no longer proves possession, or is none. */
    for (size_t i = 40; i < strlen(text); i += 17) {
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_int_not_equal(est_request_read(text, strlen(text), &request, &err), 0);
        text[i] = kept;
    }
    free(text);
    EVP_PKEY_free(key);

    STACK_OF(X509) *list = sk_X509_new_null();
    STACK_OF(X509) *back = NULL;
    sk_X509_push(list, boxes.certificate);
    sk_X509_push(list, servers.certificate);
    assert_int_equal(est_certificates_write(list, &text), 0);
    assert_int_equal(est_certificates_read(text, strlen(text), &back, &err), 0);
    assert_int_equal(sk_X509_num(back), 2);
    sk_X509_pop_free(back, X509_free);
    sk_X509_free(list);
    free(text);
    assert_int_equal(est_certificates_read("AAAA", 4, &back, &err), ERR_INVALID);
    assert_int_equal(est_certificates_read("", 0, &back, &err), ERR_INVALID);
}

struct refusals {
    int count;
    char why[256];
};

static void note_refusal(void *ctx, const char *why)
{
    struct refusals *r = ctx;
    r->count++;
    (void)snprintf(r->why, sizeof(r->why), "%s", why); /* a cut line is still readable */
}

struct pair {
    SSL_CTX *server_ctx, *client_ctx;
    SSL *server, *client;
    struct refusals refusals;
    struct tls_client_report report;
    struct tls_client_options options;
};

static void pair_open(struct pair *p, const struct party *client, const char *fleet)
{
    memset(p, 0, sizeof(*p));
    struct tls_server_options so = {
        .cert_file = path_in("server.pem"),
        .key_file = path_in("server.key"),
        .trust = {{path_in("boxes.pem"), TLS_PEER_CHECKPOINT},
                  {path_in("operators.pem"), TLS_PEER_OPERATOR}},
        .trust_count = 2,
        .refused = note_refusal,
        .refused_ctx = &p->refusals,
    };
    struct err_text err;
    assert_int_equal(tls_server_create(&so, &p->server_ctx, &err), 0);
    p->options = (struct tls_client_options){.peer = {.kind = TLS_PEER_HQ}, .report = &p->report};
    (void)snprintf(p->options.peer.fleet, TLS_LABEL_SIZE, "%s", fleet); /* short */
    p->client_ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_locations(p->client_ctx, path_in("servers.pem"), NULL), 1);
    if (client) {
        assert_int_equal(SSL_CTX_use_certificate(p->client_ctx, client->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(p->client_ctx, client->key), 1);
    }
    assert_int_equal(tls_client_setup(p->client_ctx, &p->options), 0);
}

/* Runs the handshake and one byte each way; true when both arrive. */
static bool pair_talk(struct pair *p)
{
    BIO *a, *b;
    char byte = 'x';
    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    p->server = SSL_new(p->server_ctx);
    p->client = SSL_new(p->client_ctx);
    SSL_set_bio(p->server, a, a);
    SSL_set_bio(p->client, b, b);
    SSL_set_accept_state(p->server);
    SSL_set_connect_state(p->client);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(p->client); /* judged by what arrives */
        (void)SSL_do_handshake(p->server); /* judged by what arrives */
    }
    bool ok = SSL_write(p->client, "x", 1) == 1 && SSL_read(p->server, &byte, 1) == 1;
    return ok && SSL_write(p->server, "y", 1) == 1 && SSL_read(p->client, &byte, 1) == 1;
}

/* The client reads so that it sees the server's alert. */
static void pair_close(struct pair *p)
{
    SSL_free(p->server);
    SSL_free(p->client);
    SSL_CTX_free(p->server_ctx);
    SSL_CTX_free(p->client_ctx);
}

static void see_alert(struct pair *p)
{
    char byte;
    assert_true(SSL_read(p->client, &byte, 1) <= 0);
}

static void box_and_operator_are_known(void **state)
{
    (void)state;
    struct pair p;
    struct tls_cert_facts facts;
    struct party box = party_of(&boxes, "urn:checkpoint:north-1", now(), 30);
    struct party person = party_of(&operators, "urn:checkpoint-operator:testfleet:li", now(), 30);
    pair_open(&p, &box, "testfleet");
    assert_true(pair_talk(&p));
    assert_int_equal(tls_peer_facts(p.server, &facts, NULL), 0);
    assert_string_equal(facts.identity.name, "north-1");
    assert_int_equal(SSL_version(p.client), TLS1_3_VERSION);
    assert_false(SSL_session_reused(p.client));
    pair_close(&p);
    pair_open(&p, &person, "testfleet");
    assert_true(pair_talk(&p));
    assert_int_equal(tls_peer_facts(p.server, &facts, NULL), 0);
    assert_int_equal(facts.identity.kind, TLS_PEER_OPERATOR);
    pair_close(&p);
    party_free(&box);
    party_free(&person);
}

static void expect_refused(const struct party *client, const char *why, int alert)
{
    struct pair p;
    pair_open(&p, client, "testfleet");
    assert_false(pair_talk(&p));
    see_alert(&p);
    if (client) {
        assert_int_equal(p.refusals.count, 1);
        assert_string_equal(p.refusals.why, why);
    }
    assert_int_equal(p.report.alert_received, alert);
    pair_close(&p);
}

static void no_certificate_is_refused(void **state)
{
    (void)state;
    expect_refused(NULL, NULL, 116); /* certificate_required */
}

static void expired_certificate_is_refused(void **state)
{
    (void)state;
    struct wall_time old = {now().ms - 40LL * 86400000};
    struct party box = party_of(&boxes, "urn:checkpoint:north-1", old, 30);
    expect_refused(&box, "certificate has expired (depth 0, urn:checkpoint:north-1)",
                   SSL_AD_CERTIFICATE_EXPIRED);
    party_free(&box);
}

static void foreign_root_is_refused(void **state)
{
    (void)state;
    struct party box = party_of(&foreign, "urn:checkpoint:north-1", now(), 30);
    expect_refused(&box, "unable to get local issuer certificate (depth 0, urn:checkpoint:north-1)",
                   SSL_AD_UNKNOWN_CA);
    party_free(&box);
}

static void box_root_cannot_vouch_for_an_operator(void **state)
{
    (void)state;
    struct party liar = party_of(&boxes, "urn:checkpoint-operator:testfleet:li", now(), 30);
    expect_refused(&liar,
                   "its root may not vouch for this kind of peer (depth 0, "
                   "urn:checkpoint-operator:testfleet:li)",
                   SSL_AD_HANDSHAKE_FAILURE);
    party_free(&liar);
}

static void server_certificate_is_no_client(void **state)
{
    (void)state;
    struct party liar = party_of(&boxes, "urn:checkpoint-hq:testfleet", now(), 30);
    struct pair p;
    pair_open(&p, &liar, "testfleet");
    assert_false(pair_talk(&p));
    assert_int_equal(p.refusals.count, 1);
    pair_close(&p);
    party_free(&liar);
}

static void client_refuses_another_fleet(void **state)
{
    (void)state;
    struct pair p;
    struct party box = party_of(&boxes, "urn:checkpoint:north-1", now(), 30);
    pair_open(&p, &box, "otherfleet");
    assert_false(pair_talk(&p));
    assert_true(p.report.peer_refused);
    assert_string_equal(p.report.why,
                        "not the HQ of our fleet (depth 0, urn:checkpoint-hq:testfleet)");
    pair_close(&p);
    party_free(&box);
}

static void older_protocol_is_refused(void **state)
{
    (void)state;
    struct pair p;
    struct party box = party_of(&boxes, "urn:checkpoint:north-1", now(), 30);
    pair_open(&p, &box, "testfleet");
    assert_int_equal(SSL_CTX_set_min_proto_version(p.client_ctx, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(p.client_ctx, TLS1_2_VERSION), 1);
    assert_false(pair_talk(&p));
    assert_int_equal(p.report.alert_received, SSL_AD_PROTOCOL_VERSION);
    pair_close(&p);
    party_free(&box);
}

static void mismatched_key_is_named(void **state)
{
    (void)state;
    struct err_text err;
    SSL_CTX *ctx = NULL;
    struct tls_server_options so = {.cert_file = path_in("server.pem"),
                                    .key_file = path_in("boxes.key")};
    assert_int_equal(tls_server_create(&so, &ctx, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "boxes.key: key values mismatch"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_forms),
        cmocka_unit_test(facts_of_an_issued_certificate),
        cmocka_unit_test(certificate_never_outlives_its_root),
        cmocka_unit_test(key_file_others_can_read_is_refused),
        cmocka_unit_test(est_messages_round_trip),
        cmocka_unit_test(box_and_operator_are_known),
        cmocka_unit_test(no_certificate_is_refused),
        cmocka_unit_test(expired_certificate_is_refused),
        cmocka_unit_test(foreign_root_is_refused),
        cmocka_unit_test(box_root_cannot_vouch_for_an_operator),
        cmocka_unit_test(server_certificate_is_no_client),
        cmocka_unit_test(client_refuses_another_fleet),
        cmocka_unit_test(older_protocol_is_refused),
        cmocka_unit_test(mismatched_key_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
