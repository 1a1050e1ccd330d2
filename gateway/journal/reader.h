/*
 * Reading a journal beside its writer: a read-only connection of its own, one short transaction a
 * call. For the export to headquarters, for holds after a restart, for searches. Any one thread.
 */
#pragma once

#include "gateway/journal/record.h"

enum { JOURNAL_READ_MAX = 1000 /* records of one call */ };

struct journal_reader;

/* The journal in `folder` must be there. *out is heap memory for journal_reader_close(). ERR_IO,
 * ERR_CORRUPT. */
int journal_reader_open(const char *folder, struct journal_reader **out,
                        struct err_text *err) MUST_CHECK;
void journal_reader_close(struct journal_reader *reader); /* NULL is fine */

/* The newest record's header; ERR_NOT_FOUND in an empty journal, ERR_IO, ERR_CORRUPT. */
int journal_reader_last(struct journal_reader *reader, struct journal_header *out,
                        struct err_text *err) MUST_CHECK;

/* Calls take() for up to `limit` (1 to JOURNAL_READ_MAX) records after sequence `after` whose kind
 * is in `kinds` (0 = all; JOURNAL_KINDS_UNKNOWN: all of newer builds), rising. The record lives
 * until take() returns; anything but 0 from it ends the reading and is returned. *out_last: the
 * last sequence taken, `after` if none. ERR_CORRUPT names the record, ERR_IO, ERR_BUSY. */
int journal_reader_read(struct journal_reader *reader, uint64_t after, uint32_t kinds, size_t limit,
                        int (*take)(void *ctx, const struct journal_record *record), void *ctx,
                        uint64_t *out_last, struct err_text *err) MUST_CHECK;

/* Who reads a journal from its beginning. */
struct journal_scan {
    uint32_t kinds;                                              /* as above */
    int (*take)(void *ctx, const struct journal_record *record); /* anything but 0 ends it */
    /* A record that cannot be read, or whose header or body is not the one recorded: passed over.
     */
    void (*damaged)(void *ctx, uint64_t sequence, const char *why);
    void *ctx;
};

/* All records of these kinds that are there at the beginning, rising, each in a transaction of its
 * own; damage ends nothing. What take() returned, ERR_IO, ERR_BUSY, ERR_NO_MEMORY. */
int journal_reader_scan(struct journal_reader *reader, const struct journal_scan *scan,
                        struct err_text *err) MUST_CHECK;

/* Records of one kind by the time they state, newest first: for searches. Those whose body is gone
 * are passed over; they can be counted. */
struct journal_span {
    enum journal_kind kind;
    struct wall_time from;  /* inclusive */
    struct wall_time until; /* exclusive */
};

/* How far a span was read. */
struct journal_place {
    struct wall_time wall; /* behind this record; sequence 0: nothing was read yet */
    uint64_t sequence;
};

/* Calls take() for up to `limit` (1 to JOURNAL_READ_MAX) records of the span from *place on and
 * moves it. The record lives until take() returns; anything but 0 from it ends the reading behind
 * that record and is returned. *out_count: how many were taken; fewer than `limit` with 0: that was
 * all. A record that cannot be read ends it as ERR_CORRUPT, with *place behind it. ERR_IO,
 * ERR_BUSY. */
int journal_reader_back(struct journal_reader *reader, const struct journal_span *span,
                        struct journal_place *place, size_t limit,
                        int (*take)(void *ctx, const struct journal_record *record), void *ctx,
                        size_t *out_count, struct err_text *err) MUST_CHECK;
/* How many records of the span there are, and how many of them still have their body. As long as an
 * index of them takes: ask for a day at a time. ERR_IO, ERR_BUSY, ERR_CORRUPT. */
int journal_reader_count(struct journal_reader *reader, const struct journal_span *span,
                         uint64_t *out_all, uint64_t *out_with_body,
                         struct err_text *err) MUST_CHECK;
/* Whether body and salt are those whose digest the record's header states. */
bool journal_record_is_whole(const struct journal_record *record);
