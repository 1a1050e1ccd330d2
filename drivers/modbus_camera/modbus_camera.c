/*
 * A camera's registers, polled. Owner of all state: its thread, or the bus thread that polls it;
 * other threads stop it, read the counters and leave orders. Waits in the link's exchange (with its
 * deadline) and in poll for stop. One exchange at a time: what is due is decided before each.
 */
#include "drivers/modbus_camera/modbus_camera.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "drivers/bus/modbus_link.h"
#include "drivers/modbus_camera/camera_state.h"

enum { US_PER_MS = 1000, MS_PER_S = 1000, WAIT_MAX_MS = 500, COIL_ON = 0xFF00 };

_Static_assert((int)CAMERA_REGISTERS_COUNT <= (int)MODBUS_REGISTERS_MAX &&
                   (int)CAMERA_CANDIDATES_COUNT <= (int)MODBUS_REGISTERS_MAX,
               "each block of the map is read in one exchange");

enum exchange { EXCHANGE_READ, EXCHANGE_STATUS, EXCHANGE_CANDIDATES, EXCHANGE_ORDER };

static struct mono_time now_mono(void)
{
    return clock_mono(&clock_system);
}

static void count(atomic_ullong *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static void wake(struct modbus_camera *c)
{
    uint64_t one = 1;
    ssize_t done = write(c->wake_fd, &one, sizeof(one));
    (void)done; /* full means that it is awake already; its waits end by themselves anyway */
}

/* Or until a trigger or stop. */
static void wait_ms(struct modbus_camera *c, uint32_t ms)
{
    struct pollfd p = {.fd = c->wake_fd, .events = POLLIN};
    uint64_t count_of;
    if (poll(&p, 1, (int)(ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS)) > 0) {
        ssize_t got = read(c->wake_fd, &count_of, sizeof(count_of));
        (void)got; /* nothing to read: nobody woke it */
    }
}

static uint32_t timeout_ms(const struct modbus_camera *c)
{
    return c->options.timeout_ms ? c->options.timeout_ms : MODBUS_CAMERA_TIMEOUT_MS;
}

/* ---- orders ---- */

/* Asked only where it matters: the first call reads the time zone from the disk. */
static uint16_t minute_of_day(const struct modbus_camera *c)
{
    if (c->options.orders.plan != CAMERA_LIGHT_WINDOW) {
        return 0;
    }
    time_t now = (time_t)(clock_wall(&clock_system).ms / MS_PER_S);
    struct tm local = {0};
    (void)localtime_r(&now, &local); /* fails only for a year that does not fit an int */
    return (uint16_t)(local.tm_hour * 60 + local.tm_min);
}

static void take_order_result(struct modbus_camera *c, const struct camera_order *order, int result,
                              const char *reason)
{
    camera_orders_done(&c->orders, order, result, now_mono());
    if (result != ERR_OK) {
        char detail[96];
        (void)snprintf(detail, sizeof(detail), "%s, coil %u: %.60s",
                       order->trigger ? "trigger" : "light", order->coil, reason);
        camera_tell_fault(c, CAMERA_FAULT_ORDER, detail);
    }
}

static void drop_old_trigger(struct modbus_camera *c)
{
    if (camera_orders_expire(&c->orders, now_mono())) {
        camera_tell_fault(c, CAMERA_FAULT_ORDER, "trigger: the camera could not be asked in time");
    }
}

/* ---- exchanges ---- */

/* What is due first; *out_order with EXCHANGE_ORDER. Only a camera in contact is given orders. */
static enum exchange next_exchange(const struct modbus_camera *c, struct camera_order *out_order)
{
    struct mono_time now = now_mono();
    if (camera_in_contact(c) && camera_orders_next(&c->orders, now, minute_of_day(c), out_order)) {
        return EXCHANGE_ORDER;
    }
    if (c->waiting) {
        return EXCHANGE_CANDIDATES;
    }
    /* The one that waited longest: on a slow line a look at the read is always due. */
    bool status = c->version > 1 && !mono_before(now, c->status_due);
    return status && mono_before(c->status_due, c->read_due) ? EXCHANGE_STATUS : EXCHANGE_READ;
}

static struct modbus_request request_of(const struct modbus_camera *c, enum exchange kind,
                                        const struct camera_order *order)
{
    struct modbus_request request = {.unit = c->options.unit,
                                     .function = MODBUS_READ_INPUT,
                                     .address = c->options.base,
                                     .count = CAMERA_REGISTERS_COUNT};
    if (kind == EXCHANGE_STATUS) {
        request.address = (uint16_t)(request.address + CAMERA_STATUS_AT);
        request.count = CAMERA_STATUS_COUNT;
    } else if (kind == EXCHANGE_CANDIDATES) {
        request.address = (uint16_t)(request.address + CAMERA_CANDIDATES_AT);
        request.count = CAMERA_CANDIDATES_COUNT;
    } else if (kind == EXCHANGE_ORDER) {
        request = (struct modbus_request){.unit = c->options.unit,
                                          .function = MODBUS_WRITE_COIL,
                                          .address = order->coil,
                                          .value = order->on ? COIL_ON : 0};
    }
    return request;
}

/* In how many ms something is due. */
static uint32_t wait_of(const struct modbus_camera *c)
{
    struct camera_order order;
    struct mono_time now = now_mono();
    if (c->waiting ||
        (camera_in_contact(c) && camera_orders_next(&c->orders, now, minute_of_day(c), &order))) {
        return 0;
    }
    struct mono_time due = c->read_due;
    if (c->version > 1 && mono_before(c->status_due, due)) {
        due = c->status_due;
    }
    int64_t ms = mono_before(now, due) ? mono_diff_ms(due, now) + 1 : 0;
    return (uint32_t)(ms < MODBUS_CAMERA_RETRY_LAST_MS ? ms : MODBUS_CAMERA_RETRY_LAST_MS);
}

/* One exchange on an open link; *out_wait_ms until the next. An exception is an answer: only a
 * look at the read that fails speaks against the camera. */
static int exchange(struct modbus_camera *c, struct modbus_link *link, uint32_t timeout_us,
                    uint32_t *out_wait_ms, struct err_text *err)
{
    struct camera_order order = {0};
    enum exchange kind = next_exchange(c, &order);
    const struct modbus_request request = request_of(c, kind, &order);
    struct modbus_answer answer;
    struct mono_time asked = now_mono();
    int rc = modbus_link_exchange(link, &request, timeout_us, &answer, err);
    if (kind == EXCHANGE_ORDER) {
        take_order_result(c, &order, rc, err->text);
    } else if (kind == EXCHANGE_CANDIDATES && rc == ERR_OK) {
        camera_take_candidates(c, answer.registers);
    } else if (kind == EXCHANGE_STATUS && rc == ERR_OK) {
        camera_take_status(c, answer.registers, asked);
    } else if (rc == ERR_OK) {
        c->read_due = mono_add_ms(asked, camera_take_registers(c, answer.registers, asked));
    }
    if (rc != ERR_OK && kind == EXCHANGE_CANDIDATES) {
        camera_take_no_candidates(c);
    } else if (rc != ERR_OK && kind == EXCHANGE_STATUS) {
        camera_take_no_status(c, asked);
    }
    if (rc == ERR_DENIED && kind != EXCHANGE_READ) {
        count(&c->errors, 1);
        rc = ERR_OK;
    }
    if (rc == ERR_OK) {
        c->heard = asked;
        c->retry_ms = MODBUS_CAMERA_RETRY_FIRST_MS;
        *out_wait_ms = wait_of(c);
    }
    return rc;
}

/* A failed poll; returns the wait before the next. A few lost frames are no lost camera. */
static uint32_t missed_poll(struct modbus_camera *c, const char *reason)
{
    uint32_t wait = c->retry_ms;
    count(&c->errors, 1);
    camera_take_no_candidates(c); /* a vehicle does not wait for a line */
    if (camera_in_contact(c) && mono_diff_ms(now_mono(), c->heard) < MODBUS_CAMERA_LOST_MS) {
        return wait;
    }
    camera_tell_contact(c, false, reason);
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

static uint32_t cost_us(const struct modbus_camera *c, const struct io_timing *timing,
                        enum exchange kind)
{
    const struct camera_order order = {0};
    const struct modbus_request request = request_of(c, kind, &order);
    uint32_t answer_ms = c->options.answer_ms ? c->options.answer_ms : MODBUS_CAMERA_ANSWER_MS;
    return modbus_exchange_us(timing, &request, answer_ms * US_PER_MS);
}

/* The longest of its exchanges. */
static uint32_t shared_cost_us(const void *state, const struct io_timing *timing)
{
    const struct modbus_camera *c = state;
    return cost_us(c, timing, c->options.candidates ? EXCHANGE_CANDIDATES : EXCHANGE_READ);
}

static uint32_t shared_poll(void *state, struct modbus_link *link)
{
    struct modbus_camera *c = state;
    struct io_timing timing;
    struct err_text err = {""};
    uint32_t next_ms = 0;
    modbus_link_timing(link, &timing);
    drop_old_trigger(c);
    int rc = exchange(c, link, shared_cost_us(c, &timing), &next_ms, &err);
    return rc != ERR_OK ? missed_poll(c, err.text) : next_ms > 0 ? next_ms : 1;
}

static void shared_lost(void *state, const char *reason)
{
    struct modbus_camera *c = state;
    drop_old_trigger(c);
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
        drop_old_trigger(c);
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
    camera_orders_init(&c->orders, &options->orders);
    atomic_store(&c->offset_ms, CAMERA_CLOCK_UNKNOWN);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = c->wake_fd < 0 ? err_set(err, ERR_IO, "eventfd: %s", strerror(errno))
                            : registers_form_open(&c->form, options->dash, options->encoding, err);
    if (rc == ERR_OK) {
        rc = create_link(c, err);
    }
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
    thread_stop(&c->thread);
    wake(c);
    thread_join(&c->thread);
    c->started = false;
}

void modbus_camera_destroy(struct modbus_camera *c)
{
    if (!c) {
        return;
    }
    modbus_link_destroy(c->link);
    registers_form_close(&c->form);
    if (c->wake_fd >= 0) {
        close(c->wake_fd);
    }
    free(c);
}

static uint64_t load(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

int modbus_camera_trigger(struct modbus_camera *c)
{
    int rc = camera_orders_trigger(&c->orders, now_mono());
    if (rc == ERR_OK) {
        wake(c);
    }
    return rc;
}

int modbus_camera_light(struct modbus_camera *c, enum camera_light light)
{
    int rc = camera_orders_light(&c->orders, light);
    if (rc == ERR_OK) {
        wake(c);
    }
    return rc;
}

void modbus_camera_stats(const struct modbus_camera *c, struct camera_stats *out)
{
    int64_t life_ns = atomic_load_explicit(&c->life_ns, memory_order_relaxed);
    int64_t offset_ms = atomic_load_explicit(&c->offset_ms, memory_order_relaxed);
    bool known = offset_ms != CAMERA_CLOCK_UNKNOWN;
    *out = (struct camera_stats){
        .reads = load(&c->reads),
        .bad = load(&c->bad),
        .errors = load(&c->errors),
        .missed = load(&c->missed),
        .connects = load(&c->connects),
        .torn = load(&c->torn_looks),
        .triggers = load(&c->orders.triggers),
        .trigger_failures = load(&c->orders.trigger_failures),
        .contact = camera_in_contact(c),
        .heard = life_ns != 0,
        .heard_at = {life_ns},
        .clock_known = known,
        .clock_offset_ms = known ? offset_ms : 0,
        .clock_error_ms =
            known ? atomic_load_explicit(&c->offset_error_ms, memory_order_relaxed) : 0};
}

struct thread *modbus_camera_thread(struct modbus_camera *c)
{
    return &c->thread;
}
