/*
 * What the benchmarks share; see bench.h. No state but what the caller holds.
 */
#include "tests/bench/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

void bench_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("bench: ", stderr); /* the exit status tells it too */
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t bench_number(const char *option, const char *text, uint64_t most)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value == 0 || value > most) {
        bench_fail("--%s = '%s': expected a number of 1 to %" PRIu64, option, text, most);
    }
    return value;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        bench_fail("clock %d cannot be read", (int)clock);
    }
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t bench_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), by_value);
    return values[count / 2];
}

uint64_t bench_draw(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* ---- memory ---- */

void *bench_room(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        bench_fail("no memory for %zu times %zu bytes", count, size);
    }
    return memory;
}

static size_t whole_pages(size_t bytes)
{
    return (bytes + BENCH_PAGE_SIZE - 1) / BENCH_PAGE_SIZE * BENCH_PAGE_SIZE;
}

void *bench_pages_create(size_t bytes)
{
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    size_t size = whole_pages(bytes);
    void *memory = mmap(NULL, size, protection, flags | MAP_HUGETLB | MAP_POPULATE, -1, 0);
    if (memory != MAP_FAILED) {
        return memory;
    }
    uint8_t *wide = mmap(NULL, size + BENCH_PAGE_SIZE, protection, flags, -1, 0);
    if (wide == MAP_FAILED) {
        bench_fail("no memory for %zu bytes", size);
    }
    /* Cut to a page of 2 MB: what the kernel cannot make large stays as it is. */
    size_t before = (BENCH_PAGE_SIZE - (uintptr_t)wide % BENCH_PAGE_SIZE) % BENCH_PAGE_SIZE;
    size_t after = BENCH_PAGE_SIZE - before;
    uint8_t *aligned = wide + before;
    if ((before > 0 && munmap(wide, before) != 0) || munmap(aligned + size, after) != 0) {
        bench_fail("munmap");
    }
    (void)madvise(aligned, size, MADV_HUGEPAGE); /* a kernel without: small pages serve */
    memset(aligned, 0, size);
    return aligned;
}

void bench_pages_destroy(void *memory, size_t bytes)
{
    if (memory && munmap(memory, whole_pages(bytes)) != 0) {
        bench_fail("munmap");
    }
}

/* ---- the last line ---- */

static void json_key(struct bench_json *json, const char *key)
{
    fprintf(json->out, "%s\"%s\":", json->more ? "," : "", key);
    json->more = true;
}

void bench_json_begin(struct bench_json *json, FILE *out)
{
    *json = (struct bench_json){.out = out};
    fputc('{', out);
}

void bench_json_integer(struct bench_json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void bench_json_number(struct bench_json *json, const char *key, double value, int decimals)
{
    if (!isfinite(value)) {
        bench_fail("%s is no number", key);
    }
    json_key(json, key);
    fprintf(json->out, "%.*f", decimals, value);
}

void bench_json_text(struct bench_json *json, const char *key, const char *value)
{
    json_key(json, key);
    fputc('"', json->out);
    for (const char *c = value; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\') {
            fprintf(json->out, "\\u%04x", (unsigned)(unsigned char)*c);
        } else {
            fputc(*c, json->out);
        }
    }
    fputc('"', json->out);
}

void bench_json_end(struct bench_json *json)
{
    fputs("}\n", json->out);
    if (fflush(json->out) != 0 || ferror(json->out)) {
        bench_fail("the result cannot be written");
    }
}
