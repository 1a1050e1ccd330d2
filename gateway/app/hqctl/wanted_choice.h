/*
 * Entries of the list in force, named by id or by plate, as 'hqctl wanted withdraw' and 'extend'
 * take them. Main thread.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/model/plate_key.h"

enum { WANTED_CHOICE_MAX = 256 };

/* Zeroed, `asked` and `asked_count` filled by the arguments. */
struct wanted_choice {
    const char *asked[WANTED_CHOICE_MAX];
    size_t asked_count;
    uint64_t ids[WANTED_CHOICE_MAX]; /* 0: a plate */
    plate_key keys[WANTED_CHOICE_MAX];
    size_t found[WANTED_CHOICE_MAX];
    int (*take)(void *ctx, const json_t *entry);
    void *ctx;
};

/* Calls `take` for each entry in force that fits, by rising id. ERR_INVALID: neither id nor plate;
 * ERR_NOT_FOUND: one that nothing fits. */
int wanted_choice_find(struct hqctl *h, struct wanted_choice *choice,
                       struct err_text *err) MUST_CHECK;
