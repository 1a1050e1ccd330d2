/*
 * Taking signed statements: verify, keep on disk, then Redis (store_sync.c).
 */
#include "gateway/wanted/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wanted/store_state.h"

static void note_disk(struct wanted_store *store, int code, const struct err_text *why)
{
    alarms_set(&store->alarms, EVENT_WANTED_FILE_UNWRITTEN, code != ERR_OK, why->text);
}

/* What waits for the disk is tried again with every take and every sync. */
void store_flush(struct wanted_store *store)
{
    struct err_text why = {{0}};
    int result = shelf_flush(&store->shelf, &why);
    const struct keyset *set = wanted_list_keyset(store->list);
    if (result == ERR_OK && store->keyset && set->version != store->keyset_on_disk) {
        result =
            shelf_put_keyset(&store->shelf, set->version, store->keyset, store->keyset_size, &why);
        store->keyset_on_disk = result == ERR_OK ? set->version : store->keyset_on_disk;
    }
    if (result == ERR_OK && store->current && !store->current_on_disk) {
        result = shelf_put_current(&store->shelf, store->current, store->current_size, &why);
        store->current_on_disk = result == ERR_OK;
    }
    if (result == ERR_OK) {
        result = policy_keep(&store->policy, &store->shelf, &why);
    }
    note_disk(store, result, &why);
}

static void no_step(void *ctx, size_t done)
{
    (void)ctx;
    (void)done;
}

void store_step(struct wanted_store *store, size_t done)
{
    store->steps.step(store->steps.ctx, done);
}

static int load_chunk(void *ctx, uint64_t revision, size_t index, uint8_t **out, size_t *out_size,
                      struct err_text *err)
{
    struct wanted_store *store = ctx;
    store_step(store, index);
    return shelf_get_chunk(&store->shelf, revision, index, out, out_size, err);
}

/* Redis' fault is alarmed inside and made up for by the next sync. */
static void push(struct wanted_store *store)
{
    struct err_text told;
    if (wanted_store_sync(store, &told) < 0) {
        return;
    }
}

static int keep(uint8_t **slot, size_t *slot_size, const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    if (!copy) {
        return ERR_NO_MEMORY;
    }
    memcpy(copy, bytes, size);
    copy[size] = '\0'; /* text, for whoever reads it as such */
    free(*slot);
    *slot = copy;
    *slot_size = size;
    return ERR_OK;
}

/* The newest key set and statement stay in memory as bytes: each sync compares them. */
static int keep_loaded(struct wanted_store *store)
{
    struct err_text ignored;
    const struct keyset *set = wanted_list_keyset(store->list);
    int result = ERR_OK;
    if (set) {
        result = shelf_get_keyset(&store->shelf, set->version, &store->keyset, &store->keyset_size,
                                  &ignored);
        store->keyset_on_disk = set->version;
    }
    if (result == ERR_OK && wanted_list_freshness(store->list)) {
        result = shelf_get_current(&store->shelf, &store->current, &store->current_size, &ignored);
        store->current_on_disk = true;
    }
    return result;
}

static int load(struct wanted_store *store, const struct wanted_store_options *options,
                struct err_text *err)
{
    struct root_keys roots;
    struct err_text why = {{0}};
    int result = wanted_roots_load(options->roots_folder, &roots, err);
    if (result == ERR_OK) {
        result = shelf_open(&store->shelf, options->folder, err);
    }
    if (result == ERR_OK) {
        result = link_init(&store->link, &options->redis, options->clock, err);
    }
    if (result == ERR_OK) {
        result = wanted_list_create(&roots, &store->list);
    }
    if (result < 0) {
        return result;
    }
    wanted_list_without_texts(store->list); /* shelf and Redis hold them */
    result =
        shelf_load(&store->shelf, store->list, clock_wall(options->clock), &store->steps, &why);
    if (result == ERR_NO_MEMORY || result == ERR_IO) {
        return err_set(err, result, "%s", why.text);
    }
    if (result < 0) {
        alarms_raise(&store->alarms, EVENT_WANTED_FILE_DAMAGED, why.text);
    }
    result = policy_load(&store->policy, &store->shelf, &roots, &why);
    if (result < 0) {
        alarms_raise(&store->alarms, EVENT_WANTED_POLICY_REFUSED, why.text);
    }
    return keep_loaded(store);
}

int wanted_store_open(const struct wanted_store_options *options, struct wanted_store **out,
                      struct err_text *err)
{
    struct wanted_store *store = calloc(1, sizeof(*store));
    if (!store) {
        return err_set(err, ERR_NO_MEMORY, "wanted store: out of memory");
    }
    store->clock = options->clock;
    store->alarms = (struct alarms){.report = options->alarm, .ctx = options->alarm_ctx};
    store->steps = (struct shelf_steps){.step = options->working ? options->working : no_step,
                                        .ctx = options->alarm_ctx};
    int result = load(store, options, err);
    if (result < 0) {
        wanted_store_close(store);
        return err_prefix(err, result, "wanted store");
    }
    *out = store;
    return ERR_OK;
}

void wanted_store_close(struct wanted_store *store)
{
    if (!store) {
        return;
    }
    link_close(&store->link);
    shelf_close(&store->shelf);
    wanted_list_destroy(store->list);
    policy_fini(&store->policy);
    free(store->keyset);
    free(store->current);
    free(store);
}

int wanted_store_set_keyset(struct wanted_store *store, const void *envelope, size_t size,
                            struct err_text *err)
{
    const struct keyset *held = wanted_list_keyset(store->list);
    uint64_t before = held ? held->version : 0;
    int result = wanted_list_set_keyset(store->list, envelope, size, err);
    if (result < 0) {
        alarms_raise(&store->alarms, EVENT_WANTED_KEYSET_REFUSED, err ? err->text : "");
        return result;
    }
    alarms_end(&store->alarms, EVENT_WANTED_KEYSET_REFUSED);
    if (wanted_list_keyset(store->list)->version == before) {
        return ERR_OK;
    }
    result = keep(&store->keyset, &store->keyset_size, envelope, size);
    if (result == ERR_OK) {
        store_flush(store);
        push(store);
    }
    return result;
}

int wanted_store_add_batch(struct wanted_store *store, const void *envelope, size_t size,
                           struct err_text *err)
{
    const struct list_head *head = wanted_list_head(store->list);
    if (shelf_revision(&store->shelf) != head->revision) {
        return err_set(err, ERR_FULL, "wanted store: the disk takes nothing");
    }
    struct err_text room = {{0}};
    if (!shelf_has_room(&store->shelf, size)) {
        return err_set(err, ERR_FULL, "wanted store: too many batches wait for the disk");
    }
    int result = wanted_list_apply_batch(store->list, envelope, size, err);
    if (result == ERR_CONFLICT) {
        alarms_raise(&store->alarms, EVENT_WANTED_FORK, err ? err->text : "");
    }
    if (result < 0) {
        return result;
    }
    alarms_end(&store->alarms, EVENT_WANTED_FORK);
    result = shelf_add_batch(&store->shelf, head->revision,
                             wanted_list_keyset(store->list)->version, envelope, size, &room);
    if (result < 0) {
        note_disk(store, result, &room);
        return err_set(err, result, "%s", room.text);
    }
    store_flush(store);
    push(store);
    return ERR_OK;
}

int wanted_store_set_freshness(struct wanted_store *store, const void *envelope, size_t size,
                               struct err_text *err)
{
    int result =
        wanted_list_set_freshness(store->list, envelope, size, clock_wall(store->clock), err);
    alarms_set(&store->alarms, EVENT_WANTED_CURRENT_REFUSED, result < 0 && result != ERR_STALE,
               err ? err->text : "");
    if (result < 0) {
        return result;
    }
    result = keep(&store->current, &store->current_size, envelope, size);
    if (result == ERR_OK) {
        store->current_on_disk = false;
        store_flush(store);
        push(store);
    }
    return result;
}

int wanted_store_set_policy(struct wanted_store *store, const void *envelope, size_t size,
                            struct err_text *err)
{
    bool taken = false;
    int result =
        policy_take(&store->policy, wanted_list_keyset(store->list), envelope, size, &taken, err);
    alarms_set(&store->alarms, EVENT_WANTED_POLICY_REFUSED, result < 0, err ? err->text : "");
    if (taken) {
        store_flush(store);
        push(store);
    }
    return result;
}

int wanted_store_put_chunk(struct wanted_store *store, uint64_t revision, size_t index,
                           const void *bytes, size_t size, struct err_text *err)
{
    if (revision <= store->shelf.snapshot || index >= SNAPSHOT_CHUNKS_MAX ||
        size > SNAPSHOT_CHUNK_MAX) {
        return err_set(err, revision == store->shelf.snapshot ? ERR_CONFLICT : ERR_INVALID,
                       "chunk %zu of snapshot %" PRIu64 ": not of one to come", index, revision);
    }
    return shelf_put_chunk(&store->shelf, revision, index, bytes, size, err);
}

int wanted_store_read_snapshot(const struct wanted_store *store, const void *manifest, size_t size,
                               struct snapshot *out, struct err_text *err)
{
    const struct keyset *set = wanted_list_keyset(store->list);
    struct snapshot snapshot = {0};
    if (!set) {
        return err_set(err, ERR_NOT_FOUND, "snapshot: no key set yet");
    }
    int result = snapshot_verify(set, manifest, size, &snapshot, err);
    if (result == ERR_OK) {
        result = snapshot_check_newer(&snapshot, wanted_list_head(store->list), err);
    }
    if (result < 0) {
        snapshot_fini(&snapshot);
        return result;
    }
    *out = snapshot;
    return ERR_OK;
}

int wanted_store_set_snapshot(struct wanted_store *store, const void *manifest, size_t size,
                              struct err_text *err)
{
    struct wanted_list *next = NULL;
    int result = wanted_list_create_beside(store->list, &next);
    if (result == ERR_OK) {
        result = wanted_list_load_snapshot(next, manifest, size, load_chunk, store, err);
    }
    if (result == ERR_OK) {
        result = shelf_put_snapshot(&store->shelf, wanted_list_head(next)->revision,
                                    wanted_list_keyset(next)->version,
                                    wanted_list_snapshot_chunks(next), manifest, size, err);
    }
    if (result < 0) {
        wanted_list_destroy(next);
        return result;
    }
    wanted_list_destroy(store->list);
    store->list = next;
    store->new_snapshot = true;
    push(store);
    return ERR_OK;
}

const void *wanted_store_keyset(const struct wanted_store *store, size_t *out_size)
{
    *out_size = store->keyset ? store->keyset_size : 0;
    return store->keyset;
}

const struct list_head *wanted_store_head(const struct wanted_store *store)
{
    return wanted_list_head(store->list);
}

void wanted_store_status(const struct wanted_store *store, struct wanted_store_status *out)
{
    const struct keyset *set = wanted_list_keyset(store->list);
    *out = (struct wanted_store_status){
        .keyset_version = set ? set->version : 0,
        .snapshot = store->shelf.snapshot,
        .entry_count = wanted_list_count(store->list),
        .policy_version = store->policy.policy ? store->policy.policy->version : 0,
        .redis_current = store->redis_current,
        .refills = store->refills};
    wanted_list_status(store->list, clock_wall(store->clock), &out->list);
}
