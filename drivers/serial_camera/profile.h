/*
 * How a serial camera's messages look, read from a profile file
 * (drivers/profiles/serial/NAME.yaml). Plain values; reading blocks on the disk.
 */
#pragma once

#include <stdint.h>

#include "drivers/wire/serial_line.h"
#include "gateway/base/err.h"
#include "gateway/config/config.h"

enum { SERIAL_TRIGGER_MAX = 64 };

/* What makes the camera read now. */
struct serial_trigger {
    uint8_t bytes[SERIAL_TRIGGER_MAX]; /* sent as they stand, framing and check included */
    uint8_t size;                      /* 0 = it has none */
};

struct serial_profile {
    char source[128]; /* the document it was written from */
    char template[256];
    struct serial_format format; /* complete after a load */
    uint32_t silence_ms;         /* a camera silent for so long is lost; 0 = it may be */
    struct serial_trigger trigger;
    uint32_t trigger_pause_ms; /* between two triggers, at least */
};

extern const struct config_section serial_profile_section; /* struct serial_profile */

/* Reads and checks a file. As config_load. */
int serial_profile_load(const char *path, struct serial_profile *out,
                        struct err_text *err) MUST_CHECK;
