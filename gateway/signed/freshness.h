/*
 * "Still current": hqd's word that a revision is the newest, so that a frozen list is noticed.
 * Payload {"hash":"sha256:…","revision":R,"time":"…","valid_until":"…"}, JSON, freshness role.
 * Pure, any thread.
 */
#pragma once

#include "gateway/signed/keyset.h"

enum { FRESHNESS_VALID_MAX_MS = 24 * 3600 * 1000 };

struct freshness {
    uint64_t revision; /* 0 with a hash of zeros: there is no list yet */
    uint8_t hash[HASH_SIZE];
    struct wall_time time;
    struct wall_time valid_until; /* exclusive; at most FRESHNESS_VALID_MAX_MS after time */
};

/* An unsigned envelope; the caller signs and frees. ERR_INVALID for times out of order or range. */
int freshness_compose(const struct freshness *f, struct envelope *out,
                      struct err_text *err) MUST_CHECK;
/* ERR_INVALID, ERR_CORRUPT, ERR_DENIED. */
int freshness_verify(const struct keyset *set, const void *envelope, size_t size,
                     struct freshness *out, struct err_text *err) MUST_CHECK;
/* Whether it says so of this list now: ERR_NOT_FOUND it speaks of another revision or hash,
 * ERR_STALE it ran out, ERR_INVALID its time lies more than 5 minutes ahead of `now`. */
int freshness_check(const struct freshness *f, uint64_t revision, const uint8_t hash[HASH_SIZE],
                    struct wall_time now, struct err_text *err) MUST_CHECK;
