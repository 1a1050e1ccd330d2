/*
 * The filter's kernels: one algorithm (kernel_scan.h) over instructions of different width, with
 * equal results. Only the kernel files are compiled for more than the base instruction set; which
 * of them may run is asked of the processor.
 *
 * The vector kernels read slots and sets with plain loads of 32 or 64 bytes while the writer stores
 * to them. On x86 each aligned 8-byte lane of such a load is one of the values the lane ever had,
 * and loads are not reordered with loads: a key that was in its bucket all the time is seen, and
 * what is seen beside it is a guess that match_find checks. ThreadSanitizer cannot know this, so a
 * build under it has the scalar kernel alone, which uses atomic loads.
 */
#pragma once

#include "gateway/match/index.h"
#include "gateway/match/look_alike.h"
#include "gateway/match/partial.h"
#include "gateway/match/table.h"

/* What is looked into. */
struct kernel_view {
    struct table table; /* of folded keys */
    struct look_alike look_alike;
    struct partial partial[KEY_FORMS];
};

/* The hot loop is one function for each way to scan. */
#define KERNEL_INLINE static inline __attribute__((always_inline))

enum { SCAN_BLOCK = 8 };

/* Keys on their way through a scan. */
struct scan_block {
    _Alignas(64) uint64_t keys[SCAN_BLOCK]; /* folded, in slot form; KEY_SLOT_NONE: no key */
    uintptr_t buckets[SCAN_BLOCK];          /* addresses of their first buckets … */
    uintptr_t marks[SCAN_BLOCK];            /* … and of the slots whose marks tell of more */
    unsigned sure;        /* bit i: key i may have a hit whatever the table says */
    unsigned second_form; /* bit i: key i is of the second form */
};

struct kernel {
    enum match_kernel number;
    /* See match_scan. */
    size_t (*scan)(const struct kernel_view *view, const plate_key *keys, size_t count,
                   uint32_t *out_at);
    /* For building: SCAN_BLOCK keys made ready, what adding them touches is fetched … */
    void (*locate)(const struct kernel_view *view, const plate_key *keys, struct scan_block *out);
    /* … and, some blocks later, those of `which` that the table has not and whose first bucket has
     * room get their value there. Bits of those that remain: they are added one by one. */
    unsigned (*put)(struct table *table, const struct scan_block *block, const uint64_t *values,
                    unsigned which);
    bool (*runs_here)(void);
};

#if defined(__SANITIZE_THREAD__)
#define KERNEL_VECTOR 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KERNEL_VECTOR 0
#endif
#endif
#if !defined(KERNEL_VECTOR) && defined(__x86_64__)
#define KERNEL_VECTOR 1
#endif

extern const struct kernel kernel_scalar;
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_avx512;

/* NULL: not in this build or not on this processor. */
const struct kernel *kernel_find(enum match_kernel wanted);
