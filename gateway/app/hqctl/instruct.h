/*
 * What hqctl's commands that instruct boxes have in common (instruct.c). Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/signed/instruction_task.h"

#define INSTRUCTIONS_PATH "/v1/operator/instructions"

enum { INSTRUCT_MINUTES_MAX = 24 * 60 };

/* The duty officer's key; sign_key_free is the caller's. */
int instruct_open_key(const struct hqctl *h, const char *path, struct sign_key **out,
                      struct err_text *err) MUST_CHECK;
/* Checks kind and body as a box does and signs for `minutes` from now; time and number that are set
 * already stay. The number is otherwise that time in ms. Heap text. */
int instruct_compose(const struct sign_key *key, int64_t minutes, struct instruction *i, char **out,
                     size_t *out_size, struct err_text *err) MUST_CHECK;
