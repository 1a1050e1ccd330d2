/*
 * The tablets checkpointd knows, asked of it every few seconds: who a certificate belongs to. The
 * same question shows whether checkpointd answers at all. Loop's thread.
 */
#pragma once

#include <stdbool.h>

#include "gateway/console/feed.h"
#include "gateway/console/relay.h"
#include "gateway/tls/identity.h"

enum { TABLETS_MAX = 64, TABLETS_ASK_MS = 5000, TABLETS_WAIT_MS = 5000 };

struct tablets;

struct tablets_options {
    struct relay *relay;
    /* checkpointd stopped answering, or answers again. */
    void (*hung)(void *ctx, bool hung);
    void *ctx;
};

int tablets_create(const struct tablets_options *options, struct tablets **out) MUST_CHECK;
void tablets_destroy(struct tablets *tablets); /* NULL is fine */
/* Asks when it is time. */
void tablets_tick(struct tablets *tablets);
/* Asks at the next tick. */
void tablets_refresh(struct tablets *tablets);
/* Whether checkpointd has said yet which there are. */
bool tablets_known(const struct tablets *tablets);
/* The tablet of that certificate; false: none that is paired. */
bool tablets_find(const struct tablets *tablets, const uint8_t fingerprint[TLS_FINGERPRINT_SIZE],
                  char out_name[FEED_TABLET_SIZE]);
