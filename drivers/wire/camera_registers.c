/*
 * The register map of camera_registers.h. No state.
 */
#include "drivers/wire/camera_registers.h"

#include <string.h>

#include "drivers/wire/read_fields.h"

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
    AT_SEQUENCE_AGAIN = 33
};

static uint64_t get_u64(const uint16_t *r)
{
    return (uint64_t)r[0] << 48 | (uint64_t)r[1] << 32 | (uint64_t)r[2] << 16 | r[3];
}

static void put_u64(uint16_t *r, uint64_t value)
{
    for (int i = 0; i < 4; i++)
        r[i] = (uint16_t)(value >> (48 - 16 * i));
}

static enum registers_cause check_head(const uint16_t *r, size_t count)
{
    if (count < CAMERA_REGISTERS_COUNT)
        return REGISTERS_TOO_FEW;
    if (r[AT_MAGIC] != CAMERA_REGISTERS_MAGIC)
        return REGISTERS_BAD_MAGIC;
    if (r[AT_VERSION] != CAMERA_REGISTERS_VERSION)
        return REGISTERS_BAD_VERSION;
    if (r[AT_SEQUENCE] != r[AT_SEQUENCE_AGAIN])
        return REGISTERS_TORN;
    if (r[AT_SEQUENCE] == 0)
        return REGISTERS_EMPTY;
    return r[AT_PLATE_SIZE] > PLATE_TEXT_MAX ? REGISTERS_PLATE_LENGTH : REGISTERS_OK;
}

/* A value out of range is treated as not given: the results are of no further use. */
static void keep_values(const uint16_t *r, struct plate_read *read)
{
    const uint8_t class[2] = {(uint8_t)(r[AT_CLASS] >> 8), (uint8_t)r[AT_CLASS]};
    (void)read_fields_set_confidence(read, r[AT_CONFIDENCE]);
    (void)read_fields_set_class(read, class);
    (void)read_fields_set_direction(read, r[AT_DIRECTION]);
    (void)read_fields_set_colour(read, r[AT_COLOUR]);
    (void)read_fields_set_speed(read, r[AT_SPEED]);
    (void)read_fields_set_time(read, get_u64(r + AT_WALL));
    read->event_id = get_u64(r + AT_EVENT);
}

enum registers_cause camera_registers_decode(const uint16_t *registers, size_t count,
                                             enum plate_dash dash, struct plate_read *out,
                                             uint16_t *out_sequence)
{
    enum registers_cause cause = check_head(registers, count);
    if (cause != REGISTERS_OK)
        return cause;
    struct plate_read read;
    uint8_t text[PLATE_TEXT_MAX];
    for (size_t i = 0; i < PLATE_TEXT_MAX; i++)
        text[i] = (uint8_t)(registers[AT_PLATE + i / 2] >> (i % 2 ? 0 : 8));
    read_fields_init(&read);
    keep_values(registers, &read);
    if (read_fields_set_plate(&read, text, registers[AT_PLATE_SIZE], dash) != 0)
        return REGISTERS_PLATE_TEXT;
    *out = read;
    *out_sequence = registers[AT_SEQUENCE];
    return REGISTERS_OK;
}

void camera_registers_encode(const struct plate_read *read, uint16_t sequence,
                             uint16_t out[CAMERA_REGISTERS_COUNT])
{
    size_t size = strnlen(read->raw, PLATE_TEXT_MAX);
    memset(out, 0, CAMERA_REGISTERS_COUNT * sizeof out[0]);
    out[AT_MAGIC] = CAMERA_REGISTERS_MAGIC;
    out[AT_VERSION] = CAMERA_REGISTERS_VERSION;
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
        "ok", "empty", "too_few", "bad_magic", "bad_version", "torn", "plate_length", "plate_text"};
    return (unsigned)cause < REGISTERS_CAUSE_COUNT ? names[cause] : "unknown";
}
