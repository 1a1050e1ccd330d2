/* See sealed.h. No state. */
#include "gateway/tls/sealed.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/tls/context.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

enum { SIGNATURE_MAX = 512 };

static const char algorithm[] = "x509-sha256";

static const EVP_MD *digest_of(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(); /* Ed25519 hashes by itself */
}

/* Heap: what is signed. */
static uint8_t *signed_bytes(const char *type, const void *payload, size_t size, size_t *out_size)
{
    static const char prefix[] = "checkpoint:";
    size_t head = sizeof(prefix) - 1 + strlen(type) + 1;
    uint8_t *bytes = malloc(head + size);
    if (!bytes)
        return NULL;
    memcpy(bytes, prefix, sizeof(prefix) - 1);
    memcpy(bytes + sizeof(prefix) - 1, type, strlen(type));
    bytes[head - 1] = '\n';
    memcpy(bytes + head, payload, size);
    *out_size = head + size;
    return bytes;
}

/* ---- writing ---- */

static int sign(EVP_PKEY *key, const uint8_t *bytes, size_t size, char **out, struct err_text *err)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t length = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = ctx && EVP_DigestSignInit(ctx, NULL, digest_of(key), NULL, key) == 1 &&
                     EVP_DigestSign(ctx, signature, &length, bytes, size) == 1
                 ? 0
                 : tls_error(err, ERR_INVALID, "signature");
    EVP_MD_CTX_free(ctx);
    if (rc != 0)
        return rc;
    *out = base64_encode(signature, length);
    return *out ? 0 : ERR_NO_MEMORY;
}

static json_t *certificates_json(const STACK_OF(X509) * chain)
{
    json_t *list = json_array();
    for (int i = 0; list && i < sk_X509_num(chain) && i < TLS_SEALED_CHAIN_MAX; i++) {
        uint8_t *der = NULL;
        int size = i2d_X509(sk_X509_value(chain, i), &der);
        char *text = size > 0 ? base64_encode(der, (size_t)size) : NULL;
        if (!text || json_array_append_new(list, json_string(text)) != 0) {
            json_decref(list);
            list = NULL;
        }
        free(text);
        OPENSSL_free(der);
    }
    return list;
}

int tls_sealed_write(EVP_PKEY *key, const STACK_OF(X509) * chain, const char *type,
                     const void *payload, size_t size, char **out, size_t *out_size,
                     struct err_text *err)
{
    size_t bytes_size = 0;
    char *signature = NULL;
    char *body = base64_encode(payload, size);
    uint8_t *bytes = signed_bytes(type, payload, size, &bytes_size);
    int rc = bytes && body ? sign(key, bytes, bytes_size, &signature, err) : ERR_NO_MEMORY;
    json_t *object = rc == 0 ? json_pack("{s:s,s:o,s:s,s:s,s:s}", "alg", algorithm, "certificates",
                                         certificates_json(chain), "payload", body, "sig",
                                         signature, "type", type)
                             : NULL;
    if (rc == 0)
        rc = object ? json_canonical(object, out, out_size) : ERR_NO_MEMORY;
    if (rc == 0 && *out_size > TLS_SEALED_MAX) {
        free(*out);
        rc = err_set(err, ERR_TOO_LARGE, "%zu bytes, at most %d", *out_size, TLS_SEALED_MAX);
    }
    json_decref(object);
    free(signature);
    free(body);
    free(bytes);
    return rc;
}

/* ---- reading ---- */

struct sealed {
    json_t *object;
    uint8_t *payload;
    size_t payload_size;
    uint8_t *signature;
    size_t signature_size;
    STACK_OF(X509) * chain;
};

static void fini(struct sealed *s)
{
    json_decref(s->object);
    free(s->payload);
    free(s->signature);
    sk_X509_pop_free(s->chain, X509_free);
    *s = (struct sealed){0};
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static int read_certificate(struct sealed *s, const char *text, struct err_text *err)
{
    uint8_t *der = NULL;
    size_t size = 0;
    int rc = base64_decode(text, &der, &size);
    const unsigned char *at = der;
    X509 *certificate =
        rc == 0 && size <= TLS_CERT_FILE_MAX ? d2i_X509(NULL, &at, (long)size) : NULL;
    if (!certificate || at != der + size)
        rc = tls_error(err, ERR_INVALID, "certificates");
    else if (sk_X509_push(s->chain, certificate) <= 0)
        rc = ERR_NO_MEMORY;
    else
        certificate = NULL; /* the chain's */
    X509_free(certificate);
    free(der);
    return rc;
}

static int read_chain(struct sealed *s, struct err_text *err)
{
    const json_t *list = json_object_get(s->object, "certificates");
    size_t count = json_array_size(list);
    int rc = 0;
    if (count == 0 || count > TLS_SEALED_CHAIN_MAX)
        return err_set(err, ERR_INVALID, "certificates: expected 1 to %d", TLS_SEALED_CHAIN_MAX);
    s->chain = sk_X509_new_null();
    if (!s->chain)
        return ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        rc = text ? read_certificate(s, text, err)
                  : err_set(err, ERR_INVALID, "certificates: expected texts");
    }
    return rc;
}

static int parse(const char *text, size_t size, const char *type, struct sealed *s,
                 struct err_text *err)
{
    if (size > TLS_SEALED_MAX)
        return err_set(err, ERR_TOO_LARGE, "%zu bytes, at most %d", size, TLS_SEALED_MAX);
    int rc = json_parse(text, size, &s->object, err);
    if (rc != 0)
        return rc;
    if (json_object_size(s->object) != 5 || strcmp(text_of(s->object, "alg"), algorithm) != 0 ||
        strcmp(text_of(s->object, "type"), type) != 0)
        return err_set(err, ERR_INVALID, "expected a '%s' of algorithm %s", type, algorithm);
    rc = base64_decode(text_of(s->object, "payload"), &s->payload, &s->payload_size);
    if (rc == 0)
        rc = base64_decode(text_of(s->object, "sig"), &s->signature, &s->signature_size);
    if (rc != 0)
        return err_set(err, rc, "payload, sig: expected base64");
    return read_chain(s, err);
}

/* As gateway/tls/context.c has the library judge a client in a handshake. */
static int judge_chain(const struct sealed *s, const STACK_OF(X509) * roots, struct wall_time now,
                       struct err_text *err)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int rc = store && ctx ? 0 : ERR_NO_MEMORY;
    for (int i = 0; rc == 0 && i < sk_X509_num(roots); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(roots, i)) != 1)
            rc = ERR_NO_MEMORY;
    if (rc == 0 && X509_STORE_CTX_init(ctx, store, sk_X509_value(s->chain, 0), s->chain) != 1)
        rc = ERR_NO_MEMORY;
    if (rc == 0) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)(now.ms / 1000));
        X509_VERIFY_PARAM_set_auth_level(param, TLS_SECURITY_LEVEL);
        (void)X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT); /* a fixed, known one */
        if (X509_verify_cert(ctx) != 1)
            rc = err_set(err, ERR_DENIED, "certificate: %s",
                         X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return rc;
}

static int check_signature(const struct sealed *s, const char *type, struct err_text *err)
{
    size_t size = 0;
    EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(s->chain, 0));
    uint8_t *bytes = signed_bytes(type, s->payload, s->payload_size, &size);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = bytes && ctx && key ? tls_key_kind_check(key, err) : ERR_NO_MEMORY;
    if (rc == 0 && (EVP_DigestVerifyInit(ctx, NULL, digest_of(key), NULL, key) != 1 ||
                    EVP_DigestVerify(ctx, s->signature, s->signature_size, bytes, size) != 1))
        rc = err_set(err, ERR_CORRUPT, "signature: not of the certificate's key, or altered");
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    free(bytes);
    return rc;
}

int tls_sealed_read(const char *text, size_t size, const char *type, const STACK_OF(X509) * roots,
                    struct wall_time now, struct tls_cert_facts *out_signer, uint8_t **out_payload,
                    size_t *out_size, struct err_text *err)
{
    struct sealed s = {0};
    struct tls_cert_facts facts;
    int rc = parse(text, size, type, &s, err);
    if (rc == 0)
        rc = judge_chain(&s, roots, now, err);
    if (rc == 0)
        rc = tls_cert_facts_of(sk_X509_value(s.chain, 0), &facts, err);
    if (rc == 0)
        rc = check_signature(&s, type, err);
    if (rc == 0) {
        *out_signer = facts;
        *out_payload = s.payload;
        *out_size = s.payload_size;
        s.payload = NULL;
    }
    fini(&s);
    return rc;
}

int tls_sealed_payload(const char *text, size_t size, const char *type, uint8_t **out_payload,
                       size_t *out_size, struct err_text *err)
{
    struct sealed s = {0};
    int rc = parse(text, size, type, &s, err);
    if (rc == 0) {
        *out_payload = s.payload;
        *out_size = s.payload_size;
        s.payload = NULL;
    }
    fini(&s);
    return rc;
}

int tls_sealed_certificate(const char *text, size_t size, const char *type, X509 **out,
                           struct err_text *err)
{
    struct sealed s = {0};
    int rc = parse(text, size, type, &s, err);
    if (rc == 0)
        *out = sk_X509_shift(s.chain);
    fini(&s);
    return rc;
}
