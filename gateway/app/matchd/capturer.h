/*
 * A capturer: one capture source (one queue of a DPDK port), its thread, and the way from frames to
 * packets. What others look at is behind its lock or atomic.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/app/matchd/config.h"
#include "gateway/app/matchd/in_force.h"
#include "gateway/base/thread.h"
#include "gateway/capture/sift.h"

enum { CAPTURER_TROUBLE_SIZE = 160, CAPTURER_LEDGERS = 2 };

struct matchd;

/* What a capturer counted, since the program's start. */
struct capturer_counts {
    struct capture_stats source; /* of all times it was open */
    struct receiver_stats receiver;
    struct capture_sift_stats sift;
    uint64_t no_packet; /* reads matched, but no packet was free */
};

struct capturer {
    struct matchd *m;
    const struct source_config *config;
    uint16_t queue;
    char thread_name[16];
    struct thread thread;

    /* The thread's own. */
    struct receiver *receiver;
    struct capture_sift *sift;
    struct capture_source *source; /* NULL: closed */
    bool ended;                    /* a replay that is over */
    struct mono_time retry_at;
    struct capture_stats closed;     /* of the times it was open before */
    const struct in_force *in_force; /* during a burst */
    uint64_t no_packet;
    uint64_t lost_seen; /* frames the source had lost at the last look */
    struct mono_time hurried_until;
    struct refusals *refusals[CAPTURER_LEDGERS]; /* one is filled, the other handed over */
    int filling;

    atomic_uint refusals_handed; /* release; the link's question it has answered */
    atomic_ullong late;          /* relaxed: its packets too old to send */
    pthread_mutex_t lock;
    char trouble[CAPTURER_TROUBLE_SIZE]; /* "": it can be read */
    struct capturer_counts counts;       /* a copy for others */
};

/* Its source's name for people and counters: device, interface, "replay". */
const char *capturer_name(const struct capturer *capturer);
