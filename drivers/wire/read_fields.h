/*
 * What every camera codec does with the fields of a read: text checked before it is kept, values
 * outside their range treated as not given. A vehicle is never lost over an optional field; broken
 * text is refused, because it ends in records and on screens. Pure, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/model/plate_read.h"

enum {
    READ_SPEED_NONE = 0xFFFF,
    READ_DIRECTION_MAX = 9, /* GA/T 1400 */
    READ_COLOUR_MAX = 13,   /* GA/T 1400, besides READ_COLOUR_OTHER */
    READ_COLOUR_OTHER = 99,
    READ_ODDITY_SIZE = 96 /* bytes, with its NUL */
};
#define READ_CAMERA_TIME_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Everything zero or "not given", kind PLATE_UNREAD. */
void read_fields_init(struct plate_read *out);

/* Strict UTF-8 (no overlong form, no surrogate) without control characters. */
bool read_text_valid(const uint8_t *text, size_t size_bytes);

/* Keeps the raw text, sets kind and key; a vendor's colour prefix sets the colour if none is set.
 * Trailing NUL and space are dropped first. ERR_TOO_LARGE above PLATE_TEXT_MAX bytes, ERR_INVALID
 * for text that is not valid; `out` is then unchanged. */
int read_fields_set_plate(struct plate_read *out, const uint8_t *text, size_t size_bytes,
                          enum plate_dash dash) MUST_CHECK;

/* The first value of a message that was out of range, for whoever mends the camera: "register 3,
 * confidence: 140, expected 0 to 100, or 255 for none"; "" when all were good. */
struct read_oddity {
    char text[READ_ODDITY_SIZE];
};
/* Notes a value that was not taken; `place` may be "". */
void read_oddity_note(struct read_oddity *oddity, bool taken, const char *place, const char *name,
                      uint64_t value, const char *expected);
#define READ_EXPECTED_CONFIDENCE "0 to 100, or 255 for none"
#define READ_EXPECTED_DIRECTION "0 to 9"
#define READ_EXPECTED_COLOUR "0 to 13, or 99"
#define READ_EXPECTED_SPEED "0 to 65535"
#define READ_EXPECTED_TIME "milliseconds up to the year 9999"

/* Each returns false, and changes nothing, when the value is out of range. */
bool read_fields_set_confidence(struct plate_read *out, uint64_t confidence);
bool read_fields_set_time(struct plate_read *out, uint64_t wall_ms);
bool read_fields_set_speed(struct plate_read *out, uint64_t speed_kmh);
bool read_fields_set_class(struct plate_read *out, const uint8_t *two_characters);
bool read_fields_set_colour(struct plate_read *out, uint64_t code);
bool read_fields_set_direction(struct plate_read *out, uint64_t code);
/* After the plate. One score 0-100 for each symbol of the key, otherwise refused as a whole. */
bool read_fields_set_scores(struct plate_read *out, const uint8_t *scores, size_t count);
/* After the plate. A text without key, the best read itself and a repetition are left out (true);
 * false when the list is full. The text must be valid. */
bool read_fields_add_candidate(struct plate_read *out, uint8_t confidence, const uint8_t *text,
                               size_t size_bytes, enum plate_dash dash);
