/*
 * The writer's side of the index: building, adding, withdrawing. See index.h; what readers may see
 * at any moment is told in table.h, chain.h and partial.h.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/match/index_state.h"

enum {
    BUILD_TRIES = 4,   /* each with a larger table and another hash */
    NODES_SPARE = 4096 /* of withdrawn entries that wait for a grace period */
};

/* ---- one entry ---- */

/* A key and where the table keeps it. */
struct located {
    plate_key folded;
    struct table_place place;
};

static struct located locate(const struct match_index *index, plate_key key)
{
    plate_key folded = look_alike_fold(&index->view.look_alike, key);
    return (struct located){folded, table_place(&index->view.table, key_slot(folded))};
}

/* Every symbol of the key has occurred at its place in a full plate. */
static bool symbols_occurred(const struct match_index *index, plate_key folded)
{
    int form = key_form(folded);
    bool known = true;
    for (int i = 0; i < key_places(form); i++) {
        known &= symbol_set_has(&index->occurring[form][i], key_field(folded, i));
    }
    return known;
}

/* Before the key can be found: who finds it may ask for the symbols around it. */
static void note_symbols(struct match_index *index, plate_key folded)
{
    int form = key_form(folded);
    for (int i = 0; i < key_places(form); i++) {
        symbol_set_add(&index->occurring[form][i], key_field(folded, i));
    }
}

static int add_full(struct match_index *index, const struct match_entry *entry,
                    const struct located *at)
{
    struct table *table = &index->view.table;
    uint64_t key = key_slot(at->folded);
    size_t slot = table_find(table, key, at->place);
    bool fresh = slot == TABLE_NO_SLOT;
    int result = fresh ? table_reserve(table, at->place, &slot) : 0;
    if (result == 0) {
        result = chain_add(&index->chains, &table->values[slot], entry, MATCH_SAME_PLATE_MAX);
    }
    if (result == 0 && fresh) {
        table_publish(table, slot, key);
    }
    return result;
}

static int explain(int result, const struct match_entry *entry, struct err_text *err)
{
    unsigned long long id = entry->record.id;
    uint64_t crowd = match_crowd_of(entry->record.key);
    switch (result) {
    case ERR_INVALID:
        return err_set(err, result, "entry %llu: its plate key is none", id);
    case ERR_TOO_LARGE:
        return match_crowd_check(crowd, match_crowd_max(crowd) + 1, id, err);
    case ERR_FULL:
        return err_set(err, result, "entry %llu: the index has no room for it", id);
    default:
        return err_set(err, result, "match index: no memory");
    }
}

/* A key of symbols that all occurred at their places is checked by its shape alone: that is most of
 * the cost of checking, and nearly every key. */
int index_add_entry(struct match_index *index, const struct match_entry *entry)
{
    plate_key key = entry->record.key;
    struct located at = locate(index, key);
    bool occurred = symbols_occurred(index, at.folded);
    if (!(occurred && key_has_shape(key)) && !key_is_valid(key)) {
        return ERR_INVALID;
    }
    if (match_is_pattern(key)) {
        return partial_add(&index->view.partial[key_form(key)], key, entry);
    }
    if (!occurred && !key_has_unread(key)) {
        note_symbols(index, at.folded);
    }
    return add_full(index, entry, &at);
}

static void count_entries(struct match_index *index, size_t count)
{
    atomic_store_explicit(&index->count, count, memory_order_relaxed);
}

int match_index_add(struct match_index *index, const struct match_entry *entry,
                    struct err_text *err)
{
    size_t count = match_index_count(index);
    int result = count < index->capacity ? index_add_entry(index, entry) : ERR_FULL;
    if (result != 0) {
        return explain(result, entry, err);
    }
    count_entries(index, count + 1);
    return 0;
}

static int remove_full(struct match_index *index, const struct match_entry *entry)
{
    struct table *table = &index->view.table;
    struct located at = locate(index, entry->record.key);
    size_t slot = table_find(table, key_slot(at.folded), at.place);
    if (slot == TABLE_NO_SLOT) {
        return ERR_NOT_FOUND;
    }
    int result = chain_remove(&index->chains, &table->values[slot], entry);
    if (result == 0 && chain_is_empty(&table->values[slot])) {
        table_remove(table, slot);
    }
    return result;
}

int match_index_withdraw(struct match_index *index, const struct match_entry *entry)
{
    plate_key key = entry->record.key;
    int result = match_is_pattern(key)
                     ? partial_remove(&index->view.partial[key_form(key)], key, entry)
                     : remove_full(index, entry);
    if (result == 0) {
        count_entries(index, match_index_count(index) - 1);
        index->withdrawn++;
    }
    return result;
}

void match_index_prefetch(const struct match_index *index, const struct match_entry *entry)
{
    table_prefetch(&index->view.table, locate(index, entry->record.key).place);
}

size_t match_index_retire_count(const struct match_index *index)
{
    return index->withdrawn;
}

void match_index_reclaim(struct match_index *index)
{
    chain_reclaim(&index->chains);
    index->withdrawn = 0;
}

bool match_index_worn(const struct match_index *index)
{
    return table_worn(&index->view.table);
}

/* ---- the whole ---- */

static void empty(struct match_index *index)
{
    table_fini(&index->view.table);
    chain_pool_fini(&index->chains);
    for (int form = 0; form < KEY_FORMS; form++) {
        partial_fini(&index->view.partial[form]);
    }
}

void match_index_destroy(struct match_index *index)
{
    if (index) {
        empty(index);
        free(index);
    }
}

/* One try at a table with room for `keys`. */
static int build(struct match_index *index, const struct match_entry *const *entries, size_t count,
                 size_t keys, uint64_t seed, struct err_text *err)
{
    size_t at = 0;
    int result = table_init(&index->view.table, keys, seed);
    if (result == 0) {
        result = chain_pool_init(&index->chains, index->capacity + NODES_SPARE);
    }
    if (result != 0) {
        return err_set(err, result,
                       result == ERR_IO ? "match index: no random number"
                                        : "match index: no memory");
    }
    result = index_fill(index, entries, count, &at);
    return result == 0 ? 0 : explain(result, entries[at], err);
}

/* A key that finds all its buckets full is a matter of chance: another hash is tried. */
static int build_until_it_fits(struct match_index *index, const struct match_entry *const *entries,
                               size_t count, uint64_t seed, struct err_text *err)
{
    size_t keys = index->capacity;
    int result = ERR_FULL;
    for (int i = 0; i < BUILD_TRIES && result == ERR_FULL; i++) {
        empty(index);
        result = build(index, entries, count, keys, seed, err);
        keys += keys / 4;
        seed += seed != 0;
    }
    return result;
}

static int check_options(const struct match_options *options, size_t count, struct err_text *err)
{
    if (count > MATCH_ENTRIES_MAX || options->room > MATCH_ENTRIES_MAX - count) {
        return err_set(err, ERR_TOO_LARGE,
                       "%zu entries and room for %zu, expected at most %d in all", count,
                       options->room, MATCH_ENTRIES_MAX);
    }
    if (options->look_alike_max > MATCH_LOOK_ALIKE_MAX) {
        return err_set(err, ERR_INVALID, "look-alike symbols %u, expected at most %d",
                       options->look_alike_max, MATCH_LOOK_ALIKE_MAX);
    }
    if (!kernel_find(options->kernel)) {
        return err_set(err, ERR_UNSUPPORTED, "match kernel '%s': this machine does not run it",
                       match_kernel_name(options->kernel));
    }
    return 0;
}

int match_index_create(const struct match_entry *const *entries, size_t count,
                       const struct match_options *options, struct match_index **out,
                       struct err_text *err)
{
    static const struct match_options defaults = {.look_alike_max = MATCH_LOOK_ALIKE_DEFAULT};
    options = options ? options : &defaults;
    int result = check_options(options, count, err);
    if (result != 0) {
        return result;
    }
    struct match_index *index = aligned_alloc(64, (sizeof(*index) + 63) / 64 * 64);
    if (!index) {
        return err_set(err, ERR_NO_MEMORY, "match index: no memory");
    }
    memset(index, 0, sizeof(*index));
    index->kernel = kernel_find(options->kernel);
    index->look_alike_max = options->look_alike_max;
    index->capacity = count + options->room;
    look_alike_init(&index->view.look_alike, options->look_alike_max > 0);
    result = build_until_it_fits(index, entries, count, options->seed, err);
    if (result != 0) {
        match_index_destroy(index);
        return result;
    }
    count_entries(index, count);
    *out = index;
    return 0;
}

size_t match_index_count(const struct match_index *index)
{
    return atomic_load_explicit(&index->count, memory_order_relaxed);
}

size_t match_index_bytes(const struct match_index *index)
{
    size_t bytes = sizeof(*index) + table_bytes(&index->view.table);
    for (int form = 0; form < KEY_FORMS; form++) {
        bytes += partial_bytes(&index->view.partial[form]);
    }
    return bytes + chain_pool_bytes(&index->chains);
}

size_t match_index_key_bytes(const struct match_index *index)
{
    return (size_t)index->view.table.bucket_count * TABLE_BUCKET_BYTES;
}

const char *match_kernel_name(enum match_kernel kernel)
{
    static const char *const names[MATCH_KERNELS] = {"best", "scalar", "avx2", "avx512"};
    return kernel < MATCH_KERNELS ? names[kernel] : "none";
}

enum match_kernel match_index_kernel(const struct match_index *index)
{
    return index->kernel->number;
}

const char *match_index_pages(const struct match_index *index)
{
    return pages_name(index->view.table.pages.kind);
}
