/*
 * The wanted index as one would write it without a thought of speed: every entry is held against
 * the read, symbol by symbol. What the index says must be this, hit for hit. Shared by the
 * brute-force test and the fuzz target; nothing of gateway/match is used but its types.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/match/index.h"
#include "gateway/model/plate_symbols.h"

struct naive_plate {
    int count;
    int unread;
    uint8_t symbols[PLATE_SYMBOLS_MAX];
};

struct naive_row {
    const struct match_entry *entry; /* NULL: none */
    struct naive_plate plate;
};

struct naive_hit {
    const struct match_entry *entry;
    enum match_kind kind;
    enum class_agreement agreement;
    int differing;
    plate_key read_key;
};

static inline struct naive_plate naive_plate_of(plate_key key)
{
    struct naive_plate plate = {0};
    plate.count = plate_symbols(key, plate.symbols);
    for (int i = 0; i < plate.count; i++) {
        plate.unread += plate.symbols[i] == PLATE_SYMBOL_UNREAD;
    }
    return plate;
}

/* Number of the group of characters that look alike, 0: in none. */
static inline int naive_group(uint8_t symbol)
{
    static const char *const groups[] = {"0ODQ", "1I", "2Z", "5S", "8B", "6G"};
    static int8_t known[UINT8_MAX + 1]; /* group + 1 */
    if (known[symbol] == 0) {
        known[symbol] = 1;
        for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
            for (const char *c = groups[g]; *c; c++) {
                known[symbol] =
                    plate_symbol_of((uint32_t)*c) == symbol ? (int8_t)(g + 2) : known[symbol];
            }
        }
    }
    return known[symbol] - 1;
}

/* 0: the two are nothing to each other. `most`: look-alike symbols allowed. */
static inline int naive_relation(const struct naive_plate *read, const struct naive_plate *entry,
                                 int most, int *out_differing)
{
    int known = 0;
    int unread = 0;
    int alike = 0;
    if (read->count == 0 || read->count != entry->count) {
        return 0;
    }
    for (int i = 0; i < read->count; i++) {
        uint8_t left = read->symbols[i];
        uint8_t right = entry->symbols[i];
        if (left == PLATE_SYMBOL_UNREAD || right == PLATE_SYMBOL_UNREAD) {
            unread++;
        } else if (left == right) {
            known++;
        } else if (naive_group(left) != 0 && naive_group(left) == naive_group(right)) {
            alike++;
        } else {
            return 0;
        }
    }
    *out_differing = unread + alike;
    if (unread > 0) {
        return alike == 0 && known >= MATCH_PARTIAL_KNOWN_MIN ? MATCH_PARTIAL : 0;
    }
    return alike == 0 ? MATCH_EXACT : alike <= most ? MATCH_LOOK_ALIKE : 0;
}

/* The filter must let a read through: this entry has its folded key, or is partial and fits. */
static inline bool naive_may(const struct naive_plate *read, const struct naive_plate *entry,
                             int most)
{
    int differing;
    return naive_relation(read, entry, most > 0 ? PLATE_SYMBOLS_MAX : 0, &differing) != 0;
}

static inline int naive_by_strength(const void *a, const void *b)
{
    const struct naive_hit *left = a;
    const struct naive_hit *right = b;
    const struct wanted_record *l = &left->entry->record;
    const struct wanted_record *r = &right->entry->record;
    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    if (left->agreement != right->agreement) {
        return left->agreement < right->agreement ? -1 : 1;
    }
    if (l->priority != r->priority) {
        return l->priority < r->priority ? -1 : 1;
    }
    return l->id < r->id ? -1 : l->id > r->id;
}

/* Adds a hit unless the entry has a stronger one; a weaker one is replaced. */
static inline size_t naive_add(struct naive_hit *hits, size_t count, const struct naive_hit *hit)
{
    for (size_t i = 0; i < count; i++) {
        if (hits[i].entry->record.id == hit->entry->record.id) {
            if (naive_by_strength(hit, &hits[i]) < 0) {
                hits[i] = *hit;
            }
            return count;
        }
    }
    hits[count] = *hit;
    return count + 1;
}

/* All hits, strongest first; `hits` has room for `count`. Candidates count where they equal. */
static inline size_t naive_find(const struct naive_row *rows, size_t count, int most,
                                const struct plate_read *read, struct wall_time now, bool trusted,
                                struct naive_hit *hits)
{
    size_t found = 0;
    for (int c = -1; c < read->candidate_count; c++) {
        plate_key key = c < 0 ? read->key : read->candidates[c].key;
        struct naive_plate plate = naive_plate_of(key);
        if ((c < 0 && (read->kind != PLATE_KEY || plate.unread > MATCH_READ_UNREAD_MAX)) ||
            (c >= 0 && plate.unread > 0)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            const struct match_entry *entry = rows[i].entry;
            int differing = 0;
            int kind = entry ? naive_relation(&plate, &rows[i].plate, most, &differing) : 0;
            if (kind == 0 || (c >= 0 && kind != MATCH_EXACT) ||
                (trusted && (now.ms < entry->record.valid_from.ms ||
                             now.ms >= entry->record.valid_until.ms))) {
                continue;
            }
            const struct naive_hit hit = {.entry = entry,
                                          .kind = c < 0 ? (enum match_kind)kind : MATCH_CANDIDATE,
                                          .agreement =
                                              plate_class_agree(read->class, entry->record.class),
                                          .differing = differing,
                                          .read_key = key};
            found = naive_add(hits, found, &hit);
        }
    }
    qsort(hits, found, sizeof(hits[0]), naive_by_strength);
    return found;
}

/* The index said exactly this, as far as a result has room. */
static inline bool naive_equal(const struct naive_hit *hits, size_t count,
                               const struct match_result *result, struct wall_time now)
{
    size_t told = count < MATCH_HITS_MAX ? count : MATCH_HITS_MAX;
    bool equal = result->hit_count == told && (result->dropped > 0) == (count > told);
    for (size_t i = 0; equal && i < told; i++) {
        const struct match_hit *hit = &result->hits[i];
        const struct wanted_record *record = &hits[i].entry->record;
        bool expired = now.ms < record->valid_from.ms || now.ms >= record->valid_until.ms;
        equal = hit->entry.id == record->id && hit->entry.key == record->key &&
                hit->kind == hits[i].kind && hit->agreement == hits[i].agreement &&
                hit->differing == hits[i].differing && hit->read_key == hits[i].read_key &&
                hit->expired == expired && result->texts[i] == hits[i].entry->text;
    }
    return equal;
}
