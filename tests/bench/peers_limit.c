/*
 * The limit: random 64-byte lines of a table, a word of each added up, every line asked for
 * LOOK_AHEAD lines before it is read (a ring that never drains). Addresses come from a generator,
 * which is faster than reading them from memory. Where a prefetch may end (first or second level)
 * matters by a third and differs by processor: both are run and the faster one is the limit.
 */
#include <stdlib.h>

#include "tests/bench/peers.h"

enum { LINE_SIZE = 64, LOOK_AHEAD = 128, LINES_A_RUN = 2 * 1024 * 1024 };

struct bench_limit {
    uint8_t *table;
    size_t bytes;
    uint32_t lines;
    uint64_t next;
    uint64_t sum; /* so that no load is left out */
};

struct bench_limit *bench_limit_create(size_t bytes)
{
    struct bench_limit *limit = bench_room(1, sizeof(*limit));
    size_t lines = (bytes + LINE_SIZE - 1) / LINE_SIZE;
    if (lines == 0 || lines > UINT32_MAX) {
        bench_fail("limit: a table of %zu bytes: expected 1 to %zu", bytes,
                   (size_t)UINT32_MAX * LINE_SIZE);
    }
    limit->bytes = lines * LINE_SIZE;
    limit->lines = (uint32_t)lines;
    limit->table = bench_pages_create(limit->bytes);
    for (size_t i = 0; i < limit->bytes; i += LINE_SIZE) {
        limit->table[i] = (uint8_t)i; /* pages of its own, not the kernel's page of zeros */
    }
    return limit;
}

/* A line for every number: two multiplications, spread evenly. */
static inline const uint8_t *line_of(const struct bench_limit *limit, uint64_t number)
{
    number *= UINT64_C(0x9E3779B97F4A7C15);
    number ^= number >> 32;
    number = (number * UINT64_C(0xD6E8FEB86659FD93)) >> 32;
    return limit->table + ((number * limit->lines) >> 32) * LINE_SIZE;
}

/* `level` is a constant wherever this is inlined, as the builtin wants it. */
static inline __attribute__((always_inline)) void prefetch(const uint8_t *line, int level)
{
    if (level == 1) {
        __builtin_prefetch(line, 0, 3);
    } else {
        __builtin_prefetch(line, 0, 2);
    }
}

static inline __attribute__((always_inline)) uint64_t walk(const struct bench_limit *limit,
                                                           int level)
{
    const uint8_t *ring[LOOK_AHEAD];
    uint64_t sum = 0;
    for (uint64_t i = 0; i < LOOK_AHEAD; i++) {
        ring[i] = line_of(limit, limit->next + i);
        prefetch(ring[i], level);
    }
    for (uint64_t i = LOOK_AHEAD; i < LINES_A_RUN; i += 8) {
        for (uint64_t j = i; j < i + 8; j++) {
            const uint8_t **at = &ring[j % LOOK_AHEAD];
            sum += *(const uint64_t *)(const void *)*at;
            *at = line_of(limit, limit->next + j);
            prefetch(*at, level);
        }
    }
    for (int i = 0; i < LOOK_AHEAD; i++) {
        sum += *(const uint64_t *)(const void *)ring[i];
    }
    return sum;
}

static __attribute__((noinline)) uint64_t walk_first_level(const struct bench_limit *limit)
{
    return walk(limit, 1);
}

static __attribute__((noinline)) uint64_t walk_second_level(const struct bench_limit *limit)
{
    return walk(limit, 2);
}

static double timed(struct bench_limit *limit, uint64_t (*walk_level)(const struct bench_limit *))
{
    uint64_t begun = bench_cpu_ns();
    limit->sum += walk_level(limit);
    uint64_t took = bench_cpu_ns() - begun;
    limit->next += LINES_A_RUN;
    return LINES_A_RUN * 1e3 / (double)(took ? took : 1);
}

double bench_limit_mps(struct bench_limit *limit)
{
    double first = timed(limit, walk_first_level);
    double second = timed(limit, walk_second_level);
    if (limit->sum == 0) {
        bench_fail("limit: nothing was read");
    }
    return first > second ? first : second;
}

void bench_limit_destroy(struct bench_limit *limit)
{
    if (limit) {
        bench_pages_destroy(limit->table, limit->bytes);
        free(limit);
    }
}
