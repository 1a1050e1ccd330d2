/*
 * State of one bus, shared by bus.c (create, submit, stop) and the thread (bus_run.c,
 * bus_orders.c). Everything without a comment belongs to the bus thread once it runs.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "drivers/bus/bus.h"
#include "drivers/bus/exchange_desk.h"
#include "drivers/bus/modbus_link.h"
#include "drivers/bus/order_book.h"
#include "gateway/base/thread.h"

struct bus_pulse {
    bool running;
    struct mono_time end;
};

/* A device that only shows: no input, nothing that moves the boom, beside one that has them. */
struct bus_lamp {
    bool shows; /* constant after create */
    uint64_t opened;
    uint32_t outputs; /* as read back */
    uint32_t misses;
    uint32_t retry_ms;
    struct mono_time next_try;
    atomic_bool lost; /* any thread reads, relaxed */
};

struct bus_lane_state {
    struct bus_lane config;
    uint32_t wired;
    uint32_t outputs_wired;
    struct lane_scan latest; /* lane and wiring set at create */
    struct mono_time next_scan;
    struct mono_time next_try; /* without contact: the next attempt */
    uint32_t retry_ms;
    uint32_t misses;                /* scans in a row without a whole answer, contact still held */
    struct mono_time watched_until; /* a boom let down by us may still be coming down */
    uint64_t opened;                /* link generation the devices were opened on, 0 = none */
    struct bus_lamp lamps[IO_DEVICES_MAX];
    struct bus_pulse pulses[OUTPUT_COUNT];
    struct device_health health[IO_DEVICES_MAX]; /* any thread reads */
    atomic_bool contact;                         /* latest.contact, for other threads; relaxed */
    char reason[BUS_REASON_SIZE];                /* why there is no contact */
    size_t refused_device; /* another model answers in its place, where `refused` is not "" */
    char refused[BUS_REASON_SIZE];
    bool contact_told;      /* the contact sink was called at least once */
    int guard_failure;      /* of the scan being published: an enum err_code */
    uint32_t late_limit_ms; /* two scans further apart than this are late */
    uint32_t miss_ms;       /* longest time of one more scan that nobody answers */
};

struct bus_poll_state {
    struct poll_device device;
    struct device_health health; /* any thread reads */
    struct mono_time next;
};

/* Counters of struct bus_stats. Relaxed: each stands alone. */
struct bus_counters {
    atomic_ullong scans, scans_failed, late_scans;
    atomic_ullong orders_done, orders_expired, orders_vetoed, orders_failed, orders_refused;
    atomic_ullong guard_writes, pulses_ended, connects, polls;
    atomic_uint scan_us_max;
};

/* What the bus's parts may take. */
struct bus_cost {
    uint32_t worst_ms;               /* bus_worst_case_ms */
    uint32_t room_us;                /* for one exchange of a tool between two scans of any lane */
    uint32_t miss_ms[BUS_LANES_MAX]; /* last good scan to the end of one that nobody answers */
};

int bus_cost_add_up(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
                    struct bus_cost *out, struct err_text *err) MUST_CHECK;

struct bus {
    struct bus_options options;
    struct bus_sinks sinks;
    struct bus_lane_state lanes[BUS_LANES_MAX];
    size_t lane_count;
    struct bus_poll_state polls[POLL_DEVICES_MAX];
    size_t poll_count;
    struct modbus_link *link; /* NULL for BUS_OWN */
    uint64_t generation;      /* of the link: counts successful connects */
    struct mono_time link_next_try;
    uint32_t link_retry_ms;
    char link_reason[BUS_REASON_SIZE];
    struct order_book book;    /* any thread, locked inside */
    struct exchange_desk desk; /* any thread, locked inside */
    uint32_t room_us;
    atomic_int cause; /* enum bus_cause; relaxed, any thread reads */
    enum bus_cause cause_told;
    struct mono_time exchanged; /* end of the last exchange for a tool */
    int wake_fd; /* eventfd: an order waits or stop was asked for; any thread writes */
    struct bus_counters counters;
    struct thread thread;
    bool started; /* main thread */
};

enum { SCAN_MISSES_MAX = 2 /* in a row, until contact is lost */ };

/* The bus thread. */
void bus_run(struct thread *self, void *arg);

/* --- bus_run.c for bus_orders.c --- */

/* The lane has lost contact; after ERR_IO every lane of the link has. */
void bus_after_failure(struct bus *bus, struct bus_lane_state *lane, int rc,
                       const struct err_text *err);

/* Another model answers for a device of the lane; text "": all are the right ones. */
void bus_tell_refused(struct bus *bus, struct bus_lane_state *lane, size_t device,
                      const char *text);

/* Around each call of a driver: its exchanges count for that device. */
struct mono_time bus_call_begin(struct bus *bus, struct device_health *health);
void bus_call_end(struct bus *bus, struct device_health *health, int rc, struct mono_time begin);

/* --- bus_lamps.c --- */

/* At create: which devices only show. */
void bus_lamps_find(struct bus_lane_state *lane);
/* Behind a good scan of the others and what the guard wrote on it: adds what they show to the
 * latest outputs. At most one of them falls silent in one scan; a silent one is asked at its
 * back-off, and not while a boom of ours may be coming down. */
void bus_lamps_scan(struct bus *bus, struct bus_lane_state *lane);
/* After a write that cost it its contact: ERR_DENIED, it costs the lane's no more than an exception
 * would. */
int bus_lamp_lose(struct bus *bus, struct bus_lane_state *lane, size_t index,
                  const struct err_text *err);
static inline bool bus_lamp_is_lost(const struct bus_lane_state *lane, size_t index)
{
    return atomic_load_explicit(&lane->lamps[index].lost, memory_order_relaxed);
}

/* --- bus_orders.c for bus_run.c --- */

enum bus_guard_act { BUS_GUARD_NOTHING, BUS_GUARD_STOPPED, BUS_GUARD_RAISED };

/* What the guard wanted done on the latest scan. What it could not write is left in guard_failure:
 * the scan goes up first, then the contact is lost. */
enum bus_guard_act bus_run_guard(struct bus *bus, struct bus_lane_state *lane);
void bus_run_order(struct bus *bus, const struct order_slot *taken);
/* Ends the first overdue pulse; true when it wrote. */
bool bus_end_one_pulse(struct bus *bus, struct mono_time now);
/* When the first running pulse must be ended, `latest` when none does before. */
struct mono_time bus_first_pulse_end(const struct bus *bus, struct mono_time latest);
/* At stop: waiting orders fail; no pulse and no lowering boom is left behind. */
void bus_leave(struct bus *bus);

static inline struct mono_time bus_now(void)
{
    return clock_mono(&clock_system);
}

static inline void bus_keep_reason(char out[BUS_REASON_SIZE], const char *text)
{
    err_copy(text, out, BUS_REASON_SIZE);
}

/* Errors after which nothing is known of the device any more; an exception or veto is none. */
static inline bool bus_costs_contact(int rc)
{
    return rc == ERR_TIMEOUT || rc == ERR_CORRUPT || rc == ERR_IO;
}

/* A lower of ours may be moving the boom. */
static inline bool bus_may_lower(const struct bus_lane_state *lane, struct mono_time now)
{
    return mono_before(now, lane->watched_until) ||
           (lane->latest.outputs & OUTPUT_BIT(OUTPUT_LOWER)) != 0;
}

static inline void bus_count(atomic_ullong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}
