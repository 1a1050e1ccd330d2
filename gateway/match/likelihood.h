/*
 * A channel made ready to reckon with: how likely a read is of a given plate, how likely it is of
 * nobody in particular, and what the camera's own candidates add. Internal to gateway/match; used
 * by judge and learn. Immutable once made; no allocation after that.
 */
#pragma once

#include "gateway/match/channel.h"

struct likelihood {
    enum channel_alphabet alphabet;
    double read[CHANNEL_SYMBOLS][CHANNEL_SYMBOLS]; /* [true][read]: given that it is not lost */
    double lost[3];
    double invented[3];
    double invented_symbol[CHANNEL_SYMBOLS];
    double share[CHANNEL_KINDS][CHANNEL_SYMBOLS];
    double weight_db[CHANNEL_ROWS];
    double other_pattern;    /* part of innocent reads of no pattern below */
    double pattern_of_other; /* each of its symbols: any kind, evenly */
    size_t pattern_count;
    struct likelihood_pattern {
        int count;
        uint8_t kinds[PLATE_SYMBOLS_MAX];
        double part;
    } patterns[CHANNEL_PATTERNS_MAX];
};

/* The symbols of a key: taken apart once, reckoned with often. */
struct likelihood_plate {
    int count;
    uint8_t symbols[PLATE_SYMBOLS_MAX];
};

/* Heap, for free(); NULL without memory. */
struct likelihood *likelihood_create(const struct match_channel *channel);
struct likelihood_plate likelihood_plate_of(plate_key key);

/* One step of reading `truth`, and its probability. */
double likelihood_invent(const struct likelihood *l, const struct likelihood_plate *truth, int at);
double likelihood_lose(const struct likelihood *l, const struct likelihood_plate *truth, int at);
double likelihood_say(const struct likelihood *l, uint8_t truth, uint8_t read);
enum channel_lost likelihood_lost_class(int at, int count);
enum channel_invented likelihood_invented_class(int at, int count);

/* P(read | truth), over all alignments; unread symbols of either say nothing. > 0. */
double likelihood_of_read(const struct likelihood *l, const struct likelihood_plate *truth,
                          const struct likelihood_plate *read);
/* P(read | an innocent plate). > 0. */
double likelihood_innocent(const struct likelihood *l, const struct likelihood_plate *read);
/* Row of evidence of `plate` in what the camera said; -1: it gave no candidates, so none. */
int likelihood_evidence_row(const struct plate_read *read, plate_key best, plate_key plate);
/* The ratio in decibels: the channel's for the best read, and the evidence of the candidates.
 * `best`: the read's key, or what stands for it. */
double likelihood_ratio_db(const struct likelihood *l, const struct plate_read *read,
                           plate_key best, plate_key plate);
