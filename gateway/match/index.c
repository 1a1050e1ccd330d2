/* See index.h. */
#include "gateway/match/index.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/model/plate_symbols.h"

/* Places that '?' can take: 2^9 in the first form of key, 2^10 in the second; the key's top bit,
 * which tells the forms apart, is part of every mask. */
enum { GROUPS_MAX = 512 + 1024 };

struct entry {
    struct wanted_record record;
    const char *text;
};

/* Entries with one masked key stand together: `count` of them from `first`. key 0 = free. */
struct slot {
    uint64_t key;
    uint32_t first;
    uint32_t count;
};

struct table {
    struct slot *slots;
    unsigned shift; /* 64 - log2(slots) */
    size_t mask;
};

/* Entries whose unread symbols stand in the same places. */
struct group {
    uint64_t mask; /* bits of the known symbols */
    uint32_t first;
    uint32_t count;
    struct table table;
};

struct match_index {
    struct entry *entries; /* exact ones by key, then partial ones by mask and masked key */
    size_t count;
    size_t exact_count;
    struct table exact;
    struct group *groups;
    size_t group_count;
    struct by_id {
        uint64_t id;
        uint32_t at;
    } * ids; /* rising */
};

/* ---- keys ---- */

static int unread_symbols(plate_key key)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    int unread = 0;
    for (int i = 0; i < count; i++) {
        unread += symbols[i] == PLATE_SYMBOL_UNREAD;
    }
    return unread;
}

/* The last word on every hit, symbol by symbol: -1 when the two cannot be the same plate, else how
 * many symbols one side has unread. `known`: symbols both sides read. */
static int compare_symbols(plate_key a, plate_key b, int *known)
{
    uint8_t left[PLATE_SYMBOLS_MAX];
    uint8_t right[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(a, left);
    int unread = 0;
    *known = 0;
    if (count == 0 || count != plate_symbols(b, right)) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (left[i] == PLATE_SYMBOL_UNREAD || right[i] == PLATE_SYMBOL_UNREAD) {
            unread++;
        } else if (left[i] != right[i]) {
            return -1;
        } else {
            (*known)++;
        }
    }
    return unread;
}

/* ---- tables ---- */

static size_t place(const struct table *t, uint64_t key)
{
    return (size_t)((key * 0x9E3779B97F4A7C15u) >> t->shift);
}

static int table_create(struct table *t, size_t keys)
{
    size_t slots = 4;
    t->shift = 62;
    while (slots < 2 * keys) {
        slots *= 2;
        t->shift--;
    }
    t->slots = calloc(slots, sizeof(t->slots[0]));
    t->mask = slots - 1;
    return t->slots ? 0 : ERR_NO_MEMORY;
}

static void table_put(struct table *t, uint64_t key, uint32_t first, uint32_t count)
{
    size_t at = place(t, key);
    while (t->slots[at].key != 0) {
        at = (at + 1) & t->mask;
    }
    t->slots[at] = (struct slot){key, first, count};
}

static const struct slot *table_find(const struct table *t, uint64_t key)
{
    for (size_t at = place(t, key); t->slots[at].key != 0; at = (at + 1) & t->mask) {
        if (t->slots[at].key == key) {
            return &t->slots[at];
        }
    }
    return NULL;
}

/* Runs of equal masked keys in sorted entries become slots. */
static int table_fill(struct table *t, const struct entry *entries, uint32_t first, uint32_t count,
                      uint64_t mask)
{
    size_t runs = 0;
    for (uint32_t i = 0; i < count; i++) {
        runs += i == 0 ||
                ((entries[first + i].record.key ^ entries[first + i - 1].record.key) & mask) != 0;
    }
    if (table_create(t, runs) != 0) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count;) {
        uint64_t key = entries[first + i].record.key & mask;
        uint32_t end = i + 1;
        while (end < count && (entries[first + end].record.key & mask) == key) {
            end++;
        }
        table_put(t, key, first + i, end - i);
        i = end;
    }
    return 0;
}

/* ---- building ---- */

static int by_mask_and_key(const void *left, const void *right)
{
    const struct wanted_record *a = &((const struct entry *)left)->record;
    const struct wanted_record *b = &((const struct entry *)right)->record;
    uint64_t a_mask = plate_known_mask(a->key);
    uint64_t b_mask = plate_known_mask(b->key);
    if (a_mask != b_mask) {
        return a_mask > b_mask ? -1 : 1;
    }
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_id(const void *left, const void *right)
{
    uint64_t a = ((const struct by_id *)left)->id;
    uint64_t b = ((const struct by_id *)right)->id;
    return a < b ? -1 : a > b;
}

/* Ids rising, each with its place in `entries`. A list comes in that order, so it is not sorted
 * again. */
static int order_ids(struct match_index *index, const struct match_entry *entries,
                     struct err_text *err)
{
    bool rising = true;
    for (size_t i = 0; i < index->count; i++) {
        index->ids[i] = (struct by_id){entries[i].record->id, (uint32_t)i};
        rising = rising && (i == 0 || index->ids[i].id > index->ids[i - 1].id);
    }
    if (!rising) {
        qsort(index->ids, index->count, sizeof(index->ids[0]), by_id);
    }
    for (size_t i = 1; i < index->count; i++) {
        if (index->ids[i].id == index->ids[i - 1].id) {
            return err_set(err, ERR_INVALID, "entry %llu stands twice",
                           (unsigned long long)index->ids[i].id);
        }
    }
    return 0;
}

/* A key and the row of index->ids it belongs to. */
struct sorting {
    uint64_t key;
    uint32_t id_at;
};

/* Sorts by key, byte by byte from the lowest; equal keys keep their order. Bytes all keys share
 * cost one pass over them. The result is in *items or *spare: they are exchanged. */
static void sort_by_key(struct sorting **items, struct sorting **spare, size_t count)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t start[257] = {0};
        for (size_t i = 0; i < count; i++) {
            start[((*items)[i].key >> shift & 0xFF) + 1]++;
        }
        if (count == 0 || start[((*items)[0].key >> shift & 0xFF) + 1] == count) {
            continue;
        }
        for (int digit = 1; digit < 257; digit++) {
            start[digit] += start[digit - 1];
        }
        for (size_t i = 0; i < count; i++) {
            (*spare)[start[(*items)[i].key >> shift & 0xFF]++] = (*items)[i];
        }
        struct sorting *sorted = *spare;
        *spare = *items;
        *items = sorted;
    }
}

static void put_entry(struct match_index *index, const struct match_entry *entries, size_t at,
                      uint32_t id_at)
{
    const struct match_entry *from = &entries[index->ids[id_at].at];
    index->entries[at] = (struct entry){*from->record, from->text};
    index->ids[id_at].at = (uint32_t)at;
}

/* Exact entries by key and id, behind them the partial ones by mask, key and id. */
static int place_entries(struct match_index *index, const struct match_entry *entries,
                         struct sorting *items, struct sorting *spare, struct err_text *err)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    size_t exact = 0;
    size_t partial = index->count; /* first of them, from the back */
    for (uint32_t i = 0; i < index->count; i++) {
        plate_key key = entries[index->ids[i].at].record->key;
        if (plate_symbols(key, symbols) == 0) {
            return err_set(err, ERR_INVALID, "entry %llu: its plate key is none",
                           (unsigned long long)index->ids[i].id);
        }
        if (plate_known_mask(key) == UINT64_MAX) {
            items[exact++] = (struct sorting){key, i};
        } else {
            put_entry(index, entries, --partial, i);
        }
    }
    sort_by_key(&items, &spare, exact);
    for (size_t i = 0; i < exact; i++) {
        put_entry(index, entries, i, items[i].id_at);
    }
    qsort(index->entries + exact, index->count - exact, sizeof(index->entries[0]), by_mask_and_key);
    for (size_t i = exact; i < index->count; i++) {
        const struct by_id wanted = {.id = index->entries[i].record.id};
        struct by_id *found =
            bsearch(&wanted, index->ids, index->count, sizeof(index->ids[0]), by_id);
        found->at = (uint32_t)i;
    }
    return 0;
}

static int copy_entries(struct match_index *index, const struct match_entry *entries,
                        struct err_text *err)
{
    struct sorting *room = calloc(2 * index->count + 1, sizeof(*room));
    int result = room ? order_ids(index, entries, err)
                      : err_set(err, ERR_NO_MEMORY, "match index: no memory");
    if (result == 0) {
        result = place_entries(index, entries, room, room + index->count, err);
    }
    free(room);
    return result;
}

static int make_groups(struct match_index *index)
{
    uint32_t at = 0;
    while (at < index->count && plate_known_mask(index->entries[at].record.key) == UINT64_MAX) {
        at++;
    }
    index->exact_count = at;
    int result = table_fill(&index->exact, index->entries, 0, at, UINT64_MAX);
    while (result == 0 && at < index->count) {
        struct group *group = &index->groups[index->group_count++];
        group->mask = plate_known_mask(index->entries[at].record.key);
        group->first = at;
        while (at < index->count &&
               plate_known_mask(index->entries[at].record.key) == group->mask) {
            at++;
        }
        group->count = at - group->first;
        result = table_fill(&group->table, index->entries, group->first, group->count, group->mask);
    }
    return result;
}

int match_index_create(const struct match_entry *entries, size_t count, struct match_index **out,
                       struct err_text *err)
{
    if (count > MATCH_ENTRIES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%zu entries, expected at most %d", count,
                       MATCH_ENTRIES_MAX);
    }
    struct match_index *index = calloc(1, sizeof(*index));
    if (!index) {
        return err_set(err, ERR_NO_MEMORY, "match index: no memory");
    }
    index->count = count;
    index->entries = calloc(count + 1, sizeof(index->entries[0]));
    index->ids = calloc(count + 1, sizeof(index->ids[0]));
    index->groups = calloc(GROUPS_MAX, sizeof(index->groups[0])); /* 2^9 places at most */
    int result = index->entries && index->ids && index->groups
                     ? copy_entries(index, entries, err)
                     : err_set(err, ERR_NO_MEMORY, "match index: no memory");
    if (result == 0 && make_groups(index) != 0) {
        result = err_set(err, ERR_NO_MEMORY, "match index: no memory");
    }
    if (result != 0) {
        match_index_destroy(index);
        return result;
    }
    *out = index;
    return 0;
}

void match_index_destroy(struct match_index *index)
{
    if (!index) {
        return;
    }
    for (size_t i = 0; i < index->group_count; i++) {
        free(index->groups[i].table.slots);
    }
    free(index->exact.slots);
    free(index->groups);
    free(index->entries);
    free(index->ids);
    free(index);
}

/* ---- looking ---- */

struct look {
    const struct match_index *index;
    const struct plate_read *read;
    struct wall_time now;
    bool trusted;
    const struct match_judge *judge;
    struct match_result *out;
};

static int strength(const struct match_hit *a, const struct match_hit *b)
{
    if (a->kind != b->kind) {
        return (int)a->kind - (int)b->kind;
    }
    if (a->agreement != b->agreement) {
        return (int)a->agreement - (int)b->agreement;
    }
    if (a->entry.priority != b->entry.priority) {
        return a->entry.priority - b->entry.priority;
    }
    return a->entry.id < b->entry.id ? -1 : a->entry.id > b->entry.id;
}

static void remove_hit(struct match_result *out, int at)
{
    out->hit_count--;
    for (int i = at; i < out->hit_count; i++) {
        out->hits[i] = out->hits[i + 1];
        out->texts[i] = out->texts[i + 1];
    }
}

static void insert_hit(struct match_result *out, const struct match_hit *hit, const char *text)
{
    for (int i = 0; i < out->hit_count; i++) {
        if (out->hits[i].entry.id != hit->entry.id) {
            continue;
        }
        if (strength(&out->hits[i], hit) <= 0) {
            return; /* found already, at least as strong */
        }
        remove_hit(out, i);
        break;
    }
    int at = out->hit_count;
    while (at > 0 && strength(hit, &out->hits[at - 1]) < 0) {
        at--;
    }
    if (out->hit_count == MATCH_HITS_MAX) {
        if (out->dropped < UINT8_MAX) {
            out->dropped++;
        }
        if (at == MATCH_HITS_MAX) {
            return;
        }
        out->hit_count--;
    }
    for (int i = out->hit_count; i > at; i--) {
        out->hits[i] = out->hits[i - 1];
        out->texts[i] = out->texts[i - 1];
    }
    out->hits[at] = *hit;
    out->texts[at] = text;
    out->hit_count++;
}

static void offer(struct look *l, const struct entry *entry, plate_key key, enum match_kind kind)
{
    const struct wanted_record *record = &entry->record;
    bool expired = l->now.ms < record->valid_from.ms || l->now.ms >= record->valid_until.ms;
    int known;
    int unread = compare_symbols(key, record->key, &known);
    bool partial = kind == MATCH_PARTIAL;
    if ((expired && l->trusted) || unread < 0 || (unread > 0) != partial ||
        (partial && known < MATCH_PARTIAL_KNOWN_MIN)) {
        return;
    }
    struct match_hit hit = {.entry = *record,
                            .kind = kind,
                            .agreement = plate_class_agree(l->read->class, record->class),
                            .read_key = key,
                            .differing = (uint8_t)unread,
                            .odds_db = MATCH_ODDS_NONE,
                            .expired = expired};
    if (match_judge_hit(l->judge, l->read, l->index->count, &hit)) {
        insert_hit(l->out, &hit, entry->text);
    }
}

static void offer_slot(struct look *l, const struct slot *slot, plate_key key, enum match_kind kind)
{
    for (uint32_t i = 0; slot && i < slot->count; i++) {
        offer(l, &l->index->entries[slot->first + i], key, kind);
    }
}

/* A read without '?' against partial entries: one look a group. */
static void find_partial_entries(struct look *l)
{
    for (size_t g = 0; g < l->index->group_count; g++) {
        const struct group *group = &l->index->groups[g];
        offer_slot(l, table_find(&group->table, l->read->key & group->mask), l->read->key,
                   MATCH_PARTIAL);
    }
}

/* A read with '?': every entry is looked at, one masked comparison each. */
static void find_for_partial_read(struct look *l)
{
    uint64_t mask = plate_known_mask(l->read->key);
    if (unread_symbols(l->read->key) > MATCH_READ_UNREAD_MAX) {
        return;
    }
    for (size_t i = 0; i < l->index->exact_count; i++) {
        if (((l->index->entries[i].record.key ^ l->read->key) & mask) == 0) {
            offer(l, &l->index->entries[i], l->read->key, MATCH_PARTIAL);
        }
    }
    for (size_t i = l->index->exact_count; i < l->index->count; i++) {
        offer(l, &l->index->entries[i], l->read->key, MATCH_PARTIAL);
    }
}

void match_find(const struct match_index *index, const struct match_judge *judge,
                const struct plate_read *read, struct wall_time now, bool clock_trusted,
                struct match_result *out)
{
    struct look l = {index, read, now, clock_trusted, judge, out};
    out->hit_count = 0;
    out->dropped = 0;
    if (read->kind == PLATE_KEY && plate_has_unread(read->key)) {
        find_for_partial_read(&l);
    } else if (read->kind == PLATE_KEY) {
        offer_slot(&l, table_find(&index->exact, read->key), read->key, MATCH_EXACT);
        find_partial_entries(&l);
    }
    for (int i = 0; i < read->candidate_count; i++) {
        plate_key key = read->candidates[i].key;
        if (key != 0 && !plate_has_unread(key)) {
            offer_slot(&l, table_find(&index->exact, key), key, MATCH_CANDIDATE);
        }
    }
}

const struct wanted_record *match_index_entry(const struct match_index *index, uint64_t id)
{
    const struct by_id wanted = {.id = id};
    const struct by_id *found =
        bsearch(&wanted, index->ids, index->count, sizeof(index->ids[0]), by_id);
    return found ? &index->entries[found->at].record : NULL;
}

size_t match_index_count(const struct match_index *index)
{
    return index->count;
}

size_t match_index_bytes(const struct match_index *index)
{
    size_t slots = index->exact.mask + 1;
    for (size_t i = 0; i < index->group_count; i++) {
        slots += index->groups[i].table.mask + 1;
    }
    return slots * sizeof(struct slot) +
           index->count * (sizeof(struct entry) + sizeof(struct by_id)) +
           GROUPS_MAX * sizeof(struct group);
}
