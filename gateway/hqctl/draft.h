/*
 * A draft: what shall change on the wanted list, not yet signed, JSON a person can read:
 *
 *   {"type":"wanted-draft/1","source":"list.csv",
 *    "head":{"hash":"sha256:…","max_id":N,"revision":R,"time":"…" or null},
 *    "added":[{wanted entry}…],"changed":[{wanted entry}…],"withdrawn":[{"id":N,"plate":"…"}…]}
 *
 * `head` is where the list stood when it was made; ids of added entries lie above its max_id and
 * rise; `changed`, which may be missing, has entries of the list as they shall be. The plates of
 * `withdrawn` are for the reader only. Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/signed/batch.h"

enum {
    DRAFT_FILE_MAX = 256 << 20, /* bytes */
    DRAFT_SOURCE_MAX = 255      /* bytes */
};

struct draft_head {
    struct list_head list;
    uint64_t max_id;  /* highest id ever on the list */
    uint64_t entries; /* in force, as hqd says; 0 when it is not said (a draft does not) */
};

struct draft {
    struct draft_head head;
    char source[DRAFT_SOURCE_MAX + 1]; /* what it was made from */
    json_t *added;                     /* array; owned */
    json_t *changed;                   /* array, or NULL for none; owned */
    json_t *withdrawn;                 /* array; owned */
};

/* The answer of GET /v1/list/head, or a draft's "head". ERR_INVALID. */
int draft_head_read(const json_t *value, struct draft_head *out, struct err_text *err) MUST_CHECK;
/* Reads and checks a draft's form; each entry is checked when it is signed. draft_fini frees. */
int draft_read(const char *text, size_t size, struct draft *out, struct err_text *err) MUST_CHECK;
/* Heap, NUL-terminated, one entry a line; the caller frees. ERR_NO_MEMORY. */
int draft_write(const struct draft *draft, char **out, size_t *out_size) MUST_CHECK;
/* Moves a draft to a newer head: ids of added entries are given anew above its max_id. */
int draft_rebase(struct draft *draft, const struct draft_head *head,
                 struct err_text *err) MUST_CHECK;
void draft_fini(struct draft *draft);
