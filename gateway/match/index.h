/*
 * The wanted index: which entries a read may mean, exactly, by look-alike characters, by the
 * camera's candidates, or by the symbols that entry and read both know. Looking takes no lock, no
 * allocation, no clock; one thread may add and withdraw entries meanwhile. match_scan filters keys
 * at line rate; match_find has the last word on one read.
 *
 * Entries are the caller's: the index keeps their addresses. An entry must stay where it is and as
 * it is until the index is destroyed or, withdrawn, until match_index_reclaim. To change one, its
 * new version is added, a grace period (rcu_wait) passes, and only then the old one is withdrawn: a
 * reader that began before the new one came may reach the old one's place last. So one of the two
 * is always found, and never both: of entries with one id the strongest hit is told.
 */
#pragma once

#include <stddef.h>

#include "gateway/match/crowd.h"
#include "gateway/match/judge.h"
#include "gateway/model/hit.h"

enum {
    MATCH_READ_UNREAD_MAX = 2, /* unread symbols of a read; more say too little */
    MATCH_LOOK_ALIKE_MAX = 3,  /* symbols that may be a look-alike apart, at most */
    MATCH_LOOK_ALIKE_DEFAULT = 1
};

struct match_entry {
    struct wanted_record record;
    const char *text; /* record.text_size bytes */
};

enum match_kernel {
    MATCH_KERNEL_BEST = 0, /* that this machine runs */
    MATCH_KERNEL_SCALAR,
    MATCH_KERNEL_AVX2,
    MATCH_KERNEL_AVX512,
    MATCH_KERNELS
};

struct match_options {
    uint8_t look_alike_max;   /* 0 none, at most MATCH_LOOK_ALIKE_MAX */
    size_t room;              /* entries that may be added to those at the start */
    enum match_kernel kernel; /* BEST but in tests */
    uint64_t seed;            /* of the table's hash; 0 but in tests: random */
};

struct match_index;

/* Any order. options NULL: MATCH_LOOK_ALIKE_DEFAULT, no room. *out is for match_index_destroy().
 * ERR_TOO_LARGE (a limit of crowd.h), ERR_INVALID (a key that is none, an option), ERR_NO_MEMORY,
 * ERR_UNSUPPORTED (the kernel), ERR_IO (no randomness). */
int match_index_create(const struct match_entry *const *entries, size_t count,
                       const struct match_options *options, struct match_index **out,
                       struct err_text *err) MUST_CHECK;
void match_index_destroy(struct match_index *index); /* NULL is fine */

/* ---- one writer ---- */

/* ERR_FULL: no room, build anew with more; ERR_TOO_LARGE, ERR_INVALID, ERR_NO_MEMORY as above. */
int match_index_add(struct match_index *index, const struct match_entry *entry,
                    struct err_text *err) MUST_CHECK;
/* The entry at this address. ERR_NOT_FOUND. */
int match_index_withdraw(struct match_index *index, const struct match_entry *entry) MUST_CHECK;
/* Optional, some entries ahead of adding or withdrawing: brings the memory that will be touched. */
void match_index_prefetch(const struct match_index *index, const struct match_entry *entry);
/* Entries withdrawn since the last match_index_reclaim: a reader may still tell them. */
size_t match_index_retire_count(const struct match_index *index);
/* A grace period (rcu_wait) has passed since the last withdrawal: nobody tells them any more. */
void match_index_reclaim(struct match_index *index);
/* Additions and withdrawals have made looking slower: building anew is due. */
bool match_index_worn(const struct match_index *index);

/* ---- any number of readers ---- */

/* Which of `count` (< 2^32) keys may have a hit, exact, look-alike or partial: none that has one is
 * left out. Their positions, rising, to out_at, which has room for `count`; returns how many. A
 * key of 0 has none; a key with unread symbols always may. */
size_t match_scan(const struct match_index *index, const plate_key *keys, size_t count,
                  uint32_t *out_at);

struct match_result {
    uint8_t hit_count;
    uint8_t dropped;                       /* beyond MATCH_HITS_MAX; 255 = 255 or more */
    struct match_hit hits[MATCH_HITS_MAX]; /* strongest first: kind, agreement, priority, id */
    const char *texts[MATCH_HITS_MAX];     /* of the entries */
};

/* What `read` may mean at `now` (trusted time), as far as `judge` lets it be told (NULL: all of it,
 * without odds). With an untrusted clock entries outside their validity are found too, marked
 * `expired`. Every hit was compared with the entry it names. */
void match_find(const struct match_index *index, const struct match_judge *judge,
                const struct plate_read *read, struct wall_time now, bool clock_trusted,
                struct match_result *out);

/* The same for the self-test's read, and nothing but self-test entries: match_find never tells
 * those, whatever a camera reads. */
void match_find_self_test(const struct match_index *index, const struct match_judge *judge,
                          const struct plate_read *read, struct wall_time now, bool clock_trusted,
                          struct match_result *out);

size_t match_index_count(const struct match_index *index);
size_t match_index_bytes(const struct match_index *index);     /* entries and texts not counted */
size_t match_index_key_bytes(const struct match_index *index); /* of these: what a scan reads */
/* How it is laid out: "avx512", "avx2", "scalar"; "hugetlb", "transparent", "small". */
const char *match_kernel_name(enum match_kernel kernel);
enum match_kernel match_index_kernel(const struct match_index *index);
const char *match_index_pages(const struct match_index *index);
