/*
 * Observe hits as they travel: a batch of fixed size, sealed to an observe key of the key set, as
 * the body of a journal record. Whoever holds a sealed body and not the private key cannot tell how
 * many hits are in it, nor whether there is any. Byte tables, the algorithm and a test vector stand
 * in README.md and tests/unit/gateway/signed/observe_vector.txt. Pure, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/model/hit.h"
#include "gateway/signed/sign_key.h"

enum {
    OBSERVE_HITS_MAX = 8, /* of one batch */
    OBSERVE_HEAD_SIZE = 16,
    OBSERVE_HIT_SIZE = 72,
    OBSERVE_PLAIN_SIZE = OBSERVE_HEAD_SIZE + OBSERVE_HITS_MAX * OBSERVE_HIT_SIZE,
    OBSERVE_TAG_SIZE = 16,
    OBSERVE_SEALED_SIZE = PUBLIC_KEY_SIZE + OBSERVE_PLAIN_SIZE + OBSERVE_TAG_SIZE,
    OBSERVE_BODY_MAX = 1100, /* bytes of a body, which is shorter; they all are equally long */
    OBSERVE_BOX_MAX = 64     /* bytes of a checkpoint's id */
};

enum observe_flag {
    OBSERVE_EXPIRED = 1,        /* outside its validity, while the clock was not trusted */
    OBSERVE_CLOCK_UNTRUSTED = 2 /* when the read came */
};

/* Reads of one entry and plate in one lane, as the first of them says. */
struct observe_hit {
    uint64_t entry;
    uint64_t revision; /* of the list it was matched against */
    struct wall_time first;
    struct wall_time last;
    plate_key read_key; /* that matched: the best read or a candidate */
    uint64_t event_id;  /* the camera's own, of the first; 0: none */
    uint16_t camera;
    uint8_t lane;
    enum match_kind kind;
    plate_class class;
    enum class_agreement agreement;
    enum read_authenticity authenticity;
    uint8_t confidence; /* READ_CONFIDENCE_NONE: none given */
    uint8_t direction;
    uint16_t speed_kmh;
    int16_t odds_db;
    uint16_t differs;
    uint16_t reads; /* UINT16_MAX: so many or more */
    uint8_t colour;
    uint8_t flags; /* enum observe_flag */
};

struct observe_batch {
    uint8_t count;
    uint16_t lost; /* hits that found no place since the batch before; UINT16_MAX: or more */
    struct wall_time from; /* begin of its interval */
    struct observe_hit hits[OBSERVE_HITS_MAX];
};

/* The record's body, of a NUL-terminated text whose length is always the same. `key_id` and
 * `public_key` are the observe key's; `ephemeral` NULL but in tests: a new one. ERR_NO_MEMORY,
 * ERR_INVALID (a public key that is none). */
int observe_seal(const struct observe_batch *batch, const char *checkpoint,
                 const uint8_t key_id[KEY_ID_SIZE], const uint8_t public_key[PUBLIC_KEY_SIZE],
                 const struct sign_key *ephemeral, char out[OBSERVE_BODY_MAX]) MUST_CHECK;
/* The same of random bytes, which nobody opens, under a key id of zeros: while there is no key.
 * ERR_IO without randomness, ERR_NO_MEMORY. */
int observe_seal_nothing(char out[OBSERVE_BODY_MAX]) MUST_CHECK;
/* Whose key a body of `size` bytes is sealed to. ERR_INVALID, ERR_UNSUPPORTED (algorithm). */
int observe_key_of(const char *body, size_t size, uint8_t out[KEY_ID_SIZE],
                   struct err_text *err) MUST_CHECK;
/* Opens one. ERR_DENIED: sealed to another key, or nothing; ERR_CORRUPT: not what was sealed, or of
 * another checkpoint; ERR_INVALID, ERR_UNSUPPORTED (form), ERR_NO_MEMORY. */
int observe_open(const char *body, size_t size, const char *checkpoint, const struct sign_key *key,
                 struct observe_batch *out, struct err_text *err) MUST_CHECK;
