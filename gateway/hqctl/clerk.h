/*
 * A further clerk: a list key of one's own, or a duty officer: an instruction key, and the next
 * version of the key set signed by two root holders. The key file comes first; the set names it
 * only when it is safe on disk. Blocks.
 */
#pragma once

#include "gateway/hqctl/set_edit.h"

enum { CLERK_DAYS = 365 };

struct clerk_options {
    struct set_source source; /* asked last: the new clerk's passphrase */
    const char *name;
    bool duty; /* an instruction key, not a list key */
};

/* Writes clerks/<name>.key.pem, or duty/<name>.key.pem, keyset.json and box/keyset.json.
 * ERR_CONFLICT: the clerk is there, ERR_STALE: the folder's key set is newer than hqd's. *out_text
 * (heap, the caller frees) is the new envelope. */
int clerk_add(const struct clerk_options *options, uint64_t *out_version, char **out_text,
              size_t *out_size, struct err_text *err) MUST_CHECK;
