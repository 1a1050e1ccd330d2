/*
 * Filling a new index. Entries go through in blocks: their records are fetched first, then their
 * keys are folded and hashed together and the lines of the table they will touch are fetched, and
 * when those have come the keys are put in. A plain key, one that only repeats symbols seen before
 * and is the first of its plate, takes the kernel's short way; any other is added as later entries
 * are. One thread, the writer's.
 */
#include "gateway/match/index_state.h"

enum {
    RECORDS_AHEAD = 64, /* entries whose record is being fetched, before … */
    BLOCKS_AHEAD = 16   /* … blocks whose lines of the table are */
};

/* A block on its way. */
struct batch {
    struct scan_block block;
    plate_key keys[SCAN_BLOCK];
};

struct fill {
    struct match_index *index;
    const struct match_entry *const *entries;
    size_t count;
    struct batch ring[BLOCKS_AHEAD];
    /* Symbols that occurred at a place in a full plate of the first form: index->occurring, a byte
     * each, for every key is asked about. */
    uint8_t occurred[KEY_SYMBOLS_1][LOOK_ALIKE_SYMBOLS];
};

static void take_in(struct fill *f, size_t at, struct batch *batch)
{
    for (size_t i = 0; i < SCAN_BLOCK; i++) {
        if (at + i + RECORDS_AHEAD < f->count) {
            __builtin_prefetch(&f->entries[at + i + RECORDS_AHEAD]->record.key);
        }
        batch->keys[i] = at + i < f->count ? f->entries[at + i]->record.key : 0;
    }
    f->index->kernel->locate(&f->index->view, batch->keys, &batch->block);
}

static unsigned symbol_at(uint64_t folded, int place)
{
    return folded >> KEY_BITS_1 * (KEY_SYMBOLS_1 - 1 - place) & (LOOK_ALIKE_SYMBOLS - 1);
}

/* Bits of the keys that are valid plates of the first form and teach nothing new. The slot form of
 * such a key is the folded key. */
static unsigned plain_keys(const struct fill *f, const struct batch *batch)
{
    unsigned plain = 0;
    for (unsigned k = 0; k < SCAN_BLOCK; k++) {
        uint64_t folded = batch->block.keys[k];
        unsigned all = key_has_shape(batch->keys[k]);
        for (int place = 0; place < KEY_SYMBOLS_1; place++) {
            all &= f->occurred[place][symbol_at(folded, place)];
        }
        plain |= all << k;
    }
    return plain & ~(batch->block.sure | batch->block.second_form);
}

static int add_one(struct fill *f, const struct match_entry *entry, uint64_t folded)
{
    int result = index_add_entry(f->index, entry);
    for (int place = 0; place < KEY_SYMBOLS_1; place++) {
        unsigned symbol = symbol_at(folded, place);
        f->occurred[place][symbol] = symbol_set_has(&f->index->occurring[0][place], symbol);
    }
    return result;
}

static int put_in(struct fill *f, size_t at, const struct batch *batch, size_t *out_at)
{
    struct table *table = &f->index->view.table;
    size_t size = f->count - at < SCAN_BLOCK ? f->count - at : SCAN_BLOCK;
    uint64_t values[SCAN_BLOCK] = {0};
    for (size_t i = 0; i < size; i++) {
        values[i] = (uintptr_t)f->entries[at + i]; /* of one entry: see chain_value */
    }
    unsigned left = f->index->kernel->put(table, &batch->block, values, plain_keys(f, batch)) &
                    ((1u << size) - 1);
    for (; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        int result = add_one(f, f->entries[at + i], batch->block.keys[i]);
        if (result != 0) {
            *out_at = at + i;
            return result;
        }
    }
    return 0;
}

int index_fill(struct match_index *index, const struct match_entry *const *entries, size_t count,
               size_t *out_at)
{
    const size_t ahead = BLOCKS_AHEAD * SCAN_BLOCK;
    struct fill f = {.index = index, .entries = entries, .count = count};
    for (size_t at = 0; at < count + ahead; at += SCAN_BLOCK) {
        struct batch *batch = &f.ring[at / SCAN_BLOCK % BLOCKS_AHEAD];
        if (at >= ahead && at - ahead < count) {
            int result = put_in(&f, at - ahead, batch, out_at);
            if (result != 0) {
                return result;
            }
        }
        if (at < count) {
            take_in(&f, at, batch);
        }
    }
    return 0;
}
