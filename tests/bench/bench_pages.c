/* See bench_pages.h. */
#include "tests/bench/bench_pages.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/sys/kernel/mm/hugepages/hugepages-2048kB/"

enum { LARGE_PAGE = 2 << 20 };

static char before[32]; /* "": not changed */

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

/* By calls that are allowed in a signal's handler. */
static bool write_text(const char *text)
{
    int fd = open(FOLDER "nr_hugepages", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t size = strlen(text);
    bool good = write(fd, text, size) == (ssize_t)size;
    return close(fd) == 0 && good;
}

static void give_back(void)
{
    if (!write_text(before))
        fprintf(stderr, "%s: not set back to %s", FOLDER "nr_hugepages", before);
}

static void give_back_and_end(int signal_number)
{
    (void)write_text(before); /* nobody is left to tell */
    _exit(128 + signal_number);
}

/* Remembers what there is, to be set again however the program ends. */
static bool remember(long pages)
{
    const struct sigaction act = {.sa_handler = give_back_and_end};
    if (before[0] != '\0')
        return true;
    (void)snprintf(before, sizeof before, "%ld\n", pages); /* fits */
    return atexit(give_back) == 0 && sigaction(SIGTERM, &act, NULL) == 0 &&
           sigaction(SIGINT, &act, NULL) == 0;
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
    char text[32];
    (void)snprintf(text, sizeof text, "%ld\n", all + wanted - free_pages); /* fits */
    return remember(all) && write_text(text) && read_number(FOLDER "free_hugepages") >= wanted;
}
