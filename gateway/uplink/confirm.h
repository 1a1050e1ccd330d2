/*
 * Whether a hit's entry still stands: checkpointd's question to headquarters as it came, and
 * headquarters' answer back. A courtesy that nothing waits for: what cannot be answered in time is
 * dropped, checkpointd shows that none came. Nothing here is believed; checkpointd verifies.
 */
#pragma once

#include "gateway/uplink/box.h"
#include "gateway/uplink/channel.h"

enum {
    CONFIRM_ASK_MS = 5000, /* from the question to headquarters' answer */
    CONFIRM_LOOK_MS = 200,
    CONFIRM_ANSWER_MAX = 16 * 1024 /* bytes; a signed one has less than one KiB */
};

/* One question, if one comes within CONFIRM_LOOK_MS. Blocks up to CONFIRM_ASK_MS. The channel's own
 * faults are the other channels' to tell: it is quiet. */
void confirm_step(struct box *box, struct channel *channel);
