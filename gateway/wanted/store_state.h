/*
 * State of the writer, shared by its two files. Internal to gateway/wanted.
 */
#pragma once

#include "gateway/wanted/alarms.h"
#include "gateway/wanted/policy.h"
#include "gateway/wanted/shelf.h"
#include "gateway/wanted/store.h"

struct wanted_store {
    const struct clock_source *clock;
    struct alarms alarms;
    struct shelf_steps steps;
    struct shelf shelf;
    struct wanted_list *list;
    struct link link;
    uint8_t *keyset; /* newest, as signed; NULL: none */
    size_t keyset_size;
    uint64_t keyset_on_disk; /* version */
    uint8_t *current;        /* newest statement, as signed; NULL: none */
    size_t current_size;
    bool current_on_disk;
    struct held_policy policy;
    bool redis_current;
    uint64_t refills;
    bool new_snapshot; /* Redis is written anew for our own reason */
    uint64_t audit_at; /* which stored item is compared next */
};

/* Writes what waits for the disk; a fault is an alarm. */
void store_flush(struct wanted_store *store);
/* Says that one more part of something long is done. */
void store_step(struct wanted_store *store, size_t done);
