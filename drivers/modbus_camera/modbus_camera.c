/*
 * A camera's registers, polled. Owner of all state: its thread; other threads stop it and read the
 * counters. Waits in the link's exchange (with its deadline) and in poll for stop.
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

struct modbus_camera {
    struct modbus_camera_options options;
    struct camera_sink sink;
    struct modbus_link *link;
    int wake_fd; /* written by stop */
    uint32_t retry_ms;
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
    read->authenticity = c->options.rtu && c->options.identity.wired ? AUTH_WIRED : AUTH_NONE;
    read->mono = asked;
    read->wall = clock_wall(&clock_system);
    count(&c->reads, 1);
    c->sink.read(c->sink.ctx, read);
}

static void take_sequence(struct modbus_camera *c, struct plate_read *read, uint16_t sequence,
                          struct mono_time asked)
{
    if (c->know_sequence && sequence != c->sequence) {
        count(&c->missed, camera_registers_lost(c->sequence, sequence));
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
        return WAIT_MAX_MS;
    }
    }
    tell_contact(c, true, "");
    return poll_ms(c);
}

static int poll_once(struct modbus_camera *c, uint32_t *out_wait_ms, struct err_text *err)
{
    const struct modbus_request request = {.unit = c->options.unit,
                                           .function = MODBUS_READ_INPUT,
                                           .address = c->options.base,
                                           .count = CAMERA_REGISTERS_COUNT};
    struct modbus_answer answer;
    int rc = ERR_OK;
    if (!modbus_link_is_open(c->link)) {
        rc = modbus_link_open(c->link, timeout_ms(c), err);
        if (rc != ERR_OK) {
            return rc;
        }
        count(&c->connects, 1);
    }
    struct mono_time asked = now_mono();
    rc = modbus_link_exchange(c->link, &request, timeout_ms(c) * US_PER_MS, &answer, err);
    if (rc == ERR_OK) {
        *out_wait_ms = take_registers(c, answer.registers, asked);
    }
    return rc;
}

static void run(struct thread *self, void *arg)
{
    struct modbus_camera *c = arg;
    while (!thread_stopping(self)) {
        struct err_text err = {""};
        uint32_t next_ms = 0;
        thread_alive(self);
        if (poll_once(c, &next_ms, &err) == ERR_OK) {
            c->retry_ms = MODBUS_CAMERA_RETRY_FIRST_MS;
        } else {
            count(&c->errors, 1);
            tell_contact(c, false, err.text);
            next_ms = c->retry_ms;
            c->retry_ms = c->retry_ms * 2 > MODBUS_CAMERA_RETRY_LAST_MS
                              ? MODBUS_CAMERA_RETRY_LAST_MS
                              : c->retry_ms * 2;
        }
        wait_ms(c, next_ms);
    }
    modbus_link_close(c->link);
}

static int create_link(struct modbus_camera *c, struct err_text *err)
{
    const struct modbus_camera_options *o = &c->options;
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
