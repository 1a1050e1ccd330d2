/*
 * Checks and keeps the fields of a read, whatever protocol brought them. No state.
 */
#include "drivers/wire/read_fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CONFIDENCE_MAX = 100 };

void read_fields_init(struct plate_read *out)
{
    *out = (struct plate_read){
        .kind = PLATE_UNREAD, .confidence = READ_CONFIDENCE_NONE, .speed_kmh = READ_SPEED_NONE};
}

/* Bytes of the character at `text`, 0 when it is malformed or a control character. */
static size_t character_size(const uint8_t *text, size_t left)
{
    uint8_t lead = text[0];
    if (lead < 0x80)
        return lead >= 0x20 && lead != 0x7F;
    size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || left <= more)
        return 0;
    uint32_t code = lead & (0x3Fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    bool control = code < 0xA0; /* C1 */
    return overlong || surrogate || control || code > 0x10FFFF ? 0 : more + 1;
}

bool read_text_valid(const uint8_t *text, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes;) {
        size_t step = character_size(text + at, size_bytes - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

int read_fields_set_plate(struct plate_read *out, const uint8_t *text, size_t size_bytes,
                          enum plate_dash dash)
{
    while (size_bytes > 0 && (text[size_bytes - 1] == 0 || text[size_bytes - 1] == ' '))
        size_bytes--;
    if (size_bytes > PLATE_TEXT_MAX)
        return ERR_TOO_LARGE;
    if (!read_text_valid(text, size_bytes))
        return ERR_INVALID;
    struct plate_text plate;
    plate_encode((const char *)text, size_bytes, dash, &plate);
    out->kind = plate.kind;
    out->key = plate.key;
    memset(out->raw, 0, sizeof out->raw);
    if (size_bytes > 0)
        memcpy(out->raw, text, size_bytes);
    if (out->colour == COLOUR_NONE)
        out->colour = (uint8_t)plate.vendor_colour;
    return ERR_OK;
}

void read_oddity_note(struct read_oddity *oddity, bool taken, const char *place, const char *name,
                      uint64_t value, const char *expected)
{
    if (taken || oddity->text[0])
        return;
    (void)snprintf(oddity->text, sizeof(oddity->text), "%s%s: %" PRIu64 ", expected %s", place,
                   name, value, expected); /* a cut text still reads */
}

bool read_fields_set_confidence(struct plate_read *out, uint64_t confidence)
{
    if (confidence > CONFIDENCE_MAX && confidence != READ_CONFIDENCE_NONE)
        return false;
    out->confidence = (uint8_t)confidence;
    return true;
}

bool read_fields_set_time(struct plate_read *out, uint64_t wall_ms)
{
    if (wall_ms > (uint64_t)READ_CAMERA_TIME_MAX_MS)
        return false;
    out->camera_time.ms = (int64_t)wall_ms;
    return true;
}

bool read_fields_set_speed(struct plate_read *out, uint64_t speed_kmh)
{
    if (speed_kmh > READ_SPEED_NONE)
        return false;
    out->speed_kmh = (uint16_t)speed_kmh;
    return true;
}

bool read_fields_set_class(struct plate_read *out, const uint8_t *two_characters)
{
    const char text[3] = {(char)two_characters[0], (char)two_characters[1], '\0'};
    plate_class class;
    if (plate_class_parse(text, &class) != 0 || class == PLATE_CLASS_ANY)
        return false;
    out->class = class;
    return true;
}

bool read_fields_set_colour(struct plate_read *out, uint64_t code)
{
    if (code > READ_COLOUR_MAX && code != READ_COLOUR_OTHER)
        return false;
    out->colour = (uint8_t)code;
    return true;
}

bool read_fields_set_direction(struct plate_read *out, uint64_t code)
{
    if (code > READ_DIRECTION_MAX)
        return false;
    out->direction = (uint8_t)code;
    return true;
}

bool read_fields_set_scores(struct plate_read *out, const uint8_t *scores, size_t count)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    if (count == 0 || out->kind != PLATE_KEY || (size_t)plate_symbols(out->key, symbols) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (scores[i] > CONFIDENCE_MAX)
            return false;
    memcpy(out->char_confidence, scores, count);
    out->char_count = (uint8_t)count;
    return true;
}

bool read_fields_add_candidate(struct plate_read *out, uint8_t confidence, const uint8_t *text,
                               size_t size_bytes, enum plate_dash dash)
{
    struct plate_text plate;
    plate_encode((const char *)text, size_bytes, dash, &plate);
    if (plate.kind != PLATE_KEY || plate.key == out->key)
        return true;
    for (uint8_t i = 0; i < out->candidate_count; i++)
        if (out->candidates[i].key == plate.key)
            return true;
    if (out->candidate_count == READ_CANDIDATES_MAX)
        return false;
    out->candidates[out->candidate_count++] = (struct read_candidate){
        .key = plate.key,
        .confidence = confidence <= CONFIDENCE_MAX ? confidence : READ_CONFIDENCE_NONE};
    return true;
}
