/*
 * The connection to checkpointd's socket `records`, or `observe`: records and urgent ones come in,
 * credit, receipts, key set, statements, list and the state of the link go out. One thread owns
 * the socket and calls box_step; the others reach it through bounded queues. Comes back by itself
 * when checkpointd does.
 */
#pragma once

#include "gateway/model/picture_message.h"
#include "gateway/signed/batch.h"
#include "gateway/uplink/box_place.h"
#include "gateway/uplink/box_send.h"
#include "gateway/uplink/records.h"

struct box;

struct box_options {
    const char *path; /* of the socket */
    const char *checkpoint;
    struct uplink_alarms *alarms;
    int alarm_channel;
    bool records_alone; /* the socket `observe`: credit and receipts, no state is told */
    /* A hit's record, urgent or in its turn, before anybody takes it: must not block. NULL: nobody
     * cares. */
    void (*hit)(void *hit_ctx, const char *event, size_t size, bool urgent);
    /* What checkpointd says that pictures are kept by, on connect and when it changes: must not
     * block. NULL: nobody cares. */
    void (*pictures)(void *hit_ctx, const struct picture_terms *terms);
    void *hit_ctx;
    struct uplink_traffic *traffic; /* urgent ones that wait show there; NULL: nowhere */
    const struct clock_source *clock;
};

enum {
    BOX_ANSWER_MS = 10000, /* for checkpointd's answer to a request */
    BOX_URGENT_MAX = 64,   /* the oldest gives way: it comes in its turn */
    BOX_ASKS_MAX = 16,     /* the oldest gives way: it shows no answer */
    BOX_TAKEN_MAX = 16
};

/* *out is heap memory for box_destroy. ERR_NO_MEMORY. Connects nothing. */
int box_create(const struct box_options *options, struct box **out,
               struct err_text *err) MUST_CHECK;
void box_destroy(struct box *box); /* NULL is fine; no thread may be inside */

/* Connects when due, reads, sends; returns within BOX_LOOK_MS and the time the work takes. */
void box_step(struct box *box);

/* ---- any thread ---- */

/* The records_box of this connection; lives as long as the box. */
const struct records_box *box_records(struct box *box);
/* False: not known, there is no connection or an older checkpointd. */
bool box_journal(struct box *box, struct box_journal *out);
/* Headquarters holds `chain` up to `sequence`. When receipts of this connection went further, it
 * was put back to an earlier state: checkpointd is asked for what lies behind once more. */
void box_held(struct box *box, const char *chain, uint64_t sequence);
/* The next urgent record: *out_text is the caller's. ERR_TIMEOUT. */
int box_take_urgent(struct box *box, int wait_ms, char **out_text, size_t *out_size) MUST_CHECK;
/* One that was taken is delivered, or will not be. */
void box_urgent_done(struct box *box);
/* A question of checkpointd about a hit's entry, for headquarters. */
struct box_ask {
    unsigned epoch; /* of the connection it came by */
    struct mono_time came;
    char *text; /* heap, the caller's: JSON as it came */
    size_t size;
};
/* ERR_TIMEOUT. */
int box_take_ask(struct box *box, int wait_ms, struct box_ask *out) MUST_CHECK;
/* Headquarters' answer to a question of that connection: copies. ERR_STALE: it has gone; ERR_FULL,
 * ERR_NO_MEMORY. */
int box_tell_standing(struct box *box, unsigned epoch, const char *envelope,
                      size_t size) MUST_CHECK;
/* What checkpointd shall know, now and after each new connection. Copies. ERR_NO_MEMORY. */
int box_tell_keyset(struct box *box, const void *envelope, size_t size) MUST_CHECK;
/* The same; checkpointd judges it by the key set told before. */
int box_tell_statement(struct box *box, enum box_statement which, const void *envelope,
                       size_t size) MUST_CHECK;
/* The number of that statement which checkpointd last said it holds; 0: none, or never said. */
uint64_t box_statement_held(const struct box *box, enum box_statement which);
/* An instruction of headquarters' message `number`, once: `value`, JSON, is its envelope with
 * `member` "instruction", or with "too_large" the bytes of one refused by its size. Copies. Whether
 * checkpointd put it on record is heard from box_taken. ERR_FULL, ERR_NO_MEMORY, ERR_STALE: no
 * connection. */
int box_offer_instruction(struct box *box, uint64_t number, const char *member,
                          const char *value) MUST_CHECK;
/* What became of one that was offered: 0 it is on record there; otherwise it is to be offered
 * again. ERR_TIMEOUT: nothing is known of any. */
struct box_taken {
    uint64_t number;
    int rc;
};
int box_taken(struct box *box, struct box_taken *out) MUST_CHECK;
void box_tell_list(struct box *box, const struct list_head *head);
