/*
 * The exempt list as checkpointd holds it, beside the key set that judges it. Part of the socket
 * `records` (records.c), whose thread owns it.
 */
#pragma once

#include "gateway/app/checkpointd/checkpointd.h"

struct exempt_keeper {
    char path[256];
    char *bytes; /* heap: the envelope in force as signed; NULL: none */
    size_t size;
    struct exempt_list head; /* its revision and hash only */
    bool refused;            /* alarmed */
};

/* What the file of an earlier run holds, if it still verifies. */
void exempt_load(struct checkpointd *c, struct exempt_keeper *k, const struct keyset *set);
/* Takes a list that verifies and follows the one held; 0 for that one itself. ERR_STALE,
 * ERR_CONFLICT, and as exempt_list_verify: refused and alarmed, what is held goes on. */
int exempt_offer(struct checkpointd *c, struct exempt_keeper *k, const struct keyset *set,
                 const char *text, size_t size, struct err_text *err) MUST_CHECK;
/* Under a new key set: the list ends with the key of a clerk who signed it. */
void exempt_rejudge(struct checkpointd *c, struct exempt_keeper *k, const struct keyset *set);
void exempt_fini(struct exempt_keeper *k);
