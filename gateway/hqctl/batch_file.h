/*
 * The file that goes from hand to hand once a draft is signed: one `wanted-batch/1` envelope a
 * line, in the order they are published, each following the one before. One line is enough unless
 * the draft is larger than a batch may be. Pure, any thread.
 */
#pragma once

#include "gateway/hqctl/draft.h"
#include "gateway/signed/batch.h"

enum { BATCH_FILE_BATCHES_MAX = 1024 };

struct batch_file {
    size_t count;
    struct envelope *envelopes; /* heap */
    struct batch *batches;      /* heap; what they hold, each parsed and checked */
};

/* Turns a draft into unsigned batches dated `now`, never before its head. ERR_INVALID: an entry,
 * named by id; ERR_TOO_LARGE, also as batch_file_check_crowds. batch_file_fini frees. */
int batch_file_compose(const struct draft *draft, struct wall_time now, struct batch_file *out,
                       struct err_text *err) MUST_CHECK;
/* Reads a signed file; signatures are not verified. ERR_INVALID with the line, ERR_TOO_LARGE. */
int batch_file_read(const char *text, size_t size, struct batch_file *out,
                    struct err_text *err) MUST_CHECK;
/* Adds one signature to every batch. ERR_CONFLICT: this key signed already; ERR_FULL. */
int batch_file_sign(struct batch_file *file, const struct sign_key *key,
                    struct err_text *err) MUST_CHECK;
/* Heap, NUL-terminated; the caller frees. ERR_NO_MEMORY. */
int batch_file_write(const struct batch_file *file, char **out, size_t *out_size) MUST_CHECK;
/* Whether what the file adds is by itself within the limits of an index (gateway/match/crowd.h):
 * what is on the list already is known to hqd alone, which asks the same. ERR_TOO_LARGE with the
 * entry, ERR_NO_MEMORY. */
int batch_file_check_crowds(const struct batch_file *file, struct err_text *err) MUST_CHECK;
/* Whether every entry may be signed (wanted_entry_check_approval). ERR_DENIED with the entry. */
int batch_file_check_approvals(const struct batch_file *file, struct err_text *err) MUST_CHECK;
/* Verifies signatures and clerks of every batch, as a box does. The errors of batch_verify, and of
 * batch_file_check_crowds. */
int batch_file_verify(const struct batch_file *file, const struct keyset *set,
                      struct err_text *err) MUST_CHECK;
/* Tells each pair of the file's entries that is one vehicle under stop and observe. ERR_NO_MEMORY.
 */
int batch_file_conflicts(const struct batch_file *file,
                         void (*tell)(void *ctx, const struct wanted_item *one,
                                      const struct wanted_item *two),
                         void *ctx) MUST_CHECK;
/* Whether any of the batches needs two clerks. */
bool batch_file_needs_two(const struct batch_file *file);
/* The draft it was made from, at its own head; the plates of withdrawn entries are not in it. */
int batch_file_to_draft(const struct batch_file *file, struct draft *out,
                        struct err_text *err) MUST_CHECK;
/* Forgets the first batches; `count` is less than all. */
void batch_file_drop(struct batch_file *file, size_t count);
void batch_file_fini(struct batch_file *file);
