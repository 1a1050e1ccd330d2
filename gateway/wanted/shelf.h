/*
 * Verified signed statements in a folder, each in a file written once (fsync, rename):
 *
 *   keyset-<version>.json            every key set ever held
 *   snapshot-<revision>-<k>.json     manifest; its chunks are chunk-<revision>-<n>.bin
 *   batch-<revision>-<k>.json        every batch behind the newest snapshot
 *   current.json                     newest "still current" statement
 *
 * Numbers have 20 digits; k is the version of the key set that judged the file when it came in, and
 * judges it again on every load. The writer's store and matchd's last-good copy are both shelves.
 * One owner thread; blocks on the disk.
 */
#pragma once

#include "gateway/wanted/list.h"

enum { SHELF_PATH_SIZE = 4096 };

enum {
    SHELF_WAITING_MAX = 1024,          /* batches in memory until the disk takes them */
    SHELF_WAITING_BYTES_MAX = 64 << 20 /* the same in bytes */
};

struct shelf_batch {
    uint64_t revision;
    uint64_t keyset; /* version that judged it */
    uint8_t *bytes;  /* heap: waits for the disk; NULL: written */
    size_t size;
};

struct shelf {
    char folder[SHELF_PATH_SIZE];
    uint64_t snapshot;        /* revision, 0 = none */
    uint64_t snapshot_keyset; /* version that judged it */
    size_t snapshot_chunks;
    struct shelf_batch *batches;
    size_t batch_count; /* revisions snapshot + 1, + 2, … */
    size_t batch_capacity;
    size_t written_count; /* batches on disk; the rest waits */
    size_t waiting_bytes;
};

/* Makes the folder (0750) when missing. ERR_IO, ERR_INVALID (path too long). */
int shelf_open(struct shelf *shelf, const char *folder, struct err_text *err) MUST_CHECK;
void shelf_close(struct shelf *shelf);
/* Called while a shelf is loaded, with the number of chunks and batches that are. */
struct shelf_steps {
    void (*step)(void *ctx, size_t done);
    void *ctx;
};

/* Replays everything into an empty list, verifying all of it. A file that is missing, cut, altered
 * or does not verify ends the way there: what lies before it is in the list (ERR_CORRUPT, `err`
 * says which file and why), refused files are renamed to <name>.refused. `steps` may be NULL.
 * ERR_NO_MEMORY, ERR_IO. */
int shelf_load(struct shelf *shelf, struct wanted_list *list, struct wall_time now,
               const struct shelf_steps *steps, struct err_text *err) MUST_CHECK;

/* Each stores verified bytes: the caller's list took them just before. ERR_IO, ERR_FULL. */
int shelf_put_keyset(struct shelf *shelf, uint64_t version, const void *bytes, size_t size,
                     struct err_text *err) MUST_CHECK;
int shelf_put_current(struct shelf *shelf, const void *bytes, size_t size,
                      struct err_text *err) MUST_CHECK;
/* Adds the next batch in memory; shelf_flush writes it. ERR_INVALID unless it is the next revision,
 * ERR_FULL when too many wait, ERR_NO_MEMORY. */
int shelf_add_batch(struct shelf *shelf, uint64_t revision, uint64_t keyset, const void *bytes,
                    size_t size, struct err_text *err) MUST_CHECK;
/* Whether shelf_add_batch would take a batch of that size. */
bool shelf_has_room(const struct shelf *shelf, size_t size);
/* Writes the batches that wait, in order; what failed goes on waiting. */
int shelf_flush(struct shelf *shelf, struct err_text *err) MUST_CHECK;
int shelf_put_chunk(struct shelf *shelf, uint64_t revision, size_t index, const void *bytes,
                    size_t size, struct err_text *err) MUST_CHECK;
/* After its chunks: from here on the shelf starts with it. Batches up to it, older snapshots and
 * stray chunks are deleted. Batches behind it stay when they go on from it. */
int shelf_put_snapshot(struct shelf *shelf, uint64_t revision, uint64_t keyset, size_t chunks,
                       const void *bytes, size_t size, struct err_text *err) MUST_CHECK;

/* Heap bytes the caller frees. ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE. */
int shelf_get_keyset(const struct shelf *shelf, uint64_t version, uint8_t **out, size_t *out_size,
                     struct err_text *err) MUST_CHECK;
int shelf_get_current(const struct shelf *shelf, uint8_t **out, size_t *out_size,
                      struct err_text *err) MUST_CHECK;
int shelf_get_batch(const struct shelf *shelf, uint64_t revision, uint8_t **out, size_t *out_size,
                    struct err_text *err) MUST_CHECK;
int shelf_get_snapshot(const struct shelf *shelf, uint8_t **out, size_t *out_size,
                       struct err_text *err) MUST_CHECK;
/* A wanted_chunk_source; ctx is the shelf. */
int shelf_get_chunk(void *ctx, uint64_t revision, size_t index, uint8_t **out, size_t *out_size,
                    struct err_text *err) MUST_CHECK;
/* The revision the shelf reaches, batches that wait included. */
uint64_t shelf_revision(const struct shelf *shelf);
