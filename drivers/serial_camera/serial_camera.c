/*
 * A camera on a serial line. Owner of all state: its thread; other threads stop it, ask for a read
 * and read the counters. Waits in poll only, for bytes, for stop, or for the end of a message cut
 * short.
 */
#include "drivers/serial_camera/serial_camera.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/wire/camera_clock.h"

enum { WAIT_MAX_MS = 500, READ_SIZE = 256, GARBAGE_FAULT_BYTES = 64, MS_PER_S = 1000 };
#define CLOCK_UNKNOWN INT64_MIN

struct serial_camera {
    struct serial_camera_options options;
    struct camera_sink sink;
    struct serial_line line;
    int fd;      /* -1 = closed */
    int wake_fd; /* written by stop and trigger */
    uint32_t retry_ms;
    bool contact_told;
    atomic_bool contact;               /* its own thread writes it */
    struct mono_time heard;            /* the last good message, or the opening of the line */
    struct mono_time begun;            /* first byte of the message at hand */
    uint32_t last_id;                  /* 0 = none yet */
    struct plate_read last;            /* of that message */
    uint64_t seen[SERIAL_CAUSE_COUNT]; /* the line's counts at the last look */
    uint64_t odd;                      /* reads with a value out of range */
    struct camera_clock clock;
    atomic_ullong reads, bad, errors, missed, connects; /* relaxed: each stands alone */
    atomic_llong life_ns;                               /* of the last good message, 0 = none */
    atomic_llong offset_ms;                             /* CLOCK_UNKNOWN */
    atomic_uint offset_error_ms;
    atomic_llong asked_ns; /* when the trigger that waits was asked for, 0 = none */
    atomic_llong sent_ns;  /* of the trigger before, 0 = none yet */
    atomic_ullong triggers, trigger_failures;
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

static void wake(struct serial_camera *c)
{
    uint64_t one = 1;
    ssize_t done = write(c->wake_fd, &one, sizeof(one));
    (void)done; /* fails only on a full counter, which wakes too */
}

static void forget_wake(struct serial_camera *c)
{
    uint64_t count_of_wakes;
    ssize_t got = read(c->wake_fd, &count_of_wakes, sizeof(count_of_wakes));
    (void)got; /* nobody else reads it; what was asked for stands elsewhere */
}

static void tell_contact(struct serial_camera *c, bool contact, const char *reason)
{
    if (c->contact_told && atomic_load_explicit(&c->contact, memory_order_relaxed) == contact) {
        return;
    }
    atomic_store_explicit(&c->contact, contact, memory_order_relaxed);
    c->contact_told = true;
    if (c->sink.contact) {
        c->sink.contact(c->sink.ctx, c->options.identity.camera, contact, reason);
    }
}

static void tell_fault(struct serial_camera *c, enum camera_fault fault, const char *detail)
{
    if (c->sink.fault) {
        c->sink.fault(c->sink.ctx, c->options.identity.camera, fault, detail);
    }
}

static void close_line(struct serial_camera *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

/* A camera that may be silent is in contact when the next message will be taken. */
static void note_open(struct serial_camera *c)
{
    if (c->options.silence_ms == 0 && !serial_line_inside(&c->line)) {
        tell_contact(c, true, "");
    }
}

static bool open_line(struct serial_camera *c)
{
    struct err_text err = {""};
    if (serial_port_open(&c->options.port, &c->fd, &err) != ERR_OK) {
        c->fd = -1;
        count(&c->errors, 1);
        tell_contact(c, false, err.text);
        return false;
    }
    c->retry_ms = SERIAL_CAMERA_RETRY_FIRST_MS;
    serial_line_restart(&c->line);
    c->heard = now_mono();
    count(&c->connects, 1);
    note_open(c);
    return true;
}

/* The camera repeats a message it saw no answer to; a restarted camera begins with id 1 again. */
static bool is_repetition(const struct serial_camera *c, uint32_t id, const struct plate_read *read)
{
    return c->options.format.framing == SERIAL_PROTOCOLLED && c->last_id == id &&
           strcmp(c->last.raw, read->raw) == 0 && c->last.event_id == read->event_id &&
           mono_diff_ms(now_mono(), c->last.mono) < SERIAL_CAMERA_REPEAT_MS;
}

static void send_answer(struct serial_camera *c, uint32_t id)
{
    uint8_t out[SERIAL_MESSAGE_MAX];
    size_t size = serial_line_encode(id, NULL, 0, out);
    if (write(c->fd, out, size) != (ssize_t)size) {
        count(&c->errors, 1); /* the camera repeats, we answer again */
    }
}

static void tell_missed(struct serial_camera *c, uint32_t missed)
{
    char detail[48];
    if (missed == 0) {
        return;
    }
    (void)snprintf(detail, sizeof(detail), "%u messages by its own numbers", missed);
    count(&c->missed, missed);
    tell_fault(c, CAMERA_FAULT_MISSED, detail);
}

/* A sign of life: a read or a heartbeat. */
static void take_life(struct serial_camera *c, const struct serial_message *message)
{
    c->heard = now_mono();
    atomic_store_explicit(&c->life_ns, c->heard.ns, memory_order_relaxed);
    tell_contact(c, true, "");
    if (c->options.answer && c->options.format.framing == SERIAL_PROTOCOLLED) {
        send_answer(c, message->number);
    }
}

static void measure_clock(struct serial_camera *c, const struct serial_message *message)
{
    const struct plate_read *read = &message->read;
    int64_t offset_ms = 0;
    uint32_t error_ms = 0;
    if (read->camera_time.ms == 0) {
        return;
    }
    camera_clock_said(&c->clock, read->camera_time.ms, read->wall.ms,
                      message->time_in_seconds ? MS_PER_S : 1);
    if (camera_clock_offset(&c->clock, &offset_ms, &error_ms)) {
        atomic_store_explicit(&c->offset_error_ms, error_ms, memory_order_relaxed);
        atomic_store_explicit(&c->offset_ms, offset_ms, memory_order_relaxed);
    }
}

static void take_read(struct serial_camera *c, struct serial_message *message)
{
    struct plate_read *read = &message->read;
    read->lane = c->options.identity.lane;
    read->camera = c->options.identity.camera;
    read->authenticity = c->options.identity.wired ? AUTH_WIRED : AUTH_NONE;
    read->mono = c->begun;
    read->wall.ms = clock_wall(&clock_system).ms - mono_diff_ms(c->heard, c->begun);
    if (message->has_number && is_repetition(c, message->number, read)) {
        return;
    }
    if (message->has_number && c->last_id != 0 && message->number > c->last_id) {
        tell_missed(c, message->number - c->last_id - 1);
    }
    if (message->odd.text[0]) {
        c->odd++;
        tell_fault(c, CAMERA_FAULT_VALUE, message->odd.text);
    }
    c->last_id = message->number;
    c->last = *read;
    measure_clock(c, message);
    count(&c->reads, 1);
    c->sink.read(c->sink.ctx, read);
}

/* Messages refused since the last look. A line picks up a few bytes between messages; many are a
 * camera that speaks otherwise, or at another speed. */
static void note_bad(struct serial_camera *c)
{
    uint64_t bad = c->odd;
    enum serial_cause newest = SERIAL_CAUSE_COUNT;
    for (int cause = SERIAL_GARBAGE; cause < SERIAL_CAUSE_COUNT; cause++) {
        uint64_t fresh = c->line.counts[cause] - c->seen[cause];
        bad += cause == SERIAL_GARBAGE ? 0 : c->line.counts[cause];
        if (fresh >= (cause == SERIAL_GARBAGE ? GARBAGE_FAULT_BYTES : 1u)) {
            newest = (enum serial_cause)cause;
            c->seen[cause] = c->line.counts[cause];
        }
    }
    if (newest == SERIAL_CAUSE_COUNT) {
        return;
    }
    atomic_store_explicit(&c->bad, bad, memory_order_relaxed);
    tell_fault(c, CAMERA_FAULT_BAD, serial_cause_name(newest));
}

static void take_messages(struct serial_camera *c)
{
    struct serial_message message;
    int rc;
    do {
        rc = serial_line_next(&c->line, &message);
        note_bad(c);
        if (rc == ERR_OK) {
            take_life(c, &message);
        }
        if (rc == ERR_OK && !message.heartbeat) {
            take_read(c, &message);
        } else if (rc == ERR_OK && message.has_number) {
            c->last_id = message.number;
        }
    } while (rc == ERR_OK);
}

/* False when the line is gone. */
static bool read_bytes(struct serial_camera *c)
{
    uint8_t bytes[READ_SIZE];
    ssize_t got = read(c->fd, bytes, sizeof(bytes));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got <= 0) {
        return false;
    }
    if (!serial_line_inside(&c->line)) {
        c->begun = now_mono();
    }
    for (size_t at = 0; at < (size_t)got;) {
        at += serial_line_feed(&c->line, bytes + at, (size_t)got - at);
        take_messages(c);
    }
    return true;
}

static void check_silence(struct serial_camera *c)
{
    uint32_t limit_ms = c->options.silence_ms;
    if (limit_ms > 0 && mono_diff_ms(now_mono(), c->heard) > limit_ms) {
        char reason[64];
        (void)snprintf(reason, sizeof(reason), "nothing heard for %u ms", limit_ms);
        tell_contact(c, false, reason);
    }
}

/* --- trigger --- */

static void end_trigger(struct serial_camera *c, const char *failure)
{
    count(failure ? &c->trigger_failures : &c->triggers, 1);
    atomic_store_explicit(&c->asked_ns, 0, memory_order_relaxed);
    if (failure) {
        tell_fault(c, CAMERA_FAULT_ORDER, failure);
    }
}

static bool just_sent(const struct serial_camera *c, struct mono_time now)
{
    struct mono_time sent = {.ns = atomic_load_explicit(&c->sent_ns, memory_order_relaxed)};
    return sent.ns != 0 && mono_diff_ms(now, sent) < c->options.trigger_pause_ms;
}

/* On a line of two wires nobody speaks into the camera's message. */
static void look_at_trigger(struct serial_camera *c)
{
    struct mono_time asked = {.ns = atomic_load_explicit(&c->asked_ns, memory_order_relaxed)};
    struct mono_time now = now_mono();
    const struct serial_trigger *trigger = &c->options.trigger;
    if (asked.ns == 0) {
        return;
    }
    if (mono_diff_ms(now, asked) > SERIAL_CAMERA_TRIGGER_LIFE_MS) {
        end_trigger(c, "trigger: the camera could not be asked in time");
    } else if (c->fd >= 0 && !serial_line_inside(&c->line) && !just_sent(c, now)) {
        bool sent = write(c->fd, trigger->bytes, trigger->size) == (ssize_t)trigger->size;
        atomic_store_explicit(&c->sent_ns, now.ns, memory_order_relaxed);
        end_trigger(c, sent ? NULL : "trigger: the line takes no bytes");
    }
}

int serial_camera_trigger(struct serial_camera *c)
{
    long long none = 0;
    struct mono_time now = now_mono();
    if (c->options.trigger.size == 0) {
        return ERR_UNSUPPORTED;
    }
    if (just_sent(c, now) ||
        !atomic_compare_exchange_strong_explicit(&c->asked_ns, &none, now.ns, memory_order_relaxed,
                                                 memory_order_relaxed)) {
        return ERR_BUSY;
    }
    wake(c);
    return ERR_OK;
}

/* One wait: bytes, the silence that ends a cut message, or stop. */
static void serve_line(struct serial_camera *c)
{
    struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->wake_fd, .events = POLLIN}};
    bool inside = serial_line_inside(&c->line);
    int timeout_ms = inside ? SERIAL_QUIET_MS : WAIT_MAX_MS;
    int ready = poll(p, 2, timeout_ms);
    if (ready == 0 && inside) {
        serial_line_quiet(&c->line);
        take_messages(c);
        note_open(c);
    }
    if (ready > 0 && p[0].revents != 0 && !read_bytes(c)) {
        close_line(c);
        count(&c->errors, 1);
        tell_contact(c, false, "the line is gone");
        return;
    }
    if (ready > 0 && p[1].revents != 0) {
        forget_wake(c);
    }
    check_silence(c);
}

static void wait_to_retry(struct serial_camera *c)
{
    struct pollfd p = {.fd = c->wake_fd, .events = POLLIN};
    int wait_ms = (int)(c->retry_ms < WAIT_MAX_MS ? c->retry_ms : WAIT_MAX_MS);
    if (poll(&p, 1, wait_ms) > 0) { /* stop, or a trigger, which waits for the line */
        forget_wake(c);
    }
    c->retry_ms = c->retry_ms * 2 > SERIAL_CAMERA_RETRY_LAST_MS ? SERIAL_CAMERA_RETRY_LAST_MS
                                                                : c->retry_ms * 2;
}

static void run(struct thread *self, void *arg)
{
    struct serial_camera *c = arg;
    while (!thread_stopping(self)) {
        thread_alive(self);
        if (c->fd >= 0 || open_line(c)) {
            serve_line(c);
        } else {
            wait_to_retry(c);
        }
        look_at_trigger(c);
    }
    close_line(c);
}

int serial_camera_create(const struct serial_camera_options *options,
                         const struct camera_sink *sink, struct serial_camera **out,
                         struct err_text *err)
{
    int rc = serial_settings_check(&options->port, err);
    if (rc != ERR_OK) {
        return err_prefix(err, rc, "camera %u", options->identity.camera);
    }
    struct serial_camera *c = calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ERR_NO_MEMORY, "camera %u: out of memory", options->identity.camera);
    }
    c->options = *options;
    c->sink = *sink;
    c->fd = -1;
    c->retry_ms = SERIAL_CAMERA_RETRY_FIRST_MS;
    atomic_store(&c->offset_ms, CLOCK_UNKNOWN);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->wake_fd < 0) {
        rc = err_set(err, ERR_IO, "eventfd: %s", strerror(errno));
    } else {
        rc = serial_line_init(&c->line, &c->options.format, err);
    }
    if (rc != ERR_OK) {
        serial_camera_destroy(c);
        return err_prefix(err, rc, "camera %u", options->identity.camera);
    }
    *out = c;
    return ERR_OK;
}

int serial_camera_start(struct serial_camera *c)
{
    struct thread_options options = {
        .name = c->options.identity.name, .core = -1, .policy = THREAD_NORMAL};
    int rc = thread_start(&c->thread, &options, run, c);
    c->started = rc == ERR_OK;
    return rc;
}

void serial_camera_stop(struct serial_camera *c)
{
    if (!c->started) {
        return;
    }
    thread_stop(&c->thread);
    wake(c);
    thread_join(&c->thread);
    c->started = false;
}

void serial_camera_destroy(struct serial_camera *c)
{
    if (!c) {
        return;
    }
    serial_line_fini(&c->line);
    if (c->wake_fd >= 0) {
        close(c->wake_fd);
    }
    free(c);
}

static uint64_t load(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void serial_camera_stats(const struct serial_camera *c, struct camera_stats *out)
{
    int64_t life_ns = atomic_load_explicit(&c->life_ns, memory_order_relaxed);
    int64_t offset_ms = atomic_load_explicit(&c->offset_ms, memory_order_relaxed);
    bool known = offset_ms != CLOCK_UNKNOWN;
    *out = (struct camera_stats){
        .reads = load(&c->reads),
        .bad = load(&c->bad),
        .errors = load(&c->errors),
        .missed = load(&c->missed),
        .connects = load(&c->connects),
        .triggers = load(&c->triggers),
        .trigger_failures = load(&c->trigger_failures),
        .contact = atomic_load_explicit(&c->contact, memory_order_relaxed),
        .heard = life_ns != 0,
        .heard_at = {life_ns},
        .clock_known = known,
        .clock_offset_ms = known ? offset_ms : 0,
        .clock_error_ms =
            known ? atomic_load_explicit(&c->offset_error_ms, memory_order_relaxed) : 0};
}

struct thread *serial_camera_thread(struct serial_camera *c)
{
    return &c->thread;
}
