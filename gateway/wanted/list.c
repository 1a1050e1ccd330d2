/*
 * The list in memory. Entries lie sorted by id in one array; their texts stay in the bytes they
 * came in (a block a batch or chunk, counted), which shares keep alive.
 */
#include "gateway/wanted/list.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct text_block {
    atomic_uint references; /* by lists; acq_rel on the way down, so the last one sees all uses */
    uint8_t *bytes;
};

struct block_slot {
    struct text_block *block; /* NULL: free */
    size_t live;              /* entries of this list whose text lies in it */
};

struct contents {
    struct wanted_entry *entries;
    size_t count;
    size_t capacity;
    struct block_slot *slots;
    size_t slot_count;
};

struct wanted_list {
    struct root_keys roots;
    struct keyset keyset;
    bool has_keyset;
    struct list_head head;
    bool from_snapshot; /* head.time is the snapshot's, which may be later than the next batch's */
    size_t snapshot_chunks;
    struct contents contents;
    struct freshness freshness;
    bool has_freshness;
    struct wall_time covered_until; /* 0 = no statement has covered this chain */
};

static void block_release(struct text_block *block)
{
    if (atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) == 1) {
        free(block->bytes);
        free(block);
    }
}

static void contents_fini(struct contents *c)
{
    for (size_t i = 0; i < c->slot_count; i++) {
        if (c->slots[i].block) {
            block_release(c->slots[i].block);
        }
    }
    free(c->slots);
    free(c->entries);
    *c = (struct contents){0};
}

/* Room for `more` entries. */
static int contents_reserve(struct contents *c, size_t more)
{
    if (c->capacity - c->count >= more) {
        return ERR_OK;
    }
    size_t capacity = c->capacity + c->capacity / 2;
    capacity = capacity < c->count + more ? c->count + more : capacity;
    struct wanted_entry *entries = realloc(c->entries, capacity * sizeof(*entries));
    if (!entries) {
        return ERR_NO_MEMORY;
    }
    c->entries = entries;
    c->capacity = capacity;
    return ERR_OK;
}

/* A slot around `bytes`, which it takes over on success only. */
static int contents_add_block(struct contents *c, uint8_t *bytes, uint32_t *out_slot)
{
    size_t slot = 0;
    while (slot < c->slot_count && c->slots[slot].block) {
        slot++;
    }
    if (slot == c->slot_count) {
        struct block_slot *slots = realloc(c->slots, (slot + 1) * sizeof(*slots));
        if (!slots) {
            return ERR_NO_MEMORY;
        }
        c->slots = slots;
        c->slots[slot] = (struct block_slot){0};
        c->slot_count++;
    }
    struct text_block *block = malloc(sizeof(*block));
    if (!block) {
        return ERR_NO_MEMORY;
    }
    atomic_init(&block->references, 1);
    block->bytes = bytes;
    c->slots[slot] = (struct block_slot){.block = block};
    *out_slot = (uint32_t)slot;
    return ERR_OK;
}

static void contents_drop_text(struct contents *c, const struct wanted_entry *entry)
{
    struct block_slot *slot = &c->slots[entry->block];
    if (--slot->live == 0) {
        block_release(slot->block);
        slot->block = NULL;
    }
}

/* Index of the first entry whose id is not below `id`. */
static size_t contents_lower_bound(const struct contents *c, uint64_t id)
{
    size_t low = 0;
    size_t high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->entries[middle].record.id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

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

void wanted_list_destroy(struct wanted_list *list)
{
    if (list) {
        contents_fini(&list->contents);
        free(list);
    }
}

int wanted_list_share(const struct wanted_list *list, struct wanted_list **out)
{
    const struct contents *from = &list->contents;
    struct wanted_list *copy = malloc(sizeof(*copy));
    struct wanted_entry *entries = malloc((from->count + 1) * sizeof(*entries));
    struct block_slot *slots = malloc((from->slot_count + 1) * sizeof(*slots));
    if (!copy || !entries || !slots) {
        free(copy);
        free(entries);
        free(slots);
        return ERR_NO_MEMORY;
    }
    *copy = *list;
    if (from->count > 0) {
        memcpy(entries, from->entries, from->count * sizeof(*entries));
    }
    for (size_t i = 0; i < from->slot_count; i++) {
        slots[i] = from->slots[i];
        if (slots[i].block) {
            atomic_fetch_add_explicit(&slots[i].block->references, 1, memory_order_relaxed);
        }
    }
    copy->contents = (struct contents){.entries = entries,
                                       .count = from->count,
                                       .capacity = from->count + 1,
                                       .slots = slots,
                                       .slot_count = from->slot_count};
    *out = copy;
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
    return entry ? &entry->record : NULL;
}

static struct wanted_entry entry_of(const struct wanted_item *item, uint32_t slot)
{
    return (struct wanted_entry){.record = item->record, .text = item->text, .block = slot};
}

static void withdraw_all(struct contents *c, const uint64_t *ids, size_t count)
{
    if (count == 0) {
        return;
    }
    size_t to = contents_lower_bound(c, ids[0]);
    size_t next = 0;
    for (size_t from = to; from < c->count; from++) {
        if (next < count && c->entries[from].record.id == ids[next]) {
            contents_drop_text(c, &c->entries[from]);
            next++;
        } else {
            c->entries[to++] = c->entries[from];
        }
    }
    c->count = to;
}

/* Merges from the back, so that entries with new, highest ids (the rule) move nothing. */
static void add_all(struct contents *c, const struct wanted_item *items, size_t count,
                    uint32_t slot)
{
    size_t from = c->count;
    size_t to = c->count + count;
    while (count > 0) {
        if (from > 0 && c->entries[from - 1].record.id > items[count - 1].record.id) {
            c->entries[--to] = c->entries[--from];
        } else {
            c->entries[--to] = entry_of(&items[--count], slot);
        }
    }
}

/* Nothing in here can fail half-way: memory is taken first. */
static int contents_apply(struct contents *c, struct batch *batch)
{
    size_t items = batch->added_count + batch->changed_count;
    uint32_t slot = 0;
    int result = contents_reserve(c, batch->added_count);
    if (result == ERR_OK && items > 0) {
        result = contents_add_block(c, batch->payload, &slot);
    }
    if (result < 0) {
        return result;
    }
    if (items > 0) {
        batch->payload = NULL; /* the block's now */
        c->slots[slot].live = items;
    }
    for (size_t i = batch->added_count; i < items; i++) {
        size_t at = contents_lower_bound(c, batch->items[i].record.id);
        contents_drop_text(c, &c->entries[at]);
        c->entries[at] = entry_of(&batch->items[i], slot);
    }
    withdraw_all(c, batch->withdrawn, batch->withdrawn_count);
    add_all(c, batch->items, batch->added_count, slot);
    c->count += batch->added_count;
    return ERR_OK;
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
        result = contents_apply(&list->contents, &batch);
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

/* Takes over the part's raw bytes on success. */
static int contents_append(struct contents *c, struct snapshot_part *part)
{
    uint32_t slot = 0;
    int result = contents_reserve(c, part->count);
    if (result == ERR_OK) {
        result = contents_add_block(c, part->raw, &slot);
    }
    if (result < 0) {
        return result;
    }
    part->raw = NULL;
    c->slots[slot].live = part->count;
    for (size_t i = 0; i < part->count; i++) {
        c->entries[c->count++] = entry_of(&part->items[i], slot);
    }
    return ERR_OK;
}

static int read_chunks(const struct snapshot *snapshot, wanted_chunk_source source, void *ctx,
                       struct contents *out, struct err_text *err)
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
            result = contents_append(out, &part);
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
    struct contents contents = {0};
    int result = require_keyset(list, err);
    if (result == ERR_OK) {
        result = snapshot_verify(&list->keyset, manifest, size, &snapshot, err);
    }
    if (result == ERR_OK) {
        result = snapshot_check_newer(&snapshot, &list->head, err);
    }
    if (result == ERR_OK) {
        result = read_chunks(&snapshot, source, ctx, &contents, err);
    }
    if (result == ERR_OK) {
        contents_fini(&list->contents);
        list->contents = contents;
        list->head.revision = snapshot.revision;
        memcpy(list->head.hash, snapshot.hash, HASH_SIZE);
        list->head.time = snapshot.time;
        list->from_snapshot = true;
        list->snapshot_chunks = snapshot.chunk_count;
        update_cover(list);
    } else {
        contents_fini(&contents);
    }
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
    return list->contents.count;
}

const struct wanted_entry *wanted_list_entries(const struct wanted_list *list)
{
    return list->contents.entries;
}

const struct wanted_entry *wanted_list_find(const struct wanted_list *list, uint64_t id)
{
    size_t at = contents_lower_bound(&list->contents, id);
    return at < list->contents.count && list->contents.entries[at].record.id == id
               ? &list->contents.entries[at]
               : NULL;
}
