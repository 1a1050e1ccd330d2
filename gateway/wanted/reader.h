/*
 * The reader's side of the local cache, for matchd: follows Redis, verifies everything itself and
 * hands each change to the caller, who brings it into the index in force, or the whole list, which
 * takes a new index. Redis can only ever add:
 * an empty, older, cut or altered one, and whatever uplinkd's credentials can do to it, changes
 * nothing but the alarms. Starts from its own last-good shelf, so matching needs neither Redis nor
 * headquarters. One owner thread calls wanted_reader_poll; callbacks come from inside it.
 */
#pragma once

#include "gateway/signed/match_policy.h"
#include "gateway/wanted/link.h"
#include "gateway/wanted/list.h"
#include "gateway/wanted/store.h" /* wanted_alarm */

struct wanted_reader;

struct wanted_reader_options {
    const char *folder;       /* last-good shelf; made when missing */
    const char *roots_folder; /* /etc/checkpoint/roots */
    struct wanted_redis redis;
    const struct clock_source *clock; /* `wall` should be trusted time */
    /* Nothing that a clerk signed for so long is an alarm (WANTED_UNSIGNED); 0: never. The
     * statement that a list is current is by a key of hqd's: whoever has that can hold news back
     * and say so every day. What clerks sign he cannot make. */
    int64_t signed_max_ms;
    /* The list changed (also at start, from the last-good shelf): as `changes` says, or as a whole
     * that wanted_list_next() has. Batches between two polls are one change. Whatever was told
     * before stays where it is until this returns, withdrawn entries too; once it returns ERR_OK
     * those are freed, so the change is in force by then and no reader holds them any more.
     * An error leaves nothing of the change in use: the caller is asked again at once with the
     * whole, and if that fails too the old index stays (WANTED_INDEX_FAILED), tried again a second
     * later with what came meanwhile. */
    int (*list_changed)(void *ctx, const struct wanted_list *list,
                        const struct wanted_changes *changes, const struct list_status *status,
                        struct err_text *err);
    /* State or current_until changed without a new revision. May be NULL. */
    void (*status_changed)(void *ctx, const struct list_status *status);
    /* A sign of life while a shelf or snapshot is loaded: `done` of its chunks and batches are.
     * May be NULL. */
    void (*loading)(void *ctx, size_t done);
    /* Another match policy came into force (also at start, from the last-good shelf); borrowed,
     * valid until the next call. Never called: there is none. An error (no memory) is tried again.
     * May be NULL. */
    int (*policy_changed)(void *ctx, const struct match_policy *policy);
    wanted_alarm alarm; /* may be NULL */
    void *ctx;
};

/* Loads the last-good shelf, verifies all of it and calls back. Damage is an alarm, not an error.
 * ERR_NOT_FOUND and others for roots, ERR_IO, ERR_NO_MEMORY, ERR_INVALID. */
int wanted_reader_open(const struct wanted_reader_options *options, struct wanted_reader **out,
                       struct err_text *err) MUST_CHECK;
/* NULL is fine. The entries go with it: nobody may look into an index over them any more. */
void wanted_reader_close(struct wanted_reader *reader);

/* One step: connects when due, takes what is new, waits for more. Returns within timeout_ms and the
 * time the work takes (a silent Redis: LINK_REPLY_MS). A change in Redis is taken within
 * READER_LOOK_MS. Faults are alarms; ERR_NO_MEMORY is the only error. */
int wanted_reader_poll(struct wanted_reader *reader, int timeout_ms) MUST_CHECK;

enum {
    READER_LOOK_MS = 50,   /* longest wait inside one blocking read of the stream */
    READER_CHECK_MS = 1000 /* everything is looked at again at least this often */
};

/* What stands now; any call of the owner thread. */
void wanted_reader_status(const struct wanted_reader *reader, struct list_status *out);
const struct wanted_list *wanted_reader_list(const struct wanted_reader *reader);
