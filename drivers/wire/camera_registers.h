/*
 * A Modbus register map for an ANPR camera. No maker publishes one, so this one is ours: a camera,
 * or a gateway in front of one, offers it as input registers (function 4) from a base address of
 * its choice. Registers are 16 bits, big-endian on the wire; values of several registers have the
 * high word first.
 *
 *   0      magic 0x5052 ("PR")
 *   1      map version, 1 or 2
 *   2      sequence: 0 = no read yet, then one more with every read, 65535 is followed by 1
 *   3      confidence 0-100, 255 = none
 *   4      class, 2 ASCII characters, 0 = unknown
 *   5      direction (GA/T 1400), 0 = not given
 *   6      colour (GA/T 1400), 0 = not given
 *   7      speed km/h, 65535 = not given
 *   8-11   event id u64, 0 = none
 *   12-15  wall time of the read, ms since 1970 u64, 0 = not given
 *   16     plate length in bytes, 0-32; version 2: in the high byte the encoding of all text, 0
 *          UTF-8, 1 GBK
 *   17-32  plate, two bytes a register, the first in the high byte, unused bytes 0
 *   33     the sequence again
 *
 * Version 2 has besides, each asked for apart:
 *
 *   34     heartbeat: another value at least once a second while the camera works
 *   35-38  the camera's clock now, ms since 1970 u64, 0 = it has none
 *   39     the heartbeat again
 *
 *   40     sequence of the read the candidates belong to
 *   41     how many candidates, 0-5: other plates it may be, the likeliest first
 *   42-86  five times: length in bytes 0-16 (high byte) and confidence 0-100, 255 = none (low
 *          byte), then 8 registers of text
 *   87     register 40 again
 *
 * The camera writes each block from its last register to its first; the reader takes a block in one
 * request. When its first and last register differ the camera was writing: ask again. A camera may
 * have coils besides, at addresses of its choice: one that triggers a read when it is set (and
 * clears itself), others that switch its lights. Pure, no allocation after open.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/read_fields.h"
#include "drivers/wire/text_converter.h"
#include "gateway/base/err.h"
#include "gateway/model/plate_read.h"

enum {
    CAMERA_REGISTERS_COUNT = 34,
    CAMERA_REGISTERS_MAGIC = 0x5052,
    CAMERA_REGISTERS_VERSION_MAX = 2,
    CAMERA_STATUS_AT = 34, /* version 2 */
    CAMERA_STATUS_COUNT = 6,
    CAMERA_CANDIDATES_AT = 40,
    CAMERA_CANDIDATES_COUNT = 48,
    CAMERA_CANDIDATES_MAX = 5,
    CAMERA_CANDIDATE_TEXT_MAX = 16 /* bytes */
};

/* Of the text in the registers: as register 16 says, or stated for cameras that say nothing. */
enum registers_encoding {
    REGISTERS_ENCODING_TOLD,
    REGISTERS_ENCODING_UTF8,
    REGISTERS_ENCODING_GBK
};

/* How text in the registers is to be taken. Belongs to the thread that decodes. */
struct registers_form {
    enum plate_dash dash;
    enum registers_encoding encoding;
    struct text_converter utf8;
    struct text_converter gbk;
};

enum registers_cause {
    REGISTERS_OK,
    REGISTERS_EMPTY,   /* sequence 0: no read since the camera started */
    REGISTERS_TOO_FEW, /* fewer than CAMERA_REGISTERS_COUNT */
    REGISTERS_BAD_MAGIC,
    REGISTERS_BAD_VERSION,
    REGISTERS_TORN,         /* the camera was writing: poll again */
    REGISTERS_PLATE_LENGTH, /* above 32 bytes */
    REGISTERS_ENCODING,     /* neither UTF-8 nor GBK */
    REGISTERS_PLATE_TEXT,   /* not of that encoding, control characters, above 32 bytes of UTF-8 */
    REGISTERS_CAUSE_COUNT
};

struct registers_read {
    struct plate_read read; /* lane, camera and arrival times 0, authenticity AUTH_NONE: the caller
                               knows them */
    uint16_t sequence;      /* of the camera: equal to the last one is no new read, a step above one
                               means reads were lost between polls */
    uint16_t version;       /* of the map */
    enum text_encoding encoding;
    struct read_oddity odd; /* a value taken as not given */
};

struct registers_status {
    uint16_t heartbeat;
    int64_t now_ms; /* since 1970, 0 = the camera has no clock */
};

/* ERR_UNSUPPORTED, ERR_NO_MEMORY. On success the caller ends it with registers_form_close. */
int registers_form_open(struct registers_form *out, enum plate_dash dash,
                        enum registers_encoding encoding, struct err_text *err) MUST_CHECK;
void registers_form_close(struct registers_form *form); /* one that is all zero is fine */

/* The version of a map, 0 when the registers are no map, or one of a version not known. */
uint16_t camera_registers_version(const uint16_t *registers, size_t count);
/* Decodes registers 0-33. Values out of range are treated as not given and named in out->odd. *out
 * only on REGISTERS_OK. */
enum registers_cause camera_registers_decode(const uint16_t *registers, size_t count,
                                             struct registers_form *form,
                                             struct registers_read *out)
    __attribute__((warn_unused_result));
/* Decodes registers 34-39. REGISTERS_OK, REGISTERS_TORN, REGISTERS_TOO_FEW; a time beyond the year
 * 9999 is none. */
enum registers_cause camera_status_decode(const uint16_t *registers, size_t count,
                                          struct registers_status *out)
    __attribute__((warn_unused_result));
/* Decodes registers 40-87 and adds what they say to the read they belong to; one that is broken is
 * left out and named in read->odd. REGISTERS_OK; REGISTERS_TORN: being written, or of another read;
 * REGISTERS_TOO_FEW. */
enum registers_cause camera_candidates_decode(const uint16_t *registers, size_t count,
                                              struct registers_form *form,
                                              struct registers_read *read)
    __attribute__((warn_unused_result));

/* Registers 0-33 of a read in version 1, UTF-8, for simulators and tests. */
void camera_registers_encode(const struct plate_read *read, uint16_t sequence,
                             uint16_t out[CAMERA_REGISTERS_COUNT]);

/* The sequence after this one. */
uint16_t camera_registers_next_sequence(uint16_t sequence);
/* Reads lost between two sequences, neither of them 0; 0 when they are equal or neighbours. */
uint16_t camera_registers_lost(uint16_t before, uint16_t now);

/* Stable lower-case name for counters ("torn"). */
const char *registers_cause_name(enum registers_cause cause);
