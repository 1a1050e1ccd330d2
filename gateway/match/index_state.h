/*
 * What an index is made of, shared by its files: index.c, the writer's, build.c, which fills a new
 * one, and find.c, the readers'. Internal to gateway/match.
 */
#pragma once

#include "gateway/match/chain.h"
#include "gateway/match/kernel.h"

/* Symbols that occur at a place, by folded field value; they only become more. */
struct symbol_set {
    _Atomic uint64_t words[2];
};

struct match_index {
    _Alignas(64) struct kernel_view view; /* first: its beginning is what a scan reads */
    const struct kernel *kernel;
    uint8_t look_alike_max;
    struct chain_pool chains;
    struct symbol_set occurring[KEY_FORMS][KEY_SYMBOLS_2];
    _Atomic size_t count;
    size_t capacity;  /* the writer's */
    size_t withdrawn; /* since the last match_index_reclaim; the writer's */
};

static inline bool symbol_set_has(const struct symbol_set *set, unsigned symbol)
{
    return atomic_load_explicit(&set->words[symbol / 64], memory_order_relaxed) >> symbol % 64 & 1;
}

static inline void symbol_set_add(struct symbol_set *set, unsigned symbol)
{
    atomic_fetch_or_explicit(&set->words[symbol / 64], UINT64_C(1) << symbol % 64,
                             memory_order_relaxed);
}

/* index.c: without the limit on their number. Errors of match_index_add. */
int index_add_entry(struct match_index *index, const struct match_entry *entry) MUST_CHECK;
/* build.c: all entries, into an index without any. `*out_at` is the one that could not be added. */
int index_fill(struct match_index *index, const struct match_entry *const *entries, size_t count,
               size_t *out_at) MUST_CHECK;
