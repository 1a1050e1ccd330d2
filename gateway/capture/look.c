/* See look.h. Lengths are checked against the bytes at hand as drivers/wire does; the order of the
 * checks is that of the usual frame. */
#include "gateway/capture/look.h"

#include <assert.h>
#include <string.h>

#include "gateway/capture/look_body.h"

/* Adds the candidates of frame `owner`. False: one of them is not plain, or there are too many. */
static bool add_candidates(const struct datagram *d, uint16_t owner, size_t count,
                           struct looked *out)
{
    size_t at = COMPACT_HEADER_SIZE + (size_t)d->data[PLATE_SIZE_AT];
    for (; at + 2 <= d->size; at += 2u + d->data[at + 1]) {
        size_t size = d->data[at + 1];
        size_t extra = out->key_count - count;
        bool whole = size >= CANDIDATE_MIN && size <= CANDIDATE_MAX && at + 2 + size <= d->size;
        if (d->data[at] != CANDIDATE_TYPE || !whole) /* the receiver refuses what is broken */
            continue;
        if (extra == LOOK_EXTRA_MAX ||
            !plate_encode_quick(d->data + at + 3, size - 1, &out->keys[out->key_count]))
            return false;
        out->owners[extra] = owner;
        out->key_count++;
    }
    return true;
}

static struct look_bits look_at_batch(const struct look_ports *ports,
                                      const struct capture_frame *frames, size_t count, size_t left,
                                      plate_key *keys)
{
    struct plate_quick q = {.size = {0}};
    struct look_bits bits = {0, 0};
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < left)
            fetch(&frames[i + AHEAD]);
        bits.candidates |= look_at_one(ports, frames, i, &q);
    }
    plate_quick_encode(&q, count, keys);
    for (size_t i = 0; i < count; i++)
        bits.asked |= (uint64_t)(keys[i] == 0) << i;
    return bits;
}

typedef struct look_bits look_kernel(const struct look_ports *ports,
                                     const struct capture_frame *frames, size_t count, size_t left,
                                     plate_key *keys);

static look_kernel *kernel_of(enum plate_quick_kernel kernel)
{
#if LOOK_X86
    bool wide = kernel == PLATE_QUICK_AVX512 || kernel == PLATE_QUICK_BEST;
    if (wide && plate_quick_has(PLATE_QUICK_AVX512))
        return look_at_batch_avx512;
#endif
    (void)kernel; /* the others differ in how plates are encoded */
    return look_at_batch;
}

_Static_assert(PLATE_QUICK_MAX == 64 && (int)PLATE_QUICK_BYTES_BEFORE <= (int)COMPACT_HEADER_SIZE,
               "a batch has a bit each, and a head stands before each plate");
_Static_assert((int)LOOK_WORD_BITS == (int)PLATE_QUICK_MAX &&
                   CAPTURE_BURST_MAX % LOOK_WORD_BITS == 0,
               "a word for each batch of a burst");
_Static_assert((int)LOOK_EXTRA_MAX >= (int)PLATE_QUICK_MAX, "the last batch writes whole");

void capture_look(const struct look_ports *ports, const struct capture_frame *frames, size_t count,
                  struct looked *out)
{
    capture_look_by(PLATE_QUICK_BEST, ports, frames, count, out);
}

/* The candidates of the frames of one batch that may carry some. */
static void look_for_candidates(const struct look_ports *ports, const struct capture_frame *frames,
                                size_t count, size_t word, uint64_t may, struct looked *out)
{
    for (uint64_t left = may; left != 0; left &= left - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(left);
        size_t frame = word * LOOK_WORD_BITS + bit;
        struct datagram d;
        if (out->keys[frame] != 0 && find_datagram(ports, &frames[frame], &d) &&
            add_candidates(&d, (uint16_t)frame, count, out))
            continue;
        out->keys[frame] = 0;
        out->asked[word] |= UINT64_C(1) << bit;
    }
}

/* A port that carries no compact datagram is asked in full. */
static void ask_all(size_t count, struct looked *out)
{
    memset(out->keys, 0, count * sizeof out->keys[0]);
    for (size_t i = 0; i < count; i++)
        out->asked[i / LOOK_WORD_BITS] |= UINT64_C(1) << (i % LOOK_WORD_BITS);
}

void capture_look_by(enum plate_quick_kernel kernel, const struct look_ports *ports,
                     const struct capture_frame *frames, size_t count, struct looked *out)
{
    look_kernel *look = kernel_of(kernel);
    uint64_t candidates[LOOK_WORDS] = {0};
    assert(count <= CAPTURE_BURST_MAX);
    memset(out->asked, 0, sizeof out->asked);
    out->key_count = count;
    if (ports->count == 0) {
        ask_all(count, out);
        return;
    }
    for (size_t at = 0; at < count; at += PLATE_QUICK_MAX) {
        size_t batch = count - at < PLATE_QUICK_MAX ? count - at : PLATE_QUICK_MAX;
        struct look_bits bits = look(ports, frames + at, batch, count - at, out->keys + at);
        candidates[at / LOOK_WORD_BITS] = bits.candidates;
        out->asked[at / LOOK_WORD_BITS] = bits.asked;
    }
    for (size_t word = 0; word < LOOK_WORDS; word++)
        look_for_candidates(ports, frames, count, word, candidates[word], out);
}
