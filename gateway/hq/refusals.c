/* See refusals.h. */
#include "gateway/hq/refusals.h"

#include <stdio.h>

#include "gateway/base/log.h"

void refusals_tell(void *ctx, const char *why)
{
    const int64_t most_ms = (int64_t)REFUSALS_BURST * REFUSALS_LINE_MS;
    struct refusals *r = ctx;
    struct mono_time now = clock_mono(&clock_system);
    r->untold++;
    r->credit_ms = r->at.ns == 0 ? most_ms : r->credit_ms + mono_diff_ms(now, r->at);
    r->at = now;
    if (r->credit_ms > most_ms)
        r->credit_ms = most_ms;
    if (r->credit_ms < REFUSALS_LINE_MS)
        return;
    r->credit_ms -= REFUSALS_LINE_MS;
    log_event(EVENT_HQ_PEER_REFUSED, "count=%u reason=\"%s\"", r->untold, why);
    r->untold = 0;
}

void refusals_tell_call(struct refusals *refusals, const struct hq_call *call)
{
    char urn[TLS_URN_SIZE];
    char why[TLS_URN_SIZE + HQ_ABOUT_SIZE + 16];
    bool box = call->peer.identity.kind == TLS_PEER_CHECKPOINT;
    if (call->answer.status != 403 || !(box || call->answer.close) ||
        tls_identity_format(&call->peer.identity, urn) != 0)
        return;
    (void)snprintf(why, sizeof(why), "%s (%s)", call->why, urn); /* fits */
    refusals_tell(refusals, why);
}
