/*
 * What a reviewer must look at again: every withdrawal and emergency entry when it is published,
 * and each week a random sample of what people did, drawn by a recorded seed so that anybody with
 * the own records can draw it again: of the acts of the week that may be drawn those whose
 * SHA-256(seed ‖ sequence as 8 bytes big-endian) is lowest. Owned by the thread of the database.
 */
#pragma once

#include "gateway/hq/hqd.h"

enum {
    HQ_REVIEW_SAMPLE = 20, /* acts of a week */
    HQ_REVIEW_SEED_SIZE = 32,
    HQ_REVIEW_DUE_DAYS = 7
};

/* Inside the transaction of the act, before its record: what is published must be reviewed. `why`:
 * "withdrawal", "emergency". */
int hq_review_demand(struct hq_call *call, const char *why, struct err_text *err) MUST_CHECK;
/* Draws the sample of the last week that is over and not drawn, if there is one; Monday to Monday,
 * UTC. Call now and then. */
int hq_review_draw(struct hqd *hq, struct wall_time now, struct err_text *err) MUST_CHECK;
