/*
 * Seals: at an interval a record of kind `seal` signs the chain's head with the present key and
 * names the next public key; then the present private key is wiped. Who takes the box today cannot
 * forge what was sealed yesterday. Ed25519 (RFC 8032). Internal to gateway/journal.
 */
#pragma once

#include "gateway/journal/record.h"

enum { SEAL_KEY_SIZE = 32, SEAL_SIGNATURE_SIZE = 64, SEAL_MESSAGE_SIZE = 128 };

struct seal {
    uint64_t sequence;               /* of the record the seal is over: the one before it */
    uint8_t hash[JOURNAL_HASH_SIZE]; /* and its hash */
    uint8_t key[SEAL_KEY_SIZE];      /* public key that verifies this seal */
    uint8_t next[SEAL_KEY_SIZE];     /* public key that verifies the next one */
    uint8_t signature[SEAL_SIGNATURE_SIZE];
};

/* A new private key and its public half. ERR_IO (no random bytes), ERR_NO_MEMORY. */
int seal_key_make(uint8_t private_key[SEAL_KEY_SIZE], uint8_t public_key[SEAL_KEY_SIZE]) MUST_CHECK;
int seal_key_public(const uint8_t private_key[SEAL_KEY_SIZE],
                    uint8_t public_key[SEAL_KEY_SIZE]) MUST_CHECK;
/* Signs; seal->sequence, hash, next are given, key and signature are filled in. */
int seal_sign(struct seal *seal, const uint8_t chain[JOURNAL_CHAIN_ID_SIZE],
              const uint8_t private_key[SEAL_KEY_SIZE]) MUST_CHECK;
/* ERR_CORRUPT when the signature is not by seal->key over these. */
int seal_verify(const struct seal *seal, const uint8_t chain[JOURNAL_CHAIN_ID_SIZE]) MUST_CHECK;

/* The body of the seal record, canonical JSON. *out is heap memory. */
int seal_body_write(const struct seal *seal, char **out, size_t *out_size) MUST_CHECK;
int seal_body_read(const char *body, size_t size, struct seal *out,
                   struct err_text *err) MUST_CHECK;
