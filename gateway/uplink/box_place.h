/*
 * Where checkpointd's journal and its way to headquarters stand: which chain, how far it goes, how
 * far headquarters' receipts of the present connection go, and from where headquarters wants
 * records again because it was put back to an earlier state. The box thread writes, any thread
 * asks.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>

#include "gateway/uplink/box_line.h"
#include "gateway/uplink/outbox.h"

/* What checkpointd's journal is, as it last said. */
struct box_journal {
    char chain[BOX_CHAIN_SIZE]; /* hex; "": not known */
    uint64_t recorded;
    uint64_t confirmed;
};

struct box_place {
    pthread_mutex_t lock; /* of all below */
    struct box_journal journal;
    uint64_t received; /* receipts of this connection go so far */
    bool due;          /* a new connection is wanted that begins behind `after` */
    bool begun;        /* it is there, and its first credit says so */
    char chain[BOX_CHAIN_SIZE];
    uint64_t after;
};

void box_place_init(struct box_place *p);
void box_place_fini(struct box_place *p);

/* A new connection, by its status. */
void box_place_begin(struct box_place *p, const struct box_line *status);
/* There is a record `recorded`, a receipt for `confirmed`; 0: nothing of the kind. */
void box_place_note(struct box_place *p, uint64_t recorded, uint64_t confirmed);
void box_place_read(struct box_place *p, struct box_journal *out);

/* Headquarters holds no more of `chain` than `sequence` and asks for the rest. */
void box_place_again(struct box_place *p, const char *chain, uint64_t sequence);
/* Headquarters holds `chain` up to `sequence`: asks again where receipts went further. */
void box_place_held(struct box_place *p, const char *chain, uint64_t sequence);
/* The present connection is to be ended for that. */
bool box_place_is_due(struct box_place *p);
/* {"do":"credit",…} for checkpointd; the first of such a connection says where to begin. NULL: out
 * of memory. */
json_t *box_place_credit(struct box_place *p, struct outbox_amount amount);
