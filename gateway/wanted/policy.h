/*
 * The match policy a side of the local cache holds: verified, its version never going back, one
 * file on the shelf (policy-<version>-<k>.json, k the version of the key set that judged it and
 * judges it again on every load). Store and reader hold one each. Internal to gateway/wanted. One
 * owner thread; blocks on the disk.
 */
#pragma once

#include "gateway/signed/match_policy.h"
#include "gateway/wanted/shelf.h"

struct held_policy {
    struct match_policy *policy; /* heap; NULL: none */
    uint8_t *bytes;              /* heap: the envelope as signed */
    size_t size;
    uint64_t keyset; /* version that judged it */
    bool on_disk;
};

void policy_fini(struct held_policy *held);
/* Takes an envelope that is newer than the one held; *out_new: it was. ERR_OK for the one held
 * already; ERR_STALE older, ERR_CONFLICT another of the same version, ERR_NOT_FOUND no key set yet,
 * otherwise as match_policy_verify; ERR_INVALID for a channel that cannot be read. */
int policy_take(struct held_policy *held, const struct keyset *set, const void *bytes, size_t size,
                bool *out_new, struct err_text *err) MUST_CHECK;
/* The newest file that verifies. ERR_OK without any; ERR_CORRUPT: a file was refused (renamed to
 * <name>.refused), `err` says which and why; ERR_IO, ERR_NO_MEMORY. */
int policy_load(struct held_policy *held, const struct shelf *shelf, const struct root_keys *roots,
                struct err_text *err) MUST_CHECK;
/* Writes what is not on disk yet and removes the files before it. ERR_IO, ERR_FULL. */
int policy_keep(struct held_policy *held, const struct shelf *shelf,
                struct err_text *err) MUST_CHECK;
