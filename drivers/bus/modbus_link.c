/*
 * One Modbus transport over libmodbus: framing, CRC and serial settings are its, deadlines and the
 * checks of each answer are ours. Owner: the thread that uses the link.
 *
 * libmodbus 3.1 waits once for a whole answer when its byte timeout is 0 (Linux select counts the
 * rest down), so one exchange never lasts longer than its response timeout. Raw TCP requests carry
 * transaction 0; what would be a late answer is therefore never left on an open connection.
 */
#include "drivers/bus/modbus_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "drivers/bus/serial_port.h"
#include "gateway/base/clock.h"

enum {
    US_PER_S = 1000000,
    NS_PER_US = 1000,
    US_PER_MS = 1000,
    MBAP_SIZE = 6, /* transaction, protocol, length; the unit follows */
    CRC_SIZE = 2,
    FAST_BAUD_BPS = 19200,
    FAST_GAP_US = 1750,
    SETTLE_MAX_MS = 40 /* longest wait for a babbling line to fall silent */
};

struct modbus_link {
    modbus_t *modbus;
    bool tcp;
    bool open;
    bool unsettled; /* RTU: bytes of a failed exchange may still come */
    struct sockaddr_storage address;
    socklen_t address_size;
    struct io_timing timing;
    struct mono_time quiet_from; /* RTU: end of the last frame on the line */
};

static struct modbus_link *link_of(modbus_t *modbus, bool tcp)
{
    struct modbus_link *link = calloc(1, sizeof(*link));
    if (!link || !modbus) {
        free(link);
        if (modbus) {
            modbus_free(modbus);
        }
        return NULL;
    }
    link->modbus = modbus;
    link->tcp = tcp;
    (void)modbus_set_error_recovery(modbus, MODBUS_ERROR_RECOVERY_NONE); /* only fails on NULL */
    (void)modbus_set_byte_timeout(modbus, 0, 0); /* the whole answer has one deadline */
    return link;
}

int modbus_link_create_tcp(const char *host, uint16_t port, struct modbus_link **out,
                           struct err_text *err)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    if (port == 0 || getaddrinfo(host, service, &hints, &found) != 0) {
        return err_set(err, ERR_INVALID, "'%s' port %u: expected a numeric address and a port",
                       host, port);
    }
    /* The context frames and reads; the socket is made in modbus_link_open, so its address is
     * never used. */
    struct modbus_link *link = link_of(modbus_new_tcp("127.0.0.1", port), true);
    if (link) {
        memcpy(&link->address, found->ai_addr, found->ai_addrlen);
        link->address_size = found->ai_addrlen;
        *out = link;
    }
    freeaddrinfo(found);
    return link ? ERR_OK : err_set(err, ERR_NO_MEMORY, "out of memory");
}

void modbus_timing_rtu(uint32_t baud_bps, uint32_t char_bits, struct io_timing *out)
{
    out->char_ns = (uint32_t)((uint64_t)char_bits * 1000000000 / baud_bps);
    out->gap_us = baud_bps > FAST_BAUD_BPS
                      ? FAST_GAP_US
                      : (uint32_t)((uint64_t)out->char_ns * 35 / 10 / NS_PER_US) + 1;
}

int modbus_link_create_rtu(const char *line, uint32_t baud_bps, char parity, uint8_t stop_bits,
                           struct modbus_link **out, struct err_text *err)
{
    struct serial_settings settings = {
        .baud_bps = baud_bps, .parity = parity, .stop_bits = stop_bits};
    (void)snprintf(settings.line, sizeof(settings.line), "%s", line);
    int rc = serial_settings_check(&settings, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct modbus_link *link =
        link_of(modbus_new_rtu(line, (int)baud_bps, parity, 8, stop_bits), false);
    if (!link) {
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    modbus_timing_rtu(baud_bps, 9u + stop_bits + (parity == 'N' ? 0 : 1), &link->timing);
    *out = link;
    return ERR_OK;
}

void modbus_link_destroy(struct modbus_link *link)
{
    if (!link) {
        return;
    }
    modbus_link_close(link);
    modbus_free(link->modbus);
    free(link);
}

void modbus_link_close(struct modbus_link *link)
{
    if (link->open) {
        modbus_close(link->modbus);
        link->open = false;
    }
}

bool modbus_link_is_open(const struct modbus_link *link)
{
    return link->open;
}

void modbus_link_timing(const struct modbus_link *link, struct io_timing *out)
{
    *out = link->timing;
}

/* Waits for a started connect; 0 or an errno value. */
static int await_connect(int fd, uint32_t timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int ready = poll(&p, 1, (int)timeout_ms);
    if (ready <= 0) {
        return ready == 0 ? ETIMEDOUT : errno;
    }
    int failure = 0;
    socklen_t size = sizeof(failure);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno;
}

static int connect_tcp(struct modbus_link *link, uint32_t timeout_ms)
{
    int fd = socket(link->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
    int failure = 0;
    if (fd >= FD_SETSIZE) {
        failure = EMFILE; /* libmodbus waits with select */
    } else if (connect(fd, (struct sockaddr *)&link->address, link->address_size) != 0) {
        failure = errno == EINPROGRESS ? await_connect(fd, timeout_ms) : errno;
    }
    if (failure == 0 && modbus_set_socket(link->modbus, fd) != 0) {
        failure = errno;
    }
    if (failure != 0) {
        close(fd);
    }
    return failure;
}

static int open_rtu(struct modbus_link *link)
{
    if (modbus_connect(link->modbus) != 0) {
        return errno;
    }
    int fd = modbus_get_socket(link->modbus);
    if (fd >= FD_SETSIZE) {
        modbus_close(link->modbus);
        return EMFILE;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* cannot fail on an open fd */
    link->quiet_from = clock_mono(&clock_system);
    link->unsettled = true;
    return 0;
}

int modbus_link_open(struct modbus_link *link, uint32_t timeout_ms, struct err_text *err)
{
    modbus_link_close(link);
    int failure = link->tcp ? connect_tcp(link, timeout_ms) : open_rtu(link);
    if (failure == ETIMEDOUT) {
        return err_set(err, ERR_TIMEOUT, "no connection within %u ms", timeout_ms);
    }
    if (failure != 0) {
        return err_set(err, ERR_IO, "cannot connect: %s", strerror(failure));
    }
    link->open = true;
    return ERR_OK;
}

/* Reads away what still comes after a failed exchange, until the line is silent for one gap. */
static void settle_line(struct modbus_link *link, int fd)
{
    struct mono_time end = mono_add_ms(clock_mono(&clock_system), SETTLE_MAX_MS);
    int gap_ms = (int)(link->timing.gap_us / US_PER_MS) + 1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint8_t waste[MODBUS_ADU_MAX];
    while (mono_before(clock_mono(&clock_system), end) && poll(&p, 1, gap_ms) > 0) {
        if (read(fd, waste, sizeof(waste)) <= 0) {
            break;
        }
    }
    link->unsettled = false;
}

/* The silence every RTU frame begins with; noise heard meanwhile is thrown away. */
static void wait_for_gap(struct modbus_link *link, int fd)
{
    if (link->unsettled) {
        settle_line(link, fd);
    }
    int64_t target_ns = link->quiet_from.ns + (int64_t)link->timing.gap_us * NS_PER_US;
    int64_t left_ns = target_ns - clock_mono(&clock_system).ns;
    if (left_ns > 0) {
        struct timespec wait = {.tv_sec = 0, .tv_nsec = left_ns};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL); /* shorter: the CRC tells */
    }
    (void)tcflush(fd, TCIFLUSH); /* a line that is gone shows itself in the exchange */
}

/* A TCP connection with unread bytes or a hang-up is of no use any more. */
static int check_tcp_idle(struct modbus_link *link, int fd, struct err_text *err)
{
    uint8_t byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return ERR_OK;
    }
    int failure = errno;
    modbus_link_close(link);
    if (got > 0) {
        return err_set(err, ERR_CORRUPT, "bytes nobody asked for");
    }
    return err_set(err, ERR_IO, "connection lost: %s",
                   got == 0 ? "closed by the device" : strerror(failure));
}

static int explain_errno(int failure, uint32_t timeout_us, struct err_text *err)
{
    if (failure == ETIMEDOUT) {
        return err_set(err, ERR_TIMEOUT, "no whole answer within %u ms",
                       (timeout_us + US_PER_MS - 1) / US_PER_MS);
    }
    if (failure == EMBBADCRC) {
        return err_set(err, ERR_CORRUPT, "wrong CRC");
    }
    if (failure > MODBUS_ENOBASE) {
        return err_set(err, ERR_CORRUPT, "garbage (%s)", modbus_strerror(failure));
    }
    return err_set(err, ERR_IO, "connection lost: %s", strerror(failure));
}

/* Sends and receives; returns the frame's size with the transport's parts, or -1 with errno. */
static int run_exchange(struct modbus_link *link, const uint8_t *request, size_t size,
                        struct mono_time deadline, uint8_t *answer)
{
    if (modbus_send_raw_request(link->modbus, request, (int)size) < 0) {
        return -1;
    }
    int64_t left_us = (deadline.ns - clock_mono(&clock_system).ns) / NS_PER_US;
    if (left_us <= 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    (void)modbus_set_response_timeout(link->modbus, (uint32_t)(left_us / US_PER_S),
                                      (uint32_t)(left_us % US_PER_S)); /* in range by the test */
    return modbus_receive_confirmation(link->modbus, answer);
}

/* Takes the transport's parts off; ERR_CORRUPT when they do not fit the frame. */
static int unframe(const struct modbus_link *link, const uint8_t **data, size_t *size,
                   struct err_text *err)
{
    const uint8_t *frame = *data;
    if (!link->tcp) {
        if (*size == 0) { /* libmodbus drops a frame of another unit so */
            return err_set(err, ERR_CORRUPT, "unit %u answered", frame[0]);
        }
        *size -= *size >= CRC_SIZE ? CRC_SIZE : *size;
        return ERR_OK;
    }
    size_t said = *size >= MBAP_SIZE ? (size_t)frame[4] << 8 | frame[5] : 0;
    if (*size < MBAP_SIZE || said != *size - MBAP_SIZE || frame[0] != 0 || frame[1] != 0 ||
        frame[2] != 0 || frame[3] != 0) {
        return err_set(err, ERR_CORRUPT, "answer with a wrong header");
    }
    *data += MBAP_SIZE;
    *size -= MBAP_SIZE;
    return ERR_OK;
}

/* After anything but a clean answer: no byte of this exchange may meet the next one. */
static void clean_up(struct modbus_link *link, int rc)
{
    link->quiet_from = clock_mono(&clock_system);
    if (rc == ERR_OK || rc == ERR_DENIED) {
        return;
    }
    if (link->tcp || rc == ERR_IO) {
        modbus_link_close(link);
    } else {
        link->unsettled = true;
    }
}

int modbus_link_exchange(struct modbus_link *link, const struct modbus_request *request,
                         uint32_t timeout_us, struct modbus_answer *out, struct err_text *err)
{
    uint8_t bytes[MODBUS_REQUEST_MAX];
    uint8_t frame[MODBUS_ADU_MAX] = {0};
    size_t size = modbus_request_write(request, bytes);
    if (size == 0) {
        return err_set(err, ERR_INVALID, "request of function %u for unit %u out of range",
                       request->function, request->unit);
    }
    if (!link->open) {
        return err_set(err, ERR_STALE, "not connected");
    }
    int fd = modbus_get_socket(link->modbus);
    struct mono_time begin = clock_mono(&clock_system);
    struct mono_time deadline = {.ns = begin.ns + (int64_t)timeout_us * NS_PER_US};
    if (modbus_set_slave(link->modbus, request->unit) != 0) {
        return err_set(err, ERR_INVALID, "unit %u does not exist on this line", request->unit);
    }
    int rc = ERR_OK;
    if (link->tcp) {
        rc = check_tcp_idle(link, fd, err);
        if (rc != ERR_OK) {
            return rc;
        }
    } else {
        wait_for_gap(link, fd);
    }
    int got = run_exchange(link, bytes, size, deadline, frame);
    if (got < 0) {
        rc = explain_errno(errno, timeout_us, err);
    } else {
        const uint8_t *data = frame;
        size_t left = (size_t)got;
        rc = unframe(link, &data, &left, err);
        if (rc == ERR_OK) {
            rc = modbus_answer_read(request, data, left, out, err);
        }
    }
    clean_up(link, rc);
    return rc;
}

uint32_t modbus_exchange_us(const struct io_timing *timing, const struct modbus_request *request,
                            uint32_t answer_us)
{
    if (timing->char_ns == 0) {
        return answer_us;
    }
    uint64_t chars =
        modbus_request_size(request) + CRC_SIZE + modbus_answer_size(request) + CRC_SIZE;
    uint64_t line_us = chars * timing->char_ns / NS_PER_US + 1;
    return (uint32_t)(line_us + 2ull * timing->gap_us + answer_us);
}
