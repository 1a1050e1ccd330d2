/*
 * The bus engine: one thread owns one Modbus TCP connection or one RTU line and every device on it.
 * It scans each lane at a fixed interval, runs the lane's guard on each scan, carries out orders by
 * rank (stop, raise, lower, lights), ends pulses, and reconnects by itself.
 *
 * Owner of all state: the bus thread. Other threads only submit orders (bounded, never blocks for
 * longer than the copy) and read counters. Nothing is allocated after bus_create.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/api/io.h"
#include "drivers/api/poll.h"
#include "drivers/bus/device_health.h"
#include "drivers/bus/line_watch.h"
#include "drivers/bus/modbus_pdu.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/thread.h"
#include "gateway/model/lane_io.h"

enum {
    BUS_LANES_MAX = 8,
    BUS_ORDERS_MAX = 64,          /* waiting in one bus */
    BUS_LIGHTS_ORDERS_MAX = 32,   /* of these, lights and siren: motion always finds room */
    BUS_SCAN_INTERVAL_TCP_MS = 9, /* 111 scans a second */
    BUS_TIMEOUT_TCP_MS = 200,
    BUS_LOST_SCAN_MS = 100,    /* pace of scans without contact */
    BUS_LOST_NOTICE_MS = 1000, /* lost contact is told no later */
    BUS_RETRY_FIRST_MS = 50,   /* back-off of a lost link or device: doubles up to … */
    BUS_RETRY_LAST_MS = 800,
    BUS_CONNECT_TIMEOUT_MS = 500,
    BUS_REASON_SIZE = 192,      /* why a lane has no contact, cut where it is longer */
    BUS_EXCHANGE_WAIT_MS = 3000 /* for a turn on the line, and for other tools */
};

enum bus_kind {
    BUS_MODBUS_TCP, /* host (numeric address) and port */
    BUS_MODBUS_RTU, /* serial line */
    BUS_OWN         /* devices bring their own link, `link` is NULL */
};

struct bus_options {
    char name[16]; /* thread name, at most 15 bytes: "bus-1" */
    enum bus_kind kind;
    char host[64]; /* TCP: numeric IPv4 or IPv6 address */
    uint16_t port; /* TCP: usually 502 */
    char line[64]; /* RTU: "/dev/ttyS1" */
    uint32_t baud_bps;
    char parity;               /* 'N', 'E', 'O' */
    uint8_t stop_bits;         /* 1, 2 */
    uint32_t scan_interval_ms; /* 0 = BUS_SCAN_INTERVAL_TCP_MS (TCP) or back to back (RTU) */
    int core;                  /* CPU, -1 = any */
    int priority;              /* SCHED_FIFO 1-99, 0 = normal */
    size_t poll_count;         /* RTU only: devices asked between the lanes' scans */
    struct poll_device polls[POLL_DEVICES_MAX];
};

/* One lane's devices on this bus: all of them, a lane never spans two buses. Wired bits of a lane's
 * devices must not overlap. */
struct bus_lane {
    uint8_t lane;
    size_t device_count; /* 1 … IO_DEVICES_MAX */
    struct io_device devices[IO_DEVICES_MAX];
    const struct lane_guard *guard; /* NULL only in tests of drivers */
    uint32_t off_at_stop;           /* OUTPUT_BITs de-energised by bus_stop; lower always is */
    bool raise_maintained;          /* de-energising raise lets the boom come down … */
    uint32_t let_go_ms;             /* … within this; 0: within a minute */
};

/* Called by the bus thread; must return at once (push into a queue, count what does not fit). Every
 * order gets exactly one outcome, except the guard's own (id 0). Scans without contact come too, at
 * BUS_LOST_SCAN_MS. `contact` is told when it changes, with the reason ("" when gained); `lamps`
 * when a device that only shows falls silent, with the reason, or answers again (""): its lane
 * keeps contact, its outputs read back as off; `cause`, of each lane, when what is likely wrong
 * with the line changes; `refused`, when a device's open finds another model, with what was
 * expected and found, and with "" once all devices of the lane are the right ones. The last two
 * return false where there is no room for it now: it is told again. */
struct bus_sinks {
    void *ctx;
    void (*scan)(void *ctx, const struct lane_scan *scan);
    void (*outcome)(void *ctx, const struct lane_outcome *outcome);
    void (*contact)(void *ctx, uint8_t lane, bool contact, const char *reason); /* may be NULL */
    void (*lamps)(void *ctx, uint8_t lane, const char *reason);                 /* may be NULL */
    bool (*cause)(void *ctx, uint8_t lane, enum bus_cause before, enum bus_cause now,
                  const char *bus); /* may be NULL */
    bool (*refused)(void *ctx, uint8_t lane, const char *device,
                    const char *text); /* may be NULL */
};

/* Since start; each counter on its own is exact, together they are a snapshot. */
struct bus_stats {
    uint64_t scans;
    uint64_t scans_failed;
    uint64_t late_scans; /* later after the one before than the promised worst case */
    uint64_t orders_done;
    uint64_t orders_expired;
    uint64_t orders_vetoed;
    uint64_t orders_failed;
    uint64_t orders_refused; /* bus_submit: queue full */
    uint64_t guard_writes;
    uint64_t pulses_ended; /* by the bus thread, not the module's timer */
    uint64_t connects;
    uint64_t polls;       /* exchanges of polled devices */
    uint32_t scan_us_max; /* longest successful scan of one lane */
};

/* One raw Modbus request of a technician's tool. */
struct bus_request {
    uint8_t unit;
    uint8_t function;                      /* 1-6, 15, 16 */
    uint16_t address;                      /* as on the wire, from 0 */
    uint16_t count;                        /* bits or registers; functions 5 and 6: 1 */
    uint16_t values[MODBUS_REGISTERS_MAX]; /* writes: registers, or 0 and 1 for coils */
    bool may_write;      /* the caller has seen to it that no lane of the bus is in service */
    uint32_t timeout_ms; /* 0 = as long as a silent unit may take here */
};

struct bus_reply {
    uint16_t count;
    uint16_t values[MODBUS_REGISTERS_MAX]; /* reads: registers, or 0 and 1 for bits */
    uint8_t exception;                     /* with ERR_DENIED; 0 otherwise */
    uint32_t round_trip_us;
    struct err_text err;
};

struct bus;

/* Longest time in ms from an input becoming active to the guard's raise being written, over all
 * lanes of the bus (safety rule 1): one pause between two scans of the lane, with everything else
 * the bus may be doing then (a write, the other lanes' scans and guard acts, or their silence, one
 * exchange of each polled device), its scan, GUARD_REACTION_WRITES writes. ERR_INVALID with the
 * parts in `err` for bad options, above GUARD_REACTION_MAX_MS, and when a silent device is noticed
 * later than BUS_LOST_NOTICE_MS; *out_ms is set in the last two cases too. */
int bus_worst_case_ms(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
                      uint32_t *out_ms, struct err_text *err) MUST_CHECK;

/* Checks everything bus_worst_case_ms checks and copies what it is given, but device states,
 * guards and sinks must outlive the bus. Opens nothing yet. ERR_INVALID, ERR_NO_MEMORY. */
int bus_create(const struct bus_options *options, const struct bus_lane *lanes, size_t count,
               const struct bus_sinks *sinks, struct bus **out, struct err_text *err) MUST_CHECK;
/* Starts the thread; a device that does not answer is no error, its lane has no contact. ERR_IO. */
int bus_start(struct bus *bus) MUST_CHECK;
/* Queues an order and wakes the bus. Any thread. ERR_FULL (counted: the caller raises an alarm),
 * ERR_NOT_FOUND (no such lane), ERR_INVALID (output not wired, pulse too long, no id or
 * expiry), ERR_STOPPED. */
int bus_submit(struct bus *bus, const struct lane_order *order) MUST_CHECK;
/* Carries out one request between two scans, where rule 1's worst case leaves room for it: in place
 * of an order's write, behind waiting orders, once between two scans of every lane. Writes pass by
 * the guard. Any thread; waits at most BUS_EXCHANGE_WAIT_MS. Only on Modbus buses. ERR_INVALID (bad
 * request, a write without may_write, no room on this line), ERR_TIMEOUT (nobody answered, or no
 * turn came), ERR_DENIED (exception), ERR_CORRUPT, ERR_IO, ERR_STOPPED; the reason is in
 * reply->err. Every caller must be back before bus_destroy. */
int bus_exchange(struct bus *bus, const struct bus_request *request,
                 struct bus_reply *reply) MUST_CHECK;
/* Ends the thread within one exchange or connect. Running pulses are ended first, then lower and
 * off_at_stop; other levels stay as they are (a stopping gateway must not drop a red light). Orders
 * still waiting get ORDER_FAILED. By the thread that started it; a second call does nothing. */
void bus_stop(struct bus *bus);
void bus_destroy(struct bus *bus); /* stopped or never started; NULL is fine */

/* One device of the bus, a polled one with lane 0. */
struct bus_device {
    uint8_t lane;
    char name[32];
    bool contact; /* of its lane, or its own where it only shows; a polled one: it answered within
                     BUS_LOST_NOTICE_MS */
    struct device_health_view health;
};

enum { BUS_DEVICES_MAX = BUS_LANES_MAX * IO_DEVICES_MAX + POLL_DEVICES_MAX };

/* How many there are; `out` has BUS_DEVICES_MAX. Any thread. */
size_t bus_devices_read(const struct bus *bus, struct bus_device *out);
/* What is likely wrong with the line. Any thread. */
enum bus_cause bus_cause_read(const struct bus *bus);
void bus_stats_read(const struct bus *bus, struct bus_stats *out); /* any thread */
/* For the program's thread table and watchdog. */
struct thread *bus_thread(struct bus *bus);
const char *bus_name(const struct bus *bus);
