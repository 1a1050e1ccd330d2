/*
 * Holds of cases: what a case needs is not deleted at the end of its term. A hold names plates or
 * entries, a checkpoint, a lane of it, a span of time; what all of a row's conditions fit is held.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hq/store/db.h"

struct hq_holds;

/* The holds in force. Heap, ended by hq_holds_free (NULL is fine). */
int hq_holds_load(struct hq_db *db, struct hq_holds **out, struct err_text *err) MUST_CHECK;
void hq_holds_free(struct hq_holds *holds);
/* Whether a record's body is held: of `checkpoint` ("" for headquarters' own), of this time. One
 * that cannot be read is held. */
bool hq_holds_cover(const struct hq_holds *holds, const char *checkpoint, struct wall_time time,
                    const char *body, size_t size);
