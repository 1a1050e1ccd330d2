/*
 * Where a technician's tool leaves one raw request for the bus thread and waits for the reply: one
 * at a time, others wait their turn. A lock with priority inheritance inside, because the bus
 * thread may run in real time and the tools do not.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "drivers/bus/bus.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum desk_state { DESK_FREE, DESK_WAITS, DESK_RUNS, DESK_DONE };

struct exchange_desk {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum desk_state state;
    struct bus_request request;
    struct bus_reply reply;
    int result;
    bool closed;
    atomic_bool waits; /* release store under the lock, acquire load in exchange_desk_waits */
};

void exchange_desk_init(struct exchange_desk *desk);
void exchange_desk_fini(struct exchange_desk *desk); /* nobody may be inside */
/* Whoever waits gets ERR_STOPPED, also later ones; what runs is still answered. */
void exchange_desk_close(struct exchange_desk *desk);

/* Leaves the request, waits for the bus thread, fills *reply. By a tool's thread. Errors as
 * bus_exchange; ERR_TIMEOUT when no turn came until the deadline. `wake` is called once the request
 * lies there. */
int exchange_desk_ask(struct exchange_desk *desk, const struct bus_request *request,
                      struct mono_time deadline, void (*wake)(struct bus *bus), struct bus *bus,
                      struct bus_reply *reply) MUST_CHECK;

/* By the bus thread: whether a request waits (without a lock), taking it, answering it. */
bool exchange_desk_waits(const struct exchange_desk *desk);
bool exchange_desk_take(struct exchange_desk *desk, struct bus_request *out);
void exchange_desk_answer(struct exchange_desk *desk, int result, const struct bus_reply *reply);
