/*
 * A signed statement of headquarters as checkpointd keeps it, beside the key set that judges it:
 * verified, never an older one, in one file as signed, judged anew at every start and under every
 * new key set. What it is and where it goes: struct keeper_ops (exempt.c, retention.c). Part of the
 * socket `records` (records.c), whose thread owns it; keeper_load before the threads.
 */
#pragma once

#include "gateway/app/checkpointd/checkpointd.h"

struct keeper_number {
    uint64_t number; /* 0: none is held */
    uint8_t hash[HASH_SIZE];
};

struct keeper_ops {
    const char *what; /* "exempt list" */
    const char *file; /* in the state folder */
    enum log_event_id refused;
    /* *out is heap, for put_in_force or drop. `set` is there. */
    int (*verify)(const struct keyset *set, const char *text, size_t size, void **out,
                  struct keeper_number *out_number, struct err_text *err);
    /* Of the file at a start, when it does not verify; NULL: then it is not taken. */
    int (*reread)(const struct checkpointd *c, const char *text, size_t size, void **out,
                  struct keeper_number *out_number, struct err_text *err);
    /* ERR_NOT_FOUND: the one held; ERR_STALE, ERR_CONFLICT. */
    int (*check_newer)(const struct checkpointd *c, const struct keeper_number *held,
                       const void *next, struct err_text *err);
    /* Takes over; NULL: there is none any more. */
    void (*put_in_force)(struct checkpointd *c, void *statement);
    void (*none_at_start)(struct checkpointd *c, void *null); /* NULL: then nothing is done */
    void (*drop)(void *statement);
    bool stays_in_force; /* also when its clerk's key left the key set, until there is a next one */
};

struct keeper {
    const struct keeper_ops *ops;
    char path[256];
    char *bytes; /* heap: the envelope in force as signed; NULL: none */
    size_t size;
    struct keeper_number held;
    bool refused; /* alarmed */
};

extern const struct keeper_ops keeper_exempt;
extern const struct keeper_ops keeper_retention;

/* What the file of an earlier run holds, if it still verifies. */
void keeper_load(struct checkpointd *c, struct keeper *k, const struct keeper_ops *ops,
                 const struct keyset *set);
/* Takes a statement that verifies and follows the one held; 0 for that one itself. ERR_STALE,
 * ERR_CONFLICT, and as it is verified: refused and alarmed, what is held goes on. */
int keeper_offer(struct checkpointd *c, struct keeper *k, const struct keyset *set,
                 const char *text, size_t size, struct err_text *err) MUST_CHECK;
/* Under a new key set: a statement ends with the key of a clerk who signed it. */
void keeper_rejudge(struct checkpointd *c, struct keeper *k, const struct keyset *set);
void keeper_fini(struct keeper *k);
