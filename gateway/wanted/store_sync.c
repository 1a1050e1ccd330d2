/*
 * Redis made equal to the shelf. Nothing is remembered of what Redis held: each sync looks, so a
 * restart, a flush or a foreign hand is found by what is there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wanted/delta.h"
#include "gateway/wanted/keys.h"
#include "gateway/wanted/store_state.h"

enum meta_field {
    META_REVISION,
    META_HASH,
    META_KEYSET,
    META_SNAPSHOT,
    META_CHUNKS,
    META_FORM,
    META_FIELDS
};

static const char *const meta_names[META_FIELDS] = {"revision", "hash",   "keyset",
                                                    "snapshot", "chunks", "format"};

struct meta_texts {
    char text[META_FIELDS][HASH_TEXT_SIZE];
};

/* What Redis holds, by one look. */
struct look {
    bool meta_base; /* format, snapshot and chunks are right: the rest can be added to */
    bool meta_good; /* revision, hash and key set too */
    bool keyset_good;
    bool current_good;
    bool policy_good;
    uint64_t length;  /* of the stream */
    uint64_t reached; /* revision of the stream's last batch */
    bool tail_good;   /* that batch stands there as signed, where it belongs */
};

static void meta_of(const struct wanted_store *store, struct meta_texts *out)
{
    const struct keyset *set = wanted_list_keyset(store->list);
    const struct list_head *head = wanted_list_head(store->list);
    size_t chunks = store->shelf.snapshot_chunks;
    (void)snprintf(out->text[META_FORM], HASH_TEXT_SIZE, "%s", META_FORMAT); /* all fit */
    (void)snprintf(out->text[META_REVISION], HASH_TEXT_SIZE, "%" PRIu64, head->revision);
    (void)snprintf(out->text[META_KEYSET], HASH_TEXT_SIZE, "%" PRIu64, set ? set->version : 0);
    hash_format(head->hash, out->text[META_HASH]);
    (void)snprintf(out->text[META_SNAPSHOT], HASH_TEXT_SIZE, "%" PRIu64, store->shelf.snapshot);
    (void)snprintf(out->text[META_CHUNKS], HASH_TEXT_SIZE, "%zu", chunks);
}

static bool same_bytes(const redisReply *reply, const void *data, size_t size)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == size &&
           (size == 0 || memcmp(reply->str, data, size) == 0);
}

/* A command whose reply is of no interest beyond its success. */
static int run(struct wanted_store *store, const struct link_arg *args, size_t count,
               struct err_text *err)
{
    redisReply *reply = NULL;
    int result = link_call(&store->link, args, count, &reply, err);
    freeReplyObject(reply);
    return result;
}

/* ---- looking ---- */

static int look_meta(struct wanted_store *store, struct look *look, struct err_text *err)
{
    struct meta_texts want;
    redisReply *reply = NULL;
    struct link_arg args[2 + META_FIELDS] = {LINK_TEXT("HMGET"), LINK_TEXT(KEY_META)};
    for (size_t i = 0; i < META_FIELDS; i++) {
        args[2 + i] = LINK_TEXT(meta_names[i]);
    }
    int result = link_call(&store->link, args, 2 + META_FIELDS, &reply, err);
    if (result < 0) {
        return result;
    }
    meta_of(store, &want);
    look->meta_base = reply->type == REDIS_REPLY_ARRAY && reply->elements == META_FIELDS;
    look->meta_good = look->meta_base;
    for (size_t i = 0; i < META_FIELDS && i < reply->elements; i++) {
        bool same = same_bytes(reply->element[i], want.text[i], strlen(want.text[i]));
        look->meta_good = look->meta_good && same;
        look->meta_base = look->meta_base && (same || i <= META_KEYSET);
    }
    freeReplyObject(reply);
    return ERR_OK;
}

/* Whether a string key holds exactly these bytes (NULL: none expected, any will do). */
static int look_string(struct wanted_store *store, const char *key, const uint8_t *want,
                       size_t size, bool *out, struct err_text *err)
{
    uint8_t *got = NULL;
    size_t got_size = 0;
    *out = want == NULL;
    if (!want) {
        return ERR_OK;
    }
    int result = link_get(&store->link, key, size, &got, &got_size, err);
    if (result == ERR_OK) {
        *out = got_size == size && memcmp(got, want, size) == 0;
        free(got);
    }
    bool told = result == ERR_NOT_FOUND || result == ERR_TOO_LARGE || result == ERR_CORRUPT;
    return told ? ERR_OK : result;
}

static int look_stream(struct wanted_store *store, struct look *look, struct err_text *err)
{
    struct delta last = {0};
    uint8_t *batch = NULL;
    size_t size = 0;
    int result = delta_length(&store->link, &look->length, err);
    if (result == ERR_OK && look->length > 0) {
        result = delta_last(&store->link, &last, err);
    }
    if (result < 0) {
        return result;
    }
    look->reached = look->length > 0 ? last.revision : store->shelf.snapshot;
    look->tail_good = look->reached == store->shelf.snapshot + look->length;
    if (look->length > 0 && look->tail_good && look->reached <= shelf_revision(&store->shelf)) {
        result = shelf_get_batch(&store->shelf, look->reached, &batch, &size, err);
        look->tail_good = result == ERR_OK && last.bytes && last.size == size &&
                          memcmp(last.bytes, batch, size) == 0;
    }
    free(batch);
    delta_free(&last);
    return result;
}

static int look_at_redis(struct wanted_store *store, struct look *look, struct err_text *err)
{
    *look = (struct look){0};
    int result = look_meta(store, look, err);
    if (result == ERR_OK) {
        result = look_string(store, KEY_KEYSET, store->keyset, store->keyset_size,
                             &look->keyset_good, err);
    }
    if (result == ERR_OK) {
        result = look_string(store, KEY_CURRENT, store->current, store->current_size,
                             &look->current_good, err);
    }
    if (result == ERR_OK) {
        result = look_string(store, KEY_POLICY, store->policy.bytes, store->policy.size,
                             &look->policy_good, err);
    }
    return result == ERR_OK ? look_stream(store, look, err) : result;
}

/* ---- writing ---- */

static int set_string(struct wanted_store *store, const char *key, const uint8_t *bytes,
                      size_t size, struct err_text *err)
{
    const struct link_arg args[] = {LINK_TEXT("SET"), LINK_TEXT(key), {bytes, size}};
    return bytes ? run(store, args, 3, err) : ERR_OK;
}

static int set_meta(struct wanted_store *store, struct err_text *err)
{
    struct meta_texts want;
    uint8_t *manifest = NULL;
    size_t size = 0;
    struct link_arg args[2 + 2 * META_FIELDS + 2] = {LINK_TEXT("HSET"), LINK_TEXT(KEY_META)};
    size_t count = 2;
    int result =
        store->shelf.snapshot ? shelf_get_snapshot(&store->shelf, &manifest, &size, err) : ERR_OK;
    meta_of(store, &want);
    for (size_t i = 0; i < META_FIELDS; i++) {
        args[count++] = LINK_TEXT(meta_names[i]);
        args[count++] = LINK_TEXT(want.text[i]);
    }
    args[count++] = LINK_TEXT(META_MANIFEST);
    args[count++] = (struct link_arg){manifest ? (const void *)manifest : "", size};
    if (result == ERR_OK) {
        result = run(store, args, count, err);
    }
    free(manifest);
    return result;
}

static int write_chunks(struct wanted_store *store, struct err_text *err)
{
    size_t chunks = store->shelf.snapshot_chunks;
    int result = ERR_OK;
    for (size_t i = 0; i < chunks && result == ERR_OK; i++) {
        char key[CHUNK_KEY_SIZE];
        uint8_t *bytes = NULL;
        size_t size = 0;
        (void)snprintf(key, sizeof(key), CHUNK_KEY_FORM, store->shelf.snapshot, i); /* fits */
        store_step(store, i);
        result = shelf_get_chunk(&store->shelf, store->shelf.snapshot, i, &bytes, &size, err);
        if (result == ERR_OK) {
            result = set_string(store, key, bytes, size, err);
        }
        free(bytes);
    }
    return result;
}

static int write_batches(struct wanted_store *store, uint64_t after, struct err_text *err)
{
    int result = ERR_OK;
    for (uint64_t r = after + 1; r <= shelf_revision(&store->shelf) && result == ERR_OK; r++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        store_step(store, r - after);
        result = shelf_get_batch(&store->shelf, r, &bytes, &size, err);
        if (result == ERR_OK) {
            result = delta_add(&store->link, r, bytes, size, err);
        }
        free(bytes);
    }
    return result;
}

static bool stays(const redisReply *key)
{
    return same_bytes(key, KEY_META, strlen(KEY_META)) ||
           same_bytes(key, KEY_KEYSET, strlen(KEY_KEYSET)) ||
           same_bytes(key, KEY_CURRENT, strlen(KEY_CURRENT)) ||
           same_bytes(key, KEY_POLICY, strlen(KEY_POLICY));
}

static int remove_page(struct wanted_store *store, const redisReply *keys, struct err_text *err)
{
    int result = ERR_OK;
    for (size_t i = 0; i < keys->elements && result == ERR_OK; i++) {
        const redisReply *key = keys->element[i];
        if (key->type == REDIS_REPLY_STRING && !stays(key)) {
            const struct link_arg args[] = {LINK_TEXT("UNLINK"), {key->str, key->len}};
            result = run(store, args, 2, err);
        }
    }
    return result;
}

/* Everything but the four keys that are written over. */
static int remove_rest(struct wanted_store *store, struct err_text *err)
{
    char cursor[NUMBER_SIZE] = "0";
    int result = ERR_OK;
    do {
        redisReply *reply = NULL;
        const struct link_arg args[] = {LINK_TEXT("SCAN"),  LINK_TEXT(cursor),  LINK_TEXT("MATCH"),
                                        LINK_TEXT(KEY_ALL), LINK_TEXT("COUNT"), LINK_TEXT("1000")};
        result = link_call(&store->link, args, 6, &reply, err);
        if (result < 0) {
            return result;
        }
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
            reply->element[0]->type != REDIS_REPLY_STRING ||
            reply->element[0]->len >= sizeof(cursor) ||
            reply->element[1]->type != REDIS_REPLY_ARRAY) {
            freeReplyObject(reply);
            return err_set(err, ERR_CORRUPT, "redis: malformed reply to SCAN");
        }
        memcpy(cursor, reply->element[0]->str, reply->element[0]->len + 1);
        result = remove_page(store, reply->element[1], err);
        freeReplyObject(reply);
    } while (result == ERR_OK && strcmp(cursor, "0") != 0);
    return result;
}

/* What the reader needs first is written first; the reader never sees a meta behind the list. */
static int write_all(struct wanted_store *store, struct err_text *err)
{
    const struct link_arg unlink_meta[] = {LINK_TEXT("UNLINK"), LINK_TEXT(KEY_META)};
    int result = set_string(store, KEY_KEYSET, store->keyset, store->keyset_size, err);
    if (result == ERR_OK) {
        result = set_meta(store, err);
    }
    if (result == ERR_CORRUPT) { /* not a hash */
        result = run(store, unlink_meta, 2, err);
        result = result == ERR_OK ? set_meta(store, err) : result;
    }
    if (result == ERR_OK) {
        result = remove_rest(store, err);
    }
    if (result == ERR_OK) {
        result = write_chunks(store, err);
    }
    if (result == ERR_OK) {
        result = write_batches(store, store->shelf.snapshot, err);
    }
    if (result == ERR_OK) {
        result = set_string(store, KEY_POLICY, store->policy.bytes, store->policy.size, err);
    }
    return result == ERR_OK
               ? set_string(store, KEY_CURRENT, store->current, store->current_size, err)
               : result;
}

static int refill(struct wanted_store *store, const char *why, struct err_text *err)
{
    int result = write_all(store, err);
    if (result == ERR_OK) {
        store->refills++;
        store->new_snapshot = false;
        if (why && store->alarms.report) {
            store->alarms.report(store->alarms.ctx, EVENT_WANTED_REFILLED, true, why);
        }
    }
    return result;
}

static int add_missing(struct wanted_store *store, const struct look *look, struct err_text *err)
{
    int result = ERR_OK;
    if (!look->policy_good) {
        result = set_string(store, KEY_POLICY, store->policy.bytes, store->policy.size, err);
    }
    if (result == ERR_OK && !look->keyset_good) {
        result = set_string(store, KEY_KEYSET, store->keyset, store->keyset_size, err);
    }
    if (result == ERR_OK && !look->meta_good) {
        result = set_meta(store, err);
    }
    if (result == ERR_OK) {
        result = write_batches(store, look->reached, err);
    }
    if (result == ERR_OK && !look->current_good) {
        result = set_string(store, KEY_CURRENT, store->current, store->current_size, err);
    }
    return result;
}

/* ---- what Redis has and the shelf lost ---- */

/* Redis outlived the disk: its batches are as signed as any. Refused ones end it. */
static void absorb(struct wanted_store *store)
{
    struct err_text ignored;
    struct delta next = {0};
    const struct list_head *head = wanted_list_head(store->list);
    const struct keyset *set = wanted_list_keyset(store->list);
    while (set && shelf_revision(&store->shelf) == head->revision &&
           delta_get(&store->link, head->revision + 1, &next, &ignored) == ERR_OK &&
           shelf_has_room(&store->shelf, next.size) &&
           wanted_list_apply_batch(store->list, next.bytes, next.size, &ignored) == ERR_OK) {
        if (shelf_add_batch(&store->shelf, head->revision, set->version, next.bytes, next.size,
                            &ignored) < 0) {
            break;
        }
        delta_free(&next);
        store_flush(store);
    }
    delta_free(&next);
}

/* ---- audit ---- */

/* One stored statement a call: manifest, then chunks, then batches, round and round. */
static int audit(struct wanted_store *store, bool *out_good, struct err_text *err)
{
    uint64_t chunks = store->shelf.snapshot_chunks;
    uint64_t batches = shelf_revision(&store->shelf) - store->shelf.snapshot;
    uint64_t manifests = store->shelf.snapshot ? 1 : 0;
    uint64_t at = store->audit_at++;
    uint8_t *want = NULL;
    size_t size = 0;
    char key[CHUNK_KEY_SIZE];
    int result = ERR_OK;
    *out_good = true;
    if (manifests + chunks + batches == 0) {
        return ERR_OK;
    }
    at %= manifests + chunks + batches;
    if (at < manifests) {
        result = shelf_get_snapshot(&store->shelf, &want, &size, err);
        return result == ERR_OK ? delta_same_manifest(&store->link, want, size, out_good, err)
                                : result;
    }
    at -= manifests;
    if (at < chunks) {
        (void)snprintf(key, sizeof(key), CHUNK_KEY_FORM, store->shelf.snapshot, (size_t)at);
        result = shelf_get_chunk(&store->shelf, store->shelf.snapshot, at, &want, &size, err);
        if (result == ERR_OK) {
            result = look_string(store, key, want, size, out_good, err);
        }
        free(want);
        return result;
    }
    uint64_t revision = store->shelf.snapshot + 1 + (at - chunks);
    struct delta got = {0};
    result = shelf_get_batch(&store->shelf, revision, &want, &size, err);
    if (result == ERR_OK) {
        result = delta_get(&store->link, revision, &got, err);
        *out_good = result == ERR_OK && got.size == size && memcmp(got.bytes, want, size) == 0;
        result = result == ERR_NOT_FOUND || result == ERR_CORRUPT ? ERR_OK : result;
    }
    delta_free(&got);
    free(want);
    return result;
}

/* ---- sync ---- */

static int bring_up(struct wanted_store *store, struct err_text *err)
{
    struct look look;
    int result = look_at_redis(store, &look, err);
    if (result == ERR_CORRUPT || result == ERR_NOT_FOUND) {
        return refill(store, err->text, err);
    }
    if (result < 0) {
        return result;
    }
    if (look.tail_good && look.reached > shelf_revision(&store->shelf)) {
        absorb(store);
        look.tail_good = look.reached == shelf_revision(&store->shelf);
        look.meta_good = false;
    }
    if (wanted_list_head(store->list)->revision == 0) { /* nothing to say that Redis should lose */
        look.meta_good = true;
        return add_missing(store, &look, err);
    }
    if (!look.meta_base || !look.tail_good) {
        return refill(store, store->new_snapshot ? NULL : "Redis did not hold what was written",
                      err);
    }
    return add_missing(store, &look, err);
}

int wanted_store_sync(struct wanted_store *store, struct err_text *err)
{
    struct err_text why = {{0}};
    bool good = true;
    store_flush(store);
    int result = link_ensure(&store->link, &why);
    if (result == ERR_OK) {
        result = bring_up(store, &why);
    }
    if (result == ERR_OK) {
        result = audit(store, &good, &why);
    }
    if (result == ERR_OK && !good) {
        result = refill(store, "a stored statement was altered or is missing", &why);
    }
    if (result == ERR_CONFLICT || result == ERR_CORRUPT) { /* the stream takes no more */
        result = refill(store, "Redis did not take what was written", &why);
    }
    store->redis_current = result == ERR_OK;
    alarms_link(&store->alarms, result, why.text);
    return err_set(err, result, "%s", why.text);
}

int wanted_store_refill(struct wanted_store *store, struct err_text *err)
{
    struct err_text why = {{0}};
    int result = link_ensure(&store->link, &why);
    if (result == ERR_OK) {
        result = refill(store, "asked for", &why);
    }
    store->redis_current = result == ERR_OK;
    alarms_link(&store->alarms, result, why.text);
    return err_set(err, result, "%s", why.text);
}
