/*
 * What headquarters has for the box: the long poll that wakes it, and the wanted list, key set,
 * "still current" statements, match policy and checkpointd's statements fetched then. All are
 * handed to whoever verifies and stores them; nothing is judged here. Blocks; one owner thread,
 * which calls inbox_step again and again.
 */
#pragma once

#include "gateway/signed/batch.h"
#include "gateway/signed/snapshot.h"
#include "gateway/uplink/answers.h"
#include "gateway/uplink/channel.h"

enum {
    INBOX_SNAPSHOT_GAP = 64,   /* so many batches behind, a snapshot is asked for first */
    INBOX_LOOK_MS = 300 * 1000 /* the head is asked for at least so often */
};

/* Who verifies and stores, wired in gateway/app to gateway/wanted; codes are gateway/wanted's. */
struct inbox_list {
    void *ctx;
    const struct list_head *(*head)(void *ctx);
    uint64_t (*keyset_version)(void *ctx); /* 0: none */
    uint64_t (*policy_version)(void *ctx); /* of the match policy, 0: none */
    /* The number of a statement that checkpointd said it holds, 0: none, or not known yet. */
    uint64_t (*statement_held)(void *ctx, enum box_statement which);
    int (*set_keyset)(void *ctx, const void *envelope, size_t size, struct err_text *err);
    int (*set_policy)(void *ctx, const void *envelope, size_t size, struct err_text *err);
    /* Handed on to checkpointd, which verifies it: 0 says nothing of that. */
    int (*set_statement)(void *ctx, enum box_statement which, const void *envelope, size_t size,
                         struct err_text *err);
    int (*add_batch)(void *ctx, const void *envelope, size_t size, struct err_text *err);
    int (*set_freshness)(void *ctx, const void *envelope, size_t size, struct err_text *err);
    /* Verifies a manifest before its chunks are fetched; snapshot_fini is the caller's. */
    int (*read_snapshot)(void *ctx, const void *manifest, size_t size, struct snapshot *out,
                         struct err_text *err);
    int (*put_chunk)(void *ctx, uint64_t revision, size_t index, const void *bytes, size_t size,
                     struct err_text *err);
    int (*set_snapshot)(void *ctx, const void *manifest, size_t size, struct err_text *err);
    /* What checkpointd's journal is: chain (hex), newest sequence, confirmed. False: not known.
     * Both may be NULL: headquarters is not told. */
    bool (*journal)(void *ctx, char out_chain[33], uint64_t *out_recorded, uint64_t *out_confirmed);
    /* Headquarters holds that chain up to `sequence`. */
    void (*held)(void *ctx, const char *chain, uint64_t sequence);
    /* A message of a kind that is dealt with elsewhere: keeps it durably. Not 0: not now, it and
     * all behind it come again; ERR_BUSY: there is no room before others have gone. */
    int (*keep_message)(void *ctx, const struct inbox_message *message, struct err_text *err);
    /* Keeps the acknowledged number durably. */
    int (*keep_number)(void *ctx, uint64_t number, struct err_text *err);
};

struct inbox {
    struct channel channel;
    const struct inbox_list *list;
    int wait_s;       /* of a long poll */
    uint64_t after;   /* acknowledged */
    bool look;        /* the head is to be asked for */
    char told[33];    /* the chain headquarters was told of; "": to be told */
    bool list_taken;  /* batches or a snapshot were taken since the last look */
    bool tell_policy; /* headquarters knows match policies: it is told the version in force */
    bool tell_statement[BOX_STATEMENTS]; /* the same of each of these */
    int quick; /* polls that are short, so that headquarters soon hears what is in force */
    uint64_t statement_fetched[BOX_STATEMENTS]; /* the newest handed on */
    struct mono_time looked;
};

void inbox_init(struct inbox *in, const struct uplink_site *site, int channel_number,
                const struct inbox_list *list, uint64_t after, int wait_s,
                const struct uplink_wait *wait);
void inbox_fini(struct inbox *in);
/* One look at the head and one answer of the inbox, without any wait. The fault, told already. */
int inbox_once(struct inbox *in, struct err_text *err) MUST_CHECK;
/* Looks at the head when that is due, then one long poll; after a fault it waits as it should. */
void inbox_step(struct inbox *in);
