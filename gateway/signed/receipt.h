/*
 * HQ's receipt for records: everything of this chain up to `sequence`, whose record hash is `head`,
 * is stored. Payload {"chain":<32 hex>,"checkpoint":"lu-hz-01","head":"sha256:…","sequence":N,
 * "time":"…"}, JSON, receipt role. Pure, any thread.
 */
#pragma once

#include "gateway/signed/keyset.h"

enum {
    CHAIN_ID_SIZE = 16,    /* bytes */
    CHECKPOINT_ID_MAX = 64 /* bytes: a-z, 0-9, '-' */
};

struct receipt {
    char checkpoint[CHECKPOINT_ID_MAX + 1];
    uint8_t chain[CHAIN_ID_SIZE];
    uint64_t sequence;       /* of the last record covered, from 1 */
    uint8_t head[HASH_SIZE]; /* hash of that record */
    struct wall_time time;
};

/* 1 .. CHECKPOINT_ID_MAX bytes of a-z, 0-9 and '-'. */
bool checkpoint_id_good(const char *id);
/* An unsigned envelope; the caller signs and frees. ERR_INVALID. */
int receipt_compose(const struct receipt *r, struct envelope *out, struct err_text *err) MUST_CHECK;
/* ERR_INVALID, ERR_CORRUPT, ERR_DENIED. Chain, sequence and head are the caller's to compare. */
int receipt_verify(const struct keyset *set, const void *envelope, size_t size, struct receipt *out,
                   struct err_text *err) MUST_CHECK;
