/*
 * See est.h. No state.
 */
#include "gateway/tls/est.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

/* Base64 as MIME carries it: line ends and blanks are skipped, all else is strict. */
static int decode(const char *text, size_t size, size_t limit, uint8_t **out, size_t *out_size,
                  struct err_text *err)
{
    if (size > limit)
        return err_set(err, ERR_TOO_LARGE, "%zu bytes, limit %zu", size, limit);
    char *packed = malloc(size + 1);
    size_t used = 0;
    if (!packed)
        return err_set(err, ERR_NO_MEMORY, "message");
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0' || !strchr("\r\n\t ", text[i]))
            packed[used++] = text[i];
    packed[used] = '\0';
    int rc =
        strlen(packed) == used && used > 0 ? base64_decode(packed, out, out_size) : ERR_INVALID;
    free(packed);
    return rc == 0 ? 0 : err_set(err, rc, "not base64");
}

static int encode(uint8_t *der, int size, char **out)
{
    char *text = size > 0 ? base64_encode(der, (size_t)size) : NULL;
    OPENSSL_free(der);
    ERR_clear_error();
    if (!text)
        return ERR_NO_MEMORY;
    *out = text;
    return 0;
}

int est_certificates_write(const STACK_OF(X509) * certificates, char **out)
{
    uint8_t *der = NULL;
    int size = -1;
    PKCS7 *p7 = PKCS7_new();
    bool ok = p7 && PKCS7_set_type(p7, NID_pkcs7_signed) == 1 &&
              PKCS7_content_new(p7, NID_pkcs7_data) == 1 && PKCS7_set_detached(p7, 1) == 1;
    for (int i = 0; ok && i < sk_X509_num(certificates); i++)
        ok = PKCS7_add_certificate(p7, sk_X509_value(certificates, i)) == 1;
    if (ok)
        size = i2d_PKCS7(p7, &der);
    PKCS7_free(p7);
    return encode(der, size, out);
}

int est_certificates_read(const char *text, size_t size, STACK_OF(X509) * *out,
                          struct err_text *err)
{
    uint8_t *der = NULL;
    size_t der_size = 0;
    STACK_OF(X509) *copy = NULL;
    int rc = decode(text, size, EST_ANSWER_MAX, &der, &der_size, err);
    if (rc != 0)
        return rc;
    const uint8_t *at = der;
    PKCS7 *p7 = d2i_PKCS7(NULL, &at, (long)der_size);
    if (p7 && at == der + der_size && PKCS7_type_is_signed(p7) && p7->d.sign && p7->d.sign->cert) {
        int count = sk_X509_num(p7->d.sign->cert);
        if (count >= 1 && count <= EST_CERTIFICATES_MAX)
            copy = X509_chain_up_ref(p7->d.sign->cert);
    }
    PKCS7_free(p7);
    free(der);
    if (!copy)
        return tls_error(err, ERR_INVALID, "not a certs-only PKCS#7");
    ERR_clear_error();
    *out = copy;
    return 0;
}

static bool add_names(X509_REQ *request, const char *urn)
{
    char value[TLS_URN_SIZE + 8];
    (void)snprintf(value, sizeof(value), "URI:%s", urn); /* fits by its size */
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    bool ok = extension && list && sk_X509_EXTENSION_push(list, extension) > 0 &&
              X509_REQ_add_extensions(request, list) == 1;
    sk_X509_EXTENSION_free(list);
    X509_EXTENSION_free(extension);
    return ok;
}

int est_request_write(EVP_PKEY *key, const struct tls_identity *identity, char **out,
                      struct err_text *err)
{
    char urn[TLS_URN_SIZE];
    uint8_t *der = NULL;
    int size = -1;
    if (tls_identity_format(identity, urn) != 0)
        return err_set(err, ERR_INVALID, "identity: not a valid one");
    X509_REQ *request = X509_REQ_new();
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    if (request && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
        X509_REQ_set_pubkey(request, key) == 1 &&
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)identity->name, -1, -1, 0) == 1 &&
        add_names(request, urn) && X509_REQ_sign(request, key, digest) > 0)
        size = i2d_X509_REQ(request, &der);
    X509_REQ_free(request);
    if (size <= 0)
        return tls_error(err, ERR_NO_MEMORY, "certificate request");
    return encode(der, size, out);
}

int est_key_fingerprint(EVP_PKEY *key, uint8_t out[TLS_FINGERPRINT_SIZE])
{
    uint8_t *der = NULL;
    unsigned written = 0;
    int size = i2d_PUBKEY(key, &der);
    bool ok = size > 0 && EVP_Digest(der, (size_t)size, out, &written, EVP_sha256(), NULL) == 1 &&
              written == TLS_FINGERPRINT_SIZE;
    OPENSSL_free(der);
    return ok ? 0 : ERR_NO_MEMORY;
}

int est_request_read(const char *text, size_t size, X509_REQ **out, struct err_text *err)
{
    uint8_t *der = NULL;
    size_t der_size = 0;
    int rc = decode(text, size, EST_REQUEST_MAX, &der, &der_size, err);
    if (rc != 0)
        return rc;
    const uint8_t *at = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der_size);
    EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
    if (!key || at != der + der_size)
        rc = tls_error(err, ERR_INVALID, "not a PKCS#10 request");
    else
        rc = tls_key_kind_check(key, err);
    if (rc == 0 && X509_REQ_verify(request, key) != 1)
        rc = tls_error(err, ERR_INVALID, "request not signed by its own key");
    free(der);
    ERR_clear_error();
    if (rc != 0) {
        X509_REQ_free(request);
        return rc;
    }
    *out = request;
    return 0;
}

static int identity_in(const GENERAL_NAMES *names, struct tls_identity *out, struct err_text *err)
{
    int type = 0;
    if (sk_GENERAL_NAME_num(names) != 1)
        return err_set(err, ERR_INVALID, "request names more than one subject");
    const ASN1_STRING *uri = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type);
    if (type != GEN_URI || ASN1_STRING_length(uri) < 0 ||
        tls_identity_parse((const char *)ASN1_STRING_get0_data(uri),
                           (size_t)ASN1_STRING_length(uri), out) != 0)
        return err_set(err, ERR_INVALID, "request names something else than a checkpoint");
    return 0;
}

int est_request_identity(X509_REQ *request, struct tls_identity *out, struct err_text *err)
{
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names = list ? X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL) : NULL;
    bool broken = list && X509v3_get_ext_by_NID(list, NID_subject_alt_name, -1) >= 0 && !names;
    int rc;
    if (broken)
        rc = err_set(err, ERR_INVALID, "request with unreadable names");
    else if (!names)
        rc = err_set(err, ERR_NOT_FOUND, "request names nobody");
    else
        rc = identity_in(names, out, err);
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    ERR_clear_error();
    return rc;
}
