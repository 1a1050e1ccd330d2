/*
 * What an operating point costs, for those who sign it: how many of the plates that a camera
 * misread by one symbol, and named second, an officer would still be told of. Tried on plates made
 * by the channel itself, the same ones every time. Headquarters only; pure.
 */
#pragma once

#include "gateway/match/judge.h"

/* Of a hundred, against a list of `entries`. `point->vehicles` 0: ordinary traffic. ERR_NO_MEMORY,
 * ERR_INVALID. */
int match_told_percent(const struct match_channel *channel,
                       const struct match_operating_point *point, size_t entries, int *out,
                       struct err_text *err) MUST_CHECK;
