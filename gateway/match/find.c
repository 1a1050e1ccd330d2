/*
 * The readers' side of the index: the filter's entry and the last word on one read. Whatever table,
 * chain and sets lead to is compared with the read symbol by symbol before it is told: while the
 * writer is at work they may lead to an entry of another plate.
 */
#include "gateway/match/index_state.h"

enum { VARIANTS_AT_ONCE = 256 };

struct look {
    const struct match_index *index;
    const struct plate_read *read;
    struct wall_time now;
    bool trusted;
    bool self_test; /* look for self-test entries, and for nothing else */
    const struct match_judge *judge;
    struct match_result *out;
};

/* ---- hits ---- */

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

/* ---- comparing ---- */

/* Plates that agree wherever both sides read a symbol, and have as many: how many symbols one side
 * has unread; -1: they do not. `known`: symbols both read. */
static int compare_partial(plate_key a, plate_key b, int *known)
{
    int form = key_form(a);
    unsigned unread_field = key_unread_field(form);
    int unread = 0;
    *known = 0;
    if (form != key_form(b)) {
        return -1;
    }
    for (int i = 0; i < key_places(form); i++) {
        unsigned left = key_field(a, i);
        unsigned right = key_field(b, i);
        bool same = left == right;
        bool either = left == unread_field || right == unread_field;
        if ((!same && !either) ||
            (!same && (left == PLATE_SYMBOL_END || right == PLATE_SYMBOL_END))) {
            return -1;
        }
        unread += either;
        *known += same && !either && left != PLATE_SYMBOL_END;
    }
    return unread;
}

/* What the two plates are to each other; false: nothing. `candidate`: `key` is one of the camera's
 * candidates, of which only equal ones count. */
static bool relate(const struct match_index *index, plate_key key, bool candidate,
                   plate_key entry_key, enum match_kind *out_kind, uint8_t *out_differing)
{
    int known;
    if (key == entry_key && !key_has_unread(key)) {
        *out_kind = candidate ? MATCH_CANDIDATE : MATCH_EXACT;
        *out_differing = 0;
        return true;
    }
    if (candidate) {
        return false;
    }
    if (key_has_unread(key) || key_has_unread(entry_key)) {
        int unread = compare_partial(key, entry_key, &known);
        *out_kind = MATCH_PARTIAL;
        *out_differing = (uint8_t)unread;
        return unread > 0 && known >= MATCH_PARTIAL_KNOWN_MIN;
    }
    const struct look_alike *look_alike = &index->view.look_alike;
    if (look_alike_fold(look_alike, key) != look_alike_fold(look_alike, entry_key)) {
        return false;
    }
    *out_kind = MATCH_LOOK_ALIKE;
    *out_differing = (uint8_t)look_alike_distance(key, entry_key);
    return *out_differing <= index->look_alike_max;
}

static void offer(struct look *l, const struct match_entry *entry, plate_key key, bool candidate)
{
    const struct wanted_record *record = &entry->record;
    bool expired = l->now.ms < record->valid_from.ms || l->now.ms >= record->valid_until.ms;
    enum match_kind kind;
    uint8_t differing;
    if ((record->category == CATEGORY_SELF_TEST) != l->self_test || (expired && l->trusted) ||
        !relate(l->index, key, candidate, record->key, &kind, &differing)) {
        return;
    }
    struct match_hit hit = {.entry = *record,
                            .kind = kind,
                            .agreement = plate_class_agree(l->read->class, record->class),
                            .read_key = key,
                            .differing = differing,
                            .odds_db = MATCH_ODDS_NONE,
                            .expired = expired};
    if (match_judge_hit(l->judge, l->read, match_index_count(l->index), &hit)) {
        insert_hit(l->out, &hit, entry->text);
    }
}

/* ---- looking ---- */

/* Slot of the entries whose folded key is that of `key`, TABLE_NO_SLOT: none. */
static size_t slot_of(const struct match_index *index, plate_key key)
{
    const struct table *table = &index->view.table;
    uint64_t folded = key_slot(look_alike_fold(&index->view.look_alike, key));
    return table_find(table, folded, table_place(table, folded));
}

_Static_assert(sizeof(struct match_entry) == CHAIN_ENTRY_BYTES, "what chain_prefetch fetches");

size_t match_scan(const struct match_index *index, const plate_key *keys, size_t count,
                  uint32_t *out_at)
{
    return index->kernel->scan(&index->view, keys, count, out_at);
}

/* Entries whose folded key is that of `at`. */
static void offer_plate(struct look *l, plate_key at, plate_key key, bool candidate)
{
    const struct match_index *index = l->index;
    size_t slot = slot_of(index, at);
    if (slot == TABLE_NO_SLOT) {
        return;
    }
    struct chain_walk walk = chain_begin(&index->chains, &index->view.table.values[slot]);
    for (const struct match_entry *entry = chain_next(&walk); entry; entry = chain_next(&walk)) {
        offer(l, entry, key, candidate);
    }
}

static void offer_partial(struct look *l, plate_key key)
{
    const struct partial *partial = &l->index->view.partial[key_form(key)];
    for (uint32_t b = 0; b < partial_block_count(partial); b++) {
        const struct partial_block *block = partial_block(partial, b);
        for (int word = 0; word < PARTIAL_BLOCK_WORDS; word++) {
            uint64_t left = partial_word(block, key, word);
            for (; left != 0; left &= left - 1) {
                const struct match_entry *entry =
                    partial_entry(block, word * 64 + __builtin_ctzll(left));
                if (entry) {
                    offer(l, entry, key, false);
                }
            }
        }
    }
}

/* Plates that a read with unread symbols may stand for, a block of them at a time. */
struct variants {
    struct look *look;
    int last; /* place of the second unread symbol */
    size_t count;
    plate_key keys[VARIANTS_AT_ONCE];
};

static void look_at_variants(struct variants *v)
{
    uint32_t at[VARIANTS_AT_ONCE];
    size_t found = match_scan(v->look->index, v->keys, v->count, at);
    for (size_t i = 0; i < found; i++) {
        offer_plate(v->look, v->keys[at[i]], v->look->read->key, false);
    }
    v->count = 0;
}

/* Calls `next` with every symbol that occurs at a place put there in turn. Folded symbols are
 * enough: the table holds folded keys. */
static void fill_in(struct variants *v, plate_key key, int place,
                    void (*next)(struct variants *, plate_key))
{
    const struct symbol_set *set = &v->look->index->occurring[key_form(key)][place];
    for (unsigned symbol = PLATE_SYMBOL_END + 1; symbol < LOOK_ALIKE_SYMBOLS; symbol++) {
        if (symbol_set_has(set, symbol)) {
            next(v, key_with_field(key, place, symbol));
        }
    }
}

static void take_variant(struct variants *v, plate_key key)
{
    v->keys[v->count++] = key;
    if (v->count == VARIANTS_AT_ONCE) {
        look_at_variants(v);
    }
}

static void fill_in_last(struct variants *v, plate_key key)
{
    fill_in(v, key, v->last, take_variant);
}

/* A read with unread symbols against full entries. */
static void offer_for_unread(struct look *l)
{
    plate_key key = l->read->key;
    int form = key_form(key);
    int unread[MATCH_READ_UNREAD_MAX + 1];
    int count = 0;
    for (int i = 0; i < key_places(form) && count <= MATCH_READ_UNREAD_MAX; i++) {
        if (key_field(key, i) == key_unread_field(form)) {
            unread[count++] = i;
        }
    }
    if (count > MATCH_READ_UNREAD_MAX) {
        return;
    }
    struct variants v = {.look = l};
    if (count == MATCH_READ_UNREAD_MAX) {
        v.last = unread[1];
        fill_in(&v, key, unread[0], fill_in_last);
    } else {
        fill_in(&v, key, unread[0], take_variant);
    }
    look_at_variants(&v);
    offer_partial(l, key);
}

/* Cameras name the best read among the candidates too: what was offered is not offered again, or
 * what had no room would be counted twice. */
static bool is_offered(const struct plate_read *read, int candidate)
{
    plate_key key = read->candidates[candidate].key;
    bool offered = read->kind == PLATE_KEY && read->key == key;
    for (int i = 0; i < candidate && !offered; i++) {
        offered = read->candidates[i].key == key;
    }
    return offered;
}

static void find(struct look *l)
{
    const struct plate_read *read = l->read;
    l->out->hit_count = 0;
    l->out->dropped = 0;
    bool key = read->kind == PLATE_KEY && key_is_valid(read->key);
    if (key && key_has_unread(read->key)) {
        offer_for_unread(l);
    } else if (key) {
        offer_plate(l, read->key, read->key, false);
        offer_partial(l, read->key);
    }
    for (int i = 0; i < read->candidate_count; i++) {
        plate_key candidate = read->candidates[i].key;
        if (candidate != 0 && !key_has_unread(candidate) && !is_offered(read, i)) {
            offer_plate(l, candidate, candidate, true);
        }
    }
}

void match_find(const struct match_index *index, const struct match_judge *judge,
                const struct plate_read *read, struct wall_time now, bool clock_trusted,
                struct match_result *out)
{
    struct look l = {.index = index,
                     .read = read,
                     .now = now,
                     .trusted = clock_trusted,
                     .judge = judge,
                     .out = out};
    find(&l);
}

void match_find_self_test(const struct match_index *index, const struct match_judge *judge,
                          const struct plate_read *read, struct wall_time now, bool clock_trusted,
                          struct match_result *out)
{
    struct look l = {.index = index,
                     .read = read,
                     .now = now,
                     .trusted = clock_trusted,
                     .self_test = true,
                     .judge = judge,
                     .out = out};
    find(&l);
}
