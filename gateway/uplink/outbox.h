/*
 * Records that came from checkpointd and that headquarters has not confirmed yet, in sequence, and
 * the batch to send next. They are kept until checkpointd accepts a receipt: sending one twice is
 * harmless, losing one is not. Pure; one owner.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum {
    /* So many of the largest lines still fit what checkpointd keeps for a client (16 MiB). */
    OUTBOX_RECORDS_MAX = 100,
    OUTBOX_LINE_MAX = 128 * 1024, /* bytes of one event, JOURNAL_WIRE_MAX */
    OUTBOX_BATCH_MAX = 1 << 20    /* bytes of one body */
};

struct outbox_record {
    char *text; /* heap: one CloudEvent, no newline */
    size_t size;
    uint64_t sequence;
};

struct outbox {
    struct outbox_record records[OUTBOX_RECORDS_MAX];
    size_t count;
};

/* Takes over `text`. ERR_FULL, ERR_TOO_LARGE: it is still the caller's. */
int outbox_add(struct outbox *o, char *text, size_t size, uint64_t sequence) MUST_CHECK;
/* The first records, at most `records_max` (from 1) of them and OUTBOX_BATCH_MAX bytes, as NDJSON;
 * *out is heap memory the caller frees. ERR_NOT_FOUND when there is none, ERR_NO_MEMORY. */
int outbox_batch(const struct outbox *o, size_t records_max, char **out,
                 size_t *out_size) MUST_CHECK;
/* Forgets what `sequence` confirms; returns how many records those were. */
size_t outbox_confirm(struct outbox *o, uint64_t sequence);
void outbox_clear(struct outbox *o);
