/*
 * Retention at headquarters: bodies past their term go with their salts, here and in every copy
 * (hits, answers, urgent records); what is left of a record tells nothing and its chain verifies.
 * What a case holds stays. Each round of deletions stands in headquarters' own chain, in its
 * transaction. For the retention program's connection only (hq_db_open_sqlite_retention).
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hq/store/db.h"
#include "gateway/signed/keyset.h"

enum {
    HQ_RETAIN_PASSAGE_DAYS = 30,
    HQ_RETAIN_RECORD_DAYS = 365, /* hits, answers, decisions, orders, outcomes, acts, devices */
    HQ_RETAIN_OWN_DAYS = 1095,   /* what people at headquarters did */
    HQ_RETAIN_OWN_DAYS_MIN = 180,
    HQ_RETAIN_RECORD_DAYS_MIN = 30,
    HQ_RETAIN_CLOCK_AHEAD_DAYS = 7,
    HQ_RETAIN_PICTURE_DAYS = 30
};

struct hq_terms {
    int64_t passage_days; /* from a record's time, or when it came if that was earlier */
    int64_t record_days;
    int64_t own_days;
    int64_t clock_ahead_days; /* `now` further ahead of all that is known: nothing is deleted */
    int64_t picture_days;     /* pictures of hits, from the hit's time; 0: they are left alone */
};

#define HQ_RETENTION_KIND "retention-terms" /* of the documents */

/* Keeps `terms` within the retention terms published, which must verify under the key set held and
 * these roots; those are loaded only when there are such terms. *out_version 0: there are none.
 * Else an error, and nothing is to be deleted: what was published may say that it stays. */
int hq_terms_bind(struct hq_db *db,
                  int (*load_roots)(void *ctx, struct root_keys *out, struct err_text *err),
                  void *ctx, struct wall_time now, struct hq_terms *terms, uint64_t *out_version,
                  struct err_text *err) MUST_CHECK;

struct hq_retained {
    int64_t deleted; /* bodies, pictures */
    int64_t held;    /* past their term, kept for a case */
};

/* Goes through everything once, in short transactions; `go_on` is asked between them (false: stop
 * there). Nothing deleted is left in the store's files when it returns 0. ERR_BUSY: that could not
 * be reached, run again soon. ERR_STALE: `now` is more than clock_ahead_days ahead of the newest
 * time that a checkpoint's record or a clerk's signature speaks for (of a record: its own time, or
 * when it came if that was earlier), so it may be wrong, and nothing is deleted. */
int hq_retain(struct hq_db *db, const struct hq_terms *terms, struct wall_time now,
              bool (*go_on)(void *ctx), void *ctx, struct hq_retained *out,
              struct err_text *err) MUST_CHECK;
