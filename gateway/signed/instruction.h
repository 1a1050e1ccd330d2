/*
 * An instruction of a duty officer to a box. Payload {"body":{…},"checkpoint":"lu-hz-01","expires":
 * "…","id":N,"kind":"notice","time":"…"}, JSON, instruction role. What is past `expires`, of
 * another checkpoint, or of an id not above the last one carried out is dropped. One of kind
 * verdict may be for every box of a fleet: "checkpoint":"*" and beside it "fleet":"lu-hz". No kind
 * moves a boom: nobody away from the lane lowers one. Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/signed/keyset.h"
#include "gateway/signed/receipt.h"

#define INSTRUCTION_ALL "*"                /* checkpoint: each of the fleet … */
#define INSTRUCTION_KIND_FOR_ALL "verdict" /* … by this kind alone */

enum {
    INSTRUCTION_VALID_MAX_MS = 24 * 3600 * 1000,
    INSTRUCTION_KIND_MAX = 32,   /* bytes: a-z and '_' */
    INSTRUCTION_BODY_MAX = 4096, /* bytes of canonical JSON */
    INSTRUCTION_ENVELOPE_MAX = 64 * 1024
};

struct instruction {
    uint64_t id;                            /* rises for each checkpoint, from 1 */
    char checkpoint[CHECKPOINT_ID_MAX + 1]; /* or INSTRUCTION_ALL */
    char fleet[FLEET_NAME_MAX + 1];         /* INSTRUCTION_ALL: which; "" otherwise */
    char kind[INSTRUCTION_KIND_MAX + 1];
    struct wall_time time;
    struct wall_time expires;         /* exclusive; at most INSTRUCTION_VALID_MAX_MS after time */
    char officer[KEY_HOLDER_MAX + 1]; /* filled by verify: holder of the signing key */
    uint8_t key[KEY_ID_SIZE];         /* the same: its id */
    json_t *body;                     /* object; verify gives a reference, instruction_fini drops */
};

/* Whether it is for every box of its fleet. */
bool instruction_is_for_all(const struct instruction *i);
/* An unsigned envelope; borrows body. The caller signs and frees. ERR_INVALID, ERR_TOO_LARGE. */
int instruction_compose(const struct instruction *i, struct envelope *out,
                        struct err_text *err) MUST_CHECK;
/* ERR_INVALID, ERR_CORRUPT, ERR_DENIED (another fleet's too), ERR_TOO_LARGE: no instruction needs
 * INSTRUCTION_ENVELOPE_MAX bytes. */
int instruction_verify(const struct keyset *set, const void *envelope, size_t size,
                       struct instruction *out, struct err_text *err) MUST_CHECK;
/* Whether to carry it out, verified: ERR_DENIED another checkpoint's, ERR_STALE expired or id not
 * above `last_id`, ERR_BUSY dated more than 5 minutes ahead of `now`: not before `now` is right. */
int instruction_check(const struct instruction *i, const char *checkpoint, uint64_t last_id,
                      struct wall_time now, struct err_text *err) MUST_CHECK;
void instruction_fini(struct instruction *i);
