/*
 * What bench_lanes measures on: a checkpoint of N lanes, each with a module of its own behind
 * Modbus TCP on loopback (all played by one thread, tests/sim/modbus_partner.h), the real bus
 * threads and guards, and one thread that takes the lanes' scans out of a queue as checkpointd's
 * lane thread does. Times are CLOCK_MONOTONIC, ns. A benchmark ends itself on a fault.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/bus/bus.h"
#include "gateway/base/queue.h"
#include "gateway/lane/guard.h"
#include "tests/sim/line_module.h"
#include "tests/sim/modbus_partner.h"

enum {
    SITE_LANES_MAX = 32,
    SITE_MAIN_PRIORITY = 46,
    SITE_PARTNER_PRIORITY = 45,
    SITE_BUS_PRIORITY = 40,
    SITE_LANE_PRIORITY = 35
};

struct site_lane {
    struct lane_config config;
    struct guard guard;
    struct lane_guard hooks;
    struct line_module module;
    struct partner_unit *unit;
    struct bus *bus;
    /* as the lane thread saw it last */
    atomic_uint active;
    atomic_llong changed_ns; /* when `active` last changed */
    atomic_bool contact;
    atomic_llong lost_ns;      /* when contact last went */
    atomic_bool acted_at_once; /* the guard acted on the scan that first showed an obstacle */
};

struct site {
    struct partner partner;
    struct site_lane lanes[SITE_LANES_MAX];
    size_t lane_count;
    struct queue *scans;
    pthread_t lane_thread;
};

int64_t site_now_ns(void);
void site_sleep_us(uint32_t us);
/* Runs a thread at SCHED_FIFO as far as the process may. */
void site_prefer(pthread_t thread, int priority);
/* And back to SCHED_OTHER, which a new thread does not inherit by itself. */
void site_prefer_nothing(pthread_t thread);

/* Everything runs and every lane has contact. */
void site_start(struct site *site, size_t lanes);
void site_stop(struct site *site);
/* CPU time of a thread, ns. */
int64_t site_cpu_ns(pthread_t thread);
/* The least that scanning so many modules costs, in percent of one core over `ms`: threads that
 * wait for the next scan, send the same two requests and read the answers, and nothing else. */
double site_bare_cpu_percent(size_t lanes, uint32_t ms);
/* Until the lane thread has seen these input bits of a lane; when it did. */
int64_t site_await_inputs(struct site_lane *lane, unsigned inputs);
void site_await_contact(struct site *site, bool contact);
