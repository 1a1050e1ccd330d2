/*
 * State of the reader, shared by its files. Internal to gateway/wanted.
 */
#pragma once

#include "gateway/wanted/alarms.h"
#include "gateway/wanted/delta.h"
#include "gateway/wanted/policy.h"
#include "gateway/wanted/reader.h"
#include "gateway/wanted/shelf.h"

enum { READER_PAGE = 16 /* batches read at once */, META_VALUE_SIZE = HASH_TEXT_SIZE };

/* What wanted:meta says; unsigned, so it tells what to expect and nothing else. */
struct reader_meta {
    bool present;
    uint64_t revision;
    uint64_t snapshot;
    uint64_t keyset; /* version */
    char hash[META_VALUE_SIZE];
};

struct wanted_reader {
    struct wanted_reader_options options;
    struct alarms alarms;
    struct shelf shelf;
    struct wanted_list *list;
    struct link link;
    struct list_status told; /* what the caller knows */
    bool owes_index;         /* list_changed has not succeeded since the list changed */
    struct mono_time index_at;
    struct held_policy policy;
    bool owes_policy; /* policy_changed has not succeeded since it changed */
    struct reader_meta meta;
    uint64_t cursor; /* id of the last stream item looked at */
    uint64_t cursor_minor;
    struct mono_time check_at;
    bool lagging; /* Redis promises more than it holds … */
    struct mono_time lagging_since;
    uint8_t current_hash[HASH_SIZE]; /* of the last statement looked at … */
    int current_result;              /* … and what was thought of it */
    struct err_text current_why;
    /* findings of the check that runs */
    bool altered;
    bool forked;
    bool incomplete;
    struct err_text finding;
};

/* Reads the stream behind `cursor` once, waiting up to wait_ms, and takes what follows the list.
 * *out_count: items seen. Link errors. */
int reader_take_deltas(struct wanted_reader *r, int wait_ms, size_t *out_count,
                       struct err_text *err) MUST_CHECK;
/* Looks at everything and sets the alarms by it. Link errors. */
int reader_check(struct wanted_reader *r, struct err_text *err) MUST_CHECK;
/* The cheap look of every poll: whether meta changed (then a check is due), and the statement. */
int reader_glance(struct wanted_reader *r, struct err_text *err) MUST_CHECK;
/* Tells that `done` parts of what is being loaded are. */
void reader_step(struct wanted_reader *r, size_t done);
/* Writes what waits for the disk; a fault is an alarm. */
void reader_flush(struct wanted_reader *r);

/* reader_policy.c */

/* At open: the shelf's, damage is an alarm. */
void reader_load_policy(struct wanted_reader *r, const struct root_keys *roots);
/* Part of reader_check. Link errors. */
int reader_look_policy(struct wanted_reader *r, struct err_text *err) MUST_CHECK;
/* Hands over a policy that changed. */
void reader_tell_policy(struct wanted_reader *r);
