/*
 * The draft of an exempt list: what clerks are to sign, JSON a person can read, one entry a line:
 *
 *   {"type":"exempt-draft/1","fleet":"lu-hz","revision":3,"last_id":9,
 *    "entries":[{entry of gateway/signed/exempt_list.h},
 *               …]}
 *
 * Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/signed/exempt_list.h"

enum { EXEMPT_FILE_MAX = 4 << 20 /* bytes */ };

struct exempt_draft {
    uint64_t revision; /* it becomes this one */
    uint64_t last_id;  /* highest ever given */
    char fleet[FLEET_NAME_MAX + 1];
    json_t *entries; /* array; owned; ids rising */
};

/* What a draft changed of the list it began from. */
struct exempt_changes {
    size_t added;
    size_t replaced;
    size_t ended; /* left out: past their end */
};

/* Revision 1, nobody on it. ERR_NO_MEMORY. exempt_draft_fini frees. */
int exempt_draft_init(struct exempt_draft *draft, const char *fleet) MUST_CHECK;
/* The one after the list of this payload, without what ended before `now`. ERR_INVALID,
 * ERR_NO_MEMORY. */
int exempt_draft_after(struct exempt_draft *draft, const void *payload, size_t size,
                       struct wall_time now, struct exempt_changes *changes,
                       struct err_text *err) MUST_CHECK;
/* Takes entries (import_exempt_csv's): each in place of the one of its plate and class, under its
 * id, or as a new one. With `whole` those that are not among them go. ERR_NO_MEMORY. */
int exempt_draft_put(struct exempt_draft *draft, const json_t *entries, bool whole,
                     struct exempt_changes *changes) MUST_CHECK;
/* Takes one out. ERR_NOT_FOUND. */
int exempt_draft_withdraw(struct exempt_draft *draft, uint64_t id, struct err_text *err) MUST_CHECK;
/* Reads and checks a draft's form; its entries are checked when it is composed. */
int exempt_draft_read(const char *text, size_t size, struct exempt_draft *out,
                      struct err_text *err) MUST_CHECK;
/* Heap, NUL-terminated; the caller frees. ERR_NO_MEMORY. */
int exempt_draft_write(const struct exempt_draft *draft, char **out, size_t *out_size) MUST_CHECK;
/* An unsigned envelope dated `now`. The errors of exempt_list_compose. */
int exempt_draft_compose(const struct exempt_draft *draft, struct wall_time now,
                         struct envelope *out, struct err_text *err) MUST_CHECK;
void exempt_draft_fini(struct exempt_draft *draft);
