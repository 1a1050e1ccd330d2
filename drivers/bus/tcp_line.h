/*
 * A Modbus TCP connection as its client: one request at a time with a transaction number of its
 * own, so that a late or second answer is never taken for another's; answers with a deadline. Used
 * by one thread. Nothing is allocated.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "drivers/bus/modbus_pdu.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"

struct tcp_line {
    struct sockaddr_storage address;
    socklen_t address_size;
    int fd; /* -1 = closed */
    uint16_t transaction;
    uint8_t data[2 * MODBUS_ADU_MAX]; /* received, not yet used */
    size_t size;
};

/* Opens nothing. `host` is a numeric IPv4 or IPv6 address. ERR_INVALID. */
int tcp_line_init(struct tcp_line *line, const char *host, uint16_t port,
                  struct err_text *err) MUST_CHECK;
/* ERR_TIMEOUT, ERR_IO. */
int tcp_line_open(struct tcp_line *line, uint32_t timeout_ms, struct err_text *err) MUST_CHECK;
void tcp_line_close(struct tcp_line *line); /* no-op when closed */

/* One request, and the answer from the unit on (`answer` has MODBUS_ADU_MAX). ERR_TIMEOUT,
 * ERR_CORRUPT, ERR_IO; after any of them the caller closes the connection. */
int tcp_line_exchange(struct tcp_line *line, const struct modbus_request *request,
                      struct mono_time deadline, uint8_t *answer, size_t *out_size,
                      struct err_text *err) MUST_CHECK;
