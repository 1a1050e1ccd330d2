/*
 * The files of the wanted commands: a draft or signed batches, read and saved, and how they are
 * shown to the person who signs. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/signed_file.h"
#include "gateway/hqctl/batch_file.h"

/* A draft, or signed batches. */
struct wanted_file {
    bool is_draft;
    struct draft draft;
    struct batch_file batches;
};

int wanted_file_open(const char *path, struct wanted_file *out, struct err_text *err) MUST_CHECK;
void wanted_file_close(struct wanted_file *file);
int wanted_draft_save(const char *path, const struct draft *draft, bool replace,
                      struct err_text *err) MUST_CHECK;
int wanted_batches_save(const char *path, const struct batch_file *batches,
                        struct err_text *err) MUST_CHECK;
/* What the batches do: counts, every priority-1 entry, each entry of a small one, who signed.
 * `keyset` NULL: signers are shown by key id. */
void wanted_batches_show(FILE *to, const struct batch_file *batches, const struct keyset *keyset);
/* Each pair of the file's entries that is one vehicle under stop and observe; what is on the list
 * already is known to hqd alone. */
void wanted_batches_warn(FILE *to, const struct batch_file *batches);
json_t *wanted_batches_json(const struct batch_file *batches, const struct keyset *keyset);
/* The head of the list, asked of hqd or read from a file. */
int wanted_head_get(struct hqctl *h, struct draft_head *out, struct err_text *err) MUST_CHECK;
int wanted_head_read(const char *path, struct draft_head *out, struct err_text *err) MUST_CHECK;
/* What hqd has under a revision, NULL: nothing, or it cannot be had; lives as long as *answer,
 * which is for hq_answer_fini() in any case. */
const json_t *wanted_batch_get(struct hqctl *h, uint64_t revision, struct hq_answer *answer);
/* How many of the file's first batches are on the list: a publish that broke off. */
size_t wanted_batches_published(struct hqctl *h, const struct batch_file *batches);
