/*
 * See virtual_bus.h. The link carries the request's bytes to a virtual module (eight coils, sixteen
 * inputs, functions 1, 2 and 5) and its bytes back, or shows one of the faults of a line.
 */
#include "virtual_bus.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/bus_state.h"

enum {
    NS_PER_US = 1000,
    NS_PER_S = 1000000000,
    ORDER_EVERY_NS = 5000000, /* an order may come at any moment */
    REFUSED_US = 300,
    RTT_MIN_US = 300,
    RTT_SPREAD_US = 600,
    LATE_MARGIN_US = 500,
    COILS = 8,
    INPUTS = 16,
    ADU_SIZE = 32
};

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): names of ld's --wrap */

static struct site *current;

void virtual_bus_enter(struct site *site)
{
    current = site;
}

/* ---- time ---- */

struct mono_time __real_clock_mono(const struct clock_source *clock);
struct mono_time __wrap_clock_mono(const struct clock_source *clock);
struct mono_time __wrap_clock_mono(const struct clock_source *clock)
{
    if (!current)
        return __real_clock_mono(clock);
    return (struct mono_time){.ns = current->now_ns};
}

int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask)
{
    static const struct timespec at_once = {0, 0};
    int64_t until = current->now_ns + timeout->tv_sec * NS_PER_S + timeout->tv_nsec;
    while (current->now_ns < until && !thread_stopping(&current->bus->thread)) {
        if (current->bus->book.length > 0) { /* in this one thread nothing else can wake it */
            return __real_ppoll(fds, count, &at_once, mask);
        }
        int64_t step = current->now_ns + ORDER_EVERY_NS;
        site_pass(current, step < until ? step : until);
    }
    return 0;
}

/* ---- the module ---- */

static size_t answer_bits(uint8_t *out, const uint8_t *request, uint32_t bits)
{
    uint16_t address = (uint16_t)(request[2] << 8 | request[3]);
    uint16_t count = (uint16_t)(request[4] << 8 | request[5]);
    uint32_t wanted = bits >> address & ((1u << count) - 1);
    out[2] = (uint8_t)((count + 7) / 8);
    for (uint8_t i = 0; i < out[2]; i++) {
        out[3 + i] = (uint8_t)(wanted >> 8 * i);
    }
    return 3u + out[2];
}

/* The whole answer from the unit on. */
static size_t module_answers(struct site *s, const uint8_t *request, size_t size, uint8_t *out)
{
    memcpy(out, request, 2);
    switch (request[1]) {
    case MODBUS_READ_COILS:
        return answer_bits(out, request, s->plant.coils);
    case MODBUS_READ_DISCRETE:
        return answer_bits(out, request, plant_levels(&s->plant));
    case MODBUS_WRITE_COIL:
        plant_coil(&s->plant, (enum plant_coil)request[3], request[4] != 0);
        monitor_module(&s->monitor, s->now_ns, s->plant.coils);
        memcpy(out, request, size);
        return size;
    default:
        out[1] |= 0x80;
        out[2] = 1;
        return 3;
    }
}

/* ---- the link ---- */

void __wrap_modbus_link_timing(const struct modbus_link *link, struct io_timing *out);
void __wrap_modbus_link_timing(const struct modbus_link *link, struct io_timing *out)
{
    (void)link; /* there is one */
    *out = (struct io_timing){0};
}

bool __wrap_modbus_link_is_open(const struct modbus_link *link);
bool __wrap_modbus_link_is_open(const struct modbus_link *link)
{
    (void)link;
    return current->link_open;
}

void __wrap_modbus_link_close(struct modbus_link *link);
void __wrap_modbus_link_close(struct modbus_link *link)
{
    (void)link;
    if (current) {
        current->link_open = false;
    }
}

int __wrap_modbus_link_open(struct modbus_link *link, uint32_t timeout_ms, struct err_text *err);
int __wrap_modbus_link_open(struct modbus_link *link, uint32_t timeout_ms, struct err_text *err)
{
    (void)link;
    struct site *s = current;
    bool up = s->plant.powered;
    site_pass(s, s->now_ns + (up ? REFUSED_US : (int64_t)timeout_ms * 1000) * NS_PER_US);
    s->link_open = up && s->plant.powered;
    return s->link_open ? ERR_OK : err_set(err, ERR_IO, "no answer to connect");
}

/* After silence or garbage a TCP link closes itself: a late answer must not be taken for another.
 */
static int lost(struct site *s, int rc, const char *why, struct err_text *err)
{
    s->link_open = false;
    return err_set(err, rc, "%s", why);
}

static enum wire_fault take_fault(struct site *s, const uint8_t *bytes)
{
    if (!s->plant.powered) {
        return WIRE_LOST_REQUEST;
    }
    bool off = bytes[1] == MODBUS_WRITE_COIL && bytes[4] == 0;
    if (off && (s->refuses & BIT(bytes[3])) != 0) {
        return WIRE_EXCEPTION;
    }
    if (s->fault_left == 0) {
        return WIRE_GOOD;
    }
    s->fault_left--;
    return s->fault;
}

static size_t spoil(struct site *s, enum wire_fault fault, uint8_t *answer, size_t size)
{
    if (fault == WIRE_EXCEPTION) {
        answer[1] |= 0x80;
        answer[2] = 4;
        return 3;
    }
    if (fault == WIRE_WRONG_UNIT) {
        answer[0]++;
        return size;
    }
    for (size_t i = 0; i < size; i++) {
        answer[i] = (uint8_t)site_draw(s, 256);
    }
    answer[0] = 0; /* chance must not make it a good answer */
    return size;
}

static void trace_exchange(struct site *s, const uint8_t *bytes, enum wire_fault fault)
{
    static const char *const names[] = {"good",      "lost request", "lost answer", "late",
                                        "exception", "wrong unit",   "garbage"};
    if (bytes[1] == MODBUS_WRITE_COIL || fault != WIRE_GOOD) {
        site_trace(s, "wire fc%u %02x%02x %02x%02x %s; boom %.2f %+d coils %02x inputs %04x",
                   bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], names[fault], s->plant.boom,
                   s->plant.motion, s->plant.coils, plant_truth(&s->plant));
    }
}

int __wrap_modbus_link_exchange(struct modbus_link *link, const struct modbus_request *request,
                                uint32_t timeout_us, struct modbus_answer *out,
                                struct err_text *err);
int __wrap_modbus_link_exchange(struct modbus_link *link, const struct modbus_request *request,
                                uint32_t timeout_us, struct modbus_answer *out,
                                struct err_text *err)
{
    (void)link;
    struct site *s = current;
    uint8_t bytes[MODBUS_ADU_MAX];
    uint8_t answer[ADU_SIZE];
    if (!s->link_open) {
        return err_set(err, ERR_STALE, "link closed");
    }
    size_t size = modbus_request_write(request, bytes);
    monitor_request(&s->monitor, s->now_ns, bytes, size);
    enum wire_fault fault = take_fault(s, bytes);
    trace_exchange(s, bytes, fault);
    int64_t begin = s->now_ns;
    int64_t half = (RTT_MIN_US + (int64_t)site_draw(s, RTT_SPREAD_US)) * NS_PER_US / 2;
    site_pass(s, begin + half);
    bool heard = fault != WIRE_LOST_REQUEST && fault != WIRE_EXCEPTION && s->plant.powered;
    size_t answered = 0;
    if (heard) {
        answered = module_answers(s, bytes, size, answer);
    } else if (fault == WIRE_EXCEPTION) {
        memcpy(answer, bytes, 2);
    }
    if (fault == WIRE_LOST_REQUEST || fault == WIRE_LOST_ANSWER || !s->plant.powered) {
        site_pass(s, begin + (int64_t)timeout_us * NS_PER_US);
        return lost(s, ERR_TIMEOUT, "no answer", err);
    }
    int64_t took =
        fault == WIRE_LATE ? ((int64_t)timeout_us - LATE_MARGIN_US) * NS_PER_US : 2 * half;
    if (fault != WIRE_GOOD && fault != WIRE_LATE) {
        answered = spoil(s, fault, answer, answered);
    }
    site_pass(s, begin + took);
    int rc = modbus_answer_read(request, answer, answered, out, err);
    if (rc == ERR_OK) {
        monitor_answer(&s->monitor, s->now_ns, answer, answered);
    }
    return rc == ERR_OK || rc == ERR_DENIED ? rc : lost(s, rc, err->text, err);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
