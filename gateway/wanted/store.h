/*
 * The writer's side of the local cache, for uplinkd: takes signed statements from headquarters,
 * verifies each exactly as matchd will, keeps it on disk (a shelf, gateway/wanted/shelf.h) and then
 * in Redis. What is on disk refills a restarted, flushed or altered Redis without headquarters.
 *
 * A take that returns ERR_OK is on disk. Redis being away is no error of a take: it is an alarm,
 * and wanted_store_sync makes up for it. One owner thread; blocks on the disk and, at most
 * LINK_REPLY_MS a command, on Redis.
 */
#pragma once

#include "gateway/base/log.h"
#include "gateway/wanted/link.h"
#include "gateway/wanted/list.h"

struct wanted_store;

/* An alarm was raised or ended, or an event happened once (active, never ended). */
typedef void (*wanted_alarm)(void *ctx, enum log_event_id event, bool active, const char *detail);

struct wanted_store_options {
    const char *folder;       /* the shelf's; made when missing */
    const char *roots_folder; /* /etc/checkpoint/roots */
    struct wanted_redis redis;
    const struct clock_source *clock; /* lives as long as the store */
    wanted_alarm alarm;               /* may be NULL */
    void *alarm_ctx;
    /* A sign of life for each chunk and batch of a long list that is loaded or written to Redis;
     * `alarm_ctx` too. May be NULL. */
    void (*working)(void *ctx, size_t done);
};

struct wanted_store_status {
    struct list_status list;
    uint64_t keyset_version; /* 0 = none */
    uint64_t snapshot;       /* revision the shelf starts with, 0 = none */
    size_t entry_count;
    uint64_t policy_version; /* 0 = none */
    bool redis_current;      /* Redis held all of it at the last look */
    uint64_t refills;        /* since open */
};

/* Loads and verifies the shelf; damage ends the list there and is alarmed (WANTED_FILE_DAMAGED), it
 * is no error. ERR_NOT_FOUND and others for roots, ERR_IO, ERR_NO_MEMORY, ERR_INVALID. */
int wanted_store_open(const struct wanted_store_options *options, struct wanted_store **out,
                      struct err_text *err) MUST_CHECK;
void wanted_store_close(struct wanted_store *store); /* NULL is fine */

/* Errors as wanted_list_set_keyset; ERR_OK for the one held already. */
int wanted_store_set_keyset(struct wanted_store *store, const void *envelope, size_t size,
                            struct err_text *err) MUST_CHECK;
/* Errors as wanted_list_apply_batch (ERR_STALE: held already), ERR_FULL or ERR_IO of the disk. */
int wanted_store_add_batch(struct wanted_store *store, const void *envelope, size_t size,
                           struct err_text *err) MUST_CHECK;
/* Errors as wanted_list_set_freshness. */
int wanted_store_set_freshness(struct wanted_store *store, const void *envelope, size_t size,
                               struct err_text *err) MUST_CHECK;
/* A match policy. ERR_OK for the one held already; ERR_STALE: older; ERR_CONFLICT: another of the
 * version held; ERR_NOT_FOUND: no key set yet; otherwise as match_policy_verify, ERR_INVALID for a
 * channel that cannot be read. */
int wanted_store_set_policy(struct wanted_store *store, const void *envelope, size_t size,
                            struct err_text *err) MUST_CHECK;
/* Keeps one chunk of a snapshot to come on disk, unverified until wanted_store_set_snapshot.
 * ERR_CONFLICT: of the snapshot in force. */
int wanted_store_put_chunk(struct wanted_store *store, uint64_t revision, size_t index,
                           const void *bytes, size_t size, struct err_text *err) MUST_CHECK;
/* Verifies a manifest by the key set held and that it is newer than the list held, before its
 * chunks are fetched; snapshot_fini is the caller's. ERR_NOT_FOUND: no key set yet; ERR_STALE,
 * ERR_CONFLICT; otherwise as snapshot_verify. */
int wanted_store_read_snapshot(const struct wanted_store *store, const void *manifest, size_t size,
                               struct snapshot *out, struct err_text *err) MUST_CHECK;
/* Takes a snapshot whose chunks were all put. Errors as wanted_list_load_snapshot; ERR_STALE: not
 * newer than the list held. */
int wanted_store_set_snapshot(struct wanted_store *store, const void *manifest, size_t size,
                              struct err_text *err) MUST_CHECK;

/* Compares Redis with the shelf and writes what differs: what is missing behind what is there, or
 * everything after a restart, flush, rollback or alteration. Call once a second and it also audits
 * one stored statement each time. ERR_OK: Redis holds everything; ERR_BUSY: back-off; otherwise the
 * fault, alarmed already. */
int wanted_store_sync(struct wanted_store *store, struct err_text *err) MUST_CHECK;
/* Writes everything to Redis anew, whatever it holds. */
int wanted_store_refill(struct wanted_store *store, struct err_text *err) MUST_CHECK;

/* The key set held, as it was signed; NULL: none. Valid until the next wanted_store_set_keyset. */
const void *wanted_store_keyset(const struct wanted_store *store, size_t *out_size);
/* Where the verified list stands; valid until the next call. */
const struct list_head *wanted_store_head(const struct wanted_store *store);
void wanted_store_status(const struct wanted_store *store, struct wanted_store_status *out);
