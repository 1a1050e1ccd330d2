/*
 * Named threads with a stop flag and a sign of life. Every loop calls thread_alive() at least once
 * a second; the main thread feeds the service manager's watchdog only while threads_stale() finds
 * none. A struct thread belongs to the thread that started it.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum thread_policy {
    THREAD_NORMAL, /* SCHED_OTHER */
    THREAD_FIFO    /* SCHED_FIFO where the process may, otherwise SCHED_OTHER, reported by
                      thread_is_realtime() */
};

struct thread_options {
    const char *name; /* ≤ 15 bytes, shown by the system */
    int core;         /* CPU number, -1 = any */
    enum thread_policy policy;
    int priority; /* 1-99 with THREAD_FIFO */
};

struct thread {
    pthread_t handle;
    struct thread_options options;
    void (*run)(struct thread *self, void *arg);
    void *arg;
    atomic_bool stop;      /* release store in thread_stop, acquire load in thread_stopping */
    atomic_llong alive_ns; /* relaxed: a time stamp, nothing else hangs on it */
    atomic_bool finished;  /* release store at the end of run, pairs with thread_stale */
    bool started;
    bool realtime;
};

/* Starts `run(self, arg)`; *t must stay where it is until thread_join. ERR_IO when the system
 * refuses the thread; a refused real-time policy or core is not an error. */
int thread_start(struct thread *t, const struct thread_options *options,
                 void (*run)(struct thread *self, void *arg), void *arg) MUST_CHECK;
void thread_stop(struct thread *t); /* asks; any thread */
bool thread_stopping(const struct thread *t);
void thread_join(struct thread *t);  /* no-op when never started */
void thread_alive(struct thread *t); /* by the thread itself */
/* By the thread itself, before work that cannot say that it goes on: it may be silent for `ms` more
 * than others. The next thread_alive() ends it. */
void thread_silent_ms(struct thread *t, int ms);
/* Waits, by the thread itself; ends soon after a stop was asked for. */
void thread_wait_ms(struct thread *t, int ms);
bool thread_is_realtime(const struct thread *t);
/* The first of `threads` that ended unasked or has not been alive for max_age_ms; NULL if none. */
const struct thread *threads_stale(struct thread *const *threads, size_t count, int max_age_ms);

/* A lock that threads of different priority share: who holds it runs at the priority of who waits,
 * so that a lane never waits for a thread that others keep off the processor. Destroyed with
 * pthread_mutex_destroy(). */
void thread_lock_init(pthread_mutex_t *out);
