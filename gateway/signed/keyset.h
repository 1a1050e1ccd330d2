/*
 * The key set: which public key may sign what, signed by 2 of 3 root keys. Payload, JSON:
 *
 *   {"fleet":"lu-hz","keys":[{"alg":"ed25519","holder":"…","id":"sha256:…","not_after":"…",
 *     "not_before":"…","public":<base64 of 32 bytes>,"role":"list"}],
 *    "roots":[<roots/1>, …],"servers":[<base64 of DER>, …],"time":"…","version":1}
 *
 * Versions only rise: a holder of version n takes n+1 or later, never an earlier one and never a
 * second n. A key has one role. Roots reach a box by hand (/etc/checkpoint/roots); "roots", left
 * out while there is none, are all changes of them since (roots.h), never fewer than in a set
 * before. Statements are judged by the time they state: a key's not_after ends what it may sign,
 * removing it from the set ends what it has signed. "servers" may be left out (servers.h). Pure,
 * any thread.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/signed/roots.h"

enum {
    SIGNERS_TWO = 2, /* clerks that sign what one alone must not */
    KEYSET_KEYS_MAX = 128,
    KEY_HOLDER_MAX = 128 /* bytes of UTF-8 */
};

struct keyset_key {
    uint8_t id[KEY_ID_SIZE];
    enum key_role role;
    enum key_alg alg;
    uint8_t public_key[PUBLIC_KEY_SIZE];
    char holder[KEY_HOLDER_MAX + 1]; /* a person for list and instruction, a server otherwise */
    struct wall_time not_before;
    struct wall_time not_after; /* exclusive */
};

struct keyset {
    uint64_t version; /* from 1 */
    struct wall_time time;
    char fleet[FLEET_NAME_MAX + 1];
    uint8_t hash[HASH_SIZE]; /* of the payload */
    struct root_keys roots;  /* in force, once verified */
    struct root_changes root_changes;
    int key_count;
    struct keyset_key keys[KEYSET_KEYS_MAX];
};

/* Verifies an envelope under at least ROOT_KEYS_NEEDED different root keys, those held or what its
 * own changes of them lead to, and reads the set.
 * ERR_INVALID, ERR_CORRUPT (a signature does not fit), ERR_DENIED (unknown root, too few). */
int keyset_verify(const struct root_keys *roots, const void *envelope, size_t size,
                  struct keyset *out, struct err_text *err) MUST_CHECK;
/* Whether `next` may replace what is held (`held` NULL: nothing). ERR_OK: newer;
 * ERR_CONFLICT: same version; ERR_STALE: older; ERR_DENIED: it leaves out a change of root keys
 * that is held, so roots that were taken out may have signed it. The same set again is ERR_CONFLICT
 * too: compare the hashes to tell a repeat from a fork. */
int keyset_check_newer(const struct keyset *held, const struct keyset *next,
                       struct err_text *err) MUST_CHECK;
/* An unsigned envelope of a set; checks it as keyset_verify would. The caller signs and frees. */
int keyset_compose(const struct keyset *set, struct envelope *out, struct err_text *err) MUST_CHECK;
/* The same with the changes of root keys it carries (a JSON array; NULL: none). */
int keyset_compose_with(const struct keyset *set, const json_t *root_changes, struct envelope *out,
                        struct err_text *err) MUST_CHECK;
/* Those an envelope carries, unjudged: new reference, NULL when there are none. ERR_INVALID. */
int keyset_root_changes(const void *envelope, size_t size, json_t **out,
                        struct err_text *err) MUST_CHECK;

/* The key of that id and role, NULL when there is none. */
const struct keyset_key *keyset_find(const struct keyset *set, enum key_role role,
                                     const uint8_t id[KEY_ID_SIZE]);
/* The key of the role valid at `time` that stays valid longest; NULL when there is none. */
const struct keyset_key *keyset_current(const struct keyset *set, enum key_role role,
                                        struct wall_time time);
bool keyset_key_valid(const struct keyset_key *key, struct wall_time time);

struct signers {
    int count;
    const struct keyset_key *keys[ENVELOPE_SIGNATURES_MAX]; /* point into the key set */
};

/* Verifies that the envelope is of `type` and that every signature on it is by a key of that type's
 * role. Times are not judged: the statement's own time is inside, see signers_check_time.
 * ERR_DENIED (other type, unknown key, wrong role), ERR_CORRUPT. */
int keyset_check_envelope(const struct keyset *set, const struct envelope *e,
                          enum statement_type type, struct signers *out,
                          struct err_text *err) MUST_CHECK;
/* ERR_DENIED unless every signer's key was valid at the statement's time. */
int signers_check_time(const struct signers *signers, struct wall_time time,
                       struct err_text *err) MUST_CHECK;
/* The same, and that two different clerks signed a statement of the key set's own fleet. */
int signers_check_two(const struct signers *signers, const struct keyset *set, const char *fleet,
                      struct wall_time time, struct err_text *err) MUST_CHECK;
/* Different holders among the signers: two keys of one person are one. */
int signers_distinct(const struct signers *signers);
/* The same, with their names. */
int signers_holders(const struct signers *signers,
                    char out[ENVELOPE_SIGNATURES_MAX][KEY_HOLDER_MAX + 1]);
/* 1 .. FLEET_NAME_MAX bytes of a-z, 0-9 and '-'. */
bool fleet_name_good(const char *fleet);
