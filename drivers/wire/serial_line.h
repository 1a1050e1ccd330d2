/*
 * A camera on a serial line (RS-485, usually 9600 8N1): whole messages out of a byte stream, in one
 * of three framings, each with text inside that a template reads (text_template.h).
 *
 * SERIAL_PROTOCOLLED, of Nedap's ANPR camera (installation guide of 2011-12-06, section 5.3.3);
 * numbers big-endian:
 *
 *   0   open     89 AB CD EF
 *   4   id       u32, from 1, one more with every message
 *   8   length   u32, bytes of data, here 0-200
 *   12  data
 *   +   check    u8, XOR of all bytes before it
 *   +   close    12 34 56 78
 *
 * A message is answered with one of the same id and no data; the camera repeats it until then, if
 * so configured. Byte order and answer are our reading of the guide: compare with the device when
 * it is commissioned.
 *
 * SERIAL_STX_ETX: 02, text, 03. SERIAL_LINES: text up to CR, LF or both; empty lines are nothing.
 *
 * The line belongs to the thread that reads it. After garbage, a cut or a wrong check it goes on
 * with the next start (the next line) in the bytes at hand, so one bad message never costs the
 * next. A line has no start of its own: noise right before it, without SERIAL_QUIET_MS between,
 * refuses that line. Bounded buffer inside the struct, no allocation after init.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/text_converter.h"
#include "drivers/wire/text_template.h"
#include "gateway/model/plate_read.h"

enum {
    SERIAL_DATA_MAX = TEMPLATE_TEXT_MAX,
    SERIAL_OVERHEAD = 17, /* bytes of a protocolled message without its data */
    SERIAL_MESSAGE_MAX = SERIAL_DATA_MAX + SERIAL_OVERHEAD,
    SERIAL_BUFFER_SIZE = 2 * SERIAL_MESSAGE_MAX,
    SERIAL_HEARTBEAT_SIZE = 65,
    SERIAL_QUIET_MS = 50 /* a pause inside a message that long ends it */
};

enum serial_framing { SERIAL_PROTOCOLLED, SERIAL_STX_ETX, SERIAL_LINES };

/* How a camera's messages look. Constant; outlives the lines that use it. */
struct serial_format {
    enum serial_framing framing;
    enum text_encoding encoding;
    struct text_template form;
    char heartbeat[SERIAL_HEARTBEAT_SIZE]; /* a message of this UTF-8 text is a sign of life; "" =
                                              it has none */
};

enum serial_cause {
    SERIAL_OK,         /* a read */
    SERIAL_HEARTBEAT,  /* a sign of life */
    SERIAL_GARBAGE,    /* bytes outside a message; counted by byte */
    SERIAL_CUT,        /* a message that ended early: another start or silence inside it */
    SERIAL_TOO_LONG,   /* more than SERIAL_DATA_MAX bytes */
    SERIAL_BAD_END,    /* no end where the length says */
    SERIAL_BAD_CHECK,  /* XOR */
    SERIAL_BAD_TEXT,   /* not of the camera's encoding, control characters */
    SERIAL_BAD_FIELDS, /* not of the template's form, or a number that is none */
    SERIAL_PLATE_TEXT, /* a plate above 32 bytes, or with control characters */
    SERIAL_CAUSE_COUNT
};

struct serial_line {
    const struct serial_format *format;
    struct text_converter converter;
    uint8_t buffer[SERIAL_BUFFER_SIZE];
    size_t used;   /* bytes */
    bool skipping; /* SERIAL_LINES: up to the end of a line that is too long or began unheard */
    uint64_t counts[SERIAL_CAUSE_COUNT];
};

struct serial_message {
    bool heartbeat;         /* a sign of life; otherwise a read: */
    struct plate_read read; /* lane, camera and arrival times 0, authenticity AUTH_NONE: the caller
                               knows them */
    bool has_number;        /* `number`: the message's id, or the template's {number} */
    uint32_t number;
    bool time_in_seconds;   /* the camera's time came without milliseconds */
    struct read_oddity odd; /* a value of the read taken as not given */
};

/* ERR_UNSUPPORTED, ERR_NO_MEMORY: its encoding. On success the caller ends it with
 * serial_line_fini. */
int serial_line_init(struct serial_line *line, const struct serial_format *format,
                     struct err_text *err) MUST_CHECK;
void serial_line_fini(struct serial_line *line); /* one that is all zero is fine */
/* Forgets the bytes at hand: the line was opened anew. SERIAL_LINES: what comes up to the next line
 * end or silence may be the end of a line, which would be another plate, and is dropped. */
void serial_line_restart(struct serial_line *line);
/* Takes bytes from the wire; returns how many found room. Call serial_line_next until it finds
 * nothing more, then feed the rest: then there is always room for at least one byte. */
size_t serial_line_feed(struct serial_line *line, const uint8_t *bytes, size_t size_bytes);
/* The next read or sign of life at hand; ERR_NOT_FOUND when more bytes are needed. What it refuses
 * on the way is counted. */
int serial_line_next(struct serial_line *line, struct serial_message *out) MUST_CHECK;
/* Whether a message has begun: the next bytes belong to it. */
bool serial_line_inside(const struct serial_line *line);
/* The line was silent for SERIAL_QUIET_MS: a message that has begun will not end. Call
 * serial_line_next after it. */
void serial_line_quiet(struct serial_line *line);

/* A whole protocolled message with `size_bytes` ≤ SERIAL_DATA_MAX of data; returns its bytes, 0
 * when there is too much data. With no data it is the answer to message `id`. */
size_t serial_line_encode(uint32_t id, const void *data, size_t size_bytes,
                          uint8_t out[SERIAL_MESSAGE_MAX]);

/* Stable lower-case name for counters ("bad_check"). */
const char *serial_cause_name(enum serial_cause cause);
