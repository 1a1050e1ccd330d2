/*
 * The verified wanted list: entries by id, where the fleet's chain stands, the key set it is judged
 * by and headquarters' word that it is current. Takes signed bytes only and verifies every one: it
 * never goes back, never takes a link out of place, and a refusal changes nothing. Pure over bytes:
 * no file, no socket, no clock. One owner thread; a share may be used and destroyed by any thread.
 *
 * A key set judges what arrives after it. What was taken under an earlier set stays until the chain
 * changes it: a clerk who leaves must not blind every lane.
 */
#pragma once

#include "gateway/model/hit.h"
#include "gateway/signed/batch.h"
#include "gateway/signed/freshness.h"
#include "gateway/signed/snapshot.h"

enum { FRESHNESS_AHEAD_MAX_MS = 5 * 60 * 1000 };

struct wanted_list;

struct wanted_entry {
    struct wanted_record record;
    const char *text; /* record.text_size bytes of canonical JSON, not NUL-terminated */
    uint32_t block;   /* internal */
};

/* An empty list without key set. ERR_NO_MEMORY. */
int wanted_list_create(const struct root_keys *roots, struct wanted_list **out) MUST_CHECK;
/* NULL is fine. */
void wanted_list_destroy(struct wanted_list *list);
/* A list of its own with the same contents (texts are shared, not copied): what an index is built
 * over, kept until no reader of that index is left. The caller destroys it. ERR_NO_MEMORY. */
int wanted_list_share(const struct wanted_list *list, struct wanted_list **out) MUST_CHECK;

/* Takes a key set signed by the roots. The one held already is ERR_OK and changes nothing.
 * ERR_STALE older, ERR_CONFLICT another of the same version, ERR_DENIED (unknown root, too few
 * roots, another fleet), ERR_CORRUPT, ERR_INVALID. */
int wanted_list_set_keyset(struct wanted_list *list, const void *envelope, size_t size,
                           struct err_text *err) MUST_CHECK;
/* Takes the next batch of the chain. ERR_NOT_FOUND: no key set yet, or links between are missing;
 * ERR_STALE: passed already; ERR_CONFLICT: fork; ERR_DENIED, ERR_CORRUPT, ERR_INVALID,
 * ERR_TOO_LARGE, ERR_NO_MEMORY. */
int wanted_list_apply_batch(struct wanted_list *list, const void *envelope, size_t size,
                            struct err_text *err) MUST_CHECK;

/* Where a snapshot's chunks come from: heap bytes the list frees. Any error code. */
typedef int (*wanted_chunk_source)(void *ctx, uint64_t revision, size_t index, uint8_t **out,
                                   size_t *out_size, struct err_text *err);

/* Replaces the contents by a snapshot of a higher revision. ERR_STALE: not newer; ERR_CONFLICT:
 * another hash at the revision held; otherwise as wanted_list_apply_batch. */
int wanted_list_load_snapshot(struct wanted_list *list, const void *manifest, size_t size,
                              wanted_chunk_source source, void *ctx,
                              struct err_text *err) MUST_CHECK;
/* Takes a "still current" statement. ERR_STALE: older than the one held; ERR_INVALID: dated more
 * than FRESHNESS_AHEAD_MAX_MS ahead of `now`; ERR_CONFLICT: it names another batch at the revision
 * held (kept: the list is not current); ERR_NOT_FOUND: no key set. */
int wanted_list_set_freshness(struct wanted_list *list, const void *envelope, size_t size,
                              struct wall_time now, struct err_text *err) MUST_CHECK;

/* What may be said of the list at `now`. LIST_CURRENT: an unexpired statement covered this revision
 * or one this list has grown from, and none speaks of a later one. */
void wanted_list_status(const struct wanted_list *list, struct wall_time now,
                        struct list_status *out);
const struct list_head *wanted_list_head(const struct wanted_list *list);
/* NULL: none yet. Valid until the next wanted_list_set_keyset. */
const struct keyset *wanted_list_keyset(const struct wanted_list *list);
/* The newest statement taken, NULL: none. */
const struct freshness *wanted_list_freshness(const struct wanted_list *list);
/* Chunks of the snapshot the list was last loaded from, 0: it grew from batches alone. */
size_t wanted_list_snapshot_chunks(const struct wanted_list *list);
size_t wanted_list_count(const struct wanted_list *list);
/* wanted_list_count() entries, ids rising; valid until the list next changes. */
const struct wanted_entry *wanted_list_entries(const struct wanted_list *list);
/* NULL: not on the list. */
const struct wanted_entry *wanted_list_find(const struct wanted_list *list, uint64_t id);

/* Reads every *.pem of a folder as a root public key. ERR_NOT_FOUND (no folder, no key),
 * ERR_INVALID, ERR_FULL (more than ROOT_KEYS_MAX), ERR_IO. */
int wanted_roots_load(const char *folder, struct root_keys *out, struct err_text *err) MUST_CHECK;
