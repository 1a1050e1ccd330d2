/*
 * New keys in the place of old ones: of the key set, and of its roots. The new key's file is safe
 * on disk before a set names it, the old one stays beside it under another name. Blocks.
 */
#pragma once

#include "gateway/hqctl/set_edit.h"

enum { ROTATE_OVERLAP_HOURS_MAX = 24 * 90 };

struct rotate_options {
    struct set_source source; /* asked last: the new key's passphrase, but for hqd's keys */
    enum key_role role;
    const char *holder;    /* of list and instruction keys; NULL: the one there is */
    int64_t overlap_hours; /* how long the keys before go on */
    bool remove;           /* the keys before are taken out at once, with all they signed */
};

struct rotated {
    uint64_t version; /* of the key set */
    char *text;       /* its envelope; the caller frees */
    size_t size;
    char path[KEY_STORE_PATH_SIZE]; /* the new key */
    char kept[KEY_STORE_PATH_SIZE]; /* the one before; "": there was none */
};

/* Role list, freshness, receipt, instruction or observe. ERR_NOT_FOUND: no key of that holder. */
int key_rotate(const struct rotate_options *options, struct rotated *out,
               struct err_text *err) MUST_CHECK;
/* A new root in the place of number 1 to 3, vouched for by the other two, which sign the change
 * and the set (source.root_numbers is not looked at). */
int root_rotate(const struct set_source *source, int number, struct rotated *out,
                struct err_text *err) MUST_CHECK;
