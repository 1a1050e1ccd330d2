/*
 * One Modbus transport: TCP over libmodbus, whose framing it is, RTU over rtu_line.h; deadlines and
 * the checks of each answer are the same. Owner: the thread that uses the link.
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

#include "drivers/bus/rtu_line.h"
#include "gateway/base/clock.h"

enum {
    RTU_UNIT_MAX = 247,
    US_PER_S = 1000000,
    NS_PER_US = 1000,
    US_PER_MS = 1000,
    MBAP_SIZE = 6, /* transaction, protocol, length; the unit follows */
    CRC_SIZE = 2,
    FAST_BAUD_BPS = 19200,
    FAST_GAP_US = 1750
};

struct modbus_link {
    bool tcp;
    /* TCP */
    modbus_t *modbus;
    bool open;
    struct sockaddr_storage address;
    socklen_t address_size;
    /* RTU */
    struct rtu_line line;
    struct device_health *health; /* of the device now spoken to; NULL = nobody counts */
};

/* The context frames and reads; the socket is made in modbus_link_open, so its address is never
 * used. */
static modbus_t *create_context(uint16_t port)
{
    modbus_t *modbus = modbus_new_tcp("127.0.0.1", port);
    if (modbus) {
        (void)modbus_set_error_recovery(modbus,
                                        MODBUS_ERROR_RECOVERY_NONE); /* only fails on NULL */
        (void)modbus_set_byte_timeout(modbus, 0, 0); /* the whole answer has one deadline */
    }
    return modbus;
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
    struct modbus_link *link = calloc(1, sizeof(*link));
    if (link) {
        link->tcp = true;
        link->modbus = create_context(port);
        memcpy(&link->address, found->ai_addr, found->ai_addrlen);
        link->address_size = found->ai_addrlen;
    }
    freeaddrinfo(found);
    if (!link || !link->modbus) {
        free(link);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    *out = link;
    return ERR_OK;
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
    struct modbus_link *link = calloc(1, sizeof(*link));
    if (!link) {
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    int rc = rtu_line_init(&link->line, &settings, err);
    if (rc != ERR_OK) {
        free(link);
        return rc;
    }
    *out = link;
    return ERR_OK;
}

void modbus_link_destroy(struct modbus_link *link)
{
    if (!link) {
        return;
    }
    modbus_link_close(link);
    if (link->modbus) {
        modbus_free(link->modbus);
    }
    free(link);
}

void modbus_link_close(struct modbus_link *link)
{
    if (!link->tcp) {
        rtu_line_close(&link->line);
    } else if (link->open) {
        modbus_close(link->modbus);
        link->open = false;
    }
}

void modbus_link_count_for(struct modbus_link *link, struct device_health *health)
{
    link->health = health;
}

enum bus_cause modbus_link_cause(const struct modbus_link *link)
{
    return link->tcp ? BUS_CAUSE_NONE
                     : line_watch_cause(&link->line.watch, clock_mono(&clock_system));
}

bool modbus_link_is_open(const struct modbus_link *link)
{
    return link->tcp ? link->open : link->line.fd >= 0;
}

void modbus_link_timing(const struct modbus_link *link, struct io_timing *out)
{
    *out = link->tcp ? (struct io_timing){0} : link->line.timing;
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

int modbus_link_open(struct modbus_link *link, uint32_t timeout_ms, struct err_text *err)
{
    modbus_link_close(link);
    if (!link->tcp) {
        return rtu_line_open(&link->line, err);
    }
    int failure = connect_tcp(link, timeout_ms);
    if (failure == ETIMEDOUT) {
        return err_set(err, ERR_TIMEOUT, "no connection within %u ms", timeout_ms);
    }
    if (failure != 0) {
        return err_set(err, ERR_IO, "cannot connect: %s", strerror(failure));
    }
    link->open = true;
    return ERR_OK;
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

/* Takes the header off; ERR_CORRUPT when it does not fit the frame. */
static int unframe(const uint8_t **data, size_t *size, struct err_text *err)
{
    const uint8_t *frame = *data;
    size_t said = *size >= MBAP_SIZE ? (size_t)frame[4] << 8 | frame[5] : 0;
    if (*size < MBAP_SIZE || said != *size - MBAP_SIZE || frame[0] != 0 || frame[1] != 0 ||
        frame[2] != 0 || frame[3] != 0) {
        return err_set(err, ERR_CORRUPT, "answer with a wrong header");
    }
    *data += MBAP_SIZE;
    *size -= MBAP_SIZE;
    return ERR_OK;
}

static int exchange_tcp(struct modbus_link *link, const struct modbus_request *request,
                        struct mono_time deadline, uint32_t timeout_us, struct modbus_answer *out,
                        struct err_text *err)
{
    uint8_t bytes[MODBUS_REQUEST_MAX];
    uint8_t frame[MODBUS_ADU_MAX] = {0};
    int rc = check_tcp_idle(link, modbus_get_socket(link->modbus), err);
    if (rc != ERR_OK) {
        return rc;
    }
    (void)modbus_set_slave(link->modbus, request->unit); /* every unit of a good request exists */
    int got = run_exchange(link, bytes, modbus_request_write(request, bytes), deadline, frame);
    if (got < 0) {
        return explain_errno(errno, timeout_us, err);
    }
    const uint8_t *data = frame;
    size_t left = (size_t)got;
    rc = unframe(&data, &left, err);
    return rc == ERR_OK ? modbus_answer_read(request, data, left, out, err) : rc;
}

static int exchange_rtu(struct modbus_link *link, const struct modbus_request *request,
                        struct mono_time deadline, uint32_t timeout_us, struct mono_time *out_sent,
                        struct modbus_answer *out, struct err_text *err)
{
    uint8_t frame[MODBUS_ADU_MAX];
    size_t size = 0;
    int rc = rtu_line_exchange(&link->line, request, deadline, frame, &size, out_sent, err);
    if (rc == ERR_TIMEOUT) {
        return explain_errno(ETIMEDOUT, timeout_us, err);
    }
    return rc == ERR_OK ? modbus_answer_read(request, frame, size, out, err) : rc;
}

/* After anything but a clean answer: no byte of this exchange may meet the next one. */
static void clean_up(struct modbus_link *link, int rc)
{
    if (rc == ERR_OK || rc == ERR_DENIED) {
        return;
    }
    if (link->tcp || rc == ERR_IO) {
        modbus_link_close(link);
    } else {
        rtu_line_distrust(&link->line);
    }
}

int modbus_link_exchange(struct modbus_link *link, const struct modbus_request *request,
                         uint32_t timeout_us, struct modbus_answer *out, struct err_text *err)
{
    if (modbus_request_size(request) == 0 || (!link->tcp && request->unit > RTU_UNIT_MAX)) {
        return err_set(err, ERR_INVALID, "request of function %u for unit %u out of range",
                       request->function, request->unit);
    }
    if (!modbus_link_is_open(link)) {
        return err_set(err, ERR_STALE, "not connected");
    }
    struct mono_time begin = clock_mono(&clock_system);
    struct mono_time deadline = {.ns = begin.ns + (int64_t)timeout_us * NS_PER_US};
    int rc = link->tcp ? exchange_tcp(link, request, deadline, timeout_us, out, err)
                       : exchange_rtu(link, request, deadline, timeout_us, &begin, out, err);
    clean_up(link, rc);
    if (link->health) {
        device_health_note(link->health, rc, begin, clock_mono(&clock_system));
    }
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
