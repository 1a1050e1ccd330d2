/*
 * The box's certificate renews itself: two thirds through its life a new key is made here, EST's
 * simplereenroll brings its certificate, the pair is switched, and headquarters is shown the new
 * one, which ends the old one there. Until that happens the old pair serves; what fails is tried
 * again with growing waits and alarmed with the time left. One owner thread; blocks.
 */
#pragma once

#include "gateway/uplink/channel.h"

enum {
    RENEW_LOOK_MS = 5000,            /* how often the certificate is looked at */
    RENEW_RETRY_MAX_MS = 900 * 1000, /* longest wait between two tries */
    RENEW_AGAIN_MS = 3600 * 1000     /* not again before, whatever a wrong clock says is due */
};

struct renew {
    struct channel channel; /* quiet */
    struct backoff backoff;
    struct mono_time not_before; /* of the next look */
    int64_t days_told;           /* left, when the standing fault was told; -1: none stands */
};

/* `wait` as for channel_init. `site` has `switches`, which is counted up before and after the pair
 * is switched. */
void renew_init(struct renew *renew, const struct uplink_site *site, int channel,
                const struct uplink_wait *wait);
void renew_fini(struct renew *renew);
/* Looks when it is time, and renews when that is due. */
void renew_step(struct renew *renew);
