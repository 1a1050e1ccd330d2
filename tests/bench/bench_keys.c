/*
 * Plates drawn at random, the queries over them and what must be found; see bench.h. Which queries
 * are listed is told by a plain open-addressed set, so that no table that is measured is believed.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/model/plate_symbols.h"
#include "tests/bench/bench.h"

enum { PLATE_SYMBOLS = 7, SERIAL_START = 2, MILLION = 1000000 };

/* A set of keys, at most half full; 0 is no key. */
struct key_set {
    plate_key *slots;
    size_t mask;
};

static size_t draw_below(uint64_t *state, size_t bound)
{
    return (size_t)(((unsigned __int128)bench_draw(state) * bound) >> 64);
}

static void set_init(struct key_set *set, size_t count)
{
    size_t slots = 16;
    while (slots < 2 * count) {
        slots *= 2;
    }
    set->slots = bench_room(slots, sizeof(set->slots[0]));
    set->mask = slots - 1;
}

/* Where `key` is or would be put. */
static size_t set_at(const struct key_set *set, plate_key key)
{
    uint64_t state = key;
    size_t at = bench_draw(&state) & set->mask;
    while (set->slots[at] != 0 && set->slots[at] != key) {
        at = (at + 1) & set->mask;
    }
    return at;
}

plate_key bench_random_plate(uint64_t *state)
{
    static const char serial[] = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"; /* no I, no O */
    uint8_t symbols[PLATE_SYMBOLS];
    const size_t provinces = PLATE_SYMBOL_PROVINCE_LAST - PLATE_SYMBOL_PROVINCE_FIRST + 1;
    symbols[0] = (uint8_t)(PLATE_SYMBOL_PROVINCE_FIRST + draw_below(state, provinces));
    for (int i = 1; i < PLATE_SYMBOLS; i++) {
        size_t first = i < SERIAL_START ? 10 : 0; /* letters only */
        char c = serial[first + draw_below(state, sizeof(serial) - 1 - first)];
        symbols[i] = plate_symbol_of((uint32_t)c);
    }
    return plate_key_of_symbols(symbols, PLATE_SYMBOLS);
}

static const char *group_of(uint8_t symbol)
{
    static const char *const groups[] = {"0DQ", "2Z", "5S", "8B", "6G"};
    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
        for (const char *c = groups[g]; *c; c++) {
            if (plate_symbol_of((uint32_t)*c) == symbol) {
                return groups[g];
            }
        }
    }
    return NULL;
}

/* Another character of its group. */
static uint8_t other_of(const char *group, uint8_t symbol, uint64_t *state)
{
    size_t size = strlen(group);
    size_t at = 0;
    while (at < size - 1 && plate_symbol_of((uint32_t)group[at]) != symbol) {
        at++;
    }
    return plate_symbol_of((uint32_t)group[(at + 1 + draw_below(state, size - 1)) % size]);
}

plate_key bench_look_alike(plate_key key, uint64_t *state)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int at[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    size_t places = 0;
    for (int i = SERIAL_START; i < count; i++) {
        if (group_of(symbols[i])) {
            at[places++] = i;
        }
    }
    if (places == 0) {
        return 0;
    }
    int i = at[draw_below(state, places)];
    symbols[i] = other_of(group_of(symbols[i]), symbols[i], state);
    return plate_key_of_symbols(symbols, count);
}

static plate_key draw_query(const struct bench_keys *keys, const struct bench_plan *plan,
                            uint64_t *state)
{
    size_t kind = draw_below(state, MILLION);
    if (keys->listed_count > 0 && kind < plan->hits_per_million) {
        return keys->listed[draw_below(state, keys->listed_count)];
    }
    if (keys->listed_count > 0 && kind < plan->hits_per_million + plan->look_alikes_per_million) {
        plate_key key =
            bench_look_alike(keys->listed[draw_below(state, keys->listed_count)], state);
        if (key != 0) {
            return key;
        }
    }
    return bench_random_plate(state);
}

static void check_plan(const struct bench_plan *plan)
{
    /* 33.8 thousand million plates: a set of more would take too long to draw all different. */
    if (plan->listed_count > 100u * MILLION || plan->query_count > 100u * MILLION ||
        (uint64_t)plan->hits_per_million + plan->look_alikes_per_million > MILLION) {
        bench_fail("a plan of %zu plates and %zu queries with %u + %u hits a million: expected at "
                   "most 100000000 of each and 1000000 hits",
                   plan->listed_count, plan->query_count, plan->hits_per_million,
                   plan->look_alikes_per_million);
    }
}

void bench_keys_create(const struct bench_plan *plan, struct bench_keys *out)
{
    struct key_set set;
    uint64_t state = plan->seed;
    check_plan(plan);
    set_init(&set, plan->listed_count);
    *out = (struct bench_keys){.listed = bench_room(plan->listed_count, sizeof(out->listed[0])),
                               .queries = bench_room(plan->query_count, sizeof(out->queries[0])),
                               .query_listed =
                                   bench_room(plan->query_count, sizeof(out->query_listed[0]))};
    while (out->listed_count < plan->listed_count) {
        plate_key key = bench_random_plate(&state);
        size_t at = set_at(&set, key);
        if (set.slots[at] == 0) {
            set.slots[at] = key;
            out->listed[out->listed_count++] = key;
        }
    }
    for (; out->query_count < plan->query_count; out->query_count++) {
        plate_key key = draw_query(out, plan, &state);
        out->queries[out->query_count] = key;
        out->query_listed[out->query_count] = set.slots[set_at(&set, key)] == key;
    }
    free(set.slots);
}

void bench_keys_destroy(struct bench_keys *keys)
{
    free(keys->listed);
    free(keys->queries);
    free(keys->query_listed);
    *keys = (struct bench_keys){0};
}

size_t bench_keys_hits(const struct bench_keys *keys, size_t first, size_t count)
{
    size_t hits = 0;
    for (size_t i = first; i < first + count; i++) {
        hits += keys->query_listed[i];
    }
    return hits;
}

struct bench_text *bench_texts_create(const plate_key *keys, size_t count)
{
    struct bench_text *texts = bench_room(count, sizeof(texts[0]));
    for (size_t i = 0; i < count; i++) {
        char text[PLATE_TEXT_SIZE];
        size_t size = plate_decode(keys[i], text) == 0 ? strlen(text) : 0;
        if (size == 0 || size >= sizeof(texts[i].utf8)) {
            bench_fail("key %016llx has no text of 1 to %zu bytes", (unsigned long long)keys[i],
                       sizeof(texts[i].utf8) - 1);
        }
        memcpy(texts[i].utf8, text, size + 1);
        texts[i].size = (uint8_t)size;
    }
    return texts;
}

void bench_texts_destroy(struct bench_text *texts)
{
    free(texts);
}
