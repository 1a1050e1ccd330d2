/* clang-format off */
/*
 * What goes over a gap on a stick besides what goes over the wire: the manifest, which a box signs
 * with its own certificate (gateway/tls/sealed.h, type SPOOL_MANIFEST), and headquarters' messages
 * for it, "spool-answer/1", signed with the receipt key. Payloads are canonical JSON. Pure.
 *
 *   manifest  {"after","checkpoint","exempt","files":[{"bytes","chain","first","last","name",
 *             "sha256","stream"}],"hash","journal":{"chain","confirmed","recorded"},"number",
 *             "observe":{…the same},"policy","revision","time"}
 *   answer    {"after","checkpoint","held","held_observe","messages":[…as in the inbox…],"next",
 *             "spool","time"}
 *
 * `after` is the last message the box has dealt with, `number` counts the box's exports, `held` and
 * `held_observe`: so far headquarters has the two chains. `sha256` is of the records as text,
 * NDJSON, whether the file is compressed or not.
 */
/* clang-format on */
#pragma once

#include <jansson.h>

#include "gateway/signed/envelope.h"
#include "gateway/signed/keyset.h"
#include "gateway/signed/receipt.h"

#define SPOOL_MANIFEST "spool-manifest/1"
#define SPOOL_SEALED ".cms" /* behind the name of a file that only the box reads */

enum {
    SPOOL_FILES_MAX = 1024,
    SPOOL_NAME_SIZE = 80, /* of a file, with its NUL */
    SPOOL_CHAIN_SIZE = 2 * CHAIN_ID_SIZE + 1
};

enum spool_stream { SPOOL_JOURNAL = 0, SPOOL_OBSERVE = 1, SPOOL_STREAMS = 2 };

struct spool_file {
    enum spool_stream stream;
    char name[SPOOL_NAME_SIZE];
    char chain[SPOOL_CHAIN_SIZE]; /* hex */
    uint64_t first;               /* sequences of its records */
    uint64_t last;
    uint64_t size_bytes; /* of its text */
    uint8_t sha256[HASH_SIZE];
};

/* Where a chain stands at the box. */
struct spool_place {
    char chain[SPOOL_CHAIN_SIZE];
    uint64_t recorded;
    uint64_t confirmed;
};

struct spool_manifest {
    char checkpoint[CHECKPOINT_ID_MAX + 1];
    uint64_t number;
    struct wall_time time;
    uint64_t after;
    uint64_t revision; /* of the list in force */
    uint8_t hash[HASH_SIZE];
    uint64_t policy;
    uint64_t exempt;
    struct spool_place places[SPOOL_STREAMS];
    size_t file_count;
    struct spool_file files[SPOOL_FILES_MAX];
};

/* "journal", "observe". */
const char *spool_stream_name(enum spool_stream stream);
/* Canonical JSON, heap, the caller frees. ERR_NO_MEMORY. */
int spool_manifest_write(const struct spool_manifest *m, char **out, size_t *out_size) MUST_CHECK;
/* ERR_INVALID; `err` names the field. */
int spool_manifest_read(const void *text, size_t size, struct spool_manifest *out,
                        struct err_text *err) MUST_CHECK;

struct spool_answer {
    char checkpoint[CHECKPOINT_ID_MAX + 1];
    uint64_t spool; /* number of the manifest it answers */
    uint64_t held[SPOOL_STREAMS];
    uint64_t after;
    uint64_t next;
    struct wall_time time;
    json_t *messages; /* array; owned */
};

/* Takes nothing over. ERR_INVALID, ERR_TOO_LARGE, ERR_NO_MEMORY. */
int spool_answer_compose(const struct spool_answer *a, struct envelope *out,
                         struct err_text *err) MUST_CHECK;
/* json_decref(out->messages) is the caller's. As receipt_verify. */
int spool_answer_verify(const struct keyset *set, const void *envelope, size_t size,
                        struct spool_answer *out, struct err_text *err) MUST_CHECK;
