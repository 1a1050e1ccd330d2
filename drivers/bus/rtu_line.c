/*
 * A Modbus RTU line as its master. State: struct rtu_line, the thread's that uses it.
 */
#include "drivers/bus/rtu_line.h"

#include <errno.h>
#include <linux/serial.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "drivers/bus/modbus_link.h"

enum {
    NS_PER_US = 1000,
    NS_PER_S = 1000000000,
    US_PER_MS = 1000,
    CRC_SIZE = 2,
    SETTLE_MAX_MS = 40 /* longest wait for a babbling line to fall silent */
};

/* What came since the request: at most its echo, the answer, and a good deal of noise. */
struct heard {
    uint8_t data[2 * MODBUS_ADU_MAX];
    size_t size;
};

int rtu_line_init(struct rtu_line *line, const struct serial_settings *settings,
                  struct err_text *err)
{
    *line = (struct rtu_line){.settings = *settings, .fd = -1};
    int rc = serial_settings_check(settings, err);
    if (rc == ERR_OK) {
        modbus_timing_rtu(settings->baud_bps,
                          9u + settings->stop_bits + (settings->parity == 'N' ? 0 : 1),
                          &line->timing);
    }
    return rc;
}

/* Framing errors and breaks as the port counts them; a port that does not has none. */
static uint32_t count_breaks(int fd)
{
    struct serial_icounter_struct counts = {0};
    if (ioctl(fd, TIOCGICOUNT, &counts) != 0) {
        return 0;
    }
    return (uint32_t)counts.frame + (uint32_t)counts.brk + (uint32_t)counts.parity;
}

int rtu_line_open(struct rtu_line *line, struct err_text *err)
{
    int fd;
    rtu_line_close(line);
    int rc = serial_port_open(&line->settings, &fd, err);
    if (rc == ERR_OK) {
        line->fd = fd;
        line->quiet_from = clock_mono(&clock_system);
        line->unsettled = true;
        line->echoes = false;
        line->breaks = count_breaks(fd);
        line_watch_init(&line->watch);
    }
    return rc;
}

void rtu_line_close(struct rtu_line *line)
{
    if (line->fd >= 0) {
        serial_port_close(line->fd);
        line->fd = -1;
    }
}

void rtu_line_distrust(struct rtu_line *line)
{
    line->unsettled = true;
}

/* --- silence --- */

/* Takes what is there; what it tells is counted. False: nothing, or the line is gone, which the
 * exchange will tell. */
static bool drain(struct rtu_line *line)
{
    uint8_t waste[MODBUS_ADU_MAX];
    ssize_t got = read(line->fd, waste, sizeof(waste));
    if (got > 0) {
        line_watch_stray(&line->watch, waste, (size_t)got, clock_mono(&clock_system));
    }
    return got > 0;
}

/* Reads away what still comes after a failed exchange, until the line is silent for one gap. */
static void settle(struct rtu_line *line)
{
    struct mono_time end = mono_add_ms(clock_mono(&clock_system), SETTLE_MAX_MS);
    int gap_ms = (int)(line->timing.gap_us / US_PER_MS) + 1;
    struct pollfd p = {.fd = line->fd, .events = POLLIN};
    while (mono_before(clock_mono(&clock_system), end) && poll(&p, 1, gap_ms) > 0) {
        if (!drain(line)) {
            break;
        }
    }
    line->unsettled = false;
}

/* The silence every frame begins with. */
static void wait_for_gap(struct rtu_line *line)
{
    if (line->unsettled) {
        settle(line);
    }
    int64_t target_ns = line->quiet_from.ns + (int64_t)line->timing.gap_us * NS_PER_US;
    int64_t left_ns = target_ns - clock_mono(&clock_system).ns;
    if (left_ns > 0) {
        struct timespec wait = {.tv_sec = 0, .tv_nsec = left_ns};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL); /* shorter: the CRC tells */
    }
    (void)drain(line); /* mostly there is nothing */
}

/* --- bytes --- */

/* Waits for `events`; ERR_OK, ERR_TIMEOUT at the deadline, ERR_IO. */
static int await(const struct rtu_line *line, short events, struct mono_time deadline)
{
    int64_t left_ns = deadline.ns - clock_mono(&clock_system).ns;
    if (left_ns <= 0) {
        return ERR_TIMEOUT;
    }
    struct timespec left = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
    struct pollfd p = {.fd = line->fd, .events = events};
    int ready = ppoll(&p, 1, &left, NULL);
    return ready > 0 ? ERR_OK : ready == 0 ? ERR_TIMEOUT : ERR_IO;
}

static int explain(int rc, const char *what, struct err_text *err)
{
    return err_set(err, rc, "connection lost: %s", what);
}

static int send_frame(struct rtu_line *line, const uint8_t *frame, size_t size,
                      struct mono_time deadline, struct err_text *err)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t done = write(line->fd, frame + sent, size - sent);
        if (done > 0) {
            sent += (size_t)done;
        } else if (done < 0 && errno != EAGAIN && errno != EINTR) {
            return explain(ERR_IO, strerror(errno), err);
        } else {
            int rc = await(line, POLLOUT, deadline);
            if (rc != ERR_OK) {
                return rc == ERR_IO ? explain(rc, strerror(errno), err)
                                    : err_set(err, rc, "the line takes no bytes");
            }
        }
    }
    return ERR_OK;
}

/* More bytes; ERR_OK, ERR_TIMEOUT, ERR_CORRUPT (no end of it), ERR_IO. */
static int hear(struct rtu_line *line, struct mono_time deadline, struct heard *heard,
                struct err_text *err)
{
    if (heard->size == sizeof(heard->data)) {
        return err_set(err, ERR_CORRUPT, "garbage without end");
    }
    int rc = await(line, POLLIN, deadline);
    if (rc != ERR_OK) {
        return rc == ERR_IO ? explain(rc, strerror(errno), err) : rc;
    }
    ssize_t got = read(line->fd, heard->data + heard->size, sizeof(heard->data) - heard->size);
    if (got > 0) {
        heard->size += (size_t)got;
        return ERR_OK;
    }
    bool again = got < 0 && (errno == EAGAIN || errno == EINTR);
    return again ? ERR_OK : explain(ERR_IO, got < 0 ? strerror(errno) : "the port is gone", err);
}

/* --- one exchange --- */

struct exchange {
    const struct modbus_request *request;
    uint8_t frame[MODBUS_REQUEST_MAX + CRC_SIZE];
    size_t frame_size;
    size_t answer_size; /* with CRC */
    struct heard heard;
};

/* Bytes of the request's echo that stand, or begin to stand, before the answer. */
static size_t echo_size(const struct rtu_line *line, const struct exchange *x)
{
    size_t both = x->heard.size < x->frame_size ? x->heard.size : x->frame_size;
    bool alike = modbus_answer_repeats(x->request->function);
    bool begins = memcmp(x->heard.data, x->frame, both) == 0;
    return begins && (!alike || line->echoes) ? x->frame_size : 0;
}

/* Bytes that must have come for the answer behind `skip` bytes to be whole. */
static size_t needed(const struct exchange *x, size_t skip)
{
    size_t got = x->heard.size > skip ? x->heard.size - skip : 0;
    return skip + modbus_answer_needed(x->request, x->heard.data + skip, got) + CRC_SIZE;
}

static int receive(struct rtu_line *line, struct exchange *x, struct mono_time deadline,
                   size_t *out_skip, struct err_text *err)
{
    int rc = ERR_OK;
    for (;;) {
        size_t skip = echo_size(line, x);
        size_t end = needed(x, skip);
        if (end > skip + x->answer_size) {
            rc = err_set(err, ERR_CORRUPT, "answer of %zu bytes or more, expected at most %zu",
                         end - skip, x->answer_size);
        }
        if (rc != ERR_OK || x->heard.size >= end) {
            break;
        }
        rc = hear(line, deadline, &x->heard, err);
    }
    *out_skip = echo_size(line, x);
    if (*out_skip > x->heard.size) {
        *out_skip = 0; /* so short that it is no echo */
    }
    return rc;
}

static void note(struct rtu_line *line, const struct exchange *x, size_t skip, bool good)
{
    uint32_t breaks = good ? line->breaks : count_breaks(line->fd);
    const struct line_exchange exchange = {
        .unit = x->request->unit,
        .answer_size = x->answer_size,
        .good = good,
        .heard = x->heard.size > skip,
        .recognised = x->heard.size >= skip + 2 && x->heard.data[skip] == x->request->unit &&
                      (x->heard.data[skip + 1] & 0x7F) == x->request->function,
        .echoed = skip > 0,
        .breaks = breaks - line->breaks,
    };
    line->breaks = breaks;
    if (good && !modbus_function_writes(x->request->function)) {
        line->echoes = skip > 0;
    }
    line_watch_note(&line->watch, &exchange, x->request->function, line->quiet_from);
    size_t done = good ? needed(x, skip) : skip;
    line_watch_stray(&line->watch, x->heard.data + done, x->heard.size - done, line->quiet_from);
}

int rtu_line_exchange(struct rtu_line *line, const struct modbus_request *request,
                      struct mono_time deadline, uint8_t *answer, size_t *out_size,
                      struct mono_time *out_sent, struct err_text *err)
{
    struct exchange x = {.request = request};
    size_t skip = 0;
    x.answer_size = modbus_answer_size(request) + CRC_SIZE;
    x.frame_size = modbus_request_write(request, x.frame);
    uint16_t crc = rtu_crc(x.frame, x.frame_size);
    x.frame[x.frame_size++] = (uint8_t)(crc & 0xFF);
    x.frame[x.frame_size++] = (uint8_t)(crc >> 8);
    wait_for_gap(line);
    *out_sent = clock_mono(&clock_system);
    int rc = send_frame(line, x.frame, x.frame_size, deadline, err);
    rc = rc == ERR_OK ? receive(line, &x, deadline, &skip, err) : rc;
    line->quiet_from = clock_mono(&clock_system);
    if (rc == ERR_IO) {
        return rc;
    }
    size_t size = needed(&x, skip) - skip;
    bool whole = rc == ERR_OK && rtu_frame_is_whole(x.heard.data + skip, size);
    note(line, &x, skip, whole && x.heard.data[skip] == request->unit);
    line->unsettled = !whole;
    if (whole) {
        *out_size = size - CRC_SIZE;
        memcpy(answer, x.heard.data + skip, *out_size);
        return ERR_OK;
    }
    return rc == ERR_OK ? err_set(err, ERR_CORRUPT, "wrong CRC") : rc;
}
