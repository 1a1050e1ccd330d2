/*
 * A further clerk: a list key of one's own, or a duty officer: an instruction key, and the next
 * version of the key set signed by two root holders. The key file comes first; the set names it
 * only when it is safe on disk. Blocks.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hqctl/key_store.h"

enum { CLERK_DAYS = 365 };

struct clerk_options {
    const char *folder; /* of 'hqctl init' */
    const char *name;
    bool duty;               /* an instruction key, not a list key */
    int root_numbers[2];     /* which two root keys sign, 1 to 3 */
    const char *keyset_text; /* the newest set where hqd told it; NULL: the folder's */
    size_t keyset_size;
    struct passphrase_source passphrases; /* asked: the two roots, then the new clerk */
    struct wall_time now;
};

/* Writes clerks/<name>.key.pem, or duty/<name>.key.pem, keyset.json and box/keyset.json.
 * ERR_CONFLICT: the clerk is there, ERR_STALE: the folder's key set is newer than hqd's. *out_text
 * (heap, the caller frees) is the new envelope. */
int clerk_add(const struct clerk_options *options, uint64_t *out_version, char **out_text,
              size_t *out_size, struct err_text *err) MUST_CHECK;
