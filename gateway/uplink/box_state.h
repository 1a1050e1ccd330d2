/*
 * What the files of the connection to checkpointd share (box.h): its state, the box thread's own
 * and what the other threads reach through queues and under the lock. Internal to gateway/uplink.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/base/queue.h"
#include "gateway/uplink/box.h"
#include "gateway/uplink/box_line.h"

enum request_kind {
    REQUEST_NONE,
    REQUEST_CREDIT,
    REQUEST_RECEIPT,
    REQUEST_INSTRUCTION,
    REQUEST_STANDING,
    REQUEST_STATE
};

struct request {
    enum request_kind kind;
    unsigned epoch;
    unsigned number;             /* of a receipt */
    uint64_t message;            /* of an instruction */
    struct outbox_amount amount; /* of a credit */
    char *text;                  /* heap: the receipt, or the line of the others */
};

struct answer {
    unsigned number;
    int rc;
    uint64_t confirmed;
    char why[BOX_ERROR_SIZE];
};

struct arrived {
    unsigned epoch;
    char *text; /* heap */
    size_t size;
    uint64_t sequence;
};

struct box {
    struct box_options options;
    struct records_box records_box;
    struct queue *records;  /* struct arrived */
    struct queue *asks;     /* struct box_ask */
    struct queue *urgents;  /* struct arrived */
    struct queue *requests; /* struct request */
    struct queue *answers;  /* struct answer */
    struct queue *taken;    /* struct box_taken */
    atomic_uint epoch;      /* release when a connection stands, 0 without one; pairs with take */
    atomic_uint receipts;   /* relaxed: numbers them */
    atomic_ullong held[BOX_STATEMENTS]; /* relaxed: each a number on its own */
    struct box_place place;             /* locks by itself */

    pthread_mutex_t lock;             /* of the state to tell */
    char *keyset;                     /* heap, NULL: none */
    char *statements[BOX_STATEMENTS]; /* likewise */
    struct list_head list;
    unsigned keyset_version; /* counts what was told */
    unsigned statement_versions[BOX_STATEMENTS];
    unsigned list_version;

    /* the box thread's own */
    int fd;
    unsigned epochs; /* connections so far */
    struct request under_way;
    struct mono_time sent_at;
    unsigned keyset_sent, list_sent, link_sent;
    unsigned statements_sent[BOX_STATEMENTS];
    bool link_known;
    struct backoff backoff;
    struct mono_time retry_at;
    size_t used;
    char input[BOX_LINE_MAX];
};

/* box_asks.c: what box_records gives. */
extern const struct records_box box_records_side;
/* The connection's number, 0 without one. */
unsigned box_epoch(void *box);
