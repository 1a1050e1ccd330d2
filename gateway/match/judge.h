/*
 * Judgement: how likely a match is to be the vehicle itself and not an innocent one read like it.
 * A likelihood ratio over what the camera says (best read, candidates, confidences), under the
 * channel of the plate's alphabet, against the size of the list; a match that is no exact one is
 * told only if the operating point that headquarters signed allows it. An exact match is always
 * told. Immutable once made, any thread; no clock, no allocation in match_judge_hit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/model/hit.h"
#include "gateway/model/plate_read.h"

struct match_judge;

/* Fills in hit->odds_db and hit->differs. `entry_count`: entries of the list the hit is from.
 * False: not to be told. NULL as judge: odds stay MATCH_ODDS_NONE, everything is told. */
bool match_judge_hit(const struct match_judge *judge, const struct plate_read *read,
                     size_t entry_count, struct match_hit *hit);
