/*
 * What the benchmarks share: clocks, medians, memory on large pages, plates drawn at random with
 * hits and look-alikes planted among them, and the JSON object of the last line. Nothing of it
 * comes from the part that is measured: what a run must find is told by a table of its own.
 * One thread. A benchmark ends itself on a fault.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/err.h"
#include "gateway/model/plate_key.h"

enum { BENCH_RUNS_MAX = 99, BENCH_PAGE_SIZE = 2 * 1024 * 1024 };

/* Says what failed on stderr and ends the program with status 1. */
_Noreturn void bench_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The number of 1 to `most` that an option's text says; ends the program on any other. */
uint64_t bench_number(const char *option, const char *text, uint64_t most);

/* CPU time of this thread, which neighbours on the machine disturb least. */
uint64_t bench_cpu_ns(void);
/* Time of the wall, for work that another process or thread does. */
uint64_t bench_wall_ns(void);

/* Sorts `values`; the middle one (of an even count the upper). */
double bench_median(double *values, size_t count);

/* The next number of a sequence (splitmix64); any start is a seed. */
uint64_t bench_draw(uint64_t *state);

/* calloc that is never NULL; for free(). */
void *bench_room(size_t count, size_t size);

/* Zeroed memory on pages of 2 MB: reserved ones where there are enough, else as the kernel can.
 * Never NULL. */
void *bench_pages_create(size_t bytes);
void bench_pages_destroy(void *memory, size_t bytes); /* NULL is fine */

/* ---- plates ---- */

struct bench_plan {
    size_t listed_count;
    size_t query_count;
    uint32_t hits_per_million;        /* queries that are a listed plate */
    uint32_t look_alikes_per_million; /* queries one look-alike character from a listed plate */
    uint64_t seed;
};

struct bench_keys {
    plate_key *listed; /* all different */
    size_t listed_count;
    plate_key *queries;
    uint8_t *query_listed; /* one a query: 1 when it is one of `listed`, planted or by chance */
    size_t query_count;
};

/* A plate of a mainland car drawn evenly: province, letter, five digits or letters. */
plate_key bench_random_plate(uint64_t *state);
/* `key` with one character replaced by one that looks like it; 0 when it has none such. */
plate_key bench_look_alike(plate_key key, uint64_t *state);

void bench_keys_create(const struct bench_plan *plan, struct bench_keys *out);
void bench_keys_destroy(struct bench_keys *keys);
/* How many of the queries [first, first + count) are listed. */
size_t bench_keys_hits(const struct bench_keys *keys, size_t first, size_t count);

/* The text of a plate: `size` bytes of UTF-8 and a NUL. */
struct bench_text {
    char utf8[15];
    uint8_t size;
};

/* The texts of `count` keys, in order. Never NULL; fails the benchmark on a key that has none. */
struct bench_text *bench_texts_create(const plate_key *keys, size_t count);
void bench_texts_destroy(struct bench_text *texts); /* NULL is fine */

/* ---- the last line ---- */

struct bench_json {
    FILE *out;
    bool more;
};

void bench_json_begin(struct bench_json *json, FILE *out);
void bench_json_integer(struct bench_json *json, const char *key, uint64_t value);
/* Fails the benchmark when `value` is not finite. */
void bench_json_number(struct bench_json *json, const char *key, double value, int decimals);
void bench_json_text(struct bench_json *json, const char *key, const char *value);
void bench_json_end(struct bench_json *json); /* ends the line and flushes */
