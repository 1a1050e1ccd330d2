/*
 * The compact datagram: one pass over a bounded cursor, fields kept in a local read that is handed
 * out only when the whole datagram held. No state.
 */
#include "drivers/wire/compact.h"

#include <string.h>

#include "drivers/wire/read_fields.h"
#include "gateway/base/bytes.h"

enum tlv_type {
    TLV_WALL = 1,
    TLV_SPEED = 2,
    TLV_CLASS = 3,
    TLV_COLOUR = 4,
    TLV_DIRECTION = 5,
    TLV_EVENT = 6,
    TLV_CANDIDATE = 7,
    TLV_SCORES = 8,
    TLV_TAG = 255
};
enum { COMPACT_MAGIC = 0x5052 }; /* "PR" */
enum { TAG_VALUE_SIZE = 16, TAG_HASH_SIZE = 8, WALL_NONE = 0 };

/* Lengths a known type may have; the row's index is the type. */
static const struct {
    uint8_t min;
    uint8_t max;
    bool repeats;
} tlv_rules[] = {
    [TLV_WALL] = {8, 8, false},
    [TLV_SPEED] = {2, 2, false},
    [TLV_CLASS] = {2, 2, false},
    [TLV_COLOUR] = {1, 1, false},
    [TLV_DIRECTION] = {1, 1, false},
    [TLV_EVENT] = {8, 8, false},
    [TLV_CANDIDATE] = {2, 1 + PLATE_TEXT_MAX, true},
    [TLV_SCORES] = {1, 255, false},
};

struct decoding {
    struct plate_read read;
    struct compact_info info;
    enum plate_dash dash;
    uint32_t seen; /* bit n: type n was there */
};

static enum compact_cause decode_header(struct byte_reader *r, struct decoding *d)
{
    if (r->size < COMPACT_HEADER_SIZE)
        return COMPACT_TOO_SHORT;
    if (r->size > COMPACT_SIZE_MAX)
        return COMPACT_TOO_LONG;
    if (byte_read_be16(r) != COMPACT_MAGIC)
        return COMPACT_BAD_MAGIC;
    if (byte_read_u8(r) != COMPACT_VERSION)
        return COMPACT_BAD_VERSION;
    d->read.lane = byte_read_u8(r);
    if (d->read.lane == 0)
        return COMPACT_BAD_LANE;
    d->read.camera = byte_read_be16(r);
    if (d->read.camera == 0)
        return COMPACT_BAD_CAMERA;
    if (!read_fields_set_confidence(&d->read, byte_read_u8(r)))
        d->info.values_ignored++;
    size_t plate_size = byte_read_u8(r);
    if (plate_size > PLATE_TEXT_MAX)
        return COMPACT_PLATE_LENGTH;
    const uint8_t *plate = byte_read_bytes(r, plate_size);
    if (!plate)
        return COMPACT_TOO_SHORT;
    return read_fields_set_plate(&d->read, plate, plate_size, d->dash) == 0 ? COMPACT_OK
                                                                            : COMPACT_PLATE_TEXT;
}

static enum compact_cause decode_candidate(struct decoding *d, const uint8_t *value, size_t size)
{
    if (!read_text_valid(value + 1, size - 1))
        return COMPACT_CANDIDATE_TEXT;
    if (!read_fields_add_candidate(&d->read, value[0], value + 1, size - 1, d->dash))
        d->info.values_ignored++;
    return COMPACT_OK;
}

static bool keep_value(struct plate_read *read, uint8_t type, const uint8_t *value, size_t size)
{
    struct byte_reader v;
    byte_reader_init(&v, value, size);
    switch ((enum tlv_type)type) {
    case TLV_WALL:
        return read_fields_set_time(read, byte_read_be64(&v));
    case TLV_SPEED:
        return read_fields_set_speed(read, byte_read_be16(&v));
    case TLV_CLASS:
        return read_fields_set_class(read, value);
    case TLV_COLOUR:
        return read_fields_set_colour(read, value[0]);
    case TLV_DIRECTION:
        return read_fields_set_direction(read, value[0]);
    case TLV_EVENT:
        read->event_id = byte_read_be64(&v);
        return true;
    case TLV_SCORES:
        return read_fields_set_scores(read, value, size);
    case TLV_CANDIDATE: /* not by this way */
    case TLV_TAG:
        break;
    }
    return false;
}

static enum compact_cause decode_known(struct decoding *d, uint8_t type, const uint8_t *value,
                                       size_t size)
{
    if (size < tlv_rules[type].min || size > tlv_rules[type].max)
        return COMPACT_TLV_LENGTH;
    if (d->seen >> type & 1 && !tlv_rules[type].repeats)
        return COMPACT_TLV_DUPLICATE;
    d->seen |= 1u << type;
    if (type == TLV_CANDIDATE)
        return decode_candidate(d, value, size);
    if (!keep_value(&d->read, type, value, size))
        d->info.values_ignored++;
    return COMPACT_OK;
}

static enum compact_cause decode_tag(struct byte_reader *r, struct decoding *d,
                                     const uint8_t *value, size_t size)
{
    if (size != TAG_VALUE_SIZE)
        return COMPACT_TLV_LENGTH;
    if (byte_reader_left(r) > 0)
        return COMPACT_TAG_NOT_LAST;
    struct byte_reader v;
    byte_reader_init(&v, value, size);
    d->info.tagged = true;
    d->info.counter = byte_read_be64(&v);
    d->info.tag = byte_read_be64(&v);
    d->info.covered_size = r->size - TAG_HASH_SIZE;
    return COMPACT_OK;
}

static enum compact_cause decode_tlv(struct byte_reader *r, struct decoding *d)
{
    uint8_t type = byte_read_u8(r);
    uint8_t size = byte_read_u8(r);
    const uint8_t *value = byte_read_bytes(r, size);
    if (!value)
        return COMPACT_TLV_CUT;
    if (type == TLV_TAG)
        return decode_tag(r, d, value, size);
    if (type >= TLV_WALL && type <= TLV_SCORES)
        return decode_known(d, type, value, size);
    d->info.unknown_tlvs++;
    return COMPACT_OK;
}

enum compact_cause compact_decode(const uint8_t *data, size_t size_bytes, enum plate_dash dash,
                                  struct plate_read *out, struct compact_info *info)
{
    struct byte_reader r;
    struct decoding d = {.dash = dash};
    read_fields_init(&d.read);
    byte_reader_init(&r, data, size_bytes);
    enum compact_cause cause = decode_header(&r, &d);
    while (cause == COMPACT_OK && byte_reader_left(&r) > 0)
        cause = decode_tlv(&r, &d);
    if (cause == COMPACT_OK) {
        *out = d.read;
        *info = d.info;
    }
    return cause;
}

bool compact_tag_valid(const uint8_t *data, const struct compact_info *info,
                       const uint8_t key[SIPHASH_KEY_SIZE])
{
    return info->tagged && siphash24(key, data, info->covered_size) == info->tag;
}

static void encode_number(struct byte_writer *w, enum tlv_type type, uint64_t value, uint8_t size)
{
    byte_write_u8(w, (uint8_t)type);
    byte_write_u8(w, size);
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
        byte_write_u8(w, (uint8_t)(value >> shift));
}

static void encode_candidates(struct byte_writer *w, const struct plate_read *read)
{
    for (uint8_t i = 0; i < read->candidate_count && i < READ_CANDIDATES_MAX; i++) {
        char text[PLATE_TEXT_SIZE];
        if (plate_decode(read->candidates[i].key, text) != 0)
            continue;
        size_t size = strlen(text);
        byte_write_u8(w, TLV_CANDIDATE);
        byte_write_u8(w, (uint8_t)(1 + size));
        byte_write_u8(w, read->candidates[i].confidence);
        byte_write_bytes(w, text, size);
    }
}

static void encode_tlvs(struct byte_writer *w, const struct plate_read *read)
{
    if (read->camera_time.ms != WALL_NONE)
        encode_number(w, TLV_WALL, (uint64_t)read->camera_time.ms, 8);
    if (read->speed_kmh != READ_SPEED_NONE)
        encode_number(w, TLV_SPEED, read->speed_kmh, 2);
    if (read->class != PLATE_CLASS_UNKNOWN)
        encode_number(w, TLV_CLASS, read->class, 2);
    if (read->colour != COLOUR_NONE)
        encode_number(w, TLV_COLOUR, read->colour, 1);
    if (read->direction != DIRECTION_NONE)
        encode_number(w, TLV_DIRECTION, read->direction, 1);
    if (read->event_id != 0)
        encode_number(w, TLV_EVENT, read->event_id, 8);
    encode_candidates(w, read);
    if (read->char_count > 0) {
        byte_write_u8(w, TLV_SCORES);
        byte_write_u8(w, read->char_count);
        byte_write_bytes(w, read->char_confidence, read->char_count);
    }
}

size_t compact_encode(const struct plate_read *read, const uint8_t *key, uint64_t counter,
                      uint8_t *out, size_t room_bytes)
{
    struct byte_writer w;
    size_t plate_size = strnlen(read->raw, PLATE_TEXT_MAX);
    byte_writer_init(&w, out, room_bytes);
    byte_write_be16(&w, COMPACT_MAGIC);
    byte_write_u8(&w, COMPACT_VERSION);
    byte_write_u8(&w, read->lane);
    byte_write_be16(&w, read->camera);
    byte_write_u8(&w, read->confidence);
    byte_write_u8(&w, (uint8_t)plate_size);
    byte_write_bytes(&w, read->raw, plate_size);
    encode_tlvs(&w, read);
    if (key) {
        byte_write_u8(&w, TLV_TAG);
        byte_write_u8(&w, TAG_VALUE_SIZE);
        byte_write_be64(&w, counter);
        if (!w.failed)
            byte_write_be64(&w, siphash24(key, out, w.at));
    }
    return w.failed ? 0 : w.at;
}

const char *compact_cause_name(enum compact_cause cause)
{
    static const char *const names[COMPACT_CAUSE_COUNT] = {
        "ok",         "too_short",     "too_long",       "bad_magic",   "bad_version",
        "bad_lane",   "bad_camera",    "plate_length",   "plate_text",  "tlv_cut",
        "tlv_length", "tlv_duplicate", "candidate_text", "tag_not_last"};
    return (unsigned)cause < COMPACT_CAUSE_COUNT ? names[cause] : "unknown";
}
