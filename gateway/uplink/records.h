/*
 * Records to headquarters: takes what comes from checkpointd in sequence, sends it in batches,
 * hands each receipt back to checkpointd, and forgets a record only when checkpointd says that it
 * is confirmed. Blocks; one owner thread, which calls records_step again and again.
 */
#pragma once

#include "gateway/uplink/channel.h"
#include "gateway/uplink/outbox.h"
#include "gateway/uplink/traffic.h"

/* The way to checkpointd and back. A connection to it has a number (its epoch); after a new one
 * checkpointd sends again everything behind what is confirmed. */
struct records_box {
    void *ctx;
    /* The connection there is now, 0: none. */
    unsigned (*epoch)(void *ctx);
    /* The next record of connection `epoch`, waiting up to wait_ms: *out_text is the caller's.
     * ERR_TIMEOUT, ERR_STOPPED. */
    int (*take)(void *ctx, unsigned epoch, int wait_ms, char **out_text, size_t *out_size,
                uint64_t *out_sequence);
    /* So much more may come. A connection that has gone is no error. */
    void (*credit)(void *ctx, unsigned epoch, struct outbox_amount amount);
    /* Headquarters asks for what lies behind `sequence` of `chain` (hex): it holds no more. The
     * connection ends, and a new one begins there. */
    void (*again)(void *ctx, const char *chain, uint64_t sequence);
    /* Gives checkpointd a receipt and waits for its word: 0 and what it confirms, ERR_DENIED
     * when it refuses, ERR_STALE when the connection has gone, ERR_TIMEOUT, ERR_STOPPED. */
    int (*receipt)(void *ctx, unsigned epoch, const char *text, size_t size,
                   const struct uplink_wait *wait, uint64_t *out_confirmed, struct err_text *err);
};

/* How much of the link the records may have. Urgent ones heed none of it. */
struct records_link {
    size_t batch_max; /* records, 1 … OUTBOX_BATCH_RECORDS_MAX */
    bool compress;    /* bodies as zstd */
    int send_bytes_s; /* 0: as fast as it goes */
    int interval_ms;  /* metered link: all that waits goes up once in so long; 0: at once */
    bool observe;     /* the second chain: posted to …/observe */
    struct uplink_traffic *traffic; /* what is on its way shows there; NULL: nowhere */
};

struct records {
    struct channel channel;
    const struct records_box *box;
    struct records_link link;
    size_t batch_now; /* records at most; fewer while the link is slow, so that one gets through */
    int gaps;         /* headquarters asked for earlier records since the last receipt */
    bool under_way;   /* metered: what waited is being sent */
    bool caught_up;   /* nothing else waited at the last look: the rest of the outbox ends it */
    struct mono_time due_at;
    unsigned epoch; /* of what the outbox holds */
    char path[UPLINK_PATH_SIZE];
    struct outbox outbox;
};

void records_init(struct records *r, const struct uplink_site *site, int channel_number,
                  const struct records_box *box, const struct records_link *link,
                  const struct uplink_wait *wait);
void records_fini(struct records *r);
/* Takes what waits and sends at most one batch when it is time; after a fault it waits as long as
 * it should. */
void records_step(struct records *r);

/* One urgent record, ahead of its turn; `channel` is another one than that of the records.
 * Tries until it is delivered (0), stopped (ERR_STOPPED) or refused for good (ERR_INVALID:
 * headquarters will not have it, it comes in its turn; alarmed). */
int records_send_urgent(struct channel *channel, const char *text, size_t size) MUST_CHECK;
