/*
 * One journal record: header layout, digest, hash, and its form on the wire to HQ. Pure; the byte
 * table and a test vector stand in README.md.
 *
 * record hash = SHA-256(header); the header holds the digest of salt and body and the hash of the
 * record before, so a chain is checked without any body, and a deleted body leaves it whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    JOURNAL_HASH_SIZE = 32,
    JOURNAL_CHAIN_ID_SIZE = 16,
    JOURNAL_BOOT_ID_SIZE = 16,
    JOURNAL_SALT_SIZE = 16,
    JOURNAL_ACTOR_SIZE = 48, /* bytes of UTF-8, NUL-padded */
    JOURNAL_HEADER_SIZE = 176,
    JOURNAL_BODY_MAX = 64 * 1024,
    JOURNAL_WIRE_MAX = 2 * JOURNAL_BODY_MAX /* bytes of one line */
};

/* Numbers stand on disk and on the wire: never reused. A number this build does not know (up to
 * JOURNAL_KIND_MAX) is a newer build's: such records are part of the chain, verified, kept and
 * forwarded like any other, only never written. */
enum journal_kind {
    JOURNAL_START = 1, /* first record of a chain (sequence 1) and of each run */
    JOURNAL_STOP = 2,
    JOURNAL_PASSAGE = 3,
    JOURNAL_HIT = 4,
    JOURNAL_DECISION = 5,
    JOURNAL_ORDER = 6,
    JOURNAL_OUTCOME = 7,
    JOURNAL_ACT = 8,
    JOURNAL_LIST = 9,
    JOURNAL_CONFIG = 10,
    JOURNAL_DEVICE = 11,
    JOURNAL_CLOCK = 12,
    JOURNAL_SEAL = 13,
    JOURNAL_HIT_ANSWER = 14,  /* what an officer saw by eye of a hit's vehicle */
    JOURNAL_INSTRUCTION = 15, /* of headquarters: what came, who signed it, what became of it */
    JOURNAL_OBSERVED = 16,    /* of the second chain: sealed to headquarters, hits or none */
    JOURNAL_HANDLING = 17,    /* a step in the handling of a hit, with what it has come to */
    JOURNAL_KIND_COUNT,
    JOURNAL_KIND_MAX = 255
};

/* One kind's bit, for masks of kinds; of one that is not known that of them all. */
#define JOURNAL_KIND_BIT(kind) (1u << ((kind) < JOURNAL_KIND_COUNT ? (unsigned)(kind) : 31u))
#define JOURNAL_KINDS_UNKNOWN (1u << 31)

enum { JOURNAL_KIND_TEXT_SIZE = 32 };

/* "hit"; NULL when it is none. And back: 0 when no kind has that name. */
const char *journal_kind_name(enum journal_kind kind);
enum journal_kind journal_kind_parse(const char *name);
/* "hit", of one that is not known "kind_200". */
void journal_kind_text(enum journal_kind kind, char out[JOURNAL_KIND_TEXT_SIZE]);

struct journal_header {
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    uint64_t sequence; /* from 1 */
    enum journal_kind kind;
    struct wall_time wall;
    struct mono_time mono;
    uint8_t boot[JOURNAL_BOOT_ID_SIZE];
    char actor[JOURNAL_ACTOR_SIZE + 1];  /* "officer:wang" */
    uint8_t digest[JOURNAL_HASH_SIZE];   /* SHA-256(salt ‖ body) */
    uint8_t previous[JOURNAL_HASH_SIZE]; /* hash of the record before, zeros for the first */
};

/* A record with its body or, past its retention or of a kind that stays on the box, without. */
struct journal_record {
    uint8_t bytes[JOURNAL_HEADER_SIZE]; /* the header as it is hashed */
    struct journal_header header;       /* the same, decoded */
    bool has_body;
    uint8_t salt[JOURNAL_SALT_SIZE];
    const char *body; /* not NUL-terminated; whose it is, the function says that fills it */
    size_t body_size;
};

void journal_header_write(const struct journal_header *header, uint8_t out[JOURNAL_HEADER_SIZE]);
/* ERR_INVALID (magic, kind 0, flags, actor, sequence 0), ERR_UNSUPPORTED (version, hash algorithm).
 */
int journal_header_read(const uint8_t bytes[JOURNAL_HEADER_SIZE], struct journal_header *out,
                        struct err_text *err) MUST_CHECK;
/* ERR_NO_MEMORY is OpenSSL's only reason to fail. */
int journal_digest(const uint8_t salt[JOURNAL_SALT_SIZE], const void *body, size_t size,
                   uint8_t out[JOURNAL_HASH_SIZE]) MUST_CHECK;
int journal_hash(const uint8_t bytes[JOURNAL_HEADER_SIZE],
                 uint8_t out[JOURNAL_HASH_SIZE]) MUST_CHECK;

/* Where a chain stands: what the next record must follow. All zeros but the chain id at its start.
 */
struct journal_head {
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    uint64_t sequence;
    uint8_t hash[JOURNAL_HASH_SIZE];
};

/* Whether `record` follows `head`: same chain, next sequence, hash of the one before, and a body
 * that fits its digest. Moves *head on. ERR_CONFLICT (another chain), ERR_STALE (sequence not above
 * the head's), ERR_NOT_FOUND (records are missing in between), ERR_CORRUPT (hash or digest);
 * `err` says which and where. */
int journal_head_follow(struct journal_head *head, const struct journal_record *record,
                        struct err_text *err) MUST_CHECK;

/* One line of NDJSON, a CloudEvents 1.0 event in JSON without '\n': id "<chain>:<sequence>", source
 * `source` ("urn:checkpoint:lu-hz-01"), type "checkpoint.<journal_kind_text>", extension attributes
 * `header` (base64) and, with a body, `salt` (hex) beside data_base64, the body's bytes verbatim.
 * *out is heap memory the caller frees. ERR_NO_MEMORY; ERR_INVALID for a source that is not
 * printable ASCII without quotes. */
int journal_wire_write(const struct journal_record *record, const char *source, bool with_body,
                       char **out, size_t *out_size) MUST_CHECK;

/* The id of a line in the form that journal_wire_write gives, found without reading the rest of it;
 * false: the line is of another form, good or bad. *out_id points into the line. */
bool journal_wire_id(const char *line, size_t size, const char **out_id, size_t *out_size);

struct journal_wire {
    struct journal_record record; /* body: heap, freed by journal_wire_free */
    char source[128];
};
/* Checks form, attributes against the header, and the digest of a body. The two ends may be of
 * different builds: a kind's number may stand in the type for its name, and any name is taken for a
 * kind that is not known here. ERR_INVALID, ERR_UNSUPPORTED, ERR_TOO_LARGE, ERR_CORRUPT (digest),
 * ERR_NO_MEMORY. */
int journal_wire_read(const char *line, size_t size, struct journal_wire *out,
                      struct err_text *err) MUST_CHECK;
void journal_wire_free(struct journal_wire *wire);
