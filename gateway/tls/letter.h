/*
 * A file on a stick that only one peer can read: CMS (RFC 5652, 5083) to its certificate,
 * AES-256-GCM under a key that the certificate's opens. Says nothing of who wrote it: what is
 * inside is signed where that matters. Pure, any thread.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "gateway/base/err.h"

/* *out is heap, the caller frees. ERR_UNSUPPORTED: nothing can be written to a key of that kind
 * (Ed25519); ERR_NO_MEMORY. */
int tls_letter_write(X509 *to, const void *data, size_t size, uint8_t **out, size_t *out_size,
                     struct err_text *err) MUST_CHECK;
/* *out is heap with a NUL behind it, the caller frees. ERR_INVALID (form), ERR_DENIED (to another
 * certificate, or altered), ERR_NO_MEMORY. */
int tls_letter_read(EVP_PKEY *key, X509 *own, const void *letter, size_t size, uint8_t **out,
                    size_t *out_size, struct err_text *err) MUST_CHECK;
