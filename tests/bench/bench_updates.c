/*
 * Updates against a reader; see bench_updates.h. The list keeps its size: for every entry withdrawn
 * one is added. The writer works in batches, as a list's changes come: new entries in, old ones
 * out, a grace period, and the slots are free again. Owner of the index is the caller's thread;
 * the writer touches it only between `go` and `done`.
 */
#include "tests/bench/bench_updates.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/base/rcu.h"
#include "gateway/base/thread.h"

enum {
    SCAN = 4096, /* queries between two quiescent states */
    PACED_PAIRS = 50,
    PACED_EVERY_MS = 1,
    FAST_PAIRS = 500,
    FAST_BATCHES = 40,
    AHEAD = 8 /* entries whose memory is being fetched */
};

enum order { ORDER_PACED, ORDER_FAST, ORDER_END };

struct updates {
    const struct bench_updates_plan *plan;
    struct match_index *index;
    const struct match_entry **live; /* plan->count entries of the index */
    struct match_entry *made;        /* those that are not the caller's */
    const struct match_entry **spare;
    size_t replaced[FAST_PAIRS]; /* places in `live` of a batch */
    uint64_t random;
    uint32_t survivors[SCAN];
    size_t next_query;
    sem_t go;
    sem_t done;
    enum order order;     /* of the writer: set before `go` */
    atomic_bool enough;   /* ends a paced order; relaxed: a flag, nothing else hangs on it */
    atomic_bool finished; /* a fast order; relaxed: `done` hands over what was done */
    uint64_t updates;     /* of the last order: read after `done` */
    uint64_t took_ns;     /* by the wall when paced, else of the writer's CPU */
};

/* ---- the writer ---- */

/* Additions before withdrawals, each fetched ahead. */
static void update_batch(struct updates *u, size_t pairs)
{
    struct err_text err;
    for (size_t i = 0; i < pairs; i++) {
        u->replaced[i] = (size_t)(bench_draw(&u->random) % u->plan->count);
        __builtin_prefetch(&u->live[u->replaced[i]]);
    }
    for (size_t i = 0; i < pairs + AHEAD; i++) {
        if (i < pairs) {
            match_index_prefetch(u->index, u->spare[i]);
            __builtin_prefetch(u->live[u->replaced[i]]);
        }
        if (i >= AHEAD && match_index_add(u->index, u->spare[i - AHEAD], &err) != 0) {
            bench_fail("update: %s", err.text);
        }
    }
    for (size_t i = 0; i < pairs + AHEAD; i++) {
        if (i < pairs) {
            match_index_prefetch(u->index, u->live[u->replaced[i]]);
        }
        if (i >= AHEAD) {
            const struct match_entry **place = &u->live[u->replaced[i - AHEAD]];
            const struct match_entry *old = *place;
            if (match_index_withdraw(u->index, old) != 0) {
                bench_fail("update: an entry of the index cannot be withdrawn");
            }
            *place = u->spare[i - AHEAD];
            u->spare[i - AHEAD] = old;
        }
    }
    rcu_wait();
    match_index_reclaim(u->index);
    u->updates += 2 * pairs;
}

static void wait_until(uint64_t wall_ns)
{
    const struct timespec at = {.tv_sec = (time_t)(wall_ns / 1000000000u),
                                .tv_nsec = (long)(wall_ns % 1000000000u)};
    if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
        bench_fail("update: the writer cannot wait");
    }
}

/* What a late batch missed is made up for. */
static void update_paced(struct updates *u)
{
    uint64_t begun = bench_wall_ns();
    uint64_t due = begun;
    while (!atomic_load_explicit(&u->enough, memory_order_relaxed)) {
        update_batch(u, PACED_PAIRS);
        due += PACED_EVERY_MS * UINT64_C(1000000);
        wait_until(due);
    }
    u->took_ns = bench_wall_ns() - begun;
}

static void update_fast(struct updates *u)
{
    uint64_t begun = bench_cpu_ns();
    for (int i = 0; i < FAST_BATCHES; i++) {
        update_batch(u, FAST_PAIRS);
    }
    u->took_ns = bench_cpu_ns() - begun;
    atomic_store_explicit(&u->finished, true, memory_order_relaxed);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
        /* a signal came between */
    }
}

static void writer_run(struct thread *self, void *arg)
{
    struct updates *u = arg;
    (void)self; /* ends by order */
    for (;;) {
        wait_for(&u->go);
        if (u->order == ORDER_END) {
            return;
        }
        u->updates = 0;
        if (u->order == ORDER_PACED) {
            update_paced(u);
        } else {
            update_fast(u);
        }
        sem_post(&u->done);
    }
}

static void begin(struct updates *u, enum order order)
{
    atomic_store_explicit(&u->enough, false, memory_order_relaxed);
    atomic_store_explicit(&u->finished, false, memory_order_relaxed);
    u->order = order;
    sem_post(&u->go);
}

/* ---- the reader ---- */

/* The reader's own time, so that it is nobody's delay: offline while it waits. */
static void finish(struct updates *u)
{
    atomic_store_explicit(&u->enough, true, memory_order_relaxed);
    rcu_reader_offline();
    wait_for(&u->done);
    rcu_reader_online();
}

static size_t scan(struct updates *u)
{
    const struct bench_keys *keys = u->plan->keys;
    struct match_result result;
    if (u->next_query >= keys->query_count) {
        u->next_query = 0;
    }
    size_t left = keys->query_count - u->next_query;
    size_t count = left < SCAN ? left : SCAN;
    const plate_key *queries = &keys->queries[u->next_query];
    size_t found = match_scan(u->index, queries, count, u->survivors);
    for (size_t i = 0; i < found; i++) {
        const struct plate_read read = {.kind = PLATE_KEY, .key = queries[u->survivors[i]]};
        match_find(u->index, NULL, &read, (struct wall_time){1}, true, &result);
    }
    rcu_reader_quiescent();
    u->next_query += count;
    return count;
}

static double slice_mps(struct updates *u)
{
    uint64_t begun = bench_cpu_ns();
    uint64_t took = 0;
    size_t count = 0;
    while (took < (uint64_t)u->plan->slice_ms * 1000000u) {
        count += scan(u);
        took = bench_cpu_ns() - begun;
    }
    return (double)count * 1e3 / (double)took;
}

static void measure_once(struct updates *u, struct bench_updates *out)
{
    double before = slice_mps(u);
    begin(u, ORDER_PACED);
    double during = slice_mps(u);
    finish(u);
    out->updates_per_s = (double)u->updates * 1e9 / (double)u->took_ns;
    out->reader_mps = (before + slice_mps(u)) / 2;
    out->reader_loss = 1 - during / out->reader_mps;
    begin(u, ORDER_FAST);
    while (!atomic_load_explicit(&u->finished, memory_order_relaxed)) {
        (void)scan(u); /* only to be there */
    }
    finish(u);
    out->update_ns = (double)u->took_ns / (double)u->updates;
}

/* ---- the whole ---- */

static void build(struct updates *u)
{
    struct match_options options = *u->plan->options;
    struct err_text err;
    options.room = FAST_PAIRS;
    match_index_destroy(u->index);
    if (match_index_create(u->live, u->plan->count, &options, &u->index, &err) != 0) {
        bench_fail("update: %s", err.text);
    }
}

static void open_updates(const struct bench_updates_plan *plan, struct updates *u)
{
    if (plan->count == 0 || plan->keys->query_count == 0 || plan->runs == 0 ||
        plan->runs > BENCH_RUNS_MAX || plan->slice_ms <= 0) {
        bench_fail("update: a plan of no entries, queries, time or too many runs");
    }
    *u = (struct updates){.plan = plan, .random = plan->seed};
    u->live = bench_room(plan->count, sizeof(const struct match_entry *));
    u->made = bench_room(FAST_PAIRS, sizeof(struct match_entry));
    u->spare = bench_room(FAST_PAIRS, sizeof(const struct match_entry *));
    for (size_t i = 0; i < plan->count; i++) {
        u->live[i] = plan->entries[i];
    }
    for (size_t i = 0; i < FAST_PAIRS; i++) {
        u->made[i].record = plan->entries[0]->record;
        u->made[i].record.id = UINT32_MAX + (uint64_t)i; /* behind every id of the caller's */
        u->made[i].record.key = bench_random_plate(&u->random);
        u->made[i].text = plan->entries[0]->text;
        u->spare[i] = &u->made[i];
    }
    if (sem_init(&u->go, 0, 0) != 0 || sem_init(&u->done, 0, 0) != 0) {
        bench_fail("update: no semaphore");
    }
    build(u);
}

static void close_updates(struct updates *u)
{
    match_index_destroy(u->index);
    free(u->live);
    free(u->made);
    free(u->spare);
    if (sem_destroy(&u->go) != 0 || sem_destroy(&u->done) != 0) {
        bench_fail("update: a semaphore cannot be destroyed");
    }
}

static void run_all(struct updates *u, struct bench_updates *out)
{
    double update_ns[BENCH_RUNS_MAX];
    double reader_mps[BENCH_RUNS_MAX];
    double reader_loss[BENCH_RUNS_MAX];
    double updates_per_s[BENCH_RUNS_MAX];
    size_t runs = u->plan->runs;
    for (size_t run = 0; run < runs; run++) {
        struct bench_updates once;
        if (match_index_worn(u->index)) {
            build(u); /* as its owner would */
        }
        measure_once(u, &once);
        update_ns[run] = once.update_ns;
        reader_mps[run] = once.reader_mps;
        reader_loss[run] = once.reader_loss;
        updates_per_s[run] = once.updates_per_s;
    }
    *out = (struct bench_updates){.update_ns = bench_median(update_ns, runs),
                                  .reader_mps = bench_median(reader_mps, runs),
                                  .reader_loss = bench_median(reader_loss, runs),
                                  .updates_per_s = bench_median(updates_per_s, runs)};
}

void bench_updates_measure(const struct bench_updates_plan *plan, struct bench_updates *out)
{
    const struct thread_options options = {.name = "writer", .core = -1};
    struct thread writer = {0};
    struct updates u;
    open_updates(plan, &u);
    if (thread_start(&writer, &options, writer_run, &u) != 0) {
        bench_fail("update: no thread");
    }
    rcu_reader_register();
    run_all(&u, out);
    rcu_reader_unregister();
    u.order = ORDER_END;
    sem_post(&u.go);
    thread_join(&writer);
    close_updates(&u);
}
