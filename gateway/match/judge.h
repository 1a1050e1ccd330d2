/*
 * Judgement: how likely a match is to be the vehicle itself and not an innocent one read like it.
 * A likelihood ratio over what the camera says (best read, candidates, confidences), under the
 * channel of the plate's alphabet, against the size of the list; a match that is no exact one is
 * told only if the operating point that headquarters signed allows it. An exact match is always
 * told. Immutable once made, any thread; no clock, no allocation in match_judge_hit.
 *
 * The operating point is "false alerts a shift of 8 hours". Only an exact match may sound, and what
 * a listed plate reads like exactly is no matter of judgement: silence there could hide a killer.
 * So the number bounds what judgement can bound: the false ones among all other matches that are
 * told at all, suspected and quiet, that an officer looks at; were a rule to let some of them
 * sound, the same number bounds their sounding. Exact matches get their odds, which rules may ask
 * for (odds_min).
 *
 * Judged are matches of a read with candidates, against a whole listed plate, under a channel.
 * Everything else is told as the look-alike rule found it: a camera that sends one string gives
 * nothing to judge by; a partial entry is as wide as headquarters made it; and without a channel
 * nothing is known of the camera, so to be silent would be a guess against the alert (the price is
 * quiet suspected hits, and headquarters sees their number).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/match/channel.h"
#include "gateway/model/hit.h"
#include "gateway/model/plate_read.h"

struct match_judge;

struct match_operating_point {
    uint32_t false_alerts; /* a shift of 8 h, > 0 */
    uint32_t vehicles;     /* that pass in a shift of 8 h, > 0: signed, or the box's own count */
};
enum { MATCH_FALSE_ALERTS_DEFAULT = 3, MATCH_VEHICLES_DEFAULT = 4000 };

/* Copies the channels (any order, an alphabet at most once; none is fine). *out is heap memory for
 * match_judge_destroy(). ERR_INVALID, ERR_NO_MEMORY. */
int match_judge_create(const struct match_channel *const *channels, size_t count,
                       const struct match_operating_point *point, struct match_judge **out,
                       struct err_text *err) MUST_CHECK;
void match_judge_destroy(struct match_judge *judge); /* NULL is fine */

/* Fills in hit->odds_db and hit->differs. `entry_count`: entries of the list the hit is from.
 * False: not to be told. NULL as judge: odds stay MATCH_ODDS_NONE, everything is told. */
bool match_judge_hit(const struct match_judge *judge, const struct plate_read *read,
                     size_t entry_count, struct match_hit *hit);
