/*
 * Headquarters' own chain: what people did, looked at and were refused, and what the retention job
 * deleted. Records of gateway/journal's format in the database, one chain for a fleet, each written
 * in the transaction of the act it speaks of; what cannot be recorded is refused. Used by the
 * thread that owns the database.
 *
 * Header: kind act, actor = the person's name, monotonic time 0 and boot id zeros (several servers
 * write one chain, its sequence is the order). Body: README.md of this folder.
 */
#pragma once

#include "gateway/hq/call.h"
#include "gateway/hq/store/db.h"
#include "gateway/journal/record.h"

/* Appends one record inside the caller's transaction; steals `body` (NULL: no memory). `actor` is
 * cut to JOURNAL_ACTOR_SIZE bytes. ERR_CORRUPT: the newest record cannot be read, so nothing can
 * follow it. */
int hq_own_append(struct hq_db *db, const char *actor, json_t *body, struct wall_time now,
                  struct err_text *err) MUST_CHECK;
/* Where the chain stands; zeroed while it is empty. */
int hq_own_head(struct hq_db *db, struct journal_head *out, struct err_text *err) MUST_CHECK;

/* Appends the record of an operator's request that will be answered with `status`, then commits:
 * the act and its record are both there or neither. In the place of hq_db_commit in every handler
 * that changes something. */
int hq_act_commit(struct hq_call *call, int status, struct err_text *err) MUST_CHECK;
/* The same for a request that changed nothing (a look, a refusal), in a transaction of its own. Its
 * answer is replaced when it cannot be recorded: nobody sees what does not stand here. */
void hq_act_record(struct hq_call *call);

/* One that waits for hits: recorded as the beginning of a stream unless it goes on where this
 * person's last page of it ended, less than HQ_STREAM_MS ago. */
enum { HQ_STREAM_MS = 3600 * 1000 };
int hq_stream_begin(struct hq_call *call, int64_t after, struct err_text *err) MUST_CHECK;
/* A page of hits went out, or will: recorded, and the stream goes on behind it. */
int hq_stream_page(struct hq_call *call, int64_t after, int64_t next,
                   struct err_text *err) MUST_CHECK;
