/*
 * Fitting the probabilities of a channel to pairs by expectation and maximisation: how each read
 * came of its plate is not known, so every way counts by its probability, in turn with the
 * probabilities themselves. Internal to gateway/match.
 */
#pragma once

#include "gateway/match/learn.h"
#include "gateway/match/look_alike.h"

/* Pairs that are used, in the caller's order. */
struct learn_pairs {
    const struct match_pair **pairs;
    size_t count;
};

/* Everything of *out but its evidence and innocent masses. ERR_NO_MEMORY. */
int learn_fit(const struct learn_pairs *pairs, const struct learn_options *options,
              struct match_channel *out) MUST_CHECK;
/* Symbols cameras take for one another: of a look-alike group, the provinces, the special
 * characters. */
bool learn_alike(const struct look_alike *groups, uint8_t a, uint8_t b);
