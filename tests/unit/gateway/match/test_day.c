/*
 * A day of a wanted list in a minute or less: persons listed, changed, renewed, withdrawn, expiring
 * by a clock that is passed in, whole lists swapped and worn indexes built anew, while readers
 * look. Of every read: no entry that was there all along is missed, by match_scan or by match_find;
 * none is told that was withdrawn before the read began or has expired; and what is told is word
 * for word an entry made for that person, of a plate that the read may mean.
 *
 * CHECKPOINT_SEED and CHECKPOINT_UPDATES (of the day) set the size; the full tier has a million.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/thread.h"
#include "tests/unit/gateway/match/day_list.h"

enum {
    UPDATES_DEFAULT = 20000,
    SLOTS = 4000,
    READERS = 2,
    BURST = 16,
    READS_AN_UPDATE = 4, /* the writer waits for so many, all readers together */
    BATCH_MAX = 40
};

/* How a read means the person it is about. */
enum meaning { MEANS_EXACT, MEANS_LOOK_ALIKE, MEANS_CANDIDATE, MEANS_PARTIAL, MEANINGS };

struct question {
    const struct promise *promise; /* NULL: about nobody */
    bool kept;                     /* the promise, before the read */
    int64_t until_ms;
    enum meaning meaning;
    struct plate_read read;
    bool trusted;
};

struct reader {
    struct thread thread;
    struct day *day;
    uint64_t random;
    struct question questions[BURST];
    plate_key keys[BURST];
    bool survives[BURST];
    /* What was seen, so that the test can tell that it tested something. */
    size_t held[MEANINGS]; /* promises held to */
    size_t told[MATCH_PARTIAL + 1];
    size_t told_expired; /* while time was not trusted */
    size_t dropped;
    _Atomic size_t reads;
};

/* ---- one question ---- */

static void about(struct reader *r, struct question *q, const struct promise *promise)
{
    plate_key key = promise->key;
    q->promise = promise;
    q->meaning = (enum meaning)day_below(&r->random, MEANINGS);
    if (plate_has_unread(key)) {
        q->meaning = MEANS_PARTIAL;
        q->read.key = day_filled(key, &r->random);
    } else if (q->meaning == MEANS_PARTIAL) {
        q->read.key = day_unread(key, &r->random);
    } else if (q->meaning == MEANS_LOOK_ALIKE) {
        q->read.key = day_look_alike(key, &r->random);
    } else if (q->meaning == MEANS_CANDIDATE) {
        q->read.key = day_plate(&r->random);
        q->read.candidate_count = 2;
        q->read.candidates[0].key = day_plate(&r->random);
        q->read.candidates[1].key = key;
    } else {
        q->read.key = key;
    }
    if (q->read.key == 0) { /* nothing looks like it */
        q->meaning = MEANS_EXACT;
        q->read.key = key;
    }
}

static void ask(struct reader *r, struct question *q, bool crowd)
{
    static const plate_class classes[] = {PLATE_CLASS_UNKNOWN, '0' << 8 | '2', '0' << 8 | '1'};
    size_t slot = day_below(&r->random, crowd ? CROWD_VALID : SLOTS);
    const struct promise *promise =
        atomic_load_explicit(&r->day->directory[slot], memory_order_acquire);
    *q = (struct question){.trusted = crowd || !day_one_in(&r->random, 16)};
    q->read.kind = PLATE_KEY;
    q->read.class = classes[day_below(&r->random, 3)];
    if (promise && !day_one_in(&r->random, 8)) {
        about(r, q, promise);
        /* Acquire: pairs with keep() and renew_person(). */
        q->until_ms = atomic_load_explicit(&promise->until_ms, memory_order_acquire);
        q->kept = atomic_load_explicit(&promise->state, memory_order_acquire) == PROMISE_KEPT;
    } else {
        q->read.key = day_plate(&r->random);
    }
}

/* ---- what was told ---- */

static bool same_record(const struct wanted_record *a, const struct wanted_record *b)
{
    return a->id == b->id && a->key == b->key && a->valid_from.ms == b->valid_from.ms &&
           a->valid_until.ms == b->valid_until.ms && a->class == b->class &&
           a->category == b->category && a->priority == b->priority && a->handling == b->handling &&
           a->text_size == b->text_size;
}

static void check_hit(struct reader *r, const struct question *q, const struct match_hit *hit,
                      const char *text, uint64_t stamp, int64_t now_ms)
{
    const struct wanted_record *record = &hit->entry;
    char *end_of_number;
    unsigned long long number = strtoull(text, &end_of_number, 10);
    if (end_of_number == text || *end_of_number != '\0' || number >= r->day->version_max) {
        day_fail("the text of a hit is none that was ever given");
    }
    struct version *version = &r->day->versions[number];
    if (!same_record(record, &version->record)) {
        day_fail("a hit is not the entry whose text it carries");
    }
    uint64_t withdrawn = atomic_load_explicit(&version->withdrawn_at, memory_order_relaxed);
    if (withdrawn != 0 && withdrawn <= stamp) {
        day_fail("an entry was told that had been withdrawn before the read began");
    }
    bool valid = now_ms >= record->valid_from.ms && now_ms < record->valid_until.ms;
    if (valid == hit->expired || (hit->expired && q->trusted)) {
        day_fail("an entry was told outside its validity");
    }
    if (!day_related(&q->read, record->key, hit->kind) ||
        hit->agreement != plate_class_agree(q->read.class, record->class)) {
        day_fail("a read was told an entry of another plate, or another way");
    }
    r->told[hit->kind]++;
    r->told_expired += hit->expired;
}

static const struct match_hit *hit_of(const struct match_result *result, uint64_t id)
{
    const struct match_hit *found = NULL;
    for (int i = 0; i < result->hit_count; i++) {
        if (result->hits[i].entry.id == id) {
            if (found) {
                day_fail("one person was told twice");
            }
            found = &result->hits[i];
        }
    }
    return found;
}

/* The hit that the question had to find was found, if it still had to when all was over. */
static void check_promise(struct reader *r, const struct question *q, bool survived,
                          const struct match_result *result, int64_t now_ms)
{
    static const enum match_kind kinds[MEANINGS] = {MATCH_EXACT, MATCH_LOOK_ALIKE, MATCH_CANDIDATE,
                                                    MATCH_PARTIAL};
    const struct match_hit *hit = hit_of(result, q->promise->id);
    bool valid = now_ms >= q->promise->from_ms && now_ms < q->until_ms;
    if (!q->kept || (q->trusted && !valid) ||
        atomic_load_explicit(&q->promise->state, memory_order_acquire) != PROMISE_KEPT) {
        return;
    }
    if (q->meaning != MEANS_CANDIDATE && !survived) {
        day_fail("match_scan leaves out a plate whose entry was there all along");
    }
    if (!hit && result->dropped == 0) {
        day_fail("match_find misses an entry that was there all along");
    }
    if (hit && hit->kind > kinds[q->meaning]) {
        day_fail("match_find tells a weaker match than there is");
    }
    r->held[q->meaning] += hit != NULL;
}

/* ---- readers ---- */

static void scan(struct reader *r, const struct match_index *index)
{
    uint32_t at[BURST];
    for (int i = 0; i < BURST; i++) {
        r->keys[i] = r->questions[i].read.key;
        r->survives[i] = false;
    }
    size_t count = match_scan(index, r->keys, BURST, at);
    for (size_t i = 0; i < count; i++) {
        if (at[i] >= BURST || (i > 0 && at[i] <= at[i - 1])) {
            day_fail("match_scan tells a position that is none, or not rising");
        }
        r->survives[at[i]] = true;
    }
}

static void read_burst(struct reader *r)
{
    struct day *d = r->day;
    bool crowd = day_one_in(&r->random, 2);
    for (int i = 0; i < BURST; i++) {
        ask(r, &r->questions[i], crowd);
    }
    /* Acquire: what was withdrawn by this stamp is gone from the index that is loaded next. */
    uint64_t stamp = atomic_load_explicit(&d->stamp, memory_order_acquire);
    int64_t now_ms = day_now(d);
    const struct match_index *index = rcu_load(&d->in_force);
    scan(r, index);
    for (int i = 0; i < BURST; i++) {
        const struct question *q = &r->questions[i];
        struct match_result result;
        match_find(index, NULL, &q->read, (struct wall_time){now_ms}, q->trusted, &result);
        for (int h = 0; h < result.hit_count; h++) {
            check_hit(r, q, &result.hits[h], result.texts[h], stamp, now_ms);
        }
        if (q->promise) {
            check_promise(r, q, r->survives[i], &result, now_ms);
        }
        r->dropped += result.dropped > 0;
    }
    atomic_fetch_add_explicit(&r->reads, BURST, memory_order_relaxed);
}

static void reader_run(struct thread *self, void *arg)
{
    struct reader *r = arg;
    rcu_reader_register();
    while (!thread_stopping(self)) {
        read_burst(r);
        if (day_one_in(&r->random, 64)) { /* as a poller that finds nothing to do */
            rcu_reader_offline();
            sched_yield();
            rcu_reader_online();
        } else {
            rcu_reader_quiescent();
        }
    }
    rcu_reader_unregister();
}

/* ---- the day ---- */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* Readers keep up with the writer, so that every seed has as many reads. ctest's time-out is the
 * deadline. */
static void wait_for_reads(struct reader *readers, size_t count)
{
    size_t reads;
    do {
        reads = 0;
        for (int i = 0; i < READERS; i++) {
            reads += atomic_load_explicit(&readers[i].reads, memory_order_relaxed);
        }
        if (reads < count) {
            sched_yield();
        }
    } while (reads < count);
}

static void live_through(struct day *d, struct reader *readers, size_t updates)
{
    size_t done = 0;
    int64_t hour = 0;
    while (done < updates) {
        size_t left = updates - done;
        size_t count = 1 + day_below(&d->random, BATCH_MAX);
        count = count < left ? count : left;
        batch(d, count);
        done += count;
        wait_for_reads(readers, READS_AN_UPDATE * done);
        int64_t now_ms = (int64_t)((double)DAY_MS * (double)done / (double)updates);
        atomic_store_explicit(&d->now_ms, now_ms, memory_order_relaxed);
        if (now_ms / HOUR_MS > hour) {
            hour = now_ms / HOUR_MS;
            swap_list(d);
        }
    }
}

static void start_readers(struct reader *readers, struct day *d, uint64_t seed)
{
    const struct thread_options options = {.name = "reader", .core = -1};
    for (uint64_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.day = d, .random = seed + 1000 + i};
        assert_int_equal(thread_start(&readers[i].thread, &options, reader_run, &readers[i]), 0);
    }
}

static void stop_readers(struct reader *readers)
{
    for (int i = 0; i < READERS; i++) {
        thread_stop(&readers[i].thread);
        thread_join(&readers[i].thread);
    }
}

static void sum_up(const struct reader *readers, struct reader *sum)
{
    for (int i = 0; i < READERS; i++) {
        for (int m = 0; m < MEANINGS; m++) {
            sum->held[m] += readers[i].held[m];
        }
        for (int k = 0; k <= MATCH_PARTIAL; k++) {
            sum->told[k] += readers[i].told[k];
        }
        sum->told_expired += readers[i].told_expired;
        sum->dropped += readers[i].dropped;
        sum->reads += readers[i].reads;
    }
}

static void nobody_is_missed_and_nobody_is_told_wrongly(void **state)
{
    static struct day d;
    static struct reader readers[READERS];
    static struct reader sum;
    uint64_t seed = number_from("CHECKPOINT_SEED", 1);
    size_t updates = (size_t)number_from("CHECKPOINT_UPDATES", UPDATES_DEFAULT);
    (void)state;
    print_message("CHECKPOINT_SEED=%llu CHECKPOINT_UPDATES=%zu\n", (unsigned long long)seed,
                  updates);
    day_open(&d, seed, SLOTS, updates);
    start_readers(readers, &d, seed);
    live_through(&d, readers, updates);
    stop_readers(readers);
    sum_up(readers, &sum);
    print_message("added %zu, withdrawn %zu, expired %zu, renewed %zu, changed %zu, lists %zu, "
                  "rebuilds %zu, live %zu\nreads %zu, kept promises: exact %zu, look-alike %zu, "
                  "candidate %zu, partial %zu; told though expired, time untrusted: %zu; reads "
                  "with more hits than fit: %zu\n",
                  d.added, d.withdrawn, d.expired, d.renewed, d.changed, d.swaps, d.rebuilds,
                  d.live, (size_t)sum.reads, sum.held[MEANS_EXACT], sum.held[MEANS_LOOK_ALIKE],
                  sum.held[MEANS_CANDIDATE], sum.held[MEANS_PARTIAL], sum.told_expired,
                  sum.dropped);
    assert_true(d.added > 0 && d.withdrawn > 0 && d.expired > 0 && d.renewed > 0 && d.changed > 0);
    assert_true(d.swaps >= 23 && d.rebuilds > 0 && sum.told_expired > 0);
    for (int m = 0; m < MEANINGS; m++) {
        assert_true(sum.held[m] > sum.reads / 100);
    }
    assert_true(sum.dropped < sum.reads / 20);
    day_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_missed_and_nobody_is_told_wrongly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
