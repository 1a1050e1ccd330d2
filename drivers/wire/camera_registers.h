/*
 * A Modbus register map for an ANPR camera. No maker publishes one, so this one is ours: a camera,
 * or a gateway in front of one, offers it as input registers (function 4) from a base address of
 * its choice. Registers are 16 bits, big-endian on the wire; values of several registers have the
 * high word first.
 *
 *   0      magic 0x5052 ("PR")
 *   1      map version, 1
 *   2      sequence: 0 = no read yet, then one more with every read, 65535 is followed by 1
 *   3      confidence 0-100, 255 = none
 *   4      class, 2 ASCII characters, 0 = unknown
 *   5      direction (GA/T 1400), 0 = not given
 *   6      colour (GA/T 1400), 0 = not given
 *   7      speed km/h, 65535 = not given
 *   8-11   event id u64, 0 = none
 *   12-15  wall time, ms since 1970 u64, 0 = not given
 *   16     plate length in bytes, 0-32
 *   17-32  plate, UTF-8, two bytes a register, the first in the high byte, unused bytes 0
 *   33     the sequence again
 *
 * The camera writes register 33, then 32 … 3, then 2; the reader takes all 34 in one request. When
 * 2 and 33 differ the camera was writing: poll again. Pure, no allocation.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/model/plate_read.h"

enum { CAMERA_REGISTERS_COUNT = 34, CAMERA_REGISTERS_MAGIC = 0x5052, CAMERA_REGISTERS_VERSION = 1 };

enum registers_cause {
    REGISTERS_OK,
    REGISTERS_EMPTY,   /* sequence 0: no read since the camera started */
    REGISTERS_TOO_FEW, /* fewer than CAMERA_REGISTERS_COUNT */
    REGISTERS_BAD_MAGIC,
    REGISTERS_BAD_VERSION,
    REGISTERS_TORN,         /* the camera was writing: poll again */
    REGISTERS_PLATE_LENGTH, /* above 32 bytes */
    REGISTERS_PLATE_TEXT,   /* not UTF-8, or control characters */
    REGISTERS_CAUSE_COUNT
};

/* Decodes a poll. On REGISTERS_OK `out` holds every field given (lane, camera and arrival times 0,
 * authenticity AUTH_NONE: the caller knows them) and *out_sequence the camera's sequence: equal to
 * the last one is no new read, a step above one means reads were lost between polls. Values out of
 * range are treated as not given. Otherwise both are untouched. */
enum registers_cause camera_registers_decode(const uint16_t *registers, size_t count,
                                             enum plate_dash dash, struct plate_read *out,
                                             uint16_t *out_sequence)
    __attribute__((warn_unused_result));

/* The registers of a read, for simulators and tests. */
void camera_registers_encode(const struct plate_read *read, uint16_t sequence,
                             uint16_t out[CAMERA_REGISTERS_COUNT]);

/* The sequence after this one. */
uint16_t camera_registers_next_sequence(uint16_t sequence);
/* Reads lost between two sequences, neither of them 0; 0 when they are equal or neighbours. */
uint16_t camera_registers_lost(uint16_t before, uint16_t now);

/* Stable lower-case name for counters ("torn"). */
const char *registers_cause_name(enum registers_cause cause);
