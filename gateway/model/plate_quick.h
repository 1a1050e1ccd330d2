/*
 * Plain whole plates to keys, many at once: province + letter + 5 or 6 digits and letters, the same
 * with a suffix character (警 学 挂 领 港 澳 试 超), and 4 to 8 digits and capitals. What is taken
 * has exactly the key that plate_encode() gives, whatever the camera means by '-'; everything else
 * (lower case, I or O in a serial, separators, words, special forms) is left to plate_encode().
 * Kernels for AVX-512, AVX2 and any processor give equal keys. Pure, any thread.
 */
#pragma once

#include <endian.h>
#include <string.h>

#include "gateway/model/plate_key.h"

enum {
    PLATE_QUICK_MAX = 64,     /* plates of a batch, a multiple of 8 */
    PLATE_QUICK_SIZE_MIN = 4, /* bytes of a text */
    PLATE_QUICK_SIZE_MAX = 11,
    PLATE_QUICK_BYTES_BEFORE = 4 /* of the text that plate_quick_put() may look at */
};

enum plate_quick_kernel {
    PLATE_QUICK_BEST, /* the fastest this processor has */
    PLATE_QUICK_AVX512,
    PLATE_QUICK_AVX2,
    PLATE_QUICK_SCALAR
};

/* Plates on their way, as bytes, the first lowest. */
struct plate_quick {
    uint64_t tail[PLATE_QUICK_MAX]; /* the last 8 bytes of the text, what stands before it too */
    uint32_t head[PLATE_QUICK_MAX]; /* the first 4 */
    uint8_t size[PLATE_QUICK_MAX];  /* bytes of the text, 0: not plain */
};

static inline uint64_t plate_quick_load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static inline uint32_t plate_quick_load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

/* Puts a plate text into place `at` (below PLATE_QUICK_MAX); one that is not plain gets key 0. Of a
 * text below 8 bytes PLATE_QUICK_BYTES_BEFORE bytes in front of it are looked at: they must be
 * readable. */
static inline void plate_quick_put(struct plate_quick *q, size_t at, const uint8_t *text,
                                   size_t size)
{
    if (size < PLATE_QUICK_SIZE_MIN || size > PLATE_QUICK_SIZE_MAX) {
        q->size[at] = 0;
        return;
    }
    q->tail[at] = plate_quick_load64(text + size - sizeof q->tail[0]);
    q->head[at] = plate_quick_load32(text);
    q->size[at] = (uint8_t)size;
}

/* The keys of the first `count` places (at most PLATE_QUICK_MAX), 0 where plate_encode() must be
 * asked. `out` has room for PLATE_QUICK_MAX. */
void plate_quick_encode(const struct plate_quick *q, size_t count, plate_key *out);
/* The same by a kernel of choice: for tests and measurements. It must be there. */
void plate_quick_encode_by(enum plate_quick_kernel kernel, const struct plate_quick *q,
                           size_t count, plate_key *out);
bool plate_quick_has(enum plate_quick_kernel kernel);                /* this processor can */
const char *plate_quick_kernel_name(enum plate_quick_kernel kernel); /* "avx512"; BEST: which */

/* One plate. False: plate_encode() must be asked; *out is then unchanged. */
bool plate_encode_quick(const uint8_t *text, size_t size, plate_key *out) MUST_CHECK;
