/*
 * The envelope of every signed statement, JSON:
 *
 *   {"alg":"ed25519","payload":<base64>,"signatures":[{"key":"sha256:…","sig":<base64>}],
 *    "type":"wanted-batch/1"}
 *
 * Signed are the bytes "checkpoint:" type "\n" payload, so a signature speaks for one type only;
 * each type belongs to one key role, so a statement is refused under every other role's key. The
 * payload is kept verbatim: README.md shows how stock openssl checks a signature. Pure, any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/signed/sign_key.h"

enum {
    ENVELOPE_SIZE_MAX = 1 << 20,   /* bytes of JSON: one HTTP body */
    ENVELOPE_PAYLOAD_MAX = 768000, /* bytes: its base64 and the rest fit the limit above */
    ENVELOPE_SIGNATURES_MAX = 8
};

enum key_role {
    KEY_ROLE_ROOT = 1,
    KEY_ROLE_LIST = 2,
    KEY_ROLE_FRESHNESS = 3,
    KEY_ROLE_RECEIPT = 4,
    KEY_ROLE_INSTRUCTION = 5,
    KEY_ROLE_OBSERVE = 6 /* encryption; signs nothing */
};

enum statement_type {
    STATEMENT_KEYSET = 1,           /* "keyset/1", root */
    STATEMENT_BATCH = 2,            /* "wanted-batch/1", list */
    STATEMENT_SNAPSHOT = 3,         /* "wanted-snapshot/1", list */
    STATEMENT_FRESHNESS = 4,        /* "freshness/1", freshness */
    STATEMENT_RECEIPT = 5,          /* "receipt/1", receipt */
    STATEMENT_INSTRUCTION = 6,      /* "instruction/1", instruction */
    STATEMENT_MATCH_POLICY = 7,     /* "match-policy/1", list */
    STATEMENT_EXEMPT_LIST = 8,      /* "exempt-list/1", list */
    STATEMENT_STANDING = 9,         /* "standing/1", freshness */
    STATEMENT_RETENTION_TERMS = 10, /* "retention-terms/1", list */
    STATEMENT_SPOOL_ANSWER = 11,    /* "spool-answer/1", receipt */
    STATEMENT_ROOTS = 12            /* "roots/1", root */
};

/* "list" …, NULL for anything else; and back (ERR_INVALID). */
const char *key_role_name(enum key_role role);
int key_role_parse(const char *name, enum key_role *out) MUST_CHECK;
/* "wanted-batch/1" …, NULL for anything else. */
const char *statement_type_name(enum statement_type type);
/* The only role whose keys may sign the type. */
enum key_role statement_role(enum statement_type type);

struct envelope_signature {
    uint8_t key_id[KEY_ID_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
};

struct envelope {
    enum statement_type type;
    enum key_alg alg;
    uint8_t *signed_bytes; /* heap: "checkpoint:" type "\n" payload */
    size_t signed_size;
    const uint8_t *payload; /* inside signed_bytes */
    size_t payload_size;
    int signature_count;
    struct envelope_signature signatures[ENVELOPE_SIGNATURES_MAX];
};

/* Parses; verifies nothing. At least one signature, no key twice, no unknown field. ERR_INVALID,
 * ERR_UNSUPPORTED (type or algorithm), ERR_TOO_LARGE, ERR_NO_MEMORY. envelope_fini frees. */
int envelope_parse(const void *text, size_t size, struct envelope *out,
                   struct err_text *err) MUST_CHECK;
/* An unsigned envelope around a copy of the payload. ERR_TOO_LARGE, ERR_NO_MEMORY. */
int envelope_init(struct envelope *e, enum statement_type type, const void *payload,
                  size_t size) MUST_CHECK;
/* Adds a signature. The role is the key set's to check. ERR_CONFLICT: this key signed already;
 * ERR_FULL, ERR_UNSUPPORTED. */
int envelope_sign(struct envelope *e, const struct sign_key *key) MUST_CHECK;
/* Canonical JSON, NUL-terminated heap text the caller frees. */
int envelope_write(const struct envelope *e, char **out, size_t *out_size) MUST_CHECK;
/* Frees what the envelope holds; a zeroed one is fine. */
void envelope_fini(struct envelope *e);
/* Whether signature `index` is of this public key's private half. ERR_CORRUPT. */
int envelope_check_signature(const struct envelope *e, int index,
                             const uint8_t public_key[PUBLIC_KEY_SIZE]) MUST_CHECK;
