/*
 * Pictures of hits, for the pages: a list, or the bytes of one. Loop's thread.
 */
#pragma once

#include "gateway/console/exchange.h"

/* checkpointd's answer to hit_show in the session's name: the exchange is answered with the list of
 * the hit's pictures, or, if it has a sha, with the bytes of that one. */
void pictures_of_hit(struct exchange *x, const struct relay_answer *answer);
/* Ends those under way; their exchanges stay. */
void pictures_stop(struct console *console);
