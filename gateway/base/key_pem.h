/*
 * Private keys as PEM text, with a passphrase: what gateway/tls and gateway/signed share. No state,
 * any thread; a passphrase is never asked for at a terminal.
 */
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <stddef.h>

#include "gateway/base/err.h"

enum { KEY_PASSPHRASE_MAX = 1024 /* bytes */ };

/* Reads a private key; EVP_PKEY_free is the caller's. `passphrase` NULL: none. ERR_DENIED: a wrong
 * one, or it needs one; ERR_INVALID: no private key, OpenSSL's error queue says why. */
int key_pem_read(const void *pem, size_t size, const char *passphrase, EVP_PKEY **out) MUST_CHECK;
/* Writes PKCS#8 under PBES2 with `passphrase` (1 to KEY_PASSPHRASE_MAX bytes, the caller's to
 * check): AES-256-CBC under scrypt N=16384 r=8 p=1 (RFC 7914), which stock openssl reads.
 * ERR_NO_MEMORY. */
int key_pem_write_locked(BIO *bio, const EVP_PKEY *key, const char *passphrase) MUST_CHECK;
