/*
 * The root keys, and how others come in their place without a hand at every checkpoint. Roots reach
 * a box by hand once (/etc/checkpoint/roots). A change of them is a statement of its own, roots/1:
 *
 *   {"fleet":"lu-hz","keys":[{"alg":"ed25519","id":"sha256:…","public":<base64>}, …],
 *    "time":"…","version":1}
 *
 * signed by 2 of the roots before it, by 2 of its own, and by each root it brings in (who holds no
 * private half of a root has none). Versions count from 1 without a gap. Every key set carries all
 * changes there ever were, so a box that was away for years walks from the roots it has to those
 * that signed the newest set. Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/signed/envelope.h"

enum {
    ROOT_KEYS_MAX = 3,
    ROOT_KEYS_NEEDED = 2,
    ROOT_CHANGES_MAX = 32,
    FLEET_NAME_MAX = 64 /* bytes: a-z, 0-9, '-' */
};

struct root_keys {
    int count;
    struct {
        uint8_t id[KEY_ID_SIZE];
        uint8_t public_key[PUBLIC_KEY_SIZE];
    } keys[ROOT_KEYS_MAX];
};

/* Adds a root public key from PEM. ERR_INVALID, ERR_CONFLICT (already there), ERR_FULL. */
int root_keys_add_pem(struct root_keys *roots, const char *pem, size_t size) MUST_CHECK;
/* Which of them has that id; -1. */
int root_keys_find(const struct root_keys *roots, const uint8_t id[KEY_ID_SIZE]);
/* Verifies that every signature is by one of the roots, and that there are enough. ERR_DENIED,
 * ERR_CORRUPT. */
int root_keys_check(const struct root_keys *roots, const struct envelope *e,
                    struct err_text *err) MUST_CHECK;

/* The changes a key set carries. */
struct root_changes {
    int count;
    uint8_t hashes[ROOT_CHANGES_MAX][HASH_SIZE]; /* of their payloads */
};

struct root_change {
    char fleet[FLEET_NAME_MAX + 1];
    uint64_t version; /* from 1 */
    struct wall_time time;
    struct root_keys keys;
};

/* An unsigned envelope of a change. The caller signs and frees. ERR_INVALID. */
int root_change_compose(const struct root_change *change, struct envelope *out,
                        struct err_text *err) MUST_CHECK;
/* Walks from `roots` along `list` (a JSON array of roots/1 envelopes, NULL: none) and leaves those
 * in force there. Where the roots held are those of a change in the list, what led to them is not
 * judged again. ERR_DENIED (signatures that do not suffice, another fleet), ERR_CORRUPT,
 * ERR_INVALID, ERR_TOO_LARGE. */
int root_changes_follow(struct root_keys *roots, const char *fleet, const json_t *list,
                        struct root_changes *out, struct err_text *err) MUST_CHECK;
/* Whether `next` has all of `held`, in its order. */
bool root_changes_extend(const struct root_changes *held, const struct root_changes *next);
