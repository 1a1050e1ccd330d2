/*
 * Driver `led_display`: a text sign on a serial line of its own (RS-485 or RS-232), spoken to by a
 * profile file (profile.h). One thread a sign. Room for one message waits: the newest stands. The
 * sign answers nothing, so what is known is that the line is open and took the bytes; a line that
 * vanishes is opened again with a back-off and gets the message that stands.
 */
#pragma once

#include <stdint.h>

#include "drivers/api/display.h"
#include "drivers/bus/serial_port.h"
#include "gateway/base/err.h"

enum {
    LED_DISPLAY_WRITE_MS = 1000, /* a frame that does not go out within this: the line is gone */
    LED_DISPLAY_RETRY_FIRST_MS = 100,
    LED_DISPLAY_RETRY_LAST_MS = 500
};

struct led_display_options {
    char name[16]; /* thread name: "sign-3" */
    uint8_t lane;
    uint8_t address; /* of profiles that have one */
    struct serial_settings port;
    char profile[320]; /* path of the profile file */
};

/* Reads the profile, opens nothing else yet; the sink must outlive the display. Shows
 * DISPLAY_WELCOME until told otherwise, and before it ends, so that no plate stays behind.
 * ERR_INVALID (place and reason), ERR_NOT_FOUND, ERR_IO, ERR_NO_MEMORY. */
int led_display_create(const struct led_display_options *options, const struct display_sink *sink,
                       struct display *out, struct err_text *err) MUST_CHECK;
