/*
 * The file of the exempt list commands: a draft or a signed list, read, saved and shown to the
 * person who signs. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/exempt_draft.h"

#define EXEMPT_PATH "/v1/exempt-list"

/* A draft, or a signed list: its envelope and what it holds, parsed and checked. */
struct exempt_file {
    bool is_draft;
    struct exempt_draft draft;
    struct envelope envelope;
    struct exempt_list list;
};

int exempt_file_open(const char *path, struct exempt_file *out, struct err_text *err) MUST_CHECK;
/* The list in force as hqd has it; ERR_NOT_FOUND: none yet. */
int exempt_file_get(struct hqctl *h, struct exempt_file *out, struct err_text *err) MUST_CHECK;
/* Turns a draft into an unsigned list dated `now`; a signed one stays. */
int exempt_file_compose(struct exempt_file *file, struct wall_time now,
                        struct err_text *err) MUST_CHECK;
int exempt_file_save(const char *path, const struct exempt_file *file,
                     struct err_text *err) MUST_CHECK;
void exempt_file_close(struct exempt_file *file);
/* Every entry and who signed it. `keyset` NULL: signers are shown by key id. */
void exempt_show(FILE *to, const struct exempt_list *list, const struct envelope *envelope,
                 const struct keyset *keyset);
json_t *exempt_json(const struct exempt_list *list, const struct envelope *envelope,
                    const struct keyset *keyset);
