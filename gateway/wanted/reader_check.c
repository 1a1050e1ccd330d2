/*
 * Looking at Redis: what is taken, what is refused, and which alarm says so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wanted/keys.h"
#include "gateway/wanted/reader_state.h"

enum { LAG_MAX_MS = 3000 /* uplinkd writes meta first: how long the rest may take */ };

/* ---- findings ---- */

static void find_altered(struct wanted_reader *r, const char *what, const char *why)
{
    if (!r->altered) {
        (void)err_set(&r->finding, ERR_CORRUPT, "%s: %.300s", what, why);
    }
    r->altered = true;
}

/* A fault of the connection or of memory, which ends the look; anything else is a finding. */
static bool is_link_fault(int code)
{
    return code == ERR_IO || code == ERR_TIMEOUT || code == ERR_DENIED || code == ERR_BUSY ||
           code == ERR_FULL || code == ERR_NO_MEMORY;
}

/* ---- disk ---- */

void reader_flush(struct wanted_reader *r)
{
    struct err_text why = {{0}};
    int result = shelf_flush(&r->shelf, &why);
    bool behind = shelf_revision(&r->shelf) < wanted_list_head(r->list)->revision;
    if (result < 0 || !behind) {
        alarms_set(&r->alarms, EVENT_WANTED_FILE_UNWRITTEN, result < 0, why.text);
    }
}

static void keep_failed(struct wanted_reader *r, const struct err_text *why)
{
    alarms_raise(&r->alarms, EVENT_WANTED_FILE_UNWRITTEN, why->text);
}

static void keep_batch(struct wanted_reader *r, const struct delta *d)
{
    struct err_text why = {{0}};
    uint64_t version = wanted_list_keyset(r->list)->version;
    if (shelf_revision(&r->shelf) + 1 != wanted_list_head(r->list)->revision) {
        return; /* the shelf fell behind: the check brings it up */
    }
    if (!shelf_has_room(&r->shelf, d->size)) {
        reader_flush(r);
    }
    if (shelf_add_batch(&r->shelf, wanted_list_head(r->list)->revision, version, d->bytes, d->size,
                        &why) < 0) {
        keep_failed(r, &why);
    }
}

/* ---- key set and statement ---- */

static int look_keyset(struct wanted_reader *r, struct err_text *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct err_text why = {{0}};
    const struct keyset *held = wanted_list_keyset(r->list);
    uint64_t before = held ? held->version : 0;
    int result = link_get(&r->link, KEY_KEYSET, ENVELOPE_SIZE_MAX, &bytes, &size, &why);
    if (result == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (is_link_fault(result)) {
        return err_set(err, result, "%s", why.text);
    }
    if (result == ERR_OK) {
        result = wanted_list_set_keyset(r->list, bytes, size, &why);
    }
    alarms_set(&r->alarms, EVENT_WANTED_KEYSET_REFUSED, result < 0, why.text);
    if (result == ERR_OK && wanted_list_keyset(r->list)->version > before &&
        shelf_put_keyset(&r->shelf, wanted_list_keyset(r->list)->version, bytes, size, &why) < 0) {
        keep_failed(r, &why);
    }
    free(bytes);
    return ERR_OK;
}

static void judge_current(struct wanted_reader *r, int result, const struct err_text *why)
{
    alarms_set(&r->alarms, EVENT_WANTED_CURRENT_REFUSED,
               result < 0 && wanted_list_keyset(r->list) != NULL, why->text);
}

static int look_current(struct wanted_reader *r, struct err_text *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint8_t hash[HASH_SIZE];
    struct err_text why = {{0}};
    int result = link_get(&r->link, KEY_CURRENT, ENVELOPE_SIZE_MAX, &bytes, &size, &why);
    if (result == ERR_NOT_FOUND || is_link_fault(result)) {
        return result == ERR_NOT_FOUND ? ERR_OK : err_set(err, result, "%s", why.text);
    }
    if (result == ERR_OK && hash_bytes(bytes, size, hash) == ERR_OK) {
        if (memcmp(hash, r->current_hash, HASH_SIZE) == 0) {
            judge_current(r, r->current_result, &r->current_why); /* what came between is gone */
            free(bytes);
            return ERR_OK;
        }
        struct wall_time now = clock_wall(r->options.clock);
        result = wanted_list_set_freshness(r->list, bytes, size, now, &why);
        if (result != ERR_INVALID && result != ERR_NOT_FOUND && result != ERR_DENIED) {
            /* those may pass later */
            memcpy(r->current_hash, hash, HASH_SIZE);
            r->current_result = result;
            r->current_why = why;
        }
    }
    judge_current(r, result, &why);
    if (result == ERR_OK && shelf_put_current(&r->shelf, bytes, size, &why) < 0) {
        keep_failed(r, &why);
    }
    free(bytes);
    return ERR_OK;
}

/* ---- meta ---- */

static bool number_of(const redisReply *reply, uint64_t *out)
{
    char *end = NULL;
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0 || reply->len > 19) {
        return false;
    }
    *out = strtoull(reply->str, &end, 10);
    return *end == '\0' && reply->str[0] >= '0' && reply->str[0] <= '9';
}

static int read_meta(struct wanted_reader *r, struct reader_meta *out, struct err_text *err)
{
    redisReply *reply = NULL;
    const struct link_arg args[] = {
        LINK_TEXT("HMGET"), LINK_TEXT(KEY_META), LINK_TEXT("revision"), LINK_TEXT("snapshot"),
        LINK_TEXT("hash"),  LINK_TEXT("format"), LINK_TEXT("keyset")};
    int result = link_call(&r->link, args, 7, &reply, err);
    if (result < 0) {
        return result;
    }
    struct reader_meta meta = {0};
    bool array = reply->type == REDIS_REPLY_ARRAY && reply->elements == 5;
    bool none = array;
    for (size_t i = 0; array && i < 5; i++) {
        none = none && reply->element[i]->type == REDIS_REPLY_NIL;
    }
    meta.present = array && number_of(reply->element[0], &meta.revision) &&
                   number_of(reply->element[1], &meta.snapshot) &&
                   number_of(reply->element[4], &meta.keyset) &&
                   reply->element[2]->type == REDIS_REPLY_STRING &&
                   reply->element[2]->len < sizeof(meta.hash) &&
                   reply->element[3]->type == REDIS_REPLY_STRING &&
                   strcmp(reply->element[3]->str, META_FORMAT) == 0;
    if (meta.present) {
        memcpy(meta.hash, reply->element[2]->str, reply->element[2]->len + 1);
    } else if (!none) {
        find_altered(r, KEY_META, "fields missing or malformed");
    }
    freeReplyObject(reply);
    *out = meta;
    return ERR_OK;
}

/* ---- snapshot ---- */

struct chunk_path {
    struct wanted_reader *reader;
    int link_fault; /* the connection's, not the snapshot's */
    bool kept;      /* every chunk so far is on disk */
};

/* From Redis, kept on disk on the way. */
static int fetch_chunk(void *ctx, uint64_t revision, size_t index, uint8_t **out, size_t *out_size,
                       struct err_text *err)
{
    struct chunk_path *path = ctx;
    struct err_text why = {{0}};
    char key[CHUNK_KEY_SIZE];
    (void)snprintf(key, sizeof(key), CHUNK_KEY_FORM, revision, index); /* fits */
    reader_step(path->reader, index);
    int result = link_get(&path->reader->link, key, SNAPSHOT_CHUNK_MAX, out, out_size, err);
    if (is_link_fault(result)) {
        path->link_fault = result;
    }
    if (result == ERR_OK && path->kept &&
        shelf_put_chunk(&path->reader->shelf, revision, index, *out, *out_size, &why) < 0) {
        path->kept = false;
        keep_failed(path->reader, &why);
    }
    return result;
}

static int read_manifest(struct wanted_reader *r, redisReply **out, struct err_text *err)
{
    const struct link_arg args[] = {LINK_TEXT("HGET"), LINK_TEXT(KEY_META),
                                    LINK_TEXT(META_MANIFEST)};
    return link_call(&r->link, args, 3, out, err);
}

static void keep_snapshot(struct wanted_reader *r, const struct wanted_list *list,
                          const redisReply *manifest)
{
    struct err_text why = {{0}};
    if (shelf_put_snapshot(&r->shelf, wanted_list_head(list)->revision,
                           wanted_list_keyset(list)->version, wanted_list_snapshot_chunks(list),
                           manifest->str, manifest->len, &why) < 0) {
        keep_failed(r, &why);
    }
}

/* Loads Redis' snapshot when it is ahead of the list: from nothing, or over a gap. */
static int look_snapshot(struct wanted_reader *r, struct err_text *err)
{
    redisReply *manifest = NULL;
    struct err_text why = {{0}};
    struct chunk_path path = {.reader = r, .kept = true};
    if (!r->meta.present || r->meta.snapshot <= wanted_list_head(r->list)->revision ||
        !wanted_list_keyset(r->list)) {
        return ERR_OK;
    }
    int result = read_manifest(r, &manifest, err);
    if (result < 0) {
        return result;
    }
    if (manifest->type != REDIS_REPLY_STRING) {
        r->incomplete = true;
        freeReplyObject(manifest);
        return ERR_OK;
    }
    result =
        wanted_list_load_snapshot(r->list, manifest->str, manifest->len, fetch_chunk, &path, &why);
    if (result == ERR_OK && path.kept) {
        keep_snapshot(r, r->list, manifest);
    }
    r->owes_index = r->owes_index || result == ERR_OK;
    freeReplyObject(manifest);
    if (path.link_fault || result == ERR_NO_MEMORY) {
        return err_set(err, path.link_fault ? path.link_fault : result, "%s", why.text);
    }
    if (result == ERR_NOT_FOUND) {
        r->incomplete = true;
    } else if (result < 0) {
        find_altered(r, "snapshot", why.text);
    }
    return ERR_OK;
}

/* ---- stream ---- */

static int apply(struct wanted_reader *r, const struct delta *d, struct err_text *why)
{
    if (d->minor != 0 || !d->bytes) {
        return err_set(why, ERR_CORRUPT, "not a batch");
    }
    int result = wanted_list_apply_batch(r->list, d->bytes, d->size, why);
    if (result == ERR_OK) {
        r->owes_index = true;
        keep_batch(r, d);
    }
    return result;
}

/* One item of the stream. Only link faults and memory are errors. */
static int take(struct wanted_reader *r, const struct delta *d, struct err_text *err)
{
    struct err_text why = {{0}};
    char what[64];
    r->cursor = d->revision;
    r->cursor_minor = d->minor;
    int result = apply(r, d, &why);
    if (result == ERR_DENIED) { /* perhaps under a key set that came with it */
        result = look_keyset(r, err);
        if (result < 0) {
            return result;
        }
        result = apply(r, d, &why);
    }
    if (result == ERR_NO_MEMORY) {
        return err_set(err, result, "%s", why.text);
    }
    if (result == ERR_OK || result == ERR_STALE) {
        return ERR_OK;
    }
    (void)snprintf(what, sizeof(what), KEY_DELTA " %" PRIu64, d->revision); /* fits */
    if (result == ERR_NOT_FOUND) {
        r->incomplete = true;
    } else if (result == ERR_CONFLICT) {
        r->forked = true;
        (void)err_set(&r->finding, result, "%s: %.300s", what, why.text);
    } else {
        find_altered(r, what, why.text);
    }
    return ERR_OK;
}

int reader_take_deltas(struct wanted_reader *r, int wait_ms, size_t *out_count,
                       struct err_text *err)
{
    struct delta items[READER_PAGE];
    bool before = r->altered || r->forked || r->incomplete;
    int result = delta_read(&r->link, r->cursor, r->cursor_minor, wait_ms, items, READER_PAGE,
                            out_count, err);
    for (size_t i = 0; i < *out_count; i++) {
        if (result == ERR_OK) {
            result = take(r, &items[i], err);
        }
        delta_free(&items[i]);
    }
    if (!before && (r->altered || r->forked || r->incomplete)) {
        r->check_at = clock_mono(r->options.clock); /* look at everything, then say what it is */
    }
    return result;
}

/* Everything behind the list, whatever the cursor has seen. */
static int look_stream(struct wanted_reader *r, struct err_text *err)
{
    size_t count = 0;
    uint64_t before;
    int result;
    r->cursor = wanted_list_head(r->list)->revision;
    r->cursor_minor = 0;
    do {
        before = wanted_list_head(r->list)->revision;
        result = reader_take_deltas(r, 0, &count, err);
    } while (result == ERR_OK && count > 0 && wanted_list_head(r->list)->revision > before);
    return result;
}

/* Whether the stream's last item is the batch the list ends with. */
static int look_tail(struct wanted_reader *r, struct err_text *err)
{
    const struct list_head *head = wanted_list_head(r->list);
    struct delta last = {0};
    struct envelope e = {0};
    struct err_text why = {{0}};
    uint8_t hash[HASH_SIZE] = {0};
    if (!r->meta.present || head->revision == 0 || r->meta.snapshot >= head->revision) {
        return ERR_OK;
    }
    int result = delta_get(&r->link, head->revision, &last, &why);
    if (is_link_fault(result)) {
        return err_set(err, result, "%s", why.text);
    }
    if (result == ERR_NOT_FOUND) {
        r->incomplete = true;
        return ERR_OK;
    }
    if (result == ERR_OK) {
        result = envelope_parse(last.bytes, last.size, &e, &why);
    }
    if (result == ERR_OK) {
        result = hash_bytes(e.payload, e.payload_size, hash);
    }
    if (result < 0 || memcmp(hash, head->hash, HASH_SIZE) != 0) {
        find_altered(r, KEY_DELTA, "its last batch is not the one that was taken");
    }
    envelope_fini(&e);
    delta_free(&last);
    return ERR_OK;
}

/* ---- the whole ---- */

/* Brings a shelf that fell behind (full disk) up again from Redis. */
static int look_shelf(struct wanted_reader *r, struct err_text *err)
{
    struct err_text why = {{0}};
    const struct list_head *head = wanted_list_head(r->list);
    while (shelf_revision(&r->shelf) < head->revision) {
        struct delta next = {0};
        struct batch batch = {0};
        uint64_t revision = shelf_revision(&r->shelf) + 1;
        int result = delta_get(&r->link, revision, &next, &why);
        if (is_link_fault(result)) {
            return err_set(err, result, "%s", why.text);
        }
        if (result == ERR_OK) {
            result = batch_verify(wanted_list_keyset(r->list), next.bytes, next.size, &batch, &why);
        }
        if (result == ERR_OK) {
            result = shelf_add_batch(&r->shelf, revision, wanted_list_keyset(r->list)->version,
                                     next.bytes, next.size, &why);
        }
        batch_fini(&batch);
        delta_free(&next);
        if (result == ERR_OK) {
            result = shelf_flush(&r->shelf, &why);
        }
        if (result < 0) {
            keep_failed(r, &why);
            return ERR_OK;
        }
    }
    return ERR_OK;
}

/* An unsigned promise that is not kept for LAG_MAX_MS. */
static void judge_lag(struct wanted_reader *r)
{
    struct mono_time now = clock_mono(r->options.clock);
    bool behind = r->incomplete ||
                  (r->meta.present && r->meta.revision > wanted_list_head(r->list)->revision);
    if (behind && !r->lagging) {
        r->lagging_since = now;
    }
    r->lagging = behind;
    alarms_set(&r->alarms, EVENT_WANTED_CUT,
               behind && mono_diff_ms(now, r->lagging_since) >= LAG_MAX_MS,
               "Redis does not hold all it should");
}

static void judge(struct wanted_reader *r)
{
    const struct list_head *head = wanted_list_head(r->list);
    char hash[HASH_TEXT_SIZE];
    char detail[96];
    hash_format(head->hash, hash);
    if (r->meta.present && r->meta.revision == head->revision && strcmp(r->meta.hash, hash) != 0) {
        find_altered(r, KEY_META, "another hash for the revision held");
    }
    (void)snprintf(detail, sizeof(detail), "Redis %" PRIu64 ", in force %" PRIu64, r->meta.revision,
                   head->revision); /* fits */
    alarms_set(&r->alarms, EVENT_WANTED_REDIS_EMPTY, !r->meta.present && !r->altered, "");
    alarms_set(&r->alarms, EVENT_WANTED_OLDER, r->meta.present && r->meta.revision < head->revision,
               detail);
    alarms_set(&r->alarms, EVENT_WANTED_ALTERED, r->altered, r->finding.text);
    alarms_set(&r->alarms, EVENT_WANTED_FORK, r->forked, r->finding.text);
    judge_lag(r);
    if (shelf_revision(&r->shelf) == head->revision) {
        alarms_end(&r->alarms, EVENT_WANTED_FILE_DAMAGED);
    }
}

int reader_check(struct wanted_reader *r, struct err_text *err)
{
    r->altered = r->forked = r->incomplete = false;
    r->finding = (struct err_text){{0}};
    int result = look_keyset(r, err);
    if (result == ERR_OK) {
        result = reader_look_policy(r, err);
    }
    if (result == ERR_OK) {
        result = read_meta(r, &r->meta, err);
    }
    if (result == ERR_OK) {
        result = look_snapshot(r, err);
    }
    if (result == ERR_OK && wanted_list_keyset(r->list)) {
        result = look_stream(r, err);
    }
    if (result == ERR_OK) {
        result = look_tail(r, err);
    }
    if (result == ERR_OK) {
        result = look_current(r, err);
    }
    if (result == ERR_OK) {
        result = look_shelf(r, err);
    }
    if (result == ERR_OK) {
        judge(r);
    }
    return result;
}

int reader_glance(struct wanted_reader *r, struct err_text *err)
{
    struct reader_meta now;
    bool altered = r->altered;
    int result = read_meta(r, &now, err);
    if (result < 0) {
        return result;
    }
    if (now.present != r->meta.present || now.revision != r->meta.revision ||
        now.snapshot != r->meta.snapshot || now.keyset != r->meta.keyset ||
        strcmp(now.hash, r->meta.hash) != 0 || altered != r->altered) {
        r->check_at = clock_mono(r->options.clock);
    }
    return look_current(r, err);
}
