/*
 * The tablets checkpointd knows: who a certificate belongs to. It tells them at each change, on
 * `events`; while it does not they are asked every few seconds, and that question shows at any time
 * whether it answers at all. Loop's thread.
 */
#pragma once

#include <stdbool.h>

#include "gateway/console/feed.h"
#include "gateway/console/relay.h"
#include "gateway/tls/identity.h"

enum { TABLETS_MAX = 64, TABLETS_ASK_MS = 5000, TABLETS_WAIT_MS = 5000, TABLETS_AGAIN_MS = 500 };

struct tablets;

struct tablets_options {
    struct event_base *base;
    const char *events_path;
    struct relay *relay;
    /* checkpointd stopped answering, or answers again. */
    void (*hung)(void *ctx, bool hung);
    void *ctx;
};

int tablets_create(const struct tablets_options *options, struct tablets **out) MUST_CHECK;
void tablets_destroy(struct tablets *tablets); /* NULL is fine */
/* Asks when it is time, and listens. */
void tablets_tick(struct tablets *tablets);
/* Whether checkpointd has said yet which there are. */
bool tablets_known(const struct tablets *tablets);
/* The tablet of that certificate; false: none that is paired. What checkpointd told before this
 * call counts. */
bool tablets_find(struct tablets *tablets, const uint8_t fingerprint[TLS_FINGERPRINT_SIZE],
                  char out_name[FEED_TABLET_SIZE]);
