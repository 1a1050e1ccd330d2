/*
 * A camera on a serial line (RS-485, usually 9600 8N1) in the PROTOCOLLED format of Nedap's ANPR
 * camera (installation guide of 2011-12-06, section 5.3.3); numbers big-endian:
 *
 *   0   open     89 AB CD EF
 *   4   id       u32, from 1, one more with every message
 *   8   length   u32, bytes of data, here 0-128
 *   12  data
 *   +   check    u8, XOR of all bytes before it
 *   +   close    12 34 56 78
 *
 * The camera's message template must give UTF-8 text PLATE;CONFIDENCE;CLASS;DIRECTION;EVENT, e.g.
 * 鲁H12345;97;02;3;4711 (for that camera "%PLATE_STRING;%OCRSCORE;;;%TRANSIT_ID"). Fields behind
 * the plate may be empty or missing. A message is answered with one of the same id and no data; the
 * camera repeats it until then, if so configured. Byte order and answer are our reading of the
 * guide: compare with the device when it is commissioned.
 *
 * The line belongs to the thread that reads it. After garbage, a cut or a wrong check it goes on
 * with the next start found in the bytes at hand, so one bad message never costs the next. Bounded
 * buffer inside the struct, no allocation.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/model/plate_read.h"

enum {
    SERIAL_DATA_MAX = 128,
    SERIAL_OVERHEAD = 17, /* bytes of a message without its data */
    SERIAL_MESSAGE_MAX = SERIAL_DATA_MAX + SERIAL_OVERHEAD,
    SERIAL_BUFFER_SIZE = 2 * SERIAL_MESSAGE_MAX,
    SERIAL_QUIET_MS = 50 /* a pause inside a message that long ends it */
};

enum serial_cause {
    SERIAL_OK,         /* a read */
    SERIAL_GARBAGE,    /* bytes outside a message; counted by byte */
    SERIAL_CUT,        /* a message that ended early: another start or silence inside it */
    SERIAL_TOO_LONG,   /* a length above SERIAL_DATA_MAX */
    SERIAL_BAD_END,    /* no end where the length says */
    SERIAL_BAD_CHECK,  /* XOR */
    SERIAL_BAD_FIELDS, /* more than five fields, or a number that is none */
    SERIAL_PLATE_TEXT, /* not UTF-8, control characters, above 32 bytes */
    SERIAL_CAUSE_COUNT
};

struct serial_line {
    uint8_t buffer[SERIAL_BUFFER_SIZE];
    size_t used; /* bytes */
    enum plate_dash dash;
    uint64_t counts[SERIAL_CAUSE_COUNT];
};

void serial_line_init(struct serial_line *line, enum plate_dash dash);
/* Takes bytes from the wire; returns how many found room. Call serial_line_next until it finds
 * nothing more, then feed the rest: then there is always room for at least one byte. */
size_t serial_line_feed(struct serial_line *line, const uint8_t *bytes, size_t size_bytes);
/* The next read at hand: ERR_OK with `out` (lane, camera and arrival times 0, authenticity
 * AUTH_NONE: the caller knows them) and the message's id; ERR_NOT_FOUND when more bytes are needed.
 * What it refuses on the way is counted. */
int serial_line_next(struct serial_line *line, struct plate_read *out, uint32_t *out_id) MUST_CHECK;
/* The line was silent for SERIAL_QUIET_MS: a message that has begun will not end. Call
 * serial_line_next after it. */
void serial_line_quiet(struct serial_line *line);

/* A whole message with `size_bytes` ≤ SERIAL_DATA_MAX of data; returns its bytes, 0 when there is
 * too much data. With no data it is the answer to message `id`. */
size_t serial_line_encode(uint32_t id, const void *data, size_t size_bytes,
                          uint8_t out[SERIAL_MESSAGE_MAX]);

/* Stable lower-case name for counters ("bad_check"). */
const char *serial_cause_name(enum serial_cause cause);
