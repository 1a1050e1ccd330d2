/*
 * Verifying a journal: every record follows the one before, every body fits, every seal is by the
 * key the seal before named. What no chain can show by itself is a cut tail: that needs an anchor
 * from outside, an HQ receipt or an exported seal, and the report says which one was used.
 */
#pragma once

#include "gateway/journal/record.h"

struct journal_anchor {
    struct journal_head head; /* what the anchor says of the chain; sequence 0 = no anchor */
    char name[64];            /* "HQ receipt", "exported seal": for the report */
};

struct journal_report {
    bool ok;
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    uint64_t records;
    uint64_t bodies; /* records that still have theirs */
    uint64_t seals;
    uint64_t sealed_to;   /* last record under a seal */
    uint64_t anchored_to; /* last record an outside anchor vouches for; 0 = none */
    char anchor[64];
    uint64_t fault_at; /* first record that is wrong, 0 = none */
    struct err_text fault;
};

/* Reads the whole journal at `folder` in transactions of at most 1000 records. `anchors` are
 * checked each. Returns 0 when it could be read (report->ok says the rest), otherwise why not. */
int journal_verify(const char *folder, const struct journal_anchor *anchors, size_t anchor_count,
                   struct journal_report *out, struct err_text *err) MUST_CHECK;

/* What can still be read of a journal that journal_open() refused, before it is set aside: take()
 * for every readable record, rising; `verified`: it and all before it hold together. A row that
 * cannot be read is passed over. out->ok: all of it was verified. ERR_CORRUPT, ERR_IO: the file
 * cannot be opened at all. */
int journal_salvage(const char *folder,
                    void (*take)(void *ctx, const struct journal_record *record, bool verified),
                    void *ctx, struct journal_report *out, struct err_text *err) MUST_CHECK;
