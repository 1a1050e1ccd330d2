/*
 * One Modbus transport: a TCP connection (tcp_line.h) or an RTU line (rtu_line.h). Used by one
 * thread. Each exchange has a deadline; after anything that could
 * leave a late answer on the way (silence, garbage) a TCP link closes itself and an RTU link drains
 * the line, so that no answer is ever taken for another's. Nothing is allocated after create.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/api/io.h"
#include "drivers/bus/device_health.h"
#include "drivers/bus/line_watch.h"
#include "drivers/bus/modbus_pdu.h"
#include "gateway/base/err.h"

struct modbus_link;

/* Opens nothing. `host` is a numeric IPv4 or IPv6 address. ERR_INVALID, ERR_NO_MEMORY. */
int modbus_link_create_tcp(const char *host, uint16_t port, struct modbus_link **out,
                           struct err_text *err) MUST_CHECK;
/* `parity` 'N', 'E', 'O'; 8 data bits; standard rates only. ERR_INVALID, ERR_NO_MEMORY. */
int modbus_link_create_rtu(const char *line, uint32_t baud_bps, char parity, uint8_t stop_bits,
                           struct modbus_link **out, struct err_text *err) MUST_CHECK;
void modbus_link_destroy(struct modbus_link *link); /* NULL is fine; closes */

/* Connects within timeout_ms (TCP) or opens the line. ERR_IO, ERR_TIMEOUT with the reason. */
int modbus_link_open(struct modbus_link *link, uint32_t timeout_ms,
                     struct err_text *err) MUST_CHECK;
void modbus_link_close(struct modbus_link *link); /* no-op when closed */
bool modbus_link_is_open(const struct modbus_link *link);
void modbus_link_timing(const struct modbus_link *link, struct io_timing *out);

/* Whose exchanges the next ones are: counted there until another is named. NULL: nobody's. */
void modbus_link_count_for(struct modbus_link *link, struct device_health *health);
/* What is likely wrong with an RTU line, by what it was heard to do. */
enum bus_cause modbus_link_cause(const struct modbus_link *link);

/* One request and its answer within timeout_us, the wait for the line's silence before it included.
 * ERR_TIMEOUT, ERR_CORRUPT, ERR_DENIED (exception; the link stays good), ERR_IO; ERR_STALE when the
 * link is closed. */
int modbus_link_exchange(struct modbus_link *link, const struct modbus_request *request,
                         uint32_t timeout_us, struct modbus_answer *out,
                         struct err_text *err) MUST_CHECK;

/* Time of one character and of the silence between frames (3.5 characters, 1.75 ms above 19200
 * baud: MODBUS over Serial Line 1.02, 2.5.1.1). `char_bits`: start, data, parity and stop bits. */
void modbus_timing_rtu(uint32_t baud_bps, uint32_t char_bits, struct io_timing *out);
/* Longest time of one exchange on that line when the device answers within answer_us. */
uint32_t modbus_exchange_us(const struct io_timing *timing, const struct modbus_request *request,
                            uint32_t answer_us);
