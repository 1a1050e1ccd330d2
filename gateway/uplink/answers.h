/*
 * What headquarters answers, read strictly: types, ranges, order, sizes. Members a later version
 * adds are ignored. Nothing here is believed: signed statements inside are handed on as text to
 * those who verify them. Pure. Whatever a reader fills, its _free frees; a zeroed one is fine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/signed/sign_key.h"
#include "gateway/uplink/box_statement.h"

enum {
    ANSWER_MESSAGES_MAX = 1000,
    ANSWER_KIND_SIZE = 33, /* a-z and '_', with its NUL */
    ANSWER_REASON_SIZE = 200
};

struct inbox_message {
    uint64_t number;
    char kind[ANSWER_KIND_SIZE];
    char *text; /* heap: the whole message, canonical JSON */
    size_t size;
};

struct inbox_answer {
    struct inbox_message *messages; /* numbers rising */
    size_t count;
    uint64_t next; /* what to acknowledge once all are dealt with */
};

/* The answer to after=`after`. ERR_INVALID, ERR_TOO_LARGE, ERR_NO_MEMORY. */
int inbox_answer_read(const char *text, size_t size, uint64_t after, struct inbox_answer *out,
                      struct err_text *err) MUST_CHECK;
void inbox_answer_free(struct inbox_answer *answer);

struct head_answer {
    uint64_t revision;
    uint8_t hash[HASH_SIZE];
    uint64_t keyset_version;
    bool has_policy;                    /* false: a headquarters that knows no match policies yet */
    uint64_t policy_version;            /* 0: none */
    bool has_statement[BOX_STATEMENTS]; /* false: one that knows none of them yet */
    uint64_t statements[BOX_STATEMENTS]; /* their numbers, 0: none */
    char *freshness;                     /* heap: envelope; NULL: none */
    size_t freshness_size;
};

int head_answer_read(const char *text, size_t size, struct head_answer *out,
                     struct err_text *err) MUST_CHECK;
void head_answer_free(struct head_answer *answer);

struct batch_text {
    uint64_t revision;
    char *envelope; /* heap */
    size_t size;
};

struct batches_answer {
    struct batch_text *batches; /* revisions rising by one from after + 1 */
    size_t count;
};

int batches_answer_read(const char *text, size_t size, uint64_t after, struct batches_answer *out,
                        struct err_text *err) MUST_CHECK;
void batches_answer_free(struct batches_answer *answer);

/* One envelope, or any JSON object, as one line: *out is heap text. ERR_INVALID, ERR_NO_MEMORY. */
int object_answer_read(const char *text, size_t size, char **out, size_t *out_size,
                       struct err_text *err) MUST_CHECK;
/* Up to where headquarters holds a chain. */
struct place_answer {
    char chain[33]; /* hex */
    uint64_t sequence;
};
/* Of a 409 for records that lie beyond. ERR_NOT_FOUND: a 409 of another sort; ERR_INVALID. */
int gap_answer_read(const char *text, size_t size, struct place_answer *out,
                    struct err_text *err) MUST_CHECK;
/* Of what the box told of its journal. ERR_INVALID. */
int journal_answer_read(const char *text, size_t size, struct place_answer *out,
                        struct err_text *err) MUST_CHECK;
/* How much of a picture headquarters holds. */
struct picture_state {
    uint64_t held;
    uint64_t size;
    bool complete;
};
/* Also of a 409 that says so. ERR_INVALID. */
int picture_answer_read(const char *text, size_t size, struct picture_state *out,
                        struct err_text *err) MUST_CHECK;
/* The reason of a 409 with a quarantine, and whether only a new chain can end it. ERR_NOT_FOUND: a
 * 409 of another sort; ERR_INVALID. */
int quarantine_answer_read(const char *text, size_t size, char out_reason[ANSWER_REASON_SIZE],
                           bool *out_set_aside, struct err_text *err) MUST_CHECK;
