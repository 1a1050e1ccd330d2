/*
 * The wanted index: which entries a read may mean. Built whole from verified entries, never changed
 * afterwards: any number of threads look into it, the caller swaps the pointer under RCU. Looking
 * takes no lock, no allocation, no clock.
 *
 * Exact and candidate: one open-addressed table of keys, 16 bytes a slot, half full at most, so one
 * or two cache lines a key. Partial entries ('?' in the plate): grouped by which symbols are known,
 * one such table a group. Every hit is compared again, symbol by symbol, with the entry it names.
 */
#pragma once

#include <stddef.h>

#include "gateway/match/judge.h"
#include "gateway/model/hit.h"

enum {
    MATCH_ENTRIES_MAX = 4 * 1000 * 1000,
    MATCH_PARTIAL_KNOWN_MIN = 4, /* symbols both sides know and agree on */
    MATCH_READ_UNREAD_MAX = 2    /* unread symbols of a read; more say too little */
};

struct match_entry {
    const struct wanted_record *record; /* copied */
    const char *text;                   /* record->text_size bytes; must outlive the index */
};

struct match_index;

/* Any order, ids unique. *out is heap memory for match_index_destroy(). ERR_TOO_LARGE, ERR_INVALID
 * (an id twice, a key that is none), ERR_NO_MEMORY. */
int match_index_create(const struct match_entry *entries, size_t count, struct match_index **out,
                       struct err_text *err) MUST_CHECK;
void match_index_destroy(struct match_index *index); /* NULL is fine */

struct match_result {
    uint8_t hit_count;
    uint8_t dropped;                       /* beyond MATCH_HITS_MAX; 255 = 255 or more */
    struct match_hit hits[MATCH_HITS_MAX]; /* strongest first: kind, agreement, priority, id */
    const char *texts[MATCH_HITS_MAX];     /* of the entries */
};

/* What `read` may mean at `now` (trusted time), as far as `judge` lets it be told (NULL: all of it,
 * without odds). With an untrusted clock entries outside their validity are found too, marked
 * `expired`. */
void match_find(const struct match_index *index, const struct match_judge *judge,
                const struct plate_read *read, struct wall_time now, bool clock_trusted,
                struct match_result *out);
/* NULL: no such entry. */
const struct wanted_record *match_index_entry(const struct match_index *index, uint64_t id);
size_t match_index_count(const struct match_index *index);
size_t match_index_bytes(const struct match_index *index); /* heap it takes, texts not counted */
