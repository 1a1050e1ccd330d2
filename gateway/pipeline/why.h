/*
 * Why a hit is one, for record, event and answers: kind, where the best read differs from the
 * listed plate, the odds. Pure.
 */
#pragma once

#include <jansson.h>

#include "gateway/model/hit.h"

/* Into a body: "odds_db" (10 log10 of the odds) and "differs", a list of {"position","listed",
 * "read"}: listed is left out where something was read that the plate does not have, read where
 * nothing was. Each is left out when it has nothing to say. */
void why_into(json_t *body, const struct match_hit *hit, const struct plate_read *read);
/* Into an event or answer for people: "why" and "why_zh". */
void why_words_into(json_t *event, const struct match_hit *hit, const struct plate_read *read);
