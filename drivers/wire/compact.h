/*
 * The `compact` datagram of the camera net, all numbers big-endian:
 *
 *   0  'P' 'R'
 *   2  version      u8   1
 *   3  lane         u8   1-255
 *   4  camera       u16  1-65535
 *   6  confidence   u8   0-100, 255 = none
 *   7  plate length u8   0-32 bytes
 *   8  plate        UTF-8
 *   then TLVs: type u8, length u8, value
 *     1 wall ms since 1970 u64      5 direction u8 (GA/T 1400)
 *     2 speed km/h u16              6 event id u64
 *     3 class, 2 ASCII characters   7 candidate: confidence u8, UTF-8 of 1-32 bytes; may repeat
 *     4 colour u8 (GA/T 1400)       8 character scores, u8 each, one for each symbol
 *   255 tag, always last: counter u64, SipHash-2-4 u64 over every byte before the SipHash
 *
 * Types not named here are skipped, whatever they hold. A value outside its range is treated as not
 * given and counted in values_ignored; a broken structure or broken text refuses the datagram with
 * a named cause. Vectors: tests/unit/drivers/wire/compact_vectors.txt. Pure, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/siphash.h"
#include "gateway/model/plate_read.h"

enum {
    COMPACT_VERSION = 1,
    COMPACT_HEADER_SIZE = 8,
    COMPACT_TAG_SIZE = 18,   /* type, length, counter, SipHash */
    COMPACT_SIZE_MAX = 1400, /* bytes of a whole datagram */
    COMPACT_PORT_DEFAULT = 9840
};

enum compact_cause {
    COMPACT_OK,
    COMPACT_TOO_SHORT,     /* shorter than its header or its plate */
    COMPACT_TOO_LONG,      /* above COMPACT_SIZE_MAX */
    COMPACT_BAD_MAGIC,     /* not 'P' 'R' */
    COMPACT_BAD_VERSION,   /* a version this build does not know */
    COMPACT_BAD_LANE,      /* lane 0 */
    COMPACT_BAD_CAMERA,    /* camera 0 */
    COMPACT_PLATE_LENGTH,  /* above 32 bytes */
    COMPACT_PLATE_TEXT,    /* not UTF-8, or control characters */
    COMPACT_TLV_CUT,       /* a TLV runs past the end, or one byte is left over */
    COMPACT_TLV_LENGTH,    /* a known type with a length it cannot have */
    COMPACT_TLV_DUPLICATE, /* a known type twice (candidates may repeat) */
    COMPACT_CANDIDATE_TEXT,
    COMPACT_TAG_NOT_LAST,
    COMPACT_CAUSE_COUNT
};

struct compact_info {
    bool tagged;             /* a tag is there; it is not verified yet */
    uint64_t counter;        /* of the tag */
    uint64_t tag;            /* SipHash as received */
    size_t covered_size;     /* bytes from the start that the SipHash covers */
    uint16_t unknown_tlvs;   /* skipped */
    uint16_t values_ignored; /* out of range, treated as not given */
};

/* Decodes one datagram. On COMPACT_OK `out` holds lane, camera and every field given (authenticity
 * AUTH_NONE, arrival times 0) and `info` the rest; otherwise both are untouched. A plate that is
 * no plate is not refused here: its kind says so. `dash`: how the camera writes an unread symbol.
 */
enum compact_cause compact_decode(const uint8_t *data, size_t size_bytes, enum plate_dash dash,
                                  struct plate_read *out, struct compact_info *info) MUST_CHECK;

/* Whether the datagram's tag was made with this key. `info` is that of compact_decode. */
bool compact_tag_valid(const uint8_t *data, const struct compact_info *info,
                       const uint8_t key[SIPHASH_KEY_SIZE]);

/* Encodes `read` (raw text; fields that are "not given" make no TLV; TLVs in order of their type)
 * with a tag when key is not NULL. Returns the bytes written, 0 when room is short. */
size_t compact_encode(const struct plate_read *read, const uint8_t *key, uint64_t counter,
                      uint8_t *out, size_t room_bytes);

/* Stable lower-case name for counters ("tlv_duplicate"). */
const char *compact_cause_name(enum compact_cause cause);
