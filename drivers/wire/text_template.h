/*
 * A camera's message of text, by a template: literal characters and fields in braces.
 *
 *   {plate};{confidence};{class};{direction};{event}        {time:14} {skip:2} {plate}
 *
 * A field runs up to the literal behind it, or takes exactly the characters its width says; without
 * a width it must stand before a literal or at the end. `{plate}` stands once. Fields:
 *
 *   plate                 confidence 0-100        class, two characters of GA 24.7
 *   direction, colour     GA/T 1400 codes         speed, km/h          event, the camera's own id
 *   number                the camera's count of messages: a gap is told
 *   time                  YYYYMMDDHHMMSS or YYYY-MM-DD HH:MM:SS at the format's offset from UTC
 *   time_ms               ms since 1970, UTC
 *   candidate             another plate it may be; candidate_confidence: of the one before it
 *   skip                  anything
 *
 * Empty fields but the plate, and values out of range, are treated as not given; a number that is
 * none, a literal that is not there and text left over refuse the message. Pure, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/read_fields.h"
#include "gateway/model/plate_read.h"

enum { TEMPLATE_PARTS_MAX = 32, TEMPLATE_LITERAL_MAX = 16, TEMPLATE_TEXT_MAX = 200 };

enum template_field {
    TEMPLATE_LITERAL, /* no field: the characters themselves */
    TEMPLATE_PLATE,
    TEMPLATE_CONFIDENCE,
    TEMPLATE_CLASS,
    TEMPLATE_DIRECTION,
    TEMPLATE_COLOUR,
    TEMPLATE_SPEED,
    TEMPLATE_EVENT,
    TEMPLATE_NUMBER,
    TEMPLATE_TIME,
    TEMPLATE_TIME_MS,
    TEMPLATE_CANDIDATE,
    TEMPLATE_CANDIDATE_CONFIDENCE,
    TEMPLATE_SKIP,
    TEMPLATE_FIELD_COUNT
};

struct template_part {
    enum template_field field;
    uint8_t width;        /* characters, 0 = up to the literal behind it */
    uint8_t literal_size; /* bytes */
    char literal[TEMPLATE_LITERAL_MAX];
};

struct text_template {
    struct template_part parts[TEMPLATE_PARTS_MAX];
    uint8_t count;
    bool trailing_optional;     /* a message may end behind any field from the plate on */
    int32_t utc_offset_minutes; /* of {time} */
    enum plate_dash dash;
};

/* What a message said besides the read. */
struct template_extra {
    bool has_number;
    uint32_t number;
    bool time_in_seconds;   /* camera_time came without milliseconds */
    struct read_oddity odd; /* a value taken as not given */
};

enum template_result {
    TEMPLATE_OK,
    TEMPLATE_BAD_FIELDS, /* not of this form, or a number that is none */
    TEMPLATE_BAD_PLATE   /* control characters, above 32 bytes */
};

/* Fills `parts` and `count` of *out from `text`. Returns NULL, or the reason it is no template, as
 * a config error says it: "'{plat}' is no field, expected …". */
const char *text_template_compile(const char *text, struct text_template *out);

/* Reads a message of valid UTF-8. On TEMPLATE_OK *out holds every field given (lane, camera and
 * arrival times 0, authenticity AUTH_NONE: the caller knows them); otherwise both are untouched. */
enum template_result text_template_read(const struct text_template *form, const uint8_t *text,
                                        size_t size_bytes, struct plate_read *out,
                                        struct template_extra *out_extra)
    __attribute__((warn_unused_result));
