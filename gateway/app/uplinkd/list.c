/*
 * Thread "inbox" of checkpoint-uplinkd: gateway/uplink asks headquarters, gateway/wanted verifies,
 * keeps and writes to Redis; the two meet here. Between, once a second, Redis is compared with the
 * shelf, also while a request waits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/uplinkd/uplinkd.h"
#include "gateway/base/file.h"

enum {
    SYNC_MS = 1000,
    NUMBER_FILE_MAX = 32, /* bytes */
    MESSAGE_PATH_SIZE = 512
};

/* ---- the store behind the inbox ---- */

static const struct list_head *head(void *ctx)
{
    const struct uplinkd *u = ctx;
    return wanted_store_head(u->store);
}

static uint64_t keyset_version(void *ctx)
{
    const struct uplinkd *u = ctx;
    struct wanted_store_status status;
    wanted_store_status(u->store, &status);
    return status.keyset_version;
}

static uint64_t policy_version(void *ctx)
{
    const struct uplinkd *u = ctx;
    struct wanted_store_status status;
    wanted_store_status(u->store, &status);
    return status.policy_version;
}

static uint64_t statement_held(void *ctx, enum box_statement which)
{
    const struct uplinkd *u = ctx;
    return box_statement_held(u->box, which);
}

static int tell_keyset(struct uplinkd *u, struct err_text *err)
{
    size_t size = 0;
    const void *keyset = wanted_store_keyset(u->store, &size);
    int rc = keyset ? box_tell_keyset(u->box, keyset, size) : 0;
    return rc == 0 ? 0 : err_set(err, rc, "key set: no memory");
}

/* What cannot be written now is tried again every second; told when it begins and when it is over.
 */
static void take_trust(struct uplinkd *u)
{
    struct err_text err = {{0}};
    bool failed = uplinkd_trust_take(u, &err) != 0;
    if (failed != u->trust_due)
        log_event(EVENT_UPLINK_STATE_UNWRITTEN, "active=%d detail=\"%s\"", failed,
                  failed ? err.text : u->trust_path);
    u->trust_due = failed;
}

static int set_keyset(void *ctx, const void *envelope, size_t size, struct err_text *err)
{
    struct uplinkd *u = ctx;
    thread_alive(&u->inbox_thread); /* a slow disk is not a dead thread */
    int rc = wanted_store_set_keyset(u->store, envelope, size, err);
    if (rc != 0)
        return rc;
    take_trust(u);
    return tell_keyset(u, err);
}

static int set_policy(void *ctx, const void *envelope, size_t size, struct err_text *err)
{
    struct uplinkd *u = ctx;
    thread_alive(&u->inbox_thread); /* a slow disk is not a dead thread */
    return wanted_store_set_policy(u->store, envelope, size, err);
}

static int set_statement(void *ctx, enum box_statement which, const void *envelope, size_t size,
                         struct err_text *err)
{
    struct uplinkd *u = ctx;
    int rc = box_tell_statement(u->box, which, envelope, size);
    return rc == 0 ? 0 : err_set(err, rc, "%s: no memory", box_statement_names[which].name);
}

static int add_batch(void *ctx, const void *envelope, size_t size, struct err_text *err)
{
    struct uplinkd *u = ctx;
    thread_alive(&u->inbox_thread); /* a slow disk is not a dead thread */
    int rc = wanted_store_add_batch(u->store, envelope, size, err);
    box_tell_list(u->box, wanted_store_head(u->store));
    return rc;
}

static int set_freshness(void *ctx, const void *envelope, size_t size, struct err_text *err)
{
    struct uplinkd *u = ctx;
    thread_alive(&u->inbox_thread); /* a slow disk is not a dead thread */
    return wanted_store_set_freshness(u->store, envelope, size, err);
}

static int read_snapshot(void *ctx, const void *manifest, size_t size, struct snapshot *out,
                         struct err_text *err)
{
    const struct uplinkd *u = ctx;
    return wanted_store_read_snapshot(u->store, manifest, size, out, err);
}

static int put_chunk(void *ctx, uint64_t revision, size_t index, const void *bytes, size_t size,
                     struct err_text *err)
{
    struct uplinkd *u = ctx;
    thread_alive(&u->inbox_thread); /* a slow disk is not a dead thread */
    return wanted_store_put_chunk(u->store, revision, index, bytes, size, err);
}

static int set_snapshot(void *ctx, const void *manifest, size_t size, struct err_text *err)
{
    struct uplinkd *u = ctx;
    thread_alive(&u->inbox_thread); /* a slow disk is not a dead thread */
    int rc = wanted_store_set_snapshot(u->store, manifest, size, err);
    box_tell_list(u->box, wanted_store_head(u->store));
    return rc;
}

/* ---- what else the inbox keeps ---- */

static void number_path(const struct uplinkd *u, char out[MESSAGE_PATH_SIZE])
{
    (void)snprintf(out, MESSAGE_PATH_SIZE, "%s/inbox.number", u->config.state_dir); /* fits */
}

static int keep_number(void *ctx, uint64_t number, struct err_text *err)
{
    const struct uplinkd *u = ctx;
    char path[MESSAGE_PATH_SIZE];
    char text[NUMBER_FILE_MAX];
    int size = snprintf(text, sizeof(text), "%" PRIu64 "\n", number);
    number_path(u, path);
    return file_write_atomic(path, text, (size_t)size, 0600, err);
}

/* 0 without a file or with a damaged one: headquarters then tells again what it still has. */
uint64_t uplinkd_inbox_number(const struct uplinkd *u)
{
    char path[MESSAGE_PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    char *end = NULL;
    struct err_text err;
    number_path(u, path);
    int rc = file_read(path, NUMBER_FILE_MAX, &text, &size, &err);
    if (rc == ERR_NOT_FOUND)
        return 0;
    unsigned long long number = rc == 0 ? strtoull((const char *)text, &end, 10) : 0;
    if (rc != 0 || end == (const char *)text || *end != '\n' || number > INT64_MAX) {
        log_event(EVENT_UPLINK_STATE_UNWRITTEN, "detail=\"%s: %s\"", path,
                  rc != 0 ? err.text : "damaged, headquarters is asked from the start");
        number = 0;
    }
    free(text);
    return number;
}

static bool journal(void *ctx, char out_chain[BOX_CHAIN_SIZE], uint64_t *out_recorded,
                    uint64_t *out_confirmed)
{
    const struct uplinkd *u = ctx;
    struct box_journal journal;
    if (!box_journal(u->box, &journal))
        return false;
    memcpy(out_chain, journal.chain, sizeof(journal.chain));
    *out_recorded = journal.recorded;
    *out_confirmed = journal.confirmed;
    return true;
}

static void held(void *ctx, const char *chain, uint64_t sequence)
{
    const struct uplinkd *u = ctx;
    box_held(u->box, chain, sequence);
}

/* ---- thread ---- */

static bool go_on(void *ctx)
{
    struct uplinkd *u = ctx;
    struct err_text err;
    struct mono_time now = clock_mono(&clock_system);
    if (!uplinkd_go_on(&u->inbox_thread))
        return false;
    if (!mono_before(now, u->sync_due)) {
        u->sync_due = mono_add_ms(now, SYNC_MS);
        /* Its faults are alarms of the store's own; it is tried again in a second. */
        (void)!wanted_store_sync(u->store, &err);
        box_tell_list(u->box, wanted_store_head(u->store)); /* a sync may take news from Redis */
        if (u->trust_due)
            take_trust(u);
        thread_alive(&u->inbox_thread);
    }
    uplinkd_messages_step(u);
    return true;
}

/* A list of millions takes longer than a thread may be silent. */
static void working(void *ctx, size_t done)
{
    struct uplinkd *u = ctx;
    (void)done;
    thread_alive(&u->inbox_thread);
}

int uplinkd_store_open(struct uplinkd *u, struct err_text *err)
{
    char folder[UPLINKD_TEXT_SIZE + 16];
    (void)snprintf(folder, sizeof(folder), "%s/list", u->config.state_dir); /* fits */
    const struct wanted_store_options options = {
        .folder = folder,
        .roots_folder = u->config.roots,
        .redis = {.socket_path = u->config.redis_socket,
                  .user = u->config.redis_user,
                  .secret_path = u->config.redis_secret},
        .clock = &clock_system,
        .alarm = uplinkd_report,
        .alarm_ctx = u,
        .working = working,
    };
    int rc = wanted_store_open(&options, &u->store, err);
    if (rc == 0)
        take_trust(u); /* a box that is not enrolled has no root yet: it waits for one, told */
    if (rc == 0)
        rc = tell_keyset(u, err);
    if (rc == 0)
        box_tell_list(u->box, wanted_store_head(u->store));
    return rc;
}

void uplinkd_inbox_open(struct uplinkd *u, struct inbox *inbox, const struct uplink_wait *wait)
{
    u->list = (struct inbox_list){.ctx = u,
                                  .head = head,
                                  .keyset_version = keyset_version,
                                  .policy_version = policy_version,
                                  .statement_held = statement_held,
                                  .set_keyset = set_keyset,
                                  .set_policy = set_policy,
                                  .set_statement = set_statement,
                                  .add_batch = add_batch,
                                  .set_freshness = set_freshness,
                                  .read_snapshot = read_snapshot,
                                  .put_chunk = put_chunk,
                                  .set_snapshot = set_snapshot,
                                  .journal = journal,
                                  .held = held,
                                  .keep_message = uplinkd_message_keep,
                                  .keep_number = keep_number};
    uplinkd_messages_load(u);
    inbox_init(inbox, &u->site, CHANNEL_INBOX, &u->list, uplinkd_inbox_number(u),
               u->config.poll_wait_ms / 1000, wait);
}

void uplinkd_inbox_run(struct thread *self, void *uplinkd)
{
    struct uplinkd *u = uplinkd;
    struct inbox inbox;
    const struct uplink_wait wait = {go_on, u};
    uplinkd_inbox_open(u, &inbox, &wait);
    while (!thread_stopping(self) && go_on(u))
        inbox_step(&inbox);
    inbox_fini(&inbox);
}
