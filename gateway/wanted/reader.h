/*
 * The reader's side of the local cache, for matchd: follows Redis, verifies everything itself and
 * hands each new list to the caller, who builds the index and swaps it in. Redis can only ever add:
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
    /* The list changed (also at start, from the last-good shelf). Build the index over it, or over
     * wanted_list_share() of it if it is to be kept beyond the call. An error keeps the old index:
     * WANTED_INDEX_FAILED, tried again a second later. */
    int (*list_changed)(void *ctx, const struct wanted_list *list,
                        const struct list_status *status);
    /* State or current_until changed without a new revision. May be NULL. */
    void (*status_changed)(void *ctx, const struct list_status *status);
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
void wanted_reader_close(struct wanted_reader *reader); /* NULL is fine */

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
