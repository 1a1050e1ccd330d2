/*
 * The orders waiting in one bus. All fields belong to whoever holds the lock.
 */
#include "drivers/bus/order_book.h"

#include <string.h>

/* Lower ranks go first: safety rule 3, "stop beats all, raise beats lower". The end of a lower goes
 * with the stops: a raise must not meet an energised lower (rule 2). */
static int rank_of(const struct lane_order *order)
{
    switch (order->output) {
    case OUTPUT_STOP:
        return 0;
    case OUTPUT_RAISE:
        return 1;
    case OUTPUT_LOWER:
        return order->on ? 2 : 0;
    case OUTPUT_RED:
    case OUTPUT_YELLOW:
    case OUTPUT_GREEN:
    case OUTPUT_SIREN:
    case OUTPUT_STROBE:
    case OUTPUT_COUNT:
        break;
    }
    return 3;
}

static bool is_light(const struct lane_order *order)
{
    return rank_of(order) == 3;
}

int order_book_init(struct order_book *book)
{
    memset(book, 0, sizeof(*book));
    pthread_mutexattr_t attr;
    if (pthread_mutexattr_init(&attr) != 0) {
        return ERR_NO_MEMORY;
    }
    (void)pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT); /* known to Linux */
    int rc = pthread_mutex_init(&book->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return rc == 0 ? ERR_OK : ERR_NO_MEMORY;
}

void order_book_fini(struct order_book *book)
{
    pthread_mutex_destroy(&book->lock);
}

static struct order_slot *free_slot(struct order_book *book)
{
    for (size_t i = 0; i < BUS_ORDERS_MAX; i++) {
        if (!book->slots[i].used) {
            return &book->slots[i];
        }
    }
    return NULL;
}

/* It goes ahead of a lower that waits: that one must not follow it and begin anew. */
static void call_off_lower(struct order_book *book, uint8_t lane)
{
    for (size_t i = 0; i < BUS_ORDERS_MAX; i++) {
        struct lane_order *order = &book->slots[i].order;
        if (book->slots[i].used && order->lane == lane && order->output == OUTPUT_LOWER &&
            order->on) {
            order->expires.ns = INT64_MIN;
        }
    }
}

/* The lock is held. */
static int take_in(struct order_book *book, const struct order_slot *entry)
{
    struct order_slot *slot = free_slot(book);
    bool light = is_light(&entry->order);
    if (book->closed) {
        return ERR_STOPPED;
    }
    if (!slot || (light && book->lights >= BUS_LIGHTS_ORDERS_MAX)) {
        return ERR_FULL;
    }
    *slot = *entry;
    slot->used = true;
    book->length++;
    book->lights += light;
    return ERR_OK;
}

int order_book_put(struct order_book *book, const struct lane_order *order)
{
    pthread_mutex_lock(&book->lock);
    int rc = take_in(book, &(struct order_slot){.order = *order, .arrival = book->arrivals});
    if (rc == ERR_OK) {
        book->arrivals++;
        if (order->output == OUTPUT_LOWER && !order->on) {
            call_off_lower(book, order->lane);
        }
    }
    pthread_mutex_unlock(&book->lock);
    return rc;
}

int order_book_put_back(struct order_book *book, const struct order_slot *taken)
{
    struct order_slot entry = *taken;
    entry.retried = true;
    pthread_mutex_lock(&book->lock);
    int rc = take_in(book, &entry);
    pthread_mutex_unlock(&book->lock);
    return rc;
}

static bool goes_before(const struct order_slot *a, const struct order_slot *b)
{
    int rank_a = rank_of(&a->order);
    int rank_b = rank_of(&b->order);
    return rank_a != rank_b ? rank_a < rank_b : a->arrival < b->arrival;
}

bool order_book_take(struct order_book *book, struct order_slot *out)
{
    pthread_mutex_lock(&book->lock);
    struct order_slot *first = NULL;
    for (size_t i = 0; book->length > 0 && i < BUS_ORDERS_MAX; i++) {
        struct order_slot *slot = &book->slots[i];
        if (slot->used && (!first || goes_before(slot, first))) {
            first = slot;
        }
    }
    if (first) {
        *out = *first;
        first->used = false;
        book->length--;
        book->lights -= is_light(&out->order);
    }
    pthread_mutex_unlock(&book->lock);
    return first != NULL;
}

void order_book_close(struct order_book *book)
{
    pthread_mutex_lock(&book->lock);
    book->closed = true;
    pthread_mutex_unlock(&book->lock);
}
