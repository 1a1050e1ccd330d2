/*
 * Messages of EST (RFC 7030), as both ends speak them: certs-only PKCS#7 for /cacerts and for the
 * answer of /simpleenroll (sections 4.1.3, 4.2.3), PKCS#10 for its request (4.2.1), each as base64
 * of DER. Readers bound their input and prove possession of the key; they decide nothing else.
 * Pure, any thread.
 */
#pragma once

#include <openssl/x509.h>
#include <stddef.h>

#include "gateway/base/err.h"
#include "gateway/tls/identity.h"

enum {
    EST_REQUEST_MAX = 16 * 1024, /* bytes of base64 PKCS#10 */
    EST_ANSWER_MAX = 64 * 1024,  /* bytes of base64 PKCS#7 */
    EST_CERTIFICATES_MAX = 8
};

/* base64 of a certs-only PKCS#7; heap, the caller frees. ERR_NO_MEMORY. */
int est_certificates_write(const STACK_OF(X509) * certificates, char **out) MUST_CHECK;
/* The certificates of one, 1 .. EST_CERTIFICATES_MAX; white space in the base64 is allowed.
 * sk_X509_pop_free is the caller's. ERR_INVALID, ERR_TOO_LARGE. */
int est_certificates_read(const char *text, size_t size, STACK_OF(X509) * *out,
                          struct err_text *err) MUST_CHECK;
/* base64 of a PKCS#10 for `key` with the identity's URN as its SAN; heap. ERR_NO_MEMORY. */
int est_request_write(EVP_PKEY *key, const struct tls_identity *identity, char **out,
                      struct err_text *err) MUST_CHECK;
/* Reads a request: its own signature holds (proof of possession), its key is of a kind we accept.
 * X509_REQ_free is the caller's. ERR_INVALID, ERR_UNSUPPORTED, ERR_TOO_LARGE. */
int est_request_read(const char *text, size_t size, X509_REQ **out,
                     struct err_text *err) MUST_CHECK;
/* SHA-256 of the key's SubjectPublicKeyInfo: what the box shows and a person at headquarters
 * compares. ERR_NO_MEMORY. */
int est_key_fingerprint(EVP_PKEY *key, uint8_t out[TLS_FINGERPRINT_SIZE]) MUST_CHECK;
/* What a request asks to be: ERR_NOT_FOUND when it names no identity of ours (it gets the token's),
 * ERR_INVALID when it asks for more than one name of any kind. */
int est_request_identity(X509_REQ *request, struct tls_identity *out,
                         struct err_text *err) MUST_CHECK;
