/*
 * Learning a channel from confirmed pairs: what the plate was, as an officer saw it, and what the
 * camera said. Done at headquarters by hqctl, never on a box: what a box tells officers changes by
 * a signed statement only. Pure and deterministic: the same pairs in any order give the same
 * channel up to rounding. Pairs come of matches that were told, so they speak of misreads near a
 * listed plate; how often a plate is read as nothing like itself they do not say.
 */
#pragma once

#include "gateway/match/channel.h"
#include "gateway/model/plate_read.h"

enum {
    LEARN_PAIRS_MIN = 100,
    LEARN_SMOOTHING_DEFAULT = 20, /* pseudo-observations a row */
    LEARN_ITERATIONS_MAX = 50
};

struct match_pair {
    plate_key truth;
    struct plate_read read; /* kind, key, confidence and candidates are looked at */
};

struct learn_options {
    enum channel_alphabet alphabet;
    uint64_t version; /* from 1 */
    struct wall_time time;
    uint32_t smoothing; /* 1 .. CHANNEL_SMOOTHING_MAX */
};

/* Learns from the pairs of the alphabet whose plate and read are whole (the others are passed
 * over). *out is heap memory for channel_destroy(). ERR_INVALID: fewer than LEARN_PAIRS_MIN such
 * pairs, options out of range; ERR_NO_MEMORY. */
int channel_learn(const struct match_pair *pairs, size_t count, const struct learn_options *options,
                  struct match_channel **out, struct err_text *err) MUST_CHECK;
