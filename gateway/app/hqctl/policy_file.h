/*
 * The file of the match policy commands: a draft or a signed policy, read, saved and shown to the
 * person who signs. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/policy_draft.h"

#define POLICY_PATH "/v1/match-policy"

/* A draft, or a signed policy: its envelope and what it holds, parsed and checked. */
struct policy_file {
    bool is_draft;
    struct policy_draft draft;
    struct envelope envelope;
    struct match_policy policy;
};

int policy_file_open(const char *path, struct policy_file *out, struct err_text *err) MUST_CHECK;
/* The same of an envelope's text. */
int policy_file_read_signed(const char *text, size_t size, struct policy_file *out,
                            struct err_text *err) MUST_CHECK;
/* The policy in force as hqd has it; ERR_NOT_FOUND: none yet. */
int policy_file_get(struct hqctl *h, struct policy_file *out, struct err_text *err) MUST_CHECK;
/* Turns a draft into an unsigned policy dated `now`; a signed one stays. */
int policy_file_compose(struct policy_file *file, struct wall_time now,
                        struct err_text *err) MUST_CHECK;
int policy_file_save(const char *path, const struct policy_file *file,
                     struct err_text *err) MUST_CHECK;
void policy_file_close(struct policy_file *file);
/* What a policy says and who signed it. `keyset` NULL: signers are shown by key id. */
void policy_show(FILE *to, const struct match_policy *policy, const struct envelope *envelope,
                 const struct keyset *keyset);
json_t *policy_json(const struct match_policy *policy, const struct envelope *envelope,
                    const struct keyset *keyset);
