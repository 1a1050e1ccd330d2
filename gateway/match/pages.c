/*
 * 2 MB pages by mmap. A pool of huge pages that is set aside is used first; it is refused at once
 * when it is too small, and then a mapping aligned to 2 MB is offered to the kernel's transparent
 * huge pages. Neither of them is an error to be without.
 */
#include "gateway/match/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

enum { HUGE_BYTES = 2 << 20, SMALL_BYTES = 4096, HUGE_SHIFT = 21 };

static void *map(size_t size_bytes, int flags)
{
    void *start =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

static size_t round_up(size_t value, size_t step)
{
    return (value + step - 1) / step * step;
}

static void unmap(void *start, size_t size_bytes)
{
    if (size_bytes > 0) {
        /* Fails for a range that is no mapping only. */
        (void)munmap(start, size_bytes);
    }
}

/* A mapping whose start is a multiple of HUGE_BYTES: one that is longer, its ends cut off. */
static void *map_aligned(size_t size_bytes)
{
    uint8_t *start = map(size_bytes + HUGE_BYTES, 0);
    if (!start) {
        return NULL;
    }
    size_t before = round_up((uintptr_t)start, HUGE_BYTES) - (uintptr_t)start;
    unmap(start, before);
    unmap(start + before + size_bytes, HUGE_BYTES - before);
    return start + before;
}

static int map_small(size_t size_bytes, struct pages *out)
{
    size_t size = round_up(size_bytes, SMALL_BYTES);
    void *start = map(size, 0);
    if (!start) {
        return ERR_NO_MEMORY;
    }
    *out = (struct pages){start, size, PAGES_SMALL};
    return 0;
}

int pages_map(size_t size_bytes, struct pages *out)
{
    if (size_bytes > SIZE_MAX / 2) {
        return ERR_NO_MEMORY;
    }
    size_t size = round_up(size_bytes, HUGE_BYTES);
    if (size_bytes < HUGE_BYTES) {
        return map_small(size_bytes, out);
    }
    void *start = map(size, MAP_HUGETLB | HUGE_SHIFT << MAP_HUGE_SHIFT);
    if (start) {
        *out = (struct pages){start, size, PAGES_HUGETLB};
        return 0;
    }
    start = map_aligned(size);
    if (!start) {
        return map_small(size_bytes, out);
    }
    bool given = madvise(start, size, MADV_HUGEPAGE) == 0;
    *out = (struct pages){start, size, given ? PAGES_TRANSPARENT : PAGES_SMALL};
    return 0;
}

void pages_unmap(struct pages *pages)
{
    if (pages->start) {
        unmap(pages->start, pages->size_bytes);
        *pages = (struct pages){0};
    }
}

const char *pages_name(enum pages_kind kind)
{
    static const char *const names[] = {"small", "transparent", "hugetlb"};
    return names[kind];
}
