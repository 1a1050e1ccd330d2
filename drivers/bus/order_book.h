/*
 * The orders waiting in one bus: bounded, taken by rank (stop, raise, lower, lights), first come
 * first served within a rank. A mutex with priority inheritance inside, because the bus thread may
 * run in real time and the submitters do not.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/bus/bus.h"
#include "gateway/base/err.h"
#include "gateway/model/lane_io.h"

struct order_slot {
    struct lane_order order;
    uint64_t arrival; /* its place within its rank */
    bool used;
    bool retried; /* the bus tried to reconnect for it once */
};

struct order_book {
    pthread_mutex_t lock;
    struct order_slot slots[BUS_ORDERS_MAX];
    uint64_t arrivals;
    size_t length;
    size_t lights; /* of these, orders for lights and siren */
    bool closed;
};

int order_book_init(struct order_book *book) MUST_CHECK; /* ERR_NO_MEMORY */
void order_book_fini(struct order_book *book);
/* ERR_FULL (lights earlier than motion), ERR_STOPPED when closed. Any thread. */
int order_book_put(struct order_book *book, const struct lane_order *order) MUST_CHECK;
/* Takes the first order out; false when there is none. */
bool order_book_take(struct order_book *book, struct order_slot *out);
/* Puts one that was taken back where it stood, marked as retried: what came behind it stays behind
 * it. Errors as put. */
int order_book_put_back(struct order_book *book, const struct order_slot *taken) MUST_CHECK;
/* Later puts are refused; what waits can still be taken. */
void order_book_close(struct order_book *book);
