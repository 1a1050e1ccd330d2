/*
 * The journal: the one writer of the chain, over SQLite (WAL, synchronous=FULL). Owned by one
 * thread. A record is on the disk when journal_append returns 0, or it is not there at all.
 *
 * Files in the folder: journal.sqlite, seal.key (private, replaced at each seal), reserve (freed
 * when the disk is full, so that holds and acts still record).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/journal/record.h"

enum {
    JOURNAL_SEAL_INTERVAL_DEFAULT_MS = 10 * 60 * 1000,
    JOURNAL_RESERVE_DEFAULT_BYTES = 16 << 20,
    JOURNAL_GROUP_MAX = 64 /* records of one append */
};

struct journal;

struct journal_options {
    const char *folder;               /* must exist */
    const char *checkpoint;           /* "lu-hz-01": stands in the start record */
    int64_t seal_interval_ms;         /* 0 = default */
    uint64_t reserve_bytes;           /* 0 = default */
    const struct clock_source *clock; /* `wall` should be trusted time; outlives the journal */
};

/* Opens the journal or begins a new one, checks its tail (the last records and the seal key), and
 * appends a start record (later, by journal_maintain, while the disk is full: the journal is not
 * healthy until then). ERR_CORRUPT: the file or its tail is damaged, set it aside with
 * journal_set_aside() and open again: that begins a new chain, which HQ quarantines until a person
 * accepts it. ERR_IO, ERR_FULL, ERR_NO_MEMORY. */
int journal_open(const struct journal_options *options, struct journal **out,
                 struct err_text *err) MUST_CHECK;
/* Appends a stop record and a seal, closes. NULL is fine. */
void journal_close(struct journal *journal);
/* Renames journal.sqlite and seal.key out of the way, with the time in their names. */
int journal_set_aside(const char *folder, struct wall_time now, struct err_text *err) MUST_CHECK;

struct journal_entry {
    enum journal_kind kind;
    const char *actor; /* 1 to JOURNAL_ACTOR_SIZE bytes */
    const char *body;  /* canonical JSON */
    size_t body_size;
    struct wall_time wall;
    struct mono_time mono;
    bool essential; /* may use the reserve: protective records and acts */
};

/* Appends up to JOURNAL_GROUP_MAX entries in one commit, all or none; *out_sequence is the first
 * one's. ERR_FULL (disk full; or the reserve is in use and an entry is not essential), ERR_IO,
 * ERR_TOO_LARGE. Nothing is lost by trying again. */
int journal_append(struct journal *journal, const struct journal_entry *entries, size_t count,
                   uint64_t *out_sequence, struct err_text *err) MUST_CHECK;

/* Seals when the interval has passed; call now and then. Also gives the disk its reserve back when
 * there is room again. */
int journal_maintain(struct journal *journal, struct err_text *err) MUST_CHECK;
/* False while the reserve is in use or the last append failed: releasing acts are refused. */
bool journal_healthy(const struct journal *journal);
/* Whether the last append failed with the reserve in place: only the next one shows that it is
 * over. */
bool journal_failed(const struct journal *journal);
void journal_head_read(const struct journal *journal, struct journal_head *out);

/* Headquarters has everything up to `head`; `receipt` is its signed statement, verified by the
 * caller, kept as an anchor. The hash must be that of the record here. An older one than known
 * changes nothing. ERR_CONFLICT (another chain), ERR_NOT_FOUND (no such record), ERR_CORRUPT
 * (another hash), ERR_FULL, ERR_IO. */
int journal_confirm(struct journal *journal, const struct journal_head *head, const char *receipt,
                    size_t receipt_size, struct err_text *err) MUST_CHECK;
/* The newest sequence HQ has confirmed, 0 = none. */
uint64_t journal_confirmed(const struct journal *journal);

/* How long bodies are kept. Seals, starts, stops, lists, configuration and clock records name
 * nobody and are kept for ever. */
struct journal_retention {
    int64_t age_ms[JOURNAL_KIND_COUNT]; /* by the record's wall time; 0 = kept for ever */
    uint32_t on_box; /* JOURNAL_KIND_BITs: headquarters gets no body, so it is not waited for */
    /* Whether a case holds the record of that time with this body; NULL: nothing is held. Asked
     * once a body, and again with another version of the holds or an hour later. */
    bool (*held)(void *ctx, struct wall_time wall, const char *body, size_t size);
    void *ctx;
    uint64_t held_version;
};

enum {
    JOURNAL_RETAIN_MAX = 200,       /* bodies looked at in one transaction */
    JOURNAL_AFTER_RECEIPT_DAYS = 30 /* hits, acts and barrier records stay this long after theirs */
};

/* Deletes bodies past their term, each with its salt: header and hash stay, the chain verifies, and
 * nothing left tells what was in it. Of hits, decisions, orders, outcomes, acts and device records
 * none goes sooner than JOURNAL_AFTER_RECEIPT_DAYS after headquarters confirmed it; a passage whose
 * body headquarters gets, not before it was confirmed. What is held stays. At most
 * JOURNAL_RETAIN_MAX bodies past their term a call, *out_looked says how many: call again soon when
 * that many. `now` must be trusted time: do not call while the clock is not. ERR_FULL, ERR_IO,
 * ERR_BUSY: nothing was deleted, or a reader keeps the write-ahead log from being emptied; the next
 * call does it. */
int journal_retain(struct journal *journal, const struct journal_retention *retention,
                   struct wall_time now, size_t *out_looked, struct err_text *err) MUST_CHECK;
