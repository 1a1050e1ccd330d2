/*
 * The wanted index: how long it takes to build, to swap in under RCU and to look into, at 1,000,
 * 1,000,000 and 100,000 entries (the last line), a tenth of a percent of them with an unread
 * symbol. Medians of RUNS runs. Last line: one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/rcu.h"
#include "gateway/match/index.h"

enum { RUNS = 5, LOOKS = 20000, PARTIAL_LOOKS = 20, SIZES = 3 };

static void *in_force;

/* CPU time of this thread, which neighbours on the machine disturb least. */
static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static uint64_t median(uint64_t *values)
{
    qsort(values, RUNS, sizeof(values[0]), by_value);
    return values[RUNS / 2];
}

static uint64_t draw(void)
{
    static uint64_t state = 20261125;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 33;
}

static plate_key random_key(bool unread)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
    char text[16] = "鲁";
    struct plate_text plate;
    for (int i = 3; i < 9; i++) {
        text[i] = letters[draw() % (i == 3 ? 24 : 34)];
    }
    if (unread) {
        text[4 + draw() % 5] = '?';
    }
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.key;
}

static struct match_entry *make_entries(size_t count)
{
    struct match_entry *entries = calloc(count, sizeof(*entries));
    for (size_t i = 0; entries && i < count; i++) {
        entries[i].text = "";
        entries[i].record = (struct wanted_record){.id = i + 1,
                                                   .key = random_key(i % 1000 == 0),
                                                   .valid_until = {INT64_MAX},
                                                   .class = PLATE_CLASS_ANY,
                                                   .priority = 2,
                                                   .handling = HANDLING_STOP};
    }
    return entries;
}

static uint64_t look_ns(const struct match_index *index, int looks, bool unread)
{
    struct plate_read *reads = calloc((size_t)looks, sizeof(*reads));
    struct match_result result;
    uint64_t hits = 0;
    if (!reads) {
        exit(1);
    }
    for (int i = 0; i < looks; i++) {
        reads[i] = (struct plate_read){.kind = PLATE_KEY, .key = random_key(unread)};
    }
    uint64_t begun = now_ns();
    for (int i = 0; i < looks; i++) {
        match_find(index, NULL, &reads[i], (struct wall_time){1}, true, &result);
        hits += result.hit_count;
    }
    uint64_t took = now_ns() - begun;
    free(reads);
    if (hits > (uint64_t)looks * MATCH_HITS_MAX) { /* so that the work is not left out */
        exit(1);
    }
    return took / (uint64_t)looks;
}

static void measure(size_t count, bool last)
{
    struct match_entry *entries = make_entries(count);
    const struct match_entry **pointers = calloc(count, sizeof(*pointers));
    uint64_t build[RUNS];
    uint64_t swap[RUNS];
    uint64_t look[RUNS];
    uint64_t partial[RUNS];
    size_t bytes = 0;
    for (size_t i = 0; entries && pointers && i < count; i++) {
        pointers[i] = &entries[i];
    }
    for (int run = 0; run < RUNS; run++) {
        struct match_index *index = NULL;
        struct err_text err;
        uint64_t begun = now_ns();
        if (!entries || !pointers || match_index_create(pointers, count, NULL, &index, &err) != 0) {
            exit(1);
        }
        uint64_t built = now_ns();
        struct match_index *old = rcu_publish(&in_force, index);
        rcu_wait();
        match_index_destroy(old);
        swap[run] = now_ns() - built;
        build[run] = built - begun;
        look[run] = look_ns(index, LOOKS, false);
        partial[run] = look_ns(index, PARTIAL_LOOKS, true);
        bytes = match_index_bytes(index);
    }
    printf("%zu entries: build %.1f ms, swap %.2f ms, look %llu ns, look with '?' %.2f ms\n", count,
           (double)median(build) / 1e6, (double)median(swap) / 1e6,
           (unsigned long long)median(look), (double)median(partial) / 1e6);
    if (last) {
        printf("{\"entries\":%zu,\"build_ms\":%.1f,\"swap_ms\":%.2f,\"look_ns\":%llu,"
               "\"look_unread_us\":%.1f,\"bytes\":%zu}\n",
               count, (double)median(build) / 1e6, (double)median(swap) / 1e6,
               (unsigned long long)median(look), (double)median(partial) / 1e3, bytes);
    }
    free(pointers);
    free(entries); /* of the index in force, which is looked into no more */
}

int main(void)
{
    static const size_t sizes[SIZES] = {1000, 1000000, 100000};
    rcu_reader_register();
    rcu_reader_offline();
    for (int i = 0; i < SIZES; i++) {
        measure(sizes[i], i == SIZES - 1);
    }
    match_index_destroy(in_force);
    rcu_reader_unregister();
    return 0;
}
