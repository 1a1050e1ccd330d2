/*
 * The list in memory: what may come into it, and where it stands. Its entries: entries.c.
 */
#include "gateway/wanted/list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wanted/entries.h"

struct wanted_list {
    struct root_keys roots;
    struct keyset keyset;
    bool has_keyset;
    struct list_head head;
    bool from_snapshot; /* head.time is the snapshot's, which may be later than the next batch's */
    size_t snapshot_chunks;
    struct entries entries;
    struct freshness freshness;
    bool has_freshness;
    struct wall_time covered_until; /* 0 = no statement has covered this chain */
};

int wanted_list_create(const struct root_keys *roots, struct wanted_list **out)
{
    struct wanted_list *list = calloc(1, sizeof(*list));
    if (!list) {
        return ERR_NO_MEMORY;
    }
    list->roots = *roots;
    *out = list;
    return ERR_OK;
}

void wanted_list_without_texts(struct wanted_list *list)
{
    list->entries.without_texts = true;
}

void wanted_list_destroy(struct wanted_list *list)
{
    if (list) {
        entries_fini(&list->entries);
        free(list);
    }
}

int wanted_list_create_beside(const struct wanted_list *list, struct wanted_list **out)
{
    struct wanted_list *beside = malloc(sizeof(*beside));
    if (!beside) {
        return ERR_NO_MEMORY;
    }
    *beside = *list;
    beside->entries = (struct entries){.without_texts = list->entries.without_texts};
    *out = beside;
    return ERR_OK;
}

int wanted_list_set_keyset(struct wanted_list *list, const void *envelope, size_t size,
                           struct err_text *err)
{
    struct keyset next;
    int result = keyset_verify(&list->roots, envelope, size, &next, err);
    if (result < 0) {
        return err_prefix(err, result, "key set");
    }
    if (list->has_keyset && next.version == list->keyset.version &&
        memcmp(next.hash, list->keyset.hash, HASH_SIZE) == 0) {
        return ERR_OK;
    }
    result = keyset_check_newer(list->has_keyset ? &list->keyset : NULL, &next, err);
    if (result < 0) {
        return err_prefix(err, result, "key set");
    }
    if (list->has_keyset && strcmp(next.fleet, list->keyset.fleet) != 0) {
        return err_set(err, ERR_DENIED, "key set: of fleet '%s', expected '%s'", next.fleet,
                       list->keyset.fleet);
    }
    list->keyset = next;
    list->has_keyset = true;
    return ERR_OK;
}

static int require_keyset(const struct wanted_list *list, struct err_text *err)
{
    return list->has_keyset ? ERR_OK : err_set(err, ERR_NOT_FOUND, "no key set yet");
}

/* Notes when the newest statement covers exactly what is held. */
static void update_cover(struct wanted_list *list)
{
    if (list->has_freshness && list->head.revision > 0 &&
        list->freshness.revision == list->head.revision &&
        memcmp(list->freshness.hash, list->head.hash, HASH_SIZE) == 0) {
        list->covered_until = list->freshness.valid_until;
    }
}

static const struct wanted_record *find_record(void *ctx, uint64_t id)
{
    const struct wanted_entry *entry = wanted_list_find(ctx, id);
    return entry ? &entry->match.record : NULL;
}

int wanted_list_apply_batch(struct wanted_list *list, const void *envelope, size_t size,
                            struct err_text *err)
{
    struct batch batch = {0};
    int result = require_keyset(list, err);
    if (result == ERR_OK) {
        result = batch_verify(&list->keyset, envelope, size, &batch, err);
    }
    if (result == ERR_OK) {
        struct list_head head = list->head;
        head.time.ms = list->from_snapshot ? 0 : head.time.ms;
        result = batch_check_next(&head, &batch, err);
    }
    if (result == ERR_OK) {
        result = batch_check_list(&batch, find_record, list, err);
    }
    if (result == ERR_OK) {
        result = entries_apply(&list->entries, &batch);
        if (result < 0) {
            (void)err_set(err, result, "batch %" PRIu64 ": out of memory", batch.revision);
        }
    }
    if (result == ERR_OK) {
        list->head.revision = batch.revision;
        memcpy(list->head.hash, batch.hash, HASH_SIZE);
        list->head.time = batch.time;
        list->from_snapshot = false;
        update_cover(list);
    }
    batch_fini(&batch);
    return result;
}

static int read_chunks(const struct snapshot *snapshot, wanted_chunk_source source, void *ctx,
                       struct entries *out, struct err_text *err)
{
    struct snapshot_reader reader;
    int result = ERR_OK;
    snapshot_read_begin(&reader, snapshot);
    for (size_t i = 0; i < snapshot->chunk_count && result == ERR_OK; i++) {
        struct snapshot_part part = {0};
        uint8_t *stored = NULL;
        size_t size = 0;
        result = source(ctx, snapshot->revision, i, &stored, &size, err);
        if (result == ERR_OK) {
            result = snapshot_read_chunk(&reader, stored, size, false, &part, err);
        }
        if (result == ERR_OK) {
            result = entries_append(out, part.items, part.count);
        }
        snapshot_part_fini(&part);
        free(stored);
    }
    return result == ERR_OK ? snapshot_read_end(&reader, err) : result;
}

int wanted_list_load_snapshot(struct wanted_list *list, const void *manifest, size_t size,
                              wanted_chunk_source source, void *ctx, struct err_text *err)
{
    struct snapshot snapshot = {0};
    struct entries entries = {.without_texts = list->entries.without_texts};
    int result = require_keyset(list, err);
    if (result == ERR_OK) {
        result = snapshot_verify(&list->keyset, manifest, size, &snapshot, err);
    }
    if (result == ERR_OK) {
        result = snapshot_check_newer(&snapshot, &list->head, err);
    }
    if (result == ERR_OK) {
        result = read_chunks(&snapshot, source, ctx, &entries, err);
    }
    if (result == ERR_OK) {
        entries_replace(&list->entries, &entries);
        list->head.revision = snapshot.revision;
        memcpy(list->head.hash, snapshot.hash, HASH_SIZE);
        list->head.time = snapshot.time;
        list->from_snapshot = true;
        list->snapshot_chunks = snapshot.chunk_count;
        update_cover(list);
    }
    entries_fini(&entries);
    snapshot_fini(&snapshot);
    return result;
}

int wanted_list_set_freshness(struct wanted_list *list, const void *envelope, size_t size,
                              struct wall_time now, struct err_text *err)
{
    struct freshness next;
    int result = require_keyset(list, err);
    if (result == ERR_OK) {
        result = freshness_verify(&list->keyset, envelope, size, &next, err);
    }
    if (result != ERR_OK) {
        return err_prefix(err, result, "still-current statement");
    }
    if (list->has_freshness && next.time.ms < list->freshness.time.ms) {
        return err_set(err, ERR_STALE, "still-current statement: older than the one held");
    }
    if (next.time.ms > now.ms + FRESHNESS_AHEAD_MAX_MS) {
        return err_set(err, ERR_INVALID, "still-current statement: dated %" PRId64 " s ahead",
                       (next.time.ms - now.ms) / 1000);
    }
    list->freshness = next;
    list->has_freshness = true;
    update_cover(list);
    if (next.revision == list->head.revision && next.revision > 0 &&
        memcmp(next.hash, list->head.hash, HASH_SIZE) != 0) {
        return err_set(err, ERR_CONFLICT,
                       "still-current statement: names another batch of revision %" PRIu64,
                       next.revision);
    }
    return ERR_OK;
}

/* Headquarters speaks of a later list, or of another one at this revision. */
static bool contradicted(const struct wanted_list *list)
{
    const struct freshness *f = &list->freshness;
    return list->has_freshness && (f->revision > list->head.revision ||
                                   (f->revision == list->head.revision &&
                                    memcmp(f->hash, list->head.hash, HASH_SIZE) != 0));
}

void wanted_list_status(const struct wanted_list *list, struct wall_time now,
                        struct list_status *out)
{
    bool current = now.ms < list->covered_until.ms && !contradicted(list);
    *out = (struct list_status){.revision = list->head.revision,
                                .signed_at = list->head.time,
                                .current_until = list->covered_until};
    memcpy(out->hash, list->head.hash, HASH_SIZE);
    out->state = list->head.revision == 0 ? LIST_NONE : current ? LIST_CURRENT : LIST_STALE;
}

const struct list_head *wanted_list_head(const struct wanted_list *list)
{
    return &list->head;
}

const struct keyset *wanted_list_keyset(const struct wanted_list *list)
{
    return list->has_keyset ? &list->keyset : NULL;
}

const struct freshness *wanted_list_freshness(const struct wanted_list *list)
{
    return list->has_freshness ? &list->freshness : NULL;
}

size_t wanted_list_snapshot_chunks(const struct wanted_list *list)
{
    return list->snapshot_chunks;
}

size_t wanted_list_count(const struct wanted_list *list)
{
    return list->entries.order.count;
}

const struct wanted_entry *wanted_list_next(const struct wanted_list *list,
                                            struct wanted_cursor *cursor)
{
    return order_next(&list->entries.order, cursor);
}

const struct wanted_entry *wanted_list_find(const struct wanted_list *list, uint64_t id)
{
    struct wanted_entry **slot = order_find(&list->entries.order, id);
    return slot ? *slot : NULL;
}

void wanted_list_changes(const struct wanted_list *list, struct wanted_changes *out)
{
    const struct entries *e = &list->entries;
    *out = (struct wanted_changes){.whole = true};
    if (e->noting) {
        *out = (struct wanted_changes){
            .added = (const struct wanted_entry *const *)e->added.entries,
            .added_count = e->added.count,
            .withdrawn = (const struct wanted_entry *const *)e->withdrawn.entries,
            .withdrawn_count = e->withdrawn.count};
    }
}

void wanted_list_settle(struct wanted_list *list)
{
    entries_settle(&list->entries);
}
