/*
 * Export of spool mode: everything behind headquarters' last receipt, in files of exactly the
 * bodies that would be posted, and last of all the manifest that names them, signed with the box's
 * certificate. What is there already is left alone, so an export that broke off goes on where it
 * was.
 */
#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/uplinkd/spool.h"
#include "gateway/base/compress.h"
#include "gateway/base/file.h"
#include "gateway/tls/pem.h"
#include "gateway/tls/sealed.h"

enum { NUMBER_MAX = 32, TAKE_WAIT_MS = 20000 };

struct export
{
    struct uplinkd *u;
    const char *folder;
    struct spool_manifest m;
    struct outbox outbox;
};

/* ---- one file ---- */

/* Whether exactly these bytes stand there. */
static bool stands(const char *path, const void *data, size_t size)
{
    uint8_t *held = NULL;
    size_t held_size = 0;
    bool same = file_read(path, OUTBOX_BATCH_MAX + 1, &held, &held_size, NULL) == 0 &&
                held_size == size && memcmp(held, data, size) == 0;
    free(held);
    return same;
}

static int put(const struct export *x, const char *name, const void *data, size_t size,
               struct err_text *err)
{
    char path[SPOOL_PATH_SIZE];
    int rc = spool_path(x->folder, name, path, err);
    if (rc != 0 || stands(path, data, size))
        return rc;
    rc = file_write_stick(path, data, size, err);
    return rc == ERR_FULL ? err_prefix(err, rc,
                                       "the stick is full, put in another one and run this "
                                       "again (存储盘已满，更换后重试)")
                          : rc;
}

static int put_batch(struct export *x, struct spool_file *f, const char *text, size_t size,
                     struct err_text *err)
{
    void *frame = NULL;
    size_t frame_size = 0;
    bool small = x->u->config.compress && compress_frame(text, size, &frame, &frame_size) == 0;
    f->size_bytes = size;
    (void)snprintf(f->name, sizeof(f->name), "%s-%020" PRIu64 "-%020" PRIu64 ".ndjson%s",
                   spool_stream_name(f->stream), f->first, f->last, small ? ".zst" : ""); /* fits */
    int rc = hash_bytes(text, size, f->sha256);
    if (rc == 0)
        rc = put(x, f->name, small ? frame : text, small ? frame_size : size, err);
    free(frame);
    return rc;
}

/* The first records of the outbox as the next file. */
static int flush(struct export *x, enum spool_stream stream, const char *chain, uint64_t head,
                 struct outbox_amount *out_gone, struct err_text *err)
{
    struct spool_file *f = &x->m.files[x->m.file_count];
    char *text = NULL;
    size_t size = 0;
    size_t records = 0;
    int rc = outbox_batch(&x->outbox, OUTBOX_BATCH_RECORDS_MAX, &text, &size, &records);
    if (rc != 0)
        return err_set(err, rc, "records");
    *f = (struct spool_file){.stream = stream,
                             .first = x->outbox.records[0].sequence,
                             .last = x->outbox.records[records - 1].sequence};
    (void)snprintf(f->chain, sizeof(f->chain), "%s", chain); /* as long */
    rc = put_batch(x, f, text, size, err);
    free(text);
    if (rc != 0)
        return rc;
    x->m.file_count++;
    *out_gone = outbox_confirm(&x->outbox, f->last);
    printf("%s  records 记录 %" PRIu64 " - %" PRIu64 " / %" PRIu64 "\n", spool_stream_name(stream),
           f->first, f->last, head);
    (void)fflush(stdout); /* a lost line is not worth ending for */
    return 0;
}

/* ---- one chain ---- */

static bool is_full(const struct outbox *o)
{
    return o->count >= OUTBOX_BATCH_RECORDS_MAX || o->bytes >= OUTBOX_BATCH_MAX;
}

/* Takes records until a file's worth is there, or the last one. */
static int fill(struct export *x, const struct records_box *side, unsigned epoch, uint64_t head,
                uint64_t *taken, struct err_text *err)
{
    while (*taken < head && !is_full(&x->outbox)) {
        char *text = NULL;
        size_t size = 0;
        uint64_t sequence = 0;
        int rc = side->take(side->ctx, epoch, TAKE_WAIT_MS, &text, &size, &sequence);
        if (rc != 0)
            return err_set(err, rc, "checkpointd sends nothing behind record %" PRIu64, *taken);
        rc = outbox_add(&x->outbox, text, size, sequence);
        if (rc != 0) {
            free(text);
            return err_set(err, rc, "record %" PRIu64, sequence);
        }
        *taken = sequence;
    }
    return 0;
}

/* Where the export begins. Behind the receipts, or, when headquarters was put back to an earlier
 * state, where it stands: then the connection to checkpointd is made anew and begins there. */
static int begin(const struct export *x, struct box *box, enum spool_stream stream, unsigned *epoch,
                 const struct box_journal *journal, uint64_t *out_after, struct err_text *err)
{
    const struct records_box *side = box_records(box);
    uint64_t held = 0;
    unsigned before = *epoch;
    *out_after = journal->confirmed;
    int rc = spool_held_load(x->u, stream, journal->chain, &held, err);
    if (rc != 0 || held >= journal->confirmed)
        return rc;
    side->again(side->ctx, journal->chain, held);
    struct mono_time until = mono_add_ms(clock_mono(&clock_system), SPOOL_WAIT_MS);
    while ((*epoch = side->epoch(side->ctx)) == before || *epoch == 0) {
        if (!mono_before(clock_mono(&clock_system), until))
            return err_set(err, ERR_TIMEOUT, "checkpointd does not begin again");
        (void)poll(NULL, 0, BOX_LOOK_MS); /* a pause; a signal only shortens it */
    }
    *out_after = held;
    return 0;
}

static int export_chain(struct export *x, struct box *box, enum spool_stream stream,
                        struct err_text *err)
{
    const struct records_box *side = box_records(box);
    struct box_journal journal;
    unsigned epoch = 0;
    int rc = spool_connected(box, &epoch, err);
    if (rc == 0 && !box_journal(box, &journal))
        rc = err_set(err, ERR_NOT_FOUND, "checkpointd does not say which chain it has");
    if (rc != 0)
        return rc;
    struct spool_place *place = &x->m.places[stream];
    memcpy(place->chain, journal.chain, sizeof(place->chain));
    place->recorded = journal.recorded;
    place->confirmed = journal.confirmed;
    uint64_t taken = journal.confirmed;
    rc = begin(x, box, stream, &epoch, &journal, &taken, err);
    struct outbox_amount more = {OUTBOX_RECORDS_MAX, OUTBOX_BYTES_MAX};
    while (rc == 0 && (taken < journal.recorded || x->outbox.count > 0) &&
           x->m.file_count < SPOOL_FILES_MAX) {
        if (more.records > 0)
            side->credit(side->ctx, epoch, more);
        more = (struct outbox_amount){0};
        rc = fill(x, side, epoch, journal.recorded, &taken, err);
        if (rc == 0)
            rc = flush(x, stream, journal.chain, journal.recorded, &more, err);
    }
    if (rc == 0 && x->m.file_count == SPOOL_FILES_MAX)
        printf("The rest goes with the next stick. 其余记录待下一次导出。\n");
    outbox_clear(&x->outbox);
    return rc;
}

/* ---- manifest ---- */

/* Exports are counted, so that headquarters knows an older stick. */
static int next_number(const struct uplinkd *u, uint64_t *out, struct err_text *err)
{
    char path[SPOOL_PATH_SIZE];
    char text[NUMBER_MAX];
    uint8_t *held = NULL;
    size_t size = 0;
    int rc = spool_path(u->config.state_dir, "spool.number", path, err);
    if (rc == 0)
        rc = file_read(path, NUMBER_MAX, &held, &size, err);
    *out = (rc == 0 ? strtoull((const char *)held, NULL, 10) : 0) + 1;
    free(held);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    /* A lost file must not make this stick look older than those before: time only goes on. */
    uint64_t now = (uint64_t)(clock_wall(&clock_system).ms / 1000);
    *out = *out > now ? *out : now;
    int length = snprintf(text, sizeof(text), "%" PRIu64 "\n", *out);
    return file_write_atomic(path, text, (size_t)length, 0600, err);
}

static int seal(const struct export *x, const char *payload, size_t size, struct err_text *err)
{
    const struct uplinkd_config *c = &x->u->config;
    struct wall_time until;
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *chain = NULL;
    char *text = NULL;
    size_t text_size = 0;
    int rc = own_certificate_check(&x->u->site.own, clock_wall(&clock_system), &until, err);
    if (rc == 0)
        rc = tls_key_file_read(c->key, &key, err);
    if (rc == 0)
        rc = tls_file_certificates(c->certificate, &chain, err);
    if (rc == 0)
        rc = tls_sealed_write(key, chain, SPOOL_MANIFEST, payload, size, &text, &text_size, err);
    if (rc == 0)
        rc = put(x, "manifest.json", text, text_size, err);
    free(text);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return rc;
}

static bool is_named(const struct spool_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->file_count; i++)
        if (strcmp(m->files[i].name, name) == 0)
            return true;
    return false;
}

/* Files of an export before: their records were confirmed, or stand in another file now. */
static void drop_others(const struct export *x)
{
    char path[SPOOL_PATH_SIZE];
    DIR *folder = opendir(x->folder);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        bool ours =
            strstr(entry->d_name, ".ndjson") && (strncmp(entry->d_name, "journal-", 8) == 0 ||
                                                 strncmp(entry->d_name, "observe-", 8) == 0);
        if (ours && !is_named(&x->m, entry->d_name) &&
            spool_path(x->folder, entry->d_name, path, NULL) == 0)
            (void)unlink(path); /* one that stays is named by no manifest */
    }
    if (folder)
        closedir(folder);
}

static int write_manifest(struct export *x, struct err_text *err)
{
    struct wanted_store_status status;
    const struct list_head *head = wanted_store_head(x->u->store);
    char *payload = NULL;
    size_t size = 0;
    wanted_store_status(x->u->store, &status);
    memcpy(x->m.checkpoint, x->u->config.checkpoint, sizeof(x->u->config.checkpoint));
    x->m.time = clock_wall(&clock_system);
    x->m.after = uplinkd_inbox_number(x->u);
    x->m.revision = head->revision;
    memcpy(x->m.hash, head->hash, HASH_SIZE);
    x->m.policy = status.policy_version;
    x->m.exempt = box_statement_held(x->u->box, BOX_EXEMPT);
    int rc = next_number(x->u, &x->m.number, err);
    if (rc == 0)
        rc = spool_manifest_write(&x->m, &payload, &size);
    if (rc == 0)
        rc = seal(x, payload, size, err);
    free(payload);
    return rc;
}

int spool_export(struct uplinkd *u, const char *folder, struct err_text *err)
{
    static struct export x; /* too large for a stack */
    x.u = u;
    x.folder = folder;
    int rc = export_chain(&x, u->box, SPOOL_JOURNAL, err);
    if (rc == 0)
        rc = export_chain(&x, u->observe_box, SPOOL_OBSERVE, err);
    if (rc == 0)
        rc = write_manifest(&x, err);
    if (rc != 0)
        return rc;
    drop_others(&x);
    printf("Export 导出 %" PRIu64 ": %zu files 个文件, %s\n"
           "At headquarters 在总部执行: hqctl spool import %s\n",
           x.m.number, x.m.file_count, folder, folder);
    return 0;
}
