/*
 * Named threads over pthread. State: see the header.
 */
#include "gateway/base/thread.h"

#include <sched.h>
#include <string.h>
#include <time.h>

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    thread_alive(t);
    t->run(t, t->arg);
    /* Pairs with the acquire load in threads_stale. */
    atomic_store_explicit(&t->finished, true, memory_order_release);
    return NULL;
}

static void apply_schedule(struct thread *t)
{
    if (t->options.policy == THREAD_FIFO) {
        struct sched_param param = {.sched_priority = t->options.priority};
        t->realtime = pthread_setschedparam(t->handle, SCHED_FIFO, &param) == 0;
    }
    if (t->options.core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)t->options.core, &set);
        /* A core that is not there leaves the thread on any core: slower, not wrong. */
        (void)pthread_setaffinity_np(t->handle, sizeof(set), &set);
    }
}

int thread_start(struct thread *t, const struct thread_options *options,
                 void (*run)(struct thread *self, void *arg), void *arg)
{
    memset(t, 0, sizeof(*t));
    t->options = *options;
    t->run = run;
    t->arg = arg;
    atomic_init(&t->alive_ns, clock_mono(&clock_system).ns);
    if (pthread_create(&t->handle, NULL, thread_main, t) != 0) {
        return ERR_IO;
    }
    t->started = true;
    (void)pthread_setname_np(t->handle, options->name); /* a missing name harms nothing */
    apply_schedule(t);
    return ERR_OK;
}

void thread_lock_init(pthread_mutex_t *out)
{
    pthread_mutexattr_t attr;
    /* None of these fails on Linux: no memory is needed, and the protocol is known to it. */
    (void)pthread_mutexattr_init(&attr);
    (void)pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    (void)pthread_mutex_init(out, &attr);
    (void)pthread_mutexattr_destroy(&attr); /* nothing in it */
}

void thread_stop(struct thread *t)
{
    /* Pairs with the acquire load in thread_stopping. */
    atomic_store_explicit(&t->stop, true, memory_order_release);
}

bool thread_stopping(const struct thread *t)
{
    return atomic_load_explicit(&t->stop, memory_order_acquire);
}

void thread_join(struct thread *t)
{
    if (t->started) {
        pthread_join(t->handle, NULL);
        t->started = false;
    }
}

void thread_alive(struct thread *t)
{
    atomic_store_explicit(&t->alive_ns, clock_mono(&clock_system).ns, memory_order_relaxed);
}

void thread_silent_ms(struct thread *t, int ms)
{
    struct mono_time until = mono_add_ms(clock_mono(&clock_system), ms);
    atomic_store_explicit(&t->alive_ns, until.ns, memory_order_relaxed);
}

bool thread_is_realtime(const struct thread *t)
{
    return t->realtime;
}

const struct thread *threads_stale(struct thread *const *threads, size_t count, int max_age_ms)
{
    struct mono_time now = clock_mono(&clock_system);
    for (size_t i = 0; i < count; i++) {
        const struct thread *t = threads[i];
        if (!t->started) {
            continue;
        }
        struct mono_time seen = {.ns = atomic_load_explicit(&t->alive_ns, memory_order_relaxed)};
        bool ended = atomic_load_explicit(&t->finished, memory_order_acquire);
        if ((ended && !thread_stopping(t)) || mono_diff_ms(now, seen) > max_age_ms) {
            return t;
        }
    }
    return NULL;
}

void thread_wait_ms(struct thread *t, int ms)
{
    enum { SLICE_MS = 20 };
    while (ms > 0 && !thread_stopping(t)) {
        int slice_ms = ms < SLICE_MS ? ms : SLICE_MS;
        const struct timespec pause = {.tv_nsec = slice_ms * 1000000L};
        nanosleep(&pause, NULL);
        thread_alive(t);
        ms -= slice_ms;
    }
}
