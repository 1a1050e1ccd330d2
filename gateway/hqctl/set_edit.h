/*
 * The next version of a headquarters' key set: the newest one read from hqd or the folder, changed
 * by the caller, signed by two root holders, proved as every box will, saved. Blocks; main thread.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hqctl/key_store.h"

struct set_source {
    const char *folder;      /* of 'hqctl init' */
    int root_numbers[2];     /* which two root keys sign, 1 to 3 */
    const char *keyset_text; /* the newest set where hqd told it; NULL: the folder's */
    size_t keyset_size;
    struct passphrase_source passphrases; /* asked: the two roots, then what else there is */
    struct wall_time now;
};

struct set_edit {
    const struct set_source *source;
    struct root_keys known;    /* the folder's */
    struct keyset *set;        /* to be changed */
    json_t *root_changes;      /* it carries; NULL: none */
    json_t *servers;           /* roots of hqd's certificates it states; NULL: none */
    struct sign_key *roots[2]; /* that sign, once opened */
    uint64_t held;             /* its version before */
};

/* ERR_STALE: the folder's key set is newer than hqd's. set_edit_end in any case. */
int set_edit_begin(const struct set_source *source, struct set_edit *out,
                   struct err_text *err) MUST_CHECK;
/* Asks for the two root holders' passphrases. */
int set_edit_open_roots(struct set_edit *edit, struct err_text *err) MUST_CHECK;
/* Version, time, signatures; *out is heap text the caller frees. */
int set_edit_sign(struct set_edit *edit, char **out, size_t *out_size,
                  struct err_text *err) MUST_CHECK;
/* keyset.json and box/keyset.json. */
int set_edit_save(const struct set_edit *edit, const char *text, size_t size,
                  struct err_text *err) MUST_CHECK;
void set_edit_end(struct set_edit *edit);
