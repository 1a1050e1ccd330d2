/*
 * A Modbus RTU line as its master: frames with CRC, the silence between them, answers with a
 * deadline, and an ear on everything else that is heard (line_watch.h). Reads byte by byte what
 * a library would throw away: the echo of an adapter, another master's requests, a second answer.
 * Used by one thread. Nothing is allocated.
 *
 * An adapter that hands our own request back is lived with: the echo of a read is told from its
 * answer by its bytes; once a line has echoed a read, the answer to a write, which looks the same,
 * must come behind its echo.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/api/io.h"
#include "drivers/bus/line_watch.h"
#include "drivers/bus/modbus_pdu.h"
#include "drivers/bus/serial_port.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"

struct rtu_line {
    struct serial_settings settings;
    struct io_timing timing;
    int fd;                      /* -1 = closed */
    bool unsettled;              /* bytes of a failed exchange may still come */
    bool echoes;                 /* proven by a read since the line was opened */
    struct mono_time quiet_from; /* end of the last frame on the line */
    uint32_t breaks;             /* of the port's counter, at the last look */
    struct line_watch watch;
};

/* Opens nothing. ERR_INVALID. */
int rtu_line_init(struct rtu_line *line, const struct serial_settings *settings,
                  struct err_text *err) MUST_CHECK;
int rtu_line_open(struct rtu_line *line, struct err_text *err) MUST_CHECK; /* ERR_IO */
void rtu_line_close(struct rtu_line *line);                                /* no-op when closed */

/* One request, `size` bytes from the unit on, and the answer without its CRC (`answer` has
 * MODBUS_ADU_MAX). *out_sent: when the request went out. ERR_TIMEOUT, ERR_CORRUPT, ERR_IO (the line
 * is gone; the caller closes it). The line stays usable after the others. */
int rtu_line_exchange(struct rtu_line *line, const struct modbus_request *request,
                      struct mono_time deadline, uint8_t *answer, size_t *out_size,
                      struct mono_time *out_sent, struct err_text *err) MUST_CHECK;
/* After the caller's own checks of that answer: bytes of a bad one may still come. */
void rtu_line_distrust(struct rtu_line *line);
