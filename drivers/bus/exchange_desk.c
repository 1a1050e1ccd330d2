/*
 * One request at a time from a tool to the bus thread. All fields belong to whoever holds the lock.
 */
#include "drivers/bus/exchange_desk.h"

#include <time.h>

#include "gateway/base/thread.h"

void exchange_desk_init(struct exchange_desk *desk)
{
    pthread_condattr_t attr;
    thread_lock_init(&desk->lock);
    /* None of these fails on Linux: no memory is needed, and the clock is known to it. */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&desk->changed, &attr);
    (void)pthread_condattr_destroy(&attr); /* nothing in it */
}

void exchange_desk_fini(struct exchange_desk *desk)
{
    pthread_cond_destroy(&desk->changed);
    pthread_mutex_destroy(&desk->lock);
}

static void set_state(struct exchange_desk *desk, enum desk_state state)
{
    desk->state = state;
    atomic_store_explicit(&desk->waits, state == DESK_WAITS, memory_order_release);
    pthread_cond_broadcast(&desk->changed);
}

void exchange_desk_close(struct exchange_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->closed = true;
    pthread_cond_broadcast(&desk->changed);
    pthread_mutex_unlock(&desk->lock);
}

/* Waits for a change, with the lock held; false once the deadline is over. */
static bool await_change(struct exchange_desk *desk, struct mono_time deadline)
{
    enum { NS_PER_S = 1000000000 };
    int64_t left_ns = deadline.ns - clock_mono(&clock_system).ns;
    struct timespec until;
    if (left_ns <= 0) {
        return false;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* always there */
    until.tv_sec += (until.tv_nsec + left_ns) / NS_PER_S;
    until.tv_nsec = (until.tv_nsec + left_ns) % NS_PER_S;
    (void)pthread_cond_timedwait(&desk->changed, &desk->lock, &until); /* the caller looks again */
    return true;
}

/* With the lock held: until nobody else's request lies here. */
static int await_turn(struct exchange_desk *desk, struct mono_time deadline, struct err_text *err)
{
    while (desk->state != DESK_FREE && !desk->closed) {
        if (!await_change(desk, deadline)) {
            return err_set(err, ERR_TIMEOUT, "another tool keeps the line busy");
        }
    }
    return desk->closed ? err_set(err, ERR_STOPPED, "the bus is stopping") : ERR_OK;
}

/* With the lock held: until the request is answered. What runs is always answered, soon. */
static int await_answer(struct exchange_desk *desk, struct mono_time deadline,
                        struct bus_reply *reply)
{
    int rc = ERR_OK;
    while (desk->state == DESK_RUNS || (desk->state == DESK_WAITS && rc == ERR_OK)) {
        if (desk->state == DESK_RUNS) {
            pthread_cond_wait(&desk->changed, &desk->lock);
        } else if (desk->closed) {
            rc = err_set(&reply->err, ERR_STOPPED, "the bus is stopping");
        } else if (!await_change(desk, deadline)) {
            rc = err_set(&reply->err, ERR_TIMEOUT, "no turn on the line came");
        }
    }
    if (desk->state == DESK_DONE) {
        *reply = desk->reply;
        rc = desk->result;
    }
    set_state(desk, DESK_FREE);
    return rc;
}

int exchange_desk_ask(struct exchange_desk *desk, const struct bus_request *request,
                      struct mono_time deadline, void (*wake)(struct bus *bus), struct bus *bus,
                      struct bus_reply *reply)
{
    pthread_mutex_lock(&desk->lock);
    int rc = await_turn(desk, deadline, &reply->err);
    if (rc == ERR_OK) {
        desk->request = *request;
        set_state(desk, DESK_WAITS);
        wake(bus);
        rc = await_answer(desk, deadline, reply);
    }
    pthread_mutex_unlock(&desk->lock);
    return rc;
}

bool exchange_desk_waits(const struct exchange_desk *desk)
{
    return atomic_load_explicit(&desk->waits, memory_order_acquire);
}

bool exchange_desk_take(struct exchange_desk *desk, struct bus_request *out)
{
    pthread_mutex_lock(&desk->lock);
    bool waits = desk->state == DESK_WAITS; /* it may have been withdrawn */
    if (waits) {
        *out = desk->request;
        set_state(desk, DESK_RUNS);
    }
    pthread_mutex_unlock(&desk->lock);
    return waits;
}

void exchange_desk_answer(struct exchange_desk *desk, int result, const struct bus_reply *reply)
{
    pthread_mutex_lock(&desk->lock);
    desk->reply = *reply;
    desk->result = result;
    set_state(desk, DESK_DONE);
    pthread_mutex_unlock(&desk->lock);
}
