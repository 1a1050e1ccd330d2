/*
 * Ed25519 keys (RFC 8032) as the signed statements use them: 32 raw public bytes, an id that is the
 * SHA-256 of the SubjectPublicKeyInfo DER, private keys behind an opaque handle that wipes itself.
 * Pure: bytes in, bytes out; files are the caller's business. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum {
    HASH_SIZE = 32,      /* SHA-256 */
    HASH_TEXT_SIZE = 72, /* "sha256:" + 64 hex digits + NUL */
    KEY_ID_SIZE = HASH_SIZE,
    PUBLIC_KEY_SIZE = 32,
    SIGNATURE_SIZE = 64,
    PASSPHRASE_MAX = 1024 /* bytes */
};

/* Every signature names its algorithm, so that a second suite needs no new format. */
enum key_alg {
    KEY_ALG_ED25519 = 1,
    KEY_ALG_X25519 = 2, /* encryption only: observe keys */
    KEY_ALG_SM2_SM3 = 3 /* name reserved; ERR_UNSUPPORTED in this build */
};

/* "ed25519", "x25519", "sm2-sm3"; NULL for anything else. */
const char *key_alg_name(enum key_alg alg);
/* ERR_INVALID for an unknown name, ERR_UNSUPPORTED for one this build cannot use. */
int key_alg_parse(const char *name, enum key_alg *out) MUST_CHECK;

/* SHA-256 of `size` bytes. ERR_NO_MEMORY. */
int hash_bytes(const void *data, size_t size, uint8_t out[HASH_SIZE]) MUST_CHECK;
/* "sha256:<64 lower-case hex>", and back; ERR_UNSUPPORTED for another algorithm's prefix. */
void hash_format(const uint8_t hash[HASH_SIZE], char out[HASH_TEXT_SIZE]);
int hash_parse(const char *text, uint8_t out[HASH_SIZE]) MUST_CHECK;

/* The id of a public key: SHA-256 of its SubjectPublicKeyInfo DER (RFC 8410), which is what
 * `openssl pkey -pubin -outform DER | sha256sum` prints. */
int public_key_id(enum key_alg alg, const uint8_t public_key[PUBLIC_KEY_SIZE],
                  uint8_t out[KEY_ID_SIZE]) MUST_CHECK;
/* Raw bytes of a "PUBLIC KEY" PEM. ERR_INVALID, ERR_UNSUPPORTED (another algorithm). */
int public_key_from_pem(const char *pem, size_t size, enum key_alg *out_alg,
                        uint8_t out[PUBLIC_KEY_SIZE]) MUST_CHECK;
/* "PUBLIC KEY" PEM, heap, the caller frees. */
int public_key_to_pem(enum key_alg alg, const uint8_t public_key[PUBLIC_KEY_SIZE],
                      char **out) MUST_CHECK;
/* ERR_CORRUPT when the signature does not fit, nothing else about why. */
int signature_check(const uint8_t public_key[PUBLIC_KEY_SIZE], const void *data, size_t size,
                    const uint8_t signature[SIGNATURE_SIZE]) MUST_CHECK;

struct sign_key; /* a private key; sign_key_free wipes it */

/* A new key from the system's random generator. Ed25519 or X25519. */
int sign_key_create(enum key_alg alg, struct sign_key **out) MUST_CHECK;
/* A PKCS#8 PEM. `passphrase` NULL for an unencrypted one. ERR_DENIED: wrong or missing passphrase;
 * ERR_INVALID: not a private key of a known algorithm. */
int sign_key_from_pem(const char *pem, size_t size, const char *passphrase,
                      struct sign_key **out) MUST_CHECK;
/* PKCS#8 PEM, heap, the caller wipes and frees. With a passphrase (1 .. PASSPHRASE_MAX bytes)
 * encrypted by AES-256-CBC under scrypt N=16384 r=8 p=1 (RFC 7914), which stock openssl reads. */
int sign_key_to_pem(const struct sign_key *key, const char *passphrase, char **out,
                    size_t *out_size) MUST_CHECK;
void sign_key_free(struct sign_key *key);
enum key_alg sign_key_alg(const struct sign_key *key);
const uint8_t *sign_key_id(const struct sign_key *key);     /* KEY_ID_SIZE bytes */
const uint8_t *sign_key_public(const struct sign_key *key); /* PUBLIC_KEY_SIZE bytes */
/* ERR_UNSUPPORTED for an encryption key. */
int sign_key_sign(const struct sign_key *key, const void *data, size_t size,
                  uint8_t out[SIGNATURE_SIZE]) MUST_CHECK;
/* X25519 (RFC 7748) of `key` with another's public key. ERR_UNSUPPORTED for a signing key;
 * ERR_INVALID: a public key that gives nothing to agree on. */
int sign_key_agree(const struct sign_key *key, const uint8_t peer[PUBLIC_KEY_SIZE],
                   uint8_t out[PUBLIC_KEY_SIZE]) MUST_CHECK;
