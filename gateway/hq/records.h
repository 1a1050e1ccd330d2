/*
 * Journal records as checkpoints send them: NDJSON of CloudEvents, each verified against the chain
 * held before it is stored, all in one transaction. The same record twice is stored once. What lies
 * beyond a gap is not stored: the checkpoint still has what is missing and is asked for it. A
 * record that does not follow, a fork or a new chain of the same stream is quarantined until a
 * named operator accepts it, but for the first one of a box that was put in another's place. Hits
 * flow on as provisional ones. Used by the thread that owns the database. Issues no receipts: the
 * caller does, and only for what is not quarantined.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hq/store/db.h"
#include "gateway/journal/record.h"

enum { HQ_BODY_MAX = 1 << 20, HQ_REASON_SIZE = 200 };

/* Which of a checkpoint's chains a record is of. Numbers stand in the database. */
enum hq_stream {
    HQ_STREAM_JOURNAL = 0,
    HQ_STREAM_OBSERVE = 1 /* the second chain: starts, stops, seals and sealed bodies alone */
};
/* All of them, each 1 << its number. */
enum { HQ_STREAMS_ALL = 1 << HQ_STREAM_JOURNAL | 1 << HQ_STREAM_OBSERVE };

struct hq_ingest {
    struct journal_head head; /* what HQ holds of this chain after the call */
    int stored;
    int repeated;
    int hits;     /* new to HQ */
    bool gap;     /* records are missing before some of these: they are to be sent again */
    bool gap_new; /* … and were not missed before */
    bool quarantined;
    bool broke;                  /* it was this call that put it there */
    char reason[HQ_REASON_SIZE]; /* English, of the quarantine */
};

/* Makes the receipt for what HQ holds once the call's records are stored, as heap text; NULL: none.
 * Called inside the transaction, so that record and receipt take one commit. */
typedef char *(*hq_receipt_cb)(void *ctx, const struct journal_head *head);

/* ERR_INVALID (form, another checkpoint's source, two chains in one body, no record), ERR_CORRUPT
 * (a body that does not fit its digest), ERR_TOO_LARGE, and the database's. Nothing is stored then.
 */
int hq_records_ingest(struct hq_db *db, const char *checkpoint, const char *body, size_t size,
                      struct wall_time now, struct hq_ingest *out, struct err_text *err) MUST_CHECK;
/* The same, with its receipt kept beside the chain (unless it is in quarantine). *out_receipt is
 * heap text; NULL when `make` made none. */
int hq_records_take(struct hq_db *db, enum hq_stream stream, const char *checkpoint,
                    const char *body, size_t size, struct wall_time now, hq_receipt_cb make,
                    void *ctx, struct hq_ingest *out, char **out_receipt,
                    struct err_text *err) MUST_CHECK;
/* Ends a quarantine, inside the caller's transaction. A chain that broke stays refused at its
 * break: only a new one can go on. ERR_NOT_FOUND when the chain is not quarantined. */
int hq_records_accept(struct hq_db *db, const char *checkpoint,
                      const uint8_t chain[JOURNAL_CHAIN_ID_SIZE], const char *operator_name,
                      const char *reason, struct wall_time now, struct err_text *err) MUST_CHECK;
/* One record ahead of the backlog: kept, and shown as a provisional hit when it is one, until the
 * chain reaches it. *out_new: HQ had not seen it. Errors as hq_records_ingest. */
int hq_records_urgent(struct hq_db *db, const char *checkpoint, const char *line, size_t size,
                      struct wall_time now, bool *out_new, struct err_text *err) MUST_CHECK;
/* What a box's record of kind "instruction" says of one that was sent to it (instructions.c); only
 * the first word on each counts. */
int hq_instruction_answered(struct hq_db *db, const char *checkpoint,
                            const struct journal_record *record, struct err_text *err) MUST_CHECK;
