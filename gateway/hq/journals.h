/*
 * What checkpoints say of their own journals (table journals): which chain it is now, how many
 * records it has and had, how far headquarters' receipts went. Against it headquarters can say what
 * it lacks. Numbers only rise; what a box no longer has though it said so before stays as lost.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hq/store/db.h"
#include "gateway/journal/record.h"

/* Inside a transaction: there is, or was, a record `sequence`. */
int hq_journal_raise(struct hq_db *db, const char *checkpoint,
                     const uint8_t chain[JOURNAL_CHAIN_ID_SIZE], int64_t sequence,
                     struct wall_time now, struct err_text *err) MUST_CHECK;
