/*
 * Zeroed memory for tables that are looked into at random: on 2 MB pages where the machine has any,
 * since a look into a table of many 4 KB pages costs a second miss for its translation. Owner: who
 * mapped it. Any thread.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/err.h"

enum pages_kind {
    PAGES_SMALL,       /* what the system gives; also for less than 2 MB */
    PAGES_TRANSPARENT, /* asked for 2 MB pages by madvise: the kernel gives them as it has them */
    PAGES_HUGETLB      /* out of the pool that the administrator set aside */
};

struct pages {
    void *start; /* NULL: none */
    size_t size_bytes;
    enum pages_kind kind;
};

/* At least `size_bytes` (> 0) of zeroes, aligned to 4 KB or more. ERR_NO_MEMORY. */
int pages_map(size_t size_bytes, struct pages *out) MUST_CHECK;
/* Zeroed; none are fine. */
void pages_unmap(struct pages *pages);
/* "small", "transparent", "hugetlb" */
const char *pages_name(enum pages_kind kind);
