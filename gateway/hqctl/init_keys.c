/*
 * See init_state.h: keys, key set and certificates. Private keys are wiped when they are on disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hqctl/init_state.h"
#include "gateway/tls/pem.h"

enum {
    LIST_KEY_DAYS = 365,
    OBSERVE_KEY_DAYS = 730,
    SERVER_KEY_DAYS = 730, /* freshness and receipt */
    ROOT_DAYS = 7300,
    ISSUING_DAYS = 1825,
    SERVER_DAYS = 397,
    OPERATOR_DAYS = 365,
    NAME_SIZE = 160
};

/* ---- signing keys ---- */

static int make_root_keys(const struct init_state *s, struct sign_key *roots[ROOT_KEYS_MAX],
                          struct err_text *err)
{
    for (int i = 0; i < ROOT_KEYS_MAX; i++) {
        char name[NAME_SIZE];
        char path[KEY_STORE_PATH_SIZE];
        char *pem = NULL;
        (void)snprintf(name, sizeof(name), "secret/root-%d.key.pem", i + 1); /* fits */
        int rc = key_store_path(path, s->working, name, err);
        if (rc == 0)
            rc = key_store_create(path, s->passphrases[INIT_PASS_ROOT_1 + i], &roots[i], err);
        if (rc == 0)
            rc = public_key_to_pem(KEY_ALG_ED25519, sign_key_public(roots[i]), &pem);
        for (int copy = 0; rc == 0 && copy < 2; copy++) {
            (void)snprintf(name, sizeof(name), "%sroots/root-%d.pub.pem", copy ? "box/" : "",
                           i + 1); /* fits */
            rc = init_put(s, name, pem, strlen(pem), 0644, err);
        }
        free(pem);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Makes one key file and appends the key to the set. */
static int make_signer(const struct init_state *s, struct keyset *set, enum key_role role,
                       const char *holder, const char *name, const char *passphrase, int days,
                       struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    struct sign_key *key = NULL;
    int rc = key_store_path(path, s->working, name, err);
    if (rc == 0)
        rc = key_store_create(path, passphrase, &key, err);
    if (rc == 0)
        rc = key_store_add(set, role, holder, key, s->options->now, days, err);
    sign_key_free(key);
    return rc;
}

/* What boxes seal observe hits to; its private half never leaves headquarters. */
static int make_observe_key(const struct init_state *s, struct keyset *set, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    struct sign_key *key = NULL;
    int rc = key_store_path(path, s->working, "secret/observe.key.pem", err);
    if (rc == 0)
        rc = key_store_create_observe(path, s->passphrases[INIT_PASS_OBSERVE], &key, err);
    if (rc == 0)
        rc =
            key_store_add(set, KEY_ROLE_OBSERVE, "hq", key, s->options->now, OBSERVE_KEY_DAYS, err);
    sign_key_free(key);
    return rc;
}

static int make_all_signers(const struct init_state *s, struct keyset *set, struct err_text *err)
{
    int rc = make_signer(s, set, KEY_ROLE_FRESHNESS, "hqd", "hqd/freshness.key.pem", NULL,
                         SERVER_KEY_DAYS, err);
    if (rc == 0)
        rc = make_signer(s, set, KEY_ROLE_RECEIPT, "hqd", "hqd/receipt.key.pem", NULL,
                         SERVER_KEY_DAYS, err);
    if (rc == 0)
        rc = make_observe_key(s, set, err);
    for (int i = 0; rc == 0 && i < INIT_CLERKS; i++) {
        char name[NAME_SIZE];
        (void)snprintf(name, sizeof(name), "clerks/%s.key.pem", s->options->clerks[i]); /* fits */
        rc = make_signer(s, set, KEY_ROLE_LIST, s->options->clerks[i], name,
                         s->passphrases[INIT_PASS_CLERK_1 + i], LIST_KEY_DAYS, err);
    }
    return rc;
}

int init_make_signers(const struct init_state *s, struct err_text *err)
{
    struct sign_key *roots[ROOT_KEYS_MAX] = {NULL};
    struct keyset *set = calloc(1, sizeof(*set));
    char *text = NULL;
    size_t size = 0;
    int rc = set ? make_root_keys(s, roots, err) : ERR_NO_MEMORY;
    if (rc == 0) {
        set->version = 1;
        set->time = s->options->now;
        memcpy(set->fleet, s->options->fleet, strlen(s->options->fleet) + 1); /* checked */
        rc = make_all_signers(s, set, err);
    }
    if (rc == 0)
        rc = key_store_sign_keyset(set, NULL, NULL, roots, ROOT_KEYS_NEEDED, &text, &size, err);
    if (rc == 0)
        rc = init_put(s, "keyset.json", text, size, 0644, err);
    if (rc == 0)
        rc = init_put(s, "box/keyset.json", text, size, 0644, err);
    free(text);
    free(set);
    for (int i = 0; i < ROOT_KEYS_MAX; i++)
        sign_key_free(roots[i]);
    return rc;
}

/* ---- certificates ---- */

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static void authority_fini(struct authority *a)
{
    EVP_PKEY_free(a->key); /* OpenSSL wipes it */
    X509_free(a->certificate);
}

static int put_certificate(const struct init_state *s, const char *name, const X509 *certificate,
                           struct err_text *err)
{
    char *pem = NULL;
    int rc = tls_pem_write_certificate(certificate, &pem);
    if (rc == 0)
        rc = init_put(s, name, pem, strlen(pem), 0644, err);
    free(pem);
    return rc;
}

/* One of the five roots: "ca/<name>-root.pem" and "secret/<name>-root.key.pem". */
static int make_root(const struct init_state *s, const char *name, enum init_passphrase pass,
                     struct authority *out, struct err_text *err)
{
    char file[NAME_SIZE];
    char path[KEY_STORE_PATH_SIZE];
    char common_name[NAME_SIZE];
    bool upper =
        strcmp(name, "box") == 0; /* its key stays offline, hq-cad holds the issuing CA's */
    (void)snprintf(common_name, sizeof(common_name), "%s %s root", s->options->fleet,
                   name); /* fits */
    int rc = tls_key_create(&out->key, err);
    if (rc == 0)
        rc = (upper ? tls_issue_upper_root : tls_issue_root)(out->key, common_name, s->options->now,
                                                             ROOT_DAYS, &out->certificate, err);
    (void)snprintf(file, sizeof(file), "secret/%s-root.key.pem", name); /* fits */
    if (rc == 0)
        rc = key_store_path(path, s->working, file, err);
    if (rc == 0)
        rc = tls_key_file_write_locked(path, out->key, s->passphrases[pass], err);
    (void)snprintf(file, sizeof(file), "ca/%s-root.pem", name); /* fits */
    return rc == 0 ? put_certificate(s, file, out->certificate, err) : rc;
}

/* A root nobody has a certificate under yet. */
static int make_idle_root(const struct init_state *s, const char *name, enum init_passphrase pass,
                          struct err_text *err)
{
    struct authority root = {0};
    int rc = make_root(s, name, pass, &root, err);
    authority_fini(&root);
    return rc;
}

/* A certificate under `root` with its key, both in files. */
static int make_leaf(const struct init_state *s, const struct authority *root,
                     struct tls_issue_request *request, const char *cert_name, const char *key_name,
                     struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    int rc = tls_key_create(&key, err);
    request->public_key = key;
    request->now = s->options->now;
    if (rc == 0)
        rc = tls_issue(root->key, root->certificate, request, &leaf, err);
    if (rc == 0)
        rc = put_certificate(s, cert_name, leaf, err);
    if (rc == 0)
        rc = key_store_path(path, s->working, key_name, err);
    if (rc == 0)
        rc = tls_key_file_write(path, key, err);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return rc;
}

static int make_box_authorities(const struct init_state *s, struct err_text *err)
{
    struct authority root = {0};
    struct authority issuing = {0};
    char path[KEY_STORE_PATH_SIZE];
    char common_name[NAME_SIZE];
    (void)snprintf(common_name, sizeof(common_name), "%s box issuing CA",
                   s->options->fleet); /* fits */
    int rc = make_root(s, "box", INIT_PASS_CA, &root, err);
    if (rc == 0)
        rc = put_certificate(s, "box/uplinkd/box-root.pem", root.certificate, err);
    if (rc == 0)
        rc = tls_key_create(&issuing.key, err);
    if (rc == 0)
        rc = tls_issue_issuer(root.key, root.certificate, issuing.key, common_name, s->options->now,
                              ISSUING_DAYS, &issuing.certificate, err);
    if (rc == 0)
        rc = put_certificate(s, "ca/box-issuing.pem", issuing.certificate, err);
    if (rc == 0)
        rc = key_store_path(path, s->working, "ca/box-issuing.key.pem", err);
    if (rc == 0)
        rc = tls_key_file_write(path, issuing.key, err);
    authority_fini(&issuing);
    authority_fini(&root);
    return rc;
}

static int make_server(const struct init_state *s, struct err_text *err)
{
    struct authority root = {0};
    struct tls_issue_request request = {.identity = {.kind = TLS_PEER_HQ}, .days = SERVER_DAYS};
    memcpy(request.identity.fleet, s->options->fleet, strlen(s->options->fleet) + 1); /* checked */
    for (size_t i = 0; i < s->options->address_count; i++)
        request.hosts[i] = s->hosts[i];
    int rc = make_root(s, "hq", INIT_PASS_CA, &root, err);
    if (rc == 0)
        rc = put_certificate(s, "box/uplinkd/hq-root.pem", root.certificate, err);
    if (rc == 0)
        rc = make_leaf(s, &root, &request, "hqd/server.pem", "hqd/server.key.pem", err);
    authority_fini(&root);
    return rc;
}

static int make_operator(const struct init_state *s, struct err_text *err)
{
    struct authority root = {0};
    struct tls_issue_request request = {.identity = {.kind = TLS_PEER_OPERATOR},
                                        .days = OPERATOR_DAYS};
    const char *name = s->options->operator_name;
    char cert[NAME_SIZE];
    char key[NAME_SIZE];
    memcpy(request.identity.fleet, s->options->fleet, strlen(s->options->fleet) + 1); /* checked */
    memcpy(request.identity.name, name, strlen(name) + 1);                            /* checked */
    (void)snprintf(cert, sizeof(cert), "operators/%s/cert.pem", name);                /* fits */
    (void)snprintf(key, sizeof(key), "operators/%s/key.pem", name);                   /* fits */
    int rc = make_root(s, "console", INIT_PASS_CA, &root, err);
    if (rc == 0)
        rc = make_leaf(s, &root, &request, cert, key, err);
    authority_fini(&root);
    return rc;
}

int init_make_certificates(const struct init_state *s, struct err_text *err)
{
    int rc = make_box_authorities(s, err);
    if (rc == 0)
        rc = make_server(s, err);
    if (rc == 0)
        rc = make_operator(s, err);
    if (rc == 0)
        rc = make_idle_root(s, "update", INIT_PASS_UPDATE, err);
    return rc == 0 ? make_idle_root(s, "stick", INIT_PASS_STICK, err) : rc;
}
