/*
 * See context.h. A server context owns one struct server_trust through OpenSSL's ex_data.
 */
#include "gateway/tls/context.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/tls/pem.h"

/* One group of roots and what they may vouch for. */
struct root_group {
    STACK_OF(X509) * roots;
    enum tls_peer_kind kind;
};

struct server_trust {
    struct root_group groups[TLS_TRUST_MAX];
    int count;
    tls_refused_cb refused;
    void *refused_ctx;
    STACK_OF(X509) * before; /* chain of the pair before; NULL: none */
    EVP_PKEY *before_key;
};

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int server_index; /* written once, by make_indexes */
static int client_index;

static void free_trust(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp; /* the signature is OpenSSL's */
    struct server_trust *trust = ptr;
    if (!trust)
        return;
    for (int i = 0; i < trust->count; i++)
        sk_X509_pop_free(trust->groups[i].roots, X509_free);
    sk_X509_pop_free(trust->before, X509_free);
    EVP_PKEY_free(trust->before_key);
    free(trust);
}

static void make_indexes(void)
{
    server_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_trust);
    client_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static bool harden(SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_new_cb(ctx, NULL);
    SSL_CTX_set_keylog_callback(ctx, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_security_level(ctx, TLS_SECURITY_LEVEL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1;
}

static SSL_CTX *context_of(X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    return SSL_get_SSL_CTX(ssl);
}

/* "certificate has expired (depth 0, urn:checkpoint:north-1)" */
static void describe_refusal(X509_STORE_CTX *store, const char *reason, char *out, size_t size)
{
    struct tls_identity id;
    char urn[TLS_URN_SIZE] = "no identity of ours";
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (leaf && tls_identity_of(leaf, &id, NULL) == 0 && tls_identity_format(&id, urn) != 0)
        urn[0] = '\0';
    (void)snprintf(out, size, "%s (depth %d, %s)", reason, X509_STORE_CTX_get_error_depth(store),
                   urn); /* a cut line is still readable */
}

/* What the root at the top of the verified chain may vouch for; 0 when it is none of ours. */
static int kind_of_chain(const struct server_trust *trust, X509_STORE_CTX *store)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
    X509 *top = chain ? sk_X509_value(chain, sk_X509_num(chain) - 1) : NULL;
    for (int i = 0; top && i < trust->count; i++)
        for (int k = 0; k < sk_X509_num(trust->groups[i].roots); k++)
            if (X509_cmp(top, sk_X509_value(trust->groups[i].roots, k)) == 0)
                return (int)trust->groups[i].kind;
    return 0;
}

static int verify_client(int ok, X509_STORE_CTX *store)
{
    const struct server_trust *trust = SSL_CTX_get_ex_data(context_of(store), server_index);
    struct err_text err = {""};
    struct tls_identity id;
    char why[320];
    if (ok && X509_STORE_CTX_get_error_depth(store) > 0)
        return 1;
    if (!ok)
        (void)err_set(&err, ERR_DENIED, "%s",
                      X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    else if (tls_identity_of(X509_STORE_CTX_get0_cert(store), &id, &err) == 0) {
        if ((int)id.kind == kind_of_chain(trust, store))
            return 1;
        (void)err_set(&err, ERR_DENIED, "its root may not vouch for this kind of peer");
    }
    if (ok)
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    describe_refusal(store, err.text, why, sizeof(why));
    if (trust->refused)
        trust->refused(trust->refused_ctx, why);
    return 0;
}

static int load_own(SSL_CTX *ctx, const struct tls_server_options *options, struct err_text *err)
{
    EVP_PKEY *key = NULL;
    if (access(options->cert_file, R_OK) != 0) /* OpenSSL's word for it is "system lib" */
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "%s: %s",
                       options->cert_file, strerror(errno));
    int rc = tls_key_file_read(options->key_file, &key, err);
    if (rc != 0)
        return rc;
    if (SSL_CTX_use_certificate_chain_file(ctx, options->cert_file) != 1)
        rc = tls_error(err, ERR_INVALID, options->cert_file);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        rc = tls_error(err, ERR_INVALID, options->key_file);
    EVP_PKEY_free(key);
    return rc;
}

/* Takes the roots of one file into the context's store, its list of acceptable names and `trust`.
 */
static int load_roots(SSL_CTX *ctx, struct server_trust *trust, const struct tls_trust *from,
                      struct err_text *err)
{
    STACK_OF(X509) *roots = NULL;
    int rc = tls_file_certificates(from->ca_file, &roots, err);
    if (rc != 0)
        return rc;
    trust->groups[trust->count++] = (struct root_group){roots, from->kind};
    for (int i = 0; i < sk_X509_num(roots); i++) {
        X509 *root = sk_X509_value(roots, i);
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root) != 1 ||
            SSL_CTX_add_client_CA(ctx, root) != 1)
            return tls_error(err, ERR_NO_MEMORY, from->ca_file);
    }
    return 0;
}

/* Whether the root that issued what is at the end of the chain is among those named. */
static bool is_named(const STACK_OF(X509_NAME) * names, const X509 *last)
{
    for (int i = 0; last && i < sk_X509_NAME_num(names); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(names, i), X509_get_issuer_name(last)) == 0)
            return true;
    return false;
}

static X509 *last_of(X509 *leaf, const STACK_OF(X509) * rest)
{
    return sk_X509_num(rest) > 0 ? sk_X509_value(rest, sk_X509_num(rest) - 1) : leaf;
}

/* OpenSSL's certificate callback: 1 goes on. */
static int choose_pair(SSL *ssl, void *arg)
{
    (void)arg; /* found through the context */
    const struct server_trust *trust = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), server_index);
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
    STACK_OF(X509) *rest = NULL;
    X509 *old = sk_X509_value(trust->before, 0);
    if (sk_X509_NAME_num(names) <= 0)
        return 1;
    (void)SSL_get0_chain_certs(ssl, &rest); /* none: the leaf is all */
    if (is_named(names, last_of(SSL_get_certificate(ssl), rest)) ||
        !is_named(names, sk_X509_value(trust->before, sk_X509_num(trust->before) - 1)))
        return 1;
    STACK_OF(X509) *chain = sk_X509_dup(trust->before);
    if (chain)
        (void)sk_X509_shift(chain); /* the leaf is given apart */
    int done = chain && SSL_use_cert_and_key(ssl, old, trust->before_key, chain, 1) == 1;
    sk_X509_free(chain);
    return done;
}

static int load_before(SSL_CTX *ctx, struct server_trust *trust,
                       const struct tls_server_options *options, struct err_text *err)
{
    int rc = tls_file_certificates(options->before_cert_file, &trust->before, err);
    if (rc == 0)
        rc = tls_key_file_read(options->before_key_file, &trust->before_key, err);
    if (rc == 0 && X509_check_private_key(sk_X509_value(trust->before, 0), trust->before_key) != 1)
        rc = tls_error(err, ERR_INVALID, options->before_key_file);
    if (rc == 0)
        SSL_CTX_set_cert_cb(ctx, choose_pair, NULL);
    return rc;
}

static int set_trust(SSL_CTX *ctx, const struct tls_server_options *options, struct err_text *err)
{
    struct server_trust *trust = calloc(1, sizeof(*trust));
    if (!trust || SSL_CTX_set_ex_data(ctx, server_index, trust) != 1) {
        free(trust);
        return tls_error(err, ERR_NO_MEMORY, "TLS context");
    }
    trust->refused = options->refused;
    trust->refused_ctx = options->refused_ctx;
    for (int i = 0; i < options->trust_count; i++) {
        int rc = load_roots(ctx, trust, &options->trust[i], err);
        if (rc != 0)
            return rc;
    }
    if (options->before_cert_file) {
        int rc = load_before(ctx, trust, options, err);
        if (rc != 0)
            return rc;
    }
    if (options->trust_count > 0)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify_client);
    return 0;
}

int tls_server_create(const struct tls_server_options *options, SSL_CTX **out, struct err_text *err)
{
    (void)pthread_once(&index_once, make_indexes); /* fails only for a bad argument */
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || !harden(ctx)) {
        SSL_CTX_free(ctx);
        return tls_error(err, ERR_NO_MEMORY, "TLS context");
    }
    int rc = load_own(ctx, options, err);
    if (rc == 0)
        rc = set_trust(ctx, options, err);
    if (rc != 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *out = ctx;
    return 0;
}

static int verify_server(int ok, X509_STORE_CTX *store)
{
    const struct tls_client_options *options = SSL_CTX_get_ex_data(context_of(store), client_index);
    struct err_text err = {""};
    struct tls_identity id;
    if (ok && X509_STORE_CTX_get_error_depth(store) > 0)
        return 1;
    if (!ok)
        (void)err_set(&err, ERR_DENIED, "%s",
                      X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    else if (tls_identity_of(X509_STORE_CTX_get0_cert(store), &id, &err) == 0) {
        if (tls_identity_equal(&id, &options->peer))
            return 1;
        (void)err_set(&err, ERR_DENIED, "not the HQ of our fleet");
    }
    if (ok)
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    if (options->report) {
        options->report->peer_refused = true;
        options->report->verify_error = X509_STORE_CTX_get_error(store);
        describe_refusal(store, err.text, options->report->why, sizeof(options->report->why));
    }
    return 0;
}

static void note_alert(const SSL *ssl, int where, int value)
{
    const struct tls_client_options *options =
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), client_index);
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && options->report &&
        (value & 0xFF) != SSL_AD_CLOSE_NOTIFY)
        options->report->alert_received = value & 0xFF;
}

int tls_client_setup(SSL_CTX *ctx, const struct tls_client_options *options)
{
    (void)pthread_once(&index_once, make_indexes); /* fails only for a bad argument */
    if (!harden(ctx) || SSL_CTX_set_ex_data(ctx, client_index, (void *)(uintptr_t)options) != 1) {
        ERR_clear_error();
        return ERR_NO_MEMORY;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, verify_server);
    SSL_CTX_set_info_callback(ctx, note_alert);
    return 0;
}

int tls_peer_facts(const SSL *ssl, struct tls_cert_facts *out, struct err_text *err)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (!certificate)
        return err_set(err, ERR_DENIED, "peer showed no certificate");
    int rc = tls_cert_facts_of(certificate, out, err);
    X509_free(certificate);
    return rc;
}

const char *tls_alert_text(int alert)
{
    if (alert == TLS13_AD_CERTIFICATE_REQUIRED) /* OpenSSL 3.0 has no text for it */
        return "certificate required";
    return SSL_alert_desc_string_long(alert);
}
