/*
 * How a sign is spoken to, read from a profile file (drivers/profiles/display/NAME.yaml), and the
 * bytes of one message by it:
 *
 *   prefix  address?  colour of that message  text  checksum?  suffix
 *
 * `address` is one byte of the sign's row in checkpointd.yaml; the checksum is the XOR of address,
 * colour and text. A message of two lines has the profile's line break between them, a blank where
 * it has none. Pure, but for reading the file. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/api/display.h"
#include "drivers/wire/text_converter.h"
#include "gateway/base/err.h"
#include "gateway/config/config.h"

enum {
    LED_BYTES_MAX = 16, /* of each literal */
    LED_COLUMNS_MIN = 8,
    LED_COLUMNS_MAX = 64,
    LED_TEXT_MAX = 96,
    LED_FRAME_MAX = 4 * LED_BYTES_MAX + LED_TEXT_MAX + 2
};

struct led_bytes {
    uint8_t size;
    uint8_t bytes[LED_BYTES_MAX];
};

struct led_colours {
    struct led_bytes of[DISPLAY_MESSAGE_COUNT];
};

struct led_profile {
    char source[128]; /* the document it was written from */
    enum text_encoding encoding;
    uint8_t columns; /* of a line; a Chinese character takes two */
    bool address;
    bool checksum; /* XOR */
    struct led_bytes prefix, suffix, line_break;
    struct led_colours colours;
    uint32_t gap_ms;    /* from one frame to the next */
    uint32_t repeat_ms; /* the message is written again after this, 0 = never */
};

extern const struct config_section led_profile_section; /* struct led_profile */

/* Reads and checks a file: a profile that has no room for one of the messages is refused.
 * As config_load. */
int led_profile_load(const char *path, struct led_profile *out, struct err_text *err) MUST_CHECK;

/* The frame that shows `show` on the sign with that address; out has LED_FRAME_MAX bytes.
 * ERR_INVALID: no such message, or a plate that is missing, not valid text or not to be written in
 * the sign's encoding; ERR_TOO_LARGE: a plate wider than the sign. */
int led_frame_encode(const struct led_profile *profile, struct text_converter *to_device,
                     uint8_t address, const struct display_show *show, uint8_t *out,
                     size_t *out_size) MUST_CHECK;
