/*
 * A Modbus TCP connection as its client (MODBUS Messaging on TCP/IP 1.0b). State: struct tcp_line,
 * the thread's that uses it.
 */
#include "drivers/bus/tcp_line.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/bytes.h"

enum {
    NS_PER_S = 1000000000,
    HEADER_SIZE = 6,   /* transaction, protocol, length; the unit follows */
    LENGTH_MIN = 2,    /* unit and function */
    LENGTH_MAX = 254,  /* of both and the data */
    LATE_MAX = 1 << 10 /* answers to so many requests before are late, others nobody's */
};

int tcp_line_init(struct tcp_line *line, const char *host, uint16_t port, struct err_text *err)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    *line = (struct tcp_line){.fd = -1};
    (void)snprintf(service, sizeof(service), "%u", port);
    if (port == 0 || getaddrinfo(host, service, &hints, &found) != 0) {
        return err_set(err, ERR_INVALID, "'%s' port %u: expected a numeric address and a port",
                       host, port);
    }
    memcpy(&line->address, found->ai_addr, found->ai_addrlen);
    line->address_size = found->ai_addrlen;
    freeaddrinfo(found);
    return ERR_OK;
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

int tcp_line_open(struct tcp_line *line, uint32_t timeout_ms, struct err_text *err)
{
    tcp_line_close(line);
    int fd = socket(line->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    int failure = fd < 0 ? errno : 0;
    if (failure == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
        if (connect(fd, (struct sockaddr *)&line->address, line->address_size) != 0) {
            failure = errno == EINPROGRESS ? await_connect(fd, timeout_ms) : errno;
        }
    }
    if (failure == 0) {
        line->fd = fd;
        line->size = 0;
        return ERR_OK;
    }
    if (fd >= 0) {
        close(fd);
    }
    return failure == ETIMEDOUT
               ? err_set(err, ERR_TIMEOUT, "no connection within %u ms", timeout_ms)
               : err_set(err, ERR_IO, "cannot connect: %s", strerror(failure));
}

void tcp_line_close(struct tcp_line *line)
{
    if (line->fd >= 0) {
        close(line->fd);
        line->fd = -1;
    }
}

static int send_request(struct tcp_line *line, const struct modbus_request *request,
                        struct err_text *err)
{
    uint8_t frame[HEADER_SIZE + MODBUS_REQUEST_MAX];
    struct byte_writer w;
    size_t size = modbus_request_write(request, frame + HEADER_SIZE);
    line->transaction++;
    byte_writer_init(&w, frame, HEADER_SIZE);
    byte_write_be16(&w, line->transaction);
    byte_write_be16(&w, 0);
    byte_write_be16(&w, (uint16_t)size);
    size += HEADER_SIZE;
    /* A connection with nothing under way takes a request whole, or it is of no use. */
    ssize_t done = send(line->fd, frame, size, MSG_NOSIGNAL);
    return done == (ssize_t)size
               ? ERR_OK
               : err_set(err, ERR_IO, "connection lost: %s", strerror(done < 0 ? errno : EMSGSIZE));
}

/* More bytes; ERR_TIMEOUT without text at the deadline. */
static int hear(struct tcp_line *line, struct mono_time deadline, struct err_text *err)
{
    int64_t left_ns = deadline.ns - clock_mono(&clock_system).ns;
    if (left_ns <= 0) {
        return ERR_TIMEOUT;
    }
    struct timespec left = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
    struct pollfd p = {.fd = line->fd, .events = POLLIN};
    int ready = ppoll(&p, 1, &left, NULL);
    if (ready == 0) {
        return ERR_TIMEOUT;
    }
    ssize_t got = ready < 0
                      ? -1
                      : recv(line->fd, line->data + line->size, sizeof(line->data) - line->size, 0);
    if (got > 0) {
        line->size += (size_t)got;
        return ERR_OK;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return ERR_OK;
    }
    return err_set(err, ERR_IO, "connection lost: %s",
                   got == 0 ? "closed by the device" : strerror(errno));
}

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* Takes the first whole frame out; *out_size 0: none is there yet, or it answered an earlier
 * request. ERR_CORRUPT. */
static int take_frame(struct tcp_line *line, uint8_t *answer, size_t *out_size, bool *out_more,
                      struct err_text *err)
{
    const uint8_t *d = line->data;
    *out_size = 0;
    *out_more = line->size < HEADER_SIZE;
    if (*out_more) {
        return ERR_OK;
    }
    size_t length = be16(d + 4);
    uint16_t behind = (uint16_t)(line->transaction - be16(d));
    if (be16(d + 2) != 0 || length < LENGTH_MIN || length > LENGTH_MAX || behind > LATE_MAX) {
        return err_set(err, ERR_CORRUPT, "answer with a wrong header");
    }
    *out_more = line->size < HEADER_SIZE + length;
    if (*out_more) {
        return ERR_OK;
    }
    if (behind == 0) {
        *out_size = length;
        memcpy(answer, d + HEADER_SIZE, length);
    }
    line->size -= HEADER_SIZE + length;
    memmove(line->data, line->data + HEADER_SIZE + length, line->size);
    return ERR_OK;
}

int tcp_line_exchange(struct tcp_line *line, const struct modbus_request *request,
                      struct mono_time deadline, uint8_t *answer, size_t *out_size,
                      struct err_text *err)
{
    int rc = send_request(line, request, err);
    size_t size = 0;
    bool more = false;
    while (rc == ERR_OK && size == 0) {
        rc = take_frame(line, answer, &size, &more, err);
        if (rc == ERR_OK && more) {
            rc = hear(line, deadline, err);
        }
    }
    *out_size = size;
    return rc;
}
