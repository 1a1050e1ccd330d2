/*
 * What the files of the socket `records` share: one object a chain (records.c), and how records go
 * out for credit (records_send.c). Internal to checkpointd; control thread, but for the atomics.
 */
#pragma once

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/app/checkpointd/instructions.h"
#include "gateway/app/checkpointd/keeper.h"
#include "gateway/journal/reader.h"

struct records {
    struct checkpointd *c;
    char path[256];
    char keyset_path[256];
    char source[100]; /* "urn:checkpoint:lu-hz-01" */
    uid_t user;
    const char *folder;            /* of the journal */
    struct journal_reader *reader; /* NULL: to be opened */
    const atomic_bool *open;       /* NULL: it is. Until then nobody is let in */
    const char *chain;             /* hex, once it is open */
    const atomic_ullong *recorded;
    const atomic_ullong *confirmed;
    const struct records *first; /* of the second chain: whose key set counts; NULL of the first */
    struct root_keys roots;
    struct keyset *keyset; /* NULL: none yet */
    struct keeper exempt;
    struct keeper retention;
    struct instruction_keeper instructions;
    atomic_bool wake_posted;
    struct line_ops ops;
};

struct records_client {
    struct line_client *line;
    uint64_t sent; /* sequence */
    uint32_t credit;
    int64_t credit_bytes;          /* of events; the last one may exceed it */
    bool linked;                   /* says that it reaches headquarters */
    struct picture_terms pictures; /* as it was told */
};

/* What the client's credit allows. */
void records_pump(struct records *r, struct records_client *client);
void records_send_status(const struct records *r, struct records_client *client);
