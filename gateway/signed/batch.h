/*
 * A batch of the wanted list: one link of the fleet's chain. Payload, a JSON line and bytes:
 *
 *   {"added":A,"changed":C,"prev":"sha256:…","revision":R,"time":"…","withdrawn":W}\n
 *   A + C match records of 64 bytes (gateway/model/wanted.h), then W entry ids u64 little-endian,
 *   then the A + C canonical JSON texts, each as long as its record says; nothing behind.
 *
 * Ids rise strictly within added, changed and withdrawn, and none stands in two of them. The batch
 * hash is the SHA-256 of the payload. Revision 1 has a `prev` of zeros. A priority-1, observe or
 * emergency entry needs the signatures of two different clerks. Pure, any thread.
 */
#pragma once

#include "gateway/model/wanted.h"
#include "gateway/signed/keyset.h"

enum {
    BATCH_PAYLOAD_MAX = ENVELOPE_PAYLOAD_MAX,
    BATCH_HEAD_MAX = 512,     /* bytes of the JSON line */
    BATCH_ENTRIES_MAX = 4096, /* added + changed */
    BATCH_WITHDRAWN_MAX = 4096
};

struct wanted_item {
    struct wanted_record record;
    const char *text; /* record.text_size bytes inside the payload, not NUL-terminated */
};

struct batch {
    uint64_t revision; /* from 1 */
    uint8_t prev[HASH_SIZE];
    uint8_t hash[HASH_SIZE];
    struct wall_time time; /* when it was signed */
    size_t added_count;
    size_t changed_count;
    size_t withdrawn_count;
    struct wanted_item *items; /* added, then changed */
    uint64_t *withdrawn;       /* entry ids */
    uint8_t *payload;          /* heap; verbatim */
    size_t payload_size;
    int clerk_count; /* different holders that signed */
    char clerks[ENVELOPE_SIGNATURES_MAX][KEY_HOLDER_MAX + 1];
};

/* Where a chain stands. Zeroed: no list yet. */
struct list_head {
    uint64_t revision;
    uint8_t hash[HASH_SIZE];
    struct wall_time time;
};

/* Parses and checks a payload alone: structure, order, every record, every text against its record.
 * ERR_INVALID, ERR_TOO_LARGE, ERR_NO_MEMORY. batch_fini frees. */
int batch_parse(const void *payload, size_t size, struct batch *out,
                struct err_text *err) MUST_CHECK;
/* Verifies a signed batch: envelope, list role, key validity at the batch's time, two clerks where
 * needed, then batch_parse. ERR_CORRUPT, ERR_DENIED besides. */
int batch_verify(const struct keyset *set, const void *envelope, size_t size, struct batch *out,
                 struct err_text *err) MUST_CHECK;
/* Whether the batch is the next link. ERR_STALE: revision already passed (replay);
 * ERR_CONFLICT: same place, other hash; ERR_NOT_FOUND: links between are missing. */
int batch_check_next(const struct list_head *head, const struct batch *batch,
                     struct err_text *err) MUST_CHECK;
/* Against the list it applies to: added ids are new, changed and withdrawn ones are there, and
 * a change of a priority-1 or observe entry has two clerks even where it lowers it. `find` returns
 * NULL for an id that is not on the list. A withdrawal needs one clerk: it must be quick. */
int batch_check_list(const struct batch *batch,
                     const struct wanted_record *(*find)(void *ctx, uint64_t id), void *ctx,
                     struct err_text *err) MUST_CHECK;
/* Whether any added or changed entry of the batch needs two clerks. */
bool batch_needs_two(const struct batch *batch);
void batch_fini(struct batch *batch);

/* One entry to be written: record.text_size bytes of canonical text. */
struct batch_plan {
    struct list_head head; /* the batch becomes head.revision + 1 */
    struct wall_time time;
    const struct wanted_item *added; /* ids rising; likewise changed and withdrawn */
    size_t added_count;
    const struct wanted_item *changed;
    size_t changed_count;
    const uint64_t *withdrawn;
    size_t withdrawn_count;
};

/* An unsigned envelope of the batch, checked as batch_parse would. The caller signs and frees. */
int batch_compose(const struct batch_plan *plan, struct envelope *out,
                  struct err_text *err) MUST_CHECK;
