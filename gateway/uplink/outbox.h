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
    OUTBOX_BATCH_MAX = 1 << 20,      /* bytes of one body, headquarters' limit */
    OUTBOX_BATCH_RECORDS_MAX = 2000, /* of one body: as many of the shortest as it holds */
    /* Two batches, so that the next one comes from checkpointd while one is on its way. */
    OUTBOX_RECORDS_MAX = 2 * OUTBOX_BATCH_RECORDS_MAX,
    OUTBOX_BYTES_MAX = 2 * OUTBOX_BATCH_MAX, /* what checkpointd gets credit for */
    OUTBOX_LINE_MAX = 128 * 1024             /* bytes of one event, JOURNAL_WIRE_MAX */
};

struct outbox_record {
    char *text; /* heap: one CloudEvent, no newline */
    size_t size;
    uint64_t sequence;
};

struct outbox {
    struct outbox_record records[OUTBOX_RECORDS_MAX];
    size_t count;
    size_t bytes; /* of their lines */
};

/* Takes over `text`. ERR_FULL, ERR_TOO_LARGE: it is still the caller's. */
int outbox_add(struct outbox *o, char *text, size_t size, uint64_t sequence) MUST_CHECK;
struct outbox_amount {
    size_t records;
    size_t bytes; /* of their lines, newlines not counted */
};

/* The first records, at most `records_max` (from 1) of them and OUTBOX_BATCH_MAX bytes, as NDJSON;
 * *out is heap memory the caller frees. ERR_NOT_FOUND when there is none, ERR_NO_MEMORY. */
int outbox_batch(const struct outbox *o, size_t records_max, char **out, size_t *out_size,
                 size_t *out_records) MUST_CHECK;
/* Forgets what `sequence` confirms; returns how much that was. */
struct outbox_amount outbox_confirm(struct outbox *o, uint64_t sequence);
void outbox_clear(struct outbox *o);
