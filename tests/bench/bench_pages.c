/* See bench_pages.h. */
#include "tests/bench/bench_pages.h"

#include <stdio.h>
#include <stdlib.h>

#define FOLDER "/sys/kernel/mm/hugepages/hugepages-2048kB/"

enum { LARGE_PAGE = 2 << 20, NOT_CHANGED = -1 };

static long before = NOT_CHANGED;

static long read_number(const char *path)
{
    char text[32] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    bool known = fgets(text, sizeof text, file) != NULL;
    (void)fclose(file); /* it was only read */
    return known ? strtol(text, NULL, 10) : -1;
}

static bool write_number(const char *path, long value)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    bool good = fprintf(file, "%ld\n", value) > 0;
    return fclose(file) == 0 && good;
}

static void give_back(void)
{
    if (!write_number(FOLDER "nr_hugepages", before))
        fprintf(stderr, "%s: not set back to %ld\n", FOLDER "nr_hugepages", before);
}

bool bench_pages_reserve(size_t bytes)
{
    long wanted = (long)((bytes + LARGE_PAGE - 1) / LARGE_PAGE);
    long free_pages = read_number(FOLDER "free_hugepages");
    long all = read_number(FOLDER "nr_hugepages");
    if (free_pages < 0 || all < 0)
        return false;
    if (free_pages >= wanted)
        return true;
    if (before == NOT_CHANGED) {
        before = all;
        if (atexit(give_back) != 0)
            return false;
    }
    return write_number(FOLDER "nr_hugepages", all + wanted - free_pages) &&
           read_number(FOLDER "free_hugepages") >= wanted;
}
