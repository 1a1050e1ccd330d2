/*
 * The stream of batches in Redis, id <revision>-0, one field. Replies are checked piece by piece.
 * Internal to gateway/wanted.
 */
#pragma once

#include "gateway/wanted/link.h"

struct delta {
    uint64_t revision; /* from the id; says nothing until the batch is verified */
    uint64_t minor;    /* the id's second part: 0 as we write it */
    uint8_t *bytes;    /* heap; NULL: not one of ours (another field, no field) */
    size_t size;
};

void delta_free(struct delta *delta);
int delta_length(struct link *link, uint64_t *out, struct err_text *err) MUST_CHECK;
/* ERR_NOT_FOUND, ERR_CORRUPT (malformed). delta_free frees. */
int delta_last(struct link *link, struct delta *out, struct err_text *err) MUST_CHECK;
int delta_get(struct link *link, uint64_t revision, struct delta *out,
              struct err_text *err) MUST_CHECK;
/* Appends a batch; link_call's errors, ERR_CONFLICT: the stream's last id is not below it. */
int delta_add(struct link *link, uint64_t revision, const void *bytes, size_t size,
              struct err_text *err) MUST_CHECK;
/* Up to `max` items behind the id `after`-`after_minor`, waiting up to wait_ms for the first
 * (0: not at all). *out_count 0: none came. */
int delta_read(struct link *link, uint64_t after, uint64_t after_minor, int wait_ms,
               struct delta *out, size_t max, size_t *out_count, struct err_text *err) MUST_CHECK;
/* Whether wanted:meta holds this manifest. `want` is heap memory and freed here. */
int delta_same_manifest(struct link *link, uint8_t *want, size_t size, bool *out,
                        struct err_text *err) MUST_CHECK;
