/*
 * Bounded queue: ring under a mutex, condition variable on CLOCK_MONOTONIC, eventfd for pollers.
 * All fields belong to whoever holds the mutex.
 */
#include "gateway/base/queue.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/thread.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    uint8_t *items;
    size_t capacity;
    size_t item_size;
    size_t head;
    size_t length;
    uint64_t full_count;
    int event_fd;
    bool polled;    /* somebody has asked for event_fd: without, no system call is spent on it */
    bool signalled; /* event_fd holds a count */
    bool stopped;
};

struct queue *queue_create(size_t capacity, size_t item_size_bytes)
{
    assert(capacity > 0 && item_size_bytes > 0);
    struct queue *q = calloc(1, sizeof(*q));
    if (!q) {
        return NULL;
    }
    q->items = calloc(capacity, item_size_bytes);
    q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!q->items || q->event_fd < 0) {
        if (q->event_fd >= 0) {
            close(q->event_fd);
        }
        free(q->items);
        free(q);
        return NULL;
    }
    q->capacity = capacity;
    q->item_size = item_size_bytes;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    thread_lock_init(&q->lock);
    pthread_cond_init(&q->arrived, &attr);
    pthread_condattr_destroy(&attr);
    return q;
}

void queue_destroy(struct queue *q)
{
    if (!q) {
        return;
    }
    pthread_cond_destroy(&q->arrived);
    pthread_mutex_destroy(&q->lock);
    close(q->event_fd);
    free(q->items);
    free(q);
}

/* Makes the eventfd readable exactly while there is something to see; the lock is held. */
static void update_event(struct queue *q)
{
    bool wanted = q->length > 0 || q->stopped;
    if (!q->polled || wanted == q->signalled) {
        return;
    }
    uint64_t count = 1;
    ssize_t done = wanted ? write(q->event_fd, &count, sizeof(count))
                          : read(q->event_fd, &count, sizeof(count));
    assert(done == (ssize_t)sizeof(count)); /* the count is 0 or 1 by `signalled` */
    (void)done;                             /* used by assert only in release builds */
    q->signalled = wanted;
}

int queue_push(struct queue *q, const void *item)
{
    int rc = ERR_OK;
    pthread_mutex_lock(&q->lock);
    if (q->stopped) {
        rc = ERR_STOPPED;
    } else if (q->length == q->capacity) {
        q->full_count++;
        rc = ERR_FULL;
    } else {
        size_t slot = (q->head + q->length) % q->capacity;
        memcpy(q->items + slot * q->item_size, item, q->item_size);
        q->length++;
        update_event(q);
    }
    pthread_mutex_unlock(&q->lock);
    if (rc == ERR_OK) {
        pthread_cond_signal(&q->arrived); /* not under the lock, which who wakes would wait for */
    }
    return rc;
}

static struct timespec deadline_after_ms(int timeout_ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

int queue_pop(struct queue *q, void *item, int timeout_ms)
{
    struct timespec deadline = deadline_after_ms(timeout_ms);
    int rc = ERR_OK;
    pthread_mutex_lock(&q->lock);
    while (q->length == 0 && !q->stopped && timeout_ms > 0) {
        if (pthread_cond_timedwait(&q->arrived, &q->lock, &deadline) == ETIMEDOUT) {
            break;
        }
    }
    if (q->length > 0) {
        memcpy(item, q->items + q->head * q->item_size, q->item_size);
        q->head = (q->head + 1) % q->capacity;
        q->length--;
        update_event(q);
    } else {
        rc = q->stopped ? ERR_STOPPED : ERR_TIMEOUT;
    }
    pthread_mutex_unlock(&q->lock);
    return rc;
}

static uint8_t *place_of(const struct queue *q, size_t nth)
{
    return q->items + (q->head + nth) % q->capacity * q->item_size;
}

int queue_take_if(struct queue *q, void *item, bool (*wanted)(const void *item))
{
    int rc = ERR_NOT_FOUND;
    pthread_mutex_lock(&q->lock);
    size_t at = 0;
    while (at < q->length && !wanted(place_of(q, at))) {
        at++;
    }
    if (at < q->length) {
        memcpy(item, place_of(q, at), q->item_size);
        for (; at > 0; at--) { /* those before it keep their order */
            memcpy(place_of(q, at), place_of(q, at - 1), q->item_size);
        }
        q->head = (q->head + 1) % q->capacity;
        q->length--;
        update_event(q);
        rc = ERR_OK;
    }
    pthread_mutex_unlock(&q->lock);
    return rc;
}

void queue_stop(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    update_event(q);
    pthread_cond_broadcast(&q->arrived);
    pthread_mutex_unlock(&q->lock);
}

int queue_fd(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->polled = true;
    update_event(q);
    pthread_mutex_unlock(&q->lock);
    return q->event_fd;
}

size_t queue_length(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t length = q->length;
    pthread_mutex_unlock(&q->lock);
    return length;
}

uint64_t queue_full_count(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t count = q->full_count;
    pthread_mutex_unlock(&q->lock);
    return count;
}
