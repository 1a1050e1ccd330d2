/*
 * One Modbus transport: TCP (tcp_line.h) or RTU (rtu_line.h); deadlines and the checks of each
 * answer are the same. Owner: the thread that uses the link.
 */
#include "drivers/bus/modbus_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "drivers/bus/rtu_line.h"
#include "drivers/bus/tcp_line.h"
#include "gateway/base/clock.h"

enum {
    NS_PER_US = 1000,
    US_PER_MS = 1000,
    RTU_UNIT_MAX = 247,
    CRC_SIZE = 2,
    FAST_BAUD_BPS = 19200,
    FAST_GAP_US = 1750
};

struct modbus_link {
    bool tcp;
    struct tcp_line connection; /* one of the two */
    struct rtu_line line;
    struct device_health *health; /* of the device now spoken to; NULL = nobody counts */
};

static int finish(struct modbus_link *link, int rc, struct modbus_link **out)
{
    if (rc == ERR_OK) {
        *out = link;
    } else {
        free(link);
    }
    return rc;
}

int modbus_link_create_tcp(const char *host, uint16_t port, struct modbus_link **out,
                           struct err_text *err)
{
    struct modbus_link *link = calloc(1, sizeof(*link));
    if (!link) {
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    link->tcp = true;
    return finish(link, tcp_line_init(&link->connection, host, port, err), out);
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
    return finish(link, rtu_line_init(&link->line, &settings, err), out);
}

void modbus_link_destroy(struct modbus_link *link)
{
    if (link) {
        modbus_link_close(link);
        free(link);
    }
}

void modbus_link_close(struct modbus_link *link)
{
    if (link->tcp) {
        tcp_line_close(&link->connection);
    } else {
        rtu_line_close(&link->line);
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
    return (link->tcp ? link->connection.fd : link->line.fd) >= 0;
}

void modbus_link_timing(const struct modbus_link *link, struct io_timing *out)
{
    *out = (struct io_timing){0};
    if (!link->tcp) {
        *out = link->line.timing;
    }
}

int modbus_link_open(struct modbus_link *link, uint32_t timeout_ms, struct err_text *err)
{
    return link->tcp ? tcp_line_open(&link->connection, timeout_ms, err)
                     : rtu_line_open(&link->line, err);
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
    uint8_t frame[MODBUS_ADU_MAX];
    size_t size = 0;
    struct mono_time begin = clock_mono(&clock_system);
    struct mono_time deadline = {.ns = begin.ns + (int64_t)timeout_us * NS_PER_US};
    int rc = link->tcp
                 ? tcp_line_exchange(&link->connection, request, deadline, frame, &size, err)
                 : rtu_line_exchange(&link->line, request, deadline, frame, &size, &begin, err);
    if (rc == ERR_OK) {
        rc = modbus_answer_read(request, frame, size, out, err);
    } else if (rc == ERR_TIMEOUT) {
        (void)err_set(err, rc, "no whole answer within %u ms",
                      (timeout_us + US_PER_MS - 1) / US_PER_MS);
    }
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
