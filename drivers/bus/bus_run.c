/*
 * The bus thread: one step is at most one write (the end of a pulse, otherwise the first order,
 * otherwise a tool's exchange) and at most one lane's scan with its guard; or one polled device.
 * That bounds what a lane waits for its next scan, which bus_cost.c adds up. Owner of everything in
 * struct bus while it runs. Never blocks but in a link's exchange, its connect, or the wait for the
 * next due moment.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "drivers/bus/bus_state.h"

enum { NS_PER_US = 1000, WAIT_MAX_MS = 100, TIMER_SLACK_NS = 1 };

static uint32_t doubled(uint32_t retry_ms)
{
    return retry_ms * 2 > BUS_RETRY_LAST_MS ? BUS_RETRY_LAST_MS : retry_ms * 2;
}

/* --- health --- */

struct mono_time bus_call_begin(struct bus *bus, struct device_health *health)
{
    if (bus->link) {
        modbus_link_count_for(bus->link, health);
    }
    return bus_now();
}

/* A link counts its exchanges; of a device with a link of its own the whole call is one. */
void bus_call_end(struct bus *bus, struct device_health *health, int rc, struct mono_time begin)
{
    if (bus->link) {
        modbus_link_count_for(bus->link, NULL);
    } else {
        device_health_note(health, rc, begin, bus_now());
    }
}

static void tell_cause(struct bus *bus)
{
    enum bus_cause cause = bus->link ? modbus_link_cause(bus->link) : BUS_CAUSE_NONE;
    if (cause == bus->cause_told) {
        return;
    }
    atomic_store_explicit(&bus->cause, cause, memory_order_relaxed);
    bool taken = true;
    for (size_t i = 0; bus->sinks.cause && i < bus->lane_count && taken; i++) {
        taken = bus->sinks.cause(bus->sinks.ctx, bus->lanes[i].config.lane, bus->cause_told, cause,
                                 bus->options.name);
    }
    bus->cause_told = taken ? cause : bus->cause_told; /* else all of it is told again */
}

/* --- contact --- */

static void tell_contact(struct bus *bus, struct bus_lane_state *lane, bool contact)
{
    if (lane->contact_told && lane->latest.contact == contact) {
        return;
    }
    lane->contact_told = true;
    if (bus->sinks.contact) {
        bus->sinks.contact(bus->sinks.ctx, lane->config.lane, contact, contact ? "" : lane->reason);
    }
}

/* Numbers the scan, lets the guard act on it, hands it up. */
static void publish_scan(struct bus *bus, struct bus_lane_state *lane, const struct io_scan *found,
                         struct mono_time at)
{
    bool contact = found != NULL;
    tell_contact(bus, lane, contact);
    lane->latest.number++;
    lane->latest.at = at;
    lane->latest.contact = contact;
    atomic_store_explicit(&lane->contact, contact, memory_order_relaxed);
    lane->latest.active = found ? found->active : 0;
    lane->latest.outputs = found ? found->outputs : 0;
    lane->latest.guard_acted = lane->latest.guard_let_go = false;
    enum bus_guard_act act = bus_run_guard(bus, lane);
    lane->latest.guard_acted = act == BUS_GUARD_RAISED;
    lane->latest.guard_let_go = act == BUS_GUARD_STOPPED;
    if (contact) {
        bus_lamps_scan(bus, lane);
    }
    bus->sinks.scan(bus->sinks.ctx, &lane->latest);
}

static void lose_lane(struct bus *bus, struct bus_lane_state *lane, const char *reason)
{
    struct mono_time now = bus_now();
    bool had = lane->latest.contact;
    bus_keep_reason(lane->reason, reason);
    lane->retry_ms = had ? BUS_RETRY_FIRST_MS : doubled(lane->retry_ms);
    lane->next_try = mono_add_ms(now, lane->retry_ms);
    lane->misses = 0;
    lane->opened = 0; /* it may come back with other settings */
    bus_count(&bus->counters.scans_failed);
    publish_scan(bus, lane, NULL, now);
}

/* The link broke under one lane: every other lane on it has lost contact too. */
static void lose_others(struct bus *bus, const struct bus_lane_state *except, const char *reason)
{
    for (size_t i = 0; i < bus->lane_count; i++) {
        struct bus_lane_state *lane = &bus->lanes[i];
        if (lane != except && lane->latest.contact) {
            lose_lane(bus, lane, reason);
        }
    }
}

void bus_after_failure(struct bus *bus, struct bus_lane_state *lane, int rc,
                       const struct err_text *err)
{
    lose_lane(bus, lane, err->text);
    if (rc == ERR_IO) {
        lose_others(bus, lane, err->text);
    }
}

/* --- link --- */

static bool open_link(struct bus *bus, struct err_text *err)
{
    if (!bus->link || modbus_link_is_open(bus->link)) {
        bus->generation += bus->generation == 0; /* a bus without link is opened once */
        return true;
    }
    struct mono_time now = bus_now();
    if (mono_before(now, bus->link_next_try)) {
        (void)err_set(err, ERR_IO, "%s", bus->link_reason);
        return false;
    }
    int rc = modbus_link_open(bus->link, BUS_CONNECT_TIMEOUT_MS, err);
    if (rc != ERR_OK) {
        bus_keep_reason(bus->link_reason, err->text);
        bus->link_next_try = mono_add_ms(bus_now(), bus->link_retry_ms);
        bus->link_retry_ms = doubled(bus->link_retry_ms);
        return false;
    }
    bus->generation++;
    bus->link_retry_ms = BUS_RETRY_FIRST_MS;
    bus_count(&bus->counters.connects);
    return true;
}

/* Another model answers for a device of the lane; text "": all are the right ones. It stands while
 * nobody answers at all: what was found last is what a technician must know. */
void bus_tell_refused(struct bus *bus, struct bus_lane_state *lane, size_t device, const char *text)
{
    char kept[BUS_REASON_SIZE];
    bus_keep_reason(kept, text);
    bool same = strcmp(kept, lane->refused) == 0 && (!*kept || device == lane->refused_device);
    if (same) {
        return;
    }
    size_t named = *kept ? device : lane->refused_device;
    if (!bus->sinks.refused || bus->sinks.refused(bus->sinks.ctx, lane->config.lane,
                                                  lane->config.devices[named].name, kept)) {
        lane->refused_device = named;
        memcpy(lane->refused, kept, sizeof(kept));
    } /* else it is told again */
}

/* All but those that only show, which speak for themselves. */
static void tell_right_ones(struct bus *bus, struct bus_lane_state *lane)
{
    if (!lane->lamps[lane->refused_device].shows) {
        bus_tell_refused(bus, lane, lane->refused_device, "");
    }
}

static int open_devices(struct bus *bus, struct bus_lane_state *lane, struct err_text *err)
{
    if (lane->opened == bus->generation) {
        tell_right_ones(bus, lane);
        return ERR_OK;
    }
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        if (lane->lamps[i].shows) {
            continue;
        }
        struct mono_time begin = bus_call_begin(bus, &lane->health[i]);
        int rc = device->driver->open(device->state, bus->link, err);
        bus_call_end(bus, &lane->health[i], rc, begin);
        if (rc == ERR_CONFLICT) {
            bus_tell_refused(bus, lane, i, err->text);
        }
        if (rc != ERR_OK) {
            return err_prefix(err, rc, "%s", device->name);
        }
    }
    tell_right_ones(bus, lane);
    lane->opened = bus->generation;
    return ERR_OK;
}

/* --- scans --- */

static int scan_devices(struct bus *bus, struct bus_lane_state *lane, struct io_scan *out,
                        struct err_text *err)
{
    for (size_t i = 0; i < lane->config.device_count; i++) {
        const struct io_device *device = &lane->config.devices[i];
        struct io_scan one = {0};
        if (lane->lamps[i].shows) {
            continue;
        }
        struct mono_time begin = bus_call_begin(bus, &lane->health[i]);
        int rc = device->driver->scan(device->state, bus->link, &one, err);
        bus_call_end(bus, &lane->health[i], rc, begin);
        if (rc != ERR_OK) {
            return err_prefix(err, rc, "%s", device->name);
        }
        out->active |= one.active;
        out->outputs |= one.outputs;
    }
    return ERR_OK;
}

/* A lost or garbled frame now and then is everyday noise on a line: what was known a moment ago
 * stands, and the lane is scanned again at once, as long as one more miss is not too late. Not
 * while a boom of ours may be coming down: there nothing protects but the answer itself. */
static bool forgives_miss(const struct bus_lane_state *lane, int rc, struct mono_time now)
{
    bool noise = rc == ERR_TIMEOUT || rc == ERR_CORRUPT;
    bool in_time = mono_diff_ms(now, lane->latest.at) + lane->miss_ms <= BUS_LOST_NOTICE_MS;
    return noise && !bus_may_lower(lane, now) && in_time && lane->latest.contact &&
           lane->misses < SCAN_MISSES_MAX;
}

static void note_time(struct bus *bus, const struct bus_lane_state *lane, struct mono_time begin)
{
    uint32_t took_us = (uint32_t)((bus_now().ns - begin.ns) / NS_PER_US);
    if (took_us > atomic_load_explicit(&bus->counters.scan_us_max, memory_order_relaxed)) {
        atomic_store_explicit(&bus->counters.scan_us_max, took_us, memory_order_relaxed);
    }
    if (lane->latest.contact && mono_diff_ms(begin, lane->latest.at) > lane->late_limit_ms) {
        bus_count(&bus->counters.late_scans);
    }
    bus_count(&bus->counters.scans);
}

static void scan_lane(struct bus *bus, struct bus_lane_state *lane)
{
    struct mono_time begin = bus_now();
    if (!lane->latest.contact && mono_before(begin, lane->next_try)) {
        publish_scan(bus, lane, NULL, begin);
        return;
    }
    struct err_text err = {""};
    struct io_scan found = {0};
    int rc = open_link(bus, &err) ? ERR_OK : ERR_IO;
    rc = rc == ERR_OK ? open_devices(bus, lane, &err) : rc;
    begin = bus_now();
    rc = rc == ERR_OK ? scan_devices(bus, lane, &found, &err) : rc;
    if (forgives_miss(lane, rc, bus_now())) {
        lane->misses++;
        bus_count(&bus->counters.scans_failed);
        return;
    }
    if (rc != ERR_OK) {
        bus_after_failure(bus, lane, rc, &err);
        return;
    }
    note_time(bus, lane, begin);
    lane->misses = 0;
    lane->guard_failure = ERR_OK;
    publish_scan(bus, lane, &found, begin);
    if (lane->guard_failure != ERR_OK) {
        (void)err_set(&err, lane->guard_failure, "%s", lane->reason);
        bus_after_failure(bus, lane, lane->guard_failure, &err);
    }
}

static struct bus_lane_state *most_due(struct bus *bus)
{
    struct bus_lane_state *due = &bus->lanes[0];
    for (size_t i = 1; i < bus->lane_count; i++) {
        if (mono_before(bus->lanes[i].next_scan, due->next_scan)) {
            due = &bus->lanes[i];
        }
    }
    return due;
}

/* Fixed pace while in contact; behind its pace a lane is due again at once, after the others. */
static void plan_next(const struct bus *bus, struct bus_lane_state *lane, struct mono_time planned)
{
    struct mono_time now = bus_now();
    if (lane->misses > 0) {
        lane->next_scan = now;
        return;
    }
    if (!lane->latest.contact) {
        struct mono_time tick = mono_add_ms(now, BUS_LOST_SCAN_MS);
        lane->next_scan = mono_before(lane->next_try, tick) ? lane->next_try : tick;
        return;
    }
    struct mono_time next = mono_add_ms(planned, bus->options.scan_interval_ms);
    lane->next_scan = mono_before(next, now) ? now : next;
}

/* --- polled devices --- */

static struct bus_poll_state *poll_due(struct bus *bus, struct mono_time now)
{
    struct bus_poll_state *due = NULL;
    for (size_t i = 0; i < bus->poll_count; i++) {
        struct bus_poll_state *poll = &bus->polls[i];
        if (!mono_before(now, poll->next) && (!due || mono_before(poll->next, due->next))) {
            due = poll;
        }
    }
    return due;
}

/* Due again only later than every scan that is due now: once between two scans of a lane. */
static void run_poll(struct bus *bus, struct bus_poll_state *poll)
{
    struct err_text err = {""};
    uint32_t next_ms = BUS_LOST_SCAN_MS;
    if (open_link(bus, &err)) {
        modbus_link_count_for(bus->link, &poll->health); /* polled only where there is a link */
        next_ms = poll->device.poll(poll->device.state, bus->link);
        modbus_link_count_for(bus->link, NULL);
        bus_count(&bus->counters.polls);
    } else {
        poll->device.lost(poll->device.state, err.text);
    }
    poll->next = mono_add_ms(bus_now(), next_ms);
}

/* --- exchanges for tools --- */

/* Once between two scans of every lane that is in contact. */
static bool exchange_due(const struct bus *bus)
{
    if (!exchange_desk_waits(&bus->desk)) {
        return false;
    }
    for (size_t i = 0; i < bus->lane_count; i++) {
        const struct lane_scan *latest = &bus->lanes[i].latest;
        if (latest->contact && !mono_before(bus->exchanged, latest->at)) {
            return false;
        }
    }
    return true;
}

static void take_values(const struct bus_request *from, const struct modbus_answer *answer,
                        struct bus_reply *reply)
{
    bool bits = from->function == MODBUS_READ_COILS || from->function == MODBUS_READ_DISCRETE;
    reply->count = modbus_function_writes(from->function) ? 0 : from->count;
    for (size_t i = 0; i < reply->count; i++) {
        uint16_t bit = answer->bits >> i & 1;
        reply->values[i] = bits ? bit : answer->registers[i];
    }
}

static int run_exchange(struct bus *bus, const struct bus_request *from, struct bus_reply *reply)
{
    enum { US_PER_MS = 1000, ANSWER_MIN_US = 2000, COIL_ON = 0xFF00 };
    struct io_timing timing;
    bool coil = from->function == MODBUS_WRITE_COIL;
    const struct modbus_request request = {
        .unit = from->unit,
        .function = from->function,
        .address = from->address,
        .count = from->count,
        .value = coil && from->values[0] ? (uint16_t)COIL_ON : from->values[0],
        .values = from->values,
    };
    modbus_link_timing(bus->link, &timing);
    uint32_t wire_us = modbus_exchange_us(&timing, &request, 0);
    if (modbus_request_size(&request) > 0 && wire_us + ANSWER_MIN_US > bus->room_us) {
        return err_set(&reply->err, ERR_INVALID,
                       "no room on this line: %u us needed, safety rule 1 leaves %u us between two "
                       "scans; ask for less at a time",
                       wire_us + ANSWER_MIN_US, bus->room_us);
    }
    uint32_t timeout_us = from->timeout_ms < bus->room_us / US_PER_MS && from->timeout_ms > 0
                              ? from->timeout_ms * US_PER_MS
                              : bus->room_us;
    struct modbus_answer answer = {0};
    if (!open_link(bus, &reply->err)) {
        return ERR_IO;
    }
    struct mono_time begin = bus_now();
    int rc = modbus_link_exchange(bus->link, &request, timeout_us, &answer, &reply->err);
    reply->round_trip_us = (uint32_t)((bus_now().ns - begin.ns) / NS_PER_US);
    reply->exception = answer.exception;
    if (rc == ERR_OK) {
        take_values(from, &answer, reply);
    }
    return rc;
}

static bool serve_desk(struct bus *bus)
{
    struct bus_request request;
    struct bus_reply reply = {0};
    if (!exchange_due(bus) || !exchange_desk_take(&bus->desk, &request)) {
        return false;
    }
    exchange_desk_answer(&bus->desk, run_exchange(bus, &request, &reply), &reply);
    bus->exchanged = bus_now();
    return true;
}

/* --- the loop --- */

static void wait_until(struct bus *bus, struct mono_time when)
{
    int64_t left_ns = when.ns - bus_now().ns;
    left_ns = left_ns < 0 ? 0 : left_ns;
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = left_ns};
    struct pollfd p = {.fd = bus->wake_fd, .events = POLLIN};
    if (ppoll(&p, 1, &timeout, NULL) > 0) {
        uint64_t count;
        ssize_t got = read(bus->wake_fd, &count, sizeof(count));
        (void)got; /* nobody else reads it; the orders are counted in the book */
    }
}

static void step(struct bus *bus)
{
    struct mono_time now = bus_now();
    struct order_slot taken;
    bool wrote = bus_end_one_pulse(bus, now);
    if (!wrote && order_book_take(&bus->book, &taken)) {
        bus_run_order(bus, &taken);
        wrote = true;
    }
    wrote = wrote || serve_desk(bus);
    struct bus_lane_state *lane = most_due(bus);
    now = bus_now();
    struct bus_poll_state *polled = poll_due(bus, now);
    if (polled && !wrote && mono_before(polled->next, lane->next_scan)) {
        run_poll(bus, polled);
    } else if (!mono_before(now, lane->next_scan)) {
        struct mono_time planned = lane->next_scan;
        scan_lane(bus, lane);
        tell_cause(bus);
        plan_next(bus, lane, planned);
    } else if (!wrote) {
        struct mono_time when = mono_add_ms(now, WAIT_MAX_MS);
        when = mono_before(lane->next_scan, when) ? lane->next_scan : when;
        for (size_t i = 0; i < bus->poll_count; i++) {
            when = mono_before(bus->polls[i].next, when) ? bus->polls[i].next : when;
        }
        wait_until(bus, bus_first_pulse_end(bus, when));
    }
}

void bus_run(struct thread *self, void *arg)
{
    struct bus *bus = arg;
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS); /* waits are then up to 50 us longer */
    for (size_t i = 0; i < bus->lane_count; i++) {
        bus->lanes[i].next_scan = bus_now();
    }
    while (!thread_stopping(self)) {
        thread_alive(self);
        step(bus);
    }
    bus_leave(bus);
}
