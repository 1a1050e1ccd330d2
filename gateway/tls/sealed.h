/*
 * A statement signed with a peer's own certificate, for the way over a stick where no handshake
 * vouches for it:
 *
 *   {"alg":"x509-sha256","certificates":[<base64 DER>,…],"payload":<base64>,"sig":<base64>,
 *    "type":"spool-manifest/1"}
 *
 * Signed are the bytes "checkpoint:" type "\n" payload, as in gateway/signed; ECDSA or Ed25519 by
 * the key. The first certificate is the signer's own. Judged is it as a client's in a handshake:
 * chain, purpose, times, key, and who it names. Revocation is the caller's to look up. Pure, any
 * thread.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "gateway/base/clock.h"
#include "gateway/tls/identity.h"

enum { TLS_SEALED_MAX = 1 << 20 /* bytes of JSON */, TLS_SEALED_CHAIN_MAX = 4 };

/* *out is heap text, NUL behind it, the caller frees. ERR_NO_MEMORY, ERR_INVALID (key),
 * ERR_TOO_LARGE. */
int tls_sealed_write(EVP_PKEY *key, const STACK_OF(X509) * chain, const char *type,
                     const void *payload, size_t size, char **out, size_t *out_size,
                     struct err_text *err) MUST_CHECK;
/* *out_payload is heap, the caller frees. ERR_INVALID (form), ERR_DENIED (certificate), ERR_CORRUPT
 * (signature), ERR_NO_MEMORY. */
int tls_sealed_read(const char *text, size_t size, const char *type, const STACK_OF(X509) * roots,
                    struct wall_time now, struct tls_cert_facts *out_signer, uint8_t **out_payload,
                    size_t *out_size, struct err_text *err) MUST_CHECK;
/* The payload without any check, for whoever only carries it. */
int tls_sealed_payload(const char *text, size_t size, const char *type, uint8_t **out_payload,
                       size_t *out_size, struct err_text *err) MUST_CHECK;
/* The certificate it names as its signer's, without any check; the caller frees. */
int tls_sealed_certificate(const char *text, size_t size, const char *type, X509 **out,
                           struct err_text *err) MUST_CHECK;
