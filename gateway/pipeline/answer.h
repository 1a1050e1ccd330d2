/* An officer's answer to a hit, as a record and an event say it. Pure. */
#pragma once

#include <jansson.h>

#include "gateway/pipeline/fact.h"

/* Into a body: hit, passage, entry, answer ("confirm", "misread"), listed (the entry's plate),
 * plate (seen by eye, where it was said), read (the hit's, from its JSON text): headquarters learns
 * from this record alone. */
void answer_into(json_t *body, const struct fact_answer *answer, const char *read);
