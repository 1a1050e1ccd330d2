/*
 * The register map of camera_registers.h. No state.
 */
#include "drivers/wire/camera_registers.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum register_at {
    AT_MAGIC = 0,
    AT_VERSION = 1,
    AT_SEQUENCE = 2,
    AT_CONFIDENCE = 3,
    AT_CLASS = 4,
    AT_DIRECTION = 5,
    AT_COLOUR = 6,
    AT_SPEED = 7,
    AT_EVENT = 8,
    AT_WALL = 12,
    AT_PLATE_SIZE = 16,
    AT_PLATE = 17,
    AT_SEQUENCE_AGAIN = 33,
    /* in the block of the status */
    AT_NOW = 1,
    AT_HEARTBEAT_AGAIN = 5,
    /* in the block of the candidates */
    AT_CANDIDATE_COUNT = 1,
    AT_CANDIDATES = 2,
    AT_CANDIDATES_SEQUENCE_AGAIN = 47,
    CANDIDATE_REGISTERS = 9
};

_Static_assert(AT_CANDIDATES + CAMERA_CANDIDATES_MAX * CANDIDATE_REGISTERS ==
                   AT_CANDIDATES_SEQUENCE_AGAIN,
               "the block as the table says");

static uint64_t get_u64(const uint16_t *r)
{
    return (uint64_t)r[0] << 48 | (uint64_t)r[1] << 32 | (uint64_t)r[2] << 16 | r[3];
}

static void put_u64(uint16_t *r, uint64_t value)
{
    for (int i = 0; i < 4; i++)
        r[i] = (uint16_t)(value >> (48 - 16 * i));
}

int registers_form_open(struct registers_form *out, enum plate_dash dash,
                        enum registers_encoding encoding, struct err_text *err)
{
    struct registers_form form = {.dash = dash, .encoding = encoding};
    int rc = text_converter_open(&form.utf8, TEXT_UTF8, TEXT_FROM_DEVICE, err);
    if (rc == ERR_OK)
        rc = text_converter_open(&form.gbk, TEXT_GBK, TEXT_FROM_DEVICE, err);
    if (rc == ERR_OK)
        *out = form;
    return rc;
}

void registers_form_close(struct registers_form *form)
{
    text_converter_close(&form->utf8);
    text_converter_close(&form->gbk);
}

uint16_t camera_registers_version(const uint16_t *r, size_t count)
{
    bool map = count >= CAMERA_REGISTERS_COUNT && r[AT_MAGIC] == CAMERA_REGISTERS_MAGIC;
    return map && r[AT_VERSION] <= CAMERA_REGISTERS_VERSION_MAX ? r[AT_VERSION] : 0;
}

static uint16_t plate_size(const uint16_t *r)
{
    return r[AT_VERSION] == 1 ? r[AT_PLATE_SIZE] : r[AT_PLATE_SIZE] & 0xFF;
}

static enum registers_cause check_head(const uint16_t *r, size_t count)
{
    if (count < CAMERA_REGISTERS_COUNT)
        return REGISTERS_TOO_FEW;
    if (r[AT_MAGIC] != CAMERA_REGISTERS_MAGIC)
        return REGISTERS_BAD_MAGIC;
    if (camera_registers_version(r, count) == 0)
        return REGISTERS_BAD_VERSION;
    if (r[AT_SEQUENCE] != r[AT_SEQUENCE_AGAIN])
        return REGISTERS_TORN;
    if (r[AT_SEQUENCE] == 0)
        return REGISTERS_EMPTY;
    if (plate_size(r) > PLATE_TEXT_MAX)
        return REGISTERS_PLATE_LENGTH;
    return r[AT_VERSION] > 1 && r[AT_PLATE_SIZE] >> 8 > TEXT_GBK ? REGISTERS_ENCODING
                                                                 : REGISTERS_OK;
}

static enum text_encoding encoding_of(const uint16_t *r, const struct registers_form *form)
{
    if (form->encoding != REGISTERS_ENCODING_TOLD)
        return form->encoding == REGISTERS_ENCODING_GBK ? TEXT_GBK : TEXT_UTF8;
    return r[AT_VERSION] > 1 && r[AT_PLATE_SIZE] >> 8 == TEXT_GBK ? TEXT_GBK : TEXT_UTF8;
}

static struct text_converter *converter_of(struct registers_form *form, enum text_encoding encoding)
{
    return encoding == TEXT_GBK ? &form->gbk : &form->utf8;
}

/* `size` bytes of text in registers, as UTF-8. */
static int take_text(const uint16_t *r, size_t size, struct text_converter *converter,
                     uint8_t out[PLATE_TEXT_MAX], size_t *out_size)
{
    uint8_t text[PLATE_TEXT_MAX];
    for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t)(r[i / 2] >> (i % 2 ? 0 : 8));
    return text_convert(converter, text, size, out, PLATE_TEXT_MAX, out_size);
}

static void note(struct read_oddity *odd, bool taken, unsigned at, const char *name, uint64_t value,
                 const char *expected)
{
    char place[24];
    (void)snprintf(place, sizeof(place), "register %u, ", at); /* fits */
    read_oddity_note(odd, taken, place, name, value, expected);
}

/* A value out of range is treated as not given, and named. */
static void keep_values(const uint16_t *r, struct plate_read *read, struct read_oddity *odd)
{
    const uint8_t class[2] = {(uint8_t)(r[AT_CLASS] >> 8), (uint8_t)r[AT_CLASS]};
    note(odd, read_fields_set_confidence(read, r[AT_CONFIDENCE]), AT_CONFIDENCE, "confidence",
         r[AT_CONFIDENCE], READ_EXPECTED_CONFIDENCE);
    note(odd, r[AT_CLASS] == 0 || read_fields_set_class(read, class), AT_CLASS, "class",
         r[AT_CLASS], "two characters of GA 24.7, or 0");
    note(odd, read_fields_set_direction(read, r[AT_DIRECTION]), AT_DIRECTION, "direction",
         r[AT_DIRECTION], READ_EXPECTED_DIRECTION);
    note(odd, read_fields_set_colour(read, r[AT_COLOUR]), AT_COLOUR, "colour", r[AT_COLOUR],
         READ_EXPECTED_COLOUR);
    (void)read_fields_set_speed(read, r[AT_SPEED]); /* takes every 16 bits */
    note(odd, read_fields_set_time(read, get_u64(r + AT_WALL)), AT_WALL, "wall time",
         get_u64(r + AT_WALL), READ_EXPECTED_TIME);
    read->event_id = get_u64(r + AT_EVENT);
}

enum registers_cause camera_registers_decode(const uint16_t *registers, size_t count,
                                             struct registers_form *form,
                                             struct registers_read *out)
{
    enum registers_cause cause = check_head(registers, count);
    if (cause != REGISTERS_OK)
        return cause;
    struct registers_read found = {.sequence = registers[AT_SEQUENCE],
                                   .version = registers[AT_VERSION],
                                   .encoding = encoding_of(registers, form)};
    uint8_t text[PLATE_TEXT_MAX];
    size_t size = 0;
    read_fields_init(&found.read);
    keep_values(registers, &found.read, &found.odd);
    if (take_text(registers + AT_PLATE, plate_size(registers), converter_of(form, found.encoding),
                  text, &size) != 0 ||
        read_fields_set_plate(&found.read, text, size, form->dash) != 0)
        return REGISTERS_PLATE_TEXT;
    *out = found;
    return REGISTERS_OK;
}

enum registers_cause camera_status_decode(const uint16_t *registers, size_t count,
                                          struct registers_status *out)
{
    if (count < CAMERA_STATUS_COUNT)
        return REGISTERS_TOO_FEW;
    if (registers[0] != registers[AT_HEARTBEAT_AGAIN])
        return REGISTERS_TORN;
    uint64_t now_ms = get_u64(registers + AT_NOW);
    *out = (struct registers_status){
        .heartbeat = registers[0],
        .now_ms = now_ms > (uint64_t)READ_CAMERA_TIME_MAX_MS ? 0 : (int64_t)now_ms};
    return REGISTERS_OK;
}

/* The candidate at `at` of the block. */
static void take_candidate(const uint16_t *registers, size_t at, struct text_converter *converter,
                           enum plate_dash dash, struct registers_read *read)
{
    const unsigned place = CAMERA_CANDIDATES_AT + (unsigned)at;
    const uint8_t confidence = (uint8_t)registers[at];
    size_t size = registers[at] >> 8;
    uint8_t text[PLATE_TEXT_MAX];
    bool fits = size <= CAMERA_CANDIDATE_TEXT_MAX;
    note(&read->odd, fits, place, "candidate's length", size, "0 to 16");
    note(&read->odd, confidence <= 100 || confidence == READ_CONFIDENCE_NONE, place,
         "candidate's confidence", confidence, READ_EXPECTED_CONFIDENCE);
    if (!fits)
        return;
    bool good = take_text(registers + at + 1, size, converter, text, &size) == 0;
    note(&read->odd, good, place + 1, "candidate's text", registers[at + 1],
         "text of the encoding said");
    if (good) /* there is room for all five */
        (void)read_fields_add_candidate(&read->read, confidence, text, size, dash);
}

enum registers_cause camera_candidates_decode(const uint16_t *registers, size_t count,
                                              struct registers_form *form,
                                              struct registers_read *read)
{
    struct text_converter *converter = converter_of(form, read->encoding);
    if (count < CAMERA_CANDIDATES_COUNT)
        return REGISTERS_TOO_FEW;
    if (registers[0] != registers[AT_CANDIDATES_SEQUENCE_AGAIN] || registers[0] != read->sequence)
        return REGISTERS_TORN;
    note(&read->odd, registers[AT_CANDIDATE_COUNT] <= CAMERA_CANDIDATES_MAX,
         CAMERA_CANDIDATES_AT + AT_CANDIDATE_COUNT, "candidates", registers[AT_CANDIDATE_COUNT],
         "0 to 5");
    for (size_t i = 0; i < registers[AT_CANDIDATE_COUNT] && i < CAMERA_CANDIDATES_MAX; i++)
        take_candidate(registers, AT_CANDIDATES + i * CANDIDATE_REGISTERS, converter, form->dash,
                       read);
    return REGISTERS_OK;
}

void camera_registers_encode(const struct plate_read *read, uint16_t sequence,
                             uint16_t out[CAMERA_REGISTERS_COUNT])
{
    size_t size = strnlen(read->raw, PLATE_TEXT_MAX);
    memset(out, 0, CAMERA_REGISTERS_COUNT * sizeof out[0]);
    out[AT_MAGIC] = CAMERA_REGISTERS_MAGIC;
    out[AT_VERSION] = 1;
    out[AT_SEQUENCE] = out[AT_SEQUENCE_AGAIN] = sequence;
    out[AT_CONFIDENCE] = read->confidence;
    out[AT_CLASS] = read->class;
    out[AT_DIRECTION] = read->direction;
    out[AT_COLOUR] = read->colour;
    out[AT_SPEED] = read->speed_kmh;
    put_u64(out + AT_EVENT, read->event_id);
    put_u64(out + AT_WALL, (uint64_t)read->camera_time.ms);
    out[AT_PLATE_SIZE] = (uint16_t)size;
    for (size_t i = 0; i < size; i++) {
        uint16_t byte = (uint8_t)read->raw[i];
        out[AT_PLATE + i / 2] = (uint16_t)(out[AT_PLATE + i / 2] | byte << (i % 2 ? 0 : 8));
    }
}

uint16_t camera_registers_next_sequence(uint16_t sequence)
{
    return sequence == UINT16_MAX ? 1 : (uint16_t)(sequence + 1);
}

uint16_t camera_registers_lost(uint16_t before, uint16_t now)
{
    if (before == 0 || now == 0 || before == now)
        return 0;
    int steps = now - before;
    return (uint16_t)((steps > 0 ? steps : steps + UINT16_MAX) - 1);
}

const char *registers_cause_name(enum registers_cause cause)
{
    static const char *const names[REGISTERS_CAUSE_COUNT] = {
        "ok",   "empty",        "too_few",  "bad_magic", "bad_version",
        "torn", "plate_length", "encoding", "plate_text"};
    return (unsigned)cause < REGISTERS_CAUSE_COUNT ? names[cause] : "unknown";
}
