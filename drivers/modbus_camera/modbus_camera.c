/*
 * A camera's registers, polled. Owner of all state: its thread, or the bus thread that polls it;
 * other threads stop it and read the counters. Waits in the link's exchange (with its deadline) and
 * in poll for stop.
 */
#include "drivers/modbus_camera/modbus_camera.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/bus/modbus_link.h"
#include "drivers/wire/camera_registers.h"

enum { US_PER_MS = 1000, TORN_AGAIN_MS = 5, WAIT_MAX_MS = 500, SEQUENCE_AT = 2 };

_Static_assert((int)CAMERA_REGISTERS_COUNT <= (int)MODBUS_REGISTERS_MAX,
               "the map is read in one exchange");
_Static_assert((int)CAMERA_REGISTERS_COUNT == (int)MODBUS_CAMERA_REGISTERS, "one map");

struct modbus_camera {
    struct modbus_camera_options options;
    struct camera_sink sink;
    struct modbus_link *link;
    int wake_fd; /* written by stop */
    uint32_t retry_ms;
    struct mono_time heard; /* the last exchange that succeeded */
    bool contact;
    bool contact_told;
    bool know_sequence;         /* false: the next read found is only remembered */
    uint16_t sequence;          /* 0 = the camera had none */
    struct mono_time last_poll; /* the last good one */
    atomic_ullong reads, bad, errors, missed, connects; /* relaxed: each stands alone */
    struct thread thread;
    bool started; /* owner's thread */
};

static struct mono_time now_mono(void)
{
    return clock_mono(&clock_system);
}

static void count(atomic_ullong *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static void tell_contact(struct modbus_camera *c, bool contact, const char *reason)
{
    if (c->contact_told && c->contact == contact) {
        return;
    }
    c->contact = contact;
    c->contact_told = true;
    if (c->sink.contact) {
        c->sink.contact(c->sink.ctx, c->options.identity.camera, contact, reason);
    }
}

static void tell_fault(struct modbus_camera *c, enum camera_fault fault, const char *detail)
{
    if (c->sink.fault) {
        c->sink.fault(c->sink.ctx, c->options.identity.camera, fault, detail);
    }
}

static void wait_ms(struct modbus_camera *c, uint32_t ms)
{
    struct pollfd p = {.fd = c->wake_fd, .events = POLLIN};
    (void)poll(&p, 1, (int)(ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS)); /* or until stop */
}

static uint32_t poll_ms(const struct modbus_camera *c)
{
    return c->options.poll_ms ? c->options.poll_ms : MODBUS_CAMERA_POLL_MS;
}

static uint32_t timeout_ms(const struct modbus_camera *c)
{
    return c->options.timeout_ms ? c->options.timeout_ms : MODBUS_CAMERA_TIMEOUT_MS;
}

static void hand_on(struct modbus_camera *c, struct plate_read *read, struct mono_time asked)
{
    read->lane = c->options.identity.lane;
    read->camera = c->options.identity.camera;
    bool line = c->options.rtu || c->options.shared;
    read->authenticity = line && c->options.identity.wired ? AUTH_WIRED : AUTH_NONE;
    read->mono = asked;
    read->wall = clock_wall(&clock_system);
    count(&c->reads, 1);
    c->sink.read(c->sink.ctx, read);
}

static void take_sequence(struct modbus_camera *c, struct plate_read *read, uint16_t sequence,
                          struct mono_time asked)
{
    if (c->know_sequence && sequence != c->sequence) {
        uint16_t lost = c->sequence ? camera_registers_lost(c->sequence, sequence) : 0;
        if (lost > 0) {
            char detail[48];
            (void)snprintf(detail, sizeof(detail), "%u reads between two polls", lost);
            count(&c->missed, lost);
            tell_fault(c, CAMERA_FAULT_MISSED, detail);
        }
        hand_on(c, read, asked);
    }
    c->know_sequence = true;
    c->sequence = sequence;
}

/* Returns how long to wait before the next poll, in ms. */
static uint32_t take_registers(struct modbus_camera *c, const uint16_t *registers,
                               struct mono_time asked)
{
    struct plate_read read;
    uint16_t sequence = 0;
    enum registers_cause cause = camera_registers_decode(registers, CAMERA_REGISTERS_COUNT,
                                                         c->options.dash, &read, &sequence);
    if (cause == REGISTERS_TORN) {
        return TORN_AGAIN_MS;
    }
    if (mono_diff_ms(asked, c->last_poll) > MODBUS_CAMERA_STALE_MS) {
        c->know_sequence = false;
    }
    c->last_poll = asked;
    switch (cause) {
    case REGISTERS_OK:
        take_sequence(c, &read, sequence, asked);
        break;
    case REGISTERS_EMPTY:
        c->know_sequence = true;
        c->sequence = 0;
        break;
    case REGISTERS_PLATE_LENGTH:
    case REGISTERS_PLATE_TEXT:
        /* A vehicle passed and its text is broken: counted once, not polled for ever. */
        if (!c->know_sequence || registers[SEQUENCE_AT] != c->sequence) {
            count(&c->bad, 1);
            tell_fault(c, CAMERA_FAULT_BAD, registers_cause_name(cause));
        }
        c->know_sequence = true;
        c->sequence = registers[SEQUENCE_AT];
        break;
    case REGISTERS_TOO_FEW:
    case REGISTERS_BAD_MAGIC:
    case REGISTERS_BAD_VERSION:
    case REGISTERS_TORN:
    case REGISTERS_CAUSE_COUNT: {
        char reason[64];
        (void)snprintf(reason, sizeof(reason), "register map: %s", registers_cause_name(cause));
        count(&c->errors, 1);
        tell_contact(c, false, reason);
        return MODBUS_CAMERA_RETRY_LAST_MS;
    }
    }
    tell_contact(c, true, "");
    return poll_ms(c);
}

static struct modbus_request request_of(const struct modbus_camera *c)
{
    return (struct modbus_request){.unit = c->options.unit,
                                   .function = MODBUS_READ_INPUT,
                                   .address = c->options.base,
                                   .count = CAMERA_REGISTERS_COUNT};
}

/* One exchange on an open link; *out_wait_ms until the next. */
static int exchange(struct modbus_camera *c, struct modbus_link *link, uint32_t timeout_us,
                    uint32_t *out_wait_ms, struct err_text *err)
{
    const struct modbus_request request = request_of(c);
    struct modbus_answer answer;
    struct mono_time asked = now_mono();
    int rc = modbus_link_exchange(link, &request, timeout_us, &answer, err);
    if (rc == ERR_OK) {
        c->heard = asked;
        c->retry_ms = MODBUS_CAMERA_RETRY_FIRST_MS;
        *out_wait_ms = take_registers(c, answer.registers, asked);
    }
    return rc;
}

/* A failed poll; returns the wait before the next. A few lost frames are no lost camera. */
static uint32_t missed_poll(struct modbus_camera *c, const char *reason)
{
    uint32_t wait = c->retry_ms;
    count(&c->errors, 1);
    if (c->contact && mono_diff_ms(now_mono(), c->heard) < MODBUS_CAMERA_LOST_MS) {
        return wait;
    }
    tell_contact(c, false, reason);
    c->retry_ms = wait * 2 > MODBUS_CAMERA_RETRY_LAST_MS ? MODBUS_CAMERA_RETRY_LAST_MS : wait * 2;
    return wait;
}

static int poll_once(struct modbus_camera *c, uint32_t *out_wait_ms, struct err_text *err)
{
    if (!modbus_link_is_open(c->link)) {
        int rc = modbus_link_open(c->link, timeout_ms(c), err);
        if (rc != ERR_OK) {
            return rc;
        }
        count(&c->connects, 1);
    }
    return exchange(c, c->link, timeout_ms(c) * US_PER_MS, out_wait_ms, err);
}

/* ---- on a shared line ---- */

static uint32_t shared_cost_us(const void *state, const struct io_timing *timing)
{
    const struct modbus_camera *c = state;
    const struct modbus_request request = request_of(c);
    uint32_t answer_ms = c->options.answer_ms ? c->options.answer_ms : MODBUS_CAMERA_ANSWER_MS;
    return modbus_exchange_us(timing, &request, answer_ms * US_PER_MS);
}

static uint32_t shared_poll(void *state, struct modbus_link *link)
{
    struct modbus_camera *c = state;
    struct io_timing timing;
    struct err_text err = {""};
    uint32_t next_ms = 0;
    modbus_link_timing(link, &timing);
    int rc = exchange(c, link, shared_cost_us(c, &timing), &next_ms, &err);
    return rc == ERR_OK ? next_ms : missed_poll(c, err.text);
}

static void shared_lost(void *state, const char *reason)
{
    struct modbus_camera *c = state;
    (void)missed_poll(c, reason); /* the bus has its own pace for a line that is gone */
}

void modbus_camera_polled(struct modbus_camera *c, struct poll_device *out)
{
    *out = (struct poll_device){
        .state = c, .cost_us = shared_cost_us, .poll = shared_poll, .lost = shared_lost};
    (void)snprintf(out->name, sizeof(out->name), "%s", c->options.identity.name);
}

/* ---- its own thread ---- */

static void run(struct thread *self, void *arg)
{
    struct modbus_camera *c = arg;
    while (!thread_stopping(self)) {
        struct err_text err = {""};
        uint32_t next_ms = 0;
        thread_alive(self);
        if (poll_once(c, &next_ms, &err) != ERR_OK) {
            next_ms = missed_poll(c, err.text);
        }
        wait_ms(c, next_ms);
    }
    modbus_link_close(c->link);
}

static int create_link(struct modbus_camera *c, struct err_text *err)
{
    const struct modbus_camera_options *o = &c->options;
    if (o->shared) {
        return ERR_OK;
    }
    if (!o->rtu) {
        return o->identity.wired
                   ? err_set(err, ERR_INVALID, "wired: only a serial line can be declared so")
                   : modbus_link_create_tcp(o->host, o->tcp_port, &c->link, err);
    }
    return modbus_link_create_rtu(o->port.line, o->port.baud_bps, o->port.parity, o->port.stop_bits,
                                  &c->link, err);
}

int modbus_camera_create(const struct modbus_camera_options *options,
                         const struct camera_sink *sink, struct modbus_camera **out,
                         struct err_text *err)
{
    struct modbus_camera *c = calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ERR_NO_MEMORY, "camera %u: out of memory", options->identity.camera);
    }
    c->options = *options;
    c->sink = *sink;
    c->retry_ms = MODBUS_CAMERA_RETRY_FIRST_MS;
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc =
        c->wake_fd < 0 ? err_set(err, ERR_IO, "eventfd: %s", strerror(errno)) : create_link(c, err);
    if (rc != ERR_OK) {
        rc = err_prefix(err, rc, "camera %u", options->identity.camera);
        modbus_camera_destroy(c);
        return rc;
    }
    *out = c;
    return ERR_OK;
}

int modbus_camera_start(struct modbus_camera *c)
{
    if (c->options.shared) {
        return ERR_INVALID;
    }
    struct thread_options options = {
        .name = c->options.identity.name, .core = -1, .policy = THREAD_NORMAL};
    int rc = thread_start(&c->thread, &options, run, c);
    c->started = rc == ERR_OK;
    return rc;
}

void modbus_camera_stop(struct modbus_camera *c)
{
    if (!c->started) {
        return;
    }
    uint64_t one = 1;
    thread_stop(&c->thread);
    ssize_t done = write(c->wake_fd, &one, sizeof(one));
    (void)done; /* cannot fail on a fresh eventfd; the wait ends by itself anyway */
    thread_join(&c->thread);
    c->started = false;
}

void modbus_camera_destroy(struct modbus_camera *c)
{
    if (!c) {
        return;
    }
    modbus_link_destroy(c->link);
    if (c->wake_fd >= 0) {
        close(c->wake_fd);
    }
    free(c);
}

static uint64_t load(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void modbus_camera_stats(const struct modbus_camera *c, struct camera_stats *out)
{
    *out = (struct camera_stats){.reads = load(&c->reads),
                                 .bad = load(&c->bad),
                                 .errors = load(&c->errors),
                                 .missed = load(&c->missed),
                                 .connects = load(&c->connects)};
}

struct thread *modbus_camera_thread(struct modbus_camera *c)
{
    return &c->thread;
}
