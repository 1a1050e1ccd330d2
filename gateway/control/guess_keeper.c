/* See guess_keeper.h. */
#include "gateway/control/guess_keeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/control/guess_file.h"

enum { LOOK_MS = 200, WRITES_MAX_MS = 10 * 60 * 1000 };

struct guess_keeper {
    const char *path;
    struct guesses writing; /* the thread's */
    pthread_mutex_t lock;   /* of all below */
    pthread_cond_t changed;
    struct guesses wanted;
    uint64_t asked; /* how many times; `written` of them are done */
    uint64_t written;
    bool late; /* somebody waited in vain since the last was written */
    int result;
    struct err_text err;
};

int guess_keeper_create(const char *path, struct guess_keeper **out)
{
    pthread_condattr_t attr;
    struct guess_keeper *k = calloc(1, sizeof *k);
    if (!k)
        return ERR_NO_MEMORY;
    k->path = path;
    thread_lock_init(&k->lock);
    (void)pthread_condattr_init(&attr); /* these cannot fail on Linux */
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&k->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    *out = k;
    return 0;
}

void guess_keeper_destroy(struct guess_keeper *k)
{
    if (!k)
        return;
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* Until something changes, or so long; under the lock. */
static void wait_changed(struct guess_keeper *k, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* is there on Linux */
    int64_t ns = until.tv_nsec + ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    (void)pthread_cond_timedwait(&k->changed, &k->lock, &until); /* over or not: looks again */
}

/* Under the lock, which it lets go while the disk works. */
static void write_wanted(struct guess_keeper *k)
{
    struct err_text err = {{0}};
    uint64_t asked = k->asked;
    k->writing = k->wanted;
    pthread_mutex_unlock(&k->lock);
    int result = guess_file_save(k->path, &k->writing, clock_mono(&clock_system), &err);
    pthread_mutex_lock(&k->lock);
    k->written = asked;
    k->late = false;
    k->result = result;
    k->err = err;
    pthread_cond_broadcast(&k->changed);
}

void guess_keeper_run(struct thread *self, void *arg)
{
    struct guess_keeper *k = arg;
    pthread_mutex_lock(&k->lock);
    while (!thread_stopping(self) || k->written < k->asked) {
        thread_alive(self);
        if (k->written == k->asked) {
            wait_changed(k, LOOK_MS);
            continue;
        }
        thread_silent_ms(self, WRITES_MAX_MS);
        write_wanted(k);
    }
    pthread_mutex_unlock(&k->lock);
}

int guess_keeper_save(struct guess_keeper *k, const struct guesses *guesses, int wait_ms,
                      struct err_text *err)
{
    struct mono_time until = mono_add_ms(clock_mono(&clock_system), wait_ms);
    pthread_mutex_lock(&k->lock);
    k->wanted = *guesses;
    uint64_t mine = ++k->asked;
    pthread_cond_broadcast(&k->changed);
    int64_t left_ms = wait_ms;
    while (k->written < mine && !k->late && left_ms > 0) {
        wait_changed(k, left_ms);
        left_ms = mono_diff_ms(until, clock_mono(&clock_system));
    }
    int result = k->result;
    *err = k->err;
    if (k->written < mine) {
        k->late = true;
        result = err_set(err, ERR_TIMEOUT, "%s: the disk does not come back", k->path);
    }
    pthread_mutex_unlock(&k->lock);
    return result;
}
