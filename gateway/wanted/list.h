/*
 * The verified wanted list: entries by id, where the fleet's chain stands, the key set it is judged
 * by and headquarters' word that it is current. Takes signed bytes only and verifies every one: it
 * never goes back, never takes a link out of place, and a refusal changes nothing. Pure over bytes:
 * no file, no socket, no clock. One owner thread; its entries may be read by any thread.
 *
 * An entry never moves and never changes: a changed one is a new entry in the place of the old.
 * Whoever builds an index over them asks wanted_list_changes() what is new, and says with
 * wanted_list_settle() that it is done: until then everything it was told of stays alive. Who never
 * settles holds no entry over a change.
 *
 * A key set judges what arrives after it. What was taken under an earlier set stays until the chain
 * changes it: a clerk who leaves must not blind every lane.
 */
#pragma once

#include "gateway/match/index.h"
#include "gateway/model/hit.h"
#include "gateway/signed/batch.h"
#include "gateway/signed/freshness.h"
#include "gateway/signed/snapshot.h"

enum { FRESHNESS_AHEAD_MAX_MS = 5 * 60 * 1000 };

struct wanted_list;

struct wanted_entry {
    struct match_entry match; /* text: canonical JSON, not NUL-terminated */
    uint16_t place;           /* internal */
    uint32_t noted;           /* internal */
};

/* Zeroed: before the first entry. */
struct wanted_cursor {
    size_t row; /* internal */
    size_t place;
};

/* An empty list without key set. ERR_NO_MEMORY. */
int wanted_list_create(const struct root_keys *roots, struct wanted_list **out) MUST_CHECK;
/* Of an empty list: its entries come without texts, a seventh of the memory. For who checks the
 * list and hands it on as signed bytes. */
void wanted_list_without_texts(struct wanted_list *list);
/* NULL is fine. */
void wanted_list_destroy(struct wanted_list *list);
/* An empty list that stands where `list` does, with its key set and statement: a newer snapshot may
 * be tried in it before it takes the other's place. The caller destroys it. ERR_NO_MEMORY. */
int wanted_list_create_beside(const struct wanted_list *list, struct wanted_list **out) MUST_CHECK;

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
/* wanted_list_count() entries, ids rising, then NULL. The list must not change meanwhile. */
const struct wanted_entry *wanted_list_next(const struct wanted_list *list,
                                            struct wanted_cursor *cursor);
/* NULL: not on the list. */
const struct wanted_entry *wanted_list_find(const struct wanted_list *list, uint64_t id);

/* What was not settled yet. Valid until the list next changes. */
struct wanted_changes {
    bool whole; /* nothing of what is in the list was told: wanted_list_next() has it */
    const struct wanted_entry *const *added;
    size_t added_count;
    const struct wanted_entry *const *withdrawn; /* old versions of changed ones too */
    size_t withdrawn_count;
};

/* Everything since the last settling, in one: what came and went between is in neither array. The
 * cost of a batch is that of its own entries. */
void wanted_list_changes(const struct wanted_list *list, struct wanted_changes *out);
/* The caller took over all changes and nobody holds an entry that is not in the list: those are
 * freed. An entry that was told as added but never settled must not be held over a call that
 * changes the list. */
void wanted_list_settle(struct wanted_list *list);

/* Reads every *.pem of a folder as a root public key. ERR_NOT_FOUND (no folder, no key),
 * ERR_INVALID, ERR_FULL (more than ROOT_KEYS_MAX), ERR_IO. */
int wanted_roots_load(const char *folder, struct root_keys *out, struct err_text *err) MUST_CHECK;
