/*
 * Bounded queue of fixed-size items between threads: any number of producers and consumers, a mutex
 * inside, an eventfd that is readable while items wait (so a consumer can poll it beside sockets).
 * Nothing is allocated after create. For everything but the capture path, which has its own rings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

struct queue;

/* `capacity` items of `item_size_bytes` each, both > 0. NULL when memory or an fd is short. */
struct queue *queue_create(size_t capacity, size_t item_size_bytes);
void queue_destroy(struct queue *q); /* NULL is fine; no thread may be inside */

/* Copies one item in; ERR_FULL at once when there is no room (counted, see queue_full_count),
 * ERR_STOPPED after queue_stop. */
int queue_push(struct queue *q, const void *item) MUST_CHECK;
/* Copies the oldest item out. Waits up to timeout_ms (0 = not at all); ERR_TIMEOUT when none came,
 * ERR_STOPPED once stopped and empty. */
int queue_pop(struct queue *q, void *item, int timeout_ms) MUST_CHECK;
/* Takes the oldest item that is `wanted` out from among the others, which stay in their order;
 * ERR_NOT_FOUND at once. Copies all before it under the lock: for what is rare. */
int queue_take_if(struct queue *q, void *item, bool (*wanted)(const void *item)) MUST_CHECK;
/* Wakes everybody; what is queued can still be popped. */
void queue_stop(struct queue *q);
/* Readable while at least one item waits or the queue is stopped. Owned by the queue. */
int queue_fd(struct queue *q);
size_t queue_length(struct queue *q);
/* Pushes refused because the queue was full, since create. */
uint64_t queue_full_count(struct queue *q);
