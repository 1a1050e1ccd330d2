/*
 * Messages out of a byte stream. The buffer always begins where a message may begin; whatever turns
 * out not to be one loses its first byte and the search goes on behind it.
 */
#include "drivers/wire/serial_line.h"

#include <string.h>

#include "gateway/base/bytes.h"

enum { MARK_SIZE = 4, HEAD_SIZE = 12, STX = 0x02, ETX = 0x03, TEXT_SIZE = 2 * SERIAL_DATA_MAX };

static const uint8_t start_mark[MARK_SIZE] = {0x89, 0xAB, 0xCD, 0xEF};
static const uint8_t end_mark[MARK_SIZE] = {0x12, 0x34, 0x56, 0x78};
static const uint8_t stx_mark[] = {STX};

/* What stands at the front of the buffer. */
struct frame {
    enum { FRAME_MORE, FRAME_REFUSED, FRAME_EMPTY, FRAME_TEXT } kind;
    enum serial_cause cause; /* FRAME_REFUSED */
    size_t text_at;          /* FRAME_TEXT */
    size_t text_size;        /* bytes */
    size_t size;             /* FRAME_TEXT, FRAME_EMPTY: bytes of the whole */
    bool has_number;
    uint32_t number;
};

int serial_line_init(struct serial_line *line, const struct serial_format *format,
                     struct err_text *err)
{
    *line = (struct serial_line){.format = format};
    return text_converter_open(&line->converter, format->encoding, TEXT_FROM_DEVICE, err);
}

void serial_line_fini(struct serial_line *line)
{
    text_converter_close(&line->converter);
}

void serial_line_restart(struct serial_line *line)
{
    line->used = 0;
    line->skipping = line->format->framing == SERIAL_LINES;
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

bool serial_line_inside(const struct serial_line *line)
{
    return line->used > 0 || line->skipping;
}

static void drop_front(struct serial_line *line, size_t count)
{
    line->used -= count;
    memmove(line->buffer, line->buffer + count, line->used);
}

/* ---- where messages begin ---- */

/* Where the bytes from `from` on may begin a message: a start, or the beginning of one at the end.
 * Any byte may begin a line. */
static size_t find_start(const struct serial_line *line, size_t from)
{
    bool protocolled = line->format->framing == SERIAL_PROTOCOLLED;
    const uint8_t *mark = protocolled ? start_mark : stx_mark;
    size_t mark_size = protocolled ? MARK_SIZE : sizeof stx_mark;
    if (line->format->framing == SERIAL_LINES)
        return from;
    for (size_t at = from; at < line->used; at++) {
        size_t left = line->used - at;
        if (memcmp(line->buffer + at, mark, left < mark_size ? left : mark_size) == 0)
            return at;
    }
    return line->used;
}

static void drop_garbage(struct serial_line *line)
{
    size_t start = 0;
    if (line->skipping) {
        while (start < line->used && line->buffer[start] != '\r' && line->buffer[start] != '\n')
            start++;
        line->skipping = start == line->used;
    } else {
        start = find_start(line, 0);
        line->counts[SERIAL_GARBAGE] += start;
    }
    drop_front(line, start);
}

static void refuse_message(struct serial_line *line, enum serial_cause cause)
{
    line->counts[cause]++;
    if (line->format->framing != SERIAL_LINES) {
        drop_front(line, find_start(line, 1));
    } else if (cause == SERIAL_TOO_LONG) {
        line->skipping = true; /* its rest is no line */
    } else {
        line->used = 0;
    }
}

/* ---- the three framings ---- */

static uint8_t xor_of(const uint8_t *bytes, size_t size)
{
    uint8_t value = 0;
    for (size_t i = 0; i < size; i++)
        value ^= bytes[i];
    return value;
}

static struct frame refused(enum serial_cause cause)
{
    return (struct frame){.kind = FRAME_REFUSED, .cause = cause};
}

static struct frame look_at_protocolled(const struct serial_line *line)
{
    const struct frame more = {.kind = FRAME_MORE};
    struct byte_reader r;
    byte_reader_init(&r, line->buffer, line->used);
    (void)byte_read_bytes(&r, MARK_SIZE);
    uint32_t id = byte_read_be32(&r);
    size_t size = byte_read_be32(&r);
    if (r.failed)
        return more;
    if (size > SERIAL_DATA_MAX)
        return refused(SERIAL_TOO_LONG);
    const uint8_t *data = line->buffer + HEAD_SIZE;
    if (line->used < size + SERIAL_OVERHEAD) {
        /* Text cannot hold a start: with one inside, this message was cut short. */
        size_t next = find_start(line, HEAD_SIZE);
        return line->used - next < MARK_SIZE ? more : refused(SERIAL_CUT);
    }
    if (memcmp(data + size + 1, end_mark, MARK_SIZE) != 0)
        return refused(SERIAL_BAD_END);
    if (xor_of(line->buffer + MARK_SIZE, HEAD_SIZE - MARK_SIZE + size) != data[size])
        return refused(SERIAL_BAD_CHECK);
    return (struct frame){.kind = FRAME_TEXT,
                          .text_at = HEAD_SIZE,
                          .text_size = size,
                          .size = size + SERIAL_OVERHEAD,
                          .has_number = true,
                          .number = id};
}

static struct frame look_at_stx_etx(const struct serial_line *line)
{
    for (size_t at = 1; at < line->used; at++) {
        if (line->buffer[at] == STX)
            return refused(SERIAL_CUT);
        if (line->buffer[at] == ETX)
            return (struct frame){
                .kind = FRAME_TEXT, .text_at = 1, .text_size = at - 1, .size = at + 1};
        if (at > SERIAL_DATA_MAX)
            return refused(SERIAL_TOO_LONG);
    }
    return (struct frame){.kind = FRAME_MORE};
}

static struct frame look_at_line(const struct serial_line *line)
{
    for (size_t at = 0; at < line->used; at++) {
        if (line->buffer[at] == '\r' || line->buffer[at] == '\n')
            return (struct frame){
                .kind = at == 0 ? FRAME_EMPTY : FRAME_TEXT, .text_size = at, .size = at + 1};
        if (at == SERIAL_DATA_MAX)
            return refused(SERIAL_TOO_LONG);
    }
    return (struct frame){.kind = FRAME_MORE};
}

static struct frame look(const struct serial_line *line)
{
    switch (line->format->framing) {
    case SERIAL_PROTOCOLLED:
        return look_at_protocolled(line);
    case SERIAL_STX_ETX:
        return look_at_stx_etx(line);
    case SERIAL_LINES:
        return look_at_line(line);
    }
    return (struct frame){.kind = FRAME_MORE};
}

/* ---- the text inside ---- */

static enum serial_cause decode_text(struct serial_line *line, const struct frame *frame,
                                     struct serial_message *out)
{
    const struct serial_format *format = line->format;
    struct serial_message message = {.has_number = frame->has_number, .number = frame->number};
    struct template_extra extra = {0};
    uint8_t text[TEXT_SIZE];
    size_t size = 0;
    if (text_convert(&line->converter, line->buffer + frame->text_at, frame->text_size, text,
                     sizeof text, &size) != 0)
        return SERIAL_BAD_TEXT;
    size_t heartbeat = strlen(format->heartbeat);
    if (heartbeat > 0 && size == heartbeat && memcmp(text, format->heartbeat, size) == 0) {
        message.heartbeat = true;
        *out = message;
        return SERIAL_HEARTBEAT;
    }
    enum template_result result =
        text_template_read(&format->form, text, size, &message.read, &extra);
    if (result != TEMPLATE_OK)
        return result == TEMPLATE_BAD_PLATE ? SERIAL_PLATE_TEXT : SERIAL_BAD_FIELDS;
    if (extra.has_number) {
        message.has_number = true;
        message.number = extra.number;
    }
    message.time_in_seconds = extra.time_in_seconds;
    message.odd = extra.odd;
    *out = message;
    return SERIAL_OK;
}

int serial_line_next(struct serial_line *line, struct serial_message *out)
{
    for (;;) {
        drop_garbage(line);
        struct frame frame = look(line);
        if (frame.kind == FRAME_MORE)
            return ERR_NOT_FOUND;
        if (frame.kind == FRAME_REFUSED) {
            refuse_message(line, frame.cause);
            continue;
        }
        enum serial_cause cause =
            frame.kind == FRAME_TEXT ? decode_text(line, &frame, out) : SERIAL_CAUSE_COUNT;
        drop_front(line, frame.size);
        if (cause != SERIAL_CAUSE_COUNT)
            line->counts[cause]++;
        if (cause == SERIAL_OK || cause == SERIAL_HEARTBEAT)
            return ERR_OK;
    }
}

void serial_line_quiet(struct serial_line *line)
{
    if (line->used > 0)
        refuse_message(line, SERIAL_CUT);
    line->skipping = false;
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
        "ok",      "heartbeat", "garbage",  "cut",        "too_long",
        "bad_end", "bad_check", "bad_text", "bad_fields", "plate_text"};
    return (unsigned)cause < SERIAL_CAUSE_COUNT ? names[cause] : "unknown";
}
