/*
 * A serial line as a file descriptor: raw, 8 data bits, no flow control, not the controlling
 * terminal, refused to other programs while open. No state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"

struct serial_settings {
    char line[64]; /* "/dev/ttyS1" */
    uint32_t baud_bps;
    char parity;       /* 'N', 'E', 'O' */
    uint8_t stop_bits; /* 1, 2 */
};

/* 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400. */
bool serial_rate_is_standard(uint32_t baud_bps);
/* Opens nothing. ERR_INVALID with the setting that is wrong. */
int serial_settings_check(const struct serial_settings *settings, struct err_text *err) MUST_CHECK;
/* Non-blocking, close-on-exec; ends with serial_port_close. ERR_IO with the reason. */
int serial_port_open(const struct serial_settings *settings, int *out_fd,
                     struct err_text *err) MUST_CHECK;
/* Lets other programs in again, which a line that stays open elsewhere would not do by itself. */
void serial_port_close(int fd);
