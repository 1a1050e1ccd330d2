/*
 * Confirmed pairs for learning, out of officers' answers: `confirm` says that the listed plate is
 * the truth, `misread` with a plate that that one is; `misread` without one says only what it was
 * not, and there is nothing to learn from that. Of several answers to one hit the latest counts.
 * Pure; one owner.
 */
#pragma once

#include <jansson.h>

#include "gateway/match/learn.h"

enum { PAIRS_LINE_MAX = 64 * 1024 /* bytes of one line of a file */ };

struct pairs {
    struct match_pair *pairs; /* heap */
    uint8_t *said;            /* heap: of each, what the answer was; internal */
    size_t count;
    size_t capacity;
    json_t *hits; /* "checkpoint/chain/hit" -> its place, to find a later answer's */
    /* What they came of, the latest answers alone. */
    size_t answers;
    size_t confirmed;
    size_t misread;   /* with the plate seen by eye */
    size_t negatives; /* misread, without */
    size_t unusable;  /* no plate read, or not whole */
};

/* ERR_NO_MEMORY. pairs_fini frees; a zeroed one is fine. */
int pairs_init(struct pairs *pairs) MUST_CHECK;
void pairs_fini(struct pairs *pairs);
/* An item of GET /v1/operator/answers, in the order of its number. ERR_INVALID: it is none,
 * ERR_TOO_LARGE (CHANNEL_PAIRS_MAX), ERR_NO_MEMORY. */
int pairs_add_answer(struct pairs *pairs, const json_t *answer, struct err_text *err) MUST_CHECK;
/* A line of a file: such an item, or {"truth":"鲁H12345","reads":[{"plate":"…","confidence":93.5},
 * …]} with the best read first. Empty lines are passed over. The same errors. */
int pairs_add_line(struct pairs *pairs, const char *line, size_t size,
                   struct err_text *err) MUST_CHECK;
/* After the last: takes out what a later answer replaced or that cannot be learned from. */
void pairs_settle(struct pairs *pairs);
/* Pairs whose true plate is of the alphabet. */
size_t pairs_of_alphabet(const struct pairs *pairs, enum channel_alphabet alphabet);
