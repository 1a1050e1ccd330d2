/*
 * The file of the retention commands: a draft or signed terms, read, saved and shown to the person
 * who signs. A draft is the payload (gateway/signed/retention_terms.h) with
 * "type":"retention-terms-draft/1". Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/signed/retention_terms.h"

#define RETENTION_PATH "/v1/retention-terms"

/* A draft, or signed terms: their envelope and what it holds, parsed and checked. */
struct retention_file {
    bool is_draft;
    struct envelope envelope;
    struct retention_terms terms;
};

int retention_file_open(const char *path, struct retention_file *out,
                        struct err_text *err) MUST_CHECK;
/* The terms in force as hqd has them; ERR_NOT_FOUND: none yet. */
int retention_file_get(struct hqctl *h, struct retention_file *out,
                       struct err_text *err) MUST_CHECK;
/* Turns a draft into unsigned terms dated `now`; signed ones stay. */
int retention_file_compose(struct retention_file *file, struct wall_time now,
                           struct err_text *err) MUST_CHECK;
int retention_file_save(const char *path, const struct retention_file *file,
                        struct err_text *err) MUST_CHECK;
void retention_file_close(struct retention_file *file);
/* What they say and who signed. `keyset` NULL: signers are shown by key id. */
void retention_show(FILE *to, const struct retention_terms *terms, const struct envelope *envelope,
                    const struct keyset *keyset);
json_t *retention_json(const struct retention_terms *terms, const struct envelope *envelope,
                       const struct keyset *keyset);
