/*
 * How a serial camera's messages look, read from a profile file
 * (drivers/profiles/serial/NAME.yaml). Plain values; reading blocks on the disk.
 */
#pragma once

#include <stdint.h>

#include "drivers/wire/serial_line.h"
#include "gateway/base/err.h"
#include "gateway/config/config.h"

struct serial_profile {
    char source[128]; /* the document it was written from */
    char template[256];
    struct serial_format format; /* complete after a load */
    uint32_t silence_ms;         /* a camera silent for so long is lost; 0 = it may be */
};

extern const struct config_section serial_profile_section; /* struct serial_profile */

/* Reads and checks a file. As config_load. */
int serial_profile_load(const char *path, struct serial_profile *out,
                        struct err_text *err) MUST_CHECK;
