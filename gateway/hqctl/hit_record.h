/*
 * Bodies of journal records as headquarters hands them on (gateway/journal/README.md), read for
 * people and for learning. What is missing or unfit is as if it were not said: a box may be of
 * another version. Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/model/hit.h"

/* Why a hit is one, in words; the name of its kind when the record does not say more. */
void hit_record_why(const json_t *record, char out[MATCH_WHY_TEXT_SIZE]);
/* The key of a plate's text, 0 when it is none; unread symbols are fine. */
plate_key hit_record_plate(const json_t *object, const char *name);
/* A "read": kind, key, confidence and candidates. False: there is none, or no plate in it. */
bool hit_record_read(const json_t *read, struct plate_read *out);
