/*
 * Characters that cameras take for one another, as groups: 0ODQ, 1I, 2Z, 5S, 8B, 6G (78 % of the
 * substitutions measured on real reads). The folded key has the first character of its group in
 * place of each, so that plates a misread apart share one folded key and one look finds them all.
 * Pure.
 */
#pragma once

#include "gateway/match/keys.h"

enum { LOOK_ALIKE_SYMBOLS = 128 };

struct look_alike {
    bool folds; /* false: nothing is like anything else, every key folds to itself */
    uint8_t symbols[LOOK_ALIKE_SYMBOLS]; /* what each folds to: itself when it has no group */
};

void look_alike_init(struct look_alike *look_alike, bool folds);
plate_key look_alike_fold(const struct look_alike *look_alike, plate_key key);
/* How many symbols differ; both of one form. */
int look_alike_distance(plate_key a, plate_key b);
