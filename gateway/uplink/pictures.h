/*
 * Pictures of hits to headquarters: tells checkpoint-camerad which events hits rest on, takes their
 * pictures from it and sends them in ranges. Never ahead of hits: while an urgent record or a batch
 * waits, no range begins. Which picture goes next and how much of it is there only camerad and
 * headquarters know, so an end at any step costs at most one range. Blocks; one owner thread.
 */
#pragma once

#include <pthread.h>

#include "gateway/base/queue.h"
#include "gateway/uplink/picture_store.h"
#include "gateway/uplink/traffic.h"

enum {
    PICTURES_RANGE_STEP = 4096, /* headquarters': ranges begin and end there */
    PICTURES_RANGE_MAX = 256 * 1024,
    PICTURES_PINS_MAX = 256 /* that camerad has not heard of; the oldest gives way */
};

/* How much of the link they may have. */
struct pictures_link {
    int send_bytes_s; /* 0: as fast as it goes */
    bool metered;     /* only behind the records' window */
};

/* What checkpointd last said that pictures are kept by. */
struct pictures_terms {
    pthread_mutex_t lock;
    unsigned said; /* counts; 0: nothing yet */
    struct picture_terms terms;
};
void pictures_terms_init(struct pictures_terms *terms);
/* Any thread. */
void pictures_terms_set(struct pictures_terms *terms, const struct picture_terms *next);

struct pictures {
    struct channel channel;
    struct store_client store;
    struct queue *pins; /* struct picture_message; anybody's to push, see pictures_note */
    const struct uplink_traffic *traffic;
    struct pictures_link link;
    size_t
        range_now; /* bytes; smaller while the link is slow, so that urgent records wait little */
    unsigned windows; /* of the traffic, dealt with */
    bool pin_waits;
    struct picture_message pin;   /* taken from the queue, not delivered */
    struct pictures_terms *terms; /* NULL, as pictures_init leaves it: camerad is told of none */
    unsigned terms_told;          /* on this connection to camerad, which may have been made anew */
};

/* For a hit record on its way (one CloudEvent), urgent or in its turn: makes its pin and puts it
 * into `pins`. A record without body, or whose read has no event of its camera's, makes none. Any
 * thread. */
void pictures_note(struct queue *pins, const char *event, size_t size, bool urgent);

/* `store_path`, `traffic` and `pins` live as long as it. */
void pictures_init(struct pictures *p, const struct uplink_site *site, int channel_number,
                   const char *store_path, struct queue *pins, const struct uplink_traffic *traffic,
                   const struct pictures_link *link, const struct uplink_wait *wait);
void pictures_fini(struct pictures *p);
/* Tells terms that are new, delivers what pins wait and sends at most one picture. */
void pictures_step(struct pictures *p);
