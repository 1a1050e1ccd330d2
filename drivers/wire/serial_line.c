/*
 * Messages out of a byte stream. The buffer always begins where a message may begin; whatever turns
 * out not to be one loses its first byte and the search goes on behind it.
 */
#include "drivers/wire/serial_line.h"

#include <stdbool.h>
#include <string.h>

#include "drivers/wire/read_fields.h"
#include "gateway/base/bytes.h"

enum { MARK_SIZE = 4, HEAD_SIZE = 12, FIELDS_MAX = 5, NUMBER_DIGITS_MAX = 20 };

static const uint8_t start_mark[MARK_SIZE] = {0x89, 0xAB, 0xCD, 0xEF};
static const uint8_t end_mark[MARK_SIZE] = {0x12, 0x34, 0x56, 0x78};

void serial_line_init(struct serial_line *line, enum plate_dash dash)
{
    *line = (struct serial_line){.dash = dash};
}

size_t serial_line_feed(struct serial_line *line, const uint8_t *bytes, size_t size_bytes)
{
    size_t room = sizeof line->buffer - line->used;
    size_t taken = size_bytes < room ? size_bytes : room;
    if (taken > 0)
        memcpy(line->buffer + line->used, bytes, taken);
    line->used += taken;
    return taken;
}

static void drop_front(struct serial_line *line, size_t count)
{
    line->used -= count;
    memmove(line->buffer, line->buffer + count, line->used);
}

/* Where the bytes from `from` on may begin a message: a start, or the beginning of one at the end.
 */
static size_t find_start(const struct serial_line *line, size_t from)
{
    for (size_t at = from; at < line->used; at++) {
        size_t left = line->used - at;
        if (memcmp(line->buffer + at, start_mark, left < MARK_SIZE ? left : MARK_SIZE) == 0)
            return at;
    }
    return line->used;
}

static void refuse_message(struct serial_line *line, enum serial_cause cause)
{
    line->counts[cause]++;
    drop_front(line, find_start(line, 1));
}

static uint8_t xor_of(const uint8_t *bytes, size_t size)
{
    uint8_t value = 0;
    for (size_t i = 0; i < size; i++)
        value ^= bytes[i];
    return value;
}

/* Decimal, no sign; an empty field leaves *out alone. */
static bool parse_number(const uint8_t *text, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if (size > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)text[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (size > 0)
        *out = value;
    return true;
}

struct field {
    const uint8_t *text;
    size_t size;
};

static bool split_fields(const uint8_t *data, size_t size, struct field out[FIELDS_MAX])
{
    int count = 0;
    out[0] = (struct field){data, 0};
    for (size_t i = 0; i < size; i++) {
        if (data[i] != ';') {
            out[count].size++;
            continue;
        }
        if (++count == FIELDS_MAX)
            return false;
        out[count] = (struct field){data + i + 1, 0};
    }
    return true;
}

static enum serial_cause decode_data(const struct serial_line *line, const uint8_t *data,
                                     size_t size, struct plate_read *out)
{
    struct field fields[FIELDS_MAX] = {{0}};
    struct plate_read read;
    uint64_t confidence = READ_CONFIDENCE_NONE;
    uint64_t direction = DIRECTION_NONE;
    read_fields_init(&read);
    if (!split_fields(data, size, fields) ||
        !parse_number(fields[1].text, fields[1].size, &confidence) ||
        !parse_number(fields[3].text, fields[3].size, &direction) ||
        !parse_number(fields[4].text, fields[4].size, &read.event_id))
        return SERIAL_BAD_FIELDS;
    if (read_fields_set_plate(&read, fields[0].text, fields[0].size, line->dash) != 0)
        return SERIAL_PLATE_TEXT;
    /* Out of range is treated as not given: the results are of no further use. */
    (void)read_fields_set_confidence(&read, confidence);
    (void)read_fields_set_direction(&read, direction);
    if (fields[2].size == 2)
        (void)read_fields_set_class(&read, fields[2].text);
    *out = read;
    return SERIAL_OK;
}

/* Looks at the message at the front. Returns true when it was used up or refused: look again. */
static bool take_message(struct serial_line *line, struct plate_read *out, uint32_t *out_id,
                         bool *out_found)
{
    struct byte_reader r;
    byte_reader_init(&r, line->buffer, line->used);
    (void)byte_read_bytes(&r, MARK_SIZE);
    uint32_t id = byte_read_be32(&r);
    size_t size = byte_read_be32(&r);
    if (r.failed)
        return false;
    if (size > SERIAL_DATA_MAX) {
        refuse_message(line, SERIAL_TOO_LONG);
        return true;
    }
    const uint8_t *data = line->buffer + HEAD_SIZE;
    if (line->used < size + SERIAL_OVERHEAD) {
        size_t next = find_start(line, HEAD_SIZE);
        if (line->used - next < MARK_SIZE)
            return false;
        refuse_message(line, SERIAL_CUT); /* text cannot hold a start: this one was cut short */
        return true;
    }
    if (memcmp(data + size + 1, end_mark, MARK_SIZE) != 0) {
        refuse_message(line, SERIAL_BAD_END);
        return true;
    }
    if (xor_of(line->buffer + MARK_SIZE, HEAD_SIZE - MARK_SIZE + size) != data[size]) {
        refuse_message(line, SERIAL_BAD_CHECK);
        return true;
    }
    enum serial_cause cause = decode_data(line, data, size, out);
    line->counts[cause]++;
    *out_found = cause == SERIAL_OK;
    if (*out_found)
        *out_id = id;
    drop_front(line, size + SERIAL_OVERHEAD);
    return true;
}

int serial_line_next(struct serial_line *line, struct plate_read *out, uint32_t *out_id)
{
    bool found = false;
    bool again = true;
    while (again && !found) {
        size_t start = find_start(line, 0);
        line->counts[SERIAL_GARBAGE] += start;
        drop_front(line, start);
        again = take_message(line, out, out_id, &found);
    }
    return found ? ERR_OK : ERR_NOT_FOUND;
}

void serial_line_quiet(struct serial_line *line)
{
    if (line->used > 0)
        refuse_message(line, SERIAL_CUT);
}

size_t serial_line_encode(uint32_t id, const void *data, size_t size_bytes,
                          uint8_t out[SERIAL_MESSAGE_MAX])
{
    struct byte_writer w;
    if (size_bytes > SERIAL_DATA_MAX)
        return 0;
    byte_writer_init(&w, out, SERIAL_MESSAGE_MAX);
    byte_write_bytes(&w, start_mark, MARK_SIZE);
    byte_write_be32(&w, id);
    byte_write_be32(&w, (uint32_t)size_bytes);
    byte_write_bytes(&w, data, size_bytes);
    byte_write_u8(&w, xor_of(out + MARK_SIZE, w.at - MARK_SIZE));
    byte_write_bytes(&w, end_mark, MARK_SIZE);
    return w.at;
}

const char *serial_cause_name(enum serial_cause cause)
{
    static const char *const names[SERIAL_CAUSE_COUNT] = {
        "ok", "garbage", "cut", "too_long", "bad_end", "bad_check", "bad_fields", "plate_text"};
    return (unsigned)cause < SERIAL_CAUSE_COUNT ? names[cause] : "unknown";
}
