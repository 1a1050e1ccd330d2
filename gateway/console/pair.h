/*
 * A tablet fetches its key and certificate, once, by the code that 'checkpointctl tablet pair'
 * printed: the only thing an unknown browser may do. What is given is locked by a password the
 * console does not know. Loop's thread.
 */
#pragma once

#include "gateway/console/exchange.h"

enum { PAIR_TRIES_MAX = 10 /* wrong codes within PAIRING_LIFE_S, whoever sends them */ };

void handle_post_pair(struct exchange *x, const char *path);
/* Deletes bundles nobody fetched; now and then. */
void pair_tick(struct console *console);
