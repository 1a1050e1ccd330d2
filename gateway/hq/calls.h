/*
 * What checkpoints call for (table calls): help, backup at a dangerous vehicle, a word that is
 * missed, a hit nobody deals with, a question, a local look-out. A record of a box whose body has a
 * member "call" {"kind","id","open",…} begins or ends one, urgent and in the chain alike; the
 * newest of a chain counts, in whatever order they come. Nothing here is evidence: the records are.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hq/store/db.h"
#include "gateway/journal/record.h"

enum {
    HQ_CALLS_ENDED_KEPT_DAYS = 30,
    HQ_CALLS_OPEN_KEPT_DAYS = 180 /* the box that would end it has gone */
};

/* Inside the transaction that stores the record: takes it over if it says so. A new one that needs
 * somebody is told (HQ_CALL). */
int hq_call_note(struct hq_db *db, const char *checkpoint, const struct journal_record *record,
                 struct wall_time now, struct err_text *err) MUST_CHECK;
/* Forgets those that ended, or began, long ago. */
int hq_calls_clean(struct hq_db *db, struct wall_time now, struct err_text *err) MUST_CHECK;
