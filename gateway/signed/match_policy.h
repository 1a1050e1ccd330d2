/*
 * The match policy: how readily a box tells officers of a match that is no exact one. Payload, a
 * JSON line and bytes:
 *
 *   {"channels":[{"alphabet":"cn","bytes":N}],"false_alerts":3,"fleet":"lu-hz","look_alike":1,
 *    "time":"…","traffic":0,"version":V}\n
 *   then the channel files (gateway/match/channel.h), each as long as its row says; nothing behind.
 *
 * Versions only rise, as a key set's: a holder of version n takes a later one, never an earlier and
 * never a second n.
 *
 * Role list, two different clerks. What officers are told of depends on this statement as much as
 * on the list itself: too strict a policy hides a wanted vehicle as surely as a withdrawal does,
 * too lax a one drowns the real alert, and either reaches every box at once. So those answer for it
 * who answer for the list, offline and by name, and never one alone. The instruction role speaks to
 * one box for a day, freshness and receipt are keys of a server that is online, root signs who may
 * sign: none of them may change what is matched. Pure, any thread.
 */
#pragma once

#include "gateway/signed/keyset.h"

enum {
    MATCH_POLICY_PAYLOAD_MAX = ENVELOPE_PAYLOAD_MAX,
    MATCH_POLICY_HEAD_MAX = 2048, /* bytes of the JSON line */
    MATCH_POLICY_CHANNELS_MAX = 8,
    MATCH_POLICY_ALPHABET_MAX = 31, /* bytes: a-z, 0-9, '-', '_' */
    MATCH_POLICY_LOOK_ALIKE_MAX = 3,
    MATCH_POLICY_FALSE_ALERTS_MAX = 1000,
    MATCH_POLICY_TRAFFIC_MAX = 1000 * 1000,
    MATCH_POLICY_CLERKS = SIGNERS_TWO
};

/* Confusion probabilities of one alphabet, a text a person can read. */
struct match_policy_channel {
    char alphabet[MATCH_POLICY_ALPHABET_MAX + 1];
    const char *text; /* size_bytes inside the payload, not NUL-terminated */
    size_t size_bytes;
};

struct match_policy {
    uint64_t version; /* from 1 */
    struct wall_time time;
    char fleet[FLEET_NAME_MAX + 1];
    uint8_t hash[HASH_SIZE]; /* of the payload */
    uint32_t false_alerts;   /* operating point: false sounding alerts a shift of 8 h, from 1 */
    uint32_t traffic;        /* vehicles a shift of 8 h; 0: each box goes by its own count */
    uint8_t look_alike_max;  /* k: look-alike characters a match may be apart */
    size_t channel_count;    /* alphabets rising; none: the look-alike rule alone */
    struct match_policy_channel channels[MATCH_POLICY_CHANNELS_MAX];
    uint8_t *payload; /* heap; verbatim */
    size_t payload_size;
    int clerk_count; /* different holders that signed; filled by verify, as are their names */
    char clerks[ENVELOPE_SIGNATURES_MAX][KEY_HOLDER_MAX + 1];
};

/* Parses and checks a payload alone; what a channel says is gateway/match's to check. ERR_INVALID,
 * ERR_TOO_LARGE, ERR_NO_MEMORY. match_policy_fini frees. */
int match_policy_parse(const void *payload, size_t size, struct match_policy *out,
                       struct err_text *err) MUST_CHECK;
/* Verifies a signed policy: envelope, list role, two clerks, keys valid at its time, the key set's
 * fleet, then match_policy_parse. ERR_CORRUPT, ERR_DENIED besides. */
int match_policy_verify(const struct keyset *set, const void *envelope, size_t size,
                        struct match_policy *out, struct err_text *err) MUST_CHECK;
/* Whether `next` may replace what is held (`held` NULL: nothing). ERR_OK: newer; ERR_STALE: older;
 * ERR_CONFLICT: another policy of the same version (a fork); ERR_NOT_FOUND: the one held already.
 */
int match_policy_check_newer(const struct match_policy *held, const struct match_policy *next,
                             struct err_text *err) MUST_CHECK;
/* An unsigned envelope; checked as match_policy_parse would. Hash, payload and clerks of `policy`
 * are not looked at. The caller signs and frees. */
int match_policy_compose(const struct match_policy *policy, struct envelope *out,
                         struct err_text *err) MUST_CHECK;
void match_policy_fini(struct match_policy *policy);
