/*
 * A device of memory, a guard and the sinks of one lane, all behind one lock: a test of the bus
 * looks at them while the bus runs. The macros wait for, read and set what the lock guards.
 */
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "drivers/bus/bus.h"

enum { WRITES_MAX = 64, OUTCOMES_MAX = 128, DEADLINE_MS = 5000 };

struct written {
    enum lane_output output;
    bool on;
};

struct bench {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct io_cost cost;
    uint32_t active;
    uint32_t outputs;
    int scan_error;  /* of the next scans, ERR_OK = none */
    int scan_errors; /* so many of them only; 0: all until scan_error changes */
    uint64_t lost;   /* scans without contact handed up */
    int write_error; /* of the next writes */
    int open_error;
    const char *other; /* what answers in its place, with ERR_CONFLICT */
    bool self_ends;
    int opens;
    struct written writes[WRITES_MAX];
    size_t write_count;
    struct lane_scan scan; /* newest */
    uint64_t guard_acted;  /* scans with it */
    struct lane_outcome outcomes[OUTCOMES_MAX];
    size_t outcome_count;
    char reason[BUS_REASON_SIZE];
    bool contact;
    char refused[BUS_REASON_SIZE];
    int refused_told;
    bool raise_maintained; /* before bench_create */
    /* guard */
    bool react; /* to presence: lower off, stop, raise */
    bool veto_lower;
    uint32_t wrote_failed;
    bool hold_writes; /* a write waits until this is false */
    struct lane_guard guard;
    struct bus *bus;
};

extern uint32_t bench_wired_outputs; /* of devices created from now on */

void bench_init(struct bench *b);
void bench_create(struct bench *b);
void bench_start(struct bench *b); /* until there is contact */
void bench_end(struct bench *b);
struct bus_options bench_bus(void);
struct bus_lane bench_lane(struct bench *b, uint8_t number);
struct lane_order bench_order(uint64_t id, enum lane_output output, bool on, uint32_t pulse_ms);
void bench_submit(struct bench *b, uint64_t id, enum lane_output output, bool on,
                  uint32_t pulse_ms);

/* Sinks, for a bus that bench_create does not make. */
void bench_take_scan(void *ctx, const struct lane_scan *scan);
void bench_take_outcome(void *ctx, const struct lane_outcome *outcome);

/* Waits, with the lock held, for something the bus thread will change; fails at the deadline. */
#define WAIT_FOR(b, condition)                                                                     \
    do {                                                                                           \
        struct timespec until;                                                                     \
        clock_gettime(CLOCK_MONOTONIC, &until);                                                    \
        until.tv_sec += DEADLINE_MS / 1000;                                                        \
        pthread_mutex_lock(&(b)->lock);                                                            \
        int waited = 0;                                                                            \
        while (!(condition) && waited == 0) {                                                      \
            waited = pthread_cond_timedwait(&(b)->changed, &(b)->lock, &until);                    \
        }                                                                                          \
        bool held = (condition);                                                                   \
        pthread_mutex_unlock(&(b)->lock);                                                          \
        assert_true(held);                                                                         \
    } while (0)

#define PEEK(b, field)                                                                             \
    __extension__({                                                                                \
        pthread_mutex_lock(&(b)->lock);                                                            \
        uint64_t peeked = (uint64_t)(b)->field;                                                    \
        pthread_mutex_unlock(&(b)->lock);                                                          \
        peeked;                                                                                    \
    })

#define SET(b, field, value)                                                                       \
    do {                                                                                           \
        pthread_mutex_lock(&(b)->lock);                                                            \
        (b)->field = (value);                                                                      \
        pthread_cond_broadcast(&(b)->changed);                                                     \
        pthread_mutex_unlock(&(b)->lock);                                                          \
    } while (0)
