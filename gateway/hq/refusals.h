/*
 * Refused peers in hqd's log: each with its reason, but strangers shall not fill it, so a line a
 * second on the average and a few at once; the rest are counted into the next line. Owned by the
 * server's thread; a zeroed one is ready.
 */
#pragma once

#include "gateway/hq/call.h"

enum { REFUSALS_LINE_MS = 1000, REFUSALS_BURST = 20 };

struct refusals {
    struct mono_time at;
    int64_t credit_ms;
    unsigned untold;
};

/* For tls_server_options.refused and struct connections; `ctx` is the struct refusals. */
void refusals_tell(void *ctx, const char *why);
/* A call of a box, or under a certificate that is no longer good, that was answered 403. */
void refusals_tell_call(struct refusals *refusals, const struct hq_call *call);
